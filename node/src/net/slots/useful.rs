//! Which holders of inbound slots are spared, and which of the others is evicted: after Bitcoin
//! Core's `SelectNodeToEvict`.
//!
//! Each protection is something that an attacker cannot have in bulk: to be first with bodies, to be near, to have
//! been connected for long, or to lie in an address group that nobody can choose to be protected. Each protection
//! spares at most a few of one group, so no group can have all protections. None of them shows honesty. Together
//! they leave an attacker no cheap way to take all slots.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use libp2p::swarm::ConnectionId;
use protocol::gossip::AddressGroup;
use protocol::time::{Duration, Time};
use rand::rngs::StdRng;
use rand::seq::IteratorRandom as _;

/// The numbers below are for this many inbound slots. They shrink and grow with the slots, rounded down. Together
/// these protections spare 20 holders. The longest-lived half of the rest makes 42.
pub const SHARES_OF: usize = 64;
/// The holders that were most recently first with a block. Only producers can make blocks, so an
/// attacker has to be faster.
pub const FIRST_WITH_BLOCKS: usize = 4;
/// The holders that were most recently first with a transaction. Anyone can make transactions, so it is
/// worth no more than this.
pub const FIRST_WITH_TRANSACTIONS: usize = 4;
/// The holders with the lowest round trips. A lower round trip can't be faked: the answer
/// needs the question's nonce.
pub const LOW_ROUND_TRIPS: usize = 8;
/// The longest-lived holders of this many other groups, which a key that nobody knows picks.
pub const OTHER_GROUPS: usize = 4;

/// The merits that a holder has shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Merits {
    /// When it was last the first to bring a block's body.
    pub block: Option<Time>,
    /// When it was last the first to bring a transaction.
    pub transaction: Option<Time>,
    /// The lowest round trip that was measured.
    pub round_trip: Option<Duration>,
}

/// An address group, or the group of a single connection that has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Group {
    Of(AddressGroup),
    Alone(ConnectionId),
}

/// A holder of an inbound slot.
#[derive(Clone, Copy, Debug)]
pub(super) struct Holder {
    pub(super) id: ConnectionId,
    pub(super) group: Group,
    /// When it got its slot.
    pub(super) since: Time,
    pub(super) merits: Merits,
}

/// The holders that are spared.
#[derive(Clone, Debug, Default)]
pub(super) struct Shield {
    useful: BTreeSet<ConnectionId>,
    lasting: BTreeSet<ConnectionId>,
}

impl Group {
    pub(super) fn of(id: ConnectionId, group: Option<AddressGroup>) -> Self {
        group.map_or(Self::Alone(id), Self::Of)
    }
}

impl Shield {
    /// Whether an exchange spares it.
    pub(super) fn is_useful(&self, id: ConnectionId) -> bool {
        self.useful.contains(&id)
    }

    /// Whether an eviction spares it.
    pub(super) fn protects(&self, id: ConnectionId) -> bool {
        self.is_useful(id) || self.lasting.contains(&id)
    }
}

/// How many of one address group a protection with this quota spares at most: a quarter, and at least one.
#[must_use]
pub const fn per_group(quota: usize) -> usize {
    if quota / 4 > 1 { quota / 4 } else { 1 }
}

/// Which holders to spare. `key` is secret and stays the same.
pub(super) fn shield(holders: &[Holder], slots: usize, key: u64) -> Shield {
    let mut left = holders.to_vec();
    let mut useful = BTreeSet::new();
    let share = |of: usize| of.saturating_mul(slots) / SHARES_OF;
    let late = |at: Option<Time>| at.map(std::cmp::Reverse);
    useful.extend(take(&mut left, share(FIRST_WITH_BLOCKS), |holder| late(holder.merits.block)));
    useful.extend(take(&mut left, share(FIRST_WITH_TRANSACTIONS), |holder| late(holder.merits.transaction)));
    useful.extend(take(&mut left, share(LOW_ROUND_TRIPS), |holder| holder.merits.round_trip));
    useful.extend(take_groups(&mut left, share(OTHER_GROUPS), key));
    let half = left.len() / 2;
    let lasting = take(&mut left, half, |holder| Some(holder.since)).into_iter().collect();
    Shield { useful, lasting }
}

/// The holder that is evicted for a newcomer of `newcomer`: one that is not protected, at random, of the group
/// with the most holders. That group must have more of them than the newcomer's, or be the same.
pub(super) fn victim(
    holders: &[Holder],
    shield: &Shield,
    newcomer: Group,
    rng: &mut StdRng,
) -> Option<ConnectionId> {
    let mut counts: BTreeMap<Group, usize> = BTreeMap::new();
    holders.iter().for_each(|holder| *counts.entry(holder.group).or_default() += 1);
    let count = |group: Group| counts.get(&group).copied().unwrap_or_default();
    let own = count(newcomer);
    let may_go =
        |holder: &&Holder| !shield.protects(holder.id) && (holder.group == newcomer || count(holder.group) > own);
    let most = holders.iter().filter(may_go).map(|holder| count(holder.group)).max()?;
    let largest = holders.iter().filter(may_go).filter(|holder| count(holder.group) == most);
    largest.choose(rng).map(|holder| holder.id)
}

/// Removes from `left` the best holders by a rank. Holders without a rank stay.
fn take<K: Ord>(left: &mut Vec<Holder>, quota: usize, rank: impl Fn(&Holder) -> Option<K>) -> Vec<ConnectionId> {
    let mut ranked: Vec<_> =
        left.iter().filter_map(|holder| Some((rank(holder)?, holder.id, holder.group))).collect();
    ranked.sort_unstable();
    pick(left, quota, per_group(quota), ranked.into_iter().map(|(_, id, group)| (id, group)))
}

/// Removes the longest-lived one of each of the first groups, in the order of a keyed hash.
fn take_groups(left: &mut Vec<Holder>, quota: usize, key: u64) -> Vec<ConnectionId> {
    let hash = |group: Group| {
        let mut hasher = DefaultHasher::new();
        (key, group).hash(&mut hasher);
        hasher.finish()
    };
    let mut ranked: Vec<_> =
        left.iter().map(|holder| (hash(holder.group), holder.since, holder.id, holder.group)).collect();
    ranked.sort_unstable();
    pick(left, quota, 1, ranked.into_iter().map(|(_, _, id, group)| (id, group)))
}

fn pick(
    left: &mut Vec<Holder>,
    quota: usize,
    most: usize,
    ranked: impl Iterator<Item = (ConnectionId, Group)>,
) -> Vec<ConnectionId> {
    let mut groups: BTreeMap<Group, usize> = BTreeMap::new();
    let fits = |(id, group): (ConnectionId, Group)| {
        let count = groups.entry(group).or_default();
        *count += 1;
        (*count <= most).then_some(id)
    };
    let picked: Vec<_> = ranked.filter_map(fits).take(quota).collect();
    left.retain(|holder| !picked.contains(&holder.id));
    picked
}
