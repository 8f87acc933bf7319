//! A full mempool, and a link that has no room left in it: items from this link are neither lost nor requested in
//! vain.

use std::sync::Arc;

use protocol::gossip::{Input, PeerHandle};
use protocol::items::transaction::SignedTransaction;
use protocol::items::verify::Verdict;
use protocol::time::Duration;
use protocol::wire::message::{Message, TxRef};

use super::refusals::{assuming, fill_by, full_of_one, large, large_by, pushed, signed};
use crate::harness::{Checking, Mesh, tx};
use crate::say::announced;

fn named(item: &Arc<SignedTransaction>) -> TxRef {
    TxRef::Short(item.id().short())
}

fn announce(mesh: &mut Mesh, peer: PeerHandle, item: &Arc<SignedTransaction>) {
    mesh.say(0, peer, announced(item.id().short(), 10_000));
}

fn push(mesh: &mut Mesh, peer: PeerHandle, item: &Arc<SignedTransaction>) {
    mesh.say(0, peer, pushed(std::slice::from_ref(item)));
}

fn has_not(mesh: &mut Mesh, peer: PeerHandle, item: &Arc<SignedTransaction>) {
    mesh.say(0, peer, Message::NotFound { transactions: vec![named(item)], blocks: Vec::new() });
}

/// Whether a peer was asked for an item since the last look.
fn is_asked(mesh: &mut Mesh, peer: PeerHandle, item: &Arc<SignedTransaction>) -> bool {
    let asks = |message: &Message| match message {
        Message::GetData { wanted, .. } => wanted.iter().any(|wanted| wanted.short() == item.id().short()),
        _ => false,
    };
    mesh.heard(0, peer).iter().any(asks)
}

/// Makes a peer bring more than its link may turn over at once.
fn use_up(mesh: &mut Mesh, peer: PeerHandle) {
    for number in 0..20 {
        push(mesh, peer, &large(10_000 + number));
    }
}

fn verify_all(mesh: &mut Mesh) {
    for job in std::mem::take(&mut mesh.jobs) {
        mesh.input(0, Input::Verified { job: job.id, verdict: Verdict::Valid });
    }
}

#[test]
fn what_a_full_link_refuses_after_its_check_is_asked_of_all_others_that_announced_it() {
    let (mut mesh, attacker) = full_of_one();
    let [before, meanwhile] = [0, 1].map(|_| mesh.greeted(0));
    // A second later, the link may turn over a little again.
    mesh.run_secs(1);
    mesh.checking = Checking::Held;
    let item = signed(160, 0, 1_000, 0);
    announce(&mut mesh, attacker, &item);
    assert!(is_asked(&mut mesh, attacker, &item));
    announce(&mut mesh, before, &item);
    // The attacker's own items take all that its link may turn over, before the item's check ends.
    use_up(&mut mesh, attacker);
    push(&mut mesh, attacker, &item);
    announce(&mut mesh, meanwhile, &item);
    verify_all(&mut mesh);
    assert!(!mesh.accepted(0, tx(&item)), "no room by this link");
    let asked = [before, meanwhile].map(|peer| is_asked(&mut mesh, peer, &item));
    let (first, second) = if asked[0] { (before, meanwhile) } else { (meanwhile, before) };
    assert_eq!(asked.iter().filter(|asked| **asked).count(), 1, "one at a time: {asked:?}");
    has_not(&mut mesh, first, &item);
    assert!(is_asked(&mut mesh, second, &item));
    push(&mut mesh, second, &item);
    verify_all(&mut mesh);
    assert!(mesh.accepted(0, tx(&item)));
}

#[test]
fn what_its_authors_share_refuses_is_not_asked_of_every_link() {
    let mut mesh = assuming();
    let peer = mesh.greeted(0);
    for number in 0..40 {
        push(&mut mesh, peer, &large_by(200, number));
        mesh.run_for(Duration::from_micros(200));
    }
    fill_by(&mut mesh, peer);
    let [first, second] = [0, 1].map(|_| mesh.greeted(0));
    let item = large_by(200, 9_999);
    push(&mut mesh, first, &item);
    mesh.run_for(Duration::from_millis(1));
    assert!(!mesh.accepted(0, tx(&item)), "its author has more than its part");
    announce(&mut mesh, second, &item);
    assert!(!is_asked(&mut mesh, second, &item));
}

#[test]
fn what_is_refused_for_another_reason_by_a_full_link_is_not_asked_of_others() {
    let mut mesh = assuming();
    for payload in 1..3 {
        mesh.submit(0, &signed(160, 0, 1_000, payload));
    }
    let [attacker, honest] = [0, 1].map(|_| mesh.greeted(0));
    fill_by(&mut mesh, attacker);
    mesh.run_secs(1);
    let third = signed(160, 0, 1_000, 3);
    announce(&mut mesh, attacker, &third);
    assert!(is_asked(&mut mesh, attacker, &third));
    announce(&mut mesh, honest, &third);
    use_up(&mut mesh, attacker);
    mesh.run_for(Duration::from_millis(5));
    push(&mut mesh, attacker, &third);
    mesh.run_for(Duration::from_millis(5));
    assert!(!is_asked(&mut mesh, honest, &third), "two of its nonce are held, whoever brings it");
}

#[test]
fn a_full_link_is_not_asked_for_what_it_has_just_sent() {
    let (mut mesh, full) = full_of_one();
    let withholder = mesh.greeted(0);
    mesh.run_secs(1);
    let item = signed(160, 0, 1_000, 0);
    announce(&mut mesh, withholder, &item);
    assert!(is_asked(&mut mesh, withholder, &item));
    announce(&mut mesh, full, &item);
    use_up(&mut mesh, full);
    mesh.run_for(Duration::from_millis(5));
    push(&mut mesh, full, &item);
    mesh.run_for(Duration::from_millis(5));
    assert!(!mesh.accepted(0, tx(&item)), "no room by this link");
    has_not(&mut mesh, withholder, &item);
    assert!(!is_asked(&mut mesh, full, &item));
}

#[test]
fn an_answer_that_a_full_link_has_no_room_for_tells_its_pace_all_the_same() {
    for late in [false, true] {
        let (mut mesh, full) = full_of_one();
        mesh.run_secs(1);
        let item = signed(160, 0, 1_000, 0);
        announce(&mut mesh, full, &item);
        // Another announcer keeps the item in the tracker beyond the expiry of the first request.
        let other = mesh.greeted(0);
        announce(&mut mesh, other, &item);
        assert!(is_asked(&mut mesh, full, &item));
        if late {
            mesh.run_for(Duration::from_millis(1_500));
        }
        use_up(&mut mesh, full);
        use_up(&mut mesh, full);
        mesh.run_for(Duration::from_millis(5));
        push(&mut mesh, full, &item);
        assert!(!mesh.accepted(0, tx(&item)), "no room by this link");
        let pace = mesh.nodes[0].peer(full).and_then(|peer| peer.response);
        assert!(pace.is_some(), "late: {late}");
    }
}

#[test]
fn what_a_full_link_announces_after_another_is_asked_of_it_when_the_other_fails() {
    let (mut mesh, full) = full_of_one();
    let withholder = mesh.greeted(0);
    let item = signed(160, 0, 1_000, 0);
    announce(&mut mesh, withholder, &item);
    assert!(is_asked(&mut mesh, withholder, &item));
    announce(&mut mesh, full, &item);
    mesh.run_for(Duration::from_millis(500));
    has_not(&mut mesh, withholder, &item);
    assert!(is_asked(&mut mesh, full, &item));
    push(&mut mesh, full, &item);
    mesh.run_for(Duration::from_millis(5));
    assert!(mesh.accepted(0, tx(&item)), "there is some room again");
}
