//! Why items came, where the time went, and what late deliveries are due to: `causes` of a report. It follows from the
//! traces of real nodes, and from the same records of a simulation.

use serde::{Deserialize, Serialize};

use super::{Percentiles, Typical};

/// The causes of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Causes {
    /// Deliveries whose last hop is known.
    pub hops: u64,
    /// Hops by cause.
    pub by_cause: Vec<ByCause>,
    /// Bodies that nobody needed.
    pub needless: Bodies,
    /// Announcements that were received.
    pub announcements: u64,
    /// The sum of all hops' parts.
    pub time_ms: TimeMs,
    /// A hop that lost at least this much makes a delivery late.
    pub late_from_ms: f64,
    /// Late deliveries: those with such a hop on their way.
    pub late: u64,
    /// What they are due to, the most harmful first. Nodes that withhold are listed without harm, too.
    pub to_blame: Vec<ToBlame>,
    /// The slowest deliveries of each kind, at most [`SLOWEST_MAX`].
    pub slowest: Vec<SlowDelivery>,
    /// The nodes that get items last, at most [`SLOWEST_MAX`].
    pub nodes: Vec<LateNode>,
    /// The links that are the furthest above their floor, at most [`SLOWEST_MAX`].
    pub links: Vec<LateLink>,
}

/// Rows of each list of slowest things.
pub const SLOWEST_MAX: usize = 10;

/// Standalone bodies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bodies {
    /// Their number.
    pub count: u64,
    /// Their encoded bytes.
    pub bytes: u64,
}

/// The hops of one cause.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ByCause {
    /// The cause, as in `hops.csv`.
    pub cause: String,
    /// Their number.
    pub hops: u64,
    /// Encoded bytes of the items that they brought.
    pub bytes: u64,
    /// How long they took.
    pub hop_ms: Percentiles,
}

/// The sum of a run's hops, by part, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TimeMs {
    /// Waiting to be sent.
    pub queue: f64,
    /// Waiting for a push, an answer or a comparison.
    pub wait: f64,
    /// The emulated delays of links.
    pub floor: f64,
    /// Links, above this, where a late timer shows a busy processor.
    pub processor: f64,
    /// Links, above both.
    pub link: f64,
    /// Verification.
    pub verify: f64,
}

/// One thing that late deliveries are due to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ToBlame {
    /// `node`, `link`, `withholder`, or `nothing found`.
    pub what: String,
    /// The node, or the two ends of the link.
    pub nodes: Vec<usize>,
    /// Late deliveries whose slowest hop it made slow.
    pub late: u64,
    /// What these hops lost.
    pub lost_ms: Typical,
    /// The evidence, in a sentence.
    pub why: String,
}

/// A slow delivery.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SlowDelivery {
    /// `tx` or `block`.
    pub kind: String,
    /// The item's short id.
    pub item: String,
    /// Where it entered.
    pub origin: usize,
    /// Where it arrived late.
    pub node: usize,
    /// How long it took.
    pub latency_ms: f64,
    /// What it is due to, as in `hops.csv`; empty if nothing was found.
    pub blame: String,
    /// Its hops, from the origin on.
    pub hops: Vec<SlowHop>,
}

/// A hop of a slow delivery. Times are those of `hops.csv`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "docs/DATA.md explains each, by the same name")]
pub struct SlowHop {
    pub from: usize,
    pub node: usize,
    pub cause: String,
    pub hop_ms: Option<f64>,
    pub queue_ms: Option<f64>,
    pub wait_ms: Option<f64>,
    pub link_ms: Option<f64>,
    pub floor_ms: Option<f64>,
    pub processor_ms: Option<f64>,
    pub verify_ms: Option<f64>,
    pub lost_ms: Option<f64>,
    pub blame: String,
}

/// A node, and how late items are there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LateNode {
    /// The node.
    pub node: usize,
    /// The p95 of its latencies, over transactions if there were any.
    pub p95_ms: f64,
    /// The median by which messages to it took longer than their links.
    pub messages_late_ms: Option<f64>,
    /// The p95 lateness of its 50 ms timer.
    pub timer_late_ms: Option<f64>,
    /// What most of its late deliveries are due to; empty if it has none, or if nothing was found.
    pub blame: String,
}

/// A link in one direction, and how late messages are on it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LateLink {
    /// The sender.
    pub from: usize,
    /// The receiver.
    pub node: usize,
    /// Bodies and announcements that were measured.
    pub messages: u64,
    /// The link's delay; null if links aren't emulated.
    pub floor_ms: Option<f64>,
    /// The median by which messages took longer than that.
    pub late_ms: f64,
    /// What this is due to; empty if the link isn't slow.
    pub blame: String,
}
