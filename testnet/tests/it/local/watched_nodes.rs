//! Members of real nodes: some are killed, started again, and stopped for a while.

use assert_cmd::Command;
use serde_json::Value;
use testnet::report::watched::Phase;

#[test]
fn a_pair_that_never_saw_it_counts_as_the_slowest() {
    let phase = Phase { name: "dead".to_owned(), took_ms: vec![30.0, 10.0, 20.0], never: 1 };
    let learned = phase.learned();
    assert_eq!((learned.p50, learned.p99, learned.max), (Some(20.0), None, None));
    let learned = Phase { never: 0, ..phase }.learned();
    assert_eq!((learned.p50, learned.p99, learned.max), (Some(20.0), Some(30.0), Some(30.0)));
}

#[test]
#[ignore = "starts real nodes: takes a minute"]
fn killed_and_stopped_nodes_are_noticed_and_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let output = Command::cargo_bin("testnet")
        .unwrap()
        .args(["members", "--nodes", "4", "--kill", "1", "--pause", "1", "--pause-for", "15s"])
        .args(["--settle", "2s", "--preset", "lan", "--json", "-", "--out"])
        .arg(&out)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("killed nodes are dead"), "{said}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let phases: Vec<Phase> = serde_json::from_value(report["phases"].clone()).unwrap();
    let pairs: Vec<usize> = phases.iter().map(|phase| phase.took_ms.len() + phase.never).collect();
    // Each of four sees three others; three see the one that was killed, and the one that was stopped.
    assert_eq!(pairs, [12, 3, 12, 3, 3, 12]);
    // Members that have just met believe no accuser, so each finds a stopped node by itself; its pause may be too
    // short.
    let (stopped, others): (Vec<&Phase>, Vec<&Phase>) = phases
        .iter()
        .partition(|phase| ["stopped nodes are suspect", "stopped nodes are dead"].contains(&&*phase.name));
    assert_eq!(stopped.len(), 2);
    assert!(!stopped[0].took_ms.is_empty(), "somebody suspects it");
    for phase in others {
        assert_eq!(phase.never, 0, "{}", phase.name);
    }
    assert_eq!(report["members"]["false_deaths"], 0);
    assert!(std::fs::read_to_string(out.join("members.svg")).unwrap().contains("killed nodes are dead"));
    // The directory can be shown again.
    let shown = Command::cargo_bin("testnet").unwrap().arg("report").arg(&out).output().unwrap();
    assert!(String::from_utf8_lossy(&shown.stdout).contains("they are back"));
}
