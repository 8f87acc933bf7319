//! `--json -`: the report on standard output, and nothing else there.

use std::path::Path;
use std::process::Output;

use assert_cmd::Command;
use serde_json::Value;

fn testnet(dir: &Path, arguments: &[&str]) -> Output {
    let output = Command::cargo_bin("testnet").unwrap().args(arguments).current_dir(dir).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {said}");
    output
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_dash_is_standard_output_which_then_has_the_report_alone() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let out = out.to_str().unwrap();
    let of = |more: &[&str]| {
        testnet(dir.path(), &[&["sim", "--nodes", "10", "--txs", "3", "--out", out], more].concat())
    };
    for (kind, output) in [
        ("sim", of(&["--json", "-"])),
        ("sim", testnet(dir.path(), &["report", out, "--json", "-"])),
        ("sweep", of(&["--sweep", "degree=4,6", "--json", "-"])),
        ("sweep", testnet(dir.path(), &["report", out, "--json", "-"])),
    ] {
        assert_eq!(json(&output)["kind"], kind);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("coverage"), "the tables go to standard error: {said}");
    }
    assert!(!dir.path().join("-").exists());
}

#[test]
fn a_report_is_written_to_a_file_as_well() {
    let dir = tempfile::tempdir().unwrap();
    let (out, again) = (dir.path().join("out"), dir.path().join("again.json"));
    testnet(dir.path(), &["sim", "--nodes", "10", "--txs", "3", "--out", out.to_str().unwrap()]);
    let shown = testnet(dir.path(), &["report", out.to_str().unwrap(), "--json", again.to_str().unwrap()]);
    assert!(String::from_utf8_lossy(&shown.stdout).contains("coverage"));
    assert_eq!(std::fs::read(again).unwrap(), std::fs::read(out.join("report.json")).unwrap());
}

#[test]
#[ignore = "starts real nodes: takes some seconds"]
fn real_runs_and_comparisons_have_it_alone_too() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let common = ["--nodes", "4", "--degree", "3", "--tx-rate", "5", "--idle", "1s", "--json", "-"];
    let common = [&common[..], &["--out", out.to_str().unwrap()]].concat();
    let run = testnet(dir.path(), &[&["run", "--duration", "1s"], &common[..]].concat());
    assert_eq!(json(&run)["tx"]["coverage"], 1.0);
    let few = ["compare", "--engines", "hearsay", "--workloads", "plain", "--rounds", "1", "--duration", "1s"];
    assert_eq!(json(&testnet(dir.path(), &[&few[..], &common[..]].concat()))["kind"], "compare");
}
