//! Who holds how much of the mempool, and which of its items are whose newest. Counts only; nothing here decides.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

/// Bytes and items by holder.
#[derive(Debug)]
pub(super) struct Shares<K> {
    held: BTreeMap<K, Share>,
    ranked: BTreeSet<(usize, K)>,
}

/// One holder's part. Items are named by their place in the order of acceptance.
#[derive(Debug, Default)]
struct Share {
    bytes: usize,
    items: BTreeSet<u64>,
}

impl<K: Copy + Ord> Shares<K> {
    pub(super) const fn new() -> Self {
        Self { held: BTreeMap::new(), ranked: BTreeSet::new() }
    }

    pub(super) fn add(&mut self, holder: K, item: u64, bytes: usize) {
        let share = self.held.entry(holder).or_default();
        self.ranked.remove(&(share.bytes, holder));
        share.items.insert(item);
        share.bytes = share.bytes.saturating_add(bytes);
        self.ranked.insert((share.bytes, holder));
    }

    pub(super) fn remove(&mut self, holder: K, item: u64, bytes: usize) {
        let Some(share) = self.held.get_mut(&holder) else { return };
        if !share.items.remove(&item) {
            return;
        }
        self.ranked.remove(&(share.bytes, holder));
        share.bytes = share.bytes.saturating_sub(bytes);
        if share.items.is_empty() {
            self.held.remove(&holder);
        } else {
            self.ranked.insert((share.bytes, holder));
        }
    }

    /// A holder's bytes.
    pub(super) fn of(&self, holder: &K) -> usize {
        self.held.get(holder).map_or(0, |share| share.bytes)
    }

    /// A holder's items, oldest first.
    pub(super) fn items(&self, holder: &K) -> Vec<u64> {
        self.held.get(holder).map(|share| share.items.iter().copied().collect()).unwrap_or_default()
    }

    /// The largest share's bytes, and the newest item in it. Of equal shares, the greatest holder's.
    pub(super) fn largest(&self) -> Option<(usize, u64)> {
        let (bytes, holder) = self.ranked.last()?;
        let newest = self.held.get(holder)?.items.last()?;
        Some((*bytes, *newest))
    }
}
