//! What a search for the capacity found, as JSON.

use serde::{Deserialize, Serialize};

/// What [`Capacity::kind`] says.
pub const CAPACITY_KIND: &str = "capacity";

/// A search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Capacity {
    /// The version of the schema.
    pub schema: u32,
    /// [`CAPACITY_KIND`].
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
    /// The highest rate that was carried, in transactions a second; null if none was.
    pub carried_per_s: Option<f64>,
    /// The lowest rate that was not; null if all were.
    pub failed_per_s: Option<f64>,
    /// Encoded bytes of each transaction.
    pub tx_bytes: usize,
    /// How long each rate was offered, in seconds.
    pub offered_s: f64,
    /// How long everything might take to arrive afterwards, in seconds.
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
    /// Why not; empty if it was.
    pub because: String,
    /// Transactions that the schedule had.
    pub offered: u64,
    /// Transactions that their origin accepted.
    pub originated: u64,
    /// Deliveries that happened before the drain ended, over those wanted.
    pub coverage: Option<f64>,
    /// The median latency of these, in milliseconds.
    pub p50_ms: Option<f64>,
    /// The 95th percentile.
    pub p95_ms: Option<f64>,
    /// Wire bytes for each of them.
    pub wire_bytes_per_delivery: Option<f64>,
    /// Processor time for each of them, in microseconds.
    pub cpu_us_per_delivery: Option<f64>,
    /// The p99 lateness of a 50 ms timer in the nodes.
    pub lag_ms: Option<f64>,
    /// By how much the instrument's own submissions were late at worst, in milliseconds.
    pub submitted_late_ms: f64,
}
