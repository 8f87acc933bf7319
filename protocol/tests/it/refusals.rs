//! Transactions that are refused: by the cheap rules before their signature is checked, and what a refusal costs and means.

use std::sync::Arc;

use bytes::Bytes;
use protocol::gossip::RelayPolicy;
use protocol::message::Message;
use protocol::time::Duration;
use protocol::transaction::{SignedTransaction, Transaction};

use crate::harness::{Checking, Mesh, key, network};

fn signed(author: u8, nonce: u64, valid_until: u64, payload: u64) -> Arc<SignedTransaction> {
    let payload = payload.to_be_bytes().to_vec().into();
    let item = Transaction { author: key(author).public(), nonce, valid_until, payload };
    Arc::new(item.sign(&key(author), &network()).expect("a short payload"))
}

fn pushed(items: &[Arc<SignedTransaction>]) -> Message {
    let bodies = items.iter().map(|item| Bytes::clone(item.encoded()).into()).collect();
    Message::Transactions { via: None, bodies }
}

fn assuming() -> Mesh {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    mesh.checking = Checking::Assumed;
    mesh
}

#[test]
fn a_stock_of_refused_transactions_is_not_verified_again_and_again() {
    let mut mesh = assuming();
    let stock: Vec<_> = (0..20_000).map(|number| signed(1, 0, 1_000, number)).collect();
    let peer = mesh.greeted(0);
    let mut checked = Vec::new();
    for _ in 0..3 {
        let before = mesh.signatures;
        for chunk in stock.chunks(250) {
            mesh.say(0, peer, pushed(chunk));
            mesh.run_for(Duration::from_millis(61)); // Within the budget of 16 MiB a second.
        }
        checked.push(mesh.signatures - before);
    }
    println!("checked in each round: {checked:?}; paused {} times", mesh.reads.len());
    // The first message's pass the cheap rules together: none of them is held yet.
    assert_eq!(checked, [250, 0, 0]);
    assert_eq!(mesh.nodes[0].mempool().transactions, 2);
    assert_eq!(mesh.disconnected(0, peer), None);
}

#[test]
fn what_is_expired_or_too_far_ahead_is_not_verified() {
    let mut mesh = assuming();
    let peer = mesh.greeted(0);
    let expired: Vec<_> = (0..100).map(|nonce| signed(2, nonce, 0, 0)).collect();
    let far: Vec<_> = (0..100).map(|nonce| signed(3, nonce, 10_001, 0)).collect();
    mesh.say(0, peer, pushed(&expired));
    mesh.say(0, peer, pushed(&far));
    mesh.run_secs(1);
    println!("checked of 200: {}", mesh.signatures);
    assert_eq!(mesh.signatures, 0);
    mesh.say(0, peer, pushed(&[signed(2, 0, 1, 0), signed(3, 0, 10_000, 0)]));
    mesh.run_secs(1);
    assert_eq!((mesh.signatures, mesh.nodes[0].mempool().transactions), (2, 2));
}
