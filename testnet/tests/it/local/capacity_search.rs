//! The search for the capacity finds the threshold of any network that carries all rates below it and none above
//! it.

use proptest::prelude::*;
use testnet::local::capacity::search::{Search, TX_RATE_MIN};

const MOST: f64 = 100_000.0;

/// The rates that the search tries with a network that carries at most `threshold`, and its result.
fn search(first: f64, within: f64, threshold: f64) -> (Vec<f64>, Option<f64>, Option<f64>) {
    let mut search = Search::new(first, MOST, within);
    let mut tried = Vec::new();
    while let Some(rate) = search.next() {
        tried.push(rate);
        assert!(tried.len() < 100, "it doesn't end: {tried:?}");
        search.tell(rate, rate <= threshold);
    }
    (tried, search.carried(), search.failed())
}

#[test]
fn it_doubles_and_then_bisects_the_ratio() {
    let (tried, carried, failed) = search(20.0, 0.1, 130.0);
    // The square roots of 80 * 160, 113.1 * 160 and 113.1 * 134.5; 134.5 is within a tenth of 123.4.
    let wanted = [20.0, 40.0, 80.0, 160.0, 113.14, 134.54, 123.38];
    assert_eq!(tried.len(), wanted.len(), "{tried:?}");
    assert!(tried.iter().zip(wanted).all(|(rate, wanted)| (rate - wanted).abs() < 0.01), "{tried:?}");
    assert!((carried.unwrap() - 123.38).abs() < 0.01 && (failed.unwrap() - 134.54).abs() < 0.01);
}

#[test]
fn a_first_rate_that_is_too_high_is_halved() {
    assert_eq!(search(80.0, 1.0, 15.0), (vec![80.0, 40.0, 20.0, 10.0], Some(10.0), Some(20.0)));
}

#[test]
fn what_carries_nothing_and_what_carries_everything_come_to_an_end() {
    let (tried, carried, failed) = search(4.0, 0.1, 0.0);
    assert_eq!((tried, carried, failed), (vec![4.0, 2.0, 1.0], None, Some(TX_RATE_MIN)));
    let (tried, carried, failed) = search(30_000.0, 0.1, f64::INFINITY);
    assert_eq!((tried, carried, failed), (vec![30_000.0, 60_000.0, MOST], Some(MOST), None));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn the_threshold_lies_between_what_was_carried_and_what_failed(
        first in 1.0..5_000.0_f64,
        within in 0.01..1.0_f64,
        threshold in 1.0..90_000.0_f64,
    ) {
        let (tried, carried, failed) = search(first, within, threshold);
        let (carried, failed) = (carried.unwrap(), failed.unwrap());
        prop_assert!(carried <= threshold && threshold < failed);
        prop_assert!(failed <= carried * (1.0 + within) * (1.0 + 1e-9));
        // Nothing is tried twice.
        let mut sorted = tried.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        sorted.dedup();
        prop_assert_eq!(sorted.len(), tried.len());
    }
}
