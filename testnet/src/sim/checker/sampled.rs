//! A checker for a part of a large network. The data that checkers remember about a node concern only this node
//! and its peers. So a checker that looks at some nodes only may miss violations, but it makes none up.

use std::any::Any;

use protocol::gossip::{DisconnectReason, Event, Gossip, ItemId, PeerHandle};
use protocol::time::Time;
use protocol::wire::message::Message;

use super::{Checker, Findings, NodeView};
use crate::sim::fault::Fault;

/// The approximate number of nodes that are looked at.
pub const SAMPLE: usize = 100;

/// Lets a checker see [`SAMPLE`] of this number of nodes. It still sees everything that concerns all nodes.
#[must_use]
pub fn sampled(checker: Box<dyn Checker>, nodes: usize) -> Box<dyn Checker> {
    Box::new(Sampled { checker, every: nodes.div_ceil(SAMPLE).max(1) })
}

#[derive(Debug)]
struct Sampled {
    checker: Box<dyn Checker>,
    every: usize,
}

impl Sampled {
    /// The checker, if it may see this node.
    fn seeing(&mut self, node: usize) -> Option<&mut dyn Checker> {
        if self.watches(node) { Some(&mut *self.checker) } else { None }
    }
}

impl Checker for Sampled {
    fn watches(&self, node: usize) -> bool {
        node.is_multiple_of(self.every)
    }

    fn submitted(&mut self, at: Time, node: usize, item: &ItemId) {
        self.checker.submitted(at, node, item);
    }

    fn fault(&mut self, at: Time, fault: &Fault) {
        self.checker.fault(at, fault);
    }

    fn connected(&mut self, at: Time, node: usize, peer: usize, handle: PeerHandle) {
        if let Some(checker) = self.seeing(node) {
            checker.connected(at, node, peer, handle);
        }
    }

    fn lost(&mut self, at: Time, from: usize, to: usize) {
        self.checker.lost(at, from, to);
    }

    fn receives(&mut self, at: Time, node: usize, from: usize, message: &Message) {
        if let Some(checker) = self.seeing(node) {
            checker.receives(at, node, from, message);
        }
    }

    fn event(&mut self, at: Time, node: usize, event: &Event) {
        if let Some(checker) = self.seeing(node) {
            checker.event(at, node, event);
        }
    }

    fn sends(&mut self, at: Time, node: usize, to: usize, message: &Message) {
        if let Some(checker) = self.seeing(node) {
            checker.sends(at, node, to, message);
        }
    }

    fn settled(&mut self, at: Time, node: usize, engine: &Gossip) {
        if let Some(checker) = self.seeing(node) {
            checker.settled(at, node, engine);
        }
    }

    fn crashed(&mut self, at: Time, node: usize) {
        if let Some(checker) = self.seeing(node) {
            checker.crashed(at, node);
        }
    }

    fn left(&mut self, at: Time, node: usize, peer: usize, honest: bool, why: &DisconnectReason) {
        if let Some(checker) = self.seeing(node) {
            checker.left(at, node, peer, honest, why);
        }
    }

    fn ended(&mut self, at: Time, nodes: &[NodeView<'_>]) {
        self.checker.ended(at, nodes);
    }

    fn findings(&self) -> &Findings {
        self.checker.findings()
    }

    fn as_any(&self) -> &dyn Any {
        self.checker.as_any()
    }
}
