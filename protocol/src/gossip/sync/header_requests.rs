//! Which peer is asked for headers, and what a peer that asks for them is sent.

use alloc::vec::Vec;

use crate::gossip::Gossip;
use crate::gossip::api::PeerHandle;
use crate::gossip::links::peer::Peer;
use crate::items::hash::BlockId;
use crate::limits::{
    ANNOUNCE_ROOM_BYTES, DETOUR_HEADERS_AHEAD_MAX, HEADERS_AHEAD_MAX, HEADERS_ENTRIES_MAX, LOCATOR_ENTRIES_MAX,
    REQUEST_ROOM_BYTES,
};
use crate::time::Time;
use crate::wire::message::Message;

impl Gossip {
    /// Asks a peer for the headers after our best chain, at most once in
    /// [`GETHEADERS_INTERVAL`](crate::limits::GETHEADERS_INTERVAL). If it can't be asked yet, it is asked later,
    /// because the header that made us ask may be the last one for long. While [`HEADERS_AHEAD_MAX`] headers wait
    /// for bodies, no peer is asked: bodies that come will make us ask. On a detour, the peer's own branch is
    /// asked for.
    pub(crate) fn ask_headers(&mut self, now: Time, handle: PeerHandle) {
        let Some(peer) = self.peers.get(&handle) else { return };
        // On a detour this node asks which other branches there are. It does not wait for the pauses after answers
        // in vain, except for those after refused headers.
        let (reached, ahead_max, hasty) = match self.on_detour() {
            true => (self.way_of(peer), DETOUR_HEADERS_AHEAD_MAX, peer.chain.refused().is_none()),
            false => (Some(self.chain.best_header().id), HEADERS_AHEAD_MAX, false),
        };
        let paused = if hasty { peer.chain.asked_lately(now) } else { peer.chain.is_paused(now) };
        // Headers that wait for their bodies need not come again.
        let reached = reached.filter(|id| !self.chain.is_connected(id));
        // The end of what is known of the peer's own branch. A branch that is longer than one answer is told in
        // several.
        let way = self.way_of(peer).filter(|id| !self.chain.is_connected(id) && reached != Some(*id));
        let height = reached.and_then(|id| self.chain.header(&id)).map_or(0, |header| header.header().height);
        let Some(peer) = self.peers.get_mut(&handle) else { return };
        if height.saturating_sub(self.chain.tip().height) >= ahead_max {
            peer.chain.wanted = false;
            return;
        }
        peer.chain.wanted = paused || !peer.credit.fits_control(REQUEST_ROOM_BYTES);
        if peer.chain.wanted {
            return;
        }
        peer.chain.ask(now, self.chain.best_header().id);
        let mut locator: Vec<BlockId> = self.watch.refused_ends(now).chain(reached).chain(way).collect();
        locator.extend(self.chain.locator());
        locator.truncate(LOCATOR_ENTRIES_MAX);
        self.send(handle, Message::GetHeaders(locator));
    }

    /// A peer wants headers. If there is no room for an answer, the peer doesn't read. If headers are being loaded
    /// for it, it has asked already. In both cases nothing is looked up, and it may ask again.
    pub(crate) fn on_headers_wanted(&mut self, from: PeerHandle, locator: Vec<BlockId>) {
        let fits = |peer: &&Peer| !peer.loading_headers && peer.credit.fits_control(ANNOUNCE_ROOM_BYTES);
        if self.peers.get(&from).filter(fits).is_none() {
            return;
        }
        match self.chain.headers_after(&locator, HEADERS_ENTRIES_MAX) {
            Some(headers) => self.send(from, Message::Headers(headers)),
            None => self.load_headers_for(from, locator),
        }
    }
}
