//! What the chain gives up when it is full. The rules are at the head of the chain's own file.

use super::leaves::Kind;
use super::{Chain, HeaderCheck};
use crate::items::block::SignedHeader;
use crate::items::hash::BlockId;
use crate::items::refusal::Refusal;
use crate::items::transaction::Height;
use crate::limits::HEADERS_PER_PRODUCER_MAX;

/// Where the room for a header comes from.
pub(super) enum Room {
    /// There is room.
    Free,
    /// This leaf is removed.
    Leaf(BlockId),
    /// The best chain's lowest header is removed.
    Lowest,
}

/// How a header comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// By itself: no header is known that builds on it.
    Alone,
    /// By itself, with its body.
    Block,
    /// Before a header that builds on it, or as the end of such a line, or because it was asked for.
    InLine,
    /// In a line that ends above the tip.
    Leading,
    /// In a line or asked for, with its body.
    InLineBlock,
}

impl Standing {
    pub(crate) const fn is_alone(self) -> bool {
        matches!(self, Self::Alone | Self::Block)
    }

    const fn has_body(self) -> bool {
        matches!(self, Self::Block | Self::InLineBlock)
    }
}

impl Chain {
    /// Puts an acceptable header into the tree.
    pub(super) fn insert(&mut self, header: SignedHeader, standing: Standing) -> Result<HeaderCheck, Refusal> {
        if self.check_rules(&header)? == HeaderCheck::Known {
            return Ok(HeaderCheck::Known);
        }
        match self.room_for(&header, standing)? {
            Room::Free => {}
            Room::Leaf(leaf) => self.drop_branch(&leaf),
            Room::Lowest => self.drop_lowest(),
        }
        self.tree.insert(header);
        self.find_missing();
        Ok(HeaderCheck::New)
    }

    /// Where the room for an acceptable header comes from, so that the header is still acceptable afterwards.
    pub(super) fn room_for(&self, header: &SignedHeader, standing: Standing) -> Result<Room, Refusal> {
        let (height, producer) = (header.header().height, header.header().producer);
        if standing.is_alone() && self.tree.slots_are_taken(height, producer) {
            return self.place_at_height(header, standing).map(Room::Leaf).ok_or(Refusal::TooManyAtHeight);
        }
        if self.tree.len() < self.limits.headers {
            return Ok(Room::Free);
        }
        self.over_share(header).map_or_else(|| self.farther(header, standing), |leaf| Ok(Room::Leaf(leaf)))
    }

    /// The header without a body that gives up its place at a height to a block with a body of the same producer.
    fn place_at_height(&self, header: &SignedHeader, standing: Standing) -> Option<BlockId> {
        let (height, producer) = (header.header().height, header.header().producer);
        let hollow =
            |id: &BlockId| !self.is_connected(id) && self.tree.is_childless(id) && *id != header.header().parent;
        let looked_at = self.tree.siblings(height, producer).take(HEADERS_PER_PRODUCER_MAX);
        looked_at.filter(hollow).find(|_| standing.has_body())
    }

    /// The leaf that is removed because its producer has more than its share. If another producer has more than
    /// the new header's producer, the one with the most gives up its oldest leaf. If none has more, the new
    /// header's producer gives up its own leaf, wherever the new header stands. So even a producer that filled the
    /// tree can add its next block, and others may build on that.
    fn over_share(&self, header: &SignedHeader) -> Option<BlockId> {
        let (share, leaves) = (self.limits.headers_each, self.tree.leaves());
        let (producer, parent) = (&header.header().producer, &header.header().parent);
        let own = leaves.charge(producer).saturating_add(1);
        let largest = |kind| leaves.of_largest(kind, own.max(share), parent);
        let its_own = |kind| leaves.of_producer(kind, producer, parent).filter(|_| own > share);
        largest(Kind::Hollow)
            .or_else(|| largest(Kind::Filled))
            .or_else(|| its_own(Kind::Hollow))
            .or_else(|| its_own(Kind::Filled))
    }

    /// The header that is farthest from the tip: a leaf without a body, or the best chain's lowest header. If
    /// there is neither, a leaf with a body gives way to a block with a body. A producer with more than its share
    /// takes no leaf of another producer, except for the next tip.
    fn farther(&self, header: &SignedHeader, standing: Standing) -> Result<Room, Refusal> {
        let (tip, leaves, parent) = (self.tip().height, self.tree.leaves(), &header.header().parent);
        let (height, has_body) = (header.header().height, standing.has_body());
        let next = tip.checked_add(1) == Some(height);
        let may_take = next || leaves.charge(&header.header().producer) < self.limits.headers_each;
        let needed = next || (standing == Standing::Leading && height < tip.saturating_add(1) && may_take);
        let nearer_than = |distance| needed || self.distance(height) < distance;
        let leaf = |kind| leaves.of_all(kind, tip, parent).filter(|_| may_take);
        let leaf = |kind| leaf(kind).map(|(height, id)| (self.distance(height), id));
        let hollow = leaf(Kind::Hollow).filter(|(distance, _)| has_body || nearer_than(*distance));
        let (lowest, kept) = self.best_headers();
        let lowest = Some(self.distance(lowest)).filter(|_| kept > self.limits.best_headers);
        let lowest = lowest.filter(|distance| has_body || nearer_than(*distance));
        if lowest.is_some_and(|lowest| hollow.is_none_or(|(distance, _)| distance < lowest))
            && !self.starts_at_lowest(*parent)
        {
            return Ok(Room::Lowest);
        }
        let filled = || leaf(Kind::Filled).filter(|(distance, _)| needed || (has_body && nearer_than(*distance)));
        let leaf = hollow.or_else(filled).map(|(_, leaf)| Room::Leaf(leaf));
        // If the lowest header were removed, the lowest remembered height would rise over this header's own
        // branch.
        leaf.ok_or(if lowest.is_some() { Refusal::TooOld } else { Refusal::HeadersFull })
    }

    /// Whether a branch leaves the best chain at its lowest header or below. The branch is walked along only if
    /// any branch does so.
    fn starts_at_lowest(&self, end: BlockId) -> bool {
        let (lowest, _) = self.best_headers();
        if self.is_best(&end) {
            return self.height_of(&end).is_some_and(|height| height <= lowest);
        }
        let mut at_lowest = (self.best.lowest()..=lowest).filter_map(|height| self.best.at(height));
        let branches_off = |id| self.tree.children(&id).any(|child| !self.is_best(&child));
        at_lowest.any(branches_off) && self.side_branch(end).1 <= lowest
    }

    fn distance(&self, height: Height) -> u64 {
        self.tip().height.abs_diff(height)
    }

    /// Removes a header off the best chain, its descendants and their bodies.
    pub(super) fn drop_branch(&mut self, id: &BlockId) {
        // A header that is not in the tree may still have a child there: the best chain's lowest.
        if self.tree.get(id).is_none() {
            return;
        }
        // Children first, so that every parent's counts are right when it is removed.
        for id in self.tree.branch(id).iter().rev() {
            if self.tree.remove(id).is_some_and(|node| node.connected) {
                self.dropped.push(*id);
            }
            self.bodies.remove(id);
            self.contents.remove(id);
        }
    }

    /// Forgets the best chain's lowest header, and gives up the branches that start below the next one.
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
