//! The φ accrual failure detector (Hayashibara, Défago, Yared, Katayama, SRDS 2004), as Cassandra has it
//! (`FailureDetector.java`, `ArrivalWindow`). One of these belongs to one peer.
//!
//! * **φ** says how unusual it is that nothing came from the peer for so long. If intervals between arrivals are
//!   exponentially distributed, silence of this length is an accident with probability 10^−φ. So φ is `elapsed /
//!   mean × 0.434`, where 0.434 is 1 / ln 10. The original paper has a normal distribution instead. It needs a
//!   logarithm of a tail, and suits intervals of network traffic less (CASSANDRA-2597).
//! * **Window.** The mean is that of the last [`PHI_WINDOW`] intervals.
//! * **Seed.** The first arrival counts as an interval of twice the expected one.
//!   *Rationale:* it is better to notice a failure late than to flap.
//! * **Long gaps.** An interval of more than twice the expected one is ignored.
//!   *Rationale:* a peer that is silent now and then should be noticed sooner, not later.
//! * **Short gaps.** An arrival within half the expected interval of the last one that counted is no new interval.
//!   It only shows that the peer is alive.
//!   *Rationale:* Cassandra's heartbeats are a second apart. Here each frame is one, and a busy link brings
//!   hundreds a second. With their mean, a pause of a fraction of a second would make φ exceed every threshold.
//!   (ScyllaDB ignores short intervals too.) So φ reaches 8 after no less than 9.2 expected intervals, and no more
//!   than 36.8.
//!
//! *Memory:* [`PHI_BYTES`] a peer, at most.
//!
//! *Security:* all of this concerns one peer, and only that peer sends what is counted. It can make itself
//! suspected later, by up to the 36.8 intervals, or sooner. It gains nothing by either.
//!
//! Deliberately absent: which frames are heartbeats, pauses of this node (`health.rs`), and the verdict. Time may
//! stand still or jump: after a jump back, intervals begin anew.

use alloc::vec::Vec;

use super::logarithm::Fixed;
use crate::footprint::list;
use crate::limits::PHI_WINDOW;
use crate::time::{Duration, Time};

/// The most bytes that the detector of one peer takes: its intervals, and 64 bytes of its own. 75 peers take 305
/// KiB.
pub const PHI_BYTES: usize = list(PHI_WINDOW, size_of::<u32>()) + size_of::<Phi>();

/// What is known of the arrivals from one peer.
#[derive(Clone, Debug)]
pub struct Phi {
    /// From one heartbeat to the next, in microseconds.
    expected: u32,
    /// The last intervals, in microseconds. When there are [`PHI_WINDOW`], the oldest is replaced.
    intervals: Vec<u32>,
    oldest: usize,
    /// Of all intervals: at most 1,000 × 2³².
    sum: u64,
    /// The last arrival that ended an interval.
    counted: Time,
    /// The last arrival.
    heard: Time,
}

impl Phi {
    /// A detector for a peer from which a heartbeat is expected at this interval. 35 minutes at most.
    #[must_use]
    pub fn new(expected: Duration) -> Self {
        let expected = expected.as_micros().clamp(2, u64::from(u32::MAX / 2)) as u32;
        Self { expected, intervals: Vec::new(), oldest: 0, sum: 0, counted: Time::ZERO, heard: Time::ZERO }
    }

    /// Something came from the peer.
    pub fn arrived(&mut self, now: Time) {
        self.heard = now;
        if self.intervals.is_empty() {
            self.counted = now;
            self.note(self.expected.saturating_mul(2));
            return;
        }
        let since = now.since(self.counted).as_micros();
        if now >= self.counted && since < u64::from(self.expected / 2) {
            return;
        }
        if now >= self.counted && since <= u64::from(self.expected) * 2 {
            self.note(since as u32);
        }
        self.counted = now;
    }

    /// φ at this moment. Zero before the first arrival.
    #[must_use]
    pub fn level(&self, now: Time) -> Fixed {
        if self.intervals.is_empty() {
            return Fixed::ZERO;
        }
        let elapsed = u128::from(now.since(self.heard).as_micros());
        // elapsed / (sum / count) / ln 10, with one division. At most 64 + 10 + 31 bits.
        let numerator = elapsed * self.intervals.len() as u128 * u128::from(ONE_BY_LN_10);
        let bits = numerator / u128::from(self.sum.max(1));
        Fixed::from_bits(u64::try_from(bits).unwrap_or(u64::MAX))
    }

    /// Whether φ is over the threshold.
    #[must_use]
    pub fn is_over(&self, now: Time, threshold: u8) -> bool {
        self.level(now) > Fixed::whole(u32::from(threshold))
    }

    /// The first moment at which φ is over the threshold if nothing more comes; `None` before the first arrival.
    /// It is a deadline to wake at.
    #[must_use]
    pub fn over_at(&self, threshold: u8) -> Option<Time> {
        if self.intervals.is_empty() {
            return None;
        }
        // The least span for which `level` is more than the threshold, which is a whole number: one unit more.
        let least = (u128::from(threshold) << 32) + 1;
        let numerator = least.saturating_mul(u128::from(self.sum));
        let each = self.intervals.len() as u128 * u128::from(ONE_BY_LN_10);
        let span = numerator.div_ceil(each);
        Some(self.heard + Duration::from_micros(u64::try_from(span).unwrap_or(u64::MAX)))
    }

    /// The number of intervals in the window.
    #[must_use]
    pub fn intervals(&self) -> usize {
        self.intervals.len()
    }

    /// The mean interval, rounded down. Zero before the first arrival.
    #[must_use]
    pub fn mean(&self) -> Duration {
        Duration::from_micros(self.sum.checked_div(self.intervals.len() as u64).unwrap_or_default())
    }

    fn note(&mut self, interval: u32) {
        self.sum = self.sum.saturating_add(u64::from(interval));
        if self.intervals.len() < PHI_WINDOW {
            self.intervals.push(interval);
        } else if let Some(oldest) = self.intervals.get_mut(self.oldest) {
            self.sum = self.sum.saturating_sub(u64::from(core::mem::replace(oldest, interval)));
            self.oldest = (self.oldest + 1) % PHI_WINDOW;
        }
    }
}

/// 1 / ln 10 = 0.43429448…, the logarithm of e to base 10, with 32 bits after the point as in a [`Fixed`].
const ONE_BY_LN_10: u32 = 1_865_280_597;
