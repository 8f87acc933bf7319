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

/// Signatures that are checked by one equation. Each saves less than the one before, and a bad one among them
/// costs all of them a second check. The tables of 64 signatures by as many authors take 130 KiB.
pub const BATCH_SIGNATURES_MAX: usize = 64;

/// Bytes of an encoded member record: 1 KiB. Without addresses it takes at most 305: array 1, key 34, instance 9,
/// three integers of 9, 9 and 5, agent 66, two lists of 1, three relays of 34, presence 1 and signature 66. So
/// there is room for 8 addresses of 100 bytes, or for fewer that are longer.
pub const RECORD_BYTES_MAX: usize = 1_024;

/// Addresses in a member record.
pub const MEMBER_ADDRESSES_MAX: usize = 8;

/// Bytes of one address: the longest DNS name has 253 characters, and codes, lengths and a port take fewer than
/// 20.
pub const MEMBER_ADDRESS_BYTES_MAX: usize = 272;

/// Peers that relay for a member, in its record.
pub const MEMBER_RELAYS_MAX: usize = 3;

/// Bytes of a member's agent. `hearsay/` and a version take about 15.
pub const AGENT_LEN_MAX: usize = 64;

/// A record that was issued longer ago is refused: three days, in milliseconds. A member signs its record again
/// each day, so two renewals may be lost. A member is forgotten after seven days. So nobody can bring it back with
/// an old record.
pub const RECORD_AGE_MAX_MS: u64 = 3 * 24 * 3_600 * 1_000;

/// A record that lies further ahead is refused: one day, in milliseconds. This is for clocks that are set to
/// another time zone.
pub const RECORD_AHEAD_MAX_MS: u64 = 24 * 3_600 * 1_000;

/// Entries of one member.
pub const ENTRIES_MAX: usize = 64;

/// Bytes of an entry's key.
pub const ENTRY_KEY_LEN_MAX: usize = 64;

/// Bytes of all keys and values of one member: 4 KiB.
pub const ENTRIES_BYTES_MAX: usize = 4 * 1024;

/// Bytes of a member's encoded entries: array 1, owner 34, version 9, list 2 and signature 66; for each entry an
/// array of 1, headers of 2 for the key and 3 for the value, and a version of 9; and the keys and values.
pub const ENTRIES_STATEMENT_BYTES_MAX: usize =
    1 + 34 + 9 + 2 + 66 + ENTRIES_MAX * (1 + 2 + 3 + 9) + ENTRIES_BYTES_MAX;

/// Bytes of an encoded accusation: array 1, two keys of 34, incarnation 9 and signature 66.
pub const ACCUSATION_BYTES_MAX: usize = 1 + 34 + 34 + 9 + 66;

/// The blocks of an epoch. At one block in 5 s this is 5 minutes, of which aggregates over some thousand
/// members need half a minute.
pub const EPOCH_BLOCKS: u64 = 60;

/// An epoch begins when this number of blocks lies above the block that names it, so that a short reorganisation
/// does not change its name.
pub const EPOCH_DEPTH: u64 = 6;
