//! Bounds and intervals of the relay policies.

use crate::time::Duration;

/// Peers that a rumor goes to in one round, at most: about as many as there are inbound slots by default.
pub const RUMOR_FANOUT_MAX: u8 = 64;

/// The shortest round.
pub const RUMOR_ROUND_MIN: Duration = Duration::from_millis(10);

/// The longest round.
pub const RUMOR_ROUND_MAX: Duration = Duration::from_secs(60);

/// A rumor is sent 4 times the digits of the number of nodes: the retransmit limit of hashicorp/memberlist, which sends
/// a broadcast `RetransmitMult * ceil(log10(n + 1))` times and has 4 as the default of `RetransmitMult`. So 16 times
/// for 1,000 nodes, and 40 times at most.
pub const RUMOR_RETRANSMIT_FACTOR: usize = 4;

/// Hot transactions of a node. With its index entries one takes about 0.3 KiB at a fanout of 3 and at most 1 KiB (64
/// chosen peers of 8 bytes, 40 announced ones of 4): 4 MiB. A round looks each up in the known set of each peer: 72
/// peers, 294,912 lookups, about 30 ms. At 16 sends and a fanout of 3 a transaction is hot for 6 rounds, so 682 new ones
/// a round fit; of more, the oldest cool early.
pub const RUMOR_HOT_MAX: usize = 4_096;

/// Routes of which one item was seen. Authors that write once stay here, so that they never push out the others.
pub const ROUTES_NEW_MAX: usize = 512;

/// Routes of which more were seen. A route takes about 200 bytes, 4 for each peer that pruned it and 12 for each that
/// says that it would have been earlier: 1.3 KiB with 72 peers, 6 MiB for the 4,608 of both kinds.
pub const ROUTES_SETTLED_MAX: usize = 4_096;

/// First sights remembered, for whoever announces the same item later: 8,192 of about 120 bytes, 1 MiB. At 1,000 items
/// a second eight seconds, eight of the longest announcement windows.
pub const SIGHTS_MAX: usize = 8_192;

/// Authors whose submissions here are counted. 4,096 of about 80 bytes: 320 KiB.
pub const HOMES_MAX: usize = 4_096;

/// Authors whose last item came on an entry node's route. 4,096 of about 80 bytes: 320 KiB.
pub const GUESTS_MAX: usize = 4_096;

/// So many submissions in a row here make this node the home of an author that nobody has seen.
pub const HOME_ITEMS_NEW: u8 = 3;

/// The same for an author whose items came from elsewhere before.
pub const HOME_ITEMS_MOVED: u8 = 3;

/// An entry node draws itself another route of its own after this time. Items on one of them are known to have entered at
/// one node, so it is short; each costs one flood, so it isn't shorter.
pub const VIA_LIFETIME: Duration = Duration::from_secs(600);

/// What one link may have us push on routes that we don't know, in bytes a second, all copies counted: 32 KiB, or 18
/// transactions of 256 bytes a second to 7 peers each. Over it we announce.
pub const FLOOD_BYTES_PER_SEC: u64 = 32 * 1024;

/// What that budget saves up: 512 KiB, so that some 290 such transactions may come at once.
pub const FLOOD_BURST_BYTES: u64 = 512 * 1024;

/// The least time by which an announcer must have been earlier than a parent for the parent to be late.
pub const LATE_MIN: Duration = Duration::from_millis(5);

/// The shortest time that an announced item waits for a push.
pub const GRACE_MIN: Duration = Duration::from_millis(30);

/// The longest time that an announced item waits for a push. Else a link that makes itself look unsteady would be waited
/// for without end.
pub const GRACE_MAX: Duration = Duration::from_millis(500);

/// What an announcer has held for longer is no news: nobody pushes it any more. Five of the longest windows.
pub const LIVE_AGE_MAX: Duration = Duration::from_secs(5);

/// How long a prune waits for a frame to ride on: alone it takes five times its bytes. Items of one author are mostly
/// further apart.
pub const PRUNE_WINDOW: Duration = Duration::from_millis(200);

/// Of so many items of a route …
pub const LATE_ITEMS: u32 = 4;

/// … a parent may be late with fewer than so many.
pub const LATE_ITEMS_MAX: u32 = 2;

/// An announcer whose graft won nothing is not grafted again for this time, then twice as long, and so on.
pub const GRAFT_PAUSE_MIN: Duration = Duration::from_secs(1);

/// The longest such pause.
pub const GRAFT_PAUSE_MAX: Duration = Duration::from_secs(64);

/// A graft has won nothing if an item that comes this much later comes first from somebody else: longer than a round trip,
/// so that the graft has arrived when that item was pushed.
pub const GRAFT_TRIAL: Duration = Duration::from_millis(500);

/// A push that was due is waited for so long after the item came in another way: as long as any push ever is.
pub const MISSED_AFTER: Duration = GRACE_MAX;

/// Pushes that are due and waited for at a time. 1,024 of about 150 bytes: 150 KiB. At 20 items a second that a parent
/// leaves out, ten wait.
pub const OVERDUE_MAX: usize = 1_024;

/// Transactions of which peers were told in place of being sent them, as they came from a doubted link or as old. 1,024 of
/// about 100 bytes and 4 for each peer: 0.4 MiB with 72 peers. The news of five seconds at 200 items a second.
pub const TOLD_MAX: usize = 1_024;

/// So many pushes that are first earn that one missed push is forgiven: an accident in that many may be one.
pub const MISS_WORTH: u32 = 32;

/// When a push that was due has not come, its route keeps a second link for so long, and for twice as long each time, up to
/// [`DOUBT_MAX`]: ten items of an author that writes twice a second.
pub const SPARE_MIN: Duration = Duration::from_secs(5);

/// Of so many items that come first, a second copy of one may come from a link that is kept: 20 %.
pub const SPARE_SHARE: u32 = 5;

/// Such copies that are saved up.
pub const SPARE_BURST: u32 = 16;

/// How long a link is doubted at first.
pub const DOUBT_MIN: Duration = Duration::from_secs(60);

/// The longest doubt. Whoever leaves out an item an hour is noticed by nobody.
pub const DOUBT_MAX: Duration = Duration::from_secs(3_600);

/// So many pushes that are first, with none missed between, halve the next doubt.
pub const DOUBT_FADES: u32 = 256;

/// Bodies too many for each useful one that an operator may ask for, in hundredths.
pub const REDUNDANCY_MAX: u16 = 200;

/// How far the measured redundancy may be below the wanted one, in percent of it, before a link is grafted for it.
pub const REDUNDANCY_BAND: u64 = 10;

/// Between two links that are grafted for the sake of redundancy: about a round trip, so that the last one is felt.
pub const REDUNDANCY_INTERVAL: Duration = Duration::from_millis(500);
