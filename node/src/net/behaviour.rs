//! The seam between libp2p and the engine: events of libp2p become inputs, and the engine's outputs become orders.
//!
//! No gossip rule lives here, and no rule about who gets a slot. The behaviour owns the engine's
//! [host](EngineHost), the connections, the slots and the bans. If one of them decides something, the behaviour
//! passes this on to the others. What follows from slots is in `peers.rs`. What follows from the engine's
//! outputs is in `effects.rs`.

pub(crate) mod accuse;
mod effects;
mod event;
mod links;
pub mod nat;
mod outbox;
mod peers;
mod probes;

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent, THandlerOutEvent,
    ToSwarm,
};
use libp2p::{Multiaddr, PeerId};
use protocol::gossip::{Gossip, Input, PeerHandle};
use protocol::items::network::NetworkId;
use protocol::items::verify::{JobId, Verdict};
use protocol::ledger::chain::RestoreError;
use protocol::ledger::durable::Restored;
use protocol::time::{Duration, Time};
use tokio::time::{Sleep, sleep};

use self::links::Links;
use self::outbox::Outbox;
use self::probes::Probes;
use crate::config::deadlines::Deadlines;
use crate::host::EngineHost;
use crate::net::addresses::{caller, ip_of};
use crate::net::bans::{Bans, KeptBan};
use crate::net::discovery::REFRESH_EXTRA;
use crate::net::discovery::book::{Group, slot_group};
use crate::net::handler::{Handler, LaneProtocols, Order, Report};
use crate::net::lane::{BULK_BUDGET_BYTES, BulkBudget, OwnPlace, Uplink};
use crate::net::limits::SLOTLESS_CONNECTIONS_MAX;
use crate::net::reason::{CloseReason, was_lost};
use crate::net::slots::{self, InUse, Slots};

pub use self::event::{Event, Wish};
pub use self::links::Link;
pub use self::probes::PROBES_WAITING_MAX;

/// Settings that the behaviour gets once.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Our own id.
    pub local: PeerId,
    /// The network, which names the lanes' protocols.
    pub network: NetworkId,
    /// The most gossip peers that dialled us.
    pub max_peers_in: usize,
    /// The most gossip peers that we dial and keep.
    pub max_peers_out: usize,
    /// Peers that count for neither limit.
    pub reserved: HashSet<PeerId>,
    /// Loopback addresses have no group and are never banned.
    pub loopback_exempt: bool,
    /// The operator's limit of uploads, in bytes a second.
    pub upload: Option<u64>,
    /// The most time that connections wait for each thing.
    pub deadlines: Deadlines,
}

/// The behaviour.
pub struct Behaviour {
    settings: Settings,
    protocols: LaneProtocols,
    host: EngineHost,
    budget: Arc<BulkBudget>,
    uplink: Arc<Uplink>,
    own_place: Arc<OwnPlace>,
    links: Links,
    slots: Slots,
    bans: Bans,
    /// Dials whose connections are to become gossip peers.
    wanted: HashMap<ConnectionId, Wish>,
    /// Whether a slot was freed since the waiting connections were last looked at.
    freed: bool,
    actions: VecDeque<ToSwarm<Event, Order>>,
    /// Messages that go after `actions`.
    outbox: Outbox,
    probes: Probes,
    timer: Option<(Time, Pin<Box<Sleep>>)>,
    disconnects: BTreeMap<&'static str, u64>,
}

impl Behaviour {
    /// A behaviour around an engine.
    #[must_use]
    pub fn new(settings: Settings, host: EngineHost) -> Self {
        let limits = slots::Limits {
            inbound: settings.max_peers_in,
            outbound: settings.max_peers_out.saturating_add(REFRESH_EXTRA),
            slotless: SLOTLESS_CONNECTIONS_MAX,
        };
        Self {
            protocols: LaneProtocols::new(&settings.network),
            host,
            budget: BulkBudget::new(BULK_BUDGET_BYTES),
            uplink: Uplink::within(settings.upload),
            own_place: Arc::default(),
            links: Links::default(),
            slots: Slots::new(limits, settings.local, rand::random()),
            bans: Bans::new(settings.loopback_exempt),
            wanted: HashMap::new(),
            freed: false,
            actions: VecDeque::new(),
            outbox: Outbox::default(),
            probes: Probes::default(),
            timer: None,
            disconnects: BTreeMap::new(),
            settings,
        }
    }

    /// Starts the engine from what an earlier run kept. Must come before everything else.
    ///
    /// # Errors
    /// Those of the engine.
    pub fn restore(&mut self, restored: Restored) -> Result<(), RestoreError> {
        self.host.restore(restored)?;
        self.run();
        Ok(())
    }

    /// Gives the engine an input, and takes its answers. The answers leave when the swarm is polled next.
    pub fn input(&mut self, input: Input) {
        self.host.input(input);
        self.run();
    }

    /// A verdict about signatures is here. Their check took this long, with those that were checked together.
    pub fn verdict(&mut self, job: JobId, verdict: Verdict, took: Duration) {
        self.host.verdict(job, verdict, took);
        self.run();
    }

    /// Everything up to this commit of the store is kept.
    pub fn committed(&mut self, up_to: u64) {
        self.host.committed(up_to);
    }

    /// The engine's host, for questions.
    #[must_use]
    pub const fn host(&self) -> &EngineHost {
        &self.host
    }

    /// The engine, for questions.
    #[must_use]
    pub const fn gossip(&self) -> &Gossip {
        self.host.gossip()
    }

    /// From now on nothing is kept.
    pub fn stop_keeping(&mut self) {
        self.host.stop_keeping();
    }

    /// The number of connections by reason. Counted are gossip connections that ended, other connections that were
    /// closed for a cause, and connections that were turned away.
    #[must_use]
    pub const fn disconnects(&self) -> &BTreeMap<&'static str, u64> {
        &self.disconnects
    }

    /// Gossip peers and their handles.
    pub fn peers(&self) -> impl Iterator<Item = (PeerHandle, &Link)> {
        self.links.peers()
    }

    /// Slots in use.
    #[must_use]
    pub fn slots(&self) -> InUse {
        self.slots.in_use()
    }

    /// The address groups of the outbound peers. Addresses that the operator gave do not count.
    #[must_use]
    pub fn outbound_groups(&self) -> Vec<Group> {
        let links = self.slots.outbound().filter_map(|(id, _)| self.links.get(id));
        links.filter(|link| !link.fixed).filter_map(|link| slot_group(&link.address)).collect()
    }

    /// Whether a connection to the peer holds a slot.
    #[must_use]
    pub fn holds_slot(&self, peer: &PeerId) -> bool {
        self.slots.holder(peer).is_some()
    }

    /// Whether this connection holds a slot.
    #[must_use]
    pub fn has_slot(&self, id: ConnectionId) -> bool {
        self.links.get(id).is_some_and(|link| self.slots.holder(&link.peer) == Some(id))
    }

    /// The banned peers and addresses.
    #[must_use]
    pub const fn bans(&self) -> &Bans {
        &self.bans
    }

    /// Restores the bans that an earlier run kept.
    pub fn restore_bans(&mut self, kept: Vec<KeptBan>) {
        let now = self.host.now();
        kept.into_iter().for_each(|ban| self.bans.restore(ban, now));
    }

    /// The connection of the dial with this id is to become a gossip peer.
    pub fn expect(&mut self, dial: ConnectionId, wish: Wish) {
        self.wanted.insert(dial, wish);
    }

    /// The dial with this id was never made.
    pub fn forget(&mut self, dial: ConnectionId) {
        self.wanted.remove(&dial);
    }

    /// A connection's remote address.
    #[must_use]
    pub fn address_of(&self, id: ConnectionId) -> Option<Multiaddr> {
        self.links.get(id).map(|link| link.address.clone())
    }

    /// Whether this node listens now to what a peer tells about itself on a connection. A peer may tell
    /// it as often as it likes.
    pub fn may_hear(&mut self, id: ConnectionId) -> bool {
        self.links.may_hear(id, self.host.now())
    }

    /// Remembers what identify told about a peer's software.
    pub fn set_agent(&mut self, peer: &PeerId, agent: &str) {
        self.links.set_agent(peer, agent);
    }

    /// Whether no connection is left.
    #[must_use]
    pub fn is_disconnected(&self) -> bool {
        self.links.is_empty()
    }

    /// A connection's handler has something to say. The engine has processed it when this returns, so that the
    /// next report finds what followed from this one.
    fn on_report(&mut self, id: ConnectionId, report: Report) {
        self.take_report(id, report);
        self.run();
    }

    /// Messages that were reported together become inputs together. Before and after everything else the engine
    /// processes what waits.
    fn take_report(&mut self, id: ConnectionId, report: Report) {
        match report {
            Report::Several(reports) => reports.into_iter().for_each(|report| self.take_report(id, report)),
            Report::Received(message) => {
                if let Some(peer) = self.links.handle_of(id).filter(|_| self.host.hears(&message)) {
                    self.host.received(peer, &message);
                    self.host.input(Input::Received { peer, message });
                }
            }
            Report::Drained(lane, bytes) => {
                if let Some(peer) = self.links.handle_of(id).filter(|_| bytes > 0) {
                    self.host.input(Input::Drained { peer, lane, bytes });
                }
            }
            report => {
                self.run();
                self.on_change(id, report);
                self.run();
            }
        }
    }

    /// Something happened to a connection.
    fn on_change(&mut self, id: ConnectionId, report: Report) {
        match report {
            Report::SlotWanted => self.on_slot_wanted(id),
            Report::Up => self.on_up(id),
            Report::Parted => self.close_link(id),
            Report::RoundTrip(took, place) => self.on_pong(id, took, place),
            Report::Failed(CloseReason::Declined) if self.slots.free(id) => {
                self.on_lost(id, CloseReason::Declined)
            }
            Report::Failed(CloseReason::Declined) => {}
            Report::Failed(reason) => self.fail(id, reason),
            Report::Received(_) | Report::Drained(..) | Report::Several(_) => {}
        }
    }

    /// Makes the engine process all inputs, and the slots process what became free meanwhile.
    fn run(&mut self) {
        loop {
            while let Some(effect) = self.host.next_effect() {
                self.carry_out(effect);
            }
            if !std::mem::take(&mut self.freed) {
                return;
            }
            self.settle_slots();
        }
    }

    /// The time at which the engine or the slots have to be looked at.
    fn next_at(&self) -> Option<Time> {
        self.host.next_timeout().into_iter().chain(self.slots.next_at()).min()
    }
}

/// The peer misbehaved a short while ago.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the peer misbehaved and is not wanted for some minutes")]
pub struct BannedError;

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = Handler;
    type ToSwarm = Event;

    fn handle_pending_inbound_connection(
        &mut self,
        _: ConnectionId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        let banned = ip_of(&caller(local, remote)).is_some_and(|ip| self.bans.has_address(ip, self.host.now()));
        if banned { Err(ConnectionDenied::new(BannedError)) } else { Ok(()) }
    }

    fn handle_established_inbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.admit(id, peer, &caller(local, remote), false)
    }

    fn handle_pending_outbound_connection(
        &mut self,
        _: ConnectionId,
        peer: Option<PeerId>,
        addresses: &[Multiaddr],
        _: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        let now = self.host.now();
        let here = |address: &Multiaddr| ip_of(address).is_some_and(|ip| self.bans.has_address(ip, now));
        // If only some of the addresses are banned, `own.rs` omits those when it dials.
        let nowhere = !addresses.is_empty() && addresses.iter().all(here);
        let banned = nowhere || peer.is_some_and(|peer| self.bans.has_peer(&peer, now));
        if banned { Err(ConnectionDenied::new(BannedError)) } else { Ok(Vec::new()) }
    }

    fn handle_established_outbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        address: &Multiaddr,
        role: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        // When a hole is punched, both sides dial. The one that was called through the relay plays the listener.
        self.admit(id, peer, address, role.is_dialer())
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionEstablished(established) => {
                if let Some(wish) = self.wanted.remove(&established.connection_id) {
                    self.open_dialled(established.connection_id, wish);
                } else {
                    self.leave_relay(established.connection_id);
                }
            }
            FromSwarm::ConnectionClosed(closed) => {
                let id = closed.connection_id;
                if self.slots.disconnected(id)
                    && let Some(link) = self.links.get(id)
                {
                    self.on_lost(id, link.end(CloseReason::ClosedByPeer));
                }
                let cut = self.links.remove(id).filter(Link::was_cut);
                if let Some(Link { peer, address, fixed, .. }) = cut.filter(|_| !was_lost(closed.cause)) {
                    self.tell(Event::Cut { peer, address, fixed });
                }
            }
            FromSwarm::DialFailure(failure) => {
                self.wanted.remove(&failure.connection_id);
                self.forget_link(failure.connection_id);
            }
            FromSwarm::ListenFailure(failure) => {
                // Another behaviour may have refused what this one admitted.
                self.forget_link(failure.connection_id);
            }
            _ => {}
        }
        self.run();
    }

    fn on_connection_handler_event(&mut self, _: PeerId, id: ConnectionId, report: THandlerOutEvent<Self>) {
        self.on_report(id, report);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<Event, THandlerInEvent<Self>>> {
        loop {
            if let Some(action) = self.actions.pop_front() {
                return Poll::Ready(action);
            }
            if let Some((id, messages)) = self.outbox.pop() {
                self.notify(id, Order::Send(messages));
                continue;
            }
            let Some(deadline) = self.next_at() else {
                self.timer = None;
                return Poll::Pending;
            };
            // A timer that is too early stays: the engine's deadlines move often, and early is safe.
            if self.timer.as_ref().is_none_or(|(at, _)| *at > deadline) {
                self.timer = Some((deadline, Box::pin(sleep(self.host.clock().until(deadline)))));
            }
            let fired = self.timer.as_mut().is_some_and(|(_, timer)| timer.as_mut().poll(cx).is_ready());
            if !fired {
                return Poll::Pending;
            }
            self.timer = None;
            let now = self.host.now();
            // Makes sure that the slots are looked at as well.
            self.freed |= self.slots.next_at().is_some_and(|at| at <= now);
            match self.host.next_timeout() {
                Some(at) if at <= now => self.input(Input::Timeout),
                _ => self.run(),
            }
        }
    }
}
