//! The tables for people.

use testnet::report::schema::{ByHand, Cost, Healed, Percentiles, Propagation, Report, Stretch, Typical};
use testnet::report::tables::layout::Page;
use testnet::report::tables::render;

use super::schema::report;

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
    let text = render(&Report { tx: figures(), ..report() }, Page::PLAIN);
    let row = text.lines().find(|line| line.contains("transactions to each node")).unwrap();
    assert_eq!(row.split_whitespace().collect::<Vec<_>>()[4..], ["12.3", "–", "–", "–", "99.0"]);
    assert!(text.contains("100%"), "{text}");
    assert!(!text.contains("blocks") && !text.contains('\u{1b}'), "{text}");
    assert!(!text.contains("INCOMPLETE") && !text.contains("STARVED"), "{text}");
}

#[test]
fn emulated_links_add_their_rows() {
    let block = Propagation {
        stretch: Stretch { p50: Some(1.25), p95: Some(1.5), p99: None },
        limit_ms: Typical { p50: Some(67.04), p95: Some(125.0) },
        over_limit: Typical { p50: Some(7.084), p95: Some(12.9) },
        ..figures()
    };
    let excess = Percentiles { p50: Some(1.94), p99: Some(47.7), ..Percentiles::default() };
    let cost = Cost { control_excess_ms: excess, ..Cost::default() };
    let text = render(&Report { block: block.clone(), cost, ..report() }, Page::PLAIN);
    let row = |name: &str| {
        let line = text.lines().find(|line| line.contains(name)).unwrap_or_else(|| panic!("{name} in {text}"));
        line.split(name).nth(1).unwrap().split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(row("blocks stretch (×)"), ["1.25", "–", "1.50", "–", "–"]);
    assert_eq!(row("blocks limit"), ["67.0", "–", "125.0", "–", "–"]);
    assert_eq!(row("blocks over the limit (×)"), ["7.08", "–", "12.90", "–", "–"]);
    assert_eq!(row("over the link's delay, p99"), ["47.7", "ms"]);
    let without =
        render(&Report { block: Propagation { limit_ms: Typical::default(), ..block }, ..report() }, Page::PLAIN);
    assert!(!without.contains("blocks limit") && !without.contains("control beside"), "{without}");
}

#[test]
fn nearly_all_is_never_shown_as_all() {
    let tx = Propagation { delivered: 29_399, coverage: Some(29_399.0 / 29_400.0), ..figures() };
    let text = render(&Report { tx, ..report() }, Page::PLAIN);
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
    let text = render(&doubtful, Page::PLAIN);
    for word in ["STARVED", "ECHO: 3", "INVALID: node 7 ended by itself"] {
        assert!(text.contains(word), "{word} in {text}");
    }
}

#[test]
fn a_partition_says_when_all_were_as_one_again() {
    let healed =
        Healed { halves: [25, 25], converged_after_ms: Some(1_234.5), same_tips: true, ..Healed::default() };
    let text = render(&Report { tx: figures(), partition: Some(healed), ..report() }, Page::PLAIN);
    let row = |name: &str| {
        let line = text.lines().find(|line| line.contains(name)).unwrap_or_else(|| panic!("{name} in {text}"));
        line.split(name).nth(1).unwrap().trim().to_owned()
    };
    assert_eq!(row("halves"), "25 + 25  nodes");
    assert_eq!(row(" converged after heal").split_whitespace().collect::<Vec<_>>(), ["1.234", "s"]);
    assert_eq!((row("items in the end").as_str(), row("tips in the end").as_str()), ("NOT THE SAME", "the same"));
}

#[test]
fn what_a_person_did_is_spelled_out() {
    let by_hand = Some(ByHand { transactions: 12, killed: 1, ..ByHand::default() });
    let text = render(&Report { by_hand, ..report() }, Page::PLAIN);
    assert!(text.contains("DRIVEN BY HAND: 12 transactions sent, 1 nodes killed."), "{text}");
    assert!(!render(&report(), Page::PLAIN).contains("BY HAND"), "nobody did anything");
}
