//! The mempool: what it holds, finds and drops, at each bound and one step past it.

use protocol::items::block::Block;
use protocol::items::hash::{ShortId, TxId};
use protocol::items::refusal::Refusal;
use protocol::ledger::mempool::{Lookup, Mempool};
use protocol::limits::{
    BLOCK_BODY_BYTES_MAX, BLOCK_BYTES_MAX, HEADER_BYTES_MAX, MEMPOOL_BYTES_MAX, MEMPOOL_CHARGE_MIN,
    MEMPOOL_ENTRIES_MAX, TRANSACTIONS_PER_NONCE_MAX,
};
use protocol::time::{Duration, Time};
use protocol::wire::codec::Encode;

use crate::make::{self, sized, transaction};

const T: Time = Time::ZERO;

fn order(pool: &Mempool) -> Vec<TxId> {
    pool.oldest_first().map(|(transaction, _)| transaction.id()).collect()
}

#[test]
fn the_bound_in_entries_holds_whatever_their_size() {
    let mut pool = Mempool::default();
    let count = u32::try_from(MEMPOOL_ENTRIES_MAX).expect("it fits");
    for author in 0..count {
        assert_eq!(pool.insert(T, &transaction(author, 0, 9, 0), Some(1)).expect("room").evicted, vec![]);
    }
    assert_eq!(pool.len(), MEMPOOL_ENTRIES_MAX);
    let evicted = pool.insert(T, &transaction(count, 0, 9, 0), None).expect("another link's").evicted;
    assert_eq!(evicted, vec![transaction(count / 2 - 1, 0, 9, 0)], "the middle one");
    assert_eq!(pool.len(), MEMPOOL_ENTRIES_MAX);
}

#[test]
fn the_bound_in_bytes_is_sat_on_and_not_passed() {
    const BYTES: usize = 32 * 1024;
    let mut pool = Mempool::default();
    let count = u32::try_from(MEMPOOL_BYTES_MAX / BYTES).expect("it fits");
    for author in 0..count {
        pool.insert(T, &sized(author, 0, BYTES), Some(1)).expect("room");
    }
    assert_eq!((pool.len(), pool.bytes()), (MEMPOOL_BYTES_MAX / BYTES, MEMPOOL_BYTES_MAX));
    assert_eq!(pool.insert(T, &transaction(count, 0, 9, 0), Some(2)).expect("another link's").evicted.len(), 1);
    assert_eq!(pool.bytes(), MEMPOOL_BYTES_MAX - BYTES + transaction(count, 0, 9, 0).encoded().len());
}

#[test]
fn a_pool_that_is_too_small_for_an_item_refuses_it() {
    let item = sized(1, 0, 600);
    assert_eq!(Mempool::new(599).insert(T, &item, None), Err(Refusal::MempoolFull));
    assert!(Mempool::new(600).insert(T, &item, None).is_ok());
    assert_eq!(Mempool::new(MEMPOOL_CHARGE_MIN - 1).insert(T, &sized(1, 0, 300), None), Err(Refusal::MempoolFull));
}

#[test]
fn two_ids_of_an_author_and_nonce_are_held_and_no_third() {
    let mut pool = Mempool::default();
    for payload in 0..TRANSACTIONS_PER_NONCE_MAX {
        pool.insert(T, &transaction(1, 5, 9, payload), None).expect("room");
    }
    assert_eq!(pool.insert(T, &transaction(1, 5, 9, 77), None), Err(Refusal::NonceTaken));
    pool.insert(T, &transaction(1, 6, 9, 77), None).expect("another nonce");
    pool.insert(T, &transaction(2, 5, 9, 77), None).expect("another author");
    assert!(pool.remove(&transaction(1, 5, 9, 0).id()).is_some());
    pool.insert(T, &transaction(1, 5, 9, 77), None).expect("one was given up");
}

#[test]
fn what_is_held_is_found_by_id_and_short_id_with_its_time() {
    let mut pool = Mempool::default();
    let (held, other) = (transaction(1, 0, 9, 3), transaction(2, 0, 9, 3));
    let at = Time::from_micros(5);
    pool.insert(at, &held, Some(1)).expect("room");
    pool.insert(Time::from_micros(8), &held, Some(2)).expect("held already");
    assert_eq!((pool.len(), pool.bytes()), (1, held.encoded().len()));
    assert_eq!(pool.get(&held.id()), Some(&held));
    assert_eq!(pool.accepted_at(&held.id()), Some(at));
    assert_eq!(pool.by_short(held.id().short()), Lookup::One(held.clone()));
    assert_eq!(pool.by_short(other.id().short()), Lookup::None);
    assert_eq!(pool.by_short(ShortId([0xff; 8])), Lookup::None);
    assert_eq!((pool.get(&other.id()), pool.accepted_at(&other.id())), (None, None));
    assert_eq!(pool.remove(&other.id()), None);
    assert_eq!(pool.remove(&held.id()), Some(held.clone()));
    assert!(pool.is_empty() && !pool.contains(&held.id()));
}

#[test]
fn expired_transactions_go_and_those_that_fit_the_next_block_stay() {
    let mut pool = Mempool::default();
    let items = [transaction(1, 0, 12, 0), transaction(2, 0, 10, 0), transaction(3, 0, 11, 0)];
    for item in &items {
        pool.insert(T, item, None).expect("room");
    }
    assert_eq!(pool.remove_expired(9), vec![]);
    assert_eq!(pool.remove_expired(11), vec![items[1].clone(), items[2].clone()]);
    assert_eq!(order(&pool), vec![items[0].id()]);
}

#[test]
fn the_order_is_that_of_taking_and_news_gets_old_or_is_settled() {
    let mut pool = Mempool::default();
    let items: Vec<_> = (0..5).map(|author| transaction(author, 0, 9, 0)).collect();
    for item in &items {
        pool.insert(T, item, None).expect("room");
    }
    assert_eq!(order(&pool), make::ids(&items));
    pool.settle(&items[1].id());
    let span = Duration::from_secs(2);
    for (now, news) in [(T, [0, 2, 3, 4].as_slice()), (T + span, &[])] {
        let (young, settled): (Vec<_>, Vec<_>) =
            (pool.news(now, span).cloned().collect(), pool.settled(now, span).collect());
        assert_eq!(young, news.iter().map(|place| items[*place].clone()).collect::<Vec<_>>());
        assert_eq!(settled.len(), 5 - young.len());
    }
}

#[test]
fn a_template_fills_a_block_to_the_byte() {
    // Array headers get longer at 24 and 256 transactions, string headers at 256 bytes.
    for count in [0_u32, 1, 23, 24, 25, 255, 256, 300] {
        let mut pool = Mempool::default();
        let items: Vec<_> =
            (0..count).map(|author| transaction(author, 0, 9, 7 * (author as usize % 50))).collect();
        for item in &items {
            pool.insert(T, item, None).expect("room");
        }
        let header = make::header(make::genesis(), 1, 1, 0, &items);
        let body = make::block(header, &items).encoded_len() - 1 - header.encoded_len();
        assert_eq!(pool.template(body, |_| true), items, "{count} fit exactly");
        assert_eq!(
            pool.template(body - 1, |_| true).len(),
            items.len().saturating_sub(1),
            "{count} are a byte too long"
        );
    }
}

#[test]
fn a_template_passes_over_what_does_not_fit() {
    let mut pool = Mempool::default();
    let (large, small) = (transaction(1, 0, 9, 500), transaction(2, 0, 9, 0));
    pool.insert(T, &large, None).expect("room");
    pool.insert(T, &small, None).expect("room");
    assert_eq!(pool.template(200, |_| true), vec![small]);
}

#[test]
fn the_longest_header_and_body_make_the_longest_block() {
    let header = make::sign(&protocol::items::block::Header {
        height: u64::MAX,
        parent: make::genesis(),
        producer: make::key(1),
        timestamp_ms: u64::MAX,
        transactions_root: protocol::items::hash::Hash256([1; 32]),
        count: u32::MAX,
    });
    assert_eq!(header.encoded_len(), HEADER_BYTES_MAX);
    let empty = Block { header, transactions: vec![] };
    assert_eq!(empty.encoded_len() - 1 + BLOCK_BODY_BYTES_MAX, BLOCK_BYTES_MAX);
}
