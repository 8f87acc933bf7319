//! The memory of a baseline node: the items that it accepted, the end of the chain, and, if it makes blocks, the
//! contents of the next one. It is plain memory and checks nothing.

use std::collections::VecDeque;

use bytes::Bytes;
use lru::LruCache;
use protocol::items::block::{Header, SignedHeader};
use protocol::items::hash::{BlockId, TxId};
use protocol::limits::{BLOCK_BYTES_MAX, BLOCK_TRANSACTIONS_MAX, HEADER_BYTES_MAX, SEEN_ACCEPTED_MAX};
use protocol::wire::message::Tip;

/// Blocks remembered. 4,096 of about 100 bytes: 400 KiB.
const REMEMBERED_BLOCKS_MAX: usize = 4_096;

/// Bytes of transactions that wait for the next block: those of a full one. At most 5 bytes of length come before
/// each transaction, and before the list as well. One byte comes before the block.
const WAITING_BYTES_MAX: usize = BLOCK_BYTES_MAX - HEADER_BYTES_MAX - 6;
const LENGTH_BYTES_MAX: usize = 5;

/// The memory.
#[derive(Debug)]
pub(super) struct Ledger {
    /// As many ids as a node remembers.
    transactions: LruCache<TxId, ()>,
    blocks: LruCache<BlockId, ()>,
    tip: Tip,
    /// Accepted transactions that are in no block, oldest first. Empty if no blocks are made.
    waiting: VecDeque<(TxId, Bytes)>,
    waiting_bytes: usize,
    makes_blocks: bool,
}

impl Ledger {
    pub(super) fn new(genesis: BlockId, makes_blocks: bool) -> Self {
        Self {
            transactions: LruCache::unbounded(),
            blocks: LruCache::unbounded(),
            tip: Tip { height: 0, id: genesis },
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            makes_blocks,
        }
    }

    pub(super) const fn tip(&self) -> Tip {
        self.tip
    }

    pub(super) fn has_transaction(&self, id: &TxId) -> bool {
        self.transactions.contains(id)
    }

    pub(super) fn has_block(&self, id: &BlockId) -> bool {
        self.blocks.contains(id)
    }

    /// Transactions that wait for a block, and their bytes.
    pub(super) fn waiting(&self) -> (usize, usize) {
        (self.waiting.len(), self.waiting.iter().map(|(_, encoded)| encoded.len()).sum())
    }

    /// Remembers a standalone transaction. False if it is already remembered.
    pub(super) fn accept(&mut self, id: TxId, encoded: &Bytes) -> bool {
        if !self.remember(id) {
            return false;
        }
        let bytes = encoded.len().saturating_add(LENGTH_BYTES_MAX);
        let room = WAITING_BYTES_MAX.saturating_sub(self.waiting_bytes) >= bytes;
        if self.makes_blocks && room && self.waiting.len() < BLOCK_TRANSACTIONS_MAX {
            self.waiting_bytes = self.waiting_bytes.saturating_add(bytes);
            self.waiting.push_back((id, encoded.clone()));
        }
        true
    }

    /// Remembers a block, and those of its transactions that are new, which it returns. The highest block is the
    /// tip; of several equally high blocks, the first. `None` if the block is already remembered.
    pub(super) fn connect(&mut self, header: &SignedHeader, transactions: &[TxId]) -> Option<Vec<TxId>> {
        if self.blocks.put(header.id(), ()).is_some() {
            return None;
        }
        if self.blocks.len() > REMEMBERED_BLOCKS_MAX {
            self.blocks.pop_lru();
        }
        let Header { height, .. } = *header.header();
        if height > self.tip.height {
            self.tip = Tip { height, id: header.id() };
        }
        Some(transactions.iter().copied().filter(|id| self.remember(*id)).collect())
    }

    /// Takes everything that waits for a block.
    pub(super) fn take_waiting(&mut self) -> Vec<(TxId, Bytes)> {
        self.waiting_bytes = 0;
        std::mem::take(&mut self.waiting).into()
    }

    fn remember(&mut self, id: TxId) -> bool {
        let new = self.transactions.put(id, ()).is_none();
        if self.transactions.len() > SEEN_ACCEPTED_MAX {
            self.transactions.pop_lru();
        }
        new
    }
}
