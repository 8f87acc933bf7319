//! Bounds and intervals of the relay policies.

use crate::time::Duration;

/// The most peers to which a rumor goes in one round: about as many as there are inbound slots by default.
pub const RUMOR_FANOUT_MAX: u8 = 64;

/// The shortest round.
pub const RUMOR_ROUND_MIN: Duration = Duration::from_millis(10);

/// The longest round.
pub const RUMOR_ROUND_MAX: Duration = Duration::from_secs(60);

/// A rumor is sent 4 times the digits of the number of nodes: the retransmit limit of hashicorp/memberlist, which
/// sends a broadcast `RetransmitMult * ceil(log10(n + 1))` times and has 4 as the default of `RetransmitMult`.
/// This gives 16 times for 1,000 nodes, and 40 times at most.
pub const RUMOR_RETRANSMIT_FACTOR: usize = 4;

/// Hot transactions of a node. With its index entries one takes about 0.3 KiB at a fanout of 3 and at most 1 KiB
/// (64 chosen peers of 8 bytes, 40 announced ones of 4): 4 MiB. A round looks each one up in the inventory, and
/// looks at one bit for each of 72 peers: about a millisecond. At 16 sends and a fanout of 3 a transaction is hot
/// for 6 rounds, so 682 new ones a round fit. If more come, the oldest cool early.
pub const RUMOR_HOT_MAX: usize = 4_096;

/// Routes on which one item was seen. Authors that write once stay here, so that they never push out the others.
pub const ROUTES_NEW_MAX: usize = 512;

/// Routes on which more than one item was seen. A route takes about 200 bytes, 4 for each peer that pruned it and
/// 12 for each that claims that it would have been earlier: 1.3 KiB with 72 peers, 6 MiB for the 4,608 of both
/// kinds.
pub const ROUTES_SETTLED_MAX: usize = 4_096;

/// First sights remembered, for peers that announce the same item later: 8,192 of about 120 bytes, 1 MiB. At 1,000
/// items a second this is eight seconds, or eight of the longest announcement windows.
pub const SIGHTS_MAX: usize = 8_192;

/// Authors whose submissions to this node are counted. 4,096 of about 80 bytes: 320 KiB.
pub const HOMES_MAX: usize = 4_096;

/// Authors whose last item came on an entry node's route. 4,096 of about 80 bytes: 320 KiB.
pub const GUESTS_MAX: usize = 4_096;

/// This number of submissions in a row here makes this node the home of an author that is not known yet.
pub const HOME_ITEMS_NEW: u8 = 3;

/// The same for an author whose items came from elsewhere before.
pub const HOME_ITEMS_MOVED: u8 = 3;

/// After this time an entry node draws a new route of its own. Items on one such route are known to have entered
/// at one node, so the time is short. Each new route costs one flood, so the time isn't shorter.
pub const VIA_LIFETIME: Duration = Duration::from_secs(600);

/// What one link may make us push on routes that we don't know, in bytes a second, all copies counted: 32 KiB, or
/// 18 transactions of 256 bytes a second to 7 peers each. Above this rate we announce.
pub const FLOOD_BYTES_PER_SEC: u64 = 32 * 1024;

/// The most that this budget saves up: 512 KiB, so that about 290 such transactions may come at once.
pub const FLOOD_BURST_BYTES: u64 = 512 * 1024;

/// The least time by which an announcer must have been earlier than a parent for the parent to be late.
pub const LATE_MIN: Duration = Duration::from_millis(5);

/// The shortest time that an announced item waits for a push.
pub const GRACE_MIN: Duration = Duration::from_millis(30);

/// The longest time that an announced item waits for a push. Without this bound, a link that makes itself look
/// unsteady would be waited for without end.
pub const GRACE_MAX: Duration = Duration::from_millis(500);

/// If an announcer has held an item for longer than this, the item is not news: no peer pushes it any more. Five
/// of the longest announcement windows.
pub const LIVE_AGE_MAX: Duration = Duration::from_secs(5);

/// How long a prune waits for a frame with which it can go along. Alone it takes five times its bytes. Items of
/// one author are mostly further apart than this time.
pub const PRUNE_WINDOW: Duration = Duration::from_millis(200);

/// The number of a route's last items for which it is remembered whether the parent was late.
pub const LATE_ITEMS: u32 = 4;

/// If a parent was late with this number of the last [`LATE_ITEMS`] items, it counts as late.
pub const LATE_ITEMS_MAX: u32 = 2;

/// An announcer whose graft won nothing is not grafted again for this time, then for twice as long, and so on.
pub const GRAFT_PAUSE_MIN: Duration = Duration::from_secs(1);

/// The longest such pause.
pub const GRAFT_PAUSE_MAX: Duration = Duration::from_secs(64);

/// A graft has won nothing if an item that comes this much later comes first from another peer. The time is longer
/// than a round trip, so that the graft has arrived when that item was pushed.
pub const GRAFT_TRIAL: Duration = Duration::from_millis(500);

/// How long a due push is waited for after the item came by another link: as long as any push is ever waited for.
pub const MISSED_AFTER: Duration = GRACE_MAX;

/// Pushes that are due and waited for at a time. 1,024 of about 150 bytes: 150 KiB. If a parent leaves out 20
/// items a second, ten wait.
pub const OVERDUE_MAX: usize = 1_024;

/// Transactions of which peers were told instead of being sent them. The first copy came from a doubted link, or
/// from a peer that said that it was old. 1,024 of about 100 bytes and 4 for each peer: 0.4 MiB with 72 peers.
/// This is the news of five seconds at 200 items a second.
pub const TOLD_MAX: usize = 1_024;

/// After this number of pushes that are first, one missed push of a link is forgiven: one miss in that many may be
/// an accident.
pub const MISS_WORTH: u32 = 32;

/// When a push that was due has not come, its route keeps a second link for this time. The time doubles with each
/// such push, up to [`DOUBT_MAX`]. Five seconds are ten items of an author that writes twice a second.
pub const SPARE_MIN: Duration = Duration::from_secs(5);

/// How long a node is alarmed after a parent left out an item, or pushed one late. An author that writes once in
/// five seconds writes six items in this time.
pub const ALARM_SPAN: Duration = Duration::from_secs(30);

/// A node is alarmed if a parent's push came this much later than another peer's would have come. Where nobody is
/// slow on purpose, 1 % more bytes come of this, on 1,000 nodes whose slowest twentieth waits for 160 ms.
pub const ALARM_LATE: Duration = Duration::from_millis(150);

/// While a node is alarmed, this number of links may bring the items of a route beside the parent's. If one in ten
/// peers hides items and none of them is known, all of these links hide for one node in 10,000.
pub const ALARM_LINKS: usize = 4;

/// Second copies that an alarmed node accepts at once, over all routes: 25 kB of transactions of 400 bytes. After
/// that it accepts one for [`ALARM_SHARE`] first sights.
pub const ALARM_BURST: u32 = 64;

/// For one in this number of first sights, an alarmed node may accept a second copy: 5 %.
pub const ALARM_SHARE: u32 = 20;

/// For one in this number of first sights, a spare may bring a second copy: 20 %.
pub const SPARE_SHARE: u32 = 5;

/// The most second copies of spares that are saved up.
pub const SPARE_BURST: u32 = 16;

/// How long a link is doubted at first.
pub const DOUBT_MIN: Duration = Duration::from_secs(60);

/// The longest doubt. A peer that leaves out one item an hour is not noticed.
pub const DOUBT_MAX: Duration = Duration::from_secs(3_600);

/// This number of pushes that are first, with none missed between, halves the next doubt.
pub const DOUBT_FADES: u32 = 256;

/// The most surplus bodies for each useful one that an operator may ask for, in hundredths.
pub const REDUNDANCY_MAX: u16 = 200;

/// How far the measured redundancy may be below the wanted one, in percent of it, before a link is grafted for it.
pub const REDUNDANCY_BAND: u64 = 10;

/// The time between two links that are grafted for the sake of redundancy: about a round trip, so that the effect
/// of the last one is measured.
pub const REDUNDANCY_INTERVAL: Duration = Duration::from_millis(500);
