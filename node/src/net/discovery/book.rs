//! The address book: which peers may be reached at which addresses, and by whose word. Pure: no IO and no clock,
//! and chance follows a seed.
//!
//! Identities are free, and it is free to tell addresses. It is expensive to have addresses in many groups and to
//! answer there. So the book counts by group ([`Group`]), as Bitcoin Core's addrman does:
//!
//! 1. **Told.** What a peer tells is a *claim*: this peer is at these addresses, says this source. The source
//!    is the group of the address from which the teller is connected. Three things decide the bucket of a
//!    claim: the source, the group of the address, and a secret key. So all claims of one source, however many,
//!    are in a few buckets. Claims of different sources about one peer stand beside each other: no source can
//!    spoil what another told.
//! 2. **A full bucket accepts nothing new**, unless one of its claims has failed for good. So telling more
//!    pushes out no claim.
//! 3. A source's new claims are **rationed** ([`SOURCE_INTERVAL`], [`SOURCE_BURST`]).
//! 4. **Reached.** A peer that answers a dial with its id moves to the other table. Its claims are
//!    dropped, and the address where it answered decides its bucket. What others say about it counts again
//!    only when dials of it fail.
//! 5. **Test before evict.** If a newly reached peer finds its bucket full, the book dials the peer in the bucket
//!    that answered longest ago. If that peer answers, it stays and the newcomer remains a claim. If not, the
//!    newcomer gets its place.
//! 6. **Picking** begins with a group. Each *group* with something to dial is equally likely, whichever table
//!    has it. If both tables have it, a coin decides. Only addresses of this group are dialled. So a quarter of
//!    all groups gets a quarter of the picks, however many addresses it has. Within the group, a peer that
//!    failed is passed over by chance, more often after each failure. If a pick fails, another peer of the same
//!    group is tried first ([`Book::pick_in`]): so a peer gains nothing by being the only one that has a slot.
//!
//! Claims and reached peers that are worth it are kept for another run ([`Book::kept`]), with their source. In the
//! next run they stand in new buckets, because that run has another key.
//!
//! Deliberately absent: the operator's addresses, because they do not depend on trust in what is told; when to
//! dial, and how many peers (`discovery.rs`); and forgetting by age, because time does not pass while a node is
//! off. A peer that is gone fails, and makes room.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher as _};

use libp2p::{Multiaddr, PeerId};
use protocol::time::{Duration, Time};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use siphasher::sip::SipHasher13;

mod group;
pub mod kept;
mod pick;
mod rate;
mod reached;
mod retry;
mod told;

pub use group::{Group, slot_group};
pub(crate) use rate::{Allowance, Rates};
pub use rate::{SOURCE_BURST, SOURCE_INTERVAL, SOURCES_MAX};
pub use reached::{BUCKETS_PER_GROUP, REACHED_BUCKET_MAX, REACHED_BUCKETS};
pub(crate) use retry::Retry;
pub use retry::{BACKOFF_MAX, BACKOFF_MIN};
pub use told::{BUCKETS_PER_SOURCE, TOLD_BUCKET_MAX, TOLD_BUCKETS};

use reached::{Reached, Tried};
use told::{Claim, Told};

/// Addresses kept of one peer.
pub const PEER_ADDRESSES_MAX: usize = 10;
/// Groups of public addresses of one peer: two lines with IPv4 and IPv6 each. While a peer is dialled, no other
/// peer is dialled in these groups.
pub const PEER_GROUPS_MAX: usize = 4;
/// Failures in a row after which a claim makes room for another. Bitcoin Core's `ADDRMAN_RETRIES`.
pub const FAILED_FOR_GOOD: u32 = 3;
/// Contests for a place among the reached peers that wait for a test. Bitcoin Core has as many
/// (`ADDRMAN_SET_TRIED_COLLISION_SIZE`).
pub const CONTESTS_MAX: usize = 10;
/// A contest that was not tested in this time is cancelled: Bitcoin Core's `ADDRMAN_TEST_WINDOW`.
pub const CONTEST_TIME: Duration = Duration::from_secs(40 * 60);
/// A peer that answered within this time is not tested: Bitcoin Core's `ADDRMAN_REPLACEMENT`.
pub const CONTEST_AFTER: Duration = Duration::from_secs(4 * 3_600);

/// If the book has a reached peer in this many groups for each outbound slot, it may know most of the network.
/// With four, all slots can be drawn four times without drawing a group twice.
pub const KNOWN_GROUPS_PER_SLOT: usize = 4;

/// The standing of a peer that is kept for another run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It told about itself, from this group.
    Told(Group),
    /// It was reached at the first of its addresses.
    Reached,
    /// It was reached, and was one of the peers that held outbound slots longest: it is dialled first.
    Anchor,
}

/// A peer that is kept for another run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its id.
    pub peer: PeerId,
    /// Its addresses.
    pub addresses: Vec<Multiaddr>,
    /// Its standing.
    pub standing: Standing,
}

/// Which entry a dial tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// What this source told about the peer.
    Told(Group),
    /// The address where the peer answered before.
    Reached,
}

/// A peer to dial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pick {
    /// Its id.
    pub peer: PeerId,
    /// The addresses to dial.
    pub addresses: Vec<Multiaddr>,
    /// The entry that the dial tests.
    pub entry: Entry,
    /// The group for which it was picked. All its public addresses are in this group.
    pub group: Group,
}

/// A place among the reached peers for which two compete.
#[derive(Clone, Debug)]
struct Contest {
    held_by: PeerId,
    newcomer: Reached,
    since: Time,
}

/// Computes hashes that nobody else can compute.
#[derive(Clone, Copy, Debug)]
struct Keys(u64, u64);

impl Keys {
    fn hash(&self, what: impl Hash) -> u64 {
        let mut hasher = SipHasher13::new_with_keys(self.0, self.1);
        what.hash(&mut hasher);
        hasher.finish()
    }

    fn bucket(&self, what: impl Hash, of: usize) -> usize {
        usize::try_from(self.hash(what) % of as u64).unwrap_or_default()
    }
}

/// The book.
#[derive(Debug)]
pub struct Book {
    keys: Keys,
    loopback_exempt: bool,
    told: Told,
    tried: Tried,
    rates: Rates,
    contests: Vec<Contest>,
    rng: StdRng,
}

impl Book {
    /// An empty book. With `loopback_exempt` each port of the loopback device counts as a group.
    #[must_use]
    pub fn new(seed: [u8; 32], loopback_exempt: bool) -> Self {
        let mut rng = StdRng::from_seed(seed);
        Self {
            keys: Keys(rng.random(), rng.random()),
            loopback_exempt,
            told: Told::default(),
            tried: Tried::default(),
            rates: Rates::default(),
            contests: Vec::new(),
            rng,
        }
    }

    /// The group of an address, as this book counts groups.
    #[must_use]
    pub fn group(&self, address: &Multiaddr) -> Group {
        Group::of(address, self.loopback_exempt)
    }

    /// Peers in the book.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tried.len().saturating_add(self.told.peers().filter(|peer| !self.tried.has(peer)).count())
    }

    /// Whether no peer is in the book.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Peers that were reached.
    #[must_use]
    pub fn reached(&self) -> usize {
        self.tried.len()
    }

    /// `source` tells that a peer is at `addresses`, the best first. `itself` means that the peer told it on a
    /// connection that proves its id. Returns whether the book has a new claim because of it.
    pub fn learn(
        &mut self,
        peer: PeerId,
        addresses: &[Multiaddr],
        itself: bool,
        source: Group,
        now: Time,
    ) -> bool {
        let addresses = bounded(addresses);
        let Some(first) = addresses.first() else { return false };
        if let Some(reached) = self.tried.get_mut(&peer) {
            if itself {
                reached.told = addresses;
                return false;
            }
            if reached.retry.failures == 0 {
                return false;
            }
        }
        let group = self.group(first);
        if let Some(mut claim) = self.told.take(&peer, source) {
            // Others behind the same address do not change what the peer told about itself. A claim that has
            // failed keeps its failures when it is told again.
            if itself || !claim.itself {
                claim.tell(itself, addresses, group);
            }
            let group = claim.addresses().first().map_or(group, |first| self.group(first));
            self.told.insert(&self.keys, claim, group);
            return false;
        }
        if !self.rates.take(source, now) {
            return false;
        }
        self.told.insert(&self.keys, Claim::new(peer, source, itself, addresses, group), group)
    }

    /// Restores what an earlier run kept.
    pub fn restore(&mut self, kept: Kept) {
        let addresses = bounded(&kept.addresses);
        let Some(first) = addresses.first().cloned() else { return };
        let group = self.group(&first);
        match kept.standing {
            Standing::Told(source) => {
                let claim = Claim::new(kept.peer, source, true, addresses, group);
                self.told.take(&claim.peer, source);
                self.told.insert(&self.keys, claim, group);
            }
            Standing::Reached | Standing::Anchor if !self.tried.has(&kept.peer) => {
                let told = addresses.into_iter().skip(1).collect();
                let retry = Retry::default();
                let reached = Reached { peer: kept.peer, address: first, group, told, last: Time::ZERO, retry };
                // If the buckets of this run have no room, the peer has to be told again.
                let _ = self.tried.insert(&self.keys, reached);
            }
            Standing::Reached | Standing::Anchor => {}
        }
    }

    /// A dial led to the peer at `address`: it counts as reached, if there is room.
    pub fn on_answer(&mut self, peer: PeerId, address: &Multiaddr, now: Time) {
        // A newcomer that answers again is judged anew: it may be in the table by the end of this, and
        // must be there only once.
        self.contests.retain(|contest| contest.held_by != peer && contest.newcomer.peer != peer);
        let group = self.group(address);
        if let Some(reached) = self.tried.get_mut(&peer) {
            reached.last = now;
            if reached.group == group {
                reached.address = address.clone();
                return;
            }
        }
        let own = self.told.of(&peer).find(|claim| claim.itself);
        let claimed = own.map(|claim| (claim.addresses().to_vec(), claim.retry));
        let (told, retry) = match (self.tried.get(&peer), claimed) {
            (Some(held), _) => (held.told.clone(), held.retry),
            (None, Some(claimed)) => claimed,
            (None, None) => (Vec::new(), Retry::default()),
        };
        let newcomer = Reached { peer, address: address.clone(), group, told, last: now, retry };
        let moved = self.tried.remove(&peer);
        match self.tried.insert(&self.keys, newcomer.clone()) {
            Ok(()) => self.told.forget(&peer),
            Err(held_by) => {
                // It has moved to a group without room. It stays where it was, because there is room for it there.
                if let Some(moved) = moved {
                    let _ = self.tried.insert(&self.keys, moved);
                } else {
                    self.contest(held_by, newcomer, now);
                }
            }
        }
    }

    fn contest(&mut self, held_by: PeerId, newcomer: Reached, now: Time) {
        self.contests.retain(|contest| now.since(contest.since) < CONTEST_TIME);
        let recent = self.tried.get(&held_by).is_none_or(|held| {
            held.retry.failures == 0 && held.last > Time::ZERO && now.since(held.last) < CONTEST_AFTER
        });
        let known = self.contests.iter().any(|contest| contest.held_by == held_by);
        if !recent && !known && self.contests.len() < CONTESTS_MAX {
            self.contests.push(Contest { held_by, newcomer, since: now });
        }
    }

    /// A dial of `entry` failed.
    pub fn on_failure(&mut self, peer: &PeerId, entry: Entry, now: Time) {
        let spread = self.rng.random_range(75..=125);
        match entry {
            Entry::Told(source) => {
                if let Some(retry) = self.told.retry(peer, source) {
                    retry.put_off(now, spread);
                }
            }
            Entry::Reached => {
                if let Some(reached) = self.tried.get_mut(peer) {
                    reached.retry.put_off(now, spread);
                }
                let lost = self.contests.iter().position(|contest| contest.held_by == *peer);
                let lost = lost.map(|at| self.contests.swap_remove(at));
                if let Some(contest) = lost.filter(|contest| !self.tried.has(&contest.newcomer.peer)) {
                    self.tried.remove(peer);
                    let newcomer = contest.newcomer.peer;
                    if self.tried.insert(&self.keys, contest.newcomer).is_ok() {
                        self.told.forget(&newcomer);
                    }
                }
            }
        }
    }

    /// All entries of a peer, for facts about the peer that do not depend on who told about it.
    pub(crate) fn retries(&mut self, peer: &PeerId) -> impl Iterator<Item = &mut Retry> {
        let claims = self.told.of(peer).map(|claim| &mut claim.retry);
        claims.chain(self.tried.get_mut(peer).map(|reached| &mut reached.retry))
    }

    /// What is worth keeping for another run, at most `most` peers. First come the `anchors`, then all peers that
    /// were reached. Then come claims of peers about themselves, one of each bucket in turn. Peers that failed
    /// `too_many` times in a row are omitted, unless all peers did. Then our own network fails.
    #[must_use]
    pub fn kept(&self, anchors: &[PeerId], too_many: u32, most: usize) -> Vec<Kept> {
        let reached = self.tried.iter().map(|reached| {
            let anchor = anchors.contains(&reached.peer);
            let standing = if anchor { Standing::Anchor } else { Standing::Reached };
            (reached.retry.failures, Kept { peer: reached.peer, addresses: reached.addresses(), standing })
        });
        let mut kept: Vec<(u32, Kept)> = reached.collect();
        kept.sort_by_key(|(_, kept)| (kept.standing != Standing::Anchor, kept.peer));
        let mut met: BTreeSet<PeerId> = kept.iter().map(|(_, kept)| kept.peer).collect();
        for turn in 0..TOLD_BUCKET_MAX {
            for claim in self.told.buckets().iter().filter_map(|bucket| bucket.get(turn)) {
                if claim.itself && met.insert(claim.peer) {
                    let (peer, addresses) = (claim.peer, claim.addresses().to_vec());
                    kept.push((
                        claim.retry.failures,
                        Kept { peer, addresses, standing: Standing::Told(claim.source) },
                    ));
                }
            }
        }
        if kept.iter().any(|(failures, _)| *failures < too_many) {
            kept.retain(|(failures, _)| *failures < too_many);
        }
        kept.into_iter().map(|(_, kept)| kept).take(most).collect()
    }

    /// How many groups of public addresses have a peer in them, as far as is known, counted up to `enough`. These
    /// are the groups of reached peers that do not fail again and again, and of claims that have not failed yet.
    /// Invented claims count until they are tried.
    #[must_use]
    pub fn live_groups(&self, enough: usize) -> usize {
        let mut live = BTreeSet::new();
        for group in self.reached_groups().chain(self.told_groups()) {
            if live.len() >= enough {
                break;
            }
            live.insert(group);
        }
        live.len()
    }

    /// Whether peers were reached in three of four groups that have any peer, and in [`KNOWN_GROUPS_PER_SLOT`]
    /// groups for each of the `slots`. If so, more news would change little about which peers are picked. This is
    /// also so if no entry has a public address, because then there are no groups to learn about.
    #[must_use]
    pub fn knows_most_groups(&self, slots: usize) -> bool {
        let reached: BTreeSet<Group> = self.reached_groups().collect();
        let all: BTreeSet<Group> = self.told_groups().chain(reached.iter().copied()).collect();
        if all.is_empty() {
            return true;
        }
        let enough = slots.saturating_mul(KNOWN_GROUPS_PER_SLOT);
        reached.len() >= enough && reached.len().saturating_mul(4) >= all.len().saturating_mul(3)
    }

    /// The public groups of reached peers that do not fail again and again. A group comes once for each peer.
    fn reached_groups(&self) -> impl Iterator<Item = Group> {
        let reached = self.tried.iter().filter(|reached| reached.retry.failures < FAILED_FOR_GOOD);
        reached.filter_map(|reached| slot_group(&reached.address))
    }

    /// The public groups of claims that have not failed yet. A group comes once for each address.
    fn told_groups(&self) -> impl Iterator<Item = Group> {
        let told = self.told.buckets().iter().flatten().filter(|claim| claim.retry.failures == 0);
        told.flat_map(Claim::addresses).filter_map(slot_group)
    }

    /// How many entries each group has, by the group of the first address.
    #[must_use]
    pub fn groups(&self) -> BTreeMap<Group, usize> {
        let mut groups = BTreeMap::new();
        let claims = self.told.buckets().iter().flatten().filter_map(|claim| claim.addresses().first());
        let reached = self.tried.iter().map(|reached| &reached.address);
        for address in claims.chain(reached) {
            *groups.entry(self.group(address)).or_default() += 1;
        }
        groups
    }

    /// The number of entries about these peers, and of all entries.
    #[must_use]
    pub fn share(&self, is_one: impl Fn(&PeerId) -> bool) -> (usize, usize) {
        let claims = self.told.buckets().iter().flatten().map(|claim| &claim.peer);
        let all = claims.chain(self.tried.iter().map(|reached| &reached.peer));
        all.fold((0, 0), |(some, all), peer| (some + usize::from(is_one(peer)), all + 1))
    }
}

/// At most [`PEER_ADDRESSES_MAX`] of the addresses, in at most [`PEER_GROUPS_MAX`] public groups.
fn bounded(addresses: &[Multiaddr]) -> Vec<Multiaddr> {
    let mut groups = Vec::new();
    let fits = |address: &&Multiaddr| match slot_group(address) {
        Some(group) if groups.contains(&group) => true,
        Some(_) if groups.len() >= PEER_GROUPS_MAX => false,
        Some(group) => {
            groups.push(group);
            true
        }
        None => true,
    };
    addresses.iter().filter(fits).take(PEER_ADDRESSES_MAX).cloned().collect()
}
