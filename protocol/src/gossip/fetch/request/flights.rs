//! How a request begins and ends, and what happens to its key then: rules 1 to 4 and 9.

use core::hash::BuildHasher;

use super::announcer::{Peer, Slot};
use super::entry::{Flight, State};
use super::pace::Asked;
use super::{RequestKey, RequestTracker};
use crate::gossip::PeerHandle;
use crate::sorted::SortedSet;
use crate::time::Time;

impl RequestTracker {
    /// A strike for a peer and its group (rule 9).
    pub(super) fn strike(&mut self, now: Time, peer: PeerHandle) {
        if let Some(peer) = self.peers.get_mut(&peer) {
            peer.strikes.strike(now);
            if let Some(group) = peer.group {
                self.groups.strike(now, group);
            }
        }
    }

    /// A peer without strikes has announced a key that is in flight from a struck one. That request ends (rule 1).
    pub(super) fn relieve(&mut self, slot: Slot, by: PeerHandle) {
        let strikes = |peer: PeerHandle| self.peers.get(&peer).map_or(0, |peer| peer.strikes.at(self.now));
        let flight = self.entries.get(&slot).and_then(|entry| entry.flight);
        if flight.is_some_and(|flight| strikes(flight.peer) > 0 && strikes(by) == 0) {
            self.complete(slot, true);
        }
    }

    /// Sends a ready key to its best candidate among `askable` (rule 4).
    pub(super) fn request(
        &mut self,
        now: Time,
        slot: Slot,
        askable: &[PeerHandle],
    ) -> Option<(PeerHandle, RequestKey)> {
        let entry = self.entries.get(&slot)?;
        if entry.flight.is_some() {
            return None;
        }
        let candidates = entry.announcements.iter().filter(|announcement| {
            announcement.state == State::Candidate && askable.binary_search(&announcement.peer).is_ok()
        });
        let best = candidates.filter_map(|announcement| {
            let handle = announcement.peer;
            let peer = self
                .peers
                .get(&handle)
                .filter(|peer| peer.lot(slot).is_none_or(|lot| lot.has_room(&peer.pace)))?;
            Some((peer.rank(now), self.salt.hash_one((entry.key, handle)), handle))
        });
        let (_, _, handle) = best.min()?;
        self.fly(now, slot, handle)
    }

    /// Counts a key as requested of one of its announcers.
    pub(super) fn fly(&mut self, now: Time, slot: Slot, handle: PeerHandle) -> Option<(PeerHandle, RequestKey)> {
        let entry = self.entries.get_mut(&slot)?;
        let key = entry.key;
        let place = entry.place(handle).ok()?;
        let announcement = entry.announcements.get_mut(place)?;
        announcement.state = State::Requested;
        let expected_bytes = announcement.expected_bytes;
        let asked = Asked { at: now, number: self.next_number };
        self.next_number += 1;
        for announcement in &entry.announcements {
            if let Some(peer) = self.peers.get_mut(&announcement.peer) {
                peer.lot_mut(slot).unready(slot);
                rest(&mut self.eager, announcement.peer, peer);
            }
        }
        let peer = self.peers.get_mut(&handle)?;
        let deadline = now + peer.depart(slot, expected_bytes);
        entry.flight = Some(Flight { peer: handle, deadline, asked, expected_bytes });
        entry.promised = false;
        self.deadlines.insert((deadline, slot));
        Some((handle, key))
    }

    /// Learns from an answer, if the body is one.
    pub(super) fn served(&mut self, now: Time, peer: PeerHandle, asked: Option<Asked>, bytes: usize) -> bool {
        let (Some(asked), Some(state)) = (asked, self.peers.get_mut(&peer)) else { return false };
        state.pace.served(now, asked, bytes, self.next_number);
        state.strikes.served(now);
        state.inherited.served(now);
        if let Some(group) = state.group {
            self.groups.served(now, group);
        }
        true
    }

    /// The request in flight for a key ended without a body.
    pub(super) fn complete(&mut self, slot: Slot, may_still_come: bool) -> Option<Flight> {
        let entry = self.entries.get_mut(&slot)?;
        let flight = entry.flight.take()?;
        if let Ok(place) = entry.place(flight.peer)
            && let Some(announcement) = entry.announcements.get_mut(place)
        {
            announcement.state = State::Completed(may_still_come.then_some(flight.asked));
        }
        self.land(slot, flight);
        self.offer_or_drop(slot, true);
        Some(flight)
    }

    /// Nothing is in flight for a key any more. Gives back the room that the flight took.
    pub(super) fn land(&mut self, slot: Slot, flight: Flight) {
        self.deadlines.remove(&(flight.deadline, slot));
        if let Some(peer) = self.peers.get_mut(&flight.peer) {
            peer.lot_mut(slot).land(flight.expected_bytes);
        }
    }

    /// Forgets a key that has neither a candidate nor a request (rule 2). Otherwise, if its request has just
    /// ended, puts it into its candidates' queues.
    pub(super) fn offer_or_drop(&mut self, slot: Slot, ended: bool) {
        let Some(entry) = self.entries.get(&slot) else { return };
        let mut alive = entry.flight.is_some();
        let ended = ended && entry.held.is_none();
        for announcement in entry.announcements.iter().filter(|it| it.state == State::Candidate) {
            alive = true;
            if !ended {
                break;
            }
            if let Some(peer) = self.peers.get_mut(&announcement.peer) {
                peer.lot_mut(slot).ready(slot);
                self.eager.insert(announcement.peer);
            }
        }
        if !alive {
            self.forget_slot(slot);
        }
    }

    pub(super) fn forget_slot(&mut self, slot: Slot) {
        let Some(entry) = self.entries.remove(&slot) else { return };
        self.slots.remove(&entry.key);
        if let Some(held) = entry.held {
            self.holds.remove(&(held, slot));
        }
        if let Some(flight) = entry.flight {
            self.land(slot, flight);
        }
        for announcement in entry.announcements {
            if let Some(peer) = self.peers.get_mut(&announcement.peer) {
                peer.lot_mut(slot).remove(slot);
                rest(&mut self.eager, announcement.peer, peer);
            }
        }
    }
}

/// Removes a peer that has no ready key from the set of peers that have one.
pub(super) fn rest(eager: &mut SortedSet<PeerHandle>, handle: PeerHandle, peer: &Peer) {
    if !peer.has_ready() {
        eager.remove(&handle);
    }
}
