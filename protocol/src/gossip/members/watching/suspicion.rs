//! How long one suspicion lasts, and when a node checks the suspect itself.
//!
//! * **Duration.** With one accuser a suspicion lasts for 6 T. It gets shorter with each further accuser, down to
//!   T with three. It never lasts less than T. The first accusers count for the most: with `C` further accusers of
//!   `K` that are expected, it lasts for `most − log(C+1) / log(K+1) × (most − least)`.
//!   *Source:* Lifeguard (arXiv 1707.00788), section "LHA-Suspicion", and memberlist's `remainingSuspicionTime`.
//!   *Rationale:* one accuser may be slow itself, so a suspect has long to refute. Three that fail independently
//!   are seldom wrong.
//! * **From the start.** The duration is counted from the first accusation. An accuser that joins moves the
//!   deadline to an earlier time, at worst into the past. Then the suspicion has run out at once.
//! * **The members of the start.** T follows from the number of members when the suspicion began. It stays, so
//!   that the deadline of a suspicion never moves to a later time.
//! * **Own check.** At a random moment of the second half, each node checks the suspect itself. The moment is a
//!   fixed part of the duration, drawn once, so it moves with the deadline.
//!   *Rationale:* a member is dead for a node only after the node's own check. In the first half a refutation may
//!   still cancel it. Because the moments are random, a suspect is not probed by everybody at once.
//!
//! Unlike memberlist, a network with too few members for three accusers does not begin with T: there a single liar
//! would be as quick as three witnesses. It waits for 6 T.
//!
//! Deliberately absent: who the accusers are and whether they are distinct; refutations; the check itself; timers.
//! If time stands still or jumps back, deadlines wait for the clock.

use crate::gossip::members::config::MembersConfig;
use crate::gossip::members::estimates::logarithm::{Fixed, log2};
use crate::limits::SUSPICION_ACCUSERS;
use crate::time::{Duration, Time};

/// One suspicion, as one node sees it. 32 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suspicion {
    since: Time,
    least: Duration,
    most: Duration,
    accusers: u32,
    draw: u32,
}

impl Suspicion {
    /// A suspicion that begins now, with one accuser, in a network of this number of members. `draw` is a random
    /// number. It decides when this node checks for itself.
    #[must_use]
    pub fn new(now: Time, members: usize, config: &MembersConfig, draw: u32) -> Self {
        let (least, most) = (config.suspicion_min(members), config.suspicion_max(members));
        Self { since: now, least, most: most.max(least), accusers: 1, draw }
    }

    /// This number of distinct accusers is known now. A smaller number than before changes nothing. Returns
    /// whether the deadline has changed.
    pub fn accused_by(&mut self, accusers: usize) -> bool {
        let accusers = accusers.min(SUSPICION_ACCUSERS) as u32;
        let more = accusers > self.accusers;
        self.accusers = self.accusers.max(accusers);
        more
    }

    /// The number of accusers that count: 1 to [`SUSPICION_ACCUSERS`].
    #[must_use]
    pub const fn accusers(&self) -> usize {
        self.accusers as usize
    }

    /// When the first accuser was heard of.
    #[must_use]
    pub const fn since(&self) -> Time {
        self.since
    }

    /// How long the suspicion lasts, from its start, with the accusers known so far. Rounded up to a microsecond.
    #[must_use]
    pub fn duration(&self) -> Duration {
        let counted = log2(u64::from(self.accusers)).bits();
        let expected = log2(SUSPICION_ACCUSERS as u64).bits();
        let shorter = Fixed::ratio(u128::from(counted), u128::from(expected)).of(self.most - self.least);
        (self.most - shorter).max(self.least)
    }

    /// When the suspicion runs out, if nobody else joins.
    #[must_use]
    pub fn deadline(&self) -> Time {
        self.since + self.duration()
    }

    /// When this node checks the suspect itself: in the second half of the suspicion, before the deadline.
    #[must_use]
    pub fn check_at(&self) -> Time {
        let half = self.duration().divided_by(2);
        self.since + half + Fixed::from_bits(u64::from(self.draw)).of(half)
    }

    /// Whether the deadline is reached.
    #[must_use]
    pub fn has_run_out(&self, now: Time) -> bool {
        now >= self.deadline()
    }
}
