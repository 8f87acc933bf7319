//! The curve of deliveries as text.

use testnet::report::figures::spreads::{Latencies, Spreads};
use testnet::report::schema::{Propagation, Report};
use testnet::report::statistics::Sorted;
use testnet::report::tables::curve::render;
use testnet::report::tables::layout::Page;

use crate::report::schema::report;

fn drawn(expected: u64, width: usize) -> Vec<String> {
    let values_ms = Sorted::new([1.0, 10.0, 100.0, 100.0]);
    let spreads = Spreads { tx: Latencies { values_ms, ..Latencies::default() }, ..Spreads::default() };
    let report = Report { tx: Propagation { offered: 4, expected, ..Propagation::default() }, ..report() };
    let text = render(&report, &spreads, Page { width, color: false });
    text.lines().map(str::to_owned).collect()
}

#[test]
fn it_rises_on_a_logarithmic_axis_to_the_share_that_arrived() {
    let lines = drawn(4, 80);
    // A title, eight lines and the axis.
    assert_eq!(lines.len(), 10);
    assert!(lines.iter().all(|line| line.chars().count() <= 80));
    let columns = |line: &str| line.chars().filter(|c| *c == '█').count();
    // The top is reached by the last column alone. A half is reached in the middle of three powers of ten.
    assert!(lines[1].starts_with(" 100 % ") && lines[1].ends_with('█') && columns(&lines[1]) == 1, "{lines:#?}");
    assert_eq!((columns(&lines[7]), columns(&lines[8])), (72, 72));
    assert!((35..=37).contains(&columns(&lines[5])), "{lines:#?}");
    let axis: Vec<&str> = lines[9].split_whitespace().collect();
    assert_eq!((axis[0], axis[1], *axis.last().unwrap()), ("1.0", "ms", "ms"));
}

#[test]
fn missing_deliveries_keep_it_below_the_top_and_nothing_draws_nothing() {
    let lines = drawn(8, 80);
    assert!(!lines[1].contains('█') && lines[5].ends_with('█'), "{lines:#?}");
    assert_eq!(render(&report(), &Spreads::default(), Page::PLAIN), "");
}
