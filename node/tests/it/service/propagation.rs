//! Items travel between whole nodes: small and large, one by one and many, announced, flooded and rumored, alone
//! and in blocks.

use std::time::Duration;

use futures::future::join_all;
use node::observe::trace::{self, What};
use protocol::gossip::{RelayPolicy, Rumor, Submission, TransactionStatus};
use protocol::time::Duration as Span;

use crate::support::harness::{Node, config, transaction};

/// A line of nodes. Each knows only the one before it.
async fn line(first_seed: u8, length: u8, relay: RelayPolicy) -> Vec<Node> {
    let mut nodes: Vec<Node> = Vec::new();
    for seed in first_seed..first_seed + length {
        let mut settings = config(seed);
        settings.relay = relay;
        settings.reserved_only = true;
        settings.reserved_peers = nodes.last().map(Node::address).into_iter().collect();
        nodes.push(Node::start(settings).await);
    }
    for (index, node) in nodes.iter().enumerate() {
        let wanted = usize::from(index > 0) + usize::from(index + 1 < nodes.len());
        node.status_until("its neighbours' hellos", |status| status.peers_in + status.peers_out == wanted).await;
    }
    nodes
}

#[tokio::test]
async fn transactions_of_all_sizes_travel_down_a_line() {
    let rumor = Rumor { round: Span::from_millis(20), ..Rumor::default() };
    for (seed, relay) in [(70, RelayPolicy::Announce), (80, RelayPolicy::Flood), (140, RelayPolicy::Rumor(rumor))]
    {
        let nodes = line(seed, 4, relay).await;
        let sizes = [1, 256, 4_000, 5_000, 64 * 1024];
        let items: Vec<_> = (0..).zip(sizes).map(|(nonce, bytes)| transaction(seed, nonce, bytes)).collect();
        for item in &items {
            assert_eq!(nodes[0].send(item.clone()).await, Ok(Submission::Accepted));
        }
        for item in &items {
            let status = nodes[3].transaction(item.id()).await;
            assert!(matches!(status, TransactionStatus::Pending(held) if held.encoded() == item.encoded()));
        }
        assert_eq!(nodes[0].send(items[0].clone()).await, Ok(Submission::Held));
        for node in &nodes {
            assert!(node.status().await.disconnects.is_empty());
        }
        join_all(nodes.into_iter().map(Node::stop)).await;
    }
}

#[tokio::test]
async fn a_thousand_transactions_reach_all_of_a_found_network() {
    let hub = Node::start(config(90)).await;
    let nodes = join_all((91..98).map(|seed| {
        let mut settings = config(seed);
        settings.bootstrap = vec![hub.address()];
        Node::start(settings)
    }))
    .await;
    for node in &nodes {
        node.status_until("seven peers", |status| status.peers_in + status.peers_out == 7).await;
    }
    let items: Vec<_> = (0..1_000).map(|nonce| transaction(1 + (nonce % 10) as u8, nonce, 200)).collect();
    for (index, item) in items.iter().enumerate() {
        assert_eq!(nodes[index % nodes.len()].send(item.clone()).await, Ok(Submission::Accepted));
    }
    for node in nodes.iter().chain([&hub]) {
        let status =
            node.status_until("all transactions", |status| status.mempool_transactions == items.len()).await;
        // Two that dial each other at once drop one of the two connections.
        let harmless = ["declined", "duplicate_connection"];
        let mut reasons = status.disconnects.keys();
        assert!(reasons.all(|reason| harmless.contains(&reason.as_str())), "{:?}", status.disconnects);
    }
    join_all(nodes.into_iter().map(Node::stop)).await;
    hub.stop().await;
}

#[tokio::test]
async fn blocks_are_produced_and_all_follow_a_latecomer_too() {
    let mut settings = config(100);
    settings.produce_every = Some(Duration::from_millis(100));
    let producer = Node::start(settings).await;
    // 40 of the largest payloads: blocks of megabytes go over the bulk lane.
    let items: Vec<_> = (0..40).map(|nonce| transaction(101, nonce, 64 * 1024)).collect();
    for item in &items {
        assert_eq!(producer.send(item.clone()).await, Ok(Submission::Accepted));
    }
    producer.status_until("a chain", |status| status.tip_height >= 5 && status.mempool_transactions == 0).await;
    let mut settings = config(102);
    settings.bootstrap = vec![producer.address()];
    let late = Node::start(settings).await;
    late.status_until("the chain", |status| status.tip_height >= 8).await;
    for item in &items {
        assert!(matches!(late.transaction(item.id()).await, TransactionStatus::Confirmed { .. }));
    }
    late.stop().await;
    producer.stop().await;
}

#[tokio::test]
async fn traces_of_two_nodes_tell_one_transaction_s_way() {
    let dir = tempfile::tempdir().expect("a directory");
    let paths = [dir.path().join("one"), dir.path().join("two")];
    let mut one = config(110);
    one.trace = Some(paths[0].clone());
    let one = Node::start(one).await;
    let mut two = config(111);
    two.trace = Some(paths[1].clone());
    two.bootstrap = vec![one.address()];
    let two = Node::start(two).await;
    two.status_until("hello", |status| status.peers_out == 1).await;
    one.status_until("hello", |status| status.peers_in == 1).await;
    let item = transaction(112, 1, 100);
    one.send(item.clone()).await.expect("accepted");
    two.transaction(item.id()).await;
    tokio::join!(one.stop(), two.stop());
    let [one, two] = paths.map(|path| {
        let (_, records) = trace::read(&path).expect("a whole trace");
        records.into_iter().map(|record| record.what).collect::<Vec<_>>()
    });
    let short = item.id().short();
    let has = |trace: &[What], wanted: &dyn Fn(&What) -> bool| trace.iter().filter(|what| wanted(what)).count();
    assert_eq!(has(&one, &|what| matches!(what, What::Submitted { item, .. } if *item == short)), 1);
    assert_eq!(has(&one, &|what| matches!(what, What::SentInv { item, .. } if *item == short)), 1);
    assert_eq!(has(&two, &|what| matches!(what, What::Announced { item, .. } if *item == short)), 1);
    assert_eq!(has(&one, &|what| matches!(what, What::SentBody { item, .. } if *item == short)), 1);
    assert_eq!(has(&two, &|what| matches!(what, What::Body { item, duplicate: false, .. } if *item == short)), 1);
    assert_eq!(has(&two, &|what| matches!(what, What::SentInv { item, .. } if *item == short)), 0, "no echo");
}
