//! A peer that claims it would have been earlier, and brings nothing when it is grafted, loses its own graft
//! credit and nobody else's.

use protocol::gossip::{AuthorTree, PeerHandle, Redundancy, RelayPolicy};
use protocol::items::transaction::SignedTransaction;
use protocol::time::Duration;

use crate::harness::{Mesh, transaction, tx};
use crate::say::{announced, body};

const ITEMS: u64 = 40;

/// From this item on, the parent is late.
const SLOW_FROM: u64 = 10;

/// Claims to have had an item since before any node could have it.
fn claim(mesh: &mut Mesh, liar: PeerHandle, item: &SignedTransaction, age_ms: u32) {
    mesh.say(0, liar, announced(item.id().short(), age_ms));
}

/// A node with a parent that becomes `delay_ms` slow, with honest peers that have each item at once and announce
/// it, and with liars that claim to have had it before all of them. Returns how many items reached the node as
/// late as from the slow parent.
fn late_items(honest: usize, liars: usize, delay_ms: u64) -> usize {
    let none = AuthorTree { redundancy: Redundancy::default() };
    let mut mesh = Mesh::new(honest + 1, RelayPolicy::AuthorTree(none));
    for node in 1..=honest {
        mesh.connect(0, node);
    }
    mesh.run_secs(1);
    let parent = mesh.greeted(0);
    let liars: Vec<PeerHandle> = (0..liars).map(|_| mesh.greeted(0)).collect();
    let origins: Vec<PeerHandle> = (1..=honest).map(|node| mesh.greeted(node)).collect();
    let mut late = 0;
    for nonce in 0..ITEMS {
        let item = transaction(9, nonce, 100);
        let delay = if nonce < SLOW_FROM { 0 } else { delay_ms };
        let (begun, mut claimed) = (mesh.now, false);
        if delay == 0 {
            mesh.say(0, parent, body(&item));
        }
        for (node, origin) in (1..).zip(&origins) {
            mesh.say(node, *origin, body(&item));
        }
        for step in 0..2_000 {
            if delay > 0 && step == delay {
                mesh.say(0, parent, body(&item));
            }
            mesh.run_for(Duration::from_millis(1));
            if nonce >= SLOW_FROM && !claimed && mesh.accepted(0, tx(&item)) {
                claimed = true;
                late += usize::from(mesh.now.since(begun) >= Duration::from_millis(delay));
                for liar in &liars {
                    claim(&mut mesh, *liar, &item, delay as u32 + 100);
                }
            }
        }
    }
    late
}

#[test]
fn a_slow_parent_is_replaced_as_soon_with_a_liar_among_the_announcers_as_without() {
    for honest in [1, 3] {
        for delay_ms in [100, 450] {
            let (clean, with_liar) = (late_items(honest, 0, delay_ms), late_items(honest, 1, delay_ms));
            assert!(
                with_liar <= clean + 1,
                "{honest} honest, {delay_ms} ms: {clean} late, with a liar {with_liar}"
            );
        }
    }
}

#[test]
fn each_further_liar_has_one_turn() {
    let (one, four) = (late_items(2, 1, 300), late_items(2, 4, 300));
    assert!(one <= 5 && four <= one + 3, "{one} late with one liar, {four} with four");
}
