//! The running node: one loop that serves the network, the RPC's commands, the verdicts and the clock.
//!
//! Everything that changes the engine happens in this loop, one thing at a time. Failures of single peers are debug
//! lines and counters; what stops the node is a [`ServiceError`]. A store that fails does: a node that can't keep what it
//! acknowledges must not go on.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::StreamExt as _;
use libp2p::core::transport::TransportError;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::swarm::{ConnectionDenied, ConnectionId, DialError, ListenError, SwarmEvent};
use libp2p::{Multiaddr, PeerId, Swarm, connection_limits, identify};
use protocol::gossip::{self, Gossip, Hold, Input, ItemId};
use protocol::items::block::Block;
use protocol::items::verify::VerifyJob;
use protocol::ledger::chain::RestoreError;
use protocol::ledger::durable::Loaded;
use protocol::limits::BLOCK_BYTES_MAX;
use tokio::sync::oneshot::error::TryRecvError;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;
use tracing::{debug, info, warn};

use crate::addresses;
use crate::announce::Announced;
use crate::answers::Answers;
use crate::bans::{self, Who};
use crate::behaviour::{BannedError, Behaviour, Event, Wish};
use crate::book::{Group, kept};
use crate::clock::{Clock, steady_s, wall_ns};
use crate::command::Command;
use crate::config::Config;
use crate::discovery::{Discovery, Failure, Target, ToldBy, View, Want};
use crate::errors::chain;
use crate::http::{BEAT_MAX, Criterion, Health, Reason};
use crate::kademlia::Answer;
use crate::limits::{BlockLimitError, address_group, ip_of};
use crate::listen::listen;
use crate::notices::{
    ADDRESS_LIMIT, BehindNotices, CONNECTION_LIMIT, Seldom, TurnedAway, TurnedAwayNotices, matters,
};
use crate::own::{DialRefusal, Dials};
use crate::own_key::{KeyWatch, Origin};
use crate::progress::Progress;
use crate::reason::{CloseReason, blames};
use crate::recorder::Recorder;
use crate::resolve;
use crate::sample;
use crate::say;
use crate::setups::GaveWay;
use crate::status_line::{Figures, StatusLine};
use crate::store::{
    Answer as StoreAnswer, BACKLOG_BYTES_MAX, Kept, KnownPeer, MemoryStore, Note, PEERS_MAX, PruneTarget, Pruned,
    RedbStore, Store, StoreError, StoreOptions, Writer,
};
use crate::swarm::{NodeBehaviour, NodeBehaviourEvent, build, kad_protocol};
use crate::timers::{DISCOVERY_INTERVAL, LATENESS_INTERVAL, Timers, latenesses, next};
use crate::trace::{TraceWriter, What};
use crate::transport::{TransportSetupError, WireBytes};
use crate::verify::{Verdicts, VerifyPool};

/// Closing all connections may take this long; then they are dropped.
pub const STOP_TIMEOUT: Duration = Duration::from_secs(3);

/// Events of the network that are dealt with before commands and timers have their turn: at some microseconds each,
/// no more than a millisecond.
const TURN_EVENTS_MAX: usize = 64;

/// While no bootstrap address answers, between two warnings.
const WARN_INTERVAL: protocol::time::Duration = protocol::time::Duration::from_secs(30);
/// Between two times that new bans are kept for another run: at most 200 KiB each, however many misbehave.
const BANS_KEPT_AFTER: protocol::time::Duration = protocol::time::Duration::from_secs(5);
/// Addresses that a warning names.
const TROUBLES_MAX: usize = 3;
/// Before the first warning: dials get their time.
const WARN_AFTER: protocol::time::Duration = protocol::time::Duration::from_secs(5);
/// A node that knows addresses of peers waits so long for the first one before it produces blocks.
const ALONE_WAIT: protocol::time::Duration = protocol::time::Duration::from_secs(30);
/// A loop that ticks in time is live: `/healthz` allows for four ticks that come late.
const _: () = assert!(DISCOVERY_INTERVAL.as_millis() * 5 <= BEAT_MAX.as_millis());

/// Told once when the node listens.
#[derive(Clone, Debug)]
pub struct Ready {
    /// The node's libp2p id.
    pub peer_id: PeerId,
    /// Its addresses, each with `/p2p/<peer id>`.
    pub listen: Vec<Multiaddr>,
    /// Its pulse.
    pub health: Arc<Health>,
}

/// Why a node could not start.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// Another process has the port.
    #[error(
        "{address} is in use by another process; nothing was started: choose another --listen address, or port 0"
    )]
    AddressInUse {
        /// The address.
        address: Multiaddr,
    },
    /// The system refuses to listen there.
    #[error("cannot listen on {address}: {}; nothing was started: check --listen", chain(.source))]
    Listen {
        /// The address.
        address: Multiaddr,
        /// Why.
        source: std::io::Error,
    },
    /// No address came up.
    #[error(
        "a --listen address did not come up within 5 s; the node was not started: check the network interfaces"
    )]
    ListenTimeout,
    /// The transport.
    #[error(transparent)]
    Transport(#[from] TransportSetupError),
    /// What stands in the node's place.
    #[error("{0}; nothing was started")]
    Setup(String),
    /// No threads.
    #[error("cannot start the threads that check signatures and keep the store: {0}; nothing was started")]
    Threads(std::io::Error),
    /// The store, at the start.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store, later.
    #[error("{0}")]
    StoreFailed(Arc<StoreError>),
    /// The trace file.
    #[error("cannot create the trace {}: {source}; nothing was started: check --trace", path.display())]
    Trace {
        /// Its path.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Runs a node until `shutdown` turns true or its sender is gone. Closed `commands` are no reason to stop.
///
/// # Errors
/// When the node could not start, or its store failed. Nothing of it is left running then.
pub async fn run(
    config: Config,
    mut commands: mpsc::Receiver<Command>,
    ready: oneshot::Sender<Ready>,
    mut shutdown: watch::Receiver<bool>,
) -> Result<(), ServiceError> {
    let (mut service, mut verdicts, mut loaded) = Service::start(config).await?;
    let mut committed = service.gossip().keeper().map(Writer::progress);
    let mut failure = None;
    // Whoever asked to be told may be gone; the node runs all the same.
    let _ = ready.send(service.ready());
    let mut commands_open = true;
    let mut events = Vec::new();
    while failure.is_none() && !*shutdown.borrow_and_update() {
        tokio::select! {
            changed = shutdown.changed() => if changed.is_err() { break },
            () = poll_fn(|cx| take_events(&mut service.swarm, cx, &mut events)), if service.may_read() => {
                events.drain(..).for_each(|event| service.on_event(event));
                service.check();
            }
            Some(verdicts) = verdicts.recv() => service.on_verdicts(verdicts),
            Some(answer) = loaded.recv() => match answer.loaded {
                Ok(loaded) => service.on_loaded(loaded),
                Err(error) => failure = Some(Arc::new(error)),
            },
            progress = next_commit(&mut committed) => {
                service.answers.committed(progress.committed);
                failure = progress.failure;
            }
            command = commands.recv(), if commands_open => match command {
                Some(command) => service.on_command(command),
                None => commands_open = false,
            },
            _ = service.timers.discovery.tick() => service.discover(),
            _ = service.timers.status.tick() => service.log_status(),
            _ = service.timers.peers.tick() => service.keep_peers(),
            _ = next(&mut service.timers.prune) => service.prune(),
            _ = next(&mut service.timers.produce) => service.produce(),
            _ = next(&mut service.timers.sample) => service.sample(),
            due = next(&mut service.timers.lateness) => {
                service.late.extend(latenesses(due.elapsed(), LATENESS_INTERVAL));
            }
        }
    }
    let closed = service.stop().await;
    match failure.map_or(closed, Err) {
        Ok(()) => Ok(()),
        Err(error) => Err(ServiceError::StoreFailed(error)),
    }
}

/// A service, and where verdicts and what durable storage answers come in.
type Started = (Service, mpsc::UnboundedReceiver<Verdicts>, mpsc::UnboundedReceiver<StoreAnswer>);

struct Service {
    config: Config,
    clock: Clock,
    swarm: Swarm<NodeBehaviour>,
    discovery: Discovery,
    announced: Announced,
    dials: Dials,
    key_watch: KeyWatch,
    answers: Answers,
    pool: VerifyPool,
    /// Jobs that the pool had no room for. While there are any, nothing more is read from the network.
    unchecked: VecDeque<VerifyJob>,
    wire: Arc<WireBytes>,
    timers: Timers,
    late: Vec<u64>,
    warned: Option<protocol::time::Time>,
    /// Bodies that are being deleted.
    pruning: Option<oneshot::Receiver<Result<Pruned, StoreError>>>,
    /// By which of the two limits next.
    prune_by_age: bool,
    progress: Progress,
    status: StatusLine,
    behind: BehindNotices,
    turned_away: TurnedAwayNotices,
    goodbyes: Seldom,
    bans: Seldom,
    /// Whether there are bans that are not kept yet, and when that was done last.
    bans_changed: bool,
    bans_kept: protocol::time::Time,
    other_versions: Seldom,
    listener_errors: Seldom,
    /// Whether this node knows addresses of peers, and has not produced since it met one.
    expects_peers: bool,
    /// Whether a block that was due was not produced.
    holding: bool,
    health: Arc<Health>,
}

impl Service {
    async fn start(config: Config) -> Result<Started, ServiceError> {
        let clock = Clock::start();
        let local = config.identity.public().to_peer_id();
        let wire = Arc::new(WireBytes::default());
        let engine = gossip::Config {
            network: config.network.clone(),
            relay: config.relay,
            reconciliation: config.reconciliation,
            producers: config.producers.clone(),
        };
        let gossip = Gossip::new(engine, rand::random());
        let store = open_store(&config)?;
        let (restored, known) = (store.restore()?, store.peers()?);
        // What can't be read there was written by another program, and is no more than a loss of memory.
        let standings = store.note(Note::Standings)?.and_then(|note| kept::decode(note).ok()).unwrap_or_default();
        let banned = store.note(Note::Bans)?.and_then(|note| bans::decode(note).ok()).unwrap_or_default();
        let (keeper, loaded) = Writer::start(store).map_err(ServiceError::Threads)?;
        let dials = Dials::new(config.bootstrap.iter().chain(&config.reserved_peers));
        let mut swarm = build(&config, gossip, keeper, clock, Recorder::default(), &wire, &dials)?;
        let gap = |error: RestoreError| StoreError::Damaged { what: error.to_string() };
        swarm.behaviour_mut().gossip.restore(restored).map_err(gap)?;
        listen(&mut swarm, &config.listen).await?;
        let trace = config.trace.as_ref().map(|path| {
            TraceWriter::create(path, &local.to_string(), config.network.as_str())
                .map_err(|source| ServiceError::Trace { path: path.clone(), source })
        });
        *swarm.behaviour_mut().gossip.recorder() = Recorder::new(trace.transpose()?);
        let (pool, verdicts) = VerifyPool::start().map_err(ServiceError::Threads)?;
        let mut discovery = Discovery::new(
            local,
            config.max_peers_out,
            &config.bootstrap,
            &config.reserved_peers,
            config.reserved_only,
            config.loopback_exempt,
            rand::random(),
        );
        discovery.restore(kept::of_rows(known, standings, config.loopback_exempt));
        swarm.behaviour_mut().gossip.restore_bans(banned);
        let timers = Timers::start(&config);
        let expects_peers =
            discovery.known() > 0 || !config.bootstrap.is_empty() || !config.reserved_peers.is_empty();
        let mut service = Self {
            answers: Answers::new(clock, Arc::clone(&wire)),
            config,
            clock,
            swarm,
            discovery,
            announced: Announced::default(),
            dials,
            key_watch: KeyWatch::default(),
            pool,
            unchecked: VecDeque::new(),
            wire,
            timers,
            late: Vec::new(),
            warned: None,
            pruning: None,
            prune_by_age: false,
            progress: Progress::default(),
            status: StatusLine::default(),
            behind: BehindNotices::default(),
            turned_away: TurnedAwayNotices::default(),
            goodbyes: Seldom::default(),
            bans: Seldom::default(),
            bans_changed: false,
            bans_kept: protocol::time::Time::ZERO,
            other_versions: Seldom::default(),
            listener_errors: Seldom::default(),
            expects_peers,
            holding: false,
            health: Arc::default(),
        };
        service.on_listening();
        Ok((service, verdicts, loaded))
    }

    fn ready(&self) -> Ready {
        self.beat();
        let health = Arc::clone(&self.health);
        Ready { peer_id: *self.swarm.local_peer_id(), listen: self.addresses(), health }
    }

    /// The loop lives: tells so, and what stands in the way of the node's use.
    fn beat(&self) {
        let behaviour = &self.swarm.behaviour().gossip;
        let mut reasons = Vec::new();
        let mut unmet = |criterion, text| reasons.push(Reason { criterion, text });
        let expects_peers = self.discovery.known() > 0 || self.fixed_addresses() > 0;
        if expects_peers && self.ready_peers() == (0, 0) {
            unmet(Criterion::Peers, "no peer is connected".to_owned());
        }
        let tip = behaviour.gossip().tip().height;
        if let Some(behind) = behaviour.gossip().behind(self.clock.now()).filter(|behind| matters(behind, tip)) {
            unmet(Criterion::Sync, behind.to_string());
        }
        if self.is_backlogged() {
            unmet(Criterion::Store, "the store does not keep up, so nothing is read from the network".to_owned());
        }
        self.health.beat(reasons);
    }

    fn fixed_addresses(&self) -> usize {
        self.config.bootstrap.len() + self.config.reserved_peers.len()
    }

    fn gossip(&mut self) -> &mut Behaviour {
        &mut self.swarm.behaviour_mut().gossip
    }

    fn addresses(&self) -> Vec<Multiaddr> {
        let local = *self.swarm.local_peer_id();
        self.swarm.listeners().map(|address| address.clone().with(Protocol::P2p(local))).collect()
    }

    fn on_event(&mut self, event: SwarmEvent<NodeBehaviourEvent>) {
        let now = self.clock.now();
        match event {
            SwarmEvent::Behaviour(NodeBehaviourEvent::Gossip(event)) => self.on_gossip(event),
            SwarmEvent::Behaviour(NodeBehaviourEvent::Identify(event)) => self.on_identify(event),
            SwarmEvent::Behaviour(NodeBehaviourEvent::Kad(event)) => self.on_kad(event),
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, .. } => {
                if endpoint.is_dialer() {
                    self.discovery.on_established(connection_id, peer_id, endpoint.get_remote_address(), now);
                }
                if ip_of(endpoint.get_remote_address()).is_some_and(|ip| ip.is_loopback()) {
                    self.discovery.on_loopback_peer();
                }
                if self.announced.on_connection(endpoint.get_remote_address()) {
                    self.on_listening();
                }
            }
            SwarmEvent::OutgoingConnectionError { connection_id, peer_id, error } => {
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
                match &error {
                    ListenError::Denied { cause } => self.gossip().count(denied(cause)),
                    ListenError::Transport(cause) if gave_way(cause) => self.gossip().count(CONNECTION_LIMIT),
                    _ => {}
                }
                match (error, peer_id) {
                    (ListenError::LocalPeerId { .. }, _) => self.key_watch.on_call(send_back_addr, now),
                    (ListenError::Denied { cause }, Some(peer)) => {
                        if cause.downcast::<connection_limits::Exceeded>().is_ok() {
                            self.gossip().on_denied(peer, &send_back_addr);
                        }
                    }
                    _ => self.key_watch.on_nameless_call(now),
                }
            }
            SwarmEvent::NewListenAddr { address, .. } => {
                info!(%address, "listening");
                self.on_listening();
            }
            SwarmEvent::ExpiredListenAddr { .. } => self.on_listening(),
            // Without descriptors it comes ten times a second: libp2p's listeners rest 100 ms after each.
            SwarmEvent::ListenerError { error, .. } if self.listener_errors.may_say(now) => {
                warn!(%error, "a listener reports an error and goes on");
            }
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

    fn on_gossip(&mut self, event: Event) {
        match event {
            Event::Submitted { item, result, safe_at } => self.answers.decided(item, result, safe_at),
            Event::Refused { peer, item, refusal } => {
                debug!(peer = %say::peer(peer), ?item, %refusal, "refused an item of a peer");
            }
            Event::Banned { peer, address, reason } => {
                self.refuse_banned();
                self.bans_changed = true;
                if self.bans.may_say(self.clock.now()) {
                    say::banned(&peer, address, reason);
                }
            }
            Event::Engine(gossip::Event::TipChanged { tip, disconnected }) => say::new_tip(tip, disconnected),
            Event::Engine(gossip::Event::SubmissionsExpired { ids, tip }) => say::expired(&ids, tip),
            Event::Engine(gossip::Event::Equivocation(pair)) => say::equivocation(&pair),
            Event::Goodbye { peer, reason } => {
                debug!(peer = %say::peer(peer), ?reason, "a peer says why it closes the connection");
                if blames(&reason) && self.goodbyes.may_say(self.clock.now()) {
                    say::goodbye(peer, &reason);
                }
            }
            Event::Engine(_) => {}
            Event::Verify(job) => {
                self.unchecked.push_back(job);
            }
            Event::Up { peer, outbound } => {
                debug!(%peer, outbound, "a gossip peer is connected");
                self.discovery.on_up(&peer, outbound, self.clock.now());
                if outbound {
                    self.key_watch.on_up(peer, self.clock.now());
                }
            }
            Event::Down { peer, outbound, reason } => {
                debug!(%peer, %reason, "a gossip slot is free");
                self.discovery.on_down(&peer, outbound, reason, self.clock.now());
            }
            Event::Cut { peer, address, fixed } => {
                let group = address_group(&address, self.config.loopback_exempt);
                let origin = if fixed { Origin::Fixed } else { Origin::Learned(group) };
                self.key_watch.on_closed(peer, origin, self.clock.now());
            }
        }
    }

    fn on_verdicts(&mut self, verdicts: Verdicts) {
        for (job, verdict) in verdicts {
            self.gossip().input(Input::Verified { job, verdict });
        }
        self.pool.submit(&mut self.unchecked);
    }

    fn on_loaded(&mut self, loaded: Loaded) {
        self.answers.loaded(&loaded);
        self.gossip().input(Input::Loaded(loaded));
    }

    /// Whether more may come from the network: not while signatures or the disk are behind.
    fn may_read(&self) -> bool {
        self.unchecked.is_empty() && !self.is_backlogged()
    }

    /// Whether the store does not keep up.
    fn is_backlogged(&self) -> bool {
        let keeper = self.swarm.behaviour().gossip.keeper();
        keeper.is_some_and(|keeper| keeper.backlog_bytes() >= BACKLOG_BYTES_MAX)
    }

    fn keep_peers(&mut self) {
        let known = self.discovery.kept(PEERS_MAX);
        let standings = kept::encode(&known);
        let known = known
            .iter()
            .map(|kept| KnownPeer::new(kept.peer.to_bytes(), kept.addresses.iter().map(ToString::to_string)));
        let known = known.collect();
        if let Some(keeper) = self.gossip().keeper() {
            // A failure shows in the store's progress; a store that is too busy has more important things to keep.
            let _ = keeper.save_peers(known);
            let _ = keeper.save_note(Note::Standings, standings);
        }
        self.keep_bans();
    }

    fn keep_bans(&mut self) {
        let bans = bans::encode(&self.gossip().kept_bans());
        let busy = self.gossip().keeper().is_some_and(|keeper| keeper.save_note(Note::Bans, bans).is_err());
        // A store that has no room for it is asked again.
        self.bans_changed &= busy;
        self.bans_kept = self.clock.now();
    }

    /// No dial leads to a banned address, whoever makes it.
    fn refuse_banned(&self) {
        let bans = self.swarm.behaviour().gossip.kept_bans();
        self.dials.set_banned(bans.into_iter().filter_map(|ban| match ban.who {
            Who::Address(ip) => Some(ip),
            Who::Peer(_) => None,
        }));
    }

    /// Has a few old bodies deleted, unless that is under way.
    fn prune(&mut self) {
        match self.pruning.as_mut().map(oneshot::Receiver::try_recv) {
            Some(Err(TryRecvError::Empty)) => return,
            Some(Ok(Ok(Pruned { blocks: 1.., kept_from, .. }))) => {
                self.gossip().input(Input::Pruned { kept_from })
            }
            _ => {}
        }
        let old = self.config.prune.seconds.map(PruneTarget::OlderThan);
        let target =
            old.filter(|_| self.prune_by_age).or(self.config.prune.bytes.map(PruneTarget::BodyBytes)).or(old);
        self.prune_by_age = !self.prune_by_age;
        self.pruning = target.and_then(|target| {
            self.swarm.behaviour().gossip.keeper().and_then(|keeper| keeper.prune(target).ok())
        });
    }

    /// At the end of a turn: what signatures it brought are checked together.
    fn check(&mut self) {
        let verdicts = self.pool.check(&mut self.unchecked);
        for (job, verdict) in verdicts {
            self.gossip().input(Input::Verified { job, verdict });
        }
    }

    fn on_identify(&mut self, event: identify::Event) {
        let identify::Event::Received { peer_id, connection_id, info } = event else { return };
        if !self.gossip().may_hear(connection_id) {
            return;
        }
        self.gossip().set_agent(&peer_id, &info.agent_version);
        let Some(address) = self.gossip().address_of(connection_id) else { return };
        let near = ip_of(&address).is_some_and(|ip| ip.is_loopback());
        // Another machine's loopback addresses lead to ourselves at best.
        let usable = |address: &Multiaddr| near || ip_of(address).is_none_or(|ip| !ip.is_loopback());
        let addresses = info.listen_addrs.into_iter().filter(usable);
        let addresses = addresses.filter_map(|address| self.discovery.acceptable(address, ToldBy::Itself));
        let addresses = addresses::best(addresses, &self.own_ips(), crate::discovery::PEER_ADDRESSES_MAX);
        if let Some(version) = say::other_version(&self.config.network, &info.protocols) {
            if self.other_versions.may_say(self.clock.now()) {
                say::another_version(&peer_id, version);
            }
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

    /// A peer named others. Who it is, is known by the group of the address that it answered from.
    fn on_kad(&mut self, answer: Answer) {
        let now = self.clock.now();
        let Some(address) = self.gossip().address_of(answer.connection) else { return };
        let source = self.discovery.group(&address);
        for peer in answer.peers {
            self.discovery.learn(peer.node_id, peer.multiaddrs, ToldBy::Others, source, now);
        }
    }

    fn discover(&mut self) {
        self.beat();
        let now = self.clock.now();
        let view = Seen(&self.swarm.behaviour().gossip);
        for want in self.discovery.poll(now, &view) {
            match want {
                Want::Walk => {
                    if let Some(kad) = self.swarm.behaviour_mut().kad.as_mut() {
                        kad.walk();
                    }
                }
                Want::Leave(peer) => self.gossip().leave(&peer),
                Want::Warn(warning) => say::fixed_address(&warning),
                Want::Fixed { index, address, .. } if self.listens_on(&address) => {
                    self.discovery.on_refused(index, Failure::Ourselves, now);
                }
                Want::Fixed { index, address, peer, reserved } => {
                    let wish = Wish { reserved, fixed: true, beside: 0 };
                    self.connect(Target::Fixed(index), peer, vec![address], wish);
                }
                Want::Candidate { peer, addresses } => {
                    let beside = self.discovery.per_group().saturating_sub(1);
                    let wish = Wish { beside, ..Wish::default() };
                    self.connect(Target::Candidate(peer), Some(peer), addresses, wish);
                }
                Want::Feeler { peer, addresses } => {
                    let dial = self.feel(peer, addresses);
                    self.discovery.dialling(Target::Feeler(peer), dial, now);
                }
            }
        }
        self.refuse_banned();
        if self.bans_changed && now.since(self.bans_kept) >= BANS_KEPT_AFTER {
            self.keep_bans();
        }
        self.warn_if_alone(now);
        self.dials.take_own_answers().into_iter().for_each(|address| self.key_watch.on_answer(address, now));
        if let Some(sign) = self.key_watch.poll(now) {
            say::one_key(&sign);
        }
        let gossip = self.swarm.behaviour().gossip.gossip();
        if let Some(line) = self.progress.line(now, gossip.sync()) {
            info!("{line}");
        }
        if let Some(notice) = self.behind.line(now, gossip.tip().height, gossip.behind(now).as_ref()) {
            say::notice(&notice);
        }
        let turned_away = TurnedAway::of(self.swarm.behaviour().gossip.disconnects());
        if let Some(notice) = self.turned_away.line(now, turned_away, self.config.max_peers_in) {
            say::notice(&notice);
        }
    }

    /// Makes a connection to what discovery wants a gossip peer: one that is there, or a new one.
    fn connect(&mut self, target: Target, peer: Option<PeerId>, addresses: Vec<Multiaddr>, wish: Wish) {
        let now = self.clock.now();
        if peer.is_some_and(|peer| self.gossip().open_existing(&peer, wish)) {
            self.discovery.not_needed(target, now);
        } else {
            let dial = self.dial(peer, addresses, wish);
            self.discovery.dialling(target, dial, now);
        }
    }

    /// Dials for a gossip slot.
    fn dial(&mut self, peer: Option<PeerId>, addresses: Vec<Multiaddr>, wish: Wish) -> Option<ConnectionId> {
        let opts = match (peer, addresses.first()) {
            (Some(peer), _) => DialOpts::peer_id(peer)
                .addresses(addresses)
                .condition(PeerCondition::NotDialing)
                .allocate_new_port()
                .build(),
            (None, Some(address)) => {
                DialOpts::unknown_peer_id().address(address.clone()).allocate_new_port().build()
            }
            (None, None) => return None,
        };
        let id = opts.connection_id();
        self.gossip().expect(id, wish);
        match self.swarm.dial(opts) {
            Ok(()) => Some(id),
            Err(error) => {
                debug!(%error, "could not dial");
                self.gossip().forget(id);
                None
            }
        }
    }

    /// Connects to a peer without asking for a slot. Nobody needs the connection, so it is closed when it has been idle.
    fn feel(&mut self, peer: PeerId, addresses: Vec<Multiaddr>) -> Option<ConnectionId> {
        let opts = DialOpts::peer_id(peer).addresses(addresses).condition(PeerCondition::NotDialing);
        let opts = opts.allocate_new_port().build();
        let id = opts.connection_id();
        self.swarm.dial(opts).ok().map(|()| id)
    }

    fn warn_if_alone(&mut self, now: protocol::time::Time) {
        // A connection alone is not enough: a peer's Hello tells of its tip.
        let alone = self.ready_peers() == (0, 0);
        let since = now.since(self.warned.unwrap_or_default());
        let wait = if self.warned.is_some() { WARN_INTERVAL } else { WARN_AFTER };
        let fixed = self.fixed_addresses();
        if alone && fixed > 0 && since >= wait {
            self.warned = Some(now);
            let told = self.discovery.troubles().take(TROUBLES_MAX);
            let told: Vec<_> = told.map(|(address, trouble)| say::trouble(address, trouble)).collect();
            say::alone(fixed, &told);
        }
    }

    fn listens_on(&self, address: &Multiaddr) -> bool {
        self.swarm.listeners().any(|own| addresses::plain(own) == addresses::plain(address))
    }

    /// The IPs that this node listens on.
    fn own_ips(&self) -> Vec<IpAddr> {
        self.swarm.listeners().filter_map(ip_of).collect()
    }

    /// The addresses that this node listens on may have changed, or what is known of them.
    fn on_listening(&mut self) {
        self.discovery.set_own(self.own_ips());
        let listening: Vec<_> = self.swarm.listeners().cloned().collect();
        let change = self.announced.update(&listening);
        change.withdrawn.iter().for_each(|address| self.swarm.remove_external_address(address));
        change.told.into_iter().for_each(|address| self.swarm.add_external_address(address));
    }

    fn on_command(&mut self, command: Command) {
        match command {
            Command::SubmitTransaction { transaction, reply } => {
                let item = ItemId::Transaction(transaction.id());
                let bytes = transaction.encoded().len();
                self.submit(item, bytes, reply, Input::SubmittedTransaction(transaction));
            }
            Command::SubmitBlock { block, reply } => {
                let item = ItemId::Block(block.header.id());
                let bytes = protocol::wire::codec::Encode::encoded_len(block.as_ref());
                let input =
                    if self.config.rpc_any_producer { Input::ProducedBlock } else { Input::SubmittedBlock };
                self.submit(item, bytes, reply, input(block));
            }
            question => {
                let listen = self.addresses();
                self.answers.answer(question, &self.config, &self.swarm.behaviour().gossip, &listen);
            }
        }
    }

    fn submit(&mut self, item: ItemId, bytes: usize, reply: crate::answers::SubmissionReply, input: Input) {
        self.gossip().recorder().submitted(item, bytes);
        if self.answers.expect(item, reply) {
            self.gossip().input(input);
        }
    }

    /// Makes a block of the mempool, an empty one if that is empty; not while the network is known to be further.
    fn produce(&mut self) {
        let now = self.clock.now();
        // A connection tells nothing yet: a peer's Hello tells of its tip.
        let alone = self.ready_peers() == (0, 0);
        match self.swarm.behaviour().gossip.gossip().may_produce(now) {
            // The next block is on its way, from another producer: that is worth no line.
            Err(Hold::Behind { tip, best_known }) if best_known <= tip.saturating_add(1) => return,
            Err(hold) => return self.hold_production(&hold.to_string()),
            Ok(()) if alone && self.expects_peers && now < protocol::time::Time::ZERO + ALONE_WAIT => {
                return self.hold_production("no peer was reached yet, and one may know higher blocks");
            }
            Ok(()) => self.expects_peers &= alone,
        }
        if std::mem::take(&mut self.holding) {
            info!("blocks are produced again");
        }
        let key = self.config.key.clone();
        let timestamp_ms = wall_ns() / 1_000_000;
        let (header, transactions) =
            self.gossip().gossip().block_template(key.public(), timestamp_ms, BLOCK_BYTES_MAX);
        let header = header.sign(&key, &self.config.network);
        debug!(height = header.header().height, transactions = transactions.len(), "produced a block");
        let block = Block { header, transactions };
        let bytes = protocol::wire::codec::Encode::encoded_len(&block);
        let item = ItemId::Block(block.header.id());
        self.gossip().recorder().submitted(item, bytes);
        self.gossip().input(Input::ProducedBlock(Arc::new(block)));
    }

    fn hold_production(&mut self, why: &str) {
        if !std::mem::replace(&mut self.holding, true) {
            info!("no block is produced for now: {why}");
        }
    }

    fn ready_peers(&self) -> (usize, usize) {
        crate::answers::ready_peers(&self.swarm.behaviour().gossip)
    }

    fn sample(&mut self) {
        let (inbound, outbound) = self.ready_peers();
        let what = What::Sample {
            wire_in: self.wire.read(),
            wire_out: self.wire.written(),
            cpu_us: sample::cpu_us(),
            rss_peak: sample::rss_peak(),
            peers: (inbound + outbound) as u64,
            lateness_us: std::mem::take(&mut self.late),
        };
        self.gossip().recorder().record(what);
        self.gossip().recorder().flush();
    }

    fn log_status(&mut self) {
        let (peers_in, peers_out) = self.ready_peers();
        let gossip = self.swarm.behaviour().gossip.gossip();
        let (stats, known) = (gossip.stats(), self.discovery.known());
        let figures = Figures {
            peers_in,
            peers_out,
            known,
            tip: gossip.tip().height,
            mempool: gossip.mempool().transactions,
            transactions: stats.transactions_accepted,
            blocks: stats.blocks_accepted,
            wire_in: self.wire.read(),
            wire_out: self.wire.written(),
        };
        if let Some(line) = self.status.line(self.clock.now(), figures) {
            say::status(&line);
        }
    }

    /// Closes all connections and ends the trace.
    ///
    /// # Errors
    /// If the store could not keep everything.
    async fn stop(mut self) -> Result<(), Arc<StoreError>> {
        self.keep_peers();
        self.gossip().close_all();
        let closed = async {
            while !self.swarm.behaviour().gossip.is_disconnected() {
                self.swarm.select_next_some().await;
            }
        };
        if timeout(STOP_TIMEOUT, closed).await.is_err() {
            debug!("some connections did not close in time and were dropped");
        }
        if self.gossip().recorder().is_on() {
            self.sample();
        }
        self.gossip().recorder().record(What::End);
        self.gossip().recorder().flush();
        let Some(keeper) = self.gossip().take_keeper() else { return Ok(()) };
        // The last commit may take a while, and whoever waits for signals is not to wait for it. A panic ends the process.
        tokio::task::spawn_blocking(|| keeper.close()).await.unwrap_or(Ok(()))
    }
}

/// The counter of a connection that was not let in.
fn denied(cause: &ConnectionDenied) -> &'static str {
    if cause.downcast_ref::<BlockLimitError>().is_some() {
        ADDRESS_LIMIT
    } else if cause.downcast_ref::<BannedError>().is_some() {
        "banned"
    } else {
        CONNECTION_LIMIT
    }
}

/// Whether a connection was not let in because others were being set up.
fn gave_way(cause: &TransportError<io::Error>) -> bool {
    matches!(cause, TransportError::Other(error) if resolve::inside::<GaveWay>(error).is_some())
}

/// What a failed dial comes to, taken together.
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

/// The store that the settings ask for.
fn open_store(config: &Config) -> Result<Box<dyn Store>, StoreError> {
    match &config.data_dir {
        Some(dir) if !config.ephemeral => {
            let options = StoreOptions { network: config.network.clone(), now_s: steady_s };
            Ok(Box::new(RedbStore::open(dir, options)?))
        }
        _ => Ok(Box::new(MemoryStore::new(&config.network, steady_s))),
    }
}

/// Waits until more is committed, or nothing more will be.
async fn next_commit(progress: &mut Option<watch::Receiver<Kept>>) -> Kept {
    if let Some(watched) = progress
        && watched.changed().await.is_ok()
    {
        return watched.borrow_and_update().clone();
    }
    // The thread has ended, and told why if that was a failure.
    std::future::pending().await
}

/// Waits for the swarm, and takes what else is there already, up to [`TURN_EVENTS_MAX`].
fn take_events(
    swarm: &mut Swarm<NodeBehaviour>,
    cx: &mut Context<'_>,
    events: &mut Vec<SwarmEvent<NodeBehaviourEvent>>,
) -> Poll<()> {
    while events.len() < TURN_EVENTS_MAX {
        let Poll::Ready(Some(event)) = swarm.poll_next_unpin(cx) else { break };
        events.push(event);
    }
    if events.is_empty() { Poll::Pending } else { Poll::Ready(()) }
}

/// The behaviour, as discovery sees it.
struct Seen<'a>(&'a Behaviour);

impl View for Seen<'_> {
    fn outbound(&self) -> usize {
        self.0.slots().outbound
    }

    fn outbound_groups(&self) -> Vec<Group> {
        self.0.outbound_groups()
    }

    fn is_banned_address(&self, address: IpAddr) -> bool {
        self.0.is_banned_address(address)
    }

    fn outbound_peers(&self) -> Vec<PeerId> {
        self.0.peers().map(|(_, link)| link).filter(|link| link.is_dialled()).map(|link| link.peer).collect()
    }

    fn holds_slot(&self, peer: &PeerId) -> bool {
        self.0.holds_slot(peer)
    }

    fn is_banned(&self, peer: &PeerId) -> bool {
        self.0.is_banned(peer)
    }
}
