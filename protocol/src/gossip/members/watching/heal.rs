//! When a partition seems to have healed: several members that were dead return at nearly the same time.
//!
//! Most members of the other half refute at once, because their peers were told that they were dead. But a member
//! that nobody of this half had reached before was never accused: a few nodes found it dead by themselves, and nobody
//! tells it. So a while after the first returns, this node looks again at everybody that it still takes for dead or
//! suspect, also at addresses that it dialled just now. Probes that are still open then are given up, because they may
//! have begun before the heal.
//!
//! Deliberately absent: the probes.

use alloc::collections::VecDeque;

use crate::limits::{HEAL_INTERVAL, HEAL_LOOK_AFTER, HEAL_RETURNS, HEAL_WITHIN};
use crate::time::Time;

/// The latest returns, and what follows from them.
#[derive(Debug, Default)]
pub(in crate::gossip::members) struct Heal {
    returns: VecDeque<Time>,
    look_at: Option<Time>,
    not_before: Time,
}

impl Heal {
    /// A member that was dead is back.
    pub(super) fn returned(&mut self, now: Time) {
        self.returns.push_back(now);
        if self.returns.len() > HEAL_RETURNS {
            self.returns.pop_front();
        }
        let first = self.returns.front().filter(|_| self.returns.len() == HEAL_RETURNS);
        let healed = first.is_some_and(|first| now.since(*first) <= HEAL_WITHIN);
        if healed && self.look_at.is_none() && now >= self.not_before {
            self.look_at = Some(now + HEAL_LOOK_AFTER);
            self.not_before = now + HEAL_INTERVAL;
        }
    }

    /// When this node looks again.
    pub(super) const fn look_at(&self) -> Option<Time> {
        self.look_at
    }

    /// Whether it is time to look again. Says so once.
    pub(super) fn is_due(&mut self, now: Time) -> bool {
        self.look_at.take_if(|at| *at <= now).is_some()
    }
}
