//! Golden bytes: every message, frame and item, against `docs/vectors/wire.json`. A changed byte here is a change
//! of the protocol. To write the file again: `UPDATE_VECTORS=1 cargo test -p hearsay-protocol --test it wire`.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use protocol::gossip::aggregate::extrema::Winners;
use protocol::gossip::aggregate::gauge::Gauge;
use protocol::gossip::aggregate::value::Value;
use protocol::gossip::repair::sketch::SaltedId;
use protocol::items::block::{Block, SignedHeader, transactions_root};
use protocol::items::hash::{RouteId, RouteKind, ShortId, TxId};
use protocol::items::member::Statement;
use protocol::items::member::accusation::Accusation;
use protocol::items::member::epoch::Epoch;
use protocol::items::member::ticket::Ticket;
use protocol::items::transaction::SignedTransaction;
use protocol::limits::GOODBYE_REASON_LEN_MAX;
use protocol::wire::codec::{Decode as _, Encode as _};
use protocol::wire::frame::Frame;
use protocol::wire::message::{
    AggregateMessage, AggregatePart, Difference, Digest, Digests, Extremes, Flow, GoodbyeReason, Hello, InvEntry,
    MemberDigest, MemberMessage, MemberSketch, MemberState, Message, Outcome, Reconcile, SketchDifference,
    Tickets, Tip, Totals, TxRef,
};
use serde_json::{Map, Value as Json, json};

use crate::harness::{block, genesis, key, network, producer, tip_of, transaction};

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/vectors/wire.json")
}

fn messages() -> Vec<(&'static str, Message)> {
    let (small, other) = (transaction(1, 7, 3), transaction(2, 300, 24));
    let block = block(genesis(), &[small.clone(), other.clone()], 1_700_000_000_000);
    let (short, full) = (TxRef::Short(small.id().short()), TxRef::Full(other.id()));
    let entries = vec![InvEntry { transaction: short, age_ms: 5 }, InvEntry { transaction: full, age_ms: 1_000 }];
    let mut messages = vec![
        (
            "hello",
            Message::Hello(Hello::new(&network(), Tip { height: 1, id: block.header.id() }).keeping_from(1)),
        ),
        ("inv", Message::Inv(entries)),
        ("getdata", Message::GetData { graft: true, wanted: vec![short, full] }),
        ("notfound", Message::NotFound { transactions: vec![short], blocks: vec![block.header.id()] }),
        (
            "transactions",
            Message::Transactions {
                via: None,
                bodies: vec![small.encoded().clone().into(), other.encoded().clone().into()],
            },
        ),
        (
            "transactions_via",
            Message::Transactions { via: Some(RouteId([7; 8])), bodies: vec![small.encoded().clone().into()] },
        ),
        ("prune", Message::Prune(vec![RouteId::of(RouteKind::Transaction, &small.author().0), RouteId([7; 8])])),
        ("blockheader", Message::BlockHeader { header: Box::new(block.header), pushed: false }),
        ("getblock", Message::GetBlock { graft: true, id: block.header.id() }),
        ("block", Message::Block(block.clone())),
        ("getheaders", Message::GetHeaders(vec![block.header.id(), genesis().id])),
        ("headers", Message::Headers(vec![block.header])),
        ("had", Message::Had(vec![small.id().short(), other.id().short()])),
        ("graft", Message::Graft(vec![RouteId::of(RouteKind::Block, &producer().public().0)])),
    ];
    let tip = Tip { height: 1, id: block.header.id() };
    messages.extend(reconciling(tip, [small.id().short(), other.id().short()]));
    messages.push(("goodbye", Message::Goodbye(GoodbyeReason::new("invalid_signature").unwrap())));
    messages.extend(members());
    messages.extend(aggregates());
    messages
}

/// The accusation of `members.json`.
fn accusation() -> Statement {
    let (accuser, subject) = (key(2).public(), key(1).public());
    let accusation = Accusation { accuser, subject, incarnation: 1_700_000_000_000 };
    Statement::Accusation(accusation.sign(&key(2), &network()))
}

/// What members say.
fn members() -> [(&'static str, Message); 8] {
    let subject = key(1).public();
    let statements = vec![accusation()];
    let [a, b, c, d, e, f, g, h, ..] = subject.0;
    let member = ShortId([a, b, c, d, e, f, g, h]);
    let one = MemberDigest {
        member,
        incarnation: 1_700_000_000_000,
        state: MemberState::Suspect,
        digest: ShortId([9; 8]),
    };
    let (from, to) = (ShortId([0; 8]), ShortId([255; 8]));
    let digests = Digests { mode: Digest::PushPull, from, to, members: vec![one], whole: true };
    let difference = Difference { until: to, statements: statements.clone(), wanted: vec![member] };
    let symbols = (0..22).collect::<Vec<u8>>().into();
    let sketch = MemberSketch { salt: [7; 16], members: 1_000, symbols };
    let only_there = vec![SaltedId::from_bytes([1, 2, 3, 4, 5, 6])];
    let found = SketchDifference { more: 0, only_here: vec![member], only_there };
    [
        ("news", MemberMessage::News(statements.clone())),
        ("digests", MemberMessage::Digests(digests)),
        ("memberdifference", MemberMessage::Difference(difference)),
        ("statements", MemberMessage::Wanted(statements)),
        ("proberequest", MemberMessage::ProbeRequest { subject }),
        ("probeanswer", MemberMessage::ProbeAnswer { subject, reached: true }),
        ("membersketch", MemberMessage::Sketch(sketch)),
        ("sketchdifference", MemberMessage::SketchDifference(found)),
    ]
    .map(|(name, message)| (name, Message::Members(Box::new(message))))
}

/// The epoch that the block of the vectors names.
fn epoch() -> Epoch {
    let items = [transaction(1, 7, 3), transaction(2, 300, 24)];
    Epoch { number: 1, block: block(genesis(), &items, 1_700_000_000_000).header.id() }
}

/// What is said of aggregates over links.
fn aggregates() -> [(&'static str, Message); 3] {
    let highest = Value::whole(2_048).unwrap();
    let gauge = Gauge::new("peers", Value::default(), highest).unwrap().id();
    let (name, ticket) = (epoch().name(), Ticket::sign(&key(1), &network(), &epoch()));
    let mut winners = Winners::new(epoch());
    winners.take(&ticket);
    let flow = Flow { high: 1_000_000_007, low: 1 << 40 };
    let extremes = Some(Extremes { lowest: 0, highest: 2_048_000_000 });
    let tickets = Tickets { epoch: name, fingerprint: winners.fingerprint(), tickets: vec![ticket] };
    [
        ("aggregates", AggregateMessage::Part(AggregatePart { gauges: vec![gauge], size: true })),
        ("totals", AggregateMessage::Totals(Totals { gauge, epoch: name, flow, extremes })),
        ("tickets", AggregateMessage::Tickets(tickets)),
    ]
    .map(|(name, message)| (name, Message::Aggregates(Box::new(message))))
}

/// All messages, and the frames that are none.
fn frames() -> Vec<(&'static str, Frame)> {
    let nonce = [0x1c, 0x5a, 0x93, 0x00, 0xfe, 0x21, 0x77, 0xb4];
    let placed = Frame::PlacedPong(nonce, core::array::from_fn(|byte| byte as u8));
    let own = [
        ("ack", Frame::Ack(16_384)),
        ("ping", Frame::Ping(nonce)),
        ("pong", Frame::Pong(nonce)),
        ("pong_placed", placed),
    ];
    messages().into_iter().map(|(name, message)| (name, Frame::from(message))).chain(own).collect()
}

/// A conversation about two mempools, as far as each message has an example.
fn reconciling(tip: Tip, ids: [ShortId; 2]) -> [(&'static str, Message); 7] {
    let symbols: Bytes = (0..22).collect::<Vec<u8>>().into();
    let (number, salt) = (1_000_000, [7; 16]);
    let open =
        Reconcile::Open { number, digest: Digest::PushPull, size: 20_000, tip, salt, symbols: symbols.clone() };
    let wanted = vec![SaltedId::from_bytes([1, 2, 3, 4, 5, 6])];
    let difference = Reconcile::Difference { number, outcome: Outcome::Known, tip, wanted, offered: vec![ids[0]] };
    [
        ("reconcile", open),
        ("more", Reconcile::More { number, count: 40 }),
        ("symbols", Reconcile::Symbols { number, symbols }),
        ("difference", difference),
        ("offer", Reconcile::Offer { number, ids: ids.to_vec() }),
        ("take", Reconcile::Take { number, places: vec![0b0100_0000].into() }),
        ("list", Reconcile::List { number, after: Some(ids[1]) }),
    ]
    .map(|(name, message)| (name, Message::Reconcile(Box::new(message))))
}

fn vectors() -> Json {
    let items = [transaction(1, 7, 3), transaction(2, 300, 24)];
    let block = block(genesis(), &items, 1_700_000_000_000);
    let transactions = items.iter().map(|item| {
        json!({
            "author_seed": hex::encode([item.payload()[0]; 32]),
            "author": item.author().to_string(),
            "nonce": item.nonce(),
            "valid_until": item.valid_until(),
            "payload": hex::encode(item.payload()),
            "encoded": hex::encode(item.encoded()),
            "id": item.id().to_string(),
        })
    });
    let header = block.header.header();
    let roots = (0..=5_usize).map(|count| {
        let ids: Vec<TxId> = (0..count).map(|number| TxId([number as u8; 32])).collect();
        json!({ "ids": ids.iter().map(ToString::to_string).collect::<Vec<_>>(),
                "root": transactions_root(&ids).to_string() })
    });
    let messages: Map<String, Json> = frames()
        .into_iter()
        .map(|(name, frame)| (name.to_owned(), hex::encode(frame.to_bytes()).into()))
        .collect();
    let routes = json!({
        "transactions": hex::encode(RouteId::of(RouteKind::Transaction, &items[0].author().0).0),
        "blocks": hex::encode(RouteId::of(RouteKind::Block, &producer().public().0).0),
    });
    json!({
        "network": network().as_str(),
        "routes": routes,
        "genesis": genesis().id.to_string(),
        "transactions": transactions.collect::<Vec<_>>(),
        "header": {
            "producer_seed": hex::encode([200; 32]),
            "height": header.height,
            "parent": header.parent.to_string(),
            "producer": header.producer.to_string(),
            "timestamp_ms": header.timestamp_ms,
            "transactions_root": header.transactions_root.to_string(),
            "count": header.count,
            "encoded": hex::encode(block.header.to_bytes()),
            "id": block.header.id().to_string(),
        },
        "block": hex::encode(block.to_bytes()),
        "accusation": hex::encode(accusation().to_bytes()),
        "ticket": {
            "seed": hex::encode([1; 32]),
            "member": key(1).public().to_string(),
            "number": epoch().number,
            "signature": hex::encode(Ticket::sign(&key(1), &network(), &epoch()).signature.0),
        },
        "merkle_roots": roots.collect::<Vec<_>>(),
        "messages": messages,
    })
}

#[test]
fn the_bytes_are_those_of_the_vectors() {
    let made = vectors();
    if std::env::var_os("UPDATE_VECTORS").is_some() {
        std::fs::create_dir_all(path().parent().unwrap()).unwrap();
        std::fs::write(path(), format!("{made:#}\n")).unwrap();
    }
    let kept: Json = serde_json::from_str(&std::fs::read_to_string(path()).unwrap()).unwrap();
    assert_eq!(made, kept);
}

#[test]
fn the_vectors_decode_to_what_they_stand_for() {
    let kept: Json = serde_json::from_str(&std::fs::read_to_string(path()).unwrap()).unwrap();
    let bytes = |value: &Json| Bytes::from(hex::decode(value.as_str().unwrap()).unwrap());
    for (name, frame) in frames() {
        assert_eq!(Frame::from_bytes(&bytes(&kept["messages"][name])), Ok(frame), "{name}");
    }
    for (name, message) in messages() {
        assert_eq!(Message::from_bytes(&bytes(&kept["messages"][name])), Ok(message), "{name}");
    }
    for item in kept["transactions"].as_array().unwrap() {
        let transaction = SignedTransaction::from_bytes(&bytes(&item["encoded"])).unwrap();
        assert_eq!(transaction.id().to_string(), item["id"]);
        assert!(transaction.verify(&transaction.author().decompress().unwrap(), &network()));
    }
    let header = SignedHeader::from_bytes(&bytes(&kept["header"]["encoded"])).unwrap();
    assert!(header.verify(&producer().public().decompress().unwrap(), &network()));
    let block = Block::from_bytes(&bytes(&kept["block"])).unwrap();
    assert_eq!((block.header, tip_of(&block).height), (header, 1));
    assert_eq!(Arc::new(block).transactions.len(), 2);
}

#[test]
fn a_goodbyes_reason_is_one_short_word() {
    let longest = "a".repeat(GOODBYE_REASON_LEN_MAX);
    for word in ["no_hello", "x", "0_9", &longest] {
        assert_eq!(GoodbyeReason::new(word).map(|reason| reason.as_str().to_owned()), Ok(word.to_owned()));
    }
    let too_long = "a".repeat(GOODBYE_REASON_LEN_MAX + 1);
    for word in ["", "Upper", "two words", "line\n", "\u{1b}[31m", "größe", &too_long] {
        assert!(GoodbyeReason::new(word).is_err(), "{word:?}");
        // The array, the tag, and a text in its one encoding.
        let length = word.len() as u8;
        let head = if length < 24 { vec![0x60 + length] } else { vec![0x78, length] };
        let bytes = [&[0x82, 0x15][..], &head, word.as_bytes()].concat();
        assert!(Message::from_bytes(&bytes.into()).is_err(), "{word:?}");
    }
}

#[test]
fn keys_are_made_from_seeds_as_rfc_8032_says() {
    // RFC 8032, section 7.1, test 1.
    let seed = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
    let mut bytes = [0; 32];
    hex::decode_to_slice(seed, &mut bytes).unwrap();
    let secret = protocol::items::keys::SecretKey::from_seed(&bytes);
    assert_eq!(secret.public().to_string(), "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
    assert_eq!(hex::encode(&secret.sign(b"").0[..8]), "e5564300c360ac72");
    assert_ne!(key(1).public(), key(2).public());
}
