//! Author trees: along which links to push what, learned from who was first.
//!
//! Flooding finds the fastest way from where an item enters to every node, and the copies that came second show which
//! links were not on it. Items of one author nearly always enter at one node, so what one item taught serves the next.
//! (Plumtree, Leitão and others 2007, prunes one shared tree in this way; here each author has one of its own.)
//! Deliberately absent: bodies, credit, messages and signatures. The caller says what was verified, and from whom it came
//! first; this says to whom to push, and whom to prune and graft. What a link is known for on all routes is in `trust`.
//!
//! # Specification
//!
//! * **A route** is what items share that enter at one place: an author's ([`RouteId::of`]), or an entry node's own. Links
//!   are *eager* (pushed to) or *lazy* (announced to). On a route of transactions a link is eager until the peer prunes
//!   it; on one of blocks, which are large, it is lazy until the peer grafts it.
//! * **Learning.** The peer that brought a route's last item first is its *parent*; nobody, if it has left. Only
//!   verified first sights teach.
//! * **Pruning.** Who pushes what we have is pruned, if the redundancy is at its target. It had the item from somebody else,
//!   so it needs no push of ours either: the link is lazy from here as well.
//! * **Feeding.** On a route of blocks we are one peer's child at a time: of who promised the latest block first, or was asked
//!   for it. Whose child we were is pruned at once.
//!   *Rationale:* a second copy of a block costs much, and it is on its way long before the first has come.
//! * **Grafting.** An announcement tells since when the announcer has the item, so it tells when its push would have
//!   been here. If that is earlier than the parent's push by more than the slack, in [`LATE_ITEMS_MAX`] of the last
//!   [`LATE_ITEMS`] items, the announcer is grafted; the parent stays until its body is the second. The parent's lateness
//!   is judged for each announcer by its own word alone. One graft is out on a route at a time. It has won nothing if the
//!   announcer's copy is second, or if an item [`GRAFT_TRIAL`] later comes first from somebody else; then the announcer
//!   loses its credit on all routes, for longer each time (`trust`), and it is the turn of the next who would have been
//!   earlier: of several, the one that lost the fewest. When a parent leaves, the announcer that was closest behind it
//!   is grafted, if it has credit.
//!   *Rationale:* a claim can be checked by taking it at its word once. Were the pause the route's, one liar would keep a
//!   slow parent in its place.
//! * **Due pushes.** If an item comes by asking for it, a push of the route's parent was due. The parent is told
//!   nothing of the item for a while, so that its silence can be judged (`trust`). When peers of two address groups had
//!   the item, the link that brought it is kept as a *spare* from then on, for twice as long each time (from
//!   [`SPARE_MIN`] to [`DOUBT_MAX`]): its copies are not pruned, for one item of [`SPARE_SHARE`] at most over all
//!   routes. Beyond that the spare takes the parent's place. If the parent's push comes after all, nobody is kept; an
//!   announcement of the parent changes nothing.
//!   *Rationale:* a tree has one way to each node, and whoever pushes first is on it: without a second one it could
//!   leave out every second item, or announce it late, and each would have to be asked for, at every hop. With one
//!   announcer enough, anybody could get into the place of an honest parent.
//! * **Doubt.** What a doubted link brings is taken and told of at once, but teaches nothing while the route's parent
//!   is not doubted: the parent's copy is waited for before the item is pushed on, and is due as above. If another copy
//!   has not come by then, the doubted link is the parent, and who was told is sent the item. The first copy of a link
//!   that is not doubted takes the doubted one's place, which is pruned; with a spare only the spare's or a grafted
//!   link's. The times of such an item say nothing of anybody's lateness.
//!   *Rationale:* a tree that is learned from what a doubted link shows is not there for what it hides. Waited for
//!   without end, a parent that is silent would keep a route from being pushed on for as long as the doubt lasts.
//! * **Own routes.** What is submitted here of an author that is at home elsewhere, or of one that nobody knows yet, travels
//!   on a route of this node's own, named in each push. [`HOME_ITEMS_MOVED`] (or [`HOME_ITEMS_NEW`]) submissions in a row
//!   make this node the author's home, and the author's own route is used. Where that is unknown, it begins as a copy of the
//!   route on which the author's last item came: both enter at the same node.
//!   *Rationale:* on the author's route it would come to each node from an unusual side, the copies second to come would
//!   be those of the usual side, and their prunes would take the tree apart.
//! * **Forgetting.** Routes live in two LRU lists: those of which one item was seen, and the others. Losing one costs a
//!   flood.
//!
//! # Security
//!
//! A name is not signed. Whoever passes an item on can put it on another route; then it is pushed on budget where that is
//! unknown, and arrives by way of others where it leads elsewhere. A prune or graft changes the link that it came by and
//! no other. Who lies about the time since when it has an item is grafted, brings nothing, and loses its credit; when a
//! parent leaves, a liar with credit can be the one that is grafted, once, and one item of the route is asked for.
//!
//! A name is the same at every hop, so whoever sees it anywhere knows that its items entered at one node within
//! [`VIA_LIFETIME`]. It is not drawn anew at each hop, because that isn't free: two neighbours would call one route by two
//! names, so a copy from the second, a graft or a change of parent would meet an unknown route, which costs a flood, and
//! an announcement would have to say a name.

use alloc::vec::Vec;

use lru::LruCache;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng as _, SeedableRng as _};

use super::meter::Meter;
use super::policy::Redundancy;
use super::told::Told;
use super::trust::{Due, Overdue, Trust};
use crate::gossip::api::PeerHandle;
use crate::items::hash::{RouteId, RouteKind, ShortId};
use crate::limits::{
    DOUBT_MAX, GRAFT_TRIAL, GUESTS_MAX, HOME_ITEMS_MOVED, HOME_ITEMS_NEW, HOMES_MAX, LATE_ITEMS, LATE_ITEMS_MAX,
    ROUTES_NEW_MAX, ROUTES_SETTLED_MAX, SIGHTS_MAX, SPARE_BURST, SPARE_MIN, SPARE_SHARE, VIA_LIFETIME,
};
use crate::seeded::SeededState;
use crate::time::{Duration, Time};

/// All that a node knows of routes.
#[derive(Debug)]
pub(crate) struct Routes {
    new: LruCache<RouteId, Route, SeededState>,
    settled: LruCache<RouteId, Route, SeededState>,
    /// Transactions whose first sight is remembered, oldest first.
    sights: LruCache<ShortId, Sight, SeededState>,
    /// Submissions in a row of authors that are not at home here, by the author's route.
    visits: LruCache<RouteId, u8, SeededState>,
    /// The entry node's route on which an author's last item came, and how many in a row, by the author's own.
    guests: LruCache<RouteId, (RouteId, u8), SeededState>,
    own: Option<(RouteId, Time)>,
    chance: ChaCha8Rng,
    meter: Meter,
    /// What links that are kept beside a parent may still send in vain, in parts of [`SPARE_SHARE`].
    spare: u32,
    /// What links are known for.
    pub(crate) trust: Trust,
    /// Pushes that are due.
    pub(crate) overdue: Overdue,
    pub(crate) told: Told,
}

/// One route, as seen from here.
#[derive(Clone, Debug)]
struct Route {
    /// Whether links are eager but for the exceptions, or lazy but for them.
    eager: bool,
    /// Sorted. Peers that are gone are taken out.
    exceptions: Vec<PeerHandle>,
    parent: Parent,
    /// Whose announcements come closest behind the parent's push, and by how many microseconds.
    next_best: Option<(PeerHandle, i64)>,
    /// By announcer, sorted, for which of the last items it would have been earlier than the parent.
    claims: Vec<Claim>,
    /// First sights so far.
    items: u32,
    /// On a route of blocks, who sends the latest one or was asked for it: whom we are a child of.
    feeder: Option<PeerHandle>,
    /// Who was grafted, and when, and hasn't brought anything since.
    grafted: Option<(PeerHandle, Time)>,
    /// Who pushes beside a parent that may have left something out, and until when.
    spare: Option<(PeerHandle, Time)>,
    /// How long the next one is kept.
    spare_span: Duration,
}

/// Who brought a route's last item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Parent {
    /// It entered here.
    Here,
    Peer(PeerHandle),
    /// A peer that has left.
    Gone,
}

/// For which of a route's last items an announcer says that it would have been earlier than the parent.
#[derive(Clone, Copy, Debug)]
struct Claim {
    by: PeerHandle,
    /// A bit for each item, that with the number `newest` lowest.
    late: u8,
    newest: u32,
}

/// The first sight of a transaction.
#[derive(Clone, Copy, Debug)]
struct Sight {
    /// The route that it travelled on, and its author's.
    route: RouteId,
    author: RouteId,
    at: Time,
    from: Option<PeerHandle>,
    /// Whether the time tells something of the parent: no doubted link had a part in it.
    fair: bool,
    /// How many first sights the route had then.
    number: u32,
}

/// So many items in a row on one entry node's route show where an author is at home: all that come before the node
/// thinks so itself.
const GUEST_ITEMS: u8 = HOME_ITEMS_NEW - 1;

/// Entries of each memory of [`Routes`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fill {
    pub(crate) new: usize,
    pub(crate) settled: usize,
    /// Links that are not as the others of their route, over all routes.
    pub(crate) exceptions: usize,
    /// Announcers that would have been earlier than a parent, over all routes.
    pub(crate) claims: usize,
    /// Links with a record.
    pub(crate) records: usize,
    /// Pushes that are due and waited for.
    pub(crate) overdue: usize,
    /// Transactions of which peers were told in place of being sent them.
    pub(crate) told: usize,
    pub(crate) sights: usize,
    pub(crate) visits: usize,
    pub(crate) guests: usize,
}

/// The links of one route.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Links<'a> {
    route: Option<&'a Route>,
    default: bool,
}

impl Links<'_> {
    /// Whether to push to a peer.
    pub(crate) fn is_eager(&self, peer: PeerHandle) -> bool {
        self.route.map_or(self.default, |route| route.is_eager(peer))
    }
}

/// A verified item that was seen for the first time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct First {
    /// What kind of route.
    pub(crate) kind: RouteKind,
    /// The route that it travelled on.
    pub(crate) route: RouteId,
    /// Its author's route.
    pub(crate) author: RouteId,
    /// When its body came.
    pub(crate) at: Time,
    /// Who brought it; `None` if it was submitted here.
    pub(crate) from: Option<PeerHandle>,
    /// Whether it came unasked.
    pub(crate) pushed: bool,
    /// Whether a doubted link had brought it before.
    pub(crate) again: bool,
}

impl Routes {
    /// Knows nothing yet. All chance comes from `seed`.
    pub(crate) fn new(redundancy: Redundancy, hasher: &SeededState, seed: [u8; 32]) -> Self {
        Self {
            new: LruCache::unbounded_with_hasher(hasher.clone()),
            settled: LruCache::unbounded_with_hasher(hasher.clone()),
            sights: LruCache::unbounded_with_hasher(hasher.clone()),
            visits: LruCache::unbounded_with_hasher(hasher.clone()),
            guests: LruCache::unbounded_with_hasher(hasher.clone()),
            own: None,
            chance: ChaCha8Rng::from_seed(seed),
            meter: Meter::new(redundancy),
            spare: SPARE_BURST * SPARE_SHARE,
            trust: Trust::default(),
            overdue: Overdue::default(),
            told: Told::new(hasher.clone()),
        }
    }

    /// The route for what is submitted here: `None` for its author's.
    pub(crate) fn enter(&mut self, now: Time, author: RouteId) -> Option<RouteId> {
        let home = match self.peek(author) {
            Some(route) if route.parent == Parent::Here => return None,
            Some(_) => HOME_ITEMS_MOVED,
            None => HOME_ITEMS_NEW,
        };
        let visits = self.visits.get_or_insert_mut(author, || 0);
        *visits = visits.saturating_add(1);
        let at_home = *visits >= home;
        if at_home {
            self.visits.pop(&author);
        } else if self.visits.len() > HOMES_MAX {
            self.visits.pop_lru();
        }
        (!at_home).then(|| self.own(now))
    }

    /// An item came from `from` (or entered here) on its author's route. If that is unknown, and the last items came by the
    /// same link on an entry node's, it begins as a copy of that one.
    pub(crate) fn adopt(&mut self, author: RouteId, from: Option<PeerHandle>) {
        if self.peek(author).is_some() {
            return;
        }
        let Some((guest, items)) = self.guests.pop(&author) else { return };
        let parent = from.map_or(Parent::Here, Parent::Peer);
        let route = self.peek(guest).filter(|route| route.parent == parent && items >= GUEST_ITEMS).cloned();
        if let Some(route) = route {
            self.put_new(author, Route { claims: Vec::new(), grafted: None, spare: None, ..route });
        }
    }

    /// Whether a route is known, so that what is pushed on it goes along a tree.
    pub(crate) fn knows(&self, route: RouteId) -> bool {
        self.peek(route).is_some()
    }

    /// The links of a route, to be asked which are eager. Of an unknown route of transactions all are, of one of blocks
    /// none.
    pub(crate) fn links(&self, kind: RouteKind, route: RouteId) -> Links<'_> {
        Links { route: self.peek(route), default: kind == RouteKind::Transaction }
    }

    /// Whose child we are on a route of blocks.
    pub(crate) fn feeder(&self, route: RouteId) -> Option<PeerHandle> {
        self.peek(route).and_then(|route| route.feeder)
    }

    /// From now on we are the child of `from` on a route of blocks. Whose child we were, if it was another's.
    pub(crate) fn feed(&mut self, route: RouteId, from: PeerHandle) -> Option<PeerHandle> {
        if self.peek(route).is_none() {
            self.put_new(route, Route::new(RouteKind::Block));
        }
        let before = self.peek_mut(route)?.feeder.replace(from);
        before.filter(|before| *before != from)
    }

    /// By how many microseconds a push of `from`, who has had a transaction since `had`, would have been behind the first;
    /// negative if it had been first. `None` if that can't be told, or a doubted link had a part in it.
    pub(crate) fn behind(&self, from: PeerHandle, short: ShortId, had: Time) -> Option<i64> {
        let sight = self.sights.peek(&short).filter(|sight| sight.fair)?;
        let parent = sight.from?;
        (parent != from).then(|| had.as_micros().cast_signed().saturating_sub(sight.at.as_micros().cast_signed()))
    }

    /// Learns from a verified first sight.
    pub(crate) fn learn(&mut self, first: First) {
        let First { kind, route: id, author, from, .. } = first;
        self.meter.first();
        self.spare = self.spare.saturating_add(1).min(SPARE_BURST * SPARE_SHARE);
        if let Some(from) = from.filter(|_| first.pushed) {
            self.trust.first(from);
        }
        if from.is_some() && id == author {
            // It comes from elsewhere: what was submitted here was no row.
            self.visits.pop(&author);
        }
        if id != author {
            let guest = self.guests.get_or_insert_mut(author, || (id, 0));
            *guest = if guest.0 == id { (id, guest.1.saturating_add(1)) } else { (id, 1) };
            if self.guests.len() > GUESTS_MAX {
                self.guests.pop_lru();
            }
        }
        if let Some(mut known) = self.new.pop(&id) {
            known.see(first, &mut self.trust);
            self.settled.put(id, known);
            if self.settled.len() > ROUTES_SETTLED_MAX {
                self.settled.pop_lru();
            }
        } else if let Some(known) = self.settled.get_mut(&id) {
            known.see(first, &mut self.trust);
        } else {
            let mut route = Route::new(kind);
            route.see(first, &mut self.trust);
            self.put_new(id, route);
        }
    }

    /// Remembers a transaction's first sight for those who bring or announce it later. Call after [`Routes::learn`].
    pub(crate) fn remember(&mut self, short: ShortId, first: First) {
        let number = self.peek(first.route).map_or(0, |route| route.items);
        let First { route, author, at, from, again, .. } = first;
        let fair = !again && from.is_none_or(|from| !self.trust.is_doubted(at, from));
        self.sights.put(short, Sight { route, author, at, from, fair, number });
        if self.sights.len() > SIGHTS_MAX {
            self.sights.pop_lru();
        }
    }

    /// The route that a transaction travelled on, if its first sight is remembered.
    pub(crate) fn route_of(&self, short: ShortId) -> Option<RouteId> {
        self.sights.peek(&short).map(|sight| sight.route)
    }

    /// The entry node's route that a transaction travelled on, if it was not its author's.
    pub(crate) fn via_of(&self, short: ShortId) -> Option<RouteId> {
        self.sights.peek(&short).filter(|sight| sight.route != sight.author).map(|sight| sight.route)
    }

    /// Whose push is due when an item comes on a route: its parent's, unless that is doubted.
    pub(crate) fn owes(&self, now: Time, route: RouteId) -> Option<PeerHandle> {
        match self.peek(route)?.parent {
            Parent::Peer(parent) if !self.trust.is_doubted(now, parent) => Some(parent),
            Parent::Peer(_) | Parent::Here | Parent::Gone => None,
        }
    }

    /// A doubted link brought a transaction first, and `from`, which is not doubted, has brought it now: the doubted link
    /// and the route on which to prune it. The copy of `from` is the first that teaches.
    pub(crate) fn displace(
        &mut self,
        now: Time,
        from: PeerHandle,
        short: ShortId,
    ) -> Option<(PeerHandle, RouteId)> {
        let sight = *self.sights.peek(&short)?;
        let doubted = sight.from.filter(|first| self.trust.is_doubted(now, *first))?;
        let admits = self.peek(sight.route).is_none_or(|route| route.admits(now, from));
        if self.trust.is_doubted(now, from) || !admits {
            return None;
        }
        self.sights.pop(&short);
        self.meter.duplicate(doubted);
        self.pruned(sight.route, doubted);
        Some((doubted, sight.route))
    }

    /// A peer pushed on `via` (or the author's route) what was here already, and is good. Whom to prune on which route, if
    /// anybody.
    pub(crate) fn duplicate(
        &mut self,
        now: Time,
        from: PeerHandle,
        short: ShortId,
        via: Option<RouteId>,
    ) -> Option<(PeerHandle, RouteId)> {
        let sight = self.sights.peek(&short)?;
        let route = via.unwrap_or(sight.author);
        self.duplicate_on(now, from, route)
    }

    /// The same for a known route.
    pub(crate) fn duplicate_on(
        &mut self,
        now: Time,
        from: PeerHandle,
        route: RouteId,
    ) -> Option<(PeerHandle, RouteId)> {
        if let Some(known) = self.peek_mut(route)
            && known.grafted.take_if(|(grafted, _)| *grafted == from).is_some()
        {
            known.claims.retain(|claim| claim.by != from);
            self.trust.graft_lost(now, from);
        }
        self.meter.duplicate(from);
        if !self.meter.is_enough() {
            return None;
        }
        let in_vain = match self.peek(route).and_then(|known| known.spare_at(now)) {
            Some(spare) if spare == from => self.relieve(route, from)?,
            _ => from,
        };
        self.pruned(route, in_vain);
        Some((in_vain, route))
    }

    /// The copy of a link that is kept on a route came after the parent's. Both are kept while that may be paid for; then
    /// the link takes the parent's place, who may have left something out. Whom to prune.
    fn relieve(&mut self, route: RouteId, spare: PeerHandle) -> Option<PeerHandle> {
        if let Some(left) = self.spare.checked_sub(SPARE_SHARE) {
            self.spare = left;
            return None;
        }
        let route = self.peek_mut(route)?;
        match core::mem::replace(&mut route.parent, Parent::Peer(spare)) {
            Parent::Peer(parent) if parent != spare => Some(parent),
            Parent::Peer(_) | Parent::Here | Parent::Gone => None,
        }
    }

    /// A push was due, several had the item, and one of them was asked for it: its link is kept beside the parent's for a
    /// while, for twice as long each time.
    pub(crate) fn keep_spare(&mut self, now: Time, due: &Due) {
        if due.held || due.brought || !self.trust.is_there(due.from) {
            return;
        }
        if let Some(route) = self.peek_mut(due.route) {
            route.spare = Some((due.from, now + route.spare_span));
            route.spare_span = route.spare_span.times(2).min(DOUBT_MAX);
        }
    }

    /// A doubted link brought an item, and the parent was waited for in vain: the doubted link takes its place, if no other
    /// has. Nobody is pruned: the doubted one alone may have had the item. Whether it was so.
    pub(crate) fn end_wait(&mut self, short: ShortId, due: &Due) -> bool {
        if self.sights.peek(&short).is_none_or(|sight| sight.from != Some(due.from)) {
            return false;
        }
        let there = self.trust.is_there(due.from);
        if let Some(route) =
            self.peek_mut(due.route).filter(|route| there && route.parent == Parent::Peer(due.peer))
        {
            route.parent = Parent::Peer(due.from);
        }
        true
    }

    /// The parent has brought what it seemed to have left out: nobody is kept beside it.
    pub(crate) fn drop_spare(&mut self, route: RouteId) {
        if let Some(route) = self.peek_mut(route) {
            (route.spare, route.spare_span) = (None, SPARE_MIN);
        }
    }

    /// A peer announced a transaction that is here, and has had it since `had`, by what it says and the time of this
    /// link. `slack` is how much that may be off. Whom to graft on which route, if somebody would be earlier than the
    /// parent.
    pub(crate) fn announced(
        &mut self,
        now: Time,
        from: PeerHandle,
        short: ShortId,
        had: Time,
        slack: Duration,
    ) -> Option<(PeerHandle, RouteId)> {
        let behind = self.behind(from, short, had)?;
        let Sight { route: id, at, number, .. } = *self.sights.peek(&short)?;
        if !self.trust.may_graft(now, from) {
            return None;
        }
        let wants_more = self.meter.wants_more(now);
        // Not by `peek_mut`, which would borrow the records as well.
        let route = self.settled.peek_mut(&id).or_else(|| self.new.peek_mut(&id))?;
        match route.next_best {
            Some((best, least)) if best != from && least <= behind => {}
            _ => route.next_best = Some((from, behind)),
        }
        if had + slack < at {
            route.claim(from, number);
        }
        if route.grafted.is_none()
            && let Some(by) = route.earlier(now, &self.trust)
        {
            route.claims.retain(|claim| claim.by != by);
            route.grafted = Some((by, now));
            return Some((by, id));
        }
        if !wants_more {
            return None;
        }
        self.meter.grafted(now);
        Some((from, id))
    }

    /// A peer wants no more pushes on a route. Of an unknown route nothing is kept: it is free to make.
    pub(crate) fn pruned(&mut self, route: RouteId, by: PeerHandle) {
        if let Some(route) = self.peek_mut(route) {
            route.set_eager(by, false);
        }
    }

    /// A peer wants pushes on a route.
    pub(crate) fn grafted(&mut self, route: RouteId, by: PeerHandle) {
        if let Some(route) = self.peek_mut(route) {
            route.set_eager(by, true);
        }
    }

    /// A peer is there.
    pub(crate) fn peer_met(&mut self, peer: PeerHandle) {
        self.trust.peer_met(peer);
    }

    /// A peer is gone. Whom to graft in its place, on which routes.
    pub(crate) fn peer_gone(&mut self, now: Time, peer: PeerHandle) -> Vec<(PeerHandle, RouteId)> {
        self.meter.peer_gone(peer);
        self.trust.peer_gone(peer);
        let mut grafts = Vec::new();
        for (id, route) in self.new.iter_mut().chain(self.settled.iter_mut()) {
            if let Ok(place) = route.exceptions.binary_search(&peer) {
                route.exceptions.remove(place);
            }
            route.next_best.take_if(|(best, _)| *best == peer);
            route.grafted.take_if(|(grafted, _)| *grafted == peer);
            route.claims.retain(|claim| claim.by != peer);
            route.spare.take_if(|(spare, _)| *spare == peer);
            route.feeder.take_if(|feeder| *feeder == peer);
            if route.parent == Parent::Peer(peer) {
                route.parent = Parent::Gone;
                if let Some((best, _)) = route.next_best.filter(|(best, _)| self.trust.may_graft(now, *best)) {
                    route.grafted = Some((best, now));
                    grafts.push((best, *id));
                }
            }
        }
        grafts.sort_unstable();
        grafts
    }

    /// How full each memory is.
    pub(crate) fn fill(&self) -> Fill {
        let routes = || self.new.iter().chain(self.settled.iter()).map(|(_, route)| route);
        Fill {
            new: self.new.len(),
            settled: self.settled.len(),
            exceptions: routes().map(|route| route.exceptions.len()).sum(),
            claims: routes().map(|route| route.claims.len()).sum(),
            records: self.trust.len(),
            overdue: self.overdue.len(),
            told: self.told.len(),
            sights: self.sights.len(),
            visits: self.visits.len(),
            guests: self.guests.len(),
        }
    }

    fn put_new(&mut self, id: RouteId, route: Route) {
        self.new.put(id, route);
        if self.new.len() > ROUTES_NEW_MAX {
            self.new.pop_lru();
        }
    }

    fn own(&mut self, now: Time) -> RouteId {
        match self.own {
            Some((id, until)) if now < until => id,
            _ => {
                let mut id = [0; 8];
                self.chance.fill_bytes(&mut id);
                self.own = Some((RouteId(id), now + VIA_LIFETIME));
                RouteId(id)
            }
        }
    }

    fn peek(&self, route: RouteId) -> Option<&Route> {
        self.settled.peek(&route).or_else(|| self.new.peek(&route))
    }

    fn peek_mut(&mut self, route: RouteId) -> Option<&mut Route> {
        match self.settled.peek_mut(&route) {
            Some(route) => Some(route),
            None => self.new.peek_mut(&route),
        }
    }
}

impl Route {
    const fn new(kind: RouteKind) -> Self {
        Self {
            eager: matches!(kind, RouteKind::Transaction),
            exceptions: Vec::new(),
            parent: Parent::Here,
            next_best: None,
            claims: Vec::new(),
            items: 0,
            feeder: None,
            grafted: None,
            spare: None,
            spare_span: SPARE_MIN,
        }
    }

    /// Whether a peer may take a doubted link's place: anybody, or if somebody is kept for that, only that one and whoever
    /// was grafted. Another that pushes though nobody asked it to may be the next to leave something out.
    fn admits(&self, now: Time, peer: PeerHandle) -> bool {
        self.spare_at(now).is_none_or(|spare| spare == peer)
            || self.grafted.is_some_and(|(grafted, _)| grafted == peer)
    }

    /// Who is kept beside the parent.
    fn spare_at(&self, now: Time) -> Option<PeerHandle> {
        self.spare.filter(|(_, until)| now < *until).map(|(spare, _)| spare)
    }

    /// An item came. While the parent is not doubted, what a doubted link brings teaches nothing.
    fn see(&mut self, first: First, trust: &mut Trust) {
        let First { at, from, again, .. } = first;
        let doubted = from.is_some_and(|from| trust.is_doubted(at, from));
        if doubted && matches!(self.parent, Parent::Peer(parent) if !trust.is_doubted(at, parent)) {
            return;
        }
        if !again {
            self.items = self.items.saturating_add(1);
            let oldest = self.items.saturating_sub(LATE_ITEMS - 1);
            self.claims.retain(|claim| claim.newest >= oldest);
        }
        self.parent = match from {
            None => Parent::Here,
            Some(from) if trust.is_there(from) => Parent::Peer(from),
            Some(_) => Parent::Gone,
        };
        let Some(from) = from else { return };
        match self.grafted {
            Some((grafted, _)) if grafted == from => {
                self.grafted = None;
                trust.graft_won(grafted);
            }
            Some((grafted, since)) if !doubted && at >= since + GRAFT_TRIAL => {
                self.grafted = None;
                trust.graft_lost(at, grafted);
                self.next_best.take_if(|(best, _)| *best == grafted);
            }
            _ => {}
        }
        self.next_best.take_if(|(best, _)| *best == from);
    }

    /// An announcer would have been earlier with the item of this number.
    fn claim(&mut self, by: PeerHandle, number: u32) {
        if self.items.saturating_sub(number) >= LATE_ITEMS {
            return;
        }
        let place = self.claims.binary_search_by_key(&by, |claim| claim.by);
        let place = place.unwrap_or_else(|place| {
            self.claims.insert(place, Claim { by, late: 0, newest: number });
            place
        });
        if let Some(claim) = self.claims.get_mut(place) {
            if number > claim.newest {
                claim.late = claim.late.checked_shl(number - claim.newest).unwrap_or_default();
                claim.newest = number;
            }
            claim.late |= 1_u8.checked_shl(claim.newest - number).unwrap_or_default();
        }
    }

    /// Of those who would have been earlier often enough, the one whose turn it is.
    fn earlier(&self, now: Time, trust: &Trust) -> Option<PeerHandle> {
        let often = |claim: &&Claim| self.late_for(claim) >= LATE_ITEMS_MAX && trust.may_graft(now, claim.by);
        let turn = self.claims.iter().filter(often).map(|claim| (trust.turn(claim.by), claim.by)).min();
        turn.map(|(_, by)| by)
    }

    /// For how many of the last items an announcer would have been earlier.
    fn late_for(&self, claim: &Claim) -> u32 {
        let passed = self.items.saturating_sub(claim.newest);
        let lately = (1_u8 << LATE_ITEMS) - 1;
        (claim.late.checked_shl(passed).unwrap_or_default() & lately).count_ones()
    }

    fn is_eager(&self, peer: PeerHandle) -> bool {
        self.exceptions.binary_search(&peer).is_ok() != self.eager
    }

    fn set_eager(&mut self, peer: PeerHandle, eager: bool) {
        match (self.exceptions.binary_search(&peer), eager == self.eager) {
            (Ok(place), true) => {
                self.exceptions.remove(place);
            }
            (Err(place), false) => self.exceptions.insert(place, peer),
            _ => {}
        }
    }
}
