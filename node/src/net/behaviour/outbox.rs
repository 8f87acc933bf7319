//! Messages that wait to be handed to the tasks of their connections. All that wait for one connection are handed
//! over together.
//!
//! To hand something over passes a channel, wakes a task, and takes a turn of the libp2p swarm. A busy node checks
//! the signatures of many transactions at once and then has several messages for each peer. Nothing waits longer
//! for this: messages leave when the swarm asks for the next action, as they would one by one.
//!
//! Deliberately absent: bounds. The engine's credit bounds what waits for each peer.

use std::collections::{HashMap, VecDeque};

use libp2p::swarm::ConnectionId;
use protocol::wire::message::{Lane, Message};

/// What waits, by connection.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    /// None of these is empty.
    waiting: HashMap<ConnectionId, Vec<(Lane, Message)>>,
    /// The same connections, in the order of the first message that waits.
    turns: VecDeque<ConnectionId>,
}

impl Outbox {
    pub(super) fn push(&mut self, to: ConnectionId, lane: Lane, message: Message) {
        let waiting = self.waiting.entry(to).or_default();
        if waiting.is_empty() {
            self.turns.push_back(to);
        }
        waiting.push((lane, message));
    }

    /// The messages for the connection whose turn it is.
    pub(super) fn pop(&mut self) -> Option<(ConnectionId, Vec<(Lane, Message)>)> {
        let to = self.turns.pop_front()?;
        Some((to, self.waiting.remove(&to)?))
    }

    /// The messages for one connection, if there are any. It has no turn then.
    pub(super) fn take(&mut self, to: ConnectionId) -> Option<Vec<(Lane, Message)>> {
        let messages = self.waiting.remove(&to)?;
        self.turns.retain(|turn| *turn != to);
        Some(messages)
    }
}
