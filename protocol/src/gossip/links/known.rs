//! A set of ids that forgets.

use hashbrown::HashSet;

use crate::items::hash::ShortId;
use crate::seeded::SeededState;

/// Ids that belong to one peer, up to a bound: at least the newest half of that number is kept. They are the ids
/// that the peer sent or announced, or that it was sent or told of, none of which goes to it again; or the ids of
/// bodies that were sent to it because it asked.
///
/// The ids are kept in two generations. When the younger one is full, the older one is forgotten as a whole. So no
/// order needs to be kept, and to learn an id takes a single entry in a single table.
#[derive(Debug)]
pub(crate) struct KnownSet {
    /// Kept as numbers, which take half the hashing of arrays.
    fresh: HashSet<u64, SeededState>,
    /// None of these is in `fresh`.
    stale: HashSet<u64, SeededState>,
    /// Ids of one generation.
    generation: usize,
}

impl KnownSet {
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
