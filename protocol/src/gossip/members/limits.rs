//! Bounds of the members: how many there are, who may shorten a suspicion, and what the detectors remember.

/// Members that a node knows. A record and its bookkeeping take about 1 KiB, so all of them take 16 MiB, and as
/// much again is left for the values that they set.
pub const MEMBERS_MAX: u32 = 16_384;
