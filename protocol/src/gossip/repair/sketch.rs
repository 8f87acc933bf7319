//! Set reconciliation: finds how two sets of transactions differ, at a cost of about the bytes of the difference.
//! A rateless IBLT: Yang, Gilad, Alizadeh, "Practical Rateless Set Reconciliation" (SIGCOMM 2024, arXiv
//! 2402.02668).
//!
//! One side produces symbols of its set, as many as are asked for. The other subtracts its own symbols and peels
//! the rest. Neither has to know how much they differ. `docs/PROTOCOL.md` has the format, exact to the bit.
//!
//! Deliberately absent: messages, peers and timers; floating point, because two programs must agree on every bit;
//! and full ids. An id here is 48 bits under a salt of this conversation, so an attacker can't make two items
//! collide for all nodes.

use alloc::vec::Vec;

mod decoder;
mod encoder;
mod mapping;

pub use decoder::{Decoder, Failure, Progress, STEPS_PER_SYMBOL};
pub use encoder::{Encoder, TooManyItems};
pub use mapping::{Salt, SaltedId, indices};

/// The most symbols in one conversation: 4,096 of 11 bytes are 44 KiB and find about 3,000 differences. For sets
/// that differ by more, a list of all ids is better.
pub const SYMBOLS_MAX: usize = 4_096;

/// The most items of one set: twice a full mempool, for nodes that count confirmed ones as held. 131,072 of 18
/// bytes: 2.3 MiB.
pub const ITEMS_MAX: usize = 131_072;

/// Bytes of a symbol on the wire: the ids' xor (6), their checks' xor (4), their number modulo 256 (1).
pub const SYMBOL_BYTES: usize = 11;

/// Bytes of a salted id on the wire.
pub const SALTED_ID_BYTES: usize = 6;

/// The number of symbols to ask for at first when `expected` differences are expected: `d + 3d/8 + 2 sqrt(d) + 2`,
/// each part rounded down, at most [`SYMBOLS_MAX`]. Measurements show that they are enough for 82 to 100 % of
/// differences of exactly that size.
#[must_use]
pub const fn first_batch(expected: usize) -> usize {
    let expected = if expected < SYMBOLS_MAX { expected } else { SYMBOLS_MAX };
    let wanted = expected + expected * 3 / 8 + 2 * expected.isqrt() + 2;
    if wanted < SYMBOLS_MAX { wanted } else { SYMBOLS_MAX }
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

    /// The symbol that travels as `bytes`. All bytes are a symbol.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; SYMBOL_BYTES]) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, count] = bytes;
        let ids = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
        Self { ids, checks: u32::from_be_bytes([g, h, i, j]), count }
    }

    const fn is_empty(self) -> bool {
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
