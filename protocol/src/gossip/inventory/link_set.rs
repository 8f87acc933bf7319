//! The number that stands for a link in the inventory, and sets of links with one bit for each.

use alloc::vec::Vec;

/// A small number that stands for one link, so that a set of links is a few bits. The inventory hands it out when
/// a peer connects. It is handed out again only when no bit of its last link is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkSlot(u32);

impl LinkSlot {
    pub(super) fn from_index(index: usize) -> Self {
        Self(u32::try_from(index).unwrap_or(u32::MAX))
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }

    pub(super) const fn index(self) -> usize {
        self.0 as usize
    }

    /// Which word of a set has its bit, counted from 0.
    pub(super) const fn word(self) -> usize {
        (self.0 / u128::BITS) as usize
    }

    pub(super) const fn bit(self) -> u128 {
        1 << (self.0 % u128::BITS)
    }
}

/// Some links. A node has 72 by default, so the first word has all of them. More links take more words.
#[derive(Clone, Debug, Default)]
pub struct LinkSet {
    first: u128,
    further: Vec<u128>,
}

impl LinkSet {
    pub(super) const fn new(first: u128, further: Vec<u128>) -> Self {
        Self { first, further }
    }

    /// Whether the link is one of them.
    #[must_use]
    pub fn contains(&self, link: LinkSlot) -> bool {
        self.word(link.word()) & link.bit() != 0
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.first == 0 && self.further.iter().all(|word| *word == 0)
    }

    /// Adds a link.
    pub fn insert(&mut self, link: LinkSlot) {
        *self.word_mut(link.word()) |= link.bit();
    }

    pub(super) fn remove(&mut self, link: LinkSlot) {
        *self.word_mut(link.word()) &= !link.bit();
    }

    pub(super) fn word(&self, word: usize) -> u128 {
        match word.checked_sub(1) {
            None => self.first,
            Some(further) => self.further.get(further).copied().unwrap_or_default(),
        }
    }

    /// The words up to the last that was ever used.
    pub(super) fn words(&self) -> impl Iterator<Item = (usize, u128)> {
        core::iter::once(self.first).chain(self.further.iter().copied()).enumerate()
    }

    /// The links, in the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = LinkSlot> {
        self.words().flat_map(|(word, bits)| {
            let start = (word as u32).saturating_mul(u128::BITS);
            let set = move |bit: &u32| bits & (1 << *bit) != 0;
            (0..u128::BITS).filter(set).map(move |bit| LinkSlot(start.saturating_add(bit)))
        })
    }

    fn word_mut(&mut self, word: usize) -> &mut u128 {
        match word.checked_sub(1) {
            None => &mut self.first,
            Some(further) => {
                if self.further.len() <= further {
                    self.further.resize(further.saturating_add(1), 0);
                }
                &mut self.further[further]
            }
        }
    }
}
