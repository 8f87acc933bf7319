//! The requests of a node's peers, and the messages of its engine that answer them.

use std::collections::BTreeSet;

use protocol::gossip::PeerHandle;
use protocol::items::hash::ShortId;
use protocol::wire::message::{Message, Reconcile, TxRef};

/// Requests that have no answer yet.
#[derive(Debug, Default)]
pub(super) struct Asked {
    wanted: BTreeSet<(PeerHandle, ShortId)>,
    /// Peers that took something from an offer. Only the engine knows which ids those were.
    takers: BTreeSet<PeerHandle>,
}

/// The number of remembered requests.
const WANTED_MAX: usize = 4_096;

impl Asked {
    /// A message came.
    pub(super) fn hear(&mut self, from: PeerHandle, message: &Message) {
        match message {
            Message::GetData { wanted, .. } => self.want(from, wanted.iter().map(TxRef::short)),
            Message::GetBlock { id, .. } => self.want(from, std::iter::once(id.short())),
            Message::Reconcile(message) if matches!(**message, Reconcile::Take { .. }) => {
                self.takers.insert(from);
            }
            _ => {}
        }
    }

    /// The rest of a message of the engine, without announcements and pushes.
    pub(super) fn answers(&mut self, to: PeerHandle, message: Message) -> Option<Message> {
        match message {
            Message::Inv(_) | Message::BlockHeader { .. } => None,
            Message::Transactions { via, mut bodies } => {
                if !self.takers.remove(&to) {
                    bodies.retain(|body| self.wanted.remove(&(to, body.id().short())));
                }
                (!bodies.is_empty()).then_some(Message::Transactions { via, bodies })
            }
            Message::Block(block) => {
                self.wanted.remove(&(to, block.header.id().short())).then_some(Message::Block(block))
            }
            other => Some(other),
        }
    }

    fn want(&mut self, by: PeerHandle, shorts: impl Iterator<Item = ShortId>) {
        for short in shorts {
            if self.wanted.len() < WANTED_MAX {
                self.wanted.insert((by, short));
            }
        }
    }
}
