//! What a comparison costs: it follows what differs, and not the number of members.

use protocol::gossip::members::MemberMessage;
use protocol::items::member::Statement;
use protocol::wire::message::Digest;

use super::pair::{Pair, crowd, record};

const FIRST: u32 = 1_000;

/// Two nodes that both know this many members, and have compared once.
fn alike(members: u32) -> Pair {
    let mut pair = Pair::new(Digest::PushPull);
    let crowd = crowd(FIRST, members);
    pair.asker.learn(pair.now, &crowd);
    pair.other.learn(pair.now, &crowd);
    pair.compare();
    pair
}

#[test]
fn two_equal_views_of_two_thousand_members_compare_in_less_than_a_kibibyte() {
    let mut pair = alike(2_000);
    assert_eq!(pair.asker.view(), pair.other.view());
    assert!(pair.listed_whole() >= 2_000, "the first comparison goes through all");
    pair.compare();
    assert_eq!((pair.sketches(), pair.listed_whole()), (1, 0));
    assert!(pair.bytes() < 256, "{} bytes", pair.bytes());
}

#[test]
fn the_cost_follows_the_number_of_differences() {
    let mut pair = alike(2_000);
    let mut from = FIRST;
    for (version, differ) in [(1, 1), (2, 8), (3, 64), (4, 256)] {
        let newer: Vec<Statement> = (from..from + differ).map(|number| record(number, version, false)).collect();
        from += differ;
        pair.other.learn(pair.now, &newer);
        pair.compare();
        assert_eq!(pair.asker.view(), pair.other.view(), "{differ} differ");
        assert_eq!(pair.listed_whole(), 0, "{differ} differ");
        let most = 512 + 120 * differ as usize;
        assert!(pair.bytes() <= most, "{differ} differ: {} bytes", pair.bytes());
    }
}

#[test]
fn views_that_differ_by_most_are_compared_by_lists() {
    let mut pair = alike(500);
    let (ours, theirs) = (crowd(10_000, 600), crowd(20_000, 600));
    pair.asker.learn(pair.now, &ours);
    pair.other.learn(pair.now, &theirs);
    pair.compare();
    assert!(pair.sketches() >= 1 && pair.listed_whole() >= 1_100, "{} listed", pair.listed_whole());
    assert_eq!(pair.asker.view(), pair.other.view());
    assert_eq!(pair.asker.view().len(), 1_702);
    // So many are expected to differ now that the next comparison begins with lists. It finds nothing, and those
    // after it are by difference again.
    pair.compare();
    assert_eq!(pair.sketches(), 0);
    let again = (0..8).find(|_| {
        pair.compare();
        pair.sketches() > 0
    });
    assert!(again.is_some());
}

#[test]
fn a_newcomer_is_told_everything_by_lists() {
    let mut pair = Pair::new(Digest::PushPull);
    pair.asker.learn(pair.now, &crowd(FIRST, 300));
    pair.asker.settle(pair.now);
    pair.compare();
    // It says at once that it has too few members to compare by difference.
    let more = pair.said.iter().find_map(|message| match message {
        MemberMessage::SketchDifference(answer) => Some(answer.more),
        _ => None,
    });
    assert!(more > Some(300), "{more:?}");
    assert_eq!(pair.other.view().len(), 302);
    assert_eq!(pair.sketches(), 1);
}

#[test]
fn a_few_members_are_compared_by_lists() {
    for (members, by_difference) in [(15, false), (17, true)] {
        let mut pair = alike(members);
        pair.compare();
        // The two nodes are members themselves.
        assert_eq!(pair.sketches() > 0, by_difference, "{members} members");
    }
}
