//! Bounds of one link: what may be queued for a peer and be announced to it, and what it may cost.

use crate::items::limits::BLOCK_BYTES_MAX;
use crate::time::Duration;
use crate::wire::limits::BULK_FRAME_BYTES_MAX;

/// Bytes of control frames queued for one peer: 256 KiB.
pub const CONTROL_CREDIT_BYTES: usize = 256 * 1024;

/// Of these, bytes that bodies must leave free, so that requests and announcements always have room: 64 KiB.
pub const CONTROL_RESERVE_BYTES: usize = 64 * 1024;

/// The free control credit that is needed for a request, a notfound or an announced header: the largest getdata or
/// notfound is 256 full ids, 8.5 KiB, and as much again may go out beside it.
pub const REQUEST_ROOM_BYTES: usize = 20 * 1024;

/// The free control credit that is needed for a batch of announcements or headers: 1,024 entries of at most 39
/// bytes, or 256 headers of 192.
pub const ANNOUNCE_ROOM_BYTES: usize = 54 * 1024;

/// Bytes of bulk frames queued for one peer: two of the largest blocks.
pub const BULK_CREDIT_BYTES: usize = 2 * BULK_FRAME_BYTES_MAX;

/// A peer that hasn't said Hello after this time is disconnected.
pub const HELLO_TIMEOUT: Duration = Duration::from_secs(5);

/// The time between two invs to one peer. The first inv after a quiet time leaves at once, so this interval only
/// makes batches of bursts.
pub const ANNOUNCE_INTERVAL: Duration = Duration::from_millis(20);

/// Entries of one announcing batch; with the interval at most 51,200 ids a second to one peer.
pub const ANNOUNCE_BATCH_MAX: usize = 1_024;

/// Ids waiting to be announced to one peer. 16,384 of 32 bytes: 512 KiB, 36 MiB for 72 peers.
pub const ANNOUNCE_QUEUE_MAX: usize = 16_384;

/// Block headers waiting to be announced to one peer; the oldest go first.
pub const HEADER_QUEUE_MAX: usize = 16;

/// The longest time that announcements to a peer wait for others, while the peer does not need them.
pub const ANNOUNCE_WINDOW_MAX: Duration = Duration::from_secs(1);

/// Inbound budget of a peer, in bytes a second: 16 MiB. A peer above it is not read until it is within it again.
pub const INBOUND_BYTES_PER_SEC: u64 = 16 * 1024 * 1024;

/// The most that the inbound budget saves up: two of the largest blocks.
pub const INBOUND_BURST_BYTES: u64 = 2 * BLOCK_BYTES_MAX as u64;

/// What a transaction body costs in the inbound budget besides its length: 4 KiB, so at most 4,096 signature
/// checks a second for one peer, a fifth of a core at 50 microseconds each.
pub const BODY_COST_BYTES: u64 = 4 * 1024;

/// What a body costs in the inbound budget in addition, if it was verified in vain or was refused before. With
/// [`BODY_COST_BYTES`] this is 32 KiB. So at most 512 such bodies a second come from one peer, a fortieth of a
/// core.
pub const REFUSED_COST_BYTES: u64 = 28 * 1024;

/// Good items that a link must have delivered first, before its items are checked together with those of others: 16.
/// A bad one makes a batch of up to 64 take 2.4 to 3.5 times as long (`verify_cost`). So a link that is made for this
/// brings 16 items that the network wanted for each such batch, and is then disconnected.
pub const VERIFIED_FIRST: u64 = 16;

/// How often this number doubles for the links of an address group that brought bad signatures after it: ten times, to
/// 16,384 items. So 1,000 identities of one group bring 16 bad batches for 32,000 good items, and then one for each
/// 16,384 more.
pub const BETRAYALS_MAX: u32 = 10;

/// One such doubling is forgotten in this time.
pub const BETRAYAL_FADES: Duration = Duration::from_secs(3_600);

/// Address groups of which this is remembered. 1,024 of about 70 bytes: 70 KiB.
pub const BETRAYAL_GROUPS_MAX: usize = 1_024;

/// What a message that names items costs per byte: 16, so at most 100,000 entries a second for one peer.
pub const INV_COST_FACTOR: u64 = 16;

/// The cost of a place, which a take names by one bit. It is that of a short id in a getdata, 9 bytes.
pub const PLACE_COST_BYTES: u64 = 9 * INV_COST_FACTOR;

/// The least that any message costs: 256 bytes, so at most 65,536 messages a second for one peer, however short.
/// An empty one takes about a microsecond: a fifteenth of a core.
pub const MESSAGE_COST_BYTES: u64 = 256;

/// The rate at which bodies that a peer asked for may be sent, in bytes a second: as much as the peer would read
/// if it keeps the same budget. So a peer that catches up gets blocks as fast as it accepts them.
pub const UPLOAD_BYTES_PER_SEC: u64 = INBOUND_BYTES_PER_SEC;

/// The most that this budget saves up.
pub const UPLOAD_BURST_BYTES: u64 = INBOUND_BURST_BYTES;

/// Blocks and large transactions that were sent to one peer because it asked, and that are remembered, in two
/// generations of half as many. A generation is a table of 1,024 places of 9 bytes: 18 KiB in all, 1.3 MiB for 72
/// peers.
pub const SENT_MAX: usize = 1_024;

/// The rate at which bodies may be sent to a peer a second time, in bytes a second: 64 KiB, so the largest block
/// once in 64 s. A node asks the same peer again only if it has lost what it had, or has stopped waiting for it.
pub const REPEAT_BYTES_PER_SEC: u64 = 64 * 1024;

/// The most that this budget saves up: 1 MiB. The last repeat may go over it. So a peer may get a block of 4 MiB
/// twice at once, and then again after 48 s. Without this budget it could get the block four times in each second.
pub const REPEAT_BURST_BYTES: u64 = 1024 * 1024;
