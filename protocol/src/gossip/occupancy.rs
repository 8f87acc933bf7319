//! How full everything is that a peer can make grow. A checker can see from it that the bounds hold. This file
//! only reads; the bounds are in [`bounds`]. `foresee` reads as well, for the simulator.
//!
//! Bytes are counted, not measured. If encoded bytes are held, these are counted. Otherwise the number of entries
//! is multiplied by the size of one, index entries included.

pub mod bounds;
#[cfg(feature = "simulator")]
mod foresee;
pub mod room;

use bounds::Bound;
#[cfg(feature = "simulator")]
pub use foresee::Ahead;

use super::Gossip;
use super::api::PeerHandle;
use super::links::peer::Peer;
use super::members::Members;
use crate::limits::{
    BULK_CREDIT_BYTES, CONTROL_CREDIT_BYTES, OUTPUTS_PER_PEER_PEAK, OUTPUTS_SHARED_PEAK, UNHANDLED_MAX,
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

/// A structure's fill against its bound, or against `limit` if the bound depends on the number of peers.
const fn fill(bound: &Bound, peer: Option<PeerHandle>, used: usize, limit: usize) -> Occupancy {
    Occupancy { what: bound.what, peer, used, limit, bytes: used.saturating_mul(bound.each) }
}

impl Gossip {
    /// Shows every bounded structure to `visit`: the node's, then each peer's in the order of handles. Takes time
    /// proportional to the number of peers.
    pub fn occupancy(&self, visit: &mut dyn FnMut(Occupancy)) {
        self.occupancy_of_ids(visit);
        let count = &mut |bound: Bound, used| visit(fill(&bound, None, used, bound.limit));
        count(bounds::MEMPOOL_ENTRIES, self.mempool.len());
        count(bounds::MEMPOOL_BYTES, self.mempool.bytes());
        count(bounds::CHAIN_HEADERS, self.chain.headers());
        count(bounds::CHAIN_BODY_BYTES, self.chain.body_bytes());
        count(bounds::CONTENTS, self.chain.contents_len());
        let (begun, served, lists) = self.conversations.len();
        count(bounds::BEGUN, begun);
        count(bounds::LISTS, lists);
        count(bounds::SERVED, served);
        count(bounds::REFUSED_ENDS, self.watch.refused_len());
        count(bounds::ACKNOWLEDGED, self.acknowledged.len());
        let (loads, returning) = self.loads.len();
        count(bounds::LOADS, loads);
        count(bounds::RETURNING, returning);
        let (lookups, filter_bytes, unknown, found) = self.firsts.len();
        count(bounds::LOOKUPS, lookups);
        count(bounds::FOUND, found);
        let (unsure, unsure_bytes) = self.firsts.unsure();
        count(bounds::UNSURE, unsure);
        count(bounds::UNSURE_BYTES, unsure_bytes);
        count(bounds::FILTER_BYTES, filter_bytes);
        count(bounds::RECALLS, unknown);
        count(bounds::EVIDENCE, self.evidence.len());
        count(bounds::CONFIRMED, self.chain.confirmed_len());
        count(bounds::INVALID_BLOCKS, self.chain.invalid_len());
        count(bounds::ORPHAN_BYTES, self.orphans.bytes());
        count(bounds::HOT, self.relay.hot());
        count(bounds::GROUPS, self.requests.groups());
        count(bounds::BETRAYALS, self.betrayals.len());
        self.occupancy_of_routes(visit);
        self.occupancy_of_members(visit);
        self.occupancy_of_aggregates(visit);
        let of_peers = self.peers.iter().map(|(_, peer)| peer.checks as usize).fold(0, usize::saturating_add);
        let (jobs, submitted) = self.checks.len();
        let of_gone = jobs.saturating_sub(of_peers).saturating_sub(submitted);
        let count = &mut |bound: Bound, used| visit(fill(&bound, None, used, bound.limit));
        count(bounds::SUBMITTED_JOBS, submitted);
        count(bounds::JOBS_OF_GONE, of_gone);
        let outputs_max =
            self.peers.iter().count().saturating_mul(OUTPUTS_PER_PEER_PEAK).saturating_add(OUTPUTS_SHARED_PEAK);
        visit(fill(&bounds::OUTPUTS, None, self.outputs.len(), outputs_max));
        for (handle, peer) in self.peers.iter() {
            self.occupancy_of(*handle, peer, visit);
        }
    }

    fn occupancy_of_ids(&self, visit: &mut dyn FnMut(Occupancy)) {
        let known = self.inventory.fill();
        for (bound, used) in [
            (bounds::ACCEPTED_IDS, known.accepted),
            (bounds::REJECTED_IDS, known.rejected),
            (bounds::DECLINED_IDS, known.declined),
        ] {
            visit(fill(&bound, None, used, bound.limit));
        }
        let handled = known.accepted.saturating_add(known.rejected).saturating_add(known.declined);
        let others = known.entries.saturating_sub(handled);
        let charged = self.peers.iter().count().saturating_mul(UNHANDLED_MAX);
        visit(fill(&bounds::IDS, None, others, charged.saturating_add(self.checks.len().0)));
    }

    /// Nothing under other policies than author trees.
    fn occupancy_of_routes(&self, visit: &mut dyn FnMut(Occupancy)) {
        let Some(routes) = self.relay.fill() else { return };
        for (bound, used) in [
            (bounds::NEW_ROUTES, routes.new),
            (bounds::SETTLED_ROUTES, routes.settled),
            (bounds::OVERDUE, routes.overdue),
            (bounds::TOLD, routes.told),
            (bounds::SIGHTS, routes.sights),
            (bounds::VISITS, routes.visits),
            (bounds::GUESTS, routes.guests),
        ] {
            visit(fill(&bound, None, used, bound.limit));
        }
        let peers = self.peers.iter().count();
        for (bound, used) in [
            (bounds::ROUTE_LINKS, routes.exceptions),
            (bounds::ROUTE_CLAIMS, routes.claims),
            (bounds::RECORDS, routes.records),
        ] {
            visit(fill(&bound, None, used, peers.saturating_mul(bound.limit)));
        }
    }

    /// Nothing if this node takes no part in membership.
    fn occupancy_of_members(&self, visit: &mut dyn FnMut(Occupancy)) {
        let Some(seen) = self.members().map(Members::occupancy) else { return };
        for (bound, used) in [
            (bounds::MEMBERS, seen.members),
            (bounds::MEMBER_BYTES, seen.bytes),
            (bounds::NEWS, seen.news.0),
            (bounds::NEWS_BYTES, seen.news.1),
            (bounds::CASES, seen.cases),
            (bounds::PROBES, seen.probes.0),
            (bounds::PROBES_FOR_OTHERS, seen.probes.1),
            (bounds::PROBES_NEXT, seen.probed_next),
            (bounds::FEELERS, seen.feelers.0),
            (bounds::CHECK_FEELERS, seen.feelers.1),
            (bounds::ERRANDS, seen.errands),
            (bounds::CONFLICTS, seen.conflicts),
            (bounds::PLACES, seen.places),
            (bounds::HANDED, seen.handed),
            (bounds::RECALLED_BYTES, seen.recalling),
        ] {
            visit(fill(&bound, None, used, bound.limit));
        }
    }

    /// Nothing if this node takes part in no aggregate over links.
    fn occupancy_of_aggregates(&self, visit: &mut dyn FnMut(Occupancy)) {
        let Some(aggregates) = self.aggregates() else { return };
        let (minima, counted) = aggregates.held();
        for (bound, used) in
            [(bounds::MINIMA, minima), (bounds::COUNTED, counted), (bounds::AGGREGATE_LINKS, aggregates.links())]
        {
            visit(fill(&bound, None, used, bound.limit));
        }
    }

    fn occupancy_of(&self, handle: PeerHandle, peer: &Peer, visit: &mut dyn FnMut(Occupancy)) {
        let mut count = |bound: Bound, used| visit(fill(&bound, Some(handle), used, bound.limit));
        count(bounds::CHARGED, self.inventory.charged(peer.link));
        count(bounds::ANNOUNCE_QUEUE, peer.announcements.len());
        count(bounds::PRUNES, peer.prunes());
        count(bounds::GRAFTS, peer.grafts());
        count(bounds::HEADER_QUEUE, peer.headers());
        let (owed, owed_bulk, sent) = peer.debts.len();
        count(bounds::OWED, owed);
        count(bounds::SENT, sent);
        count(bounds::OWED_BULK, owed_bulk);
        let (offers, offered) = peer.dealings.len();
        count(bounds::OFFERED_IDS, offers);
        count(bounds::IDS_ON_OFFER, offered);
        count(bounds::LOADING, peer.debts.loading());
        count(bounds::JOBS, peer.checks as usize);
        count(bounds::VERIFICATION_BYTES, peer.check_bytes as usize);
        count(bounds::CONTROL_BYTES, CONTROL_CREDIT_BYTES.saturating_sub(peer.credit.left(Lane::Control)));
        count(bounds::BULK_BYTES, BULK_CREDIT_BYTES.saturating_sub(peer.credit.left(Lane::Bulk)));
        let load = self.requests.load(handle);
        count(bounds::ANNOUNCED, load.transactions);
        count(bounds::ANNOUNCED_BLOCKS, load.blocks);
        count(bounds::IN_FLIGHT, load.transactions_in_flight);
        count(bounds::BLOCKS_IN_FLIGHT, load.blocks_in_flight);
        let (orphans, orphan_bytes) = self.orphans.of_peer(handle.0);
        if let Some(aggregates) = self.aggregates() {
            count(bounds::TICKETS, aggregates.in_check(handle));
        }
        count(bounds::ORPHANS, orphans);
        count(bounds::ORPHAN_PEER_BYTES, orphan_bytes);
    }
}
