//! AutoNAT v2, from both sides, with the bounds that libp2p's behaviours lack.
//!
//! **As a client** a node asks a peer that it dialled to dial it back, from a new port and at a given address. A peer
//! cannot pretend that this worked, because it has to bring a number that only its request had. It can pretend that it
//! failed. Rules:
//!
//! 1. Only public addresses are tested, at most [`CANDIDATES_MAX`]. So networks on one machine, or in private networks
//!    only, send nothing for this.
//! 2. Which addresses are tested, the service says. libp2p would test each address under which any peer says to see
//!    this node, as many as a peer makes up.
//! 3. Each [`TEST_INTERVAL`] at most [`TESTS_AT_ONCE`] requests are sent. A request costs 30 to 100 kB, so that nobody
//!    has others dialled for less, and one without an answer is sent again. So a server that never answers costs
//!    10 kB a second at most.
//! 4. libp2p tests an address once and never again. So after [`TEST_AGAIN`] the behaviour is made anew. It then knows
//!    only the servers of connections that open from then on.
//!
//! **As a server** a node dials only an address with the IP from which the client is connected, and which is public.
//! So nobody can have it dial a third party, or into its own network. It makes [`DIAL_BACK_BURST`] such dials at
//! once, and one more in each [`DIAL_BACK_INTERVAL`]; a dial beyond that fails. A dial that takes longer than
//! [`DIAL_BACK_TIME`] counts as failed. Most routers drop what they do not know, and libp2p's client and server both
//! give up after 10 s, so otherwise the client would never hear of a failure.
//!
//! Deliberately absent: what the results mean (`verdict.rs`).

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use libp2p::PeerId;
use libp2p::autonat::v2::{client, server};
use libp2p::core::transport::PortUse;
use libp2p::core::{ConnectedPoint, Endpoint, Multiaddr};
use libp2p::swarm::behaviour::{ConnectionEstablished, DialFailure};
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, DialError, FromSwarm, NetworkBehaviour, NewExternalAddrCandidate, THandler,
    THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use protocol::time::Duration as Span;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use tokio::time::{Instant, Sleep, sleep, sleep_until};

use crate::clock::Clock;
use crate::net::addresses::{Scope, dialable, ip_of, is_relayed, scope};
use crate::net::discovery::book::Allowance;

/// Addresses that are tested: two IPs, with TCP and QUIC each, and as many that the operator names.
pub(crate) const CANDIDATES_MAX: usize = 8;
/// After this time all addresses are tested again, and a server is asked no more often than this for one of them.
const TEST_AGAIN: Duration = Duration::from_secs(15 * 60);

/// See rule 3.
const TEST_INTERVAL: Duration = Duration::from_secs(20);
/// See rule 3.
const TESTS_AT_ONCE: usize = 2;

/// How long a dial that others asked for may take: a handshake over 300 ms takes one second.
const DIAL_BACK_TIME: Duration = Duration::from_secs(5);
/// Dials that others asked for in that time. More would be refused for their rate anyhow.
pub(crate) const DIAL_BACKS_MAX: usize = 64;

/// Dials that others may make this node try: so many at once, and one more in this time. A network in which each node
/// tests two addresses in 15 minutes needs one dial in 450 s of each node.
const DIAL_BACK_BURST: u64 = 16;
/// See [`DIAL_BACK_BURST`].
const DIAL_BACK_INTERVAL: Span = Span::from_secs(10);

/// The client's side.
pub(crate) struct Tests {
    inner: client::Behaviour,
    candidates: BTreeSet<Multiaddr>,
    /// Connections, with what a new behaviour has to know about them.
    open: HashMap<ConnectionId, (PeerId, ConnectedPoint)>,
    again: Pin<Box<Sleep>>,
}

impl Tests {
    /// Nothing to test yet.
    pub(super) fn new() -> Self {
        let again = Box::pin(sleep(TEST_AGAIN));
        Self { inner: client(), candidates: BTreeSet::new(), open: HashMap::new(), again }
    }

    /// Others may reach this node at these addresses. Those that are new, public and in the bound are tested.
    pub(crate) fn suggest(&mut self, addresses: impl IntoIterator<Item = Multiaddr>) {
        let public = addresses.into_iter().filter_map(dialable);
        for address in public.filter(|address| !is_relayed(address) && scope(address) == Scope::Public) {
            if self.candidates.len() < CANDIDATES_MAX && self.candidates.insert(address.clone()) {
                self.test(&address);
            }
        }
    }

    fn test(&mut self, address: &Multiaddr) {
        let candidate = NewExternalAddrCandidate { addr: address };
        self.inner.on_swarm_event(FromSwarm::NewExternalAddrCandidate(candidate));
    }

    /// Makes the behaviour anew. What it told before stays true for the service until it tells otherwise.
    fn begin_anew(&mut self) {
        self.inner = client();
        for (id, (peer, endpoint)) in &self.open {
            self.inner.on_swarm_event(FromSwarm::ConnectionEstablished(ConnectionEstablished {
                peer_id: *peer,
                connection_id: *id,
                endpoint,
                failed_addresses: &[],
                other_established: 0,
            }));
        }
        // The service suggests those that are still thought to be right.
        self.candidates.clear();
    }
}

fn client() -> client::Behaviour {
    let config = client::Config::default().with_max_candidates(TESTS_AT_ONCE).with_probe_interval(TEST_INTERVAL);
    client::Behaviour::new(StdRng::from_seed(rand::random()), config)
}

impl NetworkBehaviour for Tests {
    type ConnectionHandler = <client::Behaviour as NetworkBehaviour>::ConnectionHandler;
    type ToSwarm = client::Event;

    fn handle_established_inbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.inner.handle_established_inbound_connection(id, peer, local, remote)
    }

    fn handle_established_outbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        address: &Multiaddr,
        role: Endpoint,
        port: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.inner.handle_established_outbound_connection(id, peer, address, role, port)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match &event {
            FromSwarm::NewExternalAddrCandidate(_) => return,
            FromSwarm::ConnectionEstablished(opened) => {
                self.open.insert(opened.connection_id, (opened.peer_id, opened.endpoint.clone()));
            }
            FromSwarm::ConnectionClosed(closed) => {
                self.open.remove(&closed.connection_id);
            }
            _ => {}
        }
        self.inner.on_swarm_event(event);
    }

    fn on_connection_handler_event(&mut self, peer: PeerId, id: ConnectionId, event: THandlerOutEvent<Self>) {
        self.inner.on_connection_handler_event(peer, id, event);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<client::Event, THandlerInEvent<Self>>> {
        if self.again.as_mut().poll(cx).is_ready() {
            self.again = Box::pin(sleep(TEST_AGAIN));
            self.begin_anew();
            // The new timer has to be polled once, so that it wakes this task.
            cx.waker().wake_by_ref();
        }
        self.inner.poll(cx)
    }
}

/// The server's side.
pub(crate) struct DialBacks {
    inner: server::Behaviour,
    clock: Clock,
    allowance: Allowance,
    /// The peers that dialled this node, and from where.
    callers: HashMap<ConnectionId, (PeerId, IpAddr)>,
    /// Dials that the inner behaviour wants and that were not judged yet.
    wanted: HashSet<ConnectionId>,
    /// Dials, and when they count as failed; at most [`DIAL_BACKS_MAX`].
    deadlines: VecDeque<(Instant, ConnectionId, Option<PeerId>)>,
    timer: Option<Pin<Box<Sleep>>>,
}

/// A test that this node does not make.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("a peer asked for a dial to an address that is not its own or not public, or too many asked for one")]
struct Unwilling;

impl DialBacks {
    /// Nobody has asked yet.
    pub(super) fn new() -> Self {
        Self {
            inner: server::Behaviour::default(),
            clock: Clock::start(),
            allowance: Allowance::default(),
            callers: HashMap::new(),
            wanted: HashSet::new(),
            deadlines: VecDeque::new(),
            timer: None,
        }
    }

    /// Ends the dials whose time is over. The inner behaviour forgets one that it knows no longer.
    fn give_up(&mut self, cx: &mut Context<'_>) {
        while let Some((deadline, id, peer)) = self.deadlines.front().copied() {
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
            if timer.as_mut().poll(cx).is_pending() {
                return;
            }
            (self.timer, _) = (None, self.deadlines.pop_front());
            self.fail(id, peer);
        }
    }

    /// Has the inner behaviour tell its client that a dial failed.
    fn fail(&mut self, id: ConnectionId, peer: Option<PeerId>) {
        let error = &DialError::Aborted;
        let failure = DialFailure { peer_id: peer, error, connection_id: id };
        self.inner.on_swarm_event(FromSwarm::DialFailure(failure));
    }

    /// Whether this peer may have all of these addresses dialled.
    fn is_own(&self, peer: &PeerId, addresses: &[Multiaddr]) -> bool {
        let calls_from = |ip: IpAddr| self.callers.values().any(|caller| *caller == (*peer, ip));
        addresses.iter().all(|address| {
            let direct = dialable(address.clone()).filter(|address| !is_relayed(address));
            direct
                .is_some_and(|address| scope(&address) == Scope::Public && ip_of(&address).is_some_and(calls_from))
        })
    }
}

impl NetworkBehaviour for DialBacks {
    type ConnectionHandler = <server::Behaviour as NetworkBehaviour>::ConnectionHandler;
    type ToSwarm = server::Event;

    fn handle_established_inbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        if let Some(ip) = ip_of(remote) {
            self.callers.insert(id, (peer, ip));
        }
        self.inner.handle_established_inbound_connection(id, peer, local, remote)
    }

    fn handle_pending_outbound_connection(
        &mut self,
        id: ConnectionId,
        peer: Option<PeerId>,
        addresses: &[Multiaddr],
        _: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        let may = !self.wanted.remove(&id)
            || peer.is_some_and(|peer| self.is_own(&peer, addresses))
                && self.allowance.take(DIAL_BACK_INTERVAL, DIAL_BACK_BURST, self.clock.now());
        if may { Ok(Vec::new()) } else { Err(ConnectionDenied::new(Unwilling)) }
    }

    fn handle_established_outbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        address: &Multiaddr,
        role: Endpoint,
        port: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.inner.handle_established_outbound_connection(id, peer, address, role, port)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match &event {
            FromSwarm::ConnectionClosed(closed) => {
                self.callers.remove(&closed.connection_id);
            }
            FromSwarm::ListenFailure(failure) => {
                self.callers.remove(&failure.connection_id);
            }
            FromSwarm::DialFailure(failure) => {
                self.wanted.remove(&failure.connection_id);
            }
            _ => {}
        }
        self.inner.on_swarm_event(event);
    }

    fn on_connection_handler_event(&mut self, peer: PeerId, id: ConnectionId, event: THandlerOutEvent<Self>) {
        self.inner.on_connection_handler_event(peer, id, event);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<server::Event, THandlerInEvent<Self>>> {
        loop {
            let action = self.inner.poll(cx);
            let Poll::Ready(ToSwarm::Dial { opts }) = &action else {
                self.give_up(cx);
                return action;
            };
            let (id, peer) = (opts.connection_id(), opts.get_peer_id());
            if self.deadlines.len() >= DIAL_BACKS_MAX {
                self.fail(id, peer);
                continue;
            }
            self.wanted.insert(id);
            self.deadlines.push_back((Instant::now() + DIAL_BACK_TIME, id, peer));
            self.give_up(cx);
            return action;
        }
    }
}
