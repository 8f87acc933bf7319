//! Set reconciliation: finding out how two sets of transaction ids differ, at about the cost of the difference.
//!
//! The sketch is a rateless invertible Bloom lookup table (Yang, Gilad, Alizadeh: "Practical Rateless Set Reconciliation",
//! SIGCOMM 2024, arXiv 2402.02668): an endless sequence of *symbols*, each the sum of some of the set's items. Of the
//! difference of two sketches about 1.4 to 1.7 symbols an item are enough to recover the items, and nobody needs to know
//! beforehand how many that is.
//!
//! **Items** are 48-bit *salted ids*: SipHash-2-4 of the transaction id, keyed by the conversation's salt. Whoever doesn't know
//! the salt can't make two transactions collide, and a collision by chance is gone in the next conversation.
//!
//! **What a lying peer can do**: have the decoder fail, or tell a difference that isn't one. Its work and memory are bounded
//! by the symbols that it was given, at most [`SYMBOLS_MAX`]; and what it says to be missing at the other side is in the
//! local set.
//!
//! Deliberately absent: messages, and when to compare with whom (`gossip`).

mod decoder;
mod encoder;
mod mapping;
mod symbol;

pub use decoder::{Decoder, Difference, Progress};
pub use encoder::Encoder;
pub use mapping::Mapping;
pub use symbol::{SYMBOL_BYTES, Salt, Symbol};

/// Symbols of a sketch at most: they tell some 2,700 differences, and take 44 KiB.
pub const SYMBOLS_MAX: usize = 4_096;

/// Symbols to begin with where so many differences are expected. One tells that there is none, or recovers a single one.
#[must_use]
pub const fn first_batch(expected: usize) -> usize {
    let wanted = expected.saturating_add(expected / 2).saturating_add(if expected == 0 { 1 } else { 2 });
    if wanted < SYMBOLS_MAX { wanted } else { SYMBOLS_MAX }
}

/// Symbols to have next, after `sent` were not enough, where the decoder estimates so many differences: up to what the
/// estimate makes likely, a step that is worth a round trip at least, and no more than half as many again (of few: as many), for
/// an estimate from few symbols is a poor one.
#[must_use]
pub fn next_batch(sent: usize, estimate: usize) -> usize {
    let likely = estimate.saturating_add(estimate / 3).saturating_sub(sent);
    let most = if sent < 64 { sent.max(8) } else { sent / 2 };
    likely.clamp((sent / 6).max(4), most)
}
