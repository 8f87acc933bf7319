//! The groups that count as one place in the network. Identities are free and ports nearly so;
//! address groups are expensive.
//!
//! Deliberately absent: autonomous systems. A party with addresses in many groups of one provider counts as many.

use std::net::IpAddr;

use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;

use crate::net::addresses::{Scope, ip_of, scope_of};

/// A group of addresses, as the book counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Group(pub u64);

impl Group {
    /// The group of addresses without a known IP.
    pub const NOWHERE: Self = Self(0);

    /// The group of an address. For a public address this is the IPv4 /16 or the IPv6 /32. In a private network
    /// all nodes may share one of these, so there it is the IPv4 address or the IPv6 /63. With `loopback_exempt`
    /// each port of the loopback device is a group, because a process stands for a machine there.
    #[must_use]
    pub fn of(address: &Multiaddr, loopback_exempt: bool) -> Self {
        let Some(ip) = ip_of(address) else { return Self::NOWHERE };
        if ip.is_loopback() && loopback_exempt {
            return Self(7 << 32 | u64::from(port(address)));
        }
        Self::of_ip(ip)
    }

    /// The same of all addresses with this IP, for a node that does not exempt the loopback device.
    const fn of_ip(ip: IpAddr) -> Self {
        let local = !ip.is_loopback() && !matches!(scope_of(ip), Scope::Public);
        match ip {
            IpAddr::V4(ip) if local => Self(5 << 32 | ip.to_bits() as u64),
            IpAddr::V6(ip) if local => Self(1 << 63 | (ip.to_bits() >> 65) as u64),
            IpAddr::V4(ip) => Self(4 << 32 | (ip.to_bits() >> 16) as u64),
            IpAddr::V6(ip) => Self(6 << 32 | (ip.to_bits() >> 96) as u64),
        }
    }
}

/// The group for which one outbound slot is enough: an IPv4 /16, an IPv6 /32. `None` for addresses in private
/// networks and on the loopback device, because all of these are in a few groups, and for names, because only
/// the operator gives them.
#[must_use]
pub fn slot_group(address: &Multiaddr) -> Option<Group> {
    ip_of(address).filter(|ip| scope_of(*ip) == Scope::Public).map(Group::of_ip)
}

fn port(address: &Multiaddr) -> u16 {
    let port = address.iter().find_map(|part| match part {
        Protocol::Tcp(port) | Protocol::Udp(port) => Some(port),
        _ => None,
    });
    port.unwrap_or_default()
}
