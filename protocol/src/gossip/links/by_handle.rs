//! A map from handles of peers, for what is kept of each connected peer.
//!
//! It is a sorted list. A node has some dozens of peers, and handles only rise. So a new peer goes to the end, and
//! a search looks at a few neighbours in memory. A tree would take room for eleven entries as soon as there is one.
//! Deliberately absent: any bound. The driver bounds the number of connected peers.

use alloc::vec::Vec;

use crate::gossip::api::PeerHandle;

/// What is kept of each connected peer, in the order of handles.
#[derive(Debug)]
pub(crate) struct ByHandle<T> {
    entries: Vec<(PeerHandle, T)>,
}

impl<T> Default for ByHandle<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> ByHandle<T> {
    pub(crate) const fn new() -> Self {
        Self { entries: Vec::new() }
    }

    pub(crate) fn get(&self, handle: &PeerHandle) -> Option<&T> {
        let place = self.place(*handle).ok()?;
        self.entries.get(place).map(|(_, value)| value)
    }

    pub(crate) fn get_mut(&mut self, handle: &PeerHandle) -> Option<&mut T> {
        let place = self.place(*handle).ok()?;
        self.entries.get_mut(place).map(|(_, value)| value)
    }

    pub(crate) fn contains_key(&self, handle: &PeerHandle) -> bool {
        self.place(*handle).is_ok()
    }

    /// Adds a value, in place of one with the same handle.
    pub(crate) fn insert(&mut self, handle: PeerHandle, value: T) {
        match self.place(handle) {
            Ok(place) => {
                if let Some(entry) = self.entries.get_mut(place) {
                    entry.1 = value;
                }
            }
            Err(place) => self.entries.insert(place, (handle, value)),
        }
    }

    pub(crate) fn remove(&mut self, handle: &PeerHandle) -> Option<T> {
        let place = self.place(*handle).ok()?;
        Some(self.entries.remove(place).1)
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &T> {
        self.entries.iter().map(|(_, value)| value)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (PeerHandle, &T)> {
        self.entries.iter().map(|(handle, value)| (*handle, value))
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (PeerHandle, &mut T)> {
        self.entries.iter_mut().map(|(handle, value)| (*handle, value))
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Where a handle's entry is, or would have to be.
    fn place(&self, handle: PeerHandle) -> Result<usize, usize> {
        self.entries.binary_search_by_key(&handle, |(handle, _)| *handle)
    }
}
