//! Bulk bodies over one uplink: at its full rate, one after the other, and never for long before a control frame.

use node::net::lane::pace::{Pace, RATE_INITIAL, RATE_MAX, RATE_MIN};
use node::net::lane::window::BULK_CHUNK_BYTES;
use proptest::prelude::*;
use protocol::time::{Duration, Time};

use crate::net::lane::uplink_model::Setup;

/// Round trips to the peers, in milliseconds.
const NEAR_AND_FAR: [u64; 7] = [220, 150, 120, 80, 40, 20, 10];

/// Bodies so far apart that each is done before the next.
const APART: [u64; 4] = [0, 5_000, 10_000, 15_000];

/// How long a control frame may wait at the uplink in addition to the path, in milliseconds.
const CONTROL_WAIT_MAX: f64 = 20.0;

#[test]
fn the_first_body_waits_for_one_round_trip_and_later_ones_for_none() {
    for round_trip in [20, 80, 150] {
        let setup = Setup::new(&[round_trip], &APART);
        let (least, round_trip) = (setup.serialised_ms() + round_trip as f64 / 2.0, round_trip as f64);
        let outcome = setup.run();
        let (first, later) = (outcome.bodies(0)[0], outcome.bodies(3)[0]);
        assert!(first < least + 1.2 * round_trip + 10.0, "{first} ms where {least} are the least");
        assert!(later < 1.1 * least, "{later} ms where {least} are the least");
    }
}

#[test]
fn control_frames_wait_for_no_more_than_20_ms_whatever_is_uploaded() {
    for peers in [&NEAR_AND_FAR[1..2], &NEAR_AND_FAR[5..6], &NEAR_AND_FAR[1..4], &NEAR_AND_FAR[..], &[100; 7]] {
        for starts in [&APART[..1], &APART[..], &[0, 100, 200, 300]] {
            let waited = Setup::new(peers, starts).run().control_p99();
            assert!(waited < CONTROL_WAIT_MAX, "{waited} ms with peers at {peers:?}, bodies at {starts:?}");
        }
    }
}

#[test]
fn jitter_is_taken_neither_for_a_queue_nor_for_a_faster_uplink() {
    for seed in 0..8 {
        let setup = Setup { jitter_percent: 5, seed, ..Setup::new(&[150, 80, 20], &APART) };
        let least = setup.serialised_ms() * 3.0 + 75.0;
        let outcome = setup.run();
        let (waited, later) = (outcome.control_p99(), outcome.bodies(3)[2]);
        assert!(waited < CONTROL_WAIT_MAX, "{waited} ms");
        assert!(later < 1.5 * least, "{later} ms where {least} are the least");
    }
}

#[test]
fn several_uploads_end_one_after_the_other_and_the_last_no_later() {
    let setup = Setup::new(&[100; 7], &APART);
    let least = setup.serialised_ms();
    let took = setup.run().bodies(3);
    assert!(took[6] < 1.05 * 7.0 * least + 50.0, "{took:?}");
    let mean = took.iter().sum::<f64>() / 7.0;
    assert!(mean < 0.6 * 7.0 * least + 50.0, "{mean} ms where {least} are one body's least");
}

#[test]
fn a_slow_peer_costs_only_itself() {
    let mut setup = Setup::new(&[80, 80, 80, 80], &APART);
    let alone = Setup::new(&[80, 80, 80], &APART).run().bodies(3);
    // 2 Mbit/s: its body takes longer than the time until the next.
    setup.peers[0].downlink = 250_000;
    let outcome = setup.run();
    let others: Vec<f64> = outcome.took[1..].iter().map(|took| took[3]).collect();
    let last = others.iter().copied().fold(0.0, f64::max);
    assert!(last < 1.25 * alone[2], "{others:?} where {alone:?} are without it");
    assert!(outcome.control_p99() < CONTROL_WAIT_MAX);
}

#[test]
fn another_uplink_is_found_as_well() {
    // 10 and 400 Mbit/s.
    for uplink in [1_250_000, 50_000_000] {
        let mut setup = Setup { uplink, ..Setup::new(&[80], &APART) };
        setup.peers[0].downlink = uplink;
        let least = setup.serialised_ms() + 40.0;
        let later = setup.run().bodies(3)[0];
        assert!(later < 1.5 * least, "{later} ms where {least} are the least");
    }
}

#[test]
fn acks_are_few() {
    let acks = |body| Setup { body, ..Setup::new(&[80], &[0]) }.run().acks;
    assert_eq!((acks(1 << 20), acks(1 << 17), acks(16_384)), (34, 6, 1));
}

#[test]
fn short_bodies_make_the_pace_grow_too() {
    let mut pace = Pace::default();
    let mut now = Time::ZERO;
    for _ in 0..200 {
        while pace.ready(1, now).is_ok() {
            pace.wrote(1, BULK_CHUNK_BYTES, BULK_CHUNK_BYTES, true, now);
        }
        let written = now;
        now = now + Duration::from_millis(10);
        assert_eq!(pace.acked(1, BULK_CHUNK_BYTES as u64, written, true, now), None);
    }
    assert!(pace.rate() > 4 * RATE_INITIAL, "{}", pace.rate());
}

#[test]
fn acks_that_come_too_early_at_most_double_the_rate_for_each_train() {
    let mut pace = Pace::default();
    let mut now = Time::ZERO;
    for train in 0..4_u32 {
        let before = pace.rate();
        let mut ended = None;
        for _ in 0..1_000 {
            now = now + Duration::from_millis(1);
            if pace.ready(1, now).is_ok() {
                pace.wrote(1, BULK_CHUNK_BYTES, 1 << 20, true, now);
                ended = ended.or(pace.acked(1, BULK_CHUNK_BYTES as u64, now, true, now));
            }
            if ended.is_some() {
                break;
            }
        }
        assert!(pace.rate() <= 4 * before, "train {train}: {} after {before}", pace.rate());
    }
}

proptest! {
    /// Whatever is acknowledged, and whenever, the rate stays within its bounds and the next write comes soon.
    #[test]
    fn the_pace_keeps_its_bounds(steps in prop::collection::vec((0..3_u64, 0..200_000_u64, 0..3_u8, any::<bool>()), 1..400)) {
        let mut pace = Pace::default();
        let mut now = Time::ZERO;
        let mut written = [Time::ZERO; 3];
        for (peer, micros, what, quiet) in steps {
            now = now + Duration::from_micros(micros);
            match what {
                0 => { pace.acked(peer, 20_000, written[peer as usize], quiet, now); }
                1 => pace.forget(peer),
                _ => match pace.ready(peer, now) {
                    Ok(()) => {
                        pace.wrote(peer, BULK_CHUNK_BYTES, 1 << 20, true, now);
                        written[peer as usize] = now;
                    }
                    Err(at) => prop_assert!(at > now && at.since(now) < Duration::from_millis(1_200), "{:?}", at.since(now)),
                },
            }
            prop_assert!((RATE_MIN..=RATE_MAX).contains(&pace.rate()));
        }
    }
}

#[test]
fn under_a_limit_neither_the_rate_nor_a_train_is_faster_than_the_limit_allows() {
    for ceiling in [60_000, 1_000_000] {
        let mut pace = Pace::within(ceiling);
        let (mut now, mut sent) = (Time::ZERO, 0);
        let began = now;
        while now.since(began) < Duration::from_secs(20) {
            match pace.ready(1, now) {
                Ok(()) => {
                    pace.wrote(1, BULK_CHUNK_BYTES, 64 * BULK_CHUNK_BYTES, true, now);
                    sent += BULK_CHUNK_BYTES as u64;
                    // The path is fast, so each ack comes at once.
                    pace.acked(1, BULK_CHUNK_BYTES as u64, now, true, now);
                }
                Err(at) => now = at.max(now + Duration::from_micros(1)),
            }
            assert!(pace.rate() <= ceiling, "{} over {ceiling}", pace.rate());
        }
        let most = 20 * ceiling + 4 * BULK_CHUNK_BYTES as u64;
        assert!((18 * ceiling..=most).contains(&sent), "{sent} bytes in 20 s at {ceiling}");
    }
}
