//! Bodies and announcements as messages from node to node: their sendings and their receipts in the traces. The two
//! records of one message are matched by its ends, its item and its order.

use std::collections::{HashMap, VecDeque};

use node::observe::trace::{Kind, What};
use protocol::gossip::ArrivalCause;
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

/// What only a receipt tells. The record of an announcement has neither.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Receipt {
    /// The body's length.
    pub(super) bytes: u64,
    /// Why the body came.
    pub(super) cause: Option<ArrivalCause>,
}

/// Calls `each` for every receipt.
pub(super) fn for_each_received(
    observed: &Observed,
    peers: &[HashMap<u32, usize>],
    mut each: impl FnMut(u64, Message, Receipt),
) {
    for (to, (node, peers)) in observed.nodes.iter().zip(peers).enumerate() {
        for record in &node.records {
            let (kind, item, from, body, receipt) = match record.what {
                What::Body { kind, item, bytes, from, cause, .. } => {
                    (kind, item, from, true, Receipt { bytes, cause })
                }
                What::Announced { kind, item, from } => (kind, item, from, false, Receipt::default()),
                _ => continue,
            };
            if let Some(&from) = peers.get(&from) {
                each(record.at_ns, Message { from, to, kind, item, body }, receipt);
            }
        }
    }
}

/// The first moment, unless it is later than `at_ns`.
pub(super) fn first_before(sent: &mut VecDeque<u64>, at_ns: u64) -> Option<u64> {
    sent.front().filter(|sent| **sent <= at_ns)?;
    sent.pop_front()
}
