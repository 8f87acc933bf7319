//! Bounds and intervals of aggregates.

use crate::time::Duration;
use crate::wire::limits::TICKETS_PER_MESSAGE_MAX;

/// The largest value, and with a minus sign the lowest, in millionths: 2^53, which is about 9,007 million. Seconds
/// since 1970 fit. Programs that read numbers as floating point read each one up to here exactly.
pub const VALUE_MAX: i64 = 1 << 53;

/// Members over which an exact aggregate is taken: as many as a full view has. A value with its member takes 16
/// bytes if members are numbers: 256 KiB. Their sum stays below 2^14 * 2^53 = 2^67, far inside an `i128`.
pub const EXACT_MEMBERS_MAX: usize = 16_384;

/// The most of the members, in thousandths, that a trimmed mean leaves out at either end. At 500 nothing would be
/// left; at 499 at least one of any number is.
pub const TRIM_MAX: u16 = 499;

/// Bytes of a gauge's name.
pub const GAUGE_NAME_BYTES_MAX: usize = 64;

/// The time between two ticks of a machine.
pub const AGGREGATE_INTERVAL: Duration = Duration::from_secs(1);

/// Links of one machine: 1,024. With its place in an ordered map, a link of push-sum takes 74 bytes, 74 KiB in
/// all; one of extrema propagation takes 117 bytes, 117 KiB in all.
pub const AGGREGATE_LINKS_MAX: usize = 1_024;

/// The weight of one member. Places in a gauge's range have the same unit, so they are exact to a part in 2^40.
pub const WEIGHT_ONE: u64 = 1 << 40;

/// The weight that one link may bring in an epoch at either end of the range, beyond what went the other way: that
/// of two members. It limits what a liar can do with a link, and what can go over a link that joins two parts of a
/// network. A ring of 16 members needs all of it: the half with the higher values gives a quarter of the members'
/// weight over two links. A random regular network of degree 8 needs less than 1.
pub const NET_FLOW_MAX: u64 = 2 * WEIGHT_ONE;

/// The links on which a machine sends mass in one tick. Each gets as much as stays. In simulated networks of
/// degree 8 with three, all of 1,024 members are within 1 % after 13 ticks; with one, as in push-sum by Kempe and
/// others, after
/// 23. After a member has left they recover in the same proportion.
pub const SENDS_PER_TICK: usize = 3;

/// Draws of a member: 256, whose standard error is 1 / sqrt(254), 6.3 %. Twice as many would send twice the bytes
/// for 4.4 %. Four come from each hash.
pub const DRAWS: usize = 256;

/// Tickets of one link whose signatures may be in verification: two full messages.
pub const TICKETS_IN_CHECK_MAX: usize = 2 * TICKETS_PER_MESSAGE_MAX;

/// Tickets of one link that a node looks at in an epoch, besides those that it holds. Among a million members each
/// of 256 minima is lowered 14 times if tickets come in a random order: 3,700 tickets at most. With all of them
/// sent again [`RESENDS_PER_LINK_MAX`] times, an honest link needs 4,800. A liar with one link costs a node 64
/// hashes and one check for each: 0.5 s in an epoch.
pub const TICKETS_PER_LINK_MAX: usize = 8_192;

/// Ticks between two messages without a ticket, which only say what the sender holds.
pub const FINGERPRINT_TICKS: u64 = 16;

/// How often in an epoch all tickets are sent to a link again because its fingerprint differs: 26 kB each time.
pub const RESENDS_PER_LINK_MAX: u8 = 4;
