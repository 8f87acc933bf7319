//! The report as JSON: one schema for every kind of run, so that one reader serves all. Numbers are numbers;
//! times in milliseconds (processor time in microseconds), sizes in bytes. A figure that does not exist is null, and
//! every name is always there.

use serde::{Deserialize, Serialize};

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
    /// Whose gossip was measured.
    pub engine: String,
    /// The relay policy, as `--relay` spells it.
    pub relay: String,
    /// Whether the nodes kept on disk what they had; null where that isn't a question: for engines without a store, and in a
    /// simulator.
    #[serde(default)]
    pub stored: Option<bool>,
    /// Nodes launched.
    pub nodes: usize,
    /// The topology, as `--topology` spells it.
    pub topology: String,
    /// The emulated links, as `--wan` spells it.
    pub wan: String,
    /// The seed of everything that chance decides.
    pub seed: u64,
    /// The command that made the report.
    pub command: String,
    /// False only for an unplanned loss of a node or a failure of the instrument.
    pub valid: bool,
    /// Why it is not valid; empty if it is.
    pub invalid_because: Vec<String>,
    /// Whether the machine was too slow for the load, so that the figures measure it and not the protocol.
    pub starved: bool,
    /// Bodies and announcements sent to a peer after its own copy or announcement was processed. Must be 0; null for
    /// engines that don't tell what they send.
    pub echoes: Option<u64>,
    /// Transactions that were submitted.
    pub tx: Propagation,
    /// Blocks that were produced or published.
    pub block: Propagation,
    /// What it took.
    pub cost: Cost,
    /// A simulator's fingerprint of the run; null for real processes.
    pub trace_hash: Option<String>,
    /// What only a simulator knows; null for real processes.
    pub sim: Option<Simulated>,
    /// How transactions spread round by round; null under other policies than `rumor`, and for real processes.
    pub rumor: Option<Rumored>,
    /// The run's place in a comparison; null outside of one.
    pub compared: Option<Compared>,
    /// The partition and what came after it; null if there was none.
    #[serde(default)]
    pub partition: Option<Healed>,
    /// How transactions spread in intervals; null unless a scenario has an interval, and for real processes.
    #[serde(default)]
    pub spread: Option<Spread>,
}

/// How transactions spread, in multiples of an interval since their submission. Rounds are intervals here, with
/// fractions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// An interval's length in milliseconds.
    pub interval_ms: f64,
    /// The curve, in quarters of an interval, until the last arrival.
    pub steps: Vec<Step>,
    /// Intervals until half of the nodes had the item; of items that came so far.
    pub to_half: Rounds,
    /// The same for 99 % of the nodes.
    pub to_99: Rounds,
    /// The same for all nodes.
    pub to_all: Rounds,
}

/// The share of nodes that had an item after so many intervals.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Since the submission.
    pub intervals: f64,
    /// The mean over items.
    pub informed: f64,
    /// The item that spread least.
    pub least: f64,
    /// The item that spread most.
    pub most: f64,
}

/// A partition, and how long it took to make good. Counted is what had entered before the heal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Healed {
    /// When it began, from the start of the load.
    pub at_ms: f64,
    /// How long it lasted.
    pub lasts_ms: f64,
    /// Nodes on either side.
    pub halves: [usize; 2],
    /// Deliveries to the other side of what entered while it lasted. Must be 0, or it was none.
    pub crossed: u64,
    /// From the heal until the last node had the last transaction; null if one never got there.
    pub items_after_ms: Option<f64>,
    /// From the heal until every node had the best tip that any node had at the heal, or a higher one; null if one
    /// never did.
    pub tips_after_ms: Option<f64>,
    /// Whether every node had every transaction in the end, those that entered after the heal included.
    pub same_items: bool,
    /// Whether every node had the same tip in the end.
    pub same_tips: bool,
    /// The later of both; null if a node never got there, or tips differ in the end.
    pub converged_after_ms: Option<f64>,
}

/// A run's place in a comparison.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compared {
    /// Which load: `plain`, `stray` or `one-time`.
    pub workload: String,
    /// Which round, from 1. Runs of one round have the same seed.
    pub round: u32,
    /// Whether the others are compared with this engine and policy.
    pub reference: bool,
}

/// What only a simulator knows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Simulated {
    /// Everything that the run was made of, as a scenario has it, defaults and drawn values included.
    pub options: serde_json::Value,
    /// The command that repeats the run.
    pub repeat: String,
    /// Events processed.
    pub events: u64,
    /// Inputs that engines handled.
    pub inputs: u64,
    /// Messages sent.
    pub messages: u64,
    /// Of these, lost.
    pub messages_lost: u64,
    /// Virtual time from the first start to the last event, in seconds.
    pub virtual_s: f64,
    /// Real time that the simulation took, in seconds.
    pub wall_s: f64,
    /// Events in a second of real time.
    pub events_per_s: Option<f64>,
    /// Inputs in a second of real time.
    pub inputs_per_s: Option<f64>,
    /// The process's peak resident memory over nodes; null if it simulated more than this run.
    pub memory_bytes_per_node: Option<f64>,
    /// Wire bytes that a node read, the greetings before the load left out.
    pub wire_bytes_per_node: Option<f64>,
    /// Who watched: `all`, `sampled` or `none`.
    pub checks: String,
    /// What checkers found, at most 100.
    pub violations: Vec<Broken>,
    /// How much they found.
    pub violations_found: u64,
    /// Nodes that broke the rules by plan.
    pub adversaries: usize,
    /// Connections that honest nodes ended for a misdeed.
    pub left: u64,
    /// Tips that honest nodes ended with which honest nodes connect; null if nobody watched.
    #[serde(default)]
    pub tips: Option<usize>,
    /// Signatures that honest nodes had checked, each node's counted.
    #[serde(default)]
    pub signatures: u64,
    /// Pairs of an item and a node that no honest nodes connected to one that had it; they are not held against it.
    pub unreachable: u64,
    /// The most bytes that a node's engine held, as it counts them.
    pub counted_bytes_max: Option<u64>,
    /// How full each bounded structure was at its fullest, the fullest first.
    pub filled: Vec<Filled>,
}

/// A bounded structure of an engine at its fullest, over all nodes and the whole run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Filled {
    /// Which.
    pub what: String,
    /// Entries or bytes.
    pub used: u64,
    /// Its bound.
    pub limit: u64,
    /// `used / limit`.
    pub share: f64,
    /// At which node.
    pub node: usize,
    /// When, in virtual milliseconds.
    pub at_ms: f64,
}

/// A rule that a checker found broken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Broken {
    /// Virtual time in milliseconds.
    pub at_ms: f64,
    /// At which node.
    pub node: usize,
    /// What, in a sentence.
    pub what: String,
}

/// How transactions spread round by round. A round is one tick of the nodes' clocks, at whole multiples of the round's
/// length: what came after the first tick that followed the submission, and before the second, came in round 1.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rumored {
    /// Bodies sent in a round by each hot node.
    pub fanout: u32,
    /// A round's length in milliseconds.
    pub round_ms: f64,
    /// The curve, from round 0 to the last one in which anything came.
    pub rounds: Vec<Round>,
    /// Rounds until half of the nodes had the item; of items that came so far.
    pub rounds_to_half: Rounds,
    /// The same for 99 % of the nodes.
    pub rounds_to_99: Rounds,
    /// The same for all nodes.
    pub rounds_to_all: Rounds,
    /// Rounds until all of the nodes have it as theory has it: `log(f+1) n + ln n / f`.
    pub rounds_to_all_model: Option<f64>,
    /// Bodies that a node received of each item, useful or not.
    pub messages_per_node: Option<f64>,
    /// Share of the nodes that an item never reached, over all items.
    pub residue: Option<f64>,
}

/// One round of [`Rumored`]: shares of the nodes that had an item after it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Round {
    /// Which.
    pub round: usize,
    /// The mean over items.
    pub informed: f64,
    /// The item that spread least.
    pub least: f64,
    /// The item that spread most.
    pub most: f64,
    /// What theory expects if nobody ever stops.
    pub si: f64,
    /// What theory expects if nodes cool as the policy says.
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
    /// `sweep`: one value after the other, or one seed after the other. `compare`: several engines on the same work.
    pub kind: String,
    /// What was varied; null if only seeds were.
    pub sweep: Option<Swept>,
    /// One report for each value and seed, in order.
    pub runs: Vec<Report>,
}

/// What a sweep varied.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Swept {
    /// The scenario's key.
    pub parameter: String,
    /// The value of each run, as it was given; for several seeds, the same value several times.
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
    /// Of these, those that happened.
    pub delivered: u64,
    /// `delivered / expected`.
    pub coverage: Option<f64>,
    /// From submission at the origin to acceptance at another node.
    pub latency_ms: Percentiles,
    /// From submission until the last node has it; of items that every node got.
    pub to_all_ms: Percentiles,
    /// Latency over the shortest path on the overlay; needs emulated links.
    pub stretch: Stretch,
    /// What no relay can beat: the delays of the shortest path, and the item's bytes once at the nodes' bandwidth; needs
    /// emulated links of limited bandwidth, and real processes.
    #[serde(default)]
    pub limit_ms: Typical,
    /// Latency over that limit.
    #[serde(default)]
    pub over_limit: Typical,
    /// Standalone bodies received for each useful one, minus 1.
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
    /// As [`Propagation::latency_ms`].
    pub latency_ms: Percentiles,
    /// As [`Propagation::stretch`].
    pub stretch: Stretch,
    /// As [`Cost::wire_ratio`]; null for real processes, whose bytes can't be told apart by item.
    pub wire_ratio: Option<f64>,
}

/// What the run took. Nodes that were killed count neither here nor in the deliveries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Bytes that nodes read from the transport, below noise and yamux, for each delivery of either kind; idle
    /// traffic subtracted.
    pub wire_bytes_per_delivery: Option<f64>,
    /// The same bytes over the summed lengths of what was delivered by itself.
    pub wire_ratio: Option<f64>,
    /// Bytes that an idle node read in a second, before the load.
    pub idle_bytes_per_s_per_node: Option<f64>,
    /// User and system time of the nodes for each delivery, in microseconds; the idle rate subtracted.
    pub cpu_us_per_delivery: Option<f64>,
    /// Peak resident memory of a node, in MiB.
    pub rss_mib: RssMib,
    /// The p99 lateness of a 50 ms timer in the nodes.
    pub lag_ms: Option<f64>,
    /// What control messages took to a neighbour over the link's delay, sent while the sender was uploading a block;
    /// needs emulated links, and real processes.
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
    /// What was measured of transactions, or of blocks if there were none.
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
