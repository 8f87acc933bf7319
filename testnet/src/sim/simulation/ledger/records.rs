//! The records that real nodes would have written into their traces about items: what entered, what came and why, what
//! was sent, what was accepted. From them follows why items came, by the same rules as for real nodes.
//!
//! They are an observer's. Nothing that happens in the world depends on them. All nodes have the world's clock here.
//!
//! Deliberately absent: samples of processes, and what honest drivers don't see of an adversary's engine.

use node::observe::recorder::{of_event, of_received, of_sent};
use node::observe::trace::{Record, What};
use protocol::gossip::{Event, ItemId, PeerHandle};
use protocol::time::Time;
use protocol::wire::message::Message;

use super::{kind_of, short_of};
use crate::wan::NS_PER_US;

/// Records of all nodes. At 80 bytes each they are 160 MiB. 50 nodes with 600 transactions have some 600,000. If there
/// are more, all of them go, because the causes of a part would be wrong.
pub const RECORDS_MAX: usize = 2 * 1024 * 1024;

/// The records of a run, by node.
#[derive(Debug)]
pub struct Records {
    /// `None` once there were too many.
    nodes: Option<Vec<Vec<Record>>>,
    count: usize,
}

impl Records {
    /// None yet.
    #[must_use]
    pub fn new(nodes: usize) -> Self {
        Self { nodes: Some(vec![Vec::new(); nodes]), count: 0 }
    }

    /// All of them, by node; `None` if there were too many.
    #[must_use]
    pub fn into_nodes(self) -> Option<Vec<Vec<Record>>> {
        self.nodes
    }

    /// The memory that they took at most, in bytes.
    #[must_use]
    pub const fn bytes_at_most(&self) -> u64 {
        (self.count * size_of::<Record>()) as u64
    }

    pub(in super::super) fn connected(&mut self, at: Time, node: usize, peer: PeerHandle, far: usize) {
        self.add(at, node, What::PeerUp { peer: peer.0, peer_id: name(far), outbound: node < far });
    }

    pub(in super::super) fn submitted(&mut self, at: Time, node: usize, item: &ItemId, bytes: u64) {
        self.add(at, node, What::Submitted { kind: kind_of(item), item: short_of(item), bytes });
    }

    pub(in super::super) fn received(&mut self, at: Time, node: usize, from: PeerHandle, message: &Message) {
        of_received(from, message, &mut |what| self.add(at, node, what));
    }

    pub(in super::super) fn sent(&mut self, at: Time, node: usize, to: PeerHandle, message: &Message) {
        of_sent(to, message, &mut |what| self.add(at, node, what));
    }

    pub(in super::super) fn event(&mut self, at: Time, node: usize, event: &Event) {
        if let Some(what) = of_event(event) {
            self.add(at, node, what);
        }
    }

    fn add(&mut self, at: Time, node: usize, what: What) {
        let Some(records) = self.nodes.as_mut().and_then(|nodes| nodes.get_mut(node)) else { return };
        if self.count >= RECORDS_MAX {
            self.nodes = None;
            return;
        }
        self.count += 1;
        records.push(Record { at_ns: at.as_micros().saturating_mul(NS_PER_US), what });
    }
}

/// The name by which the records of other nodes know a node.
#[must_use]
pub fn name(node: usize) -> String {
    format!("node {node}")
}
