//! Which symbols an item is in: all items are in symbol 0, and one is in symbol i with a probability of 1/(1 + i/2). In whole
//! numbers only, so that two implementations agree to the bit.

use super::symbol::mix;

/// The step of SplitMix64: 2^64 over the golden ratio, odd.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// The symbols that one item is in, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapping {
    state: u64,
    at: u64,
}

impl Mapping {
    /// That of a salted id, at symbol 0.
    #[must_use]
    pub const fn new(id: u64) -> Self {
        Self { state: id, at: 0 }
    }

    /// The symbol that it stands at.
    #[must_use]
    pub const fn at(&self) -> u64 {
        self.at
    }

    /// Goes on to the next.
    ///
    /// Of the symbols after i, the item is in none of the next g with a probability of about ((i + 3/2)/(i + 3/2 + g))^2.
    /// So the gap is (i + 3/2)(1/s - 1), rounded up, where s is distributed as the root of a uniform number: as the larger of
    /// two uniform numbers is.
    pub const fn advance(&mut self) {
        self.state = self.state.wrapping_add(STEP);
        let drawn = mix(self.state);
        let (high, low) = (drawn >> 32, drawn & 0xffff_ffff);
        let larger = (if high > low { high } else { low }) + 1;
        let rest = (1 << 32) - larger;
        // Below 2^32 the product fits; beyond, no symbol is ever made.
        let gap = match self.at.saturating_mul(2).saturating_add(3).checked_mul(rest) {
            Some(product) => product.div_ceil(2 * larger),
            None => u64::MAX,
        };
        self.at = self.at.saturating_add(if gap == 0 { 1 } else { gap });
    }
}
