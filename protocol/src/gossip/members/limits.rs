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
