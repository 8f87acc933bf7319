//! Transactions: from an announcement or a body to the mempool and on to the other peers.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::api::{DisconnectReason, Event, ItemId, PeerHandle, Refusal, RelayPolicy, Submission};
use super::request::{Announced, RequestKey};
use super::seen::Rejection;
use super::serve::Reply;
use super::{Checked, Checking, Gossip};
use crate::codec::Encode as _;
use crate::hash::{ShortId, TxId};
use crate::limits::{CHECKS_LOCAL_MAX, REQUEST_ROOM_BYTES};
use crate::mempool::Lookup;
use crate::message::{Body, InvEntry, Lane, Message, TxRef};
use crate::time::Time;
use crate::transaction::SignedTransaction;
use crate::verify::Verdict;

/// A transaction whose signature is being checked.
#[derive(Debug)]
pub(super) struct CheckedTransaction {
    transaction: Arc<SignedTransaction>,
    /// The peers that sent it, the first one first. Empty if it was submitted.
    senders: Vec<PeerHandle>,
    /// Whether a submission waits for the answer.
    submitted: bool,
}

/// The tracker's name for a transaction as it was announced.
pub(super) const fn key(transaction: &TxRef) -> RequestKey {
    match transaction {
        TxRef::Short(short) => RequestKey::Short(*short),
        TxRef::Full(id) => RequestKey::Full(*id),
    }
}

/// How to ask for what [`key`] names; `None` for a block.
pub(super) const fn named(key: &RequestKey) -> Option<TxRef> {
    match key {
        RequestKey::Short(short) => Some(TxRef::Short(*short)),
        RequestKey::Full(id) => Some(TxRef::Full(*id)),
        RequestKey::Block(_) => None,
    }
}

impl Gossip {
    pub(super) fn on_inv(&mut self, now: Time, from: PeerHandle, entries: &[InvEntry]) {
        self.stats.announcements = self.stats.announcements.saturating_add(entries.len() as u64);
        let tip = self.chain.tip().height;
        for InvEntry { transaction, .. } in entries {
            if let Some(peer) = self.peers.get_mut(&from) {
                peer.known.insert(transaction.short());
            }
            if self.seen.covers(transaction, tip) || self.has(transaction) {
                continue;
            }
            let announced = self.requests.announced(now, from, key(transaction), self.usual_bytes);
            if announced == Announced::Dropped {
                self.stats.announcements_dropped = self.stats.announcements_dropped.saturating_add(1);
            }
        }
    }

    /// Whether an announced transaction is in verification or in the mempool.
    fn has(&self, transaction: &TxRef) -> bool {
        match transaction {
            TxRef::Short(short) => self.checking_short.contains_key(short) || self.mempool.names(*short),
            TxRef::Full(id) => self.checking_transactions.contains_key(id) || self.mempool.contains(id),
        }
    }

    pub(super) fn on_transactions(&mut self, now: Time, from: PeerHandle, bodies: Vec<Body>) {
        let mut in_vain = Vec::new();
        for body in bodies {
            // A bad body ends the connection, and what came behind it is not looked at.
            if !self.peers.contains_key(&from) {
                return;
            }
            in_vain.extend(self.on_body(now, from, body));
        }
        self.tell_had(from, in_vain);
    }

    /// Returns the id of a body that was pushed, and was here already.
    fn on_body(&mut self, now: Time, from: PeerHandle, body: Body) -> Option<ShortId> {
        let id = body.id();
        let item = ItemId::Transaction(id);
        if let Some(peer) = self.peers.get_mut(&from) {
            peer.known.insert(id.short());
        }
        let asked = self.requests.received(now, from, RequestKey::Short(id.short()), body.len())
            || self.requests.received(now, from, RequestKey::Full(id), body.len());
        let job = self.checking_transactions.get(&id).copied();
        let rejected = self.seen.rejected(&id, self.chain.tip().height);
        let duplicate = job.is_some() || rejected.is_some() || self.holds(&id);
        self.stats.transaction_bodies = self.stats.transaction_bodies.saturating_add(1);
        self.stats.transaction_duplicates = self.stats.transaction_duplicates.saturating_add(u64::from(duplicate));
        self.tell(Event::BodyReceived { item, from, bytes: body.len(), duplicate });
        if rejected == Some(Rejection::Invalid) {
            self.disconnect(now, from, DisconnectReason::InvalidSignature);
            return None;
        }
        if let Some(Checking { what: Checked::Transaction(checked), .. }) =
            job.and_then(|job| self.checking.get_mut(&job))
            && !checked.senders.contains(&from)
        {
            checked.senders.push(from);
        }
        if duplicate {
            return (!asked).then(|| id.short());
        }
        match body.into_transaction(id) {
            Ok(transaction) => self.check_transaction(transaction, Some(from)),
            Err(error) => {
                self.seen.reject(id, Rejection::Invalid);
                self.refuse(item, Some(from), Refusal::Malformed(error));
                self.disconnect(now, from, DisconnectReason::MalformedItem);
            }
        }
        None
    }

    /// Tells a peer what it pushed in vain, if the policy wants that and there is room: it is advice, and may be missed.
    /// A had is neither a body nor an announcement, so it is no echo of what the peer sent.
    fn tell_had(&mut self, to: PeerHandle, in_vain: Vec<ShortId>) {
        let room = self.peers.get(&to).is_some_and(|peer| peer.credit.fits_control(REQUEST_ROOM_BYTES));
        if room && !in_vain.is_empty() && self.rumors.gives_feedback() {
            self.send(to, Message::Had(in_vain));
        }
    }

    /// A peer had what we pushed to it.
    pub(super) fn on_had(&mut self, from: PeerHandle, ids: &[ShortId]) {
        for short in ids {
            if let Some(peer) = self.peers.get_mut(&from) {
                peer.known.insert(*short);
            }
            self.rumors.had(from, *short);
        }
    }

    pub(super) fn on_submitted_transaction(&mut self, now: Time, transaction: &Arc<SignedTransaction>) {
        let id = transaction.id();
        let item = ItemId::Transaction(id);
        let job = self.checking_transactions.get(&id).copied();
        if let Some(Checking { what: Checked::Transaction(checked), .. }) =
            job.and_then(|job| self.checking.get_mut(&job))
        {
            checked.submitted = true;
            return;
        }
        if self.seen.rejected(&id, self.chain.tip().height) == Some(Rejection::Invalid) {
            return self.answer(item, Err(Refusal::RejectedBefore));
        }
        if self.chain.confirmed(&id).is_some() || self.mempool.get(&id).is_some() {
            return self.answer(item, Ok(Submission::Held));
        }
        if self.checks_local >= CHECKS_LOCAL_MAX {
            return self.answer(item, Err(Refusal::Busy));
        }
        if self.seen.accepted(&id) {
            // Verified before, and evicted since.
            let checked =
                CheckedTransaction { transaction: transaction.clone(), senders: Vec::new(), submitted: true };
            return self.on_checked_transaction(now, checked, Verdict::Valid);
        }
        self.check_transaction(transaction.clone(), None);
    }

    fn check_transaction(&mut self, transaction: Arc<SignedTransaction>, from: Option<PeerHandle>) {
        let id = transaction.id();
        let job = self.new_job(Vec::new(), [transaction.clone()].into());
        self.checking_transactions.insert(id, job.id);
        self.checking_short.insert(id.short(), id);
        let bytes = transaction.encoded().len();
        let checked =
            CheckedTransaction { transaction, senders: from.into_iter().collect(), submitted: from.is_none() };
        self.check(job, Checking { what: Checked::Transaction(checked), from, bytes });
    }

    pub(super) fn on_checked_transaction(&mut self, now: Time, checked: CheckedTransaction, verdict: Verdict) {
        let CheckedTransaction { transaction, senders, submitted } = checked;
        let id = transaction.id();
        let (item, from) = (ItemId::Transaction(id), senders.first().copied());
        self.checking_transactions.remove(&id);
        if self.checking_short.get(&id.short()) == Some(&id) {
            self.checking_short.remove(&id.short());
        }
        let result = match verdict {
            Verdict::Valid => self.admit(now, &transaction, from),
            Verdict::Invalid => Err(Refusal::InvalidSignature),
        };
        match &result {
            Ok(()) => {
                self.accepted_transaction(item, from, &transaction);
                self.relay_transaction(now, &transaction);
            }
            // A block brought it while its signature was checked.
            Err(Refusal::Confirmed) => {}
            Err(refusal) => {
                let height = self.chain.tip().height;
                let rejection = match verdict {
                    Verdict::Valid => Rejection::Refused(height),
                    Verdict::Invalid => Rejection::Invalid,
                };
                self.seen.reject(id, rejection);
                self.refuse(item, from, refusal.clone());
            }
        }
        if submitted {
            let answer = match result {
                Ok(()) => Ok(Submission::Accepted),
                Err(Refusal::Confirmed) => Ok(Submission::Held),
                Err(refusal) => Err(refusal),
            };
            self.answer(item, answer);
        }
        if verdict == Verdict::Invalid {
            for sender in senders {
                self.disconnect(now, sender, DisconnectReason::InvalidSignature);
            }
        }
    }

    /// Lets a verified transaction into the mempool, if the rules and the room allow it.
    pub(super) fn admit(
        &mut self,
        now: Time,
        transaction: &Arc<SignedTransaction>,
        from: Option<PeerHandle>,
    ) -> Result<(), Refusal> {
        if self.chain.confirmed(&transaction.id()).is_some() {
            return Err(Refusal::Confirmed);
        }
        self.validator.transaction(transaction, self.chain.tip().height)?;
        self.mempool.insert(now, transaction, from.map(|from| from.0))?;
        if let Some(from) = from.filter(|from| !self.peers.contains_key(from)) {
            // It left while its item was checked.
            self.mempool.link_closed(from.0);
        }
        Ok(())
    }

    fn accepted_transaction(&mut self, item: ItemId, from: Option<PeerHandle>, body: &SignedTransaction) {
        let id = body.id();
        self.seen.accept(id);
        self.requests.forget(RequestKey::Short(id.short()));
        self.requests.forget(RequestKey::Full(id));
        self.stats.transactions_accepted = self.stats.transactions_accepted.saturating_add(1);
        self.delivered(from);
        let bytes = body.encoded().len();
        // An eighth of the news: a few dozen items of another length change what is expected.
        self.usual_bytes = (self.usual_bytes.saturating_mul(7).saturating_add(bytes) / 8).max(1);
        self.tell(Event::Accepted { item, from, within: None, bytes });
    }

    /// Credits the peer that was first to deliver a good body.
    pub(super) fn delivered(&mut self, from: Option<PeerHandle>) {
        let Some((from, peer)) = from.and_then(|from| Some((from, self.peers.get_mut(&from)?))) else { return };
        peer.delivered = peer.delivered.saturating_add(1);
        self.requests.proved(from);
    }

    /// Passes an accepted transaction on to every peer that doesn't know it, as the policy says.
    fn relay_transaction(&mut self, now: Time, transaction: &Arc<SignedTransaction>) {
        if self.rumors.ignite(now, transaction.id()) {
            return;
        }
        let short = transaction.id().short();
        let message = Message::Transactions([transaction.clone().into()].into());
        let lane = message.lane();
        // A transaction, its length and the message around it.
        let bytes = transaction.encoded().len().saturating_add(8);
        let mut pushes = Vec::new();
        for (handle, peer) in self.peers.iter_mut() {
            if !peer.ready || peer.known.contains(short) {
                continue;
            }
            if self.config.relay == RelayPolicy::Flood && peer.credit.fits_body(lane, bytes) {
                peer.known.insert(short);
                pushes.push(*handle);
            } else if !peer.announcements.push(transaction.id()) {
                self.stats.announcements_dropped = self.stats.announcements_dropped.saturating_add(1);
            }
        }
        for handle in pushes {
            self.send(handle, message.clone());
        }
    }

    /// Pushes the hot transactions to a few peers each, if a round is due. What one peer gets leaves together.
    pub(super) fn spread(&mut self, now: Time) {
        let mut pushes: BTreeMap<PeerHandle, Reply> = BTreeMap::new();
        for (number, id) in self.rumors.begin_round(now) {
            let Some(transaction) = self.mempool.get(&id).cloned() else {
                self.rumors.cool(number);
                continue;
            };
            let lacks = |peer: &super::Peer| peer.ready && !peer.known.contains(id.short());
            let lacking = self.peers.iter().filter(|(_, peer)| lacks(peer)).map(|(handle, _)| *handle).collect();
            for handle in self.rumors.choose(number, lacking) {
                if !self.push(handle, pushes.entry(handle).or_default(), &transaction) {
                    self.rumors.announced(number, handle);
                    self.queue_announcement(handle, id);
                }
            }
        }
        for (handle, mut reply) in pushes {
            self.send_bodies(handle, &mut reply);
        }
    }

    /// Sends a body unasked; a small one together with others. False if there is no credit for it.
    fn push(&mut self, handle: PeerHandle, reply: &mut Reply, transaction: &Arc<SignedTransaction>) -> bool {
        let (body, short) = (Body::from(transaction.clone()), transaction.id().short());
        let message = Message::Transactions([body.clone()].into());
        if message.lane() == Lane::Control {
            return self.serve_small(handle, reply, body, short);
        }
        let bytes = message.encoded_len();
        let fits = |peer: &&mut super::Peer| peer.credit.fits_body(Lane::Bulk, bytes);
        let Some(peer) = self.peers.get_mut(&handle).filter(fits) else { return false };
        peer.known.insert(short);
        self.send(handle, message);
        true
    }

    /// A transaction is back from a stale block. Who connected while it was in there wasn't told of it, and may never
    /// see that block.
    pub(super) fn announce_again(&mut self, id: TxId) {
        let lacks = |peer: &super::Peer| peer.ready && !peer.known.contains(id.short());
        let lacking: Vec<PeerHandle> =
            self.peers.iter().filter(|(_, peer)| lacks(peer)).map(|(handle, _)| *handle).collect();
        for handle in lacking {
            self.queue_announcement(handle, id);
        }
    }

    fn queue_announcement(&mut self, handle: PeerHandle, id: TxId) {
        if self.peers.get_mut(&handle).is_some_and(|peer| !peer.announcements.push(id)) {
            self.stats.announcements_dropped = self.stats.announcements_dropped.saturating_add(1);
        }
    }

    /// A transaction to serve: of the mempool, or of a block whose body is kept. A short id that fits several is
    /// answered as not found; whoever asks has its full id then.
    pub(super) fn find_transaction(&self, wanted: &TxRef) -> Option<Arc<SignedTransaction>> {
        let id = match wanted {
            TxRef::Full(id) => *id,
            TxRef::Short(short) => match self.mempool.by_short(*short) {
                Lookup::One(transaction) => return Some(transaction),
                Lookup::Several => return None,
                Lookup::None => self.seen.resolve(wanted)?,
            },
        };
        if let Some(transaction) = self.mempool.get(&id) {
            return Some(transaction.clone());
        }
        let (_, block) = self.chain.confirmed(&id)?;
        self.chain.transaction_in(&block, &id)
    }

    /// Whether a transaction was accepted before, wherever it is now.
    fn holds(&mut self, id: &TxId) -> bool {
        self.seen.accepted(id) || self.mempool.get(id).is_some() || self.chain.confirmed(id).is_some()
    }
}
