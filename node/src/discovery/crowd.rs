//! How many outbound slots one address group may have.
//!
//! One is enough, as long as there are more groups than slots. A network in fewer groups, such as one provider's, would
//! leave most slots empty for ever by that rule, and nothing would change in those that are in use. So:
//!
//! 1. Groups without a slot always come first.
//! 2. Slots that are missing for [`CROWD_AFTER`] are given to the group with the fewest, up to its share: the slots divided
//!    by the groups that are known to have somebody ([`Book::live_groups`](crate::book::Book::live_groups)), rounded up.
//! 3. Where there are no more groups than slots, once a run has settled, the extra peer may be one more than that: otherwise two parts of a network
//!    that each have all groups would never meet.
//! 4. What is missing even so, nobody can give: the node counts as full, and its peers change as they do with all slots in
//!    use.
//!
//! With more groups than slots the share is one. So whoever has few of many groups gains nothing by this.

use std::collections::BTreeMap;

use libp2p::{Multiaddr, PeerId};
use protocol::time::{Duration, Time};

use super::poll::Usable;
use super::{Discovery, SETTLE_TIME, View};
use crate::book::Group;

/// For so long a missing slot waits for somebody in a group that has none: three dials in a row that time out after 10 s.
pub const CROWD_AFTER: Duration = Duration::from_secs(30);

/// Slots in use of each group, with those that dials under way may get.
pub(super) type Taken = BTreeMap<Group, usize>;

impl Discovery {
    /// Whether no slot is missing, or none that anybody may fill.
    pub(super) fn is_full(&mut self, now: Time, missing: usize, view: &impl View) -> bool {
        if missing == 0 {
            self.missing_since = None;
            // A run that has just begun knows few groups of a network with many.
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

    /// The same where an extra peer is wanted.
    fn extra_share(&self) -> usize {
        let more = self.book.live_groups(self.target.saturating_add(1)) <= self.target;
        self.share().saturating_add(usize::from(more))
    }
}
