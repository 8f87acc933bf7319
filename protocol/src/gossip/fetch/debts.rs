//! What one peer asked for and has not been sent, and how much may still be sent when it asks. `serve` decides
//! when something is sent.

use alloc::boxed::Box;
use alloc::collections::VecDeque;

use super::sent::Sent;
use crate::gossip::links::budget::{Budget, Fixed};
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
    /// How much may still be sent because the peer asks.
    upload: Budget<Fixed<UPLOAD_BYTES_PER_SEC, UPLOAD_BURST_BYTES>>,
    /// What concerns large bodies. `None` until the peer asks for one.
    large: Option<Box<Large>>,
}

/// What one peer is owed of blocks and large transactions.
#[derive(Debug)]
struct Large {
    /// Large bodies that wait for the bulk lane. They are kept apart, so that small bodies need not wait behind
    /// them.
    bulk: VecDeque<Owed>,
    /// The bulk credit that the first large body needs. Its length isn't measured again before there is enough.
    wanted: usize,
    /// How much may be sent a second time, and what was sent.
    repeats: Budget<Fixed<REPEAT_BYTES_PER_SEC, REPEAT_BURST_BYTES>>,
    sent: Option<Sent>,
    /// Blocks that are now being loaded for it.
    loading: usize,
}

/// A reply that waits for credit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Owed {
    Transaction(TxRef),
    Block(BlockId),
}

impl Default for Large {
    fn default() -> Self {
        // It was full when time began, and nothing was spent since.
        let repeats = Budget::full(Time::ZERO);
        Self { bulk: VecDeque::new(), wanted: 0, repeats, sent: None, loading: 0 }
    }
}

impl Owed {
    pub(super) const fn short(&self) -> ShortId {
        match self {
            Self::Transaction(wanted) => wanted.short(),
            Self::Block(id) => id.short(),
        }
    }
}

impl Large {
    fn has_sent(&self, id: ShortId) -> bool {
        self.sent.as_ref().is_some_and(|sent| sent.contains(id))
    }
}

impl Debts {
    pub(crate) fn new(now: Time) -> Self {
        Self { owed: VecDeque::new(), upload: Budget::full(now), large: None }
    }

    /// The peer asked for these. Returns how many replies wait now. Blocks that are being loaded count, because
    /// each may have to wait again.
    pub(super) fn owe(&mut self, items: impl Iterator<Item = Owed>) -> usize {
        self.owed.extend(items);
        self.owed.len().saturating_add(self.bulk_len()).saturating_add(self.loading())
    }

    /// The first reply that waits.
    pub(super) fn first(&self) -> Option<&Owed> {
        self.owed.front()
    }

    pub(super) fn pop(&mut self) {
        self.owed.pop_front();
        if self.owed.is_empty() {
            self.owed = VecDeque::new();
        }
    }

    /// The first large body that waits for the bulk lane.
    pub(super) fn first_bulk(&self) -> Option<&Owed> {
        self.large.as_ref()?.bulk.front()
    }

    pub(super) fn pop_bulk(&mut self) {
        if let Some(large) = &mut self.large {
            large.bulk.pop_front();
            large.wanted = 0;
        }
    }

    /// The first large body needs this much credit.
    pub(super) fn want_bulk(&mut self, bytes: usize) {
        self.large().wanted = bytes;
    }

    /// Makes a large body wait for the bulk lane. With `fresh`, it goes before all others.
    pub(super) fn put_off(&mut self, owed: Owed, fresh: bool) {
        if fresh {
            self.put_back(owed, 0);
        } else {
            self.large().bulk.push_back(owed);
        }
    }

    /// Makes a large body the first that waits, until there is this much credit.
    pub(crate) fn put_back(&mut self, owed: Owed, wanted: usize) {
        let large = self.large();
        large.bulk.push_front(owed);
        large.wanted = wanted;
    }

    /// The load of a block for this peer begins, or has ended.
    pub(crate) fn begin_load(&mut self) {
        let large = self.large();
        large.loading = large.loading.saturating_add(1);
    }

    pub(crate) fn end_load(&mut self) {
        let large = self.large();
        large.loading = large.loading.saturating_sub(1);
    }

    /// Blocks that are now being loaded for it.
    pub(crate) fn loading(&self) -> usize {
        self.large.as_ref().map_or(0, |large| large.loading)
    }

    /// Whether replies wait for the control lane.
    pub(crate) fn waits(&self) -> bool {
        !self.owed.is_empty()
    }

    /// Whether large bodies wait for the bulk lane.
    pub(crate) fn waits_for_bulk(&self) -> bool {
        self.bulk_len() > 0
    }

    /// Whether a large body waits and the credit that it needs is there.
    pub(crate) fn can_serve_bulk(&self, credit: &Credit) -> bool {
        let fits = |large: &Large| !large.bulk.is_empty() && credit.fits_body(Lane::Bulk, large.wanted);
        self.large.as_deref().is_some_and(fits)
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
        let Some(large) = &mut self.large else { return false };
        large.has_sent(id) && !large.repeats.is_within(now)
    }

    /// A body that it asked for is sent to it. Blocks and large transactions are `remembered`.
    pub(crate) fn note_sent(
        &mut self,
        now: Time,
        id: ShortId,
        bytes: usize,
        remembered: bool,
        hasher: &SeededState,
    ) {
        self.upload.spend(now, (bytes as u64).saturating_add(BODY_COST_BYTES));
        match self.large.as_deref_mut().filter(|large| large.has_sent(id)) {
            Some(large) => large.repeats.spend(now, bytes as u64),
            None if remembered => {
                let sent = &mut self.large().sent;
                sent.get_or_insert_with(|| Sent::new(hasher.clone(), SENT_MAX)).insert(id);
            }
            None => {}
        }
    }

    /// Replies that wait, large bodies that wait, and bodies that are remembered as sent.
    pub(crate) fn len(&self) -> (usize, usize, usize) {
        let sent = self.large.as_ref().and_then(|large| large.sent.as_ref()).map_or(0, Sent::len);
        (self.owed.len(), self.bulk_len(), sent)
    }

    fn bulk_len(&self) -> usize {
        self.large.as_ref().map_or(0, |large| large.bulk.len())
    }

    fn large(&mut self) -> &mut Large {
        self.large.get_or_insert_default()
    }
}
