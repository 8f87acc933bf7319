//! Bounds of the members: how many there are, who may shorten a suspicion, and what the detectors remember.

use crate::time::Duration;

/// Members that a node knows. A record and its bookkeeping take about 1 KiB, so all of them take 16 MiB, and as
/// much again is left for the values that they set.
pub const MEMBERS_MAX: u32 = 16_384;

/// This number of accusers brings a suspicion down to its least duration. More accusers change nothing, so
/// accusations of others need not be kept. memberlist waits for as many with its default of 4 for the multiplier:
/// the first accuser and two confirmations (`suspectNode`: `k = SuspicionMult - 2`).
pub const SUSPICION_ACCUSERS: usize = 3;

/// If a node was not running for longer than this time, nobody is accused for the same time. Its peers' answers
/// may still wait unread. Cassandra's `MAX_LOCAL_PAUSE_IN_MS`.
pub const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Intervals of one peer that the accrual detector remembers: Cassandra's `SAMPLE_SIZE`. 1,024 places of 4 bytes:
/// 4 KiB a peer, and 300 KiB for 75 peers.
pub const PHI_WINDOW: usize = 1_000;

/// Dimensions of a coordinate, beside its height: Serf's default. Ledlie and others found no gain beyond 7
/// ("Network Coordinates in the Wild", NSDI 2007).
pub const COORDINATE_DIMENSIONS: usize = 8;

/// No part of a coordinate is further from zero than this: a round trip is never longer, so no honest node gets
/// there.
pub const COORDINATE_MAX: Duration = Duration::from_secs(10);

/// Longer round trips are no samples: Serf's `maxRTT`.
pub const COORDINATE_ROUND_TRIP_MAX: Duration = Duration::from_secs(10);

/// No sample counts for more than this difference between the round trip and the estimate. With a quarter of it
/// (cc) a sample moves a node by at most 25 ms. Without this bound, a liar could move a node by a quarter of
/// anything that it claims, or of the time by which it delays its answers. Differences between honest nodes are
/// larger only before they have found their places.
pub const COORDINATE_RESIDUAL_MAX: Duration = Duration::from_millis(100);

/// Samples of one peer, of which the median counts: Serf's `LatencyFilterSize`. 12 bytes a peer.
pub const LATENCY_FILTER_SAMPLES: usize = 3;

/// Samples of all peers, of which the adjustment is the average: Serf's `AdjustmentWindowSize`.
pub const ADJUSTMENT_WINDOW: usize = 20;

/// Members whose place is remembered: about 200 KiB. A node that changes a peer each five minutes meets as many in four
/// days.
pub const PLACES_MAX: usize = 1_024;

/// Bytes of all members that a node knows: 32 MiB. A record with its bookkeeping takes about 1 KiB, so 16,384
/// members take half of it. The other half is for entries.
pub const MEMBERS_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Members that one address group may have brought, and that have never answered this node: a quarter of the view.
/// So invented members of one group leave three quarters to others.
pub const MEMBERS_PER_GROUP_MAX: usize = MEMBERS_MAX as usize / 4;

/// Bytes of these members: a quarter as well.
pub const MEMBERS_GROUP_BYTES_MAX: usize = MEMBERS_BYTES_MAX / 4;

/// Bytes of statements that one link may have in check: two of the longest answers to digests, and a few of the
/// longest statements. With 74 links 9 MiB, which the driver holds.
pub const STATEMENT_CHECKS_BYTES_MAX: usize = 2 * DIFFERENCE_BYTES_MAX + 32 * 1024;

/// Accusations of this node that came with dials, and are being checked. They take a few bytes each.
pub const ACCUSED_CHECKS_MAX: usize = 16;

/// Bytes of records of an earlier run that are being checked: 256 KiB, some 800 records. A node that knows one living
/// member gets the whole list from it.
pub const RECALLED_BYTES_MAX: usize = 256 * 1024;

/// What a statement costs its sender besides its length, in the budget for news: 64 bytes for a check of 50
/// microseconds. So the shortest one, an accusation, costs 208, and 2,500 come in a burst: an eighth of a second.
pub const STATEMENT_COST_BYTES: u64 = 64;

/// News that is being spread. A piece takes about 400 bytes with its index, and its statement besides.
pub const NEWS_MAX: usize = 4_096;

/// Bytes of the statements in it: 4 MiB, which is 800 of the longest entries.
pub const NEWS_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Bytes of statements in one message of news: 16 KiB, so that a link that was quiet does not get a long frame at
/// once.
pub const NEWS_MESSAGE_BYTES_MAX: usize = 16 * 1024;

/// Bytes of news that a quiet link may get, or bring, at once: 512 KiB. That is 1,500 records: a network of this
/// size that starts at once.
pub const NEWS_BURST_BYTES: u64 = 512 * 1024;

/// An accuser must have been known for this time: so somebody who invents members can't let them accuse at once.
pub const ACCUSER_KNOWN_FOR: Duration = Duration::from_secs(60);

/// Members that a node met within this time of its first link may accuse at once, because others knew them before. In
/// its first minute a node would believe no accuser otherwise, and nobody repeats an accusation to it later.
pub const FIRST_LISTS_WITHIN: Duration = Duration::from_secs(10);

/// The time from one accusation of an accuser to the next. It doubles with each one that was refuted.
pub const ACCUSE_INTERVAL: Duration = Duration::from_secs(30);

/// How often that time doubles: six times, to 32 minutes.
pub const ACCUSER_DOUBTS_MAX: u8 = 6;

/// Members about which accusations are remembered. A case takes about 400 bytes: 1.6 MiB. If more members fail at
/// once, the others become suspect when there is room.
pub const SUSPICIONS_MAX: usize = 4_096;

/// After this number of refutations, each without an answer to this node, a refutation no longer cancels this
/// node's own check, and the word of a peer is no answer any more. A member that refutes and answers nobody would
/// otherwise live forever, and so would one for which an accomplice vouches.
pub const REFUTATIONS_UNANSWERED_MAX: u8 = 3;

/// Round trips until a member that is dialled has proved its key: TCP, the negotiation of noise, and noise. A ping takes
/// one. So the answer to a dial is waited for three times as long, and at least for [`DIAL_WAIT_MIN`]. Measured by
/// `testnet sim --members`: with the LAN preset and 300 ms from one end of the world to the other, members that had no
/// link were taken for dead otherwise.
pub const DIAL_ROUND_TRIPS: u64 = 3;

/// The answer to a dial is waited for at least this long, whatever the round trips are. The first packet of a connection
/// has no round trip to learn from, so it is sent again after 1 s, and once more after 2 s (RFC 6298, sections 2.1 and
/// 5.5; RFC 9002, section 6.2.2, for QUIC). Two such losses and three round trips of 300 ms are 3.9 s. Measured by
/// `testnet sim --members`: with the LAN preset and 10 % loss, members that run were taken for dead after 1.5 s.
pub const DIAL_WAIT_MIN: Duration = Duration::from_secs(4);

/// Probes that this node makes at a time. A probe takes about 150 bytes.
pub const PROBES_MAX: usize = 256;

/// Probes that this node makes for others at a time. They are counted apart, so that they take no room of its own.
pub const PROBES_FOR_OTHERS_MAX: usize = 64;

/// How often a member that is no peer is dialled because peers ask for it, and the time to each further dial. So it is
/// ten times in an hour, however many liars ask. Honest peers ask once each, when a member does not answer them.
pub const ERRANDS_BURST: u64 = 4;

/// See [`ERRANDS_BURST`].
pub const ERRAND_INTERVAL: Duration = Duration::from_secs(600);

/// Members for which that is remembered, for up to 40 minutes. 1,024 of some 90 bytes: 90 KiB. If there are more, none
/// of the others is dialled for peers until there is room.
pub const ERRANDS_MAX: usize = 1_024;

/// Members that lost their link and are probed next.
pub const PROBES_NEXT_MAX: usize = 128;

/// Probe requests that a link may make at once, and one a second after that.
pub const PROBE_REQUESTS_BURST: u64 = 8;

/// A member that has never answered this node is dialled at most once in this time at one address, and by one
/// check, because its record may name somebody else's. The time doubles with each dial.
pub const MEMBER_FEELER_INTERVAL: Duration = Duration::from_secs(60);

/// The longest such time. So one address is dialled six times in the first hour: 1, 3, 7, 15 and 31 minutes after the
/// first time. It is dialled by six checks as well, of two dials each: 18 in all. After that it is six an hour.
pub const MEMBER_FEELER_INTERVAL_MAX: Duration = Duration::from_secs(30 * 60);

/// Addresses for which such a dial is remembered, for an hour. 4,096 of some 110 bytes: 450 KiB. One is dialled each
/// `probe-interval`: 720 in an hour with the LAN preset. If there are more, none is dialled until there is room.
pub const FEELERS_MAX: usize = 4_096;

/// The time to the first try of a dead member. It doubles with each try.
pub const REJOIN_MIN: Duration = Duration::from_secs(30);

/// The time from one try of any dead member to the next: so half of a network of 1,000 is tried within nine
/// minutes after a partition, with one short dial a second.
pub const REJOIN_PACE: Duration = Duration::from_secs(1);

/// When this number of dead members returns within [`HEAL_WITHIN`], a partition has healed. Members that crash and
/// come back by themselves are fewer.
pub const HEAL_RETURNS: usize = 4;

/// See [`HEAL_RETURNS`].
pub const HEAL_WITHIN: Duration = Duration::from_secs(10);

/// The time until this node looks again at everybody that it still takes for dead or suspect. Measured by `testnet sim
/// --members`: 1,000 members in two halves see half of the others again after three seconds, and nearly all after four.
pub const HEAL_LOOK_AFTER: Duration = Duration::from_secs(5);

/// The least time from one such look to the next. A look may dial an address whose pause is not over
/// ([`MEMBER_FEELER_INTERVAL`]). So liars that die and return by turns cause two such dials more in an hour, which makes
/// 20 in all.
pub const HEAL_INTERVAL: Duration = Duration::from_secs(30 * 60);

/// The longest time between two tries.
pub const REJOIN_MAX: Duration = Duration::from_secs(3_600);

/// The time from one refutation to the next, at first. It doubles with each one.
pub const REFUTE_MIN: Duration = Duration::from_secs(10);

/// The longest such time. It goes back to the first one after a quiet time of twice its length.
pub const REFUTE_MAX: Duration = Duration::from_secs(600);

/// A member signs its record again after a day, so that it stays within the three days for which it is accepted.
pub const RECORD_RENEWED_AFTER: Duration = Duration::from_secs(24 * 3_600);

/// A member signs its entries at most once in this time.
pub const ENTRIES_SIGNED_EVERY: Duration = Duration::from_secs(1);

/// One change of a member's entries in this time is news; with more than 60 members it is half a second for each.
/// Faster changes travel by push-pull alone.
pub const ENTRIES_NEWS_MIN: Duration = Duration::from_secs(30);

/// The same for each member.
pub const ENTRIES_NEWS_PER_MEMBER: Duration = Duration::from_millis(500);

/// A node sets its own entries at most once in this time; with more than 120 members it is half a second for each.
pub const BUILT_IN_MIN: Duration = Duration::from_secs(60);

/// The same for each member.
pub const BUILT_IN_PER_MEMBER: Duration = Duration::from_millis(500);

/// A conflict about one member is told at most once in this time.
pub const CONFLICT_INTERVAL: Duration = Duration::from_secs(600);

/// Members for which that is remembered. 64 of about 60 bytes: 4 KiB. Conflicts of further members are not told.
pub const CONFLICTS_MAX: usize = 64;

/// What was asked for is passed on as news if it was issued within this time, in milliseconds: a minute. Older
/// statements reach the others by their own push-pulls.
pub const NEWS_ISSUED_WITHIN_MS: u64 = 60_000;

/// Members in one message of digests. 1,024 of at most 29 bytes: 29 KiB, which fits a control frame.
pub const DIGESTS_MAX: usize = 1_024;

/// Bytes of statements in one difference, and in one message of wanted ones: 48 KiB, so that it fits a control
/// frame with the ids that are wanted. At least one member's statements always fit.
pub const DIFFERENCE_BYTES_MAX: usize = 48 * 1024;

/// Members that one difference asks for. 64 of at most 6.2 KiB take nine messages, and mostly one.
pub const DIFFERENCE_WANTED_MAX: usize = 64;

/// Lists that one comparison sends. 16,384 members that all differ take 256 answers with 64 wishes each, and half as many
/// again are left for statements that fill an answer sooner. A peer whose answers each settle a single short id gets no
/// more: 384 lists of 29 KiB, 11 MiB.
pub const COMPARISON_LISTS_MAX: u16 = 384;

/// A comparison whose peer does not answer for this time is given up.
pub const PUSH_PULL_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes of statements that a link may get by push-pull, a second: 64 KiB.
pub const PUSH_PULL_BYTES_PER_SEC: u64 = 64 * 1024;

/// The most that this budget saves up: 16 MiB, a whole view of records.
pub const PUSH_PULL_BURST_BYTES: u64 = 16 * 1024 * 1024;

/// What a message of digests costs in this budget, for each member that it lists, and at least: a look-up.
pub const DIGEST_COST_BYTES: u64 = 16;

/// What a list takes for each member: 28 bytes, because incarnations are times in milliseconds.
pub const DIGEST_BYTES: usize = 28;

/// What a comparison by difference takes for each symbol: its own 11 bytes, and what follows for the differences that
/// it finds. 73 of them take 100 symbols. Each takes 6 or 8 bytes in the answer, and 28 in the list that follows; a
/// member of which both sides have something is two differences and is listed once.
pub const SKETCH_SYMBOL_COST_BYTES: usize = 32;

/// The least symbols of a sketch: 176 bytes, enough for six differences. With fewer than 19 members, a list is
/// shorter.
pub const SKETCH_SYMBOLS_MIN: usize = 16;

/// Sketches of one comparison. Each has half as many symbols again as the one before, at least. While too few came to
/// estimate the difference, it has three times as many: 16, 49, 148, 445. Then lists take over.
pub const SKETCH_ROUNDS: u8 = 4;

/// Members that are dead or have left, and that a comparison by difference lists besides: 232 bytes at most. So two
/// nodes learn of their newer records in some comparisons, and a dead member never costs more.
pub const GONE_LISTED_MAX: usize = 8;
