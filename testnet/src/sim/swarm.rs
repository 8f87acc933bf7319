//! Swarm testing: a seed gives a small network, its load, its faults and its adversaries, and all checkers judge
//! the run. The first draw decides which faults are possible at all, and the second how strong they are. Two draws
//! are needed because networks with a single but strong fault find errors that mixtures hide (Groce and others,
//! "Swarm testing", 2012; TigerBeetle's simulator).
//!
//! Everything that is drawn stays within the limits that a correct system must survive. So every violation is an
//! error of the engine, of the simulator, or of the requirement. Deliberately absent: measuring anything.

mod draw;
pub mod withholders;

use std::fmt;
use std::time::Duration;

use protocol::gossip::{Reconciliation, RelayPolicy};

use super::adversary::AdversaryPlan;
use super::checker::{self, Violation};
use super::fault::FaultPlan;
use super::scenario::{CHECK, Scenario};
use super::simulation::{Finished, Room, Setup, Simulation};
use super::watchers;
use crate::random::Seed;
use crate::text::Time as Written;
use crate::topology::Topology;
use crate::wan::{Bandwidth, Jitter, Wan};
use crate::workload::Load;

/// The network's name in every run.
pub const NETWORK: &str = "swarm";

/// Bytes of a mempool block: enough for the transactions of a small network between two blocks.
const BLOCK_BYTES: usize = 256 * 1024;

/// A small network, its load, its faults and its adversaries.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawn {
    /// The seed that decides everything.
    pub seed: u64,
    /// Nodes.
    pub nodes: usize,
    /// Which node is connected to which.
    pub topology: Topology,
    /// How nodes relay.
    pub relay: RelayPolicy,
    /// How nodes reconcile.
    pub reconciliation: Reconciliation,
    /// The delays between them.
    pub wan: Wan,
    /// By how much the delays vary.
    pub jitter: Jitter,
    /// Their bandwidth.
    pub bandwidth: Bandwidth,
    /// The number of address groups of the nodes; `None` if each node has its own group.
    pub groups: Option<usize>,
    /// Their room.
    pub room: Room,
    /// The load.
    pub load: Load,
    /// The faults.
    pub faults: FaultPlan,
    /// Which of them break the rules.
    pub adversaries: AdversaryPlan,
    /// The time to repair losses, after the load.
    pub drain: Duration,
}

/// The result of a run that broke no rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survived {
    /// The run's fingerprint.
    pub trace_hash: String,
    /// Events processed.
    pub events: u64,
}

/// A run in which a rule was broken.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The draw.
    pub drawn: Box<Drawn>,
    /// The first violations.
    pub violations: Vec<Violation>,
    /// The number of all violations.
    pub count: u64,
    /// The run's fingerprint.
    pub trace_hash: String,
}

/// Why there is no verdict.
#[derive(Debug, thiserror::Error)]
pub enum SwarmError {
    /// A rule was broken.
    #[error("{0}")]
    Broken(Failure),
    /// The run could not be made.
    #[error("seed {seed} can't be run: {error:#}")]
    Setup {
        /// The seed.
        seed: u64,
        /// The reason.
        error: anyhow::Error,
    },
}

/// Draws and runs a small network, with every checker.
///
/// # Errors
/// If a rule was broken, or if the network can't be made.
pub fn run_swarm(seed: u64) -> Result<Survived, SwarmError> {
    Drawn::new(seed).run()
}

impl Drawn {
    /// Everything that a run needs, all checkers included.
    ///
    /// # Errors
    /// If the graph, the items or the nodes can't be made.
    pub fn setup(&self) -> anyhow::Result<Setup> {
        let mut setup = Scenario::from(self).setup_on(NETWORK.parse()?, BLOCK_BYTES, Seed(self.seed))?;
        setup.checkers = watchers::all(&setup);
        Ok(setup)
    }

    /// Runs it.
    ///
    /// # Errors
    /// If a rule was broken, or if it can't be run.
    pub fn run(&self) -> Result<Survived, SwarmError> {
        let finished = self.finish().map_err(|error| SwarmError::Setup { seed: self.seed, error })?;
        let findings = || finished.checkers.iter().map(|checker| checker.findings());
        let count = findings().map(checker::Findings::count).sum();
        let trace_hash = finished.trace_hash.clone();
        if count == 0 {
            return Ok(Survived { trace_hash, events: finished.events });
        }
        let violations = findings().flat_map(|findings| findings.kept().iter().cloned()).collect();
        Err(SwarmError::Broken(Failure { drawn: Box::new(self.clone()), violations, count, trace_hash }))
    }

    /// Runs it, and returns the whole result of the run.
    ///
    /// # Errors
    /// If it can't be run.
    pub fn finish(&self) -> anyhow::Result<Finished> {
        Ok(Simulation::new(self.setup()?).run(&mut |_| {})?)
    }
}

impl From<&Drawn> for Scenario {
    /// The scenario of a swarm's draw.
    fn from(drawn: &Drawn) -> Self {
        Self {
            name: format!("swarm {}", drawn.seed),
            nodes: Some(drawn.nodes),
            topology: drawn.topology.clone(),
            relay: drawn.relay.to_string(),
            reconcile_interval: Duration::from_micros(drawn.reconciliation.interval.as_micros()),
            reconcile_digest: drawn.reconciliation.digest.to_string(),
            wan: drawn.wan.clone(),
            jitter: drawn.jitter,
            bandwidth: drawn.bandwidth,
            groups: drawn.groups,
            partition: None,
            interval: None,
            drain: drawn.drain,
            check: CHECK,
            processing: Duration::ZERO,
            mempool_bytes: drawn.room.mempool_bytes,
            headers: drawn.room.headers,
            workload: drawn.load.clone(),
            faults: drawn.faults.clone(),
            adversaries: drawn.adversaries,
            members: None,
        }
    }
}

impl fmt::Display for Drawn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "seed {}: {} nodes in {} address groups, {}, {}, {} each {}, wan {}, jitter {}, bandwidth {}, drain {}\n  \
             load {}\n  faults {}\n  adversaries {}",
            self.seed,
            self.nodes,
            self.groups.unwrap_or(self.nodes),
            self.topology,
            self.relay,
            self.reconciliation.digest,
            Written(Duration::from_micros(self.reconciliation.interval.as_micros())),
            self.wan,
            self.jitter,
            self.bandwidth,
            Written(self.drain),
            json(&self.load),
            json(&self.faults),
            json(&self.adversaries),
        )
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "rules were broken {} times: testnet sim --swarm --seed {}", self.count, self.drawn.seed)?;
        writeln!(f, "{}\n  trace {}", self.drawn, self.trace_hash)?;
        self.violations.iter().take(10).try_for_each(|violation| writeln!(f, "  {violation}"))
    }
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
