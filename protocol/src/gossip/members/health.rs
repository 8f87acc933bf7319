//! How far a node trusts its own verdicts about others. A node that is overloaded or cut off gets no answers
//! either, and the fault is its own.
//!
//! * **Awareness** is a number from 0, which is healthy, to `awareness-max-multiplier`. All timeouts are
//!   multiplied by awareness + 1. It falls by one with each probe that was answered.
//! * **What raises it.** A failed probe, by one, if no member was asked to try as well. Otherwise each of these
//!   members that sent no nack in time, by one. And each time that this node has to refute a suspicion about
//!   itself, by one.
//!   *Rationale:* a nack says "I am here, and have no answer either". If all of them sent one, the network of this
//!   node works, and the fault is not here.
//!   *Source:* Lifeguard (arXiv 1707.00788), section "LHA-Probe", and memberlist's `awareness.go` and `probeNode`.
//! * **Pause.** A node that did not run for more than [`PAUSE_MAX`] accuses nobody for [`PAUSE_MAX`] after it. It
//!   was stopped, its machine slept, or it got no processor time. Answers that came meanwhile may wait unread.
//!   *Source:* Cassandra's `FailureDetector`, which calls it a local pause.
//! * **How a pause shows.** The engine asks to be woken at its deadline. If it is woken later than that by more
//!   than [`PAUSE_MAX`], it was not running.
//!   *Rationale:* Cassandra measures the time between two rounds instead. An engine without work isn't called, so
//!   here a quiet time would look like a pause.
//!
//! # Security
//!
//! Members that send no nacks, and members that accuse this node, raise its awareness. At most this makes its
//! timeouts nine times as long. It never makes this node accuse anybody.
//!
//! Deliberately absent: probes and refutations themselves. Time may stand still or jump. A jump ahead past a
//! deadline looks like a pause, and is treated as one. After a jump back the pause counts anew, so on any clock a
//! pause protects nobody for longer than [`PAUSE_MAX`].

use crate::limits::PAUSE_MAX;
use crate::time::{Duration, Time};

/// How unhealthy this node thinks it is: Lifeguard's local health multiplier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Awareness {
    level: u8,
    most: u8,
}

/// How a probe ended: directly, and through the members that were asked to try as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// The member answered in time, here or to a member that was asked.
    Answered,
    /// It did not.
    Failed {
        /// The number of members that were asked to try as well.
        asked: u8,
        /// The number of them that sent a nack in time.
        nacks: u8,
    },
}

impl Awareness {
    /// A healthy node. `most` is `awareness-max-multiplier`.
    #[must_use]
    pub const fn new(most: u8) -> Self {
        Self { level: 0, most }
    }

    /// From 0 to the highest awareness.
    #[must_use]
    pub const fn level(&self) -> u8 {
        self.level
    }

    /// A probe of this node ended.
    pub fn probed(&mut self, probe: Probe) {
        match probe {
            Probe::Answered => self.level = self.level.saturating_sub(1),
            Probe::Failed { asked: 0, .. } => self.rise(1),
            Probe::Failed { asked, nacks } => self.rise(asked.saturating_sub(nacks)),
        }
    }

    /// This node had to refute a suspicion about itself.
    pub fn refuted(&mut self) {
        self.rise(1);
    }

    /// A timeout or interval, as long as this node's health demands: `span` × (awareness + 1).
    #[must_use]
    pub const fn scaled(&self, span: Duration) -> Duration {
        span.times(self.level as u64 + 1)
    }

    fn rise(&mut self, by: u8) {
        self.level = self.level.saturating_add(by).min(self.most);
    }
}

/// Notices when this node was not running. Then nobody may be accused for a while.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PauseGuard {
    seen: Option<Time>,
    paused: Option<Time>,
}

impl PauseGuard {
    /// This node runs. Call this first at each input. `due` is the deadline at which it had asked to be woken.
    /// Returns whether it was not running for too long until now.
    pub fn woken(&mut self, now: Time, due: Option<Time>) -> bool {
        // If the last deadline is long past and was seen, the pause is only what came after that.
        let expected = self.seen.zip(due).map(|(seen, due)| seen.max(due));
        let paused = expected.is_some_and(|expected| now.since(expected) > PAUSE_MAX);
        self.seen = Some(now);
        if paused || self.paused.is_some_and(|paused| now < paused) {
            self.paused = Some(now);
        }
        paused
    }

    /// Whether this node may accuse others.
    #[must_use]
    pub fn may_accuse(&self, now: Time) -> bool {
        self.paused.is_none_or(|paused| now.since(paused) >= PAUSE_MAX)
    }

    /// When this node may accuse others again, if it may not now. It is a deadline to wake at.
    #[must_use]
    pub fn ends(&self, now: Time) -> Option<Time> {
        self.paused.filter(|_| !self.may_accuse(now)).map(|paused| paused + PAUSE_MAX)
    }
}
