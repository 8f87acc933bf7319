//! What is known of each link: whether pushes that were due on it came, and whether its grafts brought anything.
//! There is one record for a link, across all routes. Deliberately absent: routes, messages, and what follows from
//! a doubt; that is in `routes` and `author_tree`.
//!
//! * **Missed.** A push was due from a route's parent. The item came from another peer that was asked for it, or
//!   from a doubted link, and peers of two address groups had it. We told the parent nothing of the item for
//!   [`MISSED_AFTER`]. Otherwise the parent could be silent only because nobody sends an item back to a peer that
//!   has it. If nothing of the item came from the parent even then, that is a miss. Each peer without an address
//!   group counts as its own group.
//! * **Not missed.** An announcement by a parent that was asked for the route's last item removes the miss, whether
//!   it comes before the item or after it. All other consequences of the due push stay. If the item came on a route
//!   that its sender named, its push is not missed either.
//!   *Rationale:* a peer whose link is lazy announces late. But a parent that pushed the last item has an eager
//!   link. If it has no credit for a push now and then, another parent is better anyway. A name is free, so by
//!   naming a route a peer could make any item due from any other peer.
//! * **Doubted.** After [`MISS_WORTH`] pushes that were first, one miss of a link is forgiven. One more miss makes
//!   the link doubted, at first for [`DOUBT_MIN`], then for twice as long each time, up to [`DOUBT_MAX`].
//!   [`DOUBT_FADES`] pushes that are first, with no miss between, halve the next doubt.
//!   *Rationale:* a link that leaves out more than one item in [`MISS_WORTH`] is noticed. If it leaves out fewer,
//!   these do not show in the slowest twentieth. A stranger's first miss counts, because it has nothing to lose
//!   yet.
//! * **Credit for grafts.** A graft that wins nothing takes away the announcer's credit for [`GRAFT_PAUSE_MIN`],
//!   on all routes, then for twice as long each time, up to [`GRAFT_PAUSE_MAX`]. A graft that wins gives all of it
//!   back. Of several announcers, the one that lost the fewest grafts has its turn.
//!
//! # Security
//!
//! A record costs its own link and no other. Two peers of different groups that give an item to one node alone can
//! make it doubt an honest parent of the item's author. The doubt holds on all routes, for a minute, and for up to
//! an hour if they go on. Until it ends, an item that the parent brings first is announced. It is pushed on when
//! another copy comes, or after [`MISSED_AFTER`]. The parent is not grafted during that time. If all links are
//! doubted, this is as good as if none were. A link that comes back begins anew, and has earned nothing.

use alloc::collections::{BTreeMap, VecDeque};

use crate::gossip::api::PeerHandle;
use crate::gossip::fetch::request::backing::{Backing, Source};
use crate::gossip::links::by_handle::ByHandle;
use crate::items::hash::{RouteId, ShortId, TxId};
use crate::limits::{
    DOUBT_FADES, DOUBT_MAX, DOUBT_MIN, GRAFT_PAUSE_MAX, GRAFT_PAUSE_MIN, MISS_WORTH, MISSED_AFTER, OVERDUE_MAX,
};
use crate::time::{Duration, Time};

/// The records of the links that exist now. If something of a disconnected peer comes back later, it makes no new
/// record.
#[derive(Debug, Default)]
pub(crate) struct Trust {
    links: ByHandle<Record>,
}

#[derive(Clone, Copy, Debug)]
struct Record {
    /// Pushes that were first, counted up to the number that forgives a miss.
    earned: u32,
    /// Pushes that were first since the last miss.
    good: u32,
    doubted_until: Time,
    /// How long the next doubt lasts.
    span: Duration,
    graft_after: Time,
    /// How long the next loss of credit lasts.
    pause: Duration,
}

impl Trust {
    /// A link has come up.
    pub(crate) fn peer_met(&mut self, peer: PeerHandle) {
        if self.is_there(peer) {
            return;
        }
        let (earned, good) = (0, 0);
        let (doubted_until, graft_after) = (Time::ZERO, Time::ZERO);
        let (span, pause) = (DOUBT_MIN, GRAFT_PAUSE_MIN);
        self.links.insert(peer, Record { earned, good, doubted_until, span, graft_after, pause });
    }

    /// Whether a link exists.
    pub(crate) fn is_there(&self, peer: PeerHandle) -> bool {
        self.links.contains_key(&peer)
    }

    /// Whether too many pushes were missed on a link.
    pub(crate) fn is_doubted(&self, now: Time, peer: PeerHandle) -> bool {
        self.links.get(&peer).is_some_and(|record| now < record.doubted_until)
    }

    /// The links that are not doubted.
    pub(crate) fn good(&self, now: Time) -> impl Iterator<Item = PeerHandle> {
        self.links.iter().filter(move |(_, record)| now >= record.doubted_until).map(|(peer, _)| peer)
    }

    /// Whether a link may be grafted: its word about when its push would have been here is believed.
    pub(crate) fn may_graft(&self, now: Time, peer: PeerHandle) -> bool {
        self.links.get(&peer).is_none_or(|record| now >= record.doubted_until && now >= record.graft_after)
    }

    /// A push of this link was the first of its item.
    pub(crate) fn first(&mut self, peer: PeerHandle) {
        let Some(record) = self.links.get_mut(&peer) else { return };
        record.earned = record.earned.saturating_add(1).min(MISS_WORTH);
        record.good = record.good.saturating_add(1);
        if record.good >= DOUBT_FADES {
            record.good = 0;
            record.span = record.span.divided_by(2).max(DOUBT_MIN);
        }
    }

    /// A push that was due on this link did not come. While the link is doubted, nothing more is due on it. Returns
    /// whether the link is doubted because of this miss.
    pub(crate) fn missed(&mut self, now: Time, peer: PeerHandle) -> bool {
        let Some(record) = self.links.get_mut(&peer).filter(|record| now >= record.doubted_until) else {
            return false;
        };
        let forgiven = record.earned >= MISS_WORTH;
        if record.earned < MISS_WORTH {
            record.doubted_until = now + record.span;
            record.span = record.span.times(2).min(DOUBT_MAX);
        }
        (record.earned, record.good) = (0, 0);
        !forgiven
    }

    /// A link's place in the order of turns; the smallest is next. It grows with each graft that the link lost.
    pub(crate) fn turn(&self, peer: PeerHandle) -> Duration {
        self.links.get(&peer).map_or(GRAFT_PAUSE_MIN, |record| record.pause)
    }

    /// A graft of this link brought an item first.
    pub(crate) fn graft_won(&mut self, peer: PeerHandle) {
        if let Some(record) = self.links.get_mut(&peer) {
            (record.graft_after, record.pause) = (Time::ZERO, GRAFT_PAUSE_MIN);
        }
    }

    /// A graft of this link won nothing. If several are lost at one time, they count once.
    pub(crate) fn graft_lost(&mut self, now: Time, peer: PeerHandle) {
        let Some(record) = self.links.get_mut(&peer) else { return };
        if now >= record.graft_after {
            record.graft_after = now + record.pause;
            record.pause = record.pause.times(2).min(GRAFT_PAUSE_MAX);
        }
    }

    pub(crate) fn peer_gone(&mut self, peer: PeerHandle) {
        self.links.remove(&peer);
    }

    /// How many links have a record.
    pub(crate) fn len(&self) -> usize {
        self.links.len()
    }
}

/// Pushes that are due. The peers that owe them are told nothing meanwhile. At most [`OVERDUE_MAX`]; any beyond
/// that are not looked at.
#[derive(Debug, Default)]
pub(crate) struct Overdue {
    items: BTreeMap<ShortId, Due>,
    /// In the order in which they came.
    order: VecDeque<(Time, ShortId)>,
}

/// A due push.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Due {
    pub(crate) id: TxId,
    /// The route on which the item came.
    pub(crate) route: RouteId,
    /// The peer that owes the push.
    pub(crate) peer: PeerHandle,
    /// The peer that brought the item: it was asked for it, or is doubted.
    pub(crate) from: PeerHandle,
    /// Whether the peer that brought it is doubted, so that the item is not pushed on before another copy comes.
    pub(crate) held: bool,
    /// Whether the item came on its author's route. If it came on another one, only the peer that brought it says
    /// so.
    pub(crate) unnamed: bool,
    pub(crate) backing: Backing,
    /// Whether the peer that owes the push pushed the last item of which it was the parent.
    pub(crate) pushes: bool,
    /// Whether the peer that owes the push has pushed the item since.
    pub(crate) brought: bool,
}

impl Overdue {
    /// A push is due from now on. False if there is no room to wait for it.
    pub(crate) fn wait(&mut self, now: Time, due: Due) -> bool {
        let short = due.id.short();
        if self.items.len() >= OVERDUE_MAX || self.items.contains_key(&short) {
            return false;
        }
        self.items.insert(short, due);
        self.order.push_back((now + MISSED_AFTER, short));
        true
    }

    /// A peer had the item; how that became known does not matter. Returns the due push if this peer is the second
    /// that counts, so that several peers had the item.
    pub(crate) fn back(&mut self, short: ShortId, by: PeerHandle, source: Source) -> Option<Due> {
        let due = self.items.get_mut(&short).filter(|due| due.peer != by)?;
        let before = due.backing;
        due.backing = before.and(source);
        (before != Backing::Several && due.backing == Backing::Several).then_some(*due)
    }

    /// A peer pushed the item.
    pub(crate) fn brought(&mut self, short: ShortId, by: PeerHandle) {
        if let Some(due) = self.items.get_mut(&short).filter(|due| due.peer == by) {
            due.brought = true;
        }
    }

    /// The next one that was waited for long enough.
    pub(crate) fn pop(&mut self, now: Time) -> Option<Due> {
        let (_, short) = self.order.front().copied().filter(|(until, _)| *until <= now)?;
        self.order.pop_front();
        self.items.remove(&short)
    }

    /// When to call [`Overdue::pop`] next.
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.order.front().map(|(until, _)| *until)
    }

    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }
}
