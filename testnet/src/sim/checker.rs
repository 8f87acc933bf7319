//! Who watches a run. Checkers only read; what they find is a violation, with the time and the node.

use protocol::gossip::{Event, Gossip};
use protocol::message::Message;
use protocol::time::Time;

/// A rule that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// When.
    pub at: Time,
    /// At which node.
    pub node: usize,
    /// What, in a sentence.
    pub what: String,
}

/// What a checker may see. All of it is called for honest nodes only.
pub trait Checker: std::fmt::Debug {
    /// A node's engine told something.
    fn event(&mut self, _at: Time, _node: usize, _event: &Event) {}

    /// A node sends something.
    fn sends(&mut self, _at: Time, _node: usize, _to: usize, _message: &Message) {}

    /// A node has dealt with an input.
    fn settled(&mut self, _at: Time, _node: usize, _engine: &Gossip) {}

    /// A node crashed: what it held is gone.
    fn crashed(&mut self, _at: Time, _node: usize) {}

    /// A node left a peer for a misdeed. `honest` tells whether the peer keeps the rules.
    fn left(
        &mut self,
        _at: Time,
        _node: usize,
        _peer: usize,
        _honest: bool,
        _why: &protocol::gossip::DisconnectReason,
    ) {
    }

    /// The run is over. `engines` are all nodes that are up, honest or not as `honest` says.
    fn ended(&mut self, _at: Time, _nodes: &[NodeView<'_>]) {}

    /// What was found so far.
    fn violations(&self) -> &[Violation];
}

/// A node at the end of a run.
#[derive(Debug)]
pub struct NodeView<'a> {
    /// Whether it keeps the rules.
    pub honest: bool,
    /// Its engine, if it is up.
    pub engine: Option<&'a Gossip>,
}
