//! Bounds and intervals of catching up, and of what durable storage is asked for.

use crate::items::limits::BLOCK_BYTES_MAX;
use crate::ledger::limits::{CHAIN_HEADERS_MAX, ORPHANS_PER_PEER_MAX};
use crate::time::Duration;

/// The time between two getheaders to one peer. An answer that brought nothing new, although the peer tells of
/// more, doubles the time until the next, up to [`CATCH_UP_INTERVAL_MAX`]. After headers that were refused it is
/// [`CATCH_UP_INTERVAL_MAX`] at once.
pub const GETHEADERS_INTERVAL: Duration = Duration::from_secs(2);

/// Refused branches that are remembered by their last header, so that no peer sends again what led there: one for
/// each of a few peers. 8 entries of about 120 bytes.
pub const REFUSED_ENDS_MAX: usize = 8;

/// How long refused branches are remembered, from the first refusal on. Refusals that rest on what the tree holds
/// may not last.
pub const REFUSED_ENDS_LIFETIME: Duration = CATCH_UP_INTERVAL_MAX;

/// A node is behind if a higher block is known or told, and no block has moved the tip for this long. This
/// includes time for two requests that expire, each after 5 s at most.
pub const BEHIND_AFTER: Duration = Duration::from_secs(10);

/// The best header counts for the best known height while a body of its branch came within this time. A producer
/// can sign headers without bodies, but it stops no node for longer than this.
pub const BODIES_AWAITED: Duration = Duration::from_secs(60);

/// After its first peer's Hello a node produces no block for this time while a peer tells of a height that no
/// header here has: time for two answers to a getheaders. This happens once in a run, because nobody has checked
/// what a peer tells.
pub const HEARING: Duration = Duration::from_secs(10);

/// A node that deletes bodies keeps those of this number of newest heights. If a peer lacks a block that lies
/// deeper below its tip, it lacks those before it as well.
pub const KEPT_DEPTH_MIN: u64 = 288;

/// While blocks are missing on the way to the best header, they are looked for again after this time, and after
/// twice as long each time that none came, because every peer that was asked may have answered before it had them.
pub const CATCH_UP_INTERVAL_MIN: Duration = GETHEADERS_INTERVAL;

/// The longest such time. Headers whose bodies no peer has cost 64 requests to each peer in it, about 2.5 KiB.
pub const CATCH_UP_INTERVAL_MAX: Duration = Duration::from_secs(64);

/// This number of looks in a row for the lowest missing block must be in vain before other branches are asked for:
/// with the times above, after about 14 s.
pub const DETOUR_LOOKS: u32 = 2;

/// On a detour more headers are asked for when fewer than this number wait for their bodies. It is the number of
/// blocks that are requested ahead, so that these never run out.
pub const DETOUR_HEADERS_AHEAD_MAX: u64 = BLOCKS_AHEAD_MAX as u64;

/// Peers that are asked for their branch at one look. 48 KiB of headers come from each.
pub const DETOUR_PEERS_MAX: usize = 4;

/// Blocks that are requested ahead while catching up. They are no more than the orphans of one peer, in case they
/// come out of order. At 16 in flight from a peer, four peers are kept busy.
pub const BLOCKS_AHEAD_MAX: usize = ORPHANS_PER_PEER_MAX;

/// The expected bytes of blocks that are requested ahead: 4 MiB. The lowest of them is never an orphan, so less
/// than that can wait. A peer's share of 5 MiB holds them, even if all of them come from that peer and are a
/// quarter longer than expected.
pub const BLOCKS_AHEAD_BYTES_MAX: usize = BLOCK_BYTES_MAX;

/// This number of blocks is requested ahead however long they are: while one comes, the next is on its way. Of two
/// only one can wait, at most 4 MiB.
pub const BLOCKS_AHEAD_MIN: usize = 2;

/// While a later block is here already, the request for the lowest missing one may take this long. Then the next
/// announcer is asked. This is Bitcoin Core's `BLOCK_STALLING_TIMEOUT_DEFAULT`.
pub const BLOCK_STALL_MIN: Duration = Duration::from_secs(2);

/// The longest such time, after doublings. Bitcoin Core's `BLOCK_STALLING_TIMEOUT_MAX` is 64 s, for blocks that
/// may take ten minutes. The time here is longer than [`REQUEST_EXPIRY_MAX`](crate::limits::REQUEST_EXPIRY_MAX):
/// two requests in a row are ended, and those after them expire.
pub const BLOCK_STALL_MAX: Duration = Duration::from_secs(8);

/// When the tip is this far below the best header, no more headers are asked for: 16 messages of them, and 64
/// times the blocks that are requested ahead. One more message may still come in, which makes 4,351.
/// [`CHAIN_BEST_HEADERS_MIN`](crate::limits::CHAIN_BEST_HEADERS_MIN) are sure to be kept.
pub const HEADERS_AHEAD_MAX: u64 = 4_096;

/// Blocks that are being loaded from durable storage, for all peers together. This number of the largest blocks is
/// 128 MiB. That much can come at once only while such large blocks were not expected.
pub const LOADS_MAX: usize = 32;

/// The same for one peer.
pub const LOADS_PER_PEER_MAX: usize = 16;

/// Blocks that wait for their transactions to return to the mempool; the highest are kept. As many as the tree has
/// headers. Up to 80 bytes each: 1.9 MiB.
pub const RETURNING_MAX: usize = CHAIN_HEADERS_MAX;

/// Pairs of headers that are kept as evidence against one producer, each for another height: enough to tell an
/// accident from a habit.
pub const EVIDENCE_PER_PRODUCER_MAX: usize = 8;

/// Producers against whom evidence is kept; the first ones stay. A pair takes about 0.5 KiB: 256 × 8 take 1 MiB.
pub const EVIDENCE_PRODUCERS_MAX: usize = 256;
