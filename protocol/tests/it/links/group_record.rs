//! The effect of a neighbour's withholding on the next peer of its address group: this peer is asked later, and
//! nothing else.

use protocol::gossip::{AuthorTree, DisconnectReason, PeerHandle, RelayPolicy};
use protocol::items::hash::ShortId;
use protocol::items::transaction::SignedTransaction;
use protocol::limits::{REQUEST_EXPIRY_MAX, STRIKES_MAX};
use protocol::time::Duration;
use protocol::wire::message::{InvEntry, Message, TxRef};

use crate::harness::{Mesh, block, genesis, transaction, tx};
use crate::say::{body, promised_block};

/// The address group of the withholder and of the newcomer.
const GROUP: u64 = 7;

/// An item that is no news, so that nobody waits for a push of it.
const OLD_MS: u32 = 10_000;

fn node() -> Mesh {
    Mesh::new(1, RelayPolicy::AuthorTree(AuthorTree::default()))
}

fn entry(short: ShortId) -> InvEntry {
    InvEntry { transaction: TxRef::Short(short), age_ms: OLD_MS }
}

/// A peer of the group announces, in one message, enough items to be disconnected for, and sends none of them.
fn withhold(mesh: &mut Mesh) {
    let withholder = mesh.greeted_in(0, GROUP);
    let entries = (0..u64::from(STRIKES_MAX)).map(|number| entry(ShortId(number.to_be_bytes()))).collect();
    mesh.say(0, withholder, Message::Inv(entries));
    mesh.run_for(REQUEST_EXPIRY_MAX);
    assert_eq!(mesh.disconnected(0, withholder), Some(DisconnectReason::Withheld));
}

fn announce(mesh: &mut Mesh, peer: PeerHandle, item: &SignedTransaction) {
    mesh.say(0, peer, Message::Inv(vec![entry(item.id().short())]));
}

fn send(mesh: &mut Mesh, peer: PeerHandle, item: &SignedTransaction) {
    mesh.say(0, peer, body(item));
}

#[test]
fn a_newcomer_of_a_struck_group_has_no_strike_and_its_block_is_not_declined() {
    let mut mesh = node();
    withhold(&mut mesh);
    let newcomer = mesh.greeted_in(0, GROUP);
    assert_eq!(mesh.nodes[0].peer(newcomer).map(|peer| peer.strikes), Some(0));
    mesh.say(0, newcomer, promised_block(block(genesis(), &[], 5).header));
    mesh.run_for(Duration::from_millis(5));
    assert!(!mesh.heard(0, newcomer).iter().any(|message| matches!(message, Message::Prune(_))));
}

#[test]
fn a_newcomer_of_a_struck_group_that_is_slow_once_is_not_left_and_its_item_is_taken() {
    let mut mesh = node();
    withhold(&mut mesh);
    let newcomer = mesh.greeted_in(0, GROUP);
    let item = transaction(1, 1, 100);
    announce(&mut mesh, newcomer, &item);
    // Longer than a request to a peer of unknown pace may stay open.
    mesh.run_for(Duration::from_millis(1_200));
    assert_eq!(mesh.disconnected(0, newcomer), None);
    assert_eq!(mesh.nodes[0].peer(newcomer).map(|peer| peer.strikes), Some(1), "its own");
    send(&mut mesh, newcomer, &item);
    mesh.run_secs(1);
    assert!(mesh.accepted(0, tx(&item)));
}
