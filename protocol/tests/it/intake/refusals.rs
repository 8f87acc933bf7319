//! Refused transactions: the cheap rules before their signature is checked, and the cost and meaning of a refusal.

use std::sync::Arc;

use bytes::Bytes;
use protocol::gossip::{
    DisconnectReason, Event, Input, PeerHandle, Refusal, RelayPolicy, Submission, TransactionStatus,
};
use protocol::items::block::Header;
use protocol::items::transaction::{Height, SignedTransaction, Transaction};
use protocol::items::validator::Validator;
use protocol::items::verify::Verdict;
use protocol::limits::{
    BODY_COST_BYTES, INBOUND_BURST_BYTES, PAYLOAD_BYTES_MAX, REFUSED_COST_BYTES, SEEN_REJECTED_MAX,
};
use protocol::time::Duration;
use protocol::wire::codec::Decode as _;
use protocol::wire::message::{InvEntry, Message, TxRef};

use crate::harness::{Checking, Mesh, key, network, tx};
use crate::make;

pub(crate) fn signed(author: u8, nonce: u64, valid_until: u64, payload: u64) -> Arc<SignedTransaction> {
    let payload = payload.to_be_bytes().to_vec().into();
    let item = Transaction { author: key(author).public(), nonce, valid_until, payload };
    Arc::new(item.sign(&key(author), &network()).expect("a short payload"))
}

pub(crate) fn pushed(items: &[Arc<SignedTransaction>]) -> Message {
    let bodies = items.iter().map(|item| Bytes::clone(item.encoded()).into()).collect();
    Message::Transactions { via: None, bodies }
}

pub(crate) fn assuming() -> Mesh {
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
    // The transactions of the first message pass the cheap rules together, because none of them is held yet.
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

/// How many messages of one body each a peer can send at once before it is not read any more.
fn until_paused(
    mesh: &mut Mesh,
    peer: PeerHandle,
    each: Duration,
    mut next: impl FnMut(u64) -> Arc<SignedTransaction>,
) -> usize {
    for number in 0..4_096 {
        mesh.say(0, peer, pushed(&[next(number)]));
        mesh.run_for(each);
        if mesh.reads.last().is_some_and(|(_, paused, allowed)| *paused == peer && !allowed) {
            return number as usize + 1;
        }
    }
    panic!("it is read for good");
}

/// The allowance that a peer can save up, in bodies of this cost.
fn bodies_within(cost: u64) -> std::ops::RangeInclusive<usize> {
    let most = (INBOUND_BURST_BYTES / cost) as usize + 1;
    // Some of the budget comes back meanwhile, and some verdicts are still out.
    most * 97 / 100..=most * 107 / 100
}

#[test]
fn what_was_refused_and_comes_again_costs_its_sender_more() {
    let mut mesh = assuming();
    let (peer, other) = (mesh.greeted(0), mesh.greeted(0));
    let expired = signed(2, 0, 0, 0);
    let seen = until_paused(&mut mesh, peer, Duration::ZERO, |_| expired.clone());
    assert!(bodies_within(BODY_COST_BYTES + REFUSED_COST_BYTES + 300).contains(&seen), "{seen}");
    // Refused bodies that come for the first time cost as much as any body. An honest peer may have another tip.
    let mut fresh = until_paused(&mut mesh, other, Duration::ZERO, |number| signed(2, number, 0, 0));
    assert!(bodies_within(BODY_COST_BYTES + 150).contains(&fresh), "{fresh}");
    fresh = mesh.nodes[0].stats().refused as usize;
    assert!(fresh > 1_000 && mesh.signatures == 0, "{fresh}");
}

/// A chain's rules that can only refuse after the signature was found good.
#[derive(Debug)]
struct Nothing;

impl Validator for Nothing {
    fn transaction(&self, _: &SignedTransaction, _: Height) -> Result<(), Refusal> {
        Err(Refusal::Rule("nothing is taken here"))
    }

    fn header(&self, _: &Header) -> Result<(), Refusal> {
        Ok(())
    }
}

#[test]
fn what_was_verified_in_vain_costs_its_sender_more() {
    let mut mesh = assuming();
    mesh.rule(0, Arc::new(Nothing));
    let peer = mesh.greeted(0);
    let seen = until_paused(&mut mesh, peer, Duration::from_micros(100), |number| signed(2, number, 1_000, 0));
    // The charge comes with the verdict, so one more body may be on its way.
    assert!(bodies_within(BODY_COST_BYTES + REFUSED_COST_BYTES + 150).contains(&seen), "{seen}");
    assert_eq!(mesh.disconnected(0, peer), None, "it is no misbehavior");
}

#[test]
fn what_loses_a_race_during_its_check_costs_its_sender_no_more() {
    let mut mesh = assuming();
    mesh.checking = Checking::Held;
    let (relay, rival) = (mesh.greeted(0), mesh.greeted(0));
    for number in 0..1_000 {
        mesh.say(0, rival, pushed(&[signed(2, number, 1_000, 1), signed(2, number, 1_000, 2)]));
        mesh.say(0, relay, pushed(&[signed(2, number, 1_000, 3)]));
        for job in std::mem::take(&mut mesh.jobs) {
            mesh.input(0, Input::Verified { job: job.id, verdict: Verdict::Valid });
        }
    }
    assert_eq!((mesh.nodes[0].mempool().transactions, mesh.nodes[0].stats().refused), (2_000, 1_000));
    let paused = mesh.reads.iter().any(|(_, peer, allowed)| *peer == relay && !allowed);
    assert!(!paused, "a thousand bodies are half of what a peer may send at once");
}

#[test]
fn a_signature_is_checked_again_by_the_rules_that_came_before_it() {
    let mut mesh = assuming();
    mesh.checking = Checking::Held;
    let peer = mesh.greeted(0);
    // Three transactions of one nonce are sent before any of them is held.
    mesh.say(0, peer, pushed(&[signed(1, 0, 1_000, 1), signed(1, 0, 1_000, 2), signed(1, 0, 1_000, 3)]));
    for job in std::mem::take(&mut mesh.jobs) {
        mesh.input(0, Input::Verified { job: job.id, verdict: Verdict::Valid });
    }
    assert_eq!(mesh.nodes[0].mempool().transactions, 2);
}

#[test]
fn what_nobody_signed_pushes_out_no_memory_of_what_is_invalid() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    let (liar, flooder, repeater) = (mesh.greeted(0), mesh.greeted(0), mesh.greeted(0));
    let mut bytes = signed(1, 0, 1_000, 1).encoded().to_vec();
    let at = bytes.len() - 5;
    bytes[at] ^= 0x55;
    let forged = Arc::new(SignedTransaction::from_bytes(&Bytes::from(bytes)).expect("well encoded"));
    mesh.say(0, liar, pushed(std::slice::from_ref(&forged)));
    mesh.run_secs(1);
    assert_eq!(mesh.disconnected(0, liar), Some(DisconnectReason::InvalidSignature));
    let mut number = 0;
    while number <= SEEN_REJECTED_MAX as u32 {
        let junk: Vec<_> = (number..number + 256).map(|number| make::transaction(number, 0, 0, 0)).collect();
        mesh.say(0, flooder, pushed(&junk));
        number += 256;
    }
    assert_eq!(mesh.signatures, 1, "none of that was verified");
    mesh.say(0, repeater, pushed(&[forged]));
    assert_eq!(mesh.disconnected(0, repeater), Some(DisconnectReason::InvalidSignature), "at once");
    assert_eq!(mesh.signatures, 1);
}

/// A large transaction of one of many authors.
pub(crate) fn large(number: u64) -> Arc<SignedTransaction> {
    large_by((number % 100) as u8, number)
}

pub(crate) fn large_by(author: u8, number: u64) -> Arc<SignedTransaction> {
    let payload = vec![(number % 251) as u8; PAYLOAD_BYTES_MAX].into();
    let author = key(author);
    let item = Transaction { author: author.public(), nonce: number, valid_until: 1_000, payload };
    Arc::new(item.sign(&author, &network()).expect("a payload within bounds"))
}

/// A node with a mempool that one peer has filled, as far as this peer may turn over at once.
pub(crate) fn full_of_one() -> (Mesh, PeerHandle) {
    let mut mesh = assuming();
    let peer = mesh.greeted(0);
    fill_by(&mut mesh, peer);
    (mesh, peer)
}

/// Fills a node's mempool with a peer's items.
pub(crate) fn fill_by(mesh: &mut Mesh, peer: PeerHandle) {
    for number in 0..600 {
        mesh.say(0, peer, pushed(&[large(number)]));
        mesh.run_for(Duration::from_micros(200));
    }
    // Small transactions take the room that is left.
    let small: Vec<_> = (0..200).map(|nonce| signed(100 + (nonce % 50) as u8, nonce, 1_000, 0)).collect();
    mesh.say(0, peer, pushed(&small));
    mesh.run_for(Duration::from_millis(1));
    let refused = mesh.nodes[0].stats().refused;
    assert!(refused > 20, "{refused}");
}

#[test]
fn a_peer_whose_link_is_full_keeps_nothing_from_us_by_sending_it_first() {
    let (mut mesh, attacker) = full_of_one();
    let honest = mesh.greeted(0);
    let item = signed(160, 0, 1_000, 0);
    mesh.say(0, attacker, pushed(std::slice::from_ref(&item)));
    mesh.run_for(Duration::from_millis(5));
    assert!(!mesh.accepted(0, tx(&item)), "no room by this link");
    mesh.say(0, honest, pushed(std::slice::from_ref(&item)));
    mesh.run_for(Duration::from_millis(5));
    assert!(mesh.accepted(0, tx(&item)));
}

#[test]
fn what_a_full_link_announces_is_asked_of_others() {
    let (mut mesh, attacker) = full_of_one();
    let honest = mesh.greeted(0);
    let item = signed(160, 0, 1_000, 0);
    let entries = vec![InvEntry { transaction: TxRef::Short(item.id().short()), age_ms: 10_000 }];
    mesh.heard(0, attacker);
    mesh.say(0, attacker, Message::Inv(entries.clone()));
    mesh.run_for(Duration::from_millis(5));
    let is_request = |message: &Message| matches!(message, Message::GetData { .. });
    assert!(!mesh.heard(0, attacker).iter().any(is_request));
    mesh.say(0, honest, Message::Inv(entries));
    mesh.run_for(Duration::from_millis(5));
    assert!(mesh.heard(0, honest).iter().any(is_request));
    // A body that the attacker sends in between changes nothing.
    mesh.say(0, attacker, pushed(std::slice::from_ref(&item)));
    mesh.say(0, honest, pushed(std::slice::from_ref(&item)));
    mesh.run_for(Duration::from_millis(5));
    assert!(mesh.accepted(0, tx(&item)));
    assert_eq!(mesh.nodes[0].peer(honest).map(|peer| (peer.strikes, peer.delivered)), Some((0, 1)));
}

#[test]
fn an_item_that_two_sent_enters_by_the_link_that_has_room() {
    let (mut mesh, attacker) = full_of_one();
    let honest = mesh.greeted(0);
    // A second later, the link may turn over a little again. All pass at sight, and the large ones use it up.
    mesh.run_secs(1);
    mesh.checking = Checking::Held;
    let item = signed(160, 0, 1_000, 0);
    for number in 0..20 {
        mesh.say(0, attacker, pushed(&[large(10_000 + number)]));
    }
    mesh.say(0, attacker, pushed(std::slice::from_ref(&item)));
    mesh.say(0, honest, pushed(std::slice::from_ref(&item)));
    for job in std::mem::take(&mut mesh.jobs) {
        mesh.input(0, Input::Verified { job: job.id, verdict: Verdict::Valid });
    }
    assert!(mesh.accepted(0, tx(&item)));
    let no_room = |event: &&Event| matches!(event, Event::Refused { refusal: Refusal::MempoolFull, from, .. } if *from == Some(attacker));
    let held =
        mesh.events[0].iter().rev().take_while(|event| !matches!(event, Event::Accepted { .. })).filter(no_room);
    assert_eq!(held.count(), 0, "the item came after all that the attacker's link had no room for");
}

#[test]
fn a_submission_of_what_is_held_gives_no_way_to_junk() {
    for submitted in [false, true] {
        let mut mesh = assuming();
        let peers = [mesh.greeted(0), mesh.greeted(0)];
        let item = large(9_999);
        for number in 0..1_400 {
            mesh.say(0, peers[number as usize % 2], pushed(&[large(number)]));
            mesh.run_for(Duration::from_millis(50));
            if number == 300 {
                mesh.say(0, peers[0], pushed(std::slice::from_ref(&item)));
                mesh.run_for(Duration::from_millis(1));
                if submitted {
                    mesh.submit(0, &item);
                    assert_eq!(mesh.submission(0, tx(&item)), Some(Submission::Held));
                }
            }
        }
        let held = matches!(mesh.nodes[0].transaction(&item.id()), Some(TransactionStatus::Pending(_)));
        assert_eq!(held, submitted);
    }
}
