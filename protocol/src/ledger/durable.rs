//! What outlives a run: the records that the driver keeps for the engine, what the engine asks back, and what it
//! starts from. Types only; the driver decides how records are kept.
//!
//! **Order.** Records must be kept in the order in which they leave the engine. If a node dies, some prefix of
//! them was kept. Whichever prefix that is, a start from it is sound and lacks nothing. A block is recorded before
//! the best chain names it. A transaction is removed from the mempool's records after the block that confirms it
//! is recorded. A transaction that a reorganisation returns is recorded as pending before the chain that lacks it.
//! If it isn't, its block is named there as still to be returned.

use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::items::block::{Block, SignedHeader};
use crate::items::hash::{BlockId, TxId};
use crate::items::transaction::{Height, SignedTransaction};
use crate::wire::message::Tip;

/// A record to keep, or the news that something need not be kept any longer.
#[derive(Clone, Debug)]
pub enum Record {
    /// A transaction joined the mempool.
    Pending(Arc<SignedTransaction>),
    /// Transactions left the mempool: confirmed, shed or expired. Some may never have been recorded.
    Gone(Vec<TxId>),
    /// A block was checked in full.
    Block {
        /// Header and body.
        block: Arc<Block>,
        /// The ids of its transactions, in order.
        transactions: Arc<[TxId]>,
    },
    /// The best chain changed. Above the height `fork` it consists of `blocks`, lowest first, and ends there. All
    /// of them were recorded before.
    Best {
        /// The highest block that stays.
        fork: Height,
        /// The blocks that follow it.
        blocks: Vec<BlockId>,
        /// Blocks that left the best chain and whose transactions are still to go back to the mempool.
        returning: Vec<BlockId>,
    },
    /// The transactions of a block that left the best chain are back in the mempool, if they are wanted there.
    Returned(BlockId),
    /// Blocks off the best chain that are no longer followed.
    Dropped(Vec<BlockId>),
}

/// Something that was recorded before and is asked back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Load {
    /// A block.
    Block(BlockId),
    /// Headers of the best chain after the first of these ids that is on it (genesis counts), lowest first, at
    /// most [`HEADERS_ENTRIES_MAX`](crate::limits::HEADERS_ENTRIES_MAX).
    HeadersAfter(Vec<BlockId>),
    /// Where a transaction occurs first on the best chain. Blocks of at least the newest
    /// [`VALID_UNTIL_AHEAD_MAX`](crate::limits::VALID_UNTIL_AHEAD_MAX) heights count, whether or not their bodies
    /// are kept.
    First(TxId),
    /// The ids of a block's transactions, whether or not its body is kept.
    Contents(BlockId),
}

impl Load {
    /// The answer of a storage that has nothing, or can't look.
    #[must_use]
    pub fn nothing(self) -> Loaded {
        match self {
            Self::Block(id) => Loaded::Block { id, block: None },
            Self::HeadersAfter(locator) => Loaded::HeadersAfter { locator, headers: Vec::new() },
            Self::First(id) => Loaded::First { id, looked: None },
            Self::Contents(id) => Loaded::Contents { id, transactions: None },
        }
    }
}

/// The answer to a [`Load`].
#[derive(Clone, Debug)]
pub enum Loaded {
    /// A block; `None` if it isn't kept, or is no longer kept.
    Block {
        /// The block's id.
        id: BlockId,
        /// Header and body, which belong together.
        block: Option<Arc<Block>>,
    },
    /// Headers; empty if none of the ids is on the best chain.
    HeadersAfter {
        /// What was asked for.
        locator: Vec<BlockId>,
        /// Lowest first.
        headers: Vec<SignedHeader>,
    },
    /// A transaction's first occurrence.
    First {
        /// The transaction's id.
        id: TxId,
        /// What was found; `None` if storage could not look.
        looked: Option<Looked>,
    },
    /// The ids of a block's transactions, in order; `None` if they aren't kept.
    Contents {
        /// The block's id.
        id: BlockId,
        /// Its transactions.
        transactions: Option<Arc<[TxId]>>,
    },
}

/// What durable storage knows of a transaction's first occurrence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Looked {
    /// The first block of the best chain that has it.
    pub first: Option<Tip>,
    /// The end of the best chain in storage. Newer records may be on their way.
    pub tip: Tip,
}

/// What an engine starts from.
#[derive(Clone, Debug, Default)]
pub struct Restored {
    /// The newest blocks of the best chain, lowest first and without gaps, at most
    /// [`CHAIN_BEST_HEADERS_MIN`](crate::limits::CHAIN_BEST_HEADERS_MIN) of them.
    pub best: Vec<RestoredBlock>,
    /// The mempool, in the order in which its transactions joined it.
    pub pending: Vec<Arc<SignedTransaction>>,
    /// Blocks whose transactions were still to go back to the mempool.
    pub returning: Vec<BlockId>,
    /// The lowest height from which on the body of every block of the best chain is kept; 0 and 1 mean all.
    pub kept_from: Height,
}

/// One block of the best chain, without its body.
#[derive(Clone, Debug)]
pub struct RestoredBlock {
    /// Its header.
    pub header: SignedHeader,
    /// The ids of its transactions, in order; `None` if the block is too old for them to be remembered
    /// ([`CONFIRMED_MAX`](crate::limits::CONFIRMED_MAX) in all).
    pub transactions: Option<Arc<[TxId]>>,
}
