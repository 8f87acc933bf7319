//! Nodes that lie about the age of the items that they send.

use protocol::gossip::{ItemId, PeerHandle};

use super::instead::Speaker;
use crate::sim::adversary::craft::{announcement, now as at_once, push_of};
use crate::sim::adversary::{Entered, Sending};

/// Claims that it has held each transaction for so long that it is no news, and sends the body after it, before
/// anyone else can. A node that believes it takes the item off its tree.
#[derive(Debug)]
pub(in crate::sim::adversary) struct Backdate;

/// More than the age up to which an item is news.
const OLD_AGE_MS: u32 = 6_000;

impl Speaker for Backdate {
    fn entered(&mut self, item: Entered<'_>, peers: &[PeerHandle], out: &mut Vec<Sending>) {
        for &peer in peers {
            if let ItemId::Transaction(id) = item.id {
                out.push(at_once(peer, announcement(id.short(), OLD_AGE_MS)));
            }
            out.extend(push_of(peer, &item));
        }
    }
}
