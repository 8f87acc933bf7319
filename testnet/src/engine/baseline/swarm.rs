//! Gossipsub with the settings of the comparison, on the node's transport, beside identify and ping. The bounds of
//! the libp2p swarm and the version that identify tells are the node's, so that both engines have the same.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use libp2p::swarm::{self, NetworkBehaviour};
use libp2p::{Swarm, connection_limits, identify, ping};
use libp2p_gossipsub::{
    Behaviour as Gossipsub, ConfigBuilder, IdentTopic, Message, MessageAuthenticity, MessageId, TopicHash,
    ValidationMode,
};
use node::config::Config;
use node::net::addresses::split_peer;
use node::net::limits::connection_limits as limits_for;
use node::net::swarm::{NEGOTIATING_MAX, ORDERS_WAITING_MAX, PROTOCOL_VERSION};
use node::net::transport::own::Dials;
use node::net::transport::{self, WireBytes};
use node::service::ServiceError;
use protocol::limits::BLOCK_BYTES_MAX;

use super::Form;
use super::arrivals::Arrivals;

/// The topic of transactions. It is short, because it travels with every message.
pub(super) const TRANSACTION_TOPIC: &str = "tx";
/// The topic of blocks.
pub(super) const BLOCK_TOPIC: &str = "block";

/// The number of neighbours that gossipsub pushes to: wanted, fewest and most, as in Ethereum's consensus clients.
/// The library's own numbers are 6, 5 and 12.
const MESH: [usize; 3] = [8, 6, 12];

/// The bytes around the largest item: topic, author, number, signature and key, and their lengths.
const ENVELOPE_BYTES_MAX: usize = 1_024;

/// The graph is given and stays. No connection is closed because it is outside the mesh.
const KEPT_OPEN: Duration = Duration::from_secs(24 * 3600);

/// All behaviours of a baseline node.
#[derive(NetworkBehaviour)]
pub(super) struct BaselineBehaviour {
    pub(super) limits: connection_limits::Behaviour,
    pub(super) gossipsub: Gossipsub,
    pub(super) identify: identify::Behaviour,
    pub(super) ping: ping::Behaviour,
}

/// Builds the libp2p swarm, subscribed to both topics. It listens nowhere yet.
pub(super) fn build(
    config: &Config,
    form: Form,
    arrivals: &Arrivals,
    wire: &Arc<WireBytes>,
) -> Result<Swarm<BaselineBehaviour>, ServiceError> {
    let local = config.identity.public().to_peer_id();
    let mut limits = connection_limits::Behaviour::new(limits_for(config));
    let reserved = config.reserved_peers.iter().filter_map(|address| split_peer(address).1);
    reserved.for_each(|peer| limits.bypass_peer_id(&peer));
    let agent = format!("hearsay-baseline/{}", env!("CARGO_PKG_VERSION"));
    let identify =
        identify::Config::new(PROTOCOL_VERSION.to_owned(), config.identity.public()).with_agent_version(agent);
    let behaviour = BaselineBehaviour {
        limits,
        gossipsub: gossipsub(config, form, arrivals.clone()).map_err(setup)?,
        identify: identify::Behaviour::new(identify),
        ping: ping::Behaviour::default(),
    };
    let swarm = swarm::Config::with_tokio_executor()
        .with_idle_connection_timeout(KEPT_OPEN)
        .with_max_negotiating_inbound_streams(NEGOTIATING_MAX)
        .with_notify_handler_buffer_size(NonZeroUsize::new(ORDERS_WAITING_MAX).unwrap_or(NonZeroUsize::MIN))
        .with_per_connection_event_buffer_size(ORDERS_WAITING_MAX);
    Ok(Swarm::new(
        transport::build(&config.identity, wire, config.links.clone(), &Dials::default())?,
        behaviour,
        local,
        swarm,
    ))
}

/// Whether a message's topic is the one of blocks.
pub(super) fn is_block(topic: &TopicHash) -> bool {
    topic.as_str() == BLOCK_TOPIC
}

fn gossipsub(config: &Config, form: Form, arrivals: Arrivals) -> Result<Gossipsub, String> {
    let [wanted, fewest, most] = MESH;
    let mut builder = ConfigBuilder::default();
    builder
        .mesh_n(wanted)
        .mesh_n_low(fewest)
        .mesh_n_high(most)
        .max_transmit_size(BLOCK_BYTES_MAX + ENVELOPE_BYTES_MAX)
        .message_id_fn(move |message: &Message| {
            MessageId::new(&arrivals.id_of(is_block(&message.topic), &message.data))
        });
    let authenticity = match form {
        Form::Anonymous => {
            builder.validation_mode(ValidationMode::Anonymous).validate_messages();
            MessageAuthenticity::Anonymous
        }
        Form::Signed => MessageAuthenticity::Signed(config.identity.clone()),
    };
    let settings = builder.build().map_err(|error| error.to_string())?;
    let mut gossipsub = Gossipsub::new(authenticity, settings)?;
    for topic in [TRANSACTION_TOPIC, BLOCK_TOPIC] {
        gossipsub.subscribe(&IdentTopic::new(topic)).map_err(|error| error.to_string())?;
    }
    Ok(gossipsub)
}

fn setup(error: impl std::fmt::Display) -> ServiceError {
    ServiceError::Setup(format!("gossipsub can't be set up: {error}"))
}
