//! The table of reached peers: peers that answered a dial, with their id. So the group of their address is known.
//! The peers of one group are in at most [`BUCKETS_PER_GROUP`] buckets.

use std::collections::BTreeMap;

use libp2p::{Multiaddr, PeerId};
use protocol::time::Time;

use super::Keys;
use super::group::Group;
use super::retry::Retry;

/// Buckets of reached peers.
pub const REACHED_BUCKETS: usize = 64;
/// Peers in one bucket. 64 times 16 are 1,024 peers; with 11 addresses of some 50 bytes each, 600 KiB.
pub const REACHED_BUCKET_MAX: usize = 16;
/// Buckets that the peers of one address group may be in: 32 peers, a 32nd of all, as in Bitcoin Core
/// (8 of 256). If a network has one group only, such as a provider's, a smaller share would leave too
/// few peers to choose from.
pub const BUCKETS_PER_GROUP: u64 = 2;

/// A peer that was reached.
#[derive(Clone, Debug)]
pub(super) struct Reached {
    pub(super) peer: PeerId,
    /// The address where it answered.
    pub(super) address: Multiaddr,
    /// The group of this address.
    pub(super) group: Group,
    /// The addresses that it told about itself.
    pub(super) told: Vec<Multiaddr>,
    /// When it answered last.
    pub(super) last: Time,
    pub(super) retry: Retry,
}

impl Reached {
    /// The addresses at which it is dialled: first the one where it answered.
    pub(super) fn addresses(&self) -> Vec<Multiaddr> {
        let told = self.told.iter().filter(|told| **told != self.address);
        std::iter::once(&self.address).chain(told).cloned().collect()
    }
}

/// The table.
#[derive(Debug)]
pub(super) struct Tried {
    buckets: Vec<Vec<Reached>>,
    places: BTreeMap<PeerId, usize>,
}

impl Default for Tried {
    fn default() -> Self {
        Self { buckets: vec![Vec::new(); REACHED_BUCKETS], places: BTreeMap::new() }
    }
}

impl Tried {
    pub(super) fn iter(&self) -> impl Iterator<Item = &Reached> {
        self.buckets.iter().flatten()
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    pub(super) fn has(&self, peer: &PeerId) -> bool {
        self.places.contains_key(peer)
    }

    pub(super) fn get(&self, peer: &PeerId) -> Option<&Reached> {
        self.buckets.get(*self.places.get(peer)?)?.iter().find(|reached| reached.peer == *peer)
    }

    pub(super) fn get_mut(&mut self, peer: &PeerId) -> Option<&mut Reached> {
        self.buckets.get_mut(*self.places.get(peer)?)?.iter_mut().find(|reached| reached.peer == *peer)
    }

    /// Puts a peer into its bucket. If the bucket is full, returns the peer in it that answered longest ago.
    pub(super) fn insert(&mut self, keys: &Keys, reached: Reached) -> Result<(), PeerId> {
        let at = place(keys, &reached.peer, reached.group);
        let Some(bucket) = self.buckets.get_mut(at) else { return Ok(()) };
        if bucket.len() >= REACHED_BUCKET_MAX
            && let Some(oldest) = bucket.iter().min_by_key(|held| held.last)
        {
            return Err(oldest.peer);
        }
        self.places.insert(reached.peer, at);
        bucket.push(reached);
        Ok(())
    }

    pub(super) fn remove(&mut self, peer: &PeerId) -> Option<Reached> {
        let bucket = self.buckets.get_mut(self.places.remove(peer)?)?;
        let found = bucket.iter().position(|reached| reached.peer == *peer)?;
        Some(bucket.remove(found))
    }
}

fn place(keys: &Keys, peer: &PeerId, group: Group) -> usize {
    let one_of = keys.hash((2_u8, peer.to_bytes())) % BUCKETS_PER_GROUP;
    keys.bucket((3_u8, group, one_of), REACHED_BUCKETS)
}
