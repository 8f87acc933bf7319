//! Real nodes that are started again and know nobody but the members that they kept.

use std::path::Path;

use node::config::Config;
use node::rpc::command::Command;
use node::store::{Note, RedbStore, Store as _, StoreOptions};
use protocol::wire::codec::{Encode, Writer};
use tempfile::TempDir;
use tokio::time::timeout;

use crate::support::harness::{Node, PATIENCE, config};

/// A node that keeps what it knows.
fn keeping(seed: u8, dir: &TempDir) -> Config {
    Config { data_dir: Some(dir.path().to_owned()), ephemeral: false, ..config(seed) }
}

/// Whether a node knows another one as a member, and where it can be reached.
async fn knows(node: &Node, id: &str) -> bool {
    let members = node.ask(|reply| Command::Members { reply }).await.expect("it takes part");
    members.iter().any(|member| member.peer_id == id && !member.addresses.is_empty())
}

/// Waits until a node knows another one.
async fn knows_soon(node: &Node, other: &Node) {
    let id = other.ready.peer_id.to_string();
    let waited = async { while !knows(node, &id).await {} };
    timeout(PATIENCE, waited).await.expect("it hears of it");
}

fn store(dir: &Path) -> RedbStore {
    let options = StoreOptions { network: config(1).network, now_s: || 1_000 };
    RedbStore::open(dir, options).expect("a store")
}

/// Empties the address book that a node kept. What is left is the list of members.
fn forget_addresses(dir: &Path) {
    let mut store = store(dir);
    store.save_peers(&[]).expect("kept");
    store.save_note(Note::Standings, &[]).expect("kept");
}

#[tokio::test]
async fn a_node_whose_bootstrap_is_gone_finds_another_member_by_its_own_list() {
    let dir = tempfile::tempdir().expect("a directory");
    let hub = Node::start(config(1)).await;
    let third = Node::start(Config { bootstrap: vec![hub.address()], ..config(3) }).await;
    let second = Node::start(Config { bootstrap: vec![hub.address()], ..keeping(2, &dir) }).await;
    second.peers_until("both", |peers| peers.iter().filter(|peer| peer.ready).count() == 2).await;
    knows_soon(&second, &hub).await;
    knows_soon(&second, &third).await;
    second.stop().await;
    hub.kill().await;
    forget_addresses(dir.path());

    let second = Node::start(keeping(2, &dir)).await;
    let third_id = third.ready.peer_id.to_string();
    second.peers_until("the third", |peers| peers.iter().any(|peer| peer.ready && peer.peer_id == third_id)).await;
    second.stop().await;
    third.stop().await;
}

/// A list of one member, as a node keeps it: whether it had answered, and its record.
struct List<'a>(&'a [u8]);

impl Encode for List<'_> {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.array(1);
        writer.array(2);
        writer.uint(1);
        writer.bytes(self.0);
    }
}

#[tokio::test]
async fn a_list_is_not_believed_and_one_that_cannot_be_read_is_no_hindrance() {
    let dir = tempfile::tempdir().expect("a directory");
    let hub = Node::start(config(1)).await;
    let second = Node::start(Config { bootstrap: vec![hub.address()], ..keeping(2, &dir) }).await;
    let hub_id = hub.ready.peer_id.to_string();
    knows_soon(&second, &hub).await;
    second.stop().await;
    hub.stop().await;

    let kept = store(dir.path()).note(Note::Members).expect("readable").expect("kept");
    // The last bytes are the signature.
    let mut spoilt = kept.clone();
    *spoilt.last_mut().expect("not empty") ^= 1;
    let strange = [spoilt, List(b"no record").to_bytes(), vec![0xff; 9]];
    for (note, right) in strange.into_iter().map(|note| (note, false)).chain([(kept, true)]) {
        forget_addresses(dir.path());
        store(dir.path()).save_note(Note::Members, &note).expect("kept");
        let second = Node::start(keeping(2, &dir)).await;
        // The signature is checked in the first turns of the loop.
        for _ in 0..20 {
            knows(&second, &hub_id).await;
        }
        assert_eq!(knows(&second, &hub_id).await, right, "{note:?}");
        second.stop().await;
    }
}
