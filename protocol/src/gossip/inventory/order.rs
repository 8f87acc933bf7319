//! A list of entries by when they were last used, threaded through the entries themselves.

use super::table::{Entry, NONE};

/// Entries from the one that was used last to the one that was used longest ago. An entry is in one list at most.
#[derive(Debug)]
pub(super) struct Order {
    newest: u32,
    oldest: u32,
    len: usize,
}

impl Order {
    pub(super) const fn new() -> Self {
        Self { newest: NONE, oldest: NONE, len: 0 }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// The entry that was used longest ago.
    pub(super) fn oldest(&self) -> Option<u32> {
        (self.oldest != NONE).then_some(self.oldest)
    }

    /// Adds an entry as the one that was used last.
    pub(super) fn push(&mut self, entries: &mut [Entry], place: u32) {
        if let Some(entry) = entries.get_mut(place as usize) {
            (entry.newer, entry.older) = (NONE, self.newest);
        }
        match entries.get_mut(self.newest as usize) {
            Some(before) => before.newer = place,
            None => self.oldest = place,
        }
        self.newest = place;
        self.len = self.len.saturating_add(1);
    }

    /// Takes an entry out of the list that it is in.
    pub(super) fn remove(&mut self, entries: &mut [Entry], place: u32) {
        let Some(entry) = entries.get_mut(place as usize) else { return };
        let (newer, older) = (entry.newer, entry.older);
        (entry.newer, entry.older) = (NONE, NONE);
        match entries.get_mut(newer as usize) {
            Some(entry) => entry.older = older,
            None => self.newest = older,
        }
        match entries.get_mut(older as usize) {
            Some(entry) => entry.newer = newer,
            None => self.oldest = newer,
        }
        self.len = self.len.saturating_sub(1);
    }
}
