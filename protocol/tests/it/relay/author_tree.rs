//! Author trees: what flooding teaches, which peers are pruned and grafted, and the items on an entry node's own
//! route.

use std::sync::Arc;

use protocol::gossip::{AuthorTree, PeerHandle, Redundancy, RelayPolicy};
use protocol::items::hash::RouteId;
use protocol::items::transaction::SignedTransaction;
use protocol::limits::{ANNOUNCE_WINDOW_MAX, GRACE_MIN, HOME_ITEMS_MOVED, HOME_ITEMS_NEW, LATE_MIN, PRUNE_WINDOW};
use protocol::time::Duration;
use protocol::wire::message::{Message, TxRef};

use crate::harness::{Mesh, transaction, tx};
use crate::say::{announced, author_route, body_on, carries};

const TREE: RelayPolicy = RelayPolicy::AuthorTree(AuthorTree { redundancy: redundancy(0) });

const fn redundancy(hundredths: u16) -> Redundancy {
    match Redundancy::from_hundredths(hundredths) {
        Some(redundancy) => redundancy,
        None => panic!("within bounds"),
    }
}

fn push(mesh: &mut Mesh, from: PeerHandle, via: Option<RouteId>, item: &Arc<SignedTransaction>) {
    mesh.say(0, from, body_on(via, item));
}

fn announce(mesh: &mut Mesh, from: PeerHandle, item: &SignedTransaction, age_ms: u32) {
    mesh.say(0, from, announced(item.id().short(), age_ms));
}

/// Lets verdicts return, and lets the prunes leave that wait for another message.
fn settle(mesh: &mut Mesh) {
    mesh.run_for(PRUNE_WINDOW + Duration::from_millis(1));
}

fn bodies_sent(mesh: &Mesh, item: &SignedTransaction) -> usize {
    mesh.conversation().filter(|(_, message)| carries(message, item)).count()
}

fn pushed_to(mesh: &mut Mesh, peer: PeerHandle, item: &SignedTransaction) -> Option<Option<RouteId>> {
    mesh.heard(0, peer).into_iter().find_map(|message| match message {
        Message::Transactions { via, bodies } if bodies.iter().any(|body| body.id() == item.id()) => Some(via),
        _ => None,
    })
}

fn pruned_of(messages: &[Message]) -> Vec<RouteId> {
    let of = |message: &Message| if let Message::Prune(routes) = message { routes.clone() } else { Vec::new() };
    messages.iter().flat_map(of).collect()
}

fn grafted_of(messages: &[Message]) -> Vec<RouteId> {
    let of = |message: &Message| if let Message::Graft(routes) = message { routes.clone() } else { Vec::new() };
    messages.iter().flat_map(of).collect()
}

/// A node with peers that have said hello, and a route of author 1 whose parent is the first of them.
fn taught(peers: usize) -> (Mesh, Vec<PeerHandle>) {
    let mut mesh = Mesh::new(1, TREE);
    let peers: Vec<PeerHandle> = (0..peers).map(|_| mesh.greeted(0)).collect();
    for nonce in 0..2 {
        push(&mut mesh, peers[0], None, &transaction(1, nonce, 9));
        settle(&mut mesh);
    }
    peers.iter().for_each(|peer| drop(mesh.heard(0, *peer)));
    (mesh, peers)
}

#[test]
fn a_warm_item_is_sent_once_to_each_node_and_as_fast_as_by_flooding() {
    let last_arrival = |relay| {
        let mut mesh = Mesh::new(16, relay);
        mesh.connect_all();
        mesh.run_secs(2);
        for nonce in 0..8 {
            mesh.submit(3, &transaction(1, nonce, 40));
            mesh.run_secs(2);
        }
        let (item, before) = (transaction(1, 8, 40), mesh.now);
        mesh.submit(3, &item);
        let mut last = mesh.now;
        while mesh.nodes_with(tx(&item)) < 16 {
            mesh.run_for(Duration::from_millis(1));
            last = mesh.now;
        }
        mesh.run_secs(5);
        (last.since(before), bodies_sent(&mesh, &item))
    };
    let (tree, flood) = (last_arrival(TREE), last_arrival(RelayPolicy::Flood));
    assert_eq!(tree.1, 15, "a spanning tree has an edge for each other node");
    assert!(flood.1 > 30, "{flood:?}");
    assert_eq!(tree.0, flood.0);
}

#[test]
fn who_pushes_a_good_item_in_vain_is_pruned_and_the_first_is_not() {
    let mut mesh = Mesh::new(1, TREE);
    let (first, second, third) = (mesh.greeted(0), mesh.greeted(0), mesh.greeted(0));
    let item = transaction(1, 1, 9);
    push(&mut mesh, first, None, &item);
    // The second peer pushes it while its signature is checked, and the third one afterwards.
    push(&mut mesh, second, None, &item);
    mesh.run_for(Duration::from_millis(1));
    push(&mut mesh, third, None, &item);
    settle(&mut mesh);
    assert_eq!(pruned_of(&mesh.heard(0, first)), []);
    assert_eq!(pruned_of(&mesh.heard(0, second)), [author_route(1)]);
    assert_eq!(pruned_of(&mesh.heard(0, third)), [author_route(1)]);
}

#[test]
fn a_graft_that_the_push_overtook_is_taken_back() {
    let (mut mesh, peers) = taught(2);
    let item = transaction(1, 10, 9);
    announce(&mut mesh, peers[1], &item, 0);
    mesh.run_for(GRACE_MIN + Duration::from_millis(1));
    assert!(mesh.heard(0, peers[1]).iter().any(|message| matches!(message, Message::GetData { graft: true, .. })));
    push(&mut mesh, peers[0], None, &item);
    push(&mut mesh, peers[1], None, &item);
    settle(&mut mesh);
    assert_eq!(pruned_of(&mesh.heard(0, peers[1])), [author_route(1)]);
    assert_eq!(pruned_of(&mesh.heard(0, peers[0])), []);
}

#[test]
fn a_body_that_was_asked_for_and_is_the_first_makes_its_sender_the_parent() {
    let (mut mesh, peers) = taught(2);
    let item = transaction(1, 10, 9);
    announce(&mut mesh, peers[1], &item, 0);
    mesh.run_for(GRACE_MIN + Duration::from_millis(1));
    push(&mut mesh, peers[1], None, &item);
    push(&mut mesh, peers[0], None, &item);
    settle(&mut mesh);
    assert_eq!(pruned_of(&mesh.heard(0, peers[1])), []);
    assert_eq!(pruned_of(&mesh.heard(0, peers[0])), [author_route(1)], "the old one came second");
}

#[test]
fn a_prune_makes_a_link_lazy_for_one_route_and_a_graft_makes_it_eager() {
    let (mut mesh, peers) = taught(3);
    mesh.say(0, peers[1], Message::Prune(vec![author_route(1)]));
    let send = |mesh: &mut Mesh, author, nonce| {
        let item = transaction(author, nonce, 9);
        push(mesh, peers[0], None, &item);
        mesh.run_for(Duration::from_millis(1));
        item
    };
    let item = send(&mut mesh, 1, 20);
    assert_eq!(pushed_to(&mut mesh, peers[1], &item), None);
    assert_eq!(pushed_to(&mut mesh, peers[2], &item), Some(None));
    let other = send(&mut mesh, 2, 1);
    assert_eq!(pushed_to(&mut mesh, peers[1], &other), Some(None), "another author's route");
    mesh.say(0, peers[1], Message::Graft(vec![author_route(1)]));
    let item = send(&mut mesh, 1, 21);
    assert_eq!(pushed_to(&mut mesh, peers[1], &item), Some(None));
}

#[test]
fn asking_with_a_graft_makes_the_link_eager() {
    let (mut mesh, peers) = taught(2);
    mesh.say(0, peers[1], Message::Prune(vec![author_route(1)]));
    let missed = transaction(1, 30, 9);
    push(&mut mesh, peers[0], None, &missed);
    mesh.run_for(ANNOUNCE_WINDOW_MAX.times(2));
    let wanted = vec![TxRef::Short(missed.id().short())];
    mesh.say(0, peers[1], Message::GetData { graft: true, wanted });
    assert_eq!(pushed_to(&mut mesh, peers[1], &missed), Some(None), "served");
    let next = transaction(1, 31, 9);
    push(&mut mesh, peers[0], None, &next);
    mesh.run_for(Duration::from_millis(1));
    assert_eq!(pushed_to(&mut mesh, peers[1], &next), Some(None));
}

#[test]
fn news_waits_for_a_push_and_what_is_old_does_not() {
    let asked = |age_ms: u32, wait: Duration| {
        let (mut mesh, peers) = taught(2);
        announce(&mut mesh, peers[1], &transaction(1, 40, 9), age_ms);
        mesh.run_for(wait);
        mesh.heard(0, peers[1]).iter().any(|message| matches!(message, Message::GetData { .. }))
    };
    let almost = Duration::from_micros(GRACE_MIN.as_micros() - 1);
    assert!(!asked(0, almost), "it may be on its way");
    assert!(asked(0, GRACE_MIN));
    // The announcer has had it for 20 ms, so 20 ms of the time are over.
    let rest = Duration::from_micros(GRACE_MIN.as_micros() - 20_000);
    assert!(!asked(20, Duration::from_micros(rest.as_micros() - 1)));
    assert!(asked(20, rest));
    assert!(asked(60_000, Duration::ZERO), "nobody pushes it any more");
}

#[test]
fn a_parent_that_is_late_twice_is_replaced_without_a_gap() {
    let (mut mesh, peers) = taught(2);
    let (parent, quick) = (peers[0], peers[1]);
    let late_ms = LATE_MIN.as_millis() as u32 + 2;
    let mut grafted = Vec::new();
    for nonce in 50..53 {
        let item = transaction(1, nonce, 9);
        push(&mut mesh, parent, None, &item);
        mesh.run_for(Duration::from_millis(1));
        // The announcer has had it for longer than the time since the parent's push came.
        announce(&mut mesh, quick, &item, late_ms + 1);
        grafted.push(grafted_of(&mesh.heard(0, quick)));
        mesh.run_secs(1);
    }
    assert_eq!(grafted[..2], [vec![], vec![author_route(1)]]);
    assert_eq!(pruned_of(&mesh.heard(0, parent)), [], "it stays until it is second");
    let item = transaction(1, 60, 9);
    push(&mut mesh, quick, None, &item);
    push(&mut mesh, parent, None, &item);
    settle(&mut mesh);
    assert_eq!(pruned_of(&mesh.heard(0, parent)), [author_route(1)]);
}

#[test]
fn a_parent_that_is_as_late_as_allowed_stays() {
    let (mut mesh, peers) = taught(2);
    for nonce in 50..60 {
        let item = transaction(1, nonce, 9);
        push(&mut mesh, peers[0], None, &item);
        mesh.run_for(Duration::from_millis(1));
        announce(&mut mesh, peers[1], &item, LATE_MIN.as_millis() as u32 + 1);
        mesh.run_secs(1);
    }
    assert_eq!(grafted_of(&mesh.heard(0, peers[1])), []);
}

#[test]
fn when_a_parent_leaves_the_announcer_closest_behind_it_is_grafted() {
    let (mut mesh, peers) = taught(3);
    let item = transaction(1, 70, 9);
    push(&mut mesh, peers[0], None, &item);
    mesh.run_for(Duration::from_millis(20));
    announce(&mut mesh, peers[1], &item, 3);
    announce(&mut mesh, peers[2], &item, 15);
    let gone = protocol::gossip::Input::PeerDisconnected { peer: peers[0] };
    mesh.input(0, gone);
    assert_eq!(grafted_of(&mesh.heard(0, peers[2])), [author_route(1)]);
    assert_eq!(grafted_of(&mesh.heard(0, peers[1])), []);
}

#[test]
fn an_author_that_nobody_knows_travels_on_the_entry_nodes_route_until_it_is_at_home() {
    let mut mesh = Mesh::new(1, TREE);
    let peer = mesh.greeted(0);
    let vias: Vec<_> = (0..u64::from(HOME_ITEMS_NEW) + 1)
        .map(|nonce| {
            let item = transaction(1, nonce, 9);
            mesh.submit(0, &item);
            mesh.run_for(Duration::from_millis(1));
            pushed_to(&mut mesh, peer, &item).expect("pushed")
        })
        .collect();
    let visits = usize::from(HOME_ITEMS_NEW) - 1;
    assert!(vias[..visits].iter().all(|via| via.is_some() && *via == vias[0]), "{vias:?}");
    assert!(vias[visits..].iter().all(Option::is_none), "{vias:?}");
    // The items of another author that enter here travel on the same route.
    let other = transaction(2, 0, 9);
    mesh.submit(0, &other);
    mesh.run_for(Duration::from_millis(1));
    assert_eq!(pushed_to(&mut mesh, peer, &other), Some(vias[0]));
}

#[test]
fn an_author_at_home_elsewhere_is_a_visitor_until_it_has_moved() {
    let (mut mesh, peers) = taught(2);
    let mut nonce = 100;
    let mut submit = |mesh: &mut Mesh| {
        nonce += 1;
        let item = transaction(1, nonce, 9);
        mesh.submit(0, &item);
        mesh.run_for(Duration::from_millis(1));
        pushed_to(mesh, peers[1], &item).expect("pushed")
    };
    for _ in 1..HOME_ITEMS_MOVED {
        assert!(submit(&mut mesh).is_some());
    }
    // An item that comes from the author's home in between: the row begins anew.
    push(&mut mesh, peers[0], None, &transaction(1, 90, 9));
    mesh.run_for(Duration::from_millis(1));
    for _ in 1..HOME_ITEMS_MOVED {
        assert!(submit(&mut mesh).is_some());
    }
    assert_eq!(submit(&mut mesh), None, "moved");
}

#[test]
fn what_came_on_an_entry_nodes_route_goes_on_and_is_pruned_on_it() {
    let mut mesh = Mesh::new(1, TREE);
    let (first, second, third) = (mesh.greeted(0), mesh.greeted(0), mesh.greeted(0));
    let (via, item) = (Some(RouteId([9; 8])), transaction(1, 1, 9));
    push(&mut mesh, first, via, &item);
    mesh.run_for(Duration::from_millis(1));
    assert_eq!(pushed_to(&mut mesh, third, &item), Some(via));
    push(&mut mesh, second, via, &item);
    settle(&mut mesh);
    assert_eq!(pruned_of(&mesh.heard(0, second)), [RouteId([9; 8])]);
}

#[test]
fn a_known_entry_nodes_route_teaches_that_of_its_guest() {
    let mut mesh = Mesh::new(1, TREE);
    let (parent, pruner, child) = (mesh.greeted(0), mesh.greeted(0), mesh.greeted(0));
    let via = Some(RouteId([9; 8]));
    for nonce in 0..u64::from(HOME_ITEMS_NEW) - 1 {
        push(&mut mesh, parent, via, &transaction(1, nonce, 9));
        mesh.run_for(Duration::from_millis(1));
        mesh.say(0, pruner, Message::Prune(vec![RouteId([9; 8])]));
    }
    let item = transaction(1, 10, 9);
    push(&mut mesh, parent, None, &item);
    mesh.run_for(Duration::from_millis(1));
    assert_eq!(pushed_to(&mut mesh, pruner, &item), None);
    assert_eq!(pushed_to(&mut mesh, child, &item), Some(None));
    // If the item comes from another side, the copied route would lead elsewhere. So the item is flooded.
    let mut mesh = Mesh::new(1, TREE);
    let (parent, pruner, other) = (mesh.greeted(0), mesh.greeted(0), mesh.greeted(0));
    for nonce in 0..u64::from(HOME_ITEMS_NEW) - 1 {
        push(&mut mesh, parent, via, &transaction(1, nonce, 9));
        mesh.run_for(Duration::from_millis(1));
        mesh.say(0, pruner, Message::Prune(vec![RouteId([9; 8])]));
    }
    push(&mut mesh, other, None, &item);
    mesh.run_for(Duration::from_millis(1));
    assert_eq!(pushed_to(&mut mesh, pruner, &item), Some(None));
}

#[test]
fn with_redundancy_wanted_copies_are_welcome_until_there_are_enough() {
    let policy = RelayPolicy::AuthorTree(AuthorTree { redundancy: redundancy(10) });
    let mut mesh = Mesh::new(1, policy);
    let (first, second) = (mesh.greeted(0), mesh.greeted(0));
    let mut pruned_at = None;
    for nonce in 0..64 {
        let item = transaction(1, nonce, 9);
        push(&mut mesh, first, None, &item);
        push(&mut mesh, second, None, &item);
        settle(&mut mesh);
        if pruned_at.is_none() && !pruned_of(&mesh.heard(0, second)).is_empty() {
            pruned_at = Some(nonce);
        }
    }
    // One tenth is wanted. The memory covers 64 items, and one link counts for a quarter of it at most.
    let at = pruned_at.expect("enough in the end");
    assert!((5..40).contains(&at), "{at}");
}

#[test]
fn announcements_wait_longer_while_nobody_needs_them_and_not_after_somebody_did() {
    let (mut mesh, peers) = taught(2);
    mesh.say(0, peers[1], Message::Prune(vec![author_route(1)]));
    let mut waits = Vec::new();
    let mut nonce = 200;
    let mut wait = |mesh: &mut Mesh| {
        nonce += 1;
        push(mesh, peers[0], None, &transaction(1, nonce, 9));
        let start = mesh.now;
        while !mesh.heard(0, peers[1]).iter().any(|message| matches!(message, Message::Inv(_))) {
            mesh.run_for(Duration::from_millis(1));
        }
        mesh.now.since(start)
    };
    for _ in 0..10 {
        waits.push(wait(&mut mesh));
    }
    assert!(waits[0] <= Duration::from_millis(32), "{waits:?}");
    assert!(waits[9] >= Duration::from_millis(500), "{waits:?}");
    assert!(waits.iter().all(|wait| *wait <= Duration::from_millis(1_502)), "{waits:?}");
    let wanted = vec![TxRef::Short(transaction(1, 201, 9).id().short())];
    mesh.say(0, peers[1], Message::GetData { graft: false, wanted });
    assert!(wait(&mut mesh) <= Duration::from_millis(32));
}

#[test]
fn a_bad_signature_teaches_nothing() {
    let mut mesh = Mesh::new(1, TREE);
    let (liar, honest) = (mesh.greeted(0), mesh.greeted(0));
    let mut spoiled = transaction(1, 1, 9).encoded().to_vec();
    let last = spoiled.len() - 1;
    spoiled[last] ^= 1;
    mesh.say(0, liar, Message::Transactions { via: None, bodies: vec![spoiled.into()] });
    settle(&mut mesh);
    assert_eq!(mesh.heard(0, honest), []);
    let mut fill = std::collections::BTreeMap::new();
    mesh.nodes[0].occupancy(&mut |seen| {
        fill.insert(seen.what, seen.used);
    });
    assert_eq!((fill["new routes"], fill["first sights"]), (0, 0));
}

#[test]
fn what_travels_on_several_routes_is_answered_in_several_messages() {
    let mut mesh = Mesh::new(1, TREE);
    let (giver, asker) = (mesh.greeted(0), mesh.greeted(0));
    let routes = [Some(RouteId([9; 8])), None, Some(RouteId([9; 8]))];
    let items: Vec<_> = (0..3).map(|nonce| transaction(1, nonce, 9)).collect();
    for (via, item) in routes.iter().zip(&items) {
        push(&mut mesh, giver, *via, item);
    }
    settle(&mut mesh);
    mesh.heard(0, asker);
    let wanted = items.iter().map(|item| TxRef::Short(item.id().short())).collect();
    mesh.say(0, asker, Message::GetData { graft: false, wanted });
    let answers = mesh.heard(0, asker).into_iter().filter_map(|message| match message {
        Message::Transactions { via, bodies } => {
            Some((via, bodies.iter().map(|body| body.id()).collect::<Vec<_>>()))
        }
        _ => None,
    });
    let wanted: Vec<_> = routes.into_iter().zip(items.iter().map(|item| vec![item.id()])).collect();
    assert_eq!(answers.collect::<Vec<_>>(), wanted);
}
