//! What an address says: its IP, its group, and which machines can reach it. This file also decides which of
//! several addresses are worth telling, and which to try first. Pure: it compares what it is given.
//!
//! A public address can be tried from anywhere. A private address may mean another machine in another network, and
//! some are the same on many hosts: container engines and hypervisors give their bridges 172.17.0.1, 192.168.122.1
//! or 10.0.2.15 everywhere. So the order is:
//!
//! 1. public addresses and names,
//! 2. private addresses that are near one of our own (the same /24, or the same IPv6 /64),
//! 3. other private addresses,
//! 4. link-local ones, and loopback last,
//! 5. behind all these, addresses with one of our own IPs: they lead to this machine.
//!
//! If there is room for some addresses only, they are kept in this order. Dials begin together, except that
//! addresses of the last three ranks wait a little.
//!
//! A *relayed* address leads to a node through a circuit of another one, the relay: the relay's address, its id, and
//! `/p2p-circuit`. What counts of it is the relay's IP, for its group, its scope and its place. It is dialled after
//! direct ones (`transport/circuits.rs`), and of one node at most [`RELAYED_ADDRESSES_MAX`] are kept.
//!
//! Public comes before near on purpose. Half of all home networks are 192.168.1.0/24, so an address may seem near
//! by coincidence. In a local network without public addresses the near ones are first anyhow. Addresses of the
//! same rank keep their order, but transports and IP versions take turns, so that a cut leaves some of each.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId};
use protocol::gossip::AddressGroup;

pub mod typed;

/// Relayed addresses that are told and kept of one node. With two, an answer of Kademlia that names 20 peers fits
/// into 16 KiB: an address has 66 bytes with IPv6, QUIC and an id, and a relayed one has 44 more, for the relay's id
/// and `/p2p-circuit`. 20 × (8 × 66 + 2 × 110 + 48) = 15,920 bytes.
pub const RELAYED_ADDRESSES_MAX: usize = 2;

/// Which machines can reach an address. The first is the most useful.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// All machines. Names count as public.
    Public,
    /// Machines in the same private network.
    Private,
    /// Machines on the same link.
    LinkLocal,
    /// This machine.
    Loopback,
}

/// Where an address is, as seen by a node that has certain addresses itself. The order is the one in which
/// addresses are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// Anywhere in the world.
    Public,
    /// Apparently in one of our own networks.
    Near,
    /// In some private network.
    Private,
    /// On some link.
    LinkLocal,
    /// On the loopback device.
    Loopback,
    /// On this machine: it has an IP that we listen on.
    Own,
}

/// The IP address that a multiaddress begins with.
#[must_use]
pub fn ip_of(address: &Multiaddr) -> Option<IpAddr> {
    match address.iter().next()? {
        Protocol::Ip4(ip) => Some(IpAddr::V4(ip)),
        Protocol::Ip6(ip) => Some(ip.to_ipv4_mapped().map_or(IpAddr::V6(ip), IpAddr::V4)),
        _ => None,
    }
}

/// Whether a multiaddress is one of QUIC.
#[must_use]
pub fn is_quic(address: &Multiaddr) -> bool {
    address.iter().any(|part| matches!(part, Protocol::Quic | Protocol::QuicV1))
}

/// Whether an address leads through a relay.
#[must_use]
pub fn is_relayed(address: &Multiaddr) -> bool {
    address.iter().any(|part| part == Protocol::P2pCircuit)
}

/// Where the peer of an inbound connection is. libp2p tells no address for a peer that came through a relay, so it is
/// the relay's address, from our own end of the circuit, with the peer's id. Without it, all that is counted by
/// address would not count these peers.
#[must_use]
pub fn caller(local: &Multiaddr, remote: &Multiaddr) -> Multiaddr {
    if is_relayed(local) { local.iter().chain(remote.iter()).collect() } else { remote.clone() }
}

/// The group of an address: its IPv4 /16 or IPv6 /32. `None` for loopback addresses if these are exempt, and for
/// addresses without an IP.
#[must_use]
pub fn address_group(address: &Multiaddr, loopback_exempt: bool) -> Option<AddressGroup> {
    match ip_of(address)? {
        ip if loopback_exempt && ip.is_loopback() => None,
        IpAddr::V4(ip) => Some(AddressGroup(4 << 32 | u64::from(ip.to_bits() >> 16))),
        IpAddr::V6(ip) => Some(AddressGroup(6 << 32 | (ip.to_bits() >> 96) as u64)),
    }
}

/// Removes a trailing `/p2p/…` from an address.
#[must_use]
pub fn split_peer(address: &Multiaddr) -> (Multiaddr, Option<PeerId>) {
    let mut address = address.clone();
    match address.iter().last() {
        Some(Protocol::P2p(peer)) => {
            address.pop();
            (address, Some(peer))
        }
        _ => (address, None),
    }
}

/// The address without its peer id, if this node dials such addresses when a peer tells them: an IP, and TCP or
/// QUIC v1 on a real port, of the node itself or of a relay. Names are dialled only if the operator gave them.
#[must_use]
pub fn dialable(address: Multiaddr) -> Option<Multiaddr> {
    let (address, _) = split_peer(&address);
    let direct = if is_relayed(&address) { relay_of(&address)?.0 } else { address.clone() };
    let mut parts = direct.iter();
    let host = match parts.next()? {
        Protocol::Ip4(ip) => !ip.is_unspecified() && !ip.is_multicast() && !ip.is_broadcast(),
        Protocol::Ip6(ip) => !ip.is_unspecified() && !ip.is_multicast(),
        _ => false,
    };
    let transport = port(&parts.collect::<Vec<_>>()).is_some_and(|port| port != 0);
    (host && transport).then_some(address)
}

/// The relay of a relayed address without the id of the node behind it: the relay's address, and its id.
#[must_use]
pub fn relay_of(address: &Multiaddr) -> Option<(Multiaddr, PeerId)> {
    let mut relay = address.clone();
    match (relay.pop(), relay.pop()) {
        (Some(Protocol::P2pCircuit), Some(Protocol::P2p(id))) if !is_relayed(&relay) => Some((relay, id)),
        _ => None,
    }
}

/// The port, if the part behind the host is something that nodes speak: TCP, or QUIC v1, and nothing more.
#[must_use]
pub fn port(behind_host: &[Protocol<'_>]) -> Option<u16> {
    match behind_host {
        [Protocol::Tcp(port)] | [Protocol::Udp(port), Protocol::QuicV1] => Some(*port),
        _ => None,
    }
}

/// Which machines can reach `address`.
#[must_use]
pub fn scope(address: &Multiaddr) -> Scope {
    ip_of(address).map_or(Scope::Public, scope_of)
}

/// Which machines can reach an IP address.
#[must_use]
pub const fn scope_of(ip: IpAddr) -> Scope {
    match ip {
        ip if ip.is_loopback() => Scope::Loopback,
        IpAddr::V4(ip) if ip.is_link_local() => Scope::LinkLocal,
        IpAddr::V6(ip) if ip.is_unicast_link_local() => Scope::LinkLocal,
        IpAddr::V4(ip) if ip.is_private() || is_shared(ip) => Scope::Private,
        IpAddr::V6(ip) if ip.is_unique_local() => Scope::Private,
        _ => Scope::Public,
    }
}

/// Where `address` is for a node that listens on `own` IPs.
#[must_use]
pub fn place(address: &Multiaddr, own: &[IpAddr]) -> Place {
    match (scope(address), ip_of(address)) {
        (Scope::Loopback, _) => Place::Loopback,
        (_, Some(ip)) if own.contains(&ip) => Place::Own,
        (Scope::Public, _) => Place::Public,
        (Scope::LinkLocal, _) => Place::LinkLocal,
        (Scope::Private, Some(ip)) if own.iter().any(|own| are_near(*own, ip)) => Place::Near,
        (Scope::Private, _) => Place::Private,
    }
}

/// Whether `address` is tried at once. This holds for a public address, for one near us, and for a
/// loopback address if the node has no other network. The others may lead to the wrong machine, so they
/// wait a little for these.
#[must_use]
pub fn goes_first(address: &Multiaddr, own: &[IpAddr]) -> bool {
    match place(address, own) {
        Place::Public | Place::Near => true,
        Place::Loopback => own.iter().all(IpAddr::is_loopback),
        Place::Private | Place::LinkLocal | Place::Own => false,
    }
}

/// Puts the addresses that are to be tried first in front. Addresses of the same place keep their order.
pub fn order(addresses: &mut [Multiaddr], own: &[IpAddr]) {
    addresses.sort_by_cached_key(|address| place(address, own));
}

/// The `most` best of another node's `addresses`, for a node that listens on `own` IPs. The best comes
/// first, and none is repeated.
#[must_use]
pub fn best(addresses: impl IntoIterator<Item = Multiaddr>, own: &[IpAddr], most: usize) -> Vec<Multiaddr> {
    cut(addresses, most, |address| place(address, own))
}

/// The `most` own addresses that others can use best, without repeats. Those whose IPs are in `used` come before
/// others of the same scope.
#[must_use]
pub fn useful(
    addresses: impl IntoIterator<Item = Multiaddr>,
    used: &HashSet<IpAddr>,
    most: usize,
) -> Vec<Multiaddr> {
    let unused = |address: &Multiaddr| ip_of(address).is_none_or(|ip| !used.contains(&ip));
    cut(addresses, most, |address| (scope(address), unused(address)))
}

fn cut<K: Ord + Copy + Hash>(
    addresses: impl IntoIterator<Item = Multiaddr>,
    most: usize,
    rank: impl Fn(&Multiaddr) -> K,
) -> Vec<Multiaddr> {
    let mut met = HashSet::new();
    let mut turns: HashMap<_, usize> = HashMap::new();
    let mut ranked = Vec::new();
    for address in addresses.into_iter().filter(|address| met.insert(address.clone())) {
        let rank = rank(&address);
        let turn = turns.entry((rank, kind(&address))).or_default();
        ranked.push((rank, *turn, address));
        *turn += 1;
    }
    ranked.sort_by_key(|(rank, turn, _)| (*rank, *turn));
    let mut relayed = 0;
    ranked.retain(|(_, _, address)| {
        relayed += usize::from(is_relayed(address));
        !is_relayed(address) || relayed <= RELAYED_ADDRESSES_MAX
    });
    ranked.into_iter().take(most).map(|(_, _, address)| address).collect()
}

/// An address without a trailing `/p2p/…`, and with an IPv4-mapped IPv6 address as IPv4: two addresses of the same
/// socket are spelt the same. The id of a relay stays.
#[must_use]
pub fn plain(address: &Multiaddr) -> Multiaddr {
    let mut to_relay = is_relayed(address);
    let parts = address.iter().filter(|part| {
        to_relay &= *part != Protocol::P2pCircuit;
        to_relay || !matches!(part, Protocol::P2p(_))
    });
    parts
        .map(|part| match part {
            Protocol::Ip6(ip) => ip.to_ipv4_mapped().map_or(Protocol::Ip6(ip), Protocol::Ip4),
            other => other,
        })
        .collect()
}

/// Addresses that providers share among their customers (RFC 6598).
const fn is_shared(ip: Ipv4Addr) -> bool {
    ip.to_bits() >> 22 == Ipv4Addr::new(100, 64, 0, 0).to_bits() >> 22
}

/// The same /24, or the same /64. Nothing tells us how long the prefixes of our networks really are.
fn are_near(own: IpAddr, other: IpAddr) -> bool {
    match (own, other) {
        (IpAddr::V4(own), IpAddr::V4(other)) => own.to_bits() >> 8 == other.to_bits() >> 8,
        (IpAddr::V6(own), IpAddr::V6(other)) => upper(own) == upper(other),
        _ => false,
    }
}

const fn upper(ip: Ipv6Addr) -> u64 {
    (ip.to_bits() >> 64) as u64
}

/// IP version and transport, and whether a relay is in between.
fn kind(address: &Multiaddr) -> (Option<bool>, bool, bool) {
    let tcp = address.iter().any(|part| matches!(part, Protocol::Tcp(_)));
    (ip_of(address).map(|ip| ip.is_ipv4()), tcp, is_relayed(address))
}
