//! Nodes that lie about the age of the items that they send.

use protocol::gossip::{ItemId, PeerHandle};
use protocol::time::Time;
use protocol::wire::message::Message;

use super::asked::Asked;
use crate::sim::adversary::craft::{announcement, now as at_once, push_of};
use crate::sim::adversary::{Adversary, Entered, Sending};

/// Claims that it has held each transaction for so long that it is no news, and sends the body after it, before
/// anyone else can. A node that believes it takes the item off its tree.
#[derive(Debug, Default)]
pub(in crate::sim::adversary) struct Backdate {
    asked: Asked,
}

/// More than the age up to which an item is news.
const OLD_AGE_MS: u32 = 6_000;

impl Adversary for Backdate {
    fn outgoing(&mut self, _now: Time, to: PeerHandle, message: Message, out: &mut Vec<Sending>) {
        out.extend(self.asked.answers(to, message).map(|message| at_once(to, message)));
    }

    fn incoming(&mut self, _now: Time, from: PeerHandle, message: &Message, _out: &mut Vec<Sending>) -> bool {
        self.asked.hear(from, message);
        true
    }

    fn entered(&mut self, _now: Time, item: Entered<'_>, peers: &[PeerHandle], out: &mut Vec<Sending>) {
        for &peer in peers {
            if let ItemId::Transaction(id) = item.id {
                out.push(at_once(peer, announcement(id.short(), OLD_AGE_MS)));
            }
            out.extend(push_of(peer, &item));
        }
    }
}
