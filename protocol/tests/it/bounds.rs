//! The bounds on the engine's data about peers and items: each is reached, and passed by one step.

use std::sync::Arc;

use protocol::gossip::{Event, Input, PeerHandle, Refusal, RelayPolicy};
use protocol::items::block::Block;
use protocol::items::hash::{BlockId, ShortId, TxId};
use protocol::items::transaction::SignedTransaction;
use protocol::limits::{
    ANNOUNCE_QUEUE_MAX, CHECK_BYTES_PER_PEER_MAX, CHECKS_LOCAL_MAX, CHECKS_PER_PEER_MAX, CONTROL_CREDIT_BYTES,
    GETDATA_ENTRIES_MAX, GETHEADERS_INTERVAL, HEADER_QUEUE_MAX, INV_ENTRIES_MAX, REQUEST_ROOM_BYTES,
    SEEN_ACCEPTED_MAX, SEEN_REJECTED_MAX, UNHANDLED_MAX,
};
use protocol::time::Duration;
use protocol::wire::message::{InvEntry, Message, Tip, TxRef};

use crate::harness::{Checking, Mesh, block, genesis, tip_of, tx};
use crate::make;
use crate::say::{announced, announced_block};

fn mesh(checking: Checking) -> Mesh {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    mesh.checking = checking;
    mesh
}

fn announce(id: TxId) -> Message {
    announced(id.short(), 0)
}

fn asks(mesh: &mut Mesh, peer: PeerHandle, id: TxId) -> bool {
    mesh.heard(0, peer);
    mesh.say(0, peer, announce(id));
    mesh.heard(0, peer).contains(&Message::GetData { graft: false, wanted: vec![TxRef::Short(id.short())] })
}

fn bodies(items: &[Arc<SignedTransaction>]) -> Message {
    Message::Transactions { via: None, bodies: items.iter().map(|item| item.encoded().clone().into()).collect() }
}

/// Sends this number of announcements of items that don't exist.
fn announce_nothing(mesh: &mut Mesh, peer: PeerHandle, numbers: std::ops::Range<usize>) {
    let entry = |number: usize| {
        let number = (number as u64 + (1 << 40)).to_be_bytes();
        InvEntry { transaction: TxRef::Short(ShortId(number)), age_ms: 0 }
    };
    let numbers: Vec<usize> = numbers.collect();
    for chunk in numbers.chunks(INV_ENTRIES_MAX) {
        mesh.say(0, peer, Message::Inv(chunk.iter().copied().map(entry).collect()));
    }
}

/// Whether an item that a peer announced is nevertheless announced to this peer. The item's id was the `place`-th
/// of `known` ids for which the peer's link is charged. The first one is the tip in the greeting.
fn told_again(place: usize, known: usize) -> bool {
    let mut mesh = mesh(Checking::Assumed);
    let peer = mesh.greeted(0);
    let item = make::transaction(1, 1, 100, 1);
    announce_nothing(&mut mesh, peer, 2..place);
    mesh.say(0, peer, announce(item.id()));
    announce_nothing(&mut mesh, peer, place..known);
    mesh.heard(0, peer);
    mesh.submit(0, &item);
    mesh.run_for(Duration::from_millis(1));
    mesh.heard(0, peer).iter().any(|message| matches!(message, Message::Inv(_)))
}

#[test]
fn a_link_is_charged_for_a_bounded_number_of_ids_and_the_oldest_is_forgotten() {
    for (place, known, forgotten) in [
        (2, UNHANDLED_MAX, false),
        (2, UNHANDLED_MAX + 1, false),
        (2, UNHANDLED_MAX + 2, true),
        (3, UNHANDLED_MAX + 2, false),
    ] {
        assert_eq!(told_again(place, known), forgotten, "{place} of {known}");
    }
}

#[test]
fn accepted_ids_are_remembered() {
    let mut mesh = mesh(Checking::Assumed);
    let peer = mesh.greeted(0);
    let item = make::transaction(1, 1, 100, 1);
    mesh.publish(0, &block(genesis(), std::slice::from_ref(&item), 1));
    mesh.run_secs(1);
    assert!(mesh.accepted(0, tx(&item)));
    for number in 2..=SEEN_ACCEPTED_MAX as u32 {
        mesh.submit(0, &make::transaction(number, 1, 100, 1));
        mesh.run_for(Duration::from_micros(100));
        mesh.events[0].clear();
        mesh.sent.clear();
    }
    assert_eq!(mesh.nodes[0].mempool().transactions, SEEN_ACCEPTED_MAX - 1);
    assert!(!asks(&mut mesh, peer, item.id()));
    // The look has not refreshed the memory of the item: one more item pushes it out.
    mesh.submit(0, &make::transaction(1 << 20, 1, 100, 1));
    mesh.run_for(Duration::from_millis(1));
    assert!(asks(&mut mesh, peer, item.id()));
}

#[test]
fn rejected_ids_are_remembered_apart() {
    let mut mesh = mesh(Checking::Assumed);
    let peer = mesh.greeted(0);
    let refused = |number: u32| make::transaction(number, 1, 0, 1);
    let numbers: Vec<u32> = (0..SEEN_REJECTED_MAX as u32).collect();
    for chunk in numbers.chunks(GETDATA_ENTRIES_MAX) {
        mesh.say(0, peer, bodies(&chunk.iter().map(|number| refused(*number)).collect::<Vec<_>>()));
        mesh.run_for(Duration::from_millis(1));
    }
    assert!(!asks(&mut mesh, peer, refused(0).id()));
    mesh.say(0, peer, bodies(&[refused(SEEN_REJECTED_MAX as u32)]));
    mesh.run_for(Duration::from_millis(1));
    assert!(asks(&mut mesh, peer, refused(0).id()));
    assert_eq!(mesh.disconnects, []);
}

#[test]
fn a_peer_with_too_many_items_in_verification_is_not_read() {
    let mut mesh = mesh(Checking::Held);
    let peer = mesh.greeted(0);
    let items: Vec<_> = (0..CHECKS_PER_PEER_MAX as u32).map(|number| make::transaction(number, 1, 9, 1)).collect();
    let (last, others) = items.split_last().unwrap();
    for chunk in others.chunks(GETDATA_ENTRIES_MAX) {
        mesh.say(0, peer, bodies(chunk));
    }
    assert_eq!(mesh.reads, []);
    mesh.say(0, peer, bodies(std::slice::from_ref(last)));
    assert_eq!(mesh.reads, [(0, peer, false)]);
    let job = mesh.jobs.remove(0).id;
    mesh.input(0, Input::Verified { job, verdict: protocol::items::verify::Verdict::Valid });
    assert_eq!(mesh.reads, [(0, peer, false), (0, peer, true)]);
    // A verdict that comes twice changes nothing.
    mesh.input(0, Input::Verified { job, verdict: protocol::items::verify::Verdict::Invalid { first: 0 } });
    assert_eq!(mesh.disconnects, []);
}

#[test]
fn a_peer_with_too_many_bytes_in_verification_is_not_read() {
    let mut mesh = mesh(Checking::Held);
    let peer = mesh.greeted(0);
    let sixteenth = CHECK_BYTES_PER_PEER_MAX / 16;
    for number in 0..15 {
        mesh.say(0, peer, bodies(&[make::sized(number, 1, sixteenth)]));
    }
    mesh.say(0, peer, bodies(&[make::sized(15, 1, sixteenth - 1_000)]));
    mesh.say(0, peer, bodies(&[make::sized(16, 1, 999)]));
    assert_eq!(mesh.reads, []);
    mesh.say(0, peer, bodies(&[make::transaction(17, 1, 9, 1)]));
    assert_eq!(mesh.reads, [(0, peer, false)]);
}

#[test]
fn submissions_beyond_what_can_be_checked_are_told_to_wait() {
    let mut mesh = mesh(Checking::Held);
    for number in 0..CHECKS_LOCAL_MAX as u32 {
        mesh.submit(0, &make::transaction(number, 1, 9, 1));
    }
    assert_eq!(mesh.events[0], []);
    let item = make::transaction(u32::MAX, 1, 9, 1);
    mesh.submit(0, &item);
    assert_eq!(mesh.events[0], [Event::Submitted { item: tx(&item), result: Err(Refusal::Busy) }]);
    assert_eq!(mesh.jobs.len(), CHECKS_LOCAL_MAX);
}

/// A peer that doesn't read, and has no control credit left.
fn deaf(mesh: &mut Mesh) -> PeerHandle {
    mesh.draining = false;
    let peer = mesh.greeted(0);
    let queued = |mesh: &Mesh| mesh.sent.iter().filter(|sent| sent.to == peer).map(|sent| sent.bytes.len()).sum();
    let mut number = 0_u8;
    while CONTROL_CREDIT_BYTES.saturating_sub(queued(mesh)) >= REQUEST_ROOM_BYTES {
        number += 1;
        mesh.say(
            0,
            peer,
            Message::GetData { graft: false, wanted: vec![TxRef::Full(TxId([number; 32])); GETDATA_ENTRIES_MAX] },
        );
    }
    mesh.heard(0, peer);
    peer
}

/// Gives the peer's credit back.
fn hears(mesh: &mut Mesh, peer: PeerHandle) -> Vec<Message> {
    let lane = protocol::wire::message::Lane::Control;
    mesh.draining = true;
    mesh.input(0, Input::Drained { peer, lane, bytes: CONTROL_CREDIT_BYTES });
    mesh.run_secs(2);
    mesh.heard(0, peer)
}

#[test]
fn announcements_that_wait_are_bounded_and_the_oldest_go() {
    let mut mesh = mesh(Checking::Assumed);
    let peer = deaf(&mut mesh);
    let item = |number: u32| make::transaction(number, 1, 100, 1);
    for number in 0..ANNOUNCE_QUEUE_MAX as u32 {
        mesh.submit(0, &item(number));
        mesh.run_for(Duration::from_micros(100));
    }
    assert_eq!(mesh.nodes[0].stats().announcements_dropped, 0);
    mesh.submit(0, &item(u32::MAX));
    mesh.run_for(Duration::from_micros(100));
    assert_eq!(mesh.nodes[0].stats().announcements_dropped, 1);
    assert_eq!(mesh.heard(0, peer), []);
    let mut told = Vec::new();
    for message in hears(&mut mesh, peer) {
        if let Message::Inv(entries) = message {
            told.extend(entries.iter().map(|entry| entry.transaction.short()));
        }
    }
    assert_eq!(told.len(), ANNOUNCE_QUEUE_MAX);
    assert!(!told.contains(&item(0).id().short()) && told.contains(&item(1).id().short()));
}

#[test]
fn headers_that_wait_are_bounded_and_the_oldest_go() {
    for (count, first) in [(HEADER_QUEUE_MAX, 0), (HEADER_QUEUE_MAX + 1, 1)] {
        let mut mesh = mesh(Checking::Real);
        let peer = deaf(&mut mesh);
        let mut tip: Tip = genesis();
        let mut blocks: Vec<Arc<Block>> = Vec::new();
        for _ in 0..count {
            blocks.push(block(tip, &[], 1));
            tip = tip_of(&blocks[blocks.len() - 1]);
            mesh.publish(0, &blocks[blocks.len() - 1]);
            mesh.run_for(Duration::from_millis(1));
        }
        assert_eq!(mesh.heard(0, peer), []);
        let headers: Vec<BlockId> = hears(&mut mesh, peer)
            .iter()
            .filter_map(|message| match message {
                Message::BlockHeader { header, .. } => Some(header.id()),
                _ => None,
            })
            .collect();
        let wanted: Vec<BlockId> = blocks[first..].iter().map(|block| block.header.id()).collect();
        assert_eq!(headers, wanted);
    }
}

#[test]
fn a_peer_is_asked_for_headers_once_in_a_while() {
    let mut mesh = mesh(Checking::Real);
    let peer = mesh.greeted(0);
    let unknown = block(tip_of(&block(genesis(), &[], 1)), &[], 2);
    let asked = |mesh: &mut Mesh| {
        mesh.say(0, peer, announced_block(unknown.header));
        mesh.heard(0, peer).iter().any(|message| matches!(message, Message::GetHeaders(_)))
    };
    assert!(asked(&mut mesh));
    mesh.run_for(GETHEADERS_INTERVAL - Duration::from_micros(1));
    assert!(!asked(&mut mesh));
    mesh.run_for(Duration::from_micros(1));
    assert!(asked(&mut mesh));
}

#[test]
fn everything_of_a_peer_goes_with_it() {
    let mut mesh = mesh(Checking::Real);
    let peer = mesh.greeted(0);
    announce_nothing(&mut mesh, peer, 0..5_000);
    mesh.say(0, peer, Message::Block(block(tip_of(&block(genesis(), &[], 1)), &[], 2)));
    mesh.say(0, peer, Message::GetData { graft: false, wanted: vec![TxRef::Full(TxId([1; 32]))] });
    mesh.input(0, Input::PeerDisconnected { peer });
    assert_eq!(mesh.nodes[0].peer(peer), None);
    // Nothing waits for the peer any more.
    assert_eq!(mesh.nodes[0].poll_timeout(), None);
    mesh.heard(0, peer);
    mesh.say(0, peer, announce(TxId([2; 32])));
    assert_eq!(mesh.heard(0, peer), []);
}
