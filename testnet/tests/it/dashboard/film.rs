//! Films of finished runs and of simulations.

use clap::Parser as _;
use serde_json::Value;
use testnet::cli::{Cli, Command};
use testnet::dashboard::replay::Film;

/// A simulation of nine nodes.
fn filmed(flags: &[&str]) -> Vec<Value> {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let words = ["testnet", "sim", "--nodes", "9", "--degree", "4", "--dashboard", "--out", out.to_str().unwrap()];
    let Command::Sim(arguments) = Cli::try_parse_from(words.iter().chain(flags)).unwrap().command else {
        panic!()
    };
    let (_, _, film) = arguments.batch("testnet sim".to_owned()).unwrap().run_filmed().unwrap();
    let text = String::from_utf8(film.into_bytes().to_vec()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_film_of_a_simulation_shows_every_item_at_every_node() {
    let batches = filmed(&["--txs", "6"]);
    assert_eq!(
        (&batches[0]["hello"]["kind"], &batches[0]["hello"]["nodes"]),
        (&Value::from("sim"), &Value::from(9))
    );
    let waves: Vec<&Value> = batches.iter().filter_map(|batch| batch["waves"].as_array()).flatten().collect();
    assert_eq!(waves.len(), 6);
    for wave in waves {
        assert_eq!((wave["wanted"].as_u64(), wave["arrivals"].as_array().unwrap().len()), (Some(8), 8 * 4));
    }
    let links: usize = batches.iter().filter_map(|batch| batch["links"].as_array()).map(Vec::len).sum();
    assert_eq!(links, 9 * 4 / 2);
    assert_eq!(batches.last().unwrap()["over"], true);
    assert!(batches.windows(2).all(|two| two[0]["t"].as_f64() <= two[1]["t"].as_f64()), "time goes back");
}

#[test]
fn the_floor_is_left_of_the_curve() {
    let batches = filmed(&["--txs", "6", "--jitter", "0%"]);
    let figures = batches.iter().rev().find_map(|batch| batch["figures"].as_array()).unwrap();
    let first = |curve: &str| figures[0][curve][0][0].as_f64().unwrap();
    assert!(first("floor") <= first("curve"), "{figures:?}");
}

#[test]
fn the_same_seed_gives_the_same_film() {
    assert_eq!(filmed(&["--txs", "3"]), filmed(&["--txs", "3"]));
}

#[test]
fn a_partition_is_in_the_film() {
    let batches = filmed(&["--tx-rate", "2", "--duration", "4s", "--partition", "1s,1s"]);
    let events = batches.iter().filter_map(|batch| batch["events"].as_array()).flatten();
    let named: Vec<&str> = events.filter_map(|event| event["what"].as_str()).collect();
    assert_eq!(named, ["phase", "cut", "heal"]);
}

#[test]
fn a_directory_without_a_run_of_real_nodes_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    assert!(Film::of_run(dir.path()).is_err());
}
