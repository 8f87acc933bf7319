//! Headers off the best chain, charged to their producers, and the childless ones among them: which of them is the next to go.
//! Every question is answered by looking at the ends of ordered sets, so none takes longer the fuller the tree is.

use alloc::collections::{BTreeMap, BTreeSet};
use core::cmp::Reverse;

use crate::hash::BlockId;
use crate::keys::PublicKey;
use crate::transaction::Height;

/// Of one height, the lowest id is the last.
type Ordered = BTreeSet<(Height, Reverse<BlockId>)>;

/// Whether a header's body was taken, and its parent's before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nobody has shown that there is a body.
    Hollow,
    /// It is connected.
    Filled,
}

/// Leaves by kind.
#[derive(Debug, Default)]
struct Sets {
    hollow: Ordered,
    filled: Ordered,
}

/// What one producer has off the best chain.
#[derive(Debug, Default)]
struct Charged {
    headers: usize,
    leaves: Sets,
}

/// The leaves of all producers, and who has how much.
#[derive(Debug, Default)]
pub(super) struct Leaves {
    all: Sets,
    producers: BTreeMap<PublicKey, Charged>,
    /// Producers that have leaves of a kind, by what they are charged for.
    with_hollow: BTreeSet<(usize, PublicKey)>,
    with_filled: BTreeSet<(usize, PublicKey)>,
}

impl Sets {
    const fn of(&self, kind: Kind) -> &Ordered {
        match kind {
            Kind::Hollow => &self.hollow,
            Kind::Filled => &self.filled,
        }
    }

    fn put(&mut self, height: Height, id: BlockId, kind: Option<Kind>) {
        let key = (height, Reverse(id));
        for (set, wanted) in [(&mut self.hollow, Kind::Hollow), (&mut self.filled, Kind::Filled)] {
            if kind == Some(wanted) {
                set.insert(key);
            } else {
                set.remove(&key);
            }
        }
    }
}

impl Leaves {
    /// How many headers off the best chain a producer has.
    pub(super) fn charge(&self, producer: &PublicKey) -> usize {
        self.producers.get(producer).map_or(0, |charged| charged.headers)
    }

    /// One more of a producer's headers is off the best chain.
    pub(super) fn add(&mut self, producer: PublicKey) {
        self.change(producer, |charged| charged.headers = charged.headers.saturating_add(1));
    }

    /// One less is.
    pub(super) fn subtract(&mut self, producer: PublicKey) {
        self.change(producer, |charged| charged.headers = charged.headers.saturating_sub(1));
    }

    /// Says what leaf a header is, or that it is none.
    pub(super) fn put(&mut self, producer: PublicKey, height: Height, id: BlockId, kind: Option<Kind>) {
        self.all.put(height, id, kind);
        self.change(producer, |charged| charged.leaves.put(height, id, kind));
    }

    /// Of the producer with the largest charge above `more_than`, the leaf of a kind that is farthest from `height`; not `spared`.
    pub(super) fn of_largest(
        &self,
        kind: Kind,
        more_than: usize,
        height: Height,
        spared: &BlockId,
    ) -> Option<BlockId> {
        let producers = match kind {
            Kind::Hollow => &self.with_hollow,
            Kind::Filled => &self.with_filled,
        };
        let larger = producers.iter().rev().take_while(|(charge, _)| *charge > more_than);
        // Only one producer can have no leaf but the spared one.
        let mut leaves = larger.filter_map(|(_, producer)| self.of_producer(kind, producer, height, spared));
        leaves.next().map(|(_, id)| id)
    }

    /// Of a producer's leaves of a kind, the farthest from `height`.
    pub(super) fn of_producer(
        &self,
        kind: Kind,
        producer: &PublicKey,
        height: Height,
        spared: &BlockId,
    ) -> Option<(Height, BlockId)> {
        farthest(self.producers.get(producer)?.leaves.of(kind), height, spared)
    }

    /// Of all leaves of a kind, the farthest from `height`.
    pub(super) fn of_all(&self, kind: Kind, height: Height, spared: &BlockId) -> Option<(Height, BlockId)> {
        farthest(self.all.of(kind), height, spared)
    }

    fn change(&mut self, producer: PublicKey, change: impl FnOnce(&mut Charged)) {
        let charged = self.producers.entry(producer).or_default();
        let before = charged.headers;
        change(charged);
        let headers = charged.headers;
        let empty = (charged.leaves.hollow.is_empty(), charged.leaves.filled.is_empty());
        for (set, empty) in [(&mut self.with_hollow, empty.0), (&mut self.with_filled, empty.1)] {
            if before != headers || empty {
                set.remove(&(before, producer));
            }
            if !empty {
                set.insert((headers, producer));
            }
        }
        if headers == 0 && empty == (true, true) {
            self.producers.remove(&producer);
        }
    }
}

fn farthest(leaves: &Ordered, height: Height, spared: &BlockId) -> Option<(Height, BlockId)> {
    let spared = |leaf: &&(Height, Reverse<BlockId>)| leaf.1.0 != *spared;
    let low = leaves.iter().find(spared)?;
    let high = leaves.iter().rev().find(spared)?;
    let far = if height.abs_diff(low.0) >= height.abs_diff(high.0) { low } else { high };
    Some((far.0, far.1.0))
}
