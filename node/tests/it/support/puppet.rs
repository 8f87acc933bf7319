//! A libp2p swarm whose lanes a test moves by hand: the real handler and transport, and no engine.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::StreamExt as _;
use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::identity::Keypair;
use libp2p::swarm::{
    self, ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, NotifyHandler, SwarmEvent, THandler,
    THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use libp2p::{Multiaddr, PeerId, Swarm};
use node::clock::Clock;
use node::config::deadlines::Deadlines;
use node::net::handler::{Handler, LaneProtocols, Order, Report};
use node::net::lane::{BULK_BUDGET_BYTES, BulkBudget, Uplink};
use node::net::transport::own::Dials;
use node::net::transport::{self, WireBytes};
use protocol::items::network::NetworkId;

/// The longest time that a test waits. Only a failure takes so long.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Puppet {
    pub(crate) swarm: Swarm<Strings>,
    pub(crate) wire: Arc<WireBytes>,
    /// Reports that came while the test waited for another puppet's.
    reports: VecDeque<Report>,
}

pub(crate) struct Strings {
    protocols: LaneProtocols,
    clock: Clock,
    budget: Arc<BulkBudget>,
    uplink: Arc<Uplink>,
    deadlines: Deadlines,
    connection: Option<(PeerId, ConnectionId)>,
    actions: VecDeque<ToSwarm<Report, Order>>,
    /// The most reports that came together.
    most_together: usize,
}

impl Puppet {
    /// Listens on a free loopback port.
    pub(crate) async fn start(network: &NetworkId, quic: bool) -> (Self, Multiaddr) {
        Self::start_as(Keypair::generate_ed25519(), network, quic).await
    }

    /// The same under a given identity.
    pub(crate) async fn start_as(key: Keypair, network: &NetworkId, quic: bool) -> (Self, Multiaddr) {
        let wire = Arc::new(WireBytes::default());
        let strings = Strings {
            protocols: LaneProtocols::new(network),
            clock: Clock::start(),
            budget: BulkBudget::new(BULK_BUDGET_BYTES),
            uplink: Uplink::new(),
            deadlines: Deadlines::default(),
            connection: None,
            actions: VecDeque::new(),
            most_together: 0,
        };
        let transport = transport::build(&key, &wire, None, &Dials::default()).expect("a transport");
        let config = swarm::Config::with_tokio_executor().with_idle_connection_timeout(PATIENCE);
        let mut swarm = Swarm::new(transport, strings, key.public().to_peer_id(), config);
        let address = if quic { "/ip4/127.0.0.1/udp/0/quic-v1" } else { "/ip4/127.0.0.1/tcp/0" };
        swarm.listen_on(address.parse().expect("an address")).expect("a free port");
        let address = loop {
            if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
                break address;
            }
        };
        (Self { swarm, wire, reports: VecDeque::new() }, address)
    }

    /// From now on, connections have these deadlines.
    pub(crate) fn set_deadlines(&mut self, deadlines: Deadlines) {
        self.swarm.behaviour_mut().deadlines = deadlines;
    }

    pub(crate) fn order(&mut self, order: Order) {
        let strings = self.swarm.behaviour_mut();
        let (peer_id, id) = strings.connection.expect("connected");
        let action = ToSwarm::NotifyHandler { peer_id, handler: NotifyHandler::One(id), event: order };
        strings.actions.push_back(action);
    }

    /// The next report, while `other` is kept running.
    pub(crate) async fn report(&mut self, other: &mut Self) -> Report {
        if let Some(report) = self.reports.pop_front() {
            return report;
        }
        let wanted = async {
            loop {
                tokio::select! {
                    event = self.swarm.select_next_some() => if let SwarmEvent::Behaviour(report) = event {
                        return report;
                    },
                    event = other.swarm.select_next_some() => if let SwarmEvent::Behaviour(report) = event {
                        other.reports.push_back(report);
                    },
                }
            }
        };
        tokio::time::timeout(PATIENCE, wanted).await.expect("a report in time")
    }

    /// The most reports that a handler passed on together.
    pub(crate) fn most_together(&self) -> usize {
        self.swarm.behaviour().most_together
    }

    /// Connects to a node.
    pub(crate) async fn dial(&mut self, address: Multiaddr) {
        self.swarm.dial(address).expect("a dial");
        self.wait_for(|event| matches!(event, SwarmEvent::ConnectionEstablished { .. })).await;
    }

    /// Waits until the other end has closed the connection.
    pub(crate) async fn closed(&mut self) {
        self.wait_for(|event| matches!(event, SwarmEvent::ConnectionClosed { .. })).await;
    }

    async fn wait_for(&mut self, wanted: impl Fn(&SwarmEvent<Report>) -> bool) {
        let waited = async { while !wanted(&self.swarm.select_next_some().await) {} };
        tokio::time::timeout(PATIENCE, waited).await.expect("in time");
    }

    /// The next report. The other end runs by itself.
    pub(crate) async fn own_report(&mut self) -> Report {
        if let Some(report) = self.reports.pop_front() {
            return report;
        }
        let wanted = async {
            loop {
                if let SwarmEvent::Behaviour(report) = self.swarm.select_next_some().await {
                    return report;
                }
            }
        };
        tokio::time::timeout(PATIENCE, wanted).await.expect("a report in time")
    }

    /// Runs forever, and keeps reports.
    pub(crate) async fn run(&mut self) {
        loop {
            if let SwarmEvent::Behaviour(report) = self.swarm.select_next_some().await {
                self.reports.push_back(report);
            }
        }
    }

    /// Two connected puppets. The first one dialled. No lane is open.
    pub(crate) async fn pair(quic: bool) -> (Self, Self) {
        Self::pair_with(quic, Deadlines::default()).await
    }

    /// The same, and the second has its own deadlines.
    pub(crate) async fn pair_with(quic: bool, deadlines: Deadlines) -> (Self, Self) {
        let network = "test".parse().expect("a name");
        let (one, _) = Self::start(&network, quic).await;
        let (mut two, address) = Self::start(&network, quic).await;
        two.set_deadlines(deadlines);
        Self::connect(one, two, address).await
    }

    /// The first dials the second at an address that leads to it.
    async fn connect(mut one: Self, mut two: Self, address: Multiaddr) -> (Self, Self) {
        one.swarm.dial(address).expect("a dial");
        let connected = async {
            while one.swarm.behaviour().connection.is_none() || two.swarm.behaviour().connection.is_none() {
                tokio::select! {
                    _ = one.swarm.select_next_some() => {}
                    _ = two.swarm.select_next_some() => {}
                }
            }
        };
        tokio::time::timeout(PATIENCE, connected).await.expect("connected in time");
        (one, two)
    }

    /// Two puppets with open lanes.
    pub(crate) async fn open_pair(quic: bool) -> (Self, Self) {
        Self::open_pair_with(quic, Deadlines::default()).await
    }

    /// The same, and the second has its own deadlines.
    pub(crate) async fn open_pair_with(quic: bool, deadlines: Deadlines) -> (Self, Self) {
        let (one, two) = Self::pair_with(quic, deadlines).await;
        Self::open(one, two).await
    }

    /// Two puppets with open lanes. `between` turns the second's address into one through which their connection
    /// goes.
    pub(crate) async fn open_pair_through(between: impl AsyncFnOnce(Multiaddr) -> Multiaddr) -> (Self, Self) {
        let network = "test".parse().expect("a name");
        let (one, _) = Self::start(&network, false).await;
        let (two, address) = Self::start(&network, false).await;
        let (one, two) = Self::connect(one, two, between(address).await).await;
        Self::open(one, two).await
    }

    async fn open(mut one: Self, mut two: Self) -> (Self, Self) {
        one.order(Order::Open);
        assert!(matches!(two.report(&mut one).await, Report::SlotWanted));
        two.order(Order::Open);
        assert!(matches!(one.report(&mut two).await, Report::Up));
        assert!(matches!(two.report(&mut one).await, Report::Up));
        (one, two)
    }
}

impl Strings {
    fn handler(&self) -> Handler {
        let (budget, uplink) = (Arc::clone(&self.budget), Arc::clone(&self.uplink));
        let handler = Handler::new(self.protocols.clone(), self.clock, budget, uplink);
        handler.with_deadlines(self.deadlines)
    }
}

impl NetworkBehaviour for Strings {
    type ConnectionHandler = Handler;
    type ToSwarm = Report;

    fn handle_established_inbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.connection = Some((peer, id));
        Ok(self.handler())
    }

    fn handle_established_outbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.connection = Some((peer, id));
        Ok(self.handler())
    }

    fn on_swarm_event(&mut self, _: FromSwarm<'_>) {}

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, report: THandlerOutEvent<Self>) {
        let reports = match report {
            Report::Several(reports) => reports,
            report => vec![report],
        };
        self.most_together = self.most_together.max(reports.len());
        self.actions.extend(reports.into_iter().map(ToSwarm::GenerateEvent));
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Report, THandlerInEvent<Self>>> {
        self.actions.pop_front().map_or(Poll::Pending, Poll::Ready)
    }
}
