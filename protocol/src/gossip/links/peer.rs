//! What one peer knows, what may be queued for it, and what it is owed. Every structure here is bounded, and none
//! looks at another peer.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::announce::AnnounceQueue;
use super::budget::{Budget, Fixed};
use super::credit::Credit;
use super::dealings::Dealings;
use super::steadiness::Steadiness;
use crate::gossip::api::{AddressGroup, Direction};
use crate::gossip::fetch::debts::Debts;
use crate::gossip::inventory::LinkSlot;
use crate::gossip::sync::their_chain::TheirChain;
use crate::items::block::SignedHeader;
use crate::items::hash::RouteId;
use crate::items::transaction::Height;
use crate::limits::{
    ANNOUNCE_ROOM_BYTES, CHECK_BYTES_PER_PEER_MAX, CHECKS_PER_PEER_MAX, FLOOD_BURST_BYTES, FLOOD_BYTES_PER_SEC,
    HEADER_QUEUE_MAX, HELLO_TIMEOUT, INBOUND_BURST_BYTES, INBOUND_BYTES_PER_SEC, PRUNE_WINDOW, REQUEST_ROOM_BYTES,
    ROUTES_ENTRIES_MAX, VERIFIED_FIRST,
};
use crate::time::Time;

/// The state of one peer.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) direction: Direction,
    /// What stands for its link in the inventory.
    pub(crate) link: LinkSlot,
    /// Whether its Hello came and fits ours.
    pub(crate) ready: bool,
    /// Whether the membership machine found it dead.
    pub(crate) absent: bool,
    /// When a missing Hello ends the connection.
    pub(crate) hello_deadline: Time,
    pub(crate) credit: Credit,
    pub(crate) budget: Budget<Fixed<INBOUND_BYTES_PER_SEC, INBOUND_BURST_BYTES>>,
    /// How much it may make us push on routes that we don't know.
    pub(crate) flood: Budget<Fixed<FLOOD_BYTES_PER_SEC, FLOOD_BURST_BYTES>>,
    /// What is known of routes and blocks. `None` until there is something.
    seldom: Option<Box<Seldom>>,
    /// Transactions to announce.
    pub(crate) announcements: AnnounceQueue,
    /// What it asked for and hasn't got.
    pub(crate) debts: Debts,
    /// Whether headers are being loaded for it.
    pub(crate) loading_headers: bool,
    /// Its items in verification, and their bytes.
    pub(crate) checks: u32,
    pub(crate) check_bytes: u32,
    /// Whether the driver reads from it.
    pub(crate) reading: bool,
    /// What it tells of its chain, and when to ask it for more.
    pub(crate) chain: TheirChain,
    /// Whether it said goodbye.
    pub(crate) said_goodbye: bool,
    /// What was offered lately, in both directions.
    pub(crate) dealings: Dealings,
    /// Bodies that it was the first to deliver, and how many of these end its trial.
    pub(crate) delivered: u64,
    pub(crate) trial: u64,
    /// Where it is.
    pub(crate) group: Option<AddressGroup>,
    /// When it was last the first to deliver a transaction, and a block.
    pub(crate) first_transaction: Option<Time>,
    pub(crate) first_block: Option<Time>,
    /// Whether something was sent to it since the last flush, so that announcements can go along with it.
    pub(crate) spoken_to: bool,
    /// The last message to it on the control lane, if that was a push.
    pub(crate) last_push: Option<LastPush>,
}

/// What a peer has on some relay policies and on networks with blocks, and not on others.
#[derive(Debug, Default)]
struct Seldom {
    /// How steady its announcements are.
    steadiness: Steadiness,
    /// Routes on which it should stop pushing, and on which it should push again.
    prunes: Vec<RouteId>,
    grafts: Vec<RouteId>,
    /// When the prunes leave, if no frame takes them along before.
    prunes_due: Time,
    /// Blocks to announce, waiting for credit.
    headers: VecDeque<SignedHeader>,
}

/// A push among the outputs that were not drained yet. Another body may be added to it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LastPush {
    /// The number of the call in which it was sent.
    pub(crate) call: u64,
    /// Its place among the outputs of this call.
    pub(crate) place: u32,
    /// Its length in bytes.
    pub(crate) bytes: u32,
}

impl Peer {
    pub(crate) fn new(now: Time, direction: Direction, group: Option<AddressGroup>, link: LinkSlot) -> Self {
        Self {
            direction,
            link,
            ready: false,
            absent: false,
            hello_deadline: now + HELLO_TIMEOUT,
            credit: Credit::default(),
            budget: Budget::full(now),
            flood: Budget::full(now),
            seldom: None,
            announcements: AnnounceQueue::default(),
            debts: Debts::new(now),
            loading_headers: false,
            checks: 0,
            check_bytes: 0,
            reading: true,
            chain: TheirChain::default(),
            said_goodbye: false,
            dealings: Dealings::default(),
            delivered: 0,
            trial: VERIFIED_FIRST,
            group,
            first_transaction: None,
            first_block: None,
            spoken_to: false,
            last_push: None,
        }
    }

    /// Reads a few fields, so that all of this struct is in the processor's cache.
    #[cfg(feature = "simulator")]
    pub(crate) fn foresee(&self) -> u64 {
        let counts = [self.announcements.len(), self.debts.len().0, self.checks as usize];
        counts.iter().fold(self.delivered, |sum, count| sum.wrapping_add(*count as u64))
            ^ u64::from(self.can_announce())
            ^ u64::from(self.budget.within_at().is_some())
    }

    /// Whether its items must not be checked together with those of other links: it has not delivered enough good
    /// ones.
    pub(crate) const fn is_on_trial(&self) -> bool {
        self.delivered < self.trial
    }

    /// Whether a batch of announcements could be sent now.
    pub(crate) fn can_announce(&self) -> bool {
        self.ready && self.announcements.due().is_some() && self.credit.fits_control(ANNOUNCE_ROOM_BYTES)
    }

    /// Whether prunes could be sent now.
    pub(crate) fn can_prune(&self) -> bool {
        self.prunes() > 0 && self.credit.fits_control(REQUEST_ROOM_BYTES)
    }

    /// Whether anything waits to be sent or decided.
    pub(crate) fn has_work(&self) -> bool {
        self.can_announce() || self.can_prune() || self.waits()
    }

    /// Whether something waits for more than a deadline, so that the peer must be looked at after each input.
    pub(crate) fn waits(&self) -> bool {
        let over = self.checks as usize >= CHECKS_PER_PEER_MAX
            || self.check_bytes as usize >= CHECK_BYTES_PER_PEER_MAX
            || self.budget.within_at().is_some();
        self.debts.waits()
            || self.debts.can_serve_bulk(&self.credit)
            || self.seldom.as_ref().is_some_and(|seldom| !seldom.headers.is_empty() || !seldom.grafts.is_empty())
            || self.spoken_to
            || over
            || !self.reading
    }

    /// When the peer has to be looked at if no input touches it before.
    pub(crate) fn deadline(&self) -> Option<Time> {
        let hello = (!self.ready).then_some(self.hello_deadline);
        let announce = self.can_announce().then(|| self.announcements.due()).flatten();
        let budget = self.budget.within_at();
        let prunes = self.can_prune().then(|| self.prunes_due());
        let headers = self.may_be_asked().then(|| self.chain.ask_again_at()).flatten();
        let upload = self.debts.within_at();
        let sending = Time::earlier(Time::earlier(announce, prunes), upload);
        Time::earlier(sending, Time::earlier(budget, Time::earlier(hello, headers)))
    }

    /// Queues a block's announcement. If there are too many, the oldest is dropped.
    pub(crate) fn announce_header(&mut self, header: SignedHeader) {
        let headers = &mut self.seldom().headers;
        headers.push_back(header);
        if headers.len() > HEADER_QUEUE_MAX {
            headers.pop_front();
        }
    }

    /// The next block to announce.
    pub(crate) fn next_header(&mut self) -> Option<SignedHeader> {
        self.seldom.as_mut()?.headers.pop_front()
    }

    /// Blocks to announce, waiting for credit.
    pub(crate) fn headers(&self) -> usize {
        self.seldom.as_ref().map_or(0, |seldom| seldom.headers.len())
    }

    /// Whether it should have the body of a block at this height.
    pub(crate) fn has_body_at(&self, now: Time, height: Height) -> bool {
        self.ready && self.chain.has_body_at(now, height)
    }

    /// Whether headers are wanted of this peer and could be asked for now. Only the time since the last request
    /// may still forbid it.
    pub(crate) fn may_be_asked(&self) -> bool {
        self.ready && self.chain.is_wanted() && self.credit.fits_control(REQUEST_ROOM_BYTES)
    }

    /// Queues a prune. It goes along with the next frame. If none leaves, it leaves after [`PRUNE_WINDOW`], or at
    /// once if the peer pushes in vain again. A prune is advice: if there are too many, the newest is left out,
    /// and comes again with the next duplicate.
    pub(crate) fn prune(&mut self, now: Time, route: RouteId) {
        let seldom = self.seldom();
        if seldom.prunes.contains(&route) {
            seldom.prunes_due = now;
            return;
        }
        if seldom.prunes.is_empty() {
            seldom.prunes_due = now + PRUNE_WINDOW;
        }
        advise(&mut seldom.prunes, route);
    }

    /// Queues a prune that doesn't wait.
    pub(crate) fn prune_now(&mut self, now: Time, route: RouteId) {
        self.prune(now, route);
        self.seldom().prunes_due = now;
    }

    /// Queues a graft. If there is no room, it is left out, and comes again with the next announcement.
    pub(crate) fn graft(&mut self, route: RouteId) {
        advise(&mut self.seldom().grafts, route);
    }

    /// How many prunes and grafts wait.
    pub(crate) fn prunes(&self) -> usize {
        self.seldom.as_ref().map_or(0, |seldom| seldom.prunes.len())
    }

    pub(crate) fn grafts(&self) -> usize {
        self.seldom.as_ref().map_or(0, |seldom| seldom.grafts.len())
    }

    /// When the prunes leave. Means nothing while none waits.
    pub(crate) fn prunes_due(&self) -> Time {
        self.seldom.as_ref().map_or(Time::ZERO, |seldom| seldom.prunes_due)
    }

    pub(crate) fn take_prunes(&mut self) -> Vec<RouteId> {
        self.seldom.as_mut().map(|seldom| core::mem::take(&mut seldom.prunes)).unwrap_or_default()
    }

    pub(crate) fn take_grafts(&mut self) -> Vec<RouteId> {
        self.seldom.as_mut().map(|seldom| core::mem::take(&mut seldom.grafts)).unwrap_or_default()
    }

    /// How steady its announcements are.
    pub(crate) fn steadiness(&self) -> Steadiness {
        self.seldom.as_ref().map_or_else(Steadiness::default, |seldom| seldom.steadiness)
    }

    /// The same, to note another one.
    pub(crate) fn steadiness_mut(&mut self) -> &mut Steadiness {
        &mut self.seldom().steadiness
    }

    fn seldom(&mut self) -> &mut Seldom {
        self.seldom.get_or_insert_default()
    }
}

fn advise(routes: &mut Vec<RouteId>, route: RouteId) {
    if routes.len() < ROUTES_ENTRIES_MAX && !routes.contains(&route) {
        routes.push(route);
    }
}
