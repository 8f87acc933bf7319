//! Which connections hold a gossip slot. A slot turns a connection into a gossip peer.
//!
//! The rules, and why they are as they are ([0027](../../../docs/decisions/0027-who-gets-a-slot.md)):
//!
//! * There is a given number of inbound slots and of outbound slots. Reserved peers count for neither. A peer id
//!   never has two slots. If both sides dialled at once, the connection that the lower id dialled stays, so both
//!   sides come to the same result.
//! * A peer that asks while the inbound slots are full *waits* up to [`WAIT`]. Of the waiting peers, one of the
//!   address group with the fewest inbound slots comes first. Among such groups one is chosen at random, so a peer
//!   gains nothing by asking more often.
//! * **Eviction.** A waiting peer may take the place of a holder that is not protected (`useful`). This holder is
//!   of the group with the most slots. That group must have more slots than the waiting peer's group, or be the
//!   same group. [`EVICTIONS_AT_ONCE`] evictions may follow each other at once, and one more each
//!   [`EVICT_INTERVAL`]. At most one in [`FAVOUR_INTERVAL`] is in favour of one group. So idle peers give way, and
//!   a crowd that connects again and again moves honest peers no faster than that.
//! * **Exchange.** Once in [`INBOUND_EXCHANGE_INTERVAL`] a waiting peer of any group may take the place of a
//!   holder that is drawn at random. Only the most useful holders are exempt. So a crowd that behaves perfectly
//!   gives way as well, slowly.
//! * Connections without a slot are limited too, because a newcomer has to connect before it can ask. A new
//!   one takes the place of one from the group that has the most of them. If two groups have the same number of
//!   them, the group that holds more slots gives way. Slots do not count otherwise: newcomers of the group to which
//!   most peers belong would always be the first to go.
//!
//! Decides only: no sockets, no clock; times are arguments, and chance comes from a seed. Deliberately absent:
//! which addresses to dial (`discovery.rs`), bans (`bans.rs`), and how decisions are told (`behaviour/peers.rs`).

mod decision;
mod rate;
pub mod swaps;
mod useful;

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use libp2p::PeerId;
use libp2p::swarm::ConnectionId;
use protocol::time::{Duration, Time};
use rand::rngs::StdRng;
use rand::seq::IteratorRandom as _;
use rand::{RngExt as _, SeedableRng as _};

pub use self::decision::{Connection, Decision, InUse, Limits, Why};
use self::rate::Rate;
pub use self::rate::{EVICT_INTERVAL, EVICTIONS_AT_ONCE, FAVOUR_INTERVAL, INBOUND_EXCHANGE_INTERVAL};
use self::swaps::{Held, Swap, Swaps};
pub use self::useful::{
    FIRST_WITH_BLOCKS, FIRST_WITH_TRANSACTIONS, LOW_ROUND_TRIPS, Merits, OTHER_GROUPS, SHARES_OF, per_group,
};
use self::useful::{Group, Holder};
use crate::net::reason::CloseReason;

/// How long a peer that asks waits for a slot. An eviction happens within this time. The dialler gives up after 10
/// s, so 4 s remain to open the streams.
pub const WAIT: Duration = Duration::from_secs(6);
const _: () = assert!(EVICT_INTERVAL.as_micros() <= WAIT.as_micros());

/// The state of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// No slot.
    None,
    /// It asked for one at this time.
    Waiting(Time),
    /// It has held one since this time.
    Holding(Time),
    /// It is being closed, and gets no slot any more.
    Closing,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    connection: Connection,
    stage: Stage,
}

/// The state. Connections are in the order of their ids, so that the same calls give the same answers.
#[derive(Debug)]
pub struct Slots {
    limits: Limits,
    local: PeerId,
    entries: BTreeMap<ConnectionId, Entry>,
    /// Connections that hold a slot, one for a peer.
    holders: HashMap<PeerId, ConnectionId>,
    swaps: Swaps,
    rate: Rate,
    /// When something may be decided about waiting connections.
    next: Option<Time>,
    /// A secret that picks the groups which are protected as such, so that nobody can predict them.
    key: u64,
    rng: StdRng,
}

impl Slots {
    /// No connections yet.
    #[must_use]
    pub fn new(limits: Limits, local: PeerId, seed: [u8; 32]) -> Self {
        let mut rng = StdRng::from_seed(seed);
        Self {
            limits,
            local,
            entries: BTreeMap::new(),
            holders: HashMap::new(),
            swaps: Swaps::default(),
            rate: Rate::default(),
            next: None,
            key: rng.random(),
            rng,
        }
    }

    /// A connection exists, without a slot. If there are too many of these, returns one without a slot that
    /// is to be closed instead.
    pub fn connected(&mut self, id: ConnectionId, connection: Connection) -> Option<ConnectionId> {
        let counts = !connection.outbound && !connection.reserved;
        let victim = if counts { self.excess() } else { None };
        if let Some(entry) = victim.and_then(|victim| self.entries.get_mut(&victim)) {
            entry.stage = Stage::Closing;
        }
        self.entries.insert(id, Entry { connection, stage: Stage::None });
        victim
    }

    /// A connection ended. True if it held a slot.
    pub fn disconnected(&mut self, id: ConnectionId) -> bool {
        let held = self.free(id);
        self.entries.remove(&id);
        held
    }

    /// We are closing a connection: it gets no slot any more. True if it held one.
    pub fn closing(&mut self, id: ConnectionId) -> bool {
        let held = self.free(id);
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.stage = Stage::Closing;
        }
        held
    }

    /// Whether we are closing a connection.
    #[must_use]
    pub fn is_closing(&self, id: ConnectionId) -> bool {
        self.entries.get(&id).is_some_and(|entry| entry.stage == Stage::Closing)
    }

    /// A connection loses its slot, if it has one, and stays open. True if it had one.
    pub fn free(&mut self, id: ConnectionId) -> bool {
        let Some(entry) = self.entries.get_mut(&id) else { return false };
        let held = matches!(entry.stage, Stage::Holding(_));
        if entry.stage != Stage::Closing {
            entry.stage = Stage::None;
        }
        if held && self.holders.get(&entry.connection.peer) == Some(&id) {
            self.holders.remove(&entry.connection.peer);
        }
        held
    }

    /// Grants a slot to a connection that we dialled, if its peer has none and one is free.
    pub fn dialled(&mut self, id: ConnectionId, now: Time) -> bool {
        let Some(Entry { connection, stage: Stage::None }) = self.entries.get(&id).copied() else { return false };
        let free = connection.reserved || self.in_use().outbound < self.limits.outbound;
        let wanted = connection.outbound && free && !self.holders.contains_key(&connection.peer);
        if wanted {
            self.grant(id, now);
        }
        wanted
    }

    /// A peer asks for a slot on a connection. Returns what was decided, perhaps about others as well. If nothing
    /// is said about this one, it waits: then call [`Slots::settle`] by [`Slots::next_at`].
    pub fn asked(
        &mut self,
        id: ConnectionId,
        now: Time,
        merits: &dyn Fn(ConnectionId) -> Merits,
    ) -> Vec<Decision> {
        let Some(Entry { connection, stage: Stage::None }) = self.entries.get(&id).copied() else {
            return Vec::new();
        };
        if self.holders.contains_key(&connection.peer) || connection.outbound {
            return vec![self.contest(id, now)];
        }
        if self.limits.inbound == 0 && !connection.reserved {
            return vec![Decision::Declined { id, why: Why::Full }];
        }
        if connection.reserved {
            self.grant(id, now);
            return vec![Decision::Granted { id, instead: None }];
        }
        // A peer that asks on another connection as well has given up the first one.
        let mut decisions: Vec<_> = (self.waiting())
            .filter(|(_, other, _)| other.peer == connection.peer)
            .map(|(other, _, _)| Decision::Declined { id: other, why: Why::OtherStays { other: id, warn: false } })
            .collect();
        decisions.iter().for_each(|decision| self.set(decision.id(), Stage::None));
        self.set(id, Stage::Waiting(now));
        decisions.extend(self.settle(now, merits));
        decisions
    }

    /// Decides about waiting connections, as far as that is possible now. Call it when a slot was freed, and
    /// by [`Slots::next_at`].
    pub fn settle(&mut self, now: Time, merits: &dyn Fn(ConnectionId) -> Merits) -> Vec<Decision> {
        let mut decisions = self.give_up(now);
        while let Some(decision) = self.grant_next(now, merits) {
            decisions.push(decision);
        }
        let overdue = self.waiting().map(|(_, _, since)| since + WAIT).min();
        self.next = overdue.map(|overdue| self.rate.next_after(now).map_or(overdue, |at| at.min(overdue)));
        decisions
    }

    /// When [`Slots::settle`] may decide something, if nothing else happens before. `None`
    /// while no connection waits.
    #[must_use]
    pub const fn next_at(&self) -> Option<Time> {
        self.next
    }

    /// Slots in use.
    #[must_use]
    pub fn in_use(&self) -> InUse {
        let mut slots = InUse::default();
        for (_, connection, _) in self.holding() {
            *if connection.outbound { &mut slots.outbound } else { &mut slots.inbound } += 1;
        }
        slots
    }

    /// The connection that holds the peer's slot.
    #[must_use]
    pub fn holder(&self, peer: &PeerId) -> Option<ConnectionId> {
        self.holders.get(peer).copied()
    }

    /// The holders of the outbound slots, including those that are opening, without reserved peers.
    pub fn outbound(&self) -> impl Iterator<Item = (ConnectionId, Connection)> {
        self.holding().filter(|(_, connection, _)| connection.outbound).map(|(id, connection, _)| (id, connection))
    }

    /// The holders of the inbound slots, in the same way.
    pub fn inbound(&self) -> impl Iterator<Item = (ConnectionId, Connection)> {
        self.holding()
            .filter(|(_, connection, _)| !connection.outbound)
            .map(|(id, connection, _)| (id, connection))
    }

    /// A connection that we dialled to the peer and that has no slot.
    #[must_use]
    pub fn idle_outbound(&self, peer: &PeerId) -> Option<ConnectionId> {
        let idle = |entry: &Entry| {
            entry.stage == Stage::None && entry.connection.outbound && entry.connection.peer == *peer
        };
        self.entries.iter().find(|(_, entry)| idle(entry)).map(|(id, _)| *id)
    }

    /// The limit on one peer's connections denied an inbound one from `ip`. Returns the connection on which the
    /// peer holds its slot, if the operator should hear of this.
    pub fn denied(&mut self, peer: PeerId, ip: Option<IpAddr>, limit: usize, now: Time) -> Option<ConnectionId> {
        if self.entries.values().filter(|entry| entry.connection.peer == peer).count() < limit {
            return None;
        }
        let held = *self.holders.get(&peer)?;
        let old = self.entries.get(&held)?.connection.ip;
        self.swaps.denied(peer, old, ip, now).then_some(held)
    }

    /// The peer asks on a connection that we dialled, or while another of its connections holds a slot.
    ///
    /// If we dialled the other one, both sides dialled at once: the connection that the lower peer id dialled
    /// stays, on both sides. The inbound limit may then be exceeded, by no more than the number of outbound
    /// slots. If the peer dialled the other one as well, it has given that one up, whether we have noticed or
    /// not: the new one stays.
    fn contest(&mut self, id: ConnectionId, now: Time) -> Decision {
        let ours = Decision::Declined { id, why: Why::OursToOpen };
        let Some(new) = self.entries.get(&id).map(|entry| entry.connection) else { return ours };
        let other = self.holders.get(&new.peer).copied();
        let Some((other, old)) = other.and_then(|held| Some((held, self.entries.get(&held)?.connection))) else {
            return ours;
        };
        let wins = !new.outbound && (!old.outbound || new.peer < self.local);
        let mut warn = false;
        if wins {
            let swap = self.swaps.wanted(new.peer, Held { ip: old.ip, outbound: old.outbound }, new.ip, now);
            if swap == Swap::New {
                self.closing(other);
                self.grant(id, now);
                return Decision::Granted { id, instead: Some((other, CloseReason::DuplicateConnection)) };
            }
            warn = swap == Swap::Old { warn: true };
        }
        self.set(id, Stage::None);
        Decision::Declined { id, why: Why::OtherStays { other, warn } }
    }

    /// Declines connections that waited long enough. If a peer got a slot meanwhile, its waiting connection is
    /// treated as if it asked now.
    fn give_up(&mut self, now: Time) -> Vec<Decision> {
        let waiting: Vec<_> = self.waiting().collect();
        let mut decisions = Vec::new();
        for (id, connection, since) in waiting {
            if self.holders.contains_key(&connection.peer) {
                decisions.push(self.contest(id, now));
            } else if now.since(since) >= WAIT {
                self.set(id, Stage::None);
                decisions.push(Decision::Declined { id, why: Why::Full });
            }
        }
        decisions
    }

    /// Grants a slot to a waiting connection: a free one, or a holder's.
    fn grant_next(&mut self, now: Time, merits: &dyn Fn(ConnectionId) -> Merits) -> Option<Decision> {
        self.waiting().next()?;
        if self.in_use().inbound < self.limits.inbound {
            let id = self.first_waiting(|_| true).into_iter().choose(&mut self.rng)?;
            self.grant(id, now);
            return Some(Decision::Granted { id, instead: None });
        }
        // This is checked first because it costs next to nothing, and a crowd asks often.
        let (exchange, evict) = (self.rate.may_exchange(now, &mut self.rng), self.rate.may_evict(now));
        if !exchange && !evict {
            return None;
        }
        let holders = self.holders_with(merits);
        let shield = useful::shield(&holders, self.limits.inbound, self.key);
        if exchange
            && let Some(id) = self.first_waiting(|_| true).into_iter().choose(&mut self.rng)
            && let Some(victim) =
                holders.iter().filter(|holder| !shield.is_useful(holder.id)).choose(&mut self.rng)
        {
            self.rate.exchanged(now, &mut self.rng);
            return Some(self.replace(id, victim.id, now));
        }
        if !evict {
            return None;
        }
        let first = self.first_waiting(|group| self.rate.may_favour(group, now));
        let id = first.into_iter().choose(&mut self.rng)?;
        let group = Group::of(id, self.entries.get(&id)?.connection.group);
        let victim = useful::victim(&holders, &shield, group, &mut self.rng)?;
        self.rate.evicted(now, group);
        Some(self.replace(id, victim, now))
    }

    fn replace(&mut self, id: ConnectionId, victim: ConnectionId, now: Time) -> Decision {
        self.closing(victim);
        self.grant(id, now);
        Decision::Granted { id, instead: Some((victim, CloseReason::Evicted)) }
    }

    /// Which waiting connections come first: from each group with the fewest inbound slots, the one
    /// that has waited longest.
    fn first_waiting(&self, may: impl Fn(Group) -> bool) -> Vec<ConnectionId> {
        let mut held: BTreeMap<Group, usize> = BTreeMap::new();
        self.inbound().for_each(|(id, other)| *held.entry(Group::of(id, other.group)).or_default() += 1);
        let mut first: BTreeMap<Group, (Time, ConnectionId)> = BTreeMap::new();
        for (id, connection, since) in self.waiting() {
            let group = Group::of(id, connection.group);
            if may(group) {
                let longest = first.entry(group).or_insert((since, id));
                *longest = (*longest).min((since, id));
            }
        }
        let count = |group: &Group| held.get(group).copied().unwrap_or_default();
        let fewest = first.keys().map(count).min();
        let first = first.iter().filter(|(group, _)| Some(count(group)) == fewest);
        first.map(|(_, (_, id))| *id).collect()
    }

    /// A connection without a slot that has to go when one more comes. It is from the group that has the
    /// most of them: the oldest that does not wait, or otherwise the oldest. So connections that wait and
    /// have nothing yet stay.
    fn excess(&self) -> Option<ConnectionId> {
        let counts = |entry: &Entry| {
            !entry.connection.outbound && !entry.connection.reserved && entry.stage != Stage::Closing
        };
        let inbound = self.entries.iter().filter(|(_, entry)| counts(entry));
        let inbound: Vec<_> =
            inbound.map(|(id, entry)| (*id, Group::of(*id, entry.connection.group), entry.stage)).collect();
        // Connections without a slot may use the room that the slots leave, because many come at
        // once when a node starts.
        if inbound.len() < self.limits.inbound.saturating_add(self.limits.slotless) {
            return None;
        }
        let slotless = inbound.iter().filter(|(_, _, stage)| !matches!(stage, Stage::Holding(_)));
        // For each group, the number of its connections without a slot, and then of all its connections. Of two
        // groups with the same first number, the group that has more slots goes first.
        let mut groups: BTreeMap<Group, (usize, usize)> = BTreeMap::new();
        slotless.clone().for_each(|(_, group, _)| groups.entry(*group).or_default().0 += 1);
        inbound.iter().for_each(|(_, group, _)| groups.entry(*group).or_default().1 += 1);
        let last =
            slotless.min_by_key(|(id, group, stage)| (Reverse(groups.get(group)), *stage != Stage::None, *id));
        last.map(|(id, _, _)| *id)
    }

    fn grant(&mut self, id: ConnectionId, now: Time) {
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.stage = Stage::Holding(now);
            self.holders.insert(entry.connection.peer, id);
        }
    }

    fn set(&mut self, id: ConnectionId, stage: Stage) {
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.stage = stage;
        }
    }

    /// The waiting connections, and since when they wait.
    fn waiting(&self) -> impl Iterator<Item = (ConnectionId, Connection, Time)> {
        self.entries.iter().filter_map(|(id, entry)| match entry.stage {
            Stage::Waiting(since) => Some((*id, entry.connection, since)),
            Stage::None | Stage::Holding(_) | Stage::Closing => None,
        })
    }

    /// The holders of slots that count, and since when they hold them.
    fn holding(&self) -> impl Iterator<Item = (ConnectionId, Connection, Time)> {
        self.entries.iter().filter_map(|(id, entry)| match entry.stage {
            Stage::Holding(since) if !entry.connection.reserved => Some((*id, entry.connection, since)),
            _ => None,
        })
    }

    /// The inbound holders, with what an eviction needs to know.
    fn holders_with(&self, merits: &dyn Fn(ConnectionId) -> Merits) -> Vec<Holder> {
        let inbound = self.holding().filter(|(_, connection, _)| !connection.outbound);
        let holder = |(id, connection, since): (ConnectionId, Connection, Time)| Holder {
            id,
            group: Group::of(id, connection.group),
            since,
            merits: merits(id),
        };
        inbound.map(holder).collect()
    }
}
