//! The best chain by height: the ids from the lowest that is remembered up to the tip, and the confirmed
//! transactions of these blocks, the newest of them up to a bound.

use alloc::collections::{BTreeMap, VecDeque};

use crate::hash::{BlockId, TxId};
use crate::message::Tip;
use crate::transaction::Height;

/// Ids by height without gaps; never empty.
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

    /// A chain of which nothing below `tip` is remembered.
    pub(super) fn starting(tip: Tip) -> Self {
        Self { lowest: tip.height, ids: VecDeque::from([tip.id]), tip }
    }

    pub(super) const fn tip(&self) -> Tip {
        self.tip
    }

    /// The lowest height that is remembered.
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

    /// Takes off the tip, unless nothing would be left.
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

/// Which height of the best chain has a transaction.
#[derive(Debug)]
pub(super) struct Confirmed {
    max: usize,
    heights: BTreeMap<TxId, Height>,
    /// Lowest height first.
    order: VecDeque<(Height, TxId)>,
}

impl Confirmed {
    pub(super) const fn new(max: usize) -> Self {
        Self { max, heights: BTreeMap::new(), order: VecDeque::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    pub(super) fn get(&self, id: &TxId) -> Option<Height> {
        self.heights.get(id).copied()
    }

    /// Adds a block on top, and forgets the oldest over the bound.
    pub(super) fn push(&mut self, height: Height, ids: impl Iterator<Item = TxId>) {
        for id in ids {
            self.heights.insert(id, height);
            self.order.push_back((height, id));
        }
        while self.order.len() > self.max {
            self.pop_front();
        }
    }

    /// Takes off everything above a height.
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
        while self.order.front().is_some_and(|(at, _)| *at < height) {
            self.pop_front();
        }
    }

    fn pop_front(&mut self) {
        if let Some((height, id)) = self.order.pop_front()
            && self.get(&id) == Some(height)
        {
            self.heights.remove(&id);
        }
    }
}
