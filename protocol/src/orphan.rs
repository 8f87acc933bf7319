//! Orphans: blocks whose parent isn't there yet, kept for a while so that they need not be fetched twice.
//!
//! Room is counted by the peer that sent a block, and a peer can only push out its own. The same block from two
//! peers is held twice: one peer's spoiled body must not keep out another's good one.
//!
//! Deliberately absent: headers without a body (they are fetched again by locator) and any check of a block.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::block::Block;
use crate::codec::Encode;
use crate::hash::BlockId;
use crate::limits::{ORPHAN_BYTES_MAX, ORPHAN_LIFETIME, ORPHAN_PEER_BYTES_MAX, ORPHANS_PER_PEER_MAX};
use crate::time::Time;

/// Blocks that wait for their parents.
#[derive(Debug, Default)]
pub struct OrphanPool {
    /// By order of arrival.
    orphans: BTreeMap<u64, Orphan>,
    by_parent: BTreeSet<(BlockId, u64)>,
    /// Which peers' copies of a block are here: while catching up, every missing block is looked for.
    by_id: BTreeSet<(BlockId, u32)>,
    by_peer: BTreeMap<u32, Share>,
    deadlines: BTreeSet<(Time, u64)>,
    next: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Orphan {
    peer: u32,
    block: Arc<Block>,
    bytes: usize,
    expires_at: Time,
}

#[derive(Debug, Default)]
struct Share {
    bytes: usize,
    orphans: BTreeSet<u64>,
}

impl OrphanPool {
    /// An empty pool.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps a block that `peer` sent, in place of that peer's oldest ones if need be. False if this peer's copy
    /// is held already, or there is no room; nothing has changed then.
    pub fn insert(&mut self, now: Time, peer: u32, block: Arc<Block>) -> bool {
        let bytes = block.encoded_len();
        let own = self.by_peer.get(&peer).map_or(0, |share| share.bytes);
        let others = self.bytes.saturating_sub(own);
        let fits = bytes <= ORPHAN_PEER_BYTES_MAX && others.saturating_add(bytes) <= ORPHAN_BYTES_MAX;
        if !fits || self.holds(peer, &block.header.id()) {
            return false;
        }
        while let Some(oldest) = self.in_the_way(peer, bytes) {
            self.remove(oldest);
        }
        let at = self.next;
        self.next = self.next.saturating_add(1);
        let share = self.by_peer.entry(peer).or_default();
        share.bytes = share.bytes.saturating_add(bytes);
        share.orphans.insert(at);
        self.bytes = self.bytes.saturating_add(bytes);
        self.by_parent.insert((block.header.header().parent, at));
        self.by_id.insert((block.header.id(), peer));
        let expires_at = now + ORPHAN_LIFETIME;
        self.deadlines.insert((expires_at, at));
        self.orphans.insert(at, Orphan { peer, block, bytes, expires_at });
        true
    }

    /// Takes out the blocks that wait for `parent`, with the peers that sent them, in the order of arrival.
    pub fn children_of(&mut self, parent: &BlockId) -> Vec<(u32, Arc<Block>)> {
        let waiting: Vec<u64> =
            self.by_parent.range((*parent, 0)..=(*parent, u64::MAX)).map(|(_, at)| *at).collect();
        waiting.into_iter().filter_map(|at| self.remove(at)).map(|orphan| (orphan.peer, orphan.block)).collect()
    }

    /// Whether any peer's copy of a block is here.
    #[must_use]
    pub fn contains(&self, id: &BlockId) -> bool {
        self.by_id.range((*id, 0)..=(*id, u32::MAX)).next().is_some()
    }

    /// Drops what a peer sent.
    pub fn remove_peer(&mut self, peer: u32) {
        for at in self.by_peer.remove(&peer).unwrap_or_default().orphans {
            self.remove(at);
        }
    }

    /// Drops what has waited for [`ORPHAN_LIFETIME`], and tells how many blocks that were.
    pub fn expire(&mut self, now: Time) -> usize {
        let mut expired = 0_usize;
        while let Some(&(expires_at, at)) = self.deadlines.first() {
            if expires_at > now {
                break;
            }
            self.deadlines.remove(&(expires_at, at));
            self.remove(at);
            expired = expired.saturating_add(1);
        }
        expired
    }

    /// When [`OrphanPool::expire`] has something to do next.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Time> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// How many blocks are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.orphans.len()
    }

    /// Whether none is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.orphans.is_empty()
    }

    /// Their encoded bytes.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many blocks of a peer are held, and their encoded bytes.
    #[must_use]
    pub fn of_peer(&self, peer: u32) -> (usize, usize) {
        self.by_peer.get(&peer).map_or((0, 0), |share| (share.orphans.len(), share.bytes))
    }

    fn holds(&self, peer: u32, id: &BlockId) -> bool {
        self.by_id.contains(&(*id, peer))
    }

    /// The peer's oldest orphan, if `bytes` more don't fit beside all of its orphans.
    fn in_the_way(&self, peer: u32, bytes: usize) -> Option<u64> {
        let share = self.by_peer.get(&peer)?;
        let full = share.orphans.len() >= ORPHANS_PER_PEER_MAX
            || share.bytes.saturating_add(bytes) > ORPHAN_PEER_BYTES_MAX
            || self.bytes.saturating_add(bytes) > ORPHAN_BYTES_MAX;
        share.orphans.first().filter(|_| full).copied()
    }

    fn remove(&mut self, at: u64) -> Option<Orphan> {
        let orphan = self.orphans.remove(&at)?;
        self.by_parent.remove(&(orphan.block.header.header().parent, at));
        self.by_id.remove(&(orphan.block.header.id(), orphan.peer));
        self.deadlines.remove(&(orphan.expires_at, at));
        self.bytes = self.bytes.saturating_sub(orphan.bytes);
        if let Some(share) = self.by_peer.get_mut(&orphan.peer) {
            share.bytes = share.bytes.saturating_sub(orphan.bytes);
            share.orphans.remove(&at);
            if share.orphans.is_empty() {
                self.by_peer.remove(&orphan.peer);
            }
        }
        Some(orphan)
    }
}
