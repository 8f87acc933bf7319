//! Which headers the tree accepts, and which it removes when it is full.

use protocol::items::block::SignedHeader;
use protocol::items::hash::BlockId;
use protocol::items::refusal::Refusal;
use protocol::ledger::chain::Standing::{Alone, Block, InLine, Leading};
use protocol::ledger::chain::{Chain, HeaderCheck, Limits};
use protocol::ledger::durable::RestoredBlock;
use protocol::limits::{
    CHAIN_BEST_HEADERS_MIN, CHAIN_HEADERS_MAX, HEADERS_OFF_BEST_SHARE, INVALID_BLOCKS_MAX, VALID_UNTIL_AHEAD_MAX,
};

use crate::make::{genesis, header, transaction};

fn small(headers: usize, best_headers: usize) -> Chain {
    Chain::with_limits(genesis(), Limits { headers, best_headers, ..Limits::default() })
}

/// Connects `count` empty blocks on the tip.
fn grow(chain: &mut Chain, count: u64) {
    for _ in 0..count {
        let tip = chain.tip();
        let next = header(tip.id, tip.height + 1, 1, 0, &[]);
        chain.connect(next, vec![]).expect("it extends the tip");
    }
}

/// Inserts `count` headers, each on the one before.
fn insert_on(chain: &mut Chain, parent: BlockId, height: u64, producer: u32, count: u64) -> Vec<SignedHeader> {
    let mut headers = vec![];
    let mut parent = parent;
    for height in height..height + count {
        let next = header(parent, height, producer, 0, &[]);
        assert_eq!(chain.insert_header(next, InLine), Ok(HeaderCheck::New));
        parent = next.id();
        headers.push(next);
    }
    headers
}

#[test]
fn a_header_is_new_once_and_known_then() {
    let mut chain = Chain::new(genesis());
    let first = header(genesis(), 1, 1, 0, &[]);
    assert_eq!(chain.check_header(&first, InLine), Ok(HeaderCheck::New));
    assert_eq!(chain.insert_header(first, InLine), Ok(HeaderCheck::New));
    assert_eq!(chain.check_header(&first, InLine), Ok(HeaderCheck::Known));
    assert_eq!(chain.insert_header(first, InLine), Ok(HeaderCheck::Known));
    assert_eq!(chain.header(&first.id()), Some(&first));
    assert!(!chain.is_connected(&first.id()) && chain.is_connected(&genesis()));
    assert_eq!((chain.headers(), chain.tip().height, chain.best_header().id), (1, 0, first.id()));
}

#[test]
fn parent_and_height_must_fit() {
    let mut chain = Chain::new(genesis());
    let first = header(genesis(), 1, 1, 0, &[]);
    chain.insert_header(first, InLine).expect("fit");
    let refused = |header| chain.check_header(&header, InLine);
    assert_eq!(refused(header(BlockId([3; 32]), 2, 1, 0, &[])), Err(Refusal::UnknownParent));
    for height in [0, 1, 3, u64::MAX] {
        assert_eq!(refused(header(first.id(), height, 1, 0, &[])), Err(Refusal::WrongHeight));
    }
    assert_eq!(refused(header(genesis(), 0, 1, 0, &[])), Err(Refusal::WrongHeight));
    assert_eq!(refused(header(first.id(), 2, 1, 0, &[])), Ok(HeaderCheck::New));
}

#[test]
fn of_a_producer_and_height_two_headers_come_by_themselves_and_no_third() {
    let mut chain = Chain::new(genesis());
    chain.insert_header(header(genesis(), 1, 1, 0, &[]), Alone).expect("the first");
    chain.insert_header(header(genesis(), 1, 1, 1, &[]), Alone).expect("the second");
    let third = header(genesis(), 1, 1, 2, &[]);
    assert_eq!(chain.insert_header(third, Alone), Err(Refusal::TooManyAtHeight));
    assert_eq!(chain.headers(), 2);
    chain.insert_header(header(genesis(), 1, 2, 2, &[]), Alone).expect("another producer");
    let child = header(header(genesis(), 1, 1, 0, &[]).id(), 2, 1, 0, &[]);
    chain.insert_header(child, Alone).expect("another height");
    // Headers on which others stand are accepted, however many there are.
    for salt in 2..100 {
        chain.insert_header(header(genesis(), 1, 1, salt, &[]), InLine).expect("an ancestor");
    }
    assert_eq!(chain.headers(), 102);
}

#[test]
fn a_block_by_itself_takes_the_place_of_a_childless_header_without_a_body() {
    let mut chain = Chain::new(genesis());
    let siblings: Vec<_> = (0..5).map(|salt| header(genesis(), 1, 1, salt, &[])).collect();
    for sibling in &siblings[..2] {
        chain.insert_header(*sibling, Alone).expect("room");
    }
    insert_on(&mut chain, siblings[0].id(), 2, 2, 1);
    assert_eq!(chain.insert_header(siblings[2], Alone), Err(Refusal::TooManyAtHeight));
    assert_eq!(chain.insert_header(siblings[2], Block), Ok(HeaderCheck::New));
    assert_eq!((chain.header(&siblings[1].id()), chain.headers()), (None, 3));
    chain.connect(siblings[2], vec![]).expect("fit");
    assert_eq!(chain.insert_header(siblings[3], Block), Err(Refusal::TooManyAtHeight), "one is stood on");
    assert!(!chain.is_one_too_many(&siblings[3]), "of one connected block nobody was told twice");
    chain.connect(siblings[0], vec![]).expect("fit");
    assert!(chain.is_one_too_many(&siblings[3]));
    assert_eq!(chain.sibling(&siblings[3]).map(|other| other.header().height), Some(1));
    assert_eq!(chain.sibling(&header(genesis(), 1, 9, 0, &[])), None);
}

#[test]
fn when_the_tree_is_full_whoever_has_most_and_more_than_its_share_gives_up_its_oldest() {
    let mut chain = Chain::with_limits(
        genesis(),
        Limits { headers: 30, best_headers: 10, headers_each: 4, ..Limits::default() },
    );
    grow(&mut chain, 10);
    let tip = chain.tip();
    // One producer fills the tree near the tip, nearer than the headers that come later.
    let on = chain.headers_after(&[genesis()], 9).expect("genesis is remembered");
    let mut most: Vec<_> = (0..20).map(|salt| header(tip.id, 11, 2, salt, &[])).collect();
    most.sort_by_key(SignedHeader::id);
    for header in &most {
        chain.insert_header(*header, InLine).expect("room");
    }
    assert_eq!(chain.headers(), 30);
    let another = header(tip.id, 11, 2, 99, &[]);
    assert_eq!(chain.insert_header(another, InLine), Ok(HeaderCheck::New), "at its own cost");
    assert_eq!((chain.headers(), chain.header(&most[0].id())), (30, None));
    // A branch of another producer that starts far below pushes out headers of the first one, until it has as
    // many.
    let branch: Vec<_> = insert_on(&mut chain, on[1].id(), 3, 3, 10);
    assert_eq!(chain.headers(), 30);
    assert!(branch.iter().all(|header| chain.header(&header.id()).is_some()));
    assert_eq!(most.iter().filter(|header| chain.header(&header.id()).is_some()).count(), 9);
    let next = header(branch[9].id(), 13, 3, 0, &[]);
    assert_eq!(chain.insert_header(next, InLine), Err(Refusal::HeadersFull), "neither has less than the other");
    // There is always room for a producer with less. A leaf on which the new header stands is not given up.
    let small = header(branch[9].id(), 13, 4, 0, &[]);
    assert_eq!(chain.insert_header(small, InLine), Ok(HeaderCheck::New));
    assert!(chain.header(&branch[9].id()).is_some());
    // There is also room for a new tip, whoever made it.
    let block = header(tip.id, 11, 2, 100, &[]);
    chain.connect(block, vec![]).expect("the next");
    assert_eq!((chain.tip().id, chain.headers()), (block.id(), 30));
}

#[test]
fn a_branch_of_ten_thousand_blocks_by_one_producer_fits_beside_the_best_chain() {
    let mut chain = Chain::new(genesis());
    grow(&mut chain, 10_000);
    let mut parent = genesis();
    for height in 1..=10_001 {
        let next = header(parent, height, 2, 0, &[]);
        chain.insert_header(next, InLine).expect("room");
        parent = next.id();
    }
    assert_eq!(chain.missing_bodies(usize::MAX).len(), 10_001);
}

#[test]
fn an_invalid_block_is_refused_with_all_that_follow_and_keeps_its_slot() {
    let mut chain = Chain::new(genesis());
    let bad = header(genesis(), 1, 1, 0, &[]);
    chain.insert_header(bad, InLine).expect("fit");
    let child = insert_on(&mut chain, bad.id(), 2, 2, 2)[0];
    chain.mark_invalid(&bad.id());
    assert_eq!((chain.headers(), chain.best_header().id, chain.missing_bodies(9)), (0, genesis(), vec![]));
    assert_eq!(chain.check_header(&bad, InLine), Err(Refusal::RejectedBefore));
    assert_eq!(chain.check_header(&child, InLine), Err(Refusal::RejectedBefore));
    chain.insert_header(header(genesis(), 1, 1, 1, &[]), Alone).expect("the producer's second");
    assert_eq!(chain.insert_header(header(genesis(), 1, 1, 2, &[]), Alone), Err(Refusal::TooManyAtHeight));
}

#[test]
fn connected_blocks_and_genesis_cannot_be_marked_invalid() {
    let mut chain = Chain::new(genesis());
    grow(&mut chain, 3);
    let tip = chain.tip();
    chain.mark_invalid(&tip.id);
    chain.mark_invalid(&genesis());
    assert_eq!((chain.tip(), chain.headers()), (tip, 3));
}

#[test]
fn the_memory_of_invalid_blocks_is_bounded_and_gives_slots_back() {
    let mut chain = Chain::new(genesis());
    let bad = header(genesis(), 1, 1, 0, &[]);
    chain.insert_header(bad, InLine).expect("fit");
    chain.mark_invalid(&bad.id());
    let count = u32::try_from(INVALID_BLOCKS_MAX).expect("small");
    for producer in 2..=count {
        chain.mark_invalid(&header(genesis(), 1, producer, 0, &[]).id());
    }
    assert_eq!(chain.check_header(&bad, InLine), Err(Refusal::RejectedBefore));
    chain.mark_invalid(&header(genesis(), 1, count + 1, 0, &[]).id());
    assert_eq!(chain.check_header(&bad, InLine), Ok(HeaderCheck::New));
    for salt in [7, 8] {
        chain.insert_header(header(genesis(), 1, 1, salt, &[]), Alone).expect("both slots are free again");
    }
}

#[test]
fn a_full_tree_gives_up_the_leaf_farthest_from_the_tip() {
    let mut chain = small(8, 4);
    grow(&mut chain, 4);
    let tip = chain.tip();
    // Headers at distances 1 to 3 above the tip, and 3 below it.
    let above = insert_on(&mut chain, tip.id, 5, 2, 3);
    let below = header(genesis(), 1, 2, 0, &[]);
    chain.insert_header(below, InLine).expect("room");
    assert_eq!(chain.headers(), 8);
    let equally_far = header(genesis(), 1, 3, 0, &[]);
    assert_eq!(chain.check_header(&equally_far, InLine), Err(Refusal::HeadersFull));
    assert_eq!(chain.insert_header(equally_far, InLine), Err(Refusal::HeadersFull));
    let nearer = header(tip.id, 5, 3, 0, &[]);
    assert_eq!(chain.insert_header(nearer, InLine), Ok(HeaderCheck::New));
    assert_eq!((chain.headers(), chain.header(&below.id())), (8, None), "of equally far ones, the lower");
    let nearer = header(tip.id, 5, 4, 0, &[]);
    assert_eq!(chain.insert_header(nearer, InLine), Ok(HeaderCheck::New));
    assert_eq!((chain.headers(), chain.header(&above[2].id())), (8, None));
    assert_eq!(chain.best_header().id, above[1].id());
}

#[test]
fn the_leaf_that_a_header_extends_is_not_given_up_for_it() {
    let mut chain = small(4, 4);
    let on = insert_on(&mut chain, genesis(), 1, 1, 4);
    assert_eq!(chain.insert_header(header(on[3].id(), 5, 1, 0, &[]), InLine), Err(Refusal::HeadersFull));
    assert_eq!(chain.header(&on[3].id()), Some(&on[3]));
}

#[test]
fn a_block_with_its_body_comes_before_headers_without() {
    let mut chain = small(4, 2);
    grow(&mut chain, 2);
    let on = chain.headers_after(&[genesis()], 1).expect("genesis is remembered")[0].id();
    for producer in [3, 4] {
        chain.insert_header(header(on, 2, producer, 0, &[]), InLine).expect("room");
    }
    let block = header(on, 2, 9, 0, &[]);
    assert_eq!(chain.insert_header(block, InLine), Err(Refusal::HeadersFull));
    assert_eq!(chain.insert_header(block, Block), Ok(HeaderCheck::New));
    assert_eq!(chain.headers(), 4);
}

/// A tree that producer 2 has filled with pairs of headers that end at the tip's height, and the block under these
/// pairs.
fn filled_with_pairs() -> (Chain, BlockId) {
    let limits = Limits { headers: 30, best_headers: 10, headers_each: 4, ..Limits::default() };
    let mut chain = Chain::with_limits(genesis(), limits);
    grow(&mut chain, 10);
    let on = chain.headers_after(&[genesis()], 8).expect("genesis is remembered")[7].id();
    for salt in 0..10 {
        let below = header(on, 9, 2, salt, &[]);
        chain.insert_header(below, InLine).expect("room");
        chain.insert_header(header(below.id(), 10, 2, salt, &[]), InLine).expect("room");
    }
    assert_eq!(chain.headers(), 30);
    (chain, on)
}

#[test]
fn a_producer_that_has_filled_the_tree_keeps_out_none_of_its_blocks_that_others_stand_on() {
    let (mut chain, on) = filled_with_pairs();
    let first = header(on, 9, 2, 77, &[]);
    assert_eq!(chain.insert_header(first, InLine), Ok(HeaderCheck::New));
    let branch = insert_on(&mut chain, first.id(), 10, 2, 1);
    insert_on(&mut chain, branch[0].id(), 11, 3, 5);
    assert_eq!((chain.headers(), chain.best_header().height), (30, 15));
    // The same with a body.
    let (mut chain, on) = filled_with_pairs();
    chain.connect(header(on, 9, 2, 78, &[]), vec![]).expect("there is room");
    // The producer may go on filling the tree: headers on which others stand stay.
    let (mut chain, on) = filled_with_pairs();
    chain.insert_header(first, InLine).expect("there is room");
    let next = insert_on(&mut chain, first.id(), 10, 3, 1)[0];
    for salt in 100..200 {
        let below = header(on, 9, 2, salt, &[]);
        chain.insert_header(below, InLine).expect("there is room");
        chain.insert_header(header(below.id(), 10, 2, salt, &[]), InLine).expect("there is room");
    }
    assert!(chain.header(&first.id()).is_some() && chain.header(&next.id()).is_some());
    assert_eq!(chain.headers(), 30);
}

#[test]
fn a_producer_whose_tree_is_full_of_blocks_with_bodies_gets_its_headers_taken() {
    let limits = Limits { headers: 30, best_headers: 10, headers_each: 4, ..Limits::default() };
    let mut chain = Chain::with_limits(genesis(), limits);
    grow(&mut chain, 10);
    let (tip, on) = (chain.tip(), chain.headers_after(&[genesis()], 8).expect("genesis is remembered")[7].id());
    for salt in 0..20 {
        chain.connect(header(on, 9, 2, salt, &[]), vec![]).expect("fit");
    }
    for (parent, height) in [(tip.id, 11), (on, 9)] {
        assert_eq!(chain.insert_header(header(parent, height, 2, 50, &[]), InLine), Ok(HeaderCheck::New));
        assert_eq!((chain.tip(), chain.headers()), (tip, 30));
    }
}

/// A tree that producers within their shares have filled with headers at the tip's height.
fn filled_at_the_tip() -> (Chain, Vec<BlockId>) {
    let mut chain = small(8, 4);
    grow(&mut chain, 4);
    let on: Vec<_> =
        chain.headers_after(&[genesis()], 4).expect("remembered").iter().map(SignedHeader::id).collect();
    for producer in 3..7 {
        chain.insert_header(header(on[2], 4, producer, 0, &[]), InLine).expect("room");
    }
    assert_eq!(chain.headers(), 8);
    (chain, on)
}

#[test]
fn for_the_next_tip_there_is_room_though_all_leaves_are_at_the_tips_height() {
    let (mut chain, on) = filled_at_the_tip();
    let next = header(on[3], 5, 9, 0, &[]);
    assert_eq!(chain.insert_header(next, Alone), Ok(HeaderCheck::New));
    assert_eq!((chain.headers(), chain.missing_bodies(9)), (8, vec![next.id()]));
    let (mut chain, _) = filled_at_the_tip();
    chain.connect(next, vec![]).expect("there is room");
    assert_eq!((chain.headers(), chain.tip().id), (8, next.id()));
}

#[test]
fn a_line_that_ends_above_the_tip_has_room_beside_leaves_at_the_tips_height() {
    let (mut chain, on) = filled_at_the_tip();
    let mut line = vec![header(on[1], 3, 9, 0, &[])];
    line.push(header(line[0].id(), 4, 9, 0, &[]));
    line.push(header(line[1].id(), 5, 9, 0, &[]));
    assert_eq!(chain.insert_header(line[0], InLine), Err(Refusal::HeadersFull));
    for header in &line {
        assert_eq!(chain.insert_header(*header, Leading), Ok(HeaderCheck::New));
    }
    assert_eq!((chain.headers(), chain.missing_bodies(9).len()), (8, 3));
    // A producer with more than its share takes no leaf of another one in this way.
    let limits = Limits { headers: 8, best_headers: 4, headers_each: 1, ..Limits::default() };
    let mut chain = Chain::with_limits(genesis(), limits);
    grow(&mut chain, 4);
    let parent = insert_on(&mut chain, on[0], 2, 9, 1)[0].id();
    for producer in 3..6 {
        chain.insert_header(header(on[2], 4, producer, 0, &[]), InLine).expect("room");
    }
    assert_eq!(chain.insert_header(header(parent, 3, 9, 0, &[]), Leading), Err(Refusal::HeadersFull));
}

#[test]
fn the_best_chain_forgets_its_lowest_headers_and_keeps_its_part() {
    let mut chain = small(8, 4);
    grow(&mut chain, 8);
    let low = chain.headers_after(&[genesis()], 2).expect("genesis is remembered");
    assert_eq!(chain.headers(), 8);
    grow(&mut chain, 1);
    assert_eq!((chain.headers(), chain.header(&low[0].id())), (8, None));
    // The lowest remembered height rose to the new lowest header: branches start there or above.
    assert_eq!(chain.check_header(&header(low[0].id(), 2, 2, 0, &[]), InLine), Err(Refusal::TooOld));
    assert_eq!(chain.check_header(&header(genesis(), 1, 2, 0, &[]), InLine), Err(Refusal::TooOld));
    // A header is too old as well if it could only have the room of the block on which it stands.
    assert_eq!(chain.insert_header(header(low[1].id(), 3, 2, 0, &[]), InLine), Err(Refusal::TooOld));
    assert_eq!((chain.headers(), chain.header(&low[1].id())), (8, Some(&low[1])));
    chain.mark_invalid(&low[0].id());
    assert_eq!((chain.headers(), chain.tip().height), (8, 9), "a forgotten block takes nothing along");
    // Headers ahead of the tip push out headers that are farther from it, until the best chain has only its part
    // of 4.
    let tip = chain.tip();
    let ahead = insert_on(&mut chain, tip.id, 10, 2, 3);
    assert_eq!(chain.insert_header(header(ahead[2].id(), 13, 2, 0, &[]), InLine), Err(Refusal::HeadersFull));
    assert_eq!((chain.headers(), chain.locator().len()), (8, 5 + 1));
    for (producer, is_held) in [(3, true), (4, false), (5, false)] {
        chain.insert_header(header(tip.id, 10, producer, 0, &[]), InLine).expect("nearer than others");
        assert_eq!((chain.headers(), chain.locator().len()), (8, 4 + 1));
        assert_eq!(chain.header(&ahead[2].id()).is_some(), is_held);
    }
}

#[test]
fn transactions_of_forgotten_headers_are_forgotten() {
    let mut chain = small(4, 2);
    let items = vec![transaction(1, 1, 100, 0)];
    chain.connect(header(genesis(), 1, 1, 0, &items), items.clone()).expect("fit");
    grow(&mut chain, 3);
    assert_eq!(chain.confirmed(&items[0].id()).map(|(height, _)| height), Some(1));
    grow(&mut chain, 1);
    assert_eq!((chain.confirmed(&items[0].id()), chain.confirmed_from()), (None, 2));
}

#[test]
fn branches_that_start_below_the_floor_go_when_it_rises() {
    let mut chain = small(8, 3);
    grow(&mut chain, 4);
    let side = header(chain.headers_after(&[genesis()], 1).expect("genesis is remembered")[0].id(), 2, 2, 0, &[]);
    chain.insert_header(side, InLine).expect("room");
    let side_child = header(side.id(), 3, 2, 0, &[]);
    chain.insert_header(side_child, InLine).expect("room");
    grow(&mut chain, 2);
    assert_eq!((chain.headers(), chain.header(&side.id())), (8, Some(&side)));
    // The best chain's first header is the one farthest from the tip. It goes, and the lowest remembered height
    // rises to 2.
    grow(&mut chain, 1);
    assert_eq!((chain.header(&side.id()), chain.header(&side_child.id())), (None, None));
    assert_eq!(chain.check_header(&side_child, InLine), Err(Refusal::UnknownParent));
    assert_eq!(chain.headers(), 6);
}

#[test]
fn a_chain_that_starts_from_its_newest_blocks_knows_of_no_first_occurrence_below_them() {
    let mut chain = Chain::new(genesis());
    let block = |header| RestoredBlock { header, transactions: Some([].into()) };
    let first = header(BlockId([3; 32]), 5, 1, 0, &[]);
    chain.restore(&[block(first), block(header(first.id(), 6, 1, 0, &[]))]).expect("they follow each other");
    assert_eq!((chain.tip().height, chain.confirmed_from()), (6, 5));
}

#[test]
fn the_protocols_bounds_hold() {
    let mut chain = Chain::new(genesis());
    grow(&mut chain, u64::try_from(CHAIN_HEADERS_MAX).expect("it fits"));
    assert_eq!(chain.headers(), CHAIN_HEADERS_MAX);
    grow(&mut chain, 1);
    assert_eq!(chain.headers(), CHAIN_HEADERS_MAX);
    const { assert!(CHAIN_BEST_HEADERS_MIN as u64 > VALID_UNTIL_AHEAD_MAX) };
    const { assert!(CHAIN_HEADERS_MAX >= CHAIN_BEST_HEADERS_MIN + 10_000 + 4 * HEADERS_OFF_BEST_SHARE) };
    assert_eq!(Limits::default().headers_each, HEADERS_OFF_BEST_SHARE);
}
