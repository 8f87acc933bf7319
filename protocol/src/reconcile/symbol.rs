//! Salted ids, and the symbols that add them up.

use core::hash::Hasher as _;

use siphasher::sip::SipHasher24;

use crate::hash::TxId;

/// Bytes of an encoded symbol: 6 of ids, 4 of checks, 1 of count.
pub const SYMBOL_BYTES: usize = 11;

/// What one conversation keys its ids with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Salt(pub [u8; 16]);

impl Salt {
    /// A transaction's salted id: the upper 48 bits of SipHash-2-4 of the id's 32 bytes.
    #[must_use]
    pub fn id(&self, id: &TxId) -> u64 {
        let mut hasher = SipHasher24::new_with_key(&self.0);
        hasher.write(&id.0);
        hasher.finish() >> 16
    }
}

/// The sum of some items: exclusive or of their ids and checks, and their number modulo 256.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Symbol {
    pub(super) id: u64,
    pub(super) check: u32,
    pub(super) count: u8,
}

impl Symbol {
    /// Adds an item.
    pub(super) fn add(&mut self, id: u64) {
        self.id ^= id;
        self.check ^= check(id);
        self.count = self.count.wrapping_add(1);
    }

    /// Takes an item away.
    pub(super) fn take(&mut self, id: u64) {
        self.id ^= id;
        self.check ^= check(id);
        self.count = self.count.wrapping_sub(1);
    }

    /// What this has more than `other`.
    pub(super) const fn less(self, other: Self) -> Self {
        Self {
            id: self.id ^ other.id,
            check: self.check ^ other.check,
            count: self.count.wrapping_sub(other.count),
        }
    }

    /// Whether nothing is left in it.
    pub(super) const fn is_empty(&self) -> bool {
        self.id == 0 && self.check == 0 && self.count == 0
    }

    /// The only item in it, and whether it is one of the other side's; `None` if there are several, as far as that shows.
    pub(super) const fn only(&self) -> Option<(u64, bool)> {
        let theirs = self.count == 1;
        if (theirs || self.count == u8::MAX) && self.check == check(self.id) {
            Some((self.id, theirs))
        } else {
            None
        }
    }

    /// The count as a signed number: a difference of up to 127.
    pub(super) const fn signed(&self) -> i64 {
        self.count.cast_signed() as i64
    }

    /// As peers exchange it.
    #[must_use]
    pub fn to_bytes(self) -> [u8; SYMBOL_BYTES] {
        let mut bytes = [0; SYMBOL_BYTES];
        let id = self.id.to_be_bytes().into_iter().skip(2);
        let all = id.chain(self.check.to_be_bytes()).chain([self.count]);
        bytes.iter_mut().zip(all).for_each(|(at, byte)| *at = byte);
        bytes
    }

    /// The same, read.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; SYMBOL_BYTES]) -> Self {
        let number = |bytes: &[u8]| bytes.iter().fold(0, |number: u64, byte| number << 8 | u64::from(*byte));
        let (id, rest) = bytes.split_at(6);
        let (check, count) = rest.split_at(4);
        Self { id: number(id), check: number(check) as u32, count: number(count) as u8 }
    }
}

/// What tells an item from a sum of several: the upper half of the finisher of SplitMix64 (Steele, Lea, Flood: "Fast
/// Splittable Pseudorandom Number Generators", OOPSLA 2014) over the salted id.
pub(super) const fn check(id: u64) -> u32 {
    (mix(id) >> 32) as u32
}

/// The finisher of SplitMix64, variant 13 of Stafford's.
pub(super) const fn mix(mut state: u64) -> u64 {
    state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}
