//! A transaction in more than one block: validity depends on a block and its ancestors alone, and never on a
//! node's memory. Only the first occurrence counts.

use std::sync::Arc;

use protocol::gossip::RelayPolicy;
use protocol::items::block::SignedHeader;
use protocol::items::refusal::Refusal;
use protocol::items::transaction::SignedTransaction;
use protocol::ledger::chain::{Chain, Limits};
use protocol::limits::CONFIRMED_MAX;

use crate::harness::{Mesh, block, block_item, genesis, tip_of, transaction, tx};
use crate::make;

type Transactions = Vec<Arc<SignedTransaction>>;

fn item(nonce: u64) -> Arc<SignedTransaction> {
    make::transaction(1, nonce, 9_000, 0)
}

fn small(confirmed: usize) -> Chain {
    Chain::with_limits(make::genesis(), Limits { confirmed, contents: 2 * confirmed, ..Limits::default() })
}

fn add(chain: &mut Chain, parent: &SignedHeader, salt: u64, items: &Transactions) -> SignedHeader {
    let made = make::header(parent.id(), parent.header().height + 1, 1, salt, items);
    chain.connect(made, items.clone()).expect("a fit block");
    made
}

#[test]
fn a_transaction_may_be_in_a_block_and_in_one_after_it_but_not_twice_in_one() {
    let mut chain = Chain::new(make::genesis());
    let twice = vec![item(1), item(1)];
    let refused = chain.connect(make::header(make::genesis(), 1, 1, 0, &twice), twice);
    assert_eq!(refused, Err(Refusal::RepeatedTransaction));
    let first = make::header(make::genesis(), 1, 2, 0, &[item(1)]);
    chain.connect(first, vec![item(1)]).expect("fit");
    let second = add(&mut chain, &first, 0, &vec![item(1), item(2)]);
    let side = add(&mut chain, &first, 1, &vec![item(1)]);
    let third = add(&mut chain, &second, 0, &vec![item(2), item(1)]);
    assert!(chain.is_connected(&side.id()));
    assert_eq!(chain.tip().id, third.id());
    // The first occurrence is the one that counts.
    assert_eq!(chain.confirmed(&item(1).id()), Some((1, first.id())));
    assert_eq!(chain.confirmed(&item(2).id()), Some((2, second.id())));
}

#[test]
fn a_reorganisation_finds_the_first_occurrence_on_the_new_branch() {
    let mut chain = Chain::new(make::genesis());
    let root = make::header(make::genesis(), 1, 1, 0, &[item(1)]);
    chain.connect(root, vec![item(1)]).expect("fit");
    let old = add(&mut chain, &root, 0, &vec![item(2), item(1)]);
    let old = add(&mut chain, &old, 0, &vec![item(2)]);
    let mut new = root;
    for items in [vec![], vec![item(2)], vec![item(1)]] {
        new = add(&mut chain, &new, 7, &items);
    }
    assert_eq!(chain.tip().id, new.id());
    assert_eq!(chain.confirmed(&item(1).id()), Some((1, root.id())));
    assert_eq!(chain.confirmed(&item(2).id()).map(|(height, _)| height), Some(3));
    // The old branch becomes the best one again.
    let mut back = old;
    for _ in 0..2 {
        back = add(&mut chain, &back, 0, &vec![]);
    }
    assert_eq!(chain.tip().id, back.id());
    assert_eq!(chain.confirmed(&item(1).id()), Some((1, root.id())));
    assert_eq!(chain.confirmed(&item(2).id()).map(|(height, _)| height), Some(2));
}

#[test]
fn what_leaves_with_a_second_occurrence_does_not_go_back_to_the_mempool() {
    let mut chain = Chain::new(make::genesis());
    let root = make::header(make::genesis(), 1, 1, 0, &[item(1)]);
    chain.connect(root, vec![item(1)]).expect("fit");
    let best = add(&mut chain, &root, 0, &vec![item(1), item(2)]);
    let loser = (0..).find(|salt| make::header(root.id(), 2, 1, *salt, &[]).id() > best.id());
    let side = add(&mut chain, &root, loser.expect("half of them"), &vec![]);
    let last = make::header(side.id(), 3, 1, 7, &[]);
    let change = chain.connect(last, vec![]).expect("fit").tip_change.expect("the highest");
    assert_eq!(change.returned, [item(2)]);
}

/// Two nodes that saw a natural fork in different orders. One of them has forgotten an old transaction, and the
/// other has not.
fn two_seers(memory: usize) -> (u64, u64) {
    const BLOCKS: usize = 8;
    let mut common = Vec::new();
    let (mut parent, mut height) = (make::genesis(), 0);
    for number in 0..BLOCKS {
        let of = |nonce| make::transaction(number as u32, nonce as u64, 9_000, 0);
        let items: Vec<_> = (0..memory / BLOCKS).map(of).collect();
        height += 1;
        let header = make::header(parent, height, 1, 0, &items);
        parent = header.id();
        common.push((header, items));
    }
    let old = common[0].1[5].clone();
    let side: Vec<_> = (0..100).map(|nonce| make::transaction(1_000, nonce, 9_000, 0)).collect();
    let full = make::header(parent, 9, 1, 0, &side);
    let mut empty = (0..1_000).map(|salt| make::header(parent, 9, 2, salt, &[]));
    let empty = empty.find(|header| header.id() < full.id()).expect("half of them");
    // Its producer has forgotten the old transaction.
    let again = make::header(full.id(), 10, 1, 0, std::slice::from_ref(&old));
    let mut seers = [small(memory), small(memory)];
    for chain in &mut seers {
        for (header, items) in &common {
            chain.connect(*header, items.clone()).expect("fit");
        }
    }
    let [producer, other] = &mut seers;
    producer.connect(full, side.clone()).expect("fit");
    assert!(producer.confirmed(&old.id()).is_none(), "forgotten");
    other.connect(empty, Vec::new()).expect("fit");
    other.connect(full, side).expect("fit");
    assert!(other.confirmed(&old.id()).is_some(), "not forgotten");
    let mut at = again;
    for chain in &mut seers {
        if chain.connect(again, vec![old.clone()]).is_err() {
            chain.mark_invalid(&again.id());
        }
    }
    for height in 11..111 {
        at = make::header(at.id(), height, 3, 0, &[]);
        for chain in &mut seers {
            drop(chain.connect(at, Vec::new()));
        }
    }
    (seers[0].tip().height, seers[1].tip().height)
}

#[test]
fn two_nodes_of_which_one_has_forgotten_a_transaction_end_on_one_tip() {
    assert_eq!(two_seers(800), (110, 110));
}

#[test]
fn the_same_with_the_protocols_own_memory() {
    assert_eq!(two_seers(CONFIRMED_MAX), (110, 110));
}

#[test]
fn a_block_that_repeats_an_ancestors_transaction_is_taken_by_all_and_nobody_is_left() {
    let mut mesh = Mesh::new(3, RelayPolicy::Announce);
    mesh.connect(0, 1);
    mesh.connect(1, 2);
    mesh.run_secs(1);
    let old = transaction(1, 1, 100);
    let first = block(genesis(), std::slice::from_ref(&old), 1);
    mesh.publish(0, &first);
    mesh.run_secs(1);
    let again = block(tip_of(&first), &[old.clone(), transaction(1, 2, 100)], 2);
    mesh.publish(0, &again);
    mesh.run_secs(1);
    let next = block(tip_of(&again), &[], 3);
    mesh.publish(2, &next);
    mesh.run_secs(1);
    for node in 0..3 {
        assert_eq!(mesh.nodes[node].tip(), tip_of(&next), "node {node}");
        assert!(mesh.accepted(node, block_item(again.header.id())));
        let times = mesh.events[node].iter();
        let times = times
            .filter(|event| matches!(event, protocol::gossip::Event::Accepted { item, .. } if *item == tx(&old)));
        assert_eq!(times.count(), 1, "node {node}");
        match mesh.nodes[node].transaction(&old.id()) {
            Some(protocol::gossip::TransactionStatus::Confirmed { block, height, .. }) => {
                assert_eq!((block, height), (first.header.id(), 1), "the first occurrence is named");
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(mesh.disconnects, []);
}
