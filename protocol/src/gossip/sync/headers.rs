//! Headers that peers announce or send. They are judged by how they came, checked, and put into the tree; if one
//! is bad, a peer is blamed. Deliberately absent: bodies, which are in `blocks`, and which peers announced a
//! header that is being checked, which is in `header_checks`.

use alloc::vec::Vec;

use super::blocks::tip_of;
use crate::gossip::Gossip;
use crate::gossip::api::{DisconnectReason, ItemId, PeerHandle, Refusal};
use crate::gossip::intake::checks::{Checked, Checking};
use crate::gossip::intake::header_checks::{Announcer, WithBody};
use crate::items::block::SignedHeader;
use crate::items::verify::Verdict;
use crate::ledger::chain::{HeaderCheck, Standing};
use crate::limits::{HEADER_BYTES_MAX, HEADERS_ENTRIES_MAX};
use crate::time::Time;

impl Gossip {
    /// A peer announced a block. With `pushed`, it also sends the body unasked.
    pub(crate) fn on_block_header(&mut self, now: Time, from: PeerHandle, header: &SignedHeader, pushed: bool) {
        let id = header.id();
        if let Some(peer) = self.peers.get_mut(&from) {
            self.inventory.note(peer.link, id.short());
        }
        self.hear_of_tip(now, from, tip_of(header));
        if self.chain.is_connected(&id) {
            return self.decline_block(now, from, header, pushed);
        }
        let announcer = Announcer { peer: from, pushed };
        // On the other lane, the body can overtake its announcement. Then no other body is promised.
        if let Some(checked) = self.checks.block(&id) {
            return self.heed(now, header, &[announcer], Some(checked.from));
        }
        if self.checks.headers.announced(&id, announcer) {
            return;
        }
        match self.judge_header(header, Some(from), Standing::Alone) {
            Ok(HeaderCheck::Known) => {
                // The body may wait here for its parent's.
                self.heed(now, header, &[announcer], self.body_here(&id));
                // A peer that announces a block has all blocks before it. It may not have had them yet when it was
                // asked.
                self.catch_up_soon(now);
            }
            Ok(HeaderCheck::New) => {
                self.check_headers(from, [*header].into(), Standing::Alone);
                self.checks.headers.announced(&id, announcer);
            }
            Err(Refusal::UnknownParent) if !self.is_refused_branch(now, header) => self.ask_headers(now, from),
            Err(refusal) => {
                // If the peer's own branch has this block, the peer sends its headers when it is asked.
                if refusal == Refusal::TooManyAtHeight {
                    self.ask_headers(now, from);
                }
                self.refuse_branch(now, from, &[*header], &refusal);
                self.refuse(ItemId::Block(id), Some(from), refusal);
            }
        }
    }

    pub(crate) fn on_headers(&mut self, now: Time, from: PeerHandle, headers: &[SignedHeader]) {
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
            peer.chain.told_way(last.id());
            peer.chain.answered_in_full = headers.len() == HEADERS_ENTRIES_MAX;
            if taken {
                peer.chain.is_taken_up_to(last.header().height);
            }
        }
        let known = headers.iter().take_while(|header| self.chain.header(&header.id()).is_some()).count();
        let new: Vec<SignedHeader> = headers.get(known..).unwrap_or_default().to_vec();
        if new.is_empty() {
            let asked = self.peers.get(&from).is_some_and(|peer| peer.chain.asked_lately(now));
            self.on_nothing_new(now, from);
            // Only after a request. Otherwise a peer could make us look along a branch as often as it likes.
            if asked {
                self.go_beside(now, from);
            }
            return;
        }
        self.take_headers(now, from, new);
    }

    /// An answer had no new header. Another peer is asked. If this peer tells of more, it is asked more rarely.
    fn on_nothing_new(&mut self, now: Time, from: PeerHandle) {
        let reached = self.chain.best_header();
        if let Some(peer) = self.peers.get_mut(&from)
            && peer.chain.tip().is_some_and(|tip| tip.height > reached.height)
        {
            peer.chain.brought_nothing(reached.id);
        }
        self.ask_another(now);
    }

    /// Puts new headers into verification: those before the first one that the validator refuses.
    fn take_headers(&mut self, now: Time, from: PeerHandle, mut new: Vec<SignedHeader>) {
        let judged = new.iter().map(|header| self.validator.header(header.header()));
        let refused = judged.enumerate().find_map(|(place, judged)| Some((place, judged.err()?)));
        // The others can be judged only when those before them are in the tree.
        let standing = self.standing(now, from, &new);
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
                    peer.chain.brought_refused();
                }
                return;
            }
        }
        if new.is_empty() {
            return self.on_nothing_new(now, from);
        }
        let only = if let [only] = new.as_slice() { Some(only.id()) } else { None };
        let announcer = Announcer { peer: from, pushed: false };
        // A header that is being checked already is not checked again, unless it would now be accepted more
        // readily.
        if let Some(id) = only.filter(|id| self.checks.headers.speaks_for(id, standing)) {
            self.checks.headers.announced(&id, announcer);
            return;
        }
        self.check_headers(from, new, standing);
        if let Some(id) = only {
            self.checks.headers.announced(&id, announcer);
        }
    }

    /// The headers that one peer sent have been checked. Those before the first bad one are put into the tree.
    /// Blame follows bytes: the sender answers for all of them, and a peer that announced one of them meanwhile
    /// answers for that one.
    pub(crate) fn on_checked_headers(
        &mut self,
        now: Time,
        from: Option<PeerHandle>,
        headers: &[SignedHeader],
        standing: Standing,
        verdict: Verdict,
    ) {
        let mut announcers: Vec<Vec<Announcer>> =
            headers.iter().map(|header| self.checks.headers.end(&header.id(), None)).collect();
        let good = match verdict {
            Verdict::Valid => headers.len(),
            Verdict::Invalid { first } => first.min(headers.len()),
        };
        if let (Some(bad), Some(announcers)) = (headers.get(good), announcers.get_mut(good)) {
            self.blame_for_header(now, bad, from, &core::mem::take(announcers));
        }
        let (taken, news) = self.take_good_headers(now, from, headers.get(..good).unwrap_or_default(), standing);
        for (header, announcers) in headers.iter().zip(&announcers).take(taken) {
            let body = self.body_here(&header.id());
            self.heed(now, header, announcers, body);
        }
        // The other announcers announced headers that were not put into the tree. They are asked for the headers
        // before these.
        for announcer in announcers.iter().skip(taken).flatten() {
            self.ask_headers(now, announcer.peer);
        }
        // Nothing is new, and there is no new peer to ask. A look at the window would cost its length times the
        // number of peers.
        if !news && announcers.iter().take(taken).all(Vec::is_empty) {
            return;
        }
        // The peer that was first to bring some of these headers is asked for more. The others would bring the
        // same again.
        if news
            && taken == headers.len()
            && let Some(from) = from
            && let Some(peer) = self.peers.get_mut(&from).filter(|peer| peer.chain.answered_in_full)
        {
            peer.chain.forget_asked();
            self.ask_headers(now, from);
        }
        self.catch_up(now);
        if let Some(from) = from {
            self.go_beside(now, from);
        }
    }

    /// Puts checked headers into the tree, up to the first that doesn't fit. Returns how many are there now, and
    /// whether any is new.
    fn take_good_headers(
        &mut self,
        now: Time,
        from: Option<PeerHandle>,
        headers: &[SignedHeader],
        standing: Standing,
    ) -> (usize, bool) {
        let (mut taken, mut news) = (0, false);
        for header in headers {
            match self.insert_header(header, from, standing) {
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
    pub(crate) fn note_new_headers(&mut self, from: Option<PeerHandle>, last: &SignedHeader) {
        let height = last.header().height;
        if let Some(peer) = from.and_then(|from| self.peers.get_mut(&from)) {
            peer.chain.brought_headers(height);
            // Headers that it has beyond this answer are asked for, if no other peer brings them before.
            peer.chain.wanted = peer.chain.tip().is_some_and(|tip| tip.height > height);
        }
    }

    /// A header's signature is bad. A peer that sent these bytes, in whatever message, has not checked them.
    pub(crate) fn blame_for_header(
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

    /// Peers announced a header while it was checked, and it is in the tree now. `body` is the sender of the
    /// block's body, if the body is here.
    pub(crate) fn heed(&mut self, now: Time, header: &SignedHeader, announcers: &[Announcer], body: WithBody) {
        for Announcer { peer, pushed } in announcers {
            match body {
                None => self.hear_of_block(now, *peer, header, *pushed),
                // Its body came right behind its announcement, or before it, so nothing more is promised.
                Some(sender) if sender == Some(*peer) && *pushed => self.be_fed(now, *peer, &header.id()),
                Some(sender) if sender == Some(*peer) => {}
                Some(_) => self.decline_block(now, *peer, header, *pushed),
            }
        }
    }

    /// Checks the header's place in the tree, and for blocks from the network asks the validator.
    pub(crate) fn judge_header(
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

    /// The standing of a peer's headers. Headers that the peer was asked for do not count as coming by themselves.
    fn standing(&self, now: Time, from: PeerHandle, headers: &[SignedHeader]) -> Standing {
        let asked = self.peers.get(&from).is_some_and(|peer| peer.chain.asked_lately(now));
        let end = headers.last().map_or(0, |last| last.header().height);
        match headers.len() > 1 || asked {
            true if end > self.chain.tip().height => Standing::Leading,
            true => Standing::InLine,
            false => Standing::Alone,
        }
    }

    /// Puts a checked header into the tree, if the validator accepts it. If its producer signed another header for
    /// the same height, that is evidence.
    pub(crate) fn insert_header(
        &mut self,
        header: &SignedHeader,
        from: Option<PeerHandle>,
        standing: Standing,
    ) -> Result<HeaderCheck, Refusal> {
        if from.is_some() {
            self.validator.header(header.header())?;
        }
        let check = self.chain.insert_header(*header, standing)?;
        if check == HeaderCheck::New
            && let Some(other) = self.chain.sibling(header)
        {
            self.note_equivocation(other, *header);
        }
        Ok(check)
    }

    /// Puts the headers that a peer sent in one message into verification. Afterwards they are judged by how they
    /// came, and not by how much time has passed.
    fn check_headers(&mut self, from: PeerHandle, headers: Vec<SignedHeader>, standing: Standing) {
        let bytes = headers.len().saturating_mul(HEADER_BYTES_MAX);
        let job = self.new_job(Some(from), headers.clone(), Vec::new());
        for header in &headers {
            self.checks.headers.begin(header.id(), None, standing);
        }
        self.check(job, Checking { what: Checked::Headers(headers, standing), from: Some(from), bytes });
    }
}
