//! Lists of blocks, of pending transactions and of bans, and the owner's orders, on real nodes.

use std::path::Path;
use std::time::Duration;

use libp2p::Multiaddr;
use node::config::Config;
use node::net::bans::ORDERED;
use node::net::discovery::{ADDED_PEERS_MAX, added};
use node::rpc::command::Command;
use node::rpc::lists::{BlockSummary, PoolPage};
use node::rpc::orders::{Order, OrderError, Subject};
use node::store::{Note, RedbStore, Store as _, StoreOptions};
use protocol::items::hash::TxId;

use crate::support::harness::{Node, config, transaction};

async fn order(node: &Node, order: Order) -> Result<(), OrderError> {
    node.ask(|reply| Command::Order { order, reply }).await
}

async fn page(node: &Node, after: Option<TxId>, count: usize) -> PoolPage {
    node.ask(|reply| Command::Pool { after, count, reply }).await
}

#[tokio::test]
async fn the_mempool_is_told_page_by_page() {
    let node = Node::start(config(210)).await;
    let mut ids = Vec::new();
    for nonce in 0..5 {
        let sent = transaction(210, nonce, 50);
        ids.push(sent.id());
        node.send(sent).await.expect("accepted");
    }
    ids.sort_unstable();
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let found = page(&node, after, 3).await.view(2);
        assert_eq!(found.total, 5);
        seen.extend(found.transactions.iter().map(|shown| shown.id.parse::<TxId>().expect("an id")));
        after = found.next.map(|next| next.parse().expect("an id"));
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, ids);
    node.stop().await;
}

#[tokio::test]
async fn blocks_are_listed_from_the_tip_down_and_found_by_height() {
    let mut settings = config(211);
    settings.produce_every = Some(Duration::from_millis(100));
    let node = Node::start(settings).await;
    let status = node.status_until("three blocks", |status| status.tip_height >= 3).await;
    let headers = node.ask(|reply| Command::Blocks { from: Some(3), count: 2, reply }).await;
    let listed: Vec<BlockSummary> = headers.iter().map(BlockSummary::from).collect();
    assert_eq!(listed.iter().map(|block| block.height).collect::<Vec<_>>(), [3, 2]);
    assert_eq!(listed[0].parent, listed[1].id);
    assert_eq!(listed[0].producer, status.public_key);
    let found = node.ask(|reply| Command::BlockAt { height: 2, reply }).await.expect("a block");
    assert_eq!(found.header.id().to_string(), listed[1].id);
    assert!(node.ask(|reply| Command::BlockAt { height: 1_000_000, reply }).await.is_none());
    node.stop().await;
}

#[tokio::test]
async fn a_ban_that_the_owner_orders_disconnects_and_lasts_over_a_restart() {
    let one = Node::start(config(212)).await;
    let mut settings = config(213);
    settings.bootstrap = vec![one.address()];
    let dir = tempfile::tempdir().expect("a directory");
    (settings.data_dir, settings.ephemeral) = (Some(dir.path().to_owned()), false);
    let two = Node::start(settings.clone()).await;
    two.status_until("its peer", |status| status.peers_out == 1).await;
    let peer = Subject::Peer(one.ready.peer_id);
    let week = Duration::from_secs(7 * 24 * 3_600);
    order(&two, Order::Ban(peer, week)).await.expect("banned");
    two.status_until("its end", |status| status.peers_out == 0 && status.disconnects.contains_key("removed"))
        .await;
    let address = Subject::Address("192.0.2.7".parse().expect("an address"));
    order(&two, Order::Ban(address, week)).await.expect("banned");
    two.stop().await;

    let two = Node::start(settings).await;
    let bans = two.ask(|reply| Command::Bans { reply }).await;
    let found: Vec<_> = bans.iter().map(|ban| (ban.who.as_str(), ban.reason.as_str())).collect();
    let id = one.ready.peer_id.to_string();
    assert_eq!(found, [("192.0.2.7", ORDERED), (id.as_str(), ORDERED)]);
    assert!(bans.iter().all(|ban| ban.left_s > 6.9 * 24.0 * 3_600.0), "{bans:?}");
    assert_eq!(order(&two, Order::Unban(address)).await, Ok(()));
    assert_eq!(order(&two, Order::Unban(address)).await, Err(OrderError::NoBan));
    // The peer comes back when its ban is over.
    order(&two, Order::Unban(peer)).await.expect("ended");
    two.status_until("its peer again", |status| status.peers_out == 1).await;
    two.stop().await;
    one.stop().await;
}

#[tokio::test]
async fn a_peer_is_added_and_removed_while_the_node_runs() {
    let one = Node::start(config(214)).await;
    let two = Node::start(config(215)).await;
    order(&two, add(one.address())).await.expect("added");
    two.status_until("its peer", |status| status.peers_out == 1).await;
    order(&two, Order::Remove(one.ready.peer_id)).await.expect("removed");
    two.status_until("its end", |status| status.disconnects.contains_key("removed")).await;
    let nobody = "12D3KooWGC6TvWhfapngX6wvJHMYvKpDMXPb3ZnCZ6dMoaMtimQ5".parse().expect("a peer id");
    assert_eq!(order(&two, Order::Remove(nobody)).await, Err(OrderError::NoPeer));
    assert_eq!(order(&two, add(two.address())).await, Err(OrderError::Ourselves));
    let name = "/dns4/node.example/tcp/1".parse().expect("an address");
    assert_eq!(order(&two, add(name)).await, Err(OrderError::NoAddress));
    let loopback = Subject::Address("127.0.0.1".parse().expect("an address"));
    assert_eq!(order(&two, Order::Ban(loopback, Duration::from_secs(9))).await, Err(OrderError::Exempt));
    two.stop().await;
    one.stop().await;
}

fn add(address: Multiaddr) -> Order {
    Order::Add { address, kept: true }
}

/// A node that keeps its files, and knows no address.
fn lasting(seed: u8, dir: &Path) -> Config {
    let mut settings = config(seed);
    (settings.data_dir, settings.ephemeral) = (Some(dir.to_owned()), false);
    settings
}

#[tokio::test]
async fn an_added_peer_is_dialled_after_a_restart_until_it_is_removed() {
    let (one, dir) = (Node::start(config(216)).await, tempfile::tempdir().expect("a directory"));
    let settings = lasting(217, dir.path());
    let two = Node::start(settings.clone()).await;
    order(&two, add(one.address())).await.expect("added");
    two.stop().await;

    // Nothing else tells it of the peer: the two have not met.
    let two = Node::start(settings.clone()).await;
    two.status_until("its peer", |status| status.peers_out == 1).await;
    order(&two, Order::RemoveAddress(one.address())).await.expect("removed");
    two.status_until("its end", |status| status.disconnects.contains_key("removed")).await;
    assert_eq!(order(&two, Order::RemoveAddress(one.address())).await, Err(OrderError::NoPeer));
    two.stop().await;
    assert_eq!(kept(dir.path()), Vec::<Multiaddr>::new());
    one.stop().await;
}

#[tokio::test]
async fn a_peer_that_is_added_for_this_run_only_is_forgotten() {
    let dir = tempfile::tempdir().expect("a directory");
    let two = Node::start(lasting(218, dir.path())).await;
    let address = |port: usize| format!("/ip4/192.0.2.1/tcp/{port}").parse::<Multiaddr>().expect("an address");
    order(&two, Order::Add { address: address(1), kept: false }).await.expect("added");
    order(&two, add(address(2))).await.expect("added");
    two.stop().await;
    assert_eq!(kept(dir.path()), [address(2)]);
}

#[tokio::test]
async fn as_many_peers_are_kept_as_may_be_added() {
    let dir = tempfile::tempdir().expect("a directory");
    let address = |port: usize| format!("/ip4/192.0.2.1/tcp/{port}").parse::<Multiaddr>().expect("an address");
    let two = Node::start(lasting(219, dir.path())).await;
    for port in 1..=ADDED_PEERS_MAX {
        order(&two, add(address(port))).await.expect("added");
    }
    assert_eq!(order(&two, add(address(ADDED_PEERS_MAX + 1))).await, Err(OrderError::TooMany));
    two.stop().await;
    assert_eq!(kept(dir.path()).len(), ADDED_PEERS_MAX);
    let too_many: Vec<_> = (1..=ADDED_PEERS_MAX + 1).map(address).collect();
    assert_eq!(added::decode(added::encode(&too_many)).expect("readable").len(), ADDED_PEERS_MAX);
}

/// The added peers that a node in this directory kept.
fn kept(dir: &Path) -> Vec<Multiaddr> {
    let options = StoreOptions { network: config(1).network, now_s: || 0 };
    let store = RedbStore::open(dir, options).expect("a store");
    added::decode(store.note(Note::AddedPeers).expect("readable").expect("kept")).expect("addresses")
}
