//! Bounds of the members: how many there are, who may shorten a suspicion, and what the detectors remember.

use crate::time::Duration;

/// Members that a node knows. A record and its bookkeeping take about 1 KiB, so all of them take 16 MiB, and as
/// much again is left for the values that they set.
pub const MEMBERS_MAX: u32 = 16_384;

/// This number of accusers brings a suspicion down to its least duration. More accusers change nothing, so
/// accusations of others need not be kept. memberlist waits for as many with its default of 4 for the multiplier:
/// the first accuser and two confirmations (`suspectNode`: `k = SuspicionMult - 2`).
pub const SUSPICION_ACCUSERS: usize = 3;

/// If a node was not running for longer than this time, nobody is accused for the same time. Its peers' answers
/// may still wait unread. Cassandra's `MAX_LOCAL_PAUSE_IN_MS`.
pub const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Intervals of one peer that the accrual detector remembers: Cassandra's `SAMPLE_SIZE`. 1,024 places of 4 bytes:
/// 4 KiB a peer, and 300 KiB for 75 peers.
pub const PHI_WINDOW: usize = 1_000;

/// Dimensions of a coordinate, beside its height: Serf's default. Ledlie and others found no gain beyond 7
/// ("Network Coordinates in the Wild", NSDI 2007).
pub const COORDINATE_DIMENSIONS: usize = 8;

/// No part of a coordinate is further from zero than this: a round trip is never longer, so no honest node gets
/// there.
pub const COORDINATE_MAX: Duration = Duration::from_secs(10);

/// Longer round trips are no samples: Serf's `maxRTT`.
pub const COORDINATE_ROUND_TRIP_MAX: Duration = Duration::from_secs(10);

/// No sample counts for more than this difference between the round trip and the estimate. With a quarter of it
/// (cc) a sample moves a node by at most 25 ms. Without this bound, a liar could move a node by a quarter of
/// anything that it claims, or of the time by which it delays its answers. Differences between honest nodes are
/// larger only before they have found their places.
pub const COORDINATE_RESIDUAL_MAX: Duration = Duration::from_millis(100);

/// Samples of one peer, of which the median counts: Serf's `LatencyFilterSize`. 12 bytes a peer.
pub const LATENCY_FILTER_SAMPLES: usize = 3;

/// Samples of all peers, of which the adjustment is the average: Serf's `AdjustmentWindowSize`.
pub const ADJUSTMENT_WINDOW: usize = 20;
