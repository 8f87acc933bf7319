//! Orphans: which block waits for which parent, for how long, and at whose cost.

use std::sync::Arc;

use protocol::items::block::Block;
use protocol::items::hash::BlockId;
use protocol::ledger::orphan::{Need, OrphanPool};
use protocol::limits::{
    BLOCK_BYTES_MAX, ORPHAN_BYTES_MAX, ORPHAN_LIFETIME, ORPHAN_PEER_BYTES_MAX, ORPHANS_PER_PEER_MAX,
};
use protocol::time::{Duration, Time};
use protocol::wire::codec::Encode;

use crate::make;

fn orphan(parent: u8, salt: u64) -> Arc<Block> {
    make::block(make::header(BlockId([parent; 32]), 5, 1, salt, &[]), &[])
}

/// An orphan of exactly `bytes` encoded bytes. Its content is not a list of transactions, but nothing here reads
/// it.
fn large(salt: u64, bytes: usize) -> Arc<Block> {
    let header = make::header(BlockId([9; 32]), 5, 1, salt, &[]);
    let mut block = Block { header, transactions: vec![vec![0; bytes].into()] };
    let over = block.encoded_len() - bytes;
    block.transactions = vec![vec![0; bytes - over].into()];
    assert_eq!(block.encoded_len(), bytes);
    Arc::new(block)
}

/// Adds a block that is not needed next.
fn hold(pool: &mut OrphanPool, now: Time, peer: u32, block: Arc<Block>) -> bool {
    pool.insert(now, peer, block, Need::Later)
}

#[test]
fn children_come_out_once_in_order_of_arrival_with_their_peers() {
    let mut pool = OrphanPool::new();
    let (first, second, other) = (orphan(1, 1), orphan(1, 2), orphan(2, 3));
    assert!(hold(&mut pool, Time::ZERO, 7, second.clone()));
    assert!(hold(&mut pool, Time::ZERO, 8, other.clone()));
    assert!(hold(&mut pool, Time::ZERO, 8, first.clone()));
    assert!(pool.contains(&first.header.id()));
    assert_eq!(pool.children_of(&BlockId([1; 32])), vec![(7, second), (8, first.clone())]);
    assert!(!pool.contains(&first.header.id()));
    assert_eq!(pool.children_of(&BlockId([1; 32])), vec![]);
    assert_eq!((pool.len(), pool.bytes()), (1, other.encoded_len()));
}

#[test]
fn a_copy_of_another_peer_is_held_beside_but_not_ones_own_twice() {
    let mut pool = OrphanPool::new();
    let block = orphan(1, 1);
    assert!(hold(&mut pool, Time::ZERO, 7, block.clone()));
    assert!(!hold(&mut pool, Time::ZERO, 7, block.clone()));
    assert!(hold(&mut pool, Time::ZERO, 8, block.clone()));
    assert_eq!(pool.children_of(&BlockId([1; 32])), vec![(7, block.clone()), (8, block)]);
}

#[test]
fn one_entry_past_its_share_pushes_out_a_peers_own_oldest() {
    let mut pool = OrphanPool::new();
    let others = orphan(2, 0);
    assert!(hold(&mut pool, Time::ZERO, 8, others.clone()));
    let count = u64::try_from(ORPHANS_PER_PEER_MAX).expect("small");
    for salt in 0..count {
        assert!(hold(&mut pool, Time::ZERO, 7, orphan(1, salt)));
    }
    assert_eq!(pool.len(), ORPHANS_PER_PEER_MAX + 1);
    assert!(hold(&mut pool, Time::ZERO, 7, orphan(1, count)));
    assert_eq!(pool.len(), ORPHANS_PER_PEER_MAX + 1);
    let left: Vec<_> = pool.children_of(&BlockId([1; 32])).into_iter().map(|(_, block)| block).collect();
    assert_eq!(left, (1..=count).map(|salt| orphan(1, salt)).collect::<Vec<_>>());
    assert_eq!(pool.children_of(&BlockId([2; 32])), vec![(8, others)]);
}

#[test]
fn one_byte_past_its_share_pushes_out_a_peers_own_oldest() {
    let mut pool = OrphanPool::new();
    let rest = ORPHAN_PEER_BYTES_MAX - BLOCK_BYTES_MAX;
    assert!(hold(&mut pool, Time::ZERO, 7, large(1, BLOCK_BYTES_MAX)));
    assert!(hold(&mut pool, Time::ZERO, 7, large(2, rest)));
    assert_eq!((pool.len(), pool.bytes()), (2, ORPHAN_PEER_BYTES_MAX));
    let mut pool = OrphanPool::new();
    assert!(hold(&mut pool, Time::ZERO, 7, large(1, BLOCK_BYTES_MAX)));
    assert!(hold(&mut pool, Time::ZERO, 7, large(2, rest + 1)));
    assert_eq!((pool.len(), pool.bytes()), (1, rest + 1));
    assert!(!hold(&mut pool, Time::ZERO, 7, large(3, ORPHAN_PEER_BYTES_MAX + 1)));
    assert_eq!((pool.len(), pool.bytes()), (1, rest + 1));
}

/// A pool that eight peers have filled with one block each. None of these is needed next.
fn full() -> (OrphanPool, u32) {
    let mut pool = OrphanPool::new();
    let peers = u32::try_from(ORPHAN_BYTES_MAX / BLOCK_BYTES_MAX).expect("small");
    for peer in 0..peers {
        assert!(hold(&mut pool, Time::ZERO, peer, large(u64::from(peer), BLOCK_BYTES_MAX)));
    }
    assert_eq!(pool.bytes(), ORPHAN_BYTES_MAX);
    (pool, peers)
}

#[test]
fn whoever_has_the_most_of_a_full_pool_makes_room_for_whoever_has_less() {
    let (mut pool, peers) = full();
    // A peer with as much as the others does not count as one with less.
    assert!(!hold(&mut pool, Time::ZERO, peers, large(90, BLOCK_BYTES_MAX)));
    assert_eq!((pool.len(), pool.bytes()), (8, ORPHAN_BYTES_MAX));
    let rest = BLOCK_BYTES_MAX - 1;
    assert!(hold(&mut pool, Time::ZERO, peers, large(91, rest)));
    assert_eq!((pool.of_peer(peers), pool.bytes()), ((1, rest), ORPHAN_BYTES_MAX - 1));
    // This peer now has less than it would have with the new block. So only its own block can make room.
    assert!(hold(&mut pool, Time::ZERO, peers, orphan(1, 92)));
    assert_eq!(pool.of_peer(peers), (1, orphan(1, 92).encoded_len()));
    // Of the peers with the most, the last one made room.
    assert_eq!((0..peers).map(|peer| pool.of_peer(peer).0).collect::<Vec<_>>(), [1, 1, 1, 1, 1, 1, 1, 0]);
}

#[test]
fn strangers_who_were_first_share_the_room_with_those_who_come_later() {
    let mut pool = OrphanPool::new();
    let mib = 1024 * 1024;
    // Eight peers fill the pool with pieces of a quarter MiB, at most five MiB each. Eight others come after them.
    for peer in 0..16 {
        for number in 0..20 {
            hold(&mut pool, Time::ZERO, peer, large(u64::from(peer) * 100 + number, mib / 4));
        }
    }
    let shares: Vec<usize> = (0..16).map(|peer| pool.of_peer(peer).1).collect();
    assert_eq!(shares, [2 * mib; 16]);
}

#[test]
fn what_is_needed_next_takes_the_place_of_what_is_not_and_never_the_other_way_round() {
    let (mut pool, peers) = full();
    let wanted = large(90, BLOCK_BYTES_MAX);
    assert!(pool.insert(Time::ZERO, peers, wanted.clone(), Need::Next));
    assert!(pool.contains(&wanted.header.id()));
    assert_eq!((pool.len(), pool.bytes()), (8, ORPHAN_BYTES_MAX));
    // It does not take the place of the peer's own block that is needed next either.
    assert!(!hold(&mut pool, Time::ZERO, peers, large(91, 2 * 1024 * 1024)));
    assert!(pool.contains(&wanted.header.id()));
    assert!(pool.insert(Time::ZERO, peers, large(92, 2 * 1024 * 1024), Need::Next), "in place of its own oldest");
    assert!(!pool.contains(&wanted.header.id()));
}

#[test]
fn what_does_not_fit_changes_nothing() {
    let mut pool = OrphanPool::new();
    for peer in 0..8 {
        assert!(pool.insert(Time::ZERO, peer, large(u64::from(peer), BLOCK_BYTES_MAX), Need::Next));
    }
    assert!(!hold(&mut pool, Time::ZERO, 9, orphan(1, 0)));
    assert!(!pool.insert(Time::ZERO, 9, orphan(1, 0), Need::Next));
    assert_eq!((pool.len(), pool.bytes()), (8, ORPHAN_BYTES_MAX));
}

#[test]
fn orphans_expire_at_their_deadline_and_not_before() {
    let mut pool = OrphanPool::new();
    assert_eq!(pool.next_deadline(), None);
    let later = Time::ZERO + Duration::from_secs(1);
    assert!(hold(&mut pool, later, 7, orphan(1, 1)));
    assert!(hold(&mut pool, Time::ZERO, 7, orphan(1, 2)));
    assert_eq!(pool.next_deadline(), Some(Time::ZERO + ORPHAN_LIFETIME));
    assert_eq!(pool.expire(Time::from_micros(ORPHAN_LIFETIME.as_micros() - 1)), 0);
    assert_eq!(pool.expire(Time::ZERO + ORPHAN_LIFETIME), 1);
    assert_eq!(pool.next_deadline(), Some(later + ORPHAN_LIFETIME));
    assert_eq!(pool.expire(Time::from_micros(u64::MAX)), 1);
    assert_eq!((pool.len(), pool.bytes(), pool.next_deadline()), (0, 0, None));
}

#[test]
fn a_peer_that_leaves_takes_its_orphans_along() {
    let mut pool = OrphanPool::new();
    assert!(hold(&mut pool, Time::ZERO, 7, orphan(1, 1)));
    assert!(hold(&mut pool, Time::ZERO, 7, orphan(2, 2)));
    assert!(hold(&mut pool, Time::ZERO, 8, orphan(1, 3)));
    pool.remove_peer(7);
    pool.remove_peer(99);
    assert_eq!((pool.len(), pool.bytes()), (1, orphan(1, 3).encoded_len()));
    assert_eq!(pool.children_of(&BlockId([2; 32])), vec![]);
    assert_eq!(pool.children_of(&BlockId([1; 32])), vec![(8, orphan(1, 3))]);
    assert!(pool.is_empty());
}
