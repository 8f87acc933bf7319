//! Every bound and interval of the protocol, each with its arithmetic. Constants only.

use crate::time::Duration;

/// Characters in a network's name.
pub const NETWORK_ID_LEN_MAX: usize = 32;

// Items.

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

// Messages.

/// Entries of an inv. 4,096 short ids with ages take 4,096 * (9 + 5) bytes and some: 56 KiB.
pub const INV_ENTRIES_MAX: usize = 4_096;

/// Entries of a getdata: 256 full ids take 8.5 KiB.
pub const GETDATA_ENTRIES_MAX: usize = 256;

/// Blocks in a notfound. A getblock names one, so more than one is never owed.
pub const NOTFOUND_BLOCKS_MAX: usize = 16;

/// Bodies in one transactions message: no more than one getdata can ask for.
pub const TRANSACTIONS_ENTRIES_MAX: usize = GETDATA_ENTRIES_MAX;

/// Ids of a locator: 10 by ones, then doubling steps reach genesis from any height below 2^54.
pub const LOCATOR_ENTRIES_MAX: usize = 64;

/// Headers in one message: 256 of at most 211 bytes take 53 KiB, so they fit a control frame.
pub const HEADERS_ENTRIES_MAX: usize = 256;

/// Bytes of an item that still travels on the control lane: 4 KiB.
pub const CONTROL_ITEM_BYTES_MAX: usize = 4 * 1024;

/// Bytes of a control frame's message: 64 KiB, which holds the largest inv of short ids.
pub const CONTROL_FRAME_BYTES_MAX: usize = 64 * 1024;

/// Bytes of a bulk frame's message: the largest block and the message's two bytes around it.
pub const BULK_FRAME_BYTES_MAX: usize = BLOCK_BYTES_MAX + 2;

/// Bytes of bodies put together into one transactions message of the control lane: half a frame.
pub const TRANSACTIONS_BATCH_BYTES_MAX: usize = CONTROL_FRAME_BYTES_MAX / 2;

// The bulk lane's pace.

/// Bytes written to the bulk lane at a time: 16 KiB, so that control frames get in between.
pub const BULK_CHUNK_BYTES: usize = 16 * 1024;

/// Bytes on the bulk lane that the reader hasn't acknowledged: 64 KiB, about one bandwidth-delay product of
/// 10 Mbit/s and 50 ms.
pub const BULK_WINDOW_BYTES: usize = 64 * 1024;

// Credit: what the engine may have queued at the driver, per peer.

/// Bytes of control frames queued for one peer: 256 KiB.
pub const CONTROL_CREDIT_BYTES: usize = 256 * 1024;

/// Of these, bytes that bodies leave free, so that requests and announcements always have room: 64 KiB.
pub const CONTROL_RESERVE_BYTES: usize = 64 * 1024;

/// Bytes of bulk frames queued for one peer: two of the largest blocks.
pub const BULK_CREDIT_BYTES: usize = 2 * BULK_FRAME_BYTES_MAX;

// Conversation.

/// A peer that hasn't said Hello after this is disconnected.
pub const HELLO_TIMEOUT: Duration = Duration::from_secs(5);

/// Between two invs to one peer. The first of a quiet time leaves at once, so this batches bursts only.
pub const ANNOUNCE_INTERVAL: Duration = Duration::from_millis(20);

/// Entries of one announcing batch; with the interval at most 51,200 ids a second to one peer.
pub const ANNOUNCE_BATCH_MAX: usize = 1_024;

/// Ids waiting to be announced to one peer. 16,384 entries of 16 bytes: 256 KiB.
pub const ANNOUNCE_QUEUE_MAX: usize = 16_384;

// Requests: what a peer's announcements may occupy, and how long they may hold up an item.

/// Transactions that one peer may have announced and not yet delivered: geth's bound. An announcement that nobody
/// shares takes about 280 bytes in all structures, so 4,096 take 1.1 MiB a peer.
pub const REQUEST_ANNOUNCEMENTS_MAX: usize = 4_096;

/// The same for blocks, apart from transactions so that a burst of these can't crowd out a block: the blocks of one
/// headers message.
pub const REQUEST_BLOCK_ANNOUNCEMENTS_MAX: usize = HEADERS_ENTRIES_MAX;

/// Transactions in flight from one peer: one full getdata.
pub const REQUESTS_IN_FLIGHT_MAX: usize = GETDATA_ENTRIES_MAX;

/// Blocks in flight from one peer: Bitcoin Core's bound, and as many as one notfound can name.
pub const REQUEST_BLOCKS_IN_FLIGHT_MAX: usize = NOTFOUND_BLOCKS_MAX;

/// A peer is not asked for more than this much of its measured rate at once (one item may exceed it): well under
/// [`REQUEST_EXPIRY_MAX`], so that an honest queue never expires.
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

/// Bodies of so many bytes tell a peer's rate, shorter ones its response: at 1 MiB/s this one takes 31 ms, which is
/// still seen beside a round trip.
pub const REQUEST_RATE_SAMPLE_BYTES_MIN: usize = 32 * 1024;

/// Strikes that are counted for one peer or group. At one less a minute, an hour.
pub const STRIKES_MAX: u32 = 60;

/// Time that takes one strike away.
pub const STRIKE_DECAY_INTERVAL: Duration = Duration::from_secs(60);

/// Requests served after a strike that take one strike away.
pub const STRIKE_DECAY_SERVED: u32 = 8;

/// Address groups whose strikes are remembered. 4,096 entries of about 80 bytes: 320 KiB.
pub const STRIKE_GROUPS_MAX: usize = 4_096;
