//! Safety: whatever happens, no honest node accepts or relays an invalid item, accepts an item twice, or sends a
//! peer an item that this peer itself had sent. `super::blame` checks which peers it blames.
//!
//! Validity is judged here from the bytes alone, by decoding and one check of each signature. Neither the engine's verdict nor
//! the sender's name counts. Deliberately absent: the items that a node *should* have accepted, because that is
//! liveness.

mod judge;

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use protocol::gossip::{Event, Gossip, ItemId, PeerHandle, TransactionStatus};
use protocol::items::block::{Block, SignedHeader};
use protocol::items::hash::{BlockId, ShortId, TxId};
use protocol::items::keys::PublicKey;
use protocol::items::network::NetworkId;
use protocol::items::transaction::{Height, SignedTransaction};
use protocol::limits::{HEADERS_PER_PRODUCER_MAX, TRANSACTIONS_PER_NONCE_MAX};
use protocol::time::Time;
use protocol::wire::message::{Message, Reconcile, taken};

use self::judge::Judge;
use super::{Checker, Findings};

/// Watches the items that honest nodes accept and send.
#[derive(Debug)]
pub struct Safety {
    judge: Judge,
    nodes: BTreeMap<usize, Memory>,
    echoes: u64,
    per_nonce_max: usize,
    findings: Findings,
}

/// The actions of one node since it started.
#[derive(Debug, Default)]
struct Memory {
    accepted: HashSet<ItemId>,
    /// Accepted and not judged yet.
    fresh: Vec<(ItemId, bool)>,
    nonces: HashMap<(PublicKey, u64), Vec<TxId>>,
    headers: HashMap<(PublicKey, Height), BTreeSet<BlockId>>,
    peers: BTreeMap<usize, Had>,
}

/// The items that a peer sent, announced or requested over its present connection.
#[derive(Debug, Default)]
struct Had {
    has: HashSet<ShortId>,
    asked: HashSet<ShortId>,
    /// The ids that it was offered, by conversation. Its takes name places in these lists.
    offered: HashMap<u32, Vec<ShortId>>,
}

impl Safety {
    /// For a network with these producers.
    #[must_use]
    pub fn new(network: NetworkId, producers: BTreeSet<PublicKey>) -> Self {
        Self {
            judge: Judge::new(network, producers),
            nodes: BTreeMap::new(),
            echoes: 0,
            per_nonce_max: TRANSACTIONS_PER_NONCE_MAX,
            findings: Findings::default(),
        }
    }

    /// Allows this number of transactions of one author and nonce in a mempool, instead of
    /// [`TRANSACTIONS_PER_NONCE_MAX`].
    #[must_use]
    pub const fn allowing_per_nonce(mut self, most: usize) -> Self {
        self.per_nonce_max = most;
        self
    }

    /// Bodies and announcements that were sent to a peer that had sent or announced the item.
    #[must_use]
    pub const fn echoes(&self) -> u64 {
        self.echoes
    }

    fn memory(&mut self, node: usize) -> &mut Memory {
        self.nodes.entry(node).or_default()
    }

    fn judge_accepted(&mut self, at: Time, node: usize, item: ItemId, local: bool, engine: &Gossip) {
        match item {
            ItemId::Transaction(id) => {
                // An item that is already gone can't be judged here. It is judged if a node relays it.
                let Some(transaction) = held(engine, &id) else { return };
                if !self.judge.transaction(transaction.encoded()) {
                    self.findings.note(at, node, || format!("accepted the invalid transaction {id:?}"));
                }
                let nonce = (transaction.author(), transaction.nonce());
                let same = self.memory(node).nonces.entry(nonce).or_default();
                if !same.contains(&id) {
                    same.push(id);
                }
                let pending = |id: &&TxId| matches!(engine.transaction(id), Some(TransactionStatus::Pending(_)));
                let count = same.iter().filter(pending).count();
                if count > self.per_nonce_max {
                    self.findings.note(at, node, || format!("holds {count} transactions of one author and nonce"));
                }
            }
            ItemId::Block(id) => {
                let Some(block) = engine.block(&id) else { return };
                if !self.judge.block(&block, local) {
                    self.findings.note(at, node, || format!("accepted the invalid block {id:?}"));
                }
            }
        }
    }

    /// A header is announced unasked. (Any header is right if it was requested, is in a block, or is the ancestor
    /// of a higher one.)
    fn note_header(&mut self, at: Time, node: usize, header: &SignedHeader) {
        let slot = (header.header().producer, header.header().height);
        let known = self.memory(node).headers.entry(slot).or_default();
        let (new, count) = (known.insert(header.id()), known.len());
        if new && count > HEADERS_PER_PRODUCER_MAX {
            self.findings
                .note(at, node, || format!("announces {count} headers of one producer at height {}", slot.1));
        }
    }

    fn relays_header(&mut self, at: Time, node: usize, header: &SignedHeader) {
        if !self.judge.header(header) {
            self.findings.note(at, node, || format!("passes on the invalid header {:?}", header.id()));
        }
    }

    fn relays_block(&mut self, at: Time, node: usize, block: &Block) {
        if !self.judge.block(block, false) {
            self.findings.note(at, node, || format!("passes on the invalid block {:?}", block.header.id()));
        }
    }

    /// A body or an announcement is sent.
    fn tells(&mut self, at: Time, node: usize, to: usize, short: ShortId, what: &str) {
        let had = self.memory(node).peers.entry(to).or_default();
        if had.has.contains(&short) && !had.asked.contains(&short) {
            self.echoes += 1;
            self.findings.note(at, node, || format!("sends node {to} {what} of {short:?}, which came from there"));
        }
    }
}

impl Checker for Safety {
    fn connected(&mut self, _at: Time, node: usize, peer: usize, _handle: PeerHandle) {
        self.memory(node).peers.insert(peer, Had::default());
    }

    fn receives(&mut self, _at: Time, node: usize, from: usize, message: &Message) {
        let had = self.memory(node).peers.entry(from).or_default();
        match message {
            Message::Inv(entries) => had.has.extend(entries.iter().map(|entry| entry.transaction.short())),
            Message::Transactions { bodies, .. } => {
                had.has.extend(bodies.iter().map(|body| body.id().short()));
            }
            Message::BlockHeader { header, .. } => {
                had.has.insert(header.id().short());
            }
            Message::Block(block) => {
                had.has.insert(block.header.id().short());
            }
            Message::GetData { wanted, .. } => had.asked.extend(wanted.iter().map(|wanted| wanted.short())),
            Message::GetBlock { id, .. } => {
                had.asked.insert(id.short());
            }
            Message::Reconcile(message) => match &**message {
                Reconcile::Offer { ids, .. } | Reconcile::Difference { offered: ids, .. } => had.has.extend(ids),
                Reconcile::Take { number, places } => {
                    let offer = had.offered.get(number).map(Vec::as_slice).unwrap_or_default();
                    had.asked.extend(taken(places, offer));
                }
                _ => {}
            },
            _ => {}
        }
    }

    fn sends(&mut self, at: Time, node: usize, to: usize, message: &Message) {
        match message {
            Message::Reconcile(message) => {
                if let Reconcile::Offer { number, ids } | Reconcile::Difference { number, offered: ids, .. } =
                    &**message
                    && !ids.is_empty()
                {
                    let had = self.memory(node).peers.entry(to).or_default();
                    had.offered.insert(*number, ids.clone());
                }
            }
            Message::Inv(entries) => {
                for entry in entries {
                    self.tells(at, node, to, entry.transaction.short(), "an announcement");
                }
            }
            Message::Transactions { bodies, .. } => {
                for body in bodies {
                    let id = body.id();
                    if !self.judge.transaction(body.encoded()) {
                        self.findings.note(at, node, || format!("passes on the invalid transaction {id:?}"));
                    }
                    self.tells(at, node, to, id.short(), "a body");
                }
            }
            Message::BlockHeader { header, .. } => {
                self.relays_header(at, node, header);
                self.note_header(at, node, header);
                self.tells(at, node, to, header.id().short(), "an announcement");
            }
            Message::Block(block) => {
                self.relays_block(at, node, block);
                self.tells(at, node, to, block.header.id().short(), "a body");
            }
            Message::Headers(headers) => {
                for header in headers {
                    self.relays_header(at, node, header);
                }
            }
            _ => {}
        }
    }

    fn event(&mut self, at: Time, node: usize, event: &Event) {
        match event {
            Event::Accepted { item, from, within, .. } => {
                let memory = self.memory(node);
                memory.fresh.push((*item, from.is_none() && within.is_none()));
                if !memory.accepted.insert(*item) {
                    self.findings.note(at, node, || format!("accepted {item:?} twice"));
                }
            }
            // The transactions of a stale block may be dropped because there is no room, and come again.
            Event::TipChanged { disconnected, .. } if *disconnected > 0 => {
                self.memory(node).accepted.retain(|item| matches!(item, ItemId::Block(_)));
            }
            _ => {}
        }
    }

    fn settled(&mut self, at: Time, node: usize, engine: &Gossip) {
        let Some(memory) = self.nodes.get_mut(&node) else { return };
        for (item, local) in std::mem::take(&mut memory.fresh) {
            self.judge_accepted(at, node, item, local, engine);
        }
    }

    fn crashed(&mut self, _at: Time, node: usize) {
        self.nodes.remove(&node);
    }

    fn findings(&self) -> &Findings {
        &self.findings
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// A transaction, wherever the engine holds it.
fn held(engine: &Gossip, id: &TxId) -> Option<std::sync::Arc<SignedTransaction>> {
    match engine.transaction(id)? {
        TransactionStatus::Pending(transaction) => Some(transaction),
        TransactionStatus::Confirmed { transaction, .. } => transaction,
    }
}
