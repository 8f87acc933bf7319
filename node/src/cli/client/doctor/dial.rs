//! Dials the given addresses, as far as that needs no node: names are resolved as the system does it, and a TCP
//! connection is opened and closed at once.
//!
//! Deliberately absent: noise and the peer id. A node that runs says in its log who answers.

use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs as _};
use std::thread;
use std::time::{Duration, Instant};

use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;

use super::checks::{Dial, Outcome};

/// Addresses that are dialled; more are left out. Each has a thread for some seconds.
pub(super) const DOCTOR_DIALS_MAX: usize = 32;

/// How long one connection may take to open.
const DIAL_TIMEOUT: Duration = Duration::from_secs(3);

/// IP addresses of one name that are tried.
const IPS_MAX: usize = 4;

/// Dials all addresses at once.
#[must_use]
pub(super) fn all(addresses: &[Multiaddr]) -> Vec<Dial> {
    let threads: Vec<_> = addresses
        .iter()
        .take(DOCTOR_DIALS_MAX)
        .cloned()
        .map(|address| (address.to_string(), thread::spawn(move || one(&address))))
        .collect();
    let lost = || Outcome::Closed("it could not be tried".to_owned());
    threads
        .into_iter()
        .map(|(address, thread)| Dial { address, outcome: thread.join().unwrap_or_else(|_| lost()) })
        .collect()
}

fn one(address: &Multiaddr) -> Outcome {
    let parts: Vec<_> = address.iter().collect();
    let Some((port, quic)) = parts.iter().find_map(|part| match part {
        Protocol::Tcp(port) => Some((*port, false)),
        Protocol::Udp(port) => Some((*port, true)),
        _ => None,
    }) else {
        return Outcome::NotTried(vec!["records that only a node reads".to_owned()]);
    };
    let ips = match resolve(&parts, port) {
        Ok(ips) if ips.is_empty() => return Outcome::Unresolved("it has no record".to_owned()),
        Ok(ips) => ips,
        Err(error) => return Outcome::Unresolved(error.to_string()),
    };
    if quic {
        return Outcome::NotTried(ips.iter().map(ToString::to_string).collect());
    }
    let mut last = String::new();
    for ip in ips {
        let began = Instant::now();
        match TcpStream::connect_timeout(&SocketAddr::new(ip, port), DIAL_TIMEOUT) {
            Ok(_) => return Outcome::Open(ip.to_string(), began.elapsed()),
            Err(error) => last = error.to_string(),
        }
    }
    Outcome::Closed(last)
}

fn resolve(parts: &[Protocol<'_>], port: u16) -> std::io::Result<Vec<IpAddr>> {
    let (name, wants): (_, fn(&IpAddr) -> bool) = match parts.first() {
        Some(Protocol::Ip4(ip)) => return Ok(vec![IpAddr::V4(*ip)]),
        Some(Protocol::Ip6(ip)) => return Ok(vec![IpAddr::V6(*ip)]),
        Some(Protocol::Dns4(name)) => (name, IpAddr::is_ipv4),
        Some(Protocol::Dns6(name)) => (name, IpAddr::is_ipv6),
        Some(Protocol::Dns(name)) => (name, |_| true),
        _ => return Ok(Vec::new()),
    };
    let found = (&**name, port).to_socket_addrs()?.map(|address| address.ip()).filter(wants);
    Ok(found.take(IPS_MAX).collect())
}
