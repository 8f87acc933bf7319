//! Bodies in memory are a cache: which of them go first. A block without its body stays connected and counts in
//! reorganisations. Blocks here take exactly 1,000 bytes.

use std::sync::Arc;

use protocol::items::block::SignedHeader;
use protocol::items::hash::BlockId;
use protocol::items::refusal::Refusal;
use protocol::items::transaction::SignedTransaction;
use protocol::ledger::chain::{Chain, Limits};
use protocol::limits::{BLOCK_BYTES_MAX, CHAIN_BODY_BYTES_MAX, CHAIN_CONTENTS_MAX, CONFIRMED_MAX};
use protocol::wire::codec::Encode;

use crate::make::{block, genesis, header, transaction};

/// Room for `count` bodies.
fn room(count: usize) -> Chain {
    Chain::with_limits(genesis(), Limits { body_bytes: count * 1_000, ..Limits::default() })
}

/// A block of 1,000 bytes with one transaction that no other block has.
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

/// Connects `count` blocks, each on the one before, and returns their ids.
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
fn the_highest_bodies_stay_in_memory_up_to_the_bound() {
    let mut chain = room(3);
    let ids = add_many(&mut chain, genesis(), 1, 1, 3);
    assert_eq!((kept(&chain, &ids), chain.body_bytes()), (vec![true; 3], 3_000));
    let next = add(&mut chain, ids[2], 4, 1).expect("fit");
    assert_eq!((kept(&chain, &ids), chain.body_bytes()), (vec![false, true, true], 3_000));
    assert!(chain.is_connected(&ids[0]) && chain.header(&ids[0]).is_some());
    assert!(chain.body(&next).is_some());
}

#[test]
fn the_tips_body_stays_even_over_the_bound() {
    let mut chain = Chain::with_limits(genesis(), Limits { body_bytes: 1, ..Limits::default() });
    let ids = add_many(&mut chain, genesis(), 1, 1, 3);
    assert_eq!(kept(&chain, &ids), [false, false, true]);
}

#[test]
fn a_block_is_handed_out_whole_even_if_its_body_goes_at_once() {
    let mut chain = room(2);
    let best = add_many(&mut chain, genesis(), 1, 1, 4);
    let (side, items) = made(best[0], 2, 2);
    let connected = chain.connect(side, items.clone()).expect("fit");
    assert_eq!(chain.body(&side.id()), None);
    let (added, ids) = connected.added.expect("new");
    assert_eq!((added.header, ids.to_vec()), (side, vec![items[0].id()]));
    assert_eq!(chain.connect(side, items).expect("held").added, None);
}

#[test]
fn a_reorganisation_returns_what_is_at_hand_and_names_what_is_to_be_loaded() {
    let mut chain = room(3);
    let best = add_many(&mut chain, genesis(), 1, 1, 5);
    let side = add_many(&mut chain, best[0], 2, 2, 3);
    let loser = (2..).find(|producer| made(side[2], 5, *producer).0.id() > best[4]).expect("half of them");
    let side = add(&mut chain, side[2], 5, loser).expect("fit");
    assert_eq!(kept(&chain, &best), [false, false, false, true, true]);
    let (last, items) = made(side, 6, 2);
    let change = chain.connect(last, items).expect("fit").tip_change.expect("the highest");
    assert_eq!(change.disconnected, [best[4], best[3], best[2], best[1]]);
    assert_eq!(change.to_load, [best[1], best[2]]);
    assert_eq!((change.fork, change.tip.id), (1, last.id()));
    let returned: Vec<_> = change.returned.iter().map(|item| item.id()).collect();
    let expected: Vec<_> = [(best[2], 4), (best[3], 5)].map(|(on, height)| made(on, height, 1).1[0].id()).to_vec();
    assert_eq!(returned, expected);
    // All four blocks of the new branch are known by their transactions' ids, though not all bodies are in memory.
    assert_eq!(change.confirmed.len(), 5);
    assert_eq!(chain.confirmed(&made(best[0], 2, 2).1[0].id()).map(|(height, _)| height), Some(2));
}

#[test]
fn ids_by_block_are_forgotten_lowest_first_over_their_bound() {
    let mut chain = Chain::with_limits(genesis(), Limits { contents: 3, confirmed: 2, ..Limits::default() });
    let best = add_many(&mut chain, genesis(), 1, 1, 3);
    assert_eq!(chain.contents_len(), 3);
    add(&mut chain, best[2], 4, 1).expect("fit");
    assert_eq!(chain.contents_len(), 3);
}

#[test]
fn connected_blocks_that_leave_the_tree_are_named_once() {
    let mut chain = Chain::with_limits(genesis(), Limits { headers: 6, best_headers: 3, ..Limits::default() });
    let best = add_many(&mut chain, genesis(), 1, 1, 3);
    let side = add_many(&mut chain, best[0], 2, 2, 1);
    assert_eq!(chain.take_dropped(), []);
    add_many(&mut chain, best[2], 4, 1, 4);
    assert_eq!(chain.header(&side[0]), None);
    assert_eq!(chain.take_dropped(), side);
    assert_eq!(chain.take_dropped(), []);
}

#[test]
fn the_protocols_bounds_leave_room_for_the_largest_blocks() {
    let limits = Limits::default();
    assert_eq!(limits.body_bytes, CHAIN_BODY_BYTES_MAX);
    assert_eq!((limits.contents, limits.confirmed), (CHAIN_CONTENTS_MAX, CONFIRMED_MAX));
    const { assert!(CHAIN_BODY_BYTES_MAX >= 2 * BLOCK_BYTES_MAX) };
    const { assert!(CHAIN_CONTENTS_MAX >= CONFIRMED_MAX) };
}

#[test]
fn every_transaction_of_a_block_is_found_by_its_id_and_no_other() {
    let mut chain = Chain::new(genesis());
    let items: Vec<_> = (0..200).map(|author| transaction(author, 1, 100, 0)).collect();
    let header = header(genesis(), 1, 1, 0, &items);
    chain.connect(header, items.clone()).expect("it is valid");
    for item in &items {
        assert_eq!(chain.transaction_in(&header.id(), &item.id()).as_ref(), Some(item));
    }
    assert_eq!(chain.transaction_in(&header.id(), &transaction(200, 1, 100, 0).id()), None);
    assert_eq!(chain.transaction_in(&genesis(), &items[0].id()), None);
}
