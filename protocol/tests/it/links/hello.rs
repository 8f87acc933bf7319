//! The greeting: it comes first, it matches, and it comes in time.

use bytes::Bytes;
use protocol::gossip::{Direction, DisconnectReason, Event, RelayPolicy};
use protocol::time::Duration;
use protocol::wire::message::{GoodbyeReason, Hello, InvEntry, Message, TxRef, VERSION};

use crate::harness::{Mesh, genesis, network, transaction};

fn hello() -> Hello {
    Hello::new(&network(), genesis())
}

#[test]
fn a_node_greets_at_once() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    let peer = mesh.raw(0, Direction::Inbound);
    assert_eq!(mesh.heard(0, peer), [Message::Hello(hello())]);
}

#[test]
fn silence_is_endured_for_five_seconds() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    let peer = mesh.raw(0, Direction::Inbound);
    mesh.run_for(Duration::from_micros(4_999_999));
    assert_eq!(mesh.disconnected(0, peer), None);
    mesh.run_for(Duration::from_micros(1));
    assert_eq!(mesh.disconnected(0, peer), Some(DisconnectReason::NoHello));
}

#[test]
fn another_network_is_refused() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    let peer = mesh.raw(0, Direction::Inbound);
    let network = Bytes::from_static(b"other");
    mesh.say(0, peer, Message::Hello(Hello { network, ..hello() }));
    assert_eq!(mesh.disconnected(0, peer), Some(DisconnectReason::WrongNetwork));
}

#[test]
fn another_version_is_refused() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    let peer = mesh.raw(0, Direction::Inbound);
    mesh.say(0, peer, Message::Hello(Hello { version: VERSION + 1, ..hello() }));
    assert_eq!(mesh.disconnected(0, peer), Some(DisconnectReason::WrongVersion));
}

#[test]
fn unknown_feature_bits_are_ignored() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    let peer = mesh.raw(0, Direction::Inbound);
    mesh.say(0, peer, Message::Hello(Hello { features: u64::MAX, ..hello() }));
    assert!(mesh.nodes[0].peer(peer).is_some_and(|peer| peer.ready));
}

#[test]
fn nothing_may_come_before_it() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    let peer = mesh.raw(0, Direction::Inbound);
    let entry = InvEntry { transaction: TxRef::Full(transaction(1, 1, 1).id()), age_ms: 0 };
    mesh.say(0, peer, Message::Inv(vec![entry]));
    assert_eq!(mesh.disconnected(0, peer), Some(DisconnectReason::BeforeHello));
}

#[test]
fn it_comes_once() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    let peer = mesh.greeted(0);
    mesh.say(0, peer, Message::Hello(hello()));
    assert_eq!(mesh.disconnected(0, peer), Some(DisconnectReason::SecondHello));
}

#[test]
fn a_goodbye_may_stand_in_its_place() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    let peer = mesh.raw(0, Direction::Inbound);
    let reason = GoodbyeReason::new("unexpected_data").expect("a word");
    mesh.say(0, peer, Message::Goodbye(reason.clone()));
    assert_eq!(mesh.disconnected(0, peer), None);
    assert!(mesh.events[0].contains(&Event::Goodbye { peer, reason }));
}
