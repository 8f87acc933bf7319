//! The mempool: valid transactions that are in no block of the best chain.
//!
//! It is bounded in bytes and entries, and refuses or sheds by rules that one flooder can't turn against the
//! others ([why](../../../docs/decisions/0025-a-full-mempool-turns-over.md)). When there is no room for a
//! newcomer, shares are compared with the newcomer counted in:
//!
//! 1. If an author holds more than a 16th of the pool, the largest author sheds its newest item. If that
//!    author is the newcomer's, the newcomer is refused.
//! 2. Otherwise the link with the largest share sheds an item: its oldest one, if that is *old*
//!    ([`MEMPOOL_OLD_AFTER`]), otherwise the one in the *middle* of its share. So the older half of what a link
//!    brought keeps its place while it is young, and items pass through the newer half in order. Local submissions
//!    are their own link. All closed links together are one link, so that reconnecting gains nothing.
//! 3. If the newcomer's own link has the largest share, the newcomer takes the place of such an item of that link,
//!    as long as the link's share is turned over no more than once in [`MEMPOOL_TURNOVER`]. Beyond that the
//!    newcomer is refused.
//! 4. Submitted items give way to nothing that came by another link while they take at most a quarter of the pool.
//!    Beyond that the newest of them is removed. Rule 3 is not for them: if submissions have the largest share, a
//!    new one is refused, because the submitters of the others were told that their items are held.
//! 5. This repeats until there is room. If the newcomer is refused, nothing has changed.
//!
//! So each of `n` links has a share that others can't take: a link with less than an `n`-th of what is held
//! neither sheds nor is refused by rule 2.
//!
//! *Rationale*: shares by author would be fair, but a new author costs nothing. A new link costs something, so
//! shares by link are safe. But an honest link also carries everybody's junk. The turnover lets news in beside the
//! junk, and slows down junk that would otherwise be passed on forever.
//!
//! Deliberately absent: any check of a signature or a validator's rule, and fees. Every item here passed its
//! checks before.
//!
//! [`MEMPOOL_OLD_AFTER`]: crate::limits::MEMPOOL_OLD_AFTER
//! [`MEMPOOL_TURNOVER`]: crate::limits::MEMPOOL_TURNOVER

mod room;
mod shares;

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Bound;

use crate::footprint::tree;
use crate::items::hash::{ShortId, TxId};
use crate::items::keys::PublicKey;
use crate::items::refusal::Refusal;
use crate::items::transaction::{Height, SignedTransaction};
use crate::limits::{BLOCK_TRANSACTIONS_MAX, MEMPOOL_BYTES_MAX, MEMPOOL_CHARGE_MIN, TRANSACTIONS_PER_NONCE_MAX};
use crate::sorted::{SortedMap, SortedSet};
use crate::time::{Duration, Time};
use room::Newcomer;
use shares::Shares;

/// Valid transactions that wait for a block.
#[derive(Debug)]
pub struct Mempool {
    bytes_max: usize,
    /// In the order of acceptance.
    entries: SortedMap<u64, Entry>,
    ids: SortedMap<TxId, u64>,
    /// How many transactions have a short id that another one has as well. Nearly always there is none, so it is
    /// not looked for on each announcement.
    twins: usize,
    nonces: SortedMap<(PublicKey, u64), usize>,
    expiries: SortedSet<(Height, u64)>,
    authors: Shares<PublicKey>,
    links: Shares<Link>,
    /// For each link, the time until which its turnovers so far would last, if one share took
    /// [`MEMPOOL_TURNOVER`].
    turned: SortedMap<Link, Time>,
    next: u64,
    bytes: usize,
    charged: usize,
}

/// A transaction was accepted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inserted {
    /// What was shed to make room for it, in the order of shedding.
    pub evicted: Vec<Arc<SignedTransaction>>,
}

/// The transactions that a short id names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// No transaction that is held.
    None,
    /// This transaction.
    One(Arc<SignedTransaction>),
    /// More than one: the full id is needed.
    Several,
}

#[derive(Debug)]
struct Entry {
    transaction: Arc<SignedTransaction>,
    accepted_at: Time,
    /// Whether it is no news, even if it is young.
    settled: bool,
    link: Link,
    charge: usize,
}

impl Entry {
    fn is_news(&self, now: Time, span: Duration) -> bool {
        !self.settled && now.since(self.accepted_at) < span
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Link {
    Local,
    Open(u32),
    Closed,
}

impl Default for Mempool {
    fn default() -> Self {
        Self::new(MEMPOOL_BYTES_MAX)
    }
}

impl Mempool {
    /// The memory of an entry beside its encoded bytes, if each item has an author of its own: the transaction, its
    /// place, and where id, nonce, last height, author and link are looked up.
    pub const ENTRY_BYTES: usize = SignedTransaction::HELD_BYTES
        + tree(size_of::<(u64, Entry)>())
        + tree(size_of::<(TxId, u64)>())
        + tree(size_of::<((PublicKey, u64), usize)>())
        + tree(size_of::<(Height, u64)>())
        + Shares::<PublicKey>::HOLDER_BYTES
        + Shares::<Link>::ITEM_BYTES;

    /// An empty pool for `bytes_max` bytes. A transaction counts for its encoded bytes, and for at least
    /// [`MEMPOOL_CHARGE_MIN`].
    #[must_use]
    pub const fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            entries: SortedMap::new(),
            ids: SortedMap::new(),
            twins: 0,
            nonces: SortedMap::new(),
            expiries: SortedSet::new(),
            authors: Shares::new(),
            links: Shares::new(),
            turned: SortedMap::new(),
            next: 0,
            bytes: 0,
            charged: 0,
        }
    }

    /// Accepts a transaction that came by `link` (`None`: submitted here). Its bytes must be its own, because a
    /// slice of a larger buffer would keep all of that buffer alive. A transaction that is held already changes
    /// nothing.
    ///
    /// # Errors
    /// [`Refusal::NonceTaken`], or by the rules above [`Refusal::AuthorFull`] (rule 1) or [`Refusal::MempoolFull`]
    /// (rules 2 to 4, which another link may pass). Then nothing has changed, and the same transaction may be
    /// accepted later.
    pub fn insert(
        &mut self,
        now: Time,
        transaction: &Arc<SignedTransaction>,
        link: Option<u32>,
    ) -> Result<Inserted, Refusal> {
        if self.contains(&transaction.id()) {
            return Ok(Inserted::default());
        }
        if self.is_nonce_taken(transaction) {
            return Err(Refusal::NonceTaken);
        }
        let newcomer = Newcomer::new(now, transaction, link);
        let evicted = self.make_room(&newcomer)?;
        let Newcomer { charge, link, .. } = newcomer;
        let transaction = transaction.clone();
        self.attach(self.next, Entry { transaction, accepted_at: now, settled: false, link, charge });
        self.next = self.next.saturating_add(1);
        if evicted.iter().any(|(victim, _)| victim.turns) {
            self.turn(&newcomer);
        }
        Ok(Inserted { evicted: evicted.into_iter().map(|(_, entry)| entry.transaction).collect() })
    }

    /// Why a transaction would be refused now, if a short look shows that. A newcomer that needs the room of
    /// several items may still be refused by [`Mempool::insert`]. Nothing changes.
    pub fn refusal(&mut self, now: Time, transaction: &SignedTransaction, link: Option<u32>) -> Option<Refusal> {
        if self.is_nonce_taken(transaction) {
            return Some(Refusal::NonceTaken);
        }
        let newcomer = Newcomer::new(now, transaction, link);
        if self.fits(newcomer.charge) { None } else { self.victim(&newcomer).err() }
    }

    /// Notes that a transaction was submitted here as well. From now on it counts for local submissions. False if
    /// it is not held.
    pub fn adopt(&mut self, id: &TxId) -> bool {
        let Some((at, entry)) = self.ids.get(id).and_then(|at| Some((*at, self.entries.get_mut(at)?))) else {
            return false;
        };
        let from = core::mem::replace(&mut entry.link, Link::Local);
        self.links.remove(from, at);
        self.links.add(Link::Local, at, entry.charge);
        true
    }

    /// Whether a transaction is held.
    #[must_use]
    pub fn contains(&self, id: &TxId) -> bool {
        self.ids.contains_key(id)
    }

    /// A transaction that is held.
    #[must_use]
    pub fn get(&self, id: &TxId) -> Option<&Arc<SignedTransaction>> {
        self.entry(id).map(|entry| &entry.transaction)
    }

    /// What a short id names.
    #[must_use]
    pub fn by_short(&self, short: ShortId) -> Lookup {
        let mut found = self.ids_like(short).filter_map(|at| self.entries.get(at));
        match (found.next(), found.next()) {
            (None, _) => Lookup::None,
            (Some(entry), None) => Lookup::One(entry.transaction.clone()),
            (Some(_), Some(_)) => Lookup::Several,
        }
    }

    /// Whether a short id names one or more transactions that are held.
    pub(crate) fn names(&self, short: ShortId) -> bool {
        self.ids_like(short).next().is_some()
    }

    /// When a transaction that is held was accepted, and whether its short id names another one as well.
    pub(crate) fn to_announce(&self, id: &TxId) -> Option<(Time, bool)> {
        let entry = self.entry(id)?;
        let ambiguous = self.twins > 0 && self.ids_like(id.short()).nth(1).is_some();
        Some((entry.accepted_at, ambiguous))
    }

    /// When a transaction that is held was accepted.
    #[must_use]
    pub fn accepted_at(&self, id: &TxId) -> Option<Time> {
        self.entry(id).map(|entry| entry.accepted_at)
    }

    /// Removes a transaction, for example because a block has it.
    pub fn remove(&mut self, id: &TxId) -> Option<Arc<SignedTransaction>> {
        let at = *self.ids.get(id)?;
        self.detach(at).map(|entry| entry.transaction)
    }

    /// Removes every transaction that no block after `tip` may hold, and returns them.
    pub fn remove_expired(&mut self, tip: Height) -> Vec<Arc<SignedTransaction>> {
        let mut expired = Vec::new();
        while let Some(&(valid_until, at)) = self.expiries.first() {
            if valid_until > tip {
                break;
            }
            match self.detach(at) {
                Some(entry) => expired.push(entry.transaction),
                None => break,
            }
        }
        expired
    }

    /// Notes that a link is closed. Items that came by it stay, and count for all closed links together.
    pub fn link_closed(&mut self, link: u32) {
        for at in self.links.items(&Link::Open(link)) {
            if let Some(entry) = self.entries.get_mut(&at) {
                self.links.remove(entry.link, at);
                entry.link = Link::Closed;
                self.links.add(entry.link, at, entry.charge);
            }
        }
        self.turned.remove(&Link::Open(link));
    }

    /// The oldest transactions that may be in a block and whose encoded list takes at most `body_bytes_max` bytes
    /// of it. Those that no longer fit are passed over.
    #[must_use]
    pub fn template(
        &self,
        body_bytes_max: usize,
        may: impl Fn(&SignedTransaction) -> bool,
    ) -> Vec<Arc<SignedTransaction>> {
        let mut chosen = Vec::new();
        let mut bytes = 0_usize;
        for (transaction, _) in self.oldest_first().filter(|(transaction, _)| may(transaction)) {
            if chosen.len() >= BLOCK_TRANSACTIONS_MAX {
                break;
            }
            let len = transaction.encoded().len();
            let with_it = bytes.saturating_add(head_bytes(len)).saturating_add(len);
            if with_it.saturating_add(head_bytes(chosen.len().saturating_add(1))) <= body_bytes_max {
                chosen.push(transaction.clone());
                bytes = with_it;
            }
        }
        chosen
    }

    /// All transactions and when they were accepted, in the order of acceptance.
    pub fn oldest_first(&self) -> impl DoubleEndedIterator<Item = (&Arc<SignedTransaction>, Time)> {
        self.entries.iter().map(|(_, entry)| (&entry.transaction, entry.accepted_at))
    }

    /// Notes that a transaction is no news: it came from an earlier run, or from a peer that has held it for long.
    pub fn settle(&mut self, id: &TxId) {
        if let Some(entry) = self.ids.get(id).and_then(|at| self.entries.get_mut(at)) {
            entry.settled = true;
        }
    }

    /// Transactions that came as news less than `span` ago, in the order of acceptance.
    pub fn news(&self, now: Time, span: Duration) -> impl Iterator<Item = &Arc<SignedTransaction>> {
        self.by_age().filter(move |entry| entry.is_news(now, span)).map(|entry| &entry.transaction)
    }

    /// All others, in the order of acceptance.
    pub fn settled(&self, now: Time, span: Duration) -> impl Iterator<Item = &Arc<SignedTransaction>> {
        self.by_age().filter(move |entry| !entry.is_news(now, span)).map(|entry| &entry.transaction)
    }

    /// Short ids in their order, after a given one or from the first.
    pub fn ids_after(&self, after: Option<ShortId>) -> impl Iterator<Item = ShortId> {
        let start = after.map(|short| {
            let mut id = [0xff; 32];
            id.iter_mut().zip(short.0).for_each(|(at, byte)| *at = byte);
            TxId(id)
        });
        let bounds = (start.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded);
        self.ids.range(bounds).map(|(id, _)| id.short())
    }

    /// Reads where a transaction would be put.
    #[cfg(feature = "simulator")]
    pub(crate) fn foresee(&self, transaction: &SignedTransaction) -> u64 {
        let taken = self.is_nonce_taken(transaction) || self.contains(&transaction.id());
        let last = self.entries.last_key_value().map_or(0, |(at, entry)| *at ^ entry.charge as u64);
        let soonest = self.expiries.last().map_or(0, |(height, _)| *height);
        last ^ soonest ^ self.authors.of(&transaction.author()) as u64 ^ u64::from(taken)
    }

    /// How many transactions of `bytes` fit without shedding any.
    #[must_use]
    pub fn room_for(&self, bytes: usize) -> usize {
        self.bytes_max.saturating_sub(self.charged) / bytes.max(MEMPOOL_CHARGE_MIN)
    }

    /// How many transactions are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Their encoded bytes.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Ids are sorted by their first bytes, so ids with the same first bytes are neighbours.
    fn ids_like(&self, short: ShortId) -> impl Iterator<Item = &u64> {
        self.ids.range(lowest(short)..).take_while(move |(id, _)| id.short() == short).map(|(_, at)| at)
    }

    /// By how many the twins become more if this short id gets one more transaction.
    fn twins_of(&self, short: ShortId) -> usize {
        match self.ids_like(short).take(2).count() {
            0 => 0,
            1 => 2,
            _ => 1,
        }
    }

    /// All entries, in the order of acceptance.
    fn by_age(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().map(|(_, entry)| entry)
    }

    fn entry(&self, id: &TxId) -> Option<&Entry> {
        self.entries.get(self.ids.get(id)?)
    }

    fn is_nonce_taken(&self, transaction: &SignedTransaction) -> bool {
        let nonce = (transaction.author(), transaction.nonce());
        self.nonces.get(&nonce).is_some_and(|held| *held >= TRANSACTIONS_PER_NONCE_MAX)
    }

    fn attach(&mut self, at: u64, entry: Entry) {
        let transaction = &entry.transaction;
        self.twins = self.twins.saturating_add(self.twins_of(transaction.id().short()));
        self.ids.insert(transaction.id(), at);
        let held = self.nonces.or_default((transaction.author(), transaction.nonce()));
        *held = held.saturating_add(1);
        self.expiries.insert((transaction.valid_until(), at));
        self.authors.add(transaction.author(), at, entry.charge);
        self.links.add(entry.link, at, entry.charge);
        self.bytes = self.bytes.saturating_add(transaction.encoded().len());
        self.charged = self.charged.saturating_add(entry.charge);
        self.entries.insert(at, entry);
    }

    fn detach(&mut self, at: u64) -> Option<Entry> {
        let entry = self.entries.remove(&at)?;
        let transaction = &entry.transaction;
        self.ids.remove(&transaction.id());
        if self.twins > 0 {
            self.twins = self.twins.saturating_sub(self.twins_of(transaction.id().short()));
        }
        let nonce = (transaction.author(), transaction.nonce());
        if let Some(held) = self.nonces.get_mut(&nonce) {
            *held = held.saturating_sub(1);
            if *held == 0 {
                self.nonces.remove(&nonce);
            }
        }
        self.expiries.remove(&(transaction.valid_until(), at));
        self.authors.remove(transaction.author(), at);
        self.links.remove(entry.link, at);
        self.bytes = self.bytes.saturating_sub(transaction.encoded().len());
        self.charged = self.charged.saturating_sub(entry.charge);
        Some(entry)
    }
}

/// The lowest id that has this short id.
fn lowest(short: ShortId) -> TxId {
    let mut low = [0; 32];
    low.iter_mut().zip(short.0).for_each(|(at, byte)| *at = byte);
    TxId(low)
}

/// Bytes of the CBOR header of an array or byte string of this length.
const fn head_bytes(len: usize) -> usize {
    match len {
        0..24 => 1,
        24..0x100 => 2,
        0x100..0x1_0000 => 3,
        _ => 5,
    }
}
