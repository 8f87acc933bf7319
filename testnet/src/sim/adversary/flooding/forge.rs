//! Nodes that make items: invalid ones, too many valid ones, and two blocks where there should be one.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use protocol::gossip::PeerHandle;
use protocol::items::block::{Block, Header, SignedHeader, transactions_root};
use protocol::items::hash::BlockId;
use protocol::items::keys::SecretKey;
use protocol::items::network::NetworkId;
use protocol::time::{Duration, Time};
use protocol::wire::message::Message;

use crate::sim::adversary::craft::{Craft, Pace, TICK, now as at_once, push};
use crate::sim::adversary::{Adversary, Sending};

/// Pushes items that can't be valid. Each item costs it a connection.
#[derive(Debug)]
pub(in crate::sim::adversary) struct Invalid {
    pub(in crate::sim::adversary) craft: Craft,
}

/// Pushes valid transactions to all peers, at a rate.
#[derive(Debug)]
pub(in crate::sim::adversary) struct Flood {
    pub(in crate::sim::adversary) craft: Craft,
    pub(in crate::sim::adversary) pace: Pace,
    /// With a key, author and nonce are always the same. Without a key, each transaction has another author.
    pub(in crate::sim::adversary) key: Option<SecretKey>,
}

/// A producer that signs two blocks where it should sign one, and sends each of them to half of its peers.
#[derive(Debug)]
pub(in crate::sim::adversary) struct Equivocate {
    key: SecretKey,
    network: NetworkId,
    /// The second block beside each of its own.
    twins: BTreeMap<BlockId, Arc<Block>>,
}

/// The number of twins that it remembers.
const TWINS_MAX: usize = 64;

/// The time between two invalid items.
const INVALID_INTERVAL: Duration = Duration::from_millis(500);

impl Invalid {
    fn make(&mut self) -> Option<Message> {
        let key = self.craft.key();
        let body = self.craft.transaction(&key, 1)?;
        let mut bytes = body.to_vec();
        let last = bytes.len().checked_sub(1)?;
        Some(match self.craft.draws.below(6) {
            // One bit of the signature is wrong.
            0 => {
                *bytes.get_mut(last)? ^= 1;
                transactions(bytes)
            }
            // The transaction is signed for another network.
            1 => {
                let network = std::mem::replace(&mut self.craft.network, "another".parse().ok()?);
                let foreign = self.craft.transaction(&key, 1);
                self.craft.network = network;
                Message::Transactions { via: None, bodies: vec![foreign?.into()] }
            }
            // There is a byte too many.
            2 => {
                bytes.push(0);
                transactions(bytes)
            }
            3 => transactions(self.craft.draws.bytes(80)),
            // The block is not signed by its producer.
            4 => Message::Block(Arc::new(self.block(&key, vec![body])?)),
            // The body doesn't match the header.
            _ => {
                let mut block = self.block(&key, vec![body.clone()])?;
                block.transactions.push(body);
                Message::Block(Arc::new(block))
            }
        })
    }

    /// A block at height 1, signed by `key`.
    fn block(&self, key: &SecretKey, transactions: Vec<Bytes>) -> Option<Block> {
        let ids: Vec<_> =
            transactions.iter().map(|body| protocol::items::transaction::SignedTransaction::id_of(body)).collect();
        let header = Header {
            height: 1,
            parent: self.craft.network.genesis(),
            producer: key.public(),
            timestamp_ms: 0,
            transactions_root: transactions_root(&ids),
            count: u32::try_from(ids.len()).ok()?,
        };
        Some(Block { header: header.sign(key, &self.craft.network), transactions })
    }
}

impl Adversary for Invalid {
    fn interval(&self) -> Option<Duration> {
        Some(INVALID_INTERVAL)
    }

    fn tick(&mut self, _now: Time, peers: &[PeerHandle], out: &mut Vec<Sending>) {
        if let (Some(peer), Some(message)) = (self.craft.one_of(peers), self.make()) {
            out.push(at_once(peer, message));
        }
    }
}

impl Adversary for Flood {
    fn interval(&self) -> Option<Duration> {
        Some(TICK)
    }

    fn tick(&mut self, _now: Time, peers: &[PeerHandle], out: &mut Vec<Sending>) {
        for _ in 0..self.pace.due() {
            let key = self.key.clone().unwrap_or_else(|| self.craft.key());
            if let Some(body) = self.craft.transaction(&key, 0) {
                out.extend(peers.iter().map(|&peer| push(peer, body.clone())));
            }
        }
    }
}

impl Equivocate {
    pub(in crate::sim::adversary) const fn new(key: SecretKey, network: NetworkId) -> Self {
        Self { key, network, twins: BTreeMap::new() }
    }

    /// Sends the other block in place of one of its own.
    fn twin(&mut self, header: &SignedHeader) -> Arc<Block> {
        if self.twins.len() >= TWINS_MAX && !self.twins.contains_key(&header.id()) {
            self.twins.pop_first();
        }
        let (key, network) = (&self.key, &self.network);
        let twin = self.twins.entry(header.id()).or_insert_with(|| {
            let empty = Header {
                timestamp_ms: header.header().timestamp_ms.saturating_add(1),
                transactions_root: transactions_root(&[]),
                count: 0,
                ..*header.header()
            };
            Arc::new(Block { header: empty.sign(key, network), transactions: Vec::new() })
        });
        twin.clone()
    }
}

impl Adversary for Equivocate {
    fn outgoing(&mut self, _now: Time, to: PeerHandle, message: Message, out: &mut Vec<Sending>) {
        let header = match &message {
            Message::BlockHeader { header, .. } => Some(**header),
            Message::Block(block) => Some(block.header),
            _ => None,
        };
        let own = header.filter(|header| header.header().producer == self.key.public());
        let message = match own.filter(|header| !self.is_twin(&header.id()) && to.0.is_multiple_of(2)) {
            // The twin's body follows its header, whether asked for or not.
            Some(header) => Message::Block(self.twin(&header)),
            None => message,
        };
        out.push(at_once(to, message));
    }
}

impl Equivocate {
    fn is_twin(&self, id: &BlockId) -> bool {
        self.twins.values().any(|twin| twin.header.id() == *id)
    }
}

fn transactions(body: Vec<u8>) -> Message {
    Message::Transactions { via: None, bodies: vec![body.into()] }
}
