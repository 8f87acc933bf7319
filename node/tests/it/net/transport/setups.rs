//! Connections that are being set up: how many there may be, which gives way to the next, and that a stranger's
//! setups keep nobody out.

use std::collections::VecDeque;

use libp2p::multiaddr::Protocol;
use libp2p::swarm::{ConnectionId, NetworkBehaviour as _};
use libp2p::{Multiaddr, PeerId};
use node::config::Config;
use node::net::limits::{AddressBlocks, PER_IPV4_MAX};
use node::net::transport::setups::{Place, SETUP_GRACE, Setups, TCP_SETUPS_MAX};
use protocol::gossip::AddressGroup;
use protocol::time::{Duration, Time};
use tokio::net::UdpSocket;

use crate::support::first_packets::first_packets;
use crate::support::harness::{Node, config};
use crate::support::raw::Raw;

const MAX: usize = 64;

fn group(number: u64) -> Option<AddressGroup> {
    Some(AddressGroup(number))
}

/// This number of setups of one group.
fn crowd(setups: &mut Setups, number: u64, count: usize, now: Time) {
    for _ in 0..count {
        assert!(matches!(setups.begin(group(number), now), Place::Taken(_)));
    }
}

#[test]
fn of_a_crowd_the_oldest_gives_way_to_whoever_comes_from_elsewhere() {
    let mut setups = Setups::new(MAX);
    assert_eq!(setups.begin(group(2), Time::ZERO), Place::Taken(0));
    crowd(&mut setups, 1, MAX - 1, Time::ZERO);
    assert_eq!(setups.begin(group(3), Time::ZERO), Place::Instead { number: 64, of: 1 });
    assert_eq!(setups.begin(group(2), Time::ZERO), Place::Instead { number: 65, of: 2 });
    assert_eq!(setups.len(), MAX);
}

#[test]
fn within_one_crowd_each_has_its_grace_and_then_the_oldest_goes() {
    let mut setups = Setups::new(MAX);
    crowd(&mut setups, 1, MAX, Time::ZERO);
    let last = Time::ZERO + (SETUP_GRACE - Duration::from_micros(1));
    assert_eq!(setups.begin(group(1), last), Place::Refused);
    assert_eq!(setups.begin(group(1), Time::ZERO + SETUP_GRACE), Place::Instead { number: 64, of: 0 });
    setups.end(1);
    assert_eq!(setups.begin(group(1), Time::ZERO), Place::Taken(65));
}

#[test]
fn where_every_packet_names_another_sender_a_setup_still_has_its_grace() {
    let mut setups = Setups::new(MAX);
    for number in 0..MAX as u64 {
        assert!(matches!(setups.begin(group(number), Time::ZERO), Place::Taken(_)));
    }
    assert_eq!(setups.begin(group(1_000), Time::ZERO), Place::Refused);
    assert_eq!(setups.begin(group(1_000), Time::ZERO + SETUP_GRACE), Place::Instead { number: 64, of: 0 });
}

#[test]
fn a_setup_that_ends_within_its_grace_is_never_cut_off_by_a_slow_flood() {
    // 6.7 a second, as 8 kB/s bring, each left hanging for 10 s; and one honest setup every 300 ms that takes 300.
    let mut setups = Setups::new(MAX);
    let mut hanging = VecDeque::new();
    let mut honest = None;
    for ms in 0..60_000_u64 {
        let now = Time::from_micros(ms * 1_000);
        let lost = |place: Place| match place {
            Place::Taken(number) => (number, None),
            Place::Instead { number, of } => (number, Some(of)),
            Place::Refused => panic!("refused at {ms} ms"),
        };
        if ms % 150 == 0 {
            let (number, of) = lost(setups.begin(group(ms), now));
            assert!(of.is_none() || of != honest, "at {ms} ms");
            hanging.push_back((number, ms));
        }
        if hanging.front().is_some_and(|(_, since)| ms - since >= 10_000) {
            setups.end(hanging.pop_front().expect("one").0);
        }
        if ms % 300 == 0 {
            honest.take().into_iter().for_each(|number| setups.end(number));
            honest = Some(lost(setups.begin(group(0), now)).0);
        }
    }
}

#[test]
fn an_address_of_quic_counts_from_the_end_of_its_handshake() {
    let mut blocks = AddressBlocks::new(true);
    let local: Multiaddr = "/ip4/198.51.100.1/udp/1/quic-v1".parse().expect("an address");
    let quic: Multiaddr = "/ip4/203.0.113.5/udp/9/quic-v1".parse().expect("an address");
    let tcp: Multiaddr = "/ip4/203.0.113.5/tcp/9".parse().expect("an address");
    let mut next = 0;
    let mut id = || {
        next += 1;
        ConnectionId::new_unchecked(next)
    };
    // Whoever names this address, and however often, takes nothing from it.
    for _ in 0..100 {
        assert!(blocks.handle_pending_inbound_connection(id(), &local, &quic).is_ok());
    }
    for _ in 0..PER_IPV4_MAX {
        let id = id();
        assert!(blocks.handle_pending_inbound_connection(id, &local, &quic).is_ok());
        assert!(blocks.handle_established_inbound_connection(id, PeerId::random(), &local, &quic).is_ok());
    }
    assert!(blocks.handle_established_inbound_connection(id(), PeerId::random(), &local, &quic).is_err());
    assert!(blocks.handle_pending_inbound_connection(id(), &local, &tcp).is_err());
}

#[tokio::test]
async fn first_packets_of_quic_keep_neither_tcp_nor_quic_from_anyone() {
    let listen = ["/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/udp/0/quic-v1"];
    let settings = Config {
        listen: listen.map(|address| address.parse().expect("an address")).into(),
        // So that the limits per address hold here, too.
        loopback_exempt: false,
        ..config(91)
    };
    let node = Node::start(settings).await;
    let of = |part: &str| {
        let address = node.ready.listen.iter().find(|address| address.to_string().contains(part));
        address.cloned().expect("it listens")
    };
    let port = of("quic-v1").iter().find_map(|part| match part {
        Protocol::Udp(port) => Some(port),
        _ => None,
    });
    let target = ("127.0.0.1", port.expect("a UDP address"));
    // More than TCP has places, all in the name of the address that then dials.
    for packet in first_packets(TCP_SETUPS_MAX + 16).await {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
        socket.send_to(&packet, target).await.expect("sent");
        // Whatever it answers, it has dealt with the packet.
        socket.recv_from(&mut [0; 2_048]).await.expect("an answer");
    }
    for address in [of("/tcp/"), of("quic-v1")] {
        Raw::dial(address, std::future::pending::<()>()).await;
    }
    node.stop().await;
}
