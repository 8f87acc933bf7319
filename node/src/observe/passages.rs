//! Passages: how each of the last items came to this node, and where it went.
//!
//! Promises a record of every item whose body came or entered here, for the last [`PASSAGES_MAX`] of them (or as many as
//! `--memory` says), in bounded memory ([`PASSAGES_BYTES_MAX`]), whatever peers do. The engine says why an item came;
//! this only writes it down, and nothing is decided by it.
//!
//! * Items that were only announced have a room of their own. A peer that announces what doesn't exist pushes out only
//!   other announcements.
//! * A duplicate body opens no record: how the item came first isn't known any more.
//! * Offers of more than [`OFFERED_NOTED_MAX`] ids are not noted, and of the transactions that one block brings only the
//!   first [`ENCLOSED_MAX`]. Otherwise one list or one block would push out everything else.
//!
//! With a bound of 0 nothing is recorded, and nothing is computed for a record (`--no-item-traces`).
//!
//! Deliberately absent: a clock, peers' names beyond the last [`PEERS_NAMED_MAX`], and what a restart would need.

pub mod passage;

use std::collections::VecDeque;
use std::hash::Hash;

use libp2p::PeerId;
use lru::LruCache;
use protocol::footprint::{block, list, lru};
use protocol::gossip::{ArrivalCause, Event, ItemId, PeerHandle};
use protocol::items::hash::{BlockId, ShortId};
use protocol::items::verify::{JobId, VerifyJob};
use protocol::ledger::durable::Record;
use protocol::time::{Duration, Time};
use protocol::wire::message::{Message, Reconcile};

use self::passage::{ARRIVALS_MAX, Arrival, DEPARTURES_MAX, Departure, Passage, Went};
use crate::observe::trace::Kind;

/// Items whose bodies came, with the usual memory: at 20 a second those of the last two and a half minutes.
pub const PASSAGES_MAX: usize = 3_072;

/// For this many items whose bodies came there is room for one that was only announced: 512 with the usual memory.
pub const ANNOUNCED_SHARE: usize = 6;

/// The longest offer that is noted. One that repairs what relay has missed has a few ids; a list has thousands.
pub const OFFERED_NOTED_MAX: usize = 64;

/// Transactions that are recorded of those that one block brings.
pub const ENCLOSED_MAX: usize = 32;

/// Peers whose ids are remembered, those that left included. A node has some 100 at most.
pub const PEERS_NAMED_MAX: usize = 512;

/// Checks that are timed at once. While a pool has more, some items lack this step.
pub const CHECKS_TIMED_MAX: usize = 1_024;

/// The memory of a record: its place, its arrivals and its departures. Some 1 KiB.
pub const PASSAGE_BYTES: usize = lru(PASSAGES_MAX, size_of::<(Name, Passage)>())
    + block(ARRIVALS_MAX * size_of::<Arrival>())
    + block(DEPARTURES_MAX * size_of::<Departure>())
    + list(PASSAGES_MAX, size_of::<(u64, Name)>()).div_ceil(PASSAGES_MAX);

/// The memory of the record of an item that was only announced: nothing of it has left.
pub const ANNOUNCED_BYTES: usize =
    lru(PASSAGES_MAX / ANNOUNCED_SHARE, size_of::<(Name, Passage)>()) + block(ARRIVALS_MAX * size_of::<Arrival>());

/// The memory of a peer's id.
pub const NAMED_BYTES: usize = lru(PEERS_NAMED_MAX, size_of::<(PeerHandle, PeerId)>());

/// The memory of a check that is timed.
pub const CHECK_BYTES: usize = lru(CHECKS_TIMED_MAX, size_of::<(JobId, Name)>());

/// All of it, with the usual memory.
pub const PASSAGES_BYTES_MAX: usize = PASSAGES_MAX * PASSAGE_BYTES
    + PASSAGES_MAX / ANNOUNCED_SHARE * ANNOUNCED_BYTES
    + PEERS_NAMED_MAX * NAMED_BYTES
    + CHECKS_TIMED_MAX * CHECK_BYTES;

const _: () = assert!(PASSAGES_BYTES_MAX <= 4 * 1024 * 1024);

/// An item as announcements name it.
pub type Name = (Kind, ShortId);

/// The records.
#[derive(Debug)]
pub struct Passages {
    most: usize,
    /// By when their first bodies came. Looking at one does not make it newer.
    recent: LruCache<Name, Passage>,
    announced: LruCache<Name, Passage>,
    peers: LruCache<PeerHandle, PeerId>,
    checks: LruCache<JobId, Name>,
    /// The items of the input under way that are to be kept.
    unkept: Vec<Name>,
    /// Items that wait for the commit with this number.
    unstored: VecDeque<(u64, Name)>,
    /// The last block that brought transactions, and how many of them are recorded.
    enclosed: Option<(BlockId, usize)>,
}

/// An id, or its first digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sought {
    first: u64,
    mask: u64,
    whole: Option<[u8; 32]>,
}

/// A text that is no id, nor the beginning of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an id of 64 hexadecimal digits is wanted, or its first 8 to 16")]
pub struct NoId;

/// What a [`Sought`] finds.
#[derive(Clone, Copy, Debug)]
pub enum Found<'a> {
    /// No record.
    Nothing,
    /// One.
    One(&'a Passage),
    /// Several items begin alike.
    Several,
}

impl Default for Passages {
    fn default() -> Self {
        Self::new(PASSAGES_MAX)
    }
}

impl Passages {
    /// Records this many items; with 0, nothing.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self {
            most,
            recent: LruCache::unbounded(),
            announced: LruCache::unbounded(),
            peers: LruCache::unbounded(),
            checks: LruCache::unbounded(),
            unkept: Vec::new(),
            unstored: VecDeque::new(),
            enclosed: None,
        }
    }

    /// Whether anything is recorded.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.most > 0
    }

    /// A peer has connected.
    pub fn met(&mut self, peer: PeerHandle, id: PeerId) {
        if !self.is_on() {
            return;
        }
        put(&mut self.peers, PEERS_NAMED_MAX, peer, id);
    }

    /// An item enters here.
    pub fn submitted(&mut self, now: Time, item: ItemId, bytes: usize) {
        if !self.is_on() {
            return;
        }
        self.with_body(now, item, |passage| {
            passage.bytes = Some(bytes);
            passage.enter(now, ArrivalCause::Submitted, None);
        });
    }

    /// A message came, and the engine has not seen it yet.
    pub fn received(&mut self, now: Time, from: PeerHandle, message: &Message) {
        if !self.is_on() {
            return;
        }
        match message {
            Message::Inv(entries) => {
                for entry in entries {
                    self.hear(now, transaction(entry.transaction.short()), |passage| passage.announced(now, from));
                }
            }
            Message::BlockHeader { header, .. } => {
                self.hear(now, block_name(&header.id()), |passage| passage.announced(now, from));
            }
            Message::GetData { wanted, .. } => {
                for one in wanted {
                    self.known(transaction(one.short()), |passage| passage.wanted(now, from));
                }
            }
            Message::GetBlock { id, .. } => self.known(block_name(id), |passage| passage.wanted(now, from)),
            Message::Reconcile(said) => {
                for short in offered(said) {
                    self.hear(now, transaction(*short), |passage| passage.announced(now, from));
                }
            }
            _ => {}
        }
    }

    /// The engine sends a message.
    pub fn sent(&mut self, now: Time, to: PeerHandle, message: &Message) {
        if !self.is_on() {
            return;
        }
        match message {
            Message::Inv(entries) => {
                for entry in entries {
                    let name = transaction(entry.transaction.short());
                    self.known(name, |passage| passage.announce(now, to, Went::Announced));
                }
            }
            Message::BlockHeader { header, .. } => {
                self.known(block_name(&header.id()), |passage| passage.announce(now, to, Went::Announced));
            }
            Message::Reconcile(said) => {
                for short in offered(said) {
                    self.known(transaction(*short), |passage| passage.announce(now, to, Went::Offered));
                }
            }
            Message::Transactions { bodies, .. } => {
                for body in bodies {
                    self.known(transaction(body.id().short()), |passage| passage.send(now, to));
                }
            }
            Message::Block(block) => {
                self.known(block_name(&block.header.id()), |passage| passage.send(now, to));
            }
            Message::GetData { wanted, .. } => {
                for one in wanted {
                    self.hear(now, transaction(one.short()), |passage| passage.asked(now, to));
                }
            }
            Message::GetBlock { id, .. } => self.hear(now, block_name(id), |passage| passage.asked(now, to)),
            _ => {}
        }
    }

    /// The engine hands out a job. A job for some of a block's transactions says nothing of the block.
    pub fn checking(&mut self, job: &VerifyJob) {
        if !self.is_on() {
            return;
        }
        let name = match (job.headers.as_slice(), job.transactions.as_slice()) {
            ([], [one]) => transaction(one.id().short()),
            ([header], []) => block_name(&header.id()),
            _ => return,
        };
        put(&mut self.checks, CHECKS_TIMED_MAX, job.id, name);
    }

    /// A job's verdict is here. The check took this long, with those that were checked together.
    pub fn checked(&mut self, now: Time, job: JobId, took: Duration) {
        if let Some(name) = self.checks.pop(&job) {
            self.known(name, |passage| {
                passage.steps.checked.get_or_insert(now);
                passage.check_took.get_or_insert(took);
            });
        }
    }

    /// The engine tells something.
    pub fn event(&mut self, now: Time, event: &Event) {
        if !self.is_on() {
            return;
        }
        match *event {
            Event::BodyReceived { item, from, duplicate: true, cause, .. } => {
                self.known(name_of(item), |passage| {
                    passage.id = Some(item);
                    passage.body(now, from, cause, true);
                });
            }
            Event::BodyReceived { item, from, bytes, cause, .. } => {
                self.with_body(now, item, |passage| {
                    passage.bytes = Some(bytes);
                    passage.body(now, from, cause, false);
                });
            }
            Event::Accepted { item, from, within, bytes } => self.accepted(now, item, from, within, bytes),
            Event::Refused { item, ref refusal, .. } | Event::Submitted { item, result: Err(ref refusal) } => {
                self.known(name_of(item), |passage| passage.refused(refusal.label()));
            }
            _ => {}
        }
    }

    /// The engine wants a record to be kept.
    pub fn keeping(&mut self, record: &Record) {
        if !self.is_on() {
            return;
        }
        let name = match record {
            Record::Pending(pending) => transaction(pending.id().short()),
            Record::Block { block, .. } => block_name(&block.header.id()),
            _ => return,
        };
        if self.recent.contains(&name) && self.unkept.len() < self.most {
            self.unkept.push(name);
        }
    }

    /// The records of one input go to the store, and are kept with this commit.
    pub fn handed_over(&mut self, commit: u64) {
        self.unstored.extend(self.unkept.drain(..).map(|name| (commit, name)));
        let excess = self.unstored.len().saturating_sub(self.most);
        self.unstored.drain(..excess);
    }

    /// Everything up to this commit is on disk.
    pub fn committed(&mut self, now: Time, up_to: u64) {
        while let Some((_, name)) = self.unstored.front().copied().filter(|(commit, _)| *commit <= up_to) {
            self.unstored.pop_front();
            if let Some(passage) = self.recent.peek_mut(&name) {
                passage.steps.stored.get_or_insert(now);
            }
        }
    }

    /// The record of an item.
    #[must_use]
    pub fn find(&self, sought: &Sought) -> Found<'_> {
        let all = self.recent.iter().chain(self.announced.iter()).map(|(_, passage)| passage);
        let mut found = all.filter(|passage| sought.names(passage));
        match (found.next(), found.next()) {
            (None, _) => Found::Nothing,
            (Some(one), None) => Found::One(one),
            (Some(_), Some(_)) => Found::Several,
        }
    }

    /// Items whose bodies came, the newest first.
    pub fn latest(&self) -> impl Iterator<Item = &Passage> {
        self.recent.iter().map(|(_, passage)| passage)
    }

    /// Items that were only announced, the newest first.
    pub fn announced(&self) -> impl Iterator<Item = &Passage> {
        self.announced.iter().map(|(_, passage)| passage)
    }

    /// A peer's id, if it is remembered.
    #[must_use]
    pub fn peer(&self, handle: PeerHandle) -> Option<&PeerId> {
        self.peers.peek(&handle)
    }

    fn accepted(
        &mut self,
        now: Time,
        item: ItemId,
        from: Option<PeerHandle>,
        within: Option<BlockId>,
        bytes: usize,
    ) {
        if within.is_some_and(|block| !self.has(&name_of(item)) && !self.may_enclose(block)) {
            return;
        }
        self.with_body(now, item, |passage| {
            if bytes > 0 {
                passage.bytes = Some(bytes);
            }
            if let Some(block) = within {
                passage.within = Some(block);
                passage.enter(now, ArrivalCause::WithinBlock, from);
            } else if from.is_none() {
                passage.enter(now, ArrivalCause::Submitted, None);
            }
            passage.accepted(now);
        });
    }

    fn has(&self, name: &Name) -> bool {
        self.recent.contains(name) || self.announced.contains(name)
    }

    /// Whether one more of the transactions that this block brings is recorded.
    fn may_enclose(&mut self, block: BlockId) -> bool {
        let enclosed = self.enclosed.get_or_insert((block, 0));
        if enclosed.0 != block {
            *enclosed = (block, 0);
        }
        enclosed.1 += 1;
        enclosed.1 <= ENCLOSED_MAX
    }

    /// Writes into an item's record, if there is one.
    fn known(&mut self, name: Name, write: impl FnOnce(&mut Passage)) {
        if let Some(passage) = self.recent.peek_mut(&name).or_else(|| self.announced.peek_mut(&name)) {
            write(passage);
        }
    }

    /// The same; begins a record if there is none.
    fn hear(&mut self, now: Time, name: Name, write: impl FnOnce(&mut Passage)) {
        if !self.has(&name) {
            let most = self.most / ANNOUNCED_SHARE;
            put(&mut self.announced, most, name, Passage::new(name.0, name.1, now));
        }
        self.known(name, write);
    }

    /// Writes into the record of an item whose body is here.
    fn with_body(&mut self, now: Time, item: ItemId, write: impl FnOnce(&mut Passage)) {
        let name = name_of(item);
        if !self.recent.contains(&name) {
            let begun = self.announced.pop(&name).unwrap_or_else(|| Passage::new(name.0, name.1, now));
            put(&mut self.recent, self.most, name, begun);
        }
        if let Some(passage) = self.recent.peek_mut(&name) {
            passage.id = Some(item);
            write(passage);
        }
    }
}

impl std::str::FromStr for Sought {
    type Err = NoId;

    fn from_str(text: &str) -> Result<Self, NoId> {
        if !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(NoId);
        }
        let mut whole = [0; 32];
        let whole = (text.len() == 64 && hex::decode_to_slice(text, &mut whole).is_ok()).then_some(whole);
        if whole.is_none() && !(8..=16).contains(&text.len()) {
            return Err(NoId);
        }
        let digits: String = text.chars().chain(std::iter::repeat('0')).take(16).collect();
        let first = u64::from_str_radix(&digits, 16).map_err(|_| NoId)?;
        let missing = 16_usize.saturating_sub(text.len());
        Ok(Self { first, mask: u64::MAX << (4 * missing), whole })
    }
}

impl Sought {
    fn names(&self, passage: &Passage) -> bool {
        let whole = match passage.id {
            Some(ItemId::Transaction(id)) => Some(id.0),
            Some(ItemId::Block(id)) => Some(id.0),
            None => None,
        };
        let other = matches!((self.whole, whole), (Some(sought), Some(whole)) if sought != whole);
        u64::from_be_bytes(passage.short.0) & self.mask == self.first && !other
    }
}

/// Adds an entry. If there are too many, the oldest makes room.
fn put<K: Hash + Eq, V>(to: &mut LruCache<K, V>, most: usize, key: K, value: V) {
    to.put(key, value);
    if to.len() > most {
        to.pop_lru();
    }
}

/// The ids of an offer that is short enough.
fn offered(said: &Reconcile) -> &[ShortId] {
    match said {
        Reconcile::Difference { offered: ids, .. } | Reconcile::Offer { ids, .. }
            if ids.len() <= OFFERED_NOTED_MAX =>
        {
            ids
        }
        _ => &[],
    }
}

const fn transaction(short: ShortId) -> Name {
    (Kind::Transaction, short)
}

fn block_name(id: &BlockId) -> Name {
    (Kind::Block, id.short())
}

fn name_of(item: ItemId) -> Name {
    match item {
        ItemId::Transaction(id) => transaction(id.short()),
        ItemId::Block(id) => block_name(&id),
    }
}
