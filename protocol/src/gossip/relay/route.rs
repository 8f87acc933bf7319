//! One route, as seen from here: which links are eager, which peer is the parent, and which would have been
//! earlier. The rules are at the head of `routes`.

use alloc::vec::Vec;

use super::trust::Trust;
use crate::gossip::api::PeerHandle;
use crate::items::hash::{RouteId, RouteKind};
use crate::limits::{GRAFT_TRIAL, LATE_ITEMS, LATE_ITEMS_MAX, SPARE_MIN};
use crate::time::{Duration, Time};

/// One route, as seen from here.
#[derive(Clone, Debug)]
pub(super) struct Route {
    /// If true, links are eager except for `exceptions`; if false, they are lazy except for them.
    pub(super) eager: bool,
    /// Sorted. Peers that are gone are taken out.
    pub(super) exceptions: Vec<PeerHandle>,
    pub(super) parent: Parent,
    /// The peer whose announcements come closest behind the parent's push, and by how many microseconds.
    pub(super) next_best: Option<(PeerHandle, i64)>,
    /// For each announcer, sorted: for which of the last items it would have been earlier than the parent.
    pub(super) claims: Vec<Claim>,
    /// First sights until now.
    pub(super) items: u32,
    /// On a route of blocks, the peer that sends the latest block or was asked for it: we are its child.
    pub(super) feeder: Option<PeerHandle>,
    /// The peer that was grafted and hasn't brought anything since, and when it was grafted.
    pub(super) grafted: Option<(PeerHandle, Time)>,
    /// The peer that pushes beside a parent that may have left something out, and until when.
    pub(super) spare: Option<(PeerHandle, Time)>,
    /// How long the next spare is kept.
    pub(super) spare_span: Duration,
    /// Whether the parent pushed the last item.
    pub(super) pushes: bool,
    /// While the node is alarmed, the peers whose copies are accepted beside the parent's.
    pub(super) beside: Vec<PeerHandle>,
    /// Whether only doubted links bring its items: another copy was waited for in vain.
    pub(super) doubtful: bool,
}

/// What brought a route's last item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parent {
    /// It entered here.
    Here,
    Peer(PeerHandle),
    /// A peer that has disconnected.
    Gone,
}

/// For which of a route's last items an announcer says that it would have been earlier than the parent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim {
    pub(super) by: PeerHandle,
    /// A bit for each item. The lowest bit is the item with the number `newest`.
    pub(super) late: u8,
    pub(super) newest: u32,
}

/// The links of one route.
#[derive(Clone, Copy, Debug)]
pub(super) struct Links<'a> {
    pub(super) route: Option<&'a Route>,
    pub(super) default: bool,
}

impl Links<'_> {
    /// Whether to push to a peer.
    pub(super) fn is_eager(&self, peer: PeerHandle) -> bool {
        self.route.map_or(self.default, |route| route.is_eager(peer))
    }
}

/// A verified item that was seen for the first time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct First {
    /// The kind of the route.
    pub(crate) kind: RouteKind,
    /// The route on which it travelled.
    pub(crate) route: RouteId,
    /// Its author's route.
    pub(crate) author: RouteId,
    /// When its body came.
    pub(crate) at: Time,
    /// The peer that brought it; `None` if it was submitted here.
    pub(crate) from: Option<PeerHandle>,
    /// Whether it came unasked.
    pub(crate) pushed: bool,
    /// Whether a doubted link had brought it before.
    pub(crate) again: bool,
}

/// How far a peer's push would have been behind the first copy of a transaction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Behind {
    pub(super) from: PeerHandle,
    /// Since when the peer has the transaction, by its word and by the delay of its link.
    pub(super) had: Time,
    /// The difference, in microseconds. Negative if the peer would have been first.
    pub(super) micros: i64,
    /// Of the first sight: its route, its time, and its number on the route.
    pub(super) route: RouteId,
    pub(super) at: Time,
    pub(super) number: u32,
}

impl Route {
    pub(super) const fn new(kind: RouteKind) -> Self {
        Self {
            eager: matches!(kind, RouteKind::Transaction),
            exceptions: Vec::new(),
            parent: Parent::Here,
            next_best: None,
            claims: Vec::new(),
            items: 0,
            feeder: None,
            grafted: None,
            spare: None,
            spare_span: SPARE_MIN,
            pushes: false,
            beside: Vec::new(),
            doubtful: false,
        }
    }

    /// Whether it is a route of transactions: a second copy of a block costs too much.
    pub(super) const fn is_small(&self) -> bool {
        self.eager
    }

    /// Whether a peer may take a doubted link's place. Without a spare, any peer may. With a spare, only the spare
    /// and the grafted peer may. Any other peer pushes although it was not asked to, and it may be the next one
    /// that leaves something out.
    pub(super) fn admits(&self, now: Time, peer: PeerHandle) -> bool {
        self.spare_at(now).is_none_or(|spare| spare == peer)
            || self.grafted.is_some_and(|(grafted, _)| grafted == peer)
    }

    /// The peer that is kept beside the parent.
    pub(super) fn spare_at(&self, now: Time) -> Option<PeerHandle> {
        self.spare.filter(|(_, until)| now < *until).map(|(spare, _)| spare)
    }

    /// A peer has disconnected. Returns the peer to graft in its place, if it was the parent.
    pub(super) fn leave(&mut self, now: Time, peer: PeerHandle, trust: &Trust) -> Option<PeerHandle> {
        if let Ok(place) = self.exceptions.binary_search(&peer) {
            self.exceptions.remove(place);
        }
        self.next_best.take_if(|(best, _)| *best == peer);
        self.grafted.take_if(|(grafted, _)| *grafted == peer);
        self.claims.retain(|claim| claim.by != peer);
        self.beside.retain(|other| *other != peer);
        self.spare.take_if(|(spare, _)| *spare == peer);
        self.feeder.take_if(|feeder| *feeder == peer);
        if self.parent != Parent::Peer(peer) {
            return None;
        }
        self.parent = Parent::Gone;
        let (best, _) = self.next_best.filter(|(best, _)| trust.may_graft(now, *best))?;
        self.grafted = Some((best, now));
        Some(best)
    }

    /// An item came. While the parent is not doubted, an item that a doubted link brings teaches nothing.
    pub(super) fn see(&mut self, first: First, trust: &mut Trust) {
        let First { at, from, again, .. } = first;
        let doubted = from.is_some_and(|from| trust.is_doubted(at, from));
        if doubted && matches!(self.parent, Parent::Peer(parent) if !trust.is_doubted(at, parent)) {
            return;
        }
        if !again {
            self.items = self.items.saturating_add(1);
            let oldest = self.items.saturating_sub(LATE_ITEMS - 1);
            self.claims.retain(|claim| claim.newest >= oldest);
        }
        self.pushes = first.pushed;
        self.doubtful &= doubted;
        self.parent = match from {
            None => Parent::Here,
            Some(from) if trust.is_there(from) => Parent::Peer(from),
            Some(_) => Parent::Gone,
        };
        let Some(from) = from else { return };
        match self.grafted {
            Some((grafted, _)) if grafted == from => {
                self.grafted = None;
                trust.graft_won(grafted);
            }
            Some((grafted, since)) if !doubted && at >= since + GRAFT_TRIAL => {
                self.grafted = None;
                trust.graft_lost(at, grafted);
                self.next_best.take_if(|(best, _)| *best == grafted);
            }
            _ => {}
        }
        self.next_best.take_if(|(best, _)| *best == from);
    }

    /// An announcer would have been earlier with the item of this number.
    pub(super) fn claim(&mut self, by: PeerHandle, number: u32) {
        if self.items.saturating_sub(number) >= LATE_ITEMS {
            return;
        }
        let place = self.claims.binary_search_by_key(&by, |claim| claim.by);
        let place = place.unwrap_or_else(|place| {
            self.claims.insert(place, Claim { by, late: 0, newest: number });
            place
        });
        if let Some(claim) = self.claims.get_mut(place) {
            if number > claim.newest {
                claim.late = claim.late.checked_shl(number - claim.newest).unwrap_or_default();
                claim.newest = number;
            }
            claim.late |= 1_u8.checked_shl(claim.newest - number).unwrap_or_default();
        }
    }

    /// Among the peers that would have been earlier often enough, the one that has its turn.
    pub(super) fn earlier(&self, now: Time, trust: &Trust) -> Option<PeerHandle> {
        let often = |claim: &&Claim| self.late_for(claim) >= LATE_ITEMS_MAX && trust.may_graft(now, claim.by);
        let turn = self.claims.iter().filter(often).map(|claim| (trust.turn(claim.by), claim.by)).min();
        turn.map(|(_, by)| by)
    }

    /// For how many of the last items an announcer would have been earlier.
    pub(super) fn late_for(&self, claim: &Claim) -> u32 {
        let passed = self.items.saturating_sub(claim.newest);
        let lately = (1_u8 << LATE_ITEMS) - 1;
        (claim.late.checked_shl(passed).unwrap_or_default() & lately).count_ones()
    }

    pub(super) fn is_eager(&self, peer: PeerHandle) -> bool {
        self.exceptions.binary_search(&peer).is_ok() != self.eager
    }

    pub(super) fn set_eager(&mut self, peer: PeerHandle, eager: bool) {
        match (self.exceptions.binary_search(&peer), eager == self.eager) {
            (Ok(place), true) => {
                self.exceptions.remove(place);
            }
            (Err(place), false) => self.exceptions.insert(place, peer),
            _ => {}
        }
    }
}
