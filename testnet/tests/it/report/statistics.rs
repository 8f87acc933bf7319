//! Percentiles and curves, against numbers worked out by hand.

use testnet::report::schema::Percentiles;
use testnet::report::statistics::{Sorted, ratio, rounded};

#[test]
fn a_percentile_is_the_value_at_the_nearest_rank() {
    // The textbook example: five values, ranks ceil(p / 100 * 5).
    let values = Sorted::new([50.0, 15.0, 40.0, 20.0, 35.0]);
    for (percent, expected) in [(5, 15.0), (20, 15.0), (21, 20.0), (30, 20.0), (40, 20.0), (50, 35.0), (100, 50.0)]
    {
        assert_eq!(values.percentile(percent), Some(expected), "p{percent}");
    }
}

#[test]
fn percentiles_of_one_to_two_hundred() {
    let values = Sorted::new((1..=200).rev().map(f64::from));
    let expected =
        Percentiles { p50: Some(100.0), p90: Some(180.0), p95: Some(190.0), p99: Some(198.0), max: Some(200.0) };
    assert_eq!(Percentiles::of(&values), expected);
    assert_eq!(values.percentile(0), Some(1.0));
}

#[test]
fn p99_of_few_values_is_their_maximum() {
    assert_eq!(Sorted::new((1..=99).map(f64::from)).percentile(99), Some(99.0));
    assert_eq!(Sorted::new((1..=100).map(f64::from)).percentile(99), Some(99.0));
    assert_eq!(Sorted::new((1..=101).map(f64::from)).percentile(99), Some(100.0));
}

#[test]
fn one_value_is_every_percentile_and_none_is_no_percentile() {
    let one = Sorted::new([7.5]);
    assert_eq!([0, 50, 100].map(|percent| one.percentile(percent)), [Some(7.5); 3]);
    assert_eq!(Percentiles::of(&Sorted::new([])), Percentiles::default());
    assert_eq!(Sorted::new([f64::NAN]).max(), None);
}

#[test]
fn the_curve_has_a_corner_for_each_distinct_value() {
    let values = Sorted::new([3.0, 1.0, 3.0, 2.0]);
    assert_eq!(values.cumulative(4), [(1.0, 0.25), (2.0, 0.5), (3.0, 1.0)]);
}

#[test]
fn the_curve_ends_below_one_when_something_never_came() {
    let values = Sorted::new([1.0, 2.0]);
    assert_eq!(values.cumulative(8), [(1.0, 0.125), (2.0, 0.25)]);
}

#[test]
fn a_ratio_needs_a_whole() {
    assert_eq!(ratio(3.0, 4.0), Some(0.75));
    assert_eq!(ratio(3.0, 0.0), None);
    assert_eq!(rounded(1.234_56, 3), 1.235);
}
