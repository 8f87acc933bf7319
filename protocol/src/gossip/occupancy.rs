//! How full everything is that a peer can make grow. A checker can see from it that the bounds hold. This file
//! only reads.
//!
//! Bytes are counted, not measured. If encoded bytes are held, these are counted. Otherwise the number of entries
//! is multiplied by the size of one. This is the size of its type, or the size in `limits`, index entries
//! included.

use core::mem::size_of;

use super::Gossip;
use super::api::PeerHandle;
use super::fetch::debts::Owed;
use super::intake::checks::Checking;
use super::intake::sender::CheckedTransaction;
use super::inventory::Inventory;
use super::links::peer::Peer;
use crate::items::block::SignedHeader;
use crate::items::hash::{RouteId, ShortId, TxId};
use crate::limits::{
    ACKNOWLEDGED_MAX, ANNOUNCE_QUEUE_MAX, BULK_CREDIT_BYTES, CHAIN_BEST_HEADERS_MIN, CHAIN_BODY_BYTES_MAX,
    CHAIN_CONTENTS_MAX, CHAIN_HEADERS_MAX, CHECK_BYTES_PEAK, CHECKS_PEAK, CONFIRMED_MAX, CONTROL_CREDIT_BYTES,
    EVIDENCE_PER_PRODUCER_MAX, EVIDENCE_PRODUCERS_MAX, FILTER_BYTES_MAX, FOUND_MAX, GUESTS_MAX, HEADER_QUEUE_MAX,
    HOMES_MAX, INVALID_BLOCKS_MAX, LISTS_MAX, LOADS_MAX, LOADS_PER_PEER_MAX, LOCAL_JOBS_PEAK, LOOKUPS_WAITING_MAX,
    MEMPOOL_BYTES_MAX, MEMPOOL_ENTRIES_MAX, OFFER_ENTRIES_MAX, OFFERS_MAX, ORPHAN_BYTES_MAX,
    ORPHAN_PEER_BYTES_MAX, ORPHANS_PER_PEER_MAX, OUTPUTS_PER_PEER_PEAK, OUTPUTS_SHARED_PEAK, OVERDUE_MAX,
    RECONCILE_SERVED_MAX, REFUSED_ENDS_MAX, REQUEST_ANNOUNCEMENTS_MAX, REQUEST_BLOCK_ANNOUNCEMENTS_MAX,
    REQUEST_BLOCKS_IN_FLIGHT_MAX, REQUESTS_IN_FLIGHT_MAX, RETURNING_MAX, ROUTES_ENTRIES_MAX, ROUTES_NEW_MAX,
    ROUTES_SETTLED_MAX, RUMOR_HOT_MAX, SEEN_ACCEPTED_MAX, SEEN_DECLINED_MAX, SEEN_REJECTED_MAX, SENT_MAX,
    SERVE_QUEUE_MAX, SIGHTS_MAX, STRIKE_GROUPS_MAX, TOLD_MAX, UNHANDLED_MAX, UNSURE_BYTES_MAX, UNSURE_MAX,
};
use crate::wire::message::Lane;

/// How full one bounded structure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occupancy {
    /// Its name. If bytes are counted, the name says so.
    pub what: &'static str,
    /// The peer to which it belongs; `None` if it is the node's.
    pub peer: Option<PeerHandle>,
    /// Entries or bytes in use.
    pub used: usize,
    /// The most that it may hold; `usize::MAX` where only the driver bounds it.
    pub limit: usize,
    /// What `used` takes in memory, counted, in bytes.
    pub bytes: usize,
}

// Bytes of an entry, as the bounds in `limits` count it.
const SENT_ENTRY_BYTES: usize = 18;
const ANNOUNCEMENT_BYTES: usize = 280;
const FLIGHT_BYTES: usize = 16;
const GROUP_BYTES: usize = 80;
const MEMPOOL_ENTRY_BYTES: usize = 600;
const HEADER_ENTRY_BYTES: usize = 650;
const EVIDENCE_ENTRY_BYTES: usize = 512;
const LOOKUP_ENTRY_BYTES: usize = 80;
const FOUND_ENTRY_BYTES: usize = 180;
const RECALL_ENTRY_BYTES: usize = 16;
const CONFIRMED_ENTRY_BYTES: usize = 100;
const INVALID_ENTRY_BYTES: usize = 150;
const HOT_ENTRY_BYTES: usize = 1_024;
const ROUTE_ENTRY_BYTES: usize = 200;
const SIGHT_ENTRY_BYTES: usize = 120;
const CLAIM_BYTES: usize = 12;
const RECORD_BYTES: usize = 80;
const OVERDUE_ENTRY_BYTES: usize = 150;
const TOLD_ENTRY_BYTES: usize = 400;
const VISIT_ENTRY_BYTES: usize = 80;
const SKETCH_BYTES: usize = MEMPOOL_ENTRIES_MAX * 50 + 64 * 1024;
const LOAD_ENTRY_BYTES: usize = 200;
const OFFERED_ENTRY_BYTES: usize = 16;
const ACKNOWLEDGED_ENTRY_BYTES: usize = 120;
const REFUSED_ENTRY_BYTES: usize = 120;
const RETURNING_ENTRY_BYTES: usize = 48;

impl Gossip {
    /// Shows every bounded structure to `visit`: the node's, then each peer's in the order of handles. Takes time
    /// proportional to the number of peers.
    pub fn occupancy(&self, visit: &mut dyn FnMut(Occupancy)) {
        let count = &mut |what, used: usize, limit, entry_bytes: usize| {
            visit(Occupancy { what, peer: None, used, limit, bytes: used.saturating_mul(entry_bytes) });
        };
        let known = self.inventory.fill();
        count("accepted ids", known.accepted, SEEN_ACCEPTED_MAX, Inventory::ENTRY_BYTES);
        count("rejected ids", known.rejected, SEEN_REJECTED_MAX, Inventory::ENTRY_BYTES);
        count("declined ids", known.declined, SEEN_DECLINED_MAX, Inventory::ENTRY_BYTES);
        let others = known.entries.saturating_sub(known.accepted).saturating_sub(known.rejected);
        let others_max =
            self.peers.iter().count().saturating_mul(UNHANDLED_MAX).saturating_add(self.checks.len().0);
        let others = others.saturating_sub(known.declined);
        count("ids announced or in verification", others, others_max, Inventory::ENTRY_BYTES);
        count("mempool entries", self.mempool.len(), MEMPOOL_ENTRIES_MAX, MEMPOOL_ENTRY_BYTES);
        count("mempool bytes", self.mempool.bytes(), MEMPOOL_BYTES_MAX, 1);
        count("chain headers", self.chain.headers(), CHAIN_HEADERS_MAX, HEADER_ENTRY_BYTES);
        count("chain body bytes", self.chain.body_bytes(), CHAIN_BODY_BYTES_MAX, 1);
        count("ids by block", self.chain.contents_len(), CHAIN_CONTENTS_MAX, size_of::<TxId>());
        let (begun, served, lists) = self.conversations.len();
        count("conversations begun", begun, 1, SKETCH_BYTES);
        count("lists", lists, LISTS_MAX, OFFER_ENTRIES_MAX * OFFERED_ENTRY_BYTES);
        count("conversations answered", served, RECONCILE_SERVED_MAX, SKETCH_BYTES);
        count("refused branches", self.watch.refused_len(), REFUSED_ENDS_MAX, REFUSED_ENTRY_BYTES);
        count("acknowledged", self.acknowledged.len(), ACKNOWLEDGED_MAX, ACKNOWLEDGED_ENTRY_BYTES);
        let (loads, returning) = self.loads.len();
        count("loads", loads, LOADS_MAX.saturating_add(1), LOAD_ENTRY_BYTES);
        count("blocks to return", returning, RETURNING_MAX, RETURNING_ENTRY_BYTES);
        let (lookups, filter_bytes, unknown, found) = self.firsts.len();
        count("look-ups", lookups, LOOKUPS_WAITING_MAX, LOOKUP_ENTRY_BYTES);
        count("found to be confirmed", found, FOUND_MAX, FOUND_ENTRY_BYTES);
        let (unsure, unsure_bytes) = self.firsts.unsure();
        count("unsure transactions", unsure, UNSURE_MAX, size_of::<CheckedTransaction>());
        count("bytes of unsure transactions", unsure_bytes, UNSURE_BYTES_MAX, 1);
        count("filter bytes", filter_bytes, FILTER_BYTES_MAX, 1);
        count("heights to recall", unknown, CHAIN_BEST_HEADERS_MIN, RECALL_ENTRY_BYTES);
        let evidence_max = EVIDENCE_PRODUCERS_MAX * EVIDENCE_PER_PRODUCER_MAX;
        count("evidence", self.evidence.len(), evidence_max, EVIDENCE_ENTRY_BYTES);
        count("confirmed ids", self.chain.confirmed_len(), CONFIRMED_MAX, CONFIRMED_ENTRY_BYTES);
        count("invalid blocks", self.chain.invalid_len(), INVALID_BLOCKS_MAX, INVALID_ENTRY_BYTES);
        count("all orphan bytes", self.orphans.bytes(), ORPHAN_BYTES_MAX, 1);
        count("hot transactions", self.relay.hot(), RUMOR_HOT_MAX, HOT_ENTRY_BYTES);
        if let Some(fill) = self.relay.fill() {
            let peers = self.peers.iter().count();
            count("new routes", fill.new, ROUTES_NEW_MAX, ROUTE_ENTRY_BYTES);
            count("settled routes", fill.settled, ROUTES_SETTLED_MAX, ROUTE_ENTRY_BYTES);
            let links = peers.saturating_mul(ROUTES_NEW_MAX.saturating_add(ROUTES_SETTLED_MAX));
            count("links of routes", fill.exceptions, links, size_of::<PeerHandle>());
            count("announcers of routes", fill.claims, links, CLAIM_BYTES);
            count("links with a record", fill.records, peers, RECORD_BYTES);
            count("overdue pushes", fill.overdue, OVERDUE_MAX, OVERDUE_ENTRY_BYTES);
            count("told in place of sent", fill.told, TOLD_MAX, TOLD_ENTRY_BYTES);
            count("first sights", fill.sights, SIGHTS_MAX, SIGHT_ENTRY_BYTES);
            count("authors that visit", fill.visits, HOMES_MAX, VISIT_ENTRY_BYTES);
            count("authors that are guests", fill.guests, GUESTS_MAX, VISIT_ENTRY_BYTES);
        }
        count("address groups", self.requests.groups(), STRIKE_GROUPS_MAX, GROUP_BYTES);
        let of_peers = self.peers.iter().map(|(_, peer)| peer.checks).fold(0, usize::saturating_add);
        let (jobs, submitted) = self.checks.len();
        let of_gone = jobs.saturating_sub(of_peers).saturating_sub(submitted);
        count("submitted jobs", submitted, LOCAL_JOBS_PEAK, size_of::<Checking>());
        count("jobs of peers that left", of_gone, usize::MAX, size_of::<Checking>());
        let outputs_max =
            self.peers.iter().count().saturating_mul(OUTPUTS_PER_PEER_PEAK).saturating_add(OUTPUTS_SHARED_PEAK);
        count("outputs", self.outputs.len(), outputs_max, size_of::<super::Output>());
        for (handle, peer) in self.peers.iter() {
            self.occupancy_of(*handle, peer, visit);
        }
    }

    fn occupancy_of(&self, handle: PeerHandle, peer: &Peer, visit: &mut dyn FnMut(Occupancy)) {
        let mut count = |what, used: usize, limit, entry_bytes: usize| {
            visit(Occupancy { what, peer: Some(handle), used, limit, bytes: used.saturating_mul(entry_bytes) });
        };
        count("charged ids", self.inventory.charged(peer.link), UNHANDLED_MAX, size_of::<ShortId>());
        count("announce queue", peer.announcements.len(), ANNOUNCE_QUEUE_MAX, size_of::<TxId>());
        count("prunes", peer.prunes.len(), ROUTES_ENTRIES_MAX, size_of::<RouteId>());
        count("grafts", peer.grafts.len(), ROUTES_ENTRIES_MAX, size_of::<RouteId>());
        count("header queue", peer.headers.len(), HEADER_QUEUE_MAX, size_of::<SignedHeader>());
        let (owed, owed_bulk, sent) = peer.debts.len();
        count("owed replies", owed, SERVE_QUEUE_MAX, size_of::<Owed>());
        count("sent bodies", sent, SENT_MAX, SENT_ENTRY_BYTES);
        count("owed bulk replies", owed_bulk, SERVE_QUEUE_MAX, size_of::<Owed>());
        let (offers, offered) = peer.dealings.len();
        count("offered ids", offers, OFFERS_MAX * OFFER_ENTRIES_MAX, size_of::<ShortId>());
        count("ids on offer", offered, OFFER_ENTRIES_MAX, OFFERED_ENTRY_BYTES);
        count("blocks being loaded", peer.debts.loading(), LOADS_PER_PEER_MAX, size_of::<PeerHandle>());
        count("verification jobs", peer.checks, CHECKS_PEAK, size_of::<Checking>());
        count("verification bytes", peer.check_bytes, CHECK_BYTES_PEAK, 1);
        let control = CONTROL_CREDIT_BYTES.saturating_sub(peer.credit.left(Lane::Control));
        let bulk = BULK_CREDIT_BYTES.saturating_sub(peer.credit.left(Lane::Bulk));
        count("queued control bytes", control, CONTROL_CREDIT_BYTES, 1);
        count("queued bulk bytes", bulk, BULK_CREDIT_BYTES, 1);
        let load = self.requests.load(handle);
        count("announced transactions", load.transactions, REQUEST_ANNOUNCEMENTS_MAX, ANNOUNCEMENT_BYTES);
        count("announced blocks", load.blocks, REQUEST_BLOCK_ANNOUNCEMENTS_MAX, ANNOUNCEMENT_BYTES);
        count("transactions in flight", load.transactions_in_flight, REQUESTS_IN_FLIGHT_MAX, FLIGHT_BYTES);
        count("blocks in flight", load.blocks_in_flight, REQUEST_BLOCKS_IN_FLIGHT_MAX, FLIGHT_BYTES);
        let (orphans, orphan_bytes) = self.orphans.of_peer(handle.0);
        count("orphans", orphans, ORPHANS_PER_PEER_MAX, 0);
        count("orphan bytes", orphan_bytes, ORPHAN_PEER_BYTES_MAX, 1);
    }
}
