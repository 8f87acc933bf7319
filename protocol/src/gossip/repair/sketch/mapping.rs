//! Which symbols an item is part of. It uses integers only, so that every program gets the same symbols.
//!
//! Each item is in symbol `i` with probability `2 / (i + 2)`, the density of the paper: symbol 0 holds all items.

use core::fmt;

use siphasher::sip::SipHasher24;

use crate::items::hash::TxId;
use crate::wire::symbol::SaltedId;

/// What SplitMix64 adds to its state at each step: 2^64 over the golden ratio, made odd.
const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// The key of one conversation. It is drawn anew for each: ids that collide under one key don't collide under the
/// next.
#[derive(Clone, Copy)]
pub struct Salt(SipHasher24);

impl Salt {
    /// The salt of these 16 bytes.
    #[must_use]
    pub fn new(bytes: [u8; 16]) -> Self {
        Self(SipHasher24::new_with_key(&bytes))
    }

    /// The salted id of a transaction: the low 48 bits of SipHash-2-4 over its 32 bytes.
    #[must_use]
    pub fn id(&self, id: &TxId) -> SaltedId {
        self.element(id.as_bytes())
    }

    /// The salted id of another element, by its SHA-256: computed like that of a transaction.
    #[must_use]
    pub fn element(&self, hash: &[u8; 32]) -> SaltedId {
        SaltedId::of_low_bits(self.0.hash(hash))
    }

    /// SipHash-2-4 over the 6 bytes of a salted id: its low 32 bits are the id's check, and all of it seeds the
    /// mapping.
    #[must_use]
    pub fn hash(&self, id: SaltedId) -> u64 {
        self.0.hash(&id.to_bytes())
    }
}

/// Without the key, because it is a secret of two peers.
impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt(…)")
    }
}

/// The check of an id with this hash.
pub(super) const fn check(hash: u64) -> u32 {
    (hash & 0xffff_ffff) as u32
}

/// The next symbol after `index` that holds the item with this hash.
///
/// `P(next > n)` must be the product of `1 - 2 / (j + 2)` over `index < j <= n`, which is `(index + 1) / (n + 1) *
/// (index + 2) / (n + 2)`. Two uniform draws, one below each factor, give exactly that: the first `n` at which one
/// of them is above its factor. `index` is at most 2^31.
#[inline]
pub(super) const fn next(hash: u64, index: u32) -> u32 {
    let draw = split_mix(hash, index as u64);
    let (a, b) = ((draw >> 32) + 1, (draw & 0xffff_ffff) + 1);
    let first = ((index as u64 + 1) << 32) / a;
    let second = ((index as u64 + 2) << 32) / b - 1;
    let next = if first < second { first } else { second };
    if next > u32::MAX as u64 { u32::MAX } else { next as u32 }
}

/// Output `number` (from 0) of SplitMix64 with this seed: Steele, Lea and Flood (OOPSLA 2014), constants of
/// Vigna's.
const fn split_mix(seed: u64, number: u64) -> u64 {
    let state = seed.wrapping_add(GAMMA.wrapping_mul(number + 1));
    let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// The symbols below `end` that hold the item with this hash, in order; the first is 0. For tests and tools.
pub fn indices(hash: u64, end: u32) -> impl Iterator<Item = u32> {
    core::iter::successors(Some(0), move |index| Some(next(hash, *index))).take_while(move |index| *index < end)
}
