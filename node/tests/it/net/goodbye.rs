//! A peer that is disconnected for a cause is told this cause, over TCP and over QUIC. A peer that speaks another
//! version is disconnected for that.

use std::sync::Arc;

use futures::StreamExt as _;
use libp2p::identity::Keypair;
use libp2p::kad::store::MemoryStore;
use libp2p::swarm::{self, NetworkBehaviour, SwarmEvent};
use libp2p::{StreamProtocol, Swarm, identify, kad};
use node::config::Config;
use node::net::transport::own::Dials;
use node::net::transport::{self, WireBytes};
use protocol::items::keys::SecretKey;
use protocol::items::transaction::Transaction;
use protocol::wire::frame::Frame;
use protocol::wire::message::{Lane, Message, VERSION};

use crate::support::harness::{Node, PATIENCE, config};
use crate::support::hostile_client::{HostileClient, frame, framed, hello, prefix};

async fn listening(address: &str) -> Node {
    Node::start(Config { listen: vec![address.parse().expect("an address")], ..config(1) }).await
}

/// A transaction that is signed for another network.
fn foreign() -> Message {
    let key = SecretKey::from_seed(&[7; 32]);
    let transaction = Transaction { author: key.public(), nonce: 1, valid_until: 9, payload: vec![1].into() };
    let signed = transaction.sign(&key, &"other".parse().expect("a name")).expect("within the bound");
    Message::Transactions { via: None, bodies: vec![signed.encoded().clone().into()] }
}

#[tokio::test]
async fn a_peer_that_is_left_for_a_cause_is_told_which() {
    let misdeeds = [
        ("invalid_signature", frame(&foreign())),
        ("out_of_turn", frame(&Message::Hello(hello("test")))),
        ("undecodable", framed(&[0x82, 0x18, 0x63, 0x00])),
        ("frame_too_large", prefix(1 << 20)),
        ("bad_ack", frame(&Frame::Ack(1))),
    ];
    for address in ["/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/udp/0/quic-v1"] {
        for (reason, bytes) in &misdeeds {
            let node = listening(address).await;
            let mut client = HostileClient::greeted(&node.address()).await;
            client.write(Lane::Control, bytes).await;
            assert_eq!(client.goodbye().await.as_deref(), Some(*reason), "{address}");
            client.closed().await;
            node.status_until("the reason counted", |status| status.disconnects.contains_key(*reason)).await;
            node.stop().await;
        }
    }
}

#[tokio::test]
async fn a_node_that_stops_is_nobodys_fault() {
    let node = listening("/ip4/127.0.0.1/tcp/0").await;
    let mut client = HostileClient::greeted(&node.address()).await;
    let (said, ()) = tokio::join!(client.goodbye(), node.stop());
    assert_eq!(said, None);
}

/// Names lanes of the previous version in identify, and speaks no gossip.
#[derive(NetworkBehaviour)]
struct Older {
    identify: identify::Behaviour,
    lanes: kad::Behaviour<MemoryStore>,
}

#[tokio::test]
async fn a_peer_of_another_version_is_left_for_that() {
    let node = listening("/ip4/127.0.0.1/tcp/0").await;
    let key = Keypair::generate_ed25519();
    let local = key.public().to_peer_id();
    let name = StreamProtocol::try_from_owned(format!("/hearsay/test/control/{}", VERSION - 1)).expect("a name");
    let mut lanes = kad::Behaviour::with_config(local, MemoryStore::new(local), kad::Config::new(name));
    lanes.set_mode(Some(kad::Mode::Server));
    let identify = identify::Behaviour::new(identify::Config::new("hearsay/1".to_owned(), key.public()));
    let transport =
        transport::build(&key, &Arc::new(WireBytes::default()), None, &Dials::default()).expect("a transport");
    let behaviour = Older { identify, lanes };
    let mut swarm = Swarm::new(transport, behaviour, local, swarm::Config::with_tokio_executor());
    swarm.dial(node.address()).expect("a dial");
    let closed = async { while !matches!(swarm.select_next_some().await, SwarmEvent::ConnectionClosed { .. }) {} };
    tokio::time::timeout(PATIENCE, closed).await.expect("closed in time");
    node.status_until("the reason counted", |status| status.disconnects.get("other_version") == Some(&1)).await;
    node.stop().await;
}
