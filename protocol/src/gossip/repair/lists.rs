//! Lists: a peer that holds much that this node lacks tells it id by id, in parts.
//!
//! **Nobody has checked that the peer holds much.** A claim costs a few bytes, so it buys a short time and no
//! more:
//!
//! 1. One peer that we dialled lists, and one that dialled us. A stranger can't choose which peers we dial, so
//!    strangers that dial us don't keep us from those.
//! 2. A peer that claims to hold much while another lists *waits*. Waiting peers have their turn in the order of
//!    their claims, each with one claim at a time. When its turn comes, a peer lists only if the claim is still of
//!    use.
//! 3. While a peer waits, a lister has [`LIST_STEP`] for each step (a part, then the next item that is accepted of
//!    it). After its first step it brings at least [`LIST_ITEMS_PER_SEC`], for [`LIST_TIME_MAX`] at most. If it
//!    does not, the next peer lists. While no peer waits, a lister may take up to [`LIST_TIMEOUT`] for each step.
//! 4. A list of which nothing was accepted causes a pause with its peer, twice as long each time. A list ends with
//!    its last part, which isn't full. It ends earlier with a part that comes when nothing was accepted of the
//!    part before. If nothing was accepted before its last part, it ends with the first item that is accepted
//!    after that.
//!
//! So an honest peer with `n` liars before it waits [`LIST_STEP`] for each, once. A liar that lists items that it
//! can deliver pays for its time with valid transactions.
//!
//! Deliberately absent: which items of a part are taken. That is decided as for any other offer.

use alloc::boxed::Box;
use alloc::collections::VecDeque;

use rand_core::Rng as _;

use crate::gossip::Gossip;
use crate::gossip::api::{Direction, PeerHandle};
use crate::items::hash::ShortId;
use crate::limits::{
    LIST_ITEMS_PER_SEC, LIST_OPEN_MAX, LIST_PARTS_MAX, LIST_STEP, LIST_TIME_MAX, LIST_TIMEOUT, LISTS_MAX,
    OFFER_ENTRIES_MAX, RECONCILE_APART_MAX,
};
use crate::time::{Duration, Time};
use crate::wire::message::Reconcile;

/// The peers that list, and those that wait to list.
#[derive(Debug, Default)]
pub(super) struct Lists {
    slots: [Option<Box<Listing>>; LISTS_MAX],
    /// At most one claim from each peer.
    waiting: VecDeque<Claim>,
}

/// A peer says that it holds much.
#[derive(Clone, Copy, Debug)]
struct Claim {
    peer: PeerHandle,
    slot: usize,
    /// The number of transactions that it claims to hold.
    size: usize,
    /// The number that this node held then.
    own: usize,
}

#[derive(Debug)]
struct Listing {
    peer: PeerHandle,
    /// Where the last part began, and where it ended.
    before: Option<ShortId>,
    after: Option<ShortId>,
    /// Parts that came.
    parts: usize,
    /// The number of the part that is on its way.
    asked: Option<u32>,
    /// Whether items of the last part were asked for and none of them has come yet.
    in_vain: bool,
    /// Whether all parts came, so that the list only waits for an item of them.
    whole: bool,
    /// When it began, and when something last came of it.
    since: Time,
    at: Time,
    /// Items of it that were accepted.
    brought: u64,
}

impl Lists {
    /// How many lists go on.
    pub(super) fn len(&self) -> usize {
        self.slots.iter().flatten().count()
    }

    /// When the next list is over, if nothing comes.
    pub(super) fn next_deadline(&self) -> Option<Time> {
        (0..LISTS_MAX).filter_map(|slot| self.deadline(slot)).min()
    }

    /// Whether this peer lists now.
    pub(super) fn is_listing(&self, peer: PeerHandle) -> bool {
        self.slots.iter().flatten().any(|listing| listing.peer == peer)
    }

    /// Forgets a peer.
    pub(super) fn leave(&mut self, peer: PeerHandle) {
        self.waiting.retain(|claim| claim.peer != peer);
        for slot in &mut self.slots {
            slot.take_if(|listing| listing.peer == peer);
        }
    }

    fn deadline(&self, slot: usize) -> Option<Time> {
        let listing = self.slots.get(slot)?.as_ref()?;
        if !self.waiting.iter().any(|claim| claim.slot == slot) {
            return Some(listing.at + LIST_TIMEOUT);
        }
        let earned = Duration::from_secs(listing.brought).divided_by(LIST_ITEMS_PER_SEC);
        let ends = [listing.at + LIST_STEP, listing.since + LIST_STEP + earned, listing.since + LIST_TIME_MAX];
        ends.into_iter().min()
    }

    fn of(&mut self, peer: PeerHandle) -> Option<&mut Box<Listing>> {
        self.slots.iter_mut().flatten().find(|listing| listing.peer == peer)
    }

    /// The next claim for a slot.
    fn next_claim(&mut self, slot: usize) -> Option<Claim> {
        let place = self.waiting.iter().position(|claim| claim.slot == slot)?;
        self.waiting.remove(place)
    }
}

/// Whether a claim is still of use. It is until so much has come since then that a sketch might tell the
/// difference. After that it is of use if it claims much more than this node holds even now.
const fn is_of_use(claim: &Claim, own: usize) -> bool {
    own.saturating_sub(claim.own) < RECONCILE_APART_MAX || claim.size > own.saturating_add(RECONCILE_APART_MAX)
}

impl Gossip {
    /// A peer says that it holds this number of transactions, too many to compare. It lists them, at once or when
    /// its turn comes.
    pub(super) fn claim_list(&mut self, now: Time, from: PeerHandle, size: usize) {
        let Some(peer) = self.peers.get(&from).filter(|peer| peer.dealings.list_at() <= now) else { return };
        let slot = match peer.direction {
            Direction::Outbound => 0,
            Direction::Inbound => 1,
        };
        let lists = &mut self.conversations.lists;
        if lists.is_listing(from) || lists.waiting.iter().any(|claim| claim.peer == from) {
            return;
        }
        lists.waiting.push_back(Claim { peer: from, slot, size, own: self.mempool.len() });
        self.pace_lists(now);
    }

    /// Ends the lists that are over, begins the next ones, and asks all of them for what comes next.
    pub(super) fn pace_lists(&mut self, now: Time) {
        for slot in 0..LISTS_MAX {
            if self.conversations.lists.deadline(slot).is_some_and(|deadline| deadline <= now) {
                self.end_list(now, slot);
            }
            let room = self.mempool.room_for(self.lengths.transaction()) > 0;
            while self.conversations.lists.slots.get(slot).is_some_and(Option::is_none)
                && let Some(claim) = self.conversations.lists.next_claim(slot)
            {
                if room && is_of_use(&claim, self.mempool.len()) {
                    self.begin_list(now, &claim);
                }
            }
            self.list_on(now, slot);
        }
    }

    fn begin_list(&mut self, now: Time, claim: &Claim) {
        let after = self.peers.get_mut(&claim.peer).and_then(|peer| peer.dealings.take_list_after());
        if let Some(slot) = self.conversations.lists.slots.get_mut(claim.slot) {
            *slot = Some(Box::new(Listing {
                peer: claim.peer,
                before: after,
                after,
                parts: 0,
                asked: None,
                in_vain: false,
                whole: false,
                since: now,
                at: now,
                brought: 0,
            }));
        }
    }

    /// Ends a list. A list that was cut short and brought something continues with its last part when its peer has
    /// its next turn.
    fn end_list(&mut self, now: Time, slot: usize) {
        let Some(listing) = self.conversations.lists.slots.get_mut(slot).and_then(Option::take) else { return };
        if let Some(peer) = self.peers.get_mut(&listing.peer) {
            peer.dealings.listed(now, listing.brought > 0);
            peer.dealings.list_after(listing.before.filter(|_| !listing.whole && listing.brought > 0));
        }
    }

    /// Asks for the next part of a list, once most of the last part has come.
    fn list_on(&mut self, now: Time, slot: usize) {
        let listing = self.conversations.lists.slots.get(slot).and_then(Option::as_ref);
        let Some(listing) = listing.filter(|listing| listing.asked.is_none() && !listing.whole) else { return };
        let (peer, after) = (listing.peer, listing.after);
        if self.requests.load(peer).transactions > LIST_OPEN_MAX {
            return;
        }
        let number = self.chance.next_u32();
        let asked = self.say(peer, Reconcile::List { number, after });
        if asked && let Some(listing) = self.conversations.lists.of(peer) {
            listing.asked = Some(number);
            listing.at = now;
        }
    }

    /// Whether an offer is the part of a list that is on its way.
    pub(super) fn is_part(&mut self, from: PeerHandle, number: u32) -> bool {
        self.conversations.lists.of(from).is_some_and(|listing| listing.asked == Some(number))
    }

    /// A part of a list came, and `wanted` items of it are asked for.
    pub(super) fn on_part(&mut self, now: Time, from: PeerHandle, ids: &[ShortId], wanted: usize) {
        let Some(listing) = self.conversations.lists.of(from) else { return };
        let futile = listing.in_vain;
        listing.asked = None;
        listing.parts = listing.parts.saturating_add(1);
        listing.before = listing.after;
        listing.after = ids.last().copied();
        listing.at = now;
        listing.in_vain = wanted > 0;
        // A peer that lists forever must not keep us from the others.
        listing.whole = ids.len() < OFFER_ENTRIES_MAX || listing.parts >= LIST_PARTS_MAX;
        // Whether the list brings something is known only when a body has come and was checked.
        let waits = listing.in_vain && listing.brought == 0 && !futile;
        if futile || listing.whole && !waits {
            self.end_list_of(now, from);
        }
    }

    fn end_list_of(&mut self, now: Time, from: PeerHandle) {
        let place = |slot: &Option<Box<Listing>>| slot.as_ref().is_some_and(|listing| listing.peer == from);
        if let Some(slot) = self.conversations.lists.slots.iter().position(place) {
            self.end_list(now, slot);
        }
    }

    /// An item that a peer sent was accepted. If the peer had listed it, its list brought something, even if the
    /// item came late.
    pub(crate) fn list_brought(&mut self, now: Time, from: PeerHandle, id: ShortId) {
        if self.conversations.lists.is_listing(from)
            && self.was_listed(from, id)
            && let Some(listing) = self.conversations.lists.of(from)
        {
            listing.brought = listing.brought.saturating_add(1);
            listing.in_vain = false;
            listing.at = now;
            if listing.whole {
                self.end_list_of(now, from);
            }
        }
    }
}
