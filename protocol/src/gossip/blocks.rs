//! Blocks: from a header to a body, from a body to the chain, and on to the other peers. Which bodies are missing,
//! and whom to ask for them, is in `catch_up`.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::api::{DisconnectReason, Event, ItemId, PeerHandle, Refusal, Submission};
use super::header_checks::{Announcer, WithBody};
use super::request::RequestKey;
use super::{Checked, Checking, Gossip};
use crate::block::{Block, SignedHeader, transactions_root};
use crate::chain::{HeaderCheck, Standing, TipChange};
use crate::codec::Encode as _;
use crate::durable::Record;
use crate::hash::{BlockId, TxId};
use crate::limits::{
    BLOCK_JOB_SIGNATURES, BLOCKS_AHEAD_MAX, CATCH_UP_INTERVAL_MIN, CHECKS_LOCAL_MAX, HEADER_BYTES_MAX,
    HEADERS_ENTRIES_MAX,
};
use crate::message::Tip;
use crate::orphan::Need;
use crate::time::Time;
use crate::transaction::{Height, SignedTransaction};
use crate::validator::{BlockPlace, Validator};
use crate::verify::Verdict;

/// A block whose header is known and whose transactions' signatures are being checked.
#[derive(Debug)]
pub(super) struct CheckedBlock {
    header: SignedHeader,
    transactions: Vec<Arc<SignedTransaction>>,
    from: Option<PeerHandle>,
    bytes: usize,
    /// Jobs that are not back yet.
    pending: usize,
    valid: bool,
}

/// Whether a block that enters here is this node's own, or its owner's to answer for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Vouched {
    Yes,
    No,
}

impl Gossip {
    /// A peer announced a block; with `pushed`, it sends the body unasked as well.
    pub(super) fn on_block_header(&mut self, now: Time, from: PeerHandle, header: &SignedHeader, pushed: bool) {
        let id = header.id();
        if let Some(peer) = self.peers.get_mut(&from) {
            peer.known.insert(id.short());
        }
        self.hear_of_tip(now, from, tip_of(header));
        if self.chain.is_connected(&id) || self.checking_bodies.contains_key(&id) {
            return self.decline_block(now, from, header, pushed);
        }
        let announcer = Announcer { peer: from, pushed };
        if self.checking_headers.announced(&id, announcer) {
            return;
        }
        match self.judge_header(header, Some(from), Standing::Alone) {
            Ok(HeaderCheck::Known) => {
                self.hear_of_block(now, from, header, pushed);
                // Whoever announces a block has all those before it, and may not have had them when it was asked.
                self.catch_up_soon(now);
            }
            Ok(HeaderCheck::New) => {
                self.check_headers(from, [*header].into());
                self.checking_headers.announced(&id, announcer);
            }
            Err(Refusal::UnknownParent) if !self.is_refused_branch(now, header) => self.ask_headers(now, from),
            Err(refusal) => {
                // Whoever is on it tells so when it is asked.
                if refusal == Refusal::TooManyAtHeight {
                    self.ask_headers(now, from);
                }
                self.refuse_branch(now, from, &[*header], &refusal);
                self.refuse(ItemId::Block(id), Some(from), refusal);
            }
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
        let Some(last) = headers.last() else { return self.on_nothing_new(now, from) };
        self.hear_of_tip(now, from, tip_of(last));
        let taken = self.chain.header(&last.id()).is_some();
        if let Some(peer) = self.peers.get_mut(&from) {
            peer.way = Some(last.id());
            peer.answered_in_full = headers.len() == HEADERS_ENTRIES_MAX;
            if taken {
                peer.is_taken_up_to(last.header().height);
            }
        }
        let known = headers.iter().take_while(|header| self.chain.header(&header.id()).is_some()).count();
        let new: Vec<SignedHeader> = headers.get(known..).unwrap_or_default().to_vec();
        if new.is_empty() {
            let asked = self.peers.get(&from).is_some_and(|peer| peer.asked_lately(now));
            self.on_nothing_new(now, from);
            // Nobody has us look along a branch as often as it likes.
            if asked {
                self.go_beside(now, from);
            }
            return;
        }
        self.take_headers(now, from, new);
    }

    /// An answer without a new header: somebody else is asked, and this peer more rarely, if it tells of more.
    fn on_nothing_new(&mut self, now: Time, from: PeerHandle) {
        let reached = self.chain.best_header();
        if let Some(peer) = self.peers.get_mut(&from)
            && peer.tip.is_some_and(|tip| tip.height > reached.height)
        {
            peer.brought_nothing(reached.id);
        }
        self.ask_another(now);
    }

    /// Has new headers checked: those before the first one that the validator refuses.
    fn take_headers(&mut self, now: Time, from: PeerHandle, mut new: Vec<SignedHeader>) {
        let judged = new.iter().map(|header| self.validator.header(header.header()));
        let refused = judged.enumerate().find_map(|(place, judged)| Some((place, judged.err()?)));
        // The others can be judged only when those before them are in the tree.
        let standing = self.standing(now, Some(from), new.len());
        let first = new.first().map(|first| self.judge_header(first, Some(from), standing));
        let refused = match first {
            Some(Err(refusal)) => Some((0, refusal)),
            _ => refused,
        };
        if let Some((place, refusal)) = refused {
            let rest = new.split_off(place);
            let remembered = self.refuse_branch(now, from, &rest, &refusal);
            if let Some(first) = rest.first() {
                self.refuse(ItemId::Block(first.id()), Some(from), refusal);
            }
            if new.is_empty() && remembered {
                if let Some(peer) = self.peers.get_mut(&from) {
                    peer.brought_refused();
                }
                return;
            }
        }
        if new.is_empty() {
            return self.on_nothing_new(now, from);
        }
        let only = if let [only] = new.as_slice() { Some(only.id()) } else { None };
        self.check_headers(from, new);
        if let Some(id) = only {
            self.checking_headers.announced(&id, Announcer { peer: from, pushed: false });
        }
    }

    /// Headers that one peer sent are checked. Those before the first bad one are taken. Blame follows bytes: the sender stands
    /// for all of them, and whoever announced one of them meanwhile for that one.
    pub(super) fn on_checked_headers(
        &mut self,
        now: Time,
        from: Option<PeerHandle>,
        headers: &[SignedHeader],
        verdict: Verdict,
    ) {
        let mut announcers: Vec<Vec<Announcer>> =
            headers.iter().map(|header| self.checking_headers.end(&header.id(), None)).collect();
        let good = match verdict {
            Verdict::Valid => headers.len(),
            Verdict::Invalid { first } => first.min(headers.len()),
        };
        if let (Some(bad), Some(announcers)) = (headers.get(good), announcers.get_mut(good)) {
            self.blame_for_header(now, bad, from, &core::mem::take(announcers));
        }
        let (taken, news) = self.take_good_headers(now, from, headers.get(..good).unwrap_or_default());
        for (header, announcers) in headers.iter().zip(&announcers).take(taken) {
            let body = self.body_here(&header.id());
            self.heed(now, header, announcers, body);
        }
        // The others announced headers whose parents are missing here, whatever somebody else sent in their place.
        for announcer in announcers.iter().skip(taken).flatten() {
            self.ask_headers(now, announcer.peer);
        }
        if taken == 0 {
            return;
        }
        // Whoever was the first to bring some of them goes on; the others would bring the same again.
        if news
            && taken == headers.len()
            && let Some(from) = from
            && let Some(peer) = self.peers.get_mut(&from).filter(|peer| peer.answered_in_full)
        {
            peer.asked_headers = None;
            self.ask_headers(now, from);
        }
        self.catch_up(now);
        if let Some(from) = from {
            self.go_beside(now, from);
        }
    }

    /// Puts checked headers into the tree, up to the first that doesn't fit. Returns how many are there now, and whether any is
    /// new.
    fn take_good_headers(
        &mut self,
        now: Time,
        from: Option<PeerHandle>,
        headers: &[SignedHeader],
    ) -> (usize, bool) {
        let (mut taken, mut news) = (0, false);
        let standing = self.standing(now, from, headers.len());
        for header in headers {
            let judged = self.judge_header(header, from, standing);
            match judged.and_then(|_| self.insert_header(header, standing)) {
                Ok(check) => news |= check == HeaderCheck::New,
                Err(refusal) => {
                    if let Some(from) = from {
                        self.refuse_branch(now, from, headers.get(taken..).unwrap_or_default(), &refusal);
                    }
                    self.refuse(ItemId::Block(header.id()), from, refusal);
                    break;
                }
            }
            taken = taken.saturating_add(1);
        }
        if news && let Some(last) = headers.get(..taken).and_then(<[_]>::last) {
            self.note_new_headers(from, last);
        }
        (taken, news)
    }

    /// A peer was the first to bring headers, up to this one.
    fn note_new_headers(&mut self, from: Option<PeerHandle>, last: &SignedHeader) {
        let height = last.header().height;
        if let Some(peer) = from.and_then(|from| self.peers.get_mut(&from)) {
            peer.brought_headers(height);
            // What it has beyond this answer is asked for, if nobody else brings it before.
            peer.headers_wanted = peer.tip.is_some_and(|tip| tip.height > height);
        }
    }

    /// A header's signature is bad: whoever sent these bytes, in whatever message, has not looked at them.
    fn blame_for_header(
        &mut self,
        now: Time,
        bad: &SignedHeader,
        from: Option<PeerHandle>,
        announcers: &[Announcer],
    ) {
        self.refuse_block(bad.id(), from, Refusal::InvalidSignature);
        for sender in from.into_iter().chain(announcers.iter().map(|announcer| announcer.peer)) {
            self.disconnect(now, sender, DisconnectReason::InvalidSignature);
        }
    }

    /// Peers announced a header that is in the tree now, while it was checked; `body`: who sent what is here of its block.
    fn heed(&mut self, now: Time, header: &SignedHeader, announcers: &[Announcer], body: WithBody) {
        for Announcer { peer, pushed } in announcers {
            match body {
                None => self.hear_of_block(now, *peer, header, *pushed),
                // Its body came right behind its word, so nothing more is promised.
                Some(sender) if sender == Some(*peer) && *pushed => self.be_fed(now, *peer, &header.id()),
                Some(sender) if sender == Some(*peer) => {}
                Some(_) => self.decline_block(now, *peer, header, *pushed),
            }
        }
    }

    /// Who sent the body of a block that is checked or waits here; `Some(None)` if it entered here.
    fn body_here(&self, id: &BlockId) -> WithBody {
        let checked = self.checking_bodies.get(id).map(|checked| checked.from);
        let waiting = || self.orphans.sender_of(id).map(|sender| Some(PeerHandle(sender)));
        checked.or_else(|| self.checking_headers.body_of(id)).or_else(waiting)
    }

    /// The header of a block is checked that came with it.
    pub(super) fn on_checked_block(
        &mut self,
        now: Time,
        from: Option<PeerHandle>,
        block: &Arc<Block>,
        verdict: Verdict,
    ) {
        let announcers = self.checking_headers.end(&block.header.id(), Some(from));
        match verdict {
            Verdict::Valid => self.on_good_header(now, from, block, &announcers),
            Verdict::Invalid { .. } => self.blame_for_header(now, &block.header, from, &announcers),
        }
    }

    /// A block is here whose header's signature is good.
    pub(super) fn on_good_header(
        &mut self,
        now: Time,
        from: Option<PeerHandle>,
        block: &Arc<Block>,
        announcers: &[Announcer],
    ) {
        let (header, id) = (block.header, block.header.id());
        let judged = self.judge_header(&header, from, Standing::Block);
        match judged.and_then(|_| self.insert_header(&header, Standing::Block)) {
            Ok(check) => {
                if check == HeaderCheck::New {
                    self.note_new_headers(from, &header);
                }
                self.heed(now, &header, announcers, Some(from));
                self.check_block(now, from, block);
                // Its sender may have left, or there was no room for it: those who announced it are asked.
                let here = self.chain.is_connected(&id) || self.waits_here(&id);
                if check == HeaderCheck::New && !here {
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

    pub(super) fn on_block(&mut self, now: Time, from: PeerHandle, block: &Arc<Block>) {
        let id = block.header.id();
        let (item, key, bytes) = (ItemId::Block(id), RequestKey::Block(id), block.encoded_len());
        if let Some(peer) = self.peers.get_mut(&from) {
            peer.known.insert(id.short());
            peer.brought_body_at(block.header.header().height);
        }
        self.hear_of_tip(now, from, tip_of(&block.header));
        let duplicate = self.chain.is_connected(&id) || self.body_here(&id).is_some();
        self.stats.block_bodies = self.stats.block_bodies.saturating_add(1);
        self.stats.block_duplicates = self.stats.block_duplicates.saturating_add(u64::from(duplicate));
        self.tell(Event::BodyReceived { item, from, bytes, duplicate });
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

    pub(super) fn on_submitted_block(&mut self, now: Time, block: &Arc<Block>, vouched: Vouched) {
        let item = ItemId::Block(block.header.id());
        if self.chain.is_connected(&block.header.id()) {
            return self.answer(item, Ok(Submission::Held));
        }
        if self.checks_local >= CHECKS_LOCAL_MAX || self.in_verification(&block.header.id()) {
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
    pub(super) fn take_block(&mut self, now: Time, from: Option<PeerHandle>, block: &Arc<Block>) {
        match self.judge_header(&block.header, from, Standing::Block) {
            Ok(HeaderCheck::Known) => self.check_block(now, from, block),
            Ok(HeaderCheck::New) => self.check_header_of(from, block),
            // Before a stranger's block takes room, it is known to be a producer's.
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
        // It can come by two ways at once: with its header, and after it.
        let connected = self.chain.is_connected(&id);
        if connected || self.checking_bodies.contains_key(&id) {
            if from.is_none() {
                // Of what a peer sent and is being checked nobody knows yet whether it will be kept.
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
        let parts = unverified.chunks(BLOCK_JOB_SIGNATURES);
        let (bytes, pending) = (block.encoded_len(), parts.len());
        let checked = CheckedBlock { header, transactions, from, bytes, pending, valid: true };
        if pending == 0 {
            return self.connect_block(now, checked);
        }
        self.checking_bodies.insert(id, checked);
        for part in parts {
            let bytes = part.iter().map(|transaction| transaction.encoded().len()).sum();
            let job = self.new_job(Vec::new(), part.to_vec());
            self.check(job, Checking { what: Checked::BlockPart(id), from, bytes });
        }
    }

    /// One job of a block is back; the last one decides.
    pub(super) fn on_checked_part(&mut self, now: Time, id: BlockId, verdict: Verdict) {
        let Some(checked) = self.checking_bodies.get_mut(&id) else { return };
        checked.pending = checked.pending.saturating_sub(1);
        checked.valid &= verdict == Verdict::Valid;
        if checked.pending > 0 {
            return;
        }
        let Some(checked) = self.checking_bodies.remove(&id) else { return };
        if checked.valid {
            self.connect_block(now, checked);
        } else {
            self.condemn_block(now, id, checked.from, Refusal::InvalidSignature);
        }
    }

    pub(super) fn in_verification(&self, id: &BlockId) -> bool {
        self.checking_headers.contains(id) || self.checking_bodies.contains_key(id)
    }

    fn connect_block(&mut self, now: Time, checked: CheckedBlock) {
        let CheckedBlock { header, transactions, from, bytes, .. } = checked;
        let (id, item) = (header.id(), ItemId::Block(header.id()));
        let validator = self.validator.clone();
        let mut ruled_out = false;
        let rule = |transactions: &[Arc<SignedTransaction>]| {
            let ruling = rule(&*validator, &header, transactions);
            ruled_out = ruling.is_err();
            ruling
        };
        let connected = match self.chain.connect_if(header, transactions, rule) {
            Ok(connected) => connected,
            // An honest peer may follow other rules.
            Err(refusal) if ruled_out => return self.rule_out_block(now, &header, from, refusal),
            // What the block itself says, and no node's memory.
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
        self.catch_up_wait = CATCH_UP_INTERVAL_MIN;
        self.stats.blocks_accepted = self.stats.blocks_accepted.saturating_add(1);
        self.delivered(now, ItemId::Block(id), from);
        if let Some(each) = bytes.checked_div(usize::try_from(header.header().count).unwrap_or(usize::MAX)) {
            self.usual_bytes_in_block = each.max(self.usual_bytes_in_block / 8 * 7).max(1);
        }
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
        // Whoever stands on a third one of a producer is asked for it.
        if !self.chain.is_one_too_many(&header) {
            self.relay_block(now, &header, from);
        }
        // One after the other and not within each other, however long a chain of orphans is.
        let children = self.orphans.children_of(&id);
        self.released.extend(children.into_iter().map(|(sender, orphan)| (PeerHandle(sender), orphan)));
        self.advanced = true;
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
                // An earlier block may have it as well.
                let confirmed = self.chain.confirmed(id).is_some() || self.firsts.found.contains(id);
                self.acknowledged.set_confirmed(id, confirmed);
            }
        }
        for block in &connected {
            for transaction in self.chain.transactions_of(block).to_vec() {
                gone.extend(self.confirm(from, *block, transaction.id(), transaction.encoded().len()));
            }
            // A branch that is longer than memory is wide: the ids are known all the same.
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

    /// Gives up transactions that no later block may hold. Those that were acknowledged here are told of.
    fn expire_transactions(&mut self, tip: Height, gone: &mut Vec<TxId>) {
        // A block whose transactions are still to be recalled may have one: it is told of later then.
        let submitted = if self.knows_all_confirmed() { self.acknowledged.expire(tip) } else { Vec::new() };
        gone.extend(self.mempool.remove_expired(tip).iter().map(|expired| expired.id()));
        if !submitted.is_empty() {
            self.stats.submissions_expired = self.stats.submissions_expired.saturating_add(submitted.len() as u64);
            self.tell(Event::SubmissionsExpired { ids: submitted, tip });
        }
    }

    /// A transaction joined the best chain: nobody needs to send it any more. Returns its id if it leaves the mempool.
    fn confirm(&mut self, from: Option<PeerHandle>, block: BlockId, id: TxId, bytes: usize) -> Option<TxId> {
        let pending = self.mempool.remove(&id).map(|_| id);
        self.acknowledged.set_confirmed(&id, true);
        self.requests.forget(RequestKey::Short(id.short()));
        self.requests.forget(RequestKey::Full(id));
        if !self.seen.accepted(&id) {
            self.seen.accept(id);
            self.stats.transactions_accepted = self.stats.transactions_accepted.saturating_add(1);
            self.tell(Event::Accepted { item: ItemId::Transaction(id), from, within: Some(block), bytes });
        }
        pending
    }

    /// The header's place in the tree, and for blocks from the network the validator's word.
    fn judge_header(
        &self,
        header: &SignedHeader,
        from: Option<PeerHandle>,
        standing: Standing,
    ) -> Result<HeaderCheck, Refusal> {
        if from.is_some() {
            self.validator.header(header.header())?;
        }
        self.chain.check_header(header, standing)
    }

    /// How headers of a peer come: a peer that was asked has not sent them unasked.
    fn standing(&self, now: Time, from: Option<PeerHandle>, headers: usize) -> Standing {
        let asked = from.and_then(|from| self.peers.get(&from)).is_some_and(|peer| peer.asked_lately(now));
        if headers > 1 || asked { Standing::InLine } else { Standing::Alone }
    }

    /// Takes a checked header into the tree. If its producer signed another for the same height, that is evidence.
    fn insert_header(&mut self, header: &SignedHeader, standing: Standing) -> Result<HeaderCheck, Refusal> {
        let check = self.chain.insert_header(*header, standing)?;
        if check == HeaderCheck::New
            && let Some(other) = self.chain.sibling(header)
        {
            self.note_equivocation(other, *header);
        }
        Ok(check)
    }

    /// Has headers checked that a peer sent in one message.
    fn check_headers(&mut self, from: PeerHandle, headers: Vec<SignedHeader>) {
        let bytes = headers.len().saturating_mul(HEADER_BYTES_MAX);
        let job = self.new_job(headers.clone(), Vec::new());
        for header in &headers {
            self.checking_headers.begin(header.id(), None);
        }
        self.check(job, Checking { what: Checked::Headers(headers), from: Some(from), bytes });
    }

    /// Has the header of a block checked that came with it.
    fn check_header_of(&mut self, from: Option<PeerHandle>, block: &Arc<Block>) {
        let bytes = block.encoded_len().saturating_add(HEADER_BYTES_MAX);
        let job = self.new_job([block.header].into(), Vec::new());
        self.checking_headers.begin(block.header.id(), Some(from));
        self.check(job, Checking { what: Checked::Block(block.clone()), from, bytes });
    }

    fn hold_orphan(&mut self, now: Time, from: Option<PeerHandle>, block: &Arc<Block>) {
        let Some(from) = from.filter(|from| self.peers.contains_key(from)) else { return };
        let id = block.header.id();
        let next = self.chain.missing().take(BLOCKS_AHEAD_MAX).any(|missing| *missing == id);
        let need = if next { Need::Next } else { Need::Later };
        self.orphans.insert(now, from.0, block.clone(), need);
        // Whose parent's header is here was asked for ahead, or is on a branch that is known.
        if self.chain.header(&block.header.header().parent).is_none() {
            self.ask_headers(now, from);
        }
    }

    fn refuse_block(&mut self, id: BlockId, from: Option<PeerHandle>, refusal: Refusal) {
        self.refuse(ItemId::Block(id), from, refusal.clone());
        if from.is_none() {
            self.answer(ItemId::Block(id), Err(refusal));
        }
    }

    /// Refuses a block for good, and blames nobody for it.
    fn rule_out_block(&mut self, now: Time, header: &SignedHeader, from: Option<PeerHandle>, refusal: Refusal) {
        match from {
            Some(from) => {
                self.refuse_branch(now, from, &[*header], &refusal);
                self.drop_block(now, header.id(), Some(from), refusal);
            }
            // Nobody else has seen it, so it takes no place from the next.
            None => {
                self.chain.withdraw(&header.id());
                self.refuse_block(header.id(), None, refusal);
            }
        }
    }

    /// Refuses a block that can't be valid for anyone: its header is good, so its producer is at fault, and so is
    /// whoever passes it on without looking.
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

/// What a chain's own validator says of a block: of each transaction at its place, then of all of it.
fn rule(
    validator: &dyn Validator,
    header: &SignedHeader,
    transactions: &[Arc<SignedTransaction>],
) -> Result<(), Refusal> {
    let place = BlockPlace::of(header.header());
    transactions.iter().try_for_each(|transaction| validator.transaction_in_block(transaction, place))?;
    validator.block(header.header(), transactions)
}

const fn tip_of(header: &SignedHeader) -> Tip {
    Tip { height: header.header().height, id: header.id() }
}

fn matches_root(block: &Block) -> bool {
    let header = block.header.header();
    let ids: Vec<TxId> = block.transactions.iter().map(|body| SignedTransaction::id_of(body)).collect();
    usize::try_from(header.count) == Ok(ids.len()) && header.transactions_root == transactions_root(&ids)
}
