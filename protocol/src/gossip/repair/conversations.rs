//! What a node remembers of its conversations: the one that it began, those that it answers, the lists that other
//! peers make for it, and how many it may answer. And how often it begins one, and what it compares. Deliberately
//! absent: the messages of a conversation (`compare`).

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use rand_core::Rng as _;

use super::lists::Lists;
use super::sketch::{Decoder, Encoder, SYMBOLS_MAX};
use crate::gossip::Gossip;
use crate::gossip::api::PeerHandle;
use crate::gossip::links::budget::{Budget, Fixed};
use crate::items::hash::ShortId;
use crate::limits::{
    MEMPOOL_ENTRIES_MAX, RECONCILE_AGE_MIN, RECONCILE_ITEMS_MAX, RECONCILE_SERVED_MAX, RECONCILE_SERVED_PER_SEC,
    RECONCILE_SILENT,
};
use crate::time::{Duration, Time};
use crate::wire::message::Digest;

/// One conversation in the allowance.
const ONE_CONVERSATION: u64 = 1_000_000;

/// What the allowance gains in a second, and the most of it.
const CONVERSATIONS_PER_SEC: u64 = RECONCILE_SERVED_PER_SEC.saturating_mul(ONE_CONVERSATION);

/// The node's conversations.
#[derive(Debug)]
pub(crate) struct Conversations {
    /// When the next conversation begins; `None` until a peer is there.
    pub(super) next_at: Option<Time>,
    /// Peers that we dialled and with which we have not compared yet.
    pub(super) fresh: VecDeque<PeerHandle>,
    /// The conversation that we began.
    pub(super) begun: Option<Box<Begun>>,
    /// The conversations that we answer, by peer. Boxed, because a map has room for eleven as soon as there is one.
    pub(super) served: BTreeMap<PeerHandle, Box<Served>>,
    /// The lists that peers make for us.
    pub(super) lists: Lists,
    /// Conversations that may be answered, in millionths.
    allowance: Budget<Fixed<CONVERSATIONS_PER_SEC, CONVERSATIONS_PER_SEC>>,
    /// How many differences conversations lately found on average, in eighths.
    usual: u32,
}

#[derive(Debug)]
pub(super) struct Begun {
    pub(super) peer: PeerHandle,
    pub(super) number: u32,
    /// In the encoder's order.
    pub(super) ids: Vec<ShortId>,
    pub(super) encoder: Encoder,
    pub(super) sent: usize,
    /// When the peer must have answered, and when all must be over.
    pub(super) deadline: Time,
    pub(super) until: Time,
}

/// What an initiator asks for.
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
    pub(super) ids: Vec<ShortId>,
    pub(super) decoder: Decoder,
    /// When the peer last spoke, when it must have spoken again, and when all must be over.
    pub(super) heard_at: Time,
    pub(super) deadline: Time,
    pub(super) until: Time,
}

impl Default for Conversations {
    fn default() -> Self {
        Self {
            next_at: None,
            fresh: VecDeque::new(),
            begun: None,
            served: BTreeMap::new(),
            lists: Lists::default(),
            allowance: Budget::saving(),
            usual: 0,
        }
    }
}

impl Conversations {
    /// The memory of a conversation about a full mempool: 8 bytes for each id and 18 for it in the sketch, and for
    /// each symbol its own 16, the 16 that are left of the peer's, and 32 for an item that it shows.
    pub(crate) const CONVERSATION_BYTES: usize = MEMPOOL_ENTRIES_MAX * 26 + SYMBOLS_MAX * 64;

    /// When something is to be done next.
    pub(crate) fn next_deadline(&self) -> Option<Time> {
        let begun = self.begun.as_ref().map(|begun| begun.deadline);
        let listing = self.lists.next_deadline();
        let served = self.served.values().map(|served| served.deadline).min();
        let next = self.next_at.filter(|_| begun.is_none());
        [next, begun, listing, served].into_iter().flatten().min()
    }

    /// Conversations begun, answered, and lists.
    pub(crate) fn len(&self) -> (usize, usize, usize) {
        (usize::from(self.begun.is_some()), self.served.len(), self.lists.len())
    }

    /// Whether one more conversation may be answered. The peer had `lately` answers above its pace, and must leave
    /// that number of answers to others.
    pub(super) fn allow(&mut self, now: Time, lately: u64) -> bool {
        let left = lately.min(RECONCILE_SERVED_PER_SEC.saturating_sub(1)).saturating_mul(ONE_CONVERSATION);
        let allowed = self.allowance.has(now, ONE_CONVERSATION.saturating_add(left)) && self.has_place(now);
        if allowed {
            self.allowance.spend(now, ONE_CONVERSATION);
        }
        allowed
    }

    /// Removes the conversation whose peer has been silent for longest, if no place is free.
    pub(super) fn make_place(&mut self) -> Option<(PeerHandle, Box<Served>)> {
        let full = self.served.len() >= RECONCILE_SERVED_MAX;
        let longest = self.served.iter().filter(|_| full).min_by_key(|(_, served)| served.heard_at);
        let peer = *longest?.0;
        self.served.remove_entry(&peer)
    }

    fn has_place(&self, now: Time) -> bool {
        let is_silent = |served: &Served| now.since(served.heard_at) >= RECONCILE_SILENT;
        self.served.len() < RECONCILE_SERVED_MAX || self.served.values().any(|served| is_silent(served))
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

impl Gossip {
    /// From half an interval to one and a half, so that nodes that start together don't open conversations
    /// together. The interval grows with the mempool, so that the work of comparing does not
    /// ([`RECONCILE_ITEMS_MAX`]).
    pub(super) fn pause(&mut self) -> Duration {
        let intervals = self.mempool.len().div_ceil(RECONCILE_ITEMS_MAX).max(1);
        let interval = self.config.reconciliation.interval.times(intervals as u64);
        let part = u64::from(self.chance.next_u32() & 0x3ff);
        Duration::from_micros((interval.as_micros() / 2).saturating_add(interval.as_micros() / 1_024 * part))
    }

    /// If nothing is relayed, sketches need not wait for relay.
    pub(super) fn age_min(&self) -> Duration {
        if self.relay.tells() { RECONCILE_AGE_MIN } else { Duration::ZERO }
    }

    /// What takes part in a comparison, in the encoder's order, and its sketch.
    pub(super) fn compared(&self, now: Time, salt: [u8; 16]) -> Option<(Vec<ShortId>, Encoder)> {
        let mut ids = Vec::with_capacity(self.mempool.len());
        let settled = self.mempool.settled(now, self.age_min()).map(|item| item.id());
        let encoder = Encoder::new(salt, settled.inspect(|id| ids.push(id.short())));
        Some((ids, encoder.ok()?))
    }
}
