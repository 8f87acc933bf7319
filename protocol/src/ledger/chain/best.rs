//! The best chain, indexed by height: the ids from the lowest remembered one up to the tip, and where the confirmed
//! transactions of these blocks occur first. Of these occurrences the newest are kept, up to a bound.

use alloc::collections::btree_map::Entry;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use crate::items::hash::{BlockId, TxId};
use crate::items::transaction::Height;
use crate::wire::message::Tip;

/// Ids by height without gaps. Never empty.
#[derive(Debug)]
pub(super) struct Best {
    lowest: Height,
    ids: VecDeque<BlockId>,
    tip: Tip,
}

impl Best {
    pub(super) fn new(genesis: BlockId) -> Self {
        Self { lowest: 0, ids: VecDeque::from([genesis]), tip: Tip { height: 0, id: genesis } }
    }

    /// A chain that remembers nothing below `tip`.
    pub(super) fn starting(tip: Tip) -> Self {
        Self { lowest: tip.height, ids: VecDeque::from([tip.id]), tip }
    }

    pub(super) const fn tip(&self) -> Tip {
        self.tip
    }

    /// The lowest remembered height.
    pub(super) const fn lowest(&self) -> Height {
        self.lowest
    }

    pub(super) fn at(&self, height: Height) -> Option<BlockId> {
        let place = usize::try_from(height.checked_sub(self.lowest)?).ok()?;
        self.ids.get(place).copied()
    }

    pub(super) fn push(&mut self, id: BlockId) {
        self.ids.push_back(id);
        self.tip = Tip { height: self.tip.height.saturating_add(1), id };
    }

    /// Removes the tip, unless nothing would be left.
    pub(super) fn pop(&mut self) -> Option<BlockId> {
        let below = self.at(self.tip.height.checked_sub(1)?)?;
        let id = self.ids.pop_back()?;
        self.tip = Tip { height: self.tip.height.saturating_sub(1), id: below };
        Some(id)
    }

    /// Forgets the lowest id, unless it is the tip.
    pub(super) fn pop_lowest(&mut self) -> Option<BlockId> {
        if self.lowest >= self.tip.height {
            return None;
        }
        self.lowest = self.lowest.saturating_add(1);
        self.ids.pop_front()
    }
}

/// At which height of the best chain a transaction occurs first.
#[derive(Debug)]
pub(super) struct Confirmed {
    max: usize,
    heights: BTreeMap<TxId, Height>,
    /// First occurrences, lowest height first.
    order: VecDeque<(Height, TxId)>,
    /// Every first occurrence from this height on is remembered.
    complete_from: Height,
}

impl Confirmed {
    pub(super) const fn new(max: usize) -> Self {
        Self { max, heights: BTreeMap::new(), order: VecDeque::new(), complete_from: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    pub(super) fn get(&self, id: &TxId) -> Option<Height> {
        self.heights.get(id).copied()
    }

    /// The height from which on every first occurrence is remembered.
    pub(super) const fn complete_from(&self) -> Height {
        self.complete_from
    }

    /// Adds a block on top, and forgets the oldest occurrences above the bound. Returns those of its transactions
    /// that are known to have occurred before.
    pub(super) fn push(&mut self, height: Height, ids: impl Iterator<Item = TxId>) -> Vec<TxId> {
        let mut repeated = Vec::new();
        for id in ids {
            if let Entry::Vacant(entry) = self.heights.entry(id) {
                entry.insert(height);
                self.order.push_back((height, id));
            } else {
                repeated.push(id);
            }
        }
        while self.order.len() > self.max
            && let Some((height, id)) = self.order.pop_front()
        {
            self.heights.remove(&id);
            self.complete_from = self.complete_from.max(height.saturating_add(1));
        }
        repeated
    }

    /// Notes that a block is on top whose transactions are not known.
    pub(super) fn push_unknown(&mut self, height: Height) {
        self.complete_from = self.complete_from.max(height.saturating_add(1));
    }

    /// Removes everything above a height.
    pub(super) fn pop_above(&mut self, height: Height) {
        while let Some((at, id)) = self.order.back()
            && *at > height
        {
            self.heights.remove(id);
            self.order.pop_back();
        }
    }

    /// Forgets everything below a height.
    pub(super) fn forget_below(&mut self, height: Height) {
        while let Some((at, id)) = self.order.front()
            && *at < height
        {
            self.heights.remove(id);
            self.order.pop_front();
        }
        self.complete_from = self.complete_from.max(height);
    }
}
