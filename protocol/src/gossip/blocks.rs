//! Blocks: from a header to a body, from a body to the chain, and on to the other peers; and catching up with a longer
//! chain.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::api::{DisconnectReason, Event, ItemId, PeerHandle, Refusal, RelayPolicy, Submission};
use super::request::RequestKey;
use super::{Checked, Checking, Gossip};
use crate::block::{Block, SignedHeader, transactions_root};
use crate::chain::{HeaderCheck, TipChange};
use crate::codec::{Decode as _, Encode as _};
use crate::hash::{BlockId, TxId};
use crate::limits::{
    BLOCK_BYTES_MAX, BLOCKS_AHEAD_MAX, CHECKS_LOCAL_MAX, HEADERS_ENTRIES_MAX, TRANSACTION_BYTES_EXPECTED,
};
use crate::message::{Message, Tip};
use crate::time::Time;
use crate::transaction::SignedTransaction;
use crate::verify::Verdict;

/// A block whose header is known and whose transactions' signatures are being checked.
#[derive(Debug)]
pub(super) struct CheckedBlock {
    header: SignedHeader,
    transactions: Vec<Arc<SignedTransaction>>,
    from: Option<PeerHandle>,
    bytes: usize,
}

impl Gossip {
    pub(super) fn on_block_header(&mut self, now: Time, from: PeerHandle, header: &SignedHeader) {
        let id = header.id();
        if let Some(peer) = self.peers.get_mut(&from) {
            peer.known.insert(id.short());
            peer.told_tip(tip_of(header));
        }
        if self.chain.is_connected(&id) {
            return;
        }
        if let Some(job) = self.checking_blocks.get(&id) {
            if let Some(Checking { what: Checked::Headers { announcers, .. }, .. }) = self.checking.get_mut(job)
                && !announcers.contains(&from)
            {
                announcers.push(from);
            }
            return;
        }
        match self.judge_header(header, Some(from)) {
            Ok(HeaderCheck::Known) => self.want_block(now, from, header),
            Ok(HeaderCheck::New) => self.check_headers([*header].into(), Some(from), None),
            Err(Refusal::UnknownParent) => self.ask_headers(now, from),
            Err(refusal) => self.refuse(ItemId::Block(id), Some(from), refusal),
        }
    }

    pub(super) fn on_headers(&mut self, now: Time, from: PeerHandle, headers: &[SignedHeader]) {
        let follows = |pair: &[SignedHeader]| match pair {
            [first, second] => {
                second.header().parent == first.id()
                    && Some(second.header().height) == first.header().height.checked_add(1)
            }
            _ => true,
        };
        if !headers.windows(2).all(follows) {
            return self.disconnect(now, from, DisconnectReason::BrokenHeaders);
        }
        let Some(last) = headers.last() else { return };
        if let Some(peer) = self.peers.get_mut(&from) {
            peer.told_tip(tip_of(last));
        }
        let known = headers.iter().take_while(|header| self.chain.header(&header.id()).is_some()).count();
        let new: Vec<SignedHeader> = headers.get(known..).unwrap_or_default().to_vec();
        let Some(first) = new.first().copied() else { return self.catch_up(now) };
        // The others can be judged only when those before them are in the tree.
        match self.judge_header(&first, Some(from)) {
            Ok(_) => self.check_headers(new, Some(from), None),
            Err(refusal) => self.refuse(ItemId::Block(first.id()), Some(from), refusal),
        }
    }

    pub(super) fn on_checked_headers(
        &mut self,
        now: Time,
        from: Option<PeerHandle>,
        headers: &[SignedHeader],
        announcers: &[PeerHandle],
        block: Option<Arc<Block>>,
        verdict: Verdict,
    ) {
        for header in headers {
            self.checking_blocks.remove(&header.id());
        }
        let [first, ..] = headers else { return };
        if verdict == Verdict::Invalid {
            self.refuse(ItemId::Block(first.id()), from, Refusal::InvalidSignature);
            if from.is_none() {
                self.answer(ItemId::Block(first.id()), Err(Refusal::InvalidSignature));
            }
            for sender in from.into_iter().chain(announcers.iter().copied()) {
                self.disconnect(now, sender, DisconnectReason::InvalidSignature);
            }
            return;
        }
        for header in headers {
            let judged = self.judge_header(header, from);
            if let Err(refusal) = judged.and_then(|_| self.chain.insert_header(*header)) {
                self.refuse(ItemId::Block(header.id()), from, refusal.clone());
                if from.is_none() {
                    self.answer(ItemId::Block(header.id()), Err(refusal));
                }
                return;
            }
        }
        if let Some(block) = block {
            return self.check_block(now, from, &block);
        }
        for announcer in from.into_iter().chain(announcers.iter().copied()) {
            if headers.len() == 1 {
                self.want_block(now, announcer, first);
            }
        }
        if headers.len() == HEADERS_ENTRIES_MAX
            && let Some(from) = from
        {
            if let Some(peer) = self.peers.get_mut(&from) {
                peer.asked_headers = None;
            }
            self.ask_headers(now, from);
        }
        self.catch_up(now);
    }

    pub(super) fn on_block(&mut self, now: Time, from: PeerHandle, block: &Arc<Block>) {
        let id = block.header.id();
        let (item, key, bytes) = (ItemId::Block(id), RequestKey::Block(id), block.encoded_len());
        if let Some(peer) = self.peers.get_mut(&from) {
            peer.known.insert(id.short());
            peer.told_tip(tip_of(&block.header));
        }
        let body_in_verification = self.checking_blocks.get(&id).and_then(|job| self.checking.get(job));
        let duplicate = self.chain.is_connected(&id)
            || self.orphans.contains(&id)
            || body_in_verification.is_some_and(|checking| match &checking.what {
                Checked::Headers { block, .. } => block.is_some(),
                _ => true,
            });
        self.stats.block_bodies = self.stats.block_bodies.saturating_add(1);
        self.stats.block_duplicates = self.stats.block_duplicates.saturating_add(u64::from(duplicate));
        self.tell(Event::BodyReceived { item, from, bytes, duplicate });
        if duplicate {
            self.requests.received(now, from, key, bytes);
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

    pub(super) fn on_submitted_block(&mut self, now: Time, block: &Arc<Block>) {
        let item = ItemId::Block(block.header.id());
        if self.chain.is_connected(&block.header.id()) {
            return self.answer(item, Ok(Submission::Held));
        }
        if self.checks_local >= CHECKS_LOCAL_MAX || self.checking_blocks.contains_key(&block.header.id()) {
            return self.answer(item, Err(Refusal::Busy));
        }
        if !matches_root(block) {
            return self.answer(item, Err(Refusal::WrongRoot));
        }
        self.take_block(now, None, block);
    }

    /// Works on a block whose body matches its header: the header first, then the transactions, then the chain.
    fn take_block(&mut self, now: Time, from: Option<PeerHandle>, block: &Arc<Block>) {
        match self.judge_header(&block.header, from) {
            Ok(HeaderCheck::Known) => self.check_block(now, from, block),
            Ok(HeaderCheck::New) => self.check_headers([block.header].into(), from, Some(block.clone())),
            Err(Refusal::UnknownParent) if from.is_some() => self.hold_orphan(now, from, block),
            Err(refusal) => self.refuse_block(block.header.id(), from, refusal),
        }
    }

    /// Checks what is unverified of a block whose header is in the tree.
    fn check_block(&mut self, now: Time, from: Option<PeerHandle>, block: &Arc<Block>) {
        let (header, id) = (block.header, block.header.id());
        if !self.chain.is_connected(&header.header().parent) {
            return match from {
                Some(_) => self.hold_orphan(now, from, block),
                None => self.refuse_block(id, None, Refusal::UnknownParent),
            };
        }
        let mut transactions = Vec::with_capacity(block.transactions.len());
        let mut unverified = Vec::new();
        for encoded in &block.transactions {
            let held = self.mempool.get(&SignedTransaction::id_of(encoded));
            let transaction = match held {
                Some(transaction) => transaction.clone(),
                None => match SignedTransaction::from_bytes(encoded) {
                    Ok(transaction) => {
                        let transaction = Arc::new(transaction);
                        if !self.seen.accepted(&transaction.id()) {
                            unverified.push(transaction.clone());
                        }
                        transaction
                    }
                    Err(error) => return self.condemn_block(now, id, from, Refusal::Malformed(error)),
                },
            };
            transactions.push(transaction);
        }
        let bytes = block.encoded_len();
        let checked = CheckedBlock { header, transactions, from, bytes };
        if unverified.is_empty() {
            return self.connect_block(now, checked);
        }
        let job = self.new_job(Vec::new(), unverified);
        self.checking_blocks.insert(id, job.id);
        self.check(job, Checking { what: Checked::Block(checked), from, bytes });
    }

    pub(super) fn on_checked_block(&mut self, now: Time, checked: CheckedBlock, verdict: Verdict) {
        let id = checked.header.id();
        self.checking_blocks.remove(&id);
        match verdict {
            Verdict::Valid => self.connect_block(now, checked),
            Verdict::Invalid => self.condemn_block(now, id, checked.from, Refusal::InvalidSignature),
        }
    }

    fn connect_block(&mut self, now: Time, checked: CheckedBlock) {
        let CheckedBlock { header, transactions, from, bytes } = checked;
        let (id, item) = (header.id(), ItemId::Block(header.id()));
        let connected = match self.chain.connect(header, transactions) {
            Ok(connected) => connected,
            Err(refusal @ (Refusal::RepeatedTransaction | Refusal::ExpiredTransaction)) => {
                return self.condemn_block(now, id, from, refusal);
            }
            Err(refusal) => return self.refuse_block(id, from, refusal),
        };
        self.requests.forget(RequestKey::Block(id));
        self.stats.blocks_accepted = self.stats.blocks_accepted.saturating_add(1);
        self.delivered(from);
        self.tell(Event::Accepted { item, from, within: None, bytes });
        if let Some(change) = connected.tip_change {
            self.on_tip_change(now, from, change);
        }
        if from.is_none() {
            self.answer(item, Ok(Submission::Accepted));
        }
        self.relay_block(&header);
        for (sender, orphan) in self.orphans.children_of(&id) {
            self.take_block(now, Some(PeerHandle(sender)), &orphan);
        }
        self.catch_up(now);
    }

    fn on_tip_change(&mut self, now: Time, from: Option<PeerHandle>, change: TipChange) {
        for block in change.connected {
            for transaction in self.chain.transactions_of(&block).to_vec() {
                self.confirm(from, block, &transaction);
            }
        }
        for transaction in change.returned {
            // What no longer fits is gone from here; others may still hold it.
            if self.admit(now, &transaction, None).is_err() {
                self.seen.forget(&transaction.id());
            }
        }
        self.mempool.remove_expired(change.tip.height);
        self.tell(Event::TipChanged { tip: change.tip, disconnected: change.disconnected.len() });
    }

    /// A transaction joined the best chain: nobody needs to send it any more.
    fn confirm(&mut self, from: Option<PeerHandle>, block: BlockId, transaction: &SignedTransaction) {
        let id = transaction.id();
        self.mempool.remove(&id);
        self.requests.forget(RequestKey::Short(id.short()));
        self.requests.forget(RequestKey::Full(id));
        if !self.seen.accepted(&id) {
            self.seen.accept(id);
            self.stats.transactions_accepted = self.stats.transactions_accepted.saturating_add(1);
            let bytes = transaction.encoded().len();
            self.tell(Event::Accepted { item: ItemId::Transaction(id), from, within: Some(block), bytes });
        }
    }

    /// Passes an accepted block on to every peer that doesn't know it and isn't ahead of it.
    fn relay_block(&mut self, header: &SignedHeader) {
        let (short, height) = (header.id().short(), header.header().height);
        let body = match self.config.relay {
            RelayPolicy::Flood => self.chain.body(&header.id()).map(Message::Block),
            RelayPolicy::Announce => None,
        };
        let body = body.map(|message| (message.lane(), message.encoded_len(), message));
        let mut pushes = Vec::new();
        for (handle, peer) in &mut self.peers {
            let ahead = peer.tip.is_some_and(|tip| tip.height > height);
            if !peer.ready || ahead || peer.known.contains(short) {
                continue;
            }
            match &body {
                Some((lane, bytes, _)) if peer.credit.fits_body(*lane, *bytes) => {
                    peer.known.insert(short);
                    pushes.push(*handle);
                }
                _ => peer.announce_header(*header),
            }
        }
        for handle in pushes {
            if let Some((_, _, message)) = &body {
                self.send(handle, message.clone());
            }
        }
    }

    /// Requests the next bodies on the way to the best known header from every peer that should have them.
    pub(super) fn catch_up(&mut self, now: Time) {
        let reached = self.chain.best_header().height;
        let ahead = |peer: &super::Peer| peer.ready && peer.tip.is_some_and(|tip| tip.height > reached);
        if let Some(handle) = self.peers.iter().find(|(_, peer)| ahead(peer)).map(|(handle, _)| *handle) {
            self.ask_headers(now, handle);
        }
        for id in self.chain.missing_bodies(BLOCKS_AHEAD_MAX) {
            let Some(header) = self.chain.header(&id).copied() else { continue };
            if self.checking_blocks.contains_key(&id) || self.orphans.contains(&id) {
                continue;
            }
            let height = header.header().height;
            let has = |peer: &super::Peer| peer.ready && peer.tip.is_some_and(|tip| tip.height >= height);
            let holders: Vec<PeerHandle> =
                self.peers.iter().filter(|(_, peer)| has(peer)).map(|(handle, _)| *handle).collect();
            for holder in holders {
                self.want_block(now, holder, &header);
            }
        }
    }

    fn want_block(&mut self, now: Time, from: PeerHandle, header: &SignedHeader) {
        if self.peers.contains_key(&from) {
            let count = usize::try_from(header.header().count).unwrap_or(usize::MAX);
            let expected = count.saturating_mul(TRANSACTION_BYTES_EXPECTED).min(BLOCK_BYTES_MAX);
            self.requests.announced(now, from, RequestKey::Block(header.id()), expected);
        }
    }

    /// The header's place in the tree, and for blocks from the network the validator's word.
    fn judge_header(&self, header: &SignedHeader, from: Option<PeerHandle>) -> Result<HeaderCheck, Refusal> {
        if from.is_some() {
            self.validator.header(header.header())?;
        }
        self.chain.check_header(header)
    }

    fn check_headers(&mut self, headers: Vec<SignedHeader>, from: Option<PeerHandle>, block: Option<Arc<Block>>) {
        let bytes = block.as_ref().map_or(0, |block| block.encoded_len());
        let job = self.new_job(headers.clone(), Vec::new());
        for header in &headers {
            self.checking_blocks.insert(header.id(), job.id);
        }
        self.check(
            job,
            Checking { what: Checked::Headers { headers, announcers: Vec::new(), block }, from, bytes },
        );
    }

    fn hold_orphan(&mut self, now: Time, from: Option<PeerHandle>, block: &Arc<Block>) {
        let Some(from) = from else { return };
        self.orphans.insert(now, from.0, block.clone());
        self.ask_headers(now, from);
    }

    fn refuse_block(&mut self, id: BlockId, from: Option<PeerHandle>, refusal: Refusal) {
        self.refuse(ItemId::Block(id), from, refusal.clone());
        if from.is_none() {
            self.answer(ItemId::Block(id), Err(refusal));
        }
    }

    /// Refuses a block that can't be valid for anyone: its header is good, so its producer is at fault, and so is
    /// whoever passes it on without looking.
    fn condemn_block(&mut self, now: Time, id: BlockId, from: Option<PeerHandle>, refusal: Refusal) {
        self.chain.mark_invalid(&id);
        self.requests.forget(RequestKey::Block(id));
        self.refuse_block(id, from, refusal);
        if let Some(from) = from {
            self.disconnect(now, from, DisconnectReason::InvalidBlock);
        }
    }
}

const fn tip_of(header: &SignedHeader) -> Tip {
    Tip { height: header.header().height, id: header.id() }
}

fn matches_root(block: &Block) -> bool {
    let header = block.header.header();
    let ids: Vec<TxId> = block.transactions.iter().map(|body| SignedTransaction::id_of(body)).collect();
    usize::try_from(header.count) == Ok(ids.len()) && header.transactions_root == transactions_root(&ids)
}
