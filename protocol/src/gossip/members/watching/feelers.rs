//! Which addresses were dialled lately for members that have never answered. Deliberately absent: members that
//! have; their addresses are their own.
//!
//! * An address is dialled once in [`MEMBER_FEELER_INTERVAL`] at first. Each further dial doubles that time, up to
//!   [`MEMBER_FEELER_INTERVAL_MAX`]. An address that was not dialled for twice that is forgotten.
//!   *Rationale:* somebody may invent thousands of members that all name the address of one honest member. An honest
//!   member needs one dial to be reached, so the next ones can wait.

use alloc::collections::{BTreeMap, BTreeSet};
use core::hash::BuildHasher as _;

use crate::footprint::tree;
use crate::items::member::record::SignedRecord;
use crate::limits::{FEELERS_MAX, MEMBER_FEELER_INTERVAL, MEMBER_FEELER_INTERVAL_MAX};
use crate::seeded::SeededState;
use crate::time::{Duration, Time};

/// Addresses that were dialled lately.
#[derive(Debug)]
pub(in crate::gossip::members) struct Feelers {
    hasher: SeededState,
    /// By a seeded hash of the address. Two addresses that share one wait for each other.
    dialled: BTreeMap<u64, Dialled>,
    /// When each is forgotten.
    forgotten: BTreeSet<(Time, u64)>,
}

/// One address.
#[derive(Clone, Copy, Debug)]
struct Dialled {
    at: Time,
    /// How often the time to the next dial has doubled.
    doubled: u8,
    /// Whether the next dial need not wait.
    again: bool,
}

impl Dialled {
    fn pause(self) -> Duration {
        MEMBER_FEELER_INTERVAL.times(1_u64 << self.doubled.min(16)).min(MEMBER_FEELER_INTERVAL_MAX)
    }

    fn forgotten_at(self) -> Time {
        self.at + MEMBER_FEELER_INTERVAL_MAX.times(2)
    }
}

impl Feelers {
    /// The memory of an address.
    pub(in crate::gossip::members) const ENTRY_BYTES: usize =
        tree(size_of::<(u64, Dialled)>()) + tree(size_of::<(Time, u64)>());

    pub(super) const fn new(hasher: SeededState) -> Self {
        Self { hasher, dialled: BTreeMap::new(), forgotten: BTreeSet::new() }
    }

    /// Whether a member may be dialled now, at all of its addresses. If so, they count as dialled.
    pub(super) fn may_dial(&mut self, now: Time, record: &SignedRecord) -> bool {
        while let Some((_, address)) = self.forgotten.first().copied().filter(|(at, _)| *at <= now) {
            self.forgotten.pop_first();
            self.dialled.remove(&address);
        }
        let record = record.record();
        let addresses = record.addresses.iter().map(|address| self.hasher.hash_one(address.as_ref()));
        let relays = record.relays.iter().map(|relay| self.hasher.hash_one(relay.0));
        // A record may name one address twice.
        let all: BTreeSet<u64> = addresses.chain(relays).collect();
        let room = self.dialled.len().saturating_add(all.len()) <= FEELERS_MAX;
        let waits = |address: &u64| {
            self.dialled.get(address).is_some_and(|last| !last.again && now.since(last.at) < last.pause())
        };
        if !room || all.iter().any(waits) {
            return false;
        }
        for address in all {
            let before = self.dialled.get(&address).copied();
            if let Some(before) = before {
                self.forgotten.remove(&(before.forgotten_at(), address));
            }
            let doubled = before.map_or(0, |before| before.doubled.saturating_add(1));
            let dialled = Dialled { at: now, doubled, again: false };
            self.forgotten.insert((dialled.forgotten_at(), address));
            self.dialled.insert(address, dialled);
        }
        true
    }

    /// Lets each address be dialled once more without its pause.
    pub(super) fn allow_again(&mut self) {
        self.dialled.values_mut().for_each(|last| last.again = true);
    }

    pub(in crate::gossip::members) fn len(&self) -> usize {
        self.dialled.len()
    }
}
