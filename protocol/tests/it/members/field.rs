//! What users of other systems report, each as a test. The reports are named by their repository and number.

use protocol::gossip::members::{BUILT_IN_KEYS, MemberChange, MemberInput, MemberState, MembersConfig, Reach};
use protocol::items::member::Statement;
use protocol::limits::ENTRIES_BYTES_MAX;

use super::mesh::{Mesh, address};

/// hashicorp/memberlist#222, weaviate/weaviate#10698: probes, gossip and push-pull all skip the dead, so an
/// isolated node never rejoins.
#[test]
fn an_isolated_node_rejoins() {
    let mut mesh = Mesh::full(MembersConfig::wan(), 5);
    mesh.secs(70);
    for other in 1..5 {
        mesh.cut(0, other);
    }
    mesh.isolate(0);
    mesh.secs(1_800);
    for other in 1..5 {
        assert_eq!(mesh.sees(0, other), Some(MemberState::Dead));
        assert_eq!(mesh.sees(other, 0), Some(MemberState::Dead));
    }
    for other in 1..5 {
        mesh.heal(0, other);
    }
    mesh.secs(180);
    assert!((1..5).any(|other| mesh.are_linked(0, other)), "it wanted a connection");
    assert!(mesh.all_alive(&[0, 1, 2, 3, 4]));
}

/// The same for two halves of a network: both go on, and find each other again.
#[test]
fn two_halves_find_each_other_again() {
    let mut mesh = Mesh::ring(MembersConfig::wan(), 10, 3);
    mesh.secs(70);
    let pairs: Vec<(usize, usize)> = (0..5).flat_map(|one| (5..10).map(move |other| (one, other))).collect();
    for (one, other) in &pairs {
        mesh.cut(*one, *other);
        mesh.unlink(*one, *other);
    }
    mesh.secs(3_600);
    assert_eq!(mesh.sees(0, 7), Some(MemberState::Dead));
    assert!(mesh.all_alive(&[0, 1, 2, 3, 4]) && mesh.all_alive(&[5, 6, 7, 8, 9]));
    for (one, other) in &pairs {
        mesh.heal(*one, *other);
    }
    mesh.link(0, 9);
    mesh.secs(600);
    assert!(mesh.all_alive(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]));
}

/// The same, and each member has a link to the other half again: those that found it dead tell it, and it refutes.
#[test]
fn members_with_links_between_two_halves_are_alive_everywhere_within_seconds() {
    let mut mesh = Mesh::ring(MembersConfig::wan(), 10, 3);
    mesh.secs(70);
    let pairs: Vec<(usize, usize)> = (0..5).flat_map(|one| (5..10).map(move |other| (one, other))).collect();
    let linked: Vec<(usize, usize)> =
        pairs.iter().copied().filter(|(one, other)| mesh.are_linked(*one, *other)).collect();
    for (one, other) in &pairs {
        mesh.cut(*one, *other);
        mesh.unlink(*one, *other);
    }
    mesh.secs(3_600);
    assert_eq!(mesh.sees(2, 7), Some(MemberState::Dead));
    for (one, other) in &pairs {
        mesh.heal(*one, *other);
    }
    for (one, other) in &linked {
        mesh.link(*one, *other);
    }
    mesh.secs(5);
    assert!(mesh.all_alive(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]));
}

/// The same, and a member has links to its own half alone. Its peers tell it that it is dead for others.
#[test]
fn a_member_without_a_link_to_the_other_half_is_told_by_its_peers() {
    let mut mesh = Mesh::ring(MembersConfig::wan(), 16, 2);
    mesh.secs(70);
    let pairs: Vec<(usize, usize)> = (0..8).flat_map(|one| (8..16).map(move |other| (one, other))).collect();
    for (one, other) in &pairs {
        mesh.cut(*one, *other);
        mesh.unlink(*one, *other);
    }
    mesh.secs(3_600);
    assert_eq!(mesh.sees(0, 10), Some(MemberState::Dead));
    for (one, other) in &pairs {
        mesh.heal(*one, *other);
    }
    // The peers of member 10 are 8, 9, 11 and 12. Of these, 8 and 9 have links to the other half.
    for (one, other) in [(7, 8), (6, 8), (7, 9), (0, 15), (0, 14), (1, 15)] {
        mesh.link(one, other);
    }
    mesh.secs(5);
    let seen = (0..8).filter(|node| mesh.sees(*node, 10) == Some(MemberState::Alive)).count();
    assert_eq!(seen, 8);
}

/// hashicorp/memberlist#157: a member's address changes, and others take it for another member or for a dead one.
#[test]
fn a_members_address_changes() {
    let mut mesh = Mesh::ring(MembersConfig::wan(), 12, 2);
    mesh.secs(70);
    mesh.isolate(5);
    mesh.nodes[5].place = 500;
    mesh.input(5, MemberInput::SetReach(Reach::Addresses(vec![address(500)])));
    mesh.link(5, 0);
    mesh.secs(1_200);
    for node in (0..12).filter(|node| *node != 5) {
        let seen = mesh.info(node, 5);
        assert_eq!(seen.record.record().addresses, [address(500)], "node {node}");
        assert_eq!(seen.state, MemberState::Alive, "node {node}");
        assert_eq!(mesh.count(node, 5, MemberChange::Joined), 1, "node {node}");
        assert_eq!(mesh.count(node, 5, MemberChange::Failed), 0, "node {node}");
        assert_eq!(mesh.nodes[node].members.members().count(), 12);
    }
    let moved = mesh.key(5);
    let dialled = (0..12).any(|node| mesh.nodes[node].dials.iter().any(|(_, key)| *key == moved));
    assert!(dialled, "somebody has probed it at its new address");
}

/// hashicorp/consul#4879: two nodes with one name, and a storm of refutations in a network of 1,300 nodes.
#[test]
fn a_name_conflict_is_told_to_both_and_is_no_duel() {
    let mut mesh = Mesh::full(MembersConfig::wan(), 12);
    mesh.secs(120);
    let double = mesh.add(3, vec![]);
    for peer in [6, 7, 8] {
        mesh.link(double, peer);
    }
    mesh.secs(1_200);
    assert!(mesh.count(3, 3, MemberChange::Conflict) >= 1, "the first machine knows");
    assert!(mesh.count(double, 3, MemberChange::Conflict) >= 1, "the second machine knows");
    for machine in [3, double] {
        let signed = mesh.records_signed(machine);
        assert!(signed <= 5, "{signed} records in twenty minutes");
    }
    for node in (0..12).filter(|node| *node != 3) {
        assert!(mesh.count(node, 3, MemberChange::Conflict) <= 4, "node {node}");
        assert!(mesh.count(node, 3, MemberChange::Updated) <= 4, "node {node}");
        assert_eq!(mesh.count(node, 3, MemberChange::Failed), 0, "node {node}");
        assert_eq!(mesh.sees(node, 3), Some(MemberState::Alive), "node {node}");
    }
}

/// hashicorp/memberlist#191: 512 bytes of metadata are too few. Of the 4 KiB, the node's own numbers have 162 bytes.
#[test]
fn nearly_four_kibibytes_of_metadata_reach_everybody() {
    let mut mesh = Mesh::ring(MembersConfig::wan(), 20, 2);
    mesh.secs(70);
    let value = vec![7; ENTRIES_BYTES_MAX - BUILT_IN_KEYS.len() * 27 - 4];
    mesh.set_entry(5, "role", &value);
    mesh.secs(10);
    for node in 0..20 {
        let entries = mesh.info(node, 5).entries.expect("entries");
        assert_eq!(entries.entries()[0].value, value, "node {node}");
    }
}

/// camunda/camunda#14885: members that are slow for a while go and come without end.
#[test]
fn a_link_that_flaps_kills_nobody_and_causes_no_storm() {
    let mut mesh = Mesh::ring(MembersConfig::wan(), 8, 2);
    mesh.secs(70);
    for _ in 0..10 {
        // Long enough that peers accuse it, and shorter than the time in which its end would be found.
        for other in (0..8).filter(|other| *other != 5) {
            mesh.cut(5, other);
        }
        mesh.secs(10);
        for other in (0..8).filter(|other| *other != 5) {
            mesh.heal(5, other);
        }
        mesh.secs(50);
    }
    let mut accusations = 0;
    for node in 0..8 {
        assert_eq!(mesh.count(node, 5, MemberChange::Failed), 0, "node {node}");
        assert!(mesh.count(node, 5, MemberChange::Suspected) <= 40, "node {node}");
        let signed = mesh.nodes[node].signed.iter();
        accusations += signed.filter(|(_, statement)| matches!(statement, Statement::Accusation(_))).count();
    }
    assert!(accusations > 0, "nobody noticed anything");
    assert!(mesh.records_signed(5) <= 12, "{} records in ten minutes", mesh.records_signed(5));
    assert!(mesh.all_alive(&[0, 1, 2, 3, 4, 5, 6, 7]));
}
