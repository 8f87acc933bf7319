//! The part of a report about members.

use serde::{Deserialize, Serialize};

/// How members learned of each other, and what it cost. Times are in milliseconds, by nearest rank over all pairs of an
/// event and a member that lived to the end. A percentile is null if that many members never learned.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MembersFigures {
    /// How often a member took another one for dead that ran, was not paused, and could be reached by it.
    pub false_deaths: u64,
    /// The number of different members that these deaths were about. Null if real nodes were watched.
    #[serde(default)]
    pub falsely_dead: Option<u64>,
    /// As `false_deaths`, where a one-way cut lay between the two.
    pub deaths_over_cuts: u64,
    /// Accusations that were signed against a member that ran, was not paused, and could be reached by its accuser.
    pub false_accusations: u64,
    /// All other accusations.
    pub true_accusations: u64,
    /// How often an accused member signed a higher incarnation.
    pub refutations: u64,
    /// From the start of the run until a member saw all others alive.
    pub settle_ms: Learned,
    /// From a crash until a member took the crashed one for dead.
    pub detect_ms: Learned,
    /// From the start of a late node until a member knew it.
    pub join_ms: Learned,
    /// From the setting of an entry until a member held its value.
    pub entry_ms: Learned,
    /// From the heal of a partition until a member saw all others alive.
    pub heal_ms: Learned,
    /// Bytes that a member sent in a second of the load, for membership.
    pub bytes_per_s_per_node: Option<f64>,
    /// The same by what they were for.
    pub bytes_by_kind: BytesByKind,
    /// Bytes of membership state at the end, of the median member and of the one that has most.
    pub state_bytes: Held,
}

/// How long it took half of the members, 99 % of them, and all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Learned {
    pub p50: Option<f64>,
    pub p99: Option<f64>,
    pub max: Option<f64>,
}

/// Bytes a second and member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BytesByKind {
    /// News.
    pub news: Option<f64>,
    /// Comparisons.
    pub comparisons: Option<f64>,
    /// Requests for probes, and their answers.
    pub requests: Option<f64>,
    /// Pings, at a fixed number of bytes each.
    pub pings: Option<f64>,
    /// Short dials, at a fixed number of bytes each.
    pub dials: Option<f64>,
}

/// Bytes that members hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Held {
    pub p50: Option<u64>,
    pub max: Option<u64>,
}
