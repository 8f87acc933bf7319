//! Transactions that were acknowledged to a submitter here. Each is watched until its last height, to see whether
//! a block has it. The submitter may no longer be watching when one expires, so the operator is told.
//!
//! Deliberately absent: the transactions themselves. One that was shed, or returned by a reorganisation, is still
//! watched. Transactions that an earlier run acknowledged are not known.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use crate::footprint::tree;
use crate::items::hash::TxId;
use crate::items::transaction::Height;

/// The watched transactions.
#[derive(Debug)]
pub(crate) struct Acknowledged {
    most: usize,
    /// By id, whether the best chain has them.
    confirmed: BTreeMap<TxId, bool>,
    /// By their last height.
    order: BTreeSet<(Height, TxId)>,
}

impl Acknowledged {
    /// The memory of an entry.
    pub(crate) const ENTRY_BYTES: usize = tree(size_of::<(TxId, bool)>()) + tree(size_of::<(Height, TxId)>());

    /// Nothing is watched yet, and never more than this number.
    pub(crate) const fn with_size(most: usize) -> Self {
        Self { most, confirmed: BTreeMap::new(), order: BTreeSet::new() }
    }

    /// Watches a transaction. If there are too many, those that expire first are no longer watched.
    pub(crate) fn watch(&mut self, id: TxId, valid_until: Height) {
        if self.confirmed.contains_key(&id) {
            return;
        }
        self.confirmed.insert(id, false);
        self.order.insert((valid_until, id));
        if self.order.len() > self.most
            && let Some((_, first)) = self.order.pop_first()
        {
            self.confirmed.remove(&first);
        }
    }

    /// A block of the best chain has a transaction, or the block that had it left the best chain.
    pub(crate) fn set_confirmed(&mut self, id: &TxId, confirmed: bool) {
        if let Some(now) = self.confirmed.get_mut(id) {
            *now = confirmed;
        }
    }

    /// Takes out the transactions that no block has and that no block after `tip` may hold. They are no longer
    /// watched.
    pub(crate) fn expire(&mut self, tip: Height) -> Vec<TxId> {
        let mut expired = Vec::new();
        while let Some((valid_until, id)) = self.order.first().copied()
            && valid_until <= tip
        {
            self.order.pop_first();
            if self.confirmed.remove(&id) == Some(false) {
                expired.push(id);
            }
        }
        expired
    }

    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }
}
