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
    /// `run`: real processes.
    pub kind: String,
    /// Whose gossip was measured.
    pub engine: String,
    /// The relay policy, as `--relay` spells it.
    pub relay: String,
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
    /// Bodies and announcements sent to a peer after its own copy or announcement was processed. Must be 0.
    pub echoes: u64,
    /// Transactions that were submitted.
    pub tx: Propagation,
    /// Blocks that were produced or published.
    pub block: Propagation,
    /// What it took.
    pub cost: Cost,
    /// A simulator's fingerprint of the run; null for real processes.
    pub trace_hash: Option<String>,
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
}

/// Peak resident memory over the nodes, in MiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct RssMib {
    pub p50: Option<f64>,
    pub max: Option<f64>,
}

impl Percentiles {
    /// The five percentiles, to the microsecond if `values` are milliseconds.
    #[must_use]
    pub fn of(values: &Sorted) -> Self {
        let at = |percent| values.percentile(percent).map(|value| rounded(value, 3));
        Self { p50: at(50), p90: at(90), p95: at(95), p99: at(99), max: at(100) }
    }
}
