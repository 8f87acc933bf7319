//! How much of the mempool each holder has, and which items are its oldest, newest and middle one. This file only
//! counts; nothing here decides.
//!
//! The ranking is made when the largest share is asked for the first time, which is when the pool is full for the
//! first time. From then on it is kept up to date. Most pools never fill, and keeping the ranking costs about as
//! much as everything else here. A share's middle is found and kept in the same way.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use crate::footprint::{block, tree};
use crate::sorted::SortedMap;

/// Bytes and items by holder.
#[derive(Debug)]
pub(super) struct Shares<K> {
    held: SortedMap<K, Box<Share>>,
    /// `None` until it is first needed.
    ranked: Option<BTreeSet<(usize, K)>>,
}

/// One holder's part.
#[derive(Debug, Default)]
struct Share {
    bytes: usize,
    /// Bytes by item. Items are named by their place in the order of acceptance.
    items: SortedMap<u64, usize>,
    /// `None` until the middle is first needed.
    cut: Option<Cut>,
}

/// Where a share's newer part begins. The newer part has as many of the newest items as take no more than half of
/// the share's bytes.
#[derive(Clone, Copy, Debug)]
struct Cut {
    /// No older item is in the newer part.
    from: u64,
    newer_bytes: usize,
}

impl<K> Shares<K> {
    /// The memory of an item among many of one holder.
    pub(super) const ITEM_BYTES: usize = tree(size_of::<(u64, usize)>());

    /// The memory of a holder with one item: its entry, its share, a list of its item, and its rank.
    pub(super) const HOLDER_BYTES: usize = tree(size_of::<(K, Box<Share>)>())
        + block(size_of::<Share>())
        + block(size_of::<(u64, usize)>())
        + tree(size_of::<(usize, K)>());
}

impl<K: Copy + Ord> Shares<K> {
    pub(super) const fn new() -> Self {
        Self { held: SortedMap::new(), ranked: None }
    }

    pub(super) fn add(&mut self, holder: K, item: u64, bytes: usize) {
        let share = self.held.or_default(holder);
        let before = share.bytes;
        share.add(item, bytes);
        if let Some(ranked) = &mut self.ranked {
            ranked.remove(&(before, holder));
            ranked.insert((share.bytes, holder));
        }
    }

    pub(super) fn remove(&mut self, holder: K, item: u64) {
        let Some(share) = self.held.get_mut(&holder) else { return };
        let before = share.bytes;
        share.remove(item);
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
        self.held.get(holder).map(|share| share.items.iter().map(|(item, _)| *item).collect()).unwrap_or_default()
    }

    /// The largest share's bytes and holder. Among equal shares, that of the greatest holder.
    pub(super) fn largest(&mut self) -> Option<(usize, K)> {
        self.ranked().last().copied()
    }

    /// The same with one holder left out.
    pub(super) fn largest_but(&mut self, holder: &K) -> Option<(usize, K)> {
        self.ranked().iter().rev().find(|(_, ranked)| ranked != holder).copied()
    }

    /// A holder's oldest item.
    pub(super) fn oldest(&self, holder: &K) -> Option<u64> {
        self.held.get(holder)?.items.first_key_value().map(|(item, _)| *item)
    }

    /// A holder's newest item.
    pub(super) fn newest(&self, holder: &K) -> Option<u64> {
        self.held.get(holder)?.items.last_key_value().map(|(item, _)| *item)
    }

    /// The newest of the older half of a holder's items: the items after it take no more than half of the share's
    /// bytes.
    pub(super) fn middle(&mut self, holder: &K) -> Option<u64> {
        self.held.get_mut(holder)?.middle()
    }

    fn ranked(&mut self) -> &BTreeSet<(usize, K)> {
        let held = &self.held;
        let rank = || held.iter().map(|(holder, share)| (share.bytes, *holder)).collect();
        self.ranked.get_or_insert_with(rank)
    }
}

impl Share {
    fn add(&mut self, item: u64, bytes: usize) {
        self.items.insert(item, bytes);
        self.bytes = self.bytes.saturating_add(bytes);
        if let Some(cut) = self.cut.as_mut().filter(|cut| cut.from <= item) {
            cut.newer_bytes = cut.newer_bytes.saturating_add(bytes);
        }
        self.balance();
    }

    fn remove(&mut self, item: u64) {
        let Some(bytes) = self.items.remove(&item) else { return };
        self.bytes = self.bytes.saturating_sub(bytes);
        if let Some(cut) = self.cut.as_mut().filter(|cut| cut.from <= item) {
            cut.newer_bytes = cut.newer_bytes.saturating_sub(bytes);
        }
        self.balance();
    }

    fn middle(&mut self) -> Option<u64> {
        if self.cut.is_none() {
            self.cut = Some(Cut { from: u64::MAX, newer_bytes: 0 });
            self.balance();
        }
        let from = self.cut?.from;
        self.items.range(..from).next_back().map(|(item, _)| *item)
    }

    /// Moves the cut to its right place. One item more or less moves it by about half of that item's bytes, so by
    /// few items.
    fn balance(&mut self) {
        let Some(mut cut) = self.cut else { return };
        let half = self.bytes / 2;
        while cut.newer_bytes > half
            && let Some((item, bytes)) = self.items.range(cut.from..).next()
        {
            cut = Cut { from: item.saturating_add(1), newer_bytes: cut.newer_bytes.saturating_sub(*bytes) };
        }
        while let Some((item, bytes)) = self.items.range(..cut.from).next_back()
            && cut.newer_bytes.saturating_add(*bytes) <= half
        {
            cut = Cut { from: *item, newer_bytes: cut.newer_bytes.saturating_add(*bytes) };
        }
        self.cut = Some(cut);
    }
}
