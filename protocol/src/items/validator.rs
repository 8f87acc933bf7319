//! Where a chain adds its own rules.
//!
//! **When it is asked.** It is asked about a transaction by itself, before the transaction enters the mempool.
//! Such a transaction was submitted, came from a peer, was kept by an earlier run, or is in a block that left the
//! best chain. About a transaction of a peer it is also asked at sight, before the signature is checked. It is
//! asked about a header from the network before the body is requested. Before a block is connected, it is asked
//! about each of its transactions and then about the block. This holds for every block, also for one that was
//! submitted here. It is asked before a transaction is put into a block template, and then about the whole
//! template. It is not asked again about blocks that an earlier run had connected, but it may be told of them at
//! the start: [`Validator::connected_from`].
//!
//! **What a refusal means.** The item is not passed on. A transaction is remembered as rejected until the tip's
//! height changes. A block that is refused, for itself or for one of its transactions, is invalid for good, with
//! all that descend from it. This is no misbehavior: an honest peer may follow other rules, and its connection
//! stays.
//!
//! **What an answer may depend on.** The item, the height and the ancestors, which the parent's id names. It must
//! not depend on a clock, or on what a node happens to have. Two nodes that answer differently about a block
//! follow different chains from then on.
//!
//! A validator does not check signatures, sizes, Merkle roots, repeated transactions, `valid_until` within a
//! block, or the shape of the chain. The engine checks them before it asks the validator, except for the signature
//! when it asks at sight.

use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use core::fmt;

use super::block::{Header, SignedHeader};
use super::hash::BlockId;
use super::keys::PublicKey;
use super::refusal::Refusal;
use super::transaction::{Height, SignedTransaction};
use crate::limits::VALID_UNTIL_AHEAD_MAX;

/// The place of a block in the tree of blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockPlace {
    /// The block's height.
    pub height: Height,
    /// The block before it. It stands for all its ancestors.
    pub parent: BlockId,
}

impl BlockPlace {
    /// The place of the block with this header.
    #[must_use]
    pub const fn of(header: &Header) -> Self {
        Self { height: header.height, parent: header.parent }
    }
}

/// A chain's own rules. They must be deterministic: the same arguments give the same answer on every node.
pub trait Validator: fmt::Debug + Send + Sync {
    /// Whether a transaction may enter the mempool of a node whose best chain ends at `tip`.
    ///
    /// # Errors
    /// Says why not. The transaction is remembered as rejected; its sender is not blamed.
    fn transaction(&self, transaction: &SignedTransaction, tip: Height) -> Result<(), Refusal>;

    /// Whether it is worth checking the signature of a transaction that a peer has just sent, as far as the chain's
    /// rules can tell without it. By default it always is. The author has not been proved. A refusal here counts
    /// like one by
    /// [`Validator::transaction`], which is asked about the transactions that pass.
    ///
    /// # Errors
    /// Says why not. The transaction is remembered as refused until the tip's height changes; its sender is not
    /// blamed.
    fn transaction_at_sight(&self, _transaction: &SignedTransaction, _tip: Height) -> Result<(), Refusal> {
        Ok(())
    }

    /// Whether a transaction may be in a block at this place.
    ///
    /// If a chain has no rule for this, the answer is that for a mempool whose tip is the parent. A transaction
    /// that no node accepts by itself must not be confirmed because it came in a block.
    ///
    /// # Errors
    /// Says why not. A block that contains it is invalid; the block's sender is not blamed.
    fn transaction_in_block(&self, transaction: &SignedTransaction, place: BlockPlace) -> Result<(), Refusal> {
        self.transaction(transaction, place.height.saturating_sub(1))
    }

    /// Whether a block with this header may be accepted, from the network or as a submission. It is not asked
    /// about blocks that this node made, nor about submissions if the node takes those of any producer.
    ///
    /// # Errors
    /// Says why not. The block is not relayed; its sender is not blamed.
    fn header(&self, header: &Header) -> Result<(), Refusal>;

    /// Whether a block may be connected: the rules that can't be applied to its transactions one by one. Each of
    /// them is good by itself, and the parent is connected. By default, there are no such rules.
    ///
    /// A node that makes a block asks about its template too. If the answer is no, it tries again with fewer
    /// transactions ([`TEMPLATE_ASKS_MAX`](crate::limits::TEMPLATE_ASKS_MAX)). The others stay in the mempool.
    ///
    /// # Errors
    /// Says why not. The block is invalid; its sender is not blamed.
    fn block(&self, _header: &Header, _transactions: &[Arc<SignedTransaction>]) -> Result<(), Refusal> {
        Ok(())
    }

    /// A block is connected, so others may build on it from now on. It may be of another branch than the best. Each
    /// block that is connected in this run is told once, after its parent, and before anything is asked about a child.
    ///
    /// Rules that depend on the ancestors keep what follows from the block here, under its id: the parent in a
    /// [`BlockPlace`] or a [`Header`] is that id. The parent of the first block is
    /// [`NetworkId::genesis`](crate::items::network::NetworkId::genesis), of which nothing is told. Nothing is asked
    /// about a child of a block that is [`CHAIN_HEADERS_MAX`](crate::limits::CHAIN_HEADERS_MAX) or more below the
    /// tip, so what was kept under such an id may be forgotten.
    ///
    /// Blocks that an earlier run had connected are told only to rules that ask for them:
    /// [`Validator::connected_from`].
    fn connected(&self, _header: &SignedHeader, _transactions: &[Arc<SignedTransaction>]) {}

    /// From which height on a node tells by [`Validator::connected`], when it starts, the blocks that an earlier run
    /// had connected: those of the best chain, the lowest first, before anything is asked and before the node opens
    /// a connection. The node does not start if the body of one of them was deleted. `None`, the default, is for
    /// rules that keep nothing of blocks.
    ///
    /// Rules that keep what follows from blocks in memory answer with 1. Rules that keep it on disk answer with a
    /// height below which they know the best chain, and may be told of a block that they know. The node stores a
    /// block after it told of it. So after a loss of power the last blocks that the rules know may be missing in the
    /// node. It fetches them again, and tells of them again.
    fn connected_from(&self) -> Option<Height> {
        None
    }
}

/// The producers whose blocks are accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Producers {
    /// Blocks of any producer: for open test networks only.
    Open,
    /// Blocks of these keys. If there are none, no block from the network is accepted.
    Allowed(Arc<BTreeSet<PublicKey>>),
}

impl Producers {
    /// Whether `producer` is among them.
    #[must_use]
    pub fn allows(&self, producer: &PublicKey) -> bool {
        match self {
            Self::Open => true,
            Self::Allowed(keys) => keys.contains(producer),
        }
    }
}

/// The rules of a network that has no rules of its own: `valid_until` within reach, and producers on the list.
#[derive(Clone, Debug)]
pub struct StandardValidator {
    producers: Producers,
}

impl StandardValidator {
    /// Accepts only blocks of `producers`.
    #[must_use]
    pub const fn new(producers: Producers) -> Self {
        Self { producers }
    }
}

impl Validator for StandardValidator {
    fn transaction(&self, transaction: &SignedTransaction, tip: Height) -> Result<(), Refusal> {
        let valid_until = transaction.valid_until();
        if valid_until <= tip {
            return Err(Refusal::Expired { valid_until, tip });
        }
        if valid_until > tip.saturating_add(VALID_UNTIL_AHEAD_MAX) {
            return Err(Refusal::TooFarAhead { valid_until, tip });
        }
        Ok(())
    }

    fn transaction_at_sight(&self, transaction: &SignedTransaction, tip: Height) -> Result<(), Refusal> {
        self.transaction(transaction, tip)
    }

    fn header(&self, header: &Header) -> Result<(), Refusal> {
        if self.producers.allows(&header.producer) { Ok(()) } else { Err(Refusal::ProducerNotAllowed) }
    }
}
