//! One passage: what is recorded of one item. Data, and the rules of what counts as first.
//!
//! Deliberately absent: which items are recorded, and for how long (`passages.rs`).

use protocol::gossip::{ArrivalCause, ItemId, PeerHandle};
use protocol::items::hash::{BlockId, ShortId};
use protocol::time::{Duration, Time};

use crate::observe::trace::Kind;

/// Arrivals that are recorded of one item. With author trees one or two bodies come, and the announcements of the
/// other neighbours, some 20.
pub const ARRIVALS_MAX: usize = 16;

/// Departures that are recorded of one item: one for each neighbour of a node with the usual 24 slots or fewer in use.
pub const DEPARTURES_MAX: usize = 24;

/// How one item passed through this node.
#[derive(Clone, Debug)]
pub struct Passage {
    /// A transaction or a block.
    pub kind: Kind,
    /// Its short id.
    pub short: ShortId,
    /// Its whole id, once something has told it.
    pub id: Option<ItemId>,
    /// The length of its encoding, once it is known.
    pub bytes: Option<usize>,
    /// What became of it.
    pub state: State,
    /// Why it was refused, as a label of [`Refusal`](protocol::gossip::Refusal).
    pub refusal: Option<&'static str>,
    /// Why its first body came, and from which peer.
    pub origin: Option<(ArrivalCause, Option<PeerHandle>)>,
    /// The block that brought it.
    pub within: Option<BlockId>,
    /// When this node first heard of it.
    pub heard: Time,
    /// When each step was.
    pub steps: Steps,
    /// How long the check of its signature took, with those that were checked together.
    pub check_took: Option<Duration>,
    /// What came, in order.
    pub arrivals: Few<Arrival, ARRIVALS_MAX>,
    /// What left, in order.
    pub departures: Few<Departure, DEPARTURES_MAX>,
    /// Peers to which a body was pushed, to which one was sent because they asked, and to which it was announced. A
    /// peer counts as often as this was done.
    pub sent: Sent,
}

/// What became of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Only announcements came.
    Announced,
    /// A body is here, and is not decided on.
    Received,
    /// It was accepted.
    Accepted,
    /// It was refused.
    Refused,
}

/// When each step of an item was; `None` if it was not, or is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Steps {
    /// The first announcement.
    pub announced: Option<Time>,
    /// The first request for it.
    pub asked: Option<Time>,
    /// The first body, or its submission.
    pub received: Option<Time>,
    /// The verdict about its signature.
    pub checked: Option<Time>,
    /// The engine accepted it.
    pub accepted: Option<Time>,
    /// The commit that keeps it is on disk.
    pub stored: Option<Time>,
    /// The first departure after it was accepted.
    pub relayed: Option<Time>,
}

/// How often something left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Bodies that were sent unasked.
    pub pushed: u32,
    /// Bodies that were sent to peers that had asked.
    pub served: u32,
    /// Announcements and offers.
    pub announced: u32,
}

/// Something that came from a peer, or was asked of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// When.
    pub at: Time,
    /// The peer.
    pub peer: PeerHandle,
    /// What.
    pub what: Came,
}

/// What came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Came {
    /// The peer announced or offered the item.
    Announced,
    /// This node asked the peer for it.
    Asked,
    /// A body.
    Body {
        /// Why.
        cause: ArrivalCause,
        /// Whether it was not needed.
        duplicate: bool,
    },
}

/// Something that left to a peer, or that a peer asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Departure {
    /// When the engine sent it. From then on it waits for the connection.
    pub at: Time,
    /// The peer.
    pub peer: PeerHandle,
    /// What.
    pub what: Went,
}

/// What left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Went {
    /// The item was announced.
    Announced,
    /// It was offered in a comparison.
    Offered,
    /// The peer asked for it.
    Wanted,
    /// A body was sent unasked.
    Pushed,
    /// A body was sent, because the peer had asked for it or took it from an offer.
    Served,
}

/// The first few of a list, and how many more there were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Few<T, const MAX: usize> {
    kept: Vec<T>,
    left_out: u32,
}

impl<T, const MAX: usize> Default for Few<T, MAX> {
    fn default() -> Self {
        Self { kept: Vec::new(), left_out: 0 }
    }
}

impl<T, const MAX: usize> Few<T, MAX> {
    /// Adds one, or counts it.
    fn push(&mut self, one: T) {
        let len = self.kept.len();
        if len >= MAX {
            self.left_out = self.left_out.saturating_add(1);
            return;
        }
        if len == self.kept.capacity() {
            // Never more places than may be used, which a vector that grows by itself would have.
            self.kept.reserve_exact(len.max(4).min(MAX - len));
        }
        self.kept.push(one);
    }

    /// The first ones, in order.
    #[must_use]
    pub fn kept(&self) -> &[T] {
        &self.kept
    }

    /// How many more there were.
    #[must_use]
    pub const fn left_out(&self) -> u32 {
        self.left_out
    }
}

impl Passage {
    pub(super) fn new(kind: Kind, short: ShortId, now: Time) -> Self {
        Self {
            kind,
            short,
            id: None,
            bytes: None,
            state: State::Announced,
            refusal: None,
            origin: None,
            within: None,
            heard: now,
            steps: Steps::default(),
            check_took: None,
            arrivals: Few::default(),
            departures: Few::default(),
            sent: Sent::default(),
        }
    }

    /// A peer announced it. A peer that repeats itself adds nothing.
    pub(super) fn announced(&mut self, at: Time, peer: PeerHandle) {
        self.steps.announced.get_or_insert(at);
        self.arrive(Arrival { at, peer, what: Came::Announced });
    }

    /// This node asks a peer for it.
    pub(super) fn asked(&mut self, at: Time, peer: PeerHandle) {
        self.steps.asked.get_or_insert(at);
        self.arrive(Arrival { at, peer, what: Came::Asked });
    }

    /// A body came.
    pub(super) fn body(&mut self, at: Time, peer: PeerHandle, cause: ArrivalCause, duplicate: bool) {
        self.arrive(Arrival { at, peer, what: Came::Body { cause, duplicate } });
        if !duplicate {
            self.enter(at, cause, Some(peer));
        }
    }

    /// It is here, because of `cause`. Only the first body counts.
    pub(super) fn enter(&mut self, at: Time, cause: ArrivalCause, from: Option<PeerHandle>) {
        if self.origin.is_none() {
            self.origin = Some((cause, from));
            self.steps.received = Some(at);
        }
        if self.state == State::Announced {
            self.state = State::Received;
        }
    }

    pub(super) fn accepted(&mut self, at: Time) {
        self.steps.accepted.get_or_insert(at);
        self.state = State::Accepted;
        self.refusal = None;
    }

    /// What was accepted once is not refused by what a later body of it comes to.
    pub(super) fn refused(&mut self, label: &'static str) {
        if self.state != State::Accepted {
            self.state = State::Refused;
            self.refusal = Some(label);
        }
    }

    /// A peer asked for it.
    pub(super) fn wanted(&mut self, at: Time, peer: PeerHandle) {
        self.depart(Departure { at, peer, what: Went::Wanted });
    }

    /// It is announced to a peer, or offered.
    pub(super) fn announce(&mut self, at: Time, peer: PeerHandle, what: Went) {
        self.sent.announced = self.sent.announced.saturating_add(1);
        self.leave(Departure { at, peer, what });
    }

    /// A body is sent to a peer. If the peer asked for it, or it was offered, the peer is served.
    pub(super) fn send(&mut self, at: Time, peer: PeerHandle) {
        let asks = |one: &Departure| one.peer == peer && matches!(one.what, Went::Wanted | Went::Offered);
        let what = if self.departures.kept.iter().any(asks) { Went::Served } else { Went::Pushed };
        let count = if what == Went::Served { &mut self.sent.served } else { &mut self.sent.pushed };
        *count = count.saturating_add(1);
        self.leave(Departure { at, peer, what });
    }

    fn leave(&mut self, departure: Departure) {
        if self.state == State::Accepted {
            self.steps.relayed.get_or_insert(departure.at);
        }
        self.depart(departure);
    }

    fn arrive(&mut self, arrival: Arrival) {
        let same = |one: &Arrival| one.peer == arrival.peer && one.what == arrival.what;
        if matches!(arrival.what, Came::Body { .. }) || !self.arrivals.kept.iter().any(same) {
            self.arrivals.push(arrival);
        }
    }

    fn depart(&mut self, departure: Departure) {
        let same = |one: &Departure| one.peer == departure.peer && one.what == departure.what;
        if departure.what != Went::Wanted || !self.departures.kept.iter().any(same) {
            self.departures.push(departure);
        }
    }
}
