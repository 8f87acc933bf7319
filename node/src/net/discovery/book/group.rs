//! What counts as one place in the network. Identities are free and ports nearly so; address groups are dear.
//!
//! Deliberately absent: autonomous systems. Whoever has addresses in many groups of one provider counts as many.

use std::net::IpAddr;

use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;

use crate::net::addresses::{Scope, ip_of, scope};

/// A group of addresses, as the book counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Group(pub u64);

impl Group {
    /// Where no IP is known.
    pub const NOWHERE: Self = Self(0);

    /// The group of an address: of a public one the IPv4 /16 or the IPv6 /32; in a private network, where all nodes may
    /// share one of these, the IPv4 address or the IPv6 /63. With `loopback_exempt` each port of the loopback device is a
    /// group: there a process stands for a machine.
    #[must_use]
    pub fn of(address: &Multiaddr, loopback_exempt: bool) -> Self {
        let Some(ip) = ip_of(address) else { return Self::NOWHERE };
        if ip.is_loopback() && loopback_exempt {
            return Self(7 << 32 | u64::from(port(address)));
        }
        let local = !ip.is_loopback() && scope(address) != Scope::Public;
        match ip {
            IpAddr::V4(ip) if local => Self(5 << 32 | u64::from(ip.to_bits())),
            IpAddr::V6(ip) if local => Self(1 << 63 | (ip.to_bits() >> 65) as u64),
            IpAddr::V4(ip) => Self(4 << 32 | u64::from(ip.to_bits() >> 16)),
            IpAddr::V6(ip) => Self(6 << 32 | (ip.to_bits() >> 96) as u64),
        }
    }
}

/// The group of which one outbound slot is enough: an IPv4 /16, an IPv6 /32. `None` for addresses in private networks and
/// on the loopback device, which are all in a few groups, and for names, which only the operator gives.
#[must_use]
pub fn slot_group(address: &Multiaddr) -> Option<Group> {
    (ip_of(address).is_some() && scope(address) == Scope::Public).then(|| Group::of(address, false))
}

fn port(address: &Multiaddr) -> u16 {
    let port = address.iter().find_map(|part| match part {
        Protocol::Tcp(port) | Protocol::Udp(port) => Some(port),
        _ => None,
    });
    port.unwrap_or_default()
}
