//! What liars can do: make a member refute, and nothing more.

use protocol::gossip::members::{MemberChange, MemberMessage, MemberState, MembersConfig};
use protocol::items::member::accusation::Accusation;
use protocol::items::member::record::{MemberRecord, Presence, SignedRecord};
use protocol::items::member::{Instance, Statement, Unsigned};
use protocol::time::Duration;

use super::mesh::{Mesh, address, secret, slow};
use crate::harness::network;

/// A record of a member that exists only by its key.
pub fn invented(mesh: &Mesh, number: u32, place: usize) -> Statement {
    let record = MemberRecord {
        key: secret(number).public(),
        instance: Instance([5; 8]),
        incarnation: mesh.wall_ms(),
        issued_ms: mesh.wall_ms(),
        version: 2,
        agent: String::new(),
        addresses: vec![address(place)],
        relays: vec![],
        presence: Presence::Alive,
    };
    Unsigned::Record(record).sign(&secret(number), &network()).expect("within bounds")
}

/// An accusation of a node's present incarnation, as the first node knows it.
pub fn accusation(mesh: &Mesh, accuser: u32, subject: usize) -> Statement {
    let incarnation = mesh.info(0, subject).record.incarnation();
    let accusation = Accusation { accuser: secret(accuser).public(), subject: mesh.key(subject), incarnation };
    Statement::Accusation(accusation.sign(&secret(accuser), &network()))
}

/// A newer record of a node, by somebody who has its key.
fn raised(mesh: &Mesh, seen_by: usize, node: usize) -> Statement {
    let last = mesh.info(seen_by, node).record.record();
    let record = MemberRecord { incarnation: last.incarnation + 1, issued_ms: mesh.wall_ms(), ..last };
    Unsigned::Record(record).sign(&mesh.nodes[node].secret, &network()).expect("within bounds")
}

fn news(statement: Statement) -> MemberMessage {
    MemberMessage::News(vec![statement])
}

/// The victim of most tests, and a peer of it that lies.
const VICTIM: usize = 5;
const LIAR: usize = 4;

/// Twelve nodes in a ring, which have known each other and a few invented members for a minute.
fn ring_with_invented(invented_members: u32) -> Mesh {
    let mut mesh = Mesh::ring(MembersConfig::wan(), 12, 2);
    mesh.secs(5);
    for number in 0..invented_members {
        let statement = invented(&mesh, 1_000 + number, 1_000 + number as usize);
        for peer in [2, 3, 5, 6] {
            mesh.say(LIAR, peer, news(statement.clone()));
        }
    }
    mesh.secs(65);
    mesh
}

#[test]
fn a_lie_of_many_accusers_never_kills_a_member_that_answers() {
    let mut mesh = ring_with_invented(30);
    for round in 0..60 {
        for number in 0..3 {
            let lie = accusation(&mesh, 1_000 + (round * 3 + number) % 30, VICTIM);
            for peer in [2, 3, 6] {
                mesh.say(LIAR, peer, news(lie.clone()));
            }
        }
        mesh.secs(10);
    }
    for node in 0..12 {
        assert_eq!(mesh.count(node, VICTIM, MemberChange::Failed), 0, "node {node}");
    }
    let all: Vec<usize> = (0..12).collect();
    mesh.secs(120);
    assert!(mesh.all_alive(&all));
    let suspected: usize = (0..12).map(|node| mesh.count(node, VICTIM, MemberChange::Suspected)).sum();
    assert!(suspected > 0, "the lies have no effect at all");
    assert!((2..10).contains(&mesh.records_signed(VICTIM)), "{} records", mesh.records_signed(VICTIM));
}

#[test]
fn a_member_that_refutes_and_never_answers_a_check_ends_dead() {
    let mut mesh = Mesh::ring(MembersConfig::wan(), 8, 2);
    mesh.secs(70);
    mesh.kill(VICTIM);
    for _ in 0..2_400 {
        mesh.secs(1);
        // An accomplice with the key refutes at once, wherever the member is suspect.
        for peer in [2, 3, 6] {
            if mesh.sees(peer, VICTIM) == Some(MemberState::Suspect) {
                let refutation = raised(&mesh, peer, VICTIM);
                mesh.say(LIAR, peer, news(refutation));
            }
        }
    }
    for node in (0..8).filter(|node| *node != VICTIM) {
        assert_eq!(mesh.sees(node, VICTIM), Some(MemberState::Dead), "node {node}");
    }
    let before = mesh.info(3, VICTIM).record.incarnation();
    let refutation = raised(&mesh, 3, VICTIM);
    mesh.say(LIAR, 3, news(refutation));
    mesh.secs(1);
    let after = mesh.info(3, VICTIM);
    assert!(after.record.incarnation() > before, "the record is known");
    assert_eq!(after.state, MemberState::Dead, "and the word alone does not bring it back");
}

#[test]
fn a_member_that_refutes_and_for_which_only_an_accomplice_vouches_ends_dead() {
    let mut mesh = Mesh::ring(MembersConfig::wan(), 8, 2);
    mesh.secs(70);
    mesh.kill(VICTIM);
    let vouches = MemberMessage::ProbeAnswer { subject: mesh.key(VICTIM), reached: true };
    for _ in 0..2_400 {
        mesh.secs(1);
        for peer in [2, 3, 6] {
            // Its word counts only if it was asked.
            mesh.say(LIAR, peer, vouches.clone());
            if mesh.sees(peer, VICTIM) == Some(MemberState::Suspect) {
                let refutation = raised(&mesh, peer, VICTIM);
                mesh.say(LIAR, peer, news(refutation));
            }
        }
    }
    for node in (0..8).filter(|node| ![VICTIM, LIAR].contains(node)) {
        assert_eq!(mesh.sees(node, VICTIM), Some(MemberState::Dead), "node {node}");
    }
}

#[test]
fn replayed_accusations_have_no_effect() {
    let mut mesh = ring_with_invented(3);
    let lie = accusation(&mesh, 1_000, VICTIM);
    let before = mesh.info(0, VICTIM).record.incarnation();
    mesh.say(LIAR, VICTIM, news(lie.clone()));
    mesh.secs(60);
    assert!(mesh.info(0, VICTIM).record.incarnation() > before, "it was refuted");
    let signed = mesh.records_signed(VICTIM);
    for _ in 0..20 {
        for peer in [2, 3, 5, 6] {
            mesh.say(LIAR, peer, news(lie.clone()));
        }
        mesh.secs(60);
    }
    assert_eq!(mesh.records_signed(VICTIM), signed);
    let suspected: usize = (0..12).map(|node| mesh.count(node, VICTIM, MemberChange::Suspected)).sum();
    assert_eq!(suspected, 0, "nobody ever suspected a member whose frames arrive, or that had refuted");
}

#[test]
fn replayed_records_have_no_effect() {
    let mut mesh = Mesh::ring(slow(), 8, 2);
    mesh.secs(70);
    let old = Statement::Record(mesh.info(0, VICTIM).record);
    mesh.input(VICTIM, protocol::gossip::members::MemberInput::Leave);
    mesh.secs(5);
    mesh.kill(VICTIM);
    mesh.secs(5);
    for peer in [2, 3, 6] {
        mesh.say(LIAR, peer, news(old.clone()));
    }
    mesh.secs(60);
    for node in (0..8).filter(|node| *node != VICTIM) {
        assert_eq!(mesh.sees(node, VICTIM), Some(MemberState::Left), "node {node}");
    }
    // Everybody has forgotten it after seven days. The old record is too old by then.
    mesh.secs(7 * 86_400 + 60);
    assert_eq!(mesh.sees(3, VICTIM), None);
    mesh.say(LIAR, 3, news(old));
    mesh.secs(5);
    assert_eq!(mesh.sees(3, VICTIM), None);
}

#[test]
fn an_accuser_that_is_not_known_for_a_minute_is_not_heard() {
    let mut mesh = Mesh::ring(MembersConfig::wan(), 12, 2);
    mesh.secs(70);
    let stranger = invented(&mesh, 1_000, 1_000);
    mesh.say(LIAR, VICTIM, news(stranger));
    mesh.secs(50);
    let lie = accusation(&mesh, 1_000, VICTIM);
    mesh.say(LIAR, VICTIM, news(lie.clone()));
    mesh.secs(2);
    assert_eq!(mesh.records_signed(VICTIM), 1, "only the first record");
    mesh.secs(10);
    mesh.say(LIAR, VICTIM, news(lie));
    mesh.secs(2);
    assert_eq!(mesh.records_signed(VICTIM), 2, "now it refutes");
}

#[test]
fn an_accuser_is_heard_once_in_thirty_seconds_and_more_seldom_once_it_was_refuted() {
    let mut mesh = ring_with_invented(0);
    let liar = secret(LIAR as u32);
    let incarnation = |mesh: &Mesh| mesh.info(VICTIM, VICTIM).record.incarnation();
    let mut refuted = Vec::new();
    for second in 0..600 {
        let before = incarnation(&mesh);
        let lie = Accusation { accuser: liar.public(), subject: mesh.key(VICTIM), incarnation: before };
        let lie = Statement::Accusation(lie.sign(&liar, &network()));
        mesh.say(LIAR, VICTIM, news(lie));
        mesh.secs(1);
        if incarnation(&mesh) > before {
            refuted.push(second);
        }
    }
    let gaps: Vec<i32> = refuted.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(refuted.len() >= 3, "{refuted:?}");
    assert!(gaps.iter().all(|gap| *gap >= 30), "{refuted:?}");
    assert!(gaps.last().is_some_and(|last| *last >= 120), "{refuted:?}");
}

#[test]
fn no_accusation_makes_a_member_jump_to_a_higher_incarnation() {
    let mut mesh = ring_with_invented(1);
    let before = mesh.info(0, VICTIM).record.incarnation();
    let accuser = secret(1_000).public();
    let lie = Accusation { accuser, subject: mesh.key(VICTIM), incarnation: u64::MAX - 1 };
    mesh.say(LIAR, VICTIM, news(Statement::Accusation(lie.sign(&secret(1_000), &network()))));
    mesh.secs(30);
    assert_eq!(mesh.info(VICTIM, VICTIM).record.incarnation(), before);
}

#[test]
fn a_bad_signature_ends_the_link_by_which_it_came_and_no_other() {
    let mut mesh = ring_with_invented(0);
    let forged =
        MemberRecord { incarnation: u64::MAX, key: secret(99).public(), ..mesh.info(0, VICTIM).record.record() };
    let forged = forged.sign(&secret(99), &network()).unwrap();
    // The same bytes with the victim's key, which did not sign them.
    let mut bytes = forged.encoded().to_vec();
    let at = 3;
    bytes[at..at + 32].copy_from_slice(&mesh.key(VICTIM).0);
    let forged: SignedRecord = protocol::codec::Decode::from_bytes(&bytes.into()).unwrap();
    assert_eq!(forged.key(), mesh.key(VICTIM));
    mesh.say(LIAR, 3, news(Statement::Record(forged.into())));
    mesh.secs(10);
    let closed: usize = mesh.nodes.iter().map(|node| node.disconnected.len()).sum();
    assert_eq!((mesh.nodes[3].disconnected.len(), closed), (1, 1));
    assert_ne!(mesh.info(3, VICTIM).record.incarnation(), u64::MAX);
}

#[test]
fn refutations_get_rarer_while_accusations_go_on() {
    let mut mesh = ring_with_invented(60);
    let start = mesh.now;
    for round in 0..120 {
        let incarnation = mesh.info(VICTIM, VICTIM).record.incarnation();
        let accuser = 1_000 + round % 60;
        let lie = Accusation { accuser: secret(accuser).public(), subject: mesh.key(VICTIM), incarnation };
        mesh.say(LIAR, VICTIM, news(Statement::Accusation(lie.sign(&secret(accuser), &network()))));
        mesh.secs(5);
    }
    let signed = mesh.nodes[VICTIM].signed.iter();
    let refutations: Vec<Duration> = signed.filter(|(at, _)| *at > start).map(|(at, _)| at.since(start)).collect();
    // 10, 20, 40, 80, 160 and 320 s apart: six or seven in ten minutes.
    assert!((5..=8).contains(&refutations.len()), "{refutations:?}");
}
