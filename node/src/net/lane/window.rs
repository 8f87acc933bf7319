//! How many bytes of the bulk lane may be under way to one peer: as many as the path holds, and few more.
//!
//! A queue on the path is measured as delay: the time from a write to its ack, beyond the least such time in the
//! last minutes. While there is little delay, the window doubles each round trip. After that each round trip sets
//! the window to what that round trip carried, over the least round trip and [`QUEUE_TARGET`]. This is FAST TCP's
//! rule (Wei et al., 2006), which accepts the same delay at every rate.
//!
//! Sans-IO: times go in, a number of bytes comes out. A peer that acks late gets a smaller window, and this
//! affects no other peer. A peer that acks what it has not read yet gets a larger one, at most
//! [`WINDOW_BYTES_MAX`]. Deliberately absent: loss, which the transport repairs; and pacing, which is the
//! [uplink's](super::pace), because all peers share it.

use std::collections::VecDeque;

use protocol::time::{Duration, Time};

/// Bytes written to the bulk lane at a time: 16 KiB, so that control frames can leave in between.
pub const BULK_CHUNK_BYTES: usize = 16 * 1024;

/// Bytes on the bulk lane that the reader hasn't acknowledged, at the beginning and at least: 64 KiB, about one
/// bandwidth-delay product of 10 Mbit/s and 50 ms. From there on the window follows the path.
pub const BULK_WINDOW_BYTES: usize = 64 * 1024;

/// The queueing that a window aims at: two chunks at 50 Mbit/s are 5.2 ms.
pub const QUEUE_TARGET: Duration = Duration::from_millis(6);

/// The least window is the first one. A reader may leave two chunks unacknowledged. At 150 ms this is 437 kB/s,
/// more than a reader demands when others wait for it.
pub const WINDOW_BYTES_MIN: usize = BULK_WINDOW_BYTES;

/// The largest window, 2 MiB: 100 Mbit/s over 160 ms. The bytes belong to shared frames, so a connection's window
/// costs only its records, one of 24 bytes for each chunk: 3 KiB.
pub const WINDOW_BYTES_MAX: usize = 2 * 1024 * 1024;

/// The least round trip is forgotten after one to two of these spans. If a path became
/// longer, this is believed then.
const BASE_MEMORY: Duration = Duration::from_secs(60);

/// What each round trip adds, whatever the window is, so that a peer that came late gets its share. Seven peers
/// add 4.6 ms of queue at 50 Mbit/s.
const STEP_BYTES: u64 = 4 * 1024;

/// The present delay is the least of this many samples: one late wake-up is no queue.
const RECENT: usize = 4;

/// An ack of more than was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more was acknowledged than was written; nothing changed, and the peer is not to be believed")]
pub struct AckedTooMuch;

/// The window of one peer.
#[derive(Clone, Debug)]
pub struct BulkWindow {
    bytes: u64,
    under_way: u64,
    /// No queue was seen yet, so the window doubles.
    starting: bool,
    /// What is not acknowledged, oldest first.
    written: VecDeque<Written>,
    /// The least round trip in the present span of [`BASE_MEMORY`] and in the one before.
    base: [Option<Duration>; 2],
    base_since: Time,
    /// The last samples, newest first.
    recent: [Duration; RECENT],
    samples: usize,
    /// By how much a sample differs from the one before, smoothed as RFC 3550 does (section 6.4.1).
    jitter: Duration,
    round: Round,
}

/// Bytes that were written together.
#[derive(Clone, Copy, Debug)]
struct Written {
    bytes: u64,
    /// When the last of them was written.
    at: Time,
    /// Bytes that were then under way, including these.
    with: u64,
}

/// What happens from a write to its ack.
#[derive(Clone, Copy, Debug, Default)]
struct Round {
    /// Bytes to be acknowledged until it ends.
    left: u64,
    /// The least round trip, and the bytes that were under way during it.
    least: Option<(Duration, u64)>,
    /// The window was filled: it may have delayed the writer.
    filled: bool,
}

impl Default for BulkWindow {
    fn default() -> Self {
        Self {
            bytes: BULK_WINDOW_BYTES as u64,
            under_way: 0,
            starting: true,
            written: VecDeque::new(),
            base: [None; 2],
            base_since: Time::ZERO,
            recent: [Duration::ZERO; RECENT],
            samples: 0,
            jitter: Duration::ZERO,
            round: Round::default(),
        }
    }
}

impl BulkWindow {
    /// The window, in bytes.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes written and not acknowledged.
    #[must_use]
    pub const fn under_way(&self) -> u64 {
        self.under_way
    }

    /// Bytes that may be written now.
    #[must_use]
    pub fn room(&self) -> usize {
        usize::try_from(self.bytes.saturating_sub(self.under_way)).unwrap_or(usize::MAX)
    }

    /// Records that are kept for bytes under way.
    #[must_use]
    pub fn records(&self) -> usize {
        self.written.len()
    }

    /// How much longer a recent round trip is than the least; `None` before the first ack.
    #[must_use]
    pub fn queueing(&self) -> Option<Duration> {
        let least = self.recent.iter().take(self.samples).min()?;
        Some(*least - self.base()?)
    }

    /// Whether the queue is no longer than the window aims at.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.queueing().is_none_or(|queueing| queueing <= self.target())
    }

    /// Bytes were written.
    pub fn wrote(&mut self, bytes: usize, now: Time) {
        let bytes = bytes as u64;
        self.under_way = self.under_way.saturating_add(bytes);
        if self.round.left == 0 {
            self.round = Round { left: self.under_way, least: None, filled: false };
        }
        self.round.filled |= self.room() < BULK_CHUNK_BYTES;
        let with = self.under_way;
        match self.written.back_mut() {
            // Otherwise a peer that lets one byte pass at a time would make us keep a record for each.
            Some(last) if last.bytes < BULK_CHUNK_BYTES as u64 => {
                *last = Written { bytes: last.bytes.saturating_add(bytes), at: now, with };
            }
            _ => self.written.push_back(Written { bytes, at: now, with }),
        }
    }

    /// The peer has read `bytes` more. Returns when the newest of them were written, as far as this is known.
    ///
    /// # Errors
    /// If more was acknowledged than written.
    pub fn acked(&mut self, bytes: u64, now: Time) -> Result<Option<Time>, AckedTooMuch> {
        self.under_way = self.under_way.checked_sub(bytes).ok_or(AckedTooMuch)?;
        let mut left = bytes;
        let mut written = None;
        while let Some(first) = self.written.front_mut() {
            let taken = left.min(first.bytes);
            first.bytes -= taken;
            left -= taken;
            if first.bytes > 0 {
                break;
            }
            written = self.written.pop_front();
        }
        if let Some(written) = written {
            self.measure(now.since(written.at), written.with, now);
        }
        if self.starting {
            self.start(bytes);
        }
        self.round.left = self.round.left.saturating_sub(bytes);
        if self.round.left == 0 {
            self.end_round();
        }
        Ok(written.map(|written| written.at))
    }

    /// A train of chunks arrived at `rate` bytes a second. While the window starts, it need not
    /// find that out by doubling.
    pub fn carried(&mut self, rate: u64) {
        let Some(base) = self.base().filter(|_| self.starting) else { return };
        let held = u128::from(rate) * u128::from(base.as_micros()) / 1_000_000;
        self.set(self.bytes.max(u64::try_from(held).unwrap_or(u64::MAX)));
    }

    fn measure(&mut self, sample: Duration, with: u64, now: Time) {
        if now.since(self.base_since) >= BASE_MEMORY {
            let [present, before] = self.base;
            self.base = [None, present.or(before)];
            self.base_since = now;
        }
        let [present, _] = &mut self.base;
        *present = Some(present.map_or(sample, |least| least.min(sample)));
        let [before, ..] = self.recent;
        if self.samples > 0 {
            let difference = (sample - before) + (before - sample);
            self.jitter = (self.jitter.times(15) + difference).divided_by(16);
        }
        self.recent.rotate_right(1);
        let [newest, ..] = &mut self.recent;
        *newest = sample;
        self.samples = (self.samples + 1).min(RECENT);
        self.round.least = Some(self.round.least.map_or((sample, with), |least| least.min((sample, with))));
    }

    fn base(&self) -> Option<Duration> {
        self.base.iter().flatten().min().copied()
    }

    /// Jitter is no queue, but looks like one. It is bounded, because a queue that grows
    /// looks a little like jitter.
    fn target(&self) -> Duration {
        let most = self.base().unwrap_or_default().divided_by(8);
        QUEUE_TARGET + self.jitter.min(most)
    }

    /// Doubling: adds as much as was acknowledged.
    fn start(&mut self, bytes: u64) {
        if self.samples == RECENT && !self.is_quiet() {
            self.starting = false;
        } else if self.round.filled {
            self.set(self.bytes.saturating_add(bytes));
        }
    }

    fn end_round(&mut self) {
        let Round { least, filled, .. } = self.round;
        self.round = Round { left: self.under_way, least: None, filled: false };
        let (Some(base), Some((least, with)), false) = (self.base(), least, self.starting) else { return };
        let wanted = base + self.target();
        let scaled = |bytes: u64| {
            let scaled = u128::from(bytes) * u128::from(wanted.as_micros()) / u128::from(least.as_micros().max(1));
            u64::try_from(scaled).unwrap_or(u64::MAX)
        };
        // That round trip carried this much. The next window is what the wanted round trip carries at the same
        // rate, and a step. For the bytes that were under way then, the window may have been cut already. And a
        // body's first chunks had little before them.
        let next = scaled(with.max(if least > wanted { self.bytes } else { 0 })).saturating_add(STEP_BYTES);
        if least > wanted {
            self.set(self.bytes.min(next));
        } else if filled {
            self.set(next.clamp(self.bytes, self.bytes.saturating_mul(2)));
        }
    }

    fn set(&mut self, bytes: u64) {
        self.bytes = bytes.clamp(WINDOW_BYTES_MIN as u64, WINDOW_BYTES_MAX as u64);
    }
}
