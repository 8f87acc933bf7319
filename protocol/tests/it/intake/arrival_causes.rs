//! With each body, the engine says why it came: one test for each cause.

use std::sync::Arc;

use protocol::gossip::{
    ArrivalCause, ArrivalWay, AuthorTree, Event, ItemId, PeerHandle, Reconciliation, RelayPolicy,
};
use protocol::items::block::Block;
use protocol::items::hash::RouteId;
use protocol::items::transaction::SignedTransaction;
use protocol::limits::{GRACE_MAX, GRACE_MIN, LATE_ITEMS_MAX, LIVE_AGE_MAX, RECONCILE_APART_MAX};
use protocol::time::Duration;
use protocol::wire::message::{Message, TxRef};

use crate::harness::{Checking, Mesh, block, block_item, genesis, tip_of, transaction, tx};
use crate::make;
use crate::say::{announced, announced_block, author_route, body, body_on, promised_block};

const AUTHOR: u8 = 5;
/// Long enough for the check of a signature.
const A_MOMENT: Duration = Duration::from_millis(1);

/// The causes of all bodies of an item that came to a node, in order.
fn causes(mesh: &Mesh, node: usize, wanted: ItemId) -> Vec<ArrivalCause> {
    let cause = |event: &Event| match event {
        Event::BodyReceived { item, cause, .. } if *item == wanted => Some(*cause),
        _ => None,
    };
    mesh.events[node].iter().filter_map(cause).collect()
}

fn trees() -> (Mesh, PeerHandle, PeerHandle) {
    let mut mesh = Mesh::new(1, RelayPolicy::AuthorTree(AuthorTree::default()));
    let (one, other) = (mesh.greeted(0), mesh.greeted(0));
    (mesh, one, other)
}

/// A peer pushes a transaction, and it is accepted.
fn push(mesh: &mut Mesh, from: PeerHandle, via: Option<RouteId>, nonce: u64) -> Arc<SignedTransaction> {
    let item = transaction(AUTHOR, nonce, 100);
    mesh.say(0, from, body_on(via, &item));
    mesh.run_for(A_MOMENT);
    item
}

fn is_asked(mesh: &mut Mesh, peer: PeerHandle) -> bool {
    let asks = |message: &Message| matches!(message, Message::GetData { .. } | Message::GetBlock { .. });
    mesh.heard(0, peer).iter().any(asks)
}

#[test]
fn a_push_comes_on_an_unknown_route_first_and_then_on_its_authors() {
    let (mut mesh, one, other) = trees();
    let first = push(&mut mesh, one, None, 1);
    assert_eq!(causes(&mesh, 0, tx(&first)), [ArrivalCause::NewRoute]);
    let second = push(&mut mesh, one, None, 2);
    mesh.say(0, other, body(&second));
    assert_eq!(causes(&mesh, 0, tx(&second)), [ArrivalCause::AuthorRoute; 2], "the second copy too");
}

#[test]
fn a_push_on_a_named_route_comes_on_that_of_the_entry_node() {
    let (mut mesh, one, _) = trees();
    let via = Some(RouteId([7; 8]));
    let first = push(&mut mesh, one, via, 1);
    assert_eq!(causes(&mesh, 0, tx(&first)), [ArrivalCause::NewRoute]);
    let second = push(&mut mesh, one, via, 2);
    assert_eq!(causes(&mesh, 0, tx(&second)), [ArrivalCause::EntryRoute]);
}

#[test]
fn the_first_push_of_a_grafted_peer_comes_because_of_the_graft() {
    let (mut mesh, slow, quick) = trees();
    for nonce in 1..=u64::from(LATE_ITEMS_MAX) {
        let item = push(&mut mesh, slow, None, nonce);
        // The other peer says that it has had the item for long.
        mesh.say(0, quick, announced(item.id().short(), 900));
        mesh.run_for(A_MOMENT);
    }
    let grafts =
        |message: &Message| matches!(message, Message::Graft(routes) if routes.contains(&author_route(AUTHOR)));
    assert!(mesh.heard(0, quick).iter().any(grafts));
    let first = push(&mut mesh, quick, None, 100);
    assert_eq!(causes(&mesh, 0, tx(&first)), [ArrivalCause::Graft]);
    let second = push(&mut mesh, quick, None, 101);
    assert_eq!(causes(&mesh, 0, tx(&second)), [ArrivalCause::AuthorRoute], "the graft has won");
}

#[test]
fn a_node_without_trees_knows_no_route_of_a_push() {
    let mut mesh = Mesh::new(1, RelayPolicy::Flood);
    let peer = mesh.greeted(0);
    let item = push(&mut mesh, peer, None, 1);
    assert_eq!(causes(&mesh, 0, tx(&item)), [ArrivalCause::Policy]);
}

#[test]
fn news_that_nobody_pushes_is_asked_for_after_the_grace() {
    let (mut mesh, one, _) = trees();
    let item = transaction(AUTHOR, 1, 100);
    mesh.say(0, one, announced(item.id().short(), 0));
    assert!(!is_asked(&mut mesh, one));
    mesh.run_for(GRACE_MAX);
    assert!(is_asked(&mut mesh, one));
    mesh.say(0, one, body(&item));
    assert_eq!(causes(&mesh, 0, tx(&item)), [ArrivalCause::AfterGrace]);
}

#[test]
fn an_old_item_and_one_without_trees_are_asked_for_at_once() {
    let old = u32::try_from(LIVE_AGE_MAX.as_millis()).expect("short");
    for (relay, age_ms) in [(RelayPolicy::default(), old), (RelayPolicy::Announce, 0)] {
        let mut mesh = Mesh::new(1, relay);
        let peer = mesh.greeted(0);
        let item = transaction(AUTHOR, 1, 100);
        mesh.say(0, peer, announced(item.id().short(), age_ms));
        assert!(is_asked(&mut mesh, peer));
        mesh.say(0, peer, body(&item));
        assert_eq!(causes(&mesh, 0, tx(&item)), [ArrivalCause::Announced]);
    }
}

#[test]
fn a_peer_that_is_asked_after_another_one_failed_is_asked_again() {
    let (mut mesh, one, other) = trees();
    let item = transaction(AUTHOR, 1, 100);
    for peer in [one, other] {
        mesh.say(0, peer, announced(item.id().short(), 0));
    }
    mesh.run_for(GRACE_MAX);
    let (first, second) = if is_asked(&mut mesh, one) { (one, other) } else { (other, one) };
    let lacks = Message::NotFound { transactions: vec![TxRef::Short(item.id().short())], blocks: vec![] };
    mesh.say(0, first, lacks);
    assert!(is_asked(&mut mesh, second));
    mesh.say(0, second, body(&item));
    assert_eq!(causes(&mesh, 0, tx(&item)), [ArrivalCause::Retry]);
}

#[test]
fn what_a_sketch_shows_to_be_missing_comes_because_of_the_sketch() {
    let mut mesh = Mesh::reconciling(2, RelayPolicy::None, Reconciliation::default(), 1);
    mesh.connect(0, 1);
    mesh.run_secs(1);
    let item = transaction(AUTHOR, 1, 100);
    mesh.submit(0, &item);
    mesh.run_secs(20);
    assert_eq!(causes(&mesh, 1, tx(&item)), [ArrivalCause::Sketch]);
}

#[test]
fn what_a_peer_lists_comes_because_of_the_list() {
    let mut mesh = Mesh::reconciling(2, RelayPolicy::None, Reconciliation::default(), 1);
    mesh.checking = Checking::Assumed;
    let items: Vec<_> =
        (0..RECONCILE_APART_MAX as u64 + 10).map(|nonce| make::transaction(1, nonce, 1_000, 10)).collect();
    items.iter().for_each(|item| mesh.submit(0, item));
    mesh.run_secs(5);
    mesh.connect(0, 1);
    mesh.run_secs(5);
    let listed = items.iter().filter(|item| causes(&mesh, 1, tx(item)) == [ArrivalCause::List]);
    assert_eq!(listed.count(), items.len());
}

/// A block that travels on the bulk lane.
fn large(parent: protocol::wire::message::Tip, number: u64) -> Arc<Block> {
    let bodies: Vec<_> = (0..5).map(|nonce| transaction(AUTHOR, 10 * number + nonce, 1_500)).collect();
    block(parent, &bodies, number)
}

fn id_of(block: &Block) -> ItemId {
    block_item(block.header.id())
}

#[test]
fn an_announced_block_is_asked_for_at_once_and_a_promised_one_is_a_push_on_its_producers_route() {
    let (mut mesh, one, _) = trees();
    let first = large(genesis(), 1);
    mesh.say(0, one, announced_block(first.header));
    mesh.run_for(A_MOMENT);
    assert!(is_asked(&mut mesh, one));
    mesh.say(0, one, Message::Block(first.clone()));
    mesh.run_for(A_MOMENT.times(5));
    assert_eq!(causes(&mesh, 0, id_of(&first)), [ArrivalCause::Announced]);
    let second = large(tip_of(&first), 2);
    mesh.say(0, one, promised_block(second.header));
    mesh.run_for(A_MOMENT);
    mesh.say(0, one, Message::Block(second.clone()));
    assert_eq!(causes(&mesh, 0, id_of(&second)), [ArrivalCause::AuthorRoute]);
}

#[test]
fn a_block_that_its_feeder_does_not_push_is_asked_for_after_the_grace() {
    let (mut mesh, feeder, other) = trees();
    let first = large(genesis(), 1);
    mesh.say(0, feeder, announced_block(first.header));
    mesh.run_for(A_MOMENT);
    mesh.say(0, feeder, Message::Block(first.clone()));
    mesh.run_for(A_MOMENT.times(5));
    let second = large(tip_of(&first), 2);
    mesh.say(0, other, announced_block(second.header));
    mesh.run_for(A_MOMENT);
    mesh.heard(0, other);
    mesh.run_for(GRACE_MIN.times(3));
    assert!(is_asked(&mut mesh, other));
    mesh.say(0, other, Message::Block(second.clone()));
    assert_eq!(causes(&mesh, 0, id_of(&second)), [ArrivalCause::AfterGrace]);
}

#[test]
fn blocks_that_a_new_node_lacks_come_to_catch_up() {
    let mut mesh = Mesh::new(2, RelayPolicy::default());
    let mut blocks = vec![large(genesis(), 1)];
    for number in 2..6 {
        blocks.push(large(tip_of(blocks.last().expect("one")), number));
    }
    blocks.iter().for_each(|block| {
        mesh.publish(0, block);
        mesh.run_for(A_MOMENT.times(5));
    });
    mesh.connect(1, 0);
    mesh.run_secs(5);
    for block in &blocks {
        assert_eq!(causes(&mesh, 1, id_of(block)), [ArrivalCause::CatchUp]);
    }
}

#[test]
fn every_cause_has_a_name_a_code_and_a_way_of_its_own() {
    for (place, cause) in ArrivalCause::ALL.into_iter().enumerate() {
        assert_eq!(cause.code(), place as u64);
        assert_eq!(ArrivalCause::from_code(cause.code()), Some(cause));
        assert_eq!(ArrivalCause::named(cause.name()), Some(cause));
        assert!(!cause.reason().is_empty());
    }
    assert_eq!(ArrivalCause::from_code(ArrivalCause::ALL.len() as u64), None);
    assert_eq!(ArrivalCause::named("nothing"), None);
    assert_eq!(ArrivalCause::Graft.way(), ArrivalWay::Pushed);
    assert_eq!(ArrivalCause::CatchUp.way(), ArrivalWay::Fetched);
}
