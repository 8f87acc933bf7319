//! Questions of people about many blocks or transactions at once. Each answer has a bound that the caller names.
//!
//! Deliberately absent: what durable storage has and memory has not.

use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::gossip::Gossip;
use crate::items::block::SignedHeader;
use crate::items::hash::{BlockId, TxId};
use crate::items::transaction::{Height, SignedTransaction};
use crate::ledger::mempool::Lookup;

impl Gossip {
    /// The block of the best chain at a height, while its header is remembered.
    #[must_use]
    pub fn best_at(&self, height: Height) -> Option<BlockId> {
        self.chain.best_at(height)
    }

    /// Headers of the best chain from a height downwards, as far as they are remembered, at most `max`.
    #[must_use]
    pub fn best_headers(&self, from: Height, max: usize) -> Vec<SignedHeader> {
        let lowest = from.saturating_sub(max as u64);
        let heights = (lowest.saturating_add(1)..=from).rev();
        let ids = heights.map_while(|height| self.chain.best_at(height));
        ids.filter_map(|id| self.chain.header(&id).copied()).collect()
    }

    /// Transactions of the mempool in the order of their ids, after a given one or from the first, at most `max`. Of
    /// transactions whose ids begin alike, which nobody meets by chance, none is told.
    #[must_use]
    pub fn pending_after(&self, after: Option<TxId>, max: usize) -> Vec<Arc<SignedTransaction>> {
        let ids = self.mempool.ids_after(after.map(|id| id.short()));
        let found = ids.filter_map(|short| match self.mempool.by_short(short) {
            Lookup::One(transaction) => Some(transaction),
            _ => None,
        });
        found.take(max).collect()
    }
}
