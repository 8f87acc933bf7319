//! The running node: one loop that serves the network, the RPC's commands, the verdicts and the clock.
//!
//! Everything that changes the engine happens in this loop, one thing at a time. Failures of single peers become
//! debug lines and counters. An error that stops the node is a [`ServiceError`]. A failing store stops the node,
//! because it could no longer keep what it acknowledged.
//!
//! The service puts the parts together, and passes on what one part tells another. Each part keeps its own state:
//! what was told to the log (`said.rs`), when a block is made (`production.rs`), which facts about peers are kept
//! and which blocks are deleted (`upkeep.rs`).

mod answers;
mod dials;
mod network;
pub mod notices;
mod production;
mod said;
mod sampling;
pub mod say;
mod start;
pub mod timers;
mod upkeep;
pub mod verify;

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::StreamExt as _;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::SwarmEvent;
use libp2p::{Multiaddr, Swarm};
use protocol::gossip::members::MemberInput;
use protocol::gossip::{Input, ItemId};
use protocol::items::verify::VerifyJob;
use protocol::ledger::durable::Loaded;
use protocol::time::Time;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;
use tracing::debug;

pub(crate) use self::answers::SUBMISSIONS_WAITING_MAX;
use self::answers::{Answers, Own};
use self::network::membership::Membership;
pub use self::network::membership::{LEAVE_TIME, MEMBER_DIALS_MAX, MEMBER_EVENTS_MAX};
use self::network::reach::Reaching;
use self::notices::matters;
use self::production::Production;
use self::said::Said;
use self::sampling::Sampling;
use self::sampling::metering::Metering;
use self::timers::{DISCOVERY_INTERVAL, Timers, next};
use self::upkeep::{Keeping, Pruning};
use self::verify::{Verdicts, VerifyPool};
use crate::clock::{Clock, wall_ms};
use crate::config::Config;
use crate::net::addresses::is_relayed;
use crate::net::behaviour::Behaviour;
use crate::net::discovery::Discovery;
use crate::net::discovery::announce::Announced;
use crate::net::discovery::own_key::KeyWatch;
use crate::net::swarm::{NodeBehaviour, NodeBehaviourEvent};
use crate::net::transport::WireBytes;
use crate::net::transport::own::Dials;
use crate::observe::recorder::Recorder;
use crate::observe::status_line::Figures;
use crate::rpc::command::Command;
use crate::rpc::feeds::Feeds;
use crate::rpc::http::{BEAT_MAX, Criterion, Health, Reason};
use crate::rpc::members::MembersError;
use crate::store::{BACKLOG_BYTES_MAX, KEPT_PEERS_MAX, Kept, StoreError, Writer};

pub use self::start::{Ready, ServiceError};

/// How long closing all connections may take. After that they are dropped.
pub const STOP_TIMEOUT: Duration = Duration::from_secs(3);

/// Network events that are processed before commands and timers have their turn. Each takes some microseconds, so
/// together they take no more than a millisecond.
const TURN_EVENTS_MAX: usize = 64;

/// A loop that ticks in time is live. `/healthz` allows for four late ticks.
const _: () = assert!(DISCOVERY_INTERVAL.as_millis() * 5 <= BEAT_MAX.as_millis());

/// Runs a node until `shutdown` becomes true or its sender is gone. Closed `commands` do not stop it.
///
/// # Errors
/// If the node could not start, or its store failed. Then no part of it is left running.
pub async fn run(
    config: Config,
    mut commands: mpsc::Receiver<Command>,
    ready: oneshot::Sender<Ready>,
    mut shutdown: watch::Receiver<bool>,
) -> Result<(), ServiceError> {
    let (mut service, mut verdicts, mut loaded) = Service::start(config).await?;
    let mut committed = service.writer.progress();
    let mut failure = None;
    // The caller may no longer be waiting; the node runs all the same.
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
                service.gossip().committed(progress.committed);
                failure = progress.failure;
            }
            command = commands.recv(), if commands_open => match command {
                Some(command) => service.on_command(command),
                None => commands_open = false,
            },
            due = service.timers.discovery.tick() => {
                service.metering.late(due.elapsed());
                service.discover();
            }
            _ = service.timers.status.tick() => service.log_status(),
            _ = service.timers.peers.tick() => service.keep_peers(),
            _ = service.timers.wall.tick() => service.tell_wall_clock(),
            _ = service.timers.numbers.tick() => service.tell_numbers(),
            _ = next(&mut service.timers.prune) => service.prune(),
            _ = next(&mut service.timers.produce) => service.produce(),
            _ = next(&mut service.timers.sample) => service.sampling.sample(service.peers()),
        }
    }
    if failure.is_none() {
        service.leave().await;
    }
    let closed = service.stop().await;
    match failure.map_or(closed, Err) {
        Ok(()) => Ok(()),
        Err(error) => Err(ServiceError::StoreFailed(error)),
    }
}

struct Service {
    config: Config,
    clock: Clock,
    swarm: Swarm<NodeBehaviour>,
    /// The engine's host writes to these as well.
    writer: Arc<Writer>,
    recorder: Recorder,
    discovery: Discovery,
    membership: Membership,
    announced: Announced,
    dials: Dials,
    key_watch: KeyWatch,
    answers: Answers,
    pool: VerifyPool,
    /// Jobs for which the pool had no room. While there are any, nothing more is read from the network.
    unchecked: VecDeque<VerifyJob>,
    wire: Arc<WireBytes>,
    timers: Timers,
    sampling: Sampling,
    pruning: Pruning,
    keeping: Keeping,
    production: Production,
    said: Said,
    health: Arc<Health>,
    metering: Metering,
    feeds: Feeds,
    reaching: Reaching,
}

impl Service {
    fn ready(&self) -> Ready {
        self.beat();
        let health = Arc::clone(&self.health);
        let members = self.membership.events().clone();
        let (feeds, metrics) = (self.feeds.clone(), self.metering.metrics().clone());
        Ready { peer_id: *self.swarm.local_peer_id(), listen: self.addresses(), health, members, feeds, metrics }
    }

    /// The loop is live: reports this, and what prevents the use of the node.
    fn beat(&self) {
        let gossip = self.swarm.behaviour().gossip.gossip();
        let mut reasons = Vec::new();
        let mut unmet = |criterion, text| reasons.push(Reason { criterion, text });
        let expects_peers = self.discovery.known() > 0 || self.fixed_addresses() > 0;
        if expects_peers && self.is_alone() {
            unmet(Criterion::Peers, "no peer is connected".to_owned());
        }
        let tip = gossip.tip().height;
        if let Some(behind) = gossip.behind(self.clock.now()).filter(|behind| matters(behind, tip)) {
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

    /// The seam to the engine.
    fn gossip(&mut self) -> &mut Behaviour {
        &mut self.swarm.behaviour_mut().gossip
    }

    fn addresses(&self) -> Vec<Multiaddr> {
        let local = *self.swarm.local_peer_id();
        let own = self.swarm.listeners().filter(|address| !is_relayed(address));
        own.map(|address| address.clone().with(Protocol::P2p(local))).collect()
    }

    fn on_verdicts(&mut self, verdicts: Verdicts) {
        self.tell_verdicts(verdicts);
        self.pool.submit(&mut self.unchecked);
    }

    fn on_loaded(&mut self, loaded: Loaded) {
        self.answers.loaded(&loaded);
        self.gossip().input(Input::Loaded(loaded));
    }

    /// Whether more may come from the network. It may not while signature checks or the disk are behind.
    fn may_read(&self) -> bool {
        self.unchecked.is_empty() && !self.is_backlogged()
    }

    /// Whether the store does not keep up.
    fn is_backlogged(&self) -> bool {
        self.writer.backlog_bytes() >= BACKLOG_BYTES_MAX
    }

    /// At the end of a turn: all signatures that it brought are checked together.
    fn check(&mut self) {
        let verdicts = self.pool.check(&mut self.unchecked);
        self.tell_verdicts(verdicts);
    }

    fn tell_verdicts(&mut self, verdicts: Verdicts) {
        let took = verdicts.took.into();
        for (job, verdict) in verdicts.of {
            self.gossip().verdict(job, verdict, took);
        }
    }

    fn keep_peers(&mut self) {
        Keeping::peers(&self.discovery.kept(KEPT_PEERS_MAX), &self.writer);
        self.keep_bans(self.clock.now());
        self.keep_added();
        self.keep_members();
    }

    fn keep_bans(&mut self, now: Time) {
        let bans = self.swarm.behaviour().gossip.bans().kept(now);
        self.keeping.bans(&bans, &self.writer, now);
    }

    /// Deletes a few old bodies, unless a deletion is under way.
    fn prune(&mut self) {
        let Poll::Ready(kept_from) = self.pruning.poll() else { return };
        if let Some(kept_from) = kept_from {
            self.gossip().input(Input::Pruned { kept_from });
        }
        self.pruning.start(self.config.prune, &self.writer);
    }

    /// Looks for missing peers, and for something to report.
    fn discover(&mut self) {
        self.beat();
        let now = self.clock.now();
        self.meter(now);
        self.dial_wanted(now);
        self.reach_out(now);
        self.refuse_banned();
        if self.keeping.bans_are_due(now) {
            self.keep_bans(now);
        }
        let fixed = self.fixed_addresses();
        // A connection alone is not enough: only a peer's Hello tells its tip.
        if fixed > 0 && self.is_alone() {
            self.said.alone(now, fixed, self.discovery.troubles());
        }
        self.dials.take_own_answers().into_iter().for_each(|address| self.key_watch.on_answer(address, now));
        if let Some(sign) = self.key_watch.poll(now) {
            say::one_key(&sign);
        }
        let behaviour = &self.swarm.behaviour().gossip;
        self.said.look(now, behaviour.gossip(), behaviour.disconnects(), self.config.max_peers_in);
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
            Command::SetEntry { key, value, reply } => {
                let may = match self.swarm.behaviour().gossip.gossip().members() {
                    None => Err(MembersError::Off),
                    Some(members) => members.check_entry(&key, value.as_deref()).map_err(MembersError::Entry),
                };
                if may.is_ok() {
                    self.gossip().input(Input::Members(Box::new(MemberInput::SetEntry { key, value })));
                }
                // The asker may no longer be waiting.
                let _ = reply.send(may);
            }
            Command::Order { order, reply } => {
                let done = self.order(order);
                let _ = reply.send(done);
            }
            Command::Leave { reply } => {
                let may = self.swarm.behaviour().gossip.gossip().members().map(|_| ()).ok_or(MembersError::Off);
                self.gossip().input(Input::Members(Box::new(MemberInput::Leave)));
                let _ = reply.send(may);
            }
            question => {
                let own = Own { listen: self.addresses(), reach: self.reach() };
                self.answers.answer(question, &self.config, &self.swarm.behaviour().gossip, &self.writer, own);
            }
        }
    }

    fn submit(&mut self, item: ItemId, bytes: usize, reply: answers::SubmissionReply, input: Input) {
        self.recorder.submitted(item, bytes);
        if self.answers.expect(item, reply) {
            self.gossip().input(input);
        }
    }

    /// Makes a block that is due, if that is good for the network.
    fn produce(&mut self) {
        let (now, alone) = (self.clock.now(), self.is_alone());
        let gossip = self.swarm.behaviour().gossip.gossip();
        if !self.production.may(gossip, alone, now) {
            return;
        }
        let block = production::make(gossip, &self.config.key, &self.config.network, wall_ms());
        let bytes = protocol::wire::codec::Encode::encoded_len(&block);
        self.recorder.submitted(ItemId::Block(block.header.id()), bytes);
        self.production.made(&block);
        self.gossip().input(Input::ProducedBlock(Arc::new(block)));
    }

    /// Gossip peers that said Hello: inbound and outbound.
    fn ready_peers(&self) -> (usize, usize) {
        answers::ready_peers(&self.swarm.behaviour().gossip)
    }

    fn peers(&self) -> usize {
        let (inbound, outbound) = self.ready_peers();
        inbound + outbound
    }

    fn is_alone(&self) -> bool {
        self.peers() == 0
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
        self.said.status(self.clock.now(), figures);
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
        let peers = self.peers();
        self.sampling.end(peers);
        self.gossip().stop_keeping();
        // The engine's host has dropped its reference, so this is the last one.
        let Some(writer) = Arc::into_inner(self.writer) else { return Ok(()) };
        // The last commit may take a while, and must not delay the task that waits for signals. A
        // panic ends the process.
        tokio::task::spawn_blocking(|| writer.close()).await.unwrap_or(Ok(()))
    }
}

/// Waits until more is committed. Waits forever if nothing more will be.
async fn next_commit(progress: &mut watch::Receiver<Kept>) -> Kept {
    if progress.changed().await.is_ok() {
        return progress.borrow_and_update().clone();
    }
    // The thread has ended. If that was a failure, it has told the reason.
    std::future::pending().await
}

/// Waits for the libp2p swarm, and takes other events that are ready, up to [`TURN_EVENTS_MAX`].
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
