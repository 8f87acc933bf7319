//! A take names places of an offer that its peer still remembers. What is wanted of an older offer is asked for by
//! name, because a take of a forgotten offer is not answered.

use std::sync::Arc;

use protocol::gossip::{PeerHandle, Reconciliation, RelayPolicy};
use protocol::items::hash::ShortId;
use protocol::items::transaction::SignedTransaction;
use protocol::limits::OFFERS_MAX;
use protocol::wire::message::{Message, Reconcile, TxRef};

use crate::harness::{Checking, Mesh};
use crate::make;
use crate::say::announced;

/// An item is in flight from a silent peer while another peer offers it, and then makes `later` other offers. Returns
/// what that peer is asked when the silent one's time is over.
fn asked_after(later: u32) -> (Vec<Message>, ShortId) {
    let mut mesh = Mesh::reconciling(1, RelayPolicy::Announce, Reconciliation::default(), 1);
    mesh.checking = Checking::Assumed;
    let (silent, offers) = (mesh.greeted(0), mesh.greeted(0));
    let held = make::transaction(1, 0, 1_000, 10);
    let wanted: Arc<SignedTransaction> = make::transaction(1, 1, 1_000, 10);
    mesh.submit(0, &held);
    mesh.say(0, silent, announced(wanted.id().short(), 0));
    offer(&mut mesh, offers, 0, wanted.id().short());
    for number in 1..=later {
        offer(&mut mesh, offers, number, held.id().short());
    }
    mesh.heard(0, offers);
    mesh.run_secs(2);
    let requests = |message: &Message| match message {
        Message::GetData { .. } => true,
        Message::Reconcile(message) => matches!(**message, Reconcile::Take { .. }),
        _ => false,
    };
    (mesh.heard(0, offers).into_iter().filter(requests).collect(), wanted.id().short())
}

fn offer(mesh: &mut Mesh, peer: PeerHandle, number: u32, id: ShortId) {
    mesh.say(0, peer, Message::Reconcile(Box::new(Reconcile::Offer { number, ids: vec![id] })));
}

#[test]
fn an_item_is_taken_of_an_offer_that_its_peer_remembers() {
    let take = Reconcile::Take { number: 0, places: vec![0x80].into() };
    let (asked, _) = asked_after(OFFERS_MAX as u32 / 2 - 1);
    assert_eq!(asked, [Message::Reconcile(Box::new(take))]);
}

#[test]
fn an_item_of_an_offer_that_its_peer_may_have_forgotten_is_asked_for_by_name() {
    let (asked, wanted) = asked_after(OFFERS_MAX as u32 / 2);
    let [Message::GetData { wanted: names, .. }] = asked.as_slice() else { panic!("{asked:?}") };
    assert_eq!(names.as_slice(), [TxRef::Short(wanted)]);
}
