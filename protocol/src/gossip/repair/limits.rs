//! Bounds and intervals of reconciliation.

use crate::ledger::limits::MEMPOOL_ENTRIES_MAX;
use crate::time::Duration;
use crate::wire::limits::{GETDATA_ENTRIES_MAX, OFFER_ENTRIES_MAX};
use crate::wire::symbol::SYMBOLS_MAX;

/// Transactions younger than this stay out of sketches, because relay is still at work.
pub const RECONCILE_AGE_MIN: Duration = Duration::from_secs(2);

/// Transactions that a node may put into a sketch of its own in each interval. If more are pending, it begins
/// conversations in proportion less often: with 60,000 every 30 intervals. Otherwise a full mempool would be
/// hashed twice a second, for items that were compared a moment ago.
pub const RECONCILE_ITEMS_MAX: usize = 2_048;

/// A conversation in which the peer is silent for longer is given up: several round trips. A conversation that a
/// node began prevents it from beginning another, so it must not last long for nothing.
pub const RECONCILE_STEP: Duration = Duration::from_secs(2);

/// A conversation that takes longer is given up: dozens of round trips.
pub const RECONCILE_TIMEOUT: Duration = Duration::from_secs(10);

/// Conversations that are answered at a time. An id of a full mempool takes 8 bytes and its sketch 18 more;
/// symbols take 256 KiB. This is 1.9 MiB for each, and 15 MiB in all.
pub const RECONCILE_SERVED_MAX: usize = 8;

/// Conversations that are answered in a second, of all peers. A sketch of a full mempool takes about 5 ms: a
/// twelfth of a processor.
pub const RECONCILE_SERVED_PER_SEC: u64 = 16;

/// A peer that opens a conversation sooner after the one before is told that we are busy.
pub const RECONCILE_PEER_INTERVAL_MIN: Duration = Duration::from_millis(200);

/// A peer may open one conversation in this time without a disadvantage: with the default intervals, each of eight
/// peers opens every eight seconds. For each opening above this pace it leaves one answer more to others.
pub const RECONCILE_PEER_PACE: Duration = Duration::from_secs(2);

/// A conversation that is answered gives its place to another when its peer has been silent for this time: a round
/// trip, with some to spare.
pub const RECONCILE_SILENT: Duration = Duration::from_millis(500);

/// The longest pause with a peer whose conversations bring nothing.
pub const RECONCILE_PAUSE_MAX: Duration = Duration::from_secs(32);

/// Mempools whose sizes differ by more than this number are not compared by sketches, because most of such
/// differences are too large for a sketch.
pub const RECONCILE_APART_MAX: usize = SYMBOLS_MAX / 2;

/// A sketch may take this number of bytes, however small the mempools are. Beyond that, it may take no more than a
/// list of all ids.
pub const RECONCILE_SKETCH_BYTES_MIN: usize = 1_024;

/// The next part of a list is asked for when no more than this number of transactions of its peer are still to
/// come: a full getdata.
pub const LIST_OPEN_MAX: usize = GETDATA_ENTRIES_MAX;

/// Parts of one list: as many as a full mempool has.
pub const LIST_PARTS_MAX: usize = MEMPOOL_ENTRIES_MAX / OFFER_ENTRIES_MAX;

/// Lists that go on at a time: one of a peer that we dialled, and one of a peer that dialled us.
pub const LISTS_MAX: usize = 2;

/// While another peer waits to list, each step of a list may take this time: a part, or an item of it.
pub const LIST_STEP: Duration = Duration::from_secs(2);

/// The least number of items that a list must bring in a second while another peer waits: at 256 in flight a round
/// trip could take 4 s.
pub const LIST_ITEMS_PER_SEC: u64 = 64;

/// The longest time of a list while another peer waits: 1,920 items at the slowest.
pub const LIST_TIME_MAX: Duration = Duration::from_secs(30);

/// The first pause of a peer whose list brought nothing. In this time eight liars have two seconds each.
pub const LIST_PAUSE_MIN: Duration = Duration::from_secs(16);

/// The longest such pause, after doublings.
pub const LIST_PAUSE_MAX: Duration = Duration::from_secs(512);

/// The time that a part of a list, or an item taken of it, may take while no other peer waits to list.
pub const LIST_TIMEOUT: Duration = Duration::from_secs(10);

/// Offers to one peer that are remembered: one in each direction, and the one before each. 32 KiB each.
pub const OFFERS_MAX: usize = 4;
