//! Bounds of requests: how much room announcements may take, how long they may hold up an item, and what a peer is
//! owed.

use crate::time::Duration;
use crate::wire::limits::{GETDATA_ENTRIES_MAX, HEADERS_ENTRIES_MAX, NOTFOUND_BLOCKS_MAX};

/// Replies (bodies, headers, notfounds) owed to one peer and waiting for credit. Four full getdatas; a peer that
/// keeps the rule of 256 requests in flight never comes near this bound. 1,024 entries of 48 bytes: 48 KiB.
pub const SERVE_QUEUE_MAX: usize = 1_024;

/// The number of newest blocks that are sent before older ones: the tip and the one before it. This matters for a
/// peer that waits for both kinds.
pub const FRESH_BLOCKS: u64 = 2;

/// Transactions that one peer may have announced and not yet delivered: geth's bound. An announcement that no
/// other peer shares takes up to 463 bytes in all structures, so 4,096 take 1.8 MiB a peer.
pub const REQUEST_ANNOUNCEMENTS_MAX: usize = 4_096;

/// The same for blocks: as many as one headers message has. They are counted apart from transactions, so that a
/// burst of transactions can't crowd out a block.
pub const REQUEST_BLOCK_ANNOUNCEMENTS_MAX: usize = HEADERS_ENTRIES_MAX;

/// Transactions in flight from one peer: one full getdata.
pub const REQUESTS_IN_FLIGHT_MAX: usize = GETDATA_ENTRIES_MAX;

/// Blocks in flight from one peer: Bitcoin Core's bound, and the number that one notfound can name.
pub const REQUEST_BLOCKS_IN_FLIGHT_MAX: usize = NOTFOUND_BLOCKS_MAX;

/// A node may send a block to this number of peers, one after the other, before it sends the block to us. It is
/// the number of a node's outbound peers. So a request for a block is given this multiple of the block's transfer
/// time.
pub const REQUEST_BLOCK_SHARERS: u64 = 8;

/// A peer is not asked for more at once than it sends in this time at its measured rate (one item may exceed it).
/// This is well under [`REQUEST_EXPIRY_MAX`], so that an honest queue never expires.
pub const REQUEST_QUEUE_MAX: Duration = Duration::from_secs(2);

/// No request expires sooner.
pub const REQUEST_EXPIRY_MIN: Duration = Duration::from_millis(250);

/// No request expires later: an announcer that withholds delays one item by this at most.
pub const REQUEST_EXPIRY_MAX: Duration = Duration::from_secs(5);

/// A peer's assumed response time before the first is measured.
pub const REQUEST_RESPONSE_INITIAL: Duration = Duration::from_secs(1);

/// A peer's assumed rate in bytes a second before one is measured: 1 MiB/s.
pub const REQUEST_RATE_INITIAL: u64 = 1024 * 1024;

/// The lowest rate that is believed, in bytes a second: a 64 KiB item then takes 1 s.
pub const REQUEST_RATE_MIN: u64 = 64 * 1024;

/// The highest rate that is believed, in bytes a second: 1 GiB/s.
pub const REQUEST_RATE_MAX: u64 = 1024 * 1024 * 1024;

/// Bodies of at least this number of bytes show a peer's rate. Shorter bodies show its response time. At 1 MiB/s a
/// body of this length takes 31 ms, which can still be told apart from a round trip.
pub const REQUEST_RATE_SAMPLE_BYTES_MIN: usize = 32 * 1024;

/// The most strikes that are counted for one peer. One is taken away each minute, so they last an hour.
pub const STRIKES_MAX: u32 = 60;

/// The time that takes one strike away.
pub const STRIKE_DECAY_INTERVAL: Duration = Duration::from_secs(60);

/// Requests served after a strike that take one strike away.
pub const STRIKE_DECAY_SERVED: u32 = 8;

/// The most strikes that are counted for an address group. They lower the rank of a new peer of the group, beside
/// its own strikes. They are gone after five minutes, or 40 requests served. They are enough to rank the peer
/// after every announcer that has withheld nothing lately. They are too few to rank it after a peer that goes on
/// withholding.
pub const GROUP_STRIKES_MAX: u32 = 5;

/// Address groups whose strikes are remembered. 4,096 entries of about 80 bytes: 320 KiB.
pub const STRIKE_GROUPS_MAX: usize = 4_096;
