//! The inventory: what this node knows of items, in one table by short id. For each item the table has where the
//! item stands with this node, and which links have it.
//!
//! Promises that one look-up tells which links lack an item, and that no link can make the inventory forget what
//! another link has shown or what this node has done. Deliberately absent: bodies, messages, whom to ask, and
//! what a standing leads to.
//!
//! # Specification
//!
//! * **Names.** Links announce short ids, so what links have is kept by short id. Where an item stands is kept by
//!   full id. If two items share a short id, each has its own standing, and they share the links.
//!   *Rationale:* a full id that is merely announced proves nothing. It would let a link attach what others have
//!   shown to an id that it made up. A body proves its id.
//! * **Standing.** An item is *handled* while it is in verification, was accepted, was rejected, or was refused at
//!   sight, and this is remembered. Otherwise it is *unhandled*: links say that they have it, and that is all.
//!   Accepting an item ends its rejection. A rejection and a refusal at sight replace each other.
//! * **Memory of handled items.** There are three memories: of what was accepted ([`SEEN_ACCEPTED_MAX`]), rejected
//!   ([`SEEN_REJECTED_MAX`]) and refused at sight ([`SEEN_DECLINED_MAX`]). In each, the item that was used longest
//!   ago is forgotten first, with everything that is known of it. An item that was both accepted and rejected is
//!   in the first. A check is remembered until its end.
//!   *Rationale:* junk never pushes out the memory of what is good, and unsigned items push out neither.
//! * **Links that have it.** A link has an item if its peer sent or announced it, or was sent or told of it.
//!   Nothing is charged for a handled item.
//! * **Charges.** Each link that has an unhandled item is charged for it. A link is charged for [`UNHANDLED_MAX`]
//!   ids at most. One more, and it no longer has the item for which it was charged first; this changes nothing for
//!   other links. An unhandled item that no link has is forgotten. When an item is no longer handled without being
//!   forgotten, each link that has it is charged for it anew.
//!   *Rationale:* links can make up ids for free. Whatever one of them announces is paid from its own share.
//! * **Links that leave.** What a link is charged for is forgotten at once. Its bits at handled items are cleared
//!   by a sweep, in small parts, and its number is handed out again only after that.
//!
//! # Complexity
//!
//! Each call costs one look-up, and a move within a list if a standing changes. Beyond that, a charge at the bound
//! costs a second look-up, and a link that leaves costs one for each id that it is charged for, and a part of the
//! sweep ([`SWEEP_PER_LINK`]). The first 128 links have their bits in the entry. Each further 128 take 16 bytes
//! more for each entry, and one access more.
//!
//! # Memory
//!
//! An entry takes [`Inventory::ENTRY_BYTES`]. There are at most [`UNHANDLED_MAX`] for each link, those of the three
//! memories (98,304, 12.4 MiB), and one for each transaction in verification. Vacant entries are used again, but
//! their memory is kept.
//!
//! [`SEEN_ACCEPTED_MAX`]: crate::limits::SEEN_ACCEPTED_MAX
//! [`SEEN_REJECTED_MAX`]: crate::limits::SEEN_REJECTED_MAX
//! [`SEEN_DECLINED_MAX`]: crate::limits::SEEN_DECLINED_MAX
//! [`UNHANDLED_MAX`]: crate::limits::UNHANDLED_MAX
//! [`SWEEP_PER_LINK`]: crate::limits::SWEEP_PER_LINK

pub(super) mod limits;
mod link_set;
mod order;
mod slots;
mod standing;
mod table;

pub use self::link_set::{LinkSet, LinkSlot};
use self::order::Order;
use self::slots::Slots;
pub use self::standing::{Declined, Rejection, Standing};
use self::standing::{Shelf, Unfit};
use self::table::{Entry, Table};
use crate::items::hash::{ShortId, TxId};
use crate::items::transaction::Height;
use crate::items::verify::JobId;
use crate::limits::{
    SEEN_ACCEPTED_MAX, SEEN_DECLINED_MAX, SEEN_REJECTED_MAX, SWEEP_PER_ENTRY, SWEEP_PER_LINK, UNHANDLED_MAX,
};
use crate::seeded::SeededState;
use crate::wire::message::TxRef;

/// What is known of items. See the module's head.
#[derive(Debug)]
pub struct Inventory {
    limits: Limits,
    table: Table,
    slots: Slots,
    accepted: Order,
    rejected: Order,
    declined: Order,
}

/// The bounds of an inventory. By default they are those of `limits`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Accepted items.
    pub accepted: usize,
    /// Rejected items.
    pub rejected: usize,
    /// Items that were refused at sight.
    pub declined: usize,
    /// Unhandled items for which one link is charged.
    pub unhandled: usize,
    /// Entries that are swept when a link leaves.
    pub swept_per_link: usize,
    /// Entries that are swept for each new one.
    pub swept_per_entry: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            accepted: SEEN_ACCEPTED_MAX,
            rejected: SEEN_REJECTED_MAX,
            declined: SEEN_DECLINED_MAX,
            unhandled: UNHANDLED_MAX,
            swept_per_link: SWEEP_PER_LINK,
            swept_per_entry: SWEEP_PER_ENTRY,
        }
    }
}

/// How full the inventory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill {
    /// Entries, of all kinds.
    pub entries: usize,
    /// Items that were accepted.
    pub accepted: usize,
    /// Items that were rejected, and not accepted before.
    pub rejected: usize,
    /// Items that were refused at sight, and not accepted before.
    pub declined: usize,
}

impl Inventory {
    /// The bytes of an entry: those of its type and a quarter more, because the table grows by a quarter, and at
    /// most 12 of the index.
    pub const ENTRY_BYTES: usize = size_of::<Entry>() + size_of::<Entry>() / 4 + 12;

    /// Nothing is known yet.
    #[must_use]
    pub fn new(hasher: SeededState) -> Self {
        Self::with_limits(hasher, Limits::default())
    }

    /// The same with other bounds.
    #[must_use]
    pub fn with_limits(hasher: SeededState, limits: Limits) -> Self {
        let [accepted, rejected, declined] = [Order::new(), Order::new(), Order::new()];
        Self { limits, table: Table::new(hasher), slots: Slots::default(), accepted, rejected, declined }
    }

    /// The most accepted items that are remembered.
    #[must_use]
    pub const fn accepted_max(&self) -> usize {
        self.limits.accepted
    }

    /// A peer has connected. Returns the number of its link.
    #[must_use]
    pub fn join(&mut self) -> LinkSlot {
        let link = self.slots.join();
        self.table.live.insert(link);
        link
    }

    /// A peer is gone. Its link has nothing any more.
    pub fn leave(&mut self, link: LinkSlot) {
        for short in self.slots.leave(link).into_iter().flatten() {
            self.release(link, short);
        }
        self.table.live.remove(link);
        self.sweep(self.limits.swept_per_link);
    }

    /// A link has an item. Returns whether that is new.
    pub fn note(&mut self, link: LinkSlot, short: ShortId) -> bool {
        self.note_at(self.table.head(short.number()), link, short.number())
    }

    /// A link announces an item. Returns whether that tells nothing new: whether the item is handled, and an
    /// announcement by the peer `from` would change nothing about it for a node at height `tip`.
    pub fn hear(&mut self, link: LinkSlot, transaction: &TxRef, tip: Height, from: u32) -> bool {
        let number = transaction.short().number();
        let known = self.table.head(number);
        let covered =
            known.is_some_and(|first| self.any(first, transaction, |standing| standing.covers(tip, from)));
        self.note_at(known, link, number);
        covered
    }

    /// Each of these links has an item.
    pub fn note_all(&mut self, links: &LinkSet, short: ShortId) {
        if links.is_empty() {
            return;
        }
        match self.table.head(short.number()) {
            Some(place) if self.table.entry(place).shelf != Shelf::Unhandled => self.table.add_links(place, links),
            _ => {
                for link in links.iter() {
                    self.note(link, short);
                }
            }
        }
    }

    /// Whether a link has an item.
    #[must_use]
    pub fn has(&self, link: LinkSlot, short: ShortId) -> bool {
        self.table.head(short.number()).is_some_and(|place| self.table.has(place, link))
    }

    /// The links that have an item.
    #[must_use]
    pub fn holders(&self, short: ShortId) -> LinkSet {
        self.table.head(short.number()).map_or_else(LinkSet::default, |place| self.table.links(place))
    }

    /// An item was accepted, and so verified.
    pub fn accept(&mut self, id: TxId) {
        let place = self.handle(id);
        let entry = self.table.entry_mut(place);
        (entry.accepted, entry.unfit) = (true, None);
        self.shelve(place, true);
    }

    /// An item was rejected.
    pub fn reject(&mut self, id: TxId, rejection: Rejection) {
        let place = self.handle(id);
        self.table.entry_mut(place).unfit = Some(rejection.into());
        self.shelve(place, true);
    }

    /// An item was refused at sight.
    pub fn decline(&mut self, id: TxId, declined: Declined) {
        let place = self.handle(id);
        self.table.entry_mut(place).unfit = Some(Unfit::Declined(declined));
        self.shelve(place, true);
    }

    /// Forgets that an item was accepted, because it is no longer held and may be fetched again.
    pub fn forget(&mut self, id: &TxId) {
        if let Some(place) = self.table.find(id) {
            self.table.entry_mut(place).accepted = false;
            self.shelve(place, false);
        }
    }

    /// The check of an item begins.
    pub fn check(&mut self, id: TxId, job: JobId) {
        let place = self.handle(id);
        let entry = self.table.entry_mut(place);
        (entry.checking, entry.job) = (true, job.0);
        self.shelve(place, false);
    }

    /// The check of an item has ended.
    pub fn end_check(&mut self, id: &TxId) {
        if let Some(place) = self.table.find(id) {
            self.table.entry_mut(place).checking = false;
            self.shelve(place, false);
        }
    }

    /// Where an item stands.
    #[must_use]
    pub fn standing(&self, id: &TxId) -> Standing {
        self.table.find(id).map_or_else(Standing::default, |place| self.table.entry(place).standing())
    }

    /// Where an item stands. If it was accepted, the memory of that is refreshed.
    pub fn touch(&mut self, id: &TxId) -> Standing {
        let Some(place) = self.table.find(id) else { return Standing::default() };
        let standing = self.table.entry(place).standing();
        if standing.accepted {
            self.shelve(place, true);
        }
        standing
    }

    /// Whether an announcement of `transaction` by a peer tells nothing new.
    #[must_use]
    pub fn covers(&self, transaction: &TxRef, tip: Height, from: u32) -> bool {
        let first = self.table.head(transaction.short().number());
        first.is_some_and(|first| self.any(first, transaction, |standing| standing.covers(tip, from)))
    }

    /// Whether a transaction is in verification, as far as its name tells.
    #[must_use]
    pub fn is_checked(&self, transaction: &TxRef) -> bool {
        let first = self.table.head(transaction.short().number());
        first.is_some_and(|first| self.any(first, transaction, |standing| standing.job.is_some()))
    }

    /// The full id of a handled item; of several, that of the newest.
    #[must_use]
    pub fn resolve(&self, short: ShortId) -> Option<TxId> {
        let entry = self.table.entry(self.table.head(short.number())?);
        (entry.shelf != Shelf::Unhandled).then_some(entry.id)
    }

    /// How full it is.
    #[must_use]
    pub const fn fill(&self) -> Fill {
        Fill {
            entries: self.table.len(),
            accepted: self.accepted.len(),
            rejected: self.rejected.len(),
            declined: self.declined.len(),
        }
    }

    /// The ids in the queue of what a link is charged for. It may be charged for fewer.
    #[must_use]
    pub fn charged(&self, link: LinkSlot) -> usize {
        self.slots.charged(link)
    }

    /// The same as [`Inventory::note`], if the first entry of the short id is known already.
    fn note_at(&mut self, known: Option<u32>, link: LinkSlot, number: u64) -> bool {
        if !self.slots.is_live(link) {
            return false;
        }
        if known.is_some_and(|place| self.table.has(place, link)) {
            return false;
        }
        let place = match known {
            Some(place) if self.table.entry(place).shelf != Shelf::Unhandled => place,
            _ => {
                if let Some(oldest) = self.slots.charge(link, number, self.limits.unhandled) {
                    self.release(link, oldest);
                }
                // What was released may have been the known entry.
                if known.is_some() { self.table.put(number) } else { self.table.put_new(number) }
            }
        };
        self.table.add_link(place, link);
        if known.is_none() {
            self.sweep(self.limits.swept_per_entry);
        }
        true
    }

    /// Whether one of the entries that a transaction names stands as `wanted`; `first` is the first of its short id.
    fn any(&self, first: u32, transaction: &TxRef, wanted: impl Fn(&Standing) -> bool) -> bool {
        self.table.chain(first).map(|place| self.table.entry(place)).any(|entry| {
            let named = match transaction {
                TxRef::Full(id) => entry.id == *id,
                TxRef::Short(_) => true,
            };
            named && wanted(&entry.standing())
        })
    }

    /// The entry of an item that is being handled.
    fn handle(&mut self, id: TxId) -> u32 {
        let before = self.table.len();
        let place = self.table.put_id(id);
        if self.table.len() > before {
            self.sweep(self.limits.swept_per_entry);
        }
        place
    }

    /// A link is no longer charged for an id, and doesn't have it, if the item is unhandled.
    fn release(&mut self, link: LinkSlot, short: u64) {
        if let Some(place) = self.table.head(short)
            && self.table.entry(place).shelf == Shelf::Unhandled
        {
            self.table.remove_link(place, link);
            if !self.table.has_links(place) {
                self.table.vacate(place);
            }
        }
    }

    /// Puts an entry where its standing belongs; as the one that was used last, if it is `used` now.
    fn shelve(&mut self, place: u32, used: bool) {
        let entry = self.table.entry(place);
        let (from, to) = (entry.shelf, Shelf::of(&entry.standing()));
        if from == to && !used {
            return;
        }
        if let Some((order, entries)) = self.order(from) {
            order.remove(entries, place);
        }
        self.table.entry_mut(place).shelf = to;
        match to {
            Shelf::Unhandled => self.unhandle(place),
            _ => {
                if let Some((order, entries)) = self.order(to) {
                    order.push(entries, place);
                }
                self.forget_oldest(to);
            }
        }
    }

    /// Keeps a memory within its bound.
    fn forget_oldest(&mut self, shelf: Shelf) {
        let max = match shelf {
            Shelf::Accepted => self.limits.accepted,
            Shelf::Rejected => self.limits.rejected,
            Shelf::Declined => self.limits.declined,
            Shelf::Vacant | Shelf::Unhandled | Shelf::Checking => return,
        };
        let Some((order, entries)) = self.order(shelf) else { return };
        if order.len() <= max {
            return;
        }
        let Some(oldest) = order.oldest() else { return };
        order.remove(entries, oldest);
        let entry = self.table.entry_mut(oldest);
        (entry.accepted, entry.unfit, entry.shelf) = (false, None, Shelf::Checking);
        if !entry.checking {
            self.table.vacate(oldest);
        }
    }

    /// An item is no longer handled. Links that have it are charged for it.
    fn unhandle(&mut self, place: u32) {
        let short = self.table.entry(place).short();
        let alone = self.table.is_alone(place);
        let links = self.table.links(place);
        self.table.vacate(place);
        if alone {
            for link in links.iter() {
                self.note(link, short);
            }
        }
    }

    fn order(&mut self, shelf: Shelf) -> Option<(&mut Order, &mut [Entry])> {
        let order = match shelf {
            Shelf::Accepted => &mut self.accepted,
            Shelf::Rejected => &mut self.rejected,
            Shelf::Declined => &mut self.declined,
            Shelf::Vacant | Shelf::Unhandled | Shelf::Checking => return None,
        };
        Some((order, self.table.entries.as_mut_slice()))
    }

    /// Sweeps a part of the entries.
    fn sweep(&mut self, count: usize) {
        let len = self.table.entries.len();
        if let Some((places, links)) = self.slots.sweep(count, len) {
            self.table.sweep(places, links);
            self.slots.end_sweep(len);
        }
    }
}
