//! Nodes that cost others work or room: they send blocks that nobody signed, and transactions that were refused
//! before.

use bytes::Bytes;
use protocol::gossip::PeerHandle;
use protocol::items::hash::BlockId;
use protocol::items::keys::PublicKey;
use protocol::items::transaction::Height;
use protocol::time::{Duration, Time};
use protocol::wire::message::{Message, Tip};

use crate::sim::adversary::craft::{Craft, Pace, TICK, now as at_once};
use crate::sim::adversary::{Adversary, Entered, Sending};

/// Sends blocks in the name of a real producer, on parents that don't exist. The producer never signed them.
#[derive(Debug)]
pub(in crate::sim::adversary) struct JunkBlocks {
    craft: Craft,
    pace: Pace,
    producer: Option<PublicKey>,
}

/// Sends the same stock of transactions again and again. All are refused: they share one author and nonce, or are
/// expired.
#[derive(Debug)]
pub(in crate::sim::adversary) struct Refused {
    craft: Craft,
    pace: Pace,
    stock: Vec<Bytes>,
    next: usize,
}

/// Bytes of the payload of a junk block.
const JUNK_BYTES: usize = 16 * 1024;

/// Far above every tip, so that the block must wait for its parent.
const JUNK_HEIGHT: Height = 400_000;

/// Transactions in stock.
const STOCK: usize = 500;

/// One in this number is expired.
const EXPIRED_EVERY: usize = 5;

impl JunkBlocks {
    pub(in crate::sim::adversary) const fn new(craft: Craft, pace: Pace) -> Self {
        Self { craft, pace, producer: None }
    }
}

impl Adversary for JunkBlocks {
    fn entered(&mut self, _now: Time, item: Entered<'_>, _peers: &[PeerHandle], _out: &mut Vec<Sending>) {
        self.producer = item.block.map(|block| block.header.header().producer).or(self.producer);
    }

    fn interval(&self) -> Option<Duration> {
        Some(TICK)
    }

    fn tick(&mut self, _now: Time, peers: &[PeerHandle], out: &mut Vec<Sending>) {
        let due = self.pace.due();
        let Some(producer) = self.producer else { return };
        for _ in 0..due {
            let mut parent = [0; 32];
            parent.copy_from_slice(&self.craft.draws.bytes(32));
            let parent = Tip { height: JUNK_HEIGHT, id: BlockId(parent) };
            let body = Bytes::from(self.craft.draws.bytes(JUNK_BYTES));
            let block = self.craft.forged_block(parent, producer, vec![body]);
            if let (Some(to), Some(block)) = (self.craft.one_of(peers), block) {
                out.push(at_once(to, Message::Block(block)));
            }
        }
    }
}

impl Refused {
    pub(in crate::sim::adversary) fn new(mut craft: Craft, pace: Pace) -> Self {
        let key = craft.key();
        let mut make = |place: usize| match place % EXPIRED_EVERY {
            0 => craft.expired(&key),
            _ => craft.transaction(&key, 0),
        };
        let stock = (0..STOCK).filter_map(&mut make).collect();
        Self { craft, pace, stock, next: 0 }
    }

    fn of_stock(&mut self) -> Option<Bytes> {
        let body = self.stock.get(self.next).cloned();
        self.next = (self.next + 1) % self.stock.len().max(1);
        body
    }
}

impl Adversary for Refused {
    fn interval(&self) -> Option<Duration> {
        Some(TICK)
    }

    fn tick(&mut self, _now: Time, peers: &[PeerHandle], out: &mut Vec<Sending>) {
        let due = self.pace.due();
        let bodies: Vec<_> = (0..due).filter_map(|_| self.of_stock()).map(Into::into).collect();
        if let Some(to) = self.craft.one_of(peers).filter(|_| !bodies.is_empty()) {
            out.push(at_once(to, Message::Transactions { via: None, bodies }));
        }
    }
}
