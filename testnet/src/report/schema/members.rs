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
    /// How wrong the estimates of round trips were at the end, between any two members.
    #[serde(default)]
    pub estimate_error_ms: EstimateError,
    /// What lies did; only if there were liars. What they believe, sign and send counts in no figure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lies: Option<LiesFigures>,
}

/// What lies about members did.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LiesFigures {
    /// Honest members at the end.
    pub honest: u64,
    /// Honest members that were alive at the end for the honest member that knew the fewest, itself included.
    pub honest_known: u64,
    /// Records that the honest member signed during the load about which liars lie, to refute.
    pub victim_refutations: u64,
    /// Bytes of these records in 10 s of the load, on the average.
    pub refuted_bytes_per_10_s: f64,
    /// Dials that honest members made to living honest members because of a lie.
    pub dials: u64,
    /// The most of these that one member made to one other within an hour.
    pub dials_in_an_hour: u64,
    /// Records with incarnations that their honest owners never signed, over all honest members at the end.
    pub forged_held: u64,
    /// Liars that answer nobody.
    pub silent: u64,
    /// Share of the pairs of an honest member and one of these liars in which the liar was dead at the end.
    pub silent_dead: Option<f64>,
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

/// The difference between an estimated and a true round trip, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct EstimateError {
    pub p50: Option<f64>,
    pub p90: Option<f64>,
}

/// Bytes that members hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Held {
    pub p50: Option<u64>,
    pub max: Option<u64>,
}
