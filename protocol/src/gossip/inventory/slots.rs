//! Which links there are, what each is charged for, and whose bits are still to be swept.
//!
//! A link's number is *live* from its connection on. When the link leaves, its number *has left*: its bits may
//! still stand in entries. A sweep goes over all entries once. A number that had left before the sweep began is
//! *free* when it ends. Numbers that leave during a sweep wait for the next one. Of the free numbers the lowest is
//! handed out first, so that sets of links stay short.

use alloc::collections::{BTreeSet, VecDeque};
use alloc::vec::Vec;

use super::link_set::{LinkSet, LinkSlot};

/// All numbers that were ever handed out.
#[derive(Debug, Default)]
pub(super) struct Slots {
    /// By number: the short ids that the link is charged for, the oldest first; `None` unless it is live. An id
    /// may stand here although its link is not charged for it any more.
    charged: Vec<Option<VecDeque<u64>>>,
    free: BTreeSet<LinkSlot>,
    /// The numbers whose bits this sweep clears. No sweep is under way if there are none.
    swept: LinkSet,
    /// The numbers that have left since it began.
    left: LinkSet,
    /// The next entry to sweep.
    next: usize,
}

impl Slots {
    /// A number for a new link.
    pub(super) fn join(&mut self) -> LinkSlot {
        let link = self.free.pop_first().unwrap_or_else(|| {
            self.charged.push(None);
            LinkSlot::from_index(self.charged.len().saturating_sub(1))
        });
        if let Some(charged) = self.charged.get_mut(link.index()) {
            *charged = Some(VecDeque::new());
        }
        link
    }

    /// A link is gone. Returns what it was charged for; `None` if it isn't live.
    pub(super) fn leave(&mut self, link: LinkSlot) -> Option<VecDeque<u64>> {
        let charged = self.charged.get_mut(link.index())?.take()?;
        self.left.insert(link);
        Some(charged)
    }

    /// Whether a link is there.
    pub(super) fn is_live(&self, link: LinkSlot) -> bool {
        matches!(self.charged.get(link.index()), Some(Some(_)))
    }

    /// Charges a link for an id. Returns the id that it is no longer charged for, if there are more than `max`.
    pub(super) fn charge(&mut self, link: LinkSlot, short: u64, max: usize) -> Option<u64> {
        let Some(Some(charged)) = self.charged.get_mut(link.index()) else { return None };
        let oldest = if charged.len() >= max { charged.pop_front() } else { None };
        charged.push_back(short);
        oldest
    }

    /// The number of ids in a link's queue.
    pub(super) fn charged(&self, link: LinkSlot) -> usize {
        self.charged.get(link.index()).and_then(Option::as_ref).map_or(0, VecDeque::len)
    }

    /// The next `count` of `len` entries to sweep, and the links whose bits are to be cleared there; `None` if
    /// there is nothing to sweep.
    pub(super) fn sweep(&mut self, count: usize, len: usize) -> Option<(core::ops::Range<usize>, &LinkSet)> {
        if self.swept.is_empty() {
            self.swept = core::mem::take(&mut self.left);
            self.next = 0;
        }
        if self.swept.is_empty() {
            return None;
        }
        let start = self.next.min(len);
        self.next = start.saturating_add(count).min(len);
        Some((start..self.next, &self.swept))
    }

    /// Ends the sweep if all of `len` entries were swept.
    pub(super) fn end_sweep(&mut self, len: usize) {
        if self.next >= len && !self.swept.is_empty() {
            let swept = core::mem::take(&mut self.swept);
            self.free.extend(swept.iter());
        }
    }
}
