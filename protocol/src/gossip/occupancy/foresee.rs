//! Reads the data that an input will need, before the input comes. Deliberately absent: any change, and any
//! meaningful result.
//!
//! A driver with one engine has no use for this. A simulator has thousands of engines, scattered over gigabytes,
//! and knows its next inputs. It looks into the engines of the next sixteen inputs, one after the other and one
//! step deeper each time. So the processor waits for their memory once and not sixteen times.

use crate::gossip::Gossip;
use crate::gossip::api::PeerHandle;
use crate::gossip::fetch::ask::key;
use crate::gossip::links::peer::Peer;
use crate::items::verify::JobId;
use crate::wire::message::{Message, TxRef};

/// An input that will come.
#[derive(Clone, Copy, Debug)]
pub enum Ahead<'a> {
    /// A message from a peer.
    Message(PeerHandle, &'a Message),
    /// The verdict on a job.
    Verdict(JobId),
    /// The time for which the engine waits.
    Timeout,
}

impl Gossip {
    /// The number of steps of [`Gossip::foresee`], which count from 0.
    pub const FORESEE_STEPS: u8 = 5;

    /// Reads the data with which the handling of an input begins. Each step reads data to which the step before
    /// has found the way. The returned sum has no meaning. It is there so that the compiler doesn't remove the
    /// reads.
    #[must_use]
    pub fn foresee(&self, ahead: Ahead<'_>, step: u8) -> u64 {
        match (step, ahead) {
            (0, _) => self.foresee_fields(),
            (1, Ahead::Verdict(job)) => self.checks.sender(job).map_or(0, |peer| u64::from(peer.0)),
            (1, _) => self.peers.foresee(),
            (_, Ahead::Message(from, message)) => self.foresee_message(from, message, step),
            (_, Ahead::Verdict(job)) => self.foresee_verdict(job, step),
            (_, Ahead::Timeout) => self.foresee_timeout(step),
        }
    }

    fn foresee_message(&self, from: PeerHandle, message: &Message, step: u8) -> u64 {
        let Some(transaction) = foreseen(message).filter(|_| step > 2) else {
            return self.peers.get(&from).map_or(0, Peer::foresee);
        };
        if step == 3 {
            let link = self.peers.get(&from).map(|peer| peer.link);
            return u64::from(link.is_some_and(|link| self.inventory.has(link, transaction.short())));
        }
        u64::from(self.requests.is_tracked(key(&transaction))) + self.requests.in_flight(from) as u64
    }

    /// A valid transaction goes into the mempool and to every peer that lacks it.
    fn foresee_verdict(&self, job: JobId, step: u8) -> u64 {
        let Some(checked) = self.checks.transaction_of(job) else { return 0 };
        match step {
            2 => self.peers.iter().fold(0, |sum, (_, peer)| sum ^ peer.foresee()),
            3 => u64::from(self.inventory.standing(&checked.transaction().id()).accepted),
            _ => self.mempool.foresee(checked.transaction()),
        }
    }

    /// Most timers are those of announcements to one peer.
    fn foresee_timeout(&self, step: u8) -> u64 {
        let Some((_, peer)) = self.peers.first_due() else { return 0 };
        let next = peer.announcements.first().filter(|_| step > 2);
        next.map_or_else(|| peer.foresee(), |id| u64::from(self.mempool.contains(id)))
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
