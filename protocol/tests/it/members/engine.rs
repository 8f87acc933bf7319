//! The membership machine inside the engine: over real messages, beside the relay of items.

use std::collections::BTreeSet;
use std::sync::Arc;

use protocol::gossip::members::{MemberChange, MemberInput, MemberState, MembersConfig};
use protocol::gossip::{DisconnectReason, Input, PeerHandle, RelayPolicy};
use protocol::items::member::record::{MemberRecord, Presence, SignedRecord};
use protocol::items::member::{Instance, Statement, Unsigned};
use protocol::time::Duration;
use protocol::wire::message::{FEATURE_MEMBERS, Hello, MemberMessage, Message};

use crate::harness::{Mesh, genesis, key, network, transaction, tx};

fn mesh(count: usize) -> Mesh {
    let mut mesh = Mesh::new(count, RelayPolicy::default()).with_members(MembersConfig::lan());
    mesh.connect_all();
    mesh
}

/// How many members a node knows in a state.
fn known(mesh: &Mesh, node: usize, state: MemberState) -> usize {
    mesh.nodes[node].members().unwrap().members().filter(|member| member.state == state).count()
}

pub fn record(number: u8) -> MemberRecord {
    MemberRecord {
        key: key(number).public(),
        instance: Instance([number; 8]),
        incarnation: 1_800_000_000_000,
        issued_ms: 1_800_000_000_000,
        version: 2,
        agent: "test".into(),
        addresses: vec![],
        relays: vec![],
        presence: Presence::Alive,
    }
}

pub fn signed(record: MemberRecord, number: u8) -> SignedRecord {
    record.sign(&key(number), &network()).expect("within bounds")
}

/// The same record, with a bad signature.
fn spoilt(record: SignedRecord) -> SignedRecord {
    let mut bytes = protocol::codec::Encode::to_bytes(&record);
    // The last bytes are the signature.
    let last = bytes.last_mut().expect("not empty");
    *last ^= 1;
    protocol::codec::Decode::from_bytes(&bytes.into()).expect("a record")
}

/// A peer that a test plays, whose connection has proved the key of this number.
pub fn stranger(mesh: &mut Mesh, number: u8) -> PeerHandle {
    let peer = mesh.raw_with_key(0, key(number).public());
    let hello = Hello::new(&network(), genesis()).with_features(FEATURE_MEMBERS);
    mesh.say(0, peer, Message::Hello(hello));
    peer
}

fn member_messages(mesh: &mut Mesh, peer: PeerHandle) -> usize {
    mesh.heard(0, peer).iter().filter(|message| matches!(message, Message::Members(_))).count()
}

#[test]
fn engines_that_are_joined_know_all_members_soon() {
    let mut mesh = mesh(12);
    mesh.run_secs(5);
    for node in 0..12 {
        assert_eq!(known(&mesh, node, MemberState::Alive), 12, "node {node}");
    }
    assert_eq!(mesh.disconnects, []);
}

#[test]
fn a_silent_engine_is_found_dead_and_nobody_else_is() {
    let mut mesh = mesh(12);
    mesh.run_secs(90);
    mesh.silence(3);
    mesh.run_secs(60);
    for node in (0..12).filter(|node| *node != 3) {
        let failed: Vec<_> = mesh.changes(node).filter(|(_, change)| *change == MemberChange::Failed).collect();
        assert_eq!(failed, [(3, MemberChange::Failed)], "node {node}");
    }
}

#[test]
fn items_are_relayed_as_before() {
    let mut mesh = mesh(12);
    mesh.run_secs(5);
    let item = transaction(1, 1, 64);
    mesh.submit(4, &item);
    mesh.run_secs(2);
    assert_eq!(mesh.nodes_with(tx(&item)), 12);
}

#[test]
fn a_peer_whose_hello_has_no_bit_gets_no_message_of_membership() {
    let mut mesh = mesh(3);
    let peer = mesh.raw_with_key(0, key(9).public());
    mesh.say(0, peer, Message::Hello(Hello::new(&network(), genesis())));
    mesh.run_secs(40);
    assert_eq!(member_messages(&mut mesh, peer), 0);
    let peer = stranger(&mut mesh, 8);
    mesh.run_secs(40);
    assert!(member_messages(&mut mesh, peer) > 0);
}

#[test]
fn an_engine_without_membership_sends_and_reads_none() {
    let mut mesh = Mesh::new(1, RelayPolicy::default());
    let peer = stranger(&mut mesh, 8);
    let statement = Unsigned::Record(record(8)).sign(&key(8), &network()).unwrap();
    mesh.say(0, peer, Message::Members(Box::new(MemberMessage::News(vec![statement]))));
    mesh.run_secs(40);
    assert_eq!(member_messages(&mut mesh, peer), 0);
    assert_eq!(mesh.disconnected(0, peer), None);
    assert_eq!(mesh.signatures, 0);
}

#[test]
fn a_statement_with_a_bad_signature_ends_the_link_that_brought_it() {
    let mut mesh = mesh(3);
    mesh.run_secs(5);
    let (liar, other) = (stranger(&mut mesh, 8), stranger(&mut mesh, 9));
    let news = MemberMessage::News(vec![Statement::Record(Arc::new(spoilt(signed(record(7), 7))))]);
    mesh.say(0, liar, Message::Members(Box::new(news)));
    mesh.run_secs(1);
    assert_eq!(mesh.disconnected(0, liar), Some(DisconnectReason::InvalidSignature));
    assert_eq!(mesh.disconnected(0, other), None);
    assert_eq!(known(&mesh, 0, MemberState::Alive), 3);
}

#[test]
fn an_entry_is_everywhere_soon() {
    let mut mesh = mesh(12);
    mesh.run_secs(5);
    let entry = MemberInput::SetEntry { key: "colour".into(), value: Some(vec![7].into()) };
    mesh.input(2, Input::Members(Box::new(entry)));
    mesh.run_secs(5);
    for node in 0..12 {
        let member = mesh.nodes[node].members().unwrap().member(&key(2).public()).unwrap();
        let entries = member.entries.expect("it has set one").entries();
        assert_eq!(entries[0].value.as_ref(), [7], "node {node}");
    }
}

#[test]
fn an_engine_that_leaves_has_left_for_all() {
    let mut mesh = mesh(12);
    mesh.run_secs(5);
    mesh.input(2, Input::Members(Box::new(MemberInput::Leave)));
    mesh.run_for(Duration::from_secs(3));
    for node in 0..12 {
        assert_eq!(known(&mesh, node, MemberState::Left), 1, "node {node}");
    }
}

#[test]
fn what_only_the_engine_may_tell_the_machine_is_ignored_from_outside() {
    let mut mesh = mesh(3);
    mesh.run_secs(5);
    let link = PeerHandle(9_999);
    mesh.input(0, Input::Members(Box::new(MemberInput::LinkUp { link, key: key(9).public(), group: None })));
    let statement = Unsigned::Record(record(9)).sign(&key(9), &network()).unwrap();
    let via = protocol::gossip::members::Via::Told;
    mesh.input(0, Input::Members(Box::new(MemberInput::Checked { link: None, via, statement, good: true })));
    mesh.run_secs(5);
    assert_eq!(known(&mesh, 0, MemberState::Alive), 3);
}

/// Gives the first node a record as an earlier run of it had kept it.
fn recall(mesh: &mut Mesh, record: SignedRecord, answered: bool) {
    let input = MemberInput::Recall { record: Arc::new(record), answered };
    mesh.input(0, Input::Members(Box::new(input)));
}

#[test]
fn records_of_an_earlier_run_count_once_they_are_checked() {
    let mut mesh = Mesh::new(1, RelayPolicy::default()).with_members(MembersConfig::lan());
    recall(&mut mesh, signed(record(7), 7), false);
    recall(&mut mesh, spoilt(signed(record(8), 8)), false);
    let four_days_ms = 4 * 24 * 3_600_000;
    let old = MemberRecord { issued_ms: record(6).issued_ms - four_days_ms, ..record(6) };
    recall(&mut mesh, signed(old, 6), false);
    recall(&mut mesh, signed(MemberRecord { presence: Presence::Left, ..record(5) }, 5), false);
    recall(&mut mesh, signed(record(0), 0), false);
    mesh.run_secs(1);
    let members = mesh.nodes[0].members().unwrap();
    let known: BTreeSet<_> = members.members().map(|member| member.record.key()).collect();
    assert_eq!(known, BTreeSet::from([key(0).public(), key(7).public()]));
    let changes: Vec<_> = mesh.changes(0).collect();
    assert_eq!(changes, [(7, MemberChange::Joined)], "and of its own key it heard nothing");
}

#[test]
fn a_node_without_links_connects_to_members_that_had_answered_an_earlier_run() {
    let mut lone = Mesh::new(1, RelayPolicy::default()).with_members(MembersConfig::lan());
    let mut linked = mesh(3);
    linked.run_secs(1);
    for mesh in [&mut lone, &mut linked] {
        recall(mesh, signed(record(7), 7), true);
        recall(mesh, signed(record(8), 8), false);
        mesh.run_secs(1);
    }
    assert_eq!(lone.wanted.connects, [(0, key(7).public())]);
    assert_eq!(linked.wanted.connects, []);
}
