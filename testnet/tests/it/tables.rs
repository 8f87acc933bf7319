//! What people read.

use testnet::report::schema::{Percentiles, Propagation, Report};
use testnet::report::tables::render;

use crate::schema::report;

fn figures() -> Propagation {
    let latency = |p50: f64, max| Percentiles { p50: Some(p50), max: Some(max), ..Percentiles::default() };
    Propagation {
        offered: 600,
        originated: 600,
        expected: 29_400,
        delivered: 29_400,
        coverage: Some(1.0),
        latency_ms: latency(12.34, 99.0),
        redundancy: Some(0.25),
        ..Propagation::default()
    }
}

#[test]
fn figures_are_shown_and_absent_ones_are_dashes() {
    let text = render(&Report { tx: figures(), ..report() }, false);
    let row = text.lines().find(|line| line.contains("transactions to each node")).unwrap();
    assert_eq!(row.split_whitespace().collect::<Vec<_>>()[4..], ["12.3", "–", "–", "–", "99.0"]);
    assert!(text.contains("100%"), "{text}");
    assert!(!text.contains("blocks") && !text.contains('\u{1b}'), "{text}");
    assert!(!text.contains("INCOMPLETE") && !text.contains("STARVED"), "{text}");
}

#[test]
fn nearly_all_is_never_shown_as_all() {
    let tx = Propagation { delivered: 29_399, coverage: Some(29_399.0 / 29_400.0), ..figures() };
    let text = render(&Report { tx, ..report() }, false);
    assert!(text.contains("99.996%"), "{text}");
    assert!(text.contains("INCOMPLETE: 1 deliveries of transactions are missing"), "{text}");
}

#[test]
fn doubts_are_spelled_out() {
    let doubtful = Report {
        tx: figures(),
        starved: true,
        echoes: Some(3),
        valid: false,
        invalid_because: vec!["node 7 ended by itself".to_owned()],
        ..report()
    };
    let text = render(&doubtful, false);
    for word in ["STARVED", "ECHO: 3", "INVALID: node 7 ended by itself"] {
        assert!(text.contains(word), "{word} in {text}");
    }
}
