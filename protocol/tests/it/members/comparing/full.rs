//! A node that knows as many members as it may asks for no further ones: it would throw them away, at each comparison
//! again.

use protocol::gossip::members::MemberMessage;
use protocol::wire::message::Digest;

use super::pair::{Machine, Pair, crowd, numbers};

const KNOWN: u32 = 300;

/// Two nodes that know the same members, and each other. The asker may know this many more, and so may the other one.
fn pair(asker_more: u32, other_more: u32) -> Pair {
    let [first, second, _] = numbers();
    let machine = |number, more| {
        let mut machine = Machine::knowing(number, KNOWN + 2 + more);
        machine.without_groups = true;
        machine
    };
    let mut pair = Pair::of(Digest::PushPull, machine(first, asker_more), machine(second, other_more));
    pair.asker.learn(pair.now, &crowd(1_000, KNOWN));
    pair.other.learn(pair.now, &crowd(1_000, KNOWN));
    pair.compare();
    assert_eq!(pair.asker.view(), pair.other.view());
    pair
}

/// How many statements the last comparison carried.
fn carried(pair: &Pair) -> usize {
    let of = |message: &MemberMessage| match message {
        MemberMessage::Difference(difference) => difference.statements.len(),
        MemberMessage::Wanted(statements) => statements.len(),
        _ => 0,
    };
    pair.said.iter().map(of).sum()
}

#[test]
fn an_asker_with_room_for_one_more_is_given_it() {
    let mut pair = pair(1, 20);
    pair.other.learn(pair.now, &crowd(5_000, 1));
    pair.compare();
    assert_eq!(carried(&pair), 1);
    assert_eq!(pair.asker.view().len(), KNOWN as usize + 3);
}

#[test]
fn a_full_asker_is_given_nobody_that_it_does_not_know() {
    let mut pair = pair(0, 20);
    pair.other.learn(pair.now, &crowd(5_000, 20));
    pair.compare();
    assert!(pair.sketches() > 0, "by difference");
    assert_eq!(carried(&pair), 0);
    assert_eq!(pair.asker.view().len(), KNOWN as usize + 2);
}

#[test]
fn a_side_with_room_for_one_more_asks_for_it() {
    let mut pair = pair(20, 1);
    pair.asker.learn(pair.now, &crowd(5_000, 1));
    pair.compare();
    assert_eq!(carried(&pair), 1);
    assert_eq!(pair.other.view().len(), KNOWN as usize + 3);
}

#[test]
fn a_full_side_asks_for_nobody_that_it_does_not_know() {
    let mut pair = pair(20, 0);
    pair.asker.learn(pair.now, &crowd(5_000, 20));
    pair.compare();
    assert_eq!(carried(&pair), 0);
    assert_eq!(pair.other.view().len(), KNOWN as usize + 2);
}
