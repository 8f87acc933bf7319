//! Reads the data that an input will need, before the input comes. Deliberately absent: any change, and any
//! meaningful result.
//!
//! A driver with one engine has no use for this. A simulator has thousands of engines, scattered over gigabytes,
//! and knows its next inputs. It looks into the engines of the next sixteen inputs, one after the other and one
//! step deeper each time. So the processor waits for their memory once and not sixteen times.

use super::Gossip;
use super::api::PeerHandle;
use super::fetch::ask::key;
use crate::wire::message::{Message, TxRef};

impl Gossip {
    /// The number of steps of [`Gossip::foresee`], which count from 0.
    pub const FORESEE_STEPS: u8 = 5;

    /// Reads the data with which the handling of `message` from `peer` begins. Each step reads data to which the
    /// step before has found the way. The returned sum has no meaning. It is there so that the compiler doesn't
    /// remove the reads.
    #[must_use]
    pub fn foresee(&self, peer: PeerHandle, message: &Message, step: u8) -> u64 {
        match step {
            0 => self.foresee_fields(),
            1 => self.peers.foresee(),
            2 => self.peers.get(&peer).map_or(0, |peer| peer.foresee()),
            3 => foreseen(message).map_or(0, |transaction| {
                let link = self.peers.get(&peer).map(|peer| peer.link);
                u64::from(link.is_some_and(|link| self.inventory.has(link, transaction.short())))
            }),
            _ => foreseen(message).map_or(0, |transaction| {
                let tracked = self.requests.is_tracked(key(&transaction));
                u64::from(tracked) + self.requests.in_flight(peer) as u64
            }),
        }
    }

    /// Reads a field of each part, so that all of this struct is in the processor's cache.
    fn foresee_fields(&self) -> u64 {
        let counts = [
            self.requests.len(),
            self.mempool.len(),
            self.relay.hot(),
            self.catching_up.len(),
            self.outputs.len(),
            self.lengths.transaction(),
        ];
        let counted = counts.iter().fold(0_u64, |sum, count| sum.wrapping_add(*count as u64));
        let deadlines = [self.peers.next_deadline(), self.orphans.next_deadline(), self.relay.next_deadline()];
        deadlines.iter().flatten().fold(counted, |sum, at| sum.wrapping_add(at.as_micros()))
            ^ self.stats.announcements
            ^ self.stats.requests_not_found
            ^ self.checks.foresee()
    }
}

/// The first transaction that a message is about.
fn foreseen(message: &Message) -> Option<TxRef> {
    match message {
        Message::Inv(entries) => entries.first().map(|entry| entry.transaction),
        Message::GetData { wanted, .. } => wanted.first().copied(),
        Message::Transactions { bodies, .. } => bodies.first().map(|body| TxRef::Short(body.id().short())),
        _ => None,
    }
}
