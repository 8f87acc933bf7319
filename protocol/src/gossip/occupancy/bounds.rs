//! Every bound of the engine that limits memory, as one table: what it bounds, how many entries or bytes, and what
//! each takes. Their sum is the most that an engine takes for what peers can make it remember.
//!
//! * A row belongs to the node, or there is one for each peer; that is where bounds multiply.
//! * A row may be a *part*: what it counts is counted by another row already, so it adds nothing to a sum.
//! * `each` comes from the types themselves where one type tells it ([`footprint`](crate::footprint)). Otherwise it
//!   is a number with its arithmetic beside it.
//!
//! Deliberately absent: what the driver keeps ([the node's own table](../../../../node/src/run/bounds.rs)), and the
//! current fill (`occupancy.rs`). Bounds of time, of work, and of what one message may hold are no rows.
//! `scripts/check-house.py` looks whether a constant is missing here.

use bytes::Bytes;

use crate::footprint::{block, list, lru};
use crate::gossip::Output;
use crate::gossip::aggregate::extrema::Winners;
use crate::gossip::aggregate::running::Aggregates;
use crate::gossip::api::PeerHandle;
use crate::gossip::fetch::debts::Owed;
use crate::gossip::fetch::request::RequestTracker;
use crate::gossip::intake::acknowledged::Acknowledged;
use crate::gossip::intake::betrayals::Betrayals;
use crate::gossip::intake::checks::Checks;
use crate::gossip::intake::first::Firsts;
use crate::gossip::intake::found::Found;
use crate::gossip::intake::header_checks::HeaderChecks;
use crate::gossip::inventory::Inventory;
use crate::gossip::links::dealings::Dealings;
use crate::gossip::members::Members;
use crate::gossip::repair::conversations::Conversations;
use crate::gossip::sync::evidence::Evidence;
use crate::gossip::sync::loads::Loads;
use crate::items::block::SignedHeader;
use crate::items::hash::{RouteId, ShortId, TxId};
use crate::ledger::chain::Chain;
use crate::ledger::mempool::Mempool;
use crate::ledger::orphan::OrphanPool;
use crate::limits::{
    ACCUSED_CHECKS_MAX, ACKNOWLEDGED_MAX, AGGREGATE_LINKS_MAX, ALARM_LINKS, ANNOUNCE_QUEUE_MAX, ANNOUNCERS_MAX,
    BETRAYAL_GROUPS_MAX, BLOCK_BYTES_MAX, BLOCK_TRANSACTIONS_MAX, BULK_CREDIT_BYTES, BULK_FRAME_BYTES_MAX,
    CHAIN_BEST_HEADERS_MIN, CHAIN_BODY_BYTES_MAX, CHAIN_CONTENTS_MAX, CHAIN_HEADERS_MAX, CHECK_BYTES_PEAK,
    CHECK_BYTES_PER_PEER_MAX, CHECKS_PEAK, CONFIRMED_MAX, CONFLICTS_MAX, CONTROL_CREDIT_BYTES, DRAWS, ERRANDS_MAX,
    EVIDENCE_PER_PRODUCER_MAX, EVIDENCE_PRODUCERS_MAX, FEELERS_MAX, FILTER_BYTES_MAX, FOUND_MAX, GUESTS_MAX,
    HEADER_QUEUE_MAX, HEADERS_ENTRIES_MAX, HOMES_MAX, INVALID_BLOCKS_MAX, LISTS_MAX, LOADS_MAX,
    LOADS_PER_PEER_MAX, LOCAL_JOBS_PEAK, LOOKUPS_WAITING_MAX, MEMBERS_BYTES_MAX, MEMBERS_GROUP_BYTES_MAX,
    MEMBERS_MAX, MEMBERS_PER_GROUP_MAX, MEMPOOL_BYTES_MAX, MEMPOOL_ENTRIES_MAX, NEWS_BYTES_MAX, NEWS_MAX,
    OFFER_ENTRIES_MAX, OFFERS_MAX, ORPHAN_BYTES_MAX, ORPHAN_PEER_BYTES_MAX, ORPHANS_PER_PEER_MAX,
    OUTPUTS_PER_PEER_PEAK, OUTPUTS_SHARED_PEAK, OVERDUE_MAX, PLACES_MAX, PROBES_FOR_OTHERS_MAX, PROBES_MAX,
    PROBES_NEXT_MAX, RECALLED_BYTES_MAX, RECONCILE_SERVED_MAX, REFUSED_ENDS_MAX, REQUEST_ANNOUNCEMENTS_MAX,
    REQUEST_BLOCK_ANNOUNCEMENTS_MAX, REQUEST_BLOCKS_IN_FLIGHT_MAX, REQUESTS_IN_FLIGHT_MAX, RETURNING_MAX,
    ROUTES_ENTRIES_MAX, ROUTES_NEW_MAX, ROUTES_SETTLED_MAX, RUMOR_HOT_MAX, SEEN_ACCEPTED_MAX, SEEN_DECLINED_MAX,
    SEEN_REJECTED_MAX, SENT_MAX, SERVE_QUEUE_MAX, SIGHTS_MAX, STATEMENT_CHECKS_BYTES_MAX, STRIKE_GROUPS_MAX,
    SUSPICIONS_MAX, TICKETS_IN_CHECK_MAX, TOLD_MAX, UNHANDLED_MAX, UNSURE_BYTES_MAX, UNSURE_MAX,
};

/// A bound on something that takes memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    /// What is bounded, in plain words. If bytes are counted, the name says so.
    pub what: &'static str,
    /// The constants that make up the limit, as the source has them.
    pub constants: &'static str,
    /// How many there are of it.
    pub scope: Scope,
    /// The most entries or bytes.
    pub limit: usize,
    /// The memory that each of them takes.
    pub each: usize,
}

/// How many there are of a bounded structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One for the node.
    Node,
    /// One for each gossip peer.
    Peer,
    /// It is counted by another row already.
    Part,
}

impl Bound {
    /// What one such structure takes when it is full.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.limit.saturating_mul(self.each)
    }

    /// How many there are on a node with this number of gossip peers, as far as they add to a sum.
    #[must_use]
    pub const fn times(&self, peers: usize) -> usize {
        match self.scope {
            Scope::Node => 1,
            Scope::Peer => peers,
            Scope::Part => 0,
        }
    }
}

/// What all bounds of a table come to on a node with this number of gossip peers.
#[must_use]
pub const fn sum(bounds: &[Bound], peers: usize) -> usize {
    let (mut all, mut rest) = (0_usize, bounds);
    while let [first, others @ ..] = rest {
        all = all.saturating_add(first.bytes().saturating_mul(first.times(peers)));
        rest = others;
    }
    all
}

macro_rules! bounds {
    ($($name:ident: $scope:ident, $what:literal, $limit:expr, $each:expr;)*) => {
        $(
            pub(super) const $name: Bound = Bound {
                what: $what,
                constants: stringify!($limit),
                scope: Scope::$scope,
                limit: $limit,
                each: $each,
            };
        )*

        /// The engine's bounds: the node's, then those of each peer.
        pub const BOUNDS: &[Bound] = &[$($name),*];
    };
}

/// The smallest transaction and its length in a block.
pub(super) const TRANSACTION_BYTES_LEAST: usize = 106;

/// The smallest signed header.
const HEADER_BYTES_LEAST: usize = 172;

/// Routes of both kinds.
const ROUTES: usize = ROUTES_NEW_MAX + ROUTES_SETTLED_MAX;

/// A route and its links at the node: 200 bytes. While the node is alarmed, the links beside the parent's as well.
const ROUTE_BYTES: usize = lru(ROUTES_SETTLED_MAX, 200) + block(ALARM_LINKS * size_of::<PeerHandle>());

/// A first sight: two routes, times, a peer: 72 bytes.
const SIGHT_BYTES: usize = lru(SIGHTS_MAX, 72);

/// A push that is due: 150 bytes with its indexes.
const OVERDUE_BYTES: usize = 150;

/// A transaction that peers were told of, and a list of up to 64 of them.
const TOLD_BYTES: usize = lru(TOLD_MAX, 32) + list(64, size_of::<PeerHandle>());

/// An author that visits, or is a guest: two routes and a count.
const VISIT_BYTES: usize = lru(HOMES_MAX, 24);

/// A hot transaction with its index entries: 64 chosen peers of 8 bytes, 40 announced ones of 4, and 0.3 KiB.
const HOT_BYTES: usize = 1_024;

bounds! {
    ACCEPTED_IDS: Node, "accepted ids", SEEN_ACCEPTED_MAX, Inventory::ENTRY_BYTES;
    REJECTED_IDS: Node, "rejected ids", SEEN_REJECTED_MAX, Inventory::ENTRY_BYTES;
    DECLINED_IDS: Node, "declined ids", SEEN_DECLINED_MAX, Inventory::ENTRY_BYTES;
    MEMPOOL_ENTRIES: Node, "mempool entries", MEMPOOL_ENTRIES_MAX, Mempool::ENTRY_BYTES;
    MEMPOOL_BYTES: Node, "mempool bytes", MEMPOOL_BYTES_MAX, 1;
    CHAIN_HEADERS: Node, "chain headers", CHAIN_HEADERS_MAX, Chain::HEADER_BYTES;
    HEADERS_OFF_BEST: Node, "headers off the best chain", CHAIN_HEADERS_MAX - CHAIN_BEST_HEADERS_MIN,
        Chain::OFF_BEST_BYTES;
    CHAIN_BODY_BYTES: Node, "chain body bytes", CHAIN_BODY_BYTES_MAX, 1;
    BODY_TRANSACTIONS: Node, "transactions of these bodies", CHAIN_BODY_BYTES_MAX / TRANSACTION_BYTES_LEAST,
        Chain::BODY_TRANSACTION_BYTES;
    CONTENTS: Node, "ids by block", CHAIN_CONTENTS_MAX, Chain::CONTENT_BYTES;
    CONFIRMED: Node, "confirmed ids", CONFIRMED_MAX, Chain::CONFIRMED_BYTES;
    INVALID_BLOCKS: Node, "invalid blocks", INVALID_BLOCKS_MAX, Chain::INVALID_BYTES;
    FILTER_BYTES: Node, "filter bytes", FILTER_BYTES_MAX, 1;
    RECALLS: Node, "heights to recall", CHAIN_BEST_HEADERS_MIN, Firsts::RECALL_BYTES;
    LOOKUPS: Node, "look-ups", LOOKUPS_WAITING_MAX, Firsts::LOOKUP_BYTES;
    FOUND: Node, "found to be confirmed", FOUND_MAX, Found::ENTRY_BYTES;
    UNSURE: Node, "unsure transactions", UNSURE_MAX, Checks::JOB_BYTES;
    UNSURE_BYTES: Node, "bytes of unsure transactions", UNSURE_BYTES_MAX, 1;
    ORPHAN_BYTES: Node, "all orphan bytes", ORPHAN_BYTES_MAX, 1;
    ORPHAN_TRANSACTIONS: Node, "transactions of orphans", ORPHAN_BYTES_MAX / TRANSACTION_BYTES_LEAST,
        size_of::<Bytes>();
    RELEASED_BYTES: Node, "orphan bytes in verification", ORPHAN_BYTES_MAX, 1;
    EVIDENCE: Node, "evidence", EVIDENCE_PRODUCERS_MAX * EVIDENCE_PER_PRODUCER_MAX, Evidence::PAIR_BYTES;
    ACKNOWLEDGED: Node, "acknowledged", ACKNOWLEDGED_MAX, Acknowledged::ENTRY_BYTES;
    LOADS: Node, "loads", LOADS_MAX + 1, 200;
    LOADED_BYTES: Node, "blocks on their way from storage", LOADS_MAX,
        BLOCK_BYTES_MAX + BLOCK_TRANSACTIONS_MAX * size_of::<Bytes>();
    RETURNING: Node, "blocks to return", RETURNING_MAX, Loads::RETURNING_BYTES;
    REFUSED_ENDS: Node, "refused branches", REFUSED_ENDS_MAX, 120;
    BEGUN: Node, "conversations begun", 1, Conversations::CONVERSATION_BYTES;
    SERVED: Node, "conversations answered", RECONCILE_SERVED_MAX, Conversations::CONVERSATION_BYTES;
    LISTS: Part, "lists", LISTS_MAX, 0;
    HOT: Node, "hot transactions", RUMOR_HOT_MAX, HOT_BYTES;
    NEW_ROUTES: Node, "new routes", ROUTES_NEW_MAX, ROUTE_BYTES;
    SETTLED_ROUTES: Node, "settled routes", ROUTES_SETTLED_MAX, ROUTE_BYTES;
    SIGHTS: Node, "first sights", SIGHTS_MAX, SIGHT_BYTES;
    OVERDUE: Node, "overdue pushes", OVERDUE_MAX, OVERDUE_BYTES;
    TOLD: Node, "told in place of sent", TOLD_MAX, TOLD_BYTES;
    VISITS: Node, "authors that visit", HOMES_MAX, VISIT_BYTES;
    GUESTS: Node, "authors that are guests", GUESTS_MAX, VISIT_BYTES;
    GROUPS: Node, "address groups", STRIKE_GROUPS_MAX, RequestTracker::GROUP_BYTES;
    BETRAYALS: Node, "address groups that betrayed trust", BETRAYAL_GROUPS_MAX, Betrayals::ENTRY_BYTES;
    // Their records and entries, and everything that is kept of each.
    MEMBERS: Part, "members", MEMBERS_MAX as usize, 0;
    MEMBER_BYTES: Node, "bytes of members", MEMBERS_BYTES_MAX, 1;
    GROUP_MEMBERS: Part, "members that a group has brought", MEMBERS_PER_GROUP_MAX, 0;
    GROUP_MEMBER_BYTES: Part, "bytes of members that a group has brought", MEMBERS_GROUP_BYTES_MAX, 1;
    MEMBER_TURNS: Node, "members that wait for their turn", MEMBERS_MAX as usize, Members::TURN_BYTES;
    NEWS: Node, "news of members", NEWS_MAX, Members::NEWS_BYTES;
    NEWS_BYTES: Node, "bytes of news of members", NEWS_BYTES_MAX, 1;
    CASES: Node, "accused members", SUSPICIONS_MAX, Members::CASE_BYTES;
    PROBES: Node, "probes", PROBES_MAX, Members::PROBE_BYTES;
    PROBES_FOR_OTHERS: Node, "probes for others", PROBES_FOR_OTHERS_MAX, Members::PROBE_BYTES;
    PROBES_NEXT: Node, "members that are probed next", PROBES_NEXT_MAX, 8;
    FEELERS: Node, "addresses dialled for strangers", FEELERS_MAX, Members::FEELER_BYTES;
    CHECK_FEELERS: Node, "addresses dialled to check strangers", FEELERS_MAX, Members::FEELER_BYTES;
    ERRANDS: Node, "members dialled for peers", ERRANDS_MAX, Members::ERRAND_BYTES;
    CONFLICTS: Node, "members with two machines", CONFLICTS_MAX, Members::CONFLICT_BYTES;
    PLACES: Node, "places of members", PLACES_MAX, Members::PLACE_BYTES;
    HANDED: Node, "accusations that came with dials", ACCUSED_CHECKS_MAX, Members::CHECKED_BYTES;
    RECALLED_BYTES: Node, "bytes of records of an earlier run", RECALLED_BYTES_MAX, Members::CHECKED_BYTE_BYTES;
    MINIMA: Node, "minima of an epoch", DRAWS, Winners::MINIMUM_BYTES;
    // Those of the epoch under way, and of the one that has a name and has not begun.
    COUNTED: Node, "members whose tickets count", 2 * MEMBERS_MAX as usize, size_of::<ShortId>();
    AGGREGATE_LINKS: Part, "links of one aggregate", AGGREGATE_LINKS_MAX, 0;
    // The driver takes far fewer submissions at a time, and counts their bytes.
    SUBMITTED_JOBS: Part, "submitted jobs", LOCAL_JOBS_PEAK, Checks::JOB_BYTES;
    // They were counted while their peers were there, and the places of those are taken one after the other.
    JOBS_OF_GONE: Part, "jobs of peers that left", usize::MAX, Checks::JOB_BYTES;
    OUTPUTS: Node, "outputs", OUTPUTS_SHARED_PEAK, size_of::<Output>();
    OUTPUTS_OF_PEER: Peer, "outputs for a peer", OUTPUTS_PER_PEER_PEAK, size_of::<Output>();
    IDS: Peer, "ids announced or in verification", UNHANDLED_MAX, Inventory::ENTRY_BYTES;
    CHARGED: Peer, "charged ids", UNHANDLED_MAX, size_of::<ShortId>();
    ANNOUNCE_QUEUE: Peer, "announce queue", ANNOUNCE_QUEUE_MAX, size_of::<TxId>();
    PRUNES: Peer, "prunes", ROUTES_ENTRIES_MAX, size_of::<RouteId>();
    GRAFTS: Peer, "grafts", ROUTES_ENTRIES_MAX, size_of::<RouteId>();
    HEADER_QUEUE: Peer, "header queue", HEADER_QUEUE_MAX, size_of::<SignedHeader>();
    OWED: Peer, "owed replies", SERVE_QUEUE_MAX, size_of::<Owed>();
    OWED_BULK: Peer, "owed bulk replies", SERVE_QUEUE_MAX, size_of::<Owed>();
    // Two tables of half as many ids of 8 bytes, with 1,024 places of 9 bytes each.
    SENT: Peer, "sent bodies", SENT_MAX, 18;
    OFFERED_IDS: Peer, "offered ids", OFFERS_MAX * OFFER_ENTRIES_MAX, size_of::<ShortId>();
    IDS_ON_OFFER: Peer, "ids on offer", OFFER_ENTRIES_MAX, Dealings::OFFERED_BYTES;
    LOADING: Peer, "blocks being loaded", LOADS_PER_PEER_MAX, size_of::<PeerHandle>();
    JOBS: Peer, "verification jobs", CHECKS_PEAK, Checks::JOB_BYTES;
    JOB_BYTES: Peer, "bytes read into verification", CHECK_BYTES_PER_PEER_MAX + BULK_FRAME_BYTES_MAX, 1;
    // Those, and released orphans.
    VERIFICATION_BYTES: Part, "verification bytes", CHECK_BYTES_PEAK, 1;
    BLOCK_TRANSACTIONS: Peer, "transactions of a checked block", BULK_FRAME_BYTES_MAX / TRANSACTION_BYTES_LEAST,
        Chain::BODY_TRANSACTION_BYTES;
    CHECKED_HEADERS: Peer, "headers in verification", CHECK_BYTES_PER_PEER_MAX / HEADER_BYTES_LEAST,
        HeaderChecks::HEADER_BYTES;
    // Those of one message, which are one job.
    ANNOUNCERS: Peer, "announcers of checked headers", HEADERS_ENTRIES_MAX * ANNOUNCERS_MAX,
        HeaderChecks::ANNOUNCER_BYTES;
    CONTROL_BYTES: Peer, "queued control bytes", CONTROL_CREDIT_BYTES, 1;
    BULK_BYTES: Peer, "queued bulk bytes", BULK_CREDIT_BYTES, 1;
    ANNOUNCED: Peer, "announced transactions", REQUEST_ANNOUNCEMENTS_MAX, RequestTracker::ANNOUNCEMENT_BYTES;
    ANNOUNCED_BLOCKS: Peer, "announced blocks", REQUEST_BLOCK_ANNOUNCEMENTS_MAX,
        RequestTracker::ANNOUNCEMENT_BYTES;
    IN_FLIGHT: Peer, "transactions in flight", REQUESTS_IN_FLIGHT_MAX, RequestTracker::FLIGHT_BYTES;
    BLOCKS_IN_FLIGHT: Peer, "blocks in flight", REQUEST_BLOCKS_IN_FLIGHT_MAX, RequestTracker::FLIGHT_BYTES;
    ORPHANS: Peer, "orphans", ORPHANS_PER_PEER_MAX, OrphanPool::ENTRY_BYTES;
    ORPHAN_PEER_BYTES: Part, "orphan bytes", ORPHAN_PEER_BYTES_MAX, 1;
    // A list of links for each route, which may have twice as many places.
    ROUTE_LINKS: Peer, "links of routes", ROUTES, 2 * size_of::<PeerHandle>();
    ROUTE_CLAIMS: Peer, "announcers of routes", ROUTES, 2 * 12;
    RECORDS: Peer, "links with a record", 1, 80;
    MEMBER_LINK: Peer, "links of members", 1, Members::LINK_BYTES;
    AGGREGATE_LINK: Peer, "links of aggregates", 1, Aggregates::LINK_BYTES;
    TICKETS: Peer, "tickets in verification", TICKETS_IN_CHECK_MAX, Aggregates::CHECKED_BYTES;
    STATEMENT_BYTES: Peer, "bytes of statements in verification", STATEMENT_CHECKS_BYTES_MAX,
        Members::CHECKED_BYTE_BYTES;
}
