//! The bulk lane's window: it stays within its bounds whatever the peer does, and only the delay makes it as large
//! as the path.

use node::net::lane::window::{
    AckedTooMuch, BULK_CHUNK_BYTES, BULK_WINDOW_BYTES, BulkWindow, QUEUE_TARGET, WINDOW_BYTES_MAX,
    WINDOW_BYTES_MIN,
};
use proptest::prelude::*;
use protocol::time::{Duration, Time};

/// A path that carries chunks one after the other: a rate in bytes a second, and a round trip without a queue.
struct Path {
    rate: u64,
    round_trip: Duration,
    free_at: Time,
}

impl Path {
    const fn new(rate: u64, round_trip_ms: u64) -> Self {
        Self { rate, round_trip: Duration::from_millis(round_trip_ms), free_at: Time::ZERO }
    }

    /// When a chunk that is written now is acknowledged.
    fn acked_at(&mut self, now: Time) -> Time {
        let takes = Duration::from_micros(BULK_CHUNK_BYTES as u64 * 1_000_000 / self.rate);
        self.free_at = self.free_at.max(now) + takes;
        self.free_at + self.round_trip
    }
}

/// Writes whenever there is room, for this number of round trips' worth of acks. Returns when the last ack came,
/// and the longest queueing in the second half.
fn fill(window: &mut BulkWindow, path: &mut Path, acks: usize) -> (Time, Duration) {
    let mut now = Time::ZERO;
    let mut under_way = std::collections::VecDeque::new();
    let mut longest = Duration::ZERO;
    for ack in 0..acks {
        while window.room() >= BULK_CHUNK_BYTES {
            window.wrote(BULK_CHUNK_BYTES, now);
            under_way.push_back(path.acked_at(now));
        }
        now = under_way.pop_front().expect("a window is never closed");
        window.acked(BULK_CHUNK_BYTES as u64, now).expect("it was written");
        if ack > acks / 2 {
            longest = longest.max(window.queueing().unwrap_or_default());
        }
    }
    (now, longest)
}

#[test]
fn it_starts_small_and_doubles_while_nothing_queues() {
    let mut window = BulkWindow::default();
    assert_eq!(window.bytes(), BULK_WINDOW_BYTES as u64);
    // 1 Gbit/s and 100 ms hold more than the largest window, which is 32 of the first: five doublings.
    let (took, _) = fill(&mut window, &mut Path::new(125_000_000, 100), 2 * WINDOW_BYTES_MAX / BULK_CHUNK_BYTES);
    assert_eq!(window.bytes(), WINDOW_BYTES_MAX as u64);
    assert!(took < Time::from_micros(8 * 110_000), "{took:?}");
}

#[test]
fn it_comes_to_what_the_path_holds_and_a_short_queue() {
    // Rates in bytes a second, round trips in milliseconds, and what the two come to.
    for (rate, round_trip) in [(6_250_000, 40), (6_250_000, 150), (1_250_000, 100), (312_500, 150)] {
        let mut window = BulkWindow::default();
        let (_, longest) = fill(&mut window, &mut Path::new(rate, round_trip), 4_000);
        let holds = rate * round_trip / 1_000;
        assert!(window.bytes() * 10 > holds * 9, "{} of {holds}", window.bytes());
        // The least window and the step are a queue of their own on a slow path.
        let least = Duration::from_micros((3 * BULK_CHUNK_BYTES as u64) * 1_000_000 / rate);
        let most = QUEUE_TARGET.times(2) + least;
        assert!(longest < most, "{longest} at {rate} bytes a second, {round_trip} ms");
    }
}

#[test]
fn a_peer_that_acks_late_gets_the_least_window() {
    let mut window = BulkWindow::default();
    fill(&mut window, &mut Path::new(6_250_000, 20), 200);
    // The same peer takes half a second more for everything.
    let mut now = Time::from_micros(10_000_000);
    while window.under_way() > 0 {
        window.acked(window.under_way().min(BULK_CHUNK_BYTES as u64), now).expect("it was written");
    }
    for _ in 0..60 {
        let bytes = window.room() / BULK_CHUNK_BYTES * BULK_CHUNK_BYTES;
        window.wrote(bytes, now);
        now = now + Duration::from_millis(520);
        window.acked(bytes as u64, now).expect("it was written");
    }
    assert_eq!(window.bytes(), WINDOW_BYTES_MIN as u64);
}

#[test]
fn a_longer_path_is_believed_after_two_minutes() {
    let mut window = BulkWindow::default();
    fill(&mut window, &mut Path::new(6_250_000, 20), 200);
    assert!(window.queueing().is_some_and(|queueing| queueing < QUEUE_TARGET.times(2)));
    let mut now = Time::from_micros(200_000_000);
    window.acked(window.under_way(), now).expect("it was written");
    for _ in 0..200 {
        let bytes = window.room().min(4 * BULK_CHUNK_BYTES);
        window.wrote(bytes, now);
        now = now + Duration::from_secs(1);
        window.acked(bytes as u64, now).expect("it was written");
    }
    assert!(window.is_quiet(), "{:?}", window.queueing());
}

#[test]
fn an_ack_of_more_than_was_written_changes_nothing() {
    let mut window = BulkWindow::default();
    window.wrote(100, Time::ZERO);
    assert_eq!(window.acked(101, Time::ZERO), Err(AckedTooMuch));
    assert_eq!(window.under_way(), 100);
    assert_eq!(window.acked(100, Time::from_micros(9)), Ok(Some(Time::ZERO)));
}

proptest! {
    /// Bounds, bytes and records hold, whatever is written and acknowledged, and whenever.
    #[test]
    fn it_keeps_its_bounds(steps in prop::collection::vec((any::<bool>(), 1..40_000_usize, 0..2_000_000_u64), 1..600)) {
        let mut window = BulkWindow::default();
        let (mut now, mut under_way) = (Time::ZERO, 0_u64);
        for (write, bytes, micros) in steps {
            now = now + Duration::from_micros(micros);
            if write {
                let bytes = bytes.min(window.room()).min(BULK_CHUNK_BYTES);
                window.wrote(bytes, now);
                under_way += bytes as u64;
            } else {
                let bytes = (bytes as u64).min(under_way);
                window.acked(bytes, now).expect("it was written");
                under_way -= bytes;
                window.carried(bytes * micros);
            }
            prop_assert_eq!(window.under_way(), under_way);
            prop_assert!((WINDOW_BYTES_MIN as u64..=WINDOW_BYTES_MAX as u64).contains(&window.bytes()));
            prop_assert!(window.records() <= 2 * WINDOW_BYTES_MAX / BULK_CHUNK_BYTES + 1);
        }
    }
}
