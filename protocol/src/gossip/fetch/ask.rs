//! Sending requests. The tracker (`request`) decides which peer to ask, and this file puts the requests into
//! messages.

use alloc::vec::Vec;

use super::request::RequestKey;
use crate::gossip::Gossip;
use crate::gossip::api::{DisconnectReason, PeerHandle};
use crate::items::hash::BlockId;
use crate::limits::{GETDATA_ENTRIES_MAX, REQUEST_ROOM_BYTES, STRIKES_MAX};
use crate::time::Time;
use crate::wire::message::{Message, TxRef};

/// The tracker's name for a transaction as it was announced.
pub(crate) const fn key(transaction: &TxRef) -> RequestKey {
    match transaction {
        TxRef::Short(short) => RequestKey::Short(*short),
        TxRef::Full(id) => RequestKey::Full(*id),
    }
}

impl Gossip {
    /// Sends requests for everything that may be asked for now.
    pub(crate) fn ask(&mut self, now: Time) {
        let peers = &self.peers;
        let may_ask = |handle: PeerHandle| {
            peers
                .get(&handle)
                .is_some_and(|peer| peer.ready && !peer.absent && peer.credit.fits_control(REQUEST_ROOM_BYTES))
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
        // Sorted by peer. The requests to one peer stay in the order of asking.
        requests.sort_by_key(|(handle, _)| *handle);
        for of_peer in requests.chunk_by(|(one, _), (other, _)| one == other) {
            for chunk in of_peer.chunks(GETDATA_ENTRIES_MAX) {
                let Some((handle, _)) = chunk.first() else { continue };
                let mut wanted = chunk.iter().filter_map(|(_, key)| named(key)).collect();
                self.take_offered(*handle, &mut wanted);
                if !wanted.is_empty() {
                    self.send(*handle, Message::GetData { graft: self.relay.grafts(), wanted });
                }
            }
        }
    }

    /// A peer that was asked answers that it doesn't have these items.
    pub(crate) fn on_not_found(
        &mut self,
        now: Time,
        from: PeerHandle,
        transactions: Vec<TxRef>,
        blocks: Vec<BlockId>,
    ) {
        self.stats.requests_not_found = self
            .stats
            .requests_not_found
            .saturating_add(transactions.len() as u64)
            .saturating_add(blocks.len() as u64);
        for transaction in transactions {
            self.requests.not_found(now, from, key(&transaction));
        }
        for block in blocks {
            self.requests.not_found(now, from, RequestKey::Block(block));
            self.note_lack(now, from, &block);
        }
    }

    /// Disconnects a peer that let many requests expire and never delivered anything.
    pub(crate) fn leave_withholder(&mut self, now: Time, handle: PeerHandle) {
        let useless = self.peers.get(&handle).is_some_and(|peer| peer.delivered == 0);
        if useless && self.requests.strikes(handle) >= STRIKES_MAX {
            self.disconnect(now, handle, DisconnectReason::Withheld);
        }
    }
}

/// How to ask for the item that [`key`] names; `None` for a block.
const fn named(key: &RequestKey) -> Option<TxRef> {
    match key {
        RequestKey::Short(short) => Some(TxRef::Short(*short)),
        RequestKey::Full(id) => Some(TxRef::Full(*id)),
        RequestKey::Block(_) => None,
    }
}
