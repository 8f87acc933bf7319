//! Which bodies are kept, and which branches are given up for it. Blocks here take exactly 1,000 bytes.

use std::sync::Arc;

use protocol::block::SignedHeader;
use protocol::chain::{Chain, Limits};
use protocol::codec::Encode;
use protocol::hash::BlockId;
use protocol::limits::{BLOCK_BYTES_MAX, CHAIN_BODY_BYTES_MAX, CHAIN_STALE_BODY_BYTES_MAX};
use protocol::refusal::Refusal;
use protocol::transaction::SignedTransaction;

use crate::make::{block, genesis, header, transaction};

/// Room for `all` blocks, `stale` of them off the best chain.
fn room(all: usize, stale: usize) -> Chain {
    Chain::with_limits(
        genesis(),
        Limits { body_bytes: all * 1_000, stale_body_bytes: stale * 1_000, ..Limits::default() },
    )
}

/// A block of 1,000 bytes with one transaction of its own.
fn made(parent: BlockId, height: u64, producer: u32) -> (SignedHeader, Vec<Arc<SignedTransaction>>) {
    let nonce = 1_000_000 + height * 1_000 + u64::from(producer);
    let with = |payload| vec![transaction(producer, nonce, 100, payload)];
    let len = |items: &Vec<_>| block(header(parent, height, producer, 0, items), items).encoded_len();
    let items = with(600 + 1_000 - len(&with(600)));
    assert_eq!(len(&items), 1_000);
    (header(parent, height, producer, 0, &items), items)
}

fn add(chain: &mut Chain, parent: BlockId, height: u64, producer: u32) -> Result<BlockId, Refusal> {
    let (header, items) = made(parent, height, producer);
    chain.connect(header, items).map(|_| header.id())
}

/// Connects `count` blocks one upon the other, and returns their ids.
fn add_many(chain: &mut Chain, parent: BlockId, height: u64, producer: u32, count: u64) -> Vec<BlockId> {
    let mut ids = vec![parent];
    for height in height..height + count {
        ids.push(add(chain, ids[ids.len() - 1], height, producer).expect("fit"));
    }
    ids.split_off(1)
}

fn kept(chain: &Chain, ids: &[BlockId]) -> Vec<bool> {
    ids.iter().map(|id| chain.body(id).is_some()).collect()
}

#[test]
fn the_newest_bodies_are_kept_up_to_the_bound() {
    let mut chain = room(3, 1);
    let ids = add_many(&mut chain, genesis(), 1, 1, 3);
    assert_eq!((kept(&chain, &ids), chain.body_bytes()), (vec![true; 3], 3_000));
    let next = add(&mut chain, ids[2], 4, 1).expect("fit");
    assert_eq!((kept(&chain, &ids), chain.body_bytes()), (vec![false, true, true], 3_000));
    assert!(chain.is_connected(&ids[0]) && chain.header(&ids[0]).is_some());
    assert!(chain.body(&next).is_some());
}

#[test]
fn the_tips_body_is_kept_even_over_the_bound() {
    let mut chain = Chain::with_limits(genesis(), Limits { body_bytes: 1, ..Limits::default() });
    let ids = add_many(&mut chain, genesis(), 1, 1, 3);
    assert_eq!(kept(&chain, &ids), [false, false, true]);
}

#[test]
fn a_branch_that_starts_at_the_floor_is_followed_and_one_below_is_not() {
    let mut chain = room(5, 2);
    let best = add_many(&mut chain, genesis(), 1, 1, 7);
    assert_eq!(kept(&chain, &best), [false, false, true, true, true, true, true]);
    let (below, _) = made(best[0], 2, 2);
    assert_eq!(chain.check_header(&below), Err(Refusal::TooOld));
    assert_eq!(add(&mut chain, best[0], 2, 2), Err(Refusal::TooOld));
    let (at, _) = made(best[1], 3, 2);
    assert!(chain.insert_header(at).is_ok());
    assert!(chain.header(&at.id()).is_some());
    // The floor rises by one block, and the branch is given up.
    add(&mut chain, best[6], 8, 1).expect("fit");
    assert_eq!(chain.header(&at.id()), None);
    assert_eq!(chain.check_header(&at), Err(Refusal::TooOld));
}

#[test]
fn a_reorg_from_the_floor_returns_every_transaction() {
    let mut chain = room(6, 3);
    let best = add_many(&mut chain, genesis(), 1, 1, 5);
    let old: Vec<_> = best[2..].iter().filter_map(|id| chain.body(id)).collect();
    let side = add_many(&mut chain, best[1], 3, 2, 2);
    let loser = (2..).find(|producer| made(side[1], 5, *producer).0.id() > best[4]).expect("half of them");
    let side = add(&mut chain, side[1], 5, loser).expect("fit");
    assert_eq!(kept(&chain, &best), [false, false, true, true, true], "the floor is where the side branches off");
    let (last, items) = made(side, 6, 2);
    let change = chain.connect(last, items).expect("fit").tip_change.expect("the highest");
    assert_eq!(change.disconnected, [best[4], best[3], best[2]]);
    let returned: Vec<_> = change.returned.iter().map(|item| item.encoded().clone()).collect();
    assert_eq!(returned, old.iter().flat_map(|block| block.transactions.clone()).collect::<Vec<_>>());
    // One block too many: the floor rises over the fork, and the old branch is given up.
    assert_eq!((chain.tip().id, chain.body_bytes(), chain.header(&best[4])), (last.id(), 3_000, None));
}

#[test]
fn over_the_bound_the_lowest_stale_end_goes_first() {
    let mut chain = room(100, 3);
    let best = add_many(&mut chain, genesis(), 1, 1, 10);
    let low = add_many(&mut chain, best[0], 2, 2, 2);
    let high = add(&mut chain, best[5], 7, 3).expect("fit");
    assert_eq!((kept(&chain, &low), chain.body_bytes()), (vec![true, true], 13_000));
    let newest = add(&mut chain, best[6], 8, 3).expect("fit");
    assert_eq!((kept(&chain, &low), chain.body_bytes()), (vec![true, false], 13_000));
    assert!(!chain.is_connected(&low[1]) && chain.header(&low[1]).is_some());
    assert_eq!(kept(&chain, &[high, newest]), [true, true]);
    // The newcomer itself is the lowest: its header stays, its body doesn't.
    add(&mut chain, best[7], 9, 3).expect("fit");
    let (late, items) = made(best[3], 5, 4);
    assert_eq!(chain.connect(late, items), Err(Refusal::StaleFull));
    assert!(!chain.is_connected(&late.id()) && chain.header(&late.id()).is_some());
    assert_eq!(chain.body_bytes(), 13_000);
}

#[test]
fn the_branch_to_the_best_header_is_spared() {
    let mut chain = room(100, 3);
    let best = add_many(&mut chain, genesis(), 1, 1, 6);
    let way: Vec<_> = {
        let mut way = vec![made(best[1], 3, 2)];
        (4..=8).for_each(|height| way.push(made(way[way.len() - 1].0.id(), height, 2)));
        way
    };
    for (header, _) in &way {
        chain.insert_header(*header).expect("fit");
    }
    let connect = |chain: &mut Chain, at: usize| chain.connect(way[at].0, way[at].1.clone());
    connect(&mut chain, 0).expect("fit");
    for producer in 3..8 {
        // The lowest end is the branch's, and others go in its place.
        add(&mut chain, best[4], 6, producer).ok();
        assert!(chain.is_connected(&way[0].0.id()));
    }
    for at in 1..3 {
        connect(&mut chain, at).expect("room is made");
    }
    assert_eq!(chain.missing_bodies(9), way[3..].iter().map(|(header, _)| header.id()).collect::<Vec<_>>());
    // It is as large as it may be. One block more, and it is not followed any further.
    assert_eq!(connect(&mut chain, 3).map(|_| ()), Err(Refusal::StaleFull));
    assert_eq!(chain.missing_bodies(9), []);
    assert_eq!(chain.best_header(), chain.tip());
    assert_eq!(chain.check_header(&way[4].0), Err(Refusal::RejectedBefore));
}

#[test]
fn the_protocols_bounds_leave_room_for_the_largest_blocks() {
    let limits = Limits::default();
    assert_eq!(limits.body_bytes, CHAIN_BODY_BYTES_MAX);
    assert_eq!(limits.stale_body_bytes, CHAIN_STALE_BODY_BYTES_MAX);
    const { assert!(CHAIN_STALE_BODY_BYTES_MAX >= 2 * BLOCK_BYTES_MAX) };
    const { assert!(CHAIN_BODY_BYTES_MAX - CHAIN_STALE_BODY_BYTES_MAX >= 2 * BLOCK_BYTES_MAX) };
}
