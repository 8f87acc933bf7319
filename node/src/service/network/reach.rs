//! What the loop does for reachability: suggests addresses for tests, listens at relays, and tells what came of both.
//!
//! Deliberately absent: the rules (`net/behaviour/nat`).

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use libp2p::core::transport::ListenerId;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::ConnectionId;
use libp2p::{Multiaddr, PeerId, autonat, dcutr, identify, relay, upnp};
use protocol::time::Time;
use tracing::{debug, info, warn};

use crate::net::addresses::{Scope, ip_of, is_relayed, scope, split_peer};
use crate::net::behaviour::nat::NatEvent;
use crate::net::behaviour::nat::verdict::{Judge, Stage, Test, Verdict};
use crate::observe::errors::chain;
use crate::rpc::command::{ReachStatus, ReachTest, RelayStatus};
use crate::service::Service;

/// IPs under which peers see this node and that are tested: an IPv4 and an IPv6 one, most likely.
const OBSERVED_TESTED_MAX: usize = 2;

/// The state.
#[derive(Debug)]
pub(in crate::service) struct Reaching {
    judge: Judge,
    /// The relay of each listener. There are as many as reservations are asked for or held.
    listeners: HashMap<ListenerId, PeerId>,
    told: Verdict,
    /// As a relay: circuits that this node carries, and peers that have a reservation. The relay's own bounds are those
    /// of both.
    carries: usize,
    clients: HashSet<PeerId>,
}

impl Reaching {
    pub(in crate::service) fn new(judge: Judge) -> Self {
        Self { told: judge.verdict(), judge, listeners: HashMap::new(), carries: 0, clients: HashSet::new() }
    }
}

impl Service {
    pub(super) fn on_nat(&mut self, event: NatEvent) {
        let now = self.clock.now();
        match event {
            NatEvent::Client(event) => self.on_relay_client(event),
            NatEvent::Server(event) => self.on_relay_server(&event),
            NatEvent::Tests(autonat::v2::client::Event { tested_addr, server, result, .. }) => {
                let failure = result.err().map(|error| error.to_string());
                debug!(address = %tested_addr, %server, ?failure, "a peer tried to dial this node");
                if failure.is_some() && !self.announced.told().contains(&tested_addr) {
                    self.swarm.remove_external_address(&tested_addr);
                }
                let test = Test { address: tested_addr, by: server, at: now, failure };
                self.reaching.judge.on_test(test);
                self.tell_verdict();
            }
            NatEvent::DialBacks(event) => {
                debug!(client = %event.client, address = %event.tested_addr, "tried to dial a node that asked for it");
            }
            NatEvent::Punch(dcutr::Event { remote_peer_id, result }) => match result {
                Ok(_) => info!(peer = %remote_peer_id, "a direct connection takes the place of a circuit"),
                Err(error) => {
                    debug!(peer = %remote_peer_id, error = chain(&error), "no direct connection: the circuit stays");
                }
            },
            NatEvent::Upnp(event) => on_upnp(&event),
        }
    }

    /// What a peer says about itself, on a connection. A relay that this node dialled may be of use.
    pub(super) fn on_offer(&mut self, peer: PeerId, id: ConnectionId, info: &identify::Info) {
        if !info.protocols.contains(&relay::HOP_PROTOCOL_NAME) || !self.gossip().is_dialled(id) {
            return;
        }
        let Some(address) = self.gossip().address_of(id) else { return };
        if !is_relayed(&address) {
            self.reaching.judge.on_offer(peer, split_peer(&address).0);
        }
    }

    /// Suggests addresses for tests, and asks relays for reservations.
    pub(in crate::service) fn reach_out(&mut self, now: Time) {
        let candidates = self.candidates();
        if let Some(tests) = self.swarm.behaviour_mut().nat.tests.as_mut() {
            tests.suggest(candidates);
        }
        for relay in self.reaching.judge.poll(now) {
            debug!(peer = %relay.peer, address = %relay.address, "asking a relay for a reservation");
            match self.swarm.listen_on(relay.circuit()) {
                Ok(id) => {
                    self.reaching.listeners.insert(id, relay.peer);
                }
                Err(error) => self.reaching.judge.on_lost(&relay.peer, chain(&error), now),
            }
        }
    }

    /// A listener has ended. False if it was none at a relay.
    pub(super) fn on_circuits_end(&mut self, id: ListenerId, reason: &Result<(), std::io::Error>) -> bool {
        let Some(relay) = self.reaching.listeners.remove(&id) else { return false };
        let why = match reason {
            Ok(()) => "the connection to the relay has ended".to_owned(),
            Err(error) => chain(error),
        };
        debug!(%relay, why, "no reservation at a relay");
        self.reaching.judge.on_lost(&relay, why, self.clock.now());
        true
    }

    /// The addresses that others get: those at relays first, because a node has them only if it needs them.
    pub(super) fn told_addresses(&self) -> Vec<Multiaddr> {
        let outer = self.swarm.external_addresses().filter(|address| is_relayed(address));
        let outer = outer.map(|address| split_peer(address).0);
        outer.chain(self.announced.told().iter().cloned()).collect()
    }

    /// What people are told about it.
    pub(in crate::service) fn reach(&self) -> ReachStatus {
        let (judge, now) = (&self.reaching.judge, self.clock.now());
        let ago = |at: Time| now.since(at).as_micros() as f64 / 1_000_000.0;
        let tests = judge.tests().iter().map(|test| ReachTest {
            address: test.address.to_string(),
            by: test.by.to_string(),
            ago_s: ago(test.at),
            failure: test.failure.clone(),
        });
        let relays = judge.relays().iter().map(|relay| RelayStatus {
            peer_id: relay.peer.to_string(),
            address: relay.address.to_string(),
            held: relay.stage == Stage::Held,
            trouble: relay.trouble.clone(),
        });
        ReachStatus {
            verdict: judge.verdict().to_string(),
            is_told: judge.is_told(),
            tests: tests.collect(),
            relays: relays.collect(),
            is_relay: self.config.reach.relay_server,
            reservations: self.reaching.clients.len(),
            circuits: self.reaching.carries,
        }
    }

    /// The addresses at which others may reach this node: those that the operator names, and the IPs under which most
    /// peers see it with the ports on which it listens.
    fn candidates(&self) -> Vec<Multiaddr> {
        let named = self.config.membership.external.iter().cloned();
        let seen = self.answers.observed.told().into_iter().take(OBSERVED_TESTED_MAX).map(|(ip, _)| ip);
        let ports = |ip: IpAddr| {
            self.swarm.listeners().filter(|own| !is_relayed(own)).filter_map(move |own| {
                let same = ip_of(own)?.is_ipv4() == ip.is_ipv4();
                same.then(|| std::iter::once(Protocol::from(ip)).chain(own.iter().skip(1)).collect::<Multiaddr>())
            })
        };
        let all = named.chain(seen.flat_map(ports));
        all.filter(|address| scope(address) == Scope::Public).collect()
    }

    fn on_relay_client(&mut self, event: relay::client::Event) {
        match event {
            relay::client::Event::ReservationReqAccepted { relay_peer_id, renewal, .. } => {
                if !renewal {
                    info!(relay = %relay_peer_id, "others can reach this node through a relay");
                }
                self.reaching.judge.on_held(&relay_peer_id);
            }
            relay::client::Event::OutboundCircuitEstablished { relay_peer_id, .. } => {
                debug!(relay = %relay_peer_id, "a circuit to a peer is open");
            }
            relay::client::Event::InboundCircuitEstablished { src_peer_id, .. } => {
                debug!(peer = %src_peer_id, "a peer has opened a circuit to this node");
            }
        }
    }

    fn on_relay_server(&mut self, event: &relay::Event) {
        debug!(?event, "as a relay");
        let reaching = &mut self.reaching;
        match event {
            relay::Event::ReservationReqAccepted { src_peer_id, .. } => {
                reaching.clients.insert(*src_peer_id);
            }
            // libp2p says so at the end of every connection.
            relay::Event::ReservationClosed { src_peer_id } => {
                reaching.clients.remove(src_peer_id);
            }
            relay::Event::CircuitReqAccepted { .. } => reaching.carries += 1,
            relay::Event::CircuitClosed { .. } => reaching.carries = reaching.carries.saturating_sub(1),
            _ => {}
        }
    }

    fn tell_verdict(&mut self) {
        let verdict = self.reaching.judge.verdict();
        if std::mem::replace(&mut self.reaching.told, verdict) == verdict {
            return;
        }
        match verdict {
            Verdict::Reachable => info!("a peer dialled this node: others can reach it"),
            Verdict::Unreachable => warn!(
                "no peer could dial this node, so it looks for a relay: forward its port in the router, open it in the \
                 firewall, or see `node doctor`"
            ),
            Verdict::Unknown => {}
        }
    }
}

fn on_upnp(event: &upnp::Event) {
    match event {
        upnp::Event::NewExternalAddr { external_addr, .. } => {
            info!(address = %external_addr, "the router forwards a port")
        }
        upnp::Event::ExpiredExternalAddr { external_addr, .. } => {
            info!(address = %external_addr, "the router forwards a port no longer");
        }
        upnp::Event::GatewayNotFound => warn!("--upnp: no router answers; forward the port by hand"),
        upnp::Event::NonRoutableGateway => {
            warn!("--upnp: the router has no public address itself, so a forwarded port would not help");
        }
    }
}
