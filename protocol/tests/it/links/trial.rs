//! A link is on trial until it was the first to deliver sixteen good items. Until then nothing that it sends is
//! checked together with what others send.

use std::sync::Arc;

use protocol::gossip::{Input, PeerHandle, RelayPolicy};
use protocol::items::transaction::SignedTransaction;
use protocol::items::verify::{SentBy, Verdict};
use protocol::limits::VERIFIED_FIRST;
use protocol::wire::message::Message;

use crate::harness::{Checking, Mesh, block, genesis, transaction};

fn held() -> Mesh {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    mesh.checking = Checking::Held;
    mesh
}

fn push(mesh: &mut Mesh, from: PeerHandle, item: &Arc<SignedTransaction>) {
    mesh.say(0, from, Message::Transactions { via: None, bodies: vec![item.clone().into()] });
}

/// Answers the only job, and tells whose it was.
fn answer(mesh: &mut Mesh, verdict: Verdict) -> SentBy {
    assert_eq!(mesh.jobs.len(), 1);
    let job = mesh.jobs.remove(0);
    mesh.input(0, Input::Verified { job: job.id, verdict });
    job.sent_by
}

#[test]
fn a_link_is_on_trial_until_it_was_first_with_sixteen_good_items() {
    let mut mesh = held();
    let (one, other) = (mesh.greeted(0), mesh.greeted(0));
    for nonce in 0..VERIFIED_FIRST {
        push(&mut mesh, one, &transaction(1, nonce, 20));
        assert_eq!(answer(&mut mesh, Verdict::Valid), SentBy::OnTrial(one.0), "after {nonce}");
    }
    push(&mut mesh, one, &transaction(1, VERIFIED_FIRST, 20));
    assert_eq!(answer(&mut mesh, Verdict::Valid), SentBy::Link(one.0));
    // It earned nothing for another one, nor for itself when it comes back.
    push(&mut mesh, other, &transaction(2, 1, 20));
    assert_eq!(answer(&mut mesh, Verdict::Valid), SentBy::OnTrial(other.0));
    mesh.input(0, Input::PeerDisconnected { peer: one });
    let again = mesh.greeted(0);
    push(&mut mesh, again, &transaction(2, 2, 20));
    assert_eq!(answer(&mut mesh, Verdict::Valid), SentBy::OnTrial(again.0));
}

#[test]
fn only_what_was_good_new_and_first_counts() {
    let mut mesh = held();
    let (first, second) = (mesh.greeted(0), mesh.greeted(0));
    for nonce in 0..2 * VERIFIED_FIRST {
        let item = transaction(1, nonce, 20);
        push(&mut mesh, first, &item);
        // The second link sends it during the check and afterwards.
        push(&mut mesh, second, &item);
        answer(&mut mesh, Verdict::Valid);
        push(&mut mesh, second, &item);
    }
    assert_eq!(mesh.disconnects, []);
    push(&mut mesh, second, &transaction(2, 1, 20));
    assert_eq!(answer(&mut mesh, Verdict::Valid), SentBy::OnTrial(second.0));
}

#[test]
fn headers_and_blocks_are_checked_as_their_senders_are() {
    let mut mesh = held();
    let peer = mesh.greeted(0);
    let block = block(genesis(), &[transaction(1, 1, 20), transaction(2, 1, 20)], 1);
    mesh.say(0, peer, Message::Block(block));
    assert_eq!(answer(&mut mesh, Verdict::Valid), SentBy::OnTrial(peer.0), "its header");
    assert_eq!(answer(&mut mesh, Verdict::Valid), SentBy::OnTrial(peer.0), "its transactions");
    assert_eq!(mesh.nodes[0].tip().height, 1);
}

#[test]
fn what_enters_at_this_node_is_never_on_trial() {
    let mut mesh = held();
    mesh.submit(0, &transaction(1, 1, 20));
    assert_eq!(answer(&mut mesh, Verdict::Valid), SentBy::Ourselves);
    mesh.publish(0, &block(genesis(), &[], 1));
    assert_eq!(answer(&mut mesh, Verdict::Valid), SentBy::Ourselves);
}
