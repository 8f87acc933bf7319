//! A full mempool: which items still get in, and which stay. Items here count for 512 bytes each unless a test
//! says otherwise.

use std::sync::Arc;

use protocol::items::hash::TxId;
use protocol::items::transaction::SignedTransaction;
use protocol::ledger::mempool::Mempool;
use protocol::time::{Duration, Time};

use crate::make::transaction;

const T: Time = Time::ZERO;

/// Junk from one-time authors, which costs nothing to make.
fn junk(number: u32) -> Arc<SignedTransaction> {
    transaction(1_000_000 + number, 0, 9_000, 0)
}

/// The items of 50 honest authors, one after the other.
fn news(number: u32) -> Arc<SignedTransaction> {
    transaction(number % 50, u64::from(number), 9_000, 0)
}

/// Fills a pool with junk from this number of links in equal parts, as relay brings it. Returns how many items
/// fit.
fn fill(pool: &mut Mempool, links: u32) -> u32 {
    let mut number = 0;
    while pool.room_for(0) > 0 {
        pool.insert(T, &junk(number), Some(number % links)).expect("there is room");
        number += 1;
    }
    number
}

/// A link drawn for an item.
fn drawn(state: &mut u64) -> u32 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 61) as u32
}

fn left(pool: &Mempool, ids: &[TxId]) -> usize {
    ids.iter().filter(|id| pool.contains(id)).count()
}

#[test]
fn news_finds_room_in_a_mempool_full_of_junk_and_stays() {
    let mut pool = Mempool::default();
    assert_eq!(fill(&mut pool, 8), 65_536);
    let (mut state, mut taken, mut honest) = (5, 0, Vec::new());
    for number in 0..1_000 {
        taken += usize::from(pool.insert(T, &news(number), Some(drawn(&mut state))).is_ok());
        honest.push(news(number).id());
    }
    let left = left(&pool, &honest);
    println!("of 1,000 honest ones {taken} were taken, {left} are left");
    assert!(taken >= 950 && left >= 950, "of 1,000 honest ones {taken} were taken, {left} are left");
}

/// A pool of a sixteenth of the real size, for a sixteenth of the items.
fn small_pool() -> Mempool {
    Mempool::new(4_096 * 512)
}

/// How many of a hundred honest items are accepted, and how many of those of the last half minute remain. For a
/// minute, `each` items of junk come for each honest item, and `per_second` items a second in total.
fn while_junk_goes_on(each: u32, per_second: u32) -> (usize, usize) {
    let mut pool = small_pool();
    let mut number = fill(&mut pool, 8);
    let (mut state, mut taken, mut honest) = (5, 0, Vec::new());
    for step in 0..60 * per_second {
        let now = T + Duration::from_micros(u64::from(step) * 1_000_000 / u64::from(per_second));
        let link = Some(drawn(&mut state));
        if step % (each + 1) == 0 {
            taken += usize::from(pool.insert(now, &news(step), link).is_ok());
            honest.push(news(step).id());
        } else {
            number += 1;
            let _ = pool.insert(now, &junk(number), link);
        }
    }
    let late = &honest[honest.len() / 2 + 1..];
    (taken * 100 / honest.len(), left(&pool, late) * 100 / late.len())
}

#[test]
fn news_finds_room_while_junk_goes_on() {
    // 64 items a second into this pool are 1,024 into the real one. This is just as many as may be turned over.
    for each in [3, 9] {
        let (taken, stay) = while_junk_goes_on(each, 64);
        println!("{each} of junk for each: {taken} % taken, {stay} % of the last half minute's are left");
        assert!(taken >= 95 && stay >= 95, "{each} of junk for each: {taken} % taken, {stay} % left");
    }
    // With five times as many items in all, junk and news each get a part of the turnover. Only a fee could tell
    // them apart.
    let (taken, stay) = while_junk_goes_on(49, 320);
    println!("49 of junk for each: {taken} % taken, {stay} % of the last half minute's are left");
    assert!((15..=35).contains(&taken) && stay >= 10, "49 of junk for each: {taken} % taken, {stay} % left");
}

#[test]
fn a_fresh_link_full_of_junk_does_not_take_the_place_of_news() {
    let mut pool = small_pool();
    let mut number = fill(&mut pool, 8);
    let (mut state, mut honest) = (5, Vec::new());
    for step in 0..64 {
        if pool.insert(T, &news(step), Some(drawn(&mut state))).is_ok() {
            honest.push(news(step).id());
        }
    }
    // Eight strangers bring their junk, one after the other.
    for link in 100..108 {
        for _ in 0..500 {
            number += 1;
            let _ = pool.insert(T, &junk(number), Some(link));
        }
    }
    let left = left(&pool, &honest);
    println!("{left} of {} honest ones are left", honest.len());
    assert!(honest.len() >= 60 && left >= 55, "{left} of {}", honest.len());
}

#[test]
fn a_link_has_its_part_whatever_eight_others_bring() {
    let mut pool = Mempool::new(90 * 512);
    let mut number = 0;
    let mut bring = |pool: &mut Mempool, count: u32| {
        for _ in 0..count {
            number += 1;
            let _ = pool.insert(T, &junk(number), Some(number % 8));
        }
    };
    bring(&mut pool, 500);
    // These items are a ninth of the pool, and none of them is removed.
    let mut honest = Vec::new();
    for step in 0..10 {
        pool.insert(T, &transaction(step, 0, 9_000, 0), Some(77)).expect("it is under its part");
        honest.push(transaction(step, 0, 9_000, 0).id());
        bring(&mut pool, 100);
    }
    assert_eq!(left(&pool, &honest), 10);
}
