//! Limits on inbound connections per address range. The memory of peers that misbehaved is in `bans.rs`.
//!
//! libp2p's own `connection_limits` limits connections in total. The behaviour limits the gossip slots.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::IpAddr;
use std::task::{Context, Poll};

use libp2p::PeerId;
use libp2p::connection_limits::ConnectionLimits;
use libp2p::core::transport::PortUse;
use libp2p::core::{Endpoint, Multiaddr};
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent, THandlerOutEvent,
    ToSwarm, dummy,
};

use crate::config::Config;
use crate::net::addresses::{caller, ip_of, is_quic};
use crate::net::discovery::REFRESH_EXTRA;

/// Inbound connections from one IPv4 address.
pub const PER_IPV4_MAX: usize = 8;
/// Inbound connections from one IPv4 /24: as many as from two addresses.
pub const PER_IPV4_24_MAX: usize = 16;
/// Inbound connections from one IPv6 /56, which one customer gets.
pub const PER_IPV6_56_MAX: usize = 8;

/// Connections without a gossip slot, such as Kademlia's: the most inbound, and the most outbound.
pub const SLOTLESS_CONNECTIONS_MAX: usize = 32;
/// Additional inbound connections for those that are closing while newer ones take their places. libp2p counts
/// them until they are gone. This is 200 ms after a goodbye, and at most a second of closing later
/// (`CLOSE_TIMEOUT` in `muxer.rs`). So some 27 newcomers a second find a place even if the closing ones read
/// nothing.
pub const GOING_CONNECTIONS_MAX: usize = 32;
/// Connections to one peer: two, for the case that both sides dial at the same moment.
pub const PER_PEER_MAX: u32 = 2;
/// Inbound TCP connections that are being set up, and connections that we set up by dialling. A setup takes 10 s
/// at most. `setups.rs` decides which inbound setup gives way to the next.
pub const PENDING_MAX: u32 = 64;

/// The limits on all connections together. Each direction has its own, so that peers that dial us can't use up
/// what our own dials need. Inbound connections that are being set up are counted by transport, in `setups.rs`.
#[must_use]
pub fn connection_limits(config: &Config) -> ConnectionLimits {
    let (incoming, outgoing) = established_max(config);
    ConnectionLimits::default()
        .with_max_pending_outgoing(Some(PENDING_MAX))
        .with_max_established_per_peer(Some(PER_PEER_MAX))
        .with_max_established_incoming(Some(incoming))
        .with_max_established_outgoing(Some(outgoing))
        .with_max_established(Some(incoming.saturating_add(outgoing)))
}

/// Established connections, inbound and outbound. `slots.rs` closes some inbound ones before
/// this number is reached.
#[must_use]
pub fn established_max(config: &Config) -> (u32, u32) {
    let limit = |connections: usize| u32::try_from(connections).unwrap_or(u32::MAX);
    let (incoming, outgoing) = connections_max(config.max_peers_in, config.max_peers_out);
    // Reserved peers that dial us, and those whose ids we know, are accepted beyond all limits.
    (limit(incoming), limit(outgoing.saturating_add(config.reserved_peers.len())))
}

/// The same without reserved peers, for these numbers of slots.
#[must_use]
pub const fn connections_max(peers_in: usize, peers_out: usize) -> (usize, usize) {
    let slotless = SLOTLESS_CONNECTIONS_MAX;
    let incoming = peers_in.saturating_add(GOING_CONNECTIONS_MAX).saturating_add(slotless);
    (incoming, peers_out.saturating_add(REFRESH_EXTRA).saturating_add(slotless))
}

/// Limits inbound connections per address range. An address counts from when it is proved. A TCP address is proved
/// when the connection comes in. A QUIC address is proved when the handshake is done, because a sender can begin a
/// handshake in the name of any address.
#[derive(Debug)]
pub struct AddressBlocks {
    loopback_exempt: bool,
    inbound: HashMap<ConnectionId, IpAddr>,
}

/// Too many connections from one address range.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the limit of inbound connections from this address block is reached")]
pub struct BlockLimitError;

impl AddressBlocks {
    /// No connections yet.
    #[must_use]
    pub fn new(loopback_exempt: bool) -> Self {
        Self { loopback_exempt, inbound: HashMap::new() }
    }

    /// Counts a connection from a proved address, if it is within the limits.
    fn admit(&mut self, id: ConnectionId, remote: &Multiaddr) -> Result<(), ConnectionDenied> {
        if let Some(ip) = ip_of(remote) {
            if !self.allows(ip) {
                return Err(ConnectionDenied::new(BlockLimitError));
            }
            self.inbound.insert(id, ip);
        }
        Ok(())
    }

    /// Whether one more connection from `ip` is within the limits.
    #[must_use]
    pub fn allows(&self, ip: IpAddr) -> bool {
        if self.loopback_exempt && ip.is_loopback() {
            return true;
        }
        let count = |same: &dyn Fn(&IpAddr) -> bool| self.inbound.values().filter(|other| same(other)).count();
        match ip {
            IpAddr::V4(v4) => {
                let net = v4.to_bits() >> 8;
                let near = |other: &IpAddr| matches!(other, IpAddr::V4(other) if other.to_bits() >> 8 == net);
                count(&|other| *other == ip) < PER_IPV4_MAX && count(&near) < PER_IPV4_24_MAX
            }
            IpAddr::V6(v6) => {
                let net = v6.to_bits() >> 72;
                let near = |other: &IpAddr| matches!(other, IpAddr::V6(other) if other.to_bits() >> 72 == net);
                count(&near) < PER_IPV6_56_MAX
            }
        }
    }
}

impl NetworkBehaviour for AddressBlocks {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = Infallible;

    fn handle_pending_inbound_connection(
        &mut self,
        id: ConnectionId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        // A circuit counts for the relay's address, which is proved.
        if is_quic(remote) { Ok(()) } else { self.admit(id, &caller(local, remote)) }
    }

    fn handle_established_inbound_connection(
        &mut self,
        id: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        if !self.inbound.contains_key(&id) {
            self.admit(id, remote)?;
        }
        Ok(dummy::ConnectionHandler)
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(dummy::ConnectionHandler)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionClosed(closed) => {
                self.inbound.remove(&closed.connection_id);
            }
            FromSwarm::ListenFailure(failure) => {
                self.inbound.remove(&failure.connection_id);
            }
            _ => {}
        }
    }

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, event: THandlerOutEvent<Self>) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Infallible, THandlerInEvent<Self>>> {
        Poll::Pending
    }
}
