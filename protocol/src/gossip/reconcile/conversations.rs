//! What a node remembers of its conversations: the one that it began, those that it answers, the list that it has made,
//! and how many it may answer. Deliberately absent: what is said in them (`reconcile`).

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use crate::gossip::api::{Digest, PeerHandle};
use crate::hash::{ShortId, TxId};
use crate::limits::{RECONCILE_SERVED_MAX, RECONCILE_SERVED_PER_SEC};
use crate::reconcile::{Decoder, Encoder, SYMBOLS_MAX};
use crate::time::Time;

/// The node's conversations.
#[derive(Debug, Default)]
pub(in crate::gossip) struct Conversations {
    /// When the next is to begin; `None` until a peer is there.
    pub(super) next_at: Option<Time>,
    /// Peers that we dialled and have not compared with yet.
    pub(super) fresh: VecDeque<PeerHandle>,
    /// What we began.
    pub(super) begun: Option<Begun>,
    /// What we answer, by peer.
    pub(super) served: BTreeMap<PeerHandle, Served>,
    /// What we have listed.
    pub(super) listing: Option<Listing>,
    /// Conversations that may be answered, in millionths, and when that was so.
    allowance: u64,
    allowance_at: Time,
    /// How many differences conversations lately told, on the average, in eighths.
    usual: u32,
}

#[derive(Debug)]
pub(super) struct Begun {
    pub(super) peer: PeerHandle,
    pub(super) number: u32,
    /// In the encoder's order.
    pub(super) ids: Vec<TxId>,
    pub(super) encoder: Encoder,
    pub(super) sent: usize,
    pub(super) deadline: Time,
}

/// What an initiator wants.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opening {
    pub(super) number: u32,
    pub(super) digest: Digest,
    /// Transactions in its sketch.
    pub(super) size: usize,
    pub(super) salt: [u8; 16],
}

#[derive(Debug)]
pub(super) struct Served {
    pub(super) opening: Opening,
    /// In the decoder's order.
    pub(super) ids: Vec<TxId>,
    pub(super) decoder: Decoder,
    pub(super) deadline: Time,
}

#[derive(Debug)]
pub(super) struct Listing {
    pub(super) peer: PeerHandle,
    /// Where the last part ended.
    pub(super) after: Option<ShortId>,
    /// Parts that came.
    pub(super) parts: usize,
    /// The number of the part that is on its way.
    pub(super) asked: Option<u32>,
    pub(super) deadline: Time,
}

impl Conversations {
    /// When something is to be done next.
    pub(in crate::gossip) fn next_deadline(&self) -> Option<Time> {
        let begun = self.begun.as_ref().map(|begun| begun.deadline);
        let listing = self.listing.as_ref().map(|listing| listing.deadline);
        let served = self.served.values().map(|served| served.deadline).min();
        let next = self.next_at.filter(|_| begun.is_none());
        [next, begun, listing, served].into_iter().flatten().min()
    }

    /// Conversations begun, answered, and lists.
    pub(in crate::gossip) fn len(&self) -> (usize, usize, usize) {
        (usize::from(self.begun.is_some()), self.served.len(), usize::from(self.listing.is_some()))
    }

    /// Whether one more may be answered.
    pub(super) fn allow(&mut self, now: Time) -> bool {
        const ONE: u64 = 1_000_000;
        let gained = now.since(self.allowance_at).as_micros().saturating_mul(RECONCILE_SERVED_PER_SEC);
        self.allowance = self.allowance.saturating_add(gained).min(RECONCILE_SERVED_PER_SEC * ONE);
        self.allowance_at = now;
        let allowed = self.allowance >= ONE && self.served.len() < RECONCILE_SERVED_MAX;
        if allowed {
            self.allowance = self.allowance.saturating_sub(ONE);
        }
        allowed
    }

    /// Learns how much differed.
    pub(super) fn learn(&mut self, differences: usize) {
        let differences = u32::try_from(differences.min(SYMBOLS_MAX)).unwrap_or(u32::MAX);
        self.usual = (self.usual.saturating_mul(7) / 8).saturating_add(differences);
    }

    pub(super) fn expected(&self) -> usize {
        usize::try_from(self.usual / 8).unwrap_or(usize::MAX)
    }
}
