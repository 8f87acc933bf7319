//! The messages of bad peers: each of these peers is disconnected with a reason, and nothing from it is held or
//! relayed.

use std::sync::Arc;

use bytes::Bytes;
use protocol::gossip::{DisconnectReason, Event, ItemId, PeerHandle, Refusal, RelayPolicy};
use protocol::items::block::{Block, Header};
use protocol::items::hash::ShortId;
use protocol::items::network::NetworkId;
use protocol::items::transaction::Transaction;
use protocol::limits::{INBOUND_BURST_BYTES, INV_COST_FACTOR, INV_ENTRIES_MAX, REQUEST_ANNOUNCEMENTS_MAX};
use protocol::time::Duration;
use protocol::wire::codec::Encode as _;
use protocol::wire::message::{Hello, InvEntry, Message, TxRef};

use crate::harness::{Mesh, block, genesis, key, network, producer, tip_of, transaction, tx};
use crate::say::announced_block;

fn refusals(mesh: &Mesh, node: usize) -> Vec<Refusal> {
    let refusal = |event: &Event| match event {
        Event::Refused { refusal, .. } => Some(refusal.clone()),
        _ => None,
    };
    mesh.events[node].iter().filter_map(refusal).collect()
}

fn send_body(mesh: &mut Mesh, peer: PeerHandle, body: Bytes) {
    mesh.say(0, peer, Message::Transactions { via: None, bodies: vec![body.into()] });
    mesh.run_for(Duration::from_millis(1));
}

#[test]
fn a_bad_signature_ends_the_connection_and_is_remembered() {
    let mut mesh = Mesh::new(2, RelayPolicy::Announce);
    mesh.connect(0, 1);
    let mut body = transaction(1, 1, 10).encoded().to_vec();
    *body.last_mut().expect("not empty") ^= 1;
    for _ in 0..2 {
        let peer = mesh.greeted(0);
        send_body(&mut mesh, peer, body.clone().into());
        assert_eq!(mesh.disconnected(0, peer), Some(DisconnectReason::InvalidSignature));
    }
    mesh.run_secs(1);
    // The first copy is refused by its check, the second by memory. The honest neighbour never heard of the item.
    assert_eq!(refusals(&mesh, 0), [Refusal::InvalidSignature]);
    assert_eq!(mesh.nodes[1].stats().announcements, 0);
    assert_eq!(mesh.disconnects.len(), 2);
}

#[test]
fn a_spoiled_copy_does_not_taint_the_item() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    let item = transaction(1, 1, 10);
    let mut body = item.encoded().to_vec();
    *body.last_mut().expect("not empty") ^= 1;
    let (bad, good) = (mesh.greeted(0), mesh.greeted(0));
    send_body(&mut mesh, bad, body.into());
    send_body(&mut mesh, good, item.encoded().clone());
    assert!(mesh.accepted(0, tx(&item)));
    assert_eq!(mesh.disconnected(0, good), None);
}

#[test]
fn a_signature_for_another_network_is_bad() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    let peer = mesh.greeted(0);
    let other: NetworkId = "other".parse().expect("a good name");
    let item = Transaction { author: key(1).public(), nonce: 1, valid_until: 9, payload: Bytes::new() };
    let item = item.sign(&key(1), &other).expect("small");
    send_body(&mut mesh, peer, item.encoded().clone());
    assert_eq!(mesh.disconnected(0, peer), Some(DisconnectReason::InvalidSignature));
}

#[test]
fn a_body_that_does_not_decode_ends_the_connection() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    let peer = mesh.greeted(0);
    send_body(&mut mesh, peer, Bytes::from_static(&[0x85, 0x00]));
    assert_eq!(mesh.disconnected(0, peer), Some(DisconnectReason::MalformedItem));
}

#[test]
fn what_the_rules_refuse_is_no_misbehavior() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    let peer = mesh.greeted(0);
    let refused = [0, 10_001].map(|valid_until| {
        let item = Transaction { author: key(1).public(), nonce: 1, valid_until, payload: Bytes::new() };
        item.sign(&key(1), &network()).expect("small")
    });
    for item in &refused {
        send_body(&mut mesh, peer, item.encoded().clone());
    }
    assert_eq!(mesh.disconnected(0, peer), None);
    let tip = 0;
    let expected = [Refusal::Expired { valid_until: 0, tip }, Refusal::TooFarAhead { valid_until: 10_001, tip }];
    assert_eq!(refusals(&mesh, 0), expected);
}

#[test]
fn the_edge_of_valid_until_is_accepted() {
    for valid_until in [1, 10_000] {
        let mut mesh = Mesh::new(1, RelayPolicy::Announce);
        let peer = mesh.greeted(0);
        let item = Transaction { author: key(1).public(), nonce: 1, valid_until, payload: Bytes::new() };
        let item = item.sign(&key(1), &network()).expect("small");
        send_body(&mut mesh, peer, item.encoded().clone());
        assert!(mesh.accepted(0, ItemId::Transaction(item.id())), "valid until {valid_until}");
    }
}

#[test]
fn bogus_announcements_stay_within_the_peers_bounds() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    let (spammer, honest) = (mesh.greeted(0), mesh.greeted(0));
    let mut number = 0_u64;
    for _ in 0..25 {
        let entries = (0..INV_ENTRIES_MAX).map(|_| {
            number += 1;
            InvEntry { transaction: TxRef::Short(ShortId(number.to_be_bytes())), age_ms: 0 }
        });
        mesh.say(0, spammer, Message::Inv(entries.collect()));
    }
    let stats = mesh.nodes[0].stats();
    assert_eq!(stats.announcements, number);
    assert_eq!(stats.announcements_dropped, number - REQUEST_ANNOUNCEMENTS_MAX as u64);
    // It is not read until its budget is back, and is disconnected when it keeps delivering nothing.
    assert!(mesh.reads.contains(&(0, spammer, false)), "{:?}", mesh.reads);
    let item = transaction(1, 1, 10);
    send_body(&mut mesh, honest, item.encoded().clone());
    assert!(mesh.accepted(0, tx(&item)));
    mesh.run_secs(60);
    assert_eq!(mesh.disconnected(0, spammer), Some(DisconnectReason::Withheld));
    assert_eq!(mesh.disconnected(0, honest), None);
}

#[test]
fn a_peer_over_its_budget_is_not_read_until_it_is_within_it_again() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    let peer = mesh.greeted(0);
    let spare = INBOUND_BURST_BYTES - Message::Hello(Hello::new(&network(), genesis())).encoded_len() as u64;
    let entry = InvEntry { transaction: TxRef::Short(ShortId([1; 8])), age_ms: 0 };
    let inv = Message::Inv(vec![entry; INV_ENTRIES_MAX]);
    let cost = inv.encoded_len() as u64 * INV_COST_FACTOR;
    for _ in 0..spare / cost {
        mesh.say(0, peer, inv.clone());
    }
    assert_eq!(mesh.reads, []);
    mesh.say(0, peer, inv);
    assert_eq!(mesh.reads, [(0, peer, false)]);
    mesh.run_secs(1);
    assert_eq!(mesh.reads, [(0, peer, false), (0, peer, true)]);
}

#[test]
fn headers_that_do_not_connect_end_the_connection() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    let peer = mesh.greeted(0);
    let headers = [1, 2].map(|timestamp| block(genesis(), &[], timestamp).header);
    mesh.say(0, peer, Message::Headers(headers.to_vec()));
    assert_eq!(mesh.disconnected(0, peer), Some(DisconnectReason::BrokenHeaders));
}

#[test]
fn a_header_with_a_bad_signature_ends_the_connection() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    let peer = mesh.greeted(0);
    let other: NetworkId = "other".parse().expect("a good name");
    let header = Header { ..*block(genesis(), &[], 1).header.header() }.sign(&producer(), &other);
    mesh.say(0, peer, announced_block(header));
    mesh.run_for(Duration::from_millis(1));
    assert_eq!(mesh.disconnected(0, peer), Some(DisconnectReason::InvalidSignature));
}

#[test]
fn a_block_of_a_stranger_is_refused_without_blame() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    let peer = mesh.greeted(0);
    let header = *block(genesis(), &[], 1).header.header();
    let header = header.sign(&key(77), &network());
    mesh.say(0, peer, announced_block(header));
    assert_eq!(refusals(&mesh, 0), [Refusal::ProducerNotAllowed]);
    assert_eq!(mesh.disconnected(0, peer), None);
}

/// CVE-2024-52921 of another system: a spoiled body must not end the download from an honest peer.
#[test]
fn a_spoiled_block_leaves_the_honest_request_alone() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    let (honest, attacker) = (mesh.greeted(0), mesh.greeted(0));
    let good = block(genesis(), &[transaction(1, 1, 10)], 1);
    mesh.say(0, honest, announced_block(good.header));
    mesh.run_for(Duration::from_millis(1));
    assert_eq!(mesh.heard(0, honest), [Message::GetBlock { graft: false, id: good.header.id() }]);
    let spoiled = Block { header: good.header, transactions: vec![transaction(1, 2, 10).encoded().clone()] };
    mesh.say(0, attacker, Message::Block(Arc::new(spoiled)));
    assert_eq!(mesh.disconnected(0, attacker), Some(DisconnectReason::InvalidBlock));
    assert_eq!(mesh.heard(0, honest), []);
    mesh.say(0, honest, Message::Block(good.clone()));
    mesh.run_for(Duration::from_millis(1));
    assert_eq!(mesh.nodes[0].tip(), tip_of(&good));
    assert_eq!(mesh.disconnected(0, honest), None);
}

#[test]
fn a_block_with_an_invalid_transaction_is_condemned() {
    let mut mesh = Mesh::new(2, RelayPolicy::Announce);
    mesh.connect(0, 1);
    let peer = mesh.greeted(0);
    let other: NetworkId = "other".parse().expect("a good name");
    let item = Transaction { author: key(1).public(), nonce: 1, valid_until: 9, payload: Bytes::new() };
    let item = Arc::new(item.sign(&key(1), &other).expect("small"));
    let bad = block(genesis(), &[item], 1);
    mesh.say(0, peer, Message::Block(bad));
    mesh.run_secs(1);
    assert_eq!(mesh.disconnected(0, peer), Some(DisconnectReason::InvalidBlock));
    assert_eq!(mesh.nodes[0].tip(), genesis());
    assert_eq!(mesh.nodes[1].stats().block_bodies, 0);
}
