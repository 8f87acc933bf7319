//! What the tracker can be asked. Nothing here changes it.

use alloc::boxed::Box;

use super::announcer::{Peer, Slot};
use super::backing::{Backing, Source};
use super::entry::{Announcement, Entry, State};
use super::strikes::Groups;
use super::{Load, RequestKey, RequestTracker};
use crate::footprint::{block, hashed, tree};
use crate::gossip::PeerHandle;
use crate::time::{Duration, Time};

/// Why a peer was asked for a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Errand {
    /// It was not asked: it promised the body. If the promise has expired, it counts as one of the others.
    Promised,
    /// Another peer had been asked before, in vain.
    Retry,
    /// The key was held for a while, and no body came.
    AfterHold,
    /// The key was news.
    News,
    /// Anything else.
    Other,
}

impl RequestTracker {
    /// The memory of an announcement that no other peer shares: its key's number and entry, a list of announcers
    /// with room for four, a place among the peer's announced keys and one among those that are ready or held.
    pub const ANNOUNCEMENT_BYTES: usize = hashed(size_of::<(RequestKey, Slot)>())
        + tree(size_of::<(Slot, Box<Entry>)>())
        + block(size_of::<Entry>())
        + block(4 * size_of::<Announcement>())
        + tree(size_of::<Slot>())
        + tree(size_of::<(Time, Slot)>());

    /// The memory of a request in flight beside its announcement: its deadline.
    pub const FLIGHT_BYTES: usize = tree(size_of::<(Time, Slot)>());

    /// The memory of the strikes of an address group.
    pub const GROUP_BYTES: usize = Groups::ENTRY_BYTES;

    /// A peer's own strikes at the latest time that the tracker was told; 0 if the peer is not connected.
    #[must_use]
    pub fn strikes(&self, peer: PeerHandle) -> u32 {
        self.peers.get(&peer).map_or(0, |peer| peer.strikes.at(self.now))
    }

    /// The strikes of its group that lower a peer's rank beside its own, at the latest time that the tracker was
    /// told; 0 if the peer is not connected.
    #[must_use]
    pub fn inherited(&self, peer: PeerHandle) -> u32 {
        self.peers.get(&peer).map_or(0, |peer| peer.inherited.at(self.now))
    }

    /// Whether a peer is proven (rule 5), struck or not.
    #[must_use]
    pub fn is_proven(&self, peer: PeerHandle) -> bool {
        self.peers.get(&peer).is_some_and(|peer| peer.proven)
    }

    /// Smoothed time between request and body, less the body's own transfer; `None` before the first body that is
    /// shorter than [`REQUEST_RATE_SAMPLE_BYTES_MIN`](crate::limits::REQUEST_RATE_SAMPLE_BYTES_MIN).
    #[must_use]
    pub fn response(&self, peer: PeerHandle) -> Option<Duration> {
        self.peers.get(&peer).and_then(|peer| peer.pace.response())
    }

    /// Requests in flight from a peer.
    #[must_use]
    pub fn in_flight(&self, peer: PeerHandle) -> usize {
        self.peers.get(&peer).map_or(0, Peer::in_flight)
    }

    /// Announcements of a peer, in any state.
    #[must_use]
    pub fn announcements(&self, peer: PeerHandle) -> usize {
        self.peers.get(&peer).map_or(0, Peer::announcements)
    }

    /// What a peer has announced and what is in flight from it, by kind; nothing if it is not connected.
    #[must_use]
    pub fn load(&self, peer: PeerHandle) -> Load {
        self.peers.get(&peer).map_or_else(Load::default, Peer::load)
    }

    /// The place of a peer: its address group, or the peer itself.
    pub(crate) fn source(&self, peer: PeerHandle) -> Source {
        self.peers.get(&peer).and_then(|peer| peer.group).map_or(Source::Peer(peer), Source::Group)
    }

    /// The places of the peers that have announced a key.
    pub(crate) fn backing(&self, key: RequestKey) -> Backing {
        let entry = self.slots.get(&key).and_then(|slot| self.entries.get(slot));
        let announcers = entry.into_iter().flat_map(|entry| &entry.announcements);
        announcers.fold(Backing::Nobody, |backing, announcement| backing.and(self.source(announcement.peer)))
    }

    /// The peer that was asked for a key and has neither answered nor let it expire.
    #[must_use]
    pub fn asked(&self, key: RequestKey) -> Option<PeerHandle> {
        let entry = self.slots.get(&key).and_then(|slot| self.entries.get(slot))?;
        entry.flight.map(|flight| flight.peer)
    }

    /// Why a peer was asked for a key, if a body from it would answer that request.
    pub(crate) fn errand(&self, peer: PeerHandle, key: RequestKey) -> Option<Errand> {
        let entry = self.slots.get(&key).and_then(|slot| self.entries.get(slot))?;
        entry.asked(peer).filter(|_| self.peers.contains_key(&peer))?;
        let failed = |other: &Announcement| other.peer != peer && matches!(other.state, State::Completed(_));
        Some(match entry.flight {
            Some(flight) if flight.peer == peer && entry.promised => Errand::Promised,
            _ if entry.announcements.iter().any(failed) => Errand::Retry,
            _ if entry.waited => Errand::AfterHold,
            _ if entry.live => Errand::News,
            _ => Errand::Other,
        })
    }

    /// Whether an announcement of a key by any peer is remembered.
    #[must_use]
    pub fn is_tracked(&self, key: RequestKey) -> bool {
        self.slots.contains_key(&key)
    }

    /// Keys tracked.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is tracked: no key, no queue entry, no deadline. Peers and groups may still be known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
            && self.slots.is_empty()
            && self.deadlines.is_empty()
            && self.holds.is_empty()
            && self.eager.is_empty()
            && self.peers.values().all(Peer::is_idle)
    }

    /// Peers connected.
    #[must_use]
    pub fn peers(&self) -> usize {
        self.peers.len()
    }

    /// Address groups whose strikes are remembered.
    #[must_use]
    pub fn groups(&self) -> usize {
        self.groups.len()
    }

    /// Whether a key is marked as news.
    #[must_use]
    pub fn is_live(&self, key: RequestKey) -> bool {
        self.slots.get(&key).and_then(|slot| self.entries.get(slot)).is_some_and(|entry| entry.live)
    }

    /// When to call [`RequestTracker::expire`] and [`RequestTracker::release`] next.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Time> {
        let firsts = [self.deadlines.first(), self.holds.first()];
        firsts.into_iter().flatten().map(|&(at, _)| at).min()
    }
}
