//! Bounds of the inventory.

/// Ids that one link is known to have and that this node has not handled. At one more the oldest is forgotten. As
/// many as one peer may have announced and not yet delivered. Such an id has an entry of its own if no other link
/// has it (132 bytes) and 8 bytes in its link's queue: 560 KiB a link, 39 MiB for 72 links of which no two announce
/// the same.
pub const UNHANDLED_MAX: usize = 4_096;

/// Accepted ids remembered: 65,536 of 132 bytes: 8.3 MiB.
pub const SEEN_ACCEPTED_MAX: usize = 65_536;

/// Rejected ids remembered: 16,384 of 132 bytes: 2.1 MiB.
pub const SEEN_REJECTED_MAX: usize = 16_384;

/// Ids remembered of transactions that were refused at sight: 16,384 of 132 bytes, 2.1 MiB.
pub const SEEN_DECLINED_MAX: usize = 16_384;

/// Entries that are swept of the bits of links that left, each time when one more leaves: 96 KiB that lie in a
/// row, about 20 microseconds. A table of 65,536 entries is swept after 64 such times at the latest, so at most 128
/// numbers wait to be handed out again.
pub const SWEEP_PER_LINK: usize = 1_024;

/// The same for each new entry, while there is something to sweep: about 0.1 microseconds. A table of 65,536
/// entries is swept within 8,192 new ones, 41 s at 200 a second.
pub const SWEEP_PER_ENTRY: usize = 8;
