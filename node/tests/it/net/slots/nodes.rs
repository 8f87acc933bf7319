//! Real nodes: idle peers that hold all inbound slots of a node give way to an honest newcomer, and an honest node
//! that gives way understands it as that.

use node::config::Config;

use crate::support::harness::{Node, config};
use crate::support::hostile_client::HostileClient;

/// Settings of a node that dials one other node and that nobody dials.
fn newcomer(seed: u8, other: &Node) -> Config {
    Config { bootstrap: vec![other.address()], max_peers_in: 0, ..config(seed) }
}

#[tokio::test]
#[ignore = "real nodes for some seconds: run by the gate, one by one"]
async fn an_honest_newcomer_becomes_a_peer_of_a_node_whose_inbound_slots_are_held_by_idle_peers() {
    const HELD: usize = 8;
    let full = Node::start(Config { max_peers_in: HELD, ..config(1) }).await;
    let mut idle = Vec::new();
    for _ in 0..HELD {
        idle.push(HostileClient::greeted(&full.address()).await);
    }
    full.status_until("a full house", |status| status.peers_in == HELD).await;
    let honest = Node::start(newcomer(2, &full)).await;
    let wanted = honest.ready.peer_id.to_string();
    full.peers_until("the newcomer", |peers| peers.iter().any(|peer| peer.peer_id == wanted && peer.ready)).await;
    let status = full.status().await;
    assert_eq!((status.peers_in, status.disconnects.get("evicted")), (HELD, Some(&1)), "{status:?}");
    // The one that went was told why.
    let told = idle.into_iter().map(|mut client| async move { client.goodbye().await });
    let (told, _, _) = futures::future::select_all(told.map(Box::pin)).await;
    assert_eq!(told.as_deref(), Some("evicted"));
    honest.stop().await;
    full.stop().await;
}

#[tokio::test]
#[ignore = "real nodes for some seconds: run by the gate, one by one"]
async fn a_node_that_gives_way_was_declined_and_nobody_is_banned() {
    let full = Node::start(Config { max_peers_in: 1, ..config(3) }).await;
    let first = Node::start(newcomer(4, &full)).await;
    first.peers_until("its peer", |peers| peers.len() == 1).await;
    let second = Node::start(newcomer(5, &full)).await;
    second.peers_until("its peer", |peers| peers.len() == 1).await;
    let status = first.status_until("the end of its slot", |status| !status.disconnects.is_empty()).await;
    assert_eq!(status.disconnects.into_iter().collect::<Vec<_>>(), [("declined".to_owned(), 1)]);
    let evicted = full.status().await;
    assert_eq!(evicted.disconnects.get("evicted"), Some(&1), "{evicted:?}");
    assert!(status.bans.is_empty() && evicted.bans.is_empty());
    for node in [second, first, full] {
        node.stop().await;
    }
}
