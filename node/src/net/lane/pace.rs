//! How fast the node's bulk lanes together may write: no faster than its uplink was seen to carry.
//!
//! Each peer's window tells how much that peer's path holds. But all peers share the uplink. A window learns of a
//! queue only a round trip after it was built, and several windows that open at once fill the uplink before any of
//! them learns of it. So the writes of all lanes are spaced, at a rate that comes from trains. Now and then
//! [`TRAIN_BYTES`] leave at twice the rate. The distance at which their acks come back tells what the path
//! carried. After a train the lanes wait for as long as the train was ahead. So a train adds at most half its
//! length to a queue, 10 ms at 50 Mbit/s, and nothing to the rate.
//!
//! A train is as good as the peer that acks it. Acks count for no faster than the train left, and for little more
//! than the present rate. The lower median of [`TRAINS`] decides. A peer that sees a queue, maybe of its own slow
//! link, sends fewer trains. A result below a quarter of another's is forgotten.
//!
//! If the operator limits uploads, the rate has a *ceiling*, and no train is faster than that. Otherwise trains
//! would wait in front of the limit, and control frames behind them.
//!
//! Sans-IO. `uplink` decides whose turn it is among several.

use std::collections::VecDeque;

use protocol::time::{Duration, Time};

use super::window::BULK_CHUNK_BYTES;

/// The rate before the first train, in bytes a second: 20 Mbit/s.
pub const RATE_INITIAL: u64 = 2_500_000;

/// The least rate, in bytes a second: 1 Mbit/s.
pub const RATE_MIN: u64 = 125_000;

/// The largest rate, in bytes a second: 80 Gbit/s, more than a loopback carries.
pub const RATE_MAX: u64 = 10_000_000_000;

/// A train: eight chunks, if the peer's window has room for them and the body has the bytes. 128 KiB take 21 ms at
/// 50 Mbit/s, which stands out from jitter.
pub const TRAIN_BYTES: usize = 8 * BULK_CHUNK_BYTES;

/// The shortest train: as much as a new window has room for.
pub const TRAIN_BYTES_MIN: usize = 4 * BULK_CHUNK_BYTES;

/// The rate is the median of this many trains.
pub const TRAINS: usize = 5;

/// The time between two trains.
const TRAIN_INTERVAL: Duration = Duration::from_millis(50);

/// Additional time between two trains of a peer that sees a queue: the queue may be its own, and then its train
/// would measure nothing else.
const SLOW_INTERVAL: Duration = Duration::from_millis(500);

/// A train that isn't acknowledged after this time is given up.
const TRAIN_LIFE: Duration = Duration::from_secs(3);

/// If bodies are too short for trains, the rate grows by a quarter after this time without a train, while writers
/// wait and no queue is seen.
const GROWTH_INTERVAL: Duration = Duration::from_millis(100);

/// The results of trains count for this long after the last one.
const TRAINS_MEMORY: Duration = Duration::from_secs(10);

/// How much of what a train was seen to fill is used, in per cent. The rest drains what trains and control
/// frames left in the queue.
const USED_PERCENT: u64 = 97;

/// If a train's acks are further apart than its chunks were, by this many per cent, they
/// show the limit of the path.
const SPREAD_PERCENT: u64 = 10;

/// What a train that did not spread counts for, in per cent above the rate. It doubles with
/// each in a row, up to 80.
const OPEN_PERCENT: u64 = 5;
const OPEN_MAX: u32 = 4;

/// Timers are coarse: a write may be this early.
const EARLY: Duration = Duration::from_millis(1);

/// Up to this much of what was missed may be made up for at once.
const LATE: Duration = Duration::from_millis(3);

/// Less than two chunks is not worth a wait either, if nothing was written for a while: most large
/// transactions are no longer.
const BURST_BYTES: usize = 2 * BULK_CHUNK_BYTES;

/// The pace of a node.
#[derive(Clone, Debug)]
pub struct Pace {
    /// Bytes a second.
    rate: u64,
    /// The most that the rate may be.
    ceiling: u64,
    /// When all written bytes have left, at the rate.
    free_at: Time,
    /// The results of the last trains, newest first.
    seen: VecDeque<u64>,
    /// Trains in a row that did not spread.
    open: u32,
    train: Option<Train>,
    next_train: Time,
    /// Whether a writer had to wait since the last train.
    waited: bool,
}

#[derive(Clone, Debug)]
struct Train {
    peer: u64,
    left: usize,
    /// When its next chunk may be written.
    next: Time,
    began: Time,
    ended: Time,
    /// When the first ack came, and when the newest bytes in it were written; the same for the last ack.
    acks: Option<((Time, Time), (Time, Time))>,
    /// Bytes acknowledged after the first ack.
    bytes: u64,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            rate: RATE_INITIAL,
            ceiling: RATE_MAX,
            free_at: Time::ZERO,
            seen: VecDeque::new(),
            open: 0,
            train: None,
            next_train: Time::ZERO,
            waited: false,
        }
    }
}

impl Pace {
    /// A pace that is never above `ceiling`, in bytes a second.
    #[must_use]
    pub fn within(ceiling: u64) -> Self {
        let mut pace = Self { ceiling: ceiling.max(1), ..Self::default() };
        pace.set(RATE_INITIAL);
        pace
    }

    /// The rate, in bytes a second.
    #[must_use]
    pub const fn rate(&self) -> u64 {
        self.rate
    }

    /// The peer whose train is leaving. It goes before all others, because otherwise it would be no train.
    #[must_use]
    pub fn leaving(&self) -> Option<u64> {
        self.train.as_ref().filter(|train| train.left > 0).map(|train| train.peer)
    }

    /// The peer is gone, and so is its train.
    pub fn forget(&mut self, peer: u64) {
        self.train = self.train.take().filter(|train| train.peer != peer);
    }

    /// Whether the peer may write a chunk now.
    ///
    /// # Errors
    /// The time at which it may, if not now.
    pub fn ready(&mut self, peer: u64, now: Time) -> Result<(), Time> {
        let at = match &self.train {
            Some(train) if train.peer == peer && train.left > 0 => train.next,
            _ => self.free_at,
        };
        let at = Time::from_micros(at.as_micros().saturating_sub(EARLY.as_micros()));
        if at <= now {
            return Ok(());
        }
        self.waited = true;
        Err(at)
    }

    /// The peer wrote `bytes`, and could have written `ahead` more: bytes that it has, and for which its window
    /// has room. `quiet` means that it sees no queue.
    pub fn wrote(&mut self, peer: u64, bytes: usize, ahead: usize, quiet: bool, now: Time) {
        let takes = self.takes(bytes);
        let late = LATE.max(self.takes(BURST_BYTES));
        self.free_at = not_before(self.free_at, now, late) + takes;
        if self.train.as_ref().is_some_and(|train| now.since(train.began) >= TRAIN_LIFE) {
            self.train = None;
        }
        let due = if quiet { self.next_train } else { self.next_train + SLOW_INTERVAL };
        let wanted = now >= due && (self.waited || self.seen.is_empty());
        if self.train.is_none() && wanted && ahead >= TRAIN_BYTES_MIN {
            let left = ahead.min(TRAIN_BYTES);
            self.train = Some(Train { peer, left, next: now, began: now, ended: now, acks: None, bytes: 0 });
            self.waited = false;
        }
        let spacing = takes.divided_by(self.factor()).max(takes_at(bytes, self.ceiling));
        if let Some(train) = self.train.as_mut().filter(|train| train.peer == peer && train.left > 0) {
            train.left = train.left.saturating_sub(bytes);
            train.ended = now;
            train.next = not_before(train.next, now, LATE) + spacing;
        }
    }

    /// The peer acknowledged `bytes`, of which the newest were written at `written`. `quiet` means that it sees no
    /// queue. If this was the end of a train, returns the bytes a second at which the train arrived.
    pub fn acked(&mut self, peer: u64, bytes: u64, written: Time, quiet: bool, now: Time) -> Option<u64> {
        let Some(train) = self.train.as_mut().filter(|train| train.peer == peer && written >= train.began) else {
            self.grow(quiet, written, now);
            return None;
        };
        let (left, ended) = (train.left, train.ended);
        // An ack that includes bytes after the train tells nothing about the train.
        if left > 0 || written <= ended {
            match train.acks {
                None => train.acks = Some(((now, written), (now, written))),
                Some((_, ref mut last)) => {
                    *last = (now, written);
                    train.bytes = train.bytes.saturating_add(bytes);
                }
            }
        }
        if left > 0 || written < ended {
            return None;
        }
        let (acks, bytes) = (train.acks, train.bytes);
        self.train = None;
        self.next_train = now + TRAIN_INTERVAL;
        let ((first_at, first_written), (last_at, last_written)) = acks.filter(|_| bytes > 0)?;
        let (left_in, came_in) =
            (last_written.since(first_written).as_micros(), last_at.since(first_at).as_micros());
        let seen = per_second(bytes, left_in.max(came_in));
        let spread = came_in.saturating_mul(100) > left_in.saturating_mul(100 + SPREAD_PERCENT);
        self.settle(seen, spread, now);
        Some(seen)
    }

    /// Twice the rate; four times while nothing was seen to fill the path.
    fn factor(&self) -> u64 {
        if self.seen.is_empty() { 4 } else { 2 }
    }

    fn settle(&mut self, seen: u64, spread: bool, now: Time) {
        if !spread && seen <= self.rate {
            // The writer was late, so this was no train.
            return;
        }
        // The uplink carries that much. So a result below a quarter of it was the limit of a peer's own path.
        self.seen.retain(|earlier| *earlier > seen / 4);
        let most = self.rate.saturating_mul(self.factor());
        if !spread && self.seen.is_empty() {
            // The most that it carries is still to be found.
            self.next_train = now;
            self.set(seen.min(most));
            return;
        }
        // Jitter shortens a train as often as it lengthens it. So a higher rate is believed slowly,
        // and a lower one at once.
        self.open = if spread { 0 } else { (self.open + 1).min(OPEN_MAX) };
        let more = self.rate.saturating_add(self.rate / 100 * (OPEN_PERCENT << self.open));
        let used = if spread { seen / 100 * USED_PERCENT } else { seen };
        self.seen.push_front(if self.seen.is_empty() { used } else { used.min(more) });
        self.seen.truncate(TRAINS);
        let mut sorted: Vec<u64> = self.seen.iter().copied().collect();
        sorted.sort_unstable();
        let median = sorted.get((sorted.len() - 1) / 2).copied().unwrap_or(self.rate);
        self.set(median.clamp(self.rate / 2, most));
    }

    fn grow(&mut self, quiet: bool, written: Time, now: Time) {
        let memory = if self.seen.is_empty() { Duration::ZERO } else { TRAINS_MEMORY };
        let overdue = written.since(self.next_train) >= GROWTH_INTERVAL + memory;
        if self.train.is_none() && self.waited && quiet && overdue {
            self.seen.clear();
            self.next_train = now;
            self.waited = false;
            self.set(self.rate.saturating_add(self.rate / 4));
        }
    }

    fn set(&mut self, rate: u64) {
        self.rate = rate.clamp(RATE_MIN.min(self.ceiling), self.ceiling.min(RATE_MAX));
    }

    fn takes(&self, bytes: usize) -> Duration {
        takes_at(bytes, self.rate)
    }
}

fn takes_at(bytes: usize, rate: u64) -> Duration {
    Duration::from_micros((bytes as u64).saturating_mul(1_000_000) / rate.max(1))
}

fn not_before(at: Time, now: Time, late: Duration) -> Time {
    at.max(Time::from_micros(now.as_micros().saturating_sub(late.as_micros())))
}

fn per_second(bytes: u64, micros: u64) -> u64 {
    bytes.saturating_mul(1_000_000) / micros.max(1)
}
