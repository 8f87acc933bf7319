//! A simulation names causes as a run of real nodes does, and is the same without being asked for them.

use std::process::Output;

use assert_cmd::Command;
use testnet::report::schema::Report;
use testnet::sim::runner::{Job, Kept, run, run_and_keep};
use testnet::sim::scenario::Scenario;
use testnet::sim::watchers::Checks;

fn sim(out: &str, more: &[&str]) -> Report {
    let words = ["sim", "--out", out, "--checks", "none", "--nodes", "20", "--degree", "6", "--seed", "3"];
    Command::cargo_bin("testnet").unwrap().args(words).args(more).assert().success();
    serde_json::from_slice(&std::fs::read(format!("{out}/report.json")).unwrap()).unwrap()
}

fn tree(out: &str) -> String {
    let Output { stdout, .. } =
        Command::cargo_bin("testnet").unwrap().args(["report", out, "--tree"]).output().unwrap();
    String::from_utf8(stdout).unwrap()
}

#[test]
fn every_delivery_of_a_simulation_has_a_cause_and_parts_that_add_up() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let out = out.to_str().unwrap();
    let report = sim(out, &["--txs", "40", "--wan", "uniform:20ms", "--block-interval", "1s"]);
    let causes = report.causes.expect("causes");
    assert_eq!(causes.hops, report.tx.delivered + report.block.delivered);
    assert!(causes.by_cause.iter().all(|row| row.cause != "unknown" && row.cause != "pushed"), "{causes:#?}");
    assert!(causes.by_cause.iter().any(|row| row.cause == "author-route"), "{:?}", causes.by_cause);
    // A message takes 20 ms, and nothing in this world is late.
    assert_eq!((causes.time_ms.processor, causes.links[0].floor_ms), (0.0, Some(20.0)));
    assert!(causes.time_ms.floor > 0.5 * (causes.time_ms.floor + causes.time_ms.link), "{:?}", causes.time_ms);
    let rows = std::fs::read_to_string(format!("{out}/hops.csv")).unwrap();
    assert_eq!(rows.lines().count() as u64, 1 + causes.hops);
    assert!(tree(out).contains("author's route") || tree(out).contains("author-route"), "{}", tree(out));
}

#[test]
fn a_node_that_withholds_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let withholds = ["--set", "adversaries.withhold=0.05", "--txs", "100", "--relay", "announce"];
    let report = sim(out.to_str().unwrap(), &withholds);
    let causes = report.causes.expect("causes");
    assert!(causes.to_blame.iter().any(|row| row.what == "withholder"), "{:#?}", causes.to_blame);
}

#[test]
fn a_simulation_is_the_same_whether_causes_are_wanted_or_not() {
    let scenario = Scenario { nodes: Some(15), ..Scenario::default() };
    let job = Job {
        scenario,
        swarm: None,
        seed: 5,
        checks: Checks::None,
        command: String::new(),
        repeat: String::new(),
        alone: false,
    };
    let (without, _) = run(&job, &mut |_| (), &mut |_| ()).unwrap();
    let mut hops = Vec::new();
    let kept = Kept { hops: Some(&mut hops), ..Kept::default() };
    let (with, _) = run_and_keep(&job, &mut |_| (), &mut |_| (), kept).unwrap();
    assert_eq!(with.trace_hash, without.trace_hash);
    assert_eq!(
        (without.causes.is_some(), with.causes.map(|causes| causes.hops)),
        (false, Some(hops.len() as u64))
    );
    assert!(!hops.is_empty());
}
