//! A set's symbols, as many as are asked for. Producing `m` symbols of `n` items costs about `n` times `2 ln m`.
//!
//! Deliberately absent: a heap of items by their next symbol, as in the paper. Symbols are made in runs that are
//! at least a quarter of the symbols there are. So all items are looked through 37 times at most, however few
//! symbols a peer asks for.

use alloc::vec::Vec;
use core::borrow::Borrow;

use super::mapping::{check, next};
use super::{ITEMS_MAX, SYMBOLS_MAX, Salt, SaltedId, Symbol};
use crate::items::hash::TxId;

/// A set of more than [`ITEMS_MAX`] items.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a set of more than {ITEMS_MAX} items")]
pub struct TooManyItems;

/// One side's set under the salt of a conversation, and the symbols made of it until now.
///
/// Holds 18 bytes for each item, and 16 for each symbol made.
#[derive(Clone, Debug)]
pub struct Encoder {
    salt: Salt,
    ids: Vec<SaltedId>,
    hashes: Vec<u64>,
    /// The next symbol that each item is part of; at most [`SYMBOLS_MAX`].
    next: Vec<u16>,
    symbols: Vec<Symbol>,
}

impl Encoder {
    /// The set of `ids`, each named once. An id that is named twice can't be found. Costs two short hashes an
    /// item.
    ///
    /// # Errors
    /// When there are more than [`ITEMS_MAX`].
    pub fn new(salt: [u8; 16], ids: impl IntoIterator<Item = impl Borrow<TxId>>) -> Result<Self, TooManyItems> {
        let salt = Salt::new(salt);
        Self::of_salted(salt, ids.into_iter().map(|id| salt.id(id.borrow())))
    }

    /// The same for elements of any kind, by their ids under this salt.
    ///
    /// # Errors
    /// When there are more than [`ITEMS_MAX`].
    pub fn of_salted(salt: Salt, given: impl IntoIterator<Item = SaltedId>) -> Result<Self, TooManyItems> {
        let given = given.into_iter().take(ITEMS_MAX + 1);
        // A growing list would be copied several times.
        let mut ids = Vec::with_capacity(given.size_hint().1.unwrap_or_default());
        ids.extend(given);
        if ids.len() > ITEMS_MAX {
            return Err(TooManyItems);
        }
        let hashes = ids.iter().map(|id| salt.hash(*id)).collect();
        let next = alloc::vec![0; ids.len()];
        Ok(Self { salt, ids, hashes, next, symbols: Vec::new() })
    }

    /// How many items the set has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether the set has no items.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The salt of this conversation.
    #[must_use]
    pub const fn salt(&self) -> &Salt {
        &self.salt
    }

    /// The salted ids, in the order in which they were given.
    #[must_use]
    pub fn ids(&self) -> &[SaltedId] {
        &self.ids
    }

    /// Symbols `start` to `end`, `end` not included; both are limited to [`SYMBOLS_MAX`]. A symbol that was made
    /// once is kept.
    pub fn symbols(&mut self, start: usize, end: usize) -> &[Symbol] {
        let end = end.min(SYMBOLS_MAX);
        if end > self.symbols.len() {
            self.produce(end.max(self.symbols.len() + self.symbols.len() / 4).min(SYMBOLS_MAX));
        }
        self.symbols.get(start..end).unwrap_or_default()
    }

    fn produce(&mut self, end: usize) {
        self.symbols.resize(end, Symbol::default());
        for ((id, hash), at) in self.ids.iter().zip(&self.hashes).zip(&mut self.next) {
            let mut index = u32::from(*at);
            while let Some(symbol) = self.symbols.get_mut(index as usize) {
                symbol.ids ^= id.number();
                symbol.checks ^= check(*hash);
                symbol.count = symbol.count.wrapping_add(1);
                index = next(*hash, index);
            }
            *at = u16::try_from(index).unwrap_or(u16::MAX);
        }
    }

    /// Where in the set each of `wanted` is; `None` for one that it doesn't have. One pass over the set.
    #[must_use]
    pub fn positions(&self, wanted: &[SaltedId]) -> Vec<Option<u32>> {
        // Most sets that are compared are equal.
        if wanted.is_empty() {
            return Vec::new();
        }
        // A bit for the low 16 bits of each wanted id. Nearly every item of the set is excluded after one look.
        let mut filter = alloc::vec![0_u64; 1 << 10];
        let mut sorted: Vec<(SaltedId, usize)> = Vec::with_capacity(wanted.len());
        for (slot, id) in wanted.iter().enumerate() {
            let (word, bit) = filter_place(*id);
            filter[word] |= bit;
            sorted.push((*id, slot));
        }
        sorted.sort_unstable();
        let mut found = alloc::vec![None; wanted.len()];
        for (position, id) in (0_u32..).zip(&self.ids) {
            let (word, bit) = filter_place(*id);
            if filter[word] & bit != 0 {
                let from = sorted.partition_point(|(other, _)| other < id);
                for (_, slot) in sorted[from..].iter().take_while(|(other, _)| other == id) {
                    found[*slot] = Some(position);
                }
            }
        }
        found
    }
}

const fn filter_place(id: SaltedId) -> (usize, u64) {
    let low = id.number() & 0xffff;
    ((low >> 6) as usize, 1 << (low & 63))
}
