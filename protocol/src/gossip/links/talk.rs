//! Talking with peers: greeting, announcing, asking and answering. Which items exist and what they mean is decided in
//! `transactions` and `blocks`.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::cost::cost;
use super::peer::{Owed, Peer};
use crate::gossip::Gossip;
use crate::gossip::api::{AddressGroup, Direction, DisconnectReason, Event, Output, PeerHandle};
use crate::gossip::fetch::request::RequestKey;
use crate::gossip::intake::transactions;
use crate::items::hash::BlockId;
use crate::limits::{
    ANNOUNCE_BATCH_MAX, ANNOUNCE_ROOM_BYTES, DETOUR_HEADERS_AHEAD_MAX, GETDATA_ENTRIES_MAX, HEADERS_AHEAD_MAX,
    HEADERS_ENTRIES_MAX, LOCATOR_ENTRIES_MAX, REQUEST_ROOM_BYTES, STRIKES_MAX,
};
use crate::time::Time;
use crate::wire::codec::Encode as _;
use crate::wire::message::{Hello, InvEntry, Message, TxRef, VERSION};

impl Gossip {
    pub(crate) fn on_connected(
        &mut self,
        now: Time,
        handle: PeerHandle,
        direction: Direction,
        group: Option<AddressGroup>,
    ) {
        self.peers.insert(handle, Peer::new(now, direction, self.hasher.clone()));
        self.requests.peer_connected(now, handle, direction, group);
        self.relay.peer_met(handle);
        let tip = self.chain.tip();
        if let Some(peer) = self.peers.get_mut(&handle) {
            peer.known.insert(tip.id.short());
        }
        let hello = Hello::new(&self.config.network, tip).keeping_from(self.kept_from());
        self.send(handle, Message::Hello(hello));
    }

    /// Forgets a peer; what it was asked for goes to the next announcer.
    pub(crate) fn drop_peer(&mut self, now: Time, handle: PeerHandle) {
        if self.peers.remove(&handle).is_some() {
            self.requests.peer_disconnected(now, handle);
            self.leave_conversations(handle);
            if let Some(rumors) = self.relay.rumors_mut() {
                rumors.peer_gone(handle);
            }
            self.leave_routes(now, handle);
            self.orphans.remove_peer(handle.0);
            self.mempool.link_closed(handle.0);
            self.watch_again(now, false);
        }
    }

    /// Leaves a peer, and forgets it at once: whatever else it sends is ignored.
    pub(crate) fn disconnect(&mut self, now: Time, handle: PeerHandle, reason: DisconnectReason) {
        if self.peers.contains_key(&handle) {
            self.outputs.push_back(Output::Disconnect { peer: handle, reason });
            self.drop_peer(now, handle);
        }
    }

    /// Leaves a peer that let many requests expire and never delivered anything.
    pub(crate) fn leave_withholder(&mut self, now: Time, handle: PeerHandle) {
        let useless = self.peers.get(&handle).is_some_and(|peer| peer.delivered == 0);
        if useless && self.requests.strikes(handle) >= STRIKES_MAX {
            self.disconnect(now, handle, DisconnectReason::Withheld);
        }
    }

    pub(crate) fn on_message(&mut self, now: Time, from: PeerHandle, message: Message) {
        let Some(peer) = self.peers.get_mut(&from) else { return };
        peer.budget.spend(now, cost(&message));
        match (peer.ready, message) {
            (false, Message::Hello(hello)) => self.on_hello(now, from, &hello),
            (true, Message::Hello(_)) => self.disconnect(now, from, DisconnectReason::SecondHello),
            (true, Message::Inv(entries)) => self.on_inv(now, from, &entries),
            (true, Message::GetData { graft, wanted }) => {
                self.on_wanted(from, graft, &wanted);
                self.owe(now, from, wanted.into_iter().map(Owed::Transaction));
            }
            (true, Message::NotFound { transactions, blocks }) => {
                self.stats.requests_not_found = self
                    .stats
                    .requests_not_found
                    .saturating_add(transactions.len() as u64)
                    .saturating_add(blocks.len() as u64);
                for transaction in transactions {
                    self.requests.not_found(now, from, transactions::key(&transaction));
                }
                for block in blocks {
                    self.requests.not_found(now, from, RequestKey::Block(block));
                    self.note_lack(now, from, &block);
                }
            }
            (true, Message::Transactions { via, bodies }) => self.on_transactions(now, from, via, bodies),
            (true, Message::Prune(routes)) => self.on_prune(from, &routes),
            (true, Message::Graft(routes)) => self.on_graft(from, &routes),
            (true, Message::BlockHeader { header, pushed }) => self.on_block_header(now, from, &header, pushed),
            (true, Message::GetBlock { graft, id }) => {
                self.on_block_wanted(from, graft, &id);
                self.owe(now, from, core::iter::once(Owed::Block(id)));
            }
            (true, Message::Block(block)) => self.on_block(now, from, &block),
            (true, Message::GetHeaders(locator)) => self.on_headers_wanted(from, locator),
            (true, Message::Headers(headers)) => self.on_headers(now, from, &headers),
            (true, Message::Had(ids)) => self.on_had(from, &ids),
            (true, Message::Reconcile(message)) => self.on_reconcile(now, from, *message),
            // It may stand in Hello's place. Nothing comes after the first.
            (_, Message::Goodbye(reason)) => {
                if !core::mem::replace(&mut peer.said_goodbye, true) {
                    self.tell(Event::Goodbye { peer: from, reason });
                }
            }
            (false, _) => self.disconnect(now, from, DisconnectReason::BeforeHello),
            // How fast and alive the link is, is the driver's business.
            (true, Message::Ack(_) | Message::Ping(_) | Message::Pong(_)) => {}
        }
    }

    /// A peer wants headers. If it leaves no room it doesn't read, and if others are being loaded for it, it has asked already:
    /// nothing is looked up then, and it may ask again.
    fn on_headers_wanted(&mut self, from: PeerHandle, locator: Vec<BlockId>) {
        let fits = |peer: &&Peer| !peer.loading_headers && peer.credit.fits_control(ANNOUNCE_ROOM_BYTES);
        if self.peers.get(&from).filter(fits).is_none() {
            return;
        }
        match self.chain.headers_after(&locator, HEADERS_ENTRIES_MAX) {
            Some(headers) => self.send(from, Message::Headers(headers)),
            None => self.load_headers_for(from, locator),
        }
    }

    fn on_hello(&mut self, now: Time, from: PeerHandle, hello: &Hello) {
        if hello.network != self.config.network.as_str().as_bytes() {
            return self.disconnect(now, from, DisconnectReason::WrongNetwork);
        }
        if hello.version != VERSION {
            return self.disconnect(now, from, DisconnectReason::WrongVersion);
        }
        let Some(peer) = self.peers.get_mut(&from) else { return };
        peer.ready = true;
        peer.kept_from = hello.kept_from;
        peer.known.insert(hello.tip.id.short());
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
        if hello.tip.height > tip.height || self.chain.header(&hello.tip.id).is_none() && hello.tip.height > 0 {
            self.ask_headers(now, from);
        }
        self.catch_up(now);
    }

    /// Asks a peer for the headers after our best chain, at most once in
    /// [`GETHEADERS_INTERVAL`](crate::limits::GETHEADERS_INTERVAL). If it can't be asked yet, it will be: the header
    /// that made us ask may be the last one for long. With [`HEADERS_AHEAD_MAX`] of them waiting for bodies nobody is
    /// asked: bodies that come will make us ask. On a detour, it is the peer's own branch that is asked for.
    pub(crate) fn ask_headers(&mut self, now: Time, handle: PeerHandle) {
        let Some(peer) = self.peers.get(&handle) else { return };
        // Which other branches there are is asked without the pauses after answers in vain, but for refused ones.
        let (reached, ahead_max, hasty) = match self.on_detour() {
            true => (self.way_of(peer), DETOUR_HEADERS_AHEAD_MAX, peer.refused.is_none()),
            false => (Some(self.chain.best_header().id), HEADERS_AHEAD_MAX, false),
        };
        let paused = if hasty { peer.asked_lately(now) } else { peer.is_paused(now) };
        // Headers that wait for their bodies needn't come again.
        let reached = reached.filter(|id| !self.chain.is_connected(id));
        // The end of what is known of the peer's own branch: a branch that is longer than an answer is told in several.
        let way = self.way_of(peer).filter(|id| !self.chain.is_connected(id) && reached != Some(*id));
        let height = reached.and_then(|id| self.chain.header(&id)).map_or(0, |header| header.header().height);
        let Some(peer) = self.peers.get_mut(&handle) else { return };
        if height.saturating_sub(self.chain.tip().height) >= ahead_max {
            peer.headers_wanted = false;
            return;
        }
        peer.headers_wanted = paused || !peer.credit.fits_control(REQUEST_ROOM_BYTES);
        if peer.headers_wanted {
            return;
        }
        peer.ask_headers(now, self.chain.best_header().id);
        let mut locator: Vec<BlockId> = self.watch.refused_ends(now).chain(reached).chain(way).collect();
        locator.extend(self.chain.locator());
        locator.truncate(LOCATOR_ENTRIES_MAX);
        self.send(handle, Message::GetHeaders(locator));
    }

    /// Sends requests for whatever may be asked now.
    pub(crate) fn ask(&mut self, now: Time) {
        let peers = &self.peers;
        let may_ask = |handle: PeerHandle| {
            peers.get(&handle).is_some_and(|peer| peer.ready && peer.credit.fits_control(REQUEST_ROOM_BYTES))
        };
        let mut requests = self.requests.next_requests(now, may_ask);
        if requests.is_empty() {
            return;
        }
        self.stats.requests = self.stats.requests.saturating_add(requests.len() as u64);
        requests.retain(|(handle, key)| match key {
            RequestKey::Block(id) => {
                let graft = self.relay.grafts() && self.chain.best_header().id == *id;
                if graft {
                    self.be_fed(now, *handle, id);
                }
                self.send(*handle, Message::GetBlock { graft, id: *id });
                false
            }
            _ => true,
        });
        // By peer, and for each in the order of asking.
        requests.sort_by_key(|(handle, _)| *handle);
        for of_peer in requests.chunk_by(|(one, _), (other, _)| one == other) {
            for chunk in of_peer.chunks(GETDATA_ENTRIES_MAX) {
                let Some((handle, _)) = chunk.first() else { continue };
                let mut wanted = chunk.iter().filter_map(|(_, key)| transactions::named(key)).collect();
                self.take_offered(*handle, &mut wanted);
                if !wanted.is_empty() {
                    self.send(*handle, Message::GetData { graft: self.relay.grafts(), wanted });
                }
            }
        }
    }

    /// Announces what waits for a peer: blocks at once, transactions when a batch is due or something else is sent to
    /// it anyway.
    pub(crate) fn announce(&mut self, now: Time, handle: PeerHandle) {
        while let Some(peer) = self.peers.get_mut(&handle)
            && peer.ready
            && peer.credit.fits_control(REQUEST_ROOM_BYTES)
            && let Some(header) = peer.headers.pop_front()
        {
            if !peer.known.contains(header.id().short()) {
                peer.known.insert(header.id().short());
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
            // What left the mempool meanwhile is confirmed or gone; what the peer knows would be an echo.
            let Some(accepted_at) = self.mempool.accepted_at(&id) else { continue };
            if peer.known.contains(id.short()) {
                continue;
            }
            peer.known.insert(id.short());
            let ambiguous = self.mempool.is_ambiguous(id.short());
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

    /// Sends a message. Whoever calls has looked for room; the credit goes to zero at worst.
    pub(crate) fn send(&mut self, handle: PeerHandle, message: Message) {
        let Some(peer) = self.peers.get_mut(&handle) else { return };
        let lane = message.lane();
        peer.credit.take(lane, message.encoded_len());
        peer.spoken_to = true;
        self.outputs.push_back(Output::Send { peer: handle, lane, message });
    }
}
