//! What one peer knows, may queue, and is owed. Every structure here is bounded; none looks at another peer.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::announce::AnnounceQueue;
use super::budget::Budget;
use super::credit::Credit;
use super::dealings::Dealings;
use super::known::KnownSet;
use super::steadiness::Steadiness;
use crate::gossip::api::Direction;
use crate::items::block::SignedHeader;
use crate::items::hash::{BlockId, RouteId, ShortId};
use crate::items::keys::PublicKey;
use crate::items::refusal::Refusal;
use crate::items::transaction::Height;
use crate::limits::{
    ANNOUNCE_ROOM_BYTES, BODY_COST_BYTES, CATCH_UP_INTERVAL_MAX, CHECK_BYTES_PER_PEER_MAX, CHECKS_PER_PEER_MAX,
    FLOOD_BURST_BYTES, FLOOD_BYTES_PER_SEC, GETHEADERS_INTERVAL, HEADER_QUEUE_MAX, HELLO_TIMEOUT,
    INBOUND_BURST_BYTES, INBOUND_BYTES_PER_SEC, KEPT_DEPTH_MIN, KNOWN_MAX, PRUNE_WINDOW, REPEAT_BURST_BYTES,
    REPEAT_BYTES_PER_SEC, REQUEST_ROOM_BYTES, ROUTES_ENTRIES_MAX, SENT_MAX, UPLOAD_BURST_BYTES,
    UPLOAD_BYTES_PER_SEC,
};
use crate::seeded::SeededState;
use crate::time::{Duration, Time};
use crate::wire::message::{Lane, Tip, TxRef};

/// The state of one peer.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) direction: Direction,
    /// Whether its Hello came and fits.
    pub(crate) ready: bool,
    /// When a missing Hello ends the connection.
    pub(crate) hello_deadline: Time,
    /// The highest tip it told.
    pub(crate) tip: Option<Tip>,
    /// The lowest height from which on it says to keep bodies.
    pub(crate) kept_from: Height,
    /// It had no body for this height, far below its tip; lower ones are not asked of it until then.
    pub(crate) lacked: Option<(Height, Time)>,
    /// What was refused of the branch that it is on.
    pub(crate) refused: Option<RefusedBranch>,
    pub(crate) known: KnownSet,
    pub(crate) credit: Credit,
    pub(crate) budget: Budget,
    /// What it may have us push on routes that we don't know.
    pub(crate) flood: Budget,
    /// How steady its announcements are.
    pub(crate) steadiness: Steadiness,
    /// Routes on which it is to push no more, and to push again.
    pub(crate) prunes: Vec<RouteId>,
    pub(crate) grafts: Vec<RouteId>,
    /// When the prunes leave, if nothing takes them along before.
    pub(crate) prunes_due: Time,
    /// Transactions to announce.
    pub(crate) announcements: AnnounceQueue,
    /// Blocks to announce, waiting for credit.
    pub(crate) headers: VecDeque<SignedHeader>,
    /// What it asked for and hasn't got, waiting for credit.
    pub(crate) owed: VecDeque<Owed>,
    /// Of these, large bodies that wait for the bulk lane, so that small ones needn't wait behind them.
    pub(crate) owed_bulk: VecDeque<Owed>,
    /// What may still be sent for its asking, what of that once more, and what was sent.
    pub(crate) upload: Budget,
    repeats: Budget,
    sent: KnownSet,
    /// Bulk credit that the first of these wants, so that it isn't measured again before there is enough.
    pub(crate) bulk_wanted: usize,
    /// Blocks that are being loaded for it, and whether headers are.
    pub(crate) loading: usize,
    pub(crate) loading_headers: bool,
    /// Items of its in verification, and their bytes.
    pub(crate) checks: usize,
    pub(crate) check_bytes: usize,
    /// Whether the driver reads from it.
    pub(crate) reading: bool,
    /// When it was last asked for headers, and how long it is not asked again.
    pub(crate) asked_headers: Option<Time>,
    headers_pause: Duration,
    /// What was known when it was asked: the best header, and the last header of its branch.
    asked_knowing: Option<(BlockId, Option<BlockId>)>,
    /// Whether its last answer was as long as an answer may be, so that more follows.
    pub(crate) answered_in_full: bool,
    /// Whether it said goodbye.
    pub(crate) said_goodbye: bool,
    /// The last header that it told of the branch that it is on.
    pub(crate) way: Option<BlockId>,
    /// Whether it is to be asked for headers as soon as it may be.
    pub(crate) headers_wanted: bool,
    /// What was offered lately, both ways.
    pub(crate) dealings: Dealings,
    /// Bodies it was the first to deliver.
    pub(crate) delivered: u64,
    /// When it last was, with a transaction and with a block.
    pub(crate) first_transaction: Option<Time>,
    pub(crate) first_block: Option<Time>,
    /// Whether something was sent to it since the last flush, so that announcements can ride along.
    pub(crate) spoken_to: bool,
}

/// A reply that waits for credit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Owed {
    Transaction(TxRef),
    Block(BlockId),
}

impl Owed {
    pub(crate) const fn short(&self) -> ShortId {
        match self {
            Self::Transaction(wanted) => wanted.short(),
            Self::Block(id) => id.short(),
        }
    }
}

impl Peer {
    pub(crate) fn new(now: Time, direction: Direction, hasher: SeededState) -> Self {
        Self {
            direction,
            ready: false,
            hello_deadline: now + HELLO_TIMEOUT,
            tip: None,
            kept_from: 1,
            lacked: None,
            refused: None,
            known: KnownSet::new(hasher.clone(), KNOWN_MAX),
            credit: Credit::default(),
            budget: Budget::new(now, INBOUND_BYTES_PER_SEC, INBOUND_BURST_BYTES),
            flood: Budget::new(now, FLOOD_BYTES_PER_SEC, FLOOD_BURST_BYTES),
            steadiness: Steadiness::default(),
            prunes: Vec::new(),
            grafts: Vec::new(),
            prunes_due: Time::ZERO,
            announcements: AnnounceQueue::default(),
            headers: VecDeque::new(),
            owed: VecDeque::new(),
            owed_bulk: VecDeque::new(),
            upload: Budget::new(now, UPLOAD_BYTES_PER_SEC, UPLOAD_BURST_BYTES),
            repeats: Budget::new(now, REPEAT_BYTES_PER_SEC, REPEAT_BURST_BYTES),
            sent: KnownSet::new(hasher, SENT_MAX),
            bulk_wanted: 0,
            loading: 0,
            loading_headers: false,
            checks: 0,
            check_bytes: 0,
            reading: true,
            asked_headers: None,
            headers_pause: GETHEADERS_INTERVAL,
            asked_knowing: None,
            answered_in_full: false,
            said_goodbye: false,
            way: None,
            headers_wanted: false,
            dealings: Dealings::default(),
            delivered: 0,
            first_transaction: None,
            first_block: None,
            spoken_to: false,
        }
    }

    /// Reads a field here and there, so that all of this struct is at hand.
    #[cfg(feature = "simulator")]
    pub(crate) fn foresee(&self) -> u64 {
        let counts =
            [self.known.len(), self.announcements.len(), self.owed.len(), self.headers.len(), self.checks];
        counts.iter().fold(self.delivered, |sum, count| sum.wrapping_add(*count as u64))
            ^ u64::from(self.can_announce())
            ^ u64::from(self.budget.within_at().is_some())
    }

    /// Whether it should be sent or told of an item.
    pub(crate) fn lacks(&self, id: ShortId) -> bool {
        self.ready && !self.known.contains(id)
    }

    /// Whether a batch of announcements could be sent now.
    pub(crate) fn can_announce(&self) -> bool {
        self.ready && self.announcements.due().is_some() && self.credit.fits_control(ANNOUNCE_ROOM_BYTES)
    }

    /// Whether it waits for anything that it asked for.
    fn is_owed(&self) -> bool {
        !self.owed.is_empty() || !self.owed_bulk.is_empty()
    }

    /// Whether this was sent to it lately, and may not be sent once more yet.
    pub(crate) fn had_enough_of(&mut self, now: Time, id: ShortId) -> bool {
        self.sent.contains(id) && !self.repeats.is_within(now)
    }

    /// A body is sent to it for the asking. Blocks and large transactions are `remembered`.
    pub(crate) fn note_sent(&mut self, now: Time, id: ShortId, bytes: usize, remembered: bool) {
        self.known.insert(id);
        self.upload.spend(now, (bytes as u64).saturating_add(BODY_COST_BYTES));
        if self.sent.contains(id) {
            self.repeats.spend(now, bytes as u64);
        } else if remembered {
            self.sent.insert(id);
        }
    }

    /// How many bodies are remembered that were sent to it.
    pub(crate) fn sent(&self) -> usize {
        self.sent.len()
    }

    /// Whether a large body waits, and the credit that it wants is there.
    pub(crate) fn can_serve_bulk(&self) -> bool {
        !self.owed_bulk.is_empty() && self.credit.fits_body(Lane::Bulk, self.bulk_wanted)
    }

    /// Whether prunes could be sent now.
    pub(crate) fn can_prune(&self) -> bool {
        !self.prunes.is_empty() && self.credit.fits_control(REQUEST_ROOM_BYTES)
    }

    /// Whether anything waits to be sent or decided.
    pub(crate) fn has_work(&self) -> bool {
        self.can_announce() || self.can_prune() || self.waits()
    }

    /// Whether anything waits that time alone doesn't bring about.
    pub(crate) fn waits(&self) -> bool {
        let over = self.checks >= CHECKS_PER_PEER_MAX
            || self.check_bytes >= CHECK_BYTES_PER_PEER_MAX
            || self.budget.within_at().is_some();
        !self.owed.is_empty()
            || self.can_serve_bulk()
            || !self.headers.is_empty()
            || !self.grafts.is_empty()
            || self.spoken_to
            || over
            || !self.reading
    }

    /// When it wants to be looked at, should nothing else happen before.
    pub(crate) fn deadline(&self) -> Option<Time> {
        let hello = (!self.ready).then_some(self.hello_deadline);
        let announce = self.can_announce().then(|| self.announcements.due()).flatten();
        let budget = self.budget.within_at();
        let prunes = self.can_prune().then_some(self.prunes_due);
        let headers = self.may_be_asked().then_some(self.asked_headers).flatten();
        let headers = headers.map(|at| at + self.headers_pause);
        let upload = self.is_owed().then(|| self.upload.within_at()).flatten();
        [hello, announce, budget, prunes, headers, upload].into_iter().flatten().min()
    }

    /// Queues a block's announcement; of too many the oldest goes.
    pub(crate) fn announce_header(&mut self, header: SignedHeader) {
        self.headers.push_back(header);
        if self.headers.len() > HEADER_QUEUE_MAX {
            self.headers.pop_front();
        }
    }

    /// Whether it was asked for headers within [`GETHEADERS_INTERVAL`].
    pub(crate) fn asked_lately(&self, now: Time) -> bool {
        self.asked_within(now, GETHEADERS_INTERVAL)
    }

    /// Whether it was asked for headers a short while ago, and is not to be asked again yet.
    pub(crate) fn is_paused(&self, now: Time) -> bool {
        self.asked_within(now, self.headers_pause)
    }

    fn asked_within(&self, now: Time, span: Duration) -> bool {
        self.asked_headers.is_some_and(|at| at <= now && now.since(at) < span)
    }

    /// It is asked for headers now.
    pub(crate) fn ask_headers(&mut self, now: Time, best: BlockId) {
        self.asked_headers = Some(now);
        self.asked_knowing = Some((best, self.way));
    }

    /// Headers of it, up to this height, are new: it may be asked for more as often as any other.
    pub(crate) fn brought_headers(&mut self, up_to: Height) {
        self.headers_pause = GETHEADERS_INTERVAL;
        self.is_taken_up_to(up_to);
    }

    /// Its branch is taken up to a height: what was refused below does not stand in the way.
    pub(crate) fn is_taken_up_to(&mut self, height: Height) {
        self.refused = self.refused.take().filter(|refused| refused.height > height);
    }

    /// Its answer brought nothing, although it tells of more. If others brought the same meanwhile, or it led further along
    /// its branch, that was not in vain.
    pub(crate) fn brought_nothing(&mut self, best: BlockId) {
        self.headers_pause = match self.asked_knowing == Some((best, self.way)) {
            true => self.headers_pause.times(2).min(CATCH_UP_INTERVAL_MAX),
            false => GETHEADERS_INTERVAL,
        };
        self.headers_wanted = true;
    }

    /// All headers of its answer were refused, and would be again.
    pub(crate) fn brought_refused(&mut self) {
        self.headers_wanted = true;
        self.headers_pause = CATCH_UP_INTERVAL_MAX;
    }

    /// The lowest height whose body is worth asking it for.
    pub(crate) fn has_from(&self, now: Time) -> Height {
        let lacked = self.lacked.filter(|(_, until)| now < *until);
        self.kept_from.max(lacked.map_or(0, |(height, _)| height.saturating_add(1)))
    }

    /// The same by all that is known of it, however long ago.
    pub(crate) fn known_to_have_from(&self) -> Height {
        self.kept_from.max(self.lacked.map_or(0, |(height, _)| height.saturating_add(1)))
    }

    /// It sent the body of a block at this height.
    pub(crate) fn brought_body_at(&mut self, height: Height) {
        self.lacked = self.lacked.filter(|(lacked, _)| *lacked < height);
    }

    /// Whether it should have the body of a block at this height.
    pub(crate) fn has_body_at(&self, now: Time, height: Height) -> bool {
        self.ready && self.tip.is_some_and(|tip| tip.height >= height) && height >= self.has_from(now)
    }

    /// It lacks the block at this height. Far below its tip that says something of those before it.
    pub(crate) fn lacks_body_at(&mut self, now: Time, height: Height) {
        if self.tip.is_some_and(|tip| tip.height >= height.saturating_add(KEPT_DEPTH_MIN)) {
            let before = self.lacked.filter(|(_, until)| now < *until).map_or(0, |(height, _)| height);
            self.lacked = Some((before.max(height), now + CATCH_UP_INTERVAL_MAX));
        }
    }

    /// Whether headers are wanted of it, and only the time since it was last asked may stand against that.
    pub(crate) fn may_be_asked(&self) -> bool {
        self.ready && self.headers_wanted && self.credit.fits_control(REQUEST_ROOM_BYTES)
    }

    /// Queues a prune: it rides on the next frame, leaves after [`PRUNE_WINDOW`], or at once if the peer pushes in vain
    /// again. It is advice: of too many the newest is left out, and comes again with the next duplicate.
    pub(crate) fn prune(&mut self, now: Time, route: RouteId) {
        if self.prunes.contains(&route) {
            self.prunes_due = now;
            return;
        }
        if self.prunes.is_empty() {
            self.prunes_due = now + PRUNE_WINDOW;
        }
        advise(&mut self.prunes, route);
    }

    /// Queues a prune that doesn't wait.
    pub(crate) fn prune_now(&mut self, now: Time, route: RouteId) {
        self.prune(now, route);
        self.prunes_due = now;
    }

    /// Queues a graft; the same holds, with the next announcement.
    pub(crate) fn graft(&mut self, route: RouteId) {
        advise(&mut self.grafts, route);
    }

    /// Notes a tip that the peer told, if it is higher than the one before. That is news: it may have more headers now.
    pub(crate) fn told_tip(&mut self, tip: Tip) {
        if self.tip.is_none_or(|known| known.height < tip.height) {
            self.tip = Some(tip);
            // Higher blocks of a refused branch are as good as none.
            if self.refused.is_none() {
                self.headers_pause = GETHEADERS_INTERVAL;
            }
        }
    }
}

/// Headers of a peer's branch that were refused, so that nothing above them can be followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RefusedBranch {
    /// Who signed the first of the last ones, and its height.
    pub(crate) producer: PublicKey,
    pub(crate) height: Height,
    /// Why.
    pub(crate) refusal: Refusal,
    /// How many headers, since the peer last brought one that was taken.
    pub(crate) count: u64,
}

fn advise(routes: &mut Vec<RouteId>, route: RouteId) {
    if routes.len() < ROUTES_ENTRIES_MAX && !routes.contains(&route) {
        routes.push(route);
    }
}
