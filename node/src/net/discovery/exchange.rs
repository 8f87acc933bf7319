//! When one more peer is wanted though all outbound slots are in use, and which peer is then disconnected.
//!
//! 1. **The extra peer.** When all slots are in use, one more peer is held. After [`EXTRA_INTERVAL`] it is
//!    disconnected and another one dialled. Otherwise two parts of a network that were cut off from each other
//!    would stay apart for good, each busy with itself. While peers fall silent, as they do when a network parts,
//!    this happens every [`EXTRA_INTERVAL_SILENT`].
//! 2. **The others stay.** Once in [`EXCHANGE_INTERVAL`] the extra peer stays instead, and one of the others,
//!    chosen at random, is disconnected. If this happened every few minutes, all slots would go, within hours, to
//!    peers that never disconnect and never decline. If it never happened, the same would happen more slowly:
//!    honest nodes end at times, and each gap is a chance for a peer that stays.
//! 3. **A run that knows little settles first.** At its start the slots go to the peers that were told first. So
//!    for [`SETTLE_TIME`] random walks go on. Every [`EXTRA_INTERVAL_SILENT`] the extra peer stays, and of the
//!    others the one that was held longest is disconnected, except the last run's anchors and the operator's
//!    peers. So each slot is drawn anew twice, and each time more peers are known. A run whose book already has
//!    reached peers in most groups
//!    ([`Book::knows_most_groups`](crate::net::discovery::book::Book::knows_most_groups)) does not settle: it
//!    gains nothing by drawing again, and each draw is a chance that all outbound peers are one attacker's. A run
//!    in a private network does not settle either. There are no groups there that would make a new draw better,
//!    and each exchange costs the items on their way a detour.
//! 4. **A feeler** tests an entry of the book every [`FEELER_INTERVAL`]. It asks for no slot.
//!
//! Deliberately absent: usefulness, because an attacker can show it best of all. Inbound slots
//! depend on it (`slots.rs`).

use protocol::time::{Duration, Time};
use rand::RngExt as _;
use rand::rngs::StdRng;

/// Peers beyond the number of outbound slots: the extra peer.
pub const REFRESH_EXTRA: usize = 1;

/// How long the extra peer is held; Bitcoin Core's `EXTRA_BLOCK_RELAY_ONLY_PEER_INTERVAL`.
pub const EXTRA_INTERVAL: Duration = Duration::from_secs(300);
/// The same after peers fell silent rather than closed, as they do when a network parts: then the
/// extra peer may be needed.
pub const EXTRA_INTERVAL_SILENT: Duration = Duration::from_secs(15);
/// The time between two dials for the extra peer while there is none.
pub const EXTRA_AGAIN: Duration = Duration::from_secs(5);
/// How long a run settles, from when all slots are first in use: 20 exchanges for 10 slots.
pub const SETTLE_TIME: Duration = Duration::from_secs(300);
/// The time between two random walks while all slots are in use, once the run has settled. Before that it is
/// [`EXTRA_INTERVAL_SILENT`]. libp2p refreshes Kademlia's table at the same interval.
pub const WALK_INTERVAL: Duration = Duration::from_secs(300);
/// How long the extra peer may be needed after a peer fell silent.
pub const SILENT_TIME: Duration = Duration::from_secs(600);
/// The time between two cases in which the extra peer stays in another's place. With 10 slots a peer is
/// disconnected in this way after 10 hours on average.
pub const EXCHANGE_INTERVAL: Duration = Duration::from_secs(3_600);
/// The time between two feelers: 2,880 a day, of some 3 kB each. With Bitcoin Core's two minutes it would take
/// a day until peers of some hundred groups are reached. Until then most of the reached peers would be those
/// that have always answered.
pub const FEELER_INTERVAL: Duration = Duration::from_secs(30);

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    /// Dial for the extra slot.
    Extra,
    /// Disconnect the extra peer.
    LeaveExtra,
    /// Disconnect one of the others, at random.
    LeaveAnother,
    /// Of the others, disconnect the one that was held longest, except those that are trusted more.
    LeaveOldest,
}

/// The timers.
#[derive(Debug)]
pub(super) struct Exchange {
    /// Since when the extra peer is held, or when all slots were first in use; and the percentage of the interval
    /// until the next change.
    changed: Option<Time>,
    spread: u64,
    /// Whether there was an extra peer, and when one was last dialled.
    present: bool,
    asked: Option<Time>,
    exchanged: Option<Time>,
    /// The last walk while all slots were in use.
    walked: Option<Time>,
    felt: Option<Time>,
    feeler_spread: u64,
    /// Until then the network may have parted, because peers fell silent.
    silent_until: Time,
}

impl Exchange {
    pub(super) fn new(rng: &mut StdRng) -> Self {
        // Nodes that started together must not change together.
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

    /// What is due while all slots are in use. `extra` means that there is an extra peer; `settling`, that
    /// the run still settles.
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
