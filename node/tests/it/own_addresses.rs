//! Dials lead to who was meant: never to ourselves, and past those who answer in another's place.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;

use futures::StreamExt as _;
use libp2p::core::Endpoint;
use libp2p::core::transport::{DialOpts, ListenerId, PortUse, Transport as _, TransportEvent};
use libp2p::identity::Keypair;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::{self, ListenError, SwarmEvent, dial_opts, dummy};
use libp2p::{Multiaddr, PeerId, Swarm};
use node::own::DialRefusal;
use node::resolve::{cause, refusals};
use node::transport::{self, WireBytes};
use tokio::net::{TcpListener, TcpStream};

const TCP: &str = "/ip4/127.0.0.1/tcp/0";
const QUIC: &str = "/ip4/127.0.0.1/udp/0/quic-v1";

fn parse(text: &str) -> Multiaddr {
    text.parse().expect("an address")
}

/// A swarm that does nothing by itself, and its addresses.
async fn swarm(listen: &[&str]) -> (Swarm<dummy::Behaviour>, Vec<Multiaddr>) {
    let key = Keypair::generate_ed25519();
    let transport = transport::build(&key, &Arc::new(WireBytes::default()), None).expect("a transport");
    let config =
        swarm::Config::with_tokio_executor().with_idle_connection_timeout(std::time::Duration::from_secs(30));
    let mut swarm = Swarm::new(transport, dummy::Behaviour, key.public().to_peer_id(), config);
    for address in listen {
        swarm.listen_on(parse(address)).expect("a free port");
    }
    let mut addresses = Vec::new();
    while addresses.len() < listen.len() {
        if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
            addresses.push(address);
        }
    }
    (swarm, addresses)
}

/// What the dial of some addresses of `peer`, or of one of anybody, comes to. The other swarms are kept going.
async fn dial(
    dialler: &mut Swarm<dummy::Behaviour>,
    opts: dial_opts::DialOpts,
    others: &mut [Swarm<dummy::Behaviour>],
) -> Result<PeerId, (Vec<String>, String)> {
    let id = opts.connection_id();
    dialler.dial(opts).expect("it can be tried");
    loop {
        let mut others: futures::stream::SelectAll<_> = others.iter_mut().collect();
        tokio::select! {
            event = dialler.select_next_some() => match event {
                SwarmEvent::ConnectionEstablished { connection_id, peer_id, .. } if connection_id == id => return Ok(peer_id),
                SwarmEvent::OutgoingConnectionError { connection_id, error, .. } if connection_id == id => {
                    let told = refusals(&error).into_iter().map(|refusal| match refusal {
                        DialRefusal::OwnAddress(_) => "own address",
                        DialRefusal::OwnId(_) => "own id",
                        DialRefusal::WrongId { .. } => "wrong id",
                        DialRefusal::Failed { .. } => "failed",
                    });
                    return Err((told.map(str::to_owned).collect(), cause(&error)));
                }
                _ => {}
            },
            Some(_) = others.next() => {}
        }
    }
}

#[tokio::test]
async fn an_address_of_our_own_is_refused_before_the_dial_however_it_is_spelt() {
    let key = Keypair::generate_ed25519();
    let mut transport = transport::build(&key, &Arc::new(WireBytes::default()), None).expect("a transport");
    let opts = DialOpts { role: Endpoint::Dialer, port_use: PortUse::New };
    for listen in [TCP, QUIC] {
        let id = ListenerId::next();
        transport.listen_on(id, parse(listen)).expect("a free port");
        let event = poll_fn(|cx| Pin::new(&mut transport).poll(cx)).await;
        let TransportEvent::NewAddress { listen_addr: own, .. } = event else { panic!("{event:?}") };
        let of_peer = own.clone().with(Protocol::P2p(PeerId::random()));
        let mapped = parse(&own.to_string().replace("/ip4/", "/ip6/::ffff:"));
        for spelling in [own, of_peer, mapped] {
            let dial = transport.dial(spelling.clone(), opts);
            let Ok(dial) = dial else { panic!("{spelling}: refused too early to go on to another address") };
            let error = dial.await.expect_err("refused").to_string();
            assert!(error.contains("is an address of this node itself"), "{spelling}: {error}");
        }
        transport.remove_listener(id);
        while !matches!(
            poll_fn(|cx| Pin::new(&mut transport).poll(cx)).await,
            TransportEvent::ListenerClosed { .. }
        ) {}
    }
}

#[tokio::test]
async fn somebody_elses_answer_at_one_address_does_not_spoil_the_others() {
    let (mut dialler, _) = swarm(&[]).await;
    let (wanted, right) = swarm(&[TCP]).await;
    let (other, wrong) = swarm(&[TCP, QUIC]).await;
    let peer = *wanted.local_peer_id();
    let addresses: Vec<_> = wrong.iter().chain(&right).cloned().collect();
    let opts = |addresses| dial_opts::DialOpts::peer_id(peer).addresses(addresses).build();
    let mut others = [wanted, other];
    let (told, cause) = dial(&mut dialler, opts(wrong), &mut others).await.expect_err("not there");
    assert_eq!(told, ["wrong id", "wrong id"], "{cause}");
    assert_eq!(dial(&mut dialler, opts(addresses), &mut others).await, Ok(peer));
}

/// Passes connections on to `to`, as a router does that turns a node's own packets back.
async fn forwarder(to: &Multiaddr) -> Multiaddr {
    let Some(Protocol::Tcp(port)) = to.iter().nth(1) else { panic!("{to}") };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = parse(&format!("/ip4/127.0.0.1/tcp/{}", listener.local_addr().expect("bound").port()));
    tokio::spawn(async move {
        while let Ok((mut here, _)) = listener.accept().await {
            let mut there = TcpStream::connect(("127.0.0.1", port)).await.expect("it listens");
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut here, &mut there).await });
        }
    });
    address
}

#[tokio::test]
async fn a_node_that_dials_itself_by_another_address_notices_on_both_sides() {
    let (mut node, own) = swarm(&[TCP]).await;
    let elsewhere = forwarder(&own[0]).await;
    node.dial(dial_opts::DialOpts::unknown_peer_id().address(elsewhere).build()).expect("it can be tried");
    let (mut answered, mut called) = (false, false);
    while !(answered && called) {
        match node.select_next_some().await {
            SwarmEvent::OutgoingConnectionError { error, .. } => {
                assert!(matches!(refusals(&error)[..], [DialRefusal::OwnId(_)]), "{error:?}");
                answered = true;
            }
            SwarmEvent::IncomingConnectionError { error, .. } => {
                assert!(matches!(error, ListenError::LocalPeerId { .. }), "{error:?}");
                called = true;
            }
            SwarmEvent::ConnectionEstablished { .. } => panic!("a connection to ourselves"),
            _ => {}
        }
    }
}
