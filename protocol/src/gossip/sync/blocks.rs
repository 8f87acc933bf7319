//! Blocks: from a body to the chain, and on to the other peers. Headers that come without bodies are in `headers`.
//! Which bodies are missing, and which peer to ask for them, is in `catch_up`.

use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::codec::Encode as _;
use crate::gossip::Gossip;
use crate::gossip::api::{DisconnectReason, Event, ItemId, PeerHandle, Refusal, Submission};
use crate::gossip::fetch::request::RequestKey;
use crate::gossip::intake::checks::{Checked, CheckedBlock, Checking};
use crate::gossip::intake::header_checks::{Announcer, WithBody};
use crate::items::block::{Block, SignedHeader, transactions_root};
use crate::items::hash::{BlockId, TxId};
use crate::items::transaction::{Height, SignedTransaction};
use crate::items::validator::{BlockPlace, Validator};
use crate::items::verify::Verdict;
use crate::ledger::chain::{HeaderCheck, Standing, TipChange};
use crate::ledger::durable::Record;
use crate::ledger::orphan::Need;
use crate::limits::{BLOCK_JOB_SIGNATURES, BLOCKS_AHEAD_MAX, HEADER_BYTES_MAX};
use crate::time::Time;
use crate::wire::message::Tip;

/// Whether a block that enters here was made by this node or vouched for by its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Vouched {
    Yes,
    No,
}

impl Gossip {
    /// The sender of the body of a block that is checked or waits here; `Some(None)` if it entered here.
    pub(crate) fn body_here(&self, id: &BlockId) -> WithBody {
        let checked = self.checks.block(id).map(|checked| checked.from);
        let waiting = || self.orphans.sender_of(id).map(|sender| Some(PeerHandle(sender)));
        checked.or_else(|| self.checks.headers.body_of(id)).or_else(waiting)
    }

    /// The header that came with a block has been checked.
    pub(crate) fn on_checked_block(
        &mut self,
        now: Time,
        from: Option<PeerHandle>,
        block: &Arc<Block>,
        verdict: Verdict,
    ) {
        let announcers = self.checks.headers.end(&block.header.id(), Some(from));
        match verdict {
            Verdict::Valid => self.on_good_header(now, from, block, &announcers),
            Verdict::Invalid { .. } => self.blame_for_header(now, &block.header, from, &announcers),
        }
    }

    /// A block is here whose header's signature is good.
    pub(crate) fn on_good_header(
        &mut self,
        now: Time,
        from: Option<PeerHandle>,
        block: &Arc<Block>,
        announcers: &[Announcer],
    ) {
        let (header, id) = (block.header, block.header.id());
        match self.insert_header(&header, from, Standing::Block) {
            Ok(check) => {
                if check == HeaderCheck::New {
                    self.note_new_headers(from, &header);
                }
                self.heed(now, &header, announcers, Some(from));
                self.check_block(now, from, block);
                // Otherwise the body waits for its parent's, which no peer may have been asked for. Or its sender
                // has disconnected, or there was no room for the body. Then the peers that announced the block
                // are asked for it.
                let taken = self.chain.is_connected(&id) || self.checks.has_block(&id);
                if check == HeaderCheck::New && !taken {
                    self.catch_up(now);
                }
            }
            Err(Refusal::UnknownParent) if from.is_some() => {
                self.hold_orphan(now, from, block);
                announcers.iter().for_each(|announcer| self.ask_headers(now, announcer.peer));
            }
            Err(refusal) => {
                if let Some(from) = from {
                    self.refuse_branch(now, from, &[header], &refusal);
                }
                self.refuse_block(id, from, refusal);
            }
        }
    }

    pub(crate) fn on_block(&mut self, now: Time, from: PeerHandle, block: &Arc<Block>) {
        let id = block.header.id();
        let (item, key, bytes) = (ItemId::Block(id), RequestKey::Block(id), block.encoded_len());
        if let Some(peer) = self.peers.get_mut(&from) {
            self.inventory.note(peer.link, id.short());
            peer.chain.brought_body_at(block.header.header().height);
        }
        self.hear_of_tip(now, from, tip_of(&block.header));
        let duplicate = self.chain.is_connected(&id) || self.body_here(&id).is_some();
        self.stats.block_bodies = self.stats.block_bodies.saturating_add(1);
        self.stats.block_duplicates = self.stats.block_duplicates.saturating_add(u64::from(duplicate));
        let cause = self.why_block_came(from, id);
        self.tell(Event::BodyReceived { item, from, bytes, duplicate, cause });
        if duplicate {
            if !self.requests.received(now, from, key, bytes) {
                self.decline_block(now, from, &block.header, true);
            }
            return;
        }
        // A body that doesn't match its header says nothing of the block, and must not end another peer's request.
        if !matches_root(block) {
            self.requests.not_found(now, from, key);
            self.refuse(item, Some(from), Refusal::WrongRoot);
            return self.disconnect(now, from, DisconnectReason::InvalidBlock);
        }
        self.requests.received(now, from, key, bytes);
        self.take_block(now, Some(from), block);
    }

    pub(crate) fn on_submitted_block(&mut self, now: Time, block: &Arc<Block>, vouched: Vouched) {
        let item = ItemId::Block(block.header.id());
        if self.chain.is_connected(&block.header.id()) {
            return self.answer(item, Ok(Submission::Held));
        }
        if self.checks.is_busy() || self.checks.has_block(&block.header.id()) {
            return self.answer(item, Err(Refusal::Busy));
        }
        if vouched == Vouched::No
            && let Err(refusal) = self.validator.header(block.header.header())
        {
            return self.answer(item, Err(refusal));
        }
        if !matches_root(block) {
            return self.answer(item, Err(Refusal::WrongRoot));
        }
        self.take_block(now, None, block);
    }

    /// Works on a block whose body matches its header: the header first, then the transactions, then the chain.
    pub(crate) fn take_block(&mut self, now: Time, from: Option<PeerHandle>, block: &Arc<Block>) {
        match self.judge_header(&block.header, from, Standing::Block) {
            Ok(HeaderCheck::Known) => self.check_block(now, from, block),
            Ok(HeaderCheck::New) => self.check_header_of(from, block),
            // A block of a stranger takes no room before the check of its header shows that a producer signed it.
            Err(Refusal::UnknownParent) if from.is_some() => self.check_header_of(from, block),
            Err(refusal) => {
                if let Some(from) = from {
                    self.refuse_branch(now, from, &[block.header], &refusal);
                }
                self.refuse_block(block.header.id(), from, refusal);
            }
        }
    }

    /// Checks what is unverified of a block whose header is in the tree.
    fn check_block(&mut self, now: Time, from: Option<PeerHandle>, block: &Arc<Block>) {
        let (header, id) = (block.header, block.header.id());
        // The body can come in two ways at the same time: with its header, and after it.
        let connected = self.chain.is_connected(&id);
        if connected || self.checks.block(&id).is_some() {
            if from.is_none() {
                // A block that a peer sent is being checked, and it is not known yet whether it will be kept.
                let answer = if connected { Ok(Submission::Held) } else { Err(Refusal::Busy) };
                self.answer(ItemId::Block(id), answer);
            }
            return;
        }
        if !self.chain.is_connected(&header.header().parent) {
            return match from {
                Some(_) => self.hold_orphan(now, from, block),
                None => self.refuse_block(id, None, Refusal::UnknownParent),
            };
        }
        let mut transactions = Vec::with_capacity(block.transactions.len());
        let mut unverified = Vec::new();
        for encoded in &block.transactions {
            let transaction_id = SignedTransaction::id_of(encoded);
            let transaction = match self.mempool.get(&transaction_id) {
                Some(transaction) => transaction.clone(),
                None => match SignedTransaction::from_identified(transaction_id, encoded) {
                    Ok(transaction) => {
                        let transaction = Arc::new(transaction);
                        if !self.inventory.touch(&transaction.id()).accepted {
                            unverified.push(transaction.clone());
                        }
                        transaction
                    }
                    Err(error) => return self.condemn_block(now, id, from, Refusal::Malformed(error)),
                },
            };
            transactions.push(transaction);
        }
        let parts = unverified.chunks(BLOCK_JOB_SIGNATURES);
        let (bytes, pending) = (block.encoded_len(), parts.len());
        let checked = CheckedBlock { header, transactions, from, bytes, pending, valid: true };
        if pending == 0 {
            return self.connect_block(now, checked);
        }
        self.checks.await_block(id, checked);
        for part in parts {
            let bytes = part.iter().map(|transaction| transaction.encoded().len()).sum();
            let job = self.new_job(from, Vec::new(), part.to_vec());
            self.check(job, Checking { what: Checked::BlockPart(id), from, bytes });
        }
    }

    /// One job of a block is back. When the last one is back, the block is connected or refused.
    pub(crate) fn on_checked_part(&mut self, now: Time, id: BlockId, verdict: Verdict) {
        let Some(checked) = self.checks.part_done(&id, verdict) else { return };
        if checked.valid {
            self.connect_block(now, checked);
        } else {
            self.condemn_block(now, id, checked.from, Refusal::InvalidSignature);
        }
    }

    fn connect_block(&mut self, now: Time, checked: CheckedBlock) {
        let CheckedBlock { header, transactions, from, bytes, .. } = checked;
        let (id, item) = (header.id(), ItemId::Block(header.id()));
        let validator = self.validator.clone();
        let mut ruled_out = false;
        let rule = |transactions: &[Arc<SignedTransaction>]| {
            let ruling = rule(&*validator, &header, transactions);
            ruled_out = ruling.is_err();
            // The rule is asked last, so nothing can keep the block from being connected now.
            ruling.inspect(|()| validator.connected(&header, transactions))
        };
        let connected = match self.chain.connect_if(header, transactions, rule) {
            Ok(connected) => connected,
            // An honest peer may follow other rules.
            Err(refusal) if ruled_out => return self.rule_out_block(now, &header, from, refusal),
            // These refusals depend on the block itself, and on no node's memory.
            Err(
                refusal @ (Refusal::RepeatedTransaction
                | Refusal::ExpiredTransaction
                | Refusal::TooFarAhead { .. }),
            ) => return self.condemn_block(now, id, from, refusal),
            Err(refusal) => {
                if let Some(from) = from {
                    self.refuse_branch(now, from, &[header], &refusal);
                }
                return self.refuse_block(id, from, refusal);
            }
        };
        self.requests.forget(RequestKey::Block(id));
        self.catching_up.progressed();
        self.stats.blocks_accepted = self.stats.blocks_accepted.saturating_add(1);
        self.delivered(now, ItemId::Block(id), from);
        self.lengths.connected(&header, bytes);
        self.tell(Event::Accepted { item, from, within: None, bytes });
        if let Some((block, transactions)) = connected.added {
            self.keep(Record::Block { block, transactions });
        }
        let dropped = self.chain.take_dropped();
        if !dropped.is_empty() {
            self.keep(Record::Dropped(dropped));
        }
        if let Some(change) = connected.tip_change {
            self.on_tip_change(now, from, change);
        }
        if from.is_none() {
            self.answer(item, Ok(Submission::Accepted));
        }
        // A third block of a producer at one height is not passed on. A peer that builds on it is asked for it.
        if !self.chain.is_one_too_many(&header) {
            self.relay_block(now, &header, from);
        }
        let children = self.orphans.children_of(&id);
        self.catching_up.release(children.into_iter().map(|(sender, orphan)| (PeerHandle(sender), orphan)));
        if let Some(from) = from {
            self.go_beside(now, from);
        }
    }

    fn on_tip_change(&mut self, now: Time, from: Option<PeerHandle>, change: TipChange) {
        self.note_confirmed(&change);
        let TipChange { tip, disconnected, connected, returned, to_load, fork, .. } = change;
        let mut gone = Vec::new();
        for block in &disconnected {
            for id in self.chain.ids_of(block) {
                // An earlier block may have the transaction as well.
                let confirmed = self.is_confirmed(id);
                self.acknowledged.set_confirmed(id, confirmed);
            }
        }
        for block in &connected {
            for transaction in self.chain.transactions_of(block).to_vec() {
                gone.extend(self.confirm(from, *block, transaction.id(), transaction.encoded().len()));
            }
            // A branch with more bodies than memory holds is unusual, but its transactions' ids are known all the
            // same.
            if self.chain.body(block).is_none() {
                for id in self.chain.ids_of(block).to_vec() {
                    gone.extend(self.confirm(from, *block, id, 0));
                }
            }
        }
        for transaction in returned {
            self.return_transaction(now, &transaction);
        }
        self.keep(Record::Best { fork, blocks: connected, returning: to_load.clone() });
        self.return_later(&to_load);
        self.expire_transactions(tip.height, &mut gone);
        self.keep_gone(gone);
        self.look_up_unsure(now);
        self.watch_again(now, true);
        self.stats.reorganisations =
            self.stats.reorganisations.saturating_add(u64::from(!disconnected.is_empty()));
        self.tell(Event::TipChanged { tip, disconnected: disconnected.len() });
    }

    /// Gives up transactions that no later block may hold. Those that were acknowledged here are reported.
    fn expire_transactions(&mut self, tip: Height, gone: &mut Vec<TxId>) {
        // A block whose transactions are still to be recalled may have one. Then it is reported later.
        let submitted = if self.knows_all_confirmed() { self.acknowledged.expire(tip) } else { Vec::new() };
        gone.extend(self.mempool.remove_expired(tip).iter().map(|expired| expired.id()));
        if !submitted.is_empty() {
            self.stats.submissions_expired = self.stats.submissions_expired.saturating_add(submitted.len() as u64);
            self.tell(Event::SubmissionsExpired { ids: submitted, tip });
        }
    }

    /// A transaction joined the best chain, so no peer needs to send it any more. Returns its id if it is removed
    /// from the mempool.
    fn confirm(&mut self, from: Option<PeerHandle>, block: BlockId, id: TxId, bytes: usize) -> Option<TxId> {
        let pending = self.mempool.remove(&id).map(|_| id);
        self.acknowledged.set_confirmed(&id, true);
        self.requests.forget(RequestKey::Short(id.short()));
        self.requests.forget(RequestKey::Full(id));
        if !self.inventory.touch(&id).accepted {
            self.inventory.accept(id);
            self.stats.transactions_accepted = self.stats.transactions_accepted.saturating_add(1);
            self.tell(Event::Accepted { item: ItemId::Transaction(id), from, within: Some(block), bytes });
        }
        pending
    }

    /// Lets the header that came with a block be checked.
    fn check_header_of(&mut self, from: Option<PeerHandle>, block: &Arc<Block>) {
        let bytes = block.encoded_len().saturating_add(HEADER_BYTES_MAX);
        let job = self.new_job(from, [block.header].into(), Vec::new());
        self.checks.headers.begin(block.header.id(), Some(from), Standing::Block);
        self.check(job, Checking { what: Checked::Block(block.clone()), from, bytes });
    }

    fn hold_orphan(&mut self, now: Time, from: Option<PeerHandle>, block: &Arc<Block>) {
        let Some(from) = from.filter(|from| self.peers.contains_key(from)) else { return };
        let id = block.header.id();
        let next = self.chain.missing().take(BLOCKS_AHEAD_MAX).any(|missing| *missing == id);
        let need = if next { Need::Next } else { Need::Later };
        self.orphans.insert(now, from.0, block.clone(), need);
        // If its parent's header is here, the block was asked for ahead, or is on a branch that is known.
        if self.chain.header(&block.header.header().parent).is_none() {
            self.ask_headers(now, from);
        }
    }

    pub(crate) fn refuse_block(&mut self, id: BlockId, from: Option<PeerHandle>, refusal: Refusal) {
        self.refuse(ItemId::Block(id), from, refusal.clone());
        if from.is_none() {
            self.answer(ItemId::Block(id), Err(refusal));
        }
    }

    /// Refuses a block for good, and blames no peer for it.
    fn rule_out_block(&mut self, now: Time, header: &SignedHeader, from: Option<PeerHandle>, refusal: Refusal) {
        match from {
            Some(from) => {
                self.refuse_branch(now, from, &[*header], &refusal);
                self.drop_block(now, header.id(), Some(from), refusal);
            }
            // No other peer has seen this block. So it must not take the place of the producer's next block at
            // this height.
            None => {
                self.chain.withdraw(&header.id());
                self.refuse_block(header.id(), None, refusal);
            }
        }
    }

    /// Refuses a block that can't be valid on any node. Its header is good, so its producer is at fault, and so is
    /// a peer that passes it on without checking it.
    fn condemn_block(&mut self, now: Time, id: BlockId, from: Option<PeerHandle>, refusal: Refusal) {
        self.drop_block(now, id, from, refusal);
        if let Some(from) = from {
            self.disconnect(now, from, DisconnectReason::InvalidBlock);
        }
    }

    fn drop_block(&mut self, now: Time, id: BlockId, from: Option<PeerHandle>, refusal: Refusal) {
        self.chain.mark_invalid(&id);
        self.watch_again(now, false);
        self.requests.forget(RequestKey::Block(id));
        self.refuse_block(id, from, refusal);
    }
}

/// The answer of a chain's own validator about a block: first about each transaction at its place, then about the
/// whole block.
fn rule(
    validator: &dyn Validator,
    header: &SignedHeader,
    transactions: &[Arc<SignedTransaction>],
) -> Result<(), Refusal> {
    let place = BlockPlace::of(header.header());
    transactions.iter().try_for_each(|transaction| validator.transaction_in_block(transaction, place))?;
    validator.block(header.header(), transactions)
}

pub(crate) const fn tip_of(header: &SignedHeader) -> Tip {
    Tip { height: header.header().height, id: header.id() }
}

fn matches_root(block: &Block) -> bool {
    let header = block.header.header();
    let ids: Vec<TxId> = block.transactions.iter().map(|body| SignedTransaction::id_of(body)).collect();
    usize::try_from(header.count) == Ok(ids.len()) && header.transactions_root == transactions_root(&ids)
}
