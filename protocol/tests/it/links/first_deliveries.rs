//! The engine's memory of first deliveries: the last time, separately for transactions and blocks.

use protocol::gossip::{PeerHandle, RelayPolicy};
use protocol::time::{Duration, Time};
use protocol::wire::message::Message;

use crate::harness::{Mesh, block, genesis, transaction};

/// When a peer of node 0 was last the first to deliver a transaction, and a block.
fn first(mesh: &Mesh, peer: PeerHandle) -> (Option<Time>, Option<Time>) {
    let info = mesh.nodes[0].peer(peer).expect("connected");
    (info.first_transaction, info.first_block)
}

#[test]
fn a_peer_is_first_with_what_nobody_brought_before_transactions_and_blocks_apart() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    let (one, two) = (mesh.greeted(0), mesh.greeted(0));
    let item = transaction(3, 1, 20);
    let start = mesh.now;
    let bodies = || Message::Transactions { via: None, bodies: vec![item.clone().into()] };
    mesh.say(0, one, bodies());
    mesh.run_secs(1);
    mesh.say(0, two, bodies());
    mesh.run_secs(1);
    let (transaction, none) = first(&mesh, one);
    assert!(transaction.is_some_and(|at| at.since(start) < Duration::from_secs(1)) && none.is_none());
    assert_eq!(first(&mesh, two), (None, None), "it was second");

    let block = block(genesis(), &[item], 1);
    for peer in [two, one] {
        mesh.say(0, peer, Message::Block(block.clone()));
        mesh.run_secs(1);
    }
    assert_eq!(mesh.nodes[0].tip().height, 1);
    assert_eq!(first(&mesh, one), (transaction, None));
    assert!(matches!(first(&mesh, two), (None, Some(_))), "{:?}", first(&mesh, two));
    assert_eq!(mesh.disconnects, []);
}
