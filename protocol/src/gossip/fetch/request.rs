//! Which peer to ask for which item, one at a time.
//!
//! Promises that an item with at least one honest announcer is asked of that announcer after a bounded time,
//! whatever the other announcers do. Also promises that no peer can make this structure grow past its bounds.
//! Deliberately absent: messages, verification, what is held already, and what a peer's strikes lead to. The
//! caller decides; this file computes.
//!
//! # Specification
//!
//! **Stored** is a set of *announcements*: "peer P has the item named K", with the bytes that its body is expected
//! to take. Each is in one of three states:
//!
//! * *candidate*: not asked for yet;
//! * *requested*: asked for, and neither answered nor expired;
//! * *completed*: asked for, and expired or answered with notfound; or brought in vain (rule 14).
//!
//! For each peer it stores its strikes, whether it is proven, its pace (response, rate), and what is in flight
//! from it. For each address group it stores strikes, if there is room. A key is *ready* when nothing is in flight
//! for it and it has a candidate.
//!
//! **Rules**
//!
//! 1. At most one request is in flight for a key. A request to a struck peer ends, without a further strike, when
//!    a peer without strikes announces the key; its body may still come.
//!    *Rationale:* this saves bytes: in steady state an item is fetched once. But a peer that is first to announce
//!    everything is the only candidate at that moment. If a struck peer were waited for, each item would wait for
//!    an expiry at every hop, even if the withholder is well known (p95 of 100 nodes with 30 % of them: 24 times
//!    the p95 with none).
//! 2. A peer is not asked twice for a key, unless the key was forgotten between. A completed announcement stays
//!    until the key has neither a candidate nor a request; then everything about the key is forgotten.
//!    *Rationale:* otherwise a withholder announces again after each expiry and is asked forever (CVE-2024-52913).
//!    With the rule, n announcers are used up after n expiries.
//! 3. On expiry, notfound or disconnect the key is ready again at once.
//!    *Rationale:* a wait would be a gift to the peer that withheld.
//! 4. A ready key goes to the best candidate that can be asked. The first criterion is standing: proven, then new,
//!    then struck. Struck peers are ordered by the number of their strikes, and those of their group (rule 9)
//!    count too. Then outbound goes before inbound. Then a salted hash of peer and key decides.
//!    *Rationale:* a peer gains nothing by announcing first, because otherwise peers would race. A peer that
//!    withheld comes after every peer that did not. Without this memory and with short expiries, a withholder that
//!    always announces first would cost each item several expiries. We chose our outbound peers ourselves. The
//!    salt can't be known, and the hash differs for each item.
//! 5. *Proven*: a peer is proven when its body was the first and was valid. A notfound takes that away, and is no
//!    strike.
//!    *Rationale:* an honest peer sheds items from its mempool, and must not be struck for it. But a notfound must
//!    not be a free way to delay either: the next item goes to another peer.
//! 6. Ready keys are served blocks first, then in the order in which they were first announced.
//!    *Rationale:* a burst of transactions must not delay a block.
//! 7. A peer can be asked while the caller permits it and the peer has room. Blocks and transactions have room of
//!    their own. There is room while nothing of the kind is in flight from the peer. There is also room while
//!    fewer requests than the bound are in flight, and fewer bytes than the peer sends in [`REQUEST_QUEUE_MAX`].
//!    *Rationale:* a request that queues for longer than the longest expiry would expire although no peer is at
//!    fault.
//! 8. A request expires after the peer's smoothed response and its deviation, plus the transfer time, at the
//!    measured rate, of the body and of everything that is in flight before it. For blocks the transfer counts
//!    [`REQUEST_BLOCK_SHARERS`] times, because every peer asks for a new block at once, and it is sent to one
//!    after the other. The time is doubled for each flight that expired since the last body. It is never shorter
//!    than [`REQUEST_EXPIRY_MIN`] or longer than [`REQUEST_EXPIRY_MAX`]. The response counts as one and a half
//!    measured round trips at least, up to [`REQUEST_RESPONSE_INITIAL`].
//!    *Rationale:* a fixed time is too short for a distant peer or too long for a withholder. A push that crosses a
//!    request may be taken for its answer, and then the response looks shorter than the path.
//! 9. An expired request is a strike, for the peer and for its address group. One strike is removed each
//!    [`STRIKE_DECAY_INTERVAL`], and one for each [`STRIKE_DECAY_SERVED`] requests served after it. A group counts
//!    up to [`GROUP_STRIKES_MAX`]. When a peer connects, the strikes that its group has then lower the peer's rank
//!    (rule 4). They are removed in the same way, and do nothing else: the peer itself is not struck. If there are
//!    more groups than [`STRIKE_GROUPS_MAX`], the one that was not struck for longest is forgotten.
//!    *Rationale:* new identities are free, addresses less so. But a new peer is not to blame for what its
//!    neighbours did: it is asked later where other peers have the same item, its promises are accepted, and it is
//!    disconnected no sooner.
//! 10. A body settles its key, whichever peer sent it, asked or not, in time or late: all announcements of it are
//!     forgotten.
//!     *Rationale:* the caller has the item. A body that proves bad can be announced anew.
//! 11. An announcement may come with a time before which its key is not ready, because the body is likely to be
//!     pushed. Of several such times the earliest counts.
//!     *Rationale:* this saves bytes, and no peer can delay what another peer announces.
//! 12. A peer may promise a body unasked. If nothing is in flight for the key, it counts as requested of that
//!     peer.
//!     *Rationale:* a large body is on its way for a long time, and must not be fetched from another peer
//!     meanwhile. A broken promise is a strike, like a request that isn't answered.
//! 13. A request that holds up items that have come already may be ended before its time, with a strike, if the
//!     caller says so; but only if the key has a candidate that can take over. Its body may still come, and its
//!     peer's pace stays as it is.
//!     *Rationale:* blocks are connected in order, so one late block stops a whole window of them. But a request
//!     that no other peer can take over would only be asked anew, and its body would come twice.
//! 14. The caller may have no room for a body from this sender, and have room if another peer brings it. Such a
//!     body completes its sender's announcement and serves its request. The key stays with the others.
//!     *Rationale:* otherwise a peer whose share is used up could keep an item from us by bringing it first.
//!
//! **Attack bounds.** If k of the n announcers of an item withhold, and are not known for it, the item waits for
//! at most k expiries, and for k/(n-k+1) on average. Each of them costs the withholder a strike, and a struck peer
//! comes after every honest announcer.
//!
//! **Time** may stand still or go back. Deadlines and decay then wait for the clock to catch up; nothing breaks.
//!
//! # Complexity
//!
//! With n announcements: an announcement costs O(log n) and a move within the list of the key's announcers, which
//! has at most one entry for each connected peer. [`RequestTracker::next_requests`] costs O(peers with ready keys)
//! and, for each request that it returns, the key's announcers times log n. It looks at no key that can't be asked.
//!
//! # Security
//!
//! A peer holds at most [`REQUEST_ANNOUNCEMENTS_MAX`] transactions and [`REQUEST_BLOCK_ANNOUNCEMENTS_MAX`] blocks,
//! in any state; 4,352 of up to 463 bytes: 1.9 MiB. The excess is dropped, and nothing of another peer.
//!
//! [`REQUEST_QUEUE_MAX`]: crate::limits::REQUEST_QUEUE_MAX
//! [`REQUEST_BLOCK_SHARERS`]: crate::limits::REQUEST_BLOCK_SHARERS
//! [`REQUEST_EXPIRY_MIN`]: crate::limits::REQUEST_EXPIRY_MIN
//! [`REQUEST_EXPIRY_MAX`]: crate::limits::REQUEST_EXPIRY_MAX
//! [`REQUEST_RESPONSE_INITIAL`]: crate::limits::REQUEST_RESPONSE_INITIAL
//! [`STRIKE_DECAY_INTERVAL`]: crate::limits::STRIKE_DECAY_INTERVAL
//! [`STRIKE_DECAY_SERVED`]: crate::limits::STRIKE_DECAY_SERVED
//! [`STRIKE_GROUPS_MAX`]: crate::limits::STRIKE_GROUPS_MAX
//! [`GROUP_STRIKES_MAX`]: crate::limits::GROUP_STRIKES_MAX
//! [`REQUEST_ANNOUNCEMENTS_MAX`]: crate::limits::REQUEST_ANNOUNCEMENTS_MAX
//! [`REQUEST_BLOCK_ANNOUNCEMENTS_MAX`]: crate::limits::REQUEST_BLOCK_ANNOUNCEMENTS_MAX

mod announcer;
pub(crate) mod backing;
mod entry;
mod flights;
mod pace;
pub(crate) mod readings;
mod strikes;

use alloc::boxed::Box;
use alloc::collections::BinaryHeap;
use alloc::vec;
use alloc::vec::Vec;
use core::cmp::Reverse;

use hashbrown::HashMap;
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;

use self::announcer::{Lot, Peer, Slot};
use self::entry::{Announcement, Entry, State};
use self::flights::rest;
use self::strikes::{Groups, Strikes};
use crate::gossip::links::by_handle::ByHandle;
use crate::gossip::{AddressGroup, Direction, PeerHandle};
use crate::items::hash::{BlockId, ShortId, TxId};
use crate::seeded::SeededState;
use crate::sorted::{SortedMap, SortedSet};
use crate::time::{Duration, Time};

/// What a request asks for, named as it was announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RequestKey {
    /// A transaction by its short id.
    Short(ShortId),
    /// A transaction by its full id.
    Full(TxId),
    /// A block.
    Block(BlockId),
}

/// What became of an announcement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Announced {
    /// It is new, and a candidate now.
    Tracked,
    /// This peer has announced this key before; nothing changed.
    Repeated,
    /// The peer is at its bound, or not connected; nothing changed.
    Dropped,
}

/// What one peer has in the tracker, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Transactions announced, in any state.
    pub transactions: usize,
    /// Blocks announced, in any state.
    pub blocks: usize,
    /// Requests for transactions in flight.
    pub transactions_in_flight: usize,
    /// Requests for blocks in flight.
    pub blocks_in_flight: usize,
}

/// The announcements of all peers, and what is in flight.
#[derive(Debug)]
pub struct RequestTracker {
    /// The latest time that the tracker was told.
    now: Time,
    peers: ByHandle<Peer>,
    /// The peers that have a ready key in their queues.
    eager: SortedSet<PeerHandle>,
    groups: Groups,
    slots: HashMap<RequestKey, Slot, SeededState>,
    /// Boxed, so that a list of them is short to move.
    entries: SortedMap<Slot, Box<Entry>>,
    deadlines: SortedSet<(Time, Slot)>,
    /// The ends of holds.
    holds: SortedSet<(Time, Slot)>,
    /// The salt of the tie-break.
    salt: SeededState,
    next_slot: u64,
    next_number: u64,
}

impl RequestTracker {
    /// An empty tracker. All chance comes from `seed`.
    #[must_use]
    pub fn new(seed: [u8; 32]) -> Self {
        let mut chance = ChaCha8Rng::from_seed(seed);
        Self {
            now: Time::ZERO,
            peers: ByHandle::new(),
            eager: SortedSet::new(),
            groups: Groups::new(SeededState::draw(&mut chance)),
            slots: HashMap::with_hasher(SeededState::draw(&mut chance)),
            entries: SortedMap::new(),
            deadlines: SortedSet::new(),
            holds: SortedSet::new(),
            salt: SeededState::draw(&mut chance),
            next_slot: 0,
            next_number: 0,
        }
    }

    /// A peer has connected. The strikes of its group lower its rank (rule 9); `None` means a group of its own
    /// that is not remembered. A peer that is connected already stays as it is.
    pub fn peer_connected(
        &mut self,
        now: Time,
        peer: PeerHandle,
        direction: Direction,
        group: Option<AddressGroup>,
    ) {
        self.now = now;
        if self.peers.contains_key(&peer) {
            return;
        }
        let inherited = group.map_or_else(Strikes::none, |group| self.groups.inherited(now, group));
        self.peers.insert(peer, Peer::new(direction, group, inherited));
    }

    /// A peer is gone, and everything that it announced. Whatever was in flight from it is ready for the next
    /// announcer; that is no strike.
    pub fn peer_disconnected(&mut self, now: Time, peer: PeerHandle) {
        self.now = now;
        let Some(gone) = self.peers.remove(&peer) else { return };
        self.eager.remove(&peer);
        for slot in gone.announced() {
            let Some(entry) = self.entries.get_mut(&slot) else { continue };
            entry.announcements.retain(|announcement| announcement.peer != peer);
            let ended = entry.flight.take_if(|flight| flight.peer == peer);
            if let Some(flight) = ended {
                self.deadlines.remove(&(flight.deadline, slot));
            }
            self.offer_or_drop(slot, ended.is_some());
        }
    }

    /// A peer announced a key whose body is expected to take `expected_bytes` (encoded).
    pub fn announced(&mut self, now: Time, peer: PeerHandle, key: RequestKey, expected_bytes: usize) -> Announced {
        self.announced_early(now, peer, key, expected_bytes, now)
    }

    /// The same for a key that need not be asked for before `ready_at`.
    pub fn announced_early(
        &mut self,
        now: Time,
        peer: PeerHandle,
        key: RequestKey,
        expected_bytes: usize,
        ready_at: Time,
    ) -> Announced {
        self.now = now;
        let slot = self.slots.get(&key).copied();
        let known = slot.and_then(|slot| self.entries.get_mut(&slot));
        let place = known.as_ref().map_or(Err(0), |entry| entry.place(peer));
        let Err(place) = place else { return Announced::Repeated };
        let Some(state) = self.peers.get_mut(&peer) else { return Announced::Dropped };
        let slot = slot.unwrap_or_else(|| Slot::new(&key, self.next_slot));
        let lot = state.lot_mut(slot);
        if lot.is_full() {
            return Announced::Dropped;
        }
        let expected_bytes = u32::try_from(expected_bytes).unwrap_or(u32::MAX);
        let announcement = Announcement { peer, expected_bytes, state: State::Candidate };
        match known {
            Some(entry) => {
                let ready = entry.flight.is_none() && entry.held.is_none();
                lot.add(slot, ready);
                if ready {
                    self.eager.insert(peer);
                }
                entry.announcements.insert(place, announcement);
                if let Some(held) = entry.held.filter(|held| ready_at < *held) {
                    entry.held = Some(ready_at);
                    self.holds.remove(&(held, slot));
                    self.holds.insert((ready_at, slot));
                    self.release(now);
                }
                self.relieve(slot, peer);
            }
            None => {
                let held = (ready_at > now).then_some(ready_at);
                lot.add(slot, held.is_none());
                match held {
                    None => self.eager.insert(peer),
                    Some(held) => self.holds.insert((held, slot)),
                };
                // Most keys have few announcers. A vector with room for one keeps the bound's arithmetic valid.
                let announcements = vec![announcement];
                let (promised, waited, live) = (false, held.is_some(), false);
                let entry = Entry { key, flight: None, held, promised, waited, live, announcements };
                self.entries.insert(slot, Box::new(entry));
                self.slots.insert(key, slot);
                self.next_slot += 1;
            }
        }
        Announced::Tracked
    }

    /// A peer will send a key's body unasked (rule 12). True if that counts as a request now; false if another
    /// peer is sending it, or if this peer promises too much.
    pub fn promised(&mut self, now: Time, peer: PeerHandle, key: RequestKey, expected_bytes: usize) -> bool {
        if self.announced(now, peer, key, expected_bytes) == Announced::Dropped {
            return false;
        }
        let Some(slot) = self.slots.get(&key).copied() else { return false };
        let Some(entry) = self.entries.get_mut(&slot) else { return false };
        // A struck peer's promise doesn't hold up the other announcers. Such a peer is asked if there is no other.
        let trusted = self
            .peers
            .get(&peer)
            .is_some_and(|peer| peer.lot(slot).is_none_or(Lot::may_fly) && peer.strikes.at(now) == 0);
        let place = entry.place(peer).ok().and_then(|place| entry.announcements.get(place));
        let candidate = place.is_some_and(|announcement| announcement.state == State::Candidate);
        if entry.flight.is_some() || !trusted || !candidate {
            return false;
        }
        if let Some(held) = entry.held.take() {
            self.holds.remove(&(held, slot));
        }
        let flies = self.fly(now, slot, peer).is_some();
        if let Some(entry) = self.entries.get_mut(&slot) {
            entry.promised = flies;
        }
        flies
    }

    /// Marks a known key as news: its body is worth learning from.
    pub fn mark_live(&mut self, key: RequestKey) {
        let slot = self.slots.get(&key);
        if let Some(entry) = slot.and_then(|slot| self.entries.get_mut(slot)) {
            entry.live = true;
        }
    }

    /// Ends the holds whose time is over.
    pub fn release(&mut self, now: Time) {
        while let Some(&(until, slot)) = self.holds.first()
            && until <= now
        {
            self.holds.pop_first();
            if let Some(entry) = self.entries.get_mut(&slot) {
                entry.held = None;
                self.offer_or_drop(slot, true);
            }
        }
    }

    /// What to ask of which peer now, in the order of rule 6. All of it counts as requested from here on.
    /// `may_ask` tells whether a peer can take requests at all; it is called at most once for each peer.
    pub fn next_requests(
        &mut self,
        now: Time,
        mut may_ask: impl FnMut(PeerHandle) -> bool,
    ) -> Vec<(PeerHandle, RequestKey)> {
        self.now = now;
        // In the order of handles, so that it can be searched.
        let mut askable = Vec::new();
        // The first ready key of each peer and kind; a merge of the peers' queues.
        let mut fronts = BinaryHeap::new();
        for &handle in self.eager.iter() {
            let Some(peer) = self.peers.get(&handle) else { continue };
            if peer.fronts().next().is_some() && may_ask(handle) {
                askable.push(handle);
                fronts.extend(peer.fronts().map(|slot| Reverse((slot, handle))));
            }
        }
        let mut requests = Vec::new();
        while let Some(Reverse((slot, handle))) = fronts.pop() {
            if let Some((chosen, key)) = self.request(now, slot, &askable) {
                requests.push((chosen, key));
            }
            // The key has left this peer's queue, because this peer or a better one was asked for it.
            let next = self.peers.get(&handle).and_then(|peer| peer.front_like(slot));
            fronts.extend(next.filter(|&next| next > slot).map(|next| Reverse((next, handle))));
        }
        requests
    }

    /// A body of `bytes` encoded bytes came. Every announcement of `key` is forgotten. True if it served a
    /// request: this peer had been asked for it, and the key was not settled since.
    pub fn received(&mut self, now: Time, peer: PeerHandle, key: RequestKey, bytes: usize) -> bool {
        self.now = now;
        let Some(slot) = self.slots.get(&key).copied() else { return false };
        let asked = self.entries.get(&slot).and_then(|entry| entry.asked(peer));
        self.forget_slot(slot);
        self.served(now, peer, asked, bytes)
    }

    /// A body came that may be accepted if another peer brings it, but not from this one (rule 14). True if it
    /// served a request: this peer had been asked for it.
    pub fn passed_on(&mut self, now: Time, peer: PeerHandle, key: RequestKey, bytes: usize) -> bool {
        self.now = now;
        let Some(slot) = self.slots.get(&key).copied() else { return false };
        let Some(entry) = self.entries.get_mut(&slot) else { return false };
        let asked = entry.asked(peer);
        if entry.flight.is_some_and(|flight| flight.peer == peer) {
            self.complete(slot, false);
        } else if let Ok(place) = entry.place(peer)
            && let Some(announcement) = entry.announcements.get_mut(place)
        {
            announcement.state = State::Completed(None);
            if let Some(state) = self.peers.get_mut(&peer) {
                state.lot_mut(slot).unready(slot);
                rest(&mut self.eager, peer, state);
            }
            self.offer_or_drop(slot, false);
        }
        self.served(now, peer, asked, bytes)
    }

    /// The lowest round trip to a peer that the caller measured so far (rule 8).
    pub fn measured(&mut self, peer: PeerHandle, lowest: Duration) {
        if let Some(state) = self.peers.get_mut(&peer) {
            state.pace.measured(lowest);
        }
    }

    /// A body of this peer was the first, and valid.
    pub fn proved(&mut self, peer: PeerHandle) {
        if let Some(state) = self.peers.get_mut(&peer) {
            state.proven = true;
        }
    }

    /// The item is held or refused, however it came. A request in flight ends without a strike.
    pub fn forget(&mut self, key: RequestKey) {
        if let Some(slot) = self.slots.get(&key).copied() {
            self.forget_slot(slot);
        }
    }

    /// A peer that was asked doesn't have it. True if it had been asked; otherwise nothing changes.
    pub fn not_found(&mut self, now: Time, peer: PeerHandle, key: RequestKey) -> bool {
        self.now = now;
        let Some(slot) = self.slots.get(&key).copied() else { return false };
        let Some(entry) = self.entries.get(&slot) else { return false };
        if entry.flight.is_none_or(|flight| flight.peer != peer) {
            return false;
        }
        self.complete(slot, false);
        if let Some(state) = self.peers.get_mut(&peer) {
            state.proven = false;
        }
        true
    }

    /// Ends the requests whose deadline is over, and strikes the peers that were asked. In the order of deadlines.
    pub fn expire(&mut self, now: Time) -> Vec<(PeerHandle, RequestKey)> {
        self.now = now;
        let mut expired = Vec::new();
        while let Some(&(deadline, slot)) = self.deadlines.first()
            && deadline <= now
        {
            self.deadlines.pop_first();
            let Some(key) = self.entries.get(&slot).map(|entry| entry.key) else { continue };
            let Some(flight) = self.complete(slot, true) else { continue };
            if let Some(peer) = self.peers.get_mut(&flight.peer) {
                peer.pace.expired(flight.asked, self.next_number);
            }
            self.strike(now, flight.peer);
            expired.push((flight.peer, key));
        }
        expired
    }

    /// Other items wait for the one that is in flight for a key. Ends that request if another peer can be asked
    /// (rule 13). Returns the peer that was struck for it.
    pub fn stalled(&mut self, now: Time, key: RequestKey) -> Option<PeerHandle> {
        self.now = now;
        let slot = self.slots.get(&key).copied()?;
        let announcements = &self.entries.get(&slot)?.announcements;
        if announcements.iter().all(|announcement| announcement.state != State::Candidate) {
            return None;
        }
        let flight = self.complete(slot, true)?;
        self.strike(now, flight.peer);
        Some(flight.peer)
    }
}
