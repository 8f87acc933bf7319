//! Peers that lie in comparisons: their questions cost what they paid for, and their answers change nothing.

use protocol::gossip::PeerHandle;
use protocol::gossip::members::{Difference, MemberMessage, MemberSketch, SketchDifference};
use protocol::items::hash::ShortId;
use protocol::limits::{
    COMPARISON_LISTS_MAX, DIGEST_COST_BYTES, PUSH_PULL_BURST_BYTES, PUSH_PULL_BYTES_PER_SEC, SKETCH_ROUNDS,
    SKETCH_SYMBOLS_MIN,
};
use protocol::time::{Duration, Time};
use protocol::wire::symbol::{SYMBOL_BYTES, SYMBOLS_MAX, SaltedId};

use super::pair::{HIGHEST, Machine, crowd, numbers};
use crate::members::mesh::secret;

const START: Time = Time::from_micros(1_000_000);

/// A node with a hundred members that expects no differences.
fn node() -> Machine {
    let [first, ..] = numbers();
    let mut node = Machine::new(first);
    node.learn(START, &crowd(1_000, 100));
    node.settle(START);
    node
}

fn sketch(members: u32, symbols: Vec<u8>) -> MemberMessage {
    MemberMessage::Sketch(MemberSketch { salt: [3; 16], members, symbols: symbols.into() })
}

/// The node and a peer of it that was just sent a sketch.
fn asked() -> (Machine, PeerHandle) {
    let [_, second, _] = numbers();
    let mut node = node();
    let (link, said) = node.link(START, secret(second).public());
    assert!(matches!(said.as_slice(), [MemberMessage::Sketch(_)]), "{said:?}");
    (node, link)
}

fn answer(more: usize, only_here: Vec<ShortId>, only_there: Vec<SaltedId>) -> MemberMessage {
    MemberMessage::SketchDifference(SketchDifference { more: more as u32, only_here, only_there })
}

#[test]
fn symbols_of_no_set_are_answered_with_a_wish_for_more_and_change_nothing() {
    let (mut node, link) = asked();
    let before = node.view();
    for byte in 0..=255_u8 {
        let symbols = (0..SYMBOL_BYTES * 64).map(|at| byte.wrapping_mul(at as u8).wrapping_add(at as u8));
        let said = node.hear(START, link, sketch(101, symbols.collect()));
        let [MemberMessage::SketchDifference(answer)] = said.as_slice() else { panic!("{said:?}") };
        assert!(answer.more > 0 && answer.only_here.is_empty() && answer.only_there.is_empty(), "{answer:?}");
    }
    assert_eq!((node.view(), node.disconnected), (before, 0));
}

#[test]
fn a_sketch_without_symbols_is_not_answered() {
    let (mut node, link) = asked();
    assert_eq!(node.hear(START, link, sketch(101, vec![])), []);
}

#[test]
fn a_sketch_of_too_many_members_is_answered_without_a_look_at_it() {
    let (mut node, link) = asked();
    let said = node.hear(START, link, sketch(u32::MAX, vec![0; SYMBOL_BYTES * SYMBOLS_MAX]));
    assert_eq!(said, [answer(1, vec![], vec![])]);
    let said = node.hear(START, link, sketch(u32::MAX, vec![0; SYMBOL_BYTES]));
    assert_eq!(said, [answer(SYMBOLS_MAX - 1, vec![], vec![])]);
}

#[test]
fn a_peer_that_always_wants_more_gets_a_few_sketches_and_then_a_list() {
    let (mut node, link) = asked();
    let mut sketches = 1;
    loop {
        let said = node.hear(START, link, answer(1, vec![], vec![]));
        match said.as_slice() {
            [MemberMessage::Sketch(_)] => sketches += 1,
            [MemberMessage::Digests(digests)] => {
                assert!(digests.whole && digests.members.len() == 101);
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(sketches, SKETCH_ROUNDS);
}

#[test]
fn a_wish_for_more_than_is_worth_it_brings_a_list_at_once() {
    for more in [SYMBOLS_MAX, u32::MAX as usize] {
        let (mut node, link) = asked();
        let said = node.hear(START, link, answer(more, vec![], vec![]));
        assert!(matches!(said.as_slice(), [MemberMessage::Digests(digests)] if digests.whole), "{said:?}");
    }
}

#[test]
fn an_answer_with_more_differences_than_symbols_ends_the_comparison() {
    let short = |number: usize| ShortId((number as u64).to_be_bytes());
    let (mut node, link) = asked();
    let said = node.hear(START, link, answer(0, (0..=SKETCH_SYMBOLS_MIN).map(short).collect(), vec![]));
    assert_eq!(said, []);
    // With as many as symbols, the members are asked about, as unknown ones.
    let (mut node, link) = asked();
    let said = node.hear(START, link, answer(0, (0..SKETCH_SYMBOLS_MIN).map(short).collect(), vec![]));
    let [MemberMessage::Digests(digests)] = said.as_slice() else { panic!("{said:?}") };
    assert!(!digests.whole && digests.members.iter().all(|digest| digest.incarnation == 0));
    assert_eq!((digests.members.len(), digests.to), (SKETCH_SYMBOLS_MIN, HIGHEST));
}

#[test]
fn a_peer_whose_answers_settle_next_to_nothing_gets_no_endless_row_of_lists() {
    let [first, second, _] = numbers();
    let mut node = Machine::new(first);
    node.learn(START, &crowd(1_000, 100));
    let (link, mut said) = node.link(START, secret(second).public());
    let mut lists = 0;
    while let [MemberMessage::Digests(digests)] = said.as_slice() {
        lists += 1;
        let difference = Difference { until: digests.from, statements: vec![], wanted: vec![] };
        said = node.hear(START, link, MemberMessage::Difference(difference));
    }
    assert_eq!((lists, said), (COMPARISON_LISTS_MAX, vec![]));
}

#[test]
fn elements_that_nobody_has_are_passed_over() {
    let (mut node, link) = asked();
    let nobodys = (0..10_u8).map(|number| SaltedId::from_bytes([number; 6])).collect();
    assert_eq!(node.hear(START, link, answer(0, vec![], nobodys)), []);
    assert_eq!(node.disconnected, 0);
}

#[test]
fn an_answer_to_no_question_is_passed_over() {
    let (mut node, link) = asked();
    assert_eq!(node.hear(START, link, answer(0, vec![], vec![])), []);
    assert_eq!(node.hear(START, link, answer(0, vec![ShortId([1; 8])], vec![])), []);
    assert_eq!(node.hear(START, link, answer(5, vec![], vec![])), []);
}

#[test]
fn a_peer_that_asks_beyond_its_budget_gets_no_answer() {
    let [_, second, third] = numbers();
    let mut node = node();
    let (link, _) = node.link(START, secret(second).public());
    let (other, _) = node.link(START, secret(third).public());
    let question = || sketch(u32::MAX, vec![0; SYMBOL_BYTES * SYMBOLS_MAX]);
    let cost = (101 + SYMBOLS_MAX as u64) * DIGEST_COST_BYTES;
    // The last one makes the budget negative, or it was exactly spent before.
    let most = PUSH_PULL_BURST_BYTES / cost + 1;
    for number in 0..most {
        assert_eq!(node.hear(START, link, question()).len(), 1, "question {number} of {most}");
    }
    assert_eq!(node.hear(START, link, question()), []);
    let owed = most * cost - PUSH_PULL_BURST_BYTES;
    let paid = Duration::from_micros(owed * 1_000_000 / PUSH_PULL_BYTES_PER_SEC);
    assert_eq!(node.hear(START + (paid - Duration::from_micros(100)), link, question()), []);
    assert_eq!(node.hear(START + paid + Duration::from_millis(1), link, question()).len(), 1);
    // Other peers have budgets of their own.
    assert_eq!(node.hear(START, other, question()).len(), 1);
    assert_eq!(node.disconnected, 0);
}
