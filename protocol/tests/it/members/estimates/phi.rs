//! The accrual detector, by example and against a naive model.

use std::collections::VecDeque;

use proptest::prelude::*;
use protocol::gossip::members::logarithm::Fixed;
use protocol::gossip::members::phi::{PHI_BYTES, Phi};
use protocol::limits::PHI_WINDOW;
use protocol::time::{Duration, Time};

const EXPECTED: Duration = Duration::from_secs(1);
const THRESHOLD: u8 = 8;

const fn millis(millis: u64) -> Time {
    Time::from_micros(millis * 1_000)
}

/// A detector that heard something at each of these moments.
fn heard(at: impl IntoIterator<Item = u64>) -> Phi {
    let mut phi = Phi::new(EXPECTED);
    at.into_iter().for_each(|at| phi.arrived(millis(at)));
    phi
}

/// In thousandths, rounded down.
fn thousandths(phi: &Phi, at: u64) -> u64 {
    (phi.level(millis(at)).bits() * 1_000) >> 32
}

#[test]
fn nothing_is_unusual_before_the_first_arrival() {
    let phi = Phi::new(EXPECTED);
    assert_eq!((phi.level(millis(1_000_000)), phi.over_at(THRESHOLD)), (Fixed::ZERO, None));
    assert!(!phi.is_over(millis(1_000_000), THRESHOLD));
}

#[test]
fn the_first_arrival_counts_as_an_interval_of_twice_the_expected() {
    let phi = heard([5_000]);
    assert_eq!((phi.intervals(), phi.mean()), (1, Duration::from_secs(2)));
    // 0.43429448 × 10 s / 2 s
    assert_eq!(thousandths(&phi, 15_000), 2_171);
}

#[test]
fn phi_is_the_silence_by_the_mean_times_0_434() {
    // The seed of 2 s and three intervals of 1 s, 0.8 s and 1.2 s.
    let phi = heard([0, 1_000, 1_800, 3_000]);
    assert_eq!(phi.mean(), Duration::from_millis(1_250));
    assert_eq!((thousandths(&phi, 3_000), thousandths(&phi, 8_000)), (0, 1_737));
}

#[test]
fn an_interval_counts_up_to_twice_the_expected_and_no_further() {
    assert_eq!(heard([0, 2_000]).intervals(), 2);
    let mut phi = heard([0]);
    phi.arrived(Time::from_micros(2_000_001));
    assert_eq!(phi.intervals(), 1);
    // The gap is ignored, but the peer was heard.
    assert_eq!(phi.level(Time::from_micros(2_000_001)), Fixed::ZERO);
    phi.arrived(Time::from_micros(3_000_001));
    assert_eq!((phi.intervals(), phi.mean()), (2, Duration::from_millis(1_500)));
}

#[test]
fn an_interval_counts_from_half_the_expected_on() {
    assert_eq!(heard([0, 500]).intervals(), 2);
    assert_eq!(heard([0, 499]).intervals(), 1);
    // The short one is part of the next.
    let phi = heard([0, 499, 900]);
    assert_eq!((phi.intervals(), phi.mean()), (2, Duration::from_millis(1_450)));
}

#[test]
fn a_busy_link_makes_no_pause_unusual_that_is_shorter_than_9_intervals() {
    let phi = heard((0..1_000_000).map(|at| at * 2));
    assert_eq!(phi.intervals(), PHI_WINDOW);
    let last = 1_999_998;
    assert!(!phi.is_over(millis(last + 9_200), THRESHOLD));
    assert!(phi.is_over(millis(last + 9_300), THRESHOLD));
}

#[test]
fn a_new_link_is_suspected_after_37_intervals() {
    let phi = heard([0]);
    assert!(!phi.is_over(millis(36_800), THRESHOLD) && phi.is_over(millis(36_900), THRESHOLD));
}

#[test]
fn the_window_forgets_the_oldest_interval() {
    // The seed and 999 intervals fill it.
    let mut phi = heard((0..1_000).map(|at| at * 1_000));
    assert_eq!((phi.intervals(), phi.mean()), (PHI_WINDOW, Duration::from_millis(1_001)));
    phi.arrived(millis(1_000_000));
    assert_eq!((phi.intervals(), phi.mean()), (PHI_WINDOW, Duration::from_secs(1)));
}

#[test]
fn a_detector_takes_the_bytes_that_are_stated() {
    assert_eq!((size_of::<Phi>(), PHI_BYTES), (64, 4_160));
}

#[test]
fn the_deadline_is_the_first_moment_over_the_threshold() {
    let phi = heard([0, 1_000, 1_800, 3_000]);
    let at = phi.over_at(THRESHOLD).unwrap();
    assert!(phi.is_over(at, THRESHOLD));
    assert!(!phi.is_over(Time::from_micros(at.as_micros() - 1), THRESHOLD));
}

#[test]
fn a_clock_that_jumps_back_begins_intervals_anew() {
    let mut phi = heard([100_000, 101_000, 5_000]);
    assert_eq!((phi.intervals(), phi.level(millis(5_000))), (2, Fixed::ZERO));
    phi.arrived(millis(6_000));
    assert_eq!(phi.intervals(), 3);
    // Before the last arrival no time has passed.
    assert_eq!(phi.level(millis(5_500)), Fixed::ZERO);
}

#[test]
fn a_clock_that_stands_still_adds_no_interval() {
    assert_eq!(heard([7; 100]).intervals(), 1);
}

/// The rules as plainly as possible, with wide integers and nothing summed up ahead.
struct Naive {
    expected: i128,
    intervals: VecDeque<i128>,
    counted: i128,
    heard: i128,
}

impl Naive {
    fn arrived(&mut self, now: i128) {
        let gap = now - self.counted;
        let first = self.intervals.is_empty();
        self.heard = now;
        if first || gap < 0 || gap >= self.expected / 2 {
            self.counted = now;
            let interval = if first { 2 * self.expected } else { gap };
            if (0..=2 * self.expected).contains(&interval) {
                self.intervals.push_back(interval);
            }
            if self.intervals.len() > 1_000 {
                self.intervals.pop_front();
            }
        }
    }

    /// In units of 2⁻³².
    fn level(&self, now: i128) -> i128 {
        match self.intervals.iter().sum::<i128>() {
            0 => 0,
            sum => (now - self.heard).max(0) * self.intervals.len() as i128 * 1_865_280_597 / sum,
        }
    }
}

fn step() -> impl Strategy<Value = i64> {
    prop_oneof![
        10 => 900_000..1_100_000_i64,
        4 => 0..2_500_000_i64,
        2 => prop::sample::select(vec![0, 499_999, 500_000, 2_000_000, 2_000_001]),
        1 => 0..100_000_000_i64,
        1 => -5_000_000..0_i64,
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_level_is_that_of_the_naive_model(
        steps in prop::collection::vec((step(), 0..60_000_000_u64), 1..1_500), threshold in 1..=16_u8,
    ) {
        let mut phi = Phi::new(EXPECTED);
        let mut naive = Naive { expected: 1_000_000, intervals: VecDeque::new(), counted: 0, heard: 0 };
        let mut now = 0_u64;
        for (step, later) in steps {
            now = now.saturating_add_signed(step);
            phi.arrived(Time::from_micros(now));
            naive.arrived(i128::from(now));
            let then = now + later;
            prop_assert_eq!(phi.intervals(), naive.intervals.len());
            let level = phi.level(Time::from_micros(then));
            prop_assert_eq!(i128::from(level.bits()), naive.level(i128::from(then)));
            let over = phi.over_at(threshold).unwrap();
            prop_assert!(phi.is_over(over, threshold));
            prop_assert!(!phi.is_over(Time::from_micros(over.as_micros() - 1), threshold));
        }
    }

    #[test]
    fn no_clock_and_no_expectation_breaks_it(expected: u64, steps in prop::collection::vec(any::<u64>(), 1..50)) {
        let mut phi = Phi::new(Duration::from_micros(expected));
        for at in steps {
            phi.arrived(Time::from_micros(at));
            prop_assert!(phi.level(Time::from_micros(u64::MAX)) >= phi.level(Time::from_micros(at)));
            prop_assert!(phi.over_at(255).is_some());
        }
    }
}
