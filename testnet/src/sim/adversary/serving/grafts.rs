//! Nodes that keep a slow parent in its place. Some push late, and others take the grafts that would repair it.

use protocol::gossip::{ItemId, PeerHandle};
use protocol::time::Duration;

use super::instead::Speaker;
use crate::sim::adversary::craft::{announcement, push_of, to_each};
use crate::sim::adversary::{Entered, Sending};

/// A parent is first with everything until links become lazy, and late from then on. An announcer claims of each
/// item that it had it long before, is grafted for that, and pushes nothing.
#[derive(Debug)]
pub(in crate::sim::adversary) struct TakeGrafts {
    parent: bool,
    /// Items that entered.
    seen: u64,
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
    pub(in crate::sim::adversary) const fn new(parent: bool) -> Self {
        Self { parent, seen: 0 }
    }
}

impl Speaker for TakeGrafts {
    fn entered(&mut self, item: Entered<'_>, peers: &[PeerHandle], out: &mut Vec<Sending>) {
        self.seen += 1;
        let early = self.seen <= EARLY_ITEMS;
        if self.parent {
            let after = if early { Duration::ZERO } else { PARENT_LATE_BY };
            let pushes = peers.iter().flat_map(|&peer| push_of(peer, &item));
            out.extend(pushes.map(|sending| Sending { after, ..sending }));
        } else if let (false, ItemId::Transaction(id)) = (early, item.id) {
            let message = announcement(id.short(), CLAIMED_AGE_MS);
            out.extend(to_each(peers, message, SPEAKS_AFTER));
        }
    }
}
