//! What a node does after a due push did not come, or came late: it keeps second links on routes, and is alarmed.
//! The rules are at the head of `routes`. Deliberately absent: when a push is due and when it is missed. That is in
//! `author_tree` and `trust`.

use alloc::vec::Vec;

use super::super::route::{Behind, Parent, Route};
use super::super::trust::Due;
use super::Routes;
use crate::gossip::api::PeerHandle;
use crate::items::hash::{RouteId, ShortId};
use crate::limits::{
    ALARM_BURST, ALARM_LATE, ALARM_LINKS, ALARM_SHARE, ALARM_SPAN, DOUBT_MAX, ROUTES_ENTRIES_MAX, SPARE_BURST,
    SPARE_MIN, SPARE_SHARE,
};
use crate::time::Time;

/// How many more second copies are accepted, and until when the node is alarmed.
#[derive(Debug)]
pub(super) struct Second {
    /// Of spares, in units of 1 / [`SPARE_SHARE`].
    spare: u32,
    /// While the node is alarmed, in units of 1 / [`ALARM_SHARE`].
    alarm: u32,
    alarmed_until: Time,
}

impl Second {
    pub(super) const fn new() -> Self {
        Self { spare: SPARE_BURST * SPARE_SHARE, alarm: ALARM_BURST * ALARM_SHARE, alarmed_until: Time::ZERO }
    }

    /// An item came first.
    pub(super) fn first(&mut self) {
        self.spare = self.spare.saturating_add(1).min(SPARE_BURST * SPARE_SHARE);
        self.alarm = self.alarm.saturating_add(1).min(ALARM_BURST * ALARM_SHARE);
    }
}

impl Routes {
    /// The peer whose push is due when an item comes on a route: its parent, unless the parent is doubted.
    pub(crate) fn owes(&self, now: Time, route: RouteId) -> Option<PeerHandle> {
        match self.peek(route)?.parent {
            Parent::Peer(parent) if !self.trust.is_doubted(now, parent) => Some(parent),
            Parent::Peer(_) | Parent::Here | Parent::Gone => None,
        }
    }

    /// Whether a second copy is welcome because the node is alarmed.
    pub(super) fn is_welcome(&mut self, now: Time, route: RouteId, from: PeerHandle) -> bool {
        if !self.is_alarmed(now) || self.trust.is_doubted(now, from) {
            return false;
        }
        let Some(left) = self.second.alarm.checked_sub(ALARM_SHARE) else { return false };
        let Some(known) = self.peek_mut(route).filter(|known| known.is_small()) else { return false };
        if !known.beside.contains(&from) {
            if known.beside.len() >= ALARM_LINKS {
                return false;
            }
            known.beside.push(from);
        }
        self.second.alarm = left;
        true
    }

    /// Whether a parent left out an item lately, or pushed one late.
    pub(crate) fn is_alarmed(&self, now: Time) -> bool {
        now < self.second.alarmed_until
    }

    /// A parent left out an item, or pushed it late. If the node was not alarmed before, it wants more links on each
    /// route. Returns the peers to graft for that, and on which routes.
    pub(crate) fn be_alarmed(&mut self, now: Time) -> Vec<(PeerHandle, RouteId)> {
        let before = self.is_alarmed(now);
        self.second.alarmed_until = now + ALARM_SPAN;
        let mut grafts = Vec::new();
        if before {
            return grafts;
        }
        let good: Vec<PeerHandle> = self.trust.good(now).collect();
        for (id, route) in self.settled.iter_mut().chain(self.new.iter_mut()).filter(|(_, route)| route.is_small())
        {
            let others = good.iter().copied().filter(|peer| route.parent != Parent::Peer(*peer));
            // Each route begins elsewhere, so that no peer is grafted on all of them.
            let begin = usize::from(id.0[0]) % good.len().max(1);
            route.beside = others.clone().skip(begin).chain(others.take(begin)).take(ALARM_LINKS).collect();
            grafts.extend(route.beside.iter().map(|peer| (*peer, *id)));
        }
        grafts
    }

    /// A peer announced an item that is here. If the item would have come from this peer much sooner than from the
    /// parent, the node is alarmed. One peer's word is enough, because nobody is judged. A peer whose last graft
    /// brought nothing isn't believed. Returns the same as [`Self::be_alarmed`].
    pub(crate) fn be_alarmed_if_late(&mut self, now: Time, behind: &Behind) -> Vec<(PeerHandle, RouteId)> {
        if behind.had + ALARM_LATE < behind.at && self.trust.may_graft(now, behind.from) {
            return self.be_alarmed(now);
        }
        Vec::new()
    }

    /// A link is doubted from now on. The routes of which it was the parent have none. Returns the peers to graft,
    /// and on which of these routes: the next item shows which of the peers is the first. Only as many routes are
    /// grafted as one graft can name, those that were used last. The others are learned anew by a request.
    pub(crate) fn reopen(&mut self, now: Time, doubted: PeerHandle) -> Vec<(PeerHandle, RouteId)> {
        let good: Vec<PeerHandle> = self.trust.good(now).collect();
        let mut grafts = Vec::new();
        let theirs = |route: &Route| route.is_small() && route.parent == Parent::Peer(doubted);
        let routes = self.settled.iter_mut().chain(self.new.iter_mut()).filter(|(_, route)| theirs(route));
        for (number, (id, route)) in routes.enumerate() {
            route.parent = Parent::Gone;
            route.beside.clear();
            if number < ROUTES_ENTRIES_MAX {
                grafts.extend(good.iter().map(|peer| (*peer, *id)));
            }
        }
        grafts
    }

    /// The copy of a spare came after the parent's. Both links are kept while the budget allows it. After that the
    /// spare takes the place of the parent, which may have left something out. Returns the peer to prune.
    pub(super) fn relieve(&mut self, route: RouteId, spare: PeerHandle) -> Option<PeerHandle> {
        if let Some(left) = self.second.spare.checked_sub(SPARE_SHARE) {
            self.second.spare = left;
            return None;
        }
        let route = self.peek_mut(route)?;
        match core::mem::replace(&mut route.parent, Parent::Peer(spare)) {
            Parent::Peer(parent) if parent != spare => Some(parent),
            Parent::Peer(_) | Parent::Here | Parent::Gone => None,
        }
    }

    /// A push was due, several peers had the item, and one of them was asked for it. Its link becomes the spare
    /// beside the parent for a while, for twice as long each time.
    pub(crate) fn keep_spare(&mut self, now: Time, due: &Due) {
        if due.held || due.brought || !self.trust.is_there(due.from) {
            return;
        }
        if let Some(route) = self.peek_mut(due.route) {
            route.spare = Some((due.from, now + route.spare_span));
            route.spare_span = route.spare_span.times(2).min(DOUBT_MAX);
        }
    }

    /// A doubted link brought an item, and the parent was waited for in vain. The doubted link takes the parent's
    /// place, unless another link has taken it. No peer is pruned, because perhaps only the doubted link had the
    /// item. Returns whether the doubted link took the place.
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
        if let Some(route) = self.peek_mut(due.route).filter(|_| there) {
            route.doubtful = true;
        }
        true
    }

    /// The peer whose push is due when a doubted link brings an item: that of a parent that is not doubted. If there
    /// is none, the doubted link itself, which means that any copy is waited for. `None` if that was in vain before.
    pub(crate) fn owes_beside(&self, now: Time, id: RouteId, doubted: PeerHandle) -> Option<PeerHandle> {
        let doubtful = self.peek(id).is_some_and(|route| route.doubtful);
        self.owes(now, id).or_else(|| (!doubtful).then_some(doubted))
    }

    /// Whether the parent of a route pushed the last item.
    pub(crate) fn pushes(&self, route: RouteId) -> bool {
        self.peek(route).is_some_and(|route| route.pushes)
    }

    /// The parent has brought what it seemed to have left out, so no spare is kept beside it.
    pub(crate) fn drop_spare(&mut self, route: RouteId) {
        if let Some(route) = self.peek_mut(route) {
            (route.spare, route.spare_span) = (None, SPARE_MIN);
        }
    }
}
