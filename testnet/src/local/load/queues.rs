//! What waits to be submitted, by node. A node answers few calls at a time; while they are all under way, what is due
//! waits here, and the next call takes as much of it as a call may carry. Below that load every transaction has a call
//! of its own, as a user's would. Sends nothing.

use std::collections::VecDeque;

/// Calls under way to a node: half of the connections that it takes, which leaves the others to questions.
pub const CALLS_MAX: usize = 16;

/// Transactions of one call: half of what a node takes. With the longest, of 64 KiB, in hexadecimal: 4 MiB.
pub const CALL_ITEMS_MAX: usize = 32;

/// What waits and what is under way.
#[derive(Debug)]
pub struct Queues<T> {
    nodes: Vec<Queue<T>>,
}

#[derive(Debug)]
struct Queue<T> {
    waiting: VecDeque<T>,
    calls: usize,
}

impl<T> Queues<T> {
    /// Of so many nodes.
    #[must_use]
    pub fn new(nodes: usize) -> Self {
        Self { nodes: (0..nodes).map(|_| Queue { waiting: VecDeque::new(), calls: 0 }).collect() }
    }

    /// Adds what is due at a node.
    pub fn push(&mut self, node: usize, item: T) {
        if let Some(queue) = self.nodes.get_mut(node) {
            queue.waiting.push_back(item);
        }
    }

    /// What to send to the node in one call now, the oldest first; `None` if nothing waits or enough is under way.
    pub fn call(&mut self, node: usize) -> Option<Vec<T>> {
        let queue = self.nodes.get_mut(node)?;
        if queue.waiting.is_empty() || queue.calls >= CALLS_MAX {
            return None;
        }
        queue.calls += 1;
        Some(queue.waiting.drain(..queue.waiting.len().min(CALL_ITEMS_MAX)).collect())
    }

    /// A call to the node has ended.
    pub fn ended(&mut self, node: usize) {
        if let Some(queue) = self.nodes.get_mut(node) {
            queue.calls = queue.calls.saturating_sub(1);
        }
    }
}
