//! Passing on what was accepted, under each relay policy. Whom to push to along author trees is decided in `tree`.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::gossip::Gossip;
use crate::gossip::api::{PeerHandle, RelayPolicy};
use crate::gossip::fetch::serve::Reply;
use crate::gossip::intake::transactions::Sender;
use crate::gossip::links::peer::Peer;
use crate::items::block::SignedHeader;
use crate::items::hash::TxId;
use crate::items::transaction::SignedTransaction;
use crate::time::Time;
use crate::wire::codec::Encode as _;
use crate::wire::message::{Body, Lane, Message};

impl Gossip {
    /// Passes an accepted transaction on to every peer that doesn't know it, as the policy says. Its body came at `at`.
    pub(crate) fn relay_transaction(
        &mut self,
        now: Time,
        transaction: &Arc<SignedTransaction>,
        at: Time,
        sender: Option<Sender>,
    ) {
        if self.config.relay == RelayPolicy::None || self.rumors.ignite(now, transaction.id()) {
            return;
        }
        if self.routes.is_some() {
            return self.relay_along_tree(now, transaction, at, sender);
        }
        let short = transaction.id().short();
        let message = Message::Transactions { via: None, bodies: [transaction.clone().into()].into() };
        let (lane, bytes) = (message.lane(), message.encoded_len());
        let flood = self.config.relay == RelayPolicy::Flood;
        let mut pushes = Vec::new();
        for (handle, peer) in self.peers.iter_mut().filter(|(_, peer)| peer.lacks(short)) {
            if flood && peer.credit.fits_body(lane, bytes) {
                peer.known.insert(short);
                pushes.push(*handle);
            } else if !peer.announcements.push(transaction.id()) {
                self.stats.announcements_dropped = self.stats.announcements_dropped.saturating_add(1);
            }
        }
        for handle in pushes {
            self.send(handle, message.clone());
        }
    }

    /// Passes an accepted block on to every peer that doesn't know it and isn't ahead of it. A body that is pushed on the
    /// bulk lane is announced first, so that nobody fetches it meanwhile.
    pub(crate) fn relay_block(&mut self, now: Time, header: &SignedHeader, from: Option<PeerHandle>) {
        if self.config.relay == RelayPolicy::None {
            return;
        }
        let (short, height) = (header.id().short(), header.header().height);
        let eager = self.block_links(header);
        let pushes_any = self.config.relay == RelayPolicy::Flood || !eager.is_empty();
        let body = self.chain.body(&header.id()).filter(|_| pushes_any).map(Message::Block);
        let body = body.map(|message| (message.lane(), message.encoded_len(), message));
        let mut pushes = Vec::new();
        for (handle, peer) in self.peers.iter_mut() {
            let ahead = peer.tip.is_some_and(|tip| tip.height > height);
            if !peer.lacks(short) || ahead {
                continue;
            }
            match &body {
                Some((lane, bytes, _))
                    if peer.credit.fits_body(*lane, *bytes)
                        && (self.routes.is_none() || eager.binary_search(handle).is_ok()) =>
                {
                    peer.known.insert(short);
                    pushes.push(*handle);
                }
                _ => peer.announce_header(*header),
            }
        }
        for handle in pushes {
            if let Some((lane, _, message)) = &body {
                if *lane == Lane::Bulk && self.routes.is_some() {
                    self.send(handle, Message::BlockHeader { header: Box::new(*header), pushed: true });
                }
                self.send(handle, message.clone());
            }
        }
        self.learn_of_block(now, header, from);
    }

    /// Pushes the hot transactions to a few peers each, if a round is due. What one peer gets leaves together.
    pub(crate) fn spread(&mut self, now: Time) {
        let mut pushes: BTreeMap<PeerHandle, Reply> = BTreeMap::new();
        for (number, id) in self.rumors.begin_round(now) {
            let Some(transaction) = self.mempool.get(&id).cloned() else {
                self.rumors.cool(number);
                continue;
            };
            let lacks = |(_, peer): &(&PeerHandle, &Peer)| peer.lacks(id.short());
            let lacking = self.peers.iter().filter(lacks).map(|(handle, _)| *handle).collect();
            for handle in self.rumors.choose(number, lacking) {
                if !self.push(handle, pushes.entry(handle).or_default(), &transaction) {
                    self.rumors.announced(number, handle);
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
        peer.known.insert(short);
        self.send(handle, message);
        true
    }

    /// A transaction is back from a stale block. Who connected while it was in there wasn't told of it, and may never
    /// see that block.
    pub(crate) fn announce_again(&mut self, id: TxId) {
        if self.config.relay == RelayPolicy::None {
            return;
        }
        let lacks = |(_, peer): &(&PeerHandle, &Peer)| peer.lacks(id.short());
        let lacking: Vec<PeerHandle> = self.peers.iter().filter(lacks).map(|(handle, _)| *handle).collect();
        for handle in lacking {
            self.queue_announcement(handle, id);
        }
    }

    pub(crate) fn queue_announcement(&mut self, handle: PeerHandle, id: TxId) {
        if self.peers.get_mut(&handle).is_some_and(|peer| !peer.announcements.push(id)) {
            self.stats.announcements_dropped = self.stats.announcements_dropped.saturating_add(1);
        }
    }
}
