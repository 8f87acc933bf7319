//! The result of a search for the capacity, for programs and for people.

use testnet::report::capacity::{CAPACITY_KIND, Capacity, Step};
use testnet::report::tables::capacity::render;
use testnet::report::tables::layout::Page;
use testnet::report::{self, Found};

fn step(rate: f64, because: &str) -> Step {
    Step {
        rate,
        carried: because.is_empty(),
        because: because.to_owned(),
        offered: 800,
        originated: 800,
        coverage: Some(if because.is_empty() { 1.0 } else { 0.9 }),
        p50_ms: Some(3.0),
        p95_ms: Some(12.0),
        wire_bytes_per_delivery: Some(2_300.0),
        cpu_us_per_delivery: None,
        lag_ms: Some(1.0),
        submitted_late_ms: 0.4,
    }
}

fn capacity(steps: Vec<Step>) -> Capacity {
    Capacity {
        schema: 1,
        kind: CAPACITY_KIND.to_owned(),
        engine: "gossipsub".to_owned(),
        relay: "gossipsub".to_owned(),
        nodes: 50,
        topology: "regular:8".to_owned(),
        wan: "none".to_owned(),
        seed: 1,
        command: "testnet run --find-capacity".to_owned(),
        valid: true,
        invalid_because: vec![],
        carried_per_s: Some(80.0),
        failed_per_s: Some(87.0),
        tx_bytes: 256,
        offered_s: 10.0,
        drain_s: 3.0,
        steps,
    }
}

#[test]
fn the_capacity_is_the_highest_rate_that_was_carried_and_every_step_is_shown() {
    let steps = vec![step(80.0, ""), step(160.0, "3 of 39200 deliveries were missing when the drain ended")];
    let text = render(&capacity(steps), Page::PLAIN);
    assert!(text.contains("capacity: 80/s (transactions of 256 bytes, offered for 10 s"), "{text}");
    assert!(text.contains("87/s was too much"), "{text}");
    assert!(text.contains("160/s was not carried: 3 of 39200 deliveries were missing"), "{text}");
    let row = text.lines().find(|line| line.trim_start().starts_with("80/s")).unwrap();
    let cells: Vec<&str> = row.split_whitespace().collect();
    assert_eq!(cells, ["80/s", "yes", "800", "of", "800", "100%", "3.0", "12.0", "2300", "–", "1", "0", "ms"]);
}

#[test]
fn what_is_not_known_is_not_claimed() {
    let nothing = Capacity { carried_per_s: None, ..capacity(vec![]) };
    assert!(render(&nothing, Page::PLAIN).contains("capacity: below 87/s"));
    let everything = Capacity { failed_per_s: None, ..capacity(vec![]) };
    assert!(render(&everything, Page::PLAIN).contains("capacity: at least 80/s"));
}

#[test]
fn a_report_of_this_kind_reads_back() {
    let dir = tempfile::tempdir().unwrap();
    let capacity = capacity(vec![step(80.0, "")]);
    report::write_json(&dir.path().join(report::REPORT_FILE), &capacity).unwrap();
    assert_eq!(report::read(dir.path()).unwrap(), Found::Capacity(Box::new(capacity)));
    let value: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(dir.path().join(report::REPORT_FILE)).unwrap()).unwrap();
    assert_eq!((&value["schema"], &value["kind"]), (&1.into(), &"capacity".into()));
}
