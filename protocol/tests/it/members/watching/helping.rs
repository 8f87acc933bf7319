//! The detector and the relay help each other: a peer that leaves a request unanswered is pinged sooner, and a peer that
//! was found dead is asked for nothing.

use std::sync::Arc;

use protocol::gossip::members::{MemberChange, MembersConfig};
use protocol::gossip::{PeerHandle, RelayPolicy};
use protocol::items::hash::ShortId;
use protocol::items::member::Statement;
use protocol::limits::REQUEST_EXPIRY_MAX;
use protocol::time::{Duration, Time};
use protocol::wire::message::{InvEntry, MemberMessage, Message, TxRef};

use crate::harness::{Mesh, transaction};
use crate::members::engine::{record, signed, stranger};

const PLAYED: u8 = 8;

/// One engine, and one member that the test plays and that is known.
fn pair(config: MembersConfig) -> (Mesh, PeerHandle) {
    let mut mesh = Mesh::new(1, RelayPolicy::default()).with_members(config);
    let peer = stranger(&mut mesh, PLAYED);
    let record = Arc::new(signed(record(PLAYED), PLAYED));
    mesh.say(0, peer, Message::Members(Box::new(MemberMessage::News(vec![Statement::Record(record)]))));
    mesh.run_secs(1);
    (mesh, peer)
}

/// The member announces transactions that it will not send.
fn announce(mesh: &mut Mesh, peer: PeerHandle, count: u16) {
    let entry = |number: u16| {
        let [high, low] = number.to_be_bytes();
        InvEntry { transaction: TxRef::Short(ShortId([high, low, 7, 7, 7, 7, 7, 7])), age_ms: 0 }
    };
    mesh.say(0, peer, Message::Inv((0..count).map(entry).collect()));
}

fn requests(mesh: &mut Mesh, peer: PeerHandle) -> usize {
    let heard = mesh.heard(0, peer);
    heard.iter().filter(|message| matches!(message, Message::GetData { .. })).count()
}

fn pings_since(mesh: &Mesh, since: Time) -> Vec<Duration> {
    mesh.wanted.pings.iter().filter(|(at, _, _)| *at > since).map(|(at, _, _)| at.since(since)).collect()
}

#[test]
fn a_peer_that_is_silent_and_leaves_a_request_unanswered_is_pinged_before_its_time() {
    let config = MembersConfig::wan();
    let (mut mesh, peer) = pair(config);
    let last_word = mesh.now;
    announce(&mut mesh, peer, 1);
    mesh.run_for(config.ping_interval);
    let pings = pings_since(&mesh, last_word);
    let first = pings.first().expect("one ping within the interval");
    assert!(*first < config.ping_interval, "{first:?}");
}

#[test]
fn a_peer_that_goes_on_sending_is_not_pinged_for_a_request() {
    let (mut mesh, peer) = pair(MembersConfig::wan());
    let first_word = mesh.now;
    for _ in 0..40 {
        announce(&mut mesh, peer, 1);
        mesh.run_for(Duration::from_millis(250));
    }
    assert!(requests(&mut mesh, peer) > 0, "it was asked");
    assert_eq!(pings_since(&mesh, first_word), []);
}

#[test]
fn a_peer_that_was_found_dead_is_asked_for_nothing_until_it_is_back() {
    let (mut mesh, peer) = pair(MembersConfig::lan());
    // It has delivered something, so that it is not left as one that withholds.
    let body = transaction(1, 1, 64).encoded().clone();
    mesh.say(0, peer, Message::Transactions { via: None, bodies: vec![body.into()] });
    announce(&mut mesh, peer, 4_000);
    let failed = (usize::from(PLAYED), MemberChange::Failed);
    for _ in 0..120 {
        mesh.run_secs(1);
        if mesh.changes(0).any(|change| change == failed) {
            break;
        }
    }
    assert!(mesh.changes(0).any(|change| change == failed), "nothing arrives of it");
    assert!(requests(&mut mesh, peer) > 0, "it was asked while it was alive");
    mesh.run_for(REQUEST_EXPIRY_MAX.times(2));
    assert_eq!(requests(&mut mesh, peer), 0);
    announce(&mut mesh, peer, 1);
    mesh.run_secs(1);
    assert!(mesh.changes(0).any(|change| change == (usize::from(PLAYED), MemberChange::Returned)));
    assert!(requests(&mut mesh, peer) > 0);
}
