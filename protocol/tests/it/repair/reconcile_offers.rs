//! A take refers to the offer that its peer read: a question that comes twice gets the same answer as the first
//! time.

use std::sync::Arc;

use protocol::gossip::{Digest, PeerHandle, Reconciliation, RelayPolicy};
use protocol::items::hash::{ShortId, TxId};
use protocol::items::transaction::SignedTransaction;
use protocol::limits::TAKE_PLACES_MAX;
use protocol::time::Duration;
use protocol::wire::message::{Message, Outcome, Reconcile, Tip};

use crate::harness::{Checking, Mesh, genesis};
use crate::make;

const NUMBER: u32 = 7;

/// A node that holds 20 transactions, and a peer that the test plays.
fn held_by_a_node() -> (Mesh, PeerHandle, Vec<Arc<SignedTransaction>>) {
    let mut mesh = Mesh::reconciling(1, RelayPolicy::Announce, Reconciliation::default(), 1);
    mesh.checking = Checking::Assumed;
    let peer = mesh.greeted(0);
    let items = ordered(0..20);
    items.iter().for_each(|item| mesh.submit(0, item));
    mesh.run_secs(5);
    mesh.heard(0, peer);
    (mesh, peer, items)
}

/// Transactions in the order of their ids, which is the order of a list.
fn ordered(nonces: std::ops::Range<u64>) -> Vec<Arc<SignedTransaction>> {
    let mut items: Vec<_> = nonces.map(|nonce| make::transaction(1, nonce, 1_000, 10)).collect();
    items.sort_by_key(|item| item.id());
    items
}

fn say(mesh: &mut Mesh, peer: PeerHandle, message: Reconcile) {
    mesh.say(0, peer, Message::Reconcile(Box::new(message)));
}

fn list(mesh: &mut Mesh, peer: PeerHandle, after: Option<ShortId>) {
    say(mesh, peer, Reconcile::List { number: NUMBER, after });
}

/// Asks for these places of the offer.
fn take(mesh: &mut Mesh, peer: PeerHandle, places: &[usize]) {
    let mut bits = vec![0_u8; 512];
    for place in places {
        bits[place / 8] |= 0x80 >> (place % 8);
    }
    say(mesh, peer, Reconcile::Take { number: NUMBER, places: bits.into() });
}

/// The offers and bodies that the peer received since the last call.
fn heard(mesh: &mut Mesh, peer: PeerHandle) -> (Vec<Vec<ShortId>>, Vec<TxId>) {
    let (mut offers, mut bodies) = (Vec::new(), Vec::new());
    for message in mesh.heard(0, peer) {
        match message {
            Message::Transactions { bodies: came, .. } => bodies.extend(came.iter().map(|body| body.id())),
            Message::Reconcile(message) => match *message {
                Reconcile::Offer { ids, .. } | Reconcile::Difference { offered: ids, .. } => offers.push(ids),
                _ => {}
            },
            _ => {}
        }
    }
    (offers, bodies)
}

fn shorts(items: &[Arc<SignedTransaction>]) -> Vec<ShortId> {
    items.iter().map(|item| item.id().short()).collect()
}

#[test]
fn a_list_that_is_asked_for_twice_is_the_same_twice_so_that_a_take_brings_no_echo() {
    let (mut mesh, peer, items) = held_by_a_node();
    // The peer has the first item itself.
    mesh.say(0, peer, Message::Transactions { via: None, bodies: vec![items[0].clone().into()] });
    list(&mut mesh, peer, None);
    let (first, _) = heard(&mut mesh, peer);
    assert_eq!(first, [shorts(&items)]);
    // Meanwhile a new item comes, which is before all others in the order of ids.
    let new = ordered(100..200).remove(0);
    assert!(new.id() < items[0].id());
    mesh.submit(0, &new);
    mesh.run_for(Duration::from_millis(1));
    list(&mut mesh, peer, None);
    let (second, _) = heard(&mut mesh, peer);
    // Like any node, the peer asks for the items that it lacks of the offer that it read last.
    let read = second.last().unwrap().clone();
    let lacks = |place: &usize| read[*place] != items[0].id().short();
    let places: Vec<usize> = (0..read.len()).filter(lacks).collect();
    take(&mut mesh, peer, &places);
    let (_, bodies) = heard(&mut mesh, peer);
    let asked: Vec<_> = places.iter().map(|place| read[*place]).collect();
    assert_eq!(bodies.iter().map(TxId::short).collect::<Vec<_>>(), asked);
    assert_eq!(second, first);
}

#[test]
fn the_next_part_of_a_list_may_have_the_number_of_the_last() {
    let (mut mesh, peer, items) = held_by_a_node();
    list(&mut mesh, peer, None);
    list(&mut mesh, peer, Some(items[9].id().short()));
    assert_eq!(heard(&mut mesh, peer).0, [shorts(&items), shorts(&items[10..])]);
    take(&mut mesh, peer, &[2]);
    assert_eq!(heard(&mut mesh, peer).1, [items[12].id()], "it is of the last offer");
}

#[test]
fn a_take_of_as_many_places_as_it_may_name_brings_them_all() {
    let mut mesh = Mesh::reconciling(1, RelayPolicy::Announce, Reconciliation::default(), 1);
    mesh.checking = Checking::Assumed;
    let peer = mesh.greeted(0);
    let items = ordered(0..TAKE_PLACES_MAX as u64 + 20);
    items.iter().for_each(|item| mesh.submit(0, item));
    mesh.run_secs(5);
    mesh.heard(0, peer);
    list(&mut mesh, peer, None);
    // The last items of the list, so that they are not the first ones by chance.
    let places: Vec<usize> = (20..items.len()).collect();
    take(&mut mesh, peer, &places);
    mesh.run_secs(1);
    let (_, bodies) = heard(&mut mesh, peer);
    assert_eq!(bodies, items[20..].iter().map(|item| item.id()).collect::<Vec<_>>());
}

#[test]
fn a_sketch_without_symbols_is_answered_with_busy_and_harms_nobody() {
    let (mut mesh, peer, _) = held_by_a_node();
    let (tip, symbols) = (Tip { height: 0, id: genesis().id }, Vec::new().into());
    say(
        &mut mesh,
        peer,
        Reconcile::Open { number: NUMBER, digest: Digest::PushPull, size: 0, tip, salt: [1; 16], symbols },
    );
    let busy = Reconcile::Difference {
        number: NUMBER,
        outcome: Outcome::Busy,
        tip,
        wanted: Vec::new(),
        offered: Vec::new(),
    };
    assert_eq!(mesh.heard(0, peer), [Message::Reconcile(Box::new(busy))]);
    assert_eq!(mesh.disconnected(0, peer), None);
}

#[test]
fn an_opening_that_comes_twice_is_offered_the_same_twice() {
    let (mut mesh, peer, items) = held_by_a_node();
    let open = |number, salt| Reconcile::Open {
        number,
        digest: Digest::PushPull,
        size: 0,
        tip: Tip { height: 0, id: genesis().id },
        salt,
        symbols: vec![0; 64 * 11].into(),
    };
    say(&mut mesh, peer, open(NUMBER, [1; 16]));
    let (offers, _) = heard(&mut mesh, peer);
    assert_eq!(offers.iter().map(Vec::len).collect::<Vec<_>>(), [items.len()]);
    let offer = &offers[0];
    for item in ordered(100..110) {
        mesh.submit(0, &item);
    }
    mesh.run_secs(5);
    heard(&mut mesh, peer);
    say(&mut mesh, peer, open(NUMBER, [1; 16]));
    assert_eq!(heard(&mut mesh, peer).0, offers);
    take(&mut mesh, peer, &[3]);
    let (_, bodies) = heard(&mut mesh, peer);
    assert_eq!(bodies.iter().map(TxId::short).collect::<Vec<_>>(), [offer[3]]);
    // With another salt it is another conversation.
    mesh.run_secs(1);
    say(&mut mesh, peer, open(NUMBER, [2; 16]));
    assert_eq!(heard(&mut mesh, peer).0.iter().map(Vec::len).collect::<Vec<_>>(), [items.len() + 10]);
}
