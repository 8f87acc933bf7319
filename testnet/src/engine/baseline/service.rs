//! The loop of a baseline node, like the node's own: one `select!` serves the network, commands, verdicts and the
//! clock. While the verification pool is full, nothing more is read from the network.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use futures::StreamExt as _;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::swarm::{ConnectionId, SwarmEvent};
use libp2p::{Multiaddr, PeerId, Swarm, identify, ping};
use libp2p_gossipsub::Event as GossipsubEvent;
use node::clock::Clock;
use node::config::Config;
use node::net::discovery::{Discovery, Failure, Target, Want};
use node::net::transport::WireBytes;
use node::net::transport::listen::listen;
use node::observe::metrics::Metrics;
use node::observe::recorder::Recorder;
use node::observe::sample;
use node::observe::trace::{Kind, TraceWriter, What};
use node::rpc::command::Command;
use node::rpc::feeds::Feeds;
use node::rpc::http::Health;
use node::service::timers::{Lateness, Timers, next};
use node::service::verify::{Verdicts, VerifyPool};
use node::service::{Ready, STOP_TIMEOUT, ServiceError};
use protocol::gossip::ItemId;
use protocol::items::hash::BlockId;
use protocol::items::verify::{JobId, VerifyJob};
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::time::timeout;
use tracing::debug;

use super::Form;
use super::arrivals::Arrivals;
use super::ledger::Ledger;
use super::links::Links;
use super::pending::{Check, Checked};
use super::swarm::{BaselineBehaviour, BaselineBehaviourEvent, build, is_block};

/// The trace's number for a sender that gossipsub doesn't name.
const UNTOLD_SENDER: u32 = u32::MAX;

/// Runs until `shutdown` turns true or its sender is gone.
pub(super) async fn run(
    config: Config,
    form: Form,
    mut commands: mpsc::Receiver<Command>,
    ready: oneshot::Sender<Ready>,
    mut shutdown: watch::Receiver<bool>,
) -> Result<(), ServiceError> {
    let (mut service, mut verdicts) = Service::start(config, form).await?;
    // The caller may no longer be waiting. The node runs nevertheless.
    let health = Arc::new(Health::new());
    let (peer_id, listen) = (*service.swarm.local_peer_id(), service.addresses());
    // A baseline knows no members.
    let members = broadcast::Sender::new(1);
    let _ = ready.send(Ready {
        peer_id,
        listen,
        health: Arc::clone(&health),
        members,
        feeds: Feeds::default(),
        metrics: Metrics::default(),
    });
    let mut timers = Timers::start(&service.config);
    let mut commands_open = true;
    while !*shutdown.borrow_and_update() {
        tokio::select! {
            changed = shutdown.changed() => if changed.is_err() { break },
            event = service.swarm.select_next_some(), if service.unchecked.is_empty() => service.on_event(event),
            Some(verdicts) = verdicts.recv() => service.on_verdicts(verdicts),
            command = commands.recv(), if commands_open => match command {
                Some(command) => service.on_command(command),
                None => commands_open = false,
            },
            _ = timers.discovery.tick() => {
                // A baseline is ready as soon as it runs, because it has no chain to be behind with, and no store.
                health.beat(Vec::new());
                service.discover();
            }
            _ = next(&mut timers.produce) => service.produce(),
            _ = next(&mut timers.sample) => service.sample(),
        }
    }
    service.stop().await;
    Ok(())
}

/// All parts of a baseline node.
pub(super) struct Service {
    pub(super) config: Config,
    pub(super) form: Form,
    pub(super) clock: Clock,
    pub(super) swarm: Swarm<BaselineBehaviour>,
    pub(super) links: Links,
    pub(super) ledger: Ledger,
    pub(super) recorder: Recorder,
    pub(super) counters: node::rpc::command::Counters,
    pub(super) wire: Arc<WireBytes>,
    /// Checks under way. The pool's queue bounds those of received items, and the RPC's limit those of submitted
    /// ones.
    pub(super) checks: HashMap<JobId, Check>,
    pub(super) checked: HashMap<BlockId, Checked>,
    pub(super) jobs: u64,
    pool: VerifyPool,
    /// Jobs for which the pool had no room.
    unchecked: VecDeque<VerifyJob>,
    arrivals: Arrivals,
    discovery: Discovery,
    /// `None` if there is no trace.
    lateness: Option<Lateness>,
}

impl Service {
    async fn start(config: Config, form: Form) -> Result<(Self, mpsc::UnboundedReceiver<Verdicts>), ServiceError> {
        let wire = Arc::new(WireBytes::default());
        let arrivals = Arrivals::new();
        let mut swarm = build(&config, form, &arrivals, &wire)?;
        listen(&mut swarm, &config.listen).await?;
        let local = *swarm.local_peer_id();
        let trace = config.trace.as_ref().map(|path| {
            TraceWriter::create(path, &local.to_string(), config.network.as_str())
                .map_err(|source| ServiceError::Trace { path: path.clone(), source })
        });
        let (pool, verdicts) = VerifyPool::start().map_err(ServiceError::Threads)?;
        // The graph is given: only reserved peers are dialled, each with its own backoff.
        let discovery = Discovery::new(local, 0, &[], &config.reserved_peers, true, true, [0; 32]);
        let recorder = Recorder::new(trace.transpose()?);
        let lateness = || Lateness::start(recorder.clone(), config.trace_flush);
        let service = Self {
            lateness: config.trace.is_some().then(lateness),
            ledger: Ledger::new(config.network.genesis(), config.produce_every.is_some()),
            recorder,
            counters: node::rpc::command::Counters::default(),
            clock: Clock::start(),
            links: Links::default(),
            checks: HashMap::new(),
            checked: HashMap::new(),
            jobs: 0,
            unchecked: VecDeque::new(),
            config,
            form,
            swarm,
            wire,
            pool,
            arrivals,
            discovery,
        };
        Ok((service, verdicts))
    }

    pub(super) fn addresses(&self) -> Vec<Multiaddr> {
        let local = *self.swarm.local_peer_id();
        self.swarm.listeners().map(|address| address.clone().with(Protocol::P2p(local))).collect()
    }

    /// Hands a check to the pool.
    pub(super) fn submit(&mut self, job: VerifyJob) {
        self.unchecked.push_back(job);
        self.pool.submit(&mut self.unchecked);
    }

    fn on_verdicts(&mut self, verdicts: Verdicts) {
        for (job, verdict) in verdicts {
            self.on_verdict(job, verdict);
        }
        self.pool.submit(&mut self.unchecked);
    }

    fn on_event(&mut self, event: SwarmEvent<BaselineBehaviourEvent>) {
        let now = self.clock.now();
        match event {
            SwarmEvent::Behaviour(BaselineBehaviourEvent::Gossipsub(event)) => self.on_gossipsub(event),
            SwarmEvent::Behaviour(BaselineBehaviourEvent::Identify(identify::Event::Received {
                peer_id,
                info,
                ..
            })) => {
                if let Some(link) = self.links.get_mut(&peer_id) {
                    link.agent = Some(info.agent_version);
                }
            }
            SwarmEvent::Behaviour(BaselineBehaviourEvent::Ping(ping::Event { connection, result, .. })) => {
                if matches!(result, Err(ping::Failure::Timeout | ping::Failure::Other { .. })) {
                    self.swarm.close_connection(connection);
                }
            }
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, .. } => {
                if endpoint.is_dialer() {
                    let address = endpoint.get_remote_address();
                    self.discovery.on_established(connection_id, peer_id, address, now);
                    self.discovery.on_up(&peer_id, true, now);
                }
                let outbound = endpoint.is_dialer();
                if let Some(peer) = self.links.up(peer_id, outbound, endpoint.get_remote_address().clone()) {
                    self.recorder.record(What::PeerUp { peer, peer_id: peer_id.to_string(), outbound });
                }
            }
            SwarmEvent::ConnectionClosed { peer_id, num_established: 0, cause, .. } => {
                debug!(peer = %peer_id, ?cause, "a peer is gone");
                if let Some(peer) = self.links.down(&peer_id) {
                    self.recorder.record(What::PeerDown { peer, reason: "closed".to_owned() });
                }
            }
            SwarmEvent::OutgoingConnectionError { connection_id, peer_id, error } => {
                debug!(peer = ?peer_id, %error, "a dial failed");
                self.discovery.on_dial_failed(connection_id, Failure::Unreachable(error.to_string()), now);
            }
            _ => {}
        }
        self.note_copies();
    }

    fn on_gossipsub(&mut self, event: GossipsubEvent) {
        match event {
            GossipsubEvent::Message { propagation_source, message_id, message } => {
                self.on_message(propagation_source, message_id, message);
            }
            GossipsubEvent::Subscribed { peer_id, topic } => {
                self.links.set_topic(&peer_id, usize::from(is_block(&topic)), true);
            }
            GossipsubEvent::Unsubscribed { peer_id, topic } => {
                self.links.set_topic(&peer_id, usize::from(is_block(&topic)), false);
            }
            GossipsubEvent::SlowPeer { peer_id, failed_messages } => {
                debug!(peer = %peer_id, ?failed_messages, "messages to a peer were dropped");
            }
            GossipsubEvent::GossipsubNotSupported { .. } => {}
        }
    }

    fn on_command(&mut self, command: Command) {
        match command {
            Command::SubmitTransaction { transaction, reply } => {
                self.recorder.submitted(ItemId::Transaction(transaction.id()), transaction.encoded().len());
                self.on_submitted_transaction(transaction, reply);
            }
            Command::SubmitBlock { block, reply } => {
                let bytes = protocol::wire::codec::Encode::encoded_len(block.as_ref());
                self.recorder.submitted(ItemId::Block(block.header.id()), bytes);
                self.on_submitted_block(block, reply);
            }
            question => self.answer(question),
        }
    }

    /// Traces the copies that gossipsub dropped.
    fn note_copies(&mut self) {
        for (item, bytes) in self.arrivals.take_copies() {
            self.note_body(item, bytes, UNTOLD_SENDER, true);
        }
    }

    /// Counts and traces a standalone body.
    pub(super) fn note_body(&mut self, item: ItemId, bytes: usize, from: u32, duplicate: bool) {
        let (kind, item) = named(item);
        let (bodies, duplicates) = match kind {
            Kind::Transaction => {
                (&mut self.counters.transaction_bodies, &mut self.counters.transaction_duplicates)
            }
            Kind::Block => (&mut self.counters.block_bodies, &mut self.counters.block_duplicates),
        };
        *bodies = bodies.saturating_add(1);
        *duplicates = duplicates.saturating_add(u64::from(duplicate));
        self.recorder.record(What::Body { kind, item, bytes: bytes as u64, from, duplicate, cause: None });
    }

    fn discover(&mut self) {
        let now = self.clock.now();
        for want in self.discovery.poll(now, &self.links) {
            let Want::Fixed { index, address, peer, .. } = want else { continue };
            let dial = self.dial(peer, address);
            self.discovery.dialling(Target::Fixed(index), dial, now);
        }
    }

    fn dial(&mut self, peer: Option<PeerId>, address: Multiaddr) -> Option<ConnectionId> {
        let opts = match peer {
            Some(peer) => DialOpts::peer_id(peer)
                .addresses(vec![address])
                .condition(PeerCondition::NotDialing)
                .allocate_new_port()
                .build(),
            None => DialOpts::unknown_peer_id().address(address).allocate_new_port().build(),
        };
        let id = opts.connection_id();
        self.swarm.dial(opts).inspect_err(|error| debug!(%error, "could not dial")).ok().map(|()| id)
    }

    fn sample(&mut self) {
        self.note_copies();
        let (inbound, outbound) = self.links.ready();
        self.recorder.record(What::Sample {
            wire_in: self.wire.read(),
            wire_out: self.wire.written(),
            cpu_us: sample::cpu_us(),
            rss_peak: sample::rss_peak(),
            peers: (inbound + outbound) as u64,
            lateness_us: self.lateness.as_ref().map(Lateness::take).unwrap_or_default(),
        });
        self.recorder.flush();
    }

    /// Closes all connections and ends the trace.
    async fn stop(mut self) {
        let peers: Vec<PeerId> = self.swarm.connected_peers().copied().collect();
        for peer in peers {
            // An error means that it is already gone.
            let _ = self.swarm.disconnect_peer_id(peer);
        }
        let closed = async {
            while self.swarm.connected_peers().next().is_some() {
                self.swarm.select_next_some().await;
            }
        };
        if timeout(STOP_TIMEOUT, closed).await.is_err() {
            debug!("some connections did not close in time and were dropped");
        }
        if self.recorder.is_on() {
            self.sample();
        }
        self.recorder.record(What::End);
        self.recorder.flush();
    }
}

/// The name of an item in traces.
pub(super) const fn named(item: ItemId) -> (Kind, protocol::items::hash::ShortId) {
    match item {
        ItemId::Transaction(id) => (Kind::Transaction, id.short()),
        ItemId::Block(id) => (Kind::Block, id.short()),
    }
}
