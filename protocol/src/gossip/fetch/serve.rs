//! Replies to a peer's requests, within its credit and its upload budget. Small bodies go together on the control
//! lane, large ones one by one on the bulk lane, and neither waits behind the other. The newest blocks go before
//! older ones.
//!
//! A peer is sent as much as it could read if it kept the same budget as we do, so no honest peer notices this
//! limit. A body that was sent to it before is sent again only within a small budget. Beyond that the answer is
//! notfound. Without this rule, a request of 40 bytes for the largest block would cost a node 4 MiB of its uplink
//! each time.

use alloc::vec::Vec;

use super::debts::Owed;
use crate::codec::Encode as _;
use crate::gossip::Gossip;
use crate::gossip::api::{DisconnectReason, PeerHandle};
use crate::gossip::links::peer::Peer;
use crate::items::hash::{BlockId, RouteId, ShortId};
use crate::limits::{
    FRESH_BLOCKS, GETDATA_ENTRIES_MAX, NOTFOUND_BLOCKS_MAX, REQUEST_ROOM_BYTES, SERVE_QUEUE_MAX,
    TRANSACTIONS_BATCH_BYTES_MAX, TRANSACTIONS_ENTRIES_MAX,
};
use crate::time::Time;
use crate::wire::message::{Body, Lane, Message, TxRef};

/// Bytes that a small body adds to a message beside its own: its length prefix, and a share of the message's head.
const BODY_OVERHEAD_BYTES: usize = 8;

/// What is put together for one peer before it is sent.
#[derive(Default)]
pub(crate) struct Reply {
    /// The route of all bodies in the reply. With `None`, each body travels on its author's route.
    via: Option<RouteId>,
    bodies: Vec<Body>,
    body_bytes: usize,
    missing: Vec<TxRef>,
    missing_blocks: Vec<BlockId>,
}

/// Something that a peer is owed, looked up.
enum Found {
    Nothing,
    /// Perhaps in durable storage.
    Elsewhere(BlockId),
    /// A transaction that goes out with others.
    Small(Body, ShortId),
    /// A block, or a large transaction: a message of its own.
    Alone(Message, ShortId),
}

impl Gossip {
    /// Queues replies. A peer that keeps the rules never has more requests in flight than the queue holds. A peer
    /// that asks for more is disconnected.
    pub(crate) fn owe(&mut self, now: Time, to: PeerHandle, items: impl Iterator<Item = Owed>) {
        let Some(peer) = self.peers.get_mut(&to) else { return };
        if peer.debts.owe(items) > SERVE_QUEUE_MAX {
            self.disconnect(now, to, DisconnectReason::QueueOverrun);
        }
    }

    /// Sends what a peer is owed, within its credit and its budget.
    pub(crate) fn serve(&mut self, now: Time, handle: PeerHandle) {
        let mut reply = Reply::default();
        while let Some(owed) = self.next_owed(handle) {
            let done = match self.find(now, handle, &owed) {
                Found::Nothing => {
                    reply.note_missing(&owed);
                    true
                }
                Found::Elsewhere(_) => {
                    self.put_off(handle, owed);
                    true
                }
                Found::Small(body, short) => {
                    let bytes = body.len();
                    let done = self.may_upload(now, handle) && self.serve_small(handle, &mut reply, body, short);
                    if done {
                        self.note_sent(now, handle, short, bytes, false);
                    }
                    done
                }
                Found::Alone(message, short) if message.lane() == Lane::Control => {
                    self.serve_alone(now, handle, message, short)
                }
                Found::Alone(message, short) => {
                    if !self.bulk_is_free(handle) || !self.serve_alone(now, handle, message, short) {
                        self.put_off(handle, owed);
                    }
                    true
                }
            };
            if !done {
                break;
            }
            if let Some(peer) = self.peers.get_mut(&handle) {
                peer.debts.pop();
            }
            if reply.missing.len() >= GETDATA_ENTRIES_MAX || reply.missing_blocks.len() >= NOTFOUND_BLOCKS_MAX {
                self.send_missing(handle, &mut reply);
            }
        }
        self.send_bodies(handle, &mut reply);
        self.send_missing(handle, &mut reply);
        self.serve_bulk(now, handle);
    }

    /// Sends the large bodies that wait for the bulk lane.
    fn serve_bulk(&mut self, now: Time, handle: PeerHandle) {
        while let Some(peer) = self.peers.get(&handle).filter(|peer| peer.debts.can_serve_bulk(&peer.credit))
            && let Some(owed) = peer.debts.first_bulk().cloned()
            && self.may_upload(now, handle)
        {
            let done = match self.find(now, handle, &owed) {
                Found::Alone(message, short) => self.serve_alone(now, handle, message, short),
                Found::Elsewhere(id) => self.load_block_for(handle, id),
                // The body was removed while it waited.
                _ => match self.peers.get(&handle) {
                    Some(peer) if peer.credit.fits_control(REQUEST_ROOM_BYTES) => {
                        let mut reply = Reply::default();
                        reply.note_missing(&owed);
                        self.send_missing(handle, &mut reply);
                        true
                    }
                    _ => false,
                },
            };
            if !done {
                return;
            }
            if let Some(peer) = self.peers.get_mut(&handle) {
                peer.debts.pop_bulk();
            }
        }
    }

    /// The next thing owed, if there is room for at least a notfound.
    fn next_owed(&self, handle: PeerHandle) -> Option<Owed> {
        let peer = self.peers.get(&handle)?;
        peer.debts.first().filter(|_| peer.credit.fits_control(REQUEST_ROOM_BYTES)).cloned()
    }

    fn find(&mut self, now: Time, handle: PeerHandle, owed: &Owed) -> Found {
        if self.peers.get_mut(&handle).is_some_and(|peer| peer.debts.had_enough_of(now, owed.short())) {
            return Found::Nothing;
        }
        match owed {
            Owed::Transaction(wanted) => match self.find_transaction(wanted) {
                None => Found::Nothing,
                Some(transaction) => {
                    let short = transaction.id().short();
                    let body = Body::from(transaction);
                    let via = self.relay.via_of(short);
                    let message = Message::Transactions { via, bodies: [body.clone()].into() };
                    match message.lane() {
                        Lane::Control => Found::Small(body, short),
                        Lane::Bulk => Found::Alone(message, short),
                    }
                }
            },
            Owed::Block(id) => match self.chain.body(id) {
                None => Found::Elsewhere(*id),
                Some(block) => Found::Alone(Message::Block(block), id.short()),
            },
        }
    }

    fn may_upload(&mut self, now: Time, handle: PeerHandle) -> bool {
        self.peers.get_mut(&handle).is_some_and(|peer| peer.debts.is_within(now))
    }

    /// A body that a peer asked for is sent to it. Blocks and `large` transactions are remembered.
    pub(crate) fn note_sent(&mut self, now: Time, to: PeerHandle, id: ShortId, bytes: usize, large: bool) {
        if let Some(peer) = self.peers.get_mut(&to) {
            self.inventory.note(peer.link, id);
            peer.debts.note_sent(now, id, bytes, large, &self.hasher);
        }
    }

    /// Adds a small body to the reply. False if there is no credit for it.
    pub(crate) fn serve_small(
        &mut self,
        handle: PeerHandle,
        reply: &mut Reply,
        body: Body,
        short: ShortId,
    ) -> bool {
        let via = self.relay.via_of(short);
        if reply.is_full_for(&body) || reply.via != via {
            self.send_bodies(handle, reply);
            reply.via = via;
        }
        let room = reply.body_bytes.saturating_add(body.len()).saturating_add(BODY_OVERHEAD_BYTES);
        let fits = |peer: &&mut Peer| peer.credit.fits_body(Lane::Control, room);
        let Some(peer) = self.peers.get_mut(&handle).filter(fits) else { return false };
        self.inventory.note(peer.link, short);
        reply.bodies.push(body);
        reply.body_bytes = room;
        true
    }

    /// Sends a message that stands alone. False if there is no credit for it, or no budget.
    fn serve_alone(&mut self, now: Time, handle: PeerHandle, message: Message, short: ShortId) -> bool {
        let (lane, bytes) = (message.lane(), message.encoded_len());
        let Some(peer) = self.peers.get_mut(&handle) else { return false };
        if !peer.debts.is_within(now) {
            return false;
        }
        if !peer.credit.fits_body(lane, bytes) {
            if lane == Lane::Bulk {
                peer.debts.want_bulk(bytes);
            }
            return false;
        }
        self.note_sent(now, handle, short, bytes, true);
        self.send(handle, message);
        true
    }

    fn bulk_is_free(&self, handle: PeerHandle) -> bool {
        self.peers.get(&handle).is_some_and(|peer| !peer.debts.waits_for_bulk())
    }

    /// Makes a large body wait for the bulk lane. One of the newest blocks waits for none of the others.
    fn put_off(&mut self, handle: PeerHandle, owed: Owed) {
        let fresh_from = self.chain.tip().height.saturating_sub(FRESH_BLOCKS);
        let fresh = match &owed {
            Owed::Block(id) => self.chain.height_of(id).is_some_and(|height| height > fresh_from),
            Owed::Transaction(_) => false,
        };
        let Some(peer) = self.peers.get_mut(&handle) else { return };
        peer.debts.put_off(owed, fresh);
    }

    pub(crate) fn send_bodies(&mut self, handle: PeerHandle, reply: &mut Reply) {
        if !reply.bodies.is_empty() {
            reply.body_bytes = 0;
            let bodies = core::mem::take(&mut reply.bodies);
            self.send(handle, Message::Transactions { via: reply.via, bodies });
        }
    }

    fn send_missing(&mut self, handle: PeerHandle, reply: &mut Reply) {
        let transactions = core::mem::take(&mut reply.missing);
        let blocks = core::mem::take(&mut reply.missing_blocks);
        if !transactions.is_empty() || !blocks.is_empty() {
            self.send(handle, Message::NotFound { transactions, blocks });
        }
    }
}

impl Reply {
    fn is_full_for(&self, body: &Body) -> bool {
        let bytes = self.body_bytes.saturating_add(body.len());
        self.bodies.len() >= TRANSACTIONS_ENTRIES_MAX
            || (!self.bodies.is_empty() && bytes > TRANSACTIONS_BATCH_BYTES_MAX)
    }

    fn note_missing(&mut self, owed: &Owed) {
        match owed {
            Owed::Transaction(wanted) => self.missing.push(*wanted),
            Owed::Block(id) => self.missing_blocks.push(*id),
        }
    }
}
