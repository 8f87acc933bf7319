//! Real nodes as members: they hear of each other, of one that leaves, and of one that is gone without a word.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use node::config::Config;
use node::config::deadlines::Deadlines;
use node::config::members::{Membership, Part};
use node::rpc::command::Command;
use node::rpc::members::MemberNews;
use node::store::{Note, RedbStore, Store as _, StoreOptions};
use protocol::gossip::Submission;
use protocol::gossip::members::{MemberChange, MemberEvent, MembersConfig};
use protocol::items::keys::{PublicKey, SecretKey};
use protocol::items::member::Instance;
use protocol::items::member::accusation::Accusation;
use protocol::items::member::record::{MemberRecord, Presence, SignedRecord};
use protocol::time::Duration as Span;
use protocol::wire::codec::{Decode as _, Encode as _};
use tokio::sync::broadcast;
use tokio::time::timeout;

use crate::support::harness::{Node, PATIENCE, config, transaction};
use crate::support::raw::Raw;

/// A member must have been known for a minute before its accusations count.
const KNOWN_FOR: Duration = Duration::from_secs(61);

/// A node that takes part with short times.
fn member(seed: u8) -> Config {
    let parameters = MembersConfig {
        probe_interval: Duration::from_millis(500).into(),
        suspicion_mult: 1,
        ..MembersConfig::lan()
    };
    Config { membership: Membership { parameters, ..Membership::default() }, ..config(seed) }
}

fn joining(seed: u8, hub: &Node) -> Config {
    Config { bootstrap: vec![hub.address()], ..member(seed) }
}

fn key(seed: u8) -> PublicKey {
    SecretKey::from_seed(&[seed; 32]).public()
}

/// Waits until something has changed about the member with this seed.
async fn until(heard: &mut broadcast::Receiver<MemberNews>, seed: u8, change: MemberChange) {
    let wanted = MemberEvent { member: key(seed), change };
    let mut before = Vec::new();
    let waited = async {
        while let Ok(MemberNews { event, .. }) = heard.recv().await {
            if event == wanted {
                return;
            }
            before.push(event);
        }
    };
    let came = timeout(PATIENCE, waited).await.is_ok();
    assert!(came, "waited in vain for {change:?} of {}; there were {before:#?}", wanted.member);
}

#[tokio::test]
async fn three_nodes_know_each_other_and_hear_of_one_that_leaves() {
    let hub = Node::start(member(1)).await;
    let mut at_hub = hub.ready.members.subscribe();
    let second = Node::start(joining(2, &hub)).await;
    let mut at_second = second.ready.members.subscribe();
    until(&mut at_hub, 2, MemberChange::Joined).await;
    let third = Node::start(joining(3, &hub)).await;
    until(&mut at_hub, 3, MemberChange::Joined).await;
    until(&mut at_second, 3, MemberChange::Joined).await;
    third.stop().await;
    until(&mut at_hub, 3, MemberChange::Left).await;
    until(&mut at_second, 3, MemberChange::Left).await;
    second.stop().await;
    until(&mut at_hub, 2, MemberChange::Left).await;
    hub.stop().await;
}

#[tokio::test]
async fn a_node_that_is_killed_is_found_dead_and_comes_back() {
    let hub = Node::start(member(1)).await;
    let mut at_hub = hub.ready.members.subscribe();
    let second = Node::start(joining(2, &hub)).await;
    until(&mut at_hub, 2, MemberChange::Joined).await;
    second.kill().await;
    until(&mut at_hub, 2, MemberChange::Suspected).await;
    until(&mut at_hub, 2, MemberChange::Failed).await;
    let second = Node::start(joining(2, &hub)).await;
    until(&mut at_hub, 2, MemberChange::Returned).await;
    second.stop().await;
    hub.stop().await;
}

#[tokio::test]
#[ignore = "takes more than half a minute"]
async fn a_dead_member_that_answers_a_short_dial_is_there_again() {
    // It dials nobody for gossip.
    let hub = Node::start(Config { reserved_only: true, ..member(1) }).await;
    let mut at_hub = hub.ready.members.subscribe();
    let second = Node::start(joining(2, &hub)).await;
    let mut address = second.address();
    address.pop();
    until(&mut at_hub, 2, MemberChange::Joined).await;
    second.kill().await;
    until(&mut at_hub, 2, MemberChange::Failed).await;
    // It knows nobody, so only the hub can find it.
    let second = Node::start(Config { listen: vec![address], ..member(2) }).await;
    until(&mut at_hub, 2, MemberChange::Returned).await;
    assert!(hub.peers().await.is_empty());
    second.stop().await;
    hub.stop().await;
}

#[tokio::test]
async fn a_node_without_membership_relays_as_any_other() {
    let hub = Node::start(member(1)).await;
    let off = Membership { part: Part::Off, ..Membership::default() };
    let second = Node::start(Config { membership: off, ..joining(2, &hub) }).await;
    let mut at_second = second.ready.members.subscribe();
    second.peers_until("the hub", |peers| peers.iter().any(|peer| peer.ready)).await;
    let sent = transaction(1, 1, 10);
    assert_eq!(second.send(Arc::clone(&sent)).await, Ok(Submission::Accepted));
    hub.transaction(sent.id()).await;
    second.stop().await;
    assert!(at_second.try_recv().is_err(), "it knows no members");
    hub.stop().await;
}

#[tokio::test]
async fn nodes_tell_each_other_where_they_are_and_estimate_their_round_trip() {
    let deadlines = Deadlines { ping_interval: Span::from_millis(50), ..Deadlines::default() };
    let hub = Node::start(Config { deadlines, ..member(1) }).await;
    let second = Node::start(Config { deadlines, ..joining(2, &hub) }).await;
    for (node, other) in [(&hub, &second), (&second, &hub)] {
        let id = other.ready.peer_id.to_string();
        let estimated = async {
            loop {
                let members = node.ask(|reply| Command::Members { reply }).await.expect("it takes part");
                let seen = members.into_iter().find(|member| member.peer_id == id);
                if let Some(estimate) = seen.and_then(|member| member.estimated_ms) {
                    return estimate;
                }
            }
        };
        let estimate = timeout(PATIENCE, estimated).await.expect("pongs tell it");
        assert!(estimate > 0.0 && estimate < 10_000.0, "{estimate} ms");
    }
    second.stop().await;
    hub.stop().await;
}

#[tokio::test]
async fn the_incarnation_is_higher_in_each_run() {
    let dir = tempfile::tempdir().expect("a directory");
    let hub = Node::start(member(1)).await;
    let kept = || Config { data_dir: Some(dir.path().to_owned()), ephemeral: false, ..joining(2, &hub) };
    let mut last = 0;
    for _ in 0..2 {
        let node = Node::start(kept()).await;
        node.peers_until("the hub", |peers| !peers.is_empty()).await;
        node.stop().await;
        let record = record_in(dir.path()).expect("kept");
        assert_eq!((record.key(), record.presence()), (key(2), Presence::Left));
        assert!(record.incarnation() > last, "{} after {last}", record.incarnation());
        last = record.incarnation();
    }
    // Even if the clock was set back.
    let ahead = last + 3_600_000;
    keep_record(dir.path(), 2, ahead);
    Node::start(kept()).await.stop().await;
    assert!(record_in(dir.path()).expect("kept").incarnation() > ahead);
    hub.stop().await;
}

#[tokio::test]
#[ignore = "takes more than a minute"]
async fn an_accusation_that_comes_with_a_short_connection_is_refuted() {
    let dir = tempfile::tempdir().expect("a directory");
    let ahead = wall_ms() + 3_600_000;
    RedbStore::open(dir.path(), options()).expect("a store");
    keep_record(dir.path(), 1, ahead);
    let hub = Node::start(Config { data_dir: Some(dir.path().to_owned()), ephemeral: false, ..member(1) }).await;
    let mut at_hub = hub.ready.members.subscribe();
    let second = Node::start(joining(2, &hub)).await;
    let mut at_second = second.ready.members.subscribe();
    until(&mut at_hub, 2, MemberChange::Joined).await;
    tokio::time::sleep(KNOWN_FOR).await;
    while at_second.try_recv().is_ok() {}
    // It has had one of these since the start.
    for incarnation in ahead..ahead + 5 {
        let mut client = Raw::dial(hub.address(), std::future::pending::<()>()).await;
        let mut stream = client.open("/hearsay/test/accuse/1", std::future::pending::<()>()).await;
        let accusation = Accusation { accuser: key(2), subject: key(1), incarnation };
        let signed = accusation.sign(&SecretKey::from_seed(&[2; 32]), &config(1).network);
        client.write(&mut stream, &signed.to_bytes()).await;
        client.during(futures::AsyncWriteExt::close(&mut stream)).await.expect("open");
        client.left(stream, std::future::pending::<()>()).await;
    }
    until(&mut at_second, 1, MemberChange::Updated).await;
    second.stop().await;
    hub.stop().await;
}

fn options() -> StoreOptions {
    StoreOptions { network: config(1).network, now_s: || 1_000 }
}

fn record_in(dir: &Path) -> Option<SignedRecord> {
    let store = RedbStore::open(dir, options()).expect("the same store");
    let note = store.note(Note::MemberRecord).expect("readable")?;
    Some(SignedRecord::from_bytes(&note.into()).expect("a record"))
}

fn keep_record(dir: &Path, seed: u8, incarnation: u64) {
    let record = MemberRecord {
        key: key(seed),
        instance: Instance([seed; 8]),
        incarnation,
        issued_ms: wall_ms(),
        version: 2,
        agent: "test".to_owned(),
        addresses: Vec::new(),
        relays: Vec::new(),
        presence: Presence::Alive,
    };
    let record =
        record.sign(&SecretKey::from_seed(&[seed; 32]), &config(seed).network).expect("within the bounds");
    let mut store = RedbStore::open(dir, options()).expect("the same store");
    store.save_note(Note::MemberRecord, record.encoded()).expect("kept");
}

fn wall_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as u64
}
