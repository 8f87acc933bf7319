//! The use of every structure: nothing passes its bound, nothing is left out, and the figures agree with the
//! contents.

use std::collections::BTreeMap;

use protocol::gossip::{
    AddressGroup, Direction, Input, Occupancy, PeerHandle, Reconciliation, RelayPolicy, Rumor,
};
use protocol::items::hash::{BlockId, ShortId, TxId};
use protocol::items::transaction::SignedTransaction;
use protocol::items::verify::Verdict;
use protocol::ledger::durable::Load;
use protocol::limits::{GETDATA_ENTRIES_MAX, GRACE_MIN, REQUESTS_IN_FLIGHT_MAX, UNHANDLED_MAX, VERIFIED_FIRST};
use protocol::time::Duration;
use protocol::wire::codec::Encode as _;
use protocol::wire::message::{Digest, Hello, InvEntry, Message, Reconcile, TxRef};

use crate::harness::{Checking, Mesh, block, block_by, genesis, key, network, rogue, tip_of, transaction};
use crate::make;
use crate::say::{announced, announced_block};

/// The structures to check.
const STRUCTURES: [&str; 63] = [
    "accepted ids",
    "acknowledged",
    "address groups",
    "address groups that betrayed trust",
    "all orphan bytes",
    "announce queue",
    "announced blocks",
    "announced transactions",
    "announcers of routes",
    "authors that are guests",
    "authors that visit",
    "blocks being loaded",
    "blocks in flight",
    "blocks to return",
    "bytes of unsure transactions",
    "chain body bytes",
    "chain headers",
    "charged ids",
    "confirmed ids",
    "conversations answered",
    "conversations begun",
    "declined ids",
    "evidence",
    "filter bytes",
    "first sights",
    "found to be confirmed",
    "grafts",
    "header queue",
    "heights to recall",
    "hot transactions",
    "ids announced or in verification",
    "ids by block",
    "ids on offer",
    "invalid blocks",
    "jobs of peers that left",
    "links of routes",
    "links with a record",
    "lists",
    "loads",
    "look-ups",
    "mempool bytes",
    "mempool entries",
    "new routes",
    "offered ids",
    "orphan bytes",
    "orphans",
    "outputs",
    "overdue pushes",
    "owed bulk replies",
    "owed replies",
    "prunes",
    "queued bulk bytes",
    "queued control bytes",
    "refused branches",
    "rejected ids",
    "sent bodies",
    "settled routes",
    "submitted jobs",
    "told in place of sent",
    "transactions in flight",
    "unsure transactions",
    "verification bytes",
    "verification jobs",
];

fn inv(count: u64) -> Message {
    let entry = |number: u64| InvEntry { transaction: TxRef::Short(ShortId(number.to_be_bytes())), age_ms: 0 };
    Message::Inv((1..=count).map(entry).collect())
}

fn bodies(items: &[&SignedTransaction]) -> Message {
    Message::Transactions { via: None, bodies: items.iter().map(|item| item.encoded().clone().into()).collect() }
}

fn watched(count: usize, relay: RelayPolicy) -> Mesh {
    let mut mesh = Mesh::new(count, relay);
    mesh.fullest = Some(BTreeMap::new());
    mesh
}

/// Requests answers of 8.5 KiB that aren't read, until there is no room for another one. One waits then.
fn deafen(mesh: &mut Mesh, peer: PeerHandle) {
    let mut answers = 1;
    while answers > 0 {
        mesh.heard(0, peer);
        mesh.say(
            0,
            peer,
            Message::GetData { graft: false, wanted: vec![TxRef::Full(TxId([1; 32])); GETDATA_ENTRIES_MAX] },
        );
        answers = mesh.heard(0, peer).len();
    }
}

/// Transactions of all sizes and two blocks, from everywhere.
fn busy(relay: RelayPolicy) -> Mesh {
    let mut mesh = watched(12, relay);
    mesh.connect_all();
    for nonce in 0..60 {
        mesh.submit((nonce as usize * 5) % 12, &transaction(nonce as u8 % 7, nonce, 150 * nonce as usize));
        mesh.run_for(Duration::from_millis(3));
    }
    let first = block(genesis(), &[transaction(8, 1, 9_000)], 3);
    mesh.publish(0, &first);
    mesh.run_secs(1);
    mesh.publish(5, &block(tip_of(&first), &[transaction(0, 0, 0)], 4));
    mesh.run_secs(4);
    mesh
}

/// Peers that send useless data, ask for more than they read, and disconnect.
fn hostile() -> Mesh {
    let mut mesh = watched(1, RelayPolicy::Announce);
    let peer = mesh.greeted(0);
    let once = transaction(1, 1, 10);
    let first = block(genesis(), std::slice::from_ref(&once), 1);
    mesh.publish(0, &first);
    mesh.run_secs(1);
    let careless = mesh.greeted(0);
    mesh.say(0, careless, Message::Block(block(tip_of(&first), &[once.clone(), once], 2)));
    for salt in 0..2 {
        mesh.say(0, peer, Message::Headers(vec![block_by(&rogue(), tip_of(&first), &[], salt).header]));
        mesh.run_for(Duration::from_millis(5));
    }
    mesh.say(0, peer, Message::Block(block(tip_of(&block(genesis(), &[], 7)), &[], 2)));
    mesh.run_secs(1);
    mesh.checking = Checking::Assumed;
    mesh.say(0, peer, Message::Block(block_by(&key(210), tip_of(&first), &[], 1)));
    mesh.say(0, peer, bodies(&[&make::transaction(7, 1, 0, 1)]));
    // Of three transactions with one nonce, the last is refused after its check.
    let three = [1, 2, 3].map(|payload| make::transaction(8, 1, 1_000, payload));
    mesh.say(0, peer, bodies(&[&three[0], &three[1], &three[2]]));
    let grouped = PeerHandle(900);
    let group = Some(AddressGroup(7));
    mesh.input(0, Input::PeerConnected { peer: grouped, direction: Direction::Inbound, group, key: None });
    for message in [Message::Hello(Hello::new(&network(), genesis())), inv(3)] {
        mesh.input(0, Input::Received { peer: grouped, message });
    }
    mesh.run_secs(10);
    let open = Reconcile::Open {
        number: 1,
        digest: Digest::PushPull,
        size: u32::MAX,
        tip: genesis(),
        salt: [1; 16],
        symbols: vec![0; 22].into(),
    };
    mesh.say(0, peer, Message::Reconcile(Box::new(open)));
    // Nobody reads any more.
    mesh.draining = false;
    let large: Vec<_> = (0..140).map(|number| make::sized(number, 1, 61_000)).collect();
    for item in &large {
        mesh.submit(0, item);
        mesh.run_for(Duration::from_millis(1));
    }
    mesh.say(
        0,
        peer,
        Message::GetData { graft: false, wanted: large.iter().map(|item| TxRef::Full(item.id())).collect() },
    );
    deafen(&mut mesh, peer);
    mesh
}

#[test]
fn nothing_passes_its_bound_and_everything_is_seen() {
    let rumor = Rumor { round: Duration::from_millis(50), ..Rumor::default() };
    let mut fullest: BTreeMap<&str, usize> = BTreeMap::new();
    let policies = [RelayPolicy::default(), RelayPolicy::Announce, RelayPolicy::Flood, RelayPolicy::Rumor(rumor)];
    for mesh in policies.map(busy).into_iter().chain([
        hostile(),
        left_behind(),
        late_and_deaf(),
        forgetful(),
        out_of_memory(),
        differing(),
        left_out(),
        betrayed(),
    ]) {
        for (what, used) in mesh.fullest.unwrap() {
            let most = fullest.entry(what).or_default();
            *most = used.max(*most);
        }
    }
    assert_eq!(fullest.keys().copied().collect::<Vec<_>>(), STRUCTURES);
    let empty: Vec<_> = fullest.iter().filter(|(_, used)| **used == 0).map(|(what, _)| *what).collect();
    assert_eq!(empty, [""; 0], "never seen in use");
}

/// A peer that was trusted, and then brings a bad signature.
fn betrayed() -> Mesh {
    let mut mesh = watched(1, RelayPolicy::default());
    mesh.checking = Checking::Held;
    let peer = mesh.greeted_in(0, 7);
    for nonce in 0..=VERIFIED_FIRST {
        let item = transaction(1, nonce, 10);
        mesh.say(0, peer, Message::Transactions { via: None, bodies: vec![item.into()] });
        let verdict = if nonce < VERIFIED_FIRST { Verdict::Valid } else { Verdict::Invalid { first: 0 } };
        let job = mesh.jobs.remove(0).id;
        mesh.input(0, Input::Verified { job, verdict });
    }
    mesh
}

/// A parent that leaves out one item and is late with another, and a peer that brings old items.
fn left_out() -> Mesh {
    let mut mesh = watched(1, RelayPolicy::default());
    let (parent, other) = (mesh.greeted(0), mesh.greeted(0));
    let [first, hidden, late, old] = [0, 1, 2, 3].map(|nonce| transaction(1, nonce, 10));
    let announce = |mesh: &mut Mesh, item: &SignedTransaction, age_ms: u32| {
        mesh.say(0, other, announced(item.id().short(), age_ms));
        mesh.run_for(GRACE_MIN + Duration::from_millis(1));
    };
    let send = |mesh: &mut Mesh, from: PeerHandle, item: &SignedTransaction| {
        mesh.say(0, from, bodies(&[item]));
        mesh.run_for(Duration::from_millis(1));
    };
    send(&mut mesh, parent, &first);
    announce(&mut mesh, &hidden, 0);
    send(&mut mesh, other, &hidden);
    send(&mut mesh, parent, &late);
    announce(&mut mesh, &late, 1_000);
    announce(&mut mesh, &old, 60_000);
    send(&mut mesh, other, &old);
    mesh
}

/// A node that starts without the transactions of its blocks, and storage that doesn't answer.
fn forgetful() -> Mesh {
    let mut mesh = watched(1, RelayPolicy::Announce);
    let old = transaction(1, 1, 10);
    let first = block(genesis(), std::slice::from_ref(&old), 1);
    mesh.publish(0, &first);
    mesh.run_secs(1);
    mesh.kept[0].forgetful = true;
    mesh.restart(0);
    let peer = mesh.greeted(0);
    mesh.say(0, peer, bodies(&[&old]));
    mesh.run_secs(1);
    mesh.loading = false;
    mesh.restart(0);
    let (peer, new) = (mesh.greeted(0), transaction(2, 1, 10));
    mesh.say(0, peer, bodies(&[&new]));
    mesh.run_secs(1);
    mesh.input(0, Input::Loaded(Load::First(new.id()).nothing()));
    mesh.publish(0, &block(tip_of(&first), &[old], 2));
    mesh.run_secs(1);
    mesh
}

/// A peer that doesn't read blocks' headers, and one that leaves its items in verification.
fn left_behind() -> Mesh {
    let mut mesh = watched(1, RelayPolicy::Announce);
    mesh.draining = false;
    let (deaf, gone) = (mesh.greeted(0), mesh.greeted(0));
    deafen(&mut mesh, deaf);
    mesh.publish(0, &block(genesis(), &[], 1));
    mesh.run_secs(1);
    mesh.checking = Checking::Held;
    mesh.say(0, gone, bodies(&[&transaction(1, 1, 10)]));
    mesh.input(0, Input::PeerDisconnected { peer: gone });
    mesh
}

/// A reorganisation of more than memory holds, and a peer that wants data that are only stored.
fn out_of_memory() -> Mesh {
    let mut mesh = watched(1, RelayPolicy::Announce);
    mesh.checking = Checking::Assumed;
    let (mut tip, mut side) = (genesis(), genesis());
    for number in 0..6_u32 {
        let items: Vec<_> = (0..60).map(|nonce| make::sized(number, nonce, 65_000)).collect();
        let best = block(tip, &items, 1);
        mesh.publish(0, &best);
        mesh.run_secs(1);
        tip = tip_of(&best);
    }
    mesh.loading = false;
    for number in 0..7 {
        let other = block(side, &[], number);
        mesh.publish(0, &other);
        mesh.run_secs(1);
        side = tip_of(&other);
    }
    let peer = mesh.greeted(0);
    mesh.say(0, peer, Message::GetBlock { graft: false, id: BlockId([9; 32]) });
    mesh.run_secs(1);
    mesh
}

/// Two nodes that compare their mempools.
fn differing() -> Mesh {
    let mut mesh = Mesh::reconciling(2, RelayPolicy::None, Reconciliation::default(), 1);
    mesh.fullest = Some(BTreeMap::new());
    mesh.submit(0, &transaction(1, 1, 10));
    (0..20).for_each(|nonce| mesh.submit(1, &transaction(2, nonce, 10)));
    mesh.run_secs(1);
    mesh.connect(0, 1);
    mesh.run_secs(5);
    mesh
}

/// A parent that is late for a peer that doesn't read. This peer should be grafted in its place.
fn late_and_deaf() -> Mesh {
    let mut mesh = watched(1, RelayPolicy::default());
    let (parent, quick) = (mesh.greeted(0), mesh.greeted(0));
    mesh.draining = false;
    deafen(&mut mesh, quick);
    for nonce in 0..4 {
        let item = transaction(1, nonce, 10);
        mesh.say(0, parent, bodies(&[&item]));
        mesh.run_for(Duration::from_millis(1));
        mesh.say(0, quick, announced(item.id().short(), 100));
    }
    mesh
}

#[test]
fn the_figures_are_those_of_what_is_held() {
    let mut mesh = watched(1, RelayPolicy::Announce);
    let (peer, other) = (mesh.greeted(0), mesh.greeted(0));
    mesh.submit(0, &transaction(1, 1, 100));
    mesh.run_secs(1);
    mesh.say(0, peer, inv(REQUESTS_IN_FLIGHT_MAX as u64 + 4));
    mesh.say(0, peer, announced_block(block(genesis(), &[], 1).header));
    mesh.run_for(Duration::from_millis(1));
    mesh.checking = Checking::Held;
    let (waiting, submitted) = (transaction(2, 1, 50), transaction(3, 1, 50));
    mesh.say(0, other, bodies(&[&waiting]));
    mesh.submit(0, &submitted);
    let mut seen: BTreeMap<(&str, Option<PeerHandle>), Occupancy> = BTreeMap::new();
    mesh.nodes[0].occupancy(&mut |occupancy| {
        assert_eq!(seen.insert((occupancy.what, occupancy.peer), occupancy), None, "named once");
    });
    let used = |what, peer| seen[&(what, peer)].used;
    // The link is charged for genesis, the transactions that the peer announced, and the block. Nothing is charged
    // for the transaction that the peer was told of, because that one is accepted.
    assert_eq!(used("charged ids", Some(peer)), 1 + REQUESTS_IN_FLIGHT_MAX + 4 + 1);
    assert_eq!(used("announced transactions", Some(peer)), REQUESTS_IN_FLIGHT_MAX + 4);
    assert_eq!(used("transactions in flight", Some(peer)), REQUESTS_IN_FLIGHT_MAX);
    assert_eq!((used("announced blocks", Some(peer)), used("blocks in flight", Some(peer))), (1, 1));
    assert_eq!((used("verification jobs", Some(peer)), used("verification jobs", Some(other))), (0, 1));
    assert_eq!(used("verification bytes", Some(other)), waiting.encoded().len());
    assert_eq!((used("submitted jobs", None), used("jobs of peers that left", None)), (1, 0));
    assert_eq!((used("mempool entries", None), used("mempool bytes", None)), (1, mesh.nodes[0].mempool().bytes));
    assert_eq!((used("accepted ids", None), used("rejected ids", None), used("outputs", None)), (1, 0, 0));
    assert_eq!((used("chain headers", None), used("chain body bytes", None)), (1, 0));
    // Those, and what is in verification. No link is charged for that.
    let known = seen[&("ids announced or in verification", None)];
    assert_eq!(known.used, 1 + REQUESTS_IN_FLIGHT_MAX + 4 + 1 + 2);
    assert_eq!(known.limit, 2 * UNHANDLED_MAX + 2);
    let charged = seen[&("charged ids", Some(other))];
    assert_eq!((charged.limit, charged.used, charged.bytes), (UNHANDLED_MAX, 1, 8));
    // Messages that are sent and drained no longer count.
    assert_eq!(used("queued control bytes", Some(peer)), 0);
    mesh.draining = false;
    mesh.say(0, other, Message::GetData { graft: false, wanted: vec![TxRef::Full(TxId([1; 32]))] });
    let answer = Message::NotFound { transactions: vec![TxRef::Full(TxId([1; 32]))], blocks: vec![] };
    let mut queued = None;
    mesh.nodes[0].occupancy(&mut |occupancy| {
        if (occupancy.what, occupancy.peer) == ("queued control bytes", Some(other)) {
            queued = Some((occupancy.used, occupancy.bytes));
        }
    });
    assert_eq!(queued, Some((answer.encoded_len(), answer.encoded_len())));
}
