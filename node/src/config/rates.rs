//! How many bytes a node may send to and receive from all peers together in a second, and how many calls of the RPC it
//! serves in a second.
//!
//! `clock/rates.rs` and `rpc/http/turns.rs` keep the limits. Deliberately absent: a limit for one peer. The
//! engine has budgets for each peer.

/// The least limit, in bytes a second: 64 KiB. 74 peers, the usual number, then have 885 bytes a second each, so a
/// chunk of 16 KiB takes 18.5 s. A write may make no progress for 20 s (`WRITE_STALL`).
pub const RATE_LIMIT_MIN: u64 = 64 * 1024;

/// The largest limit, in bytes a second: 80 Gbit/s, more than a loopback carries.
pub const RATE_LIMIT_MAX: u64 = 10_000_000_000;

/// What a node needs for each peer, in bytes a second: 4 KiB, so that a chunk of 16 KiB takes 4 s. A node that has
/// less warns at its start.
pub const RATE_PER_PEER: u64 = 4 * 1024;

/// The limits of a node, in bytes a second; `None` for no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// For all bytes to peers.
    pub upload: Option<u64>,
    /// For all bytes from peers.
    pub download: Option<u64>,
}

/// The calls a second that all clients of the RPC without the cookie get together. 100 clients that call in a loop get
/// 14,000 answers a second, and these take a whole core: 70 µs each. So 2,000 take 14 % of a core.
pub const RPC_CALLS_DEFAULT: u32 = 2_000;

/// The least limit of calls a second. All 128 connections of the listener then have one call in 1.3 s.
pub const RPC_CALLS_MIN: u32 = 100;

/// The largest limit of calls a second, far more than a core can serve.
pub const RPC_CALLS_MAX: u32 = 1_000_000;
