//! Finds how a remote set differs from the local one, from the remote set's symbols.
//!
//! A peer may send any symbols. They can make decoding fail. But they can't make it loop, take more steps than
//! [`STEPS_PER_SYMBOL`] a symbol, or find more items than symbols came.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::mapping::{check, next};
use super::{Encoder, SYMBOLS_MAX, SaltedId, Symbol, first_batch};

/// The most steps of peeling for each symbol received. In one step, one found item changes one symbol. An item is
/// part of `2 ln m - 0.8` of `m` symbols on average: of 16 of all [`SYMBOLS_MAX`]. There are at most `m / 1.35`
/// items to find, so honest sets take 12 steps for each symbol.
pub const STEPS_PER_SYMBOL: usize = 16;

/// The result of a batch of symbols.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// More symbols are needed.
    More,
    /// The whole difference is known. The decoder is of no more use.
    Done {
        /// Items that only the local set has, as positions in the order given to [`Encoder::new`]; ascending.
        only_here: Vec<u32>,
        /// Salted ids of items that only the remote set has; ascending.
        only_there: Vec<SaltedId>,
    },
    /// This conversation will find no difference. The decoder is of no more use.
    Failed(Failure),
}

/// Why decoding failed. Only two failures happen between honest peers. [`Failure::Exhausted`] happens when their
/// sets differ by more than about 3,000 items. [`Failure::Contradiction`] happens with a probability of about
/// 2^-32 for each symbol looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// A batch without symbols.
    #[error("a batch without symbols")]
    Empty,
    /// More than [`SYMBOLS_MAX`] symbols.
    #[error("more than {SYMBOLS_MAX} symbols")]
    TooManySymbols,
    /// [`SYMBOLS_MAX`] symbols came, and the difference is still not known in full.
    #[error("the sets differ by more than {SYMBOLS_MAX} symbols can tell")]
    Exhausted,
    /// Symbols that belong to no set, or to a set under another salt.
    #[error("the symbols contradict each other or the local set")]
    Contradiction,
    /// Symbols that came after the end.
    #[error("the conversation is over")]
    Over,
}

/// Which side has a found item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Here,
    There,
}

#[derive(Clone, Copy, Debug)]
struct Found {
    id: SaltedId,
    hash: u64,
    side: Side,
    /// The next symbol that the item is part of and from which it was not yet removed.
    next: u32,
}

/// Takes a remote set's symbols, batch by batch, until the difference is known.
#[derive(Clone, Debug)]
pub struct Decoder {
    local: Encoder,
    /// Remote minus local symbols, minus the items found.
    cells: Vec<Symbol>,
    /// For each symbol: how many symbols up to it differed by one item or none when they came.
    sparse: Vec<u16>,
    found: Vec<Found>,
    known: BTreeSet<SaltedId>,
    /// Symbols that may hold a single item.
    queue: Vec<u32>,
    steps: usize,
    over: bool,
}

impl Decoder {
    /// A decoder against the local set, whose salt the remote symbols must have.
    #[must_use]
    pub const fn new(local: Encoder) -> Self {
        Self {
            local,
            cells: Vec::new(),
            sparse: Vec::new(),
            found: Vec::new(),
            known: BTreeSet::new(),
            queue: Vec::new(),
            steps: 0,
            over: false,
        }
    }

    /// The local set.
    #[must_use]
    pub const fn local(&self) -> &Encoder {
        &self.local
    }

    /// Symbols received so far.
    #[must_use]
    pub fn received(&self) -> usize {
        self.cells.len()
    }

    /// Items found so far.
    #[must_use]
    pub fn found(&self) -> usize {
        self.found.len()
    }

    /// Steps of peeling taken so far: at most [`STEPS_PER_SYMBOL`] for each symbol received.
    #[must_use]
    pub const fn steps(&self) -> usize {
        self.steps
    }

    /// How many differences there are, by the symbols received; `None` while these tell only that there are many.
    ///
    /// Among the later half of `m` symbols, a share `f` differs by one item or none. Measurements for 20 to 1,000
    /// differences `d` show that `m / d` is about `0.44 + 2.2 f`, while `f` isn't 0: for 1,000 within 15 % from `m
    /// = d` on.
    #[must_use]
    pub fn estimate(&self) -> Option<usize> {
        let (all, half) = (self.cells.len(), self.cells.len() / 2);
        let upto = |index: usize| self.sparse.get(index).map_or(0, |count| usize::from(*count));
        let sparse = upto(all.checked_sub(1)?) - half.checked_sub(1).map_or(0, upto);
        let looked_at = all - half;
        (sparse > 0).then(|| all * looked_at * 100 / (44 * looked_at + 220 * sparse))
    }

    /// How many symbols to ask for next, after [`Progress::More`]: as many as are still missing of a first batch
    /// for the estimated difference. It is at least an eighth of those received plus one, and at most twice as
    /// many as received. While there is no estimate it is twice as many as received, because then fewer than a
    /// third of the needed symbols have come. 0 at [`SYMBOLS_MAX`].
    #[must_use]
    pub fn next_batch(&self) -> usize {
        let received = self.cells.len();
        let lacks =
            self.estimate().map_or(usize::MAX, |difference| first_batch(difference).saturating_sub(received));
        lacks.clamp(received / 8 + 1, 2 * received + 1).min(SYMBOLS_MAX - received)
    }

    /// Takes the symbols that follow those received until now. The work for a whole conversation is bounded,
    /// whatever comes: [`STEPS_PER_SYMBOL`] steps for each symbol, and making the local symbols and looking
    /// through the local set.
    pub fn add(&mut self, batch: &[Symbol]) -> Progress {
        let progress = self.try_add(batch).unwrap_or_else(Progress::Failed);
        self.over = progress != Progress::More;
        progress
    }

    fn try_add(&mut self, batch: &[Symbol]) -> Result<Progress, Failure> {
        if self.over {
            return Err(Failure::Over);
        }
        if batch.is_empty() {
            return Err(Failure::Empty);
        }
        let (start, end) = (self.cells.len(), self.cells.len() + batch.len());
        if end > SYMBOLS_MAX {
            return Err(Failure::TooManySymbols);
        }
        self.cells.extend(batch.iter().zip(self.local.symbols(start, end)).map(|(there, here)| Symbol {
            ids: there.ids ^ here.ids,
            checks: there.checks ^ here.checks,
            count: there.count.wrapping_sub(here.count),
        }));
        for index in start..end {
            let cell = self.cells[index];
            let before = self.sparse.last().copied().unwrap_or(0);
            self.sparse.push(before + u16::from(cell.is_empty() || self.single(cell).is_some()));
        }
        for index in 0..self.found.len() {
            self.take_out(index)?;
        }
        self.queue.extend((0_u32..).take(end).skip(start));
        self.peel()?;
        // Symbol 0 holds every item, so when nothing is left in it there is nothing left to find.
        if self.cells.first().is_some_and(|first| first.is_empty()) {
            return self.difference();
        }
        if end == SYMBOLS_MAX { Err(Failure::Exhausted) } else { Ok(Progress::More) }
    }

    fn peel(&mut self) -> Result<(), Failure> {
        while let Some(index) = self.queue.pop() {
            let Some(found) = self.cells.get(index as usize).and_then(|cell| self.single(*cell)) else { continue };
            // In a set each item occurs once, and each item that is found uses up a symbol. A symbol can only give
            // two items if four ids xor to 0 together with their checks: 80 bits, so an attacker needs 2^27 steps
            // of work.
            if self.found.len() == self.cells.len() || !self.known.insert(found.id) {
                return Err(Failure::Contradiction);
            }
            self.found.push(found);
            self.take_out(self.found.len() - 1)?;
        }
        Ok(())
    }

    /// The one item that a symbol holds, if it holds exactly one.
    fn single(&self, cell: Symbol) -> Option<Found> {
        let side = match cell.count {
            1 => Side::There,
            u8::MAX => Side::Here,
            _ => return None,
        };
        let id = SaltedId::of_low_bits(cell.ids);
        let hash = self.local.salt().hash(id);
        (id.number() == cell.ids && check(hash) == cell.checks).then_some(Found { id, hash, side, next: 0 })
    }

    /// Removes a found item from the symbols received since this was last done.
    fn take_out(&mut self, index: usize) -> Result<(), Failure> {
        let Some(found) = self.found.get_mut(index) else { return Ok(()) };
        let steps_max = STEPS_PER_SYMBOL * self.cells.len();
        while let Some(cell) = self.cells.get_mut(found.next as usize) {
            if self.steps == steps_max {
                return Err(Failure::Contradiction);
            }
            self.steps += 1;
            cell.ids ^= found.id.number();
            cell.checks ^= check(found.hash);
            cell.count = match found.side {
                Side::There => cell.count.wrapping_sub(1),
                Side::Here => cell.count.wrapping_add(1),
            };
            if matches!(cell.count, 1 | u8::MAX) {
                self.queue.push(found.next);
            }
            found.next = next(found.hash, found.next);
        }
        Ok(())
    }

    fn difference(&self) -> Result<Progress, Failure> {
        if !self.cells.iter().all(|cell| cell.is_empty()) {
            return Err(Failure::Contradiction);
        }
        let ids: Vec<_> = self.found.iter().map(|found| found.id).collect();
        let (mut only_here, mut only_there) = (Vec::new(), Vec::new());
        for (found, position) in self.found.iter().zip(self.local.positions(&ids)) {
            match (found.side, position) {
                (Side::Here, Some(position)) => only_here.push(position),
                (Side::There, None) => only_there.push(found.id),
                // The item was removed as ours but is not ours, or it is ours but was added as theirs.
                (Side::Here, None) | (Side::There, Some(_)) => return Err(Failure::Contradiction),
            }
        }
        only_here.sort_unstable();
        only_there.sort_unstable();
        Ok(Progress::Done { only_here, only_there })
    }
}
