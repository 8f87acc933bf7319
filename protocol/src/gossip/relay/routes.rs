//! Author trees: along which links to push, learned from which link was first.
//!
//! Flooding finds the fastest way from the place where an item enters to every node. The copies that come second
//! show which links are not on this way. Items of one author nearly always enter at one node, so what one item
//! taught serves the next. (Plumtree, Leitão and others 2007, prunes one shared tree in this way; here each author
//! has its own.) Deliberately absent: bodies, credit, messages and signatures. The caller says which item was
//! verified, and which peer brought it first. This file says which peers to push to, and which to prune and graft.
//! What is known of a link on all routes is in `trust`.
//!
//! # Specification
//!
//! * **A route** is shared by the items that enter at one place: an author's ([`RouteId::of`]), or an entry node's
//!   own. Links are *eager* (pushed to) or *lazy* (announced to). On a route of transactions a link is eager until
//!   the peer prunes it; on one of blocks, which are large, it is lazy until the peer grafts it.
//! * **Learning.** The peer that brought a route's last item first is its *parent*. If that peer has disconnected,
//!   there is no parent. Only verified first sights teach.
//! * **Pruning.** A peer that pushes something we already have is pruned, if the redundancy is at its target. That
//!   peer had the item without us, so it needs no push from us either: the link becomes lazy from here as well.
//! * **Feeding.** On a route of blocks we are one peer's child at a time: the child of the peer that promised the
//!   latest block first, or was asked for it. The peer whose child we were before is pruned at once.
//!   *Rationale:* a second copy of a block costs much, and it is on its way long before the first has come.
//! * **Grafting.** An announcement tells since when the announcer has the item, so it tells when its push would
//!   have been here. If that is earlier than the parent's push by more than the slack, in [`LATE_ITEMS_MAX`] of
//!   the last [`LATE_ITEMS`] items, the announcer is grafted. The parent stays until its body is the second. Each
//!   announcer's word counts only for this announcer's own graft. One graft is out on a route at a time. It has
//!   won nothing if the announcer's copy is second, or if an item [`GRAFT_TRIAL`] later comes first from another
//!   peer. Then the announcer loses its credit on all routes, for longer each time (`trust`), and the next peer
//!   that would have been earlier has its turn. If there are several, it is the one that lost the fewest grafts.
//!   When a parent disconnects, the announcer that was closest behind it is grafted, if it has credit.
//!   *Rationale:* to believe a claim once is a way to check it. If the pause belonged to the route, one liar would
//!   keep a slow parent in its place.
//! * **Due pushes.** If an item comes because it was asked for, a push of the route's parent was due. The parent
//!   is told nothing of the item for a while, so that its silence can be judged (`trust`). When peers of two
//!   address groups had the item, the link that brought it is kept as a *spare* from then on, for twice as long
//!   each time (from [`SPARE_MIN`] to [`DOUBT_MAX`]). Its copies are not pruned, for at most one item in
//!   [`SPARE_SHARE`] over all routes. Beyond that the spare takes the parent's place. If the parent's push comes
//!   after all, no spare is kept. An announcement of the parent changes nothing.
//!   *Rationale:* a tree has one way to each node, and the peer that pushes first is on it. Without a second way
//!   it could leave out every second item, or announce it late. Each such item would have to be asked for, at
//!   every hop. If the word of one announcer were enough, any peer could get into the place of an honest parent.
//! * **Doubt.** An item that a doubted link brings is accepted and announced at once. But it teaches nothing while
//!   the route's parent is not doubted: the parent's copy is waited for before the item is pushed on, and is due
//!   as above. If no other copy has come by then, the doubted link is the parent, and the peers that were told are
//!   sent the item. The first copy of a link that is not doubted takes the doubted link's place, and the doubted
//!   link is pruned. With a spare, only the spare's copy or a grafted link's does this. The times of such an item
//!   say nothing of any peer's lateness.
//!   *Rationale:* a doubted link may show some items and hide others. A tree that is learned from the items that
//!   it shows has no way for the items that it hides. If a silent parent were waited for without end, nothing
//!   would be pushed on along the route for as long as the doubt lasts.
//!   If the route has no other parent, or is not known, any copy is waited for. After a wait that was in
//!   vain, nothing is waited for until a link that is not doubted brings an item of the route first.
//! * **Reopening.** A link that becomes doubted leaves the routes of which it was the parent without one. All links
//!   that are not doubted are grafted on them, and the next item shows which of these is the first.
//!   *Rationale:* the copies that came second were pruned, so such a route has no way left for a hidden item.
//! * **Alarm.** A push was due from a parent, the item had to be asked for, and the push did not come even within
//!   [`MISSED_AFTER`]. Or an announcer with credit says that the item would have come from it more than
//!   [`ALARM_LATE`] sooner than from the parent. Then the node is alarmed for [`ALARM_SPAN`]. At the start it
//!   grafts up to [`ALARM_LINKS`] links on each route. While it is alarmed, it does not prune these links for their
//!   second copies, within a budget. It announces an item that a parent left out at once.
//!   *Rationale:* a parent has to be seen hiding once before it is doubted. Where many peers hide, each node has
//!   several to find, and an author may write less often than that. A second way on all routes needs no verdict.
//! * **Entering.** An item that enters here goes to all peers if fewer than half of them want pushes on its route, or
//!   if the node is alarmed.
//!   *Rationale:* peers that push sooner than any node can have an item take all neighbours of an entry node from
//!   it. Then the items that they hide leave this node only by lazy announcements.
//! * **Own routes.** An item may be submitted here although its author is at home elsewhere or not known yet. It
//!   travels on a route of this node's own, which each push names. [`HOME_ITEMS_MOVED`] (or [`HOME_ITEMS_NEW`])
//!   submissions in a row make this node the author's home, and from then on the author's own route is used. Where
//!   the author's route is unknown, it begins as a copy of the route on which the author's last item came, because
//!   both enter at the same node.
//!   *Rationale:* on the author's route the item would come to each node from an unusual side. The copies that
//!   come second would be those of the usual side, and their prunes would take the tree apart.
//! * **Forgetting.** Routes live in two LRU lists: one of the routes on which one item was seen, and one of the
//!   others. To lose a route costs one flood.
//!
//! # Security
//!
//! The name of a route is not signed. A peer that passes an item on can put it on another route. Where that route
//! is unknown, the item is then pushed only within a budget. Where that route leads elsewhere, the item arrives by
//! other links. A prune or graft changes the link by which it came and no other. A peer that lies about the time
//! since when it has an item is grafted, brings nothing, and loses its credit. When a parent disconnects, a liar
//! with credit can be the one that is grafted, once, and one item of the route is then asked for.
//!
//! A name is the same at every hop. So a node that sees it anywhere knows that its items entered at one node
//! within [`VIA_LIFETIME`]. It is not drawn anew at each hop, because that would cost something. Two neighbours
//! would call one route by two names. A copy from the second neighbour, a graft or a change of parent would then
//! meet an unknown route, which costs a flood. An announcement would have to carry a name.
//!
//! [`LATE_ITEMS`]: crate::limits::LATE_ITEMS
//! [`LATE_ITEMS_MAX`]: crate::limits::LATE_ITEMS_MAX
//! [`GRAFT_TRIAL`]: crate::limits::GRAFT_TRIAL
//! [`HOME_ITEMS_MOVED`]: crate::limits::HOME_ITEMS_MOVED
//! [`HOME_ITEMS_NEW`]: crate::limits::HOME_ITEMS_NEW
//! [`VIA_LIFETIME`]: crate::limits::VIA_LIFETIME
//! [`SPARE_MIN`]: crate::limits::SPARE_MIN
//! [`SPARE_SHARE`]: crate::limits::SPARE_SHARE
//! [`DOUBT_MAX`]: crate::limits::DOUBT_MAX
//! [`MISSED_AFTER`]: crate::limits::MISSED_AFTER
//! [`ALARM_LATE`]: crate::limits::ALARM_LATE
//! [`ALARM_SPAN`]: crate::limits::ALARM_SPAN
//! [`ALARM_LINKS`]: crate::limits::ALARM_LINKS

mod second;

use alloc::vec::Vec;

use lru::LruCache;

use self::second::Second;
use super::homes::Homes;
use super::meter::Meter;
use super::policy::Redundancy;
use super::route::{Behind, First, Links, Parent, Route};
use super::told::Told;
use super::trust::{Overdue, Trust};
use crate::gossip::api::PeerHandle;
use crate::items::hash::{RouteId, RouteKind, ShortId};
use crate::limits::{ROUTES_NEW_MAX, ROUTES_SETTLED_MAX, SIGHTS_MAX};
use crate::seeded::SeededState;
use crate::time::{Duration, Time};

/// All that a node knows of routes.
#[derive(Debug)]
pub(crate) struct Routes {
    new: LruCache<RouteId, Route, SeededState>,
    settled: LruCache<RouteId, Route, SeededState>,
    /// Transactions whose first sight is remembered, oldest first.
    sights: LruCache<ShortId, Sight, SeededState>,
    homes: Homes,
    meter: Meter,
    /// Second copies that are welcome.
    second: Second,
    /// What is known of links.
    pub(super) trust: Trust,
    /// Pushes that are due.
    pub(super) overdue: Overdue,
    pub(super) told: Told,
}

/// The first sight of a transaction.
#[derive(Clone, Copy, Debug)]
struct Sight {
    /// The route on which it travelled, and its author's.
    route: RouteId,
    author: RouteId,
    at: Time,
    from: Option<PeerHandle>,
    /// Whether the time says anything about the parent: it does if no doubted link took part.
    fair: bool,
    /// How many first sights the route had then.
    number: u32,
}

/// Entries of each memory of [`Routes`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fill {
    pub(crate) new: usize,
    pub(crate) settled: usize,
    /// Links that differ from the others of their route, over all routes.
    pub(crate) exceptions: usize,
    /// Announcers that would have been earlier than a parent, over all routes.
    pub(crate) claims: usize,
    /// Links with a record.
    pub(crate) records: usize,
    /// Pushes that are due and waited for.
    pub(crate) overdue: usize,
    /// Transactions of which peers were told instead of being sent them.
    pub(crate) told: usize,
    pub(crate) sights: usize,
    pub(crate) visits: usize,
    pub(crate) guests: usize,
}

impl Routes {
    /// Knows nothing yet. All chance comes from `seed`.
    pub(crate) fn new(redundancy: Redundancy, hasher: &SeededState, seed: [u8; 32]) -> Self {
        Self {
            new: LruCache::unbounded_with_hasher(hasher.clone()),
            settled: LruCache::unbounded_with_hasher(hasher.clone()),
            sights: LruCache::unbounded_with_hasher(hasher.clone()),
            homes: Homes::new(hasher, seed),
            meter: Meter::new(redundancy),
            second: Second::new(),
            trust: Trust::default(),
            overdue: Overdue::default(),
            told: Told::new(hasher.clone()),
        }
    }

    /// The route for an item that is submitted here. `None` means its author's.
    pub(crate) fn enter(&mut self, now: Time, author: RouteId) -> Option<RouteId> {
        let parent = self.peek(author).map(|route| route.parent);
        self.homes.enter(now, author, parent)
    }

    /// An item came from `from` (or entered here) on its author's route. That route may be unknown while the
    /// author's last items came by the same link on an entry node's route. Then the author's route begins as a
    /// copy of the entry node's.
    pub(crate) fn adopt(&mut self, author: RouteId, from: Option<PeerHandle>) {
        if self.peek(author).is_some() {
            return;
        }
        let Some(guest) = self.homes.take_guest(author) else { return };
        let parent = from.map_or(Parent::Here, Parent::Peer);
        let route = self.peek(guest).filter(|route| route.parent == parent).cloned();
        if let Some(route) = route {
            let (claims, beside) = (Vec::new(), Vec::new());
            self.put_new(author, Route { claims, grafted: None, spare: None, beside, ..route });
        }
    }

    /// Whether a route is known, so that an item that is pushed on it goes along a tree.
    pub(crate) fn knows(&self, route: RouteId) -> bool {
        self.peek(route).is_some()
    }

    /// The links of a route, which tell which of them are eager. On an unknown route of transactions all links are
    /// eager. On an unknown route of blocks none is.
    pub(crate) fn links(&self, kind: RouteKind, route: RouteId) -> Links<'_> {
        Links { route: self.peek(route), default: kind == RouteKind::Transaction }
    }

    /// Whether a peer was grafted on a route and hasn't brought anything since.
    pub(crate) fn is_graft(&self, route: RouteId, peer: PeerHandle) -> bool {
        let grafted = self.peek(route).and_then(|route| route.grafted);
        grafted.is_some_and(|(grafted, _)| grafted == peer)
    }

    /// The peer whose child we are on a route of blocks.
    pub(crate) fn feeder(&self, route: RouteId) -> Option<PeerHandle> {
        self.peek(route).and_then(|route| route.feeder)
    }

    /// From now on we are the child of `from` on a route of blocks. Returns the peer whose child we were, if it
    /// was another one.
    pub(crate) fn feed(&mut self, route: RouteId, from: PeerHandle) -> Option<PeerHandle> {
        if self.peek(route).is_none() {
            self.put_new(route, Route::new(RouteKind::Block));
        }
        let before = self.peek_mut(route)?.feeder.replace(from);
        before.filter(|before| *before != from)
    }

    /// How far behind the first copy a push of `from` would have been, if `from` has had the transaction since
    /// `had`. `None` if that can't be told, or if a doubted link took part.
    pub(crate) fn behind(&self, from: PeerHandle, short: ShortId, had: Time) -> Option<Behind> {
        let Sight { route, at, number, from: parent, fair, .. } = *self.sights.peek(&short)?;
        let parent = parent.filter(|_| fair)?;
        let micros = had.as_micros().cast_signed().saturating_sub(at.as_micros().cast_signed());
        (parent != from).then_some(Behind { from, had, micros, route, at, number })
    }

    /// Learns from a verified first sight.
    pub(crate) fn learn(&mut self, first: First) {
        let First { kind, route: id, author, from, .. } = first;
        self.meter.first();
        self.second.first();
        if let Some(from) = from.filter(|_| first.pushed) {
            self.trust.first(from);
        }
        self.homes.seen(author, id, from.is_some());
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

    /// Remembers a transaction's first sight for peers that bring or announce it later. Call after
    /// [`Routes::learn`].
    pub(crate) fn remember(&mut self, short: ShortId, first: First) {
        let number = self.peek(first.route).map_or(0, |route| route.items);
        let First { route, author, at, from, again, .. } = first;
        let fair = !again && from.is_none_or(|from| !self.trust.is_doubted(at, from));
        self.sights.put(short, Sight { route, author, at, from, fair, number });
        if self.sights.len() > SIGHTS_MAX {
            self.sights.pop_lru();
        }
    }

    /// The route on which a transaction travelled, if its first sight is remembered.
    pub(crate) fn route_of(&self, short: ShortId) -> Option<RouteId> {
        self.sights.peek(&short).map(|sight| sight.route)
    }

    /// The entry node's route on which a transaction travelled, if it was not its author's.
    pub(crate) fn via_of(&self, short: ShortId) -> Option<RouteId> {
        self.sights.peek(&short).filter(|sight| sight.route != sight.author).map(|sight| sight.route)
    }

    /// A doubted link brought a transaction first, and `from`, which is not doubted, has brought it now. Returns
    /// the doubted link and the route on which to prune it. The copy of `from` is the first that teaches.
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

    /// A peer pushed on `via` (or the author's route) an item that was here already and is good. Returns the peer
    /// to prune and the route, if there is one.
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
        if !self.meter.is_enough() || self.is_welcome(now, route, from) {
            return None;
        }
        let in_vain = match self.peek(route).and_then(|known| known.spare_at(now)) {
            Some(spare) if spare == from => self.relieve(route, from)?,
            _ => from,
        };
        self.pruned(route, in_vain);
        Some((in_vain, route))
    }

    /// A peer announced a transaction that is here. Its word, and the delay of its link, may be off by `slack`.
    /// Returns the peer to graft and the route, if a peer would be earlier than the parent.
    pub(crate) fn announced(
        &mut self,
        now: Time,
        behind: Behind,
        slack: Duration,
    ) -> Option<(PeerHandle, RouteId)> {
        let Behind { from, had, micros: behind, route: id, at, number } = behind;
        if !self.trust.may_graft(now, from) {
            return None;
        }
        let wants_more = self.meter.wants_more(now);
        // A call of `peek_mut` on the whole struct would borrow the records as well.
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

    /// A peer wants no more pushes on a route. Nothing is kept of an unknown route, because a peer can invent
    /// routes for free.
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

    /// A peer has connected.
    pub(crate) fn peer_met(&mut self, peer: PeerHandle) {
        self.trust.peer_met(peer);
    }

    /// A peer is gone. Returns the peers to graft in its place, and on which routes.
    pub(crate) fn peer_gone(&mut self, now: Time, peer: PeerHandle) -> Vec<(PeerHandle, RouteId)> {
        self.meter.peer_gone(peer);
        self.trust.peer_gone(peer);
        let mut grafts = Vec::new();
        for (id, route) in self.new.iter_mut().chain(self.settled.iter_mut()) {
            if let Some(best) = route.leave(now, peer, &self.trust) {
                grafts.push((best, *id));
            }
        }
        grafts.sort_unstable();
        grafts
    }

    /// How full each memory is.
    pub(crate) fn fill(&self) -> Fill {
        let routes = || self.new.iter().chain(self.settled.iter()).map(|(_, route)| route);
        let (visits, guests) = self.homes.len();
        Fill {
            new: self.new.len(),
            settled: self.settled.len(),
            exceptions: routes().map(|route| route.exceptions.len()).sum(),
            claims: routes().map(|route| route.claims.len()).sum(),
            records: self.trust.len(),
            overdue: self.overdue.len(),
            told: self.told.len(),
            sights: self.sights.len(),
            visits,
            guests,
        }
    }

    fn put_new(&mut self, id: RouteId, route: Route) {
        self.new.put(id, route);
        if self.new.len() > ROUTES_NEW_MAX {
            self.new.pop_lru();
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
