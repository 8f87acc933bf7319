//! How long the lowest missing block, for which all later ones wait, may take: a clock that runs while the window
//! is stuck.
//! The clock is like Bitcoin Core's `m_block_stalling_timeout`. It starts at 2 s and doubles each time that it
//! ends a request, so that a node whose own link is slow does not suspect one peer after the other. Progress
//! resets it. In Bitcoin Core the peer is disconnected, and the time falls by 15 % a block. Here the peer is
//! struck, and the time falls at once. This file only computes. When the window is stuck, and what is done about
//! it, is in `catch_up`.

use crate::gossip::api::PeerHandle;
use crate::items::hash::BlockId;
use crate::limits::{BLOCK_STALL_MAX, BLOCK_STALL_MIN};
use crate::time::{Duration, Time};

/// What holds up the window: the lowest missing block, and the peer that was asked for it.
pub(crate) type Staller = (BlockId, PeerHandle);

/// The clock.
#[derive(Debug)]
pub(crate) struct StallClock {
    /// How long the next staller may take.
    limit: Duration,
    /// The staller for which the window waits, and until when.
    stuck: Option<(Staller, Time)>,
}

impl Default for StallClock {
    fn default() -> Self {
        Self { limit: BLOCK_STALL_MIN, stuck: None }
    }
}

impl StallClock {
    /// Notes the staller for which the window waits now. The clock runs on only while it stays the same.
    pub(crate) fn watch(&mut self, now: Time, staller: Option<Staller>) {
        let as_before = |(before, _): &(Staller, Time)| Some(*before) == staller;
        self.stuck = self.stuck.filter(as_before).or_else(|| staller.map(|staller| (staller, now + self.limit)));
    }

    /// The staller whose time is over.
    pub(crate) fn due(&self, now: Time) -> Option<Staller> {
        self.stuck.filter(|(_, until)| *until <= now).map(|(staller, _)| staller)
    }

    /// The staller's request was ended: the next one gets twice the time.
    pub(crate) fn ended(&mut self) {
        self.limit = self.limit.times(2).min(BLOCK_STALL_MAX);
        self.stuck = None;
    }

    /// No other peer can be asked: the staller gets as much time again.
    pub(crate) const fn restart(&mut self) {
        self.stuck = None;
    }

    /// A block was connected.
    pub(crate) const fn progressed(&mut self) {
        self.limit = BLOCK_STALL_MIN;
    }

    /// When to ask [`StallClock::due`] next.
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.stuck.map(|(_, until)| until)
    }
}
