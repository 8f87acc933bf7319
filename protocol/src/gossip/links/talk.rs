//! Talking with one peer: greeting it, announcing to it, and disconnecting it. The answers to its requests are in
//! `fetch` and `sync`.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::peer::{LastPush, Peer};
use crate::codec::Encode as _;
use crate::gossip::Gossip;
use crate::gossip::api::{AddressGroup, Direction, DisconnectReason, Event, Output, PeerHandle};
use crate::limits::{
    ANNOUNCE_BATCH_MAX, REQUEST_ROOM_BYTES, TRANSACTIONS_BATCH_BYTES_MAX, TRANSACTIONS_ENTRIES_MAX,
};
use crate::time::Time;
use crate::wire::message::{Hello, InvEntry, Lane, Message, TxRef, VERSION};

impl Gossip {
    pub(crate) fn on_connected(
        &mut self,
        now: Time,
        handle: PeerHandle,
        direction: Direction,
        group: Option<AddressGroup>,
    ) {
        let link = self.inventory.join();
        let trial = self.betrayals.trial(now, group);
        let mut peer = Peer::new(now, direction, group, link);
        peer.trial = trial;
        if let Some(before) = self.peers.insert(handle, peer) {
            self.inventory.leave(before.link);
        }
        self.requests.peer_connected(now, handle, direction, group);
        self.relay.peer_met(handle);
        let tip = self.chain.tip();
        self.inventory.note(link, tip.id.short());
        let hello = Hello::new(&self.config.network, tip).keeping_from(self.kept_from());
        let hello = hello.with_features(self.members_feature() | self.aggregates_feature());
        self.send(handle, Message::Hello(hello));
    }

    /// Forgets a peer. Items that it was asked for are asked of the next announcer.
    pub(crate) fn drop_peer(&mut self, now: Time, handle: PeerHandle) {
        if let Some(peer) = self.peers.remove(&handle) {
            self.inventory.leave(peer.link);
            self.requests.peer_disconnected(now, handle);
            self.leave_conversations(handle);
            self.leave_routes(now, handle);
            self.orphans.remove_peer(handle.0);
            self.mempool.link_closed(handle.0);
            self.part_member(now, handle);
            self.part_aggregates(handle);
            self.watch_again(now, false);
        }
    }

    /// Disconnects a peer, and forgets it at once: whatever else it sends is ignored.
    pub(crate) fn disconnect(&mut self, now: Time, handle: PeerHandle, reason: DisconnectReason) {
        let Some(peer) = self.peers.get(&handle) else { return };
        if reason == DisconnectReason::InvalidSignature && !peer.is_on_trial() {
            self.betrayals.betrayed(now, peer.group);
        }
        self.outputs.push_back(Output::Disconnect { peer: handle, reason });
        self.drop_peer(now, handle);
    }

    pub(crate) fn on_hello(&mut self, now: Time, from: PeerHandle, hello: &Hello) {
        if hello.network != self.config.network.as_str().as_bytes() {
            return self.disconnect(now, from, DisconnectReason::WrongNetwork);
        }
        if hello.version != VERSION {
            return self.disconnect(now, from, DisconnectReason::WrongVersion);
        }
        let Some(peer) = self.peers.get_mut(&from) else { return };
        peer.ready = true;
        peer.chain.keeps_from(hello.kept_from);
        self.inventory.note(peer.link, hello.tip.id.short());
        self.met_peer(now);
        self.hear_of_tip(now, from, hello.tip);
        let Some(peer) = self.peers.get_mut(&from) else { return };
        // Our tip may have moved between our Hello and theirs.
        let tip = self.chain.tip();
        if let Some(header) = self.chain.header(&tip.id).copied()
            && tip.height >= hello.tip.height
        {
            peer.announce_header(header);
        }
        self.tell(Event::PeerReady { peer: from, tip: hello.tip });
        self.greet(now, from);
        self.greet_member(now, from, hello.features);
        self.greet_aggregates(from, hello.features);
        if hello.tip.height > tip.height || self.chain.header(&hello.tip.id).is_none() && hello.tip.height > 0 {
            self.ask_headers(now, from);
        }
        self.catch_up(now);
    }

    /// Announces the items that wait for a peer: blocks at once, transactions when a batch is due or something
    /// else is sent to it anyway.
    pub(crate) fn announce(&mut self, now: Time, handle: PeerHandle) {
        while let Some(peer) = self.peers.get_mut(&handle)
            && peer.ready
            && peer.credit.fits_control(REQUEST_ROOM_BYTES)
            && let Some(header) = peer.next_header()
        {
            if self.inventory.note(peer.link, header.id().short()) {
                self.send(handle, Message::BlockHeader { header: Box::new(header), pushed: false });
            }
        }
        let Some(peer) = self.peers.get_mut(&handle) else { return };
        let spoken_to = core::mem::take(&mut peer.spoken_to);
        let due = peer.announcements.due().is_some_and(|due| due <= now);
        if !peer.can_announce() || !(due || spoken_to) {
            return;
        }
        let mut entries = Vec::with_capacity(peer.announcements.len().min(ANNOUNCE_BATCH_MAX));
        while entries.len() < ANNOUNCE_BATCH_MAX
            && let Some(id) = peer.announcements.pop()
        {
            // A transaction that left the mempool meanwhile is confirmed or gone. If the peer knows the
            // transaction, an announcement would be an echo.
            let Some((accepted_at, ambiguous)) = self.mempool.to_announce(&id) else { continue };
            if !self.inventory.note(peer.link, id.short()) {
                continue;
            }
            let transaction = if ambiguous { TxRef::Full(id) } else { TxRef::Short(id.short()) };
            let age_ms = u32::try_from(now.since(accepted_at).as_millis()).unwrap_or(u32::MAX);
            entries.push(InvEntry { transaction, age_ms });
        }
        if !entries.is_empty() {
            peer.announcements.sent(now);
            self.send(handle, Message::Inv(entries));
            if let Some(peer) = self.peers.get_mut(&handle) {
                peer.spoken_to = false;
            }
        }
    }

    /// Sends a message. The caller has checked that there is room. If there is none, the credit goes to zero.
    pub(crate) fn send(&mut self, handle: PeerHandle, message: Message) {
        let Some(peer) = self.peers.get_mut(&handle) else { return };
        let lane = message.lane();
        peer.credit.take(lane, message.encoded_len());
        peer.spoken_to = true;
        if lane == Lane::Control {
            peer.last_push = None;
        }
        self.outputs.push_back(Output::Send { peer: handle, lane, message });
    }

    /// Sends a message of the control lane that may be left out, if the peer's credit has room for it.
    pub(crate) fn send_if_it_fits(&mut self, handle: PeerHandle, message: Message) {
        let bytes = message.encoded_len();
        if self.peers.get(&handle).is_some_and(|peer| peer.credit.fits_body(Lane::Control, bytes)) {
            self.send(handle, message);
        }
    }

    /// Sends a transaction's body of this encoded length on the control lane. If the last message to this peer on
    /// this lane was such a push on the same route, and is still among the outputs, the body is added to it. To
    /// send, read and handle a message costs about as much as a transaction in it, without the signature.
    pub(crate) fn send_push(&mut self, handle: PeerHandle, message: Message, bytes: usize) {
        let Some(message) = self.add_to_last_push(handle, message, bytes) else { return };
        let (call, place) = (self.calls, fits_u32(self.outputs.len()));
        self.send(handle, message);
        if let Some(peer) = self.peers.get_mut(&handle) {
            peer.last_push = Some(LastPush { call, place, bytes: fits_u32(bytes) });
        }
    }

    /// Returns the message if it has to travel by itself.
    fn add_to_last_push(&mut self, handle: PeerHandle, message: Message, bytes: usize) -> Option<Message> {
        let Some(peer) = self.peers.get_mut(&handle) else { return Some(message) };
        let fits =
            |last: &&mut LastPush| (last.bytes as usize).saturating_add(bytes) <= TRANSACTIONS_BATCH_BYTES_MAX;
        let last = peer.last_push.as_mut().filter(|last| last.call == self.calls).filter(fits);
        let sent = last.and_then(|last| Some((self.outputs.get_mut(last.place as usize)?, last)));
        let Some((Output::Send { message: sent, .. }, last)) = sent else { return Some(message) };
        match (&mut *sent, message) {
            (Message::Transactions { via, bodies }, Message::Transactions { via: route, bodies: added })
                if *via == route && bodies.len() + added.len() <= TRANSACTIONS_ENTRIES_MAX =>
            {
                bodies.extend(added);
            }
            (_, message) => return Some(message),
        }
        let longer = sent.encoded_len();
        peer.credit.take(Lane::Control, longer.saturating_sub(last.bytes as usize));
        last.bytes = fits_u32(longer);
        None
    }
}

/// A count that is far below the greatest `u32`.
fn fits_u32(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
