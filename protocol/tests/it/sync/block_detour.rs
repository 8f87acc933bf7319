//! However many headers without bodies there are, they don't keep a node from a branch that has bodies.

use std::sync::Arc;

use protocol::gossip::{Direction, PeerHandle, RelayPolicy};
use protocol::items::block::Block;
use protocol::items::keys::SecretKey;
use protocol::limits::{HEADERS_AHEAD_MAX, HEADERS_ENTRIES_MAX};
use protocol::time::Duration;
use protocol::wire::message::{Hello, Message};

use crate::harness::{Checking, Mesh, block_by, genesis, network, producer, rogue, tip_of};
use crate::say::announced_block;

/// A separate chain for each seed.
fn chain(length: usize, seed: u64) -> Vec<Arc<Block>> {
    chain_by(&producer(), length, seed)
}

fn chain_by(producer: &SecretKey, length: usize, seed: u64) -> Vec<Arc<Block>> {
    let mut tip = genesis();
    let next = |number| {
        let next = block_by(producer, tip, &[], number);
        tip = tip_of(&next);
        next
    };
    (seed..seed + length as u64).map(next).collect()
}

/// Answers with the headers of `blocks` after the locator's first known one, and with no body.
fn answer(mesh: &mut Mesh, node: usize, peer: PeerHandle, blocks: &[Arc<Block>]) {
    for message in mesh.heard(node, peer) {
        match message {
            Message::GetHeaders(locator) => {
                let known = |id| blocks.iter().position(|block| block.header.id() == id);
                let after = locator.into_iter().find_map(known).map_or(0, |place| place + 1);
                let headers = blocks.iter().skip(after).take(HEADERS_ENTRIES_MAX).map(|block| block.header);
                mesh.say(node, peer, Message::Headers(headers.collect()));
            }
            Message::GetBlock { id, .. } => {
                let missing = Message::NotFound { transactions: Vec::new(), blocks: vec![id] };
                mesh.say(node, peer, missing);
            }
            _ => {}
        }
    }
}

/// How many seconds a new node needs to reach the tip of `honest` blocks if it meets `hollow` headers without
/// bodies first.
fn seconds_to_the_tip(honest: usize, hollow: usize) -> u64 {
    let mut mesh = Mesh::new(2, RelayPolicy::Announce);
    mesh.checking = Checking::Assumed;
    for block in &chain(honest, 0) {
        mesh.publish(1, block);
        mesh.run_for(Duration::from_millis(1));
    }
    let hollow = chain(hollow, 1_000_000);
    let liar = mesh.raw(0, Direction::Outbound);
    mesh.say(0, liar, Message::Hello(Hello::new(&network(), tip_of(hollow.last().unwrap()))));
    for _ in 0..200 {
        mesh.run_for(Duration::from_millis(10));
        answer(&mut mesh, 0, liar, &hollow);
    }
    assert!(mesh.nodes[0].sync().best_header >= hollow.len().min(HEADERS_AHEAD_MAX as usize) as u64);
    mesh.connect(0, 1);
    for second in 0..200 {
        if mesh.nodes[0].tip() == mesh.nodes[1].tip() {
            assert_eq!(mesh.nodes[0].tip().height, honest as u64);
            return second;
        }
        for _ in 0..10 {
            mesh.run_for(Duration::from_millis(100));
            answer(&mut mesh, 0, liar, &hollow);
        }
    }
    panic!("at height {} of {honest}", mesh.nodes[0].tip().height);
}

#[test]
fn a_branch_without_bodies_ends_the_way_to_no_other() {
    // The hollow branch is shorter than the chain, longer, and longer than the headers that are asked for ahead of
    // bodies.
    for (honest, hollow) in [(1_000, 600), (300, 600), (5_000, 4_400)] {
        let seconds = seconds_to_the_tip(honest, hollow);
        assert!(seconds <= 60, "{honest} blocks beside {hollow} headers: {seconds} s");
    }
}

#[test]
fn two_such_branches_that_overtake_each_other_end_it_neither() {
    let mut mesh = Mesh::new(2, RelayPolicy::Announce);
    mesh.checking = Checking::Assumed;
    for block in &chain(300, 0) {
        mesh.publish(1, block);
        mesh.run_for(Duration::from_millis(1));
    }
    let hollow = [1_000_000, 2_000_000].map(|seed| chain_by(&rogue(), 4_800, seed));
    let tell = |mesh: &mut Mesh, liar, blocks: &[Arc<Block>]| {
        for part in blocks.chunks(HEADERS_ENTRIES_MAX) {
            mesh.say(0, liar, Message::Headers(part.iter().map(|block| block.header).collect()));
            mesh.run_for(Duration::from_millis(2));
        }
    };
    let liar = mesh.raw(0, Direction::Inbound);
    mesh.say(0, liar, Message::Hello(Hello::new(&network(), tip_of(hollow[0].last().unwrap()))));
    let mut told = [4_400, 4_399];
    hollow.iter().zip(told).for_each(|(blocks, told)| tell(&mut mesh, liar, &blocks[..told]));
    mesh.connect(0, 1);
    for second in 0..120_usize {
        if mesh.nodes[0].tip() == mesh.nodes[1].tip() {
            return;
        }
        // Every two seconds, the lower of the two branches overtakes the other by one header. A known header makes
        // the node look again soon: in 2 s.
        if second % 2 == 1 {
            let behind = usize::from(told[0] > told[1]);
            let (from, now) = (told[behind], told[1 - behind] + 1);
            told[behind] = now;
            tell(&mut mesh, liar, &hollow[behind][from..now]);
            mesh.say(0, liar, announced_block(hollow[behind][now - 1].header));
        }
        for _ in 0..10 {
            mesh.run_for(Duration::from_millis(100));
            answer(&mut mesh, 0, liar, &[]);
        }
    }
    panic!("at height {} of 300", mesh.nodes[0].tip().height);
}
