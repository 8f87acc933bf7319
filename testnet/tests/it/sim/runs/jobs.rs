//! Several simulations at once: nothing but the time depends on how many run at the same time.

use std::path::Path;
use std::process::Output;

use assert_cmd::Command;
use testnet::report::schema::Runs;

/// What a batch leaves: its exit status, its tables, its report without times, its picture, and what it said of
/// single runs.
#[derive(Debug, PartialEq)]
struct Left {
    status: Option<i32>,
    tables: String,
    report: String,
    picture: Option<Vec<u8>>,
    said: Vec<String>,
}

fn batch(out: &Path, jobs: &str, arguments: &[&str]) -> Left {
    let fixed = ["sim", "--out", out.to_str().unwrap(), "--jobs", jobs];
    let output: Output = Command::cargo_bin("testnet").unwrap().args(fixed).args(arguments).output().unwrap();
    let text = std::fs::read_to_string(out.join("report.json")).unwrap();
    let mut runs: Runs = serde_json::from_str(&text).unwrap();
    for report in &mut runs.runs {
        report.command.clear();
        let simulated = report.sim.as_mut().unwrap();
        simulated.wall_s = 0.0;
        (simulated.events_per_s, simulated.inputs_per_s) = (None, None);
    }
    let said = String::from_utf8(output.stderr).unwrap();
    Left {
        status: output.status.code(),
        tables: String::from_utf8(output.stdout).unwrap(),
        report: serde_json::to_string(&runs).unwrap(),
        picture: std::fs::read(out.join("sweep.svg")).ok(),
        said: said
            .lines()
            .filter(|line| line.contains("violations") || line.contains("--seed"))
            .map(str::to_owned)
            .collect(),
    }
}

#[test]
fn results_do_not_depend_on_how_many_run_at_once() {
    let dir = tempfile::tempdir().unwrap();
    // The first run of each takes longest, so that the others overtake it.
    let sweep = ["--txs", "10", "--sweep", "nodes=80,20,10", "--seeds", "2"];
    let swarm = ["--swarm", "--seeds", "3..8"];
    for (name, arguments) in [("sweep", sweep.as_slice()), ("swarm", &swarm)] {
        let [one, two] = ["1", "2"].map(|jobs| batch(&dir.path().join(format!("{name}-{jobs}")), jobs, arguments));
        assert_eq!(one, two, "{name}");
        assert_eq!(one.status, Some(0), "{name}: {:?}", one.said);
        assert!(one.picture.is_some(), "{name}");
    }
}

#[test]
fn broken_rules_are_told_in_the_order_of_seeds_and_set_the_exit_status() {
    let dir = tempfile::tempdir().unwrap();
    // Nothing is relayed or compared, so the nodes can't have the same in the end.
    let arguments = [
        "--nodes",
        "20",
        "--txs",
        "3",
        "--relay",
        "none",
        "--reconcile-interval",
        "0s",
        "--checks",
        "converged",
        "--seeds",
        "1..4",
    ];
    let [one, three] = ["1", "3"].map(|jobs| batch(&dir.path().join(jobs), jobs, &arguments));
    assert_eq!(one, three);
    assert_eq!(one.status, Some(1));
    let told: Vec<&String> =
        one.said.iter().filter(|line| line.starts_with("seed ") && line.contains("violations")).collect();
    assert_eq!(told.len(), 4, "{:?}", one.said);
    assert!((1..=4).zip(told).all(|(seed, line)| line.starts_with(&format!("seed {seed}: "))), "{:?}", one.said);
}

#[test]
fn no_jobs_at_all_is_wrong_usage() {
    let output =
        Command::cargo_bin("testnet").unwrap().args(["sim", "--seeds", "2", "--jobs", "0"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}
