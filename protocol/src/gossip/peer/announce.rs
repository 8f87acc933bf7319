//! Which transactions to announce to one peer, and when. The first announcement of a quiet time leaves at once; those
//! that come within [`ANNOUNCE_INTERVAL`] of it wait and leave as one batch, or ride on the next frame to that peer.

use alloc::collections::VecDeque;

use crate::hash::TxId;
use crate::limits::{ANNOUNCE_INTERVAL, ANNOUNCE_QUEUE_MAX};
use crate::time::Time;

/// Ids waiting to be announced to one peer, oldest first.
#[derive(Debug, Default)]
pub(crate) struct AnnounceQueue {
    waiting: VecDeque<TxId>,
    last_batch: Option<Time>,
}

impl AnnounceQueue {
    /// Queues an id. Returns false if the queue was full and its oldest id had to go.
    pub(crate) fn push(&mut self, id: TxId) -> bool {
        self.waiting.push_back(id);
        if self.waiting.len() > ANNOUNCE_QUEUE_MAX {
            self.waiting.pop_front();
            return false;
        }
        true
    }

    /// How many ids wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// When the next batch may leave; `None` if nothing waits.
    pub(crate) fn due(&self) -> Option<Time> {
        let last = self.last_batch.map_or(Time::ZERO, |last| last + ANNOUNCE_INTERVAL);
        (!self.waiting.is_empty()).then_some(last)
    }

    /// The next id to announce.
    pub(crate) fn pop(&mut self) -> Option<TxId> {
        self.waiting.pop_front()
    }

    /// Notes that a batch left.
    pub(crate) const fn sent(&mut self, now: Time) {
        self.last_batch = Some(now);
    }
}
