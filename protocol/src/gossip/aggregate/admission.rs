//! Whose tickets count in an epoch: the members that this node knew when the block that names the epoch became its tip,
//! or a block above it.
//!
//! *Rationale:* draws follow from the key and that block. A key that was made later could be chosen for its draws.
//!
//! In the first epoch of a run, and while a node catches up, it may not have known the members yet. Then those count
//! that it knows when their ticket comes. Deliberately absent: nodes that take no part in membership. They know nobody,
//! so all count for them.

use alloc::vec::Vec;

use crate::gossip::members::short_of;
use crate::items::hash::ShortId;
use crate::items::keys::PublicKey;
use crate::items::member::epoch::Epoch;
use crate::items::transaction::Height;
use crate::time::{Duration, Time};

/// An epoch that begins sooner than this after its block was named came with blocks that were caught up on. At one
/// block in 5 s, it begins 30 s after.
const LIVE_AFTER: Duration = Duration::from_secs(2);

/// The members whose tickets count, in this epoch and in the next one.
#[derive(Debug, Default)]
pub(super) struct Admission {
    /// In the epoch under way: their short ids, in order. `None` if those count that are known when it matters.
    counted: Option<Vec<ShortId>>,
    /// In an epoch whose block is known, and that has not begun.
    next: Option<Named>,
    /// The highest epoch whose block was known at the last look; `None` before the first look.
    named: Option<u64>,
}

/// An epoch that has a name and has not begun.
#[derive(Debug)]
struct Named {
    number: u64,
    at: Time,
    known: Vec<ShortId>,
}

impl Admission {
    /// The tip has this height. `known` are all members.
    pub(super) fn tip_at(&mut self, now: Time, tip: Height, known: impl FnOnce() -> Vec<PublicKey>) {
        let number = Epoch::named_at(tip);
        // What was named before the first look may be old.
        if self.named.replace(number).is_some_and(|before| before < number) {
            let mut known: Vec<ShortId> = known().iter().map(short_of).collect();
            known.sort_unstable();
            self.next = Some(Named { number, at: now, known });
        }
    }

    /// An epoch begins.
    pub(super) fn begin(&mut self, now: Time, number: u64) {
        let named = self.next.take_if(|next| next.number <= number).filter(|next| next.number == number);
        self.counted = named.filter(|next| now.since(next.at) >= LIVE_AFTER).map(|next| next.known);
    }

    /// Whether the ticket of a member counts. `is_known` tells whether it is known at this moment.
    pub(super) fn admits(&self, member: &PublicKey, is_known: impl FnOnce() -> bool) -> bool {
        match &self.counted {
            Some(counted) => counted.binary_search(&short_of(member)).is_ok(),
            None => is_known(),
        }
    }

    /// How many members it remembers, in both lists.
    pub(super) fn len(&self) -> usize {
        let next = self.next.as_ref().map_or(0, |next| next.known.len());
        self.counted.as_ref().map_or(0, Vec::len).saturating_add(next)
    }
}
