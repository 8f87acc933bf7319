//! The checkers of a run. Checkers only read. A rule that they find broken is a violation, with the time and the
//! node.

pub mod blame;
pub mod bounds;
pub mod converged;
pub mod liveness;
pub mod one_tip;
mod paths;
pub mod safety;
pub mod sampled;

use std::any::Any;

use protocol::gossip::{DisconnectReason, Event, Gossip, ItemId, PeerHandle};
use protocol::time::Time;
use protocol::wire::message::Message;

use super::fault::Fault;

/// A rule that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The time.
    pub at: Time,
    /// The node.
    pub node: usize,
    /// The violation, in a sentence.
    pub what: String,
}

/// The events that a checker may see. All calls are for honest nodes only, except submissions and faults.
pub trait Checker: std::fmt::Debug {
    /// Whether it looks at the things that a node receives, tells and sends. Asked once, before the run.
    fn watches(&self, _node: usize) -> bool {
        true
    }

    /// An item of the workload enters at a node.
    fn submitted(&mut self, _at: Time, _node: usize, _item: &ItemId) {}

    /// The world changes.
    fn fault(&mut self, _at: Time, _fault: &Fault) {}

    /// A node has a new connection to a peer, under a new handle. What it knew from an earlier connection is
    /// forgotten.
    fn connected(&mut self, _at: Time, _node: usize, _peer: usize, _handle: PeerHandle) {}

    /// A message between two nodes was lost, or is so late that it may count as lost. Called for all nodes.
    fn lost(&mut self, _at: Time, _from: usize, _to: usize) {}

    /// A node is about to work on a message.
    fn receives(&mut self, _at: Time, _node: usize, _from: usize, _message: &Message) {}

    /// A node's engine returned an event.
    fn event(&mut self, _at: Time, _node: usize, _event: &Event) {}

    /// A node sends something.
    fn sends(&mut self, _at: Time, _node: usize, _to: usize, _message: &Message) {}

    /// A node has dealt with an input.
    fn settled(&mut self, _at: Time, _node: usize, _engine: &Gossip) {}

    /// A node crashed, and lost its state.
    fn crashed(&mut self, _at: Time, _node: usize) {}

    /// A node disconnected a peer for misbehavior. `honest` tells whether the peer keeps the rules.
    fn left(&mut self, _at: Time, _node: usize, _peer: usize, _honest: bool, _why: &DisconnectReason) {}

    /// The run is over. `engines` are all nodes that are up, honest or not as `honest` says.
    fn ended(&mut self, _at: Time, _nodes: &[NodeView<'_>]) {}

    /// The violations that were found so far.
    fn findings(&self) -> &Findings;

    /// The checker itself, for a caller that knows its type.
    fn as_any(&self) -> &dyn Any;
}

/// The number of violations that are kept. Further ones are only counted.
pub const VIOLATIONS_KEPT: usize = 100;

/// The violations that a checker found.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    kept: Vec<Violation>,
    count: u64,
}

impl Findings {
    /// Notes a violation.
    pub fn note(&mut self, at: Time, node: usize, what: impl FnOnce() -> String) {
        self.count += 1;
        if self.kept.len() < VIOLATIONS_KEPT {
            self.kept.push(Violation { at, node, what: what() });
        }
    }

    /// The first [`VIOLATIONS_KEPT`] of them.
    #[must_use]
    pub fn kept(&self) -> &[Violation] {
        &self.kept
    }

    /// The number of all violations.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "at {:.3} s, node {}: {}", self.at.as_micros() as f64 / 1e6, self.node, self.what)
    }
}

/// A node at the end of a run.
#[derive(Debug)]
pub struct NodeView<'a> {
    /// Whether it keeps the rules.
    pub honest: bool,
    /// Its engine, if it is up.
    pub engine: Option<&'a Gossip>,
}
