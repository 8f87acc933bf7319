//! The result of a search for the capacity, as JSON.

use serde::{Deserialize, Serialize};

/// The value of [`Capacity::kind`].
pub const CAPACITY_KIND: &str = "capacity";

/// A search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Capacity {
    /// The version of the schema.
    pub schema: u32,
    /// [`CAPACITY_KIND`].
    pub kind: String,
    /// The engine that was measured.
    pub engine: String,
    /// The relay policy, as `--relay` spells it.
    pub relay: String,
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
    /// The highest rate that was carried, in transactions a second; null if none was.
    pub carried_per_s: Option<f64>,
    /// The lowest rate that was not carried; null if all were.
    pub failed_per_s: Option<f64>,
    /// Encoded bytes of each transaction.
    pub tx_bytes: usize,
    /// How long each rate was offered, in seconds.
    pub offered_s: f64,
    /// How long everything had to arrive afterwards, in seconds.
    pub drain_s: f64,
    /// The rates, in the order in which they were tried.
    pub steps: Vec<Step>,
}

/// One rate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Transactions a second.
    pub rate: f64,
    /// Whether it was carried.
    pub carried: bool,
    /// The reason if it was not carried; empty if it was.
    pub because: String,
    /// The number of transactions in the schedule.
    pub offered: u64,
    /// Transactions that their origin accepted.
    pub originated: u64,
    /// Deliveries that happened before the drain ended, divided by those wanted.
    pub coverage: Option<f64>,
    /// The median latency of these, in milliseconds.
    pub p50_ms: Option<f64>,
    /// The 95th percentile.
    pub p95_ms: Option<f64>,
    /// Wire bytes per such delivery.
    pub wire_bytes_per_delivery: Option<f64>,
    /// Processor time per such delivery, in microseconds.
    pub cpu_us_per_delivery: Option<f64>,
    /// The p99 lateness of a 50 ms timer in the nodes.
    pub lag_ms: Option<f64>,
    /// The greatest lateness of the instrument's own submissions, in milliseconds.
    pub submitted_late_ms: f64,
}
