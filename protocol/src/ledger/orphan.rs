//! Orphans: blocks whose parents aren't there yet. They are kept for a while so that they need not be fetched
//! twice.
//!
//! Room is counted by the peer that sent a block. A peer has its own room, and pushes out only its own blocks
//! there. The room of all peers together is less than the sum, and is shared as follows:
//!
//! * A block that is *needed next* takes the place of any that is not. Blocks that are needed next are few and
//!   known ([`BLOCKS_AHEAD_BYTES_MAX`](crate::limits::BLOCKS_AHEAD_BYTES_MAX)), and only a producer can make such
//!   blocks.
//! * Among the other blocks, a peer pushes out blocks of the peer that has the most of them, as long as it has
//!   fewer itself afterwards. So n peers that want all the room have an n-th of it each, whichever came first.
//!
//! The pool could hold copies of a block from several peers, but the engine puts in only one. It drops a body that
//! doesn't match its header before that, and all bodies that match are the same bytes.
//!
//! Deliberately absent: headers without a body (they are fetched again by locator) and any check of a block. The
//! caller that puts a block in has checked its header's signature. Otherwise a stranger's junk would be kept like
//! a producer's blocks.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::codec::Encode;
use crate::footprint::{block, tree};
use crate::items::block::Block;
use crate::items::hash::BlockId;
use crate::limits::{ORPHAN_BYTES_MAX, ORPHAN_LIFETIME, ORPHAN_PEER_BYTES_MAX, ORPHANS_PER_PEER_MAX};
use crate::time::Time;

/// Blocks that wait for their parents.
#[derive(Debug)]
pub struct OrphanPool {
    bytes_max: usize,
    /// In the order of arrival.
    orphans: BTreeMap<u64, Orphan>,
    by_parent: BTreeSet<(BlockId, u64)>,
    /// Which peers' copies of a block are here. While catching up, every missing block is looked up in this.
    by_id: BTreeSet<(BlockId, u32)>,
    by_peer: BTreeMap<u32, Share>,
    deadlines: BTreeSet<(Time, u64)>,
    next: u64,
    bytes: usize,
}

/// How soon a block is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// It is one of those that are requested ahead, on the way to the best header.
    Next,
    /// It is needed some time later, or never.
    Later,
}

#[derive(Debug)]
struct Orphan {
    peer: u32,
    block: Arc<Block>,
    bytes: usize,
    expires_at: Time,
}

/// What is held of one peer.
#[derive(Debug, Default)]
struct Share {
    bytes: usize,
    orphans: BTreeSet<u64>,
    /// Of these, the ones that are not needed next, with their bytes.
    later: BTreeMap<u64, usize>,
    later_bytes: usize,
}

impl Default for OrphanPool {
    fn default() -> Self {
        Self::new()
    }
}

impl OrphanPool {
    /// The memory of an orphan beside its encoded bytes: its header, its place, and where parent, id, peer and
    /// deadline are looked up.
    pub const ENTRY_BYTES: usize = block(size_of::<Block>() + 16)
        + tree(size_of::<(u64, Orphan)>())
        + tree(size_of::<(BlockId, u64)>())
        + tree(size_of::<(BlockId, u32)>())
        + tree(size_of::<(Time, u64)>())
        + tree(size_of::<u64>())
        + tree(size_of::<(u64, usize)>());

    /// An empty pool of the protocol's size.
    #[must_use]
    pub const fn new() -> Self {
        Self::with_size(ORPHAN_BYTES_MAX)
    }

    /// An empty pool for this number of bytes, of all peers together.
    #[must_use]
    pub const fn with_size(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            orphans: BTreeMap::new(),
            by_parent: BTreeSet::new(),
            by_id: BTreeSet::new(),
            by_peer: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            next: 0,
            bytes: 0,
        }
    }

    /// Keeps a block that `peer` sent, in place of others if necessary (see the head of the file). False if this
    /// peer's copy is held already, or if there is no room; then nothing has changed.
    pub fn insert(&mut self, now: Time, peer: u32, block: Arc<Block>, need: Need) -> bool {
        let bytes = block.encoded_len();
        if self.holds(peer, &block.header.id()) {
            return false;
        }
        let Some(going) = self.in_the_way(peer, bytes, need) else { return false };
        for at in going {
            self.remove(at);
        }
        let at = self.next;
        self.next = self.next.saturating_add(1);
        let share = self.by_peer.entry(peer).or_default();
        share.bytes = share.bytes.saturating_add(bytes);
        share.orphans.insert(at);
        if need == Need::Later {
            share.later.insert(at, bytes);
            share.later_bytes = share.later_bytes.saturating_add(bytes);
        }
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
        self.sender_of(id).is_some()
    }

    /// A peer whose copy of a block is here.
    #[must_use]
    pub fn sender_of(&self, id: &BlockId) -> Option<u32> {
        self.by_id.range((*id, 0)..=(*id, u32::MAX)).next().map(|(_, peer)| *peer)
    }

    /// Drops everything that a peer sent.
    pub fn remove_peer(&mut self, peer: u32) {
        for at in self.by_peer.remove(&peer).unwrap_or_default().orphans {
            self.remove(at);
        }
    }

    /// Drops blocks that have waited for [`ORPHAN_LIFETIME`], and returns how many they were.
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

    /// Which orphans are removed so that one more fits; `None` if it doesn't fit.
    fn in_the_way(&self, peer: u32, bytes: usize, need: Need) -> Option<Vec<u64>> {
        let nothing = Share::default();
        let own = self.by_peer.get(&peer).unwrap_or(&nothing);
        let mut going = self.own_in_the_way(own, bytes, need)?;
        let bytes_of = |at: &u64| self.orphans.get(at).map_or(0, |orphan| orphan.bytes);
        let freed = |going: &[u64]| going.iter().map(bytes_of).fold(0, usize::saturating_add);
        let others = self.by_peer.iter().filter(|(other, _)| **other != peer);
        let mut others: Vec<_> = others.map(|(_, share)| (share.later_bytes, share.later.iter())).collect();
        let mut own_later: Vec<u64> = own.later.keys().filter(|at| !going.contains(at)).copied().collect();
        own_later.reverse();
        let mut own_bytes = own_later.iter().map(bytes_of).fold(bytes, usize::saturating_add);
        while self.bytes.saturating_add(bytes) > self.bytes_max.saturating_add(freed(&going)) {
            let most = others.iter_mut().max_by_key(|(left, _)| *left);
            let may_go = |left: usize| left > if need == Need::Next { 0 } else { own_bytes };
            if let Some((left, oldest)) = most.filter(|(left, _)| may_go(*left)) {
                let (at, bytes) = oldest.next()?;
                *left = left.saturating_sub(*bytes);
                going.push(*at);
            } else {
                let at = own_later.pop()?;
                own_bytes = own_bytes.saturating_sub(bytes_of(&at));
                going.push(at);
            }
        }
        Some(going)
    }

    /// Which of a peer's own orphans are removed so that it keeps within its own bounds: first the oldest that are
    /// not needed next; then, if the new one is needed next, the oldest.
    fn own_in_the_way(&self, own: &Share, bytes: usize, need: Need) -> Option<Vec<u64>> {
        if bytes > ORPHAN_PEER_BYTES_MAX {
            return None;
        }
        let (mut held, mut count) = (own.bytes, own.orphans.len());
        let next = own.orphans.iter().filter(|at| need == Need::Next && !own.later.contains_key(at));
        let mut oldest = own.later.keys().chain(next);
        let mut going = Vec::new();
        while count >= ORPHANS_PER_PEER_MAX || held.saturating_add(bytes) > ORPHAN_PEER_BYTES_MAX {
            let at = oldest.next()?;
            held = held.saturating_sub(self.orphans.get(at)?.bytes);
            count = count.saturating_sub(1);
            going.push(*at);
        }
        Some(going)
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
            if share.later.remove(&at).is_some() {
                share.later_bytes = share.later_bytes.saturating_sub(orphan.bytes);
            }
            if share.orphans.is_empty() {
                self.by_peer.remove(&orphan.peer);
            }
        }
        Some(orphan)
    }
}
