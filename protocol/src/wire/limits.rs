//! Bounds of messages and frames.

use crate::items::limits::BLOCK_BYTES_MAX;
use crate::wire::symbol::{SYMBOL_BYTES, SYMBOLS_MAX};

/// Entries of an inv. 4,096 short ids with ages take 4,096 * (9 + 5) bytes and a few more: 56 KiB.
pub const INV_ENTRIES_MAX: usize = 4_096;

/// Entries of a getdata: 256 full ids take 8.5 KiB.
pub const GETDATA_ENTRIES_MAX: usize = 256;

/// Blocks in a notfound. A getblock names one, so more than one is never owed.
pub const NOTFOUND_BLOCKS_MAX: usize = 16;

/// Bodies in one transactions message: no more than one getdata can ask for.
pub const TRANSACTIONS_ENTRIES_MAX: usize = GETDATA_ENTRIES_MAX;

/// Ids of a had: no more than one transactions message can bring. 256 of 9 bytes: 2.3 KiB.
pub const HAD_ENTRIES_MAX: usize = TRANSACTIONS_ENTRIES_MAX;

/// Ids of a locator: 10 in single steps, then doubling steps that reach genesis from any height below 2^54.
pub const LOCATOR_ENTRIES_MAX: usize = 64;

/// Headers in one message: 256 of at most 192 bytes take 48 KiB, so they fit a control frame.
pub const HEADERS_ENTRIES_MAX: usize = 256;

/// Bytes of symbols in one message: 4,096 symbols of 11 bytes, 44 KiB.
pub const SYMBOLS_BYTES_MAX: usize = SYMBOLS_MAX * SYMBOL_BYTES;

/// Ids of one offer, and of each list of a difference: as many as a sketch can tell. With 6 and 8 bytes each they
/// take 56 KiB, which fits a control frame.
pub const OFFER_ENTRIES_MAX: usize = SYMBOLS_MAX;

/// Places that a take names: as many transactions as a getdata, because that many may be in flight from one peer.
pub const TAKE_PLACES_MAX: usize = GETDATA_ENTRIES_MAX;

/// Bytes of an item that still travels on the control lane: 4 KiB.
pub const CONTROL_ITEM_BYTES_MAX: usize = 4 * 1024;

/// Bytes of a control frame's message: 64 KiB, which holds the largest inv of short ids.
pub const CONTROL_FRAME_BYTES_MAX: usize = 64 * 1024;

/// Bytes of a bulk frame's message: the largest block and the two bytes of the message around it.
pub const BULK_FRAME_BYTES_MAX: usize = BLOCK_BYTES_MAX + 2;

/// Bytes of bodies that are put together into one transactions message of the control lane: half a frame.
pub const TRANSACTIONS_BATCH_BYTES_MAX: usize = CONTROL_FRAME_BYTES_MAX / 2;

/// Characters of a goodbye's reason: the longest of ours has 20.
pub const GOODBYE_REASON_LEN_MAX: usize = 32;

/// Statements of members in one message. The shortest, an accusation, has some 140 bytes, so that a control frame
/// holds fewer.
pub const STATEMENTS_MAX: usize = 512;

/// Routes named in one prune or graft: 256 of 9 bytes, 2.3 KiB.
pub const ROUTES_ENTRIES_MAX: usize = 256;

/// Gauges that one message names: more than the six that there are.
pub const GAUGES_MAX: usize = 16;

/// Bytes of an encoded message of push-sum: array 1, tag 2, gauge and epoch 9 each, high and low end 9 each, array 1,
/// and lowest and highest 9 each.
pub const TOTALS_BYTES_MAX: usize = 1 + 2 + 9 + 9 + 9 + 9 + 1 + 9 + 9;

/// Tickets of one message: 32 of 100 bytes, so that it is no larger than an item of the control lane.
pub const TICKETS_PER_MESSAGE_MAX: usize = 32;

/// Bytes of an encoded message of extrema: array 1, tag 2, epoch and fingerprint 9 each, array 2, and for each ticket
/// 34 and 66.
pub const TICKETS_BYTES_MAX: usize = 1 + 2 + 9 + 9 + 2 + TICKETS_PER_MESSAGE_MAX * (34 + 66);
