//! Items that an adversary makes. All of them are well-formed unless somebody spoils them afterwards.

use std::sync::Arc;

use bytes::Bytes;
use protocol::gossip::{ItemId, PeerHandle};
use protocol::items::block::{Block, Header, SignedHeader, transactions_root};
use protocol::items::hash::{RouteId, ShortId};
use protocol::items::keys::{PublicKey, SecretKey};
use protocol::items::network::NetworkId;
use protocol::items::transaction::{Height, SignedTransaction, Transaction};
use protocol::time::Duration;
use protocol::wire::codec::{Decode as _, Encode as _};
use protocol::wire::message::{InvEntry, Message, Tip, TxRef};

use super::{Entered, Sending};
use crate::random::Draws;
use crate::workload::items::VALID_FOR;

/// Bytes of an adversary's payload.
const PAYLOAD_BYTES: usize = 64;

/// Draws and signs.
#[derive(Debug)]
pub(super) struct Craft {
    pub(super) network: NetworkId,
    pub(super) draws: Draws,
}

impl Craft {
    /// A key that nobody has used before.
    pub(super) fn key(&mut self) -> SecretKey {
        let mut seed = [0; 32];
        seed.copy_from_slice(&self.draws.bytes(32));
        SecretKey::from_seed(&seed)
    }

    /// A valid transaction of `key` with a random payload.
    pub(super) fn transaction(&mut self, key: &SecretKey, nonce: u64) -> Option<Bytes> {
        self.signed(key, nonce, VALID_FOR)
    }

    /// A transaction that no block may hold.
    pub(super) fn expired(&mut self, key: &SecretKey) -> Option<Bytes> {
        self.signed(key, 0, 0)
    }

    fn signed(&mut self, key: &SecretKey, nonce: u64, valid_until: Height) -> Option<Bytes> {
        let payload = self.draws.bytes(PAYLOAD_BYTES).into();
        let unsigned = Transaction { author: key.public(), nonce, valid_until, payload };
        unsigned.sign(key, &self.network).ok().map(|signed| signed.encoded().clone())
    }

    /// A header in the name of a producer that never signed it. `key` signed it instead, over items of these
    /// bytes.
    pub(super) fn forged(
        &self,
        key: &SecretKey,
        parent: Tip,
        producer: PublicKey,
        items: &[Bytes],
    ) -> Option<SignedHeader> {
        let ids: Vec<_> = items.iter().map(|body| SignedTransaction::id_of(body)).collect();
        let header = Header {
            height: parent.height.checked_add(1)?,
            parent: parent.id,
            producer: key.public(),
            timestamp_ms: 0,
            transactions_root: transactions_root(&ids),
            count: u32::try_from(ids.len()).ok()?,
        };
        // The producer's name is put in the place of the key's own.
        let mut bytes = header.sign(key, &self.network).to_bytes();
        let own = key.public().0;
        let place = bytes.windows(own.len()).position(|window| window == own)?;
        bytes.get_mut(place..place + own.len())?.copy_from_slice(&producer.0);
        SignedHeader::from_bytes(&bytes.into()).ok()
    }

    /// A block with such a header.
    pub(super) fn forged_block(
        &mut self,
        parent: Tip,
        producer: PublicKey,
        transactions: Vec<Bytes>,
    ) -> Option<Arc<Block>> {
        let key = self.key();
        let header = self.forged(&key, parent, producer, &transactions)?;
        Some(Arc::new(Block { header, transactions }))
    }

    /// An announcement of an id that belongs to no item.
    pub(super) fn entry(&mut self, age_ms: u32) -> InvEntry {
        let mut short = [0; 8];
        short.copy_from_slice(&self.draws.bytes(8));
        InvEntry { transaction: TxRef::Short(ShortId(short)), age_ms }
    }

    /// A route that nobody has seen before.
    pub(super) fn route(&mut self) -> RouteId {
        let mut route = [0; 8];
        route.copy_from_slice(&self.draws.bytes(8));
        RouteId(route)
    }

    /// One of the peers.
    pub(super) fn one_of(&mut self, peers: &[PeerHandle]) -> Option<PeerHandle> {
        peers.get(self.draws.below(peers.len())).copied()
    }
}

/// A body, sent unasked.
pub(super) fn push(to: PeerHandle, body: Bytes) -> Sending {
    now(to, Message::Transactions { via: None, bodies: vec![body.into()] })
}

/// An item that entered, sent unasked: a transaction, or a block after its header.
pub(super) fn push_of(to: PeerHandle, item: &Entered<'_>) -> Vec<Sending> {
    match (item.id, item.block) {
        (ItemId::Transaction(_), _) => vec![push(to, item.encoded.clone())],
        (ItemId::Block(_), Some(block)) => {
            let header = Message::BlockHeader { header: Box::new(block.header), pushed: true };
            vec![now(to, header), now(to, Message::Block(block.clone()))]
        }
        (ItemId::Block(_), None) => Vec::new(),
    }
}

/// An announcement of one transaction that claims to be held for this time.
pub(super) fn announcement(short: ShortId, age_ms: u32) -> Message {
    Message::Inv(vec![InvEntry { transaction: TxRef::Short(short), age_ms }])
}

/// The announcement of an item that entered. A transaction's claims that it is held for this time.
pub(super) fn announcement_of(item: &Entered<'_>, age_ms: u32) -> Option<Message> {
    match item.id {
        ItemId::Transaction(id) => Some(announcement(id.short(), age_ms)),
        ItemId::Block(_) => {
            let header = Box::new(item.block?.header);
            Some(Message::BlockHeader { header, pushed: false })
        }
    }
}

/// A message to each of the peers, sent this much later.
pub(super) fn to_each(peers: &[PeerHandle], message: Message, after: Duration) -> impl Iterator<Item = Sending> {
    peers.iter().map(move |&to| Sending { to, message: message.clone(), after })
}

/// A message that is sent at once.
pub(super) const fn now(to: PeerHandle, message: Message) -> Sending {
    Sending { to, message, after: Duration::ZERO }
}

/// The number of things that are due at a tick, so that there are `rate` a second. A remainder is kept for the
/// next tick.
#[derive(Debug)]
pub(super) struct Pace {
    rate: f64,
    due: f64,
}

/// The time between two ticks of adversaries that work at a rate.
pub(super) const TICK: Duration = Duration::from_millis(100);

impl Pace {
    pub(super) const fn new(rate: f64) -> Self {
        Self { rate, due: 0.0 }
    }

    pub(super) fn due(&mut self) -> usize {
        self.due += self.rate * TICK.as_micros() as f64 / 1e6;
        let whole = self.due.floor();
        self.due -= whole;
        whole as usize
    }
}
