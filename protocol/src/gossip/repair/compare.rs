//! Reconciliation: conversations in which two nodes find out what one of them lacks, at a cost in proportion to
//! the difference.
//!
//! **A conversation.** The initiator opens with a few symbols of the sketch of its mempool. The responder
//! subtracts its own symbols and asks for more until it can tell the difference. Then it offers what the initiator
//! lacks, and asks for an offer of what it lacks itself. Offers are answered by takes, through the request
//! tracker, so that nothing is asked of two peers at once.
//!
//! **Lists.** A difference that a sketch can't tell (that of a new node, or after a long partition) is worked off
//! by lists. The node that lacks much has one peer list what it holds, in the order of ids and in parts. Of each
//! part it takes what is missing before it asks for the next.
//!
//! **When.** On connect, the side that dialled begins. After that each node begins one conversation in each
//! interval, with a random peer, and never two at a time. One peer's list goes on beside it, because it may be
//! slow on purpose. If a conversation found differences and brought nothing, the peer is left alone for a while,
//! for longer each time. Two nodes may hold different items on purpose, and this must not be told each second.
//!
//! **What counts as held.** News younger than [`RECONCILE_AGE_MIN`] stays out of sketches, because relay is still
//! at work. An item that came by reconciliation or from an earlier run is no news. A node does not take an item
//! that it has seen, confirmed, refused or asked for. A mempool that would have to shed other items takes nothing
//! in. So two full mempools don't fetch each other's items forever.
//!
//! **Bounds.** A node begins one conversation at a time. It answers
//! [`RECONCILE_SERVED_MAX`](crate::limits::RECONCILE_SERVED_MAX) at a time, one of each peer. It answers a given
//! number a second of all peers together ([`RECONCILE_SERVED_PER_SEC`](crate::limits::RECONCILE_SERVED_PER_SEC)).
//! The others are told that it is busy. A sketch has at most [`SYMBOLS_MAX`] symbols, an offer
//! [`OFFER_ENTRIES_MAX`]
//! ids, a list [`LIST_PARTS_MAX`] parts. A peer that lies wastes that much, and time: [`RECONCILE_TIMEOUT`] of a
//! conversation, [`LIST_TIMEOUT`] of a part.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use bytes::Bytes;
use rand_core::Rng as _;

use super::conversations::{Begun, Opening, Served};
use super::sketch::{
    Decoder, Progress, SYMBOL_BYTES, SYMBOLS_MAX, SaltedId, first_batch, symbols_from_bytes, symbols_to_bytes,
};
use crate::codec::Encode as _;
use crate::gossip::Gossip;
use crate::gossip::api::{Direction, Event, PeerHandle};
use crate::gossip::fetch::debts::Owed;
use crate::gossip::fetch::request::{Announced, RequestKey};
use crate::gossip::links::dealings::Question;
use crate::gossip::links::peer::Peer;
use crate::items::hash::ShortId;
use crate::limits::{
    OFFER_ENTRIES_MAX, RECONCILE_AGE_MIN, RECONCILE_APART_MAX, RECONCILE_PEER_INTERVAL_MIN,
    RECONCILE_SKETCH_BYTES_MIN, RECONCILE_STEP, RECONCILE_TIMEOUT,
};
use crate::time::Time;
use crate::wire::message::{Digest, Message, Outcome, Reconcile, Tip, TxRef, taken};

/// The bytes of the longest offer: 8 for each id, and at most 32 around them.
const OFFER_BYTES_MAX: usize = OFFER_ENTRIES_MAX * 8 + 32;

impl Gossip {
    /// A peer said Hello. Young items are announced to it, and everything else comes by a conversation.
    pub(crate) fn greet(&mut self, now: Time, handle: PeerHandle) {
        let all = !self.config.reconciliation.is_on();
        let Some(peer) = self.peers.get_mut(&handle) else { return };
        if all || self.relay.tells() {
            // One interval more than the age of items that sketches leave out, because the first conversation may
            // take a while.
            let young = RECONCILE_AGE_MIN + self.config.reconciliation.interval;
            let told = self.mempool.oldest_first().map(|(transaction, _)| transaction).filter(|_| all);
            for transaction in told.chain(self.mempool.news(now, young).filter(|_| !all)) {
                if !peer.announcements.push(transaction.id()) {
                    self.stats.announcements_dropped = self.stats.announcements_dropped.saturating_add(1);
                }
            }
        }
        if all {
            return;
        }
        if peer.direction == Direction::Outbound {
            self.conversations.fresh.push_back(handle);
        }
        if self.conversations.next_at.is_none() {
            self.conversations.next_at = Some(now + self.pause());
        }
    }

    /// Forgets a peer's conversations.
    pub(crate) fn leave_conversations(&mut self, handle: PeerHandle) {
        let conversations = &mut self.conversations;
        conversations.fresh.retain(|fresh| *fresh != handle);
        conversations.begun.take_if(|begun| begun.peer == handle);
        conversations.lists.leave(handle);
        conversations.served.remove(&handle);
    }

    /// Ends what takes too long, and begins what is due.
    pub(crate) fn converse(&mut self, now: Time) {
        let conversations = &mut self.conversations;
        conversations.served.retain(|_, served| served.deadline > now);
        if let Some(begun) = conversations.begun.take_if(|begun| begun.deadline <= now) {
            self.stats.reconciliations_failed = self.stats.reconciliations_failed.saturating_add(1);
            // This peer must not keep us from the others again and again.
            self.pause_with(now, begun.peer, true);
        }
        self.pace_lists(now);
        let conversations = &mut self.conversations;
        if conversations.begun.is_some() {
            return;
        }
        if let Some(fresh) = conversations.fresh.pop_front() {
            return self.begin(now, fresh);
        }
        if conversations.next_at.is_some_and(|at| at <= now) {
            let alone = self.peers.iter().next().is_none();
            self.conversations.next_at = if alone { None } else { Some(now + self.pause()) };
            // A peer that lists tells everything that it has, so no conversation with it is needed. Conversations
            // with the others go on meanwhile, because a list may be slow on purpose.
            let lists = &self.conversations.lists;
            let fits = |(handle, peer): &(&PeerHandle, &Peer)| {
                peer.ready && peer.dealings.pause_until() <= now && !lists.is_listing(**handle)
            };
            let peers: Vec<PeerHandle> = self.peers.iter().filter(fits).map(|(handle, _)| *handle).collect();
            let draw = usize::try_from(self.chance.next_u32()).unwrap_or_default();
            let chosen = draw.checked_rem(peers.len()).and_then(|place| peers.get(place)).copied();
            if let Some(peer) = chosen {
                self.begin(now, peer);
            }
        }
    }

    fn begin(&mut self, now: Time, handle: PeerHandle) {
        let mut salt = [0; 16];
        self.chance.fill_bytes(&mut salt);
        let number = self.chance.next_u32();
        // A mempool has fewer entries than a sketch may.
        let Some((ids, mut encoder)) = self.compared(now, salt) else { return };
        let size = u32::try_from(ids.len()).unwrap_or(u32::MAX);
        let count = first_batch(self.conversations.expected());
        let symbols = Bytes::from(symbols_to_bytes(encoder.symbols(0, count)));
        let (digest, tip) = (self.config.reconciliation.digest, self.chain.tip());
        let open = Reconcile::Open { number, digest, size, tip, salt, symbols };
        if self.say(handle, open) {
            self.stats.reconciliations = self.stats.reconciliations.saturating_add(1);
            let (deadline, until) = (now + RECONCILE_STEP, now + RECONCILE_TIMEOUT);
            let begun = Begun { peer: handle, number, ids, encoder, sent: count, deadline, until };
            self.conversations.begun = Some(Box::new(begun));
        }
    }

    pub(crate) fn on_reconcile(&mut self, now: Time, from: PeerHandle, message: Reconcile) {
        match message {
            Reconcile::Open { number, digest, size, tip, salt, symbols } => {
                self.on_tip(now, from, tip);
                let size = usize::try_from(size).unwrap_or(usize::MAX);
                self.on_open(now, from, Opening { number, digest, size, salt }, &symbols);
            }
            Reconcile::More { number, count } => self.on_more(now, from, number, count),
            Reconcile::Symbols { number, symbols } => self.on_symbols(now, from, number, &symbols),
            Reconcile::Difference { number, outcome, tip, wanted, offered } => {
                self.on_tip(now, from, tip);
                self.on_difference(now, from, number, outcome, &wanted, offered);
            }
            Reconcile::Offer { number, ids } => self.on_offer(now, from, number, &ids),
            Reconcile::Take { number, places } => self.on_take(now, from, number, &places),
            Reconcile::List { number, after } => self.on_list(from, number, after),
        }
    }

    /// Sends a message of a conversation, if there is room for it.
    pub(super) fn say(&mut self, handle: PeerHandle, message: Reconcile) -> bool {
        let message = Message::Reconcile(Box::new(message));
        let bytes = message.encoded_len();
        let room = self.peers.get(&handle).is_some_and(|peer| peer.ready && peer.credit.fits_control(bytes));
        if room {
            self.send(handle, message);
        }
        room
    }

    /// A peer's tip, which a message told in passing.
    fn on_tip(&mut self, now: Time, from: PeerHandle, tip: Tip) {
        self.hear_of_tip(now, from, tip);
        let ours = self.chain.tip().height;
        if tip.height > ours || tip.height == ours && ours > 0 && self.chain.header(&tip.id).is_none() {
            self.ask_headers(now, from);
        }
    }

    fn on_open(&mut self, now: Time, from: PeerHandle, opening: Opening, symbols: &Bytes) {
        let Opening { number, size, salt, .. } = opening;
        let Some(peer) = self.peers.get_mut(&from) else { return };
        if let Some(offered) = peer.dealings.answered(number, Question::Opening(salt)) {
            return self.conclude(from, opening, Outcome::Known, Vec::new(), offered);
        }
        let early = peer.dealings.open_at > now || self.conversations.served.contains_key(&from);
        peer.dealings.open_at = now + RECONCILE_PEER_INTERVAL_MIN;
        if early || !self.conversations.allow(now, peer.dealings.lately_answered(now)) {
            return self.conclude(from, opening, Outcome::Busy, Vec::new(), Vec::new());
        }
        peer.dealings.answer(now);
        if let Some((silent, served)) = self.conversations.make_place() {
            self.conclude(silent, served.opening, Outcome::Busy, Vec::new(), Vec::new());
        }
        // Counted before anything is hashed, because a peer may claim any size.
        let held = self.mempool.settled(now, self.age_min()).count();
        if held.abs_diff(size) > RECONCILE_APART_MAX {
            return self.conclude_by_list(now, from, opening);
        }
        let Some((ids, encoder)) = self.compared(now, salt) else { return };
        let (decoder, until) = (Decoder::new(encoder), now + RECONCILE_TIMEOUT);
        let served = Served { opening, ids, decoder, heard_at: now, deadline: until, until };
        self.conversations.served.insert(from, Box::new(served));
        self.on_symbols(now, from, number, symbols);
    }

    fn on_more(&mut self, now: Time, from: PeerHandle, number: u32, count: u32) {
        let fits = |begun: &&mut Box<Begun>| begun.peer == from && begun.number == number;
        let Some(begun) = self.conversations.begun.as_mut().filter(fits) else { return };
        let count = usize::try_from(count).unwrap_or(usize::MAX).min(SYMBOLS_MAX.saturating_sub(begun.sent));
        let start = begun.sent;
        begun.sent = start.saturating_add(count);
        begun.deadline = (now + RECONCILE_STEP).min(begun.until);
        let symbols = Bytes::from(symbols_to_bytes(begun.encoder.symbols(start, begun.sent)));
        if count == 0 || !self.say(from, Reconcile::Symbols { number, symbols }) {
            self.conversations.begun = None;
        }
    }

    fn on_symbols(&mut self, now: Time, from: PeerHandle, number: u32, symbols: &Bytes) {
        let Some(served) =
            self.conversations.served.get_mut(&from).filter(|served| served.opening.number == number)
        else {
            return;
        };
        served.heard_at = now;
        served.deadline = (now + RECONCILE_STEP).min(served.until);
        let symbols = symbols_from_bytes(symbols).unwrap_or_default();
        match served.decoder.add(&symbols) {
            Progress::More => {
                let (sent, count) = (served.decoder.received(), served.decoder.next_batch());
                // A sketch that is longer than a list of all ids is of no use.
                let list_bytes =
                    served.opening.size.saturating_add(served.decoder.local().len()).saturating_mul(8);
                let after = sent.saturating_add(count);
                let worth =
                    count > 0 && after.saturating_mul(SYMBOL_BYTES) <= list_bytes.max(RECONCILE_SKETCH_BYTES_MIN);
                let count = u32::try_from(count).unwrap_or(u32::MAX);
                if !worth {
                    let opening = served.opening;
                    self.conversations.served.remove(&from);
                    self.conclude_by_list(now, from, opening);
                } else if !self.say(from, Reconcile::More { number, count }) {
                    self.conversations.served.remove(&from);
                }
            }
            Progress::Done { only_here, only_there } => {
                let Some(served) = self.conversations.served.remove(&from) else { return };
                let opening = served.opening;
                let mut wanted = only_there;
                if !wanted.is_empty() {
                    // Items that came here lately are held, although they are not in the sketch.
                    let salt = *served.decoder.local().salt();
                    let young = self.mempool.news(now, self.age_min());
                    let young: BTreeSet<SaltedId> = young.map(|item| salt.id(&item.id())).collect();
                    wanted.retain(|id| !young.contains(id));
                }
                self.conversations.learn(wanted.len().saturating_add(only_here.len()));
                if opening.digest == Digest::Pull || self.mempool.room_for(self.lengths.transaction()) == 0 {
                    wanted.clear();
                }
                let mut offered: Vec<ShortId> = Vec::new();
                if opening.digest != Digest::Push {
                    let here = only_here.iter().filter_map(|place| served.ids.get(usize::try_from(*place).ok()?));
                    offered.extend(here);
                }
                wanted.truncate(OFFER_ENTRIES_MAX);
                offered.truncate(OFFER_ENTRIES_MAX);
                self.conclude(from, opening, Outcome::Known, wanted, offered);
            }
            Progress::Failed(_) => {
                let opening = served.opening;
                self.conversations.served.remove(&from);
                self.conclude(from, opening, Outcome::Busy, Vec::new(), Vec::new());
            }
        }
    }

    /// Tells the initiator the result.
    fn conclude(
        &mut self,
        to: PeerHandle,
        opening: Opening,
        outcome: Outcome,
        wanted: Vec<SaltedId>,
        offered: Vec<ShortId>,
    ) {
        let Opening { number, salt, .. } = opening;
        let tip = self.chain.tip();
        let ids = offered.clone();
        if self.say(to, Reconcile::Difference { number, outcome, tip, wanted, offered }) && !ids.is_empty() {
            self.note_offer(to, number, Question::Opening(salt), ids);
        }
    }

    /// The difference is too large for a sketch. A node that holds clearly less has the other list what it holds.
    /// If both hold about as much, each does.
    fn conclude_by_list(&mut self, now: Time, from: PeerHandle, opening: Opening) {
        let Opening { digest, size, .. } = opening;
        let own = self.mempool.len();
        let theirs = digest != Digest::Push && own >= size - size / 8;
        let outcome = if theirs { Outcome::ListMine } else { Outcome::TooLarge };
        self.conclude(from, opening, outcome, Vec::new(), Vec::new());
        if digest != Digest::Pull && size >= own - own / 8 {
            self.claim_list(now, from, size);
        }
    }

    fn on_difference(
        &mut self,
        now: Time,
        from: PeerHandle,
        number: u32,
        outcome: Outcome,
        wanted: &[SaltedId],
        offered: Vec<ShortId>,
    ) {
        let fits = |begun: &mut Box<Begun>| begun.peer == from && begun.number == number;
        let Some(begun) = self.conversations.begun.take_if(fits) else {
            // The offer is too late to be used. But it shows which items the peer has.
            if let Some(peer) = self.peers.get_mut(&from).filter(|_| !offered.is_empty()) {
                peer.dealings.hear_offer();
            }
            offered.iter().for_each(|id| self.shows(from, *id));
            return;
        };
        self.tell(Event::Reconciled {
            peer: from,
            outcome,
            symbols: begun.sent,
            wanted: wanted.len(),
            offered: offered.len(),
        });
        match outcome {
            Outcome::Busy => {}
            // Whether the lists bring something shows only later. If they do, this ends the pause.
            Outcome::TooLarge => self.pause_with(now, from, true),
            Outcome::ListMine => {
                self.pause_with(now, from, true);
                // The peer doesn't say how many items it holds. Its answer means: more than a sketch can tell.
                self.claim_list(now, from, begun.ids.len().saturating_add(RECONCILE_APART_MAX));
            }
            Outcome::Known => {
                self.conversations.learn(wanted.len().saturating_add(offered.len()));
                let places = begun.encoder.positions(wanted).into_iter().flatten();
                let ids = places.filter_map(|place| begun.ids.get(usize::try_from(place).ok()?));
                let ids: Vec<ShortId> = ids.copied().collect();
                let given = !ids.is_empty() && self.say(from, Reconcile::Offer { number, ids: ids.clone() });
                if given {
                    self.note_offer(from, number, Question::Lacking, ids);
                }
                let taken = self.consider(now, from, number, &offered, false);
                let differs = !wanted.is_empty() || !offered.is_empty();
                self.pause_with(now, from, differs && taken == 0);
            }
        }
    }

    /// Pauses conversations with a peer for a while if one was futile: it found differences and brought nothing.
    /// Otherwise ends the pause. When a conversation ends, it is not known yet whether the peer takes the items
    /// that it was offered. So an offer alone does not prevent a pause, and a take ends the pause.
    fn pause_with(&mut self, now: Time, handle: PeerHandle, futile: bool) {
        let interval = self.config.reconciliation.interval;
        match self.peers.get_mut(&handle) {
            Some(peer) if futile => peer.dealings.pause(now, interval),
            Some(peer) => peer.dealings.resume(now),
            None => {}
        }
    }

    fn note_offer(&mut self, to: PeerHandle, number: u32, question: Question, ids: Vec<ShortId>) {
        // The peer takes from the offer what it lacks, so these items are not also pushed or announced to it.
        ids.iter().for_each(|id| self.shows(to, *id));
        if let Some(peer) = self.peers.get_mut(&to) {
            peer.dealings.remember(number, question, ids);
        }
    }

    fn on_offer(&mut self, now: Time, from: PeerHandle, number: u32, ids: &[ShortId]) {
        let listed = self.is_part(from, number);
        let taken = self.consider(now, from, number, ids, listed);
        if listed && taken > 0 {
            self.pause_with(now, from, false);
        }
        if listed {
            self.on_part(now, from, ids, taken);
        }
        self.pace_lists(now);
    }

    /// Notes the missing items of an offer, so that they are asked for. Returns how many they are.
    fn consider(&mut self, now: Time, from: PeerHandle, number: u32, ids: &[ShortId], listed: bool) -> usize {
        let tip = self.chain.tip().height;
        if let Some(peer) = self.peers.get_mut(&from).filter(|_| !ids.is_empty()) {
            peer.dealings.hear_offer();
        }
        let mut places = BTreeMap::new();
        let mut room = self.mempool.room_for(self.lengths.transaction());
        let mut wanted = 0_usize;
        for (place, id) in (0_u16..).zip(ids) {
            if !self.peers.contains_key(&from) {
                return wanted;
            }
            self.shows(from, *id);
            let name = TxRef::Short(*id);
            if room == 0 || self.inventory.covers(&name, tip, from.0) || self.is_pending(&name) {
                continue;
            }
            if self.requests.announced(now, from, RequestKey::Short(*id), self.lengths.transaction())
                == Announced::Tracked
            {
                places.insert(*id, place);
                room = room.saturating_sub(1);
                wanted = wanted.saturating_add(1);
            }
        }
        if let Some(peer) = self.peers.get_mut(&from)
            && !places.is_empty()
        {
            peer.dealings.want(number, places, listed);
        }
        wanted
    }

    /// Asks for items that a peer offered, as places of its offer. Some items stay in `wanted`: those that it
    /// didn't offer, and those that cost less by name.
    pub(crate) fn take_offered(&mut self, handle: PeerHandle, wanted: &mut Vec<TxRef>) {
        let Some(peer) = self.peers.get_mut(&handle) else { return };
        let Some(offered) = peer.dealings.offered() else { return };
        let place = |name: &TxRef| match name {
            TxRef::Short(short) => offered.place(short),
            TxRef::Full(_) => None,
        };
        let places: Vec<u16> = wanted.iter().filter_map(place).collect();
        let Some(last) = places.iter().max() else { return };
        let mut bits = alloc::vec![0_u8; usize::from(last / 8).saturating_add(1)];
        if bits.len() > places.len().saturating_mul(9) {
            return;
        }
        for place in places {
            if let Some(byte) = bits.get_mut(usize::from(place / 8)) {
                *byte |= 0x80 >> (place % 8);
            }
        }
        wanted.retain(|name| place(name).is_none());
        let number = offered.number;
        self.send(handle, Message::Reconcile(Box::new(Reconcile::Take { number, places: bits.into() })));
    }

    /// Whether a peer listed this item, so that its other peers need not be told of it.
    pub(crate) fn was_listed(&self, from: PeerHandle, id: ShortId) -> bool {
        let offered = self.peers.get(&from).and_then(|peer| peer.dealings.offered());
        offered.is_some_and(|offered| offered.listed && offered.places.contains_key(&id))
    }

    fn on_take(&mut self, now: Time, from: PeerHandle, number: u32, places: &Bytes) {
        let Some(peer) = self.peers.get_mut(&from) else { return };
        let Some(offer) = peer.dealings.offer(number) else { return };
        // When the message was read, it was checked that it names no more places than may be asked for at a time.
        let taken: Vec<Owed> = taken(places, offer).map(|id| Owed::Transaction(TxRef::Short(id))).collect();
        peer.dealings.resume(now);
        self.owe(now, from, taken.into_iter());
    }

    fn on_list(&mut self, from: PeerHandle, number: u32, after: Option<ShortId>) {
        let question = Question::List(after);
        // To look up an answer for which there is no room would be wasted work.
        let room = |peer: &&Peer| peer.credit.fits_control(OFFER_BYTES_MAX);
        let Some(peer) = self.peers.get(&from).filter(room) else { return };
        let answered = peer.dealings.answered(number, question);
        let ids = answered.unwrap_or_else(|| self.mempool.ids_after(after).take(OFFER_ENTRIES_MAX).collect());
        if self.say(from, Reconcile::Offer { number, ids: ids.clone() }) {
            self.note_offer(from, number, question, ids);
        }
    }
}
