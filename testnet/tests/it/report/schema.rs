//! The names in `report.json` are a promise.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use testnet::report::schema::{Cost, Propagation, Report};
use testnet::report::{self, CDF_FILE, DELIVERIES_FILE, Found, ReportError};

pub(crate) fn report() -> Report {
    Report {
        schema: 1,
        kind: "run".to_owned(),
        engine: "hearsay".to_owned(),
        relay: "announce".to_owned(),
        stored: Some(true),
        nodes: 50,
        topology: "kademlia".to_owned(),
        wan: "none".to_owned(),
        seed: 1,
        command: "testnet run".to_owned(),
        valid: true,
        invalid_because: vec![],
        starved: false,
        echoes: Some(0),
        tx: Propagation::default(),
        block: Propagation::default(),
        cost: Cost::default(),
        trace_hash: None,
        sim: None,
        rumor: None,
        compared: None,
        partition: None,
        spread: None,
        by_hand: None,
        members: None,
        causes: None,
    }
}

/// Every path to a value that is not an object.
fn leaves(at: &str, value: &Value, into: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(name, value)| leaves(&format!("{at}.{name}"), value, into))
        }
        value => {
            into.insert(at.to_owned(), value.clone());
        }
    }
}

#[test]
fn names_are_those_of_schema_1_and_what_does_not_exist_is_null() {
    let latency = json!({"p50": null, "p90": null, "p95": null, "p99": null, "max": null});
    let stretch = json!({"p50": null, "p95": null, "p99": null});
    let typical = json!({"p50": null, "p95": null});
    let propagation = json!({
        "offered": 0, "originated": 0, "expected": 0, "delivered": 0, "coverage": null,
        "latency_ms": latency, "to_all_ms": latency, "stretch": stretch, "limit_ms": typical, "over_limit": typical,
        "redundancy": null,
        "warm": {"latency_ms": latency, "stretch": stretch, "wire_ratio": null},
    });
    let expected = json!({
        "schema": 1, "kind": "run", "engine": "hearsay", "relay": "announce", "stored": true, "nodes": 50, "topology": "kademlia",
        "wan": "none", "seed": 1, "command": "testnet run", "valid": true, "invalid_because": [], "starved": false,
        "echoes": 0, "tx": propagation, "block": propagation,
        "cost": {
            "wire_bytes_per_delivery": null, "wire_ratio": null, "idle_bytes_per_s_per_node": null,
            "cpu_us_per_delivery": null, "rss_mib": {"p50": null, "max": null}, "lag_ms": null,
            "control_excess_ms": latency,
        },
        "trace_hash": null, "sim": null, "rumor": null, "compared": null, "partition": null, "spread": null, "members": null,
        "by_hand": null,
        "causes": null,
    });
    let (mut found, mut wanted) = (BTreeMap::new(), BTreeMap::new());
    leaves("", &serde_json::to_value(report()).unwrap(), &mut found);
    leaves("", &expected, &mut wanted);
    assert_eq!(found, wanted);
}

#[test]
fn reports_from_before_there_were_limits_still_read() {
    let mut old = serde_json::to_value(report()).unwrap();
    for kind in ["tx", "block"] {
        let kind = old[kind].as_object_mut().unwrap();
        assert!(kind.remove("limit_ms").is_some() && kind.remove("over_limit").is_some());
    }
    for name in ["partition", "spread", "causes"] {
        assert!(old.as_object_mut().unwrap().remove(name).is_some());
    }
    assert!(old["cost"].as_object_mut().unwrap().remove("control_excess_ms").is_some());
    assert_eq!(serde_json::from_value::<Report>(old).unwrap(), report());
}

#[test]
fn a_written_report_reads_back_and_a_missing_picture_is_drawn_again() {
    let dir = tempfile::tempdir().unwrap();
    report::write(dir.path(), &report(), &[]).unwrap();
    assert_eq!(report::read(dir.path()).unwrap(), Found::One(Box::new(report())));
    let picture = dir.path().join(CDF_FILE);
    let first = std::fs::read_to_string(&picture).unwrap();
    assert!(report::redraw_missing(dir.path(), &report()).unwrap().is_empty());
    std::fs::remove_file(&picture).unwrap();
    assert_eq!(report::redraw_missing(dir.path(), &report()).unwrap(), [CDF_FILE]);
    assert_eq!(std::fs::read_to_string(&picture).unwrap(), first);
}

#[test]
fn reports_of_another_schema_and_damaged_files_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(report::read(dir.path()), Err(ReportError::Read { .. })));
    report::write(dir.path(), &Report { schema: 2, ..report() }, &[]).unwrap();
    assert!(matches!(report::read(dir.path()), Err(ReportError::Schema { found: 2, .. })));
    std::fs::write(dir.path().join("report.json"), "{}").unwrap();
    assert!(matches!(report::read(dir.path()), Err(ReportError::Json { .. })));
    std::fs::remove_file(dir.path().join(CDF_FILE)).unwrap();
    std::fs::write(dir.path().join(DELIVERIES_FILE), "x\n").unwrap();
    let error = report::redraw_missing(dir.path(), &report());
    assert!(matches!(error, Err(ReportError::Deliveries { .. })));
}
