//! The parts of a run, and its result. Data only.

use protocol::gossip::{Gossip, Reconciliation, RelayPolicy, Room as EngineRoom};
use protocol::items::network::NetworkId;
use protocol::ledger::chain::Limits;
use protocol::limits::MEMPOOL_BYTES_MAX;
use protocol::time::{Duration, Time};

use super::super::adversary::Adversary;
use super::super::checker::Checker;
use super::super::fault::{Peculiarity, Schedule};
use super::super::link::LinkModel;
use super::super::members;
use super::host::{Host, Sabotage};
use super::ledger::Ledger;
use super::ledger::records::Records;
use crate::random::Seed;
use crate::report::figures::healing::TipAt;
use crate::topology::Graph;
use crate::wan::{Delays, Halves, LinkPlan};
use crate::workload::Workload;
use crate::workload::items::BlockMaker;

/// Everything that a run needs to know.
#[derive(Debug)]
pub struct Setup {
    /// The nodes to which each node may be connected.
    pub graph: Graph,
    /// The delays between them.
    pub delays: Delays,
    /// The properties of the links.
    pub links: LinkModel,
    /// How nodes relay.
    pub relay: RelayPolicy,
    /// How nodes reconcile.
    pub reconciliation: Reconciliation,
    /// The network's name.
    pub network: NetworkId,
    /// The number from which everything random follows.
    pub seed: Seed,
    /// Transactions, in order of time.
    pub workload: Workload,
    /// The time between the start and the load.
    pub settle: Duration,
    /// The length of the load.
    pub load: Duration,
    /// Blocks: their times, counted from the start of the load, and their nodes.
    pub blocks: Vec<(Duration, usize)>,
    /// The transactions in the blocks of each producer; without them, blocks hold the mempool.
    pub makers: Vec<(usize, BlockMaker)>,
    /// The most bytes of a mempool block.
    pub block_bytes_max: usize,
    /// How long the run continues after the load. It ends earlier if nothing happens any more.
    pub drain: Duration,
    /// The room of each node.
    pub room: Room,
    /// The time of one signature check.
    pub check: Duration,
    /// The faults of nodes and links. Times are counted from the start of the load.
    pub schedule: Schedule,
    /// What members need, if nodes watch each other.
    pub members: Option<members::Start>,
    /// The partition in `schedule`, if there is one to measure.
    pub partition: Option<Parted>,
    /// Each node's peculiarities.
    pub nodes: Vec<NodeSetup>,
    /// The checkers that watch.
    pub checkers: Vec<Box<dyn Checker>>,
    /// Whether to keep what real nodes would have traced.
    pub recorded: bool,
}

impl Setup {
    /// The links, as other parts of the instrument know them.
    #[must_use]
    pub fn link_plan(&self) -> LinkPlan {
        let (jitter, bandwidth) = (self.links.jitter, self.links.bandwidth);
        LinkPlan { seed: 0, jitter, bandwidth, delays: self.delays.clone(), halves: None, slow: Vec::new() }
    }
}

/// The room of nodes where it differs from the protocol's. `None` means the protocol's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// Bytes of a mempool.
    pub mempool_bytes: Option<usize>,
    /// Headers of a tree, divided as the protocol divides its own.
    pub headers: Option<usize>,
}

impl Room {
    /// The engine with this room, before it begins.
    pub(super) fn given(self, engine: Gossip) -> Gossip {
        if self == Self::default() {
            return engine;
        }
        let whole = Limits::default();
        let part = |limit: usize| self.headers.map_or(limit, |headers| (limit * headers / whole.headers).max(2));
        let (best_headers, headers_each) = (part(whole.best_headers), part(whole.headers_each));
        let chain = Limits { headers: part(whole.headers), best_headers, headers_each, ..whole };
        let mempool_bytes = self.mempool_bytes.unwrap_or(MEMPOOL_BYTES_MAX);
        engine.with_room(&EngineRoom { mempool_bytes, chain, ..Default::default() })
    }
}

/// A partition whose healing is measured.
#[derive(Clone, Debug)]
pub struct Parted {
    /// When it begins, counted from the start of the load.
    pub from: Duration,
    /// When it heals, counted in the same way.
    pub to: Duration,
    /// Which node is on which side.
    pub halves: Halves,
}

/// One node's peculiarities.
#[derive(Debug, Default)]
pub struct NodeSetup {
    /// How far its clock is ahead.
    pub clock_ahead: Duration,
    /// The time that it needs for each message.
    pub slowness: Duration,
    /// Its address group. `None` for its own group, so that it is no stranger when it comes back.
    pub group: Option<u64>,
    /// Its adversary.
    pub adversary: Option<Box<dyn Adversary>>,
    /// A planted fault, for tests of the checkers.
    pub sabotage: Option<Sabotage>,
}

impl From<Peculiarity> for NodeSetup {
    fn from(Peculiarity { clock_ahead, slowness }: Peculiarity) -> Self {
        Self { clock_ahead, slowness, ..Self::default() }
    }
}

impl NodeSetup {
    /// Whether it keeps the rules, as everybody judges it.
    #[must_use]
    pub fn is_honest(&self) -> bool {
        self.adversary.is_none() || self.sabotage == Some(Sabotage::Masked)
    }
}

/// The result of a run.
#[derive(Debug)]
pub struct Finished {
    /// The items that entered and arrived.
    pub ledger: Ledger,
    /// The nodes.
    pub hosts: Vec<Host>,
    /// What real nodes would have traced, if that was kept.
    pub records: Option<Records>,
    /// The checkers.
    pub checkers: Vec<Box<dyn Checker>>,
    /// The fingerprint.
    pub trace_hash: String,
    /// Events processed.
    pub events: u64,
    /// Inputs that engines handled.
    pub inputs: u64,
    /// Messages that were sent, and the number of these that were lost.
    pub messages: (u64, u64),
    /// Connections that an honest node ended because of a peer's misbehavior.
    pub left: u64,
    /// What happened to the members, if nodes watched each other.
    pub members: Option<members::ledger::Ledger>,
    /// When the load began.
    pub load_from: Time,
    /// The partition, if there was one to measure.
    pub partition: Option<Parted>,
    /// Changes of honest nodes' tips, if there was a partition to measure.
    pub tips: Vec<TipAt>,
    /// The time of the last event.
    pub ended_at: Time,
}
