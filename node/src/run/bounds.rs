//! Every bound that limits a node's memory, as one table: those of the engine, and those of the driver around it.
//! Their sum is the most that a node takes for what peers, and clients of its HTTP listener, can make it hold.
//!
//! Many bounds multiply: there is one for each gossip peer, for each connection, or for each client. The table
//! tells by how many.
//!
//! Deliberately absent: the program itself and its threads' stacks, some 12 MiB; the kernel's buffers of sockets;
//! memory that the allocator can't use; and what only the owner can send, which is eight times as
//! much a request. `scripts/check-house.py` looks whether a constant is missing here.

use libp2p::{Multiaddr, PeerId};
use protocol::footprint::{block, hashed, lru, table, tree};
use protocol::gossip::bounds::BOUNDS;
use protocol::gossip::members::ProbeId;
use protocol::items::hash::TxId;
use protocol::items::keys::{PublicKey, VerifyingKey};
use protocol::items::verify::VerifyJob;
use protocol::limits::{
    BATCH_SIGNATURES_MAX, BLOCK_BYTES_MAX, CONTROL_CREDIT_BYTES, CONTROL_FRAME_BYTES_MAX, MEMPOOL_ENTRIES_MAX,
};
use protocol::wire::message::Message;

use crate::cli::BoundsArgs;
use crate::cli::client::bounds::Row;
use crate::config::application::APPLICATION_EVENTS_MAX;
use crate::net::addresses::RELAYED_ADDRESSES_MAX;
use crate::net::bans::BANS_MAX;
use crate::net::behaviour::PROBES_WAITING_MAX;
use crate::net::behaviour::nat::server::{CIRCUIT_MEMORY_BYTES, CIRCUITS_MAX, RESERVATIONS_MAX};
use crate::net::behaviour::nat::verdict::{OFFERED_MAX, TESTED_MAX};
use crate::net::behaviour::nat::{CANDIDATES_MAX, CIRCUITS_REMEMBERED_MAX, DIAL_BACKS_MAX};
use crate::net::discovery::book::{
    CONTESTS_MAX, PEER_ADDRESSES_MAX, REACHED_BUCKET_MAX, REACHED_BUCKETS, SOURCES_MAX, TOLD_BUCKET_MAX,
    TOLD_BUCKETS,
};
use crate::net::discovery::own_key::SIGNS_MAX;
use crate::net::discovery::{ADDED_PEERS_MAX, REFRESH_EXTRA};
use crate::net::handler::REPORTED_FRAMES_MAX;
use crate::net::lane::{BULK_BUDGET_BYTES, READ_BUFFER_BYTES};
use crate::net::limits::{PENDING_MAX, connections_max};
use crate::net::slots::swaps::{SWAP_PEERS_MAX, SWAPS_MAX};
use crate::net::swarm::{DIAL_ADDRESSES, NEGOTIATING_MAX, ORDERS_WAITING_MAX, REPORTS_WAITING_MAX};
use crate::net::transport::muxer::{STREAMS_MAX, UNREAD_BYTES_MAX};
use crate::net::transport::setups::{QUIC_SETUPS_MAX, TCP_SETUPS_MAX};
use crate::observe::metrics::FIRST_SIGHTS_MAX;
use crate::observe::passages::{
    ANNOUNCED_BYTES, ANNOUNCED_SHARE, CHECK_BYTES, CHECKS_TIMED_MAX, NAMED_BYTES, PASSAGE_BYTES, PASSAGES_MAX,
    PEERS_NAMED_MAX,
};
use crate::observe::trace::LATENESS_MAX;
use crate::rpc::RESPONSE_BYTES_MAX;
use crate::rpc::access::LARGE_ANSWERS_MAX;
use crate::rpc::feeds::{FEED_EVENT_BYTES_MAX, FEED_EVENTS_MAX};
use crate::rpc::http::{
    BUSY_MAX, CONNECTIONS_MAX, OPEN_REQUEST_BYTES_MAX, READ_BYTES_MAX, SUBSCRIPTIONS_MAX, WATCHERS_MAX,
};
use crate::rpc::members::MemberNews;
use crate::service::verify::{KEYS_MAX, QUEUE_JOBS_MAX, THREADS_MAX};
use crate::service::{MEMBER_DIALS_MAX, MEMBER_EVENTS_MAX, SUBMISSIONS_WAITING_MAX};
use crate::store::{
    BACKLOG_BYTES_MAX, CACHE_BYTES, KEPT_PEERS_MAX, NOTE_BYTES_MAX, PAST_ROWS_MAX, PEER_ADDRESS_BYTES_MAX,
    QUESTIONS_MAX,
};

/// Bytes of a connection below its lanes: noise's buffers for frames of 64 KiB (read, decrypted, collected,
/// encrypted, written), and yamux's piece of 16 KiB that waits to be written, for each stream.
const CONNECTION_BYTES: usize = 5 * 64 * 1024 + STREAMS_MAX * 16 * 1024;

/// Bytes of a connection that is being set up: handshake, timers and tasks.
const SETUP_BYTES: usize = 40 * 1024;

/// Bytes of a dial: a setup for each address.
const DIAL_BYTES: usize = DIAL_ADDRESSES as usize * SETUP_BYTES;

/// Bytes of a stream whose protocol is being negotiated: two names, and libp2p's state.
const NEGOTIATION_BYTES: usize = 2 * 1024;

/// An address: a pointer, a count, and 66 bytes for IPv6, QUIC and a peer id.
const ADDRESS_BYTES: usize = size_of::<Multiaddr>() + block(16 + size_of::<Vec<u8>>()) + block(66);

/// What the relayed ones among a peer's addresses take more: the id of a relay, and the mark of a circuit.
const RELAYED_BYTES: usize = RELAYED_ADDRESSES_MAX * (block(110) - block(66));

/// A peer of the address book, with one address more than it told: 200 bytes for its state, and where it is found.
const BOOK_PEER_BYTES: usize =
    (PEER_ADDRESSES_MAX + 1) * ADDRESS_BYTES + RELAYED_BYTES + 200 + tree(size_of::<(PeerId, Vec<usize>)>());

/// A peer in Kademlia's table: its addresses, its place, and the note of its group.
const KADEMLIA_PEER_BYTES: usize =
    PEER_ADDRESSES_MAX * ADDRESS_BYTES + RELAYED_BYTES + 200 + tree(size_of::<PeerId>() + 32);

/// Kademlia's table: 256 buckets of 20.
const KADEMLIA_TABLE_PEERS: usize = 256 * 20;

/// A banned peer or address.
const BAN_BYTES: usize = hashed(size_of::<PeerId>() + 48);

/// A known peer on its way to the store.
const KEPT_PEER_BYTES: usize = 256 + PEER_ADDRESSES_MAX * PEER_ADDRESS_BYTES_MAX;

/// A key that a checking thread remembers.
const KEY_BYTES: usize = lru(KEYS_MAX, size_of::<(PublicKey, Option<VerifyingKey>)>());

/// The tables of a batch, for each signature: 130 KiB for 64 of them.
const SIGNATURE_BYTES: usize = 130 * 1024 / 64;

/// A large answer beside its own bytes: the block, the ids while JSON is made of them, and hexadecimal digits.
const LARGE_ANSWER_BYTES: usize = 4 * BLOCK_BYTES_MAX;

/// The rows of a node with these numbers of slots: the engine's, then the driver's.
#[must_use]
pub fn rows(args: &BoundsArgs) -> Vec<Row> {
    let inbound = usize::from(args.max_peers_in.unwrap_or(args.memory.sizes().peers_in));
    let outbound = usize::from(args.max_peers_out);
    let room = args.memory.room();
    let peers = inbound.saturating_add(outbound).saturating_add(REFRESH_EXTRA);
    let (incoming, outgoing) = connections_max(inbound, outbound);
    let engine = BOUNDS.iter().map(|bound| Row {
        what: bound.what,
        constants: bound.constants,
        limit: room.limit_of(bound).unwrap_or(bound.limit),
        each: bound.each,
        times: bound.times(peers),
        is_scaled: room.limit_of(bound).is_some(),
    });
    let driver = [
        network(peers, incoming.saturating_add(outgoing)),
        discovery(),
        members(peers),
        store(args.memory.sizes().cache_bytes),
        threads(),
        passages(args.memory.sizes().passages),
        http(),
    ];
    engine.chain(driver.into_iter().flatten()).filter(|row| row.times > 0).collect()
}

macro_rules! row {
    ($what:literal, $limit:expr, $each:expr, $times:expr) => {
        Row {
            what: $what,
            constants: stringify!($limit),
            limit: $limit,
            each: $each,
            times: $times,
            is_scaled: false,
        }
    };
}

/// What connections hold. Setups become connections, and have places of their own until then.
fn network(peers: usize, connections: usize) -> Vec<Row> {
    vec![
        row!("unread bytes of a connection", UNREAD_BYTES_MAX, 1, connections),
        row!("streams and buffers of a connection", STREAMS_MAX, CONNECTION_BYTES / STREAMS_MAX, connections),
        row!("streams in negotiation", NEGOTIATING_MAX, NEGOTIATION_BYTES, connections),
        row!("orders to a connection", ORDERS_WAITING_MAX, size_of::<Message>() + 64, connections),
        row!("reports of a connection", REPORTS_WAITING_MAX * REPORTED_FRAMES_MAX, size_of::<Message>(), peers),
        row!("frames in these reports", REPORTS_WAITING_MAX * CONTROL_FRAME_BYTES_MAX, 1, peers),
        row!("read buffers of lanes", 2 * READ_BUFFER_BYTES, 1, peers),
        row!("half-read control frames", CONTROL_FRAME_BYTES_MAX, 1, peers),
        // Frames are collected in buffers that grow by doubling, so these may be half empty.
        row!("room in control buffers", CONTROL_CREDIT_BYTES, 1, peers),
        row!("half-read bulk frames", BULK_BUDGET_BYTES, 1, 1),
        row!("TCP setups", TCP_SETUPS_MAX, SETUP_BYTES, 1),
        row!("QUIC setups", QUIC_SETUPS_MAX, SETUP_BYTES, 1),
        row!("dials under way", PENDING_MAX as usize, DIAL_BYTES, 1),
        row!("banned peers and addresses", 2 * BANS_MAX, BAN_BYTES, 1),
        row!("circuits that a relay carries", CIRCUITS_MAX, CIRCUIT_MEMORY_BYTES, 1),
        row!("reservations at a relay", RESERVATIONS_MAX, hashed(128), 1),
        row!("circuits with remembered attempts", CIRCUITS_REMEMBERED_MAX, 4 * hashed(64), 1),
        row!("own addresses that are tested", CANDIDATES_MAX + TESTED_MAX, ADDRESS_BYTES + 512, 1),
        row!("dials that others asked for", DIAL_BACKS_MAX, 2 * hashed(64), 1),
        row!("relays that were found", OFFERED_MAX, ADDRESS_BYTES + 512, 1),
        row!("replaced and denied connections", 2 * SWAP_PEERS_MAX * SWAPS_MAX, 32, 1),
    ]
}

/// What is known of other nodes.
fn discovery() -> Vec<Row> {
    vec![
        row!("claims in the address book", TOLD_BUCKETS * TOLD_BUCKET_MAX, BOOK_PEER_BYTES, 1),
        row!("reached peers in the address book", REACHED_BUCKETS * REACHED_BUCKET_MAX, BOOK_PEER_BYTES, 1),
        row!("contests in the address book", CONTESTS_MAX, BOOK_PEER_BYTES, 1),
        row!("sources of addresses", SOURCES_MAX, tree(24), 1),
        row!("peers that the owner added", ADDED_PEERS_MAX, 2 * ADDRESS_BYTES + 200, 1),
        row!("signs of another node with this key", 3 * SIGNS_MAX, ADDRESS_BYTES + 8, 1),
        row!("peers in Kademlia's table", KADEMLIA_TABLE_PEERS, KADEMLIA_PEER_BYTES, 1),
    ]
}

/// What the driver holds for membership. The most that the machine itself takes is in the engine's rows.
fn members(peers: usize) -> Vec<Row> {
    vec![
        row!("pings of members under way", PROBES_WAITING_MAX, size_of::<ProbeId>() + tree(32), peers),
        row!("short dials of members", MEMBER_DIALS_MAX, hashed(256), 1),
        row!("changes of members that wait", MEMBER_EVENTS_MAX, size_of::<MemberNews>() + 32, 1),
        row!("changes that wait for the application", APPLICATION_EVENTS_MAX, size_of::<MemberNews>() + 16, 1),
    ]
}

/// What the store holds in memory.
fn store(cache_bytes: usize) -> Vec<Row> {
    vec![
        Row { limit: cache_bytes, is_scaled: true, ..row!("pages of the store", CACHE_BYTES, 1, 1) },
        row!("records that are not committed", BACKLOG_BYTES_MAX, 1, 1),
        row!(
            "places of pending transactions",
            MEMPOOL_ENTRIES_MAX,
            table(MEMPOOL_ENTRIES_MAX, size_of::<(TxId, u64)>()).div_ceil(MEMPOOL_ENTRIES_MAX),
            1
        ),
        row!("questions to the store", QUESTIONS_MAX, 2 * 64, 1),
        row!("notes of pruned transactions", PAST_ROWS_MAX, 24, 1),
        row!("known peers, being saved", KEPT_PEERS_MAX, KEPT_PEER_BYTES, 1),
        row!("notes, being saved", 4 * NOTE_BYTES_MAX, 1, 1),
    ]
}

/// What threads that check signatures hold, and the trace.
fn threads() -> Vec<Row> {
    vec![
        row!("jobs that wait for a thread", QUEUE_JOBS_MAX, size_of::<VerifyJob>() + block(8), 1),
        row!("keys that a thread remembers", KEYS_MAX, KEY_BYTES, THREADS_MAX + 1),
        row!("signatures in a batch", BATCH_SIGNATURES_MAX, SIGNATURE_BYTES, THREADS_MAX + 1),
        row!("first sights of items", FIRST_SIGHTS_MAX, 128, 1),
        row!("latenesses in a sample", LATENESS_MAX, size_of::<u64>(), 1),
    ]
}

/// What is recorded of the last items.
fn passages(most: usize) -> Vec<Row> {
    let announced = most / ANNOUNCED_SHARE;
    vec![
        Row {
            limit: most,
            is_scaled: true,
            ..row!("items whose passages are recorded", PASSAGES_MAX, PASSAGE_BYTES, 1)
        },
        Row {
            limit: announced,
            is_scaled: true,
            ..row!("announced items, recorded", PASSAGES_MAX / ANNOUNCED_SHARE, ANNOUNCED_BYTES, 1)
        },
        row!("ids of peers in these records", PEERS_NAMED_MAX, NAMED_BYTES, 1),
        row!("checks that are timed", CHECKS_TIMED_MAX, CHECK_BYTES, 1),
    ]
}

/// What clients of the HTTP listener hold. A body of a request is there three times while it is decoded.
fn http() -> Vec<Row> {
    vec![
        row!("bodies of HTTP requests", OPEN_REQUEST_BYTES_MAX, 3, CONNECTIONS_MAX),
        row!("read buffers of HTTP connections", READ_BYTES_MAX, 1, CONNECTIONS_MAX + 2 * BUSY_MAX),
        row!("answers to HTTP requests", RESPONSE_BYTES_MAX, 1, CONNECTIONS_MAX),
        row!("events on their way to a reader", READ_BYTES_MAX, 1, WATCHERS_MAX),
        // A message is copied into its frame.
        row!("answers, as frames of WebSockets", RESPONSE_BYTES_MAX, 1, WATCHERS_MAX),
        row!("events that wait for subscribers", FEED_EVENTS_MAX, 512, 4),
        row!("subscriptions", SUBSCRIPTIONS_MAX, FEED_EVENT_BYTES_MAX + 256, WATCHERS_MAX),
        row!("large answers, while they are made", LARGE_ANSWERS_MAX, LARGE_ANSWER_BYTES, 1),
        row!("submissions that wait for an answer", SUBMISSIONS_WAITING_MAX, hashed(64) + block(64), 1),
    ]
}
