//! Dials lead to the intended node: never to ourselves, and past nodes that answer instead of it.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;

use futures::StreamExt as _;
use libp2p::core::Endpoint;
use libp2p::core::transport::{DialOpts, ListenerId, PortUse, Transport as _, TransportError, TransportEvent};
use libp2p::identity::Keypair;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::{self, ConnectionError, ListenError, SwarmEvent, dial_opts, dummy};
use libp2p::{Multiaddr, PeerId, Swarm};
use node::net::reason::was_lost;
use node::net::transport::own::{DialRefusal, Dials};
use node::net::transport::resolve::{Stamp, cause, refusals};
use node::net::transport::{self, WireBytes};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

const TCP: &str = "/ip4/127.0.0.1/tcp/0";
const QUIC: &str = "/ip4/127.0.0.1/udp/0/quic-v1";

fn parse(text: &str) -> Multiaddr {
    text.parse().expect("an address")
}

/// A libp2p swarm that does nothing by itself, and its addresses.
async fn swarm(listen: &[&str]) -> (Swarm<dummy::Behaviour>, Vec<Multiaddr>) {
    swarm_that_tells(listen, &Dials::default()).await
}

async fn swarm_that_tells(listen: &[&str], dials: &Dials) -> (Swarm<dummy::Behaviour>, Vec<Multiaddr>) {
    let key = Keypair::generate_ed25519();
    let transport = transport::build(&key, &Arc::new(WireBytes::default()), None, dials).expect("a transport");
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

/// The result of a dial of some addresses of `peer`, or of one address without a peer id. The other swarms keep
/// running.
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
                        DialRefusal::Banned(_) => "banned",
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
    let mut transport =
        transport::build(&key, &Arc::new(WireBytes::default()), None, &Dials::default()).expect("a transport");
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

#[tokio::test]
async fn nothing_is_dialled_at_a_banned_address_whoever_asks_for_it() {
    let key = Keypair::generate_ed25519();
    let dials = Dials::default();
    let mut transport =
        transport::build(&key, &Arc::new(WireBytes::default()), None, &dials).expect("a transport");
    let opts = DialOpts { role: Endpoint::Dialer, port_use: PortUse::New };
    dials.set_banned(["198.51.100.7", "2001:db8:1:2::1"].map(|ip| ip.parse().expect("an IP")));
    let banned = [
        "/ip4/198.51.100.7/tcp/1",
        "/ip4/198.51.100.7/udp/1/quic-v1",
        "/ip6/::ffff:198.51.100.7/tcp/1",
        "/ip6/2001:db8:1:2:9::5/tcp/1",
    ];
    for address in banned {
        let Ok(dial) = transport.dial(parse(address), opts) else { panic!("{address}: refused too early") };
        let error = dial.await.expect_err("refused").to_string();
        assert!(error.contains("is banned for now"), "{address}: {error}");
    }
    dials.set_banned([]);
    let Ok(dial) = transport.dial(parse("/ip4/127.0.0.1/tcp/1"), opts) else { panic!("refused") };
    assert!(!dial.await.expect_err("nobody is there").to_string().contains("banned"));
}

/// Forwards connections to `to`, as a router does that sends a node's own packets back.
async fn forwarder(to: &Multiaddr) -> Multiaddr {
    let (_, open) = watch::channel(true);
    gate(to, open).await
}

/// The same as soon as it is open. Until then connections hang.
async fn gate(to: &Multiaddr, mut open: watch::Receiver<bool>) -> Multiaddr {
    let Some(Protocol::Tcp(port)) = to.iter().nth(1) else { panic!("{to}") };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = parse(&format!("/ip4/127.0.0.1/tcp/{}", listener.local_addr().expect("bound").port()));
    tokio::spawn(async move {
        while let Ok((mut here, _)) = listener.accept().await {
            if open.wait_for(|open| *open).await.is_err() {
                break;
            }
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

#[tokio::test]
async fn an_answer_with_our_own_id_is_noted_at_once_though_another_address_is_still_tried_and_succeeds() {
    let dials = Dials::default();
    let (mut node, own) = swarm_that_tells(&[TCP], &dials).await;
    let (mut other, right) = swarm(&[TCP]).await;
    let (open, opened) = watch::channel(false);
    let (elsewhere, slow) = (forwarder(&own[0]).await, gate(&right[0], opened).await);
    let peer = *other.local_peer_id();
    node.dial(dial_opts::DialOpts::peer_id(peer).addresses(vec![elsewhere.clone(), slow]).build()).expect("a try");
    let mut called = false;
    let mut answers = Vec::new();
    while !called || answers.is_empty() {
        match node.select_next_some().await {
            SwarmEvent::IncomingConnectionError { error: ListenError::LocalPeerId { .. }, .. } => called = true,
            SwarmEvent::OutgoingConnectionError { error, .. } => panic!("the dial is over: {error}"),
            _ => {}
        }
        answers.extend(dials.take_own_answers());
    }
    assert_eq!(answers, [elsewhere]);
    open.send_replace(true);
    loop {
        tokio::select! {
            event = node.select_next_some() => match event {
                SwarmEvent::ConnectionEstablished { peer_id, .. } => break assert_eq!(peer_id, peer),
                SwarmEvent::OutgoingConnectionError { error, .. } => panic!("{error}"),
                _ => {}
            },
            _ = other.select_next_some() => {}
        }
    }
}

#[tokio::test]
async fn only_names_that_the_operator_gave_are_resolved() {
    let key = Keypair::generate_ed25519();
    let given = parse("/dns4/localhost/tcp/1").with(Protocol::P2p(PeerId::random()));
    let dials = Dials::new([&given]);
    let mut transport =
        transport::build(&key, &Arc::new(WireBytes::default()), None, &dials).expect("a transport");
    let opts = DialOpts { role: Endpoint::Dialer, port_use: PortUse::New };
    assert!(transport.dial(given, opts).is_ok());
    for told in
        ["/dns4/other.invalid/tcp/1", "/dns/localhost/tcp/2", "/dnsaddr/localhost", "/dns6/localhost/tcp/1"]
    {
        let dial = transport.dial(parse(told), opts);
        assert!(matches!(dial, Err(TransportError::MultiaddrNotSupported(_))), "{told}");
    }
}

#[tokio::test]
async fn a_connection_that_the_other_side_closes_is_told_from_one_that_is_lost() {
    let (mut dialler, _) = swarm(&[]).await;
    let (mut other, addresses) = swarm(&[TCP, QUIC]).await;
    let peer = *other.local_peer_id();
    for address in addresses {
        dialler.dial(address.clone()).expect("it can be tried");
        loop {
            tokio::select! {
                event = dialler.select_next_some() => match event {
                    SwarmEvent::ConnectionEstablished { .. } => {}
                    SwarmEvent::ConnectionClosed { cause, .. } => {
                        break assert!(!was_lost(cause.as_ref()), "{address}: {cause:?}");
                    }
                    SwarmEvent::OutgoingConnectionError { error, .. } => panic!("{error}"),
                    _ => {}
                },
                event = other.select_next_some() => if let SwarmEvent::ConnectionEstablished { peer_id, .. } = event {
                    other.disconnect_peer_id(peer_id).expect("it is connected");
                }
            }
        }
        assert!(!dialler.is_connected(&peer));
    }
    // No route to host, network unreachable, connection timed out; and what our own stall and QUIC say.
    let lost = [113, 101, 110].map(io::Error::from_raw_os_error);
    let lost = lost.into_iter().chain([io::ErrorKind::TimedOut.into(), io::Error::other("timed out")]);
    lost.for_each(|error| assert!(was_lost(Some(&ConnectionError::IO(error)))));
    let ended = [io::ErrorKind::ConnectionReset, io::ErrorKind::BrokenPipe, io::ErrorKind::UnexpectedEof];
    ended.into_iter().for_each(|kind| assert!(!was_lost(Some(&ConnectionError::IO(kind.into())))));
    assert!(was_lost(Some(&ConnectionError::KeepAliveTimeout)));
}

#[test]
fn a_file_that_another_took_the_place_of_is_told_from_it_though_length_and_time_are_the_same() {
    let dir = tempfile::tempdir().expect("a directory");
    let [path, new] = ["hosts", "new"].map(|name| dir.path().join(name));
    let stamp = || Stamp::of(&std::fs::metadata(&path).expect("it is there"));
    let write = |path, text: &str, time| {
        std::fs::write(path, text).expect("written");
        std::fs::File::options().append(true).open(path).expect("there").set_modified(time).expect("a time");
    };
    let time = std::time::SystemTime::UNIX_EPOCH;
    write(&path, "10.0.0.1 join.test", time);
    let old = stamp();
    assert_eq!(old, stamp());
    write(&new, "10.0.0.2 join.test", time);
    std::fs::rename(&new, &path).expect("renamed");
    let renamed = stamp();
    assert_ne!(old, renamed, "another file");
    std::thread::sleep(std::time::Duration::from_millis(20));
    write(&path, "10.0.0.3 join.test", time);
    assert_ne!(renamed, stamp(), "the same file, written again");
}
