//! The entries that each node sets itself: its numbers for everybody, by push-pull.

use bytes::Bytes;
use protocol::gossip::members::{BUILT_IN_KEYS, MemberInput, MembersConfig};

use super::mesh::Mesh;

fn value(mesh: &Mesh, node: usize, of: usize, key: &str) -> Option<Bytes> {
    let entries = mesh.info(node, of).entries?.entries();
    entries.into_iter().find(|entry| entry.key == key).map(|entry| entry.value)
}

#[test]
fn a_nodes_numbers_reach_everybody_by_push_pull() {
    let mut mesh = Mesh::full(MembersConfig::lan(), 6);
    mesh.secs(10);
    mesh.input(2, MemberInput::SetBuiltIn([1, 22, 333, 4, 5_000, 60]));
    mesh.secs(5);
    let soon = (0..6).filter(|node| *node != 2).filter(|node| value(&mesh, *node, 2, "height").is_some()).count();
    mesh.secs(120);
    for node in 0..6 {
        assert_eq!(value(&mesh, node, 2, "height").unwrap(), "22", "node {node}");
        assert_eq!(value(&mesh, node, 2, "rtt").unwrap(), "5000", "node {node}");
    }
    assert!(soon < 5, "it was news: {soon} knew it after 5 s");
}

#[test]
fn numbers_that_come_more_often_than_once_a_minute_are_not_signed() {
    let mut mesh = Mesh::full(MembersConfig::lan(), 3);
    mesh.secs(10);
    mesh.input(0, MemberInput::SetBuiltIn([1; 6]));
    mesh.secs(59);
    mesh.input(0, MemberInput::SetBuiltIn([2; 6]));
    mesh.secs(1);
    assert_eq!(value(&mesh, 0, 0, "peers").unwrap(), "1");
    mesh.input(0, MemberInput::SetBuiltIn([3; 6]));
    mesh.secs(2);
    assert_eq!(value(&mesh, 0, 0, "peers").unwrap(), "3");
}

#[test]
fn an_applications_change_is_still_news() {
    let mut mesh = Mesh::full(MembersConfig::lan(), 6);
    mesh.secs(10);
    mesh.input(2, MemberInput::SetBuiltIn([7; 6]));
    mesh.secs(2);
    mesh.set_entry(2, "colour", b"green");
    mesh.secs(5);
    for node in 0..6 {
        assert_eq!(value(&mesh, node, 2, "colour").unwrap(), "green", "node {node}");
        assert_eq!(value(&mesh, node, 2, "height").unwrap(), "7", "node {node}");
    }
}

#[test]
fn an_application_may_not_set_them_and_leaves_room_for_them() {
    let mesh = Mesh::full(MembersConfig::lan(), 2);
    let own = &mesh.nodes[0].members;
    for key in BUILT_IN_KEYS {
        assert!(own.check_entry(key, Some(b"1")).is_err(), "{key}");
    }
    let room = protocol::limits::ENTRIES_BYTES_MAX - BUILT_IN_KEYS.len() * 27 - 1;
    assert!(own.check_entry("k", Some(&vec![0; room])).is_ok());
    assert!(own.check_entry("k", Some(&vec![0; room + 1])).is_err());
}
