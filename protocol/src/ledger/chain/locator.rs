//! What two chains need to find out where they differ, and what to fetch after that.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::Chain;
use crate::items::block::SignedHeader;
use crate::items::hash::BlockId;
use crate::items::transaction::Height;
use crate::limits::LOCATOR_ENTRIES_MAX;
use crate::wire::message::Tip;

/// Ids of a locator before its steps double.
const LOCATOR_DENSE: usize = 10;

impl Chain {
    /// Ids of the best chain from the tip down: 10 in single steps, then in doubling steps, ending with genesis.
    /// At most [`LOCATOR_ENTRIES_MAX`].
    #[must_use]
    pub fn locator(&self) -> Vec<BlockId> {
        let mut ids = Vec::new();
        let (mut height, mut step) = (self.tip().height, 1_u64);
        while let Some(id) = self.best.at(height)
            && height > 0
            && ids.len() < LOCATOR_ENTRIES_MAX - 1
        {
            ids.push(id);
            if ids.len() >= LOCATOR_DENSE {
                step = step.saturating_mul(2);
            }
            height = height.saturating_sub(step);
        }
        ids.push(self.genesis);
        ids
    }

    /// Headers of the best chain after the first of these ids that is on it, lowest first, at most `max`. `None`
    /// if no id is on the remembered part of it.
    #[must_use]
    pub fn headers_after(&self, locator: &[BlockId], max: usize) -> Option<Vec<SignedHeader>> {
        let start = self.height_of(locator.iter().find(|id| self.is_best(id))?)?;
        let heights = start.saturating_add(1)..=self.tip().height;
        let ids = heights.filter_map(|height| self.best.at(height)).take(max);
        Some(ids.filter_map(|id| self.header(&id).copied()).collect())
    }

    /// The highest known header, with the lowest id among equals. It becomes the tip once its body and those
    /// before it are here.
    #[must_use]
    pub const fn best_header(&self) -> Tip {
        self.target
    }

    /// Blocks on the way to the best header that are not connected, lowest first, at most `max`.
    #[must_use]
    pub fn missing_bodies(&self, max: usize) -> Vec<BlockId> {
        self.missing.iter().take(max).copied().collect()
    }

    /// The same without a maximum, and not copied.
    pub fn missing(&self) -> impl Iterator<Item = &BlockId> {
        self.missing.iter()
    }

    /// The same on the way to another header. None if it isn't known, or if its block wouldn't become the tip.
    #[must_use]
    pub fn missing_before(&self, id: &BlockId, max: usize) -> Vec<BlockId> {
        let tip = self.tip();
        let Some(height) = self.tree.get(id).map(super::tree::Node::height) else { return Vec::new() };
        // The walk goes from above, and the lowest are wanted, so the higher ones are dropped on the way.
        let mut missing = VecDeque::new();
        let mut at = *id;
        while (height, tip.id) > (tip.height, *id)
            && let Some(node) = self.tree.get(&at).filter(|node| !node.connected)
        {
            // From here on the way is the same as that to the best header.
            if let Some(before) = self.missing_up_to(&at, node.height()) {
                let left = max.saturating_sub(before);
                let above = missing.iter().take(left);
                return self.missing.iter().take(before.min(max)).chain(above).copied().collect();
            }
            missing.push_front(at);
            missing.truncate(max);
            at = node.parent();
        }
        missing.into()
    }

    /// How many blocks are missing on the way to the best header up to this one, itself included; `None` if it
    /// isn't one of them.
    fn missing_up_to(&self, id: &BlockId, height: Height) -> Option<usize> {
        let lowest = self.height_of(self.missing.front()?)?;
        let place = usize::try_from(height.checked_sub(lowest)?).ok()?;
        (self.missing.get(place) == Some(id)).then(|| place.saturating_add(1))
    }

    /// Brings the best header and the missing blocks up to date after a change of the tree. A walk down the branch
    /// is needed only when the best header is on another branch than before.
    pub(super) fn find_missing(&mut self) {
        let target = self.tree.highest().unwrap_or(Tip { height: 0, id: self.genesis });
        if target != self.target {
            let extends = self.tree.get(&target.id).is_some_and(|node| node.parent() == self.target.id);
            if !extends {
                self.missing.clear();
                let mut at = target.id;
                while let Some(node) = self.tree.get(&at).filter(|node| !node.connected) {
                    self.missing.push_front(at);
                    at = node.parent();
                }
            } else if !self.is_connected(&target.id) {
                self.missing.push_back(target.id);
            }
            self.target = target;
        }
        while self.missing.front().is_some_and(|id| self.is_connected(id)) {
            self.missing.pop_front();
        }
    }
}
