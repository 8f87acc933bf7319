//! Transactions: from an announcement or a body to the mempool and on to the other peers.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::checks::{Checked, Checking};
use super::sender::{Age, CheckedTransaction, How, Sender};
use crate::gossip::Gossip;
use crate::gossip::api::{DisconnectReason, Event, ItemId, PeerHandle, Refusal, Submission};
use crate::gossip::fetch::ask::key;
use crate::gossip::fetch::request::{Announced, RequestKey};
use crate::gossip::inventory::Rejection;
use crate::items::hash::{RouteId, ShortId, TxId};
use crate::items::transaction::SignedTransaction;
use crate::items::verify::{JobId, Verdict};
use crate::ledger::durable::Record;
use crate::ledger::mempool::Lookup;
use crate::limits::REQUEST_ROOM_BYTES;
use crate::time::{Duration, Time};
use crate::wire::message::{Body, InvEntry, Message, TxRef};

impl Gossip {
    pub(crate) fn on_inv(&mut self, now: Time, from: PeerHandle, entries: &[InvEntry]) {
        self.stats.announcements = self.stats.announcements.saturating_add(entries.len() as u64);
        let Some(link) = self.peers.get(&from).map(|peer| peer.link) else { return };
        let tip = self.chain.tip().height;
        for InvEntry { transaction, age_ms } in entries {
            let covered = self.inventory.hear(link, transaction, tip, from.0);
            self.relay.shown(from, transaction.short());
            let age = Duration::from_millis(u64::from(*age_ms));
            let found = self.firsts.names(transaction);
            if covered || found || self.is_pending(transaction) {
                self.on_late_announcement(now, from, transaction.short(), age);
                continue;
            }
            // If its link has no room for a transaction, a peer is not asked for it: others may announce it. If
            // others have announced it already, this announcement is remembered. Its turn comes later, and its
            // link may have room by then.
            let others = self.requests.is_tracked(key(transaction));
            if !others && !self.mempool.may_take(now, self.lengths.transaction(), from.0) {
                self.stats.announcements_dropped = self.stats.announcements_dropped.saturating_add(1);
                continue;
            }
            let announced = self.on_news(now, from, key(transaction), age);
            if announced == Announced::Dropped {
                self.stats.announcements_dropped = self.stats.announcements_dropped.saturating_add(1);
            }
        }
    }

    /// Whether an announced transaction is in the mempool.
    pub(crate) fn is_pending(&self, transaction: &TxRef) -> bool {
        match transaction {
            TxRef::Short(short) => self.mempool.names(*short),
            TxRef::Full(id) => self.mempool.contains(id),
        }
    }

    pub(crate) fn on_transactions(
        &mut self,
        now: Time,
        from: PeerHandle,
        via: Option<RouteId>,
        bodies: Vec<Body>,
    ) {
        let mut in_vain = Vec::new();
        for body in bodies {
            // A bad body ends the connection, and the rest of the message is not looked at.
            if !self.peers.contains_key(&from) {
                return;
            }
            in_vain.extend(self.on_body(now, from, via, body));
        }
        self.tell_had(from, in_vain);
    }

    /// Returns the id of a body that was pushed and was here already.
    fn on_body(&mut self, now: Time, from: PeerHandle, via: Option<RouteId>, body: Body) -> Option<ShortId> {
        let (id, bytes) = (body.id(), body.len());
        let item = ItemId::Transaction(id);
        let again = self.peers.get(&from).is_some_and(|peer| self.inventory.has(peer.link, id.short()));
        let live =
            self.requests.is_live(RequestKey::Short(id.short())) || self.requests.is_live(RequestKey::Full(id));
        let backing = self.requests.backing(RequestKey::Short(id.short()));
        let tip = self.chain.tip().height;
        let standing = self.inventory.touch(&id);
        let checked = standing.job.is_some();
        let (rejected, declined) = (standing.rejected(tip), standing.declined(tip, from.0));
        let refused = rejected.is_some() || declined.is_some();
        let held = standing.accepted || self.mempool.contains(&id) || self.is_confirmed(&id);
        let duplicate = checked || refused || held;
        if duplicate {
            self.shows(from, id.short());
        }
        let fresh = (!duplicate).then(|| self.look_at(now, from, body));
        let no_room = match &fresh {
            Some(looked) => looked.as_ref().err() == Some(&Refusal::MempoolFull),
            None => {
                !checked && rejected.is_none() && !held && declined.is_some_and(|declined| declined.link.is_some())
            }
        };
        let errand = self.errand(from, &id);
        let asked = self.settle_request(now, from, id, bytes, no_room);
        let age = if live { Age::News } else { Age::Old };
        let how = match asked {
            false => How::Pushed,
            true if self.was_listed(from, id.short()) => How::Listed(age),
            true => How::Fetched(age),
        };
        let sender = Sender { peer: from, how, via, backing };
        self.stats.transaction_bodies = self.stats.transaction_bodies.saturating_add(1);
        self.stats.transaction_duplicates = self.stats.transaction_duplicates.saturating_add(u64::from(duplicate));
        let cause = self.why_it_came(&sender, &id, errand, fresh.as_ref());
        self.tell(Event::BodyReceived { item, from, bytes, duplicate, cause });
        if rejected == Some(Rejection::Invalid) {
            self.disconnect(now, from, DisconnectReason::InvalidSignature);
            return None;
        }
        if let Some(checked) = standing.job.and_then(|job| self.checks.transaction_mut(job))
            && checked.senders.iter().all(|sender| sender.peer != from)
        {
            checked.senders.push(sender);
        }
        if refused && again && !asked {
            self.charge_refused(now, from);
        }
        if duplicate && !checked && !refused {
            self.on_duplicate(now, sender, id.short());
        }
        let Some(fresh) = fresh else { return (!asked).then(|| id.short()) };
        match fresh {
            Ok(transaction) => self.check_transaction(now, transaction, Some(sender)),
            Err(refusal @ Refusal::Malformed(_)) => {
                self.inventory.reject(id, Rejection::Invalid);
                self.refuse(item, Some(from), refusal);
                self.disconnect(now, from, DisconnectReason::MalformedItem);
            }
            Err(refusal) => self.decline(id, from, refusal),
        }
        // Only now that it is handled, so that the link is not charged for it.
        self.shows(from, id.short());
        None
    }

    /// The transaction to check, or why a check would be in vain.
    fn look_at(&mut self, now: Time, from: PeerHandle, body: Body) -> Result<Arc<SignedTransaction>, Refusal> {
        let id = body.id();
        let transaction = body.into_transaction(id).map_err(Refusal::Malformed)?;
        self.refusal_at_sight(now, &transaction, from).map_or(Ok(transaction), Err)
    }

    /// A body came, so no other peer is asked for it. With `no_room`, only this link has no room, and the others
    /// are still asked. Returns whether this peer had been asked.
    fn settle_request(&mut self, now: Time, from: PeerHandle, id: TxId, bytes: usize, no_room: bool) -> bool {
        let keys = [RequestKey::Short(id.short()), RequestKey::Full(id)];
        let settled = keys.map(|key| match no_room {
            true => self.requests.passed_on(now, from, key, bytes),
            false => self.requests.received(now, from, key, bytes),
        });
        settled.contains(&true)
    }

    /// Tells a peer which bodies it pushed in vain, if the policy wants that and there is room. This is advice,
    /// and may be missed. A had message is neither a body nor an announcement, so it is no echo of what the peer
    /// sent.
    fn tell_had(&mut self, to: PeerHandle, in_vain: Vec<ShortId>) {
        let room = self.peers.get(&to).is_some_and(|peer| peer.credit.fits_control(REQUEST_ROOM_BYTES));
        if room && !in_vain.is_empty() && self.relay.gives_feedback() {
            self.send(to, Message::Had(in_vain));
        }
    }

    /// A peer had the bodies that we pushed to it.
    pub(crate) fn on_had(&mut self, from: PeerHandle, ids: &[ShortId]) {
        for short in ids {
            self.shows(from, *short);
            self.relay.had(from, *short);
        }
    }

    pub(crate) fn on_submitted_transaction(&mut self, now: Time, transaction: &Arc<SignedTransaction>) {
        let id = transaction.id();
        let item = ItemId::Transaction(id);
        let standing = self.inventory.standing(&id);
        if let Some(checked) = standing.job.and_then(|job| self.checks.transaction_mut(job)) {
            checked.submitted = true;
            return;
        }
        if standing.rejected(self.chain.tip().height) == Some(Rejection::Invalid) {
            return self.answer(item, Err(Refusal::RejectedBefore));
        }
        let confirmed = self.is_confirmed(&id);
        if confirmed || self.mempool.adopt(&id) {
            self.acknowledged.watch(id, transaction.valid_until());
            self.acknowledged.set_confirmed(&id, confirmed);
            return self.answer(item, Ok(Submission::Held));
        }
        if self.checks.is_busy() {
            return self.answer(item, Err(Refusal::Busy));
        }
        if self.inventory.touch(&id).accepted && !self.is_first_unknown(transaction) {
            // It was verified before, and has been shed since.
            let transaction = transaction.clone();
            let checked = CheckedTransaction { transaction, senders: Vec::new(), at: now, submitted: true };
            return self.on_checked_transaction(now, checked, Verdict::Valid);
        }
        self.check_transaction(now, transaction.clone(), None);
    }

    fn check_transaction(&mut self, now: Time, transaction: Arc<SignedTransaction>, sender: Option<Sender>) {
        let (id, from) = (transaction.id(), sender.map(|sender| sender.peer));
        let job = self.new_job(from, Vec::new(), [transaction.clone()].into());
        self.inventory.check(id, job.id);
        let bytes = transaction.encoded().len();
        let (senders, submitted) = (sender.into_iter().collect(), sender.is_none());
        let checked = CheckedTransaction { transaction, senders, at: now, submitted };
        self.check(job, Checking { what: Checked::Transaction(checked), from, bytes });
    }

    pub(crate) fn on_checked_transaction(&mut self, now: Time, checked: CheckedTransaction, verdict: Verdict) {
        let CheckedTransaction { transaction, senders, at, submitted } = checked;
        let id = transaction.id();
        let (item, from) = (ItemId::Transaction(id), senders.first().map(|sender| sender.peer));
        let result = match verdict {
            Verdict::Valid => self.admit_by_any(now, &transaction, &senders, submitted),
            Verdict::Invalid { .. } => Err(Refusal::InvalidSignature),
        };
        match &result {
            Ok(()) => {
                if senders.first().is_some_and(|sender| !sender.is_live()) {
                    self.mempool.settle(&id);
                }
                self.accepted_transaction(now, item, from, &transaction);
                if let Some(from) = from {
                    self.list_brought(now, from, id.short());
                }
                if !senders.first().is_some_and(Sender::is_listed) {
                    self.relay_transaction(now, &transaction, at, senders.first().copied());
                }
                for sender in senders.iter().skip(1) {
                    self.on_duplicate(now, *sender, id.short());
                }
            }
            // A block brought this transaction while its signature was checked.
            Err(Refusal::Confirmed) => {}
            Err(refusal @ Refusal::MempoolFull) => match from {
                Some(from) => {
                    self.decline(id, from, refusal.clone());
                    self.ask_others(now, &transaction, &senders);
                }
                None => self.refuse(item, from, refusal.clone()),
            },
            Err(refusal) => {
                let height = self.chain.tip().height;
                let rejection = match verdict {
                    Verdict::Valid => Rejection::Refused(height),
                    Verdict::Invalid { .. } => Rejection::Invalid,
                };
                self.inventory.reject(id, rejection);
                self.refuse(item, from, refusal.clone());
                if let Some(from) = from {
                    self.charge_verified(now, from, refusal);
                }
            }
        }
        self.inventory.end_check(&id);
        if submitted {
            self.answer_checked(&transaction, result);
        }
        if verdict != Verdict::Valid {
            for sender in senders {
                self.disconnect(now, sender.peer, DisconnectReason::InvalidSignature);
            }
        }
    }

    /// Tells the submitter of a checked transaction the result. An acknowledged transaction is watched from now
    /// on.
    fn answer_checked(&mut self, transaction: &SignedTransaction, result: Result<(), Refusal>) {
        let id = transaction.id();
        let answer = match result {
            Ok(()) => Ok(Submission::Accepted),
            Err(Refusal::Confirmed) => Ok(Submission::Held),
            Err(refusal) => Err(refusal),
        };
        if answer.is_ok() {
            self.acknowledged.watch(id, transaction.valid_until());
            self.acknowledged.set_confirmed(&id, self.is_confirmed(&id));
        }
        self.answer(ItemId::Transaction(id), answer);
    }

    /// Takes up the check of a verified transaction again, without its signature.
    pub(crate) fn check_again(&mut self, checked: CheckedTransaction) -> JobId {
        let job = self.checks.next_job();
        self.inventory.check(checked.transaction.id(), job);
        let (from, bytes) = (checked.from(), checked.transaction.encoded().len());
        self.checks.begin(&mut self.peers, job, Checking { what: Checked::Transaction(checked), from, bytes });
        job
    }

    /// Accepts a verified transaction into the mempool, if the rules and the room allow it.
    pub(crate) fn admit(
        &mut self,
        now: Time,
        transaction: &Arc<SignedTransaction>,
        from: Option<PeerHandle>,
    ) -> Result<(), Refusal> {
        if self.is_confirmed(&transaction.id()) {
            return Err(Refusal::Confirmed);
        }
        // While a node catches up, transactions may come that were signed for heights that the network has reached
        // already.
        self.validator.transaction(transaction, self.best_known(now))?;
        let inserted = self.mempool.insert(now, transaction, from.map(|from| from.0))?;
        self.keep(Record::Pending(transaction.clone()));
        self.keep_gone(inserted.evicted.iter().map(|evicted| evicted.id()).collect());
        if let Some(from) = from.filter(|from| !self.peers.contains_key(from)) {
            // The peer disconnected while its item was checked.
            self.mempool.link_closed(from.0);
        }
        Ok(())
    }

    fn accepted_transaction(
        &mut self,
        now: Time,
        item: ItemId,
        from: Option<PeerHandle>,
        body: &SignedTransaction,
    ) {
        let id = body.id();
        self.inventory.accept(id);
        self.requests.forget(RequestKey::Short(id.short()));
        self.requests.forget(RequestKey::Full(id));
        self.stats.transactions_accepted = self.stats.transactions_accepted.saturating_add(1);
        self.delivered(now, item, from);
        let bytes = body.encoded().len();
        self.lengths.accepted(bytes);
        self.tell(Event::Accepted { item, from, within: None, bytes });
    }

    /// Credits the peer that was first to deliver a good body.
    pub(crate) fn delivered(&mut self, now: Time, item: ItemId, from: Option<PeerHandle>) {
        let Some((from, peer)) = from.and_then(|from| Some((from, self.peers.get_mut(&from)?))) else { return };
        peer.delivered = peer.delivered.saturating_add(1);
        match item {
            ItemId::Transaction(_) => peer.first_transaction = Some(now),
            ItemId::Block(_) => peer.first_block = Some(now),
        }
        self.requests.proved(from);
    }

    /// A transaction to serve, from the mempool or from a block whose body is in memory. If a short id fits
    /// several, the answer is notfound; the peer that asks then has its full id.
    pub(crate) fn find_transaction(&self, wanted: &TxRef) -> Option<Arc<SignedTransaction>> {
        let id = match wanted {
            TxRef::Full(id) => *id,
            TxRef::Short(short) => match self.mempool.by_short(*short) {
                Lookup::One(transaction) => return Some(transaction),
                Lookup::Several => return None,
                Lookup::None => self.inventory.resolve(*short)?,
            },
        };
        if let Some(transaction) = self.mempool.get(&id) {
            return Some(transaction.clone());
        }
        let (_, block) = self.chain.confirmed(&id)?;
        self.chain.transaction_in(&block, &id)
    }
}
