//! Every bound and interval of the protocol, each with its arithmetic. Constants only.

use crate::gossip::repair::sketch::{SYMBOL_BYTES, SYMBOLS_MAX};
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

/// Ids of a had: no more than one transactions message can bring. 256 of 9 bytes: 2.3 KiB.
pub const HAD_ENTRIES_MAX: usize = TRANSACTIONS_ENTRIES_MAX;

/// Ids of a locator: 10 by ones, then doubling steps reach genesis from any height below 2^54.
pub const LOCATOR_ENTRIES_MAX: usize = 64;

/// Headers in one message: 256 of at most 192 bytes take 48 KiB, so they fit a control frame.
pub const HEADERS_ENTRIES_MAX: usize = 256;

/// Bytes of symbols in one message: 4,096 symbols of 11 bytes, 44 KiB.
pub const SYMBOLS_BYTES_MAX: usize = SYMBOLS_MAX * SYMBOL_BYTES;

/// Ids of one offer, and of each list of a difference, as many as a sketch can tell: with 6 and 8 bytes each 56 KiB, which
/// fits a control frame.
pub const OFFER_ENTRIES_MAX: usize = SYMBOLS_MAX;

/// Places that a take names: as many transactions as a getdata, since that many may be in flight from one peer.
pub const TAKE_PLACES_MAX: usize = GETDATA_ENTRIES_MAX;

/// Bytes of an item that still travels on the control lane: 4 KiB.
pub const CONTROL_ITEM_BYTES_MAX: usize = 4 * 1024;

/// Bytes of a control frame's message: 64 KiB, which holds the largest inv of short ids.
pub const CONTROL_FRAME_BYTES_MAX: usize = 64 * 1024;

/// Bytes of a bulk frame's message: the largest block and the message's two bytes around it.
pub const BULK_FRAME_BYTES_MAX: usize = BLOCK_BYTES_MAX + 2;

/// Bytes of bodies put together into one transactions message of the control lane: half a frame.
pub const TRANSACTIONS_BATCH_BYTES_MAX: usize = CONTROL_FRAME_BYTES_MAX / 2;

// Reconciliation.

/// Transactions younger than this stay out of sketches: relay is still at work.
pub const RECONCILE_AGE_MIN: Duration = Duration::from_secs(2);

/// A conversation in which the peer is silent for longer is given up: several round trips. What a node begins keeps it from
/// beginning another, so it must not last long for nothing.
pub const RECONCILE_STEP: Duration = Duration::from_secs(2);

/// A conversation that takes longer is given up: dozens of round trips.
pub const RECONCILE_TIMEOUT: Duration = Duration::from_secs(10);

/// Conversations that are answered at a time. A full mempool's ids and their sketch take 32 and 18 bytes each, and 64 KiB of
/// symbols: 3.3 MiB, and 27 MiB in all.
pub const RECONCILE_SERVED_MAX: usize = 8;

/// Conversations that are answered in a second, of all peers. A sketch of a full mempool takes some 5 ms: a twelfth of a
/// processor.
pub const RECONCILE_SERVED_PER_SEC: u64 = 16;

/// A peer that opens a conversation sooner after the one before is told that we are busy.
pub const RECONCILE_PEER_INTERVAL_MIN: Duration = Duration::from_millis(200);

/// A peer may open so often and be treated like one that never did: with the intervals by default, each of eight peers opens every
/// eight seconds. For each opening above this pace it leaves one answer more to others.
pub const RECONCILE_PEER_PACE: Duration = Duration::from_secs(2);

/// Of conversations that are answered, the one whose peer has been silent for so long gives its place to another: a round trip,
/// with some to spare.
pub const RECONCILE_SILENT: Duration = Duration::from_millis(500);

/// The longest pause with a peer whose conversations bring nothing.
pub const RECONCILE_PAUSE_MAX: Duration = Duration::from_secs(32);

/// Mempools that differ so much in size are not compared by sketches, which would fail on most of such differences.
pub const RECONCILE_APART_MAX: usize = SYMBOLS_MAX / 2;

/// A sketch may take so many bytes, however small the mempools are; beyond, no more than a list of all ids.
pub const RECONCILE_SKETCH_BYTES_MIN: usize = 1_024;

/// The next part of a list is wanted when no more transactions than this of its peer are still to come: a full getdata.
pub const LIST_OPEN_MAX: usize = GETDATA_ENTRIES_MAX;

/// Parts of one list: as many as a full mempool has.
pub const LIST_PARTS_MAX: usize = MEMPOOL_ENTRIES_MAX / OFFER_ENTRIES_MAX;

/// Lists that go on at a time: one of a peer that we dialled, and one of a peer that dialled us.
pub const LISTS_MAX: usize = 2;

/// While another peer waits to list, each step of a list may take so long: a part, or an item of it.
pub const LIST_STEP: Duration = Duration::from_secs(2);

/// Items that a list brings in a second at least, while another peer waits: at 256 in flight a round trip could take 4 s.
pub const LIST_ITEMS_PER_SEC: u64 = 64;

/// The longest time of a list, while another peer waits: 1,920 items at the slowest.
pub const LIST_TIME_MAX: Duration = Duration::from_secs(30);

/// The first pause of a peer whose list brought nothing: eight liars have two seconds each in it.
pub const LIST_PAUSE_MIN: Duration = Duration::from_secs(16);

/// The longest such pause, after doublings.
pub const LIST_PAUSE_MAX: Duration = Duration::from_secs(512);

/// A part of a list, or an item taken of it, may take so long while nobody else waits to list.
pub const LIST_TIMEOUT: Duration = Duration::from_secs(10);

/// Offers to one peer that are remembered: one each way, and those before. 32 KiB each.
pub const OFFERS_MAX: usize = 4;

// Credit: what the engine may have queued at the driver, per peer.

/// Bytes of control frames queued for one peer: 256 KiB.
pub const CONTROL_CREDIT_BYTES: usize = 256 * 1024;

/// Of these, bytes that bodies leave free, so that requests and announcements always have room: 64 KiB.
pub const CONTROL_RESERVE_BYTES: usize = 64 * 1024;

/// Control credit that a request, a notfound or an announced header wants to find: the largest getdata or notfound is
/// 256 full ids, 8.5 KiB, and as much again may go out beside it.
pub const REQUEST_ROOM_BYTES: usize = 20 * 1024;

/// Control credit that a batch of announcements or headers wants to find: 1,024 entries of at most 39 bytes, or 256
/// headers of 192.
pub const ANNOUNCE_ROOM_BYTES: usize = 54 * 1024;

/// Bytes of bulk frames queued for one peer: two of the largest blocks.
pub const BULK_CREDIT_BYTES: usize = 2 * BULK_FRAME_BYTES_MAX;

// Conversation.

/// A peer that hasn't said Hello after this is disconnected.
pub const HELLO_TIMEOUT: Duration = Duration::from_secs(5);

/// Between two invs to one peer. The first of a quiet time leaves at once, so this batches bursts only.
pub const ANNOUNCE_INTERVAL: Duration = Duration::from_millis(20);

/// Entries of one announcing batch; with the interval at most 51,200 ids a second to one peer.
pub const ANNOUNCE_BATCH_MAX: usize = 1_024;

/// Ids waiting to be announced to one peer. 16,384 of 32 bytes: 512 KiB, 36 MiB for 72 peers.
pub const ANNOUNCE_QUEUE_MAX: usize = 16_384;

/// Characters of a goodbye's reason: the longest of ours has 20.
pub const GOODBYE_REASON_LEN_MAX: usize = 32;

/// Replies (bodies, headers, notfounds) owed to one peer and waiting for credit. Four full getdatas; a peer that
/// keeps the rule of 256 requests in flight never comes near. 1,024 entries of 48 bytes: 48 KiB.
pub const SERVE_QUEUE_MAX: usize = 1_024;

/// Block headers waiting to be announced to one peer; the oldest go first.
pub const HEADER_QUEUE_MAX: usize = 16;

/// Between two getheaders to one peer. An answer that brought nothing new, although the peer tells of more, doubles the time
/// until the next, up to [`CATCH_UP_INTERVAL_MAX`]; after headers that were refused it is that at once.
pub const GETHEADERS_INTERVAL: Duration = Duration::from_secs(2);

/// Refused branches that are remembered by their last header, so that nobody sends what led there again: one for each of
/// a few peers. 8 entries of some 120 bytes.
pub const REFUSED_ENDS_MAX: usize = 8;

/// How long they are remembered, from the first refusal on. Refusals that rest on what the tree holds may not last.
pub const REFUSED_ENDS_LIFETIME: Duration = CATCH_UP_INTERVAL_MAX;

/// Acknowledged submissions that are watched until their last height: as many as the mempool holds, 120 bytes each.
pub const ACKNOWLEDGED_MAX: usize = MEMPOOL_ENTRIES_MAX;

/// A higher block is known or told of, and no block has moved the tip for this long: the node is behind. Two requests that
/// expire, each after 5 s at most, may lie in it.
pub const BEHIND_AFTER: Duration = Duration::from_secs(10);

/// The best header stands for the best known height while a body of its branch came within this time. A producer can sign
/// headers without bodies; it stops nobody for longer.
pub const BODIES_AWAITED: Duration = Duration::from_secs(60);

/// After its first peer's Hello a node produces no block for so long while a peer tells of a height that no header here
/// has: time for two answers to a getheaders. Once in a run, because nobody has checked what a peer tells.
pub const HEARING: Duration = Duration::from_secs(10);

/// A node that deletes bodies keeps those of so many newest heights. If a peer lacks a block that lies deeper below its
/// tip, it lacks those before it as well.
pub const KEPT_DEPTH_MIN: u64 = 288;

/// While blocks are missing on the way to the best header, they are looked for again after this time, and after twice as
/// long each time that none came: everybody who was asked may have answered before having them.
pub const CATCH_UP_INTERVAL_MIN: Duration = GETHEADERS_INTERVAL;

/// The longest such time. Headers whose bodies nobody has cost 64 requests to each peer in it, some 2.5 KiB.
pub const CATCH_UP_INTERVAL_MAX: Duration = Duration::from_secs(64);

/// So many looks in a row for the lowest missing block are in vain before other branches are asked for: with the times
/// above, after some 14 s.
pub const DETOUR_LOOKS: u32 = 2;

/// On such a branch more headers are asked for when fewer than so many wait for their bodies: as many blocks as are requested
/// ahead, so that these never run out.
pub const DETOUR_HEADERS_AHEAD_MAX: u64 = BLOCKS_AHEAD_MAX as u64;

/// Peers that are asked for their branch at one look: 48 KiB of headers come from each.
pub const DETOUR_PEERS_MAX: usize = 4;

/// Blocks that are requested ahead while catching up: no more than one peer's orphans, should they come out of order. At
/// 16 in flight from a peer, four peers are kept busy.
pub const BLOCKS_AHEAD_MAX: usize = ORPHANS_PER_PEER_MAX;

/// Their expected bytes: 4 MiB. The lowest is never an orphan, so what can wait is less, and a peer's share of 5 MiB holds
/// it even if all of it comes from that peer and is a quarter longer than expected.
pub const BLOCKS_AHEAD_BYTES_MAX: usize = BLOCK_BYTES_MAX;

/// Blocks that are requested ahead however long they are: while one comes, the next is on its way. Of two only one can
/// wait, at most 4 MiB.
pub const BLOCKS_AHEAD_MIN: usize = 2;

/// While a later block is here already, the request for the lowest missing one may take so long; then the next announcer is
/// asked: Bitcoin Core's `BLOCK_STALLING_TIMEOUT_DEFAULT`.
pub const BLOCK_STALL_MIN: Duration = Duration::from_secs(2);

/// The longest such time, after doublings; Bitcoin Core's `BLOCK_STALLING_TIMEOUT_MAX` is 64 s, for blocks that may take ten
/// minutes. More than [`REQUEST_EXPIRY_MAX`]: two requests in a row are ended, those after them expire.
pub const BLOCK_STALL_MAX: Duration = Duration::from_secs(8);

/// From this distance between tip and best header on, no more headers are asked for: 16 messages of them, and 64 times
/// the blocks that are requested ahead. One message more may come in behind: 4,351, and [`CHAIN_BEST_HEADERS_MIN`] are
/// sure to be kept.
pub const HEADERS_AHEAD_MAX: u64 = 4_096;

// Rumor mongering.

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

// Author trees.

/// Routes named in one prune or graft: 256 of 9 bytes, 2.3 KiB.
pub const ROUTES_ENTRIES_MAX: usize = 256;

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

/// The longest time that announcements to a peer wait for others, while nobody needs them.
pub const ANNOUNCE_WINDOW_MAX: Duration = Duration::from_secs(1);

/// Bodies too many for each useful one that an operator may ask for, in hundredths.
pub const REDUNDANCY_MAX: u16 = 200;

/// How far the measured redundancy may be below the wanted one, in percent of it, before a link is grafted for it.
pub const REDUNDANCY_BAND: u64 = 10;

/// Between two links that are grafted for the sake of redundancy: about a round trip, so that the last one is felt.
pub const REDUNDANCY_INTERVAL: Duration = Duration::from_millis(500);

// Memory of ids.

/// Ids in one peer's known set, in two generations of half as many. A generation of 16,384 is a table of 32,768 places of
/// 9 bytes, 288 KiB: 576 KiB in all, 41 MiB for 72 peers.
pub const KNOWN_MAX: usize = 32_768;

/// Accepted ids remembered: 65,536 of about 130 bytes: 8.5 MiB.
pub const SEEN_ACCEPTED_MAX: usize = 65_536;

/// Rejected ids remembered: 16,384 of about 140 bytes: 2.3 MiB.
pub const SEEN_REJECTED_MAX: usize = 16_384;

/// Ids remembered of transactions that were refused at sight: 16,384 of about 140 bytes, 2.3 MiB.
pub const SEEN_DECLINED_MAX: usize = 16_384;

// Work on behalf of one peer.

/// Items of one peer in verification; over it the peer is not read. One more message of 256 may come in behind.
pub const CHECKS_PER_PEER_MAX: usize = 1_024;

/// Bytes of one peer's items in verification; over it the peer is not read: 1 MiB, and one message behind.
pub const CHECK_BYTES_PER_PEER_MAX: usize = 1024 * 1024;

/// Jobs of one peer in verification at the most: one fewer than stop the reading, one message of 256 bodies, and its
/// orphans, should they be released together: 5 MiB hold 49,461 signatures of 106 bytes, 96 full jobs, and each of the
/// 64 blocks may have a job that is not full.
pub const CHECKS_PEAK: usize = CHECKS_PER_PEER_MAX - 1
    + TRANSACTIONS_ENTRIES_MAX
    + ORPHAN_PEER_BYTES_MAX / 106 / BLOCK_JOB_SIGNATURES
    + ORPHANS_PER_PEER_MAX;

/// Bytes of one peer's items in verification at the most: one fewer than stop the reading, one message, and its
/// orphans, each counted with its header beside it: 10 MiB.
pub const CHECK_BYTES_PEAK: usize = CHECK_BYTES_PER_PEER_MAX - 1
    + BULK_FRAME_BYTES_MAX
    + ORPHAN_PEER_BYTES_MAX
    + (ORPHANS_PER_PEER_MAX + 1) * HEADER_BYTES_MAX;

/// Peers whose announcements of one header are remembered while it is checked: more than a node has slots for. 128 of 8
/// bytes: 1 KiB a header.
pub const ANNOUNCERS_MAX: usize = 128;

/// Signatures of a block in one verification job: about 25 ms of one thread, so that a large block is checked by all.
pub const BLOCK_JOB_SIGNATURES: usize = 512;

/// Submitted items in verification; over it a submission is refused as busy.
pub const CHECKS_LOCAL_MAX: usize = 4_096;

/// How often a chain's own validator is asked about one block template. Once, if it takes what there is; to find one of 39,568
/// transactions that it takes with no others, once for all of them and twice for each of 16 halvings. Each time costs the root
/// of that many ids, 20 ms at the most.
pub const TEMPLATE_ASKS_MAX: usize = 64;

/// Jobs of submitted items at the most: every one a header that becomes a block of 78 jobs. Whoever may submit that much
/// runs the node.
pub const LOCAL_JOBS_PEAK: usize = CHECKS_LOCAL_MAX * BLOCK_TRANSACTIONS_MAX.div_ceil(BLOCK_JOB_SIGNATURES);

/// Outputs of one input for one peer, at the most: what its credit holds of the shortest messages on either lane (a
/// getdata of one short id is 12 bytes), a hello, an answer to getheaders, an order to read, a disconnect and an event.
pub const OUTPUTS_PER_PEER_PEAK: usize =
    CONTROL_CREDIT_BYTES / 12 + BULK_CREDIT_BYTES / CONTROL_ITEM_BYTES_MAX + 5;

/// Outputs of one input that are for no peer, at the most: 4 events or jobs for each transaction (104 bytes or more) of
/// the message that came, of all orphans, should they be released, and of a branch that becomes the best. 2.1 million;
/// far above what happens, and still a bound.
pub const OUTPUTS_SHARED_PEAK: usize = 4 * (BULK_FRAME_BYTES_MAX + ORPHAN_BYTES_MAX + CHAIN_BODY_BYTES_MAX) / 104;

/// Inbound budget of a peer, in bytes a second: 16 MiB. A peer over it is not read until it is within it again.
pub const INBOUND_BYTES_PER_SEC: u64 = 16 * 1024 * 1024;

/// What the inbound budget saves up: two of the largest blocks.
pub const INBOUND_BURST_BYTES: u64 = 2 * BLOCK_BYTES_MAX as u64;

/// What a transaction body costs in the inbound budget besides its length: 4 KiB, so at most 4,096 signature checks
/// a second for one peer, a fifth of a core at 50 microseconds each.
pub const BODY_COST_BYTES: u64 = 4 * 1024;

/// What a body costs in the inbound budget besides, if it was verified in vain or was refused before: with
/// [`BODY_COST_BYTES`] 32 KiB, so at most 512 a second of one peer, a fortieth of a core.
pub const REFUSED_COST_BYTES: u64 = 28 * 1024;

/// What a message that names items costs per byte: 16, so at most 100,000 entries a second for one peer.
pub const INV_COST_FACTOR: u64 = 16;

/// What a place costs that a take names by a bit: as much as a short id in a getdata, 9 bytes.
pub const PLACE_COST_BYTES: u64 = 9 * INV_COST_FACTOR;

/// What any message costs at the least: 256 bytes, so at most 65,536 messages a second for one peer, however short. An empty
/// one takes about a microsecond: a fifteenth of a core.
pub const MESSAGE_COST_BYTES: u64 = 256;

/// What bodies that a peer asked for may take, in bytes a second: as much as it would read, if it keeps the same budget. So
/// who catches up gets blocks as fast as it takes them.
pub const UPLOAD_BYTES_PER_SEC: u64 = INBOUND_BYTES_PER_SEC;

/// What that budget saves up.
pub const UPLOAD_BURST_BYTES: u64 = INBOUND_BURST_BYTES;

/// The newest blocks go before older ones to a peer that waits for both: the tip and the one before it.
pub const FRESH_BLOCKS: u64 = 2;

/// Blocks and large transactions that were sent to one peer for the asking and are remembered, in two generations of half as
/// many. A generation is a table of 1,024 places of 9 bytes: 18 KiB in all, 1.3 MiB for 72 peers.
pub const SENT_MAX: usize = 1_024;

/// What may be sent to a peer once more, in bytes a second: 64 KiB, so the largest block once in 64 s. A node asks the same
/// peer again only if it has lost what it had, or has given up waiting for it.
pub const REPEAT_BYTES_PER_SEC: u64 = 64 * 1024;

/// What that budget saves up: 1 MiB. The last repeat may go over it: a block of 4 MiB may be had twice at once, and then
/// again after 48 s, instead of four times in each second.
pub const REPEAT_BURST_BYTES: u64 = 1024 * 1024;

/// What an announced transaction is taken to be long, in bytes: announcements don't tell.
pub const TRANSACTION_BYTES_EXPECTED: usize = 512;
// The mempool.

/// Bytes of transactions in the mempool: 32 MiB, or eight full blocks.
pub const MEMPOOL_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Transactions in the mempool. One takes about 0.6 KiB of memory beside its bytes (its fields, its count and
/// seven index entries): 40 MiB for all, so a full mempool takes at most 72 MiB.
pub const MEMPOOL_ENTRIES_MAX: usize = 65_536;

/// What the smallest transaction counts for, in bytes: 512. Then the bound in bytes holds the one in entries, and
/// an author's share is one number.
pub const MEMPOOL_CHARGE_MIN: usize = MEMPOOL_BYTES_MAX / MEMPOOL_ENTRIES_MAX;

/// An author may hold a 16th of the mempool (2 MiB) before the full pool sheds by author. Below that, authors are
/// free to make and their shares say nothing, so the pool sheds by link.
pub const MEMPOOL_AUTHOR_SHARE: usize = 16;

/// Up to a quarter of the mempool (8 MiB), what was submitted here gives way to nothing that comes by a link: somebody was told
/// that it is held.
pub const MEMPOOL_LOCAL_SHARE: usize = 4;

/// What has been in the mempool for so long is old, and is the first to go when there is no room. Eight full blocks take a
/// whole mempool, oldest first, so at one block a minute nobody wanted what is older.
pub const MEMPOOL_OLD_AFTER: Duration = Duration::from_secs(600);

/// A full mempool turns a link's share over no faster than this: 65,536 small items in 60 s are 1,092 a second of all links,
/// and what is taken is sure of some half of that time. It is the brake on junk that would be passed on forever.
pub const MEMPOOL_TURNOVER: Duration = Duration::from_secs(60);

/// Of a turnover, so much may come at once: an eighth of the share, 1,024 small items of each of eight links.
pub const MEMPOOL_TURNOVER_BURST: Duration = Duration::from_millis(7_500);

/// Transactions of one author and nonce in the mempool: enough to prove a double use, too few to flood.
pub const TRANSACTIONS_PER_NONCE_MAX: usize = 2;

// The chain.

/// Bytes of an encoded signed header: array 1, height 9, parent 34, producer 34, time 9, root 34, count 5 and
/// signature 66.
pub const HEADER_BYTES_MAX: usize = 1 + 9 + 34 + 34 + 9 + 34 + 5 + 66;

/// Bytes of the encoded list of transactions in a block, whatever its header: the block less its array's 1 byte
/// and its header.
pub const BLOCK_BODY_BYTES_MAX: usize = BLOCK_BYTES_MAX - 1 - HEADER_BYTES_MAX;

/// Headers remembered, on all branches: the best chain's part ([`CHAIN_BEST_HEADERS_MIN`]), a branch that left it 10,000 blocks
/// ago, and the shares of four producers. One takes about 0.65 KiB with its index entries: 16 MiB.
pub const CHAIN_HEADERS_MAX: usize = 24_576;

/// Headers of the best chain that no other branch can push out: more than [`VALID_UNTIL_AHEAD_MAX`], so that a
/// confirmed transaction is known for as long as it is valid.
pub const CHAIN_BEST_HEADERS_MIN: usize = 10_240;

/// Headers of one producer at one height that are taken and passed on unasked: both sides of an equivocation, and no more.
pub const HEADERS_PER_PRODUCER_MAX: usize = 2;

/// Headers off the best chain that one producer has before it is the first to give some up when the tree is full. Fourteen
/// producers fill what the best chain's part leaves ([`CHAIN_HEADERS_MAX`]).
pub const HEADERS_OFF_BEST_SHARE: usize = 1_024;

/// Encoded bytes of the blocks whose bodies are in memory: 16 MiB, or four full blocks. The smallest transaction takes
/// 106 bytes and 0.25 KiB of fields: 39 MiB more when all are that small. The others are in durable storage.
pub const CHAIN_BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Ids of transactions that are remembered by block: those of all confirmed ones that are remembered, and as many for
/// branches beside. 32 bytes each: 16 MiB.
pub const CHAIN_CONTENTS_MAX: usize = 2 * CONFIRMED_MAX;

/// Confirmed transactions remembered, the newest. One takes about 100 bytes: 25 MiB. At 26 transactions a block,
/// that is as long as a transaction can be valid.
pub const CONFIRMED_MAX: usize = 262_144;

/// Blocks of one part of the filter of confirmed transactions: a quarter of the heights that matter, so that five parts are in
/// use at most, and what is too old goes soon.
pub const FILTER_PART_BLOCKS: u64 = VALID_UNTIL_AHEAD_MAX / 4;

/// Bits of the filter for each id …
pub const FILTER_BITS_PER_ID: usize = 16;

/// … and how many of them an id sets. Half of the bits are zero at least when it is full: (1 - e^(-8/16))^8, one in 1,700 ids that
/// are new is looked up for each slice that is full.
pub const FILTER_PROBES: u64 = 8;

/// Ids of the smallest slice of a part: 2 KiB.
pub const FILTER_SLICE_IDS_MIN: usize = 1_024;

/// Ids of the largest: 512 KiB.
pub const FILTER_SLICE_IDS_MAX: usize = 262_144;

/// Bytes of the filter: 16 MiB, for 8 million ids of 2 bytes, or 800 in each of 10,000 blocks. Of more, whatever may be in the part
/// that found no room is looked up.
pub const FILTER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Transactions that durable storage is asked for at once. It takes some 50 microseconds for each.
pub const LOOKUPS_MAX: usize = 64;

/// Look-ups that wait for others and are on behalf of no peer: of transactions that a reorganisation returned, or that a block may
/// repeat. 16,384 of about 80 bytes: 1.3 MiB. Those on behalf of a peer count as its checks ([`CHECKS_PER_PEER_MAX`]).
pub const LOOKUPS_WAITING_MAX: usize = 16_384;

/// Transactions remembered that a look-up found to be confirmed: 16,384 of about 180 bytes, 3 MiB. A peer that sends more of
/// them than that again has each looked up, at the price of a look-up.
pub const FOUND_MAX: usize = 16_384;

/// Verified transactions that wait for storage or the tip to move, because nobody could tell whether they are confirmed: …
pub const UNSURE_MAX: usize = 256;

/// … and their bytes: 16 of the largest.
pub const UNSURE_BYTES_MAX: usize = 16 * TRANSACTION_BYTES_MAX;

/// What a look-up costs its sender in the inbound budget: 16 KiB, so at most 1,024 a second for one peer, or a twentieth of the
/// store's thread.
pub const LOOKUP_COST_BYTES: u64 = 16 * 1024;

/// Blocks that are being loaded from durable storage, for all peers together, and for one. Of the largest blocks 128 MiB
/// could come at once, and only while loads of the largest were not expected.
pub const LOADS_MAX: usize = 32;

/// The same for one peer.
pub const LOADS_PER_PEER_MAX: usize = 16;

/// Blocks that wait for their transactions' return to the mempool, the highest: as many as the tree has headers. 48 bytes
/// each: 768 KiB.
pub const RETURNING_MAX: usize = CHAIN_HEADERS_MAX;

/// Invalid blocks remembered, the newest. One takes about 150 bytes: 150 KiB.
pub const INVALID_BLOCKS_MAX: usize = 1_024;

/// Pairs of headers that are kept as evidence against one producer, each for another height: enough to tell an accident from a
/// habit.
pub const EVIDENCE_PER_PRODUCER_MAX: usize = 8;

/// Producers against whom evidence is kept, the first. A pair takes about 0.5 KiB: 256 × 8 take 1 MiB.
pub const EVIDENCE_PRODUCERS_MAX: usize = 256;

// Orphans.

/// Blocks without a parent, from one peer. With its index entries one takes about 0.4 KiB beside its bytes: 72 peers'
/// are 4,608, 1.8 MiB.
pub const ORPHANS_PER_PEER_MAX: usize = 64;

/// Their encoded bytes: 5 MiB, one full block and some small ones, or a quarter more than is requested ahead
/// ([`BLOCKS_AHEAD_BYTES_MAX`]).
pub const ORPHAN_PEER_BYTES_MAX: usize = BLOCK_BYTES_MAX + 1024 * 1024;

/// Encoded bytes of all orphans: 32 MiB, so six peers can fill their shares.
pub const ORPHAN_BYTES_MAX: usize = 32 * 1024 * 1024;

/// How long an orphan waits for its parent.
pub const ORPHAN_LIFETIME: Duration = Duration::from_secs(60);
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

/// Peers that a node may be sending the same block to, one after the other, before it is our turn: its outbound ones. A
/// request for a block has so many times its transfer.
pub const REQUEST_BLOCK_SHARERS: u64 = 8;

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

/// Strikes that are counted for an address group, and that a newcomer of it carries: five minutes, or 40 requests served.
/// Enough to come after every announcer that has withheld nothing lately, and too few to come after one that goes on.
pub const GROUP_STRIKES_MAX: u32 = 5;

/// Address groups whose strikes are remembered. 4,096 entries of about 80 bytes: 320 KiB.
pub const STRIKE_GROUPS_MAX: usize = 4_096;
