//! Which block is the tip, what a change of the tip reports, and which bodies match which headers.

use std::sync::Arc;

use protocol::items::block::SignedHeader;
use protocol::items::hash::{BlockId, Hash256};
use protocol::items::refusal::Refusal;
use protocol::items::transaction::SignedTransaction;
use protocol::ledger::chain::Standing::InLine;
use protocol::ledger::chain::{Chain, HeaderCheck, Limits};
use protocol::limits::{BLOCK_BYTES_MAX, CONFIRMED_MAX};
use protocol::wire::codec::{DecodeError, Misread};

use crate::make::{block, genesis, header, ids, key, sign, transaction};

type Transactions = Vec<Arc<SignedTransaction>>;

fn item(nonce: u64) -> Arc<SignedTransaction> {
    transaction(1, nonce, 100, 0)
}

/// Connects a block with these transactions.
fn add(chain: &mut Chain, parent: BlockId, height: u64, producer: u32, items: &Transactions) -> SignedHeader {
    let made = header(parent, height, producer, 0, items);
    chain.connect(made, items.clone()).expect("a fit block");
    made
}

#[test]
fn a_block_on_the_tip_is_the_tip_and_confirms_its_transactions() {
    let mut chain = Chain::new(genesis());
    let items = vec![item(1), item(2)];
    let first = header(genesis(), 1, 1, 0, &items);
    let change = chain.connect(first, items.clone()).expect("fit").tip_change.expect("a new tip");
    assert_eq!((change.tip.height, change.tip.id, change.connected), (1, first.id(), vec![first.id()]));
    assert_eq!((change.disconnected, change.returned, change.confirmed), (vec![], vec![], ids(&items)));
    assert_eq!(chain.tip(), change.tip);
    assert_eq!(chain.confirmed(&items[1].id()), Some((1, first.id())));
    assert_eq!(chain.confirmed(&item(3).id()), None);
    assert_eq!(chain.body(&first.id()), Some(block(first, &items)));
    assert_eq!(chain.transaction_in(&first.id(), &items[1].id()), Some(items[1].clone()));
    assert_eq!(chain.transaction_in(&first.id(), &item(3).id()), None);
    assert_eq!(chain.connect(first, items).expect("connected before").tip_change, None);
}

#[test]
fn of_equally_high_blocks_the_lowest_id_wins_in_either_order() {
    let mut both = [header(genesis(), 1, 1, 0, &[]), header(genesis(), 1, 2, 0, &[])];
    both.sort_by_key(SignedHeader::id);
    for order in [[0, 1], [1, 0]] {
        let mut chain = Chain::new(genesis());
        chain.connect(both[order[0]], vec![]).expect("fit");
        let change = chain.connect(both[order[1]], vec![]).expect("fit").tip_change;
        assert_eq!(chain.tip().id, both[0].id());
        assert_eq!(change.map(|change| change.disconnected), (order[1] == 0).then(|| vec![both[1].id()]));
    }
}

#[test]
fn a_header_without_a_body_moves_no_tip() {
    let mut chain = Chain::new(genesis());
    let first = header(genesis(), 1, 1, 0, &[]);
    chain.insert_header(first, InLine).expect("fit");
    let second = header(first.id(), 2, 1, 0, &[]);
    assert_eq!(chain.connect(second, vec![]), Err(Refusal::UnknownParent));
    assert_eq!((chain.tip().height, chain.is_connected(&second.id())), (0, false));
    assert_eq!(chain.check_header(&second, InLine), Ok(HeaderCheck::Known));
    chain.connect(first, vec![]).expect("fit");
    chain.connect(second, vec![]).expect("fit");
    assert_eq!(chain.tip().id, second.id());
}

#[test]
fn a_reorg_says_what_left_what_joined_and_what_goes_back_to_the_mempool() {
    let mut chain = Chain::new(genesis());
    let root = add(&mut chain, genesis(), 1, 1, &vec![item(0)]);
    let old_1 = add(&mut chain, root.id(), 2, 1, &vec![item(1), item(2)]);
    let old_2 = add(&mut chain, old_1.id(), 3, 1, &vec![item(3)]);
    let new_1 = add(&mut chain, root.id(), 2, 2, &vec![item(2), item(4)]);
    let loser = (2..).find(|producer| header(new_1.id(), 3, *producer, 0, &[]).id() > old_2.id());
    let new_2 = add(&mut chain, new_1.id(), 3, loser.expect("half of them"), &vec![]);
    assert_eq!(chain.tip().id, old_2.id());
    let items = vec![item(1)];
    let new_3 = header(new_2.id(), 4, 2, 0, &items);
    let change = chain.connect(new_3, items).expect("fit").tip_change.expect("the highest");
    assert_eq!(change.disconnected, [old_2.id(), old_1.id()]);
    assert_eq!(change.connected, [new_1.id(), new_2.id(), new_3.id()]);
    assert_eq!(change.returned, [item(3)]);
    assert_eq!(change.confirmed, ids(&[item(2), item(4), item(1)]));
    assert_eq!(chain.confirmed(&item(0).id()), Some((1, root.id())));
    assert_eq!(chain.confirmed(&item(2).id()), Some((2, new_1.id())));
    assert_eq!(chain.confirmed(&item(1).id()), Some((4, new_3.id())));
    assert_eq!(chain.confirmed(&item(3).id()), None);
    assert!(chain.body(&old_2.id()).is_some() && chain.is_connected(&old_2.id()));
}

#[test]
fn a_body_that_is_not_the_headers_is_refused_and_the_header_stays_good() {
    let mut chain = Chain::new(genesis());
    let items = vec![item(1), item(2)];
    let first = header(genesis(), 1, 1, 0, &items);
    for wrong in [vec![], vec![item(1)], vec![item(2), item(1)], vec![item(1), item(2), item(3)]] {
        assert_eq!(chain.connect(first, wrong), Err(Refusal::WrongRoot));
    }
    let mut fields = *first.header();
    fields.count = 3;
    assert_eq!(chain.connect(sign(&fields), items.clone()), Err(Refusal::WrongRoot));
    fields.count = 2;
    fields.transactions_root = Hash256([1; 32]);
    fields.producer = key(2);
    assert_eq!(chain.connect(sign(&fields), items.clone()), Err(Refusal::WrongRoot));
    assert!(chain.connect(first, items).expect("the right body").tip_change.is_some());
}

#[test]
fn a_transaction_may_be_in_the_block_at_its_last_height_and_in_none_after() {
    let mut chain = Chain::new(genesis());
    let first = add(&mut chain, genesis(), 1, 1, &vec![transaction(1, 1, 1, 0)]);
    let late = vec![transaction(1, 2, 1, 0)];
    assert_eq!(chain.connect(header(first.id(), 2, 1, 0, &late), late), Err(Refusal::ExpiredTransaction));
    add(&mut chain, first.id(), 2, 2, &vec![transaction(1, 3, 2, 0)]);
}

#[test]
fn a_block_of_the_longest_length_is_taken_and_none_longer() {
    // 63 transactions of 65,644 bytes and one that fills the rest.
    let mut items: Transactions = (0..63).map(|nonce| transaction(1, nonce + 100, 100, 64 * 1024)).collect();
    let len = |items: &Transactions| {
        protocol::wire::codec::Encode::encoded_len(&*block(header(genesis(), 1, 1, 0, items), items))
    };
    items.push(transaction(1, 99, 100, 30_000));
    let rest = BLOCK_BYTES_MAX - len(&items) + 30_000;
    items[63] = transaction(1, 99, 100, rest + 1);
    assert_eq!(len(&items), BLOCK_BYTES_MAX + 1);
    let mut chain = Chain::new(genesis());
    let too_long = chain.connect(header(genesis(), 1, 1, 0, &items), items.clone());
    let error = DecodeError::TooLong { what: "a block", max: BLOCK_BYTES_MAX };
    assert_eq!(too_long, Err(Refusal::Malformed(Misread { what: "a block", at: 0, error })));
    items[63] = transaction(1, 99, 100, rest);
    assert!(chain.connect(header(genesis(), 1, 1, 0, &items), items).is_ok());
    assert_eq!(chain.body_bytes(), BLOCK_BYTES_MAX);
}

#[test]
fn the_newest_confirmed_transactions_are_remembered_up_to_their_bound() {
    let limits = Limits { confirmed: 3, ..Limits::default() };
    assert_eq!(Limits::default().confirmed, CONFIRMED_MAX);
    let mut chain = Chain::with_limits(genesis(), limits);
    let first = add(&mut chain, genesis(), 1, 1, &vec![item(1), item(2)]);
    let second = add(&mut chain, first.id(), 2, 1, &vec![item(3)]);
    assert!(chain.confirmed(&item(1).id()).is_some());
    add(&mut chain, second.id(), 3, 1, &vec![item(4)]);
    assert_eq!(chain.confirmed(&item(1).id()), None);
    assert_eq!(chain.confirmed(&item(2).id()), Some((1, first.id())));
}
