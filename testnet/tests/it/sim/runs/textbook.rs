//! The scenarios for the textbook's rumor show only the rumor.

use std::path::Path;

use assert_cmd::Command;
use testnet::report::schema::{Report, Runs};

/// The files and messages of `testnet sim` with additional flags.
fn sim(scenario: &str, more: &[&str]) -> (String, String) {
    let dir = tempfile::tempdir().unwrap();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(scenario);
    let output = Command::cargo_bin("testnet")
        .unwrap()
        .args(["sim", "--scenario", file.to_str().unwrap(), "--out", dir.path().to_str().unwrap(), "--json", "-"])
        .args(more)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    (String::from_utf8(output.stdout).unwrap(), said)
}

#[test]
fn a_textbook_rumor_spreads_by_nothing_else() {
    for (scenario, more) in [("classic.toml", [].as_slice()), ("growth.toml", &["--nodes", "16", "--txs", "1"])] {
        let (json, said) = sim(scenario, more);
        let report: Report = serde_json::from_str(&json).unwrap();
        let options = &report.sim.as_ref().unwrap().options;
        assert_eq!(options["reconcile_interval"], "0s", "{scenario}");
        assert!(!said.contains("RECONCILED"), "{scenario}: {said}");
    }
}

#[test]
fn the_report_of_a_rumor_says_if_reconciliation_helped() {
    let (_, said) = sim("classic.toml", &["--reconcile-interval", "1s"]);
    assert!(said.contains("RECONCILED: what the rumor left out came by reconciliation"), "{said}");
}

#[test]
fn a_larger_fanout_informs_everyone_sooner() {
    let (json, _) = sim("classic.toml", &["--txs", "20", "--sweep", "fanout=1..4", "--checks", "none"]);
    let runs: Runs = serde_json::from_str(&json).unwrap();
    let rounds: Vec<f64> =
        runs.runs.iter().map(|run| run.rumor.as_ref().unwrap().rounds_to_all.p50.unwrap()).collect();
    assert!(rounds.windows(2).all(|pair| pair[0] >= pair[1]) && rounds[0] > rounds[3], "{rounds:?}");
}
