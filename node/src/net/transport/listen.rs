//! Opens the node's listen addresses, and says which one is taken.
//!
//! libp2p listens with port reuse: two nodes could share one TCP port, and each would get half of the other's
//! connections. So each address is tried without reuse first. Another process can still take the port between the
//! try and the listening. Nothing prevents that.

use std::collections::HashSet;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::time::Duration;

use futures::{FutureExt as _, StreamExt as _};
use libp2p::multiaddr::Protocol;
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{Multiaddr, Swarm};

use crate::net::addresses::ip_of;
use crate::observe::errors::chain;

/// A listener that hasn't told its address after this time never will.
const LISTEN_TIMEOUT: Duration = Duration::from_secs(5);

/// Why a node can't listen.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Another process uses the port.
    #[error(
        "{address} is in use by another process; nothing was started: choose another --listen address, or port 0"
    )]
    AddressInUse {
        /// The address.
        address: Multiaddr,
    },
    /// The system refuses to listen there.
    #[error("cannot listen on {address}: {}; nothing was started: check --listen", chain(.source))]
    Refused {
        /// The address.
        address: Multiaddr,
        /// The reason.
        source: io::Error,
    },
    /// The address is another machine's.
    #[error(
        "cannot listen on {address}: {source}. This machine has no such address; nothing was started: give one of its own with \
         --listen (`ip address` lists them), or 0.0.0.0 for all, and name an outer one with --external-addr"
    )]
    NoSuchAddress {
        /// The address.
        address: Multiaddr,
        /// The system's error.
        source: io::Error,
    },
    /// Ports below 1,024 are for privileged programs.
    #[error(
        "cannot listen on {address}: {source}. This user may not open the port; nothing was started: give one above 1023 with \
         --listen, or let the program have CAP_NET_BIND_SERVICE"
    )]
    NotAllowed {
        /// The address.
        address: Multiaddr,
        /// The system's error.
        source: io::Error,
    },
    /// No address could be opened.
    #[error(
        "a --listen address did not come up within 5 s; the node was not started: check the network interfaces"
    )]
    Timeout,
}

/// Listens on all of `addresses`, and returns when each has at least one address that peers can dial. Other events
/// of the libp2p swarm in this time are lost.
///
/// # Errors
/// [`ListenError`].
pub async fn listen<B: NetworkBehaviour>(
    swarm: &mut Swarm<B>,
    addresses: &[Multiaddr],
) -> Result<(), ListenError> {
    for address in addresses {
        probe(address)?;
    }
    let mut waiting = HashSet::new();
    for address in addresses {
        let id = swarm.listen_on(address.clone()).map_err(|error| {
            let source = io::Error::other(chain(&error));
            ListenError::Refused { address: address.clone(), source }
        })?;
        waiting.insert(id);
    }
    let all_told = async {
        while !waiting.is_empty() {
            match swarm.select_next_some().await {
                SwarmEvent::NewListenAddr { listener_id, .. } => {
                    waiting.remove(&listener_id);
                }
                SwarmEvent::ListenerClosed { addresses: closed, reason: Err(source), .. } => {
                    let address = closed.first().or(addresses.first()).cloned().unwrap_or_else(Multiaddr::empty);
                    return Err(ListenError::Refused { address, source });
                }
                _ => {}
            }
        }
        Ok(())
    };
    tokio::time::timeout(LISTEN_TIMEOUT, all_told).await.map_err(|_| ListenError::Timeout)??;
    // A wildcard address has one for each interface. The answer includes those that are known by now.
    while swarm.select_next_some().now_or_never().is_some() {}
    Ok(())
}

/// Fails if the address is in use.
fn probe(address: &Multiaddr) -> Result<(), ListenError> {
    let Some(ip) = ip_of(address) else { return Ok(()) };
    let bound = match address.iter().nth(1) {
        Some(Protocol::Tcp(port)) => TcpListener::bind(to_socket(ip, port)).map(drop),
        Some(Protocol::Udp(port)) => UdpSocket::bind(to_socket(ip, port)).map(drop),
        _ => return Ok(()),
    };
    bound.map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => ListenError::AddressInUse { address: address.clone() },
        io::ErrorKind::AddrNotAvailable => ListenError::NoSuchAddress { address: address.clone(), source },
        io::ErrorKind::PermissionDenied => ListenError::NotAllowed { address: address.clone(), source },
        _ => ListenError::Refused { address: address.clone(), source },
    })
}

const fn to_socket(ip: IpAddr, port: u16) -> SocketAddr {
    SocketAddr::new(ip, port)
}
