//! Bodies and announcements as messages from node to node: their sendings and their receipts in the traces. The two
//! records of one message are matched by its ends, its item and its order.

use std::collections::{HashMap, VecDeque};

use node::observe::trace::{Kind, What};
use protocol::items::hash::ShortId;

use super::Observed;

/// One message on its way: its sender, its receiver, its item, and whether it is the item's body.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Message {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) kind: Kind,
    pub(super) item: ShortId,
    pub(super) body: bool,
}

/// Calls `each` for every sending, node after node.
pub(super) fn for_each_sent(
    observed: &Observed,
    peers: &[HashMap<u32, usize>],
    mut each: impl FnMut(u64, Message),
) {
    for (from, (node, peers)) in observed.nodes.iter().zip(peers).enumerate() {
        for record in &node.records {
            let (kind, item, to, body) = match record.what {
                What::SentBody { kind, item, to } => (kind, item, to, true),
                What::SentInv { kind, item, to } => (kind, item, to, false),
                _ => continue,
            };
            if let Some(&to) = peers.get(&to) {
                each(record.at_ns, Message { from, to, kind, item, body });
            }
        }
    }
}

/// Calls `each` for every receipt, with its bytes. The record of an announcement has no length here.
pub(super) fn for_each_received(
    observed: &Observed,
    peers: &[HashMap<u32, usize>],
    mut each: impl FnMut(u64, Message, u64),
) {
    for (to, (node, peers)) in observed.nodes.iter().zip(peers).enumerate() {
        for record in &node.records {
            let (kind, item, from, body, bytes) = match record.what {
                What::Body { kind, item, bytes, from, .. } => (kind, item, from, true, bytes),
                What::Announced { kind, item, from } => (kind, item, from, false, 0),
                _ => continue,
            };
            if let Some(&from) = peers.get(&from) {
                each(record.at_ns, Message { from, to, kind, item, body }, bytes);
            }
        }
    }
}

/// The first moment, unless it is later than `at_ns`.
pub(super) fn first_before(sent: &mut VecDeque<u64>, at_ns: u64) -> Option<u64> {
    sent.front().filter(|sent| **sent <= at_ns)?;
    sent.pop_front()
}
