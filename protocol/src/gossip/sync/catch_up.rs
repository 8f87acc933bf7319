//! Catching up with the peers' chains: which bodies to ask which peers for, and when to ask again. `headers` and
//! `blocks` decide what a header or a body means. `request` decides which of the announcers is asked.
//!
//! The *download window* is what is requested ahead: the lowest missing blocks on the way to the best header, up
//! to [`BLOCKS_AHEAD_MAX`] and [`BLOCKS_AHEAD_BYTES_MAX`]. When there is news, the whole window is announced to
//! the request tracker. While blocks come in, only the blocks that enter the window are announced.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::detour::Looks;
use super::stall::{StallClock, Staller};
use crate::gossip::Gossip;
use crate::gossip::api::PeerHandle;
use crate::gossip::fetch::request::RequestKey;
use crate::gossip::links::peer::Peer;
use crate::items::block::{Block, SignedHeader};
use crate::items::hash::BlockId;
use crate::limits::{
    BLOCKS_AHEAD_BYTES_MAX, BLOCKS_AHEAD_MAX, BLOCKS_AHEAD_MIN, CATCH_UP_INTERVAL_MAX, CATCH_UP_INTERVAL_MIN,
};
use crate::time::{Duration, Time};

/// The state of catching up.
#[derive(Debug)]
pub(crate) struct CatchUp {
    /// When to look again for missing blocks, and how long to wait before the look after that.
    at: Option<Time>,
    wait: Duration,
    /// How often a look was in vain.
    pub(super) looks: Looks,
    /// The last block that was requested ahead, and whether blocks were connected since then.
    window_end: Option<BlockId>,
    advanced: bool,
    /// Runs while the lowest block of the window holds up the others.
    stall: StallClock,
    /// Blocks whose parent has come. They are worked on before anything else.
    released: VecDeque<(PeerHandle, Arc<Block>)>,
}

impl Default for CatchUp {
    fn default() -> Self {
        Self {
            at: None,
            wait: CATCH_UP_INTERVAL_MIN,
            looks: Looks::default(),
            window_end: None,
            advanced: false,
            stall: StallClock::default(),
            released: VecDeque::new(),
        }
    }
}

impl CatchUp {
    /// When something is to be done next.
    pub(crate) fn next_deadline(&self) -> Option<Time> {
        self.at.into_iter().chain(self.stall.deadline()).min()
    }

    /// A block was connected, so the next look for missing blocks comes sooner.
    pub(super) const fn progressed(&mut self) {
        self.wait = CATCH_UP_INTERVAL_MIN;
    }

    /// A block was connected, and these blocks no longer wait for their parent. They are worked on one after the
    /// other and not recursively, because a chain of orphans may be long.
    pub(super) fn release(&mut self, children: impl Iterator<Item = (PeerHandle, Arc<Block>)>) {
        self.released.extend(children);
        self.advanced = true;
    }

    /// The next block whose parent has come.
    pub(crate) fn next_released(&mut self) -> Option<(PeerHandle, Arc<Block>)> {
        self.released.pop_front()
    }

    /// Whether blocks were connected since this was asked last.
    pub(crate) const fn take_advanced(&mut self) -> bool {
        core::mem::replace(&mut self.advanced, false)
    }

    /// How many blocks wait for their turn.
    #[cfg(feature = "simulator")]
    pub(crate) fn len(&self) -> usize {
        self.released.len()
    }
}

impl Gossip {
    /// Requests the next bodies on the way to the best known header from every peer that should have them. It is
    /// called when a peer, a header or a moment has come. When a block has come, [`Gossip::advance_window`] does
    /// less.
    pub(crate) fn catch_up(&mut self, now: Time) {
        self.ask_ahead(now, false);
        self.set_catch_up_timer(now);
        let window = self.window(self.chain.missing());
        self.catching_up.window_end = window.last().map(SignedHeader::id);
        if self.has_source(now, window.first()) {
            for header in window {
                self.want_of_all(now, &header);
            }
        }
    }

    /// After blocks were connected: requests those that entered the window, and no others. The rest of it was
    /// requested before, and to request it at each block would cost the window's length times the number of peers.
    pub(crate) fn advance_window(&mut self, now: Time) {
        self.catching_up.stall.progressed();
        self.ask_ahead(now, true);
        self.set_catch_up_timer(now);
        let window = self.window(self.chain.missing());
        let ahead = self.chain.missing().take(BLOCKS_AHEAD_MAX);
        // The end of the previous window: it is connected by now, still on its way, or on another branch.
        let requested = ahead.enumerate().find(|(_, id)| Some(**id) == self.catching_up.window_end);
        let requested = requested.map_or(0, |(place, _)| place.saturating_add(1));
        if !self.has_source(now, window.first()) {
            return;
        }
        for header in window.iter().skip(requested) {
            self.want_of_all(now, header);
        }
        if requested < window.len() {
            self.catching_up.window_end = window.last().map(SignedHeader::id);
        }
        // The lowest block holds up all others. It may have been pushed out of the orphans, or no peer had it when
        // asked.
        if let Some(lowest) = window.first().filter(|_| requested > 0)
            && !self.requests.is_tracked(RequestKey::Block(lowest.id()))
        {
            self.want_of_all(now, lowest);
        }
    }

    /// Asks one peer that is ahead of our headers for more of them. A peer that has just answered in full, or was
    /// never asked, comes first. After these comes the peer that was asked longest ago. A peer that was asked a
    /// moment ago is passed over, so that a peer that only claims to be ahead holds up nothing. With `patient`, no
    /// peer is asked again while an answer of another is awaited, because each peer would answer the same.
    fn ask_ahead(&mut self, now: Time, patient: bool) {
        let reached = self.chain.best_header().height;
        let ahead = |peer: &Peer| peer.ready && peer.chain.tip().is_some_and(|tip| tip.height > reached);
        let ahead = self.peers.iter().filter(|(_, peer)| ahead(peer));
        let (lately, others): (Vec<_>, Vec<_>) = ahead.partition(|(_, peer)| peer.chain.is_paused(now));
        let next = others.into_iter().min_by_key(|(_, peer)| peer.chain.asked());
        let awaited = lately.iter().any(|(_, peer)| peer.chain.asked_lately(now));
        let waits = |peer: &Peer| patient && awaited && peer.chain.asked().is_some();
        if let Some((&handle, _)) = next.filter(|(_, peer)| !waits(peer)) {
            self.ask_headers(now, handle);
        }
    }

    /// After headers that brought nothing: another peer is asked, and no body is looked for. Any peer can send
    /// such headers, and a look at the window costs its length times the number of peers.
    pub(crate) fn ask_another(&mut self, now: Time) {
        self.ask_ahead(now, false);
        self.set_catch_up_timer(now);
    }

    fn set_catch_up_timer(&mut self, now: Time) {
        self.catching_up.at = match self.catching_up.at {
            _ if self.chain.missing().next().is_none() => {
                self.catching_up.looks = Looks::default();
                None
            }
            Some(at) => Some(at),
            None => Some(now + self.catching_up.wait),
        };
    }

    /// The missing blocks that may be requested ahead, lowest first: as many as fit into one peer's room for
    /// orphans.
    fn window<'a>(&self, missing: impl Iterator<Item = &'a BlockId>) -> Vec<SignedHeader> {
        let mut window = Vec::new();
        let mut bytes = 0_usize;
        for header in missing.take(BLOCKS_AHEAD_MAX).map_while(|id| self.chain.header(id)) {
            bytes = bytes.saturating_add(self.lengths.block(header));
            if window.len() >= BLOCKS_AHEAD_MIN && bytes > BLOCKS_AHEAD_BYTES_MAX {
                break;
            }
            window.push(*header);
        }
        window
    }

    /// Whether a peer should have the body of the lowest missing block, or the body is here and waits. If not, the
    /// blocks above it would only come and wait in vain.
    fn has_source(&self, now: Time, lowest: Option<&SignedHeader>) -> bool {
        lowest.is_some_and(|lowest| {
            let height = lowest.header().height;
            self.waits_here(&lowest.id()) || self.peers.iter().any(|(_, peer)| peer.has_body_at(now, height))
        })
    }

    /// Requests a body from every peer whose tip is at least as high, unless the body is here and waits.
    fn want_of_all(&mut self, now: Time, header: &SignedHeader) {
        if self.waits_here(&header.id()) {
            return;
        }
        let height = header.header().height;
        let holders = self.peers.iter().filter(|(_, peer)| peer.has_body_at(now, height));
        let holders: Vec<PeerHandle> = holders.map(|(handle, _)| *handle).collect();
        for holder in holders {
            self.want_block(now, holder, header);
        }
    }

    /// Whether a block's body is here and waits for its turn.
    pub(crate) fn waits_here(&self, id: &BlockId) -> bool {
        self.checks.has_block(id) || self.orphans.contains(id)
    }

    /// A peer has no body for a block. If the block is on the branch of the best header, the peer is likely to
    /// lack lower blocks as well. If it is on another branch, the peer lacks none of its own blocks.
    pub(crate) fn note_lack(&mut self, now: Time, from: PeerHandle, block: &BlockId) {
        let best = self.chain.best_header().id;
        let on_branch = self.peers.get(&from).is_some_and(|peer| {
            peer.chain.way() == Some(best) || peer.chain.tip().is_some_and(|tip| tip.id == best)
        });
        if on_branch
            && self.chain.missing().take(BLOCKS_AHEAD_MAX).any(|missing| missing == block)
            && let Some(height) = self.chain.height_of(block)
            && let Some(peer) = self.peers.get_mut(&from)
        {
            peer.chain.lacks_body_at(now, height);
        }
    }

    /// Looks again for missing blocks, if it is time. This is needed because a request is forgotten when all its
    /// announcers have failed, and no peer announces a block twice.
    pub(crate) fn catch_up_again(&mut self, now: Time) {
        if self.catching_up.at.is_some_and(|at| at <= now) {
            self.catching_up.at = None;
            self.catching_up.wait = self.catching_up.wait.times(2).min(CATCH_UP_INTERVAL_MAX);
            self.catch_up(now);
            self.look_beside(now);
            let peers: Vec<PeerHandle> = self.peers.iter().map(|(handle, _)| *handle).collect();
            self.follow(now, &peers);
        }
    }

    /// Requests from each of these peers the next bodies on its own branch. The best header may be one whose body
    /// no peer has, and other peers may be on another branch.
    pub(crate) fn follow(&mut self, now: Time, peers: &[PeerHandle]) {
        let ready = peers.iter().filter_map(|handle| Some((*handle, self.peers.get(handle)?)));
        let ready = ready.filter(|(_, peer)| peer.ready);
        let ends: Vec<(PeerHandle, BlockId)> =
            ready.filter_map(|(handle, peer)| Some((handle, self.way_of(peer)?))).collect();
        let mut ways: BTreeMap<BlockId, Vec<SignedHeader>> = BTreeMap::new();
        for (handle, end) in ends {
            let way = ways.entry(end).or_insert_with(|| {
                let missing = self.chain.missing_before(&end, BLOCKS_AHEAD_MAX);
                self.window(missing.iter())
            });
            // If this peer has deleted the blocks below these, these blocks are of no use. Other peers are asked
            // for the blocks of their own branches.
            let lowest = way.first().map_or(0, |header| header.header().height);
            if self.peers.get(&handle).is_none_or(|peer| peer.chain.has_from(now) > lowest) {
                continue;
            }
            for header in way.clone() {
                if !self.waits_here(&header.id()) {
                    self.want_block(now, handle, &header);
                }
            }
        }
    }

    /// Ends the request that has held up the window for too long. It goes to the next announcer.
    pub(crate) fn end_stall(&mut self, now: Time) {
        let Some((block, _)) = self.catching_up.stall.due(now).filter(|due| self.staller() == Some(*due)) else {
            return;
        };
        match self.requests.stalled(now, RequestKey::Block(block)) {
            Some(struck) => {
                self.catching_up.stall.ended();
                self.stats.requests_stalled = self.stats.requests_stalled.saturating_add(1);
                self.leave_withholder(now, struck);
            }
            None => self.catching_up.stall.restart(),
        }
    }

    /// Notes whether the window is stuck, and which peer holds it up.
    pub(crate) fn watch_stall(&mut self, now: Time) {
        let staller = self.staller();
        self.catching_up.stall.watch(now, staller);
    }

    /// The window is stuck when its lowest block is in flight and a later one is here. Others went ahead, so the
    /// block waits neither for our link nor for the network.
    fn staller(&self) -> Option<Staller> {
        if self.orphans.is_empty() {
            return None;
        }
        let mut missing = self.chain.missing().take(BLOCKS_AHEAD_MAX);
        let lowest = *missing.next()?;
        let asked = self.requests.asked(RequestKey::Block(lowest))?;
        missing.any(|id| self.orphans.contains(id)).then_some((lowest, asked))
    }

    /// Looks again sooner, because there is news.
    pub(crate) fn catch_up_soon(&mut self, now: Time) {
        self.catching_up.wait = CATCH_UP_INTERVAL_MIN;
        let soon = now + self.catching_up.wait;
        self.catching_up.at = self.catching_up.at.map(|at| at.min(soon));
    }

    pub(crate) fn want_block(&mut self, now: Time, from: PeerHandle, header: &SignedHeader) {
        if self.peers.contains_key(&from) {
            let expected = self.lengths.block(header);
            self.requests.announced(now, from, RequestKey::Block(header.id()), expected);
        }
    }
}
