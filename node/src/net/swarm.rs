//! The libp2p swarm: the gossip behaviour beside libp2p's own, with all limits set.

use std::collections::HashSet;
use std::num::{NonZeroU8, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use libp2p::swarm::behaviour::toggle::Toggle;
use libp2p::swarm::{self, NetworkBehaviour};
use libp2p::{StreamProtocol, Swarm, Transport as _, connection_limits, identify, relay};

use crate::config::Config;
use crate::host::EngineHost;
use crate::net::addresses::split_peer;
use crate::net::behaviour::accuse::Accuse;
use crate::net::behaviour::nat::Nat;
use crate::net::behaviour::{Behaviour, Settings};
use crate::net::discovery::kademlia::Kademlia;
use crate::net::handler::protocol_name;
use crate::net::limits::{AddressBlocks, connection_limits as limits_for};
use crate::net::transport::circuits::Circuits;
use crate::net::transport::own::Dials;
use crate::net::transport::{self, TransportSetupError, WireBytes};

/// The protocol version that identify tells others.
pub const PROTOCOL_VERSION: &str = "hearsay/2";

/// A connection that is not needed is closed after this time.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);

/// Addresses of one peer that are dialled at once. This is more than are kept of a peer, so that none waits behind
/// those that never answer. `own.rs` decides which of them should wait, and how long.
pub(crate) const DIAL_ADDRESSES: u8 = 16;

/// Inbound streams of one connection that may be in negotiation at once.
pub const NEGOTIATING_MAX: usize = 16;

/// Orders that may wait for one connection's task. To send messages takes one order.
pub const ORDERS_WAITING_MAX: usize = 32;

/// Reports of one connection that may wait for us. Each may bring several frames, or one of the largest, which is
/// 256 KiB on the control lane: 1 MiB.
pub const REPORTS_WAITING_MAX: usize = 4;

/// All behaviours of a node. The limits come first, so that they refuse a connection before the
/// others take note of it.
#[derive(NetworkBehaviour)]
pub(crate) struct NodeBehaviour {
    pub(crate) limits: connection_limits::Behaviour,
    pub(crate) blocks: AddressBlocks,
    pub(crate) gossip: Behaviour,
    pub(crate) accuse: Accuse,
    pub(crate) identify: identify::Behaviour,
    /// Off if only reserved peers are wanted.
    pub(crate) kad: Toggle<Kademlia>,
    pub(crate) nat: Nat,
}

/// Builds a node's swarm around an engine. It listens nowhere yet.
pub(crate) fn build(
    config: &Config,
    host: EngineHost,
    wire: &Arc<WireBytes>,
    dials: &Dials,
) -> Result<Swarm<NodeBehaviour>, TransportSetupError> {
    let local = config.identity.public().to_peer_id();
    let reserved: HashSet<_> = config.reserved_peers.iter().filter_map(|address| split_peer(address).1).collect();
    let mut limits = connection_limits::Behaviour::new(limits_for(config));
    reserved.iter().for_each(|peer| limits.bypass_peer_id(peer));
    let settings = Settings {
        local,
        network: config.network.clone(),
        max_peers_in: config.max_peers_in,
        max_peers_out: config.max_peers_out,
        reserved,
        loopback_exempt: config.loopback_exempt,
        upload: config.rates.upload,
        deadlines: config.deadlines,
    };
    let identify =
        identify::Config::new(PROTOCOL_VERSION.to_owned(), config.identity.public()).with_agent_version(agent());
    // Only the few own addresses that the service picks (`announce.rs`) are told, as external addresses.
    let identify = identify.with_hide_listen_addrs(true);
    let kad = (!config.reserved_only).then(|| Kademlia::new(local, kad_protocol(config)));
    let (circuits, client) = relay::client::new(local);
    let behaviour = NodeBehaviour {
        limits,
        blocks: AddressBlocks::new(config.loopback_exempt),
        gossip: Behaviour::new(settings, host),
        accuse: Accuse::new(&config.network),
        identify: identify::Behaviour::new(identify),
        kad: Toggle::from(kad),
        nat: Nat::new(local, &config.reach, client, config.reserved_only),
    };
    let swarm = swarm::Config::with_tokio_executor()
        .with_idle_connection_timeout(IDLE_TIMEOUT)
        .with_dial_concurrency_factor(NonZeroU8::new(DIAL_ADDRESSES).unwrap_or(NonZeroU8::MIN))
        .with_max_negotiating_inbound_streams(NEGOTIATING_MAX)
        .with_notify_handler_buffer_size(NonZeroUsize::new(ORDERS_WAITING_MAX).unwrap_or(NonZeroUsize::MIN))
        .with_per_connection_event_buffer_size(REPORTS_WAITING_MAX);
    let direct = transport::build_limited(&config.identity, wire, config.links.clone(), dials, config.rates)?;
    let transport = Circuits::new(&config.identity, circuits, direct)?;
    Ok(Swarm::new(transport.boxed(), behaviour, local, swarm))
}

/// The program, as other nodes are told.
pub(crate) fn agent() -> String {
    format!("hearsay/{}", env!("CARGO_PKG_VERSION"))
}

/// The version of the network's Kademlia. It only names peers, so nodes that gossip in other
/// versions find each other.
const KAD_VERSION: u64 = 1;

/// The protocol name of the network's Kademlia.
pub(crate) fn kad_protocol(config: &Config) -> StreamProtocol {
    protocol_name(&config.network, "kad", KAD_VERSION)
}
