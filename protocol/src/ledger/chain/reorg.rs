//! How another branch becomes the best chain.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::{Chain, TipChange};
use crate::items::hash::{BlockId, TxId};
use crate::items::transaction::Height;

impl Chain {
    /// The blocks from `end` down to the best chain, highest first, and the height where they meet it.
    pub(super) fn side_branch(&self, end: BlockId) -> (Vec<BlockId>, Height) {
        let mut side = Vec::new();
        let mut at = end;
        while let Some(node) = self.tree.get(&at).filter(|node| !node.best) {
            side.push(at);
            at = node.parent();
        }
        (side, self.height_of(&at).unwrap_or_default())
    }

    /// Makes the branch that ends in `tip` the best chain. Its blocks are connected, and it leaves the best chain
    /// at the lowest remembered height or above.
    pub(super) fn reorganize(&mut self, tip: BlockId) -> TipChange {
        let (mut connected, fork) = self.side_branch(tip);
        connected.reverse();
        let mut disconnected = Vec::new();
        while self.best.tip().height > fork
            && let Some(id) = self.best.pop()
        {
            self.tree.set_best(&id, false);
            disconnected.push(id);
        }
        self.confirmed.pop_above(fork);
        let (mut confirmed, mut repeated) = (Vec::new(), Vec::new());
        for id in &connected {
            self.best.push(*id);
            self.tree.set_best(id, true);
            let height = self.best.tip().height;
            let Some(ids) = self.contents.get(id) else {
                self.confirmed.push_unknown(height);
                continue;
            };
            let again = self.confirmed.push(height, ids.iter().copied());
            repeated.extend(again.into_iter().map(|transaction| (*id, transaction)));
            confirmed.extend(ids.iter().copied());
        }
        let joined: BTreeSet<&TxId> = confirmed.iter().collect();
        let still = |id: &TxId| joined.contains(id) || self.confirmed.get(id).is_some();
        let mut returned = Vec::new();
        let mut to_load = Vec::new();
        for id in disconnected.iter().rev() {
            match self.bodies.get(id) {
                Some(body) => {
                    returned.extend(body.transactions.iter().filter(|item| !still(&item.id())).cloned());
                }
                None => to_load.push(*id),
            }
        }
        TipChange { tip: self.best.tip(), disconnected, connected, returned, to_load, confirmed, repeated, fork }
    }
}
