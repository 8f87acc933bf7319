//! Nodes that become the parent of every node and then leave items out.

use protocol::gossip::{ItemId, PeerHandle};
use protocol::time::{Duration, Time};
use protocol::wire::message::Message;

use super::asked::Asked;
use crate::sim::adversary::craft::{announcement, now as at_once, push_of};
use crate::sim::adversary::{Adversary, Entered, Sending};

/// Pushes every second item to all peers the moment it enters anywhere. So it is first, and the other links of its
/// peers become lazy. It says nothing of the rest. A variant announces the rest late, with the true age. It gives
/// everything to peers that ask, so that it gets no strikes.
#[derive(Debug, Default)]
pub(in crate::sim::adversary) struct Hide {
    /// Items that entered.
    seen: u64,
    asked: Asked,
    announces: bool,
}

/// When hidden items are announced: after the time for which a due push is waited for
/// ([`protocol::limits::GRACE_MIN`]), and before the push counts as missed ([`protocol::limits::MISSED_AFTER`]).
const ANNOUNCED_AFTER: Duration = Duration::from_millis(400);

impl Hide {
    /// An adversary that announces late what it hid.
    pub(in crate::sim::adversary) fn announcing() -> Self {
        Self { announces: true, ..Self::default() }
    }
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
        } else if self.announces {
            let message = match (item.id, item.block) {
                (ItemId::Transaction(id), _) => {
                    announcement(id.short(), (ANNOUNCED_AFTER.as_micros() / 1_000) as u32)
                }
                (ItemId::Block(_), Some(block)) => {
                    Message::BlockHeader { header: Box::new(block.header), pushed: false }
                }
                (ItemId::Block(_), None) => return,
            };
            let late = |&to: &PeerHandle| Sending { to, message: message.clone(), after: ANNOUNCED_AFTER };
            out.extend(peers.iter().map(late));
        }
    }
}
