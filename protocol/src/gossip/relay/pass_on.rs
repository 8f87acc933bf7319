//! Passing on what was accepted, under each relay policy. `author_tree` decides to which peers to push along
//! author trees.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;

use super::Spread;
use super::fan_out::{Act, Item, Parcel};
use crate::codec::Encode as _;
use crate::gossip::Gossip;
use crate::gossip::api::PeerHandle;
use crate::gossip::fetch::serve::Reply;
use crate::gossip::intake::sender::Sender;
use crate::gossip::links::peer::Peer;
use crate::items::block::SignedHeader;
use crate::items::hash::TxId;
use crate::items::transaction::SignedTransaction;
use crate::time::Time;
use crate::wire::message::{Body, Lane, Message};

impl Gossip {
    /// Passes an accepted transaction on to every peer that doesn't know it, as the policy says. Its body came at
    /// `at`.
    pub(crate) fn relay_transaction(
        &mut self,
        now: Time,
        transaction: &Arc<SignedTransaction>,
        at: Time,
        sender: Option<Sender>,
    ) {
        let id = transaction.id();
        let act = match self.relay.plan(now, id) {
            Spread::Nothing => return,
            Spread::AlongTree => return self.relay_along_tree(now, transaction, at, sender),
            Spread::AnnounceToAll => Act::Announce,
            Spread::PushToAll => Act::Push,
        };
        let message = Message::Transactions { via: None, bodies: [transaction.clone().into()].into() };
        let parcel = Parcel::new(Item::Transaction(id), Some(message));
        let outcome =
            parcel.fan_out(now, &mut self.peers, &mut self.inventory, &mut self.chance, |_, _, lacks| {
                if lacks { act } else { Act::Nothing }
            });
        self.dispatch(parcel, outcome, false);
    }

    /// Passes an accepted block on to every peer that doesn't know it and isn't ahead of it. A body that is pushed
    /// on the bulk lane is announced first, so that no peer fetches it meanwhile.
    pub(crate) fn relay_block(&mut self, now: Time, header: &SignedHeader, from: Option<PeerHandle>) {
        if !self.relay.tells() {
            return;
        }
        let height = header.header().height;
        let links = self.relay.block_links(header, self.peers.iter().map(|(handle, _)| *handle));
        let body = self.chain.body(&header.id()).filter(|_| !links.is_empty()).map(Message::Block);
        let parcel = Parcel::new(Item::Block(header), body);
        let outcome =
            parcel.fan_out(now, &mut self.peers, &mut self.inventory, &mut self.chance, |handle, peer, lacks| {
                let ahead = peer.chain.tip().is_some_and(|tip| tip.height > height);
                match (lacks && !ahead, links.binary_search(&handle)) {
                    (false, _) => Act::Nothing,
                    (true, Ok(_)) => Act::Push,
                    (true, Err(_)) => Act::Announce,
                }
            });
        self.dispatch(parcel, outcome, self.relay.grafts());
        self.learn_of_block(now, header, from);
    }

    /// Pushes the hot transactions to a few peers each, if a round is due. What one peer gets leaves in one
    /// message.
    pub(crate) fn spread(&mut self, now: Time) {
        let mut pushes: BTreeMap<PeerHandle, Reply> = BTreeMap::new();
        let Some(rumors) = self.relay.rumors_mut() else { return };
        for (number, id) in rumors.begin_round(now) {
            let Some(rumors) = self.relay.rumors_mut() else { return };
            let Some(transaction) = self.mempool.get(&id).cloned() else {
                rumors.cool(number);
                continue;
            };
            let holders = self.inventory.holders(id.short());
            let lacks = |(_, peer): &(&PeerHandle, &Peer)| peer.ready && !holders.contains(peer.link);
            let lacking = self.peers.iter().filter(lacks).map(|(handle, _)| *handle).collect();
            for handle in rumors.choose(number, lacking) {
                if !self.push(handle, pushes.entry(handle).or_default(), &transaction) {
                    if let Some(rumors) = self.relay.rumors_mut() {
                        rumors.announced(number, handle);
                    }
                    self.queue_announcement(handle, id);
                }
            }
        }
        for (handle, mut reply) in pushes {
            self.send_bodies(handle, &mut reply);
        }
    }

    /// Sends a body unasked; a small one together with others. False if there is no credit for it.
    fn push(&mut self, handle: PeerHandle, reply: &mut Reply, transaction: &Arc<SignedTransaction>) -> bool {
        let (body, short) = (Body::from(transaction.clone()), transaction.id().short());
        let message = Message::Transactions { via: None, bodies: [body.clone()].into() };
        if message.lane() == Lane::Control {
            return self.serve_small(handle, reply, body, short);
        }
        let bytes = message.encoded_len();
        let fits = |peer: &&mut Peer| peer.credit.fits_body(Lane::Bulk, bytes);
        let Some(peer) = self.peers.get_mut(&handle).filter(fits) else { return false };
        self.inventory.note(peer.link, short);
        self.send(handle, message);
        true
    }

    /// A transaction is back from a stale block. A peer that connected while it was in that block wasn't told of
    /// it, and may never see that block.
    pub(crate) fn announce_again(&mut self, now: Time, id: TxId) {
        if !self.relay.tells() {
            return;
        }
        let parcel = Parcel::new(Item::Transaction(id), None);
        let outcome =
            parcel.fan_out(now, &mut self.peers, &mut self.inventory, &mut self.chance, |_, _, lacks| {
                if lacks { Act::Announce } else { Act::Nothing }
            });
        self.dispatch(parcel, outcome, false);
    }

    pub(crate) fn queue_announcement(&mut self, handle: PeerHandle, id: TxId) {
        if self.peers.get_mut(&handle).is_some_and(|peer| !peer.announcements.push(id)) {
            self.stats.announcements_dropped = self.stats.announcements_dropped.saturating_add(1);
        }
    }
}
