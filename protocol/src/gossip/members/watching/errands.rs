//! Which members were tried because peers asked for it. Deliberately absent: how many such probes are open (`probes.rs`),
//! and how often one peer may ask (`links.rs`).
//!
//! * A member that is no peer is dialled for others [`ERRANDS_BURST`] times, and once in [`ERRAND_INTERVAL`] after that.
//!   Whoever asks more often is told that it did not answer, which is no proof of anything.
//!   *Rationale:* otherwise a liar that asks each second makes each of its peers dial somebody each second.

use alloc::collections::BTreeMap;

use crate::footprint::tree;
use crate::gossip::links::budget::Budget;
use crate::gossip::members::view::Row;
use crate::limits::{ERRAND_INTERVAL, ERRANDS_BURST, ERRANDS_MAX};
use crate::time::Time;

/// An errand is counted in milliseconds, of which a thousand come back in a second.
const PER_SECOND: u64 = 1_000;

/// The members that were dialled for others.
#[derive(Debug, Default)]
pub(in crate::gossip::members) struct Errands {
    by_row: BTreeMap<Row, Budget>,
}

impl Errands {
    /// The memory of a member.
    pub(in crate::gossip::members) const ENTRY_BYTES: usize = tree(size_of::<(Row, Budget)>());

    /// Whether a member may be dialled for others now. If so, it counts as dialled.
    pub(super) fn may_dial(&mut self, now: Time, row: Row) -> bool {
        let cost = ERRAND_INTERVAL.as_millis();
        let full = cost.saturating_mul(ERRANDS_BURST);
        if self.by_row.len() >= ERRANDS_MAX && !self.by_row.contains_key(&row) {
            // One that is full again was not dialled lately.
            self.by_row.retain(|_, budget| !budget.has(now, full));
            if self.by_row.len() >= ERRANDS_MAX {
                return false;
            }
        }
        let budget = self.by_row.entry(row).or_insert_with(|| Budget::new(now, PER_SECOND, full));
        let may = budget.has(now, cost);
        if may {
            budget.spend(now, cost);
        }
        may
    }

    pub(super) fn forget(&mut self, row: Row) {
        self.by_row.remove(&row);
    }

    pub(in crate::gossip::members) fn len(&self) -> usize {
        self.by_row.len()
    }
}
