//! The report as JSON. There is one schema for every kind of run, so that one reader serves all. Figures are JSON
//! numbers. Times are in milliseconds (processor time in microseconds), and sizes in bytes. A figure that does not
//! exist is null, and every name is always present.

pub mod causes;
pub mod members;

use serde::{Deserialize, Serialize};

use causes::Causes;
use members::MembersFigures;

use super::statistics::{Sorted, rounded};

/// The version of the schema.
pub const SCHEMA: u32 = 1;

/// One run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: u32,
    /// `run`: real processes. `sim`: engines in virtual time.
    pub kind: String,
    /// The engine that was measured.
    pub engine: String,
    /// The relay policy, as `--relay` spells it.
    pub relay: String,
    /// Whether the nodes kept their items on disk. Null if there is no choice: for engines without a store, and in
    /// a simulator.
    #[serde(default)]
    pub stored: Option<bool>,
    /// Nodes launched.
    pub nodes: usize,
    /// The topology, as `--topology` spells it.
    pub topology: String,
    /// The emulated links, as `--wan` spells it.
    pub wan: String,
    /// The seed from which everything random follows.
    pub seed: u64,
    /// The command that made the report.
    pub command: String,
    /// False only if a node was lost unplanned, or if the instrument failed.
    pub valid: bool,
    /// The reason if it is not valid; empty if it is.
    pub invalid_because: Vec<String>,
    /// Whether the machine was too slow for the load, so that the figures measure it and not the protocol.
    pub starved: bool,
    /// Bodies and announcements that were sent to a peer after its own copy or announcement was processed. It must
    /// be zero. It is null for engines that don't report their sends.
    pub echoes: Option<u64>,
    /// Transactions that were submitted.
    pub tx: Propagation,
    /// Blocks that were produced or published.
    pub block: Propagation,
    /// The cost of the run.
    pub cost: Cost,
    /// A simulator's fingerprint of the run; null for real processes.
    pub trace_hash: Option<String>,
    /// Data that only a simulator has; null for real processes.
    pub sim: Option<Simulated>,
    /// How transactions spread round by round; null with other policies than `rumor`, and for real processes.
    pub rumor: Option<Rumored>,
    /// The run's place in a comparison; null outside of one.
    pub compared: Option<Compared>,
    /// The partition, and how the network healed; null if there was none.
    #[serde(default)]
    pub partition: Option<Healed>,
    /// How transactions spread in intervals; null unless a scenario has an interval, and for real processes.
    #[serde(default)]
    pub spread: Option<Spread>,
    /// What a person did during the run. If it is not null, the figures are those of no planned run, and can't be
    /// compared with another's.
    #[serde(default)]
    pub by_hand: Option<ByHand>,
    /// How members learned of each other; null unless nodes watched each other, and for real processes.
    #[serde(default)]
    pub members: Option<MembersFigures>,
    /// Why items came, and what late deliveries are due to; null for engines without a trace of it, and for
    /// simulations that are too large for it.
    #[serde(default)]
    pub causes: Option<Causes>,
}

/// What a person did to a run through its page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ByHand {
    /// Transactions sent.
    pub transactions: u64,
    /// Blocks published.
    pub blocks: u64,
    /// Nodes killed.
    pub killed: u64,
    /// Nodes stopped for a while.
    pub paused: u64,
    /// Cuts of the network.
    pub cuts: u64,
}

/// How transactions spread, in multiples of an interval since their submission. Here rounds are intervals, with
/// fractions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// An interval's length in milliseconds.
    pub interval_ms: f64,
    /// The curve, in quarters of an interval, until the last arrival.
    pub steps: Vec<Step>,
    /// Intervals until half of the nodes had the item, over the items that reached half of the nodes.
    pub to_half: Rounds,
    /// The same for 99 % of the nodes.
    pub to_99: Rounds,
    /// The same for all nodes.
    pub to_all: Rounds,
}

/// The share of nodes that had an item after this number of intervals.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Intervals since the submission.
    pub intervals: f64,
    /// The mean over items.
    pub informed: f64,
    /// The share of the item that spread least.
    pub least: f64,
    /// The share of the item that spread most.
    pub most: f64,
}

/// A partition, and how long the repair took. Only items that had entered before the heal are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Healed {
    /// When it began, counted from the start of the load.
    pub at_ms: f64,
    /// How long it lasted.
    pub lasts_ms: f64,
    /// Nodes on either side.
    pub halves: [usize; 2],
    /// Deliveries to the other side of items that entered while it lasted. Must be 0, because otherwise there was
    /// no partition.
    pub crossed: u64,
    /// From the heal until the last node had the last transaction; null if a node never had it.
    pub items_after_ms: Option<f64>,
    /// From the heal until every node had the best tip that any node had at the heal, or a higher one; null if a
    /// node never did.
    pub tips_after_ms: Option<f64>,
    /// Whether every node had every transaction at the end, including those that entered after the heal.
    pub same_items: bool,
    /// Whether every node had the same tip at the end.
    pub same_tips: bool,
    /// The later of both; null if a node never got there, or if tips differ at the end.
    pub converged_after_ms: Option<f64>,
}

/// A run's place in a comparison.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compared {
    /// The load: `plain`, `stray` or `one-time`.
    pub workload: String,
    /// The round, from 1. Runs of one round have the same seed.
    pub round: u32,
    /// Whether the others are compared with this engine and policy.
    pub reference: bool,
}

/// Data that only a simulator has.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Simulated {
    /// Everything that defines the run, as a scenario, including defaults and drawn values.
    pub options: serde_json::Value,
    /// The command that repeats the run.
    pub repeat: String,
    /// Events processed.
    pub events: u64,
    /// Inputs that engines handled.
    pub inputs: u64,
    /// Messages sent.
    pub messages: u64,
    /// The number of these that were lost.
    pub messages_lost: u64,
    /// Virtual time from the first start to the last event, in seconds.
    pub virtual_s: f64,
    /// Real time that the simulation took, in seconds.
    pub wall_s: f64,
    /// Events per second of real time.
    pub events_per_s: Option<f64>,
    /// Inputs per second of real time.
    pub inputs_per_s: Option<f64>,
    /// The process's peak resident memory divided by the number of nodes; null if it simulated more than this run.
    pub memory_bytes_per_node: Option<f64>,
    /// The same as it was estimated before the run; null if a file decided on the graph.
    #[serde(default)]
    pub memory_bytes_per_node_estimated: Option<u64>,
    /// Wire bytes that a node read, without the greetings before the load.
    pub wire_bytes_per_node: Option<f64>,
    /// The checkers: `all`, `sampled` or `none`.
    pub checks: String,
    /// The violations that checkers found, at most 100.
    pub violations: Vec<Broken>,
    /// The number of all violations.
    pub violations_found: u64,
    /// Nodes that broke the rules by plan.
    pub adversaries: usize,
    /// Connections that honest nodes ended because of misbehavior.
    pub left: u64,
    /// The number of different tips at the end among honest nodes that honest nodes connect; null without
    /// checkers.
    #[serde(default)]
    pub tips: Option<usize>,
    /// Signatures that honest nodes had checked, counted for each node.
    #[serde(default)]
    pub signatures: u64,
    /// Pairs of an item and a node that no honest nodes connected to a node that had it. They are not counted as
    /// violations.
    pub unreachable: u64,
    /// The most bytes that a node's engine held, as the engine counts them.
    pub counted_bytes_max: Option<u64>,
    /// The highest use of each bounded structure, the fullest structure first.
    pub filled: Vec<Filled>,
}

/// The highest use of a bounded structure of an engine, over all nodes and the whole run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Filled {
    /// The structure.
    pub what: String,
    /// Entries or bytes.
    pub used: u64,
    /// Its limit.
    pub limit: u64,
    /// `used / limit`.
    pub share: f64,
    /// The node.
    pub node: usize,
    /// The time, in virtual milliseconds.
    pub at_ms: f64,
}

/// A rule that a checker found broken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Broken {
    /// The virtual time in milliseconds.
    pub at_ms: f64,
    /// The node.
    pub node: usize,
    /// The violation, in a sentence.
    pub what: String,
}

/// How transactions spread round by round. A round is one tick of the nodes' clocks, at whole multiples of the
/// round's length. An item that arrived after the first tick that followed the submission, and before the second,
/// arrived in round 1.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rumored {
    /// Bodies sent in a round by each hot node.
    pub fanout: u32,
    /// A round's length in milliseconds.
    pub round_ms: f64,
    /// The curve, from round 0 to the last one in which anything arrived.
    pub rounds: Vec<Round>,
    /// Rounds until half of the nodes had the item, over the items that reached half of the nodes.
    pub rounds_to_half: Rounds,
    /// The same for 99 % of the nodes.
    pub rounds_to_99: Rounds,
    /// The same for all nodes.
    pub rounds_to_all: Rounds,
    /// Rounds until all nodes have it, as theory predicts: `log(f+1) n + ln n / f`.
    pub rounds_to_all_model: Option<f64>,
    /// Bodies that a node received of each item, useful or not.
    pub messages_per_node: Option<f64>,
    /// Share of the nodes that an item never reached, over all items.
    pub residue: Option<f64>,
}

/// One round of [`Rumored`]: shares of the nodes that had an item after it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Round {
    /// The round.
    pub round: usize,
    /// The mean over items.
    pub informed: f64,
    /// The share of the item that spread least.
    pub least: f64,
    /// The share of the item that spread most.
    pub most: f64,
    /// The share that theory predicts if nodes never stop.
    pub si: f64,
    /// The share that theory predicts if nodes cool as the policy says.
    pub sir: f64,
}

/// Percentiles of a number of rounds over items.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Rounds {
    pub p50: Option<f64>,
    pub p95: Option<f64>,
    pub max: Option<f64>,
}

/// Several runs in one file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Runs {
    /// [`SCHEMA`].
    pub schema: u32,
    /// `sweep`: one value after the other, or one seed after the other. `compare`: several engines on the same
    /// work.
    pub kind: String,
    /// The key that was varied; null if only seeds were.
    pub sweep: Option<Swept>,
    /// One report for each value and seed, in order.
    pub runs: Vec<Report>,
}

/// The key that a sweep varied, and its values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Swept {
    /// The scenario's key.
    pub parameter: String,
    /// The value of each run, as it was given. With several seeds, the same value stands there several times.
    pub values: Vec<String>,
}

/// How items of one kind spread.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Propagation {
    /// Items that the workload tried to submit.
    pub offered: u64,
    /// Items that their origin accepted.
    pub originated: u64,
    /// Deliveries wanted: for each item that a surviving node accepted, the surviving nodes other than its origin.
    pub expected: u64,
    /// The number of these that happened.
    pub delivered: u64,
    /// `delivered / expected`.
    pub coverage: Option<f64>,
    /// From submission at the origin to acceptance at another node.
    pub latency_ms: Percentiles,
    /// From submission until the last node has it, over the items that every node got.
    pub to_all_ms: Percentiles,
    /// Latency divided by that of the shortest path on the overlay. It needs emulated links.
    pub stretch: Stretch,
    /// The limit that no relay can beat: the delays of the shortest path, and the time of the item's bytes once at
    /// the nodes' bandwidth. It needs emulated links of limited bandwidth, and real processes.
    #[serde(default)]
    pub limit_ms: Typical,
    /// Latency divided by that limit.
    #[serde(default)]
    pub over_limit: Typical,
    /// Standalone bodies received per useful one, minus 1.
    pub redundancy: Option<f64>,
    /// Without each author's first 3 items and without strays.
    pub warm: Warm,
}

/// Percentiles by nearest rank.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Percentiles {
    pub p50: Option<f64>,
    pub p90: Option<f64>,
    pub p95: Option<f64>,
    pub p99: Option<f64>,
    pub max: Option<f64>,
}

/// Percentiles of the stretch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Stretch {
    pub p50: Option<f64>,
    pub p95: Option<f64>,
    pub p99: Option<f64>,
}

/// Two percentiles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Typical {
    pub p50: Option<f64>,
    pub p95: Option<f64>,
}

/// The figures of settled routes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Warm {
    /// Like [`Propagation::latency_ms`].
    pub latency_ms: Percentiles,
    /// Like [`Propagation::stretch`].
    pub stretch: Stretch,
    /// Like [`Cost::wire_ratio`]; null for real processes, because their bytes can't be assigned to items.
    pub wire_ratio: Option<f64>,
}

/// The cost of the run. Killed nodes count neither here nor in the deliveries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Bytes that nodes read from the transport, below noise and yamux, per delivery of either kind. Idle traffic
    /// is subtracted.
    pub wire_bytes_per_delivery: Option<f64>,
    /// The same bytes divided by the total length of the standalone bodies that were delivered.
    pub wire_ratio: Option<f64>,
    /// Bytes that an idle node read in a second, before the load.
    pub idle_bytes_per_s_per_node: Option<f64>,
    /// User and system time of the nodes per delivery, in microseconds. The idle rate is subtracted.
    pub cpu_us_per_delivery: Option<f64>,
    /// Peak resident memory of a node, in MiB.
    pub rss_mib: RssMib,
    /// The p99 lateness of a 50 ms timer in the nodes.
    pub lag_ms: Option<f64>,
    /// How much longer than the link's delay a control message took to a neighbour while its sender was uploading
    /// a block. It needs emulated links, and real processes.
    #[serde(default)]
    pub control_excess_ms: Percentiles,
}

/// Peak resident memory over the nodes, in MiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct RssMib {
    pub p50: Option<f64>,
    pub max: Option<f64>,
}

impl Report {
    /// The figures of transactions, or of blocks if there were no transactions.
    #[must_use]
    pub const fn tx_or_block(&self) -> &Propagation {
        if self.tx.offered > 0 { &self.tx } else { &self.block }
    }
}

impl Percentiles {
    /// The five percentiles, to the microsecond if `values` are milliseconds.
    #[must_use]
    pub fn of(values: &Sorted) -> Self {
        let at = |percent| values.percentile(percent).map(|value| rounded(value, 3));
        Self { p50: at(50), p90: at(90), p95: at(95), p99: at(99), max: at(100) }
    }
}
