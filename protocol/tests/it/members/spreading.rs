//! How news spreads, and how comparisons find what news did not bring.

use protocol::gossip::members::{
    Difference, Digests, MemberChange, MemberDigest, MemberMessage, MemberState, MembersConfig,
};
use protocol::items::hash::ShortId;
use protocol::items::member::Statement;
use protocol::limits::{DIGESTS_MAX, RECORD_RENEWED_AFTER};
use protocol::time::Duration;
use protocol::wire::message::Digest;

use super::liars::invented;
use super::mesh::{Mesh, secret, slow};

#[test]
fn a_newcomer_is_known_to_everybody_within_seconds() {
    let mut mesh = Mesh::ring(MembersConfig::wan(), 40, 2);
    mesh.secs(120);
    let newcomer = mesh.add(400, vec![]);
    mesh.link(newcomer, 0);
    mesh.secs(8);
    for node in 0..40 {
        assert_eq!(mesh.sees(node, newcomer), Some(MemberState::Alive), "node {node}");
        assert_eq!(mesh.sees(newcomer, node), Some(MemberState::Alive), "node {node}");
    }
}

#[test]
fn a_quiet_network_sends_no_statements() {
    let mut mesh = Mesh::ring(MembersConfig::wan(), 12, 2);
    mesh.secs(70);
    let before: usize = mesh.nodes.iter().map(|node| node.sent_bytes).sum();
    mesh.secs(3_600);
    let after: usize = mesh.nodes.iter().map(|node| node.sent_bytes).sum();
    assert_eq!(after, before);
}

#[test]
fn a_change_crosses_each_link_about_once() {
    let mut mesh = Mesh::full(MembersConfig::wan(), 10);
    mesh.secs(70);
    let before: usize = mesh.nodes.iter().map(|node| node.sent_bytes).sum();
    mesh.set_entry(0, "colour", b"green");
    mesh.secs(10);
    let after: usize = mesh.nodes.iter().map(|node| node.sent_bytes).sum();
    let entries = mesh.info(3, 0).entries.expect("entries").encoded().len();
    // The tag of a statement takes two bytes. There are 45 links, and both ends may send at the same time.
    let copies = (after - before) / (entries + 2);
    assert!((9..=90).contains(&copies), "{copies} copies");
}

#[test]
fn a_members_fast_changes_are_news_once_in_thirty_seconds() {
    let mut mesh = Mesh::ring(MembersConfig::wan(), 8, 1);
    mesh.secs(70);
    for number in 0..15 {
        mesh.set_entry(0, "count", &[number]);
        mesh.secs(1);
    }
    // Node 4 is four links away, so everything that it knows was passed on.
    assert_eq!(mesh.count(4, 0, MemberChange::Updated), 1);
    mesh.secs(400);
    let value = mesh.info(4, 0).entries.expect("entries").entries()[0].value.clone();
    assert_eq!(value, [14].as_slice(), "comparisons have brought the last one");
}

#[test]
fn a_larger_budget_makes_faster_changes_news() {
    let config = MembersConfig { members_budget: 32 * 512, ..MembersConfig::wan() };
    let mut mesh = Mesh::ring(config, 8, 1);
    mesh.secs(70);
    for number in 0..15 {
        mesh.set_entry(0, "count", &[number]);
        mesh.secs(1);
    }
    mesh.secs(3);
    // Entries are signed once in a second, and at one of these a change may still be on its way.
    let news = mesh.count(4, 0, MemberChange::Updated);
    assert!((10..=15).contains(&news), "{news} of 15 changes were news");
}

#[test]
fn a_record_is_renewed_each_day_and_everybody_gets_it() {
    let mut mesh = Mesh::ring(slow(), 6, 1);
    mesh.secs(70);
    let before = mesh.info(3, 0).record;
    mesh.run(RECORD_RENEWED_AFTER);
    let after = mesh.info(3, 0).record;
    assert_eq!(after.incarnation(), before.incarnation());
    assert_eq!(after.issued_ms() - before.issued_ms(), RECORD_RENEWED_AFTER.as_millis());
    assert_eq!(mesh.count(3, 0, MemberChange::Updated), 0, "nothing about the member has changed");
}

/// Two nodes that know different members, and compare in one mode. Says which of them the asker and the other know
/// then.
fn compared(mode: Digest) -> (bool, bool) {
    let mut mesh = Mesh::new(MembersConfig::wan(), 4);
    // The one with the lower key asks.
    let (asker, other) = if mesh.key(0) < mesh.key(1) { (0, 1) } else { (1, 0) };
    for node in [asker, other] {
        mesh.set_mode(node, mode);
    }
    mesh.link(asker, 2);
    mesh.link(other, 3);
    mesh.secs(20);
    mesh.link(asker, other);
    mesh.secs(3);
    (mesh.sees(asker, 3).is_some(), mesh.sees(other, 2).is_some())
}

#[test]
fn push_gives_pull_takes_and_push_pull_does_both() {
    assert_eq!(compared(Digest::Push), (false, true));
    assert_eq!(compared(Digest::Pull), (true, false));
    assert_eq!(compared(Digest::PushPull), (true, true));
}

#[test]
fn a_newcomer_learns_a_network_that_takes_many_messages() {
    let mut mesh = Mesh::full(MembersConfig::wan(), 2);
    mesh.add(900, vec![]);
    mesh.link(2, 0);
    mesh.secs(10);
    let count = DIGESTS_MAX + 500;
    for part in (0..count as u32).collect::<Vec<u32>>().chunks(100) {
        let records = part.iter().map(|number| invented(&mesh, 20_000 + number, 20_000 + *number as usize));
        let records: Vec<Statement> = records.collect();
        mesh.say(2, 0, MemberMessage::News(records));
        mesh.run(Duration::from_millis(500));
    }
    mesh.secs(70);
    let newcomer = mesh.add(3, vec![]);
    mesh.link(newcomer, 0);
    mesh.secs(20);
    let known = (0..count as u32)
        .filter(|number| mesh.nodes[newcomer].members.member(&secret(20_000 + number).public()).is_some());
    assert_eq!(known.count(), count);
}

#[test]
fn digests_that_are_out_of_order_or_too_many_are_not_answered() {
    let mut mesh = Mesh::full(MembersConfig::wan(), 2);
    mesh.secs(10);
    let digest = |number: u64| MemberDigest {
        member: ShortId(number.to_be_bytes()),
        incarnation: 1,
        state: MemberState::Alive,
        digest: ShortId([0; 8]),
    };
    let ask = |mesh: &mut Mesh, members: Vec<MemberDigest>| {
        let digests =
            Digests { mode: Digest::PushPull, from: ShortId([0; 8]), to: ShortId([255; 8]), members, whole: true };
        mesh.say_and_hear(1, 0, MemberMessage::Digests(digests))
    };
    let answers = |heard: Vec<MemberMessage>| {
        heard.iter().filter(|message| matches!(message, MemberMessage::Difference(Difference { .. }))).count()
    };
    let most: Vec<MemberDigest> = (1..=DIGESTS_MAX as u64).map(digest).collect();
    let one_more: Vec<MemberDigest> = (1..=DIGESTS_MAX as u64 + 1).map(digest).collect();
    let heard = ask(&mut mesh, most);
    assert_eq!(answers(heard), 1);
    let heard = ask(&mut mesh, one_more);
    assert_eq!(answers(heard), 0);
    let heard = ask(&mut mesh, vec![digest(2), digest(1)]);
    assert_eq!(answers(heard), 0);
}
