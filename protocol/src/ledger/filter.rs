//! A filter that tells which transactions the newest blocks of the best chain may have. It never misses one.
//!
//! **What it promises.** A transaction that it denies is in no block of the best chain at or above the height that
//! was asked for. A transaction that it doesn't deny may be there or not; durable storage knows. So a filter that
//! gets worse causes more look-ups, and never a wrong answer. The following make it worse: a height whose
//! transactions it has not been told, a part that is full, and blocks that left the best chain again.
//!
//! It consists of parts of [`FILTER_PART_BLOCKS`] heights, which are removed as the chain grows. A part consists
//! of Bloom filters, each twice as large as the one before until they hold [`FILTER_SLICE_IDS_MAX`]. Ids are
//! hashed with a key of this node's own, so an attacker can't aim.
//!
//! Deliberately absent: looking anything up, and which heights matter.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::hash::BuildHasher as _;

use crate::items::hash::TxId;
use crate::items::transaction::Height;
use crate::limits::{
    FILTER_BITS_PER_ID, FILTER_BYTES_MAX, FILTER_PART_BLOCKS, FILTER_PROBES, FILTER_SLICE_IDS_MAX,
    FILTER_SLICE_IDS_MIN,
};
use crate::seeded::SeededState;

/// The filter.
#[derive(Debug)]
pub struct Filter {
    hasher: SeededState,
    /// By height, divided by the blocks of a part.
    parts: BTreeMap<u64, Part>,
    /// Heights whose transactions it has not been told, and whether they were asked for since the last
    /// [`Filter::ask_again`].
    unknown: BTreeMap<Height, bool>,
    bytes: usize,
    bytes_max: usize,
}

#[derive(Debug, Default)]
struct Part {
    slices: Vec<Slice>,
    /// There was no room for all ids, so it denies nothing.
    full: bool,
}

#[derive(Debug)]
struct Slice {
    words: Vec<u64>,
    /// How many ids it takes in all, and how many more it can take.
    size: usize,
    left: usize,
}

impl Filter {
    /// An empty filter of the protocol's size.
    #[must_use]
    pub const fn new(hasher: SeededState) -> Self {
        Self::with_size(hasher, FILTER_BYTES_MAX)
    }

    /// An empty filter of at most this number of bytes.
    #[must_use]
    pub const fn with_size(hasher: SeededState, bytes_max: usize) -> Self {
        Self { hasher, parts: BTreeMap::new(), unknown: BTreeMap::new(), bytes: 0, bytes_max }
    }

    /// Bytes that its bits take.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// The block at a height has these transactions. Blocks that were there before may have had others.
    pub fn insert(&mut self, height: Height, ids: impl Iterator<Item = TxId>) {
        self.unknown.remove(&height);
        let part = self.parts.entry(height / FILTER_PART_BLOCKS).or_default();
        for id in ids {
            let hash = self.hasher.hash_one(id);
            // Blocks that leave the best chain and come back need no new room.
            if part.has(hash) {
                continue;
            }
            if part.slices.last().is_none_or(|slice| slice.left == 0) && !part.full {
                let size = part.slices.last().map_or(FILTER_SLICE_IDS_MIN, Slice::next_size);
                let words = size.saturating_mul(FILTER_BITS_PER_ID) / 64;
                let bytes = self.bytes.saturating_add(words.saturating_mul(8));
                part.full = bytes > self.bytes_max;
                if !part.full {
                    self.bytes = bytes;
                    part.slices.push(Slice { words: alloc::vec![0; words], size, left: size });
                }
            }
            if let Some(slice) = part.slices.last_mut().filter(|_| !part.full) {
                slice.insert(hash);
            }
        }
    }

    /// A block is at a height, and its transactions are not known.
    pub fn insert_unknown(&mut self, height: Height) {
        self.unknown.insert(height, false);
    }

    /// Blocks above a height are no longer on the best chain.
    pub fn pop_above(&mut self, height: Height) {
        self.unknown.split_off(&height.saturating_add(1));
    }

    /// The highest height whose transactions are not known and were not asked for. From now on it counts as asked
    /// for.
    pub fn next_unknown(&mut self) -> Option<Height> {
        let (height, asked) = self.unknown.iter_mut().rev().find(|(_, asked)| !**asked)?;
        *asked = true;
        Some(*height)
    }

    /// Each height that is still unknown may be asked for once more.
    pub fn ask_again(&mut self) {
        self.unknown.values_mut().for_each(|asked| *asked = false);
    }

    /// The number of heights whose transactions are not known.
    #[must_use]
    pub fn unknown_len(&self) -> usize {
        self.unknown.len()
    }

    /// Lower heights are no longer asked for.
    pub fn forget_below(&mut self, height: Height) {
        self.unknown = self.unknown.split_off(&height);
        let kept = self.parts.split_off(&(height / FILTER_PART_BLOCKS));
        let gone = core::mem::replace(&mut self.parts, kept);
        let gone = gone.values().flat_map(|part| &part.slices).map(|slice| slice.words.len().saturating_mul(8));
        self.bytes = self.bytes.saturating_sub(gone.sum());
    }

    /// False if no block of the best chain from a height on has the transaction.
    #[must_use]
    pub fn may_have(&self, id: &TxId, from: Height) -> bool {
        if self.unknown.range(from..).next().is_some() {
            return true;
        }
        let hash = self.hasher.hash_one(id);
        let mut parts = self.parts.range(from / FILTER_PART_BLOCKS..);
        parts.any(|(_, part)| part.has(hash))
    }
}

impl Part {
    fn has(&self, hash: u64) -> bool {
        self.full || self.slices.iter().any(|slice| slice.has(hash))
    }
}

impl Slice {
    fn next_size(&self) -> usize {
        self.size.saturating_mul(2).min(FILTER_SLICE_IDS_MAX)
    }

    /// The words and bits of a hash: two halves of it, one added to the other again and again.
    fn places(&self, hash: u64) -> impl Iterator<Item = (usize, u64)> + use<> {
        let bits = (self.words.len() as u64).saturating_mul(64).max(1);
        let (first, step) = (hash >> 32, (hash & 0xffff_ffff) | 1);
        (0..FILTER_PROBES).map(move |probe| {
            let bit = first.wrapping_add(probe.wrapping_mul(step)) % bits;
            (usize::try_from(bit / 64).unwrap_or(usize::MAX), 1 << (bit % 64))
        })
    }

    fn insert(&mut self, hash: u64) {
        for (word, bit) in self.places(hash) {
            if let Some(word) = self.words.get_mut(word) {
                *word |= bit;
            }
        }
        self.left = self.left.saturating_sub(1);
    }

    fn has(&self, hash: u64) -> bool {
        self.places(hash).all(|(word, bit)| self.words.get(word).is_some_and(|word| word & bit != 0))
    }
}
