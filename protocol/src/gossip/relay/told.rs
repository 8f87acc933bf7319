//! The peers that were told of a transaction instead of being sent it. The first copy came from a doubted link, or
//! from a peer that said that it was old, so it doesn't show which way the item came. If the transaction turns out
//! to be news, these peers are sent it after all.
//!
//! At most [`TOLD_MAX`] transactions. If there are more, the oldest is forgotten, and the peers that were told of
//! it ask for it. Deliberately absent: what counts as news. That is in `author_tree`.

use alloc::vec::Vec;

use lru::LruCache;

use crate::gossip::api::PeerHandle;
use crate::items::hash::ShortId;
use crate::limits::TOLD_MAX;
use crate::seeded::SeededState;

/// For each such transaction, sorted: the peers that were told and have not shown since that they have it.
#[derive(Debug)]
pub(crate) struct Told {
    items: LruCache<ShortId, Vec<PeerHandle>, SeededState>,
}

impl Told {
    pub(crate) fn new(hasher: SeededState) -> Self {
        Self { items: LruCache::unbounded_with_hasher(hasher) }
    }

    /// These peers, sorted, are told of a transaction.
    pub(crate) fn tell(&mut self, short: ShortId, peers: Vec<PeerHandle>) {
        self.items.put(short, peers);
        if self.items.len() > TOLD_MAX {
            self.items.pop_lru();
        }
    }

    /// A peer has a transaction, or asks for it.
    pub(crate) fn shown(&mut self, short: ShortId, by: PeerHandle) {
        if let Some(peers) = self.items.peek_mut(&short) {
            peers.retain(|peer| *peer != by);
        }
    }

    /// The peers that were told of a transaction and may lack it. All of them are forgotten here.
    pub(crate) fn take(&mut self, short: ShortId) -> Vec<PeerHandle> {
        self.items.pop(&short).unwrap_or_default()
    }

    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }
}
