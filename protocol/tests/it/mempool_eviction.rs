//! Who makes room when the mempool is full. Items here count for 512 bytes each unless said otherwise.

use std::sync::Arc;

use protocol::hash::TxId;
use protocol::mempool::Mempool;
use protocol::refusal::Refusal;
use protocol::time::Time;
use protocol::transaction::SignedTransaction;

use crate::make::{ids, sized, transaction};

const T: Time = Time::ZERO;

/// A pool for 64 items; an author's part is 4 of them.
fn pool() -> Mempool {
    Mempool::new(64 * 512)
}

/// Adds an item of each author, and returns them.
fn fill(
    pool: &mut Mempool,
    authors: impl IntoIterator<Item = u32>,
    nonce: u64,
    link: Option<u32>,
) -> Vec<Arc<SignedTransaction>> {
    let items: Vec<_> = authors.into_iter().map(|author| transaction(author, nonce, 9, 0)).collect();
    for item in &items {
        assert_eq!(pool.insert(T, item, link).expect("room").evicted, vec![]);
    }
    items
}

fn order(pool: &Mempool) -> Vec<TxId> {
    pool.oldest_first().map(|(transaction, _)| transaction.id()).collect()
}

#[test]
fn the_author_over_its_part_sheds_its_newest_whatever_the_links_hold() {
    let mut pool = pool();
    fill(&mut pool, 0..50, 0, Some(1));
    let large: Vec<_> = (0..14).flat_map(|nonce| fill(&mut pool, [1_000], nonce, Some(2))).collect();
    for newcomer in 0..10_u32 {
        let evicted =
            pool.insert(T, &transaction(2_000 + newcomer, 0, 9, 0), Some(1)).expect("room is made").evicted;
        assert_eq!(ids(&evicted), vec![large[13 - newcomer as usize].id()]);
    }
    // With 4 left, the author is within its part, and the larger link's newcomer is refused.
    assert_eq!(pool.insert(T, &transaction(3_000, 0, 9, 0), Some(1)), Err(Refusal::MempoolFull));
}

#[test]
fn the_largest_author_is_refused_and_nothing_changes() {
    let mut pool = pool();
    fill(&mut pool, 0..60, 0, Some(1));
    for nonce in 0..4 {
        fill(&mut pool, [1_000], nonce, Some(2));
    }
    let before = order(&pool);
    assert_eq!(pool.insert(T, &transaction(1_000, 4, 9, 0), Some(2)), Err(Refusal::MempoolFull));
    assert_eq!(order(&pool), before);
}

#[test]
fn a_flood_of_one_time_authors_sheds_the_link_it_comes_by() {
    let mut pool = pool();
    let honest = fill(&mut pool, 0..10, 0, Some(1));
    let mut flood = fill(&mut pool, 100..154, 0, Some(2));
    assert_eq!(pool.insert(T, &transaction(999, 0, 9, 0), Some(2)), Err(Refusal::MempoolFull));
    for newcomer in 0..22 {
        let evicted = pool.insert(T, &transaction(10 + newcomer, 0, 9, 0), Some(1)).expect("room is made").evicted;
        assert_eq!(evicted, vec![flood.pop().expect("some are left")]);
    }
    // Both links hold 32 now. One more would make either the largest.
    assert_eq!(pool.insert(T, &transaction(999, 0, 9, 0), Some(1)), Err(Refusal::MempoolFull));
    assert_eq!(pool.insert(T, &transaction(999, 0, 9, 0), Some(2)), Err(Refusal::MempoolFull));
    assert!(honest.iter().all(|item| pool.contains(&item.id())));
}

#[test]
fn local_submissions_are_a_link_of_their_own() {
    let mut pool = pool();
    fill(&mut pool, 0..40, 0, None);
    let by_link = fill(&mut pool, 100..124, 0, Some(0));
    assert_eq!(pool.insert(T, &transaction(999, 0, 9, 0), None), Err(Refusal::MempoolFull));
    let evicted = pool.insert(T, &transaction(999, 0, 9, 0), Some(0)).expect("room is made").evicted;
    assert_eq!(ids(&evicted), vec![transaction(39, 0, 9, 0).id()]);
    assert!(by_link.iter().all(|item| pool.contains(&item.id())));
}

#[test]
fn closed_links_count_together_so_that_reconnecting_wins_nothing() {
    let mut pool = pool();
    fill(&mut pool, 0..20, 0, Some(1));
    fill(&mut pool, 100..115, 0, Some(2));
    fill(&mut pool, 200..215, 0, Some(3));
    fill(&mut pool, 300..314, 0, Some(4));
    pool.link_closed(2);
    pool.link_closed(3);
    pool.link_closed(77);
    let evicted = pool.insert(T, &transaction(999, 0, 9, 0), Some(1)).expect("room is made").evicted;
    assert_eq!(ids(&evicted), vec![transaction(214, 0, 9, 0).id()]);
}

#[test]
fn a_newcomer_that_turns_out_the_largest_midway_puts_everything_back() {
    let mut pool = pool();
    let mut held = fill(&mut pool, 0..59, 0, Some(1));
    held.extend((0..5).flat_map(|nonce| fill(&mut pool, [1_000], nonce, Some(2))));
    // 2,200 bytes are less than the author's 2,560; after one item of it, 2,200 are more than 2,048.
    assert_eq!(pool.insert(T, &sized(2_000, 0, 2_200), Some(3)), Err(Refusal::MempoolFull));
    assert_eq!(order(&pool), ids(&held));
    let evicted = pool.insert(T, &transaction(3_000, 0, 9, 0), Some(3)).expect("room is made").evicted;
    assert_eq!(ids(&evicted), vec![transaction(1_000, 4, 9, 0).id()], "shares are what they were");
}

#[test]
fn a_large_newcomer_takes_the_room_of_several() {
    let mut pool = pool();
    fill(&mut pool, 0..64, 0, Some(1));
    let evicted = pool.insert(T, &sized(2_000, 0, 1_500), Some(3)).expect("room is made").evicted;
    assert_eq!(
        ids(&evicted),
        ids(&[transaction(63, 0, 9, 0), transaction(62, 0, 9, 0), transaction(61, 0, 9, 0)])
    );
}
