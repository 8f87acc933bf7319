//! Members that are dead or have left cost nothing in a comparison, and are still spoken of where views differ.

use protocol::gossip::members::{Digests, MemberMessage, MemberState, SketchDifference};
use protocol::items::hash::ShortId;
use protocol::items::keys::PublicKey;
use protocol::limits::{GONE_LISTED_MAX, REJOIN_MIN};
use protocol::time::Duration;
use protocol::wire::message::Digest;

use super::pair::{Machine, Pair, crowd, numbers, record};
use crate::members::mesh::secret;

const FIRST: u32 = 1_000;

fn short(key: &PublicKey) -> ShortId {
    ShortId(key.0[..8].try_into().expect("eight bytes"))
}

/// Two nodes that know the same members.
fn alike() -> Pair {
    let mut pair = Pair::new(Digest::PushPull);
    let crowd = crowd(FIRST, 100);
    pair.asker.learn(pair.now, &crowd);
    pair.other.learn(pair.now, &crowd);
    pair.compare();
    pair.compare();
    pair
}

/// How many differences a comparison found.
fn differences(pair: &Pair) -> usize {
    let found = pair.said.iter().map(|message| match message {
        MemberMessage::SketchDifference(answer) => answer.only_here.len() + answer.only_there.len(),
        _ => 0,
    });
    found.sum()
}

/// What a node says of a member in its lists.
fn listed(said: &[MemberMessage], key: &PublicKey) -> Option<MemberState> {
    said.iter().find_map(|message| match message {
        MemberMessage::Digests(Digests { members, .. }) => {
            members.iter().find(|digest| digest.member == short(key)).map(|digest| digest.state)
        }
        _ => None,
    })
}

#[test]
fn a_dead_member_that_one_side_has_forgotten_is_no_difference() {
    let mut pair = alike();
    let dead = secret(500).public();
    pair.asker.learn(pair.now, [&record(500, 0, false)]);
    pair.asker.dead.push(dead);
    pair.now = pair.asker.bury(pair.now);
    for _ in 0..2 {
        pair.compare();
        assert_eq!((pair.sketches(), differences(&pair)), (1, 0));
        assert!(!pair.other.members.knows(&dead));
    }
}

#[test]
fn a_member_that_is_dead_for_one_side_only_is_found_and_tried_again() {
    let mut pair = alike();
    let subject = secret(FIRST).public();
    // It is dead for the answering side, and alive for the other.
    pair.other.dead.push(subject);
    pair.now = pair.other.bury(pair.now);
    pair.other.dialled.clear();
    pair.compare();
    assert_eq!((pair.sketches(), differences(&pair)), (1, 1));
    assert_eq!(listed(&pair.said, &subject), Some(MemberState::Alive));
    pair.other.dead.clear();
    let end = pair.now + REJOIN_MIN;
    while let Some(next) = pair.other.members.poll_timeout(pair.now).filter(|next| *next <= end) {
        pair.now = next.max(pair.now + Duration::from_micros(1));
        pair.other.input(pair.now, protocol::gossip::members::MemberInput::Timeout);
    }
    assert!(pair.other.dialled.contains(&subject), "it is tried again soon");
    pair.compare();
    assert_eq!(differences(&pair), 0, "it answered");
}

#[test]
fn the_other_side_hears_who_is_dead_for_the_asker() {
    let mut pair = alike();
    let subject = secret(FIRST).public();
    pair.asker.dead.push(subject);
    pair.now = pair.asker.bury(pair.now);
    pair.compare();
    assert_eq!((pair.sketches(), differences(&pair)), (1, 1));
    assert_eq!(listed(&pair.said, &subject), Some(MemberState::Dead));
}

#[test]
fn a_new_peer_that_was_dead_here_is_told_so() {
    let [first, ..] = numbers();
    let mut node = Machine::new(first);
    let now = protocol::time::Time::from_micros(1_000_000);
    node.learn(now, &crowd(FIRST, 100));
    node.settle(now);
    let subject = secret(FIRST).public();
    node.dead.push(subject);
    let now = node.bury(now);
    let (link, said) = node.link(now, subject);
    assert!(matches!(said.as_slice(), [MemberMessage::Sketch(_)]), "{said:?}");
    let said = node.hear(now, link, MemberMessage::SketchDifference(SketchDifference::default()));
    assert_eq!(listed(&said, &subject), Some(MemberState::Dead));
}

#[test]
fn a_comparison_lists_only_a_few_of_those_that_have_left() {
    let mut pair = alike();
    let leaving: Vec<_> = (FIRST..FIRST + 40).map(|number| record(number, 5, true)).collect();
    pair.asker.learn(pair.now, &leaving);
    pair.other.learn(pair.now, &leaving);
    pair.compare();
    let lists = pair.said.iter().filter_map(|message| match message {
        MemberMessage::Digests(digests) => Some(digests.members.len()),
        _ => None,
    });
    assert_eq!((differences(&pair), lists.sum::<usize>()), (0, GONE_LISTED_MAX));
    // One has come back for the other side, and gone again: the newer record reaches the asker in the end.
    pair.other.learn(pair.now, [&record(FIRST, 7, true)]);
    let met = (0..200).position(|_| {
        pair.compare();
        pair.asker.view()[&secret(FIRST).public()] == pair.other.view()[&secret(FIRST).public()]
    });
    assert!(met.is_some());
}
