//! Headers off the best chain, charged to their producers. Says which of the childless ones among them is removed
//! next. Every question is answered from the ends of ordered sets, so a fuller tree makes no answer slower.

use alloc::collections::{BTreeMap, BTreeSet};
use core::cmp::Reverse;

use crate::footprint::{block, tree};
use crate::items::hash::BlockId;
use crate::items::keys::PublicKey;
use crate::items::transaction::Height;

/// Of one height, the lowest id comes last.
type ByHeight = (Height, Reverse<BlockId>);

/// The oldest comes first.
type ByAge = (u64, BlockId);

/// Whether a header's body was accepted, and its parent's before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It is not known that there is a body.
    Hollow,
    /// It is connected.
    Filled,
}

/// A header, and what orders the leaves.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) id: BlockId,
    pub(super) producer: PublicKey,
    pub(super) height: Height,
    /// How many headers came before it.
    pub(super) age: u64,
}

/// Leaves by kind.
#[derive(Debug)]
struct Sets<T> {
    hollow: BTreeSet<T>,
    filled: BTreeSet<T>,
}

/// What one producer has off the best chain.
#[derive(Debug, Default)]
struct Charged {
    headers: usize,
    leaves: Sets<ByAge>,
}

/// The leaves of all producers, and how much each producer has.
#[derive(Debug, Default)]
pub(super) struct Leaves {
    all: Sets<ByHeight>,
    producers: BTreeMap<PublicKey, Charged>,
    /// Producers that have leaves of a kind, by the number of headers for which they are charged.
    with_hollow: BTreeSet<(usize, PublicKey)>,
    with_filled: BTreeSet<(usize, PublicKey)>,
}

impl<T> Default for Sets<T> {
    fn default() -> Self {
        Self { hollow: BTreeSet::new(), filled: BTreeSet::new() }
    }
}

impl<T: Ord + Copy> Sets<T> {
    const fn of(&self, kind: Kind) -> &BTreeSet<T> {
        match kind {
            Kind::Hollow => &self.hollow,
            Kind::Filled => &self.filled,
        }
    }

    fn put(&mut self, key: T, kind: Option<Kind>) {
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
    /// The memory of a leaf that is the only header of its producer: its place among all leaves, its producer's
    /// entry and rank, and a node for the producer's leaves.
    pub(super) const ENTRY_BYTES: usize = tree(size_of::<ByHeight>())
        + tree(size_of::<(PublicKey, Charged)>())
        + block(11 * size_of::<ByAge>() + 16)
        + tree(size_of::<(usize, PublicKey)>());

    /// How many headers off the best chain a producer has.
    pub(super) fn charge(&self, producer: &PublicKey) -> usize {
        self.producers.get(producer).map_or(0, |charged| charged.headers)
    }

    /// One more of a producer's headers is off the best chain.
    pub(super) fn add(&mut self, producer: PublicKey) {
        self.change(producer, |charged| charged.headers = charged.headers.saturating_add(1));
    }

    /// One of a producer's headers is no longer off the best chain.
    pub(super) fn subtract(&mut self, producer: PublicKey) {
        self.change(producer, |charged| charged.headers = charged.headers.saturating_sub(1));
    }

    /// Notes which kind of leaf a header is, or that it is none.
    pub(super) fn put(&mut self, place: Place, kind: Option<Kind>) {
        self.all.put((place.height, Reverse(place.id)), kind);
        self.change(place.producer, |charged| charged.leaves.put((place.age, place.id), kind));
    }

    /// The oldest leaf of a kind of the producer with the largest charge above `more_than`; not `spared`.
    pub(super) fn of_largest(&self, kind: Kind, more_than: usize, spared: &BlockId) -> Option<BlockId> {
        let producers = match kind {
            Kind::Hollow => &self.with_hollow,
            Kind::Filled => &self.with_filled,
        };
        let larger = producers.iter().rev().take_while(|(charge, _)| *charge > more_than);
        // Only one producer can have no leaf but the spared one.
        larger.map(|(_, producer)| producer).find_map(|producer| self.of_producer(kind, producer, spared))
    }

    /// The oldest of a producer's leaves of a kind; not `spared`. The order is by age, so that nobody can choose
    /// which leaf a new one pushes out.
    pub(super) fn of_producer(&self, kind: Kind, producer: &PublicKey, spared: &BlockId) -> Option<BlockId> {
        let leaves = &self.producers.get(producer)?.leaves;
        leaves.of(kind).iter().map(|(_, id)| *id).find(|id| id != spared)
    }

    /// The leaf of a kind, among all of them, that is farthest from `height`.
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

fn farthest(leaves: &BTreeSet<ByHeight>, height: Height, spared: &BlockId) -> Option<(Height, BlockId)> {
    let spared = |leaf: &&ByHeight| leaf.1.0 != *spared;
    let low = leaves.iter().find(spared)?;
    let high = leaves.iter().rev().find(spared)?;
    let far = if height.abs_diff(low.0) >= height.abs_diff(high.0) { low } else { high };
    Some((far.0, far.1.0))
}
