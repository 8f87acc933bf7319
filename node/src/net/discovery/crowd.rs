//! How many outbound slots one address group may have.
//!
//! One is enough as long as there are more groups than slots. In a network with fewer groups, such as one
//! provider's, that rule would leave most slots empty forever, and the slots in use would never change. So:
//!
//! 1. Groups without a slot always come first.
//! 2. Slots that have been missing for [`CROWD_AFTER`] are given to the group with the fewest, up to its share.
//!    The share is the number of slots divided by the number of groups that are known to have a peer
//!    ([`Book::live_groups`](crate::net::discovery::book::Book::live_groups)), rounded up.
//! 3. If there are no more groups than slots, once a run has settled, the extra peer may exceed this share by one.
//!    Otherwise two parts of a network that each have all groups would never meet.
//! 4. Slots that are missing even so cannot be filled. The node then counts as full, and its peers change as they
//!    do when all slots are in use.
//!
//! With more groups than slots the share is one. So a party with addresses in a few of many groups gains nothing
//! by this.

use libp2p::{Multiaddr, PeerId};
use protocol::time::{Duration, Time};

use super::usable::Usable;
use super::{Discovery, SETTLE_TIME, View};

/// How long a missing slot waits for a peer in a group that has none: three dials in a row
/// that time out after 10 s.
pub const CROWD_AFTER: Duration = Duration::from_secs(30);

impl Discovery {
    /// True if no slot is missing, or if no known peer may fill a missing slot.
    pub(super) fn is_full(&mut self, now: Time, missing: usize, view: &impl View) -> bool {
        if missing == 0 {
            self.missing_since = None;
            // If the network has many groups, a run that has just begun knows few of them.
            let since = *self.full_since.get_or_insert(now);
            self.per_group = if now.since(since) < SETTLE_TIME { 1 } else { self.extra_share() };
            return true;
        }
        let since = *self.missing_since.get_or_insert(now);
        if now.since(since) < CROWD_AFTER {
            self.per_group = 1;
            return false;
        }
        self.per_group = self.share();
        let taken = self.taken(view);
        let ready = |most| {
            let usable = Usable { view, taken: Some((&taken, most)), unwanted: self.unwanted() };
            self.book.ready(now, 1, |peer: &PeerId, addresses: &[Multiaddr]| usable.of(peer, addresses)) > 0
        };
        let stuck = !ready(self.per_group) && ready(usize::MAX);
        if stuck {
            self.per_group = self.extra_share();
        }
        stuck
    }

    /// The slots that one group may have.
    fn share(&self) -> usize {
        self.target.div_ceil(self.book.live_groups(self.target).max(1))
    }

    /// The same for the extra peer.
    fn extra_share(&self) -> usize {
        let more = self.book.live_groups(self.target.saturating_add(1)) <= self.target;
        self.share().saturating_add(usize::from(more))
    }
}
