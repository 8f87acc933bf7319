//! The other side's sketch, less our own, taken apart: a symbol that holds a single item gives it away, and without it other
//! symbols hold one item less.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::SYMBOLS_MAX;
use super::encoder::{Encoder, Queue};
use super::mapping::Mapping;
use super::symbol::{SYMBOL_BYTES, Symbol};
use crate::hash::TxId;

/// A comparison under way.
#[derive(Debug)]
pub struct Decoder {
    local: Encoder,
    /// The difference's symbols, without the items that were recovered.
    symbols: Vec<Symbol>,
    /// Recovered items, at the symbols that are still to come; ours and theirs.
    ours: Queue,
    theirs: Queue,
    recovered: Vec<(u64, bool)>,
    known: BTreeSet<u64>,
    failed: bool,
}

/// How two sets differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What only our side has.
    pub only_here: Vec<TxId>,
    /// Salted ids of what only the other side has.
    pub only_there: Vec<u64>,
}

/// What symbols led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// More are needed.
    More,
    /// The difference. The decoder is done.
    Done(Difference),
    /// The symbols are no sketch, or too many: nothing can be told. The decoder is done.
    Failed,
}

impl Decoder {
    /// Compares with a set, whose sketch is not made yet.
    #[must_use]
    pub const fn new(local: Encoder) -> Self {
        Self {
            local,
            symbols: Vec::new(),
            ours: Queue::new(),
            theirs: Queue::new(),
            recovered: Vec::new(),
            known: BTreeSet::new(),
            failed: false,
        }
    }

    /// Symbols that came so far.
    #[must_use]
    pub const fn received(&self) -> usize {
        self.symbols.len()
    }

    /// Our side's set.
    #[must_use]
    pub const fn local(&self) -> &Encoder {
        &self.local
    }

    /// Takes the other side's next symbols.
    pub fn absorb(&mut self, encoded: &[u8]) -> Progress {
        let (symbols, rest) = encoded.as_chunks::<SYMBOL_BYTES>();
        let room = SYMBOLS_MAX.saturating_sub(self.received());
        if self.failed || !rest.is_empty() || symbols.is_empty() || symbols.len() > room {
            return self.fail();
        }
        for symbol in symbols {
            let mut symbol = Symbol::from_bytes(symbol).less(self.local.next_symbol());
            self.theirs.advance(|id| symbol.take(id));
            self.ours.advance(|id| symbol.add(id));
            self.symbols.push(symbol);
            if !self.peel(self.received().saturating_sub(1)) {
                return self.fail();
            }
        }
        // Every item is in the first symbol.
        if !self.symbols.first().is_some_and(Symbol::is_empty) {
            return Progress::More;
        }
        match self.local.tell(core::mem::take(&mut self.recovered)) {
            Some(difference) => Progress::Done(difference),
            None => self.fail(),
        }
    }

    /// How many items may differ, by how far the symbols' counts are from what they would be if all of the difference were
    /// of one side: an item more on each side leaves the counts' mean, and adds to their variance.
    #[must_use]
    pub fn estimate(&self) -> usize {
        let net = self.symbols.first().map_or(0, Symbol::signed);
        let (mut squares, mut weights) = (0_u64, 0_u64);
        for (symbol, at) in self.symbols.iter().zip(0_i64..).skip(1) {
            // In 256ths: what part of all items is in this symbol.
            let part = 512 / at.saturating_add(2);
            let off = symbol.signed().saturating_mul(16).saturating_sub(net.saturating_mul(part) / 16);
            squares = squares.saturating_add(off.unsigned_abs().saturating_pow(2));
            let part = part.unsigned_abs();
            weights = weights.saturating_add(part.saturating_mul(256_u64.saturating_sub(part)) / 256);
        }
        let left = usize::try_from(squares.checked_div(weights).unwrap_or_default()).unwrap_or(usize::MAX);
        left.max(usize::try_from(net.unsigned_abs()).unwrap_or(usize::MAX)).saturating_add(self.recovered.len())
    }

    /// Recovers what a symbol gives away, and what others do then. False if that is more than honest symbols give.
    fn peel(&mut self, at: usize) -> bool {
        let mut open = alloc::vec![at];
        while let Some(at) = open.pop() {
            let Some((id, theirs)) = self.symbols.get(at).and_then(Symbol::only) else { continue };
            // An item that is only in one set is in the first symbol, so it is never recovered twice.
            if self.recovered.len() >= self.received() || !self.known.insert(id) {
                return false;
            }
            self.recovered.push((id, theirs));
            let mut mapping = Mapping::new(id);
            while let Some(symbol) =
                usize::try_from(mapping.at()).ok().and_then(|place| self.symbols.get_mut(place))
            {
                if theirs {
                    symbol.take(id)
                } else {
                    symbol.add(id)
                }
                if symbol.only().is_some() {
                    open.extend(usize::try_from(mapping.at()));
                }
                mapping.advance();
            }
            let queue = if theirs { &mut self.theirs } else { &mut self.ours };
            queue.push(id, mapping);
        }
        true
    }

    fn fail(&mut self) -> Progress {
        self.failed = true;
        Progress::Failed
    }
}
