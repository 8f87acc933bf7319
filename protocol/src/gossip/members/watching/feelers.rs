//! Which addresses were dialled lately for members that have never answered. Deliberately absent: members that
//! have; their addresses are their own.

use alloc::collections::{BTreeMap, VecDeque};
use core::hash::BuildHasher as _;

use crate::items::member::record::SignedRecord;
use crate::limits::{FEELERS_MAX, MEMBER_FEELER_INTERVAL};
use crate::seeded::SeededState;
use crate::time::Time;

/// Addresses that were dialled within [`MEMBER_FEELER_INTERVAL`].
#[derive(Debug)]
pub(in crate::gossip::members) struct Feelers {
    hasher: SeededState,
    /// By a seeded hash of the address. Two addresses that share one wait for each other.
    dialled: BTreeMap<u64, Time>,
    order: VecDeque<(Time, u64)>,
}

impl Feelers {
    pub(super) const fn new(hasher: SeededState) -> Self {
        Self { hasher, dialled: BTreeMap::new(), order: VecDeque::new() }
    }

    /// Whether a member may be dialled now, at all of its addresses. If so, they count as dialled.
    pub(super) fn may_dial(&mut self, now: Time, record: &SignedRecord) -> bool {
        while let Some((at, address)) = self.order.front().copied() {
            if now.since(at) < MEMBER_FEELER_INTERVAL {
                break;
            }
            self.order.pop_front();
            self.dialled.remove(&address);
        }
        let record = record.record();
        let addresses = record.addresses.iter().map(|address| self.hasher.hash_one(address.as_ref()));
        let relays = record.relays.iter().map(|relay| self.hasher.hash_one(relay.0));
        let all: alloc::vec::Vec<u64> = addresses.chain(relays).collect();
        let room = self.order.len().saturating_add(all.len()) <= FEELERS_MAX;
        if !room || all.iter().any(|address| self.dialled.contains_key(address)) {
            return false;
        }
        for address in all {
            // A record may name one address twice.
            if self.dialled.insert(address, now).is_none() {
                self.order.push_back((now, address));
            }
        }
        true
    }

    /// Forgets all dials.
    pub(super) fn clear(&mut self) {
        self.dialled.clear();
        self.order.clear();
    }

    pub(in crate::gossip::members) fn len(&self) -> usize {
        self.order.len()
    }
}
