//! The table of claims. A claim says that a peer is at some addresses. None of these has
//! been dialled with success.
//!
//! Three things decide the bucket of a claim: the source, the group of the first address, and a secret key. One
//! source reaches [`BUCKETS_PER_SOURCE`] buckets, and with addresses of one group it reaches a single one. So a
//! source's share is bounded whatever it tells, and it cannot choose whose claims it competes with.

use std::collections::BTreeMap;

use libp2p::{Multiaddr, PeerId};
use protocol::time::Time;

use super::group::{Group, slot_group};
use super::retry::Retry;
use super::{FAILED_FOR_GOOD, Keys};

/// Buckets of claims.
pub const TOLD_BUCKETS: usize = 512;
/// Claims in one bucket. 512 times 8 are 4,096 claims; with 10 addresses of some 50 bytes each, 2 MiB.
pub const TOLD_BUCKET_MAX: usize = 8;
/// Buckets that one source's claims may be in: 16 claims, a 256th of all. With that, an attacker in 100 groups
/// meets a third of the buckets. Bitcoin Core gives a source a sixteenth of a larger table (64 of 1,024). With
/// such a share the attacker would meet every bucket, and the source that comes first to a bucket keeps it.
pub const BUCKETS_PER_SOURCE: u64 = 2;

/// What a source told about a peer.
#[derive(Clone, Debug)]
pub(super) struct Claim {
    pub(super) peer: PeerId,
    pub(super) source: Group,
    /// The peer told it itself, on a connection that proves its id.
    pub(super) itself: bool,
    addresses: Vec<Multiaddr>,
    /// The groups in which it may be picked. They are kept, because every pick asks for those of all claims.
    groups: Vec<Group>,
    pub(super) retry: Retry,
}

impl Claim {
    /// A claim that was not tried yet. `first` is the group of the first address.
    pub(super) fn new(peer: PeerId, source: Group, itself: bool, addresses: Vec<Multiaddr>, first: Group) -> Self {
        let groups = groups_of(&addresses, first);
        Self { peer, source, itself, addresses, groups, retry: Retry::default() }
    }

    /// The addresses, the best first.
    pub(super) fn addresses(&self) -> &[Multiaddr] {
        &self.addresses
    }

    /// The groups in which it may be picked: those of its public addresses, or that of the first address if none
    /// is public.
    pub(super) fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// The source tells other addresses. `first` is the group of the first of them.
    pub(super) fn tell(&mut self, itself: bool, addresses: Vec<Multiaddr>, first: Group) {
        self.groups = groups_of(&addresses, first);
        (self.itself, self.addresses) = (itself, addresses);
    }
}

fn groups_of(addresses: &[Multiaddr], first: Group) -> Vec<Group> {
    let mut groups: Vec<Group> = addresses.iter().filter_map(slot_group).collect();
    if groups.is_empty() {
        groups.push(first);
    }
    groups.sort_unstable();
    groups.dedup();
    groups
}

/// The table.
#[derive(Debug)]
pub(super) struct Told {
    buckets: Vec<Vec<Claim>>,
    /// The buckets of each peer's claims.
    places: BTreeMap<PeerId, Vec<usize>>,
}

impl Default for Told {
    fn default() -> Self {
        Self { buckets: vec![Vec::new(); TOLD_BUCKETS], places: BTreeMap::new() }
    }
}

impl Told {
    pub(super) fn buckets(&self) -> &[Vec<Claim>] {
        &self.buckets
    }

    pub(super) fn peers(&self) -> impl Iterator<Item = &PeerId> {
        self.places.keys()
    }

    /// The claims about a peer.
    pub(super) fn of(&mut self, peer: &PeerId) -> impl Iterator<Item = &mut Claim> {
        let places = self.places.get(peer).cloned().unwrap_or_default();
        let buckets = self.buckets.iter_mut().enumerate().filter(move |(at, _)| places.contains(at));
        buckets.flat_map(|(_, bucket)| bucket).filter(move |claim| claim.peer == *peer)
    }

    /// What a source told about a peer.
    pub(super) fn get(&self, peer: &PeerId, source: Group) -> Option<&Claim> {
        let buckets = self.places.get(peer)?.iter().filter_map(|at| self.buckets.get(*at));
        buckets.flatten().find(|claim| claim.peer == *peer && claim.source == source)
    }

    /// Puts a claim into its bucket. If the bucket is full, the claim takes the place of a claim that has failed
    /// for good. If there is none, the new claim is dropped. So telling more pushes out no peer that may be
    /// reached.
    pub(super) fn insert(&mut self, keys: &Keys, claim: Claim, group: Group) -> bool {
        let at = place(keys, claim.source, group);
        let Some(bucket) = self.buckets.get_mut(at) else { return false };
        if bucket.len() >= TOLD_BUCKET_MAX {
            let worst = bucket.iter().enumerate().max_by_key(|(_, claim)| claim.retry.failures);
            let worst = worst.filter(|(_, claim)| claim.retry.failures >= FAILED_FOR_GOOD);
            let Some((worst, peer)) = worst.map(|(worst, claim)| (worst, claim.peer)) else { return false };
            bucket.remove(worst);
            self.leave(&peer, at);
        }
        let peer = claim.peer;
        if let Some(bucket) = self.buckets.get_mut(at) {
            bucket.push(claim);
            self.places.entry(peer).or_default().push(at);
        }
        true
    }

    /// Removes what a source told about a peer.
    pub(super) fn take(&mut self, peer: &PeerId, source: Group) -> Option<Claim> {
        let places = self.places.get(peer)?.clone();
        for at in places {
            let bucket = self.buckets.get_mut(at)?;
            let found = bucket.iter().position(|claim| claim.peer == *peer && claim.source == source);
            if let Some(found) = found {
                let claim = bucket.remove(found);
                self.leave(peer, at);
                return Some(claim);
            }
        }
        None
    }

    /// Removes all claims about a peer.
    pub(super) fn forget(&mut self, peer: &PeerId) {
        for at in self.places.remove(peer).unwrap_or_default() {
            if let Some(bucket) = self.buckets.get_mut(at) {
                bucket.retain(|claim| claim.peer != *peer);
            }
        }
    }

    /// One claim about the peer is no longer in bucket `at`.
    fn leave(&mut self, peer: &PeerId, at: usize) {
        let Some(places) = self.places.get_mut(peer) else { return };
        if let Some(found) = places.iter().position(|place| *place == at) {
            places.swap_remove(found);
        }
        if places.is_empty() {
            self.places.remove(peer);
        }
    }

    pub(super) fn retry(&mut self, peer: &PeerId, source: Group) -> Option<&mut Retry> {
        self.of(peer).find(|claim| claim.source == source).map(|claim| &mut claim.retry)
    }

    /// The claims that may be tried by now.
    pub(super) fn ready(&self, now: Time) -> impl Iterator<Item = &Claim> {
        self.buckets.iter().flatten().filter(move |claim| claim.retry.not_before <= now)
    }
}

/// The bucket of a claim: the pair of groups decides which of the source's buckets it is,
/// and where that bucket is.
fn place(keys: &Keys, source: Group, group: Group) -> usize {
    let one_of = keys.hash((0_u8, source, group)) % BUCKETS_PER_SOURCE;
    keys.bucket((1_u8, source, one_of), TOLD_BUCKETS)
}
