//! A rival of our membership in the same world: foca, a SWIM library without IO. It runs unmodified, with its own
//! presets, its own codec, and an identity that renews itself.
//!
//! * **The same faults.** The schedule of crashes, joins, pauses, cuts and partitions is the one that our machine gets
//!   with this seed, and so are delays, jitter, loss, duplication, reordering and bandwidth. The same ledger notes who
//!   takes whom for dead, so all figures have the same meaning.
//! * **Datagrams** are what foca sends: each is one packet of UDP, is never sent again, and may overtake others. What a
//!   cut or a partition stops is lost.
//! * **A node knows its neighbours in the graph**, as our nodes do. It announces itself to them when it starts, and
//!   again whenever it knows nobody.
//!
//! Deliberately absent: items, entries, signatures, our checkers, and any rule about members. foca has them.

mod drive;
mod faults;
pub mod identity;
mod node;

use std::num::NonZeroU32;

use bytes::Bytes;
use foca::{AccumulatingRuntime, Config, Timer};
use protocol::time::{Duration, Time};

pub use self::identity::RivalId;
use self::node::Node;
use super::fault::Schedule;
use super::link::Network;
use super::members::cuts::Cuts;
use super::members::ledger::Ledger;
use super::members::plan::Preset;
use super::simulation::queue::EventQueue;
use super::simulation::trace::TraceHash;
use super::simulation::{EVENTS_PER_PROGRESS, Finished, Progress, Setup, ledger};
use crate::random::{Draws, Seed};
use crate::topology::Graph;
use crate::wan::Delays;

/// The headers of IPv4 and UDP, which each datagram has.
pub const DATAGRAM_HEADER_BYTES: u64 = 20 + 8;

/// An event in the future.
enum Happening {
    Arrive { to: u32, from: u32, worked_on: bool, data: Bytes },
    Timer { node: u32, run: u32, timer: Box<Timer<RivalId>> },
    Announce { node: u32, run: u32 },
    Fault { index: usize },
    Healed,
}

/// The world.
struct World {
    now: Time,
    load_from: Time,
    end: Time,
    queue: EventQueue<Happening>,
    nodes: Vec<Node>,
    graph: Graph,
    delays: Delays,
    network: Network,
    cuts: Cuts,
    schedule: Schedule,
    config: Config,
    ledger: Ledger,
    hash: TraceHash,
    seed: Seed,
    draws: Draws,
    /// Lent to the machine at work. Empty between inputs.
    runtime: AccumulatingRuntime<RivalId>,
    events: u64,
    inputs: u64,
    /// Datagrams that were sent, and the number of these that were lost.
    messages: (u64, u64),
}

/// The rival's own parameters for a network of this size.
#[must_use]
pub fn config(preset: Preset, nodes: usize) -> Config {
    let size = u32::try_from(nodes).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN);
    match preset {
        Preset::Lan => Config::new_lan(size),
        Preset::Wan => Config::new_wan(size),
    }
}

/// Runs the rival's members to the end.
#[must_use]
pub fn run(setup: Setup, preset: Preset, progress: &mut dyn FnMut(Progress)) -> Finished {
    let late = setup.members.as_ref().map_or_else(Vec::new, |start| start.late.clone());
    let mut world = World::new(setup, preset);
    world.begin(&late);
    while let Some((at, happening)) = world.queue.pop() {
        if at > world.end {
            break;
        }
        if world.now < world.load_from && at >= world.load_from {
            world.nodes.iter_mut().for_each(|node| node.read.1 = node.read.0);
        }
        world.now = at;
        world.events += 1;
        if world.events.is_multiple_of(EVENTS_PER_PROGRESS) {
            progress(Progress { now: at, end: world.end, events: world.events, arrived: 0 });
        }
        world.happen(happening);
    }
    world.finish()
}

impl World {
    fn new(setup: Setup, preset: Preset) -> Self {
        let nodes = setup.graph.nodes();
        let load_from = Time::ZERO + setup.settle;
        let load_to = load_from + setup.load;
        let mut all: Vec<Node> = (0..nodes).map(|_| Node::default()).collect();
        for (node, given) in all.iter_mut().zip(&setup.nodes) {
            node.slowness = given.slowness;
        }
        Self {
            now: Time::ZERO,
            load_from,
            end: load_to + setup.drain,
            queue: EventQueue::default(),
            nodes: all,
            graph: setup.graph,
            delays: setup.delays,
            network: Network::new(setup.links, nodes, setup.seed.draws("network")),
            cuts: Cuts::new(setup.seed),
            schedule: setup.schedule,
            config: config(preset, nodes),
            ledger: Ledger::new(nodes, (load_from, load_to)),
            hash: TraceHash::default(),
            seed: setup.seed,
            draws: setup.seed.draws("rival"),
            runtime: AccumulatingRuntime::new(),
            events: 0,
            inputs: 0,
            messages: (0, 0),
        }
    }

    fn finish(mut self) -> Finished {
        self.ledger.ended(self.now);
        Finished {
            records: None,
            ledger: ledger::Ledger::new(self.nodes.len()),
            hosts: self.nodes.into_iter().map(Node::into_host).collect(),
            checkers: Vec::new(),
            trace_hash: self.hash.finish(),
            events: self.events,
            inputs: self.inputs,
            messages: self.messages,
            left: 0,
            members: Some(self.ledger),
            load_from: self.load_from,
            partition: None,
            tips: Vec::new(),
            ended_at: self.now,
        }
    }

    fn part_of(&mut self, most: Duration) -> Duration {
        Duration::from_micros((most.as_micros() as f64 * self.draws.unit()) as u64)
    }
}
