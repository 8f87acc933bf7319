//! What the chain gives up when it is full. The rules are in the chain's own description.

use super::leaves::Kind;
use super::{Chain, HeaderCheck};
use crate::block::SignedHeader;
use crate::hash::BlockId;
use crate::limits::HEADERS_PER_PRODUCER_MAX;
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

/// How a header comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// By itself: nothing is known to stand on it.
    Alone,
    /// By itself, with its body.
    Block,
    /// Before a header that stands on it, as the end of such a line, or because it was asked for.
    InLine,
    /// The same, with its body.
    InLineBlock,
}

impl Standing {
    const fn is_alone(self) -> bool {
        matches!(self, Self::Alone | Self::Block)
    }

    const fn has_body(self) -> bool {
        matches!(self, Self::Block | Self::InLineBlock)
    }
}

impl Chain {
    /// Takes in a fit header.
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

    /// Where the room for a fit header comes from, so that it is still fit afterwards.
    pub(super) fn room_for(&self, header: &SignedHeader, standing: Standing) -> Result<Room, Refusal> {
        let (height, producer) = (header.header().height, header.header().producer);
        if standing.is_alone() && self.tree.slots_are_taken(height, producer) {
            return self.place_at_height(header, standing).map(Room::Leaf).ok_or(Refusal::TooManyAtHeight);
        }
        if self.tree.len() < self.limits.headers {
            return Ok(Room::Free);
        }
        let room = self.over_share(header, standing).or_else(|| self.farther(header, standing));
        let room = room.ok_or(Refusal::HeadersFull)?;
        let (lowest, _) = self.best_headers();
        if matches!(room, Room::Lowest) && self.side_branch(header.header().parent).1 <= lowest {
            // The floor would rise over this header's own branch.
            return Err(Refusal::TooOld);
        }
        Ok(room)
    }

    /// A header without a body that gives its place at a height to a block of the same producer with one.
    fn place_at_height(&self, header: &SignedHeader, standing: Standing) -> Option<BlockId> {
        let (height, producer) = (header.header().height, header.header().producer);
        let hollow =
            |id: &BlockId| !self.is_connected(id) && self.tree.is_childless(id) && *id != header.header().parent;
        let looked_at = self.tree.siblings(height, producer).take(HEADERS_PER_PRODUCER_MAX);
        looked_at.filter(hollow).find(|_| standing.has_body())
    }

    /// Of the producers with more than their share, the one with the most gives up its farthest leaf: for those with less, and
    /// for itself.
    fn over_share(&self, header: &SignedHeader, standing: Standing) -> Option<Room> {
        let (tip, share, leaves) = (self.tip().height, self.limits.headers_each, self.tree.leaves());
        let (producer, parent) = (header.header().producer, &header.header().parent);
        let own = if self.extends_best(header, standing) { 0 } else { leaves.charge(&producer).saturating_add(1) };
        let largest = |kind| leaves.of_largest(kind, own.max(share), tip, parent).map(Room::Leaf);
        largest(Kind::Hollow).or_else(|| largest(Kind::Filled)).or_else(|| {
            let own_leaf = leaves.of_producer(Kind::Hollow, &producer, tip, parent).filter(|_| own > share)?;
            (self.distance(own_leaf.0) > self.own_distance(header, standing)).then_some(Room::Leaf(own_leaf.1))
        })
    }

    /// The farthest of all: a leaf without a body, or the best chain's lowest header. If there is neither, a leaf with a body
    /// goes for a block with one. A producer with more than its share takes no leaf of another.
    fn farther(&self, header: &SignedHeader, standing: Standing) -> Option<Room> {
        let (tip, leaves, parent) = (self.tip().height, self.tree.leaves(), &header.header().parent);
        let place = |(height, id)| (self.distance(height), Room::Leaf(id));
        let own = self.own_distance(header, standing);
        let extends_best = self.extends_best(header, standing);
        let within_share = extends_best || leaves.charge(&header.header().producer) < self.limits.headers_each;
        let hollow = leaves.of_all(Kind::Hollow, tip, parent).map(place).filter(|_| within_share);
        let (lowest, kept) = self.best_headers();
        let lowest = (kept > self.limits.best_headers).then(|| (self.distance(lowest), Room::Lowest));
        let farthest = match (hollow, lowest) {
            (Some(leaf), Some(lowest)) => Some(if leaf.0 >= lowest.0 { leaf } else { lowest }),
            (leaf, lowest) => leaf.or(lowest),
        };
        let farthest = farthest.filter(|(distance, _)| *distance > own);
        let filled = || {
            let leaf = leaves.of_all(Kind::Filled, tip, parent).map(place);
            let nearest = if extends_best { 0 } else { self.distance(header.header().height) };
            leaf.filter(|(distance, _)| standing.has_body() && within_share && *distance > nearest)
        };
        farthest.or_else(filled).map(|(_, room)| room)
    }

    fn distance(&self, height: Height) -> u64 {
        self.tip().height.abs_diff(height)
    }

    /// How far a header counts as being from the tip, beside headers without bodies.
    fn own_distance(&self, header: &SignedHeader, standing: Standing) -> u64 {
        if standing.has_body() { 0 } else { self.distance(header.header().height) }
    }

    /// Whether a block may become the tip, so that there must be room for it.
    fn extends_best(&self, header: &SignedHeader, standing: Standing) -> bool {
        standing.has_body() && header.header().height > self.tip().height
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
