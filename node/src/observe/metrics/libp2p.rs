//! libp2p's own metrics: connections, dials and listeners.
//!
//! Of the swarm's events only those are counted whose labels a peer can't choose. The library makes a label of the
//! protocols in an address. A peer may tell any address, also one of a hundred protocols, and each would be a new time
//! series. So events about told addresses, and what identify and Kademlia tell, are left out.

use std::fmt;
use std::sync::Arc;

use libp2p::metrics::{Metrics, Recorder as _};
use libp2p::swarm::SwarmEvent;
use prometheus_client::registry::Registry;

/// Counts events of the swarm.
#[derive(Clone)]
pub struct SwarmMeter(Arc<Metrics>);

impl SwarmMeter {
    pub(super) fn register(registry: &mut Registry) -> Self {
        Self(Arc::new(Metrics::new(registry)))
    }

    /// The swarm tells something.
    pub fn event<E>(&self, event: &SwarmEvent<E>) {
        match event {
            SwarmEvent::ConnectionEstablished { .. }
            | SwarmEvent::ConnectionClosed { .. }
            | SwarmEvent::IncomingConnection { .. }
            | SwarmEvent::IncomingConnectionError { .. }
            | SwarmEvent::OutgoingConnectionError { .. }
            | SwarmEvent::NewListenAddr { .. }
            | SwarmEvent::ExpiredListenAddr { .. }
            | SwarmEvent::ListenerClosed { .. }
            | SwarmEvent::ListenerError { .. }
            | SwarmEvent::Dialing { .. } => self.0.record(event),
            _ => {}
        }
    }
}

impl fmt::Debug for SwarmMeter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SwarmMeter").finish_non_exhaustive()
    }
}
