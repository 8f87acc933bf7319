//! The world: a clock, nodes, links and a queue of future events. It has one thread, and everything random follows
//! from the seed.
//!
//! Every node is a whole `protocol::Gossip`, driven as the node's driver does it. Each input's outputs are drained
//! before the next input. Signature checks come back as verdicts. Credit comes back when bytes have left.
//! Deliberately absent: the report, which is made from the [`Ledger`], and any rule of gossip.

mod begin;
mod connect;
mod deliver;
mod enter;
pub mod host;
pub mod ledger;
mod members;
pub mod queue;
mod setup;
pub mod stored;
pub mod trace;
pub mod verdicts;

use std::collections::VecDeque;

use protocol::gossip::{Config, Event, Input, ItemId, Output, PeerHandle};
use protocol::items::verify::{JobId, Verdict};
use protocol::limits::CONTROL_CREDIT_BYTES;
use protocol::time::{Duration, Time};
use protocol::wire::message::Lane;

use self::deliver::Arriving;
pub use self::enter::EPOCH_MS;
use self::host::{Host, Link, Sabotage};
use self::ledger::Ledger;
use self::ledger::records::Records;
use self::members::{Later, World};
use self::queue::EventQueue;
pub use self::setup::{Finished, NodeSetup, Parted, Room, Setup};
use self::trace::{Mark, TraceHash};
use self::verdicts::Verdicts;
use super::adversary::Sending;
use super::checker::{Checker, NodeView};
use super::fault::Schedule;
use super::link::Network;
use crate::random::{Draws, Seed};
use crate::report::figures::healing::TipAt;
use crate::wan::{Delays, NS_PER_US};
use crate::workload::items::{BlockMaker, ItemError};
use crate::workload::{Entry, Workload};

/// The time between the start and the load: enough for every greeting, at delays of up to about 300 ms.
pub const SETTLE: Duration = Duration::from_secs(3);

/// If bandwidth is unlimited, control bytes leave at once, and engines are told of them in lots of a 16th of the
/// credit. If they were told of each message, that would be half of all inputs, and no engine would act
/// differently.
const CREDIT_LOT_BYTES: usize = CONTROL_CREDIT_BYTES / 16;

/// From this number of nodes on, the engines don't fit the processor's caches, and looking ahead pays.
const FORESEE_FROM: usize = 500;

/// Events to look ahead. The first kilobytes of sixteen engines fit the second cache.
const FORESEEN: usize = 16;

/// The time between two reports of progress.
pub(super) const EVENTS_PER_PROGRESS: u64 = 1 << 16;

/// The progress of a run.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// The world's time.
    pub now: Time,
    /// The latest end.
    pub end: Time,
    /// Events processed.
    pub events: u64,
    /// Deliveries so far.
    pub arrived: usize,
}

/// Why a run can't go on.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// An item can't be made.
    #[error("the run ended: {0}")]
    Item(#[from] ItemError),
}

/// An event in the future.
#[derive(Debug)]
pub(super) enum Happening {
    Arrive(Arriving),
    Timer { node: u32 },
    Verified { node: u32, incarnation: u32, job: JobId, verdict: Verdict },
    Drained { node: u32, incarnation: u32, peer: PeerHandle, lane: Lane, bytes: usize },
    Dial { link: u32 },
    Connected { link: u32, epoch: u32 },
    GiveUp { link: u32, epoch: u32, second: bool, other_at: Time },
    Closed { node: u32, incarnation: u32, peer: PeerHandle },
    Send { node: u32, incarnation: u32, sending: Box<Sending> },
    Tick { node: u32 },
    Submit(Box<Entry>),
    Block { index: usize },
    Fault { index: usize },
    Members(Box<Later>),
}

impl Happening {
    /// The node that it is for, if it is for one alone. `None` for what the world or a link does.
    fn node(&self) -> Option<usize> {
        match self {
            Self::Arrive(arriving) => Some(arriving.to.node as usize),
            Self::Timer { node }
            | Self::Verified { node, .. }
            | Self::Drained { node, .. }
            | Self::Closed { node, .. }
            | Self::Send { node, .. }
            | Self::Tick { node } => Some(*node as usize),
            Self::Members(later) => later.node(),
            Self::Dial { .. }
            | Self::Connected { .. }
            | Self::GiveUp { .. }
            | Self::Submit(_)
            | Self::Block { .. }
            | Self::Fault { .. } => None,
        }
    }
}

/// The world.
#[derive(Debug)]
pub struct Simulation {
    now: Time,
    load_from: Time,
    load_to: Time,
    end: Time,
    queue: EventQueue<Happening>,
    hosts: Vec<Host>,
    links: Vec<Link>,
    /// The links of each node.
    links_of: Vec<Vec<u32>>,
    delays: Delays,
    network: Network,
    config: Config,
    room: Room,
    seed: Seed,
    workload: Workload,
    blocks: Vec<(Duration, usize)>,
    makers: Vec<(usize, BlockMaker)>,
    block_bytes_max: usize,
    check: Duration,
    schedule: Schedule,
    partition: Option<Parted>,
    verdicts: Verdicts,
    ledger: Ledger,
    /// What real nodes would have traced, if that is to be kept.
    records: Option<Records>,
    hash: TraceHash,
    checkers: Vec<Box<dyn Checker>>,
    draws: Draws,
    events: u64,
    inputs: u64,
    messages: (u64, u64),
    left: u64,
    /// What members need, if nodes watch each other.
    members: Option<Box<World>>,
    /// Changes of tips, where there is a partition.
    tips: Vec<TipAt>,
    /// Everything that one node sends to one peer at a time goes out in one write. These are the bytes by peer and
    /// lane.
    flushes: Vec<Flush>,
    /// The inputs that the node at work gets next.
    feedback: VecDeque<Input>,
    /// Lent to the engine at work. Empty between inputs.
    outputs: VecDeque<Output>,
    sendings: Vec<Sending>,
}

#[derive(Clone, Copy, Debug)]
struct Flush {
    peer: PeerHandle,
    lane: Lane,
    /// Credit that comes back at once.
    credit: usize,
}

impl Simulation {
    /// Runs to the end.
    ///
    /// # Errors
    /// If an item of the workload can't be made.
    pub fn run(mut self, progress: &mut dyn FnMut(Progress)) -> Result<Finished, SimError> {
        self.begin()?;
        // Of the next events, as many were looked at.
        let mut ahead = 0_usize;
        while let Some((at, happening)) = self.queue.pop() {
            if at > self.end {
                break;
            }
            if self.now < self.load_from && at >= self.load_from {
                self.hosts.iter_mut().for_each(|host| host.wire_before = host.wire_in);
            }
            self.now = at;
            self.events += 1;
            if self.events.is_multiple_of(EVENTS_PER_PROGRESS) {
                let arrived = self.ledger.arrived();
                progress(Progress { now: at, end: self.end, events: self.events, arrived });
            }
            self.happen(happening)?;
            ahead = ahead.saturating_sub(1);
            if ahead == 0 && self.hosts.len() >= FORESEE_FROM {
                ahead = self.foresee();
            }
        }
        if let Some(world) = self.members.as_mut() {
            world.ledger.ended(self.now);
            world.judge(&self.hosts);
            world.compare_places(&self.hosts, &self.delays);
        }
        let views: Vec<NodeView<'_>> = self
            .hosts
            .iter()
            .map(|host| NodeView { honest: host.is_honest(), engine: host.engine.as_deref() })
            .collect();
        for checker in &mut self.checkers {
            checker.ended(self.now, &views);
        }
        Ok(Finished {
            ledger: self.ledger,
            records: self.records,
            hosts: self.hosts,
            checkers: self.checkers,
            trace_hash: self.hash.finish(),
            events: self.events,
            inputs: self.inputs,
            messages: self.messages,
            left: self.left,
            members: self.members.map(|world| world.ledger),
            load_from: self.load_from,
            partition: self.partition,
            tips: self.tips,
            ended_at: self.now,
        })
    }

    fn happen(&mut self, happening: Happening) -> Result<(), SimError> {
        let Some(happening) = self.unless_paused(happening) else { return Ok(()) };
        match happening {
            Happening::Arrive(arriving) => self.arrive(arriving),
            Happening::Timer { node } => self.on_timer(node as usize),
            Happening::Verified { node, incarnation, job, verdict } => {
                if self.hosts[node as usize].incarnation == incarnation {
                    self.step(node as usize, Input::Verified { job, verdict });
                }
            }
            Happening::Drained { node, incarnation, peer, lane, bytes } => {
                if self.hosts[node as usize].incarnation == incarnation {
                    self.step(node as usize, Input::Drained { peer, lane, bytes });
                }
            }
            Happening::Dial { link } => self.dial(link),
            Happening::Connected { link, epoch } => self.connected(link, epoch),
            Happening::GiveUp { link, epoch, second, other_at } => self.give_up(link, epoch, second, other_at),
            Happening::Closed { node, incarnation, peer } => self.on_closed(node as usize, incarnation, peer),
            Happening::Send { node, incarnation, sending } => {
                if self.hosts[node as usize].incarnation == incarnation {
                    self.transmit(node as usize, sending.to, sending.message);
                    self.flushes.clear();
                }
            }
            Happening::Tick { node } => self.on_tick(node as usize),
            Happening::Submit(entry) => {
                self.submit(&entry);
                self.schedule_submission()?;
            }
            Happening::Block { index } => self.on_block(index)?,
            Happening::Fault { index } => self.on_fault(index)?,
            Happening::Members(later) => self.on_later(*later),
        }
        Ok(())
    }

    /// Feeds one input to a node's engine, and carries out the outputs until there are no more.
    fn step(&mut self, node: usize, input: Input) {
        let local = self.hosts[node].local(self.now);
        let mut next = Some(input);
        while let Some(input) = next.take().or_else(|| self.feedback.pop_front()) {
            let Some(engine) = self.hosts[node].engine.as_mut() else { break };
            let mut outputs = std::mem::take(&mut self.outputs);
            engine.swap_outputs(&mut outputs);
            engine.handle(local, input);
            engine.swap_outputs(&mut outputs);
            self.inputs += 1;
            for output in outputs.drain(..) {
                self.on_output(node, output);
            }
            self.outputs = outputs;
            self.give_credit(node);
        }
        self.settled(node);
        self.arm(node);
    }

    /// Tells the engine of the bytes that left at once, when there are enough for a lot.
    fn give_credit(&mut self, node: usize) {
        for flush in self.flushes.drain(..) {
            let Some(connection) = self.hosts[node].connections.get_mut(flush.peer.0 as usize) else { continue };
            if flush.lane == Lane::Bulk {
                if flush.credit > 0 {
                    let (peer, lane, bytes) = (flush.peer, flush.lane, flush.credit);
                    self.feedback.push_back(Input::Drained { peer, lane, bytes });
                }
                continue;
            }
            let bytes = connection.drained as usize + flush.credit;
            connection.drained = u32::try_from(bytes).unwrap_or(u32::MAX);
            if bytes >= CREDIT_LOT_BYTES {
                connection.drained = 0;
                self.feedback.push_back(Input::Drained { peer: flush.peer, lane: Lane::Control, bytes });
            }
        }
    }

    fn on_output(&mut self, node: usize, output: Output) {
        match output {
            Output::Send { peer, message, .. } => self.send(node, peer, message),
            Output::Verify(job) => {
                let trusts = self.hosts[node].sabotage == Some(Sabotage::TrustsEverything);
                let verdict = if trusts { Verdict::Valid } else { self.verdicts.of(&job) };
                let at = self.now + self.check.times(job.signatures() as u64);
                self.hosts[node].checked += job.signatures() as u64;
                let incarnation = self.hosts[node].incarnation;
                self.queue.push(at, Happening::Verified { node: node as u32, incarnation, job: job.id, verdict });
            }
            Output::Store(record) => self.hosts[node].stored.keep(record),
            Output::Load(load) => {
                let loaded = self.hosts[node].stored.load(load, &self.config.network.genesis());
                self.feedback.push_back(Input::Loaded(loaded));
            }
            Output::Disconnect { peer, reason } => {
                self.leave(node, peer, &reason);
                self.feedback.push_back(Input::PeerDisconnected { peer });
            }
            Output::Read { peer, allowed } => self.set_reading(node, peer, allowed),
            Output::Members(output) => self.on_members_output(node, *output),
            // No simulated node takes part in aggregates over links. `testnet aggregates` runs their machines alone.
            Output::SignTicket(_) => {}
            Output::Event(event) => self.on_event(node, &event),
        }
    }

    fn on_event(&mut self, node: usize, event: &Event) {
        let honest = self.hosts[node].is_honest();
        if let Some(records) = self.records.as_mut().filter(|_| honest) {
            records.event(self.now, node, event);
        }
        match event {
            Event::BodyReceived { item, duplicate, .. } if honest => self.ledger.body(item, *duplicate),
            Event::Accepted { item, from, within, .. } => {
                let from = from.and_then(|from| self.far_end(node, from));
                self.hash.note(
                    self.now,
                    Mark::Accepted,
                    node,
                    from.unwrap_or(node),
                    [word(item), u64::from(within.is_some())],
                );
                if honest {
                    self.ledger.accepted(item, node, from, within.is_some(), self.now);
                }
            }
            Event::TipChanged { tip, .. } if honest && self.partition.is_some() => {
                let at_ns = self.now.as_micros() * NS_PER_US;
                self.tips.push(TipAt { at_ns, node, height: tip.height, id: tip.id.short() });
            }
            Event::Refused { item, .. } => self.hash.note(self.now, Mark::Refused, node, node, [word(item), 0]),
            _ => {}
        }
        if !self.hosts[node].watched {
            return;
        }
        let stutters = self.hosts[node].sabotage == Some(Sabotage::Stutters);
        for _ in 0..1 + usize::from(stutters) {
            for checker in &mut self.checkers {
                checker.event(self.now, node, event);
            }
        }
    }

    fn settled(&mut self, node: usize) {
        let host = &self.hosts[node];
        if let (true, Some(engine)) = (host.watched, host.engine.as_ref()) {
            for checker in &mut self.checkers {
                checker.settled(self.now, node, engine);
            }
        }
    }

    /// Keeps one live timer for a node. A timer that is too early stays: it finds nothing due, and is set again.
    fn arm(&mut self, node: usize) {
        let host = &mut self.hosts[node];
        let Some(due) = host.engine.as_ref().and_then(|engine| engine.poll_timeout()) else { return };
        let due = host.global(due, self.now);
        if host.timer.is_none_or(|timer| due < timer) {
            host.timer = Some(due);
            self.queue.push(due, Happening::Timer { node: node as u32 });
        }
    }

    fn on_timer(&mut self, node: usize) {
        let host = &mut self.hosts[node];
        // A timer that was set again for an earlier time is dead.
        if host.timer != Some(self.now) {
            return;
        }
        host.timer = None;
        let local = host.local(self.now);
        match host.engine.as_ref().and_then(|engine| engine.poll_timeout()) {
            Some(due) if due <= local => self.step(node, Input::Timeout),
            _ => self.arm(node),
        }
    }

    fn on_tick(&mut self, node: usize) {
        let host = &mut self.hosts[node];
        let peers = host.peers();
        let Some(adversary) = host.adversary.as_mut() else { return };
        let every = adversary.interval();
        let last = if adversary.stops() { self.load_to } else { self.end };
        adversary.tick(self.now, &peers, &mut self.sendings);
        host.deeds += self.sendings.len() as u64;
        self.dispatch(node);
        if let Some(at) = every.map(|every| self.now + every).filter(|at| *at < last) {
            self.queue.push(at, Happening::Tick { node: node as u32 });
        }
    }

    fn part_of(&mut self, most: Duration) -> Duration {
        Duration::from_micros((most.as_micros() as f64 * self.draws.unit()) as u64)
    }
}

/// An item's name in the fingerprint.
fn word(item: &ItemId) -> u64 {
    u64::from_le_bytes(ledger::short_of(item).0)
}
