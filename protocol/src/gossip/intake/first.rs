//! Says exactly whether a transaction is confirmed already, for as long as the transaction may be in a block.
//!
//! A transaction can be in blocks of 10,000 heights ([`VALID_UNTIL_AHEAD_MAX`]), and only its first occurrence on
//! the best chain counts. As long as a transaction may be in a block, anyone can send it again. So:
//!
//! 1. Memory has the newest first occurrences. While it reaches back far enough for a transaction, its answer is
//!    exact.
//! 2. Otherwise a filter ([`Filter`]) is asked. Of most new transactions it says that they are not confirmed.
//! 3. If the filter can't say that, durable storage is asked, which has the first occurrences of the newest
//!    10,000 blocks. The transaction waits for the answer, and counts as being checked meanwhile. Its sender pays
//!    [`LOOKUP_COST_BYTES`] of its budget. Senders take turns ([`Queue`](super::turns::Queue)), and what was found
//!    is remembered ([`Found`]).
//!
//! Storage may be a few records behind. Its answer names the tip on which it rests. The answer is valid if memory
//! has what came after that tip.
//!
//! A transaction that a reorganisation returns is in the mempool at once, so that a crash can't lose it. If it
//! turns out to be confirmed, it is removed again. No peer is told of it before that is known.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::checks::{Checked, Checking};
use super::found::Found;
use super::sender::CheckedTransaction;
use super::turns::Queue;
use crate::footprint::{list, tree};
use crate::gossip::Gossip;
use crate::gossip::api::{Event, ItemId, Output, Refusal, Submission};
use crate::items::hash::{BlockId, TxId};
use crate::items::transaction::{Height, SignedTransaction};
use crate::items::verify::{JobId, Verdict};
use crate::ledger::chain::TipChange;
use crate::ledger::durable::{Load, Looked, RestoredBlock};
use crate::ledger::filter::Filter;
use crate::limits::{
    LOOKUP_COST_BYTES, LOOKUPS_MAX, LOOKUPS_WAITING_MAX, UNSURE_BYTES_MAX, UNSURE_MAX, VALID_UNTIL_AHEAD_MAX,
};
use crate::seeded::SeededState;
use crate::time::Time;
use crate::wire::message::{Tip, TxRef};

/// The filter, and what durable storage is asked for.
#[derive(Debug)]
pub(crate) struct Firsts {
    filter: Filter,
    waiting: Queue<(TxId, Why)>,
    asked: BTreeMap<TxId, Vec<Why>>,
    /// How many of these look-ups do not belong to a check.
    own: usize,
    /// The block whose transactions the filter waits for.
    recalling: Option<BlockId>,
    /// Whether storage had no answer when it was last asked for a block's transactions. It is not asked for any
    /// again until it has answered something else, or the tip changes.
    recall_failed: bool,
    /// Verified transactions for which storage could not yet tell whether they are confirmed, oldest first; their
    /// bytes.
    unsure: VecDeque<CheckedTransaction>,
    unsure_bytes: usize,
    /// The end of storage's best chain by its last answer.
    stored: Option<Tip>,
    /// The transactions that storage said to be confirmed.
    found: Found,
}

/// Why the first occurrence of a transaction is looked up.
#[derive(Clone, Copy, Debug)]
enum Why {
    /// It is to enter the mempool; its check counts as unfinished.
    Admit(JobId),
    /// It is in the mempool, because its block left the best chain.
    Returned,
    /// A block has it.
    Within(BlockId),
}

impl Firsts {
    /// The memory of a look-up that waits.
    pub(crate) const LOOKUP_BYTES: usize =
        list(LOOKUPS_WAITING_MAX, size_of::<(TxId, Why)>()).div_ceil(LOOKUPS_WAITING_MAX);

    /// The memory of a height whose transactions the filter lacks.
    pub(crate) const RECALL_BYTES: usize = tree(size_of::<(Height, bool)>());

    /// Nothing is known yet. The filter takes at most this number of bytes.
    pub(crate) fn new(hasher: &SeededState, filter_bytes: usize) -> Self {
        Self {
            filter: Filter::with_size(hasher.clone(), filter_bytes),
            waiting: Queue::default(),
            asked: BTreeMap::new(),
            own: 0,
            recalling: None,
            recall_failed: false,
            unsure: VecDeque::new(),
            unsure_bytes: 0,
            stored: None,
            found: Found::new(hasher),
        }
    }

    /// Whether a transaction was looked up and is confirmed, as far as its name tells.
    pub(super) fn names(&self, transaction: &TxRef) -> bool {
        self.found.names(transaction)
    }

    /// Transactions for which it could not be told whether they are confirmed, and their bytes.
    pub(crate) fn unsure(&self) -> (usize, usize) {
        (self.unsure.len(), self.unsure_bytes)
    }

    /// Look-ups that wait or are under way and do not belong to a check; bytes of the filter; heights that it
    /// lacks; and what was found.
    pub(crate) fn len(&self) -> (usize, usize, usize, usize) {
        (self.own, self.filter.bytes(), self.filter.unknown_len(), self.found.len())
    }
}

/// The lowest height at which a transaction may be in a block.
const fn earliest(valid_until: Height) -> Height {
    valid_until.saturating_sub(VALID_UNTIL_AHEAD_MAX - 1)
}

impl Gossip {
    /// Whether only durable storage can tell if a transaction is confirmed. The caller knows that memory doesn't
    /// have it as confirmed.
    pub(crate) fn is_first_unknown(&self, transaction: &SignedTransaction) -> bool {
        let (id, from) = (transaction.id(), earliest(transaction.valid_until()));
        self.chain.confirmed(&id).is_none() && self.may_be_before(&id, from)
    }

    /// Whether a transaction is known to be in a block of the best chain.
    pub(crate) fn is_confirmed(&self, id: &TxId) -> bool {
        self.chain.confirmed(id).is_some() || self.firsts.found.contains(id)
    }

    /// Whether the transactions of all blocks that matter are known. Then a transaction that isn't known to be
    /// confirmed is not confirmed.
    pub(crate) fn knows_all_confirmed(&self) -> bool {
        self.firsts.filter.unknown_len() == 0
    }

    /// Whether a block at height `from` or above may have a transaction although memory doesn't know it.
    fn may_be_before(&self, id: &TxId, from: Height) -> bool {
        let beyond = self.chain.confirmed_from() > from && from <= self.chain.tip().height;
        beyond && self.firsts.filter.may_have(id, from)
    }

    /// Whether the occurrence of a transaction that memory has, at `height`, is known to be its first.
    pub(crate) fn is_known_as_first(&self, height: Height) -> bool {
        self.chain.confirmed_from() <= height.saturating_sub(VALID_UNTIL_AHEAD_MAX - 1)
    }

    /// Fills the filter from what an earlier run had kept.
    pub(crate) fn remember_confirmed(&mut self, blocks: &[RestoredBlock]) {
        let from = self.chain.tip().height.saturating_sub(VALID_UNTIL_AHEAD_MAX);
        for block in blocks {
            let height = block.header.header().height;
            match &block.transactions {
                _ if height < from => {}
                Some(ids) => self.firsts.filter.insert(height, ids.iter().copied()),
                None => self.firsts.filter.insert_unknown(height),
            }
        }
        self.recall_next();
    }

    /// The best chain has changed. Takes the new blocks into the filter, and reports transactions that occur
    /// again.
    pub(crate) fn note_confirmed(&mut self, change: &TipChange) {
        self.firsts.found.forget_within(&change.disconnected);
        for again in change.repeated.chunk_by(|one, next| one.0 == next.0) {
            let block = again.first().map(|(block, _)| *block);
            block
                .into_iter()
                .for_each(|block| self.tell_repeated(block, again.iter().map(|(_, id)| *id).collect()));
        }
        self.firsts.filter.pop_above(change.fork);
        for (height, block) in (change.fork.saturating_add(1)..).zip(&change.connected) {
            let ids = self.chain.ids_of(block).to_vec();
            if ids.is_empty() && self.chain.header(block).is_some_and(|header| header.header().count > 0) {
                self.firsts.filter.insert_unknown(height);
                continue;
            }
            let from = height.saturating_sub(VALID_UNTIL_AHEAD_MAX - 1);
            for id in &ids {
                let told = self.chain.confirmed(id).is_some_and(|(first, _)| first < height);
                if !told && self.may_be_before(id, from) {
                    self.look_up_if_room(*id, Why::Within(*block));
                }
            }
            self.firsts.filter.insert(height, ids.into_iter());
        }
        self.firsts.filter.forget_below(change.tip.height.saturating_sub(VALID_UNTIL_AHEAD_MAX));
        self.firsts.filter.ask_again();
        self.recall_again();
    }

    /// A verified transaction can't be accepted before durable storage was asked. Its check stays unfinished.
    pub(crate) fn put_off_admission(&mut self, now: Time, job: JobId, id: TxId) {
        let from = self.checks.sender(job);
        if let Some(peer) = from.and_then(|from| self.peers.get_mut(&from)) {
            peer.budget.spend(now, LOOKUP_COST_BYTES);
        }
        self.firsts.waiting.push(from, (id, Why::Admit(job)));
        self.look_up_next();
    }

    /// A transaction came back to the mempool. False if durable storage must be asked before it is announced.
    pub(crate) fn may_announce_returned(&mut self, transaction: &SignedTransaction) -> bool {
        !self.is_first_unknown(transaction) || !self.look_up_if_room(transaction.id(), Why::Returned)
    }

    fn look_up_if_room(&mut self, id: TxId, why: Why) -> bool {
        let room = self.firsts.own < LOOKUPS_WAITING_MAX;
        if room {
            self.firsts.own = self.firsts.own.saturating_add(1);
            self.firsts.waiting.push(None, (id, why));
            self.look_up_next();
        }
        room
    }

    fn look_up_next(&mut self) {
        while self.firsts.asked.len() < LOOKUPS_MAX
            && let Some((id, why)) = self.firsts.waiting.pop()
        {
            let asked = self.firsts.asked.entry(id).or_default();
            if asked.is_empty() {
                self.outputs.push_back(Output::Load(Load::First(id)));
            }
            asked.push(why);
        }
    }

    pub(crate) fn on_looked_up(&mut self, now: Time, id: TxId, looked: Option<Looked>) {
        // An answer for which nothing waits changes nothing.
        for why in self.firsts.asked.remove(&id).unwrap_or_default() {
            if !matches!(why, Why::Admit(_)) {
                self.firsts.own = self.firsts.own.saturating_sub(1);
            }
            let first = looked.ok_or(Unsure).and_then(|looked| self.first_of(&id, &looked));
            if let Ok(Some(first)) = first {
                self.firsts.found.insert(id, first.id);
            }
            match why {
                Why::Admit(job) => self.end_admission(now, job, first),
                Why::Returned if matches!(first, Ok(Some(_))) => {
                    self.acknowledged.set_confirmed(&id, true);
                    let gone = self.mempool.remove(&id).map(|_| id);
                    self.keep_gone(gone.into_iter().collect());
                }
                Why::Returned => self.announce_again(now, id),
                Why::Within(block) => {
                    let height = self.chain.height_of(&block).filter(|_| self.chain.is_best(&block));
                    if let (Ok(Some(first)), Some(height)) = (first, height)
                        && first.height < height
                    {
                        self.tell_repeated(block, [id].into());
                    }
                }
            }
        }
        self.look_up_next();
        let stored = looked.map(|looked| looked.tip);
        if stored.is_some() {
            self.recall_again();
        }
        if core::mem::replace(&mut self.firsts.stored, stored) != stored && stored.is_some() {
            self.look_up_unsure(now);
        }
    }

    /// The first occurrence of a transaction, from the answer of durable storage and from what memory has of newer
    /// blocks.
    fn first_of(&self, id: &TxId, looked: &Looked) -> Result<Option<Tip>, Unsure> {
        if let Some(first) = looked.first.filter(|first| self.chain.is_best(&first.id)) {
            return Ok(Some(first));
        }
        // Storage has no occurrence up to the height where its best chain and ours meet.
        let common = self.chain.common_height(&looked.tip.id).ok_or(Unsure)?;
        if self.chain.confirmed_from() > common.saturating_add(1) {
            return Err(Unsure);
        }
        Ok(self.chain.confirmed(id).map(|(height, id)| Tip { height, id }))
    }

    fn end_admission(&mut self, now: Time, job: JobId, first: Result<Option<Tip>, Unsure>) {
        let checking = self.checks.finish(&mut self.peers, job);
        let Some(Checking { what: Checked::Transaction(checked), .. }) = checking else { return };
        match first {
            Ok(None) => self.on_checked_transaction(now, checked, Verdict::Valid),
            Ok(Some(_)) => self.end_unadmitted(&checked, Ok(Submission::Held)),
            // It may be confirmed. The peers that announced it are not asked again, so this node tries once more
            // by itself.
            Err(Unsure) => {
                self.end_unadmitted(&checked, Err(Refusal::Busy));
                self.put_aside(checked);
            }
        }
    }

    /// Keeps a transaction that may or may not be confirmed, until storage or the tip has moved. If there are too
    /// many, the oldest is dropped. A peer that has a dropped one may send it again.
    fn put_aside(&mut self, checked: CheckedTransaction) {
        let bytes = |checked: &CheckedTransaction| checked.transaction().encoded().len();
        // Its submitter is told that the node is busy, and tries again.
        if checked.is_submitted() {
            return;
        }
        let firsts = &mut self.firsts;
        firsts.unsure_bytes = firsts.unsure_bytes.saturating_add(bytes(&checked));
        firsts.unsure.push_back(checked);
        while firsts.unsure.len() > UNSURE_MAX || firsts.unsure_bytes > UNSURE_BYTES_MAX {
            let Some(oldest) = firsts.unsure.pop_front() else { break };
            firsts.unsure_bytes = firsts.unsure_bytes.saturating_sub(bytes(&oldest));
        }
    }

    /// Looks up the unsure transactions once more.
    pub(crate) fn look_up_unsure(&mut self, now: Time) {
        self.firsts.unsure_bytes = 0;
        for checked in core::mem::take(&mut self.firsts.unsure) {
            let transaction = checked.transaction().clone();
            let id = transaction.id();
            let name = TxRef::Full(id);
            if self.inventory.is_checked(&name) || self.is_pending(&name) || self.is_confirmed(&id) {
                continue;
            }
            if !self.is_first_unknown(&transaction) {
                self.on_checked_transaction(now, checked, Verdict::Valid);
                continue;
            }
            let job = self.check_again(checked);
            let from = self.checks.sender(job);
            self.firsts.waiting.push(from, (id, Why::Admit(job)));
        }
        self.look_up_next();
    }

    fn end_unadmitted(&mut self, checked: &CheckedTransaction, answer: Result<Submission, Refusal>) {
        let transaction = checked.transaction();
        let (id, item) = (transaction.id(), ItemId::Transaction(transaction.id()));
        self.inventory.end_check(&id);
        if let Err(refusal) = &answer {
            self.refuse(item, checked.from(), refusal.clone());
        }
        if checked.is_submitted() {
            if answer.is_ok() {
                self.acknowledged.watch(id, transaction.valid_until());
                self.acknowledged.set_confirmed(&id, true);
            }
            self.answer(item, answer);
        }
    }

    fn tell_repeated(&mut self, block: BlockId, transactions: Vec<TxId>) {
        if !transactions.is_empty() {
            self.tell(Event::Repeated { block, transactions });
        }
    }

    /// Asks for the transactions of a block that the filter lacks, one block at a time.
    fn recall_next(&mut self) {
        while self.firsts.recalling.is_none()
            && !self.firsts.recall_failed
            && let Some(height) = self.firsts.filter.next_unknown()
        {
            self.firsts.recalling = self.chain.best_at(height);
            if let Some(id) = self.firsts.recalling {
                self.outputs.push_back(Output::Load(Load::Contents(id)));
            }
        }
    }

    /// Storage may be able to answer again.
    fn recall_again(&mut self) {
        self.firsts.recall_failed = false;
        self.recall_next();
    }

    pub(crate) fn on_recalled(&mut self, id: BlockId, transactions: Option<&Arc<[TxId]>>) {
        if self.firsts.recalling != Some(id) {
            return;
        }
        self.firsts.recalling = None;
        self.firsts.recall_failed = transactions.is_none();
        let height = self.chain.height_of(&id).filter(|_| self.chain.is_best(&id));
        if let (Some(height), Some(ids)) = (height, transactions) {
            self.firsts.filter.insert(height, ids.iter().copied());
            self.confirm_recalled(ids);
        }
        self.recall_next();
    }

    /// Does what was left undone when a block joined the best chain and its transactions were not known here.
    fn confirm_recalled(&mut self, ids: &[TxId]) {
        let mut gone = Vec::new();
        for id in ids {
            self.acknowledged.set_confirmed(id, true);
            gone.extend(self.mempool.remove(id).map(|_| *id));
        }
        self.keep_gone(gone);
    }
}

/// For now it can't be told whether a transaction is confirmed.
#[derive(Clone, Copy, Debug)]
struct Unsure;
