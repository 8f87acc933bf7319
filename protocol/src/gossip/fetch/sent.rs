//! What was sent to one peer: a set of ids that forgets.

use hashbrown::HashSet;

use crate::items::hash::ShortId;
use crate::seeded::SeededState;

/// The ids of bodies that were sent to one peer because it asked, up to a bound. At least the newest half of the
/// bound is kept.
///
/// The ids are kept in two generations. When the younger one is full, the older one is forgotten as a whole. So no
/// order needs to be kept, and learning an id takes one entry in one table.
#[derive(Debug)]
pub(crate) struct Sent {
    /// Kept as numbers, which take half the hashing of arrays.
    fresh: HashSet<u64, SeededState>,
    /// None of these is in `fresh`.
    stale: HashSet<u64, SeededState>,
    /// Ids of one generation.
    generation: usize,
}

impl Sent {
    pub(crate) fn new(hasher: SeededState, max: usize) -> Self {
        let (fresh, stale) = (HashSet::with_hasher(hasher.clone()), HashSet::with_hasher(hasher));
        Self { fresh, stale, generation: max / 2 }
    }

    pub(crate) fn len(&self) -> usize {
        self.fresh.len().saturating_add(self.stale.len())
    }

    pub(crate) fn contains(&self, id: ShortId) -> bool {
        self.fresh.contains(&id.number()) || self.stale.contains(&id.number())
    }

    pub(crate) fn insert(&mut self, id: ShortId) {
        if self.contains(id) {
            return;
        }
        if self.fresh.len() >= self.generation {
            core::mem::swap(&mut self.fresh, &mut self.stale);
            self.fresh.clear();
        }
        self.fresh.insert(id.number());
    }
}
