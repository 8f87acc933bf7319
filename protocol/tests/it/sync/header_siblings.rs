//! Many headers of one producer at one height: they are relayed at most twice, and never keep a node from the
//! branch that the others are on.

use protocol::gossip::{Event, Input, PeerHandle, RelayPolicy};
use protocol::items::keys::PublicKey;
use protocol::items::refusal::Refusal;
use protocol::wire::message::{Message, Tip};

use crate::harness::{Checking, Mesh, block, block_by, genesis, rogue, tip_of};
use crate::say::announced_block;

/// Blocks of an honest producer, one a minute, published by `node`.
fn go_on(mesh: &mut Mesh, node: usize, mut tip: Tip, count: u64) -> Tip {
    for number in 0..count {
        let next = block(tip, &[], 1_000 + number);
        tip = tip_of(&next);
        mesh.publish(node, &next);
        mesh.run_secs(60);
    }
    tip
}

fn heights(mesh: &Mesh) -> Vec<u64> {
    mesh.nodes.iter().map(|node| node.tip().height).collect()
}

#[test]
fn two_headers_without_bodies_do_not_keep_a_node_from_the_third_that_all_others_follow() {
    let mut mesh = Mesh::new(3, RelayPolicy::Announce);
    mesh.connect(0, 1);
    mesh.connect(1, 2);
    mesh.connect(0, 2);
    mesh.run_secs(1);
    let attacker = mesh.greeted(0);
    for salt in [11, 12] {
        let decoy = block_by(&rogue(), genesis(), &[], salt);
        mesh.say(0, attacker, Message::Headers(vec![decoy.header]));
        mesh.run_for(protocol::time::Duration::from_millis(5));
    }
    let real = block_by(&rogue(), genesis(), &[], 13);
    mesh.publish(1, &real);
    mesh.run_secs(5);
    let tip = go_on(&mut mesh, 1, tip_of(&real), 60);
    assert_eq!(heights(&mesh), [61, 61, 61]);
    assert!(mesh.nodes.iter().all(|node| node.tip() == tip));
    assert_eq!(mesh.disconnects, []);
}

#[test]
fn four_blocks_of_one_producer_do_not_split_four_nodes_into_two_halves() {
    let mut mesh = Mesh::new(4, RelayPolicy::Announce);
    let mut attackers: Vec<PeerHandle> = Vec::new();
    for node in 0..4 {
        attackers.push(mesh.greeted(node));
    }
    mesh.run_secs(1);
    // Before the halves meet, each half is given two of the four blocks.
    let mut blocks: Vec<_> = (11..15).map(|salt| block_by(&rogue(), genesis(), &[], salt)).collect();
    blocks.sort_by_key(|block| block.header.id());
    for (node, attacker) in attackers.iter().enumerate() {
        for block in blocks.iter().skip(node / 2).step_by(2) {
            mesh.say(node, *attacker, Message::Headers(vec![block.header]));
            mesh.run_for(protocol::time::Duration::from_millis(5));
            mesh.say(node, *attacker, Message::Block(block.clone()));
            mesh.run_for(protocol::time::Duration::from_millis(5));
        }
    }
    assert_eq!(heights(&mesh), [1; 4]);
    assert_ne!(mesh.nodes[0].tip(), mesh.nodes[2].tip());
    for (a, b) in [(0, 1), (1, 2), (2, 3), (3, 0)] {
        mesh.connect(a, b);
    }
    mesh.run_secs(5);
    // Each half has a producer that continues from its own tip. One half is a little faster.
    for number in 0..60 {
        for node in [0, 2] {
            if node == 2 && number % 10 == 9 {
                continue;
            }
            let by = if node == 0 { crate::harness::producer() } else { rogue() };
            let next = block_by(&by, mesh.nodes[node].tip(), &[], 1_000 + number);
            mesh.publish(node, &next);
            mesh.run_secs(30);
        }
    }
    mesh.run_secs(120);
    let tip = mesh.nodes[0].tip();
    assert!(mesh.nodes.iter().all(|node| node.tip() == tip), "{:?}", heights(&mesh));
    assert!(tip.height >= 60, "{tip:?}");
    assert_eq!(mesh.disconnects, []);
}

#[test]
fn a_third_header_by_itself_is_neither_taken_nor_held_against_what_follows_it() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    let peer = mesh.greeted(0);
    let siblings: Vec<_> = (0..3).map(|salt| block_by(&rogue(), genesis(), &[], salt)).collect();
    for sibling in &siblings {
        mesh.say(0, peer, announced_block(sibling.header));
        mesh.run_for(protocol::time::Duration::from_millis(5));
    }
    let refused = mesh.events[0]
        .iter()
        .filter(|event| matches!(event, Event::Refused { refusal: Refusal::TooManyAtHeight, .. }));
    assert_eq!(refused.count(), 1);
    // A block on top of the third one comes. So the third one is asked for, and accepted as its ancestor.
    let child = block(tip_of(&siblings[2]), &[], 5);
    mesh.run_secs(3);
    mesh.heard(0, peer);
    mesh.say(0, peer, announced_block(child.header));
    assert!(mesh.heard(0, peer).iter().any(|message| matches!(message, Message::GetHeaders(_))));
    mesh.say(0, peer, Message::Headers(vec![siblings[2].header, child.header]));
    mesh.run_for(protocol::time::Duration::from_millis(5));
    for block in [&siblings[2], &child] {
        mesh.say(0, peer, Message::Block(block.clone()));
        mesh.run_for(protocol::time::Duration::from_millis(5));
    }
    assert_eq!(mesh.nodes[0].tip(), tip_of(&child));
    assert_eq!(mesh.disconnects, []);
}

#[test]
fn a_third_block_that_comes_with_its_body_takes_the_place_of_a_header_without_one() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    let peer = mesh.greeted(0);
    let siblings: Vec<_> = (0..5).map(|salt| block_by(&rogue(), genesis(), &[], salt)).collect();
    for sibling in &siblings[..2] {
        mesh.say(0, peer, announced_block(sibling.header));
        mesh.run_for(protocol::time::Duration::from_millis(5));
    }
    for sibling in &siblings[2..] {
        mesh.say(0, peer, Message::Block(sibling.clone()));
        mesh.run_for(protocol::time::Duration::from_millis(5));
    }
    // Two blocks have taken the places of the two headers without bodies. The last block finds no place.
    let taken: Vec<_> =
        siblings.iter().map(|sibling| mesh.nodes[0].block(&sibling.header.id()).is_some()).collect();
    assert_eq!(taken, [false, false, true, true, false]);
    assert_eq!(mesh.disconnects, []);
}

#[test]
fn a_peer_that_is_on_a_third_block_is_asked_and_the_lowest_id_wins_at_once() {
    let mut mesh = Mesh::new(2, RelayPolicy::Announce);
    let attacker = mesh.greeted(0);
    let mut siblings: Vec<_> = (0..3).map(|salt| block_by(&rogue(), genesis(), &[], salt)).collect();
    siblings.sort_by_key(|block| block.header.id());
    for sibling in &siblings[1..] {
        mesh.say(0, attacker, announced_block(sibling.header));
        mesh.run_for(protocol::time::Duration::from_millis(5));
    }
    mesh.connect(0, 1);
    mesh.run_secs(1);
    mesh.publish(1, &siblings[0]);
    mesh.run_secs(5);
    assert_eq!(mesh.nodes[0].tip(), tip_of(&siblings[0]));
    assert_eq!(mesh.disconnects, []);
}

#[test]
fn a_fork_of_thousands_of_blocks_heals_though_one_producer_made_all_of_the_other_branch() {
    let mut mesh = Mesh::new(2, RelayPolicy::Announce);
    mesh.checking = crate::harness::Checking::Assumed;
    for (node, by, length) in [(0, crate::harness::producer(), 1_500_u64), (1, rogue(), 1_510)] {
        let mut tip = genesis();
        for number in 0..length {
            let next = block_by(&by, tip, &[], number);
            tip = tip_of(&next);
            mesh.publish(node, &next);
            mesh.run_for(protocol::time::Duration::from_millis(1));
        }
    }
    assert_eq!(heights(&mesh), [1_500, 1_510]);
    mesh.connect(0, 1);
    mesh.run_secs(120);
    assert_eq!(mesh.nodes[0].tip(), mesh.nodes[1].tip());
    assert_eq!(mesh.disconnects, []);
}

#[test]
fn an_answer_stays_one_however_long_its_check_takes_and_whoever_leaves_meanwhile() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    let peer = mesh.greeted(0);
    let siblings: Vec<_> = (0..3).map(|salt| block_by(&rogue(), genesis(), &[], salt)).collect();
    for sibling in &siblings[..2] {
        mesh.say(0, peer, announced_block(sibling.header));
        mesh.run_for(protocol::time::Duration::from_millis(5));
    }
    mesh.run_secs(3);
    mesh.heard(0, peer);
    let child = block(tip_of(&siblings[2]), &[], 5);
    mesh.say(0, peer, announced_block(child.header));
    assert!(mesh.heard(0, peer).iter().any(|message| matches!(message, Message::GetHeaders(_))));
    mesh.checking = Checking::Held;
    mesh.say(0, peer, Message::Headers(vec![siblings[2].header]));
    mesh.input(0, Input::PeerDisconnected { peer });
    mesh.run_secs(3);
    let job = mesh.jobs.remove(0);
    let verdict = job.run(PublicKey::decompress);
    mesh.input(0, Input::Verified { job: job.id, verdict });
    let refused = |event: &&Event| matches!(event, Event::Refused { refusal: Refusal::TooManyAtHeight, .. });
    assert_eq!(mesh.events[0].iter().filter(refused).count(), 0);
}

#[test]
fn a_header_that_comes_again_by_itself_while_it_is_checked_has_no_check_of_its_own() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    mesh.checking = Checking::Held;
    let peers: Vec<_> = (0..2).map(|_| mesh.greeted(0)).collect();
    let header = block_by(&rogue(), genesis(), &[], 1).header;
    for peer in peers.iter().cycle().take(20) {
        mesh.say(0, *peer, Message::Headers(vec![header]));
    }
    // A header that was asked for may be accepted where an unasked one is not. So it is checked once more.
    assert!(mesh.jobs.len() <= 2, "{} checks", mesh.jobs.len());
}
