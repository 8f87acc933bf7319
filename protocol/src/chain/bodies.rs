//! The bodies that are kept, and how many bytes they take on the best chain and off it.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::block::{Block, SignedHeader};
use crate::codec::Encode;
use crate::hash::BlockId;
use crate::transaction::SignedTransaction;

/// Bodies by block.
#[derive(Debug, Default)]
pub(super) struct Bodies {
    bodies: BTreeMap<BlockId, Body>,
    best_bytes: usize,
    stale_bytes: usize,
}

/// A block's transactions, decoded, and the block as peers get it. Both share the encoded bytes.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) block: Arc<Block>,
    pub(super) transactions: Vec<Arc<SignedTransaction>>,
    /// Encoded bytes of the block.
    pub(super) bytes: usize,
    best: bool,
}

impl Body {
    pub(super) fn new(header: SignedHeader, transactions: Vec<Arc<SignedTransaction>>) -> Self {
        let encoded = transactions.iter().map(|transaction| transaction.encoded().clone()).collect();
        let block = Arc::new(Block { header, transactions: encoded });
        let bytes = block.encoded_len();
        Self { block, transactions, bytes, best: false }
    }
}

impl Bodies {
    pub(super) fn get(&self, id: &BlockId) -> Option<&Body> {
        self.bodies.get(id)
    }

    /// Bytes of all bodies.
    pub(super) const fn bytes(&self) -> usize {
        self.best_bytes.saturating_add(self.stale_bytes)
    }

    /// Bytes of bodies off the best chain.
    pub(super) const fn stale_bytes(&self) -> usize {
        self.stale_bytes
    }

    /// Keeps a body, off the best chain at first.
    pub(super) fn insert(&mut self, id: BlockId, body: Body) {
        self.stale_bytes = self.stale_bytes.saturating_add(body.bytes);
        self.bodies.insert(id, body);
    }

    pub(super) fn set_best(&mut self, id: &BlockId, best: bool) {
        let Some(body) = self.bodies.get_mut(id) else { return };
        if body.best == best {
            return;
        }
        body.best = best;
        let (to, from) = match best {
            true => (&mut self.best_bytes, &mut self.stale_bytes),
            false => (&mut self.stale_bytes, &mut self.best_bytes),
        };
        *to = to.saturating_add(body.bytes);
        *from = from.saturating_sub(body.bytes);
    }

    pub(super) fn remove(&mut self, id: &BlockId) {
        if let Some(body) = self.bodies.remove(id) {
            let bytes = if body.best { &mut self.best_bytes } else { &mut self.stale_bytes };
            *bytes = bytes.saturating_sub(body.bytes);
        }
    }
}
