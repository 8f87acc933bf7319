//! What one peer asked for and has not been sent, and how much may still be sent when it asks. `serve` decides
//! when something is sent.

use alloc::collections::VecDeque;

use super::sent::Sent;
use crate::gossip::links::budget::Budget;
use crate::gossip::links::credit::Credit;
use crate::items::hash::{BlockId, ShortId};
use crate::limits::{
    BODY_COST_BYTES, REPEAT_BURST_BYTES, REPEAT_BYTES_PER_SEC, SENT_MAX, UPLOAD_BURST_BYTES, UPLOAD_BYTES_PER_SEC,
};
use crate::seeded::SeededState;
use crate::time::Time;
use crate::wire::message::{Lane, TxRef};

/// What one peer is owed.
#[derive(Debug)]
pub(crate) struct Debts {
    /// Replies that wait for credit on the control lane.
    owed: VecDeque<Owed>,
    /// Large bodies that wait for the bulk lane. They are kept apart, so that small bodies need not wait behind
    /// them.
    bulk: VecDeque<Owed>,
    /// The bulk credit that the first large body needs. Its length isn't measured again before there is enough.
    bulk_wanted: usize,
    /// How much may still be sent because the peer asks, how much of this may be sent a second time, and what was
    /// sent.
    upload: Budget,
    repeats: Budget,
    sent: Sent,
    /// Blocks that are now being loaded for it.
    loading: usize,
}

/// A reply that waits for credit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Owed {
    Transaction(TxRef),
    Block(BlockId),
}

impl Owed {
    pub(super) const fn short(&self) -> ShortId {
        match self {
            Self::Transaction(wanted) => wanted.short(),
            Self::Block(id) => id.short(),
        }
    }
}

impl Debts {
    pub(crate) fn new(now: Time, hasher: SeededState) -> Self {
        Self {
            owed: VecDeque::new(),
            bulk: VecDeque::new(),
            bulk_wanted: 0,
            upload: Budget::new(now, UPLOAD_BYTES_PER_SEC, UPLOAD_BURST_BYTES),
            repeats: Budget::new(now, REPEAT_BYTES_PER_SEC, REPEAT_BURST_BYTES),
            sent: Sent::new(hasher, SENT_MAX),
            loading: 0,
        }
    }

    /// The peer asked for these. Returns how many replies wait now. Blocks that are being loaded count, because
    /// each may have to wait again.
    pub(super) fn owe(&mut self, items: impl Iterator<Item = Owed>) -> usize {
        self.owed.extend(items);
        self.owed.len().saturating_add(self.bulk.len()).saturating_add(self.loading)
    }

    /// The first reply that waits.
    pub(super) fn first(&self) -> Option<&Owed> {
        self.owed.front()
    }

    pub(super) fn pop(&mut self) {
        self.owed.pop_front();
    }

    /// The first large body that waits for the bulk lane.
    pub(super) fn first_bulk(&self) -> Option<&Owed> {
        self.bulk.front()
    }

    pub(super) fn pop_bulk(&mut self) {
        self.bulk.pop_front();
        self.bulk_wanted = 0;
    }

    /// The first large body needs this much credit.
    pub(super) const fn want_bulk(&mut self, bytes: usize) {
        self.bulk_wanted = bytes;
    }

    /// Makes a large body wait for the bulk lane. With `fresh`, it goes before all others.
    pub(super) fn put_off(&mut self, owed: Owed, fresh: bool) {
        if fresh {
            self.put_back(owed, 0);
        } else {
            self.bulk.push_back(owed);
        }
    }

    /// Makes a large body the first that waits, until there is this much credit.
    pub(crate) fn put_back(&mut self, owed: Owed, wanted: usize) {
        self.bulk.push_front(owed);
        self.bulk_wanted = wanted;
    }

    /// The load of a block for this peer begins, or has ended.
    pub(crate) const fn begin_load(&mut self) {
        self.loading = self.loading.saturating_add(1);
    }

    pub(crate) const fn end_load(&mut self) {
        self.loading = self.loading.saturating_sub(1);
    }

    /// Blocks that are now being loaded for it.
    pub(crate) const fn loading(&self) -> usize {
        self.loading
    }

    /// Whether replies wait for the control lane.
    pub(crate) fn waits(&self) -> bool {
        !self.owed.is_empty()
    }

    /// Whether large bodies wait for the bulk lane.
    pub(crate) fn waits_for_bulk(&self) -> bool {
        !self.bulk.is_empty()
    }

    /// Whether a large body waits and the credit that it needs is there.
    pub(crate) fn can_serve_bulk(&self, credit: &Credit) -> bool {
        !self.bulk.is_empty() && credit.fits_body(Lane::Bulk, self.bulk_wanted)
    }

    /// Whether the upload budget allows more.
    pub(crate) fn is_within(&mut self, now: Time) -> bool {
        self.upload.is_within(now)
    }

    /// When more of what it waits for may be sent.
    pub(crate) fn within_at(&self) -> Option<Time> {
        (self.waits() || self.waits_for_bulk()).then(|| self.upload.within_at()).flatten()
    }

    /// Whether this body was sent to the peer lately, and may not be sent again yet.
    pub(super) fn had_enough_of(&mut self, now: Time, id: ShortId) -> bool {
        self.sent.contains(id) && !self.repeats.is_within(now)
    }

    /// A body that it asked for is sent to it. Blocks and large transactions are `remembered`.
    pub(crate) fn note_sent(&mut self, now: Time, id: ShortId, bytes: usize, remembered: bool) {
        self.upload.spend(now, (bytes as u64).saturating_add(BODY_COST_BYTES));
        if self.sent.contains(id) {
            self.repeats.spend(now, bytes as u64);
        } else if remembered {
            self.sent.insert(id);
        }
    }

    /// Replies that wait, large bodies that wait, and bodies that are remembered as sent.
    pub(crate) fn len(&self) -> (usize, usize, usize) {
        (self.owed.len(), self.bulk.len(), self.sent.len())
    }
}
