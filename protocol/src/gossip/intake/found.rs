//! Transactions that durable storage said to be confirmed, and in which block: the newest answers. If a peer sends
//! one again, no look-up is needed, and no entry is pushed out of the memory of accepted transactions.
//!
//! **What it promises.** A transaction that it names is in a block of the best chain. When a block leaves the best
//! chain, its transactions are forgotten here.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use lru::LruCache;

use crate::footprint::{lru, tree};
use crate::items::hash::{BlockId, ShortId, TxId};
use crate::limits::FOUND_MAX;
use crate::seeded::SeededState;
use crate::sorted::SortedMap;
use crate::wire::message::TxRef;

/// A bounded memory. What was found longest ago is removed first.
#[derive(Debug)]
pub(crate) struct Found {
    /// `None` until something is found.
    blocks: Option<Box<LruCache<TxId, BlockId, SeededState>>>,
    /// One id for each short id.
    short: SortedMap<ShortId, TxId>,
    hasher: SeededState,
}

impl Found {
    /// The memory of an entry.
    pub(crate) const ENTRY_BYTES: usize =
        lru(FOUND_MAX, size_of::<(TxId, BlockId)>()) + tree(size_of::<(ShortId, TxId)>());

    pub(crate) fn new(hasher: &SeededState) -> Self {
        Self { blocks: None, short: SortedMap::new(), hasher: hasher.clone() }
    }

    pub(crate) fn len(&self) -> usize {
        self.blocks.as_ref().map_or(0, |blocks| blocks.len())
    }

    pub(crate) fn insert(&mut self, id: TxId, block: BlockId) {
        let made = || Box::new(LruCache::unbounded_with_hasher(self.hasher.clone()));
        let blocks = self.blocks.get_or_insert_with(made);
        blocks.put(id, block);
        self.short.insert(id.short(), id);
        if blocks.len() > FOUND_MAX
            && let Some((oldest, _)) = blocks.pop_lru()
        {
            self.forget_short(&oldest);
        }
    }

    pub(crate) fn contains(&self, id: &TxId) -> bool {
        self.blocks.as_ref().is_some_and(|blocks| blocks.contains(id))
    }

    /// Whether an announced transaction is among them.
    pub(crate) fn names(&self, transaction: &TxRef) -> bool {
        match transaction {
            TxRef::Full(id) => self.contains(id),
            TxRef::Short(short) => self.short.contains_key(short),
        }
    }

    /// Blocks left the best chain.
    pub(crate) fn forget_within(&mut self, gone: &[BlockId]) {
        if gone.is_empty() {
            return;
        }
        let gone: BTreeSet<&BlockId> = gone.iter().collect();
        let Some(blocks) = &mut self.blocks else { return };
        let of_gone = blocks.iter().filter(|(_, block)| gone.contains(block)).map(|(id, _)| *id);
        let of_gone: Vec<TxId> = of_gone.collect();
        for id in &of_gone {
            blocks.pop(id);
        }
        for id in of_gone {
            self.forget_short(&id);
        }
    }

    fn forget_short(&mut self, id: &TxId) {
        if self.short.get(&id.short()) == Some(id) {
            self.short.remove(&id.short());
        }
    }
}
