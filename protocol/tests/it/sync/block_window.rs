//! How many blocks are requested ahead, by number and by expected bytes, and when they are announced to the
//! tracker.

use std::collections::BTreeSet;
use std::sync::Arc;

use protocol::gossip::{Direction, PeerHandle, RelayPolicy};
use protocol::items::block::Block;
use protocol::items::hash::BlockId;
use protocol::limits::{
    BLOCK_BYTES_MAX, BLOCKS_AHEAD_BYTES_MAX, BLOCKS_AHEAD_MAX, BLOCKS_AHEAD_MIN, CATCH_UP_INTERVAL_MIN,
    ORPHANS_PER_PEER_MAX, REQUEST_BLOCK_ANNOUNCEMENTS_MAX, REQUEST_BLOCKS_IN_FLIGHT_MAX, TRANSACTION_BYTES_MAX,
};
use protocol::time::Duration;
use protocol::wire::message::{Hello, Message, Tip};

use crate::harness::{Checking, Mesh, block, genesis, network, tip_of, transaction};

/// Blocks on genesis, each with this number of transactions.
fn chain(length: usize, transactions: u64) -> Vec<Arc<Block>> {
    let mut tip = genesis();
    let next = |number| {
        let items: Vec<_> = (0..transactions).map(|item| transaction(1, number * 1_000 + item, 0)).collect();
        let next = block(tip, &items, number);
        tip = tip_of(&next);
        next
    };
    (0..length as u64).map(next).collect()
}

fn peer_at(mesh: &mut Mesh, tip: Tip) -> PeerHandle {
    let peer = mesh.raw(0, Direction::Outbound);
    mesh.say(0, peer, Message::Hello(Hello::new(&network(), tip)));
    peer
}

/// A node that knows the headers of these blocks, from peers that have all of them but haven't sent a body.
fn behind(blocks: &[Arc<Block>], peers: usize) -> (Mesh, Vec<PeerHandle>) {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    mesh.checking = Checking::Assumed;
    let peers: Vec<_> = (0..peers).map(|_| peer_at(&mut mesh, tip_of(blocks.last().unwrap()))).collect();
    let headers = blocks.iter().map(|block| block.header).collect();
    mesh.say(0, peers[0], Message::Headers(headers));
    mesh.run_for(Duration::from_millis(1));
    (mesh, peers)
}

/// The heights of the blocks that these peers were asked for since the last call.
fn asked(mesh: &mut Mesh, peers: &[PeerHandle], blocks: &[Arc<Block>]) -> Vec<usize> {
    let height = |id: BlockId| blocks.iter().position(|block| block.header.id() == id).unwrap() + 1;
    let heard: Vec<_> = peers.iter().flat_map(|peer| mesh.heard(0, *peer)).collect();
    let wanted = heard.into_iter().filter_map(|message| match message {
        Message::GetBlock { id, .. } => Some(height(id)),
        _ => None,
    });
    let mut wanted: Vec<_> = wanted.collect();
    wanted.sort_unstable();
    wanted
}

#[test]
fn small_blocks_are_requested_by_number() {
    let blocks = chain(70, 0);
    let (mut mesh, peers) = behind(&blocks, 5);
    assert_eq!(asked(&mut mesh, &peers, &blocks), (1..=BLOCKS_AHEAD_MAX).collect::<Vec<_>>());
    // When the lowest block comes, the window moves by one. A later block moves nothing.
    mesh.say(0, peers[0], Message::Block(blocks[3].clone()));
    assert_eq!(asked(&mut mesh, &peers, &blocks), [0; 0]);
    mesh.say(0, peers[0], Message::Block(blocks[0].clone()));
    assert_eq!(asked(&mut mesh, &peers, &blocks), [BLOCKS_AHEAD_MAX + 1]);
    for block in blocks[1..].iter().filter(|block| block.header.header().height != 4) {
        mesh.say(0, peers[1], Message::Block(block.clone()));
    }
    assert_eq!(asked(&mut mesh, &peers, &blocks), (BLOCKS_AHEAD_MAX + 2..=70).collect::<Vec<_>>());
    assert_eq!(mesh.nodes[0].tip().height, 70);
    assert_eq!(mesh.nodes[0].stats().block_duplicates, 0);
}

#[test]
fn long_blocks_are_requested_by_their_bytes() {
    // Before a block was seen, each transaction is expected to have the largest size: six blocks of ten take 3.9
    // MB.
    let blocks = chain(20, 10);
    let (mut mesh, peers) = behind(&blocks, 5);
    assert_eq!(asked(&mut mesh, &peers, &blocks), (1..=6).collect::<Vec<_>>());
    const { assert!(6 * 10 * TRANSACTION_BYTES_MAX < BLOCKS_AHEAD_BYTES_MAX) };
    const { assert!(7 * 10 * TRANSACTION_BYTES_MAX > BLOCKS_AHEAD_BYTES_MAX) };
    // When a shorter block comes, the next are expected to be an eighth shorter. So the window grows by more than
    // one block.
    mesh.say(0, peers[0], Message::Block(blocks[0].clone()));
    mesh.run_for(Duration::from_millis(1));
    assert_eq!(asked(&mut mesh, &peers, &blocks), [7, 8]);
}

#[test]
fn two_of_the_longest_are_requested_all_the_same() {
    let blocks = chain(4, 70);
    let (mut mesh, peers) = behind(&blocks, 5);
    const { assert!(70 * TRANSACTION_BYTES_MAX > BLOCK_BYTES_MAX) };
    assert_eq!(asked(&mut mesh, &peers, &blocks), (1..=BLOCKS_AHEAD_MIN).collect::<Vec<_>>());
}

#[test]
fn a_whole_window_that_comes_backwards_from_one_peer_is_kept() {
    const { assert!(BLOCKS_AHEAD_MAX <= ORPHANS_PER_PEER_MAX) };
    const { assert!(BLOCKS_AHEAD_MAX <= REQUEST_BLOCK_ANNOUNCEMENTS_MAX) };
    let blocks = chain(BLOCKS_AHEAD_MAX, 1);
    let (mut mesh, peers) = behind(&blocks, 5);
    for block in blocks.iter().rev() {
        mesh.say(0, peers[2], Message::Block(block.clone()));
    }
    asked(&mut mesh, &peers, &blocks);
    mesh.run_for(Duration::from_millis(50));
    assert_eq!(mesh.nodes[0].tip(), tip_of(blocks.last().unwrap()));
    assert_eq!(asked(&mut mesh, &peers, &blocks), [0; 0], "none is asked for again while it is checked");
}

#[test]
fn a_connected_block_has_only_what_entered_the_window_announced() {
    let blocks = chain(BLOCKS_AHEAD_MAX + 6, 0);
    let (mut mesh, peers) = behind(&blocks, 1);
    let in_flight = REQUEST_BLOCKS_IN_FLIGHT_MAX;
    assert_eq!(asked(&mut mesh, &peers, &blocks), (1..=in_flight).collect::<Vec<_>>());
    // Another peer has all blocks now. Only a body has told its tip, which is no announcement of the other blocks.
    let other = peer_at(&mut mesh, genesis());
    mesh.say(0, other, Message::Block(blocks[BLOCKS_AHEAD_MAX + 5].clone()));
    mesh.say(0, peers[0], Message::Block(blocks[0].clone()));
    let of_other: BTreeSet<_> = asked(&mut mesh, &[other], &blocks).into_iter().collect();
    let of_first = asked(&mut mesh, &peers, &blocks);
    assert_eq!(of_first, [in_flight + 1]);
    assert_eq!(of_other, [BLOCKS_AHEAD_MAX + 1].into());
    // When it is time to look again, the whole window is announced.
    mesh.run_for(CATCH_UP_INTERVAL_MIN);
    let of_other = asked(&mut mesh, &[other], &blocks);
    assert!(of_other.len() >= in_flight - 1, "{of_other:?}");
}

#[test]
fn the_lowest_block_is_requested_again_although_nobody_had_it() {
    let blocks = chain(3, 0);
    let (mut mesh, peers) = behind(&blocks, 1);
    asked(&mut mesh, &peers, &blocks);
    mesh.say(0, peers[0], Message::NotFound { transactions: Vec::new(), blocks: vec![blocks[1].header.id()] });
    assert_eq!(asked(&mut mesh, &peers, &blocks), [0; 0]);
    mesh.say(0, peers[0], Message::Block(blocks[0].clone()));
    assert_eq!(asked(&mut mesh, &peers, &blocks), [2]);
}
