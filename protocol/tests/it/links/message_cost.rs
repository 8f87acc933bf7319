//! The look-ups that a message causes are bounded by its cost for the sender. This holds for every kind of message
//! that asks, even if it is empty, or if there is no room for the answer.

use protocol::gossip::{PeerHandle, RelayPolicy};
use protocol::items::hash::{BlockId, RouteId, ShortId, TxId};
use protocol::limits::{
    GETDATA_ENTRIES_MAX, HEADERS_ENTRIES_MAX, INBOUND_BURST_BYTES, INV_ENTRIES_MAX, LOCATOR_ENTRIES_MAX,
    MESSAGE_COST_BYTES, NOTFOUND_BLOCKS_MAX, OFFER_ENTRIES_MAX, ROUTES_ENTRIES_MAX, TAKE_PLACES_MAX,
};
use protocol::time::Duration;
use protocol::wire::message::{Digest, InvEntry, Message, Outcome, Reconcile, Tip, TxRef};

use crate::harness::{Mesh, block, genesis, network, tip_of};

/// The least cost of each look-up, in bytes of the budget. A short id in an inv with the factor of 16 costs 144.
/// So no peer causes more than 131,072 look-ups in a second.
const LOOKUP_COST_BYTES: u64 = 128;

fn short(number: u64) -> ShortId {
    ShortId(number.to_be_bytes())
}

fn reconcile(message: Reconcile) -> Message {
    Message::Reconcile(Box::new(message))
}

/// Every kind that asks or names, at its largest and empty, with the number of its look-ups.
fn kinds() -> Vec<(&'static str, Message, usize)> {
    let refs = |count: usize| (0..count as u64).map(|number| TxRef::Short(short(number))).collect::<Vec<_>>();
    let blocks = |count: usize| (0..count as u8).map(|number| BlockId([number; 32])).collect::<Vec<_>>();
    let routes = |count: usize| (0..count as u64).map(|number| RouteId(number.to_be_bytes())).collect::<Vec<_>>();
    let ids = |count: usize| (0..count as u64).map(short).collect::<Vec<_>>();
    let known = network().genesis();
    let mut locator = blocks(LOCATOR_ENTRIES_MAX - 1);
    locator.push(known);
    let entries = |count| refs(count).into_iter().map(|transaction| InvEntry { transaction, age_ms: 0 }).collect();
    let nowhere = Tip { height: 0, id: known };
    let open = Reconcile::Open {
        number: 1,
        digest: Digest::PushPull,
        size: 0,
        tip: nowhere,
        salt: [1; 16],
        symbols: vec![0; 11].into(),
    };
    let difference = |count: usize| Reconcile::Difference {
        number: 1,
        outcome: Outcome::Known,
        tip: nowhere,
        wanted: Vec::new(),
        offered: ids(count),
    };
    // Every place of 32 bytes is set.
    let places = vec![0xff; TAKE_PLACES_MAX / 8];
    vec![
        ("inv", Message::Inv(entries(INV_ENTRIES_MAX)), INV_ENTRIES_MAX),
        ("empty inv", Message::Inv(Vec::new()), 0),
        ("getdata", Message::GetData { graft: true, wanted: refs(GETDATA_ENTRIES_MAX) }, GETDATA_ENTRIES_MAX),
        ("empty getdata", Message::GetData { graft: false, wanted: Vec::new() }, 0),
        (
            "notfound",
            Message::NotFound { transactions: refs(GETDATA_ENTRIES_MAX), blocks: blocks(NOTFOUND_BLOCKS_MAX) },
            GETDATA_ENTRIES_MAX + NOTFOUND_BLOCKS_MAX,
        ),
        ("empty notfound", Message::NotFound { transactions: Vec::new(), blocks: Vec::new() }, 0),
        ("empty transactions", Message::Transactions { via: None, bodies: Vec::new() }, 0),
        ("prune", Message::Prune(routes(ROUTES_ENTRIES_MAX)), ROUTES_ENTRIES_MAX),
        ("graft", Message::Graft(routes(ROUTES_ENTRIES_MAX)), ROUTES_ENTRIES_MAX),
        ("empty graft", Message::Graft(Vec::new()), 0),
        ("had", Message::Had(ids(256)), 256),
        // One look-up on disk, which counts for 32 look-ups in memory.
        ("getblock", Message::GetBlock { graft: true, id: BlockId([9; 32]) }, 32),
        ("getheaders", Message::GetHeaders(vec![known]), 1 + HEADERS_ENTRIES_MAX),
        ("getheaders, long", Message::GetHeaders(locator), LOCATOR_ENTRIES_MAX + HEADERS_ENTRIES_MAX),
        ("empty getheaders", Message::GetHeaders(Vec::new()), HEADERS_ENTRIES_MAX),
        ("empty headers", Message::Headers(Vec::new()), 0),
        ("open", reconcile(open), 512),
        ("more", reconcile(Reconcile::More { number: 1, count: 4_096 }), 512),
        ("difference", reconcile(difference(OFFER_ENTRIES_MAX)), OFFER_ENTRIES_MAX),
        ("offer", reconcile(Reconcile::Offer { number: 1, ids: ids(OFFER_ENTRIES_MAX) }), OFFER_ENTRIES_MAX),
        ("empty offer", reconcile(Reconcile::Offer { number: 1, ids: Vec::new() }), 0),
        ("take", reconcile(Reconcile::Take { number: 1, places: places.into() }), TAKE_PLACES_MAX),
        ("list", reconcile(Reconcile::List { number: 1, after: None }), 512),
    ]
}

/// How often a peer may send a message before it isn't read any more.
fn read(mesh: &mut Mesh, peer: PeerHandle, message: &Message) -> u64 {
    let mut count = 0;
    while mesh.reads.is_empty() && mesh.disconnected(0, peer).is_none() && count < 100_000 {
        mesh.say(0, peer, message.clone());
        mesh.traffic.clear();
        mesh.sent.clear();
        mesh.heard(0, peer);
        count += 1;
    }
    count
}

#[test]
fn whatever_a_message_has_us_look_up_is_paid_for() {
    // The chain gives a getheaders an answer. Nobody reads this answer.
    let chain: Vec<_> = (0..300)
        .scan(genesis(), |tip, number| {
            let next = block(*tip, &[], number);
            *tip = tip_of(&next);
            Some(next)
        })
        .collect();
    for (name, message, lookups) in kinds() {
        for draining in [true, false] {
            let mut mesh = Mesh::new(1, RelayPolicy::default());
            if matches!(message, Message::GetHeaders(_)) {
                for block in &chain {
                    mesh.publish(0, block);
                    mesh.run_for(Duration::from_millis(1));
                }
            }
            mesh.draining = draining;
            mesh.loading = false;
            let peer = mesh.greeted(0);
            let count = read(&mut mesh, peer, &message);
            println!("{name}, read {draining}: {count} messages, {} looked up", count * lookups as u64);
            let most = INBOUND_BURST_BYTES / LOOKUP_COST_BYTES;
            // One more message may still come in.
            let looked_up = count.saturating_sub(1) * lookups as u64;
            assert!(looked_up <= most, "{name}: {looked_up} things for one burst, and {most} are paid for");
            assert!(
                count <= INBOUND_BURST_BYTES / MESSAGE_COST_BYTES + 1,
                "{name}: {count} messages in one burst"
            );
        }
    }
}

#[test]
fn headers_are_loaded_for_a_peer_once_at_a_time_and_only_if_it_has_room() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    mesh.loading = false;
    let peer = mesh.greeted(0);
    let ask = |number: u8| Message::GetHeaders(vec![BlockId([number; 32])]);
    let waiting = |mesh: &Mesh| mesh.kept[0].loads.len();
    mesh.say(0, peer, ask(1));
    assert_eq!(waiting(&mesh), 1);
    mesh.say(0, peer, ask(2));
    assert_eq!(waiting(&mesh), 1);
    // Another peer doesn't read: its answers leave no room.
    mesh.draining = false;
    let deaf = mesh.greeted(0);
    let wanted = vec![TxRef::Full(TxId([1; 32])); GETDATA_ENTRIES_MAX];
    loop {
        mesh.say(0, deaf, Message::GetData { graft: false, wanted: wanted.clone() });
        if mesh.heard(0, deaf).is_empty() {
            break;
        }
    }
    mesh.say(0, deaf, ask(3));
    assert_eq!(waiting(&mesh), 1);
}
