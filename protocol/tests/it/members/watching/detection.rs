//! How a member's end is found, and how a member's silence is not taken for its end.

use protocol::gossip::members::{MemberChange, MemberInput, MemberMessage, MemberState, MembersConfig};
use protocol::items::member::Statement;
use protocol::time::{Duration, Time};

use crate::members::mesh::{Mesh, slow};

fn accusations(mesh: &Mesh, node: usize, since: Time) -> usize {
    let signed = mesh.nodes[node].signed.iter().filter(|(at, _)| *at >= since);
    signed.filter(|(_, statement)| matches!(statement, Statement::Accusation(_))).count()
}

#[test]
fn all_members_of_a_ring_know_each_other_soon() {
    let mut mesh = Mesh::ring(MembersConfig::wan(), 30, 2);
    mesh.secs(10);
    let all: Vec<usize> = (0..30).collect();
    assert!(mesh.all_alive(&all));
    for node in 0..30 {
        for other in (0..30).filter(|other| *other != node) {
            assert_eq!(mesh.count(node, other, MemberChange::Joined), 1);
        }
    }
}

#[test]
fn a_member_that_dies_is_dead_for_everybody_within_a_minute_and_is_told_of_once() {
    let mut mesh = Mesh::ring(MembersConfig::wan(), 12, 2);
    mesh.secs(70);
    mesh.kill(5);
    mesh.secs(60);
    for node in (0..12).filter(|node| *node != 5) {
        assert_eq!(mesh.sees(node, 5), Some(MemberState::Dead), "node {node}");
        assert_eq!(mesh.count(node, 5, MemberChange::Suspected), 1, "node {node}");
        assert_eq!(mesh.count(node, 5, MemberChange::Failed), 1, "node {node}");
    }
}

#[test]
fn a_newcomer_hears_of_a_death_in_its_first_minute() {
    let mut mesh = Mesh::ring(MembersConfig::wan(), 40, 2);
    mesh.secs(70);
    // The newcomer is no peer of the member that dies, and would probe it only after minutes.
    let newcomer = mesh.add(400, vec![]);
    mesh.link(newcomer, 20);
    mesh.secs(5);
    mesh.kill(0);
    mesh.secs(50);
    assert_eq!(mesh.sees(newcomer, 0), Some(MemberState::Dead));
}

/// Two rings in one network, each of which found a member of the other one dead by itself. They are linked again.
#[test]
fn members_that_nobody_accused_are_looked_at_again_after_a_partition() {
    let mut mesh = Mesh::ring(MembersConfig::lan(), 24, 2);
    mesh.secs(70);
    let (half, other): (Vec<usize>, Vec<usize>) = (0..24).partition(|node| *node < 12);
    for one in &half {
        for two in &other {
            mesh.unlink(*one, *two);
            mesh.cut(*one, *two);
        }
    }
    mesh.secs(400);
    for one in &half {
        for two in &other {
            assert_eq!(mesh.sees(*one, *two), Some(MemberState::Dead), "{one} sees {two}");
            mesh.heal(*one, *two);
        }
    }
    // Members 6 and 18 have no link to the other half, and none of their peers has one.
    for (one, two) in [(0, 23), (1, 22), (11, 12), (10, 13)] {
        mesh.link(one, two);
    }
    mesh.secs(20);
    let all: Vec<usize> = (0..24).collect();
    assert!(mesh.all_alive(&all));
}

#[test]
fn a_silent_link_is_noticed_as_well_as_a_closed_one() {
    let mut mesh = Mesh::ring(MembersConfig::wan(), 8, 2);
    mesh.secs(70);
    for other in (0..8).filter(|other| *other != 5) {
        mesh.cut(5, other);
    }
    mesh.secs(75);
    for node in (0..8).filter(|node| *node != 5) {
        assert_eq!(mesh.sees(node, 5), Some(MemberState::Dead), "node {node}");
    }
}

/// The first packet of a connection is sent again after a second, and after two more. See `DIAL_WAIT_MIN`.
#[test]
fn a_dial_is_waited_for_until_two_lost_packets_would_have_been_sent_again() {
    for (config, wait) in [(MembersConfig::lan(), 4), (MembersConfig::wan(), 9)] {
        let mut mesh = Mesh::ring(config, 10, 2);
        // Every member has probed each other one by then, and was answered.
        mesh.secs(600);
        mesh.cut(0, 5);
        let (cut, subject) = (mesh.now, mesh.key(5));
        mesh.secs(400);
        let dials = mesh.nodes[0].dials.iter().filter(|(at, key)| *at >= cut && *key == subject);
        let dials: Vec<Time> = dials.map(|(at, _)| *at).collect();
        assert_eq!(dials[1].since(dials[0]), Duration::from_secs(wait));
    }
}

#[test]
fn nobody_is_dead_before_the_suspicion_has_run_out() {
    let mut mesh = Mesh::full(MembersConfig::wan(), 9);
    mesh.secs(70);
    let killed = mesh.now;
    mesh.kill(5);
    mesh.secs(120);
    for node in (0..9).filter(|node| *node != 5) {
        let at = |change| {
            let events = mesh.nodes[node].events.iter();
            let mut found = events.filter(|(_, event)| event.member == mesh.key(5) && event.change == change);
            found.next().expect("it happened").0
        };
        // With nine members T is 4 s.
        let lasted = at(MemberChange::Failed).since(at(MemberChange::Suspected));
        assert!(lasted >= Duration::from_secs(4), "{lasted}");
        assert!(at(MemberChange::Suspected).since(killed) >= Duration::from_secs(6), "two rounds of 3 s");
    }
}

#[test]
fn a_member_that_others_reach_is_not_dead_for_one_that_does_not() {
    let mut mesh = Mesh::full(MembersConfig::wan(), 6);
    mesh.secs(70);
    mesh.cut(0, 1);
    mesh.secs(600);
    assert_eq!(mesh.count(0, 1, MemberChange::Failed) + mesh.count(1, 0, MemberChange::Failed), 0);
    for node in 2..6 {
        assert_eq!(mesh.count(node, 0, MemberChange::Failed) + mesh.count(node, 1, MemberChange::Failed), 0);
    }
}

/// A node that asks nobody, so it accuses two seconds after a silence began.
fn hasty() -> MembersConfig {
    MembersConfig { indirect_checks: 0, ..MembersConfig::lan() }
}

#[test]
fn a_paused_node_accuses_nobody_for_five_seconds() {
    let mut mesh = Mesh::full(hasty(), 6);
    mesh.secs(70);
    mesh.stop(0);
    mesh.secs(8);
    // When it runs on, its network needs four seconds more.
    for other in 1..6 {
        mesh.cut(0, other);
    }
    let woken = mesh.now;
    mesh.go_on(0);
    mesh.secs(4);
    for other in 1..6 {
        mesh.heal(0, other);
    }
    mesh.secs(30);
    assert_eq!(accusations(&mesh, 0, woken), 0);
    for other in 1..6 {
        assert_eq!(mesh.count(0, other, MemberChange::Suspected), 0, "node {other}");
        assert_eq!(mesh.count(0, other, MemberChange::Failed), 0, "node {other}");
    }
    let all: Vec<usize> = (0..6).collect();
    assert!(mesh.all_alive(&all));
}

#[test]
fn a_node_that_was_not_paused_accuses_in_that_time() {
    let mut mesh = Mesh::full(hasty(), 6);
    mesh.secs(70);
    let cut = mesh.now;
    for other in 1..6 {
        mesh.cut(0, other);
    }
    mesh.secs(4);
    assert!(accusations(&mesh, 0, cut) > 0);
}

#[test]
fn a_member_that_leaves_is_gone_at_once_and_nobody_suspects_it() {
    let mut mesh = Mesh::ring(MembersConfig::wan(), 12, 2);
    mesh.secs(70);
    mesh.input(5, MemberInput::Leave);
    mesh.secs(3);
    mesh.kill(5);
    mesh.secs(120);
    for node in (0..12).filter(|node| *node != 5) {
        assert_eq!(mesh.sees(node, 5), Some(MemberState::Left), "node {node}");
        assert_eq!(mesh.count(node, 5, MemberChange::Left), 1, "node {node}");
        assert_eq!(mesh.count(node, 5, MemberChange::Suspected), 0, "node {node}");
    }
}

#[test]
fn a_member_that_comes_back_has_a_higher_incarnation_and_is_alive_again() {
    let mut mesh = Mesh::ring(MembersConfig::wan(), 6, 2);
    mesh.secs(70);
    let kept = mesh.nodes[5].kept.clone();
    let before = mesh.info(0, 5).record.incarnation();
    mesh.kill(5);
    mesh.secs(90);
    assert_eq!(mesh.sees(0, 5), Some(MemberState::Dead));
    let again = mesh.add(5, kept);
    mesh.link(again, 0);
    mesh.secs(5);
    for node in 0..5 {
        assert_eq!(mesh.sees(node, 5), Some(MemberState::Alive), "node {node}");
        assert_eq!(mesh.count(node, 5, MemberChange::Returned), 1, "node {node}");
        assert_eq!(mesh.count(node, 5, MemberChange::Conflict), 0, "node {node}");
    }
    assert!(mesh.info(0, 5).record.incarnation() > before);
}

#[test]
fn an_incarnation_rises_from_run_to_run_even_if_the_clock_went_back() {
    let mut mesh = Mesh::full(MembersConfig::wan(), 3);
    mesh.secs(70);
    let mut kept = mesh.nodes[2].kept.clone();
    kept.retain(|statement| matches!(statement, Statement::Record(_)));
    let before = mesh.info(0, 2).record.incarnation();
    let mut later = Mesh::new(MembersConfig::wan(), 0);
    let node = later.add(2, kept);
    later.secs(1);
    assert!(later.wall_ms() < mesh.wall_ms());
    assert_eq!(later.info(node, node).record.incarnation(), before + 1);
}

#[test]
fn a_dead_member_is_forgotten_after_seven_days() {
    let mut mesh = Mesh::full(slow(), 3);
    mesh.secs(70);
    mesh.kill(2);
    mesh.secs(7 * 86_400);
    assert_eq!(mesh.sees(0, 2), Some(MemberState::Dead));
    mesh.secs(120);
    assert_eq!(mesh.sees(0, 2), None);
    let all = [0, 1];
    assert!(mesh.all_alive(&all), "the others have renewed their records");
}

#[test]
fn dead_members_are_tried_with_growing_pauses() {
    let mut mesh = Mesh::full(MembersConfig::wan(), 4);
    mesh.secs(70);
    let dead = mesh.key(3);
    mesh.kill(3);
    mesh.secs(60);
    let from = mesh.now;
    mesh.secs(6 * 3_600);
    let dials = mesh.nodes[0].dials.iter().filter(|(at, key)| *at > from && *key == dead).count();
    // 30, 60, 120, … seconds apart, and an hour from the eighth on.
    assert!((8..=14).contains(&dials), "{dials} dials");
}

#[test]
fn a_node_that_has_lost_all_links_finds_one_among_those_that_are_alive() {
    let mut mesh = Mesh::ring(MembersConfig::lan(), 9, 2);
    mesh.secs(70);
    mesh.isolate(5);
    mesh.secs(20);
    assert!((0..9).any(|other| other != 5 && mesh.are_linked(5, other)));
    assert_eq!((0..9).filter(|other| mesh.count(5, *other, MemberChange::Failed) > 0).count(), 0);
}

/// A node of a dozen that was cut off until it had found all others dead, or as many as there are.
fn cut_off(nodes: usize) -> Mesh {
    let mut mesh = Mesh::ring(MembersConfig::lan(), nodes, 2);
    mesh.secs(70);
    (0..nodes).filter(|other| *other != 0).for_each(|other| mesh.cut(0, other));
    mesh.isolate(0);
    mesh.secs(600);
    (1..nodes).for_each(|other| assert_eq!(mesh.sees(0, other), Some(MemberState::Dead), "{other}"));
    (1..nodes).for_each(|other| mesh.heal(0, other));
    mesh.link(0, 1);
    mesh
}

#[test]
fn a_member_that_was_alone_takes_back_what_it_found_then() {
    let mut mesh = cut_off(12);
    mesh.secs(5);
    let all: Vec<usize> = (0..12).collect();
    assert!(mesh.all_alive(&all));
    mesh.secs(120);
    assert!(mesh.all_alive(&all));
}

#[test]
fn what_it_takes_back_is_found_again_if_it_was_true() {
    let mut mesh = Mesh::ring(MembersConfig::lan(), 12, 2);
    mesh.secs(70);
    (2..12).for_each(|other| mesh.kill(other));
    mesh.isolate(0);
    (1..12).for_each(|other| mesh.cut(0, other));
    mesh.secs(600);
    mesh.heal(0, 1);
    mesh.link(0, 1);
    mesh.secs(180);
    for other in 2..12 {
        assert_eq!(mesh.sees(0, other), Some(MemberState::Dead), "{other}");
    }
    assert_eq!(mesh.sees(0, 1), Some(MemberState::Alive));
}

#[test]
fn a_few_that_were_found_dead_while_nobody_was_heard_stay_dead() {
    let mut mesh = Mesh::full(MembersConfig::lan(), 4);
    mesh.secs(70);
    (0..3).for_each(|node| mesh.kill(node));
    mesh.secs(120);
    let newcomer = mesh.add(99, vec![]);
    mesh.link(3, newcomer);
    mesh.secs(2);
    for other in 0..3 {
        assert_eq!(mesh.sees(3, other), Some(MemberState::Dead), "{other}");
        assert_eq!(mesh.count(3, other, MemberChange::Returned), 0, "{other}");
    }
}

#[test]
fn links_that_were_only_silent_bring_the_members_back_as_well() {
    let mut mesh = Mesh::full(MembersConfig::lan(), 9);
    mesh.secs(70);
    (1..9).for_each(|other| mesh.cut(0, other));
    mesh.secs(600);
    (1..9).for_each(|other| assert_eq!(mesh.sees(0, other), Some(MemberState::Dead), "{other}"));
    mesh.heal(0, 1);
    mesh.say(1, 0, MemberMessage::News(vec![]));
    for other in 1..9 {
        assert_eq!(mesh.sees(0, other), Some(MemberState::Alive), "{other}");
    }
}
