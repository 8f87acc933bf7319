//! Headers without bodies, however many, keep a node from no branch that has bodies.

use std::sync::Arc;

use protocol::block::Block;
use protocol::gossip::{Direction, PeerHandle, RelayPolicy};
use protocol::limits::{HEADERS_AHEAD_MAX, HEADERS_ENTRIES_MAX};
use protocol::message::{Hello, Message};
use protocol::time::Duration;

use crate::harness::{Checking, Mesh, block, genesis, network, tip_of};

/// A chain of its own for each seed.
fn chain(length: usize, seed: u64) -> Vec<Arc<Block>> {
    let mut tip = genesis();
    let next = |number| {
        let next = block(tip, &[], number);
        tip = tip_of(&next);
        next
    };
    (seed..seed + length as u64).map(next).collect()
}

/// Answers with the headers of `blocks` that come after the locator's first known one, and with no body.
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

/// How many seconds a new node takes to the tip of `honest` blocks, if it meets `hollow` headers without bodies first.
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
    // Shorter than the chain, longer, and longer than the headers that are asked for ahead of bodies.
    for (honest, hollow) in [(1_000, 600), (300, 600), (5_000, 4_400)] {
        let seconds = seconds_to_the_tip(honest, hollow);
        assert!(seconds <= 60, "{honest} blocks beside {hollow} headers: {seconds} s");
    }
}
