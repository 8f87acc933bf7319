//! Addresses that belong together share a limit, and each direction has its own number of connections.

use libp2p::core::transport::PortUse;
use libp2p::core::{ConnectedPoint, Endpoint};
use libp2p::swarm::behaviour::ConnectionEstablished;
use libp2p::swarm::{ConnectionId, FromSwarm, NetworkBehaviour as _};
use libp2p::{Multiaddr, PeerId, connection_limits};
use node::net::addresses::address_group;
use node::net::discovery::REFRESH_EXTRA;
use node::net::limits::AddressBlocks;
use node::net::limits::{self, GOING_CONNECTIONS_MAX, SLOTLESS_CONNECTIONS_MAX};
use node::net::limits::{PER_IPV4_24_MAX, PER_IPV4_MAX, PER_IPV6_56_MAX};

use crate::support::harness::config;

fn address(text: &str) -> Multiaddr {
    text.parse().expect("a good address")
}

#[test]
fn address_groups_are_a_16_or_a_32_and_loopback_may_be_exempt() {
    let group = |text, exempt| address_group(&address(text), exempt);
    assert_eq!(group("/ip4/198.51.100.1/tcp/1", true), group("/ip4/198.51.7.9/udp/2/quic-v1", true));
    assert_ne!(group("/ip4/198.51.100.1/tcp/1", true), group("/ip4/198.52.100.1/tcp/1", true));
    assert_eq!(group("/ip6/2001:db8:1::1/tcp/1", true), group("/ip6/2001:db8:ffff::1/tcp/1", true));
    assert_ne!(group("/ip6/2001:db8::1/tcp/1", true), group("/ip6/2001:db9::1/tcp/1", true));
    assert_eq!(group("/ip4/127.0.0.1/tcp/1", true), None);
    assert!(group("/ip4/127.0.0.1/tcp/1", false).is_some());
}

/// How many of the connections are accepted. They come from each of these addresses in turn.
fn let_in(exempt: bool, from: impl Iterator<Item = String>) -> usize {
    let mut blocks = AddressBlocks::new(exempt);
    let local = address("/ip4/127.0.0.1/tcp/1");
    let mut connect = |(n, ip): (usize, String)| {
        blocks.handle_pending_inbound_connection(ConnectionId::new_unchecked(n), &local, &address(&ip)).is_ok()
    };
    from.enumerate().map(&mut connect).filter(|let_in| *let_in).count()
}

#[test]
fn an_address_block_has_so_many_connections_and_no_more() {
    let same = |n| (0..n).map(|port| format!("/ip4/198.51.100.1/tcp/{}", port + 1));
    assert_eq!(let_in(true, same(40)), PER_IPV4_MAX);
    assert_eq!(let_in(true, (0..40).map(|n| format!("/ip4/198.51.100.{n}/tcp/1"))), PER_IPV4_24_MAX);
    assert_eq!(let_in(true, (0..40).map(|n| format!("/ip6/2001:db8:0:{n:x}::1/tcp/1"))), PER_IPV6_56_MAX);
    assert_eq!(let_in(true, (0..40).map(|n| format!("/ip4/198.51.{n}.1/tcp/1"))), 40);
}

#[test]
fn loopback_is_limited_like_any_other_unless_exempt() {
    let loopback = || (0..40).map(|port| format!("/ip4/127.0.0.1/tcp/{}", port + 1));
    assert_eq!((let_in(true, loopback()), let_in(false, loopback())), (40, PER_IPV4_MAX));
}

/// How many more connections of strangers are accepted in one direction, in addition to the existing ones.
fn fill(limits: &mut connection_limits::Behaviour, next: &mut usize, inbound: bool) -> usize {
    let (local, remote) = (address("/ip4/127.0.0.1/tcp/1"), address("/ip4/198.51.100.1/tcp/1"));
    for count in 0..1_000 {
        let (id, peer_id) = (ConnectionId::new_unchecked(*next), PeerId::random());
        *next += 1;
        let let_in = if inbound {
            limits.handle_established_inbound_connection(id, peer_id, &local, &remote).map(|_| ())
        } else {
            let (role, port) = (Endpoint::Dialer, PortUse::New);
            limits.handle_established_outbound_connection(id, peer_id, &remote, role, port).map(|_| ())
        };
        if let_in.is_err() {
            return count;
        }
        let endpoint = if inbound {
            ConnectedPoint::Listener { local_addr: local.clone(), send_back_addr: remote.clone() }
        } else {
            ConnectedPoint::Dialer {
                address: remote.clone(),
                role_override: Endpoint::Dialer,
                port_use: PortUse::New,
            }
        };
        limits.on_swarm_event(FromSwarm::ConnectionEstablished(ConnectionEstablished {
            peer_id,
            connection_id: id,
            endpoint: &endpoint,
            failed_addresses: &[],
            other_established: 0,
        }));
    }
    panic!("there is no limit");
}

#[test]
fn those_who_dial_us_leave_room_for_our_own_dials_and_the_other_way_round() {
    for inbound_first in [true, false] {
        let mut settings = config(1);
        (settings.max_peers_in, settings.max_peers_out) = (5, 3);
        settings.reserved_peers = vec![address("/ip4/198.51.100.9/tcp/1")];
        let mut limits = connection_limits::Behaviour::new(limits::connection_limits(&settings));
        let mut next = 0;
        let first = fill(&mut limits, &mut next, inbound_first);
        let second = fill(&mut limits, &mut next, !inbound_first);
        let (inbound, outbound) = if inbound_first { (first, second) } else { (second, first) };
        let own = 3 + REFRESH_EXTRA + 1;
        let incoming = 5 + SLOTLESS_CONNECTIONS_MAX + GOING_CONNECTIONS_MAX;
        assert_eq!((inbound, outbound), (incoming, own + SLOTLESS_CONNECTIONS_MAX));
    }
}
