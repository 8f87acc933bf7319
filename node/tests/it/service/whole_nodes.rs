//! Whole nodes: they find each other, keep one connection per peer, keep their limits, and stop cleanly.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use libp2p::identity::Keypair;
use node::net::handler::{Order, Report};
use node::net::transport::listen::ListenError;
use node::observe::trace::{self, What};
use node::rpc::command::Command;
use node::service::ServiceError;
use protocol::gossip::{Submission, TransactionStatus};
use protocol::limits::{BLOCK_BYTES_MAX, PAYLOAD_BYTES_MAX, TRANSACTION_BYTES_MAX};
use protocol::wire::codec::Encode as _;
use protocol::wire::message::{Lane, Message};
use tokio::time::timeout;

use crate::support::harness::{Node, PATIENCE, config, transaction};
use crate::support::hostile_client::HostileClient;
use crate::support::puppet::Puppet;

#[tokio::test]
async fn a_node_finds_its_bootstrap_node_with_and_without_a_peer_id() {
    let hub = Node::start(config(1)).await;
    let with_id = hub.address();
    let mut without_id = with_id.clone();
    without_id.pop();
    for (seed, address) in [(2, with_id), (3, without_id)] {
        let mut settings = config(seed);
        settings.bootstrap = vec![address];
        let node = Node::start(settings).await;
        let peers = node.peers_until("the bootstrap node", |peers| !peers.is_empty()).await;
        assert_eq!((peers[0].peer_id.clone(), peers[0].inbound), (hub.ready.peer_id.to_string(), false));
        node.stop().await;
        hub.peers_until("its leaving", <[_]>::is_empty).await;
    }
    hub.stop().await;
}

#[tokio::test]
async fn nodes_that_start_at_once_behind_one_bootstrap_node_all_find_eight_peers() {
    let hub = Node::start(config(10)).await;
    let nodes = join_all((11..24).map(|seed| {
        let mut settings = config(seed);
        settings.bootstrap = vec![hub.address()];
        Node::start(settings)
    }))
    .await;
    for node in &nodes {
        let peers = node.peers_until("eight peers", |peers| peers.len() >= 8).await;
        let mut ids: Vec<_> = peers.iter().map(|peer| peer.peer_id.clone()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), peers.len(), "one connection for a peer");
        assert!(!ids.contains(&node.ready.peer_id.to_string()), "never ourselves");
        assert!(peers.iter().filter(|peer| !peer.inbound).count() <= 8);
    }
    join_all(nodes.into_iter().map(Node::stop)).await;
    hub.stop().await;
}

#[tokio::test]
async fn two_reserved_peers_that_dial_each_other_keep_one_connection() {
    let mut one = config(30);
    let mut two = config(31);
    let [port_one, port_two] = [free_port(), free_port()];
    one.listen = vec![format!("/ip4/127.0.0.1/tcp/{port_one}").parse().expect("an address")];
    two.listen = vec![format!("/ip4/127.0.0.1/tcp/{port_two}").parse().expect("an address")];
    one.reserved_peers = vec![two.listen[0].clone()];
    two.reserved_peers = vec![one.listen[0].clone()];
    one.reserved_only = true;
    two.reserved_only = true;
    let (one, two) = tokio::join!(Node::start(one), Node::start(two));
    let at_one = one.peers_until("the other", |peers| peers.len() == 1).await;
    let at_two = two.peers_until("the other", |peers| peers.len() == 1).await;
    assert_ne!(at_one[0].inbound, at_two[0].inbound, "both mean the same connection");
    tokio::join!(one.stop(), two.stop());
}

#[tokio::test]
async fn a_full_node_declines_and_the_newcomer_goes_elsewhere() {
    let mut full = config(40);
    full.max_peers_in = 1;
    full.loopback_exempt = false;
    let full = Node::start(full).await;
    // The second takes the place of the first, which its address group may do once in ten minutes.
    let (_one, _two) =
        (HostileClient::greeted(&full.address()).await, HostileClient::greeted(&full.address()).await);
    let mut first = config(41);
    first.bootstrap = vec![full.address()];
    let first = Node::start(first).await;
    let mut second = config(42);
    second.bootstrap = vec![full.address()];
    let second = Node::start(second).await;
    let peers = second.peers_until("a peer", |peers| !peers.is_empty()).await;
    // `first` may have dialled, or have been dialled: Kademlia tells both of each other.
    assert!(peers.iter().all(|peer| peer.peer_id != full.ready.peer_id.to_string() || peer.inbound), "{peers:#?}");
    for node in [second, first, full] {
        node.stop().await;
    }
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("bound").port();
    let mut settings = config(50);
    settings.listen = vec![format!("/ip4/127.0.0.1/tcp/{port}").parse().expect("an address")];
    let node = Node::start(config(51)).await;
    let mut same_as_node = config(52);
    let mut address = node.address();
    address.pop();
    same_as_node.listen = vec![address];
    for settings in [settings, same_as_node] {
        let wanted = settings.listen[0].clone();
        let error = Node::try_start(settings).await.err().expect("the port is taken");
        let ServiceError::Listen(ListenError::AddressInUse { address }) = &error else { panic!("{error}") };
        assert_eq!(*address, wanted);
    }
    node.stop().await;
}

#[tokio::test]
async fn a_peer_that_breaks_a_rule_is_closed_counted_and_not_let_in_again() {
    let node = Node::start(config(55)).await;
    let network = "test".parse().expect("a name");
    let (mut puppet, _) = Puppet::start(&network, false).await;
    puppet.dial(node.address()).await;
    puppet.order(Order::Open);
    assert!(matches!(puppet.own_report().await, Report::Up));
    let too_large = Message::Transactions { via: None, bodies: vec![vec![0; 60_000].into(); 2] };
    puppet.order(Order::Send(vec![(Lane::Control, too_large)]));
    puppet.closed().await;
    let status = node.status().await;
    assert_eq!(status.disconnects.get("frame_too_large"), Some(&1), "{:?}", status.disconnects);
    puppet.dial(node.address()).await;
    puppet.closed().await;
    assert!(node.peers().await.is_empty());
    node.stop().await;
}

#[tokio::test]
async fn a_trace_tells_of_peers_and_ends() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("trace");
    let hub = Node::start(config(60)).await;
    let mut settings = config(61);
    settings.bootstrap = vec![hub.address()];
    settings.trace = Some(path.clone());
    let node = Node::start(settings).await;
    node.peers_until("the bootstrap node", |peers| !peers.is_empty()).await;
    node.stop().await;
    hub.stop().await;
    let (_, records) = trace::read(&path).expect("a whole trace");
    let what: Vec<_> = records.into_iter().map(|record| record.what).collect();
    assert!(matches!(&what[0], What::PeerUp { outbound: true, .. }), "{what:?}");
    assert!(what.iter().any(|what| matches!(what, What::PeerDown { reason, .. } if reason == "shutdown")));
    assert!(
        what.iter().any(|what| matches!(what, What::Sample { wire_in: 1.., wire_out: 1.., rss_peak: 1.., .. }))
    );
    assert_eq!(what.last(), Some(&What::End));
}

#[tokio::test]
async fn a_peer_that_comes_back_before_its_end_was_noticed_is_let_in() {
    let node = Node::start(config(75)).await;
    let network = "test".parse().expect("a name");
    let key = Keypair::generate_ed25519();
    let mut puppets = Vec::new();
    for _ in 0..2 {
        // To the node the first is as good as ever when the second comes.
        let (mut puppet, _) = Puppet::start_as(key.clone(), &network, false).await;
        puppet.dial(node.address()).await;
        puppet.order(Order::Open);
        let report = puppet.own_report().await;
        assert!(matches!(report, Report::Up), "{report:?}");
        puppets.push(puppet);
        let status = node.status_until("the newcomer", |status| {
            status.disconnects.get("duplicate_connection").copied().unwrap_or(0) == puppets.len() as u64 - 1
        });
        status.await;
        assert_eq!(node.peers().await.len(), 1);
    }
    node.stop().await;
}

#[tokio::test]
async fn a_produced_block_is_as_full_as_a_block_may_be() {
    let mut settings = config(80);
    settings.produce_every = Some(Duration::from_secs(2));
    let node = Node::start(settings).await;
    // Three blocks' worth. While it is handed in the producer's turn comes once at most: either that block or the next
    // is full.
    let count = 3 * BLOCK_BYTES_MAX / PAYLOAD_BYTES_MAX;
    let transactions: Vec<_> = (0..count).map(|nonce| transaction(1, nonce as u64, PAYLOAD_BYTES_MAX)).collect();
    let answers = join_all(transactions.iter().map(|transaction| node.send(Arc::clone(transaction)))).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    node.status_until("an empty mempool", |status| status.mempool_transactions == 0).await;
    let mut fullest = 0;
    for id in transactions.iter().map(|transaction| transaction.id()) {
        if let TransactionStatus::Confirmed { block: id, .. } = node.transaction(id).await
            && let Some(block) = node.ask(|reply| Command::Block { id, reply }).await
        {
            fullest = fullest.max(block.encoded_len());
        }
    }
    assert!(fullest > BLOCK_BYTES_MAX - TRANSACTION_BYTES_MAX, "one more would have fitted in {fullest} bytes");
    node.stop().await;
}

#[tokio::test]
async fn one_transaction_sent_many_times_at_once_is_answered_each_time() {
    let node = Node::start(config(70)).await;
    // More replies than may ever wait at once, so that none may be left behind.
    for nonce in 0..100 {
        let transaction = transaction(1, nonce, 10);
        let answers = join_all((0..50).map(|_| node.send(Arc::clone(&transaction))));
        let answers = timeout(PATIENCE, answers).await.expect("every one is answered");
        let accepted = answers.iter().filter(|answer| **answer == Ok(Submission::Accepted)).count();
        let held = answers.iter().filter(|answer| **answer == Ok(Submission::Held)).count();
        assert_eq!((accepted, held), (1, 49), "{answers:?}");
    }
    node.stop().await;
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}
