//! Both forms of gossipsub deliver the same items as Hearsay, measured by the same instrument. These are real
//! processes, so the tests are ignored by default, like the other real runs.

use assert_cmd::Command;
use testnet::report::schema::{Report, Runs};

fn compare(arguments: &[&str]) -> Vec<Report> {
    let dir = tempfile::tempdir().unwrap();
    let json = dir.path().join("compare.json");
    let output = Command::cargo_bin("testnet")
        .unwrap()
        .args(["compare", "--rounds", "1", "--workloads", "plain", "--idle", "2s", "--drain", "5s"])
        .args(["--out", dir.path().join("out").to_str().unwrap(), "--json", json.to_str().unwrap()])
        .args(arguments)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    println!("{said}");
    let runs: Runs = serde_json::from_str(&std::fs::read_to_string(json).unwrap()).unwrap();
    assert_eq!(runs.kind, "compare");
    runs.runs
}

#[test]
#[ignore = "starts 10 processes, for half a minute"]
fn both_forms_of_gossipsub_deliver_every_item_to_every_node() {
    let flags = ["--engines", "gossipsub,gossipsub-signed", "--nodes", "5", "--topology", "complete"];
    let load = ["--duration", "3s", "--block-interval", "1s", "--block-bytes", "20000"];
    let runs = compare(&[&flags[..], &load[..]].concat());
    let engines: Vec<&str> = runs.iter().map(|run| run.engine.as_str()).collect();
    assert_eq!(engines, ["gossipsub", "gossipsub-signed"]);
    for run in &runs {
        assert!(run.valid, "{:?}", run.invalid_because);
        assert_eq!((run.tx.coverage, run.block.coverage), (Some(1.0), Some(1.0)), "{}", run.engine);
        assert_eq!((run.tx.originated, run.tx.expected), (60, 60 * 4), "{}", run.engine);
        assert!(run.block.originated >= 2, "{} blocks", run.block.originated);
        // Every node pushes to every other, but not back. Each node gets a copy from the origin and from the 3
        // others, except those that crossed.
        assert!(run.tx.redundancy.unwrap() > 0.5, "{:?}", run.tx.redundancy);
        assert_eq!((run.relay.as_str(), run.echoes), ("gossipsub", None));
    }
}
