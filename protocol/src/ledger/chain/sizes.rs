//! The memory that a full chain takes for each thing that it remembers. The numbers are in `limits`.

use alloc::sync::Arc;

use bytes::Bytes;

use super::Chain;
use super::invalid::Slot;
use super::leaves::Leaves;
use super::tree::{Node, Tree};
use crate::footprint::{block, list, tree};
use crate::items::hash::{BlockId, TxId};
use crate::items::transaction::{Height, SignedTransaction};
use crate::limits::{BLOCK_TRANSACTIONS_MAX, CHAIN_HEADERS_MAX, CONFIRMED_MAX, INVALID_BLOCKS_MAX};

impl Chain {
    /// A header: its node and indexes in the tree, its place in the best chain, and the entries and the block of
    /// the heap that hold the ids of its transactions.
    pub const HEADER_BYTES: usize = tree(size_of::<(BlockId, Node)>())
        + Tree::INDEX_BYTES
        + list(CHAIN_HEADERS_MAX, size_of::<BlockId>()).div_ceil(CHAIN_HEADERS_MAX)
        + tree(size_of::<(BlockId, (Height, Arc<[TxId]>))>())
        + tree(size_of::<(Height, BlockId)>())
        + block(16);

    /// What a header off the best chain takes in addition, if each has a producer of its own.
    pub const OFF_BEST_BYTES: usize = Leaves::ENTRY_BYTES;

    /// An id of a block's transaction.
    pub const CONTENT_BYTES: usize = size_of::<TxId>();

    /// A confirmed transaction: its height by its id, and its place in the order. The order has room for those of
    /// one more block.
    pub const CONFIRMED_BYTES: usize = tree(size_of::<(TxId, Height)>())
        + list(CONFIRMED_MAX + BLOCK_TRANSACTIONS_MAX, size_of::<(Height, TxId)>()).div_ceil(CONFIRMED_MAX);

    /// A transaction of a body in memory, beside its encoded bytes: the transaction, two pointers to it, and its
    /// place in the order of ids.
    pub const BODY_TRANSACTION_BYTES: usize = SignedTransaction::HELD_BYTES
        + size_of::<Arc<SignedTransaction>>()
        + size_of::<Bytes>()
        + size_of::<u32>();

    /// An invalid block.
    pub const INVALID_BYTES: usize = tree(size_of::<BlockId>())
        + list(INVALID_BLOCKS_MAX + 1, size_of::<(BlockId, Option<Slot>)>()).div_ceil(INVALID_BLOCKS_MAX);
}
