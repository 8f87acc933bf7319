//! Symbols and salted ids: what conversations about mempools carry. Their bytes only. How symbols are made, and
//! how a difference is read out of them, is in `gossip/repair/sketch`.

use alloc::vec::Vec;
use core::fmt;

/// The most symbols in one conversation: 4,096 of 11 bytes are 44 KiB and find about 3,000 differences. For sets
/// that differ by more, a list of all ids is better.
pub const SYMBOLS_MAX: usize = 4_096;

/// Bytes of a symbol on the wire: the ids' xor (6), their checks' xor (4), their number modulo 256 (1).
pub const SYMBOL_BYTES: usize = 11;

/// Bytes of a salted id on the wire.
pub const SALTED_ID_BYTES: usize = 6;

/// A transaction's id for one conversation: 48 bits.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SaltedId(u64);

impl SaltedId {
    /// The id as a number below 2^48.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The id as it travels: big-endian.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; SALTED_ID_BYTES] {
        let [_, _, a, b, c, d, e, f] = self.0.to_be_bytes();
        [a, b, c, d, e, f]
    }

    /// The id that travels as `bytes`.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; SALTED_ID_BYTES]) -> Self {
        let [a, b, c, d, e, f] = bytes;
        Self(u64::from_be_bytes([0, 0, a, b, c, d, e, f]))
    }

    /// The lowest 48 bits of `number`.
    pub(crate) const fn of_low_bits(number: u64) -> Self {
        Self(number & 0xffff_ffff_ffff)
    }
}

impl fmt::Debug for SaltedId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SaltedId({:012x})", self.0)
    }
}

/// One symbol: the sum of the items that the mapping puts there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Symbol {
    /// Xor of the salted ids: 48 bits.
    pub ids: u64,
    /// Xor of the ids' checks.
    pub checks: u32,
    /// How many items, modulo 256.
    pub count: u8,
}

impl Symbol {
    /// The symbol as it travels, all three big-endian.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; SYMBOL_BYTES] {
        let [_, _, a, b, c, d, e, f] = self.ids.to_be_bytes();
        let [g, h, i, j] = self.checks.to_be_bytes();
        [a, b, c, d, e, f, g, h, i, j, self.count]
    }

    /// The symbol that travels as `bytes`. Every value is one.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; SYMBOL_BYTES]) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, count] = bytes;
        let ids = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
        Self { ids, checks: u32::from_be_bytes([g, h, i, j]), count }
    }

    /// Whether it is the sum of no items.
    pub(crate) const fn is_empty(self) -> bool {
        self.ids == 0 && self.checks == 0 && self.count == 0
    }
}

/// Symbols as they travel, one after the other.
#[must_use]
pub fn symbols_to_bytes(symbols: &[Symbol]) -> Vec<u8> {
    symbols.iter().flat_map(|symbol| symbol.to_bytes()).collect()
}

/// The symbols that travel as `bytes`; `None` if the bytes are not a whole number of symbols, or are more than
/// [`SYMBOLS_MAX`] symbols.
#[must_use]
pub fn symbols_from_bytes(bytes: &[u8]) -> Option<Vec<Symbol>> {
    let (symbols, []) = bytes.as_chunks() else { return None };
    (symbols.len() <= SYMBOLS_MAX).then(|| symbols.iter().map(|one| Symbol::from_bytes(*one)).collect())
}

/// Salted ids as they travel: 6 bytes each, big-endian.
#[must_use]
pub fn ids_to_bytes(ids: &[SaltedId]) -> Vec<u8> {
    ids.iter().flat_map(|id| id.to_bytes()).collect()
}

/// The salted ids that travel as `bytes`; `None` if the bytes are not a whole number of ids, or are more than
/// [`SYMBOLS_MAX`] ids, because that number of symbols can't lead to more ids.
#[must_use]
pub fn ids_from_bytes(bytes: &[u8]) -> Option<Vec<SaltedId>> {
    let (ids, []) = bytes.as_chunks() else { return None };
    (ids.len() <= SYMBOLS_MAX).then(|| ids.iter().map(|one| SaltedId::from_bytes(*one)).collect())
}
