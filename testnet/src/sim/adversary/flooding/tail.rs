//! Nodes that hide forged headers behind an honest header.

use protocol::gossip::PeerHandle;
use protocol::items::block::SignedHeader;
use protocol::time::{Duration, Time};
use protocol::wire::message::{Message, Tip};

use crate::sim::adversary::craft::Craft;
use crate::sim::adversary::{Adversary, Entered, Sending};

/// Sends one peer a fresh honest header with forged ones behind it while the honest announcements are on their
/// way. A peer that announces the header while all of them are being checked must not be blamed for the forgery.
#[derive(Debug)]
pub(in crate::sim::adversary) struct ForgeTail {
    pub(in crate::sim::adversary) craft: Craft,
}

/// Forged headers in one message: 8 ms of checks at 75 µs each.
const TAIL: usize = 100;

/// The longest time that an honest announcement may take to a neighbour.
const SPREAD_MS: usize = 100;

impl ForgeTail {
    fn headers(&mut self, first: SignedHeader) -> Option<Vec<SignedHeader>> {
        let (key, producer) = (self.craft.key(), first.header().producer);
        let mut headers = vec![first];
        for _ in 0..TAIL {
            let last = headers.last()?;
            let parent = Tip { height: last.header().height, id: last.id() };
            headers.push(self.craft.forged(&key, parent, producer, &[])?);
        }
        Some(headers)
    }
}

impl Adversary for ForgeTail {
    fn entered(&mut self, _now: Time, item: Entered<'_>, peers: &[PeerHandle], out: &mut Vec<Sending>) {
        let Some(block) = item.block else { return };
        // One at a time, because it costs the connection.
        if let (Some(to), Some(headers)) = (self.craft.one_of(peers), self.headers(block.header)) {
            let late = if self.craft.draws.chance(0.5) { self.craft.draws.below(SPREAD_MS) } else { 0 };
            out.push(Sending {
                to,
                message: Message::Headers(headers),
                after: Duration::from_millis(late as u64),
            });
        }
    }
}
