//! The types of the engine's interface: what goes in, what comes out, what can be asked. Data only.

mod arrival;
mod lookups;
pub(super) mod members;
mod stats;

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

pub use self::arrival::{ArrivalCause, ArrivalWay};
use self::members::{MemberInput, MemberOutput};
pub use self::stats::Stats;
use crate::items::block::Block;
use crate::items::equivocation::Equivocation;
use crate::items::hash::{BlockId, TxId};
use crate::items::keys::PublicKey;
use crate::items::member::epoch::Epoch;
use crate::items::member::ticket::Ticket;
pub use crate::items::refusal::{DisconnectReason, Refusal};
use crate::items::transaction::{Height, SignedTransaction};
use crate::items::verify::{JobId, Verdict, VerifyJob};
use crate::ledger::durable::{Load, Loaded, Record};
use crate::time::{Duration, Time};
use crate::wire::message::{GoodbyeReason, Lane, Message, Outcome, Tip};

/// A connected peer, as a number that the driver chose. No number is used twice in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerHandle(pub u32);

/// Which side dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// The peer dialled us.
    Inbound,
    /// We dialled the peer.
    Outbound,
}

/// Peers with neighbouring addresses share an address group. Strikes for withheld items are remembered for the
/// whole group. The driver decides what a group is (a /16, for example).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressGroup(pub u64);

/// Something that happened outside.
#[derive(Clone, Debug)]
pub enum Input {
    /// A connection to a peer is open on both lanes.
    PeerConnected {
        /// Its new handle.
        peer: PeerHandle,
        /// Which side dialled.
        direction: Direction,
        /// Its address group. With `None`, no strikes are remembered for its group (loopback test networks).
        group: Option<AddressGroup>,
        /// The key that the connection has proved. With `None`, the peer is no member as far as this node knows.
        key: Option<PublicKey>,
    },
    /// The connection is gone.
    PeerDisconnected {
        /// The peer.
        peer: PeerHandle,
    },
    /// A message came.
    Received {
        /// The sender.
        peer: PeerHandle,
        /// The message.
        message: Message,
    },
    /// A transaction enters here. Answered by [`Event::Submitted`].
    SubmittedTransaction(Arc<SignedTransaction>),
    /// A block enters here. Answered by [`Event::Submitted`]. The validator is asked about its header, as about
    /// one from the network.
    SubmittedBlock(Arc<Block>),
    /// A block that this node made, or that its owner vouches for, enters here. Answered by [`Event::Submitted`].
    /// Any producer is accepted.
    ProducedBlock(Arc<Block>),
    /// A job is done.
    Verified {
        /// The job.
        job: JobId,
        /// The result.
        verdict: Verdict,
    },
    /// The answer to an [`Output::Load`].
    Loaded(Loaded),
    /// Durable storage has deleted bodies of old blocks.
    Pruned {
        /// From this height on, it has every body of the best chain. Hello tells this height to peers.
        kept_from: Height,
    },
    /// Bytes left for a peer: control bytes when written, bulk bytes when acknowledged.
    Drained {
        /// The peer.
        peer: PeerHandle,
        /// The lane.
        lane: Lane,
        /// Encoded message bytes, without the frame's length prefix.
        bytes: usize,
    },
    /// The driver has measured a round trip to a peer, and it is the lowest on this connection so far.
    RoundTrip {
        /// The peer.
        peer: PeerHandle,
        /// From the driver's ping to the peer's pong.
        lowest: Duration,
    },
    /// What the wall clock says now, in milliseconds since 1970. The engine goes on from there by its own time. Tell
    /// it whenever the two may have come apart, at least once an hour. Only membership looks at it.
    WallClock {
        /// Milliseconds since 1970.
        ms: u64,
    },
    /// Something that concerns membership. The engine tells the machine itself which links there are and what comes
    /// over them, so of [`MemberInput`] only these mean anything here: `Heard`, `Accused`, `Signed`, `Probed`,
    /// `SetReach`, `SetEntry` and `Leave`.
    Members(Box<MemberInput>),
    /// The answer to an [`Output::SignTicket`].
    SignedTicket {
        /// As in the output.
        epoch: Epoch,
        /// This node's ticket for it.
        ticket: Ticket,
    },
    /// The time given by [`Gossip::poll_timeout`](super::Gossip::poll_timeout) has come. Early and late calls are
    /// safe.
    Timeout,
}

/// Something for the driver to do or know.
#[derive(Clone, Debug)]
pub enum Output {
    /// Send a message. The driver never drops one: it sends or disconnects.
    Send {
        /// The receiver.
        peer: PeerHandle,
        /// The lane.
        lane: Lane,
        /// The message.
        message: Message,
    },
    /// Check signatures.
    Verify(VerifyJob),
    /// Keep a record for later runs. Keep records in the order in which they come out. It is best to keep all
    /// records of one input or none of them.
    Store(Record),
    /// Look up a record that was kept, or that is about to be kept. The engine needs [`Input::Loaded`] in any
    /// case.
    Load(Load),
    /// Close the connection. The engine still needs [`Input::PeerDisconnected`] afterwards.
    Disconnect {
        /// The peer.
        peer: PeerHandle,
        /// The reason.
        reason: DisconnectReason,
    },
    /// Stop reading from a peer that is over its inbound budget, or go on when the peer is within the budget
    /// again.
    Read {
        /// The peer.
        peer: PeerHandle,
        /// Whether to read.
        allowed: bool,
    },
    /// Something that concerns membership: one of `Sign`, `Keep`, `Ping`, `Dial`, `Connect` and `Event` of
    /// [`MemberOutput`]. Boxed, because it is rare, and larger than the others.
    Members(Box<MemberOutput>),
    /// Sign this node's ticket for an epoch with its key.
    SignTicket(Epoch),
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
        /// The peer.
        peer: PeerHandle,
        /// Its tip.
        tip: Tip,
    },
    /// A standalone body came from a peer.
    BodyReceived {
        /// Which item.
        item: ItemId,
        /// The sender.
        from: PeerHandle,
        /// Its encoded length in bytes.
        bytes: usize,
        /// Whether it was of no use: held, rejected or in verification already.
        duplicate: bool,
        /// Why it came. A duplicate that answers a request which another body has settled counts as pushed.
        cause: ArrivalCause,
    },
    /// An item was accepted: it is valid, held, and being relayed.
    Accepted {
        /// The item.
        item: ItemId,
        /// The peer that sent it; `None` if it was submitted here.
        from: Option<PeerHandle>,
        /// The block that brought it, if it did not come by itself.
        within: Option<BlockId>,
        /// Its encoded length in bytes; 0 if it came within a block that is not in memory.
        bytes: usize,
    },
    /// An item was refused. Nothing of it is kept but its id.
    Refused {
        /// The item.
        item: ItemId,
        /// The peer that sent it; `None` if it was submitted here.
        from: Option<PeerHandle>,
        /// The reason.
        refusal: Refusal,
    },
    /// The answer to a submission: accepted, held already, or refused.
    Submitted {
        /// The item.
        item: ItemId,
        /// The result.
        result: Result<Submission, Refusal>,
    },
    /// The end of a conversation that this node began. It shows how its mempool differs from a peer's.
    Reconciled {
        /// The peer.
        peer: PeerHandle,
        /// The result of the comparison.
        outcome: Outcome,
        /// Symbols that the comparison took.
        symbols: usize,
        /// How many items the peer lacks.
        wanted: usize,
        /// How many items are missing here, as far as the peer can tell.
        offered: usize,
    },
    /// A peer says why it closes the connection. Nobody has checked that.
    Goodbye {
        /// The peer.
        peer: PeerHandle,
        /// The reason that it gives.
        reason: GoodbyeReason,
    },
    /// Transactions that were acknowledged here have reached their last height and are in no block. They are given
    /// up.
    SubmissionsExpired {
        /// Their ids.
        ids: Vec<TxId>,
        /// The tip's height.
        tip: Height,
    },
    /// A block of the best chain repeats transactions that an earlier block of the best chain has. They have no
    /// effect in the later block.
    ///
    /// This event comes as soon as a repeat is known. That may be after [`Event::TipChanged`], and more than once
    /// for a block, because a transaction that memory doesn't know is looked up first. It never comes if too many
    /// look-ups wait ([`LOOKUPS_WAITING_MAX`]), if storage can't tell, or if the node ends before. So code that
    /// applies blocks must ask [`Gossip::transaction`](super::Gossip::transaction). If this doesn't know the first
    /// occurrence, the code must ask durable storage.
    ///
    /// [`LOOKUPS_WAITING_MAX`]: crate::limits::LOOKUPS_WAITING_MAX
    Repeated {
        /// The later block.
        block: BlockId,
        /// The repeated transactions of this block.
        transactions: Vec<TxId>,
    },
    /// A producer signed two blocks for one height. This event comes once for each pair that is kept.
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
        /// The earliest block that holds it, among those that are remembered.
        block: BlockId,
        /// That block's height.
        height: Height,
        /// Whether it is known that no earlier block holds it. If not, durable storage knows.
        known_as_first: bool,
        /// The transaction, while the block's body is in memory.
        transaction: Option<Arc<SignedTransaction>>,
    },
}

/// What the engine knows of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerInfo {
    /// Which side dialled.
    pub direction: Direction,
    /// Whether Hellos were exchanged.
    pub ready: bool,
    /// The tip that it last told.
    pub tip: Option<Tip>,
    /// Bodies that it was the first to deliver.
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
    /// The height of the best header. Its body and bodies before it may still be missing.
    pub best_header: Height,
    /// The highest tip that a connected peer told. Nobody has checked it; 0 without peers.
    pub best_peer: Height,
}
