//! The limits on the cost of author trees: memories of routes at their bounds and one past them, and the budget
//! for floods.

use std::collections::BTreeMap;
use std::sync::Arc;

use protocol::gossip::{Input, PeerHandle, RelayPolicy};
use protocol::items::hash::{RouteId, ShortId};
use protocol::items::keys::SecretKey;
use protocol::items::transaction::{SignedTransaction, Transaction};
use protocol::items::verify::Verdict;
use protocol::limits::{
    FLOOD_BURST_BYTES, GRACE_MIN, GUESTS_MAX, LIVE_AGE_MAX, MISSED_AFTER, OVERDUE_MAX, ROUTES_ENTRIES_MAX,
    ROUTES_NEW_MAX, ROUTES_SETTLED_MAX, SIGHTS_MAX, TOLD_MAX,
};
use protocol::time::Duration;
use protocol::wire::message::{InvEntry, Message, TxRef};

use crate::harness::{Checking, Mesh, network, transaction};
use crate::say::{body, body_on, carries};

fn mesh() -> Mesh {
    let mut mesh = Mesh::new(1, RelayPolicy::default());
    mesh.checking = Checking::Assumed;
    mesh
}

fn fill(mesh: &Mesh) -> BTreeMap<&'static str, usize> {
    let mut fill = BTreeMap::new();
    mesh.nodes[0].occupancy(&mut |seen| {
        assert!(seen.used <= seen.limit, "{seen:?}");
        fill.insert(seen.what, seen.used);
    });
    fill
}

/// A transaction of an author that writes nothing else.
fn of_author(author: u32, nonce: u64) -> Arc<SignedTransaction> {
    let mut seed = [7; 32];
    seed[..4].copy_from_slice(&author.to_be_bytes());
    let key = SecretKey::from_seed(&seed);
    let unsigned = Transaction { author: key.public(), nonce, valid_until: 1_000, payload: vec![1].into() };
    Arc::new(unsigned.sign(&key, &network()).expect("a short payload"))
}

fn push(mesh: &mut Mesh, from: PeerHandle, via: Option<RouteId>, item: &SignedTransaction) {
    mesh.say(0, from, body_on(via, item));
    mesh.run_for(Duration::from_millis(1));
}

fn is_pushed(mesh: &mut Mesh, to: PeerHandle, item: &SignedTransaction) -> bool {
    mesh.heard(0, to).iter().any(|message| carries(message, item))
}

#[test]
fn authors_that_write_once_push_out_each_other_and_no_other() {
    let mut mesh = mesh();
    let (from, pruner) = (mesh.greeted(0), mesh.greeted(0));
    for nonce in 0..2 {
        push(&mut mesh, from, None, &of_author(0, nonce));
    }
    let route = RouteId::of(protocol::items::hash::RouteKind::Transaction, &of_author(0, 0).author().0);
    mesh.say(0, pruner, Message::Prune(vec![route]));
    for author in 1..=ROUTES_NEW_MAX as u32 {
        push(&mut mesh, from, None, &of_author(author, 0));
    }
    assert_eq!((fill(&mesh)["new routes"], fill(&mesh)["settled routes"]), (ROUTES_NEW_MAX, 1));
    push(&mut mesh, from, None, &of_author(ROUTES_NEW_MAX as u32 + 1, 0));
    assert_eq!((fill(&mesh)["new routes"], fill(&mesh)["settled routes"]), (ROUTES_NEW_MAX, 1));
    mesh.heard(0, pruner);
    let item = of_author(0, 2);
    push(&mut mesh, from, None, &item);
    assert!(!is_pushed(&mut mesh, pruner, &item), "its prune is remembered");
}

#[test]
fn settled_routes_and_guests_are_bounded() {
    let mut mesh = mesh();
    let from = mesh.greeted(0);
    for author in 0..=ROUTES_SETTLED_MAX as u32 {
        for nonce in 0..2 {
            push(&mut mesh, from, None, &of_author(author, nonce));
        }
        let settled = fill(&mesh)["settled routes"];
        assert_eq!(settled, (author as usize + 1).min(ROUTES_SETTLED_MAX));
    }
    for author in 0..=GUESTS_MAX as u32 {
        push(&mut mesh, from, Some(RouteId([1; 8])), &of_author(author, 2));
    }
    assert_eq!(fill(&mesh)["authors that are guests"], GUESTS_MAX);
    assert_eq!(fill(&mesh)["first sights"], SIGHTS_MAX);
}

#[test]
fn one_links_floods_have_a_budget_and_others_have_their_own() {
    let mut mesh = mesh();
    let (greedy, modest, listener) = (mesh.greeted(0), mesh.greeted(0), mesh.greeted(0));
    let copy = body(&of_author(0, 0));
    // Each item goes to two peers. All come at once, so that the budget gains nothing meanwhile.
    let cost = 2 * protocol::wire::codec::Encode::encoded_len(&copy) as u64;
    let affordable = (FLOOD_BURST_BYTES / cost + 1) as u32;
    let mut pushed = 0;
    for author in 0..affordable + 8 {
        let item = of_author(author, 0);
        mesh.say(0, greedy, body(&item));
        if author % 512 == 0 {
            // This gives the credit time to come back.
            mesh.run_for(Duration::from_micros(200));
        }
    }
    mesh.run_for(Duration::from_micros(200));
    for message in mesh.heard(0, listener) {
        if let Message::Transactions { bodies, .. } = message {
            pushed += bodies.len() as u32;
        }
    }
    assert_eq!(pushed, affordable);
    let item = of_author(1_000_000, 0);
    push(&mut mesh, modest, None, &item);
    assert!(is_pushed(&mut mesh, listener, &item));
}

#[test]
fn prunes_that_wait_are_bounded() {
    let mut mesh = mesh();
    let (first, second) = (mesh.greeted(0), mesh.greeted(0));
    for author in 0..=ROUTES_ENTRIES_MAX as u32 {
        let item = of_author(author, 0);
        mesh.say(0, first, body(&item));
    }
    mesh.run_for(Duration::from_millis(1));
    mesh.nodes[0].occupancy(&mut |seen| assert!(seen.used <= seen.limit, "{seen:?}"));
    mesh.draining = false;
    for author in 0..=ROUTES_ENTRIES_MAX as u32 {
        let item = of_author(author, 0);
        mesh.say(0, second, body(&item));
    }
    let mut waiting = 0;
    mesh.nodes[0].occupancy(&mut |seen| {
        assert!(seen.used <= seen.limit, "{seen:?}");
        if seen.what == "prunes" && seen.peer == Some(second) {
            waiting = seen.used;
        }
    });
    assert_eq!(waiting, ROUTES_ENTRIES_MAX);
}

#[test]
fn a_prune_or_graft_of_an_unknown_route_leaves_nothing() {
    let mut mesh = mesh();
    let peer = mesh.greeted(0);
    let routes = (0..ROUTES_ENTRIES_MAX).map(|number| RouteId((number as u64).to_be_bytes())).collect::<Vec<_>>();
    mesh.say(0, peer, Message::Prune(routes.clone()));
    mesh.say(0, peer, Message::Graft(routes));
    assert_eq!((fill(&mesh)["new routes"], fill(&mesh)["links of routes"]), (0, 0));
    assert!(is_first_pushed(&mut mesh));
}

fn is_first_pushed(mesh: &mut Mesh) -> bool {
    let (from, to) = (mesh.greeted(0), mesh.greeted(0));
    let item = transaction(1, 1, 9);
    push(mesh, from, None, &item);
    is_pushed(mesh, to, &item)
}

#[test]
fn a_copy_of_a_peer_that_left_while_the_first_was_checked_leaves_nothing() {
    let mut mesh = mesh();
    mesh.checking = Checking::Held;
    let peers = [mesh.greeted(0), mesh.greeted(0)];
    let item = of_author(1, 1);
    for peer in peers {
        push(&mut mesh, peer, None, &item);
    }
    for peer in peers {
        mesh.input(0, Input::PeerDisconnected { peer });
    }
    for job in std::mem::take(&mut mesh.jobs) {
        mesh.input(0, Input::Verified { job: job.id, verdict: Verdict::Valid });
    }
    assert_eq!(mesh.nodes[0].mempool().transactions, 1);
    assert_eq!(fill(&mesh)["links of routes"], 0);
}

/// Announces an item of each of these authors, and sends the requested ones.
fn bring_when_asked(mesh: &mut Mesh, from: PeerHandle, authors: std::ops::Range<u32>, nonce: u64, age_ms: u32) {
    let items: BTreeMap<_, _> =
        authors.map(|author| of_author(author, nonce)).map(|it| (it.id().short(), it)).collect();
    let entry = |short: &ShortId| InvEntry { transaction: TxRef::Short(*short), age_ms };
    mesh.say(0, from, Message::Inv(items.keys().map(entry).collect()));
    mesh.run_for(GRACE_MIN + Duration::from_millis(1));
    let mut sent = 0;
    while sent < items.len() {
        for message in mesh.heard(0, from) {
            let Message::GetData { wanted, .. } = message else { continue };
            for wanted in wanted {
                let bodies = vec![items[&wanted.short()].encoded().clone().into()];
                mesh.say(0, from, Message::Transactions { via: None, bodies });
                sent += 1;
            }
        }
        mesh.run_for(Duration::from_micros(200));
    }
}

#[test]
fn pushes_that_are_due_and_waited_for_are_bounded() {
    let mut mesh = mesh();
    let (parent, other) = (mesh.greeted(0), mesh.greeted(0));
    let authors = OVERDUE_MAX as u32 + 1;
    for author in 0..authors {
        for nonce in 0..2 {
            push(&mut mesh, parent, None, &of_author(author, nonce));
        }
    }
    bring_when_asked(&mut mesh, other, 0..authors - 1, 2, 0);
    assert_eq!(fill(&mesh)["overdue pushes"], OVERDUE_MAX);
    bring_when_asked(&mut mesh, other, authors - 1..authors, 2, 0);
    assert_eq!(fill(&mesh)["overdue pushes"], OVERDUE_MAX);
    mesh.run_for(MISSED_AFTER);
    assert_eq!(fill(&mesh)["overdue pushes"], 0);
    assert!(fill(&mesh)["links with a record"] <= 2);
}

#[test]
fn old_items_that_peers_are_told_of_are_bounded() {
    let mut mesh = mesh();
    let from = mesh.greeted(0);
    mesh.greeted(0);
    let old_ms = LIVE_AGE_MAX.as_millis() as u32;
    let authors = TOLD_MAX as u32;
    bring_when_asked(&mut mesh, from, 0..authors, 0, old_ms);
    assert_eq!(fill(&mesh)["told in place of sent"], TOLD_MAX);
    bring_when_asked(&mut mesh, from, authors..authors + 1, 0, old_ms);
    assert_eq!(fill(&mesh)["told in place of sent"], TOLD_MAX);
}
