//! The state of the node as its loop saw it last: plain numbers, which the loop leaves once a second.
//!
//! Deliberately absent: what fills it (the service), and figures that are counted where they arise.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::registry::Unit;
use protocol::gossip::Stats;

use super::sheet::Sheet;

/// What waits for something within the node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Queue {
    /// Jobs of signature checks that wait for room in the pool.
    pub unchecked: u64,
    /// Submissions that wait for their checks.
    pub submissions: u64,
    /// Jobs in the pool that wait for a thread.
    pub pool: u64,
}

/// The numbers.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// The engine's counters.
    pub stats: Stats,
    /// Gossip peers that dialled this node.
    pub peers_in: u64,
    /// Gossip peers that this node dialled.
    pub peers_out: u64,
    /// Outbound gossip peers that it wants.
    pub peers_out_target: u64,
    /// Peers in the address book.
    pub peers_known: u64,
    /// Bans of peers, and of addresses.
    pub bans: [u64; 2],
    /// Closed connections, and connections that were turned away, by reason.
    pub disconnects: BTreeMap<&'static str, u64>,
    /// Height of the best chain.
    pub tip: u64,
    /// Height of the best header.
    pub best_header: u64,
    /// The highest tip that a peer tells; not checked.
    pub told: u64,
    /// The lowest height from which on all bodies are kept.
    pub kept_from: u64,
    /// Transactions in the mempool.
    pub mempool_transactions: u64,
    /// Their bytes.
    pub mempool_bytes: u64,
    /// Members that are alive, suspect, dead, and left.
    pub members: [u64; 4],
    /// Bytes that passed through the transport, in and out.
    pub wire: [u64; 2],
    /// What waits.
    pub queue: Queue,
    /// Submitted and uncommitted bytes of the store.
    pub store_queue_bytes: u64,
    /// Blocks in the store, with and without bodies.
    pub store_blocks: u64,
    /// Bytes of their bodies.
    pub store_body_bytes: u64,
    /// Commits of the store so far.
    pub store_commits: u64,
    /// Records in them.
    pub store_records: u64,
    /// Bytes of these records.
    pub store_committed_bytes: u64,
    /// Seconds that the commits took.
    pub store_commit_seconds: f64,
    /// Seconds since the start.
    pub uptime_seconds: f64,
}

/// Shows the latest state.
#[derive(Debug)]
pub(super) struct Latest(pub(super) Arc<Mutex<State>>);

impl Collector for Latest {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut sheet = Sheet(encoder);
        engine(&mut sheet, &state.stats)?;
        peers(&mut sheet, &state)?;
        chain(&mut sheet, &state)?;
        store(&mut sheet, &state)?;
        sheet.gauge("uptime", "Time since the start.", Some(&Unit::Seconds), state.uptime_seconds)
    }
}

fn peers(sheet: &mut Sheet<'_>, state: &State) -> fmt::Result {
    let directions = [([("direction", "in")], state.peers_in), ([("direction", "out")], state.peers_out)];
    sheet.gauges("peers", "Gossip peers that said Hello, by who dialled.", None, directions)?;
    sheet.gauge("peers_out_target", "Outbound gossip peers that the node wants.", None, state.peers_out_target)?;
    sheet.gauge("peers_known", "Peers in the address book.", None, state.peers_known)?;
    let bans = ["peer", "address"].into_iter().zip(state.bans).map(|(kind, count)| ([("kind", kind)], count));
    sheet.gauges("bans", "Bans of peers and of addresses.", None, bans)?;
    let ends = state.disconnects.iter().map(|(reason, count)| ([("reason", *reason)], *count));
    let help = "Gossip connections that ended, and connections that were turned away, by reason.";
    sheet.counters("disconnects", help, None, ends)?;
    let states = ["alive", "suspect", "dead", "left"].into_iter().zip(state.members);
    let states = states.map(|(name, count)| ([("state", name)], count));
    sheet.gauges("members", "Members, by state as this node sees them.", None, states)?;
    let ways = ["in", "out"].into_iter().zip(state.wire).map(|(way, bytes)| ([("direction", way)], bytes));
    let help = "Bytes read from and written to the transport, below encryption on TCP.";
    sheet.counters("wire", help, Some(&Unit::Bytes), ways)
}

fn chain(sheet: &mut Sheet<'_>, state: &State) -> fmt::Result {
    let heights = [("tip", state.tip), ("header", state.best_header), ("told", state.told)];
    let heights = heights.map(|(of, height)| ([("of", of)], height));
    let help = "Height of the best chain, of the best header, and of the highest tip that a peer tells.";
    sheet.gauges("chain_height", help, None, heights)?;
    let help = "The lowest height from which on all bodies are kept.";
    sheet.gauge("chain_kept_from_height", help, None, state.kept_from)?;
    sheet.gauge("mempool_transactions", "Transactions in the mempool.", None, state.mempool_transactions)?;
    sheet.gauge("mempool_size", "Encoded bytes of the mempool.", Some(&Unit::Bytes), state.mempool_bytes)?;
    let Queue { unchecked, pool, submissions } = state.queue;
    let queues = [("unchecked", unchecked), ("pool", pool), ("submissions", submissions)];
    let queues = queues.map(|(queue, entries)| ([("queue", queue)], entries));
    sheet.gauges("queue_entries", "What waits within the node, by queue.", None, queues)
}

fn store(sheet: &mut Sheet<'_>, state: &State) -> fmt::Result {
    let bytes = Some(&Unit::Bytes);
    let help = "Bytes that wait to be committed. From 32 MiB on nothing is read from the network.";
    sheet.gauge("store_queue", help, bytes, state.store_queue_bytes)?;
    sheet.gauge("store_blocks", "Blocks in the store, with and without bodies.", None, state.store_blocks)?;
    sheet.gauge("store_bodies", "Bytes of the blocks' bodies in the store.", bytes, state.store_body_bytes)?;
    sheet.counter("store_commits", "Commits of the store.", None, state.store_commits)?;
    sheet.counter("store_records", "Records that were committed.", None, state.store_records)?;
    sheet.counter(
        "store_committed",
        "Bytes of the records that were committed.",
        bytes,
        state.store_committed_bytes,
    )?;
    sheet.counter("store_commit", "Time that commits took.", Some(&Unit::Seconds), state.store_commit_seconds)
}

macro_rules! define {
    ($($(#[doc = $doc:literal])* $name:ident,)*) => {
        /// The engine's counters, each with its own name.
        fn engine(sheet: &mut Sheet<'_>, stats: &Stats) -> fmt::Result {
            $(sheet.counter(concat!("gossip_", stringify!($name)), concat!($($doc),*).trim(), None, stats.$name)?;)*
            Ok(())
        }
    };
}

protocol::counters!(define);
