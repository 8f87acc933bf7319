//! What the page is told: batches as JSON, each with what has changed since the last one. Figures are absolute, so a
//! page that missed a batch is right again with the next. Times are milliseconds since the beginning of the record.
//!
//! The page's scripts know these names. Deliberately absent: where a batch comes from.

use serde::Serialize;

/// Everything that changed up to a moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Batch {
    /// The moment.
    pub t: f64,
    /// What the page must know first. With it, the page forgets what it knew.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hello: Option<Hello>,
    /// The phase of the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// Nodes that changed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<NodeView>,
    /// Links that opened or closed: two nodes, the smaller number first, and whether the link is open.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<(usize, usize, bool)>,
    /// The place of every node, each coordinate from 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub places: Option<Vec<[f64; 2]>>,
    /// Items that have spread.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub waves: Vec<Wave>,
    /// Figures of transactions and of blocks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub figures: Option<[Figures; 2]>,
    /// Bytes by cause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<BytesBy>,
    /// The slowest node and link.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slow: Option<Slow>,
    /// Entries of the timeline.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<Happened>,
    /// Whether nothing follows.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub over: bool,
}

/// What does not change during a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Hello {
    /// The command.
    pub title: String,
    /// `run` for a run under way, `replay` for a record of one, `sim` for a record of a simulation.
    pub kind: &'static str,
    /// The number of nodes.
    pub nodes: usize,
    /// How late a run under way is shown, in milliseconds.
    pub late_ms: u64,
    /// From which round trips the graph and the floor are computed.
    pub measured: &'static str,
    /// The controls.
    pub controls: Controls,
}

/// Which controls there are. A text says why one is missing.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Controls {
    /// Whether there are any.
    pub any: bool,
    /// Why no block can be made.
    pub no_block: Option<String>,
    /// Why the network can't be cut.
    pub no_cut: Option<String>,
}

/// A node as the page shows it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct NodeView {
    /// Its number.
    pub n: usize,
    /// Its state.
    pub state: State,
    /// Its links.
    pub links: usize,
    /// The height of its tip.
    pub height: u64,
    /// Items that it accepted.
    pub items: u64,
    /// The p95 of its latest latencies, in milliseconds.
    pub p95_ms: Option<f64>,
    /// How late its timers were in the last second: the p99, in milliseconds.
    pub late_ms: Option<f64>,
}

/// What is known of a node's process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It has not told anything yet.
    #[default]
    Starting,
    /// It runs.
    Up,
    /// It is stopped for a while.
    Paused,
    /// It was killed.
    Killed,
    /// It ended by itself.
    Lost,
    /// It ended in order.
    Ended,
}

/// One item's way through the network.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Wave {
    /// `transaction` or `block`.
    pub kind: &'static str,
    /// Its short id.
    pub id: String,
    /// The node where it entered.
    pub origin: usize,
    /// When it was submitted, in milliseconds.
    pub t: f64,
    /// Its encoded bytes.
    pub bytes: u64,
    /// Whether a person sent it.
    pub by_hand: bool,
    /// The number of nodes that should get it.
    pub wanted: usize,
    /// Its arrivals in the order of time, four numbers each: the node; the neighbour that brought it, or -1; the
    /// microseconds since the submission; and 1 if it came within a block, plus 2 if the node had to ask for it.
    pub arrivals: Vec<i64>,
}

/// The figures of one kind of items since the beginning.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Figures {
    /// Items that entered.
    pub submitted: u64,
    /// Deliveries that should have happened, of items that had their time.
    pub expected: u64,
    /// Deliveries that happened, of these items.
    pub delivered: u64,
    /// Bodies received for each useful one, minus 1.
    pub redundancy: Option<f64>,
    /// The median of the latency, in milliseconds.
    pub p50_ms: Option<f64>,
    /// Its p95.
    pub p95_ms: Option<f64>,
    /// Its p99.
    pub p99_ms: Option<f64>,
    /// The curve of the latencies: upper ends in milliseconds, and shares of the expected deliveries.
    pub curve: Vec<(f64, f64)>,
    /// The curve of the floors of the same deliveries.
    pub floor: Vec<(f64, f64)>,
}

/// Bytes that all nodes read, by cause.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct BytesBy {
    /// Read from the transport in all.
    pub read: u64,
    /// Bodies that were needed.
    pub needed: u64,
    /// Bodies that were not needed.
    pub unneeded: u64,
    /// Announcements received.
    pub announced: u64,
    /// Bytes of messages about items, bodies included. 0 for this and the next ones if the nodes don't tell.
    pub relay: u64,
    /// Bytes of reconciliation.
    pub repair: u64,
    /// Bytes of catching up.
    pub sync: u64,
    /// Bytes of membership.
    pub members: u64,
    /// Bytes of hellos, acknowledgements and pings.
    pub link: u64,
    /// Bytes read in the last second.
    pub per_s: u64,
}

/// The slowest node and link, with the reason in words.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Slow {
    /// The node with the highest p95.
    pub node: Option<SlowNode>,
    /// The link, in one direction, with the highest median.
    pub link: Option<SlowWay>,
}

/// A slow node.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct SlowNode {
    /// Its number.
    pub n: usize,
    /// The p95 of its latest latencies, in milliseconds.
    pub p95_ms: f64,
    /// The reason.
    pub why: String,
}

/// A slow link in one direction.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct SlowWay {
    /// The sender.
    pub from: usize,
    /// The receiver.
    pub to: usize,
    /// The median of its latest hops, in milliseconds.
    pub p50_ms: f64,
    /// The reason.
    pub why: String,
}

/// An entry of the timeline.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Happened {
    /// When, in milliseconds.
    pub t: f64,
    /// `phase`, `kill`, `pause`, `resume`, `cut`, `heal`, `block`, `lost` or `hand`.
    pub what: &'static str,
    /// The same in words.
    pub text: String,
}
