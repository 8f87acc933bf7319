//! How long a suspicion lasts, and when a node checks for itself.

use proptest::prelude::*;
use protocol::gossip::members::{MembersConfig, Suspicion};
use protocol::time::{Duration, Time};

/// With 9 members T is 4 s, because log10(9 + 1) is 1.
const MEMBERS: usize = 9;
const T: Duration = Duration::from_secs(4);

const START: Time = Time::from_micros(7_000_000);

fn suspicion(draw: u32) -> Suspicion {
    Suspicion::new(START, MEMBERS, &MembersConfig::wan(), draw)
}

fn with(accusers: usize) -> Suspicion {
    let mut suspicion = suspicion(0);
    suspicion.accused_by(accusers);
    suspicion
}

#[test]
fn one_accuser_gives_six_times_as_long_as_three() {
    assert_eq!((with(1).duration(), with(3).duration()), (T.times(6), T));
}

#[test]
fn the_second_accuser_counts_for_more_than_the_third() {
    // 24 s − log(2)/log(3) × 20 s = 11.381404928 s
    assert_eq!(with(2).duration(), Duration::from_micros(11_381_405));
}

#[test]
fn more_than_three_accusers_are_no_quicker() {
    for accusers in [3, 4, 1_000, usize::MAX] {
        assert_eq!((with(accusers).duration(), with(accusers).accusers()), (T, 3));
    }
}

#[test]
fn fewer_accusers_than_before_change_nothing() {
    let mut suspicion = suspicion(0);
    assert!(suspicion.accused_by(2) && !suspicion.accused_by(2) && !suspicion.accused_by(1));
    assert_eq!((suspicion.accusers(), suspicion.accused_by(0)), (2, false));
    assert!(suspicion.accused_by(7) && !suspicion.accused_by(8));
}

#[test]
fn a_deadline_is_counted_from_the_first_accusation() {
    let mut suspicion = suspicion(0);
    assert_eq!((suspicion.since(), suspicion.deadline()), (START, START + T.times(6)));
    // The third joins after 3 s, so one of the 4 s is left.
    suspicion.accused_by(3);
    let now = START + Duration::from_secs(3);
    assert_eq!(suspicion.deadline().since(now), Duration::from_secs(1));
    assert!(!suspicion.has_run_out(now) && suspicion.has_run_out(START + T));
}

#[test]
fn an_accuser_that_joins_late_ends_the_suspicion_at_once() {
    let mut suspicion = suspicion(u32::MAX);
    let now = START + Duration::from_secs(10);
    assert!(!suspicion.has_run_out(now) && suspicion.check_at() > now);
    suspicion.accused_by(3);
    assert!(suspicion.has_run_out(now) && suspicion.check_at() <= now);
}

#[test]
fn a_node_checks_for_itself_in_the_second_half() {
    let at = |draw| suspicion(draw).check_at().since(START);
    assert_eq!((at(0), at(1 << 31)), (Duration::from_secs(12), Duration::from_secs(18)));
    assert_eq!(at(u32::MAX), Duration::from_micros(23_999_999));
}

#[test]
fn the_check_keeps_its_place_when_the_suspicion_gets_shorter() {
    let mut suspicion = suspicion(1 << 31);
    suspicion.accused_by(3);
    assert_eq!(suspicion.check_at(), START + Duration::from_secs(3));
}

#[test]
fn a_clock_that_jumps_back_only_waits() {
    assert!(!with(3).has_run_out(Time::ZERO) && !with(3).has_run_out(START));
}

#[test]
fn a_suspicion_takes_32_bytes() {
    assert_eq!(size_of::<Suspicion>(), 32);
}

/// memberlist's formula in floating point.
fn lifeguard(accusers: usize, least: f64) -> f64 {
    let most = 6.0 * least;
    let further = (accusers.clamp(1, 3) - 1) as f64;
    (most - (further + 1.0).ln() / 3_f64.ln() * (most - least)).max(least)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn durations_are_those_of_lifeguard(members in 1..100_000_usize, accusers in 1..10_usize, mult in 1..=64_u8) {
        let config = MembersConfig { suspicion_mult: mult, ..MembersConfig::wan() };
        let mut suspicion = Suspicion::new(START, members, &config, 0);
        suspicion.accused_by(accusers);
        let least = f64::from(mult) * ((members + 1) as f64).log10() * 1e6;
        // Rounding T down costs up to 6 µs in 6 T.
        let off = suspicion.duration().as_micros() as f64 - lifeguard(accusers, least);
        prop_assert!(off.abs() <= 8.0, "{off} µs");
        prop_assert!(suspicion.duration() >= config.suspicion_min(members));
        prop_assert!(suspicion.duration() <= config.suspicion_max(members));
    }

    #[test]
    fn deadlines_and_checks_never_move_to_a_later_time(
        members in any::<usize>(), draw: u32, joins in prop::collection::vec(0..6_usize, 0..8),
        start in 0..u64::MAX / 2,
    ) {
        let mut suspicion = Suspicion::new(Time::from_micros(start), members, &MembersConfig::wan(), draw);
        for accusers in joins {
            let (deadline, check) = (suspicion.deadline(), suspicion.check_at());
            let changed = suspicion.accused_by(accusers);
            prop_assert_eq!(changed, suspicion.deadline() < deadline);
            prop_assert!(suspicion.deadline() <= deadline && suspicion.check_at() <= check);
            prop_assert!(suspicion.check_at() <= suspicion.deadline());
            let half = suspicion.since() + suspicion.duration().divided_by(2);
            prop_assert!(suspicion.check_at() >= half);
        }
    }

    #[test]
    fn a_multiplier_of_one_makes_all_suspicions_alike(members in any::<usize>(), accusers in 0..5_usize) {
        let config = MembersConfig { suspicion_max_timeout_mult: 1, ..MembersConfig::lan() };
        let mut suspicion = Suspicion::new(START, members, &config, 0);
        suspicion.accused_by(accusers);
        prop_assert_eq!(suspicion.duration(), config.suspicion_min(members));
    }
}
