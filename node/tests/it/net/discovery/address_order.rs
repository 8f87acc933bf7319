//! Which addresses are told, kept, and tried first.

use std::collections::HashSet;
use std::net::IpAddr;

use libp2p::{Multiaddr, PeerId};
use node::net::addresses::{Scope, best, goes_first, order, plain, scope, useful};
use node::net::discovery::book::{Group, PEER_ADDRESSES_MAX};
use node::net::discovery::{Discovery, ToldBy, View, Want};
use protocol::time::Time;

struct Free;

impl View for Free {
    fn outbound(&self) -> usize {
        0
    }

    fn outbound_peers(&self) -> Vec<PeerId> {
        Vec::new()
    }

    fn outbound_groups(&self) -> Vec<Group> {
        Vec::new()
    }

    fn is_banned_address(&self, _: IpAddr) -> bool {
        false
    }

    fn holds_slot(&self, _: &PeerId) -> bool {
        false
    }

    fn is_banned(&self, _: &PeerId) -> bool {
        false
    }
}

fn address(text: &str) -> Multiaddr {
    text.parse().expect("an address")
}

fn tcp(ip: &str) -> Multiaddr {
    address(&format!("/ip4/{ip}/tcp/30400"))
}

fn quic(ip: &str) -> Multiaddr {
    address(&format!("/ip4/{ip}/udp/30400/quic-v1"))
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an IP")
}

#[test]
fn an_address_says_who_can_reach_it() {
    let cases = [
        ("/ip4/198.51.100.7/tcp/1", Scope::Public),
        ("/ip6/2001:db8::1/tcp/1", Scope::Public),
        ("/dns/example.org/tcp/1", Scope::Public),
        ("/ip4/10.0.2.15/tcp/1", Scope::Private),
        ("/ip4/172.17.0.1/udp/1/quic-v1", Scope::Private),
        ("/ip4/172.32.0.1/tcp/1", Scope::Public),
        ("/ip4/100.64.0.1/tcp/1", Scope::Private),
        ("/ip4/100.128.0.1/tcp/1", Scope::Public),
        ("/ip6/fd00::1/tcp/1", Scope::Private),
        ("/ip6/::ffff:192.168.122.1/tcp/1", Scope::Private),
        ("/ip4/169.254.1.1/tcp/1", Scope::LinkLocal),
        ("/ip6/fe80::1/tcp/1", Scope::LinkLocal),
        ("/ip4/127.0.0.2/tcp/1", Scope::Loopback),
        ("/ip6/::1/tcp/1", Scope::Loopback),
    ];
    for (text, expected) in cases {
        assert_eq!(scope(&address(text)), expected, "{text}");
    }
}

#[test]
fn public_addresses_come_first_then_near_ones_and_what_leads_to_this_machine_last() {
    let own = [ip("192.168.1.5"), ip("172.17.0.1")];
    let sorted = [
        tcp("198.51.100.7"),
        tcp("192.168.1.9"),
        tcp("10.0.2.15"),
        tcp("169.254.0.1"),
        tcp("127.0.0.1"),
        tcp("172.17.0.1"),
    ];
    let mut addresses = sorted.clone();
    addresses.reverse();
    order(&mut addresses, &own);
    assert_eq!(addresses, sorted);
    assert_eq!(best(sorted.iter().rev().cloned(), &own, 3), sorted[..3]);
}

#[test]
fn what_may_lead_elsewhere_than_is_meant_waits_for_the_others() {
    let own = [ip("192.168.1.5"), ip("127.0.0.1")];
    let first = [tcp("198.51.100.7"), tcp("192.168.1.9")];
    let later = [tcp("10.0.2.15"), tcp("169.254.0.1"), tcp("127.0.0.1"), tcp("192.168.1.5")];
    first.iter().for_each(|address| assert!(goes_first(address, &own), "{address}"));
    later.iter().for_each(|address| assert!(!goes_first(address, &own), "{address}"));
    assert!(goes_first(&tcp("127.0.0.1"), &[ip("127.0.0.1")]), "there is nothing else");
}

#[test]
fn transports_and_ip_versions_take_turns_so_that_a_cut_leaves_some_of_each() {
    let v6 = |n: u16| address(&format!("/ip6/2001:db8::{n:x}/tcp/30400"));
    let of_tcp = (1..=200).map(|n| tcp(&format!("198.51.100.{n}")));
    let of_quic = (1..=200).map(|n| quic(&format!("198.51.100.{n}")));
    let told = useful(of_tcp.chain(of_quic).chain((1..=200).map(v6)), &HashSet::new(), PEER_ADDRESSES_MAX);
    let count = |part: &str| told.iter().filter(|address| address.to_string().contains(part)).count();
    assert_eq!(told.len(), PEER_ADDRESSES_MAX);
    assert_eq!((count("quic-v1"), count("ip6")), (3, 3), "{told:?}");
}

#[test]
fn of_our_own_private_addresses_those_that_connections_use_are_told_first() {
    let bridges = (17..=31).map(|n| tcp(&format!("172.{n}.0.1")));
    let listening: Vec<_> = bridges.chain([tcp("192.168.1.5"), tcp("127.0.0.1")]).collect();
    let used = HashSet::from([ip("192.168.1.5")]);
    let told = useful(listening.clone(), &used, 3);
    assert_eq!(told, [tcp("192.168.1.5"), tcp("172.17.0.1"), tcp("172.18.0.1")]);
    let loopback = useful(listening, &used, 100);
    assert_eq!((loopback.len(), loopback.last()), (17, Some(&tcp("127.0.0.1"))));
}

#[test]
fn what_is_kept_of_a_peer_is_the_best_that_it_told_in_whatever_order() {
    let mut discovery = Discovery::new(PeerId::random(), 8, &[], &[], false, false, [1; 32]);
    discovery.set_own(vec![ip("10.1.1.1")]);
    let useless = (0..100).map(|n| tcp(&format!("172.17.{n}.1")));
    let told = useless.chain([tcp("10.1.1.7"), quic("198.51.100.7"), tcp("198.51.100.7")]);
    discovery.learn(PeerId::random(), told, ToldBy::Itself, Group(1), Time::ZERO);
    let wants = discovery.poll(Time::ZERO, &Free);
    let Some(Want::Candidate { addresses, .. }) = wants.first() else { panic!("{wants:?}") };
    assert_eq!(addresses.len(), PEER_ADDRESSES_MAX);
    assert_eq!(addresses[..3], [quic("198.51.100.7"), tcp("198.51.100.7"), tcp("10.1.1.7")]);
}

#[test]
fn a_socket_is_spelt_in_one_way() {
    let peer = PeerId::random();
    for text in ["/ip4/10.0.0.1/tcp/7", &format!("/ip4/10.0.0.1/tcp/7/p2p/{peer}"), "/ip6/::ffff:10.0.0.1/tcp/7"] {
        assert_eq!(plain(&address(text)), address("/ip4/10.0.0.1/tcp/7"), "{text}");
    }
}
