//! How far a node trusts its own timeouts.

use proptest::prelude::*;
use protocol::gossip::members::{Awareness, PauseGuard, Probe};
use protocol::limits::PAUSE_MAX;
use protocol::time::{Duration, Time};

const MOST: u8 = 8;

const fn failed(asked: u8, nacks: u8) -> Probe {
    Probe::Failed { asked, nacks }
}

/// The awareness after these probes.
fn after(probes: &[Probe]) -> u8 {
    let mut awareness = Awareness::new(MOST);
    probes.iter().for_each(|probe| awareness.probed(*probe));
    awareness.level()
}

fn secs(secs: u64) -> Time {
    Time::from_micros(secs * 1_000_000)
}

#[test]
fn a_failed_probe_counts_if_nobody_else_was_asked() {
    assert_eq!(after(&[failed(0, 0)]), 1);
    assert_eq!(after(&[failed(0, 0), failed(0, 0), Probe::Answered]), 1);
}

#[test]
fn each_missing_nack_counts() {
    assert_eq!([0, 1, 2, 3].map(|nacks| after(&[failed(3, nacks)])), [3, 2, 1, 0]);
}

#[test]
fn if_all_nacks_came_the_fault_is_not_this_nodes() {
    assert_eq!(after(&[failed(0, 0), failed(3, 3), failed(3, 3)]), 1);
    // More than were asked for count as all.
    assert_eq!(after(&[failed(3, 200)]), 0);
}

#[test]
fn awareness_stays_from_0_to_8() {
    assert_eq!((after(&[Probe::Answered; 3]), after(&[failed(0, 0); 8]), after(&[failed(0, 0); 9])), (0, 8, 8));
    assert_eq!(after(&[failed(255, 0), Probe::Answered]), 7);
}

#[test]
fn a_node_that_must_refute_is_less_sure_of_itself() {
    let mut awareness = Awareness::new(MOST);
    awareness.refuted();
    assert_eq!((awareness.level(), awareness.scaled(Duration::from_secs(3))), (1, Duration::from_secs(6)));
}

#[test]
fn timeouts_are_up_to_nine_times_as_long() {
    let mut awareness = Awareness::new(MOST);
    assert_eq!(awareness.scaled(Duration::from_millis(500)), Duration::from_millis(500));
    (0..20).for_each(|_| awareness.refuted());
    assert_eq!(awareness.scaled(Duration::from_millis(500)), Duration::from_millis(4_500));
    assert_eq!(awareness.scaled(Duration::from_micros(u64::MAX)), Duration::from_micros(u64::MAX));
}

#[test]
fn awareness_can_be_switched_off() {
    let mut awareness = Awareness::new(0);
    awareness.refuted();
    assert_eq!(awareness.level(), 0);
}

#[test]
fn nobody_is_accused_for_a_while_after_a_pause() {
    let mut guard = PauseGuard::default();
    assert!(!guard.woken(secs(1), Some(secs(1))) && guard.may_accuse(secs(1)));
    // It asked for 2 s, and is woken 5 s and a bit later.
    let now = secs(7) + Duration::from_micros(1);
    assert!(guard.woken(now, Some(secs(2))));
    assert!(!guard.may_accuse(now) && guard.ends(now) == Some(now + PAUSE_MAX));
    let last = now + (PAUSE_MAX - Duration::from_micros(1));
    assert!(!guard.may_accuse(last) && guard.may_accuse(now + PAUSE_MAX));
    assert_eq!(guard.ends(now + PAUSE_MAX), None);
}

#[test]
fn a_delay_of_exactly_the_bound_is_no_pause() {
    let mut guard = PauseGuard::default();
    guard.woken(secs(1), None);
    assert!(!guard.woken(secs(7), Some(secs(2))) && guard.may_accuse(secs(7)));
}

#[test]
fn a_quiet_time_is_no_pause() {
    let mut guard = PauseGuard::default();
    guard.woken(secs(1), None);
    // Nothing was due.
    assert!(!guard.woken(secs(1_000), None));
    // Something was due only now.
    assert!(!guard.woken(secs(2_000), Some(secs(2_000))) && guard.may_accuse(secs(2_000)));
}

#[test]
fn the_start_of_a_node_is_no_pause() {
    let mut guard = PauseGuard::default();
    assert!(!guard.woken(secs(1_000), Some(Time::ZERO)) && guard.may_accuse(secs(1_000)));
}

#[test]
fn a_deadline_that_was_seen_counts_no_more() {
    let mut guard = PauseGuard::default();
    guard.woken(secs(1), None);
    // The deadline at 2 s stays, though the node runs every second.
    assert!((2..60).all(|second| !guard.woken(secs(second), Some(secs(2)))));
}

#[test]
fn a_second_pause_counts_anew() {
    let mut guard = PauseGuard::default();
    guard.woken(secs(1), None);
    assert!(guard.woken(secs(10), Some(secs(1))) && guard.woken(secs(16), Some(secs(10))));
    assert!(!guard.may_accuse(secs(20)) && guard.may_accuse(secs(21)));
}

#[test]
fn a_clock_that_stands_still_changes_nothing() {
    let mut guard = PauseGuard::default();
    assert!((0..100).all(|_| !guard.woken(secs(3), Some(secs(3)))));
    assert!(guard.may_accuse(secs(3)));
}

#[test]
fn a_clock_that_jumps_back_ends_no_pause_and_prolongs_it_by_no_more_than_the_bound() {
    let mut guard = PauseGuard::default();
    guard.woken(secs(1_000), None);
    assert!(guard.woken(secs(1_006), Some(secs(1_000))));
    assert!(!guard.woken(secs(3), Some(secs(1_007))) && !guard.may_accuse(secs(3)));
    assert!(!guard.may_accuse(secs(7)) && guard.may_accuse(secs(8)));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn awareness_is_a_sum_that_is_cut_off_at_both_ends(
        most: u8, steps in prop::collection::vec((0..4_u8, any::<u8>(), any::<u8>()), 0..60),
    ) {
        let (mut awareness, mut level) = (Awareness::new(most), 0_i32);
        for (kind, asked, nacks) in steps {
            match kind {
                0 => awareness.probed(Probe::Answered),
                1 => awareness.probed(failed(0, nacks)),
                2 => awareness.probed(failed(asked.max(1), nacks)),
                _ => awareness.refuted(),
            }
            let missing = (i32::from(asked.max(1)) - i32::from(nacks)).max(0);
            level = (level + [-1, 1, missing, 1][usize::from(kind)]).clamp(0, i32::from(most));
            prop_assert_eq!(i32::from(awareness.level()), level);
        }
    }

    /// On any clock: a node may accuse, or it may after it has run for the bound without another pause.
    #[test]
    fn no_guard_holds_for_longer_than_the_bound(
        steps in prop::collection::vec((0..30_000_000_u64, prop::option::of(0..30_000_000_u64)), 1..40),
    ) {
        let mut guard = PauseGuard::default();
        let mut now = Time::ZERO;
        for (micros, due) in steps {
            now = Time::from_micros(micros);
            guard.woken(now, due.map(Time::from_micros));
        }
        let later = now + PAUSE_MAX;
        prop_assert!(!guard.woken(later, Some(later)));
        prop_assert!(guard.may_accuse(later));
    }

    #[test]
    fn a_pause_is_what_lies_after_both_the_deadline_and_the_last_input(
        steps in prop::collection::vec((0..12_000_000_u64, prop::option::of(0..60_000_000_u64)), 1..40),
    ) {
        let (mut guard, mut now) = (PauseGuard::default(), 0_u64);
        guard.woken(Time::ZERO, None);
        for (span, due) in steps {
            let (last, next) = (now, now + span);
            let idle = due.map_or(0, |due| next.saturating_sub(due.max(last)));
            let paused = guard.woken(Time::from_micros(next), due.map(Time::from_micros));
            prop_assert_eq!(paused, idle > 5_000_000);
            prop_assert!(!paused || !guard.may_accuse(Time::from_micros(next)));
            now = next;
        }
    }
}
