//! A queue with turns. Each peer that has something in it gets one turn after the other, so no peer waits for
//! everything that another peer has queued. Deliberately absent: bounds. The code that queues something keeps
//! them.

use alloc::collections::{BTreeMap, VecDeque};
use core::ops::Bound;

use crate::gossip::api::PeerHandle;

/// A queue with turns. `None` stands for this node.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    waiting: BTreeMap<Option<PeerHandle>, VecDeque<T>>,
    /// The peer that had the last turn.
    last: Option<PeerHandle>,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { waiting: BTreeMap::new(), last: None }
    }
}

impl<T> Queue<T> {
    pub(crate) fn push(&mut self, by: Option<PeerHandle>, item: T) {
        self.waiting.entry(by).or_default().push_back(item);
    }

    /// The next entry of the peer that comes after the one that had the last turn.
    pub(crate) fn pop(&mut self) -> Option<T> {
        let after = (Bound::Excluded(self.last), Bound::Unbounded);
        let next = self.waiting.range(after).next().or_else(|| self.waiting.iter().next());
        let by = next.map(|(by, _)| *by)?;
        self.last = by;
        let items = self.waiting.get_mut(&by)?;
        let item = items.pop_front();
        if items.is_empty() {
            self.waiting.remove(&by);
        }
        item
    }
}
