//! Who holds how much of the mempool, and which of its items are whose newest. Counts only; nothing here decides.
//!
//! The ranking is made when the largest share is first asked for, that is when the pool is full for the first time, and
//! kept from then on: most pools never fill, and keeping it costs about as much as everything else here.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

/// Bytes and items by holder.
#[derive(Debug)]
pub(super) struct Shares<K> {
    held: BTreeMap<K, Share>,
    /// `None` until it is first wanted.
    ranked: Option<BTreeSet<(usize, K)>>,
}

/// One holder's part. Items are named by their place in the order of acceptance.
#[derive(Debug, Default)]
struct Share {
    bytes: usize,
    items: BTreeSet<u64>,
}

impl<K: Copy + Ord> Shares<K> {
    pub(super) const fn new() -> Self {
        Self { held: BTreeMap::new(), ranked: None }
    }

    pub(super) fn add(&mut self, holder: K, item: u64, bytes: usize) {
        let share = self.held.entry(holder).or_default();
        let before = share.bytes;
        share.items.insert(item);
        share.bytes = share.bytes.saturating_add(bytes);
        if let Some(ranked) = &mut self.ranked {
            ranked.remove(&(before, holder));
            ranked.insert((share.bytes, holder));
        }
    }

    pub(super) fn remove(&mut self, holder: K, item: u64, bytes: usize) {
        let Some(share) = self.held.get_mut(&holder) else { return };
        if !share.items.remove(&item) {
            return;
        }
        let before = share.bytes;
        share.bytes = share.bytes.saturating_sub(bytes);
        let (left, is_empty) = (share.bytes, share.items.is_empty());
        if is_empty {
            self.held.remove(&holder);
        }
        if let Some(ranked) = &mut self.ranked {
            ranked.remove(&(before, holder));
            if !is_empty {
                ranked.insert((left, holder));
            }
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
    pub(super) fn largest(&mut self) -> Option<(usize, u64)> {
        let held = &self.held;
        let rank = || held.iter().map(|(holder, share)| (share.bytes, *holder)).collect();
        let (bytes, holder) = self.ranked.get_or_insert_with(rank).last()?;
        let newest = self.held.get(holder)?.items.last()?;
        Some((*bytes, *newest))
    }
}
