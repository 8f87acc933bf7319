//! One side's sketch: the symbols of a set, from the first on, as many as are wanted.

use alloc::vec::Vec;

use super::mapping::Mapping;
use super::symbol::{SYMBOL_BYTES, Salt, Symbol};
use super::{Difference, SYMBOLS_MAX};
use crate::hash::TxId;

/// The end of a list.
const NONE: u32 = u32::MAX;

/// A set and how far its sketch is made. An item takes 64 bytes, a set of 65,536 4 MiB.
#[derive(Debug)]
pub struct Encoder {
    salt: Salt,
    ids: Vec<TxId>,
    /// Salted, in the same order.
    salted: Vec<u64>,
    queue: Queue,
}

/// Items by the next symbol that each is in: a list for every symbol to come.
#[derive(Debug)]
pub(super) struct Queue {
    items: Vec<Queued>,
    /// The first item of each symbol's list.
    heads: Vec<u32>,
    made: usize,
}

#[derive(Debug)]
struct Queued {
    id: u64,
    mapping: Mapping,
    next: u32,
}

impl Queue {
    pub(super) const fn new() -> Self {
        Self { items: Vec::new(), heads: Vec::new(), made: 0 }
    }

    /// Adds an item whose mapping stands at a symbol that isn't made yet.
    pub(super) fn push(&mut self, id: u64, mapping: Mapping) {
        let Ok(place) = u32::try_from(self.items.len()) else { return };
        self.items.push(Queued { id, mapping, next: NONE });
        self.enlist(place);
    }

    /// Shows the items of the next symbol.
    pub(super) fn advance(&mut self, mut visit: impl FnMut(u64)) {
        let mut place = self.heads.get(self.made).copied().unwrap_or(NONE);
        self.made = self.made.saturating_add(1);
        while let Some(item) = usize::try_from(place).ok().and_then(|place| self.items.get_mut(place)) {
            visit(item.id);
            item.mapping.advance();
            let next = core::mem::replace(&mut item.next, NONE);
            self.enlist(place);
            place = next;
        }
    }

    fn enlist(&mut self, place: u32) {
        let Some(item) = usize::try_from(place).ok().and_then(|place| self.items.get_mut(place)) else { return };
        // Beyond the bound no symbol is made.
        let Some(at) = usize::try_from(item.mapping.at()).ok().filter(|at| *at < SYMBOLS_MAX) else { return };
        if at >= self.heads.len() {
            self.heads.resize(at.saturating_add(1), NONE);
        }
        if let Some(head) = self.heads.get_mut(at) {
            item.next = core::mem::replace(head, place);
        }
    }
}

impl Encoder {
    /// The sketch of a set.
    #[must_use]
    pub fn new(salt: Salt, ids: Vec<TxId>) -> Self {
        let salted: Vec<u64> = ids.iter().map(|id| salt.id(id)).collect();
        let mut queue = Queue::new();
        queue.items.reserve_exact(salted.len());
        salted.iter().for_each(|id| queue.push(*id, Mapping::new(*id)));
        Self { salt, ids, salted, queue }
    }

    /// Items of the set.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether the set is empty.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Symbols made so far.
    #[must_use]
    pub const fn made(&self) -> usize {
        self.queue.made
    }

    /// The next `count` symbols, encoded; fewer at the end, [`SYMBOLS_MAX`].
    pub fn symbols(&mut self, count: usize) -> Vec<u8> {
        let count = count.min(SYMBOLS_MAX.saturating_sub(self.made()));
        let mut bytes = Vec::with_capacity(count.saturating_mul(SYMBOL_BYTES));
        for _ in 0..count {
            bytes.extend_from_slice(&self.next_symbol().to_bytes());
        }
        bytes
    }

    /// The salt.
    #[must_use]
    pub const fn salt(&self) -> Salt {
        self.salt
    }

    /// The transactions behind salted ids; those that the set doesn't have are left out.
    #[must_use]
    pub fn resolve(&self, salted: &[u64]) -> Vec<TxId> {
        let mut wanted = salted.to_vec();
        wanted.sort_unstable();
        let known = self.salted.iter().zip(&self.ids).filter(|(id, _)| wanted.binary_search(id).is_ok());
        known.map(|(_, id)| *id).collect()
    }

    pub(super) fn next_symbol(&mut self) -> Symbol {
        let mut symbol = Symbol::default();
        self.queue.advance(|id| symbol.add(id));
        symbol
    }

    /// Tells recovered items apart: what is here and not there must be in the set, and the rest must not. `None` if that
    /// isn't so, and the sketch was a lie or a collision.
    pub(super) fn tell(&self, mut recovered: Vec<(u64, bool)>) -> Option<Difference> {
        recovered.sort_unstable();
        let mut only_here = Vec::new();
        for (id, transaction) in self.salted.iter().zip(&self.ids) {
            match recovered.binary_search_by_key(id, |(id, _)| *id).ok().and_then(|place| recovered.get(place)) {
                None => {}
                Some((_, true)) => return None,
                Some((_, false)) => only_here.push(*transaction),
            }
        }
        let only_there: Vec<u64> = recovered.iter().filter(|(_, theirs)| *theirs).map(|(id, _)| *id).collect();
        let all = only_here.len().saturating_add(only_there.len()) == recovered.len();
        all.then_some(Difference { only_here, only_there })
    }
}
