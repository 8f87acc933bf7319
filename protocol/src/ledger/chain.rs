//! The chain: a bounded tree of signed headers, the bodies of its newest blocks in memory, the best chain through
//! it, and which transactions that chain has.
//!
//! **Header rules.** A header is accepted if its parent is known, its height is the parent's plus one, and it
//! doesn't branch off below the lowest remembered height (below). A header that comes by itself
//! ([`Standing::Alone`]) is accepted only if its producer has at most one other at that height. This bounds how
//! many headers of one producer all nodes pass on. A refusal by this rule says nothing of the block, and holds
//! nothing up. The ancestors of a higher header are accepted, however many others there are. A block with its body
//! takes the place of a header without one.
//!
//! **Fork choice.** Among the connected blocks (those whose bodies and ancestors' bodies were checked) the highest
//! is the tip. Among equally high ones, it is the one with the lowest id.
//!
//! **Bounds.** Headers off the best chain are charged to their producers. When the tree is full and the producer
//! with the most has more than its share, this producer gives up its oldest leaf. It does so for producers with
//! less, and for its own new headers. Otherwise the header farthest from the tip in height is removed. This is a
//! leaf off the best chain, or the lowest of the best chain while that has more than its guaranteed part. Headers
//! without bodies are removed first. There is always room for the next tip, whether its body is here or not. The
//! lowest header of the best chain that is kept is at the *lowest remembered height*: branches that start below it
//! are given up. Bodies in memory are a cache of what durable storage has. If they exceed their bound, the lowest
//! is removed, and its block stays connected. The ids of transactions are remembered for many more blocks, because
//! a reorganisation needs them.
//!
//! **Repeats.** A transaction may be in a block and again in one that descends from it. Whether a node notices
//! this depends on what it remembers of the ancestors, and validity must not depend on that. The first occurrence
//! counts, and the others have no effect. A block that has a transaction twice is invalid.
//!
//! Deliberately absent: signatures, allowed producers, a validator's rules on blocks, and durable storage.
//! Signatures and producers are checked before. The caller that connects a block supplies the rules. Durable
//! storage keeps every connected block until the chain has dropped it ([`Chain::take_dropped`]).

mod best;
mod bodies;
mod bounds;
mod invalid;
mod leaves;
mod locator;
mod reorg;
mod sizes;
mod tree;

use alloc::collections::{BTreeSet, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::durable::RestoredBlock;
use crate::codec::{DecodeError, Misread};
use crate::items::block::{Block, SignedHeader, transactions_root};
use crate::items::hash::{BlockId, TxId};
use crate::items::refusal::Refusal;
use crate::items::transaction::{Height, SignedTransaction};
use crate::limits::{
    BLOCK_BYTES_MAX, CHAIN_BEST_HEADERS_MIN, CHAIN_BODY_BYTES_MAX, CHAIN_CONTENTS_MAX, CHAIN_HEADERS_MAX,
    CONFIRMED_MAX, HEADERS_OFF_BEST_SHARE, HEADERS_PER_PRODUCER_MAX, VALID_UNTIL_AHEAD_MAX,
};
use crate::wire::message::Tip;
use best::{Best, Confirmed};
use bodies::{Bodies, Body, Contents};
pub use bounds::Standing;
use invalid::Invalid;
use tree::Tree;

/// Headers on all branches, bodies of the newest blocks, and the best chain.
#[derive(Debug)]
pub struct Chain {
    genesis: BlockId,
    limits: Limits,
    tree: Tree,
    best: Best,
    confirmed: Confirmed,
    bodies: Bodies,
    contents: Contents,
    /// Connected blocks that were removed from the tree while they were off the best chain.
    dropped: Vec<BlockId>,
    invalid: Invalid,
    /// The blocks that are not connected on the way to `target`, lowest first.
    missing: VecDeque<BlockId>,
    target: Tip,
}

/// How much a chain keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most headers on all branches.
    pub headers: usize,
    /// Headers of the best chain that no other branch can push out; at least 2.
    pub best_headers: usize,
    /// Headers off the best chain that a producer may have before others may push them out.
    pub headers_each: usize,
    /// Encoded bytes of blocks whose bodies are in memory. The tip's body is kept even above this.
    pub body_bytes: usize,
    /// Ids of transactions that are remembered by block, in all.
    pub contents: usize,
    /// Confirmed transactions, the newest.
    pub confirmed: usize,
}

/// The result of checking a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderCheck {
    /// Not in the tree, and fit for it.
    New,
    /// In the tree already.
    Known,
}

/// A block was connected, now or before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Connected {
    /// The change of the best chain, if the block is the new tip.
    pub tip_change: Option<TipChange>,
    /// If it was connected now: the block, and the ids of its transactions in order.
    pub added: Option<(Arc<Block>, Arc<[TxId]>)>,
}

/// The best chain has a new end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TipChange {
    /// The new tip.
    pub tip: Tip,
    /// Blocks that left the best chain, highest first.
    pub disconnected: Vec<BlockId>,
    /// Blocks that joined it, lowest first.
    pub connected: Vec<BlockId>,
    /// Transactions of the blocks that left, except those that a joined block has; lowest block first.
    pub returned: Vec<Arc<SignedTransaction>>,
    /// The blocks that left whose bodies are not in memory, lowest first. Their transactions are missing in
    /// `returned`.
    pub to_load: Vec<BlockId>,
    /// All transactions of the blocks that joined, lowest block first, repeated ones included.
    pub confirmed: Vec<TxId>,
    /// Of these, the ones that an earlier block of the best chain has as well, if that is remembered.
    pub repeated: Vec<(BlockId, TxId)>,
    /// The highest block that stayed.
    pub fork: Height,
}

/// Why a chain can't start from what was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// A block doesn't follow the one before.
    #[error(
        "the block at height {0} does not follow the one before it: the stored chain has a gap, and is not used"
    )]
    Gap(Height),
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            headers: CHAIN_HEADERS_MAX,
            best_headers: CHAIN_BEST_HEADERS_MIN,
            headers_each: HEADERS_OFF_BEST_SHARE,
            body_bytes: CHAIN_BODY_BYTES_MAX,
            contents: CHAIN_CONTENTS_MAX,
            confirmed: CONFIRMED_MAX,
        }
    }
}

impl Chain {
    /// A chain that has only genesis, with the protocol's limits.
    #[must_use]
    pub fn new(genesis: BlockId) -> Self {
        Self::with_limits(genesis, Limits::default())
    }

    /// A chain that has only genesis.
    #[must_use]
    pub fn with_limits(genesis: BlockId, limits: Limits) -> Self {
        Self {
            genesis,
            limits,
            tree: Tree::default(),
            best: Best::new(genesis),
            confirmed: Confirmed::new(limits.confirmed),
            bodies: Bodies::default(),
            contents: Contents::new(limits.contents),
            dropped: Vec::new(),
            invalid: Invalid::default(),
            missing: VecDeque::new(),
            target: Tip { height: 0, id: genesis },
        }
    }

    /// Continues from the newest blocks of a best chain, lowest first. The chain must have only genesis.
    ///
    /// # Errors
    /// [`RestoreError`] if a block doesn't follow the one before it, or if the first one has height 1 and doesn't
    /// follow genesis. Then the chain must not be used.
    pub fn restore(&mut self, blocks: &[RestoredBlock]) -> Result<(), RestoreError> {
        for block in blocks {
            let (id, fields) = (block.header.id(), *block.header.header());
            let follows =
                fields.parent == self.tip().id && Some(fields.height) == self.tip().height.checked_add(1);
            match self.tip().height == 0 && fields.height > 1 {
                true => {
                    self.best = Best::starting(Tip { height: fields.height, id });
                    self.confirmed.forget_below(fields.height);
                }
                false if follows => self.best.push(id),
                false => return Err(RestoreError::Gap(fields.height)),
            }
            self.tree.insert(block.header);
            self.tree.set_connected(&id);
            self.tree.set_best(&id, true);
            match &block.transactions {
                Some(ids) => {
                    self.contents.insert(id, fields.height, ids.clone());
                    self.confirmed.push(fields.height, ids.iter().copied());
                }
                None => self.confirmed.push_unknown(fields.height),
            }
        }
        self.find_missing();
        Ok(())
    }

    /// The end of the best chain.
    #[must_use]
    pub const fn tip(&self) -> Tip {
        self.best.tip()
    }

    /// Whether a header is known or could be inserted.
    ///
    /// # Errors
    /// [`Refusal::RejectedBefore`] if it or its parent is known to be invalid, [`Refusal::WrongHeight`],
    /// [`Refusal::TooOld`], [`Refusal::UnknownParent`], [`Refusal::TooManyAtHeight`] or [`Refusal::HeadersFull`].
    pub fn check_header(&self, header: &SignedHeader, standing: Standing) -> Result<HeaderCheck, Refusal> {
        let check = self.check_rules(header)?;
        if check == HeaderCheck::New {
            self.room_for(header, standing)?;
        }
        Ok(check)
    }

    /// Puts a header into the tree. [`HeaderCheck::New`] means that it wasn't there.
    ///
    /// # Errors
    /// As [`Chain::check_header`]. Then the header is not in the tree.
    pub fn insert_header(&mut self, header: SignedHeader, standing: Standing) -> Result<HeaderCheck, Refusal> {
        self.insert(header, standing)
    }

    /// Another header of the same producer at the same height, if there is one: its producer signed two.
    #[must_use]
    pub fn sibling(&self, header: &SignedHeader) -> Option<SignedHeader> {
        let fields = header.header();
        let other = self.tree.siblings(fields.height, fields.producer).find(|id| *id != header.id())?;
        self.header(&other).copied()
    }

    /// Whether so many other blocks of its producer at its height are connected that no further one is passed on
    /// unasked.
    #[must_use]
    pub fn is_one_too_many(&self, header: &SignedHeader) -> bool {
        let fields = header.header();
        let others = self.tree.siblings(fields.height, fields.producer);
        let others = others.filter(|id| *id != header.id() && self.is_connected(id));
        others.take(HEADERS_PER_PRODUCER_MAX).count() >= HEADERS_PER_PRODUCER_MAX
    }

    /// Connects a block: its header, unless that is in the tree, and its body. The tip may change.
    ///
    /// # Errors
    /// As [`Chain::check_header`]; [`Refusal::UnknownParent`] also if the parent isn't connected yet. About the
    /// body: [`Refusal::WrongRoot`] if it is not this header's; [`Refusal::RepeatedTransaction`],
    /// [`Refusal::ExpiredTransaction`] or [`Refusal::TooFarAhead`] if no body of this header can be valid (see
    /// [`Chain::mark_invalid`]). In all of these an acceptable header stays in the tree, and the tip stays as it
    /// was.
    pub fn connect(
        &mut self,
        header: SignedHeader,
        transactions: Vec<Arc<SignedTransaction>>,
    ) -> Result<Connected, Refusal> {
        self.connect_if(header, transactions, |_| Ok(()))
    }

    /// Connects a block as [`Chain::connect`] does, if a chain's own `rule` allows it. The rule is asked last.
    ///
    /// # Errors
    /// As [`Chain::connect`], and what the rule says.
    pub fn connect_if(
        &mut self,
        header: SignedHeader,
        transactions: Vec<Arc<SignedTransaction>>,
        rule: impl FnOnce(&[Arc<SignedTransaction>]) -> Result<(), Refusal>,
    ) -> Result<Connected, Refusal> {
        // A header that comes with its body was judged before, and it takes no place from another.
        self.insert(header, Standing::InLineBlock)?;
        let (id, height) = (header.id(), header.header().height);
        if self.is_connected(&id) {
            return Ok(Connected::default());
        }
        if !self.is_connected(&header.header().parent) {
            return Err(Refusal::UnknownParent);
        }
        let ids = Self::check_body(&header, &transactions)?;
        let body = Body::new(header, transactions);
        if body.bytes > BLOCK_BYTES_MAX {
            let error = DecodeError::TooLong { what: "a block", max: BLOCK_BYTES_MAX };
            return Err(Refusal::Malformed(Misread { what: "a block", at: 0, error }));
        }
        rule(&body.transactions)?;
        let added = Some((body.block.clone(), ids.clone()));
        self.bodies.insert(id, body);
        self.contents.insert(id, height, ids);
        self.tree.set_connected(&id);
        let tip = self.tip();
        let better = height > tip.height || (height == tip.height && id < tip.id);
        let tip_change = better.then(|| self.reorganize(id));
        self.find_missing();
        self.bodies.shed(self.limits.body_bytes, &self.best.tip().id);
        Ok(Connected { tip_change, added })
    }

    /// Connected blocks that were dropped since the last call. A storage that keeps these blocks may forget them.
    pub fn take_dropped(&mut self) -> Vec<BlockId> {
        core::mem::take(&mut self.dropped)
    }

    /// Drops a block that can't be valid, whatever body comes for it, and all that descend from it. From now on it
    /// and its children are refused. Nothing happens to a block that is connected.
    pub fn mark_invalid(&mut self, id: &BlockId) {
        if self.is_connected(id) || self.invalid.contains(id) {
            return;
        }
        // The invalid block continues to hold its slot. Otherwise its producer could have another one passed on in
        // its place.
        let slot = self.tree.get(id).map(|node| (node.height(), node.producer()));
        self.drop_branch(id);
        if let Some((height, producer)) = slot {
            self.tree.hold_slot(height, producer);
        }
        if let Some((height, producer)) = self.invalid.remember(*id, slot) {
            self.tree.free_slot(height, producer);
        }
        self.find_missing();
    }

    /// Drops a block that is not connected, and all that descend from it, as if they had never come.
    pub fn withdraw(&mut self, id: &BlockId) {
        if !self.is_connected(id) {
            self.drop_branch(id);
            self.find_missing();
        }
    }

    /// The first block of the best chain that has a transaction, and that block's height, while it is remembered.
    #[must_use]
    pub fn confirmed(&self, id: &TxId) -> Option<(Height, BlockId)> {
        let height = self.confirmed.get(id)?;
        Some((height, self.best.at(height)?))
    }

    /// Whether a block is on the best chain, and remembered as such. Genesis counts while nothing is forgotten.
    #[must_use]
    pub fn is_best(&self, id: &BlockId) -> bool {
        self.height_of(id).is_some_and(|height| self.best.at(height) == Some(*id))
    }

    /// The block of the best chain at a height, while it is remembered.
    #[must_use]
    pub fn best_at(&self, height: Height) -> Option<BlockId> {
        self.best.at(height)
    }

    /// The height where a block's branch and the best chain meet. `None` if the block isn't known.
    #[must_use]
    pub fn common_height(&self, id: &BlockId) -> Option<Height> {
        self.height_of(id)?;
        Some(self.side_branch(*id).1)
    }

    /// A connected block, while its body is in memory.
    #[must_use]
    pub fn body(&self, id: &BlockId) -> Option<Arc<Block>> {
        self.bodies.get(id).map(|body| body.block.clone())
    }

    /// A transaction of a connected block, while the block's body is in memory.
    #[must_use]
    pub fn transaction_in(&self, block: &BlockId, id: &TxId) -> Option<Arc<SignedTransaction>> {
        self.bodies.get(block)?.transaction(id).cloned()
    }

    /// The transactions of a connected block, in order; none if its body is not in memory.
    #[must_use]
    pub fn transactions_of(&self, block: &BlockId) -> &[Arc<SignedTransaction>] {
        self.bodies.get(block).map_or(&[], |body| &body.transactions)
    }

    /// The ids of a connected block's transactions, in order, whether or not its body is in memory; none if they
    /// are forgotten.
    #[must_use]
    pub fn ids_of(&self, block: &BlockId) -> &[TxId] {
        self.contents.get(block).map_or(&[], |ids| ids)
    }

    /// A header in the tree. Genesis has none.
    #[must_use]
    pub fn header(&self, id: &BlockId) -> Option<&SignedHeader> {
        self.tree.get(id).map(|node| &node.header)
    }

    /// Whether a block was checked, body and ancestors included. Genesis counts.
    #[must_use]
    pub fn is_connected(&self, id: &BlockId) -> bool {
        *id == self.genesis || self.tree.get(id).is_some_and(|node| node.connected)
    }

    /// How many headers are in the tree.
    #[must_use]
    pub fn headers(&self) -> usize {
        self.tree.len()
    }

    /// Encoded bytes of the blocks whose bodies are in memory.
    #[must_use]
    pub const fn body_bytes(&self) -> usize {
        self.bodies.bytes()
    }

    /// Ids of transactions that are remembered by block.
    #[must_use]
    pub const fn contents_len(&self) -> usize {
        self.contents.len()
    }

    /// The height from which on every transaction's first occurrence on the best chain is remembered.
    #[must_use]
    pub const fn confirmed_from(&self) -> Height {
        self.confirmed.complete_from()
    }

    /// How many confirmed transactions are remembered.
    #[must_use]
    pub fn confirmed_len(&self) -> usize {
        self.confirmed.len()
    }

    /// How many invalid blocks are remembered.
    #[must_use]
    pub fn invalid_len(&self) -> usize {
        self.invalid.len()
    }

    fn check_rules(&self, header: &SignedHeader) -> Result<HeaderCheck, Refusal> {
        let (id, fields) = (header.id(), header.header());
        if self.tree.get(&id).is_some() {
            return Ok(HeaderCheck::Known);
        }
        if self.invalid.contains(&id) || self.invalid.contains(&fields.parent) {
            return Err(Refusal::RejectedBefore);
        }
        let parent_height = self.height_of(&fields.parent);
        if fields.height == 0 || parent_height.is_some_and(|height| height.checked_add(1) != Some(fields.height)) {
            return Err(Refusal::WrongHeight);
        }
        if fields.height <= self.best.lowest() {
            return Err(Refusal::TooOld);
        }
        if parent_height.is_none() {
            return Err(Refusal::UnknownParent);
        }
        Ok(HeaderCheck::New)
    }

    /// Whether this can be the body of this header, in any chain. Returns the ids of the transactions.
    fn check_body(header: &SignedHeader, transactions: &[Arc<SignedTransaction>]) -> Result<Arc<[TxId]>, Refusal> {
        let fields = header.header();
        let ids: Vec<TxId> = transactions.iter().map(|transaction| transaction.id()).collect();
        if usize::try_from(fields.count) != Ok(ids.len()) || transactions_root(&ids) != fields.transactions_root {
            return Err(Refusal::WrongRoot);
        }
        let distinct: BTreeSet<TxId> = ids.iter().copied().collect();
        if distinct.len() < ids.len() {
            return Err(Refusal::RepeatedTransaction);
        }
        if transactions.iter().any(|transaction| transaction.valid_until() < fields.height) {
            return Err(Refusal::ExpiredTransaction);
        }
        let tip = fields.height.saturating_sub(1);
        let too_far = |valid_until: &Height| *valid_until > tip.saturating_add(VALID_UNTIL_AHEAD_MAX);
        match transactions.iter().map(|transaction| transaction.valid_until()).find(too_far) {
            Some(valid_until) => Err(Refusal::TooFarAhead { valid_until, tip }),
            None => Ok(ids.into()),
        }
    }

    /// The height of a block whose header is in the tree. Genesis counts.
    #[must_use]
    pub fn height_of(&self, id: &BlockId) -> Option<Height> {
        if *id == self.genesis { Some(0) } else { self.tree.get(id).map(tree::Node::height) }
    }
}
