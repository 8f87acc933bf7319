//! The questions and orders that the RPC may send to the running service, and the answers. Plain data, so that one
//! schema serves the wire, the command line and tests.

use std::sync::Arc;

use bytes::Bytes;
use protocol::gossip::{Equivocation, Refusal, Stats, Submission, TransactionStatus};
use protocol::items::block::{Block, SignedHeader};
use protocol::items::hash::{BlockId, TxId};
use protocol::items::keys::PublicKey;
use protocol::items::transaction::SignedTransaction;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::lists::PoolPage;
use super::members::{AggregateView, MemberDetail, MemberView, MembersError};
use super::orders::{Order, OrderError};
use super::trace::{TraceError, TraceSummary, TraceView};
use crate::observe::passages::Sought;

/// A node that is no further behind than this is not reported as behind: a block or two are always on their way.
pub const BLOCKS_ON_THEIR_WAY: u64 = 2;

/// A question or order to the service. Each is answered once. A dropped reply means that the service has stopped.
#[derive(Debug)]
pub enum Command {
    /// Submits a user's transaction.
    SubmitTransaction {
        /// The transaction; its signature is checked by the service.
        transaction: Arc<SignedTransaction>,
        /// The result.
        reply: oneshot::Sender<Result<Submission, Refusal>>,
    },
    /// Submits a user's block.
    SubmitBlock {
        /// The block; everything about it is checked by the service.
        block: Arc<Block>,
        /// The result.
        reply: oneshot::Sender<Result<Submission, Refusal>>,
    },
    /// Looks up a transaction.
    Transaction {
        /// Its id.
        id: TxId,
        /// What is known about it.
        reply: oneshot::Sender<Option<TransactionStatus>>,
    },
    /// Looks up a block.
    Block {
        /// Its id.
        id: BlockId,
        /// The block, if its body is kept.
        reply: oneshot::Sender<Option<Arc<Block>>>,
    },
    /// Looks up a block of the best chain by its height.
    BlockAt {
        /// Its height.
        height: u64,
        /// The block, if its header is remembered and its body kept.
        reply: oneshot::Sender<Option<Arc<Block>>>,
    },
    /// Asks for headers of the best chain.
    Blocks {
        /// The highest; `None` for the tip.
        from: Option<u64>,
        /// How many, downwards.
        count: usize,
        /// The headers, the highest first.
        reply: oneshot::Sender<Vec<SignedHeader>>,
    },
    /// Asks for a page of the mempool.
    Pool {
        /// The id after which the page begins.
        after: Option<TxId>,
        /// How many.
        count: usize,
        /// The page.
        reply: oneshot::Sender<PoolPage>,
    },
    /// Asks how an item came and where it went.
    Trace {
        /// Its id, or its first digits.
        sought: Sought,
        /// What is recorded.
        reply: oneshot::Sender<Result<Option<TraceView>, TraceError>>,
    },
    /// Asks for the last items that came.
    Traces {
        /// How many.
        count: usize,
        /// The items, the newest first.
        reply: oneshot::Sender<Result<Vec<TraceSummary>, TraceError>>,
    },
    /// Asks for all bans.
    Bans {
        /// The answer.
        reply: oneshot::Sender<Vec<BanStatus>>,
    },
    /// An order of the owner about peers.
    Order {
        /// The order.
        order: Order,
        /// Whether it was carried out.
        reply: oneshot::Sender<Result<(), OrderError>>,
    },
    /// Asks for the state of the node.
    Status {
        /// The answer.
        reply: oneshot::Sender<Status>,
    },
    /// Asks for the evidence against producers that signed two blocks for one height.
    Evidence {
        /// The answer.
        reply: oneshot::Sender<Vec<Equivocation>>,
    },
    /// Asks for all members.
    Members {
        /// The answer.
        reply: oneshot::Sender<Result<Vec<MemberView>, MembersError>>,
    },
    /// Asks for one member.
    Member {
        /// Its key.
        key: PublicKey,
        /// The member, or `None` if this node does not know it.
        reply: oneshot::Sender<Result<Option<MemberDetail>, MembersError>>,
    },
    /// Asks for the aggregates of an entry over all members.
    Aggregate {
        /// The entry's key.
        name: String,
        /// The answer.
        reply: oneshot::Sender<Result<AggregateView, MembersError>>,
    },
    /// Sets an entry of this node, or removes it with `None`.
    SetEntry {
        /// The entry's key.
        key: String,
        /// Its value.
        value: Option<Bytes>,
        /// Whether it was set.
        reply: oneshot::Sender<Result<(), MembersError>>,
    },
    /// Leaves the members.
    Leave {
        /// Whether the node takes part at all.
        reply: oneshot::Sender<Result<(), MembersError>>,
    },
    /// Asks for its gossip peers.
    Peers {
        /// The answer.
        reply: oneshot::Sender<Vec<PeerStatus>>,
    },
}

/// The state of a node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The node's version.
    pub version: String,
    /// Its libp2p peer id.
    pub peer_id: String,
    /// Its public key, in hexadecimal; also the producer key of its blocks.
    pub public_key: String,
    /// The network's name.
    pub network: String,
    /// The relay policy, as `--relay` spells it.
    pub relay: String,
    /// Addresses it listens on, each with `/p2p/<peer id>`.
    pub listen: Vec<String>,
    /// Seconds since the start.
    pub uptime_s: f64,
    /// Gossip peers that said Hello and dialled us.
    pub peers_in: usize,
    /// Gossip peers that said Hello and that we dialled.
    pub peers_out: usize,
    /// The number of outbound gossip peers that it wants.
    pub peers_out_target: usize,
    /// Height of the best chain.
    pub tip_height: u64,
    /// Id of its last block.
    pub tip_id: String,
    /// The height that the network has reached as far as the node knows: that of its best header while blocks keep
    /// arriving, and otherwise that of its tip. Transactions are best signed for heights after this.
    #[serde(default)]
    pub best_known_height: u64,
    /// The lowest height from which on the node keeps the body of every block.
    #[serde(default)]
    pub kept_from_height: u64,
    /// How far it is behind its peers, and why; `None` if it is in step.
    #[serde(default)]
    pub behind: Option<BehindStatus>,
    /// Transactions in the mempool.
    pub mempool_transactions: usize,
    /// Their encoded bytes.
    pub mempool_bytes: usize,
    /// Bytes read from the transport so far, below noise and yamux.
    pub wire_in: u64,
    /// Bytes written to it.
    pub wire_out: u64,
    /// Peak resident memory, in bytes.
    pub rss_peak: u64,
    /// The engine's counters.
    pub stats: Counters,
    /// Closed gossip connections, and connections that were turned away, by reason.
    pub disconnects: std::collections::BTreeMap<String, u64>,
    /// Pairs of headers that are kept as evidence: each pair is of one producer, for one height.
    /// `evidence_list` shows them.
    #[serde(default)]
    pub equivocations: usize,
    /// The IP addresses under which peers see this node, by their own word: the most frequent first, at most 8.
    #[serde(default)]
    pub observed: Vec<ObservedAddress>,
    /// The bans: addresses before peers, the latest first, at most 32 of each.
    #[serde(default)]
    pub bans: Vec<BanStatus>,
    /// Whether others can dial it.
    #[serde(default)]
    pub reach: ReachStatus,
}

/// Whether others can dial a node, and how it is known.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ReachStatus {
    /// `reachable`, `unreachable` or `unknown`.
    pub verdict: String,
    /// The operator has said so (`--reachability`), and nobody was asked.
    pub is_told: bool,
    /// The last test of each public address, at most 16.
    pub tests: Vec<ReachTest>,
    /// Relays that the operator gave, and others that the node found, at most 16.
    pub relays: Vec<RelayStatus>,
    /// Whether the node is a relay for others (`--relay-server`).
    pub is_relay: bool,
    /// As a relay: how many nodes keep a reservation here.
    pub reservations: usize,
    /// As a relay: circuits between other nodes that it carries now.
    pub circuits: usize,
}

/// A peer tried to dial the node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ReachTest {
    /// The address that it tried.
    pub address: String,
    /// The peer.
    pub by: String,
    /// Seconds since then.
    pub ago_s: f64,
    /// Why that failed, by its word; `None` if it worked, which cannot be made up.
    pub failure: Option<String>,
}

/// A relay through which others may reach the node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RelayStatus {
    /// Its peer id.
    pub peer_id: String,
    /// Its address.
    pub address: String,
    /// Whether the node has a reservation there.
    pub held: bool,
    /// Why the last try failed, or the last reservation ended.
    pub trouble: Option<String>,
}

/// An IP address under which peers see this node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedAddress {
    /// The address.
    pub ip: String,
    /// How many peers said so. Nobody has checked it.
    pub peers: u32,
}

/// A peer or an address that is neither dialled nor accepted for a while.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BanStatus {
    /// A peer id, or an address; an IPv6 address with its `/64`.
    pub who: String,
    /// What the peer did, in the labels of `disconnects`.
    pub reason: String,
    /// Seconds until it ends.
    pub left_s: f64,
}

/// How far a node is behind, and why.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BehindStatus {
    /// `catching_up`, `pruned`, `no_bodies`, `refused` or `no_headers`.
    pub cause: String,
    /// Whether something prevents progress: waiting alone may not help.
    pub stuck: bool,
    /// The same as text for a person, with the heights.
    pub text: String,
    /// The best header's height.
    pub best_header_height: u64,
    /// The highest tip that a peer tells. It is not checked.
    pub told_height: u64,
    /// Seconds without a block that moved the tip.
    pub quiet_s: f64,
}

macro_rules! define {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// The engine's counters. One that a node of another version does not tell is 0.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default)]
        pub struct Counters {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl From<Stats> for Counters {
            fn from(stats: Stats) -> Self {
                Self { $($name: stats.$name,)* }
            }
        }
    };
}

protocol::counters!(define);

/// One gossip peer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PeerStatus {
    /// Its libp2p peer id.
    pub peer_id: String,
    /// Its address on this connection.
    pub address: String,
    /// Whether it dialled us.
    pub inbound: bool,
    /// Whether Hellos were exchanged.
    pub ready: bool,
    /// Height of the tip that it last told.
    pub tip_height: Option<u64>,
    /// Bodies that it was the first to deliver.
    pub delivered: u64,
    /// Strikes for announced items that it withheld.
    pub strikes: u32,
    /// Smoothed time between request and body, in milliseconds.
    pub response_ms: Option<f64>,
    /// The lowest round trip of the node's pings to it, in milliseconds; `None` before the first answer.
    #[serde(default)]
    pub round_trip_ms: Option<f64>,
    /// Seconds since the connection opened.
    pub connected_s: f64,
    /// libp2p's agent string, if identify has told it.
    pub agent: Option<String>,
    /// Bytes of the messages that came from it on this connection, before encryption and without the prefixes of frames.
    #[serde(default)]
    pub bytes_in: u64,
    /// The same for messages to it.
    #[serde(default)]
    pub bytes_out: u64,
}
