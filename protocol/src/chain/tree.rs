//! The tree of headers, on all branches: who is whose child, what is at which height, which are the leaves.
//! It counts and finds; what to take in or drop is the chain's to decide.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::cmp::Reverse;

use crate::block::SignedHeader;
use crate::hash::BlockId;
use crate::keys::PublicKey;
use crate::message::Tip;
use crate::transaction::Height;

/// Headers by id, with the indexes that finding needs.
#[derive(Debug, Default)]
pub(super) struct Tree {
    nodes: BTreeMap<BlockId, Node>,
    children: BTreeSet<(BlockId, BlockId)>,
    /// Highest last; of one height, the lowest id last.
    by_height: BTreeSet<(Height, Reverse<BlockId>)>,
    /// Childless headers off the best chain.
    leaves: BTreeSet<(Height, Reverse<BlockId>)>,
    slots: BTreeMap<(Height, PublicKey), usize>,
}

/// One header and where it stands.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) header: SignedHeader,
    /// Its body was taken, and its parent's before.
    pub(super) connected: bool,
    /// It is on the best chain.
    pub(super) best: bool,
}

impl Node {
    pub(super) const fn height(&self) -> Height {
        self.header.header().height
    }

    pub(super) const fn parent(&self) -> BlockId {
        self.header.header().parent
    }
}

impl Tree {
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

    /// Headers of a producer at a height, dropped invalid ones that are remembered included.
    pub(super) fn slots_taken(&self, height: Height, producer: &PublicKey) -> usize {
        self.slots.get(&(height, *producer)).copied().unwrap_or_default()
    }

    pub(super) fn take_slot(&mut self, height: Height, producer: PublicKey) {
        let taken = self.slots.entry((height, producer)).or_default();
        *taken = taken.saturating_add(1);
    }

    pub(super) fn free_slot(&mut self, height: Height, producer: PublicKey) {
        if let Some(taken) = self.slots.get_mut(&(height, producer)) {
            *taken = taken.saturating_sub(1);
            if *taken == 0 {
                self.slots.remove(&(height, producer));
            }
        }
    }

    /// Adds a header that isn't there.
    pub(super) fn insert(&mut self, header: SignedHeader) {
        let (id, fields) = (header.id(), *header.header());
        self.nodes.insert(id, Node { header, connected: false, best: false });
        self.children.insert((fields.parent, id));
        self.by_height.insert((fields.height, Reverse(id)));
        self.take_slot(fields.height, fields.producer);
        self.refresh(&id);
        self.refresh(&fields.parent);
    }

    pub(super) fn remove(&mut self, id: &BlockId) -> Option<Node> {
        let node = self.nodes.remove(id)?;
        let (height, parent) = (node.height(), node.parent());
        self.children.remove(&(parent, *id));
        self.by_height.remove(&(height, Reverse(*id)));
        self.leaves.remove(&(height, Reverse(*id)));
        self.free_slot(height, node.header.header().producer);
        self.refresh(&parent);
        Some(node)
    }

    pub(super) fn set_connected(&mut self, id: &BlockId) {
        if let Some(node) = self.nodes.get_mut(id) {
            node.connected = true;
        }
    }

    pub(super) fn set_best(&mut self, id: &BlockId, best: bool) {
        if let Some(node) = self.nodes.get_mut(id) {
            node.best = best;
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

    /// The childless header off the best chain that is farthest in height from `height`, except `spared`.
    pub(super) fn farthest_leaf(&self, height: Height, spared: &BlockId) -> Option<(Height, BlockId)> {
        let spared = |leaf: &&(Height, Reverse<BlockId>)| leaf.1.0 != *spared;
        let low = self.leaves.iter().find(spared)?;
        let high = self.leaves.iter().rev().find(spared)?;
        let far = if height.abs_diff(low.0) >= height.abs_diff(high.0) { low } else { high };
        Some((far.0, far.1.0))
    }

    /// Puts a node among the leaves, or takes it out.
    fn refresh(&mut self, id: &BlockId) {
        let Some(node) = self.nodes.get(id) else { return };
        let key = (node.height(), Reverse(*id));
        if !node.best && self.children(id).next().is_none() {
            self.leaves.insert(key);
        } else {
            self.leaves.remove(&key);
        }
    }
}
