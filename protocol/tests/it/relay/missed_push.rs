//! A parent that leaves out items is noticed, doubted for a while, and replaced. The tests use a hub: it is
//! connected to every node, pushes first, and hides every second item.

use std::collections::BTreeMap;
use std::sync::Arc;

use protocol::gossip::{AuthorTree, PeerHandle, RelayPolicy};
use protocol::items::transaction::SignedTransaction;
use protocol::time::Duration;
use protocol::wire::message::Message;

use crate::harness::{Mesh, transaction, tx};
use crate::say::{author_route, body};

const NODES: usize = 24;
const AUTHORS: u64 = 4;
const ITEMS: u64 = 180;

/// From this item on, nodes know what the hubs do.
const LEARNT: u64 = 120;

/// The result of a run.
#[derive(Debug)]
struct Outcome {
    /// From submission to acceptance, for each item from [`LEARNT`] on at each node except its first, in
    /// milliseconds, sorted.
    delays: Vec<u64>,
    /// Bodies that nodes sent per such delivery, in hundredths.
    bodies: usize,
}

impl Outcome {
    fn p95(&self) -> u64 {
        self.delays[self.delays.len() * 95 / 100]
    }
}

/// Authors write in turn, each at its own node. Each of `hubs` peers of every node pushes every second item there,
/// the moment it is submitted, and sends nothing else.
fn run(hubs: usize) -> Outcome {
    let mut mesh = Mesh::new(NODES, RelayPolicy::AuthorTree(AuthorTree::default()));
    mesh.connect_all();
    mesh.run_secs(1);
    let hubs: Vec<Vec<PeerHandle>> =
        (0..hubs).map(|_| (0..NODES).map(|node| mesh.greeted(node)).collect()).collect();
    let (mut delays, mut sent_before) = (Vec::new(), 0);
    for number in 0..ITEMS {
        let author = number % AUTHORS;
        let item = transaction(1 + author as u8, number, 100);
        let home = author as usize * NODES / AUTHORS as usize;
        let begun = mesh.now;
        mesh.submit(home, &item);
        for hub in hubs.iter().filter(|_| (number / AUTHORS).is_multiple_of(2)) {
            for (node, peer) in hub.iter().enumerate().filter(|(node, _)| *node != home) {
                mesh.say(node, *peer, body(&item));
            }
        }
        let mut first = BTreeMap::new();
        for _ in 0..2_000 {
            mesh.run_for(Duration::from_millis(1));
            for node in (0..NODES).filter(|node| *node != home) {
                if !first.contains_key(&node) && has(&mesh, node, &item) {
                    first.insert(node, mesh.now.since(begun).as_millis());
                }
            }
            hubs.iter().for_each(|hub| prune_all(&mut mesh, hub));
            if first.len() == NODES - 1 {
                break;
            }
        }
        mesh.events.iter_mut().for_each(Vec::clear);
        if number < LEARNT {
            sent_before = mesh.sent.len();
        } else {
            delays.extend((0..NODES).filter(|node| *node != home).map(|node| *first.get(&node).unwrap_or(&9_999)));
        }
        mesh.run_for(Duration::from_millis(250));
    }
    delays.sort_unstable();
    let bodies: usize = mesh.sent[sent_before..].iter().map(|sent| bodies_in(&sent.bytes)).sum();
    Outcome { bodies: bodies * 100 / delays.len(), delays }
}

/// A hub has everything, and wants nothing from a node that pushes to it.
fn prune_all(mesh: &mut Mesh, hub: &[PeerHandle]) {
    let routes: Vec<_> = (1..=AUTHORS).map(|author| author_route(author as u8)).collect();
    for (node, peer) in hub.iter().enumerate() {
        let is_push = |message: &Message| matches!(message, Message::Transactions { .. });
        if mesh.heard(node, *peer).iter().any(is_push) {
            mesh.say(node, *peer, Message::Prune(routes.clone()));
        }
    }
}

fn has(mesh: &Mesh, node: usize, item: &Arc<SignedTransaction>) -> bool {
    mesh.accepted(node, tx(item))
}

fn bodies_in(bytes: &bytes::Bytes) -> usize {
    match protocol::wire::codec::Decode::from_bytes(bytes) {
        Ok(Message::Transactions { bodies, .. }) => bodies.len(),
        _ => 0,
    }
}

#[test]
fn hubs_that_push_first_and_hide_every_second_item_soon_slow_nobody_down_and_cost_few_bytes() {
    let (clean, hop) = (run(0), 10);
    for hubs in [1, 4] {
        let attacked = run(hubs);
        let told = format!(
            "{hubs} hubs: {} ms, {}; without: {} ms, {}",
            attacked.p95(),
            attacked.bodies,
            clean.p95(),
            clean.bodies
        );
        assert!(attacked.p95() <= clean.p95() + 2 * hop, "{told}");
        assert!(attacked.bodies * 10 <= clean.bodies * 13, "{told}");
    }
}
