//! Nodes that keep a slow parent in its place. Some push late, and others take the grafts that would repair it.

use protocol::gossip::{ItemId, PeerHandle};
use protocol::time::{Duration, Time};
use protocol::wire::message::Message;

use super::asked::Asked;
use crate::sim::adversary::craft::{announcement, now as at_once, push_of};
use crate::sim::adversary::{Adversary, Entered, Sending};

/// A parent is first with everything until links become lazy, and late from then on. An announcer claims of each
/// item that it had it long before, is grafted for that, and pushes nothing.
#[derive(Debug)]
pub(in crate::sim::adversary) struct TakeGrafts {
    parent: bool,
    /// Items that entered.
    seen: u64,
    asked: Asked,
}

/// The number of items with which a parent is early. Links are lazy after one or two.
const EARLY_ITEMS: u64 = 10;

/// How late it is then: less than the longest time for which a push is waited for.
const PARENT_LATE_BY: Duration = Duration::from_millis(300);

/// When an announcer speaks, after the entry: the late push has come by then.
const SPEAKS_AFTER: Duration = Duration::from_millis(350);

/// How long it claims to have had the item: since before it entered.
const CLAIMED_AGE_MS: u32 = 400;

impl TakeGrafts {
    pub(in crate::sim::adversary) fn new(parent: bool) -> Self {
        Self { parent, seen: 0, asked: Asked::default() }
    }
}

impl Adversary for TakeGrafts {
    fn outgoing(&mut self, _now: Time, to: PeerHandle, message: Message, out: &mut Vec<Sending>) {
        out.extend(self.asked.answers(to, message).map(|message| at_once(to, message)));
    }

    fn incoming(&mut self, _now: Time, from: PeerHandle, message: &Message, _out: &mut Vec<Sending>) -> bool {
        self.asked.hear(from, message);
        true
    }

    fn entered(&mut self, _now: Time, item: Entered<'_>, peers: &[PeerHandle], out: &mut Vec<Sending>) {
        self.seen += 1;
        let early = self.seen <= EARLY_ITEMS;
        if self.parent {
            let after = if early { Duration::ZERO } else { PARENT_LATE_BY };
            let pushes = peers.iter().flat_map(|&peer| push_of(peer, &item));
            out.extend(pushes.map(|sending| Sending { after, ..sending }));
        } else if let (false, ItemId::Transaction(id)) = (early, item.id) {
            let message = announcement(id.short(), CLAIMED_AGE_MS);
            let each = |&to: &PeerHandle| Sending { to, message: message.clone(), after: SPEAKS_AFTER };
            out.extend(peers.iter().map(each));
        }
    }
}
