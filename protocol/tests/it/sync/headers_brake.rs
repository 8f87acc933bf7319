//! Headers are not requested without end while their bodies are missing. They are requested again as soon as
//! bodies arrive.

use std::sync::Arc;

use protocol::gossip::{Direction, RelayPolicy, SyncInfo};
use protocol::items::block::Block;
use protocol::limits::{GETHEADERS_INTERVAL, HEADERS_AHEAD_MAX, HEADERS_ENTRIES_MAX};
use protocol::time::Duration;
use protocol::wire::message::{Hello, Message};

use crate::harness::{Checking, Mesh, block, genesis, network, tip_of};

const LENGTH: usize = 5_000;

fn chain() -> Vec<Arc<Block>> {
    let mut tip = genesis();
    let next = |number| {
        let next = block(tip, &[], number);
        tip = tip_of(&next);
        next
    };
    (0..LENGTH as u64).map(next).collect()
}

fn asked(messages: &[Message]) -> usize {
    messages.iter().filter(|message| matches!(message, Message::GetHeaders(_))).count()
}

#[test]
fn no_more_headers_are_asked_for_until_a_body_comes() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    mesh.checking = Checking::Assumed;
    let blocks = chain();
    let peer = mesh.raw(0, Direction::Outbound);
    mesh.say(0, peer, Message::Hello(Hello::new(&network(), tip_of(&blocks[LENGTH - 1]))));
    let mut batches = blocks.chunks(HEADERS_ENTRIES_MAX);
    let mut bring = |mesh: &mut Mesh| {
        let headers = batches.next().unwrap().iter().map(|block| block.header).collect();
        mesh.say(0, peer, Message::Headers(headers));
        mesh.run_for(Duration::from_millis(1));
        asked(&mesh.heard(0, peer))
    };
    assert_eq!(asked(&mesh.heard(0, peer)), 1);
    let until_full = HEADERS_AHEAD_MAX as usize / HEADERS_ENTRIES_MAX;
    for _ in 1..until_full {
        assert_eq!(bring(&mut mesh), 1);
    }
    assert_eq!(bring(&mut mesh), 0);
    mesh.run_for(GETHEADERS_INTERVAL.times(2));
    assert_eq!((asked(&mesh.heard(0, peer)), mesh.disconnects.len()), (0, 0));
    mesh.say(0, peer, Message::Block(blocks[0].clone()));
    assert_eq!(asked(&mesh.heard(0, peer)), 1, "at once, in the same instant");
    assert_eq!(bring(&mut mesh), 0);
    let ahead = HEADERS_AHEAD_MAX + HEADERS_ENTRIES_MAX as u64;
    assert_eq!(mesh.nodes[0].sync(), SyncInfo { tip: 1, best_header: ahead, best_peer: LENGTH as u64 });
}

#[test]
fn a_chain_longer_than_that_is_fetched_from_two_peers_to_its_tip() {
    let mut mesh = Mesh::new(3, RelayPolicy::Announce);
    mesh.checking = Checking::Assumed;
    for block in &chain() {
        for node in 0..2 {
            mesh.publish(node, block);
        }
        mesh.run_for(Duration::from_millis(1));
    }
    mesh.connect(2, 0);
    mesh.connect(2, 1);
    let mut furthest = 0;
    // 16 blocks are in flight from each of two peers, and a round trip takes 20 ms: 3.125 s for 5,000 blocks.
    for _ in 0..350 {
        mesh.run_for(Duration::from_millis(10));
        let SyncInfo { tip, best_header, .. } = mesh.nodes[2].sync();
        furthest = furthest.max(best_header - tip);
    }
    assert_eq!(mesh.nodes[2].tip(), mesh.nodes[0].tip());
    assert_eq!(mesh.nodes[2].tip().height, LENGTH as u64);
    let allowed = HEADERS_AHEAD_MAX..HEADERS_AHEAD_MAX + HEADERS_ENTRIES_MAX as u64;
    assert!(allowed.contains(&furthest), "{furthest}");
    assert_eq!((mesh.nodes[2].stats().requests, mesh.nodes[2].stats().block_duplicates), (LENGTH as u64, 0));
    // 5,000 headers are 20 messages. A peer that was not the first to bring them is not asked for the same ones.
    let asked = mesh.conversation().filter(|(sent, message)| sent.node == 2 && message.name() == "getheaders");
    assert_eq!(asked.count(), 21);
}
