//! Pings on the control lane: they are answered and measured, and a peer gains nothing by a fake answer.

use node::config::Config;
use node::config::deadlines::Deadlines;
use node::net::handler::{Order, Report};
use protocol::items::hash::BlockId;
use protocol::time::Duration;
use protocol::wire::frame::{Frame, Nonce};
use protocol::wire::message::{Hello, Lane, Message, Tip};

use crate::support::harness::{Node, config};
use crate::support::hostile_client::{HostileClient, frame};
use crate::support::puppet::Puppet;

const SOON: Duration = Duration::from_millis(50);

/// A node that pings soon, and is patient.
async fn pinging() -> Node {
    let deadlines = Deadlines { ping_interval: SOON, ..Deadlines::default() };
    Node::start(Config { deadlines, ..config(1) }).await
}

/// The nonce of the node's next ping.
async fn pinged(client: &mut HostileClient) -> Nonce {
    let nonce = |frame| if let Frame::Ping(nonce) = frame { Some(nonce) } else { None };
    client.expect_frame("a ping", nonce).await
}

async fn counted(node: &Node, label: &str) {
    node.status_until(label, |status| status.disconnects.get(label) == Some(&1)).await;
}

#[tokio::test]
async fn a_round_trip_is_measured_again_and_again() {
    let network = "test".parse().expect("a name");
    let hello = Hello::new(&network, Tip { height: 0, id: BlockId([0; 32]) });
    for quic in [false, true] {
        let deadlines = Deadlines { ping_interval: SOON, ..Deadlines::default() };
        let (mut one, mut two) = Puppet::open_pair_with(quic, deadlines).await;
        one.order(Order::Send(vec![(Lane::Control, Message::Hello(hello.clone()))]));
        two.order(Order::Send(vec![(Lane::Control, Message::Hello(hello.clone()))]));
        assert!(matches!(two.report(&mut one).await, Report::Received(Message::Hello(_))));
        for _ in 0..3 {
            let report = two.report(&mut one).await;
            assert!(matches!(report, Report::RoundTrip(_, None)), "{report:?}");
        }
        // The other end answered without its behaviour, which heard nothing but the hello.
        assert!(matches!(one.report(&mut two).await, Report::Received(Message::Hello(_))));
    }
}

#[tokio::test]
async fn each_ping_has_another_nonce_and_a_right_pong_harms_nothing() {
    let node = pinging().await;
    let mut client = HostileClient::greeted(&node.address()).await;
    let mut nonces = Vec::new();
    for _ in 0..3 {
        let nonce = pinged(&mut client).await;
        assert!(!nonces.contains(&nonce));
        nonces.push(nonce);
        client.write(Lane::Control, &frame(&Frame::Pong(nonce))).await;
    }
    pinged(&mut client).await;
    let status = node.status().await;
    assert!(status.disconnects.is_empty() && status.peers_in == 1, "{status:?}");
    node.stop().await;
}

#[tokio::test]
async fn a_pong_with_another_nonce_or_a_second_pong_is_a_breach() {
    for answers in [1, 2] {
        let node = pinging().await;
        let mut client = HostileClient::greeted(&node.address()).await;
        let mut nonce = pinged(&mut client).await;
        if answers == 1 {
            nonce[7] ^= 1;
        }
        let pongs = vec![frame(&Frame::Pong(nonce)); answers].concat();
        client.write(Lane::Control, &pongs).await;
        assert_eq!(client.goodbye().await.as_deref(), Some("bad_pong"), "{answers}");
        counted(&node, "bad_pong").await;
        node.stop().await;
    }
}

#[tokio::test]
async fn of_many_pings_at_once_the_last_is_answered_at_least_and_nobody_else_waits() {
    let node = Node::start(config(1)).await;
    let mut client = HostileClient::greeted(&node.address()).await;
    let nonce = |n: u16| [n.to_be_bytes(); 4].concat().try_into().expect("8 bytes");
    let pings: Vec<_> = (0..5_000).map(|n| frame(&Frame::Ping(nonce(n)))).collect();
    client.write(Lane::Control, &pings.concat()).await;
    client.expect_frame("the last pong", |frame| (frame == Frame::Pong(nonce(4_999))).then_some(())).await;
    assert!(node.status().await.disconnects.is_empty());
    node.stop().await;
}

#[tokio::test]
async fn a_ping_before_hello_is_out_of_turn() {
    let node = Node::start(config(1)).await;
    let mut client = HostileClient::connect(&node.address()).await;
    client.write(Lane::Control, &frame(&Frame::Ping([1; 8]))).await;
    assert_eq!(client.goodbye().await.as_deref(), Some("out_of_turn"));
    counted(&node, "out_of_turn").await;
    node.stop().await;
}
