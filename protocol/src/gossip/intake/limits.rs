//! Bounds of what is in verification, and of what is remembered of submissions and look-ups.

use crate::items::limits::{BLOCK_TRANSACTIONS_MAX, HEADER_BYTES_MAX, TRANSACTION_BYTES_MAX};
use crate::ledger::limits::{MEMPOOL_ENTRIES_MAX, ORPHAN_PEER_BYTES_MAX, ORPHANS_PER_PEER_MAX};
use crate::wire::limits::{BULK_FRAME_BYTES_MAX, TRANSACTIONS_ENTRIES_MAX};

/// Acknowledged submissions that are watched until their last height: as many as the mempool holds, of up to 150
/// bytes each: 9.4 MiB.
pub const ACKNOWLEDGED_MAX: usize = MEMPOOL_ENTRIES_MAX;

/// Items of one peer in verification. From this number on, nothing more is read from the peer. One more message,
/// of 256 items, may still come in.
pub const CHECKS_PER_PEER_MAX: usize = 1_024;

/// Bytes of one peer's items in verification. From this number on, nothing more is read from the peer: 1 MiB. One
/// more message may still come in.
pub const CHECK_BYTES_PER_PEER_MAX: usize = 1024 * 1024;

/// The most jobs of one peer in verification. They are one job fewer than stop the reading, one message of 256
/// bodies, and the peer's orphans, if all are released together. Orphans of 5 MiB hold 49,461 signatures of 106
/// bytes: 96 full jobs. In addition, each of the 64 blocks may have one job that is not full.
pub const CHECKS_PEAK: usize = CHECKS_PER_PEER_MAX - 1
    + TRANSACTIONS_ENTRIES_MAX
    + ORPHAN_PEER_BYTES_MAX / 106 / BLOCK_JOB_SIGNATURES
    + ORPHANS_PER_PEER_MAX;

/// The most bytes of one peer's items in verification: 10 MiB. They are one byte fewer than stop the reading, one
/// message, and the peer's orphans, each counted with its header beside it.
pub const CHECK_BYTES_PEAK: usize = CHECK_BYTES_PER_PEER_MAX - 1
    + BULK_FRAME_BYTES_MAX
    + ORPHAN_PEER_BYTES_MAX
    + (ORPHANS_PER_PEER_MAX + 1) * HEADER_BYTES_MAX;

/// The number of peers whose announcements of one header are remembered while it is checked: more than a node has
/// slots. 128 of 8 bytes: 1 KiB a header.
pub const ANNOUNCERS_MAX: usize = 128;

/// Signatures of a block in one verification job: about 10 ms of one thread, so that all threads check a large
/// block.
pub const BLOCK_JOB_SIGNATURES: usize = 512;

/// Submitted items in verification. Beyond this number a submission is refused as busy.
pub const CHECKS_LOCAL_MAX: usize = 4_096;

/// The most jobs of submitted items. At worst each item is a block: its header is one job, and then its
/// transactions are 78 jobs. Only somebody who runs the node may submit that much.
pub const LOCAL_JOBS_PEAK: usize = CHECKS_LOCAL_MAX * BLOCK_TRANSACTIONS_MAX.div_ceil(BLOCK_JOB_SIGNATURES);

/// The length, in bytes, that an announced transaction is expected to have, because announcements don't tell it.
pub const TRANSACTION_BYTES_EXPECTED: usize = 512;

/// Transactions that are looked up in durable storage at one time. Each look-up takes about 50 microseconds.
pub const LOOKUPS_MAX: usize = 64;

/// Look-ups that wait for others and do not belong to a peer. They are for transactions that a reorganisation
/// returned, or that a block may repeat. 16,384 of about 80 bytes: 1.3 MiB. Look-ups that belong to a peer count
/// as its checks ([`CHECKS_PER_PEER_MAX`]).
pub const LOOKUPS_WAITING_MAX: usize = 16_384;

/// Remembered transactions that a look-up found to be confirmed: 16,384 of 210 bytes, 3.3 MiB. If a peer sends
/// more confirmed transactions than that, each is looked up again, and the peer pays for each look-up.
pub const FOUND_MAX: usize = 16_384;

/// The most verified transactions that wait for storage or the tip to move. It could not be told whether they are
/// confirmed.
pub const UNSURE_MAX: usize = 256;

/// The most bytes of the transactions that [`UNSURE_MAX`] counts: 16 of the largest.
pub const UNSURE_BYTES_MAX: usize = 16 * TRANSACTION_BYTES_MAX;

/// What a look-up costs its sender in the inbound budget: 16 KiB, so at most 1,024 a second for one peer, or a
/// twentieth of the store's thread.
pub const LOOKUP_COST_BYTES: u64 = 16 * 1024;
