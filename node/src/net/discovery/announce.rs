//! Which of its own addresses a node tells others, by identify.
//!
//! A host may have hundreds of addresses, and identify's message has 4,096 bytes. A longer message could not
//! be read. So only the best few are told. Public ones come first. Of the others, those come first that a
//! connection to another machine has really used, because that distinguishes a local network from a
//! container engine's bridge.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use libp2p::Multiaddr;

use crate::net::addresses::{ip_of, useful};
use crate::net::discovery::book::PEER_ADDRESSES_MAX;

/// Addresses that have to be told or withdrawn.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) told: Vec<Multiaddr>,
    pub(crate) withdrawn: Vec<Multiaddr>,
}

/// The addresses that are told.
#[derive(Debug, Default)]
pub(crate) struct Announced {
    told: Vec<Multiaddr>,
    /// The IPs that the node listens on.
    ips: HashSet<IpAddr>,
    /// Our IPs that connections to other machines have used.
    used: HashSet<IpAddr>,
}

impl Announced {
    /// A connection to this address is open. True if that shows something new about our own addresses.
    pub(crate) fn on_connection(&mut self, remote: &Multiaddr) -> bool {
        let source = ip_of(remote).filter(|ip| !ip.is_loopback()).and_then(source_towards);
        source.is_some_and(|ip| self.ips.contains(&ip) && self.used.insert(ip))
    }

    /// The addresses that are told now.
    pub(crate) fn told(&self) -> &[Multiaddr] {
        &self.told
    }

    /// The node listens on these addresses now.
    pub(crate) fn update(&mut self, listening: &[Multiaddr]) -> Change {
        self.ips = listening.iter().filter_map(ip_of).collect();
        self.used.retain(|ip| self.ips.contains(ip));
        let best = useful(listening.iter().cloned(), &self.used, PEER_ADDRESSES_MAX);
        let told = best.iter().filter(|address| !self.told.contains(address)).cloned().collect();
        let withdrawn = self.told.iter().filter(|address| !best.contains(address)).cloned().collect();
        self.told = best;
        Change { told, withdrawn }
    }
}

/// Our address from which this machine reaches `ip`. Nothing is sent.
fn source_towards(ip: IpAddr) -> Option<IpAddr> {
    let any = if ip.is_ipv4() { IpAddr::from(Ipv4Addr::UNSPECIFIED) } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0)).ok()?;
    // Any port will do.
    socket.connect(SocketAddr::new(ip, 9)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}
