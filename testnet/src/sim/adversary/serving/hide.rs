//! Nodes that become the parent of every node and then leave items out.

use protocol::gossip::PeerHandle;
use protocol::time::Duration;

use super::instead::Speaker;
use crate::sim::adversary::craft::{announcement_of, push_of, to_each};
use crate::sim::adversary::{Entered, Sending};

/// Pushes every second item to all peers the moment it enters anywhere. So it is first, and the other links of its
/// peers become lazy. It says nothing of the rest. A variant announces the rest late, with the true age. It gives
/// everything to peers that ask, so that it gets no strikes.
#[derive(Debug, Default)]
pub(in crate::sim::adversary) struct Hide {
    /// Items that entered.
    seen: u64,
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

impl Speaker for Hide {
    fn entered(&mut self, item: Entered<'_>, peers: &[PeerHandle], out: &mut Vec<Sending>) {
        self.seen += 1;
        if !self.seen.is_multiple_of(2) {
            out.extend(peers.iter().flat_map(|&peer| push_of(peer, &item)));
        } else if self.announces {
            let age_ms = (ANNOUNCED_AFTER.as_micros() / 1_000) as u32;
            let Some(message) = announcement_of(&item, age_ms) else { return };
            out.extend(to_each(peers, message, ANNOUNCED_AFTER));
        }
    }
}
