//! What the chain gives up when it is full. The rules are in the chain's own description.

use super::{Chain, HeaderCheck};
use crate::block::SignedHeader;
use crate::hash::BlockId;
use crate::refusal::Refusal;
use crate::transaction::Height;

/// Where the room for a header comes from.
pub(super) enum Room {
    /// There is room.
    Free,
    /// This leaf goes.
    Leaf(BlockId),
    /// The best chain's lowest header goes.
    Lowest,
}

impl Chain {
    /// Takes in a header; `with_body` if its body is here too, which puts it before headers without one.
    pub(super) fn insert(&mut self, header: SignedHeader, with_body: bool) -> Result<HeaderCheck, Refusal> {
        if self.check_rules(&header)? == HeaderCheck::Known {
            return Ok(HeaderCheck::Known);
        }
        match self.room_for(&header, with_body)? {
            Room::Free => {}
            Room::Leaf(leaf) => self.drop_branch(&leaf),
            Room::Lowest => self.drop_lowest(),
        }
        self.tree.insert(header);
        self.find_missing();
        Ok(HeaderCheck::New)
    }

    /// Where the room for a fit header comes from, so that it is still fit afterwards.
    pub(super) fn room_for(&self, header: &SignedHeader, with_body: bool) -> Result<Room, Refusal> {
        if self.tree.len() < self.limits.headers {
            return Ok(Room::Free);
        }
        let tip = self.tip().height;
        let own = if with_body { 0 } else { tip.abs_diff(header.header().height) };
        let leaf = self.tree.farthest_leaf(tip, &header.header().parent);
        let leaf = leaf.map(|(height, id)| (tip.abs_diff(height), Room::Leaf(id)));
        let (lowest, kept) = self.best_headers();
        let lowest = (kept > self.limits.best_headers).then(|| (tip.abs_diff(lowest), Room::Lowest));
        let farthest = match (leaf, lowest) {
            (Some(leaf), Some(lowest)) => Some(if leaf.0 >= lowest.0 { leaf } else { lowest }),
            (leaf, lowest) => leaf.or(lowest),
        };
        let (_, room) = farthest.filter(|(distance, _)| *distance > own).ok_or(Refusal::HeadersFull)?;
        let (lowest, _) = self.best_headers();
        if matches!(room, Room::Lowest) && self.side_branch(header.header().parent).1 <= lowest {
            // The floor would rise over this header's own branch.
            return Err(Refusal::TooOld);
        }
        Ok(room)
    }

    /// Removes a header off the best chain, its descendants and their bodies.
    pub(super) fn drop_branch(&mut self, id: &BlockId) {
        // What is not in the tree may still have a child there: the best chain's lowest.
        if self.tree.get(id).is_none() {
            return;
        }
        // Children first, so that every parent's counts are right when its turn comes.
        for id in self.tree.branch(id).iter().rev() {
            if self.tree.remove(id).is_some_and(|node| node.connected) {
                self.dropped.push(*id);
            }
            self.bodies.remove(id);
            self.contents.remove(id);
        }
    }

    /// Forgets the best chain's lowest header, and gives up the branches that start below the next.
    fn drop_lowest(&mut self) {
        let (lowest, _) = self.best_headers();
        let above = lowest.saturating_add(1);
        for id in self.tree.stale_between(self.best.lowest().saturating_add(1), above) {
            self.drop_branch(&id);
        }
        while self.best.lowest() < above
            && let Some(id) = self.best.pop_lowest()
        {
            self.tree.remove(&id);
            self.bodies.remove(&id);
            self.contents.remove(&id);
        }
        self.confirmed.forget_below(above);
    }

    /// The height of the best chain's lowest header, and how many it has. Genesis has no header.
    fn best_headers(&self) -> (Height, usize) {
        let lowest = self.best.lowest().max(1);
        let kept = self.tip().height.saturating_add(1).saturating_sub(lowest);
        (lowest, usize::try_from(kept).unwrap_or(usize::MAX))
    }
}
