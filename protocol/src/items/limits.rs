//! Bounds of items: how large they may be, and how long they live.

/// The most characters in a network's name.
pub const NETWORK_ID_LEN_MAX: usize = 32;

/// Bytes of a transaction's payload: 64 KiB.
pub const PAYLOAD_BYTES_MAX: usize = 64 * 1024;

/// Bytes of an encoded transaction: payload, array header 1, author 34, two integers of 9, payload header 5
/// and signature 66.
pub const TRANSACTION_BYTES_MAX: usize = PAYLOAD_BYTES_MAX + 1 + 34 + 9 + 9 + 5 + 66;

/// Bytes of an encoded block: 4 MiB.
pub const BLOCK_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Transactions in a block. The smallest takes 104 bytes and a length of 2: 4 MiB / 106 is 39,568.
pub const BLOCK_TRANSACTIONS_MAX: usize = 39_568;

/// How far ahead of the tip a transaction's `valid_until` may lie, in blocks.
pub const VALID_UNTIL_AHEAD_MAX: u64 = 10_000;

/// Bytes of an encoded signed header: array 1, height 9, parent 34, producer 34, time 9, root 34, count 5 and
/// signature 66.
pub const HEADER_BYTES_MAX: usize = 1 + 9 + 34 + 34 + 9 + 34 + 5 + 66;

/// Bytes of the encoded list of transactions in a block, whatever its header: the block less its array's 1 byte
/// and its header.
pub const BLOCK_BODY_BYTES_MAX: usize = BLOCK_BYTES_MAX - 1 - HEADER_BYTES_MAX;

/// Signatures that are checked by one equation. Each saves less than the one before, and a bad one among them costs
/// all of them a second check. The tables of 64 signatures by as many authors take 130 KiB.
pub const BATCH_SIGNATURES_MAX: usize = 64;
