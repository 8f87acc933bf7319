//! Takes the network's events and passes them on: to discovery, to the watch for our own key, to
//! the answers, to the log.

pub(super) mod membership;
pub(super) mod observed;
mod orders;
pub(super) mod reach;
pub(super) mod recalled;

use std::io;

use libp2p::core::ConnectedPoint;
use libp2p::core::transport::TransportError;
use libp2p::swarm::{ConnectionDenied, ConnectionId, DialError, ListenError, SwarmEvent};
use libp2p::{Multiaddr, PeerId, connection_limits, identify};
use protocol::gossip;
use tracing::{debug, info, warn};

use super::{Service, say};
use crate::net::addresses::{self, address_group, ip_of, is_relayed};
use crate::net::behaviour::{BannedError, Event};
use crate::net::discovery::book::PEER_ADDRESSES_MAX;
use crate::net::discovery::kademlia::Answer;
use crate::net::discovery::own_key::Origin;
use crate::net::discovery::{Failure, ToldBy};
use crate::net::limits::BlockLimitError;
use crate::net::reason::{ADDRESS_LIMIT, CONNECTION_LIMIT, CloseReason};
use crate::net::swarm::{NodeBehaviourEvent, kad_protocol};
use crate::net::transport::own::DialRefusal;
use crate::net::transport::resolve;
use crate::net::transport::setups::GaveWay;
use crate::observe::errors::chain;

impl Service {
    pub(super) fn on_event(&mut self, event: SwarmEvent<NodeBehaviourEvent>) {
        let now = self.clock.now();
        self.metering.metrics().swarm.event(&event);
        match event {
            SwarmEvent::Behaviour(NodeBehaviourEvent::Gossip(event)) => self.on_gossip(event),
            SwarmEvent::Behaviour(NodeBehaviourEvent::Accuse(event)) => self.on_accuse(event),
            SwarmEvent::Behaviour(NodeBehaviourEvent::Identify(event)) => self.on_identify(event),
            SwarmEvent::Behaviour(NodeBehaviourEvent::Kad(event)) => self.on_kad(event),
            SwarmEvent::Behaviour(NodeBehaviourEvent::Nat(event)) => self.on_nat(event),
            SwarmEvent::ExternalAddrConfirmed { .. } | SwarmEvent::ExternalAddrExpired { .. } => self.tell_reach(),
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, .. } => {
                self.on_connection(peer_id, connection_id, &endpoint);
            }
            SwarmEvent::OutgoingConnectionError { connection_id, peer_id, error } => {
                self.on_member_silent(connection_id, matches!(error, DialError::Denied { .. }));
                let cause = resolve::cause(&error);
                debug!(peer = ?peer_id, cause, "a dial failed");
                let failure = match (&error, peer_id) {
                    (DialError::Denied { .. }, Some(found)) => Failure::Denied { found, cause },
                    _ => failure(&resolve::refusals(&error), cause),
                };
                self.discovery.on_dial_failed(connection_id, failure, now);
            }
            SwarmEvent::IncomingConnectionError { send_back_addr, error, peer_id, .. } => {
                debug!(address = %send_back_addr, error = chain(&error), "an inbound connection failed");
                self.on_call_failed(send_back_addr, error, peer_id);
            }
            SwarmEvent::NewListenAddr { address, .. } if is_relayed(&address) => {}
            SwarmEvent::NewListenAddr { address, .. } => {
                info!(%address, "listening");
                self.on_listening();
            }
            SwarmEvent::ExpiredListenAddr { .. } => self.on_listening(),
            SwarmEvent::ListenerError { error, .. } => self.said.listener_error(now, &error),
            SwarmEvent::ListenerClosed { listener_id, reason, .. }
                if self.on_circuits_end(listener_id, &reason) => {}
            SwarmEvent::ListenerClosed { addresses, reason, .. } => {
                warn!(
                    ?addresses,
                    ?reason,
                    "a listener is closed: nobody can connect there; restart to open it again"
                );
                self.on_listening();
            }
            _ => {}
        }
    }

    fn on_connection(&mut self, peer: PeerId, id: ConnectionId, endpoint: &ConnectedPoint) {
        let address = endpoint.get_remote_address();
        if endpoint.is_dialer() {
            self.discovery.on_established(id, peer, address, self.clock.now());
            self.on_member_answered(peer, id);
        }
        if ip_of(address).is_some_and(|ip| ip.is_loopback()) {
            self.discovery.on_loopback_peer();
        }
        if self.announced.on_connection(address) {
            self.on_listening();
        }
    }

    /// An inbound connection failed before it was established.
    fn on_call_failed(&mut self, from: Multiaddr, error: ListenError, peer: Option<PeerId>) {
        let now = self.clock.now();
        match &error {
            ListenError::Denied { cause } => self.gossip().count(denied(cause)),
            ListenError::Transport(cause) if gave_way(cause) => self.gossip().count(CONNECTION_LIMIT),
            _ => {}
        }
        match (error, peer) {
            (ListenError::LocalPeerId { .. }, _) => self.key_watch.on_call(from, now),
            (ListenError::Denied { cause }, Some(peer)) => {
                if cause.downcast::<connection_limits::Exceeded>().is_ok() {
                    self.gossip().on_denied(peer, &from);
                }
            }
            _ => self.key_watch.on_nameless_call(now),
        }
    }

    fn on_gossip(&mut self, event: Event) {
        match event {
            Event::Submitted { item, result, safe_at } => {
                self.production.decided(item);
                self.answers.decided(item, result, safe_at);
            }
            Event::Refused { peer, item, refusal } => {
                debug!(peer = %say::peer(peer), ?item, %refusal, "refused an item of a peer");
            }
            Event::Banned { peer, address, reason } => {
                self.refuse_banned();
                self.keeping.on_ban();
                self.said.banned(self.clock.now(), &peer, address, reason);
            }
            Event::Engine(gossip::Event::TipChanged { tip, disconnected }) => say::new_tip(tip, disconnected),
            Event::Engine(gossip::Event::SubmissionsExpired { ids, tip }) => say::expired(&ids, tip),
            Event::Engine(gossip::Event::Equivocation(pair)) => say::equivocation(&pair),
            Event::Goodbye { peer, reason } => {
                debug!(peer = %say::peer(peer), ?reason, "a peer says why it closes the connection");
                self.said.goodbye(self.clock.now(), peer, &reason);
            }
            Event::Engine(_) => {}
            Event::Members(wanted) => self.on_members(*wanted),
            Event::Verify(job) => {
                self.unchecked.push_back(job);
            }
            Event::Up { peer, outbound } => {
                debug!(%peer, outbound, "a gossip peer is connected");
                self.feeds.peer(&peer, !outbound, None);
                self.discovery.on_up(&peer, outbound, self.clock.now());
                if outbound {
                    self.key_watch.on_up(peer, self.clock.now());
                }
            }
            Event::Down { peer, outbound, reason } => {
                debug!(%peer, %reason, "a gossip slot is free");
                self.feeds.peer(&peer, !outbound, Some(reason.label()));
                self.discovery.on_down(&peer, outbound, reason, self.clock.now());
            }
            Event::Cut { peer, address, fixed } => {
                let group = address_group(&address, self.config.loopback_exempt);
                let origin = if fixed { Origin::Fixed } else { Origin::Learned(group) };
                self.key_watch.on_closed(peer, origin, self.clock.now());
            }
        }
    }

    fn on_identify(&mut self, event: identify::Event) {
        let identify::Event::Received { peer_id, connection_id, info } = event else { return };
        if !self.gossip().may_hear(connection_id) {
            return;
        }
        self.gossip().set_agent(&peer_id, &info.agent_version);
        self.answers.observed.note(peer_id, &info.observed_addr);
        self.on_offer(peer_id, connection_id, &info);
        let Some(address) = self.gossip().address_of(connection_id) else { return };
        let near = ip_of(&address).is_some_and(|ip| ip.is_loopback());
        // Another machine's loopback addresses lead to this node at best.
        let usable = |address: &Multiaddr| near || ip_of(address).is_none_or(|ip| !ip.is_loopback());
        let addresses = info.listen_addrs.into_iter().filter(usable);
        let addresses = addresses.filter_map(|address| self.discovery.acceptable(address, ToldBy::Itself));
        let addresses = addresses::best(addresses, &self.own_ips(), PEER_ADDRESSES_MAX);
        if let Some(version) = say::other_version(&self.config.network, &info.protocols) {
            self.said.other_version(self.clock.now(), &peer_id, version);
            self.gossip().give_up(connection_id, CloseReason::OtherVersion);
            return;
        }
        let name = kad_protocol(&self.config);
        if !info.protocols.contains(&name) {
            return;
        }
        let (source, now) = (self.discovery.group(&address), self.clock.now());
        if let Some(kad) = self.swarm.behaviour_mut().kad.as_mut() {
            kad.on_told(&peer_id, &addresses, &address, source, now);
        }
        self.discovery.learn(peer_id, addresses, ToldBy::Itself, source, now);
    }

    /// A peer named others. The source is the group of the address from which it answered.
    fn on_kad(&mut self, answer: Answer) {
        let now = self.clock.now();
        let Some(address) = self.gossip().address_of(answer.connection) else { return };
        let source = self.discovery.group(&address);
        for peer in answer.peers {
            self.discovery.learn(peer.node_id, peer.multiaddrs, ToldBy::Others, source, now);
        }
    }

    /// This node's listen addresses, or what is known about them, may have changed.
    pub(super) fn on_listening(&mut self) {
        self.discovery.set_own(self.own_ips());
        let listening: Vec<_> = self.swarm.listeners().filter(|own| !is_relayed(own)).cloned().collect();
        let change = self.announced.update(&listening);
        change.withdrawn.iter().for_each(|address| self.swarm.remove_external_address(address));
        change.told.into_iter().for_each(|address| self.swarm.add_external_address(address));
        self.tell_reach();
    }
}

/// The counter of a connection that was turned away.
fn denied(cause: &ConnectionDenied) -> &'static str {
    if cause.downcast_ref::<BlockLimitError>().is_some() {
        ADDRESS_LIMIT
    } else if cause.downcast_ref::<BannedError>().is_some() {
        "banned"
    } else {
        CONNECTION_LIMIT
    }
}

/// Whether a connection was turned away because others were being set up.
fn gave_way(cause: &TransportError<io::Error>) -> bool {
    matches!(cause, TransportError::Other(error) if resolve::inside::<GaveWay>(error).is_some())
}

/// The result of a failed dial, over all its addresses.
fn failure(refusals: &[&DialRefusal], cause: String) -> Failure {
    let another = refusals.iter().find_map(|refusal| match refusal {
        DialRefusal::WrongId { found, .. } => Some(*found),
        _ => None,
    });
    let own = |refusal: &&DialRefusal| matches!(refusal, DialRefusal::OwnAddress(_) | DialRefusal::OwnId(_));
    match another {
        Some(found) => Failure::Another(found),
        None if !refusals.is_empty() && refusals.iter().all(own) => Failure::Ourselves,
        None => Failure::Unreachable(cause),
    }
}
