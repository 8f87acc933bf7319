//! When each dead member is tried again.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use crate::gossip::members::view::Row;
use crate::time::{Duration, Time};

/// The dead members, by the time of their next try.
#[derive(Debug, Default)]
pub(in crate::gossip::members) struct Retries {
    by_time: BTreeSet<(Time, Row)>,
    by_row: BTreeMap<Row, Time>,
}

impl Retries {
    /// The member that is tried next, and when.
    pub(super) fn first(&self) -> Option<(Time, Row)> {
        self.by_time.first().copied()
    }

    /// Tries a member at this time, and not at the time that was set before.
    pub(super) fn set(&mut self, row: Row, at: Time) {
        self.remove(row);
        self.by_time.insert((at, row));
        self.by_row.insert(row, at);
    }

    /// Tries a dead member at this time, if that is sooner than was set.
    pub(in crate::gossip::members) fn hasten(&mut self, row: Row, at: Time) {
        if self.by_row.get(&row).is_some_and(|before| at < *before) {
            self.set(row, at);
        }
    }

    /// Tries all members soon, one after the other with this pause between them.
    pub(super) fn hasten_all(&mut self, now: Time, pause: Duration) {
        let mut at = now;
        let all: Vec<Row> = self.by_time.iter().map(|(_, row)| *row).collect();
        for row in all {
            self.hasten(row, at);
            at = at + pause;
        }
    }

    pub(super) fn remove(&mut self, row: Row) {
        if let Some(at) = self.by_row.remove(&row) {
            self.by_time.remove(&(at, row));
        }
    }
}
