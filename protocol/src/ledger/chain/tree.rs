//! The tree of headers, on all branches: which header is whose child, what is at which height, which are the
//! leaves. This file counts and finds. The chain decides what to accept or drop.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::cmp::Reverse;

use super::leaves::{Kind, Leaves, Place};
use crate::footprint::tree;
use crate::items::block::SignedHeader;
use crate::items::hash::BlockId;
use crate::items::keys::PublicKey;
use crate::items::transaction::Height;
use crate::limits::HEADERS_PER_PRODUCER_MAX;
use crate::wire::message::Tip;

/// Headers by id, with the indexes that are needed to find them.
#[derive(Debug, Default)]
pub(super) struct Tree {
    nodes: BTreeMap<BlockId, Node>,
    children: BTreeSet<(BlockId, BlockId)>,
    /// The highest comes last; of one height, the lowest id comes last.
    by_height: BTreeSet<(Height, Reverse<BlockId>)>,
    /// What each producer has off the best chain.
    leaves: Leaves,
    /// The headers of a producer at a height.
    siblings: BTreeSet<(Height, PublicKey, BlockId)>,
    /// How many dropped invalid blocks still count at a height.
    held: BTreeMap<(Height, PublicKey), usize>,
    /// How many headers have ever come.
    came: u64,
}

/// One header and its place.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) header: SignedHeader,
    /// Its body was accepted, and its parent's before.
    pub(super) connected: bool,
    /// It is on the best chain.
    pub(super) best: bool,
    /// How many headers came before it.
    age: u64,
}

impl Node {
    pub(super) const fn height(&self) -> Height {
        self.header.header().height
    }

    pub(super) const fn parent(&self) -> BlockId {
        self.header.header().parent
    }

    pub(super) const fn producer(&self) -> PublicKey {
        self.header.header().producer
    }

    const fn place(&self, id: BlockId) -> Place {
        Place { id, producer: self.producer(), height: self.height(), age: self.age }
    }
}

impl Tree {
    /// The memory of a header in the indexes of the tree.
    pub(super) const INDEX_BYTES: usize = tree(size_of::<(BlockId, BlockId)>())
        + tree(size_of::<(Height, Reverse<BlockId>)>())
        + tree(size_of::<(Height, PublicKey, BlockId)>());

    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn get(&self, id: &BlockId) -> Option<&Node> {
        self.nodes.get(id)
    }

    /// The header that fork choice would take if all bodies were here.
    pub(super) fn highest(&self) -> Option<Tip> {
        self.by_height.last().map(|(height, Reverse(id))| Tip { height: *height, id: *id })
    }

    /// The headers of a producer at a height.
    pub(super) fn siblings(&self, height: Height, producer: PublicKey) -> impl Iterator<Item = BlockId> {
        let bounds = (height, producer, BlockId([0; 32]))..=(height, producer, BlockId([0xff; 32]));
        self.siblings.range(bounds).map(|(_, _, id)| *id)
    }

    /// Whether the number of headers of a producer at a height is already the number that is accepted unasked.
    /// Dropped invalid ones that are remembered count.
    pub(super) fn slots_are_taken(&self, height: Height, producer: PublicKey) -> bool {
        let held = self.held.get(&(height, producer)).copied().unwrap_or_default();
        let left = HEADERS_PER_PRODUCER_MAX.saturating_sub(held);
        self.siblings(height, producer).take(left).count() >= left
    }

    pub(super) fn hold_slot(&mut self, height: Height, producer: PublicKey) {
        let held = self.held.entry((height, producer)).or_default();
        *held = held.saturating_add(1);
    }

    pub(super) fn free_slot(&mut self, height: Height, producer: PublicKey) {
        if let Some(held) = self.held.get_mut(&(height, producer)) {
            *held = held.saturating_sub(1);
            if *held == 0 {
                self.held.remove(&(height, producer));
            }
        }
    }

    /// What each producer has off the best chain.
    pub(super) const fn leaves(&self) -> &Leaves {
        &self.leaves
    }

    /// Adds a header that isn't there.
    pub(super) fn insert(&mut self, header: SignedHeader) {
        let (id, fields) = (header.id(), *header.header());
        self.nodes.insert(id, Node { header, connected: false, best: false, age: self.came });
        self.came = self.came.saturating_add(1);
        self.children.insert((fields.parent, id));
        self.by_height.insert((fields.height, Reverse(id)));
        self.siblings.insert((fields.height, fields.producer, id));
        self.leaves.add(fields.producer);
        self.refresh(&id);
        self.refresh(&fields.parent);
    }

    pub(super) fn remove(&mut self, id: &BlockId) -> Option<Node> {
        let node = self.nodes.remove(id)?;
        let (height, parent, producer) = (node.height(), node.parent(), node.producer());
        self.children.remove(&(parent, *id));
        self.by_height.remove(&(height, Reverse(*id)));
        self.siblings.remove(&(height, producer, *id));
        self.leaves.put(node.place(*id), None);
        if !node.best {
            self.leaves.subtract(producer);
        }
        self.refresh(&parent);
        Some(node)
    }

    pub(super) fn set_connected(&mut self, id: &BlockId) {
        if let Some(node) = self.nodes.get_mut(id) {
            node.connected = true;
            self.refresh(id);
        }
    }

    pub(super) fn set_best(&mut self, id: &BlockId, best: bool) {
        if let Some(node) = self.nodes.get_mut(id)
            && node.best != best
        {
            node.best = best;
            let producer = node.producer();
            if best {
                self.leaves.subtract(producer);
            } else {
                self.leaves.add(producer);
            }
            self.refresh(id);
        }
    }

    pub(super) fn children(&self, id: &BlockId) -> impl Iterator<Item = BlockId> {
        self.children.range((*id, BlockId([0; 32]))..=(*id, BlockId([0xff; 32]))).map(|(_, child)| *child)
    }

    /// A header and all that descend from it, each before its children.
    pub(super) fn branch(&self, id: &BlockId) -> Vec<BlockId> {
        let mut branch = Vec::new();
        let mut open = alloc::vec![*id];
        while let Some(at) = open.pop() {
            open.extend(self.children(&at));
            branch.push(at);
        }
        branch
    }

    /// Headers off the best chain at these heights, both included.
    pub(super) fn stale_between(&self, low: Height, high: Height) -> Vec<BlockId> {
        let bounds = (low, Reverse(BlockId([0xff; 32])))..=(high, Reverse(BlockId([0; 32])));
        self.by_height
            .range(bounds)
            .map(|(_, Reverse(id))| *id)
            .filter(|id| self.get(id).is_some_and(|node| !node.best))
            .collect()
    }

    /// Whether a header has no child.
    pub(super) fn is_childless(&self, id: &BlockId) -> bool {
        self.children(id).next().is_none()
    }

    /// Adds a node to the leaves, or removes it.
    fn refresh(&mut self, id: &BlockId) {
        let Some(node) = self.nodes.get(id) else { return };
        let kind = if node.connected { Kind::Filled } else { Kind::Hollow };
        let kind = (!node.best && self.is_childless(id)).then_some(kind);
        self.leaves.put(node.place(*id), kind);
    }
}
