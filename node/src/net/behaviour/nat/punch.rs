//! Hole punching: libp2p's DCUtR, with bounds.
//!
//! The peer at the other end of a circuit names the addresses that this node dials. So a peer could make this node
//! dial whom it likes. Rules:
//!
//! 1. Peers may open [`CIRCUITS_BURST`] circuits to this node at once, and one more in each [`CIRCUITS_INTERVAL`]. A
//!    circuit beyond that is refused.
//! 2. A dial with more than [`PUNCH_ADDRESSES_MAX`] addresses is not made. A circuit causes 4 dials at most.
//! 3. libp2p never forgets an attempt. So after [`CIRCUITS_REMEMBERED_MAX`] circuits the behaviour is made anew.
//!
//! So all peers together make this node dial 24 × 4 addresses in 5 s at most, 20 a second, which is fewer than
//! a page of a web site makes a browser dial.
//!
//! Deliberately absent: what happens to the gossip slot when a hole is open (`peers.rs`).

use std::collections::{HashMap, HashSet};
use std::task::{Context, Poll};

use libp2p::core::transport::PortUse;
use libp2p::core::{Endpoint, Multiaddr};
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, NewExternalAddrCandidate, THandler,
    THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use libp2p::{PeerId, dcutr};
use protocol::time::Duration;

use crate::clock::Clock;
use crate::net::addresses::is_relayed;
use crate::net::discovery::book::Allowance;

/// Circuits to this node that may be opened at once: those of two relays at their bound would be 32.
const CIRCUITS_BURST: u64 = 16;
/// See [`CIRCUITS_BURST`]. So 64 inbound slots are filled in five minutes.
const CIRCUITS_INTERVAL: Duration = Duration::from_secs(5);
/// Addresses in a dial. libp2p names 20 of its own at most.
const PUNCH_ADDRESSES_MAX: usize = 24;
/// Circuits until the behaviour is made anew. libp2p keeps some 50 bytes for each of 4 attempts: 200 KiB.
pub(crate) const CIRCUITS_REMEMBERED_MAX: usize = 1_024;

/// The behaviour.
pub(crate) struct Punch {
    local: PeerId,
    inner: dcutr::Behaviour,
    clock: Clock,
    allowance: Allowance,
    circuits: usize,
    /// Direct connections, which a new behaviour has to know.
    direct: HashMap<ConnectionId, (PeerId, Multiaddr)>,
    /// Dials that the inner behaviour wants and that were not judged yet.
    wanted: HashSet<ConnectionId>,
}

/// A circuit or a dial that is refused.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("too many circuits were opened to this node, or too many addresses were named for a hole")]
struct TooMany;

impl Punch {
    pub(super) fn new(local: PeerId) -> Self {
        Self {
            local,
            inner: dcutr::Behaviour::new(local),
            clock: Clock::start(),
            allowance: Allowance::default(),
            circuits: 0,
            direct: HashMap::new(),
            wanted: HashSet::new(),
        }
    }

    /// One more circuit. The state is made anew if it has grown to its bound.
    fn on_circuit(&mut self) {
        self.circuits += 1;
        if self.circuits < CIRCUITS_REMEMBERED_MAX {
            return;
        }
        (self.circuits, self.inner) = (0, dcutr::Behaviour::new(self.local));
        for (id, (peer, address)) in &self.direct {
            // It only notes them: the handlers that connections already have stay.
            let _ = self.inner.handle_established_inbound_connection(*id, *peer, address, address);
        }
    }
}

impl NetworkBehaviour for Punch {
    type ConnectionHandler = <dcutr::Behaviour as NetworkBehaviour>::ConnectionHandler;
    type ToSwarm = dcutr::Event;

    fn handle_established_inbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        if is_relayed(local) {
            if !self.allowance.take(CIRCUITS_INTERVAL, CIRCUITS_BURST, self.clock.now()) {
                return Err(ConnectionDenied::new(TooMany));
            }
            self.on_circuit();
        } else {
            self.direct.insert(id, (peer, remote.clone()));
        }
        self.inner.handle_established_inbound_connection(id, peer, local, remote)
    }

    fn handle_pending_outbound_connection(
        &mut self,
        id: ConnectionId,
        _: Option<PeerId>,
        addresses: &[Multiaddr],
        _: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        let many = self.wanted.remove(&id) && addresses.len() > PUNCH_ADDRESSES_MAX;
        if many { Err(ConnectionDenied::new(TooMany)) } else { Ok(Vec::new()) }
    }

    fn handle_established_outbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        address: &Multiaddr,
        role: Endpoint,
        port: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        if is_relayed(address) {
            self.on_circuit();
        } else {
            self.direct.insert(id, (peer, address.clone()));
        }
        self.inner.handle_established_outbound_connection(id, peer, address, role, port)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match &event {
            FromSwarm::ConnectionClosed(closed) => {
                self.direct.remove(&closed.connection_id);
            }
            FromSwarm::DialFailure(failure) => {
                self.wanted.remove(&failure.connection_id);
            }
            // An address that this node tells others may need a hole as well: behind a firewall, or in the same
            // local network. libp2p takes only those that peers see.
            FromSwarm::ExternalAddrConfirmed(told) => {
                let candidate = NewExternalAddrCandidate { addr: told.addr };
                self.inner.on_swarm_event(FromSwarm::NewExternalAddrCandidate(candidate));
            }
            _ => {}
        }
        self.inner.on_swarm_event(event);
    }

    fn on_connection_handler_event(&mut self, peer: PeerId, id: ConnectionId, event: THandlerOutEvent<Self>) {
        self.inner.on_connection_handler_event(peer, id, event);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<dcutr::Event, THandlerInEvent<Self>>> {
        let action = self.inner.poll(cx);
        if let Poll::Ready(ToSwarm::Dial { opts }) = &action {
            self.wanted.insert(opts.connection_id());
        }
        action
    }
}
