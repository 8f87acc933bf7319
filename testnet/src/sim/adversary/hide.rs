//! Nodes that make themselves everybody's parent and then leave things out.

use protocol::gossip::PeerHandle;
use protocol::message::Message;
use protocol::time::Time;

use super::asked::Asked;
use super::craft::{now as at_once, push_of};
use super::{Adversary, Entered, Sending};

/// Pushes every second item to all peers the moment it enters anywhere, so that it is first and their other links fall
/// asleep; says nothing of the rest. It gives everything to those who ask, so that it is struck for nothing.
#[derive(Debug, Default)]
pub(super) struct Hide {
    /// Items that entered.
    seen: u64,
    asked: Asked,
}

impl Adversary for Hide {
    fn outgoing(&mut self, _now: Time, to: PeerHandle, message: Message, out: &mut Vec<Sending>) {
        out.extend(self.asked.answers(to, message).map(|message| at_once(to, message)));
    }

    fn incoming(&mut self, _now: Time, from: PeerHandle, message: &Message, _out: &mut Vec<Sending>) -> bool {
        self.asked.hear(from, message);
        true
    }

    fn entered(&mut self, _now: Time, item: Entered<'_>, peers: &[PeerHandle], out: &mut Vec<Sending>) {
        self.seen += 1;
        if !self.seen.is_multiple_of(2) {
            out.extend(peers.iter().flat_map(|&peer| push_of(peer, &item)));
        }
    }
}
