//! Nodes on different transports: one on QUIC only and one on TCP only meet at a third that listens on both.

use std::sync::Arc;

use node::config::Config;
use node::rpc::command::Command;
use protocol::gossip::{Submission, TransactionStatus};
use protocol::items::block::{Block, Header, transactions_root};
use protocol::items::hash::BlockId;
use protocol::items::keys::{PublicKey, SecretKey};
use protocol::items::transaction::SignedTransaction;

use crate::support::harness::{Node, config, transaction};

const TCP: &str = "/ip4/127.0.0.1/tcp/0";
const QUIC: &str = "/ip4/127.0.0.1/udp/0/quic-v1";

/// A node that listens on one transport only, and knows `hub` by its address there.
async fn node_on(transport: &str, seed: u8, hub: &Node) -> Node {
    let quic = transport == QUIC;
    let of_hub = hub.ready.listen.iter().find(|address| address.to_string().contains("quic-v1") == quic);
    Node::start(Config {
        listen: vec![transport.parse().expect("an address")],
        reserved_peers: of_hub.cloned().into_iter().collect(),
        reserved_only: true,
        ..config(seed)
    })
    .await
}

/// A block of the harness's network with one transaction.
fn block(height: u64, parent: BlockId, transaction: &SignedTransaction) -> Arc<Block> {
    let transactions_root = transactions_root(&[transaction.id()]);
    let header =
        Header { height, parent, producer: PublicKey::default(), timestamp_ms: 0, transactions_root, count: 1 };
    let header = header.sign(&SecretKey::from_seed(&[9; 32]), &"test".parse().expect("a name"));
    Arc::new(Block { header, transactions: vec![transaction.encoded().clone()] })
}

#[tokio::test]
async fn a_quic_only_and_a_tcp_only_node_exchange_transactions_and_blocks_through_a_third() {
    let mut settings = config(200);
    settings.listen = [TCP, QUIC].map(|address| address.parse().expect("an address")).into();
    let hub = Node::start(settings).await;
    let quic = node_on(QUIC, 201, &hub).await;
    let tcp = node_on(TCP, 202, &hub).await;
    for (node, is_quic) in [(&quic, true), (&tcp, false)] {
        let peers = node.peers_until("the hub's hello", |peers| peers.iter().any(|peer| peer.ready)).await;
        assert_eq!(peers[0].address.contains("quic-v1"), is_quic, "{peers:#?}");
    }
    hub.status_until("both hellos", |status| status.peers_in == 2).await;

    let mut parent = "test".parse::<protocol::items::network::NetworkId>().expect("a name").genesis();
    for (height, from, to) in [(1, &quic, &tcp), (2, &tcp, &quic)] {
        let small = transaction(203, height, 100);
        let large = transaction(204, height, 64 * 1024);
        for item in [&small, &large] {
            assert_eq!(from.send(item.clone()).await, Ok(Submission::Accepted));
            assert!(matches!(to.transaction(item.id()).await, TransactionStatus::Pending(_)));
        }
        let block = block(height, parent, &large);
        parent = block.header.id();
        let taken = from.ask(|reply| Command::SubmitBlock { block, reply }).await;
        assert_eq!(taken, Ok(Submission::Accepted));
        to.status_until("the block", |status| status.tip_height == height).await;
        let held = to.transaction(large.id()).await;
        assert!(matches!(held, TransactionStatus::Confirmed { block, .. } if block == parent), "{held:?}");
    }
    for node in [&hub, &quic, &tcp] {
        let status = node.status().await;
        assert!(status.disconnects.is_empty(), "{:?}", status.disconnects);
    }
    for node in [&quic, &tcp] {
        assert_eq!(node.peers().await.len(), 1, "they never met but through the third");
    }
    for node in [quic, tcp, hub] {
        node.stop().await;
    }
}
