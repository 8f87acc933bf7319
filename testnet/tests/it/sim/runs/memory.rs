//! Whether simulations fit into memory is asked before they begin.

use std::num::NonZeroUsize;

use assert_cmd::Command;
use testnet::report::schema::Report;
use testnet::sim::runner::memory::{TooLarge, at_once, available, estimate, peak};
use testnet::sim::scenario::Scenario;
use testnet::topology::Topology;
use testnet::workload::{Length, Load};

fn jobs(count: usize) -> NonZeroUsize {
    NonZeroUsize::new(count).unwrap()
}

fn scenario(nodes: usize, degree: usize, txs: u64) -> Scenario {
    Scenario {
        nodes: Some(nodes),
        topology: Topology::Regular(degree),
        workload: Load { length: Length::Transactions(txs), ..Load::default() },
        ..Scenario::default()
    }
}

#[test]
fn a_run_that_does_not_fit_is_not_begun() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let arguments = ["sim", "--nodes", "1000000000", "--txs", "2", "--out", out.to_str().unwrap()];
    let output = Command::cargo_bin("testnet").unwrap().args(arguments).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    // The flags are not wrong, so this is no wrong usage.
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.starts_with("error: this needs an estimated ") && said.contains("GiB are available"), "{said}");
    assert!(said.contains("--no-memory-check"), "{said}");
    assert!(!out.exists());
}

#[test]
fn a_run_is_begun_anyway_if_somebody_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let fixed = ["sim", "--nodes", "10", "--degree", "4", "--txs", "1", "--checks", "none"];
    let out = ["--no-memory-check", "--out", dir.path().to_str().unwrap()];
    let output = Command::cargo_bin("testnet").unwrap().args(fixed).args(out).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn the_report_has_the_estimate_beside_what_was_used() {
    let dir = tempfile::tempdir().unwrap();
    let fixed = ["sim", "--nodes", "3000", "--degree", "4", "--txs", "2", "--checks", "none", "--out"];
    Command::cargo_bin("testnet").unwrap().args(fixed).arg(dir.path()).assert().success();
    let report = std::fs::read_to_string(dir.path().join("report.json")).unwrap();
    let simulated = serde_json::from_str::<Report>(&report).unwrap().sim.unwrap();
    let estimated = simulated.memory_bytes_per_node_estimated.unwrap();
    assert_eq!(estimated * 3_000, estimate(&scenario(3_000, 4, 2)).unwrap());
    let used = simulated.memory_bytes_per_node.unwrap();
    // An estimate that is wrong by a factor of two is of no use.
    assert!((0.5..2.0).contains(&(used / estimated as f64)), "{used} bytes, and {estimated} were estimated");
}

#[test]
fn the_estimate_grows_with_nodes_neighbours_and_items() {
    let of = |nodes, degree, txs| estimate(&scenario(nodes, degree, txs)).unwrap();
    assert_eq!(of(2_000, 8, 2), 2 * of(1_000, 8, 2));
    assert!(of(1_000, 16, 2) > of(1_000, 8, 2));
    assert!(of(1_000, 8, 200) > of(1_000, 8, 2));
    // A mempool is bounded.
    assert_eq!(of(1_000, 8, u64::MAX), of(1_000, 8, u64::MAX / 2));
    assert_eq!(of(usize::MAX, 8, 2), u64::MAX);
    let drawn_by_a_file = Scenario { topology: Topology::File("graph".into()), ..scenario(10, 8, 2) };
    assert_eq!(estimate(&drawn_by_a_file), None);
}

#[test]
fn the_largest_runs_decide_how_many_fit_at_once() {
    let estimates = || vec![10, 40, 20, 30];
    // Nobody asked: fewer at once, and no fewer than one.
    assert_eq!(at_once(estimates(), None, jobs(4), Some(100)), Ok(jobs(4)));
    assert_eq!(at_once(estimates(), None, jobs(4), Some(99)), Ok(jobs(3)));
    assert_eq!(at_once(estimates(), None, jobs(4), Some(69)), Ok(jobs(1)));
    assert_eq!(at_once(estimates(), None, jobs(4), Some(39)), Err(TooLarge { needed: 40, available: 39 }));
    // Somebody asked.
    assert_eq!(at_once(estimates(), Some(jobs(2)), jobs(4), Some(70)), Ok(jobs(2)));
    assert_eq!(
        at_once(estimates(), Some(jobs(2)), jobs(4), Some(69)),
        Err(TooLarge { needed: 70, available: 69 })
    );
    // The system doesn't tell what is left.
    assert_eq!(at_once(estimates(), Some(jobs(9)), jobs(4), None), Ok(jobs(9)));
}

#[test]
fn the_system_tells_what_is_used_and_what_is_left() {
    assert!(peak().unwrap() > 1024 * 1024);
    assert!(available().unwrap() > 1024 * 1024);
}
