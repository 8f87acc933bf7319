//! When a peer more is wanted though all outbound slots are in use, and who is left then.
//!
//! 1. **The extra peer.** With all slots in use one more peer is held. After [`EXTRA_INTERVAL`] it is left and another
//!    taken: two parts of a network that were cut off from each other would otherwise stay apart for good, each busy with
//!    itself. While peers fell silent, as they do when a network parts, that happens every [`EXTRA_INTERVAL_SILENT`].
//! 2. **The others stay.** Once in [`EXCHANGE_INTERVAL`] the extra peer stays instead, and one of the others is left at
//!    random. An exchange of any of them every few minutes hands all slots over, within hours, to those that never leave
//!    and never decline. None at all would do the same more slowly: honest nodes end at times, and each gap is a chance
//!    for somebody who stays.
//! 3. **A run that knows little settles first.** At its start the slots go to peers of whoever told first. So for
//!    [`SETTLE_TIME`] random walks go on, and every [`EXTRA_INTERVAL_SILENT`] the extra peer stays and the one of the others
//!    that was held longest is disconnected, except the last run's anchors and the operator's peers. Each slot is drawn
//!    anew twice, with more known each time. A run whose book already has reached peers in most groups
//!    ([`Book::knows_most_groups`](crate::book::Book::knows_most_groups)) does not settle: nothing is gained by drawing
//!    again, and each draw is a chance that all outbound peers are one attacker's.
//! 4. **A feeler** tests an entry of the book every [`FEELER_INTERVAL`]. It asks for no slot.
//!
//! Deliberately absent: usefulness. It is what an attacker can show best. Inbound slots are given by it (`behaviour.rs`).

use protocol::time::{Duration, Time};
use rand::RngExt as _;
use rand::rngs::StdRng;

/// Peers over the target: the extra one.
pub const REFRESH_EXTRA: usize = 1;

/// For how long the extra peer is held; Bitcoin Core's `EXTRA_BLOCK_RELAY_ONLY_PEER_INTERVAL`.
pub const EXTRA_INTERVAL: Duration = Duration::from_secs(300);
/// The same while it may be needed: peers fell silent rather than closed, as they do when a network parts.
pub const EXTRA_INTERVAL_SILENT: Duration = Duration::from_secs(15);
/// Between two dials for the extra peer while there is none.
pub const EXTRA_AGAIN: Duration = Duration::from_secs(5);
/// How long a run settles, from when all slots are first in use: 20 exchanges for 10 slots.
pub const SETTLE_TIME: Duration = Duration::from_secs(300);
/// Between two random walks with all slots in use, once the run has settled; before, [`EXTRA_INTERVAL_SILENT`]. libp2p's own
/// for refreshing Kademlia's table.
pub const WALK_INTERVAL: Duration = Duration::from_secs(300);
/// How long it may be needed after a peer fell silent.
pub const SILENT_TIME: Duration = Duration::from_secs(600);
/// Between two times that the extra peer stays in another's place. With 10 slots a peer is disconnected in this way after 10 hours on average.
pub const EXCHANGE_INTERVAL: Duration = Duration::from_secs(3_600);
/// Between two feelers: 2,880 a day, of some 3 kB each. Bitcoin Core's two minutes would need a day until peers of some
/// hundred groups are reached, and until then whoever has always answered is most of those that are.
pub const FEELER_INTERVAL: Duration = Duration::from_secs(30);

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    /// Dial for the extra slot.
    Extra,
    /// Leave the extra peer.
    LeaveExtra,
    /// Leave one of the others, at random.
    LeaveAnother,
    /// Leave the one of the others that was held longest, but for those that are trusted more.
    LeaveOldest,
}

/// The timers.
#[derive(Debug)]
pub(super) struct Exchange {
    /// Since when the extra peer is held, or all slots were first in use; and percent of the interval until the next change.
    changed: Option<Time>,
    spread: u64,
    /// Whether there was an extra peer, and when one was dialled last.
    present: bool,
    asked: Option<Time>,
    exchanged: Option<Time>,
    /// The last walk with all slots in use.
    walked: Option<Time>,
    felt: Option<Time>,
    feeler_spread: u64,
    /// Until when peers that fell silent let it be feared that the network has parted.
    silent_until: Time,
}

impl Exchange {
    pub(super) fn new(rng: &mut StdRng) -> Self {
        // Nodes that started together don't change together.
        let (spread, feeler_spread) = (rng.random_range(0..=100), rng.random_range(0..=100));
        Self {
            changed: None,
            spread,
            present: false,
            asked: None,
            exchanged: None,
            walked: None,
            felt: None,
            feeler_spread,
            silent_until: Time::ZERO,
        }
    }

    pub(super) fn on_silence(&mut self, now: Time) {
        self.silent_until = now + SILENT_TIME;
    }

    /// What is due while all slots are in use; `extra`: there is an extra peer; `settling`: the run still settles.
    pub(super) fn poll(&mut self, now: Time, extra: bool, settling: bool, rng: &mut StdRng) -> Due {
        let soon = now < self.silent_until || settling;
        let every = if soon { EXTRA_INTERVAL_SILENT } else { EXTRA_INTERVAL };
        let exchanged = *self.exchanged.get_or_insert(now);
        if extra && !self.present {
            (self.changed, self.spread) = (Some(now), rng.random_range(75..=125));
        }
        let held = now.since(*self.changed.get_or_insert(now)) >= every.times(self.spread).divided_by(100);
        self.present = extra;
        if !extra {
            let due = if let Some(asked) = self.asked { now.since(asked) >= EXTRA_AGAIN } else { held };
            if due {
                self.asked = Some(now);
                return Due::Extra;
            }
            return Due::Nothing;
        }
        if !held {
            return Due::Nothing;
        }
        self.present = false;
        if settling {
            return Due::LeaveOldest;
        }
        if now.since(exchanged) < EXCHANGE_INTERVAL.times(rng.random_range(75..=125)).divided_by(100) {
            return Due::LeaveExtra;
        }
        self.exchanged = Some(now);
        Due::LeaveAnother
    }

    /// Whether to look up a random key although all slots are in use.
    pub(super) fn walk(&mut self, now: Time, settling: bool) -> bool {
        let every = if settling { EXTRA_INTERVAL_SILENT } else { WALK_INTERVAL };
        let due = self.walked.is_none_or(|walked| now.since(walked) >= every);
        if due {
            self.walked = Some(now);
        }
        due
    }

    /// Whether an entry of the book is to be tested.
    pub(super) fn feel(&mut self, now: Time, rng: &mut StdRng) -> bool {
        let felt = *self.felt.get_or_insert(now);
        if now.since(felt) < FEELER_INTERVAL.times(self.feeler_spread).divided_by(100) {
            return false;
        }
        self.felt = Some(now);
        self.feeler_spread = rng.random_range(75..=125);
        true
    }
}
