//! A link is on trial until it was the first to deliver sixteen good items. Until then nothing that it sends is
//! checked together with what others send.

use std::sync::Arc;

use protocol::gossip::{DisconnectReason, Input, PeerHandle, RelayPolicy};
use protocol::items::transaction::SignedTransaction;
use protocol::items::verify::{SentBy, Verdict};
use protocol::limits::{BETRAYAL_FADES, BETRAYAL_GROUPS_MAX, BETRAYALS_MAX, VERIFIED_FIRST};
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

/// A peer of an address group delivers good items until it is trusted. Then it brings a bad signature. Says how many
/// good ones it took. `number` is that of the peer, so that all items are new.
fn betrays(mesh: &mut Mesh, group: u64, number: u64) -> u64 {
    let peer = mesh.greeted_in(0, group);
    let mut good = 0;
    loop {
        push(mesh, peer, &transaction((good % 200) as u8 + 1, (number << 32) + good, 20));
        if mesh.jobs[0].sent_by == SentBy::Link(peer.0) {
            answer(mesh, Verdict::Invalid { first: 0 });
            assert_eq!(mesh.disconnects.last(), Some(&(0, peer, DisconnectReason::InvalidSignature)));
            return good;
        }
        answer(mesh, Verdict::Valid);
        good += 1;
    }
}

#[test]
fn whoever_betrays_trust_makes_it_dearer_for_the_address_group() {
    let mut mesh = held();
    for betrayals in 0..=BETRAYALS_MAX + 1 {
        let good = betrays(&mut mesh, 7, betrayals.into());
        assert_eq!(good, VERIFIED_FIRST << betrayals.min(BETRAYALS_MAX));
    }
    assert_eq!(betrays(&mut mesh, 8, 100), VERIFIED_FIRST, "another group");
    mesh.now = mesh.now + BETRAYAL_FADES.times(8);
    assert_eq!(betrays(&mut mesh, 7, 101), VERIFIED_FIRST << (BETRAYALS_MAX - 8));
}

#[test]
fn a_bad_signature_of_a_link_on_trial_costs_its_group_nothing() {
    let mut mesh = held();
    for number in 0..4 {
        let peer = mesh.greeted_in(0, 7);
        push(&mut mesh, peer, &transaction(1, number, 20));
        answer(&mut mesh, Verdict::Invalid { first: 0 });
    }
    assert_eq!(betrays(&mut mesh, 7, 1), VERIFIED_FIRST);
}

#[test]
fn groups_that_betrayed_trust_are_remembered_up_to_the_bound() {
    let mut mesh = held();
    let groups = |mesh: &Mesh| {
        let mut used = 0;
        mesh.nodes[0].occupancy(&mut |fill| {
            if fill.what == "address groups that betrayed trust" {
                used = fill.used;
            }
        });
        used
    };
    for group in 0..=BETRAYAL_GROUPS_MAX as u64 {
        assert_eq!(groups(&mesh), group as usize);
        betrays(&mut mesh, group, group);
    }
    assert_eq!(groups(&mesh), BETRAYAL_GROUPS_MAX);
    let first = betrays(&mut mesh, 0, 10_000);
    let third = betrays(&mut mesh, 2, 10_001);
    assert_eq!((first, third), (VERIFIED_FIRST, 2 * VERIFIED_FIRST), "the first is forgotten, the third is not");
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
