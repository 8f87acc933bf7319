//! The transactions that wait to be submitted, by node. A node answers few calls at a time. While they are all
//! under way, transactions that are due wait here, and the next call takes as many of them as it may carry. Below
//! that load, every transaction has its own call, as a user's would. The queues send nothing.

use std::collections::VecDeque;

/// Calls under way to a node: half of the connections that it accepts. The other half is left for questions.
pub const CALLS_MAX: usize = 16;

/// Transactions of one call: half of what a node accepts. With the longest, of 64 KiB, in hexadecimal: 4 MiB.
pub const CALL_ITEMS_MAX: usize = 32;

/// The waiting transactions and the calls under way.
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
    /// Queues for this number of nodes.
    #[must_use]
    pub fn new(nodes: usize) -> Self {
        Self { nodes: (0..nodes).map(|_| Queue { waiting: VecDeque::new(), calls: 0 }).collect() }
    }

    /// Adds transactions that are due at a node.
    pub fn push(&mut self, node: usize, item: T) {
        if let Some(queue) = self.nodes.get_mut(node) {
            queue.waiting.push_back(item);
        }
    }

    /// The next call to the node, oldest transactions first; `None` if nothing waits or enough calls are under
    /// way.
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
