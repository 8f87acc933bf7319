//! Items reach every node of a mesh with either policy, and nothing goes back to where it came from.

use std::collections::BTreeSet;

use protocol::gossip::{Event, ItemId, RelayPolicy, Submission};
use protocol::items::hash::ShortId;
use protocol::wire::codec::Decode as _;
use protocol::wire::message::Message;

use crate::harness::{Mesh, block, block_item, genesis, transaction, tx};

fn loaded_mesh(relay: RelayPolicy) -> Mesh {
    let mut mesh = Mesh::new(16, relay);
    mesh.connect_all();
    mesh.run_secs(1);
    for nonce in 0..40 {
        mesh.submit(nonce as usize % 16, &transaction(nonce as u8 % 5, nonce, 100 + nonce as usize * 200));
        mesh.run_for(protocol::time::Duration::from_millis(7));
    }
    let items: Vec<_> = (0..3).map(|nonce| transaction(9, nonce, 50)).collect();
    mesh.publish(4, &block(genesis(), &items, 5));
    mesh.run_secs(3);
    mesh
}

fn items_of(mesh: &Mesh) -> Vec<ItemId> {
    let mut items: Vec<ItemId> =
        (0..40).map(|nonce| tx(&transaction(nonce as u8 % 5, nonce, 100 + nonce as usize * 200))).collect();
    items.extend((0..3).map(|nonce| tx(&transaction(9, nonce, 50))));
    items.push(block_item(mesh.nodes[4].tip().id));
    items
}

#[test]
fn every_item_reaches_every_node_by_announcing() {
    let mesh = loaded_mesh(RelayPolicy::Announce);
    for item in items_of(&mesh) {
        assert_eq!(mesh.nodes_with(item), 16, "{item:?}");
    }
    assert_eq!(mesh.disconnects, []);
}

#[test]
fn every_item_reaches_every_node_by_flooding() {
    let mesh = loaded_mesh(RelayPolicy::Flood);
    for item in items_of(&mesh) {
        assert_eq!(mesh.nodes_with(item), 16, "{item:?}");
    }
    assert_eq!(mesh.disconnects, []);
}

#[test]
fn announcing_brings_each_body_once() {
    let mesh = loaded_mesh(RelayPolicy::Announce);
    let bodies = mesh.nodes.iter().map(|node| node.stats().transaction_bodies).sum::<u64>();
    let duplicates = mesh.nodes.iter().map(|node| node.stats().transaction_duplicates).sum::<u64>();
    assert_eq!((bodies, duplicates), (40 * 15, 0));
}

#[test]
fn an_item_is_accepted_once_per_node() {
    let mesh = loaded_mesh(RelayPolicy::Flood);
    for events in &mesh.events {
        let accepted: Vec<ItemId> = events
            .iter()
            .filter_map(|event| match event {
                Event::Accepted { item, .. } => Some(*item),
                _ => None,
            })
            .collect();
        assert_eq!(accepted.len(), accepted.iter().collect::<BTreeSet<_>>().len());
    }
}

/// An echo is a body or an announcement for a peer that had sent or announced the same item before.
#[test]
fn nothing_goes_back_to_where_it_came_from() {
    for relay in [RelayPolicy::Announce, RelayPolicy::Flood] {
        let mesh = loaded_mesh(relay);
        let (mut heard, mut said) = (BTreeSet::new(), 0);
        for (node, peer, speaks, bytes) in &mesh.traffic {
            for item in named(&Message::from_bytes(bytes).unwrap()) {
                if *speaks {
                    said += 1;
                    assert!(!heard.contains(&(*node, *peer, item)), "{relay:?}: {item:?} is an echo");
                } else {
                    heard.insert((*node, *peer, item));
                }
            }
        }
        assert!(said > 44 * 15, "{relay:?}: {said} is too quiet for the mesh to have worked");
    }
}

#[test]
fn a_submission_is_answered_once_it_is_accepted() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    let transaction = transaction(1, 1, 10);
    mesh.submit(0, &transaction);
    assert_eq!(mesh.submission(0, tx(&transaction)), None);
    mesh.run_secs(1);
    assert_eq!(mesh.submission(0, tx(&transaction)), Some(Submission::Accepted));
    mesh.events[0].clear();
    mesh.submit(0, &transaction);
    assert_eq!(mesh.submission(0, tx(&transaction)), Some(Submission::Held));
}

#[test]
fn a_new_peer_hears_of_the_tip_and_the_mempool() {
    let mut mesh = Mesh::new(3, RelayPolicy::Announce);
    let waiting: Vec<_> = (0..30).map(|nonce| transaction(1, nonce, 10)).collect();
    waiting.iter().for_each(|transaction| mesh.submit(0, transaction));
    let confirmed = [transaction(2, 0, 10)];
    let first = block(genesis(), &confirmed, 1);
    mesh.publish(0, &first);
    mesh.run_secs(1);
    mesh.connect(0, 1);
    mesh.run_secs(1);
    mesh.connect(2, 1);
    mesh.run_secs(1);
    for node in [1, 2] {
        assert_eq!(mesh.nodes[node].tip(), mesh.nodes[0].tip());
        assert_eq!(mesh.nodes[node].mempool().transactions, 30);
    }
}

/// The items whose body or announcement a message carries.
fn named(message: &Message) -> Vec<ShortId> {
    match message {
        Message::Inv(entries) => entries.iter().map(|entry| entry.transaction.short()).collect(),
        Message::Transactions { bodies, .. } => bodies.iter().map(|body| body.id().short()).collect(),
        Message::BlockHeader { header, .. } => vec![header.id().short()],
        Message::Block(block) => vec![block.header.id().short()],
        _ => Vec::new(),
    }
}
