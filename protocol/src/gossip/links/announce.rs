//! Which transactions to announce to one peer, and when.
//!
//! If the peer most likely learns of an item in no other way, the item is announced at once. Items that follow
//! within [`ANNOUNCE_INTERVAL`] are announced together, as one batch. If the peer most likely gets an item from
//! another peer, the item is announced *lazily*: its id waits for others for up to a window. The window becomes
//! twice as long with each batch that the peer had no use for. It is short again when the peer asks for something.
//! All ids that wait go along with the next frame to that peer.

use alloc::collections::VecDeque;

use crate::items::hash::TxId;
use crate::limits::{ANNOUNCE_INTERVAL, ANNOUNCE_QUEUE_MAX, ANNOUNCE_WINDOW_MAX};
use crate::time::{Duration, Time};

/// Ids waiting to be announced to one peer, oldest first.
#[derive(Debug)]
pub(crate) struct AnnounceQueue {
    waiting: VecDeque<TxId>,
    last_batch: Option<Time>,
    /// When the waiting ids leave. Means nothing while nothing waits.
    due: Time,
    window: Duration,
}

impl Default for AnnounceQueue {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), last_batch: None, due: Time::ZERO, window: ANNOUNCE_INTERVAL }
    }
}

impl AnnounceQueue {
    /// Queues an id. Returns false if the queue was full and its oldest id was dropped.
    pub(crate) fn push(&mut self, id: TxId) -> bool {
        self.wait(id, self.soonest())
    }

    /// Queues an id that need not leave before the window is over. `part`, of 1,024 parts, is drawn for each call,
    /// so that the two ends of a link don't announce the same item to each other at the same time.
    pub(crate) fn push_lazily(&mut self, now: Time, id: TxId, part: u64) -> bool {
        // From half a window to one and a half.
        let wait = self.window.times(512_u64.saturating_add(part.min(1_023))).divided_by(1_024);
        self.wait(id, (now + wait).max(self.soonest()))
    }

    /// How many ids wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// When the next batch may leave; `None` if nothing waits.
    pub(crate) fn due(&self) -> Option<Time> {
        (!self.waiting.is_empty()).then_some(self.due)
    }

    /// The next id to announce, which stays.
    #[cfg(feature = "simulator")]
    pub(crate) fn first(&self) -> Option<&TxId> {
        self.waiting.front()
    }

    /// The next id to announce.
    pub(crate) fn pop(&mut self) -> Option<TxId> {
        self.waiting.pop_front()
    }

    /// Notes that a batch left.
    pub(crate) fn sent(&mut self, now: Time) {
        self.last_batch = Some(now);
        self.due = self.soonest();
        self.window = self.window.times(2).min(ANNOUNCE_WINDOW_MAX);
    }

    /// Notes that the peer asked for something that was announced to it.
    pub(crate) const fn wanted(&mut self) {
        self.window = ANNOUNCE_INTERVAL;
    }

    fn soonest(&self) -> Time {
        self.last_batch.map_or(Time::ZERO, |last| last + ANNOUNCE_INTERVAL)
    }

    fn wait(&mut self, id: TxId, due: Time) -> bool {
        self.due = if self.waiting.is_empty() { due } else { self.due.min(due) };
        // The oldest goes first: with one id above the bound, the queue would have twice as many places.
        let full = self.waiting.len() >= ANNOUNCE_QUEUE_MAX;
        if full {
            self.waiting.pop_front();
        }
        if self.waiting.len() == self.waiting.capacity() {
            // One, two, four places and so on. A list by itself would begin with four, and most peers wait for one.
            self.waiting.reserve_exact(self.waiting.len().max(1));
        }
        self.waiting.push_back(id);
        !full
    }
}
