//! Nodes that make themselves everybody's parent and then leave things out.

use std::collections::BTreeSet;

use protocol::gossip::{ItemId, PeerHandle};
use protocol::hash::ShortId;
use protocol::message::{Message, TxRef};
use protocol::time::Time;

use super::craft::{now as at_once, push};
use super::{Adversary, Entered, Sending};

/// Pushes every second item to all peers the moment it enters anywhere, so that it is first and their other links fall
/// asleep; says nothing of the rest. It gives everything to those who ask, so that it is struck for nothing.
#[derive(Debug, Default)]
pub(super) struct Hide {
    /// Items that entered.
    seen: u64,
    asked: BTreeSet<(PeerHandle, ShortId)>,
}

/// Requests remembered.
const ASKED_MAX: usize = 4_096;

impl Hide {
    /// Whether a peer asked for an item, and hasn't got it since.
    fn was_asked(&mut self, by: PeerHandle, short: ShortId) -> bool {
        self.asked.remove(&(by, short))
    }

    fn asks(&mut self, by: PeerHandle, shorts: impl Iterator<Item = ShortId>) {
        for short in shorts {
            if self.asked.len() < ASKED_MAX {
                self.asked.insert((by, short));
            }
        }
    }
}

impl Adversary for Hide {
    fn outgoing(&mut self, _now: Time, to: PeerHandle, message: Message, out: &mut Vec<Sending>) {
        let message = match message {
            // What is to be known of items is said when they enter.
            Message::Inv(_) | Message::BlockHeader { .. } => return,
            Message::Transactions { via, mut bodies } => {
                bodies.retain(|body| self.was_asked(to, body.id().short()));
                if bodies.is_empty() {
                    return;
                }
                Message::Transactions { via, bodies }
            }
            Message::Block(block) if !self.was_asked(to, block.header.id().short()) => return,
            other => other,
        };
        out.push(at_once(to, message));
    }

    fn incoming(&mut self, _now: Time, from: PeerHandle, message: &Message, _out: &mut Vec<Sending>) -> bool {
        match message {
            Message::GetData { wanted, .. } => self.asks(from, wanted.iter().map(TxRef::short)),
            Message::GetBlock { id, .. } => self.asks(from, std::iter::once(id.short())),
            _ => {}
        }
        true
    }

    fn entered(&mut self, _now: Time, item: Entered<'_>, peers: &[PeerHandle], out: &mut Vec<Sending>) {
        self.seen += 1;
        if self.seen.is_multiple_of(2) {
            return;
        }
        for &peer in peers {
            match (item.id, item.block) {
                (ItemId::Transaction(_), _) => out.push(push(peer, item.encoded.clone())),
                (ItemId::Block(_), Some(block)) => {
                    let header = Box::new(block.header);
                    out.push(at_once(peer, Message::BlockHeader { header, pushed: true }));
                    out.push(at_once(peer, Message::Block(block.clone())));
                }
                (ItemId::Block(_), None) => {}
            }
        }
    }
}
