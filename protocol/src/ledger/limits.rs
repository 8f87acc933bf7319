//! Bounds of what a node holds: the mempool, the chain, orphans.

use crate::items::limits::{BLOCK_BYTES_MAX, VALID_UNTIL_AHEAD_MAX};
use crate::time::Duration;

/// Bytes of transactions in the mempool: 32 MiB, or eight full blocks.
pub const MEMPOOL_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Transactions in the mempool. One takes up to 1.1 KiB of memory beside its bytes, if it has an author of its own
/// (its fields, its counts and seven index entries): 67 MiB for all. So a full mempool takes at most 99 MiB.
pub const MEMPOOL_ENTRIES_MAX: usize = 65_536;

/// The number of bytes for which the smallest transaction counts: 512. So the bound in bytes implies the one in
/// entries, and an author's share is one number.
pub const MEMPOOL_CHARGE_MIN: usize = MEMPOOL_BYTES_MAX / MEMPOOL_ENTRIES_MAX;

/// An author may hold a 16th of the mempool (2 MiB) before the full pool sheds by author. Below that, shares of
/// authors say nothing, because new authors cost nothing, so the pool sheds by link.
pub const MEMPOOL_AUTHOR_SHARE: usize = 16;

/// Submitted transactions give way to nothing that comes by a link while they take at most a quarter of the
/// mempool (8 MiB), because their submitters were told that they are held.
pub const MEMPOOL_LOCAL_SHARE: usize = 4;

/// A transaction that has been in the mempool for this time is old, and is the first to be removed when there is
/// no room. Eight full blocks take a whole mempool, oldest first. So at one block a minute, no producer wanted a
/// transaction that is older.
pub const MEMPOOL_OLD_AFTER: Duration = Duration::from_secs(600);

/// A full mempool turns a link's share over no faster than this. 65,536 small transactions in 60 s are 1,092 a
/// second from all links, and an accepted one is sure to stay for about half of that time. This slows down junk
/// that would otherwise be passed on forever.
pub const MEMPOOL_TURNOVER: Duration = Duration::from_secs(60);

/// The part of a turnover that may come at once: an eighth of the share, 1,024 small items of each of eight links.
pub const MEMPOOL_TURNOVER_BURST: Duration = Duration::from_millis(7_500);

/// Transactions of one author and nonce in the mempool: enough to prove that a nonce was used twice, too few to
/// flood.
pub const TRANSACTIONS_PER_NONCE_MAX: usize = 2;

/// Headers remembered, on all branches: the best chain's part ([`CHAIN_BEST_HEADERS_MIN`]), a branch that left it
/// 10,000 blocks ago, and the shares of four producers. One takes up to 1.1 KiB with its index entries: 26 MiB. One
/// off the best chain takes up to 0.8 KiB more, if it has a producer of its own.
pub const CHAIN_HEADERS_MAX: usize = 24_576;

/// Headers of the best chain that no other branch can push out: more than [`VALID_UNTIL_AHEAD_MAX`], so that a
/// confirmed transaction is known for as long as it is valid.
pub const CHAIN_BEST_HEADERS_MIN: usize = 10_240;

/// Headers of one producer at one height that are accepted and passed on unasked: both sides of an equivocation,
/// and no more.
pub const HEADERS_PER_PRODUCER_MAX: usize = 2;

/// Headers off the best chain that one producer may have. A producer with more is the first to give some up when
/// the tree is full. Fourteen producers fill what the best chain's part leaves ([`CHAIN_HEADERS_MAX`]).
pub const HEADERS_OFF_BEST_SHARE: usize = 1_024;

/// Encoded bytes of the blocks whose bodies are in memory: 8 MiB, or two full blocks. The smallest transaction
/// takes 106 bytes and 0.25 KiB of fields: 20 MiB more when all are that small. The others are in durable storage.
pub const CHAIN_BODY_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Ids of transactions that are remembered by block: those of all remembered confirmed ones, and as many for other
/// branches. 32 bytes each: 4 MiB. Those of three full blocks fit.
pub const CHAIN_CONTENTS_MAX: usize = 2 * CONFIRMED_MAX;

/// Confirmed transactions that are remembered, the newest. One takes up to 160 bytes: 10 MiB. At 6 transactions a
/// block, this covers as long as a transaction can be valid. Beyond that, the filter and durable storage tell, and
/// a sender pays for a look-up.
pub const CONFIRMED_MAX: usize = 65_536;

/// Blocks of one part of the filter of confirmed transactions: a quarter of the heights that matter, so that at
/// most five parts are in use, and parts that are too old are removed soon.
pub const FILTER_PART_BLOCKS: u64 = VALID_UNTIL_AHEAD_MAX / 4;

/// Bits of the filter for each id.
pub const FILTER_BITS_PER_ID: usize = 16;

/// How many of the [`FILTER_BITS_PER_ID`] bits an id sets. When the filter is full, at least half of its bits are
/// zero: (1 - e^(-8/16))^8, so one in 1,700 new ids is looked up for each slice that is full.
pub const FILTER_PROBES: u64 = 8;

/// Ids of the smallest slice of a part; the slice takes 2 KiB.
pub const FILTER_SLICE_IDS_MIN: usize = 1_024;

/// Ids of the largest slice of a part; the slice takes 512 KiB.
pub const FILTER_SLICE_IDS_MAX: usize = 262_144;

/// Bytes of the filter: 16 MiB, for 8 million ids of 2 bytes, or 800 in each of 10,000 blocks. If there are more,
/// some part finds no room, and every id that may be in this part is looked up.
pub const FILTER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Invalid blocks remembered, the newest. One takes up to 230 bytes: 230 KiB.
pub const INVALID_BLOCKS_MAX: usize = 1_024;

/// Blocks without a parent, from one peer. With its index entries, a block takes up to 0.6 KiB beside its bytes:
/// 75 peers have 4,800, 2.8 MiB.
pub const ORPHANS_PER_PEER_MAX: usize = 64;

/// Encoded bytes of the blocks without a parent from one peer. 5 MiB are one full block and some small ones, or a
/// quarter more than is requested ahead ([`BLOCKS_AHEAD_BYTES_MAX`](crate::limits::BLOCKS_AHEAD_BYTES_MAX)).
pub const ORPHAN_PEER_BYTES_MAX: usize = BLOCK_BYTES_MAX + 1024 * 1024;

/// Encoded bytes of all orphans: 32 MiB, so six peers can fill their shares.
pub const ORPHAN_BYTES_MAX: usize = 32 * 1024 * 1024;

/// How long an orphan waits for its parent.
pub const ORPHAN_LIFETIME: Duration = Duration::from_secs(60);
