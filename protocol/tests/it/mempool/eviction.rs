//! Which item makes room when the mempool is full. Items here count for 512 bytes each unless a test says
//! otherwise.

use std::sync::Arc;

use protocol::items::hash::TxId;
use protocol::items::refusal::Refusal;
use protocol::items::transaction::SignedTransaction;
use protocol::ledger::mempool::Mempool;
use protocol::limits::{MEMPOOL_OLD_AFTER, MEMPOOL_TURNOVER, MEMPOOL_TURNOVER_BURST};
use protocol::time::{Duration, Time};

use crate::make::{ids, sized, transaction};

const T: Time = Time::ZERO;

/// A pool for 64 items. An author's part is 4 of them. Items that were submitted here are sheltered up to 16.
fn pool() -> Mempool {
    Mempool::new(64 * 512)
}

/// Adds an item of each author, and returns the items.
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

/// The items that are removed for a new item of an author that nobody has seen.
fn sheds(pool: &mut Mempool, now: Time, author: u32, link: Option<u32>) -> Vec<TxId> {
    ids(&pool.insert(now, &transaction(author, 0, 9, 0), link).expect("room is made").evicted)
}

#[test]
fn the_author_over_its_part_sheds_its_newest_whatever_the_links_hold() {
    let mut pool = pool();
    let first = fill(&mut pool, 0..50, 0, Some(1));
    let large: Vec<_> = (0..14).flat_map(|nonce| fill(&mut pool, [1_000], nonce, Some(2))).collect();
    for newcomer in 0..10_u32 {
        assert_eq!(sheds(&mut pool, T, 2_000 + newcomer, Some(1)), vec![large[13 - newcomer as usize].id()]);
    }
    // With 4 items left, the author is within its part, and the largest link sheds.
    assert_eq!(sheds(&mut pool, T, 3_000, Some(2)), vec![first[29].id()]);
}

#[test]
fn the_largest_author_is_refused_and_nothing_changes() {
    let mut pool = pool();
    fill(&mut pool, 0..60, 0, Some(1));
    for nonce in 0..4 {
        fill(&mut pool, [1_000], nonce, Some(2));
    }
    let before = order(&pool);
    let newcomer = transaction(1_000, 4, 9, 0);
    assert_eq!(pool.refusal(T, &newcomer, Some(2)), Some(Refusal::AuthorFull));
    assert_eq!(pool.insert(T, &newcomer, Some(2)), Err(Refusal::AuthorFull));
    assert_eq!(order(&pool), before);
}

#[test]
fn a_flood_of_one_time_authors_sheds_the_link_it_comes_by() {
    let mut pool = pool();
    let honest = fill(&mut pool, 0..10, 0, Some(1));
    let flood = ids(&fill(&mut pool, 100..154, 0, Some(2)));
    for newcomer in 0..22 {
        let gone = sheds(&mut pool, T, 10 + newcomer, Some(1));
        assert!(gone.iter().all(|id| flood.contains(id)) && gone.len() == 1);
    }
    // Both links hold 32 now, and each turns over its own items.
    let gone = sheds(&mut pool, T, 998, Some(2));
    assert!(flood.contains(&gone[0]));
    assert!(honest.iter().all(|item| pool.contains(&item.id())));
}

#[test]
fn a_link_sheds_the_middle_of_its_share_and_keeps_its_oldest_and_newest() {
    let mut pool = pool();
    let shed = ids(&fill(&mut pool, 0..64, 0, Some(2)));
    for newcomer in 0..32 {
        sheds(&mut pool, T, 1_000 + newcomer, Some(1));
    }
    let kept: Vec<_> = (0..64).filter(|place| pool.contains(&shed[*place])).collect();
    assert_eq!(kept, (0..16).chain(48..64).collect::<Vec<_>>());
}

#[test]
fn news_of_the_largest_link_goes_through_the_newer_half_of_its_share() {
    let mut pool = pool();
    let old = ids(&fill(&mut pool, 0..64, 0, Some(1)));
    let mut now = T;
    let mut news = Vec::new();
    for newcomer in 0..64_u32 {
        now = now + MEMPOOL_TURNOVER.divided_by(64);
        let gone = sheds(&mut pool, now, 1_000 + newcomer, Some(1));
        let expected = if newcomer < 33 { old[31 + newcomer as usize] } else { news[newcomer as usize - 33] };
        assert_eq!(gone, vec![expected], "{newcomer}");
        news.push(transaction(1_000 + newcomer, 0, 9, 0).id());
    }
    assert!(old[..31].iter().all(|id| pool.contains(id)), "the older half stays");
}

#[test]
fn what_is_old_goes_first_and_a_moment_before_it_does_not() {
    for (age, place) in [(MEMPOOL_OLD_AFTER - Duration::from_micros(1), 31), (MEMPOOL_OLD_AFTER, 0)] {
        for link in [1, 2] {
            let mut pool = pool();
            let held = fill(&mut pool, 0..64, 0, Some(1));
            assert_eq!(sheds(&mut pool, T + age, 1_000, Some(link)), vec![held[place].id()]);
        }
    }
}

#[test]
fn a_link_turns_its_share_over_once_a_minute_and_an_eighth_at_once() {
    let mut pool = pool();
    fill(&mut pool, 0..64, 0, Some(1));
    // An item uses up a 64th of the turnover's time. Eight items use up the burst. The ninth still finds room.
    for newcomer in 0..9 {
        sheds(&mut pool, T, 1_000 + newcomer, Some(1));
    }
    let before = order(&pool);
    let each = MEMPOOL_TURNOVER.divided_by(64);
    assert_eq!(MEMPOOL_TURNOVER_BURST, each.times(8));
    let next = transaction(2_000, 0, 9, 0);
    for early in [T, T + (each - Duration::from_micros(1))] {
        assert_eq!(pool.refusal(early, &next, Some(1)), Some(Refusal::MempoolFull));
        assert_eq!(pool.insert(early, &next, Some(1)), Err(Refusal::MempoolFull));
    }
    assert_eq!(order(&pool), before);
    assert_eq!(pool.refusal(T + each, &next, Some(1)), None);
    sheds(&mut pool, T + each, 2_000, Some(1));
    // Another link has a turnover of its own.
    sheds(&mut pool, T + each, 2_001, Some(2));
}

#[test]
fn what_was_submitted_here_gives_no_way_to_others_up_to_a_quarter() {
    for (count, goes) in [(16, false), (17, true)] {
        let mut pool = pool();
        let own = ids(&fill(&mut pool, 0..count, 0, None));
        // There are six other links, so the local one is the largest.
        for number in count..64 {
            fill(&mut pool, [number], 0, Some(number % 6));
        }
        let gone = sheds(&mut pool, T + MEMPOOL_OLD_AFTER, 999, Some(0));
        assert_eq!(gone == own[own.len() - 1..], goes, "{count}");
        assert_eq!(own.iter().all(|id| pool.contains(id)), !goes);
    }
}

#[test]
fn an_authors_submissions_give_no_way_to_others_up_to_a_quarter() {
    let mut pool = pool();
    let own: Vec<_> = (0..10).flat_map(|nonce| fill(&mut pool, [1_000], nonce, None)).collect();
    let others = fill(&mut pool, 0..54, 0, Some(1));
    assert_eq!(sheds(&mut pool, T, 999, Some(2)), vec![others[26].id()], "though it is over an author's part");
    // They do give way to another submission.
    assert_eq!(sheds(&mut pool, T, 998, None), vec![own[9].id()]);
}

#[test]
fn submissions_over_their_share_are_refused_and_shed_their_newest() {
    let mut pool = pool();
    let own = fill(&mut pool, 0..40, 0, None);
    fill(&mut pool, 100..124, 0, Some(0));
    assert_eq!(pool.insert(T, &transaction(999, 0, 9, 0), None), Err(Refusal::MempoolFull));
    assert_eq!(sheds(&mut pool, T, 999, Some(0)), vec![own[39].id()]);
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
    assert_eq!(sheds(&mut pool, T, 999, Some(1)), vec![transaction(114, 0, 9, 0).id()]);
}

#[test]
fn a_newcomer_that_turns_out_the_largest_midway_puts_everything_back() {
    let mut pool = pool();
    let mut held = fill(&mut pool, 0..59, 0, Some(1));
    held.extend((0..5).flat_map(|nonce| fill(&mut pool, [1_000], nonce, Some(2))));
    // 2,200 bytes are less than the author's 2,560. When one item of the author is removed, they are more than the
    // 2,048 that are left.
    assert_eq!(pool.insert(T, &sized(2_000, 0, 2_200), Some(3)), Err(Refusal::AuthorFull));
    assert_eq!(order(&pool), ids(&held));
    assert_eq!(
        sheds(&mut pool, T, 3_000, Some(3)),
        vec![transaction(1_000, 4, 9, 0).id()],
        "shares are what they were"
    );
}

#[test]
fn a_large_newcomer_takes_the_room_of_several() {
    let mut pool = pool();
    fill(&mut pool, 0..64, 0, Some(1));
    let evicted = pool.insert(T, &sized(2_000, 0, 1_500), Some(3)).expect("room is made").evicted;
    assert_eq!(
        ids(&evicted),
        ids(&[transaction(31, 0, 9, 0), transaction(32, 0, 9, 0), transaction(30, 0, 9, 0)])
    );
}
