//! Announcements and requests: which peers are asked, what is answered, and how announcements are batched.

use protocol::gossip::{Direction, Input, RelayPolicy};
use protocol::items::hash::TxId;
use protocol::items::transaction::SignedTransaction;
use protocol::limits::{ANNOUNCE_INTERVAL, GETDATA_ENTRIES_MAX, SERVE_QUEUE_MAX};
use protocol::time::Duration;
use protocol::wire::message::{Hello, Message, TxRef};

use crate::harness::{Mesh, block, genesis, network, transaction, tx};
use crate::say::{announced, body};

fn announce(transaction: &SignedTransaction) -> Message {
    announced(transaction.id().short(), 0)
}

fn wants(transaction: &SignedTransaction) -> Message {
    Message::GetData { graft: false, wanted: vec![TxRef::Short(transaction.id().short())] }
}

#[test]
fn an_unknown_item_is_asked_for_and_a_known_one_is_not() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    let peer = mesh.greeted(0);
    let item = transaction(1, 1, 10);
    mesh.say(0, peer, announce(&item));
    assert_eq!(mesh.heard(0, peer), [wants(&item)]);
    mesh.say(0, peer, body(&item));
    mesh.run_for(Duration::from_millis(1));
    assert!(mesh.accepted(0, tx(&item)));
    mesh.say(0, peer, announce(&item));
    let other = mesh.greeted(0);
    mesh.say(0, other, announce(&item));
    mesh.run_secs(1);
    assert_eq!(mesh.heard(0, peer), []);
}

#[test]
fn one_announcer_is_asked_at_a_time_and_the_next_at_expiry() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    let (first, second) = (mesh.greeted(0), mesh.greeted(0));
    let item = transaction(1, 1, 10);
    mesh.say(0, first, announce(&item));
    mesh.say(0, second, announce(&item));
    assert_eq!(mesh.heard(0, first), [wants(&item)]);
    assert_eq!(mesh.heard(0, second), []);
    mesh.run_secs(2);
    assert_eq!(mesh.heard(0, second), [wants(&item)]);
    assert_eq!(mesh.nodes[0].peer(first).map(|peer| peer.strikes), Some(1));
}

#[test]
fn the_next_announcer_is_asked_at_once_on_disconnect_and_on_notfound() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    let peers = [mesh.greeted(0), mesh.greeted(0), mesh.greeted(0)];
    let item = transaction(1, 1, 10);
    peers.iter().for_each(|peer| mesh.say(0, *peer, announce(&item)));
    mesh.input(0, protocol::gossip::Input::PeerDisconnected { peer: peers[0] });
    let asked = peers[1..].iter().position(|peer| !mesh.heard(0, *peer).is_empty()).expect("one is asked");
    let (asked, left) = if asked == 0 { (peers[1], peers[2]) } else { (peers[2], peers[1]) };
    let transactions = vec![TxRef::Short(item.id().short())];
    mesh.say(0, asked, Message::NotFound { transactions, blocks: vec![] });
    assert_eq!(mesh.heard(0, left), [wants(&item)]);
    assert_eq!(mesh.nodes[0].peer(asked).map(|peer| peer.strikes), Some(0));
}

#[test]
fn what_is_held_is_sent_and_what_is_not_is_not_found() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    let (held, confirmed) = (transaction(1, 1, 10), transaction(1, 2, 10));
    mesh.submit(0, &held);
    mesh.publish(0, &block(genesis(), std::slice::from_ref(&confirmed), 1));
    mesh.run_secs(1);
    let peer = mesh.greeted(0);
    let missing = TxRef::Full(TxId([7; 32]));
    let wanted = vec![TxRef::Full(held.id()), missing, TxRef::Short(confirmed.id().short())];
    mesh.say(0, peer, Message::GetData { graft: false, wanted });
    let both = vec![held.encoded().clone(), confirmed.encoded().clone()];
    let heard = mesh.heard(0, peer);
    assert!(
        heard.contains(&Message::Transactions { via: None, bodies: both.into_iter().map(Into::into).collect() }),
        "{heard:?}"
    );
    assert!(heard.contains(&Message::NotFound { transactions: vec![missing], blocks: vec![] }), "{heard:?}");
}

#[test]
fn the_first_announcement_leaves_at_once_and_the_next_ones_as_a_batch() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    let peer = mesh.greeted(0);
    let items: Vec<_> = (0..5).map(|nonce| transaction(1, nonce, 10)).collect();
    for item in &items {
        mesh.submit(0, item);
        mesh.run_for(Duration::from_millis(1));
    }
    let first = mesh.heard(0, peer);
    assert!(matches!(&first[..], [Message::Inv(entries)] if entries.len() == 1), "{first:?}");
    mesh.run_for(ANNOUNCE_INTERVAL);
    let rest = mesh.heard(0, peer);
    assert!(matches!(&rest[..], [Message::Inv(entries)] if entries.len() == 4), "{rest:?}");
    let Some(Message::Inv(entries)) = rest.first() else { unreachable!() };
    assert!(entries.iter().all(|entry| (14..=20).contains(&entry.age_ms)), "{entries:?}");
}

#[test]
fn waiting_announcements_ride_on_what_is_sent_anyway() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    let peer = mesh.greeted(0);
    for nonce in 0..2 {
        mesh.submit(0, &transaction(1, nonce, 10));
        mesh.run_for(Duration::from_millis(1));
    }
    mesh.heard(0, peer);
    mesh.say(0, peer, announce(&transaction(2, 0, 10)));
    let heard = mesh.heard(0, peer);
    assert!(matches!(&heard[..], [Message::GetData { .. }, Message::Inv(_)]), "{heard:?}");
}

#[test]
fn outbound_peers_are_asked_before_inbound_ones() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    let busy = mesh.greeted(0);
    let inbound = mesh.greeted(0);
    let outbound = mesh.raw(0, Direction::Outbound);
    mesh.say(0, outbound, Message::Hello(Hello::new(&network(), genesis())));
    let item = transaction(1, 1, 10);
    for peer in [busy, inbound, outbound] {
        mesh.say(0, peer, announce(&item));
    }
    mesh.heard(0, outbound);
    mesh.run_secs(2);
    assert!(mesh.heard(0, outbound).contains(&wants(&item)));
    assert!(!mesh.heard(0, inbound).contains(&wants(&item)));
}

#[test]
fn a_peer_may_be_owed_so_much_and_no_more() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    // A body that, asked for many times, takes the whole control credit except for the reserve.
    let item = transaction(1, 1, 3_900);
    mesh.submit(0, &item);
    mesh.run_secs(1);
    mesh.draining = false;
    let peer = mesh.greeted(0);
    let wanted = Message::GetData { graft: false, wanted: vec![TxRef::Full(item.id()); GETDATA_ENTRIES_MAX] };
    let sent =
        |mesh: &Mesh| mesh.conversation().filter(|(_, m)| matches!(m, Message::Transactions { .. })).count();
    mesh.say(0, peer, wanted.clone());
    assert!(sent(&mesh) > 0);
    for _ in 0..SERVE_QUEUE_MAX / GETDATA_ENTRIES_MAX - 1 {
        mesh.say(0, peer, wanted.clone());
    }
    assert_eq!(mesh.disconnected(0, peer), None);
    mesh.say(0, peer, wanted);
    assert_eq!(mesh.disconnected(0, peer), Some(protocol::gossip::DisconnectReason::QueueOverrun));
}

/// Bodies arrive as parts of their frames. Keeping one must not keep all the others.
#[test]
fn an_item_does_not_keep_the_frame_that_brought_it() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    let peer = mesh.greeted(0);
    let item = transaction(1, 0, 100);
    let frame = bytes::Bytes::from([&[0; 1_000], item.encoded().as_ref()].concat());
    let message = Message::Transactions { via: None, bodies: vec![frame.slice(1_000..).into()] };
    mesh.input(0, Input::Received { peer, message });
    mesh.run_secs(1);
    assert!(mesh.accepted(0, tx(&item)));
    assert!(frame.is_unique());
}
