//! Swarm testing: from a seed a small network, its load, its faults and its adversaries, and the verdict of all checkers
//! on it. Which faults are possible at all is drawn first, and how strong they are then: networks that suffer from one
//! thing only, and hard, find what mixtures hide (Groce and others, "Swarm testing", 2012; TigerBeetle's simulator).
//!
//! What is drawn stays within what a correct system must survive; so every violation is an error of the engine, of the
//! simulator, or of the demand. Deliberately absent: measuring anything.

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

/// Bytes of a block that holds the mempool: enough for what a small network writes between two blocks.
const BLOCK_BYTES: usize = 256 * 1024;

/// A small network and everything that is to happen to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawn {
    /// What all of it follows from.
    pub seed: u64,
    /// Nodes.
    pub nodes: usize,
    /// Who is connected to whom.
    pub topology: Topology,
    /// How nodes relay.
    pub relay: RelayPolicy,
    /// How nodes reconcile.
    pub reconciliation: Reconciliation,
    /// How far apart they are.
    pub wan: Wan,
    /// By how much that varies.
    pub jitter: Jitter,
    /// How much they send in a second.
    pub bandwidth: Bandwidth,
    /// How many groups their addresses lie in; `None` for one for each.
    pub groups: Option<usize>,
    /// How much room they have.
    pub room: Room,
    /// What they write.
    pub load: Load,
    /// What happens to them.
    pub faults: FaultPlan,
    /// Which of them break the rules.
    pub adversaries: AdversaryPlan,
    /// Time to make good what was lost, after the load.
    pub drain: Duration,
}

/// What a run that broke no rule came to.
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
    /// What was drawn.
    pub drawn: Box<Drawn>,
    /// What was broken, the first ones.
    pub violations: Vec<Violation>,
    /// How often in all.
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
        /// Why.
        error: anyhow::Error,
    },
}

/// Draws and runs a small network, watched by every checker.
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

    /// Runs it, and returns all that is left of the run.
    ///
    /// # Errors
    /// If it can't be run.
    pub fn finish(&self) -> anyhow::Result<Finished> {
        Ok(Simulation::new(self.setup()?).run(&mut |_| {})?)
    }
}

impl From<&Drawn> for Scenario {
    /// The scenario that a swarm's draw comes to.
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
