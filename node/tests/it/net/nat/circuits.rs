//! Real nodes of which one can only be reached through a relay: a transaction crosses, the slot moves to a direct
//! connection if there is a way for one, and a relay gives no more than it says.

use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;
use node::config::Config;
use node::config::reach::{Reach, Reachability};
use node::net::behaviour::nat::server::{CIRCUIT_BYTES_MAX, CIRCUITS_PER_PEER, RESERVATIONS_MAX};
use protocol::gossip::{Submission, TransactionStatus};

use crate::support::harness::{Node, config, transaction};

/// A relay, by its operator's will.
async fn relay(seed: u8) -> Node {
    let reach = Reach { relay_server: true, ..Reach::default() };
    Node::start(Config { reach, ..config(seed) }).await
}

/// A node that believes that nobody can dial it, with a reservation at this relay.
async fn hidden(seed: u8, relay: &Node, listen: Vec<Multiaddr>) -> Node {
    let reach = Reach { reachability: Reachability::Private, relays: vec![relay.address()], ..Reach::default() };
    let node = Node::start(Config { listen, reach, ..config(seed) }).await;
    node.status_until("a reservation", |status| status.reach.relays.iter().any(|relay| relay.held)).await;
    node
}

/// A node that dials these and no others.
async fn caller(seed: u8, to: Vec<Multiaddr>, listen: Vec<Multiaddr>) -> Node {
    Node::start(Config { listen, reserved_peers: to, reserved_only: true, ..config(seed) }).await
}

/// The address of a node through a relay.
fn through(relay: &Node, node: &Node) -> Multiaddr {
    relay.address().with(Protocol::P2pCircuit).with(Protocol::P2p(node.ready.peer_id))
}

fn is_relayed(address: &str) -> bool {
    address.contains("p2p-circuit")
}

#[tokio::test]
async fn a_transaction_crosses_a_circuit_between_nodes_that_cannot_dial_each_other() {
    let relay = relay(40).await;
    // Without listeners there is no hole to punch.
    let hidden = hidden(41, &relay, Vec::new()).await;
    let caller = caller(42, vec![through(&relay, &hidden)], Vec::new()).await;
    let peers = caller.peers_until("the hidden node", |peers| peers.iter().any(|peer| peer.ready)).await;
    assert!(peers.len() == 1 && is_relayed(&peers[0].address), "{peers:#?}");

    let item = transaction(43, 1, 100);
    assert_eq!(caller.send(item.clone()).await, Ok(Submission::Accepted));
    assert!(matches!(hidden.transaction(item.id()).await, TransactionStatus::Pending(_)));

    // At the other end the peer is counted at the relay's address, because it has no other.
    let peers = hidden.peers().await;
    let at_relay = peers.iter().find(|peer| peer.peer_id == caller.ready.peer_id.to_string());
    assert!(
        at_relay.is_some_and(|peer| peer.inbound && peer.address.starts_with("/ip4/127.0.0.1/tcp/")),
        "{peers:#?}"
    );
    let status = relay.status().await.reach;
    assert_eq!((status.is_relay, status.reservations, status.circuits), (true, 1, 1));
    for node in [caller, hidden, relay] {
        node.stop().await;
    }
}

#[tokio::test]
async fn the_slot_moves_to_a_direct_connection_and_lives_on_without_the_relay() {
    let listen = || config(0).listen;
    let relay = relay(50).await;
    let hidden = hidden(51, &relay, listen()).await;
    let caller = caller(52, vec![through(&relay, &hidden)], listen()).await;
    let direct = |peers: &[node::rpc::command::PeerStatus]| {
        peers.iter().any(|peer| peer.ready && !is_relayed(&peer.address))
    };
    caller.peers_until("a direct connection", direct).await;
    relay.kill().await;

    let item = transaction(53, 1, 100);
    assert_eq!(caller.send(item.clone()).await, Ok(Submission::Accepted));
    assert!(matches!(hidden.transaction(item.id()).await, TransactionStatus::Pending(_)));
    tokio::join!(caller.stop(), hidden.stop());
}

#[tokio::test]
async fn a_relay_carries_so_many_circuits_for_one_node_and_no_more() {
    let relay = relay(60).await;
    let mut nodes = Vec::new();
    for seed in 0..=CIRCUITS_PER_PEER {
        nodes.push(hidden(61 + u8::try_from(seed).expect("few"), &relay, Vec::new()).await);
    }
    let all = nodes.iter().map(|node| through(&relay, node)).collect();
    let caller = caller(70, all, Vec::new()).await;
    let count = |peers: &[node::rpc::command::PeerStatus]| peers.iter().filter(|peer| peer.ready).count();
    caller.peers_until("all but one", |peers| count(peers) == CIRCUITS_PER_PEER).await;
    relay.status_until("these circuits", |status| status.reach.circuits == CIRCUITS_PER_PEER).await;
    // The last one was refused, and not only slow: the caller has tried each.
    let tried = |status: &node::rpc::command::Status| status.peers_out <= CIRCUITS_PER_PEER;
    assert!(tried(&caller.status().await));
    assert_eq!(relay.status().await.reach.reservations, CIRCUITS_PER_PEER + 1);
    caller.stop().await;
    for node in nodes {
        node.stop().await;
    }
    relay.stop().await;
}

#[tokio::test]
async fn a_circuit_ends_at_its_bytes_and_what_is_left_crosses_on_the_next() {
    let relay = relay(90).await;
    let hidden = hidden(91, &relay, Vec::new()).await;
    let caller = caller(92, vec![through(&relay, &hidden)], Vec::new()).await;
    caller.peers_until("the hidden node", |peers| peers.iter().any(|peer| peer.ready)).await;
    // Items of half the bound cross on one circuit.
    let bytes = 48 * 1_024;
    let within = usize::try_from(CIRCUIT_BYTES_MAX).expect("few") / 2 / bytes;
    let mut sent = Vec::new();
    for nonce in 0..4 * within as u64 {
        if nonce == within as u64 {
            for id in &sent {
                assert!(matches!(hidden.transaction(*id).await, TransactionStatus::Pending(_)));
            }
            assert!(caller.status().await.disconnects.is_empty(), "it ended before its bound");
        }
        let item = transaction(93, nonce, bytes);
        sent.push(item.id());
        assert_eq!(caller.send(item).await, Ok(Submission::Accepted));
    }
    for id in &sent {
        assert!(matches!(hidden.transaction(*id).await, TransactionStatus::Pending(_)));
    }
    let status = caller.status_until("its end", |status| !status.disconnects.is_empty()).await;
    assert!(status.disconnects.values().sum::<u64>() >= 1, "{:?}", status.disconnects);
    for node in [caller, hidden, relay] {
        node.stop().await;
    }
}

#[tokio::test]
async fn a_relay_gives_so_many_reservations_and_no_more() {
    let relay = relay(100).await;
    let mut nodes = Vec::new();
    for seed in 0..RESERVATIONS_MAX {
        nodes.push(hidden(101 + u8::try_from(seed).expect("few"), &relay, Vec::new()).await);
    }
    assert_eq!(relay.status().await.reach.reservations, RESERVATIONS_MAX);
    let reach = Reach { reachability: Reachability::Private, relays: vec![relay.address()], ..Reach::default() };
    let one_more = Node::start(Config { listen: Vec::new(), reach, ..config(140) }).await;
    let refused = one_more
        .status_until("a refusal", |status| status.reach.relays.iter().any(|relay| relay.trouble.is_some()))
        .await;
    assert!(refused.reach.relays.iter().all(|relay| !relay.held), "{:?}", refused.reach.relays);
    assert_eq!(relay.status().await.reach.reservations, RESERVATIONS_MAX);
    one_more.stop().await;
    for node in nodes {
        node.stop().await;
    }
    relay.stop().await;
}
