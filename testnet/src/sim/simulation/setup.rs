//! What a run is made of, and what is left of it. Data only.

use protocol::gossip::{Gossip, Reconciliation, RelayPolicy};
use protocol::items::network::NetworkId;
use protocol::ledger::chain::Limits;
use protocol::limits::MEMPOOL_BYTES_MAX;
use protocol::time::{Duration, Time};

use super::super::adversary::Adversary;
use super::super::checker::Checker;
use super::super::fault::{Peculiarity, Schedule};
use super::super::link::LinkModel;
use super::host::{Host, Sabotage};
use super::ledger::Ledger;
use crate::random::Seed;
use crate::report::figures::healing::TipAt;
use crate::topology::Graph;
use crate::wan::{Delays, Halves};
use crate::workload::Workload;
use crate::workload::items::BlockMaker;

/// Everything that a run needs to know.
#[derive(Debug)]
pub struct Setup {
    /// Whom each node may be connected to.
    pub graph: Graph,
    /// How far apart they are.
    pub delays: Delays,
    /// What the links are like.
    pub links: LinkModel,
    /// How nodes relay.
    pub relay: RelayPolicy,
    /// How nodes reconcile.
    pub reconciliation: Reconciliation,
    /// The network's name.
    pub network: NetworkId,
    /// What chance follows.
    pub seed: Seed,
    /// Transactions, in order of time.
    pub workload: Workload,
    /// The load lasts so long.
    pub load: Duration,
    /// Blocks: when, counted from the start of the load, and by which node.
    pub blocks: Vec<(Duration, usize)>,
    /// What fills the blocks of each producer; without one, blocks hold the mempool.
    pub makers: Vec<(usize, BlockMaker)>,
    /// Bytes of a block of the mempool at most.
    pub block_bytes_max: usize,
    /// After the load, the run goes on for so long, or until nothing happens any more.
    pub drain: Duration,
    /// How much room each node has.
    pub room: Room,
    /// What one signature check takes.
    pub check: Duration,
    /// What happens to nodes and links, counted from the start of the load.
    pub schedule: Schedule,
    /// The partition that `schedule` has, if there is one to measure.
    pub partition: Option<Parted>,
    /// Each node's peculiarities.
    pub nodes: Vec<NodeSetup>,
    /// Who watches.
    pub checkers: Vec<Box<dyn Checker>>,
}

/// Room that nodes have, where it is not what the protocol gives them: `None` for that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// Bytes of a mempool.
    pub mempool_bytes: Option<usize>,
    /// Headers of a tree, shared out as the protocol shares out its own.
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
        engine.with_room(self.mempool_bytes.unwrap_or(MEMPOOL_BYTES_MAX), chain)
    }
}

/// A partition whose healing is measured.
#[derive(Clone, Debug)]
pub struct Parted {
    /// When it begins, counted from the start of the load.
    pub from: Duration,
    /// When it heals, counted likewise.
    pub to: Duration,
    /// Who is on which side.
    pub halves: Halves,
}

/// One node's peculiarities.
#[derive(Debug, Default)]
pub struct NodeSetup {
    /// How far its clock is ahead.
    pub clock_ahead: Duration,
    /// Time that it takes over each message.
    pub slowness: Duration,
    /// The group that its address lies in. `None` for one of its own, so that coming back doesn't make it a stranger.
    pub group: Option<u64>,
    /// What it does against the rules.
    pub adversary: Option<Box<dyn Adversary>>,
    /// What is wrong with it, for tests of the checkers.
    pub sabotage: Option<Sabotage>,
}

impl From<Peculiarity> for NodeSetup {
    fn from(Peculiarity { clock_ahead, slowness }: Peculiarity) -> Self {
        Self { clock_ahead, slowness, ..Self::default() }
    }
}

impl NodeSetup {
    /// Whether it keeps the rules, as far as anybody judges.
    #[must_use]
    pub fn is_honest(&self) -> bool {
        self.adversary.is_none() || self.sabotage == Some(Sabotage::Masked)
    }
}

/// What is left of a run.
#[derive(Debug)]
pub struct Finished {
    /// What entered and arrived.
    pub ledger: Ledger,
    /// The nodes.
    pub hosts: Vec<Host>,
    /// Who watched.
    pub checkers: Vec<Box<dyn Checker>>,
    /// The fingerprint.
    pub trace_hash: String,
    /// Events processed.
    pub events: u64,
    /// Inputs that engines handled.
    pub inputs: u64,
    /// Messages that were sent, and of these lost.
    pub messages: (u64, u64),
    /// Connections that an honest node ended because of a peer's misdeed.
    pub left: u64,
    /// When the load began.
    pub load_from: Time,
    /// The partition, if there was one to measure.
    pub partition: Option<Parted>,
    /// Changes of honest nodes' tips, where there was one.
    pub tips: Vec<TipAt>,
    /// When the last thing happened.
    pub ended_at: Time,
}
