//! A peer that was sent an item unasked has it.

use std::slice;

use protocol::gossip::RelayPolicy;
use protocol::wire::message::Message;

use crate::harness::{Mesh, block, genesis, tip_of, transaction};
use crate::say::carries;

#[test]
fn a_peer_that_was_pushed_a_transaction_is_not_told_of_it_when_it_returns_from_a_stale_block() {
    let mut mesh = Mesh::new(1, RelayPolicy::Flood);
    let peer = mesh.greeted(0);
    let item = transaction(1, 1, 100);
    mesh.submit(0, &item);
    mesh.run_secs(1);
    assert!(mesh.heard(0, peer).iter().any(|message| carries(message, &item)));
    mesh.publish(0, &block(genesis(), slice::from_ref(&item), 1));
    mesh.run_secs(1);
    assert_eq!(mesh.nodes[0].mempool().transactions, 0);
    let newcomer = mesh.greeted(0);
    mesh.heard(0, peer);
    let other = block(genesis(), &[], 2);
    mesh.publish(0, &other);
    mesh.publish(0, &block(tip_of(&other), &[], 3));
    mesh.run_secs(1);
    assert_eq!(mesh.nodes[0].mempool().transactions, 1);
    let tells = |message: &Message| matches!(message, Message::Inv(_)) || carries(message, &item);
    assert!(!mesh.heard(0, peer).iter().any(tells));
    assert!(mesh.heard(0, newcomer).iter().any(tells));
}
