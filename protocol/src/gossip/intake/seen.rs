//! What this node has handled, by id. There are three memories: transactions that were accepted, that were
//! rejected, and that were refused before their signatures were checked. So junk never pushes out the memory of
//! what is good. Items whose signatures were not checked push out nothing of the other two memories. Least
//! recently used entries go first.

use hashbrown::HashMap;
use lru::LruCache;

use crate::gossip::api::PeerHandle;
use crate::items::hash::TxId;
use crate::items::transaction::Height;
use crate::limits::{SEEN_ACCEPTED_MAX, SEEN_DECLINED_MAX, SEEN_REJECTED_MAX};
use crate::seeded::SeededState;
use crate::wire::message::TxRef;

/// Why a rejected transaction stays rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rejection {
    /// The bytes can never be valid: a peer that sends them is to blame.
    Invalid,
    /// Refused in the state of this tip height. At another height the answer may differ.
    Refused(Height),
}

/// On what a refusal at sight rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Declined {
    /// The tip's height at that time. At another height the answer may differ.
    pub(crate) height: Height,
    /// Set if this link had no room. Then the refusal holds for this link alone.
    pub(crate) link: Option<PeerHandle>,
}

/// Bounded memory of transaction ids.
#[derive(Debug)]
pub(crate) struct Seen {
    accepted: LruCache<TxId, (), SeededState>,
    rejected: LruCache<TxId, Rejection, SeededState>,
    declined: LruCache<TxId, Declined, SeededState>,
    /// One id for each short id in any memory. A second id with the same short id takes its place.
    short: HashMap<u64, Named, SeededState>,
}

/// What a short id stands for.
#[derive(Clone, Copy, Debug)]
struct Named {
    id: TxId,
    /// Set only while the id is among the accepted, so that most announcements need no second look-up.
    accepted: bool,
}

impl Seen {
    pub(crate) fn new(hasher: SeededState) -> Self {
        Self {
            accepted: LruCache::unbounded_with_hasher(hasher.clone()),
            rejected: LruCache::unbounded_with_hasher(hasher.clone()),
            declined: LruCache::unbounded_with_hasher(hasher.clone()),
            short: HashMap::with_hasher(hasher),
        }
    }

    /// Remembers an accepted (verified) transaction.
    pub(crate) fn accept(&mut self, id: TxId) {
        self.rejected.pop(&id);
        self.declined.pop(&id);
        self.accepted.put(id, ());
        self.short.insert(id.short().number(), Named { id, accepted: true });
        if self.accepted.len() > SEEN_ACCEPTED_MAX
            && let Some((oldest, ())) = self.accepted.pop_lru()
        {
            self.forget_short(oldest);
        }
    }

    /// Remembers a rejected one.
    pub(crate) fn reject(&mut self, id: TxId, rejection: Rejection) {
        self.declined.pop(&id);
        self.rejected.put(id, rejection);
        self.short.insert(id.short().number(), Named { id, accepted: false });
        if self.rejected.len() > SEEN_REJECTED_MAX
            && let Some((oldest, _)) = self.rejected.pop_lru()
        {
            self.forget_short(oldest);
        }
    }

    /// Remembers one that was refused at sight.
    pub(crate) fn decline(&mut self, id: TxId, declined: Declined) {
        self.declined.put(id, declined);
        self.short.insert(id.short().number(), Named { id, accepted: false });
        if self.declined.len() > SEEN_DECLINED_MAX
            && let Some((oldest, _)) = self.declined.pop_lru()
        {
            self.forget_short(oldest);
        }
    }

    /// Whether the transaction was accepted, and so verified, before. Refreshes the memory of it.
    pub(crate) fn accepted(&mut self, id: &TxId) -> bool {
        self.accepted.promote(id)
    }

    /// Whether the transaction is rejected for a node at height `tip`.
    pub(crate) fn rejected(&self, id: &TxId, tip: Height) -> Option<Rejection> {
        match self.rejected.peek(id) {
            Some(Rejection::Refused(height)) if *height != tip => None,
            found => found.copied(),
        }
    }

    /// On what the refusal at sight rests, if a node at height `tip` refuses the transaction when this peer sends
    /// it.
    pub(crate) fn declined(&self, id: &TxId, tip: Height, from: PeerHandle) -> Option<Declined> {
        let declined = self.declined.peek(id).filter(|declined| declined.height == tip)?;
        declined.link.is_none_or(|link| link == from).then_some(*declined)
    }

    /// Whether an announcement of `transaction` by a peer tells nothing new.
    pub(crate) fn covers(&self, transaction: &TxRef, tip: Height, from: PeerHandle) -> bool {
        let named = match transaction {
            TxRef::Full(id) => Some(Named { id: *id, accepted: false }),
            TxRef::Short(short) => self.short.get(&short.number()).copied(),
        };
        named.is_some_and(|Named { id, accepted }| {
            accepted
                || self.accepted.contains(&id)
                || self.rejected(&id, tip).is_some()
                || self.declined(&id, tip, from).is_some()
        })
    }

    /// The full id behind a reference, if it is remembered.
    pub(crate) fn resolve(&self, transaction: &TxRef) -> Option<TxId> {
        match transaction {
            TxRef::Full(id) => Some(*id),
            TxRef::Short(short) => self.short.get(&short.number()).map(|named| named.id),
        }
    }

    /// How many transactions are remembered as accepted, as rejected, and as refused at sight.
    pub(crate) fn len(&self) -> (usize, usize, usize) {
        (self.accepted.len(), self.rejected.len(), self.declined.len())
    }

    /// Forgets an accepted transaction that is no longer held, so that it can be fetched again.
    pub(crate) fn forget(&mut self, id: &TxId) {
        self.accepted.pop(id);
        self.forget_short(*id);
    }

    fn forget_short(&mut self, id: TxId) {
        if self.short.get(&id.short().number()).is_some_and(|named| named.id == id) {
            self.short.remove(&id.short().number());
        }
    }
}
