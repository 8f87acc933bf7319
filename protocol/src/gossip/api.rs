//! The types of the engine's door: what goes in, what comes out, what can be asked. Data only.

use alloc::sync::Arc;
use alloc::vec::Vec;

pub use super::relay::policy::{
    AuthorTree, Digest, Reconciliation, Redundancy, RelayPolicy, RelayPolicyError, Rumor,
};
use crate::items::block::Block;
use crate::items::equivocation::Equivocation;
use crate::items::hash::{BlockId, TxId};
use crate::items::network::NetworkId;
pub use crate::items::refusal::{DisconnectReason, Refusal};
use crate::items::transaction::{Height, SignedTransaction};
use crate::items::validator::Producers;
use crate::items::verify::{JobId, Verdict, VerifyJob};
use crate::ledger::durable::{Load, Loaded, Record};
use crate::time::{Duration, Time};
use crate::wire::message::{GoodbyeReason, Lane, Message, Outcome, Tip};

/// A connected peer, as the driver numbers it. Not reused in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerHandle(pub u32);

/// Who dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// The peer dialled us.
    Inbound,
    /// We dialled the peer.
    Outbound,
}

/// Peers whose addresses lie in one block share a group, and with it the memory of withheld items. What a group
/// is (a /16, say) is the driver's to choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressGroup(pub u64);

/// What an engine is told once.
#[derive(Clone, Debug)]
pub struct Config {
    /// The network it belongs to.
    pub network: NetworkId,
    /// How it relays.
    pub relay: RelayPolicy,
    /// How it reconciles.
    pub reconciliation: Reconciliation,
    /// Whose blocks it takes from the network.
    pub producers: Producers,
}

/// Something that happened outside.
#[derive(Clone, Debug)]
pub enum Input {
    /// A connection to a peer is open on both lanes.
    PeerConnected {
        /// Its new handle.
        peer: PeerHandle,
        /// Who dialled.
        direction: Direction,
        /// Its address group; `None` exempts it from shared memory (loopback test networks).
        group: Option<AddressGroup>,
    },
    /// The connection is gone.
    PeerDisconnected {
        /// Whose.
        peer: PeerHandle,
    },
    /// A message came.
    Received {
        /// From whom.
        peer: PeerHandle,
        /// What.
        message: Message,
    },
    /// A transaction enters here. Answered by [`Event::Submitted`].
    SubmittedTransaction(Arc<SignedTransaction>),
    /// A block enters here. Answered by [`Event::Submitted`]. The validator is asked about its header as about one of the network.
    SubmittedBlock(Arc<Block>),
    /// A block that this node made, or its owner vouches for, enters here. Answered by [`Event::Submitted`]. Any producer counts.
    ProducedBlock(Arc<Block>),
    /// A job is done.
    Verified {
        /// Which.
        job: JobId,
        /// How it went.
        verdict: Verdict,
    },
    /// What [`Output::Load`] asked for.
    Loaded(Loaded),
    /// Durable storage has deleted bodies of old blocks.
    Pruned {
        /// The lowest height from which on it has every body of the best chain. Peers are told in Hello.
        kept_from: Height,
    },
    /// Bytes left for a peer: control bytes when written, bulk bytes when acknowledged.
    Drained {
        /// To whom.
        peer: PeerHandle,
        /// On which lane.
        lane: Lane,
        /// Encoded message bytes, without the frame's length prefix.
        bytes: usize,
    },
    /// The time given by [`Gossip::poll_timeout`](super::Gossip::poll_timeout) has come. Early and late calls are safe.
    Timeout,
}

/// Something for the driver to do or know.
#[derive(Clone, Debug)]
pub enum Output {
    /// Send a message. The driver never drops one: it sends or disconnects.
    Send {
        /// To whom.
        peer: PeerHandle,
        /// On which lane.
        lane: Lane,
        /// What.
        message: Message,
    },
    /// Check signatures.
    Verify(VerifyJob),
    /// Keep something for later runs, in this order. What one input gives is best kept whole or not at all.
    Store(Record),
    /// Look up what was kept, or is about to be. [`Input::Loaded`] is wanted in any case.
    Load(Load),
    /// Close the connection. [`Input::PeerDisconnected`] is wanted afterwards all the same.
    Disconnect {
        /// To whom.
        peer: PeerHandle,
        /// Why.
        reason: DisconnectReason,
    },
    /// Stop (or go on) reading from a peer that is over (or back within) its inbound budget.
    Read {
        /// From whom.
        peer: PeerHandle,
        /// Whether to read.
        allowed: bool,
    },
    /// Something worth a trace record, a counter or an answer to a user.
    Event(Event),
}

/// An item's kind and id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ItemId {
    /// A transaction.
    Transaction(TxId),
    /// A block.
    Block(BlockId),
}

/// What happened inside.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A peer said a Hello that fits ours.
    PeerReady {
        /// Which.
        peer: PeerHandle,
        /// Its tip.
        tip: Tip,
    },
    /// A standalone body came from a peer.
    BodyReceived {
        /// Which item.
        item: ItemId,
        /// From whom.
        from: PeerHandle,
        /// Its encoded length in bytes.
        bytes: usize,
        /// Whether it was of no use: held, rejected or in verification already.
        duplicate: bool,
    },
    /// An item was accepted: it is valid, held, and being relayed.
    Accepted {
        /// Which.
        item: ItemId,
        /// From whom; `None` if it was submitted here.
        from: Option<PeerHandle>,
        /// The block that brought it, if it did not come by itself.
        within: Option<BlockId>,
        /// Its encoded length in bytes; 0 if it came within a block that is not in memory.
        bytes: usize,
    },
    /// An item was refused. Nothing of it is kept but its id.
    Refused {
        /// Which.
        item: ItemId,
        /// From whom; `None` if it was submitted here.
        from: Option<PeerHandle>,
        /// Why.
        refusal: Refusal,
    },
    /// The answer to a submission: accepted, held already, or refused.
    Submitted {
        /// Which item.
        item: ItemId,
        /// How it went.
        result: Result<Submission, Refusal>,
    },
    /// A conversation that this node began told how its mempool differs from a peer's.
    Reconciled {
        /// Whose.
        peer: PeerHandle,
        /// How far it came.
        outcome: Outcome,
        /// Symbols that it took.
        symbols: usize,
        /// What the peer lacks.
        wanted: usize,
        /// What is missing here, as far as the peer can tell.
        offered: usize,
    },
    /// A peer says why it closes the connection. Nobody has checked that.
    Goodbye {
        /// Which.
        peer: PeerHandle,
        /// Its word for it.
        reason: GoodbyeReason,
    },
    /// Transactions that were acknowledged here are in no block by their last height, and given up.
    SubmissionsExpired {
        /// Which.
        ids: Vec<TxId>,
        /// The tip's height.
        tip: Height,
    },
    /// Transactions of a block of the best chain that an earlier block of it holds as well: they have no effect in this one.
    ///
    /// Told as soon as it is known, which may be after [`Event::TipChanged`] and more than once for a block: what memory
    /// doesn't know is looked up. It is never told if too many look-ups wait ([`LOOKUPS_WAITING_MAX`]), if storage can't tell,
    /// or if the node ends before. So whoever applies blocks asks: [`Gossip::transaction`](super::Gossip::transaction), and
    /// durable storage where it doesn't know the first occurrence.
    ///
    /// [`LOOKUPS_WAITING_MAX`]: crate::limits::LOOKUPS_WAITING_MAX
    Repeated {
        /// The later block.
        block: BlockId,
        /// Which of its transactions.
        transactions: Vec<TxId>,
    },
    /// A producer signed two blocks for one height. Told once for each pair that is kept.
    Equivocation(Equivocation),
    /// The best chain has a new end.
    TipChanged {
        /// The new tip.
        tip: Tip,
        /// Blocks of the old best chain that are stale now.
        disconnected: usize,
    },
}

/// A submission that was not refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Submission {
    /// New here, and being relayed.
    Accepted,
    /// Held already.
    Held,
}

/// What is known of a transaction.
#[derive(Clone, Debug)]
pub enum TransactionStatus {
    /// In the mempool.
    Pending(Arc<SignedTransaction>),
    /// In the best chain.
    Confirmed {
        /// The first block that holds it, as far as that is remembered.
        block: BlockId,
        /// That block's height.
        height: Height,
        /// Whether it is known that no earlier block holds it. Durable storage knows otherwise.
        known_as_first: bool,
        /// The transaction, while the block's body is in memory.
        transaction: Option<Arc<SignedTransaction>>,
    },
}

/// What the engine knows of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerInfo {
    /// Who dialled.
    pub direction: Direction,
    /// Whether Hellos were exchanged.
    pub ready: bool,
    /// The tip it last told.
    pub tip: Option<Tip>,
    /// Bodies it was the first to deliver.
    pub delivered: u64,
    /// When it was last the first to deliver a transaction.
    pub first_transaction: Option<Time>,
    /// When it was last the first to deliver a block.
    pub first_block: Option<Time>,
    /// Strikes for announced items that it withheld.
    pub strikes: u32,
    /// Smoothed time between request and body; `None` before the first.
    pub response: Option<Duration>,
}

/// How full the mempool is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MempoolInfo {
    /// Transactions held.
    pub transactions: usize,
    /// Their encoded bytes.
    pub bytes: usize,
}

/// How far the node has come, in heights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SyncInfo {
    /// The end of the best chain.
    pub tip: Height,
    /// The highest known header, whose body and those before it may still be missing.
    pub best_header: Height,
    /// The highest tip that a connected peer told. Nobody has checked it; 0 without peers.
    pub best_peer: Height,
}
