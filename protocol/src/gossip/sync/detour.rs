//! The detour: another branch that is followed while no peer sends the bodies of the best header's branch.
//!
//! An allowed producer can sign thousands of headers and never a body for them. Then the best header is on a
//! branch that leads nowhere. The locator asks only for headers after it, and the limit on headers without bodies
//! stops all other branches. So when a few looks for the lowest missing block were in vain, each peer whose tip we
//! don't know is asked for the branch that it is on. It is asked from our tip on, one message of headers at a
//! time, and its branch is followed. This file decides on no height: the chain takes the highest branch among
//! those whose bodies are here.

use alloc::vec::Vec;

use crate::gossip::Gossip;
use crate::gossip::api::PeerHandle;
use crate::gossip::links::peer::Peer;
use crate::items::hash::BlockId;
use crate::limits::{DETOUR_LOOKS, DETOUR_PEERS_MAX};
use crate::time::Time;

/// How many looks for the lowest missing block were in vain in a row. The count goes on if the lowest missing
/// block is now one of another branch that is hollow as well. Otherwise a producer of two such branches could make
/// each overtake the other forever.
#[derive(Debug, Default)]
pub(crate) struct Looks {
    lowest: Option<BlockId>,
    in_vain: u32,
}

impl Looks {
    /// Another look, for this block. `came` tells whether the block of the look before has come.
    fn at(&mut self, lowest: Option<BlockId>, came: bool) {
        self.in_vain = if came { 0 } else { self.in_vain.saturating_add(1) };
        self.lowest = lowest;
    }
}

impl Gossip {
    /// After another look for missing blocks: if it is in vain too, asks some peers which branch they are on.
    pub(crate) fn look_beside(&mut self, now: Time) {
        let came = self.look_brought();
        self.catching_up.looks.at(self.chain.missing().next().copied(), came);
        if !self.on_detour() {
            return;
        }
        let mut leaders: Vec<_> = self.peers.iter().filter(|(_, peer)| self.may_lead(peer)).collect();
        leaders.sort_by_key(|(_, peer)| peer.chain.asked());
        let leaders: Vec<PeerHandle> = leaders.iter().take(DETOUR_PEERS_MAX).map(|(handle, _)| **handle).collect();
        for handle in leaders {
            self.ask_headers(now, handle);
        }
    }

    /// After news of a peer's branch, or a block of it: follows the branch, unless another branch leads on.
    pub(crate) fn go_beside(&mut self, now: Time, from: PeerHandle) {
        if !self.on_detour() {
            return;
        }
        if self.peers.get(&from).is_some_and(|peer| self.may_lead(peer)) {
            self.ask_headers(now, from);
        }
        self.follow(now, &[from]);
    }

    /// The highest block known of the branch that a peer is on.
    pub(crate) fn way_of(&self, peer: &Peer) -> Option<BlockId> {
        let known = |id: &BlockId| self.chain.header(id).is_some();
        peer.chain.tip().map(|tip| tip.id).filter(known).or_else(|| peer.chain.way().filter(known))
    }

    /// Whether the branch of the best header leads nowhere, by all that we know.
    pub(crate) fn on_detour(&self) -> bool {
        self.catching_up.looks.in_vain >= DETOUR_LOOKS
            && !self.look_brought()
            && self.chain.missing().next().is_some()
    }

    /// Whether the block of the last look has come, or there was no look.
    fn look_brought(&self) -> bool {
        self.catching_up.looks.lowest.is_none_or(|lowest| self.chain.is_connected(&lowest))
    }

    /// Whether a peer claims to be ahead of us, on a branch whose end we don't know.
    fn may_lead(&self, peer: &Peer) -> bool {
        let reached = self.chain.tip().height;
        let unknown = |id: &BlockId| self.chain.header(id).is_none();
        peer.ready && peer.chain.tip().is_some_and(|tip| tip.height > reached && unknown(&tip.id))
    }
}
