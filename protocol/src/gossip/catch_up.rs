//! Catching up with the peers' chains: which bodies to ask whom for, and when to ask again. What a header or a body
//! means is decided in `blocks`.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::Gossip;
use super::api::PeerHandle;
use super::request::RequestKey;
use crate::block::SignedHeader;
use crate::hash::BlockId;
use crate::limits::{BLOCKS_AHEAD_MAX, CATCH_UP_INTERVAL_MAX, CATCH_UP_INTERVAL_MIN};
use crate::message::Tip;
use crate::time::Time;

impl Gossip {
    /// Requests the next bodies on the way to the best known header from every peer that should have them.
    pub(super) fn catch_up(&mut self, now: Time) {
        let reached = self.chain.best_header().height;
        // Whoever was asked a moment ago is passed over, so that a peer that only says to be ahead holds nobody up.
        let ahead = |peer: &super::Peer| {
            peer.ready && peer.tip.is_some_and(|tip| tip.height > reached) && !peer.asked_lately(now)
        };
        let first_ahead = self.peers.iter().find(|(_, peer)| ahead(peer)).map(|(handle, _)| *handle);
        if let Some(handle) = first_ahead {
            self.ask_headers(now, handle);
        }
        let missing = self.chain.missing_bodies(BLOCKS_AHEAD_MAX);
        self.catch_up_at = match self.catch_up_at {
            _ if missing.is_empty() => None,
            Some(at) => Some(at),
            None => Some(now + self.catch_up_wait),
        };
        for id in missing {
            let Some(header) = self.chain.header(&id).copied() else { continue };
            if self.in_verification(&id) || self.orphans.contains(&id) {
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

    /// Looks again for what is missing, if it is time. A request whose every announcer has failed is forgotten, and nobody
    /// announces a block twice.
    pub(super) fn catch_up_again(&mut self, now: Time) {
        if self.catch_up_at.is_some_and(|at| at <= now) {
            self.catch_up_at = None;
            self.catch_up_wait = self.catch_up_wait.times(2).min(CATCH_UP_INTERVAL_MAX);
            self.catch_up(now);
            self.follow_tips(now);
        }
    }

    /// Requests the next bodies on the way to each peer's tip from that peer: the best header may be one whose body nobody
    /// has, and others be on another branch.
    fn follow_tips(&mut self, now: Time) {
        let tips = self.peers.iter().filter(|(_, peer)| peer.ready);
        let tips: Vec<(PeerHandle, Tip)> = tips.filter_map(|(handle, peer)| Some((*handle, peer.tip?))).collect();
        let mut ways: BTreeMap<BlockId, Vec<BlockId>> = BTreeMap::new();
        for (handle, tip) in tips {
            let chain = &self.chain;
            let way =
                ways.entry(tip.id).or_insert_with(|| chain.missing_before(&tip.id, BLOCKS_AHEAD_MAX)).clone();
            for id in way {
                let waits = self.in_verification(&id) || self.orphans.contains(&id);
                if let Some(header) = self.chain.header(&id).copied().filter(|_| !waits) {
                    self.want_block(now, handle, &header);
                }
            }
        }
    }

    /// Looks again sooner: there is news.
    pub(super) fn catch_up_soon(&mut self, now: Time) {
        self.catch_up_wait = CATCH_UP_INTERVAL_MIN;
        let soon = now + self.catch_up_wait;
        self.catch_up_at = self.catch_up_at.map(|at| at.min(soon));
    }

    pub(super) fn want_block(&mut self, now: Time, from: PeerHandle, header: &SignedHeader) {
        if self.peers.contains_key(&from) {
            let expected = self.expected_bytes(header);
            self.requests.announced(now, from, RequestKey::Block(header.id()), expected);
        }
    }
}
