//! Allowed producers that break the rules. They sign their own blocks, so the signatures are good.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use protocol::gossip::PeerHandle;
use protocol::items::block::{Block, Header, SignedHeader, transactions_root};
use protocol::items::hash::BlockId;
use protocol::items::keys::SecretKey;
use protocol::items::network::NetworkId;
use protocol::items::transaction::SignedTransaction;
use protocol::time::{Duration, Time};
use protocol::wire::message::{Message, Tip};

use super::craft::{Craft, Pace, TICK, now as at_once};
use super::{Adversary, Entered, Sending};

/// A producer's key, and the data that it signs with.
#[derive(Debug)]
pub(super) struct Signer {
    pub(super) key: SecretKey,
    pub(super) network: NetworkId,
}

/// Signs headers on the tip that have no body, two for one peer at a time. This peer then has no room for its real
/// block.
#[derive(Debug)]
pub(super) struct Decoy {
    signer: Signer,
    craft: Craft,
    tip: Tip,
    salt: u64,
}

/// For each peer, signs another block in place of its own one, with its body. No node gets to know all of them.
#[derive(Debug)]
pub(super) struct Split {
    signer: Signer,
    others: BTreeMap<(BlockId, u32), Arc<Block>>,
}

/// Announces its blocks to all peers, and gives the body to only one of them.
#[derive(Debug)]
pub(super) struct Coy {
    signer: Signer,
    given: BTreeMap<BlockId, PeerHandle>,
}

/// Makes blocks of transactions that are already in the chain.
#[derive(Debug)]
pub(super) struct Repeat {
    signer: Signer,
    old: VecDeque<Bytes>,
    blocks: u64,
}

/// Fills trees of headers: signs branches of two headers just below the tip. Each first header is accepted because
/// a second stands on it, however many there are at its height.
#[derive(Debug)]
pub(super) struct Fill {
    signer: Signer,
    pace: Pace,
    /// The latest blocks, lowest first.
    tips: VecDeque<Tip>,
    salt: u64,
}

/// How far below the tip a branch begins.
const FILL_DEPTH: usize = 3;

/// Branches at a time.
const FILL_LINES: usize = 4;

/// The number of remembered blocks of each kind.
const KEPT_BLOCKS_MAX: usize = 256;

/// The time between two peers that get decoys.
const DECOY_INTERVAL: Duration = Duration::from_millis(200);

/// Blocks that a splitter signs at one height.
const VARIANTS: u32 = 4;

/// The number of old transactions that are remembered, and repeated in one block.
const OLD_MAX: usize = 64;
const REPEATED: usize = 5;

/// How much later than its parent a block of repeats is sent, so that its parent is known by then.
const BEHIND: Duration = Duration::from_millis(300);

impl Signer {
    fn block(&self, parent: Tip, timestamp_ms: u64, transactions: Vec<Bytes>) -> Arc<Block> {
        let ids: Vec<_> = transactions.iter().map(|body| SignedTransaction::id_of(body)).collect();
        let header = Header {
            height: parent.height.saturating_add(1),
            parent: parent.id,
            producer: self.key.public(),
            timestamp_ms,
            transactions_root: transactions_root(&ids),
            count: u32::try_from(ids.len()).unwrap_or(u32::MAX),
        };
        Arc::new(Block { header: header.sign(&self.key, &self.network), transactions })
    }

    fn signed(&self, header: &SignedHeader) -> bool {
        header.header().producer == self.key.public()
    }
}

impl Decoy {
    pub(super) fn new(signer: Signer, craft: Craft) -> Self {
        let tip = Tip { height: 0, id: signer.network.genesis() };
        Self { signer, craft, tip, salt: 0 }
    }
}

impl Adversary for Decoy {
    fn entered(&mut self, _now: Time, item: Entered<'_>, _peers: &[PeerHandle], _out: &mut Vec<Sending>) {
        if let Some(block) = item.block {
            self.tip = Tip { height: block.header.header().height, id: block.header.id() };
        }
    }

    fn interval(&self) -> Option<Duration> {
        Some(DECOY_INTERVAL)
    }

    fn tick(&mut self, _now: Time, peers: &[PeerHandle], out: &mut Vec<Sending>) {
        let Some(peer) = self.craft.one_of(peers) else { return };
        for _ in 0..2 {
            self.salt += 1;
            let decoy = self.signer.block(self.tip, self.salt, Vec::new());
            out.push(at_once(peer, Message::Headers(vec![decoy.header])));
        }
    }
}

impl Split {
    pub(super) const fn new(signer: Signer) -> Self {
        Self { signer, others: BTreeMap::new() }
    }

    fn other(&mut self, header: &SignedHeader, variant: u32) -> Arc<Block> {
        let own = *header.header();
        let parent = Tip { height: own.height.saturating_sub(1), id: own.parent };
        while self.others.len() >= KEPT_BLOCKS_MAX {
            self.others.pop_first();
        }
        let signer = &self.signer;
        let other = self.others.entry((header.id(), variant)).or_insert_with(|| {
            signer.block(parent, own.timestamp_ms.saturating_add(u64::from(variant)), Vec::new())
        });
        other.clone()
    }
}

impl Adversary for Split {
    fn outgoing(&mut self, _now: Time, to: PeerHandle, message: Message, out: &mut Vec<Sending>) {
        let header = match &message {
            Message::BlockHeader { header, .. } => Some(**header),
            Message::Block(block) => Some(block.header),
            _ => None,
        };
        let own = header.filter(|header| self.signer.signed(header));
        let is_other = |id: &BlockId| self.others.values().any(|other| other.header.id() == *id);
        let variant = to.0 % VARIANTS;
        let message = match own.filter(|header| variant > 0 && !is_other(&header.id())) {
            // The body follows its header, whether asked for or not.
            Some(header) => Message::Block(self.other(&header, variant)),
            None => message,
        };
        out.push(at_once(to, message));
    }
}

impl Coy {
    pub(super) const fn new(signer: Signer) -> Self {
        Self { signer, given: BTreeMap::new() }
    }

    /// Whether a peer is the one that gets its own block.
    fn gives(&mut self, to: PeerHandle, header: &SignedHeader) -> bool {
        if !self.signer.signed(header) {
            return true;
        }
        while self.given.len() >= KEPT_BLOCKS_MAX {
            self.given.pop_first();
        }
        *self.given.entry(header.id()).or_insert(to) == to
    }
}

impl Adversary for Coy {
    fn outgoing(&mut self, _now: Time, to: PeerHandle, message: Message, out: &mut Vec<Sending>) {
        let message = match message {
            Message::Block(block) if !self.gives(to, &block.header) => return,
            Message::BlockHeader { header, pushed } => {
                let pushed = self.gives(to, &header) && pushed;
                Message::BlockHeader { header, pushed }
            }
            other => other,
        };
        out.push(at_once(to, message));
    }

    fn incoming(&mut self, _now: Time, from: PeerHandle, message: &Message, _out: &mut Vec<Sending>) -> bool {
        match message {
            Message::GetBlock { id, .. } => self.given.get(id).is_none_or(|given| *given == from),
            _ => true,
        }
    }
}

impl Repeat {
    pub(super) const fn new(signer: Signer) -> Self {
        Self { signer, old: VecDeque::new(), blocks: 0 }
    }
}

impl Adversary for Repeat {
    fn entered(&mut self, _now: Time, item: Entered<'_>, peers: &[PeerHandle], out: &mut Vec<Sending>) {
        let Some(block) = item.block else { return };
        self.old.extend(block.transactions.iter().take(REPEATED).cloned());
        while self.old.len() > OLD_MAX {
            self.old.pop_front();
        }
        self.blocks += 1;
        if self.old.is_empty() || !self.blocks.is_multiple_of(2) {
            return;
        }
        let parent = Tip { height: block.header.header().height, id: block.header.id() };
        let timestamp_ms = block.header.header().timestamp_ms.saturating_add(1);
        let mut repeated: Vec<Bytes> = self.old.iter().take(REPEATED).cloned().collect();
        repeated.sort();
        repeated.dedup();
        let repeats = self.signer.block(parent, timestamp_ms, repeated);
        for &to in peers {
            let header = Message::BlockHeader { header: Box::new(repeats.header), pushed: true };
            out.push(Sending { to, message: header, after: BEHIND });
            out.push(Sending { to, message: Message::Block(repeats.clone()), after: BEHIND });
        }
    }
}

impl Fill {
    pub(super) fn new(signer: Signer, pace: Pace) -> Self {
        let genesis = Tip { height: 0, id: signer.network.genesis() };
        Self { signer, pace, tips: [genesis].into(), salt: 0 }
    }

    fn line(&mut self, parent: Tip) -> Vec<SignedHeader> {
        self.salt += 1;
        let first = self.signer.block(parent, self.salt, Vec::new()).header;
        let on = Tip { height: first.header().height, id: first.id() };
        vec![first, self.signer.block(on, self.salt, Vec::new()).header]
    }
}

impl Adversary for Fill {
    fn entered(&mut self, _now: Time, item: Entered<'_>, _peers: &[PeerHandle], _out: &mut Vec<Sending>) {
        let Some(block) = item.block else { return };
        self.tips.push_back(Tip { height: block.header.header().height, id: block.header.id() });
        if self.tips.len() > FILL_DEPTH {
            self.tips.pop_front();
        }
    }

    fn interval(&self) -> Option<Duration> {
        Some(TICK)
    }

    fn tick(&mut self, _now: Time, peers: &[PeerHandle], out: &mut Vec<Sending>) {
        for _ in 0..self.pace.due().saturating_mul(FILL_LINES) {
            let Some(&parent) = self.tips.front() else { return };
            let line = self.line(parent);
            out.extend(peers.iter().map(|&peer| at_once(peer, Message::Headers(line.clone()))));
        }
    }
}
