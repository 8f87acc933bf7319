//! Locators, the headers that answer them, and the bodies that are fetched then.

use protocol::items::hash::BlockId;
use protocol::ledger::chain::Chain;
use protocol::ledger::chain::Standing::InLine;
use protocol::limits::LOCATOR_ENTRIES_MAX;

use crate::make::{genesis, header};

/// A chain of `count` empty blocks, and the ids by height, genesis first.
fn grown(count: u64) -> (Chain, Vec<BlockId>) {
    let mut chain = Chain::new(genesis());
    let mut ids = vec![genesis()];
    for height in 1..=count {
        let next = header(chain.tip().id, height, 1, 0, &[]);
        chain.connect(next, vec![]).expect("it extends the tip");
        ids.push(next.id());
    }
    (chain, ids)
}

#[test]
fn a_locator_goes_ten_by_ones_and_then_doubles_down_to_genesis() {
    let (chain, ids) = grown(60);
    let heights: Vec<_> =
        chain.locator().iter().map(|id| ids.iter().position(|at| at == id).expect("on it")).collect();
    assert_eq!(heights, [60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 49, 45, 37, 21, 0]);
    assert_eq!(Chain::new(genesis()).locator(), [genesis()]);
    assert_eq!(grown(1).0.locator(), [ids[1], genesis()]);
    assert!(chain.locator().len() <= LOCATOR_ENTRIES_MAX);
}

#[test]
fn headers_follow_the_first_locator_id_on_the_best_chain() {
    let (mut chain, ids) = grown(5);
    let stale = header(ids[3], 4, 2, 0, &[]);
    chain.insert_header(stale, InLine).expect("fit");
    let after = |locator: &[BlockId], max| {
        chain
            .headers_after(locator, max)
            .unwrap_or_default()
            .iter()
            .map(protocol::items::block::SignedHeader::id)
            .collect::<Vec<_>>()
    };
    assert_eq!(after(&[genesis()], 9), ids[1..]);
    assert_eq!(after(&[stale.id(), BlockId([9; 32]), ids[2], genesis()], 9), ids[3..]);
    assert_eq!(after(&[ids[2]], 2), ids[3..5]);
    assert_eq!(after(&[ids[5]], 9), []);
    assert_eq!(after(&[BlockId([9; 32])], 9), []);
    assert_eq!(after(&[], 9), []);
}

#[test]
fn what_is_missing_is_the_way_to_the_best_header_lowest_first() {
    let (mut chain, ids) = grown(2);
    let mut on = vec![header(ids[1], 2, 2, 0, &[])];
    for height in 3..=6 {
        on.push(header(on[on.len() - 1].id(), height, 2, 0, &[]));
    }
    let on_ids: Vec<_> = on.iter().map(protocol::items::block::SignedHeader::id).collect();
    for at in &on {
        chain.insert_header(*at, InLine).expect("fit");
    }
    assert_eq!((chain.best_header().height, chain.best_header().id), (6, on_ids[4]));
    assert_eq!(chain.missing_bodies(9), on_ids);
    assert_eq!(chain.missing_bodies(2), on_ids[..2]);
    chain.connect(on[0], vec![]).expect("its parent is connected");
    assert_eq!(chain.missing_bodies(9), on_ids[1..]);
    // A higher branch takes the place of this one. When it turns out to be invalid, this one has its place again.
    let mut higher = vec![header(ids[2], 3, 3, 0, &[])];
    for height in 4..=7 {
        higher.push(header(higher[higher.len() - 1].id(), height, 3, 0, &[]));
    }
    for at in &higher {
        chain.insert_header(*at, InLine).expect("fit");
    }
    assert_eq!(
        chain.missing_bodies(9),
        higher.iter().map(protocol::items::block::SignedHeader::id).collect::<Vec<_>>()
    );
    chain.mark_invalid(&higher[1].id());
    assert_eq!((chain.best_header().id, chain.missing_bodies(9)), (on_ids[4], on_ids[1..].to_vec()));
    for at in &on[1..] {
        chain.connect(*at, vec![]).expect("its parent is connected");
    }
    assert_eq!((chain.tip().id, chain.best_header().id, chain.missing_bodies(9)), (on_ids[4], on_ids[4], vec![]));
}

#[test]
fn of_equally_high_headers_the_one_with_the_lowest_id_is_best() {
    let mut chain = Chain::new(genesis());
    let mut both = [header(genesis(), 1, 1, 0, &[]), header(genesis(), 1, 2, 0, &[])];
    both.sort_by_key(protocol::items::block::SignedHeader::id);
    chain.connect(both[1], vec![]).expect("it extends the tip");
    assert_eq!(chain.missing_bodies(9), []);
    chain.insert_header(both[0], InLine).expect("fit");
    assert_eq!(chain.missing_bodies(9), [both[0].id()]);
}

#[test]
fn the_lowest_missing_blocks_on_any_way_are_found() {
    let mut chain = Chain::new(genesis());
    let mut line = |mut parent, heights: core::ops::RangeInclusive<u64>, producer| {
        let mut ids = vec![];
        for height in heights {
            let next = header(parent, height, producer, 0, &[]);
            chain.insert_header(next, InLine).expect("room");
            parent = next.id();
            ids.push(parent);
        }
        ids
    };
    let best = line(genesis(), 1..=100, 1);
    let beside = line(best[89], 91..=95, 2);
    let other = line(genesis(), 1..=80, 3);
    assert_eq!(chain.missing_before(&best[49], 64), best[..50]);
    assert_eq!(chain.missing_before(&best[99], 64), best[..64]);
    assert_eq!(chain.missing_before(&beside[4], 64), best[..64]);
    assert_eq!(chain.missing_before(&beside[4], 92), [&best[..90], &beside[..2]].concat());
    assert_eq!(chain.missing_before(&other[79], 64), other[..64]);
    assert_eq!(chain.missing_before(&other[79], 99), other);
}
