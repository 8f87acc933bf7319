//! Blocks along their producer's tree: the first is fetched and teaches the route, and the others are promised and
//! pushed.

use std::sync::Arc;

use protocol::gossip::{PeerHandle, RelayPolicy};
use protocol::items::block::Block;
use protocol::limits::{GRACE_MIN, REQUEST_EXPIRY_MAX};
use protocol::time::Duration;
use protocol::wire::message::{Lane, Message, Tip};

use crate::harness::{Mesh, block, block_item, genesis, tip_of, transaction};
use crate::say::{announced_block, block_route, promised_block};

/// A block that travels on the bulk lane.
fn large(parent: Tip, number: u64) -> Arc<Block> {
    let bodies: Vec<_> = (0..5).map(|nonce| transaction(5, 10 * number + nonce, 1_500)).collect();
    block(parent, &bodies, number)
}

fn asks(messages: &[Message]) -> usize {
    messages.iter().filter(|message| matches!(message, Message::GetBlock { .. })).count()
}

/// Makes a node fetch a block from a peer, which becomes its producer's route parent.
fn fetch(mesh: &mut Mesh, from: PeerHandle, block: &Arc<Block>) {
    mesh.say(0, from, announced_block(block.header));
    mesh.run_for(GRACE_MIN + Duration::from_millis(1));
    let heard = mesh.heard(0, from);
    assert!(heard.iter().any(|message| matches!(message, Message::GetBlock { graft: true, .. })), "{heard:?}");
    mesh.say(0, from, Message::Block(block.clone()));
    mesh.run_for(Duration::from_millis(5));
    mesh.heard(0, from);
}

#[test]
fn a_mesh_sends_each_body_once_to_each_node_and_fetches_only_the_first() {
    let mut mesh = Mesh::new(12, RelayPolicy::default());
    mesh.connect_all();
    mesh.run_secs(2);
    let mut tip = genesis();
    for number in 0..4 {
        let next = large(tip, number);
        tip = tip_of(&next);
        let before = mesh.sent.len();
        mesh.publish(4, &next);
        mesh.run_secs(3);
        assert_eq!(mesh.nodes_with(block_item(tip.id)), 12);
        let sent: Vec<Message> = mesh.conversation().skip(before).map(|(_, message)| message).collect();
        let bodies = sent.iter().filter(|message| matches!(message, Message::Block(_))).count();
        assert_eq!(bodies, 11, "block {number}");
        assert_eq!(asks(&sent), if number == 0 { 11 } else { 0 }, "block {number}");
    }
}

#[test]
fn a_promise_is_waited_for_and_a_second_one_declined() {
    let mut mesh = Mesh::new(1, RelayPolicy::default());
    let (parent, other) = (mesh.greeted(0), mesh.greeted(0));
    let first = large(genesis(), 1);
    fetch(&mut mesh, parent, &first);
    let second = large(tip_of(&first), 2);
    mesh.say(0, parent, promised_block(second.header));
    mesh.run_for(Duration::from_millis(1));
    mesh.say(0, other, announced_block(second.header));
    mesh.run_for(GRACE_MIN.times(2));
    assert_eq!(asks(&mesh.heard(0, other)), 0, "it is on its way");
    let third = mesh.greeted(0);
    mesh.say(0, third, promised_block(second.header));
    mesh.run_for(Duration::from_millis(1));
    assert!(mesh.heard(0, third).iter().any(|message| *message == Message::Prune(vec![block_route()])));
    mesh.say(0, parent, Message::Block(second.clone()));
    mesh.run_for(Duration::from_millis(50));
    assert_eq!(mesh.nodes[0].tip(), tip_of(&second));
    assert!(!mesh.heard(0, parent).iter().any(|message| matches!(message, Message::Prune(_))));
}

#[test]
fn a_broken_promise_costs_one_expiry_and_the_next_announcer_is_asked() {
    let mut mesh = Mesh::new(1, RelayPolicy::default());
    let (parent, other) = (mesh.greeted(0), mesh.greeted(0));
    let first = large(genesis(), 1);
    fetch(&mut mesh, parent, &first);
    let second = large(tip_of(&first), 2);
    mesh.say(0, parent, promised_block(second.header));
    mesh.say(0, other, announced_block(second.header));
    let promised = mesh.now;
    while asks(&mesh.heard(0, other)) == 0 {
        mesh.run_for(Duration::from_millis(1));
        assert!(mesh.now.since(promised) <= REQUEST_EXPIRY_MAX);
    }
    assert_eq!(mesh.nodes[0].peer(parent).unwrap().strikes, 1);
}

#[test]
fn a_body_that_overtakes_its_promise_is_the_promised_one() {
    let mut mesh = Mesh::new(1, RelayPolicy::default());
    let (parent, other) = (mesh.greeted(0), mesh.greeted(0));
    let first = large(genesis(), 1);
    fetch(&mut mesh, parent, &first);
    let second = large(tip_of(&first), 2);
    let third = large(tip_of(&second), 3);
    for header in [second.header, third.header] {
        mesh.say(0, other, announced_block(header));
        mesh.run_for(Duration::from_millis(1));
    }
    // The third block's body waits for the second's, which is still to come.
    mesh.say(0, parent, Message::Block(third.clone()));
    mesh.run_for(Duration::from_millis(50));
    mesh.say(0, parent, promised_block(third.header));
    let promised = mesh.now;
    while mesh.now.since(promised) <= REQUEST_EXPIRY_MAX {
        mesh.run_for(Duration::from_millis(1));
        for message in mesh.heard(0, parent) {
            if let Message::GetBlock { id, .. } = message {
                mesh.say(0, parent, Message::NotFound { transactions: Vec::new(), blocks: [id].into() });
            }
        }
    }
    assert_eq!(mesh.nodes[0].peer(parent).unwrap().strikes, 0, "it has kept its promise");
    mesh.say(0, parent, Message::Block(second));
    mesh.run_for(Duration::from_millis(50));
    assert_eq!(mesh.nodes[0].tip(), tip_of(&third));
}

#[test]
fn who_has_a_block_earlier_than_the_parent_is_asked_when_the_grace_is_over() {
    let mut mesh = Mesh::new(1, RelayPolicy::default());
    let (parent, quick) = (mesh.greeted(0), mesh.greeted(0));
    let first = large(genesis(), 1);
    fetch(&mut mesh, parent, &first);
    let second = large(tip_of(&first), 2);
    mesh.say(0, quick, announced_block(second.header));
    mesh.run_for(Duration::from_micros(GRACE_MIN.as_micros() - 1));
    assert_eq!(asks(&mesh.heard(0, quick)), 0);
    mesh.run_for(Duration::from_millis(1));
    assert_eq!(asks(&mesh.heard(0, quick)), 1);
    assert_eq!(mesh.heard(0, parent), [Message::Prune(vec![block_route()])], "before it has anything to push");
    // The parent's promise may have been on its way when it was pruned.
    mesh.say(0, parent, promised_block(second.header));
    mesh.run_for(Duration::from_millis(250));
    assert!(mesh.heard(0, parent).iter().any(|message| *message == Message::Prune(vec![block_route()])));
}

#[test]
fn a_child_is_promised_a_body_before_it_comes_and_all_others_are_told() {
    let mut mesh = Mesh::new(1, RelayPolicy::default());
    let (parent, child, lazy) = (mesh.greeted(0), mesh.greeted(0), mesh.greeted(0));
    let first = large(genesis(), 1);
    fetch(&mut mesh, parent, &first);
    mesh.say(0, child, Message::GetBlock { graft: true, id: first.header.id() });
    mesh.heard(0, child);
    mesh.heard(0, lazy);
    let second = large(tip_of(&first), 2);
    fetch(&mut mesh, parent, &second);
    let heard = mesh.heard(0, child);
    assert!(matches!(&heard[..], [Message::BlockHeader { pushed: true, .. }, Message::Block(_)]), "{heard:?}");
    assert_eq!(heard[1].lane(), Lane::Bulk);
    assert_eq!(mesh.heard(0, lazy), [announced_block(second.header)]);
    mesh.say(0, child, Message::Prune(vec![block_route()]));
    let third = large(tip_of(&second), 3);
    fetch(&mut mesh, parent, &third);
    assert_eq!(mesh.heard(0, child), [announced_block(third.header)]);
}
