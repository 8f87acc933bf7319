//! From a setup to the world before the first event, and the first events that are scheduled.

use std::collections::VecDeque;
use std::sync::Arc;

use protocol::gossip::Config;
use protocol::items::validator::Producers;
use protocol::time::{Duration, Time};

use super::host::{Host, Link};
use super::ledger::Ledger;
use super::ledger::records::Records;
use super::members::World;
use super::queue::EventQueue;
use super::setup::{NodeSetup, Setup};
use super::trace::TraceHash;
use super::verdicts::Verdicts;
use super::{Happening, SimError, Simulation};
use crate::random::Draws;
use crate::random::keys::node_key;
use crate::sim::checker::Checker;
use crate::sim::link::Network;
use crate::topology::Graph;

/// All nodes start within this time.
const START_SPREAD: Duration = Duration::from_millis(500);

impl Simulation {
    /// The world before the first event.
    #[must_use]
    pub fn new(setup: Setup) -> Self {
        let nodes = setup.graph.nodes();
        let producers: Vec<usize> = setup.blocks.iter().map(|(_, node)| *node).collect();
        let keys = producers.iter().map(|&node| node_key(setup.seed, node).public());
        let config = Config {
            network: setup.network,
            relay: setup.relay,
            reconciliation: setup.reconciliation,
            producers: Producers::Allowed(Arc::new(keys.collect())),
        };
        let load_from = Time::ZERO + setup.settle;
        let load_to = load_from + setup.load;
        let mut draws = setup.seed.draws("links");
        let (links, links_of) = wired(&setup.graph, &mut draws);
        let hosts = hosts(setup.nodes, nodes, &setup.checkers);
        let world = |start| Box::new(World::new(start, nodes, setup.seed, (load_from, load_to)));
        Self {
            now: Time::ZERO,
            load_from,
            load_to,
            end: load_to + setup.drain,
            queue: EventQueue::default(),
            hosts,
            links,
            links_of,
            delays: setup.delays,
            network: Network::new(setup.links, nodes, setup.seed.draws("network")),
            config,
            room: setup.room,
            seed: setup.seed,
            workload: setup.workload,
            blocks: setup.blocks,
            makers: setup.makers,
            block_bytes_max: setup.block_bytes_max,
            check: setup.check,
            schedule: setup.schedule,
            partition: setup.partition,
            members: setup.members.map(world),
            tips: Vec::new(),
            verdicts: Verdicts::default(),
            ledger: Ledger::new(nodes),
            records: setup.recorded.then(|| Records::new(nodes)),
            hash: TraceHash::default(),
            checkers: setup.checkers,
            draws,
            events: 0,
            inputs: 0,
            messages: (0, 0),
            left: 0,
            flushes: Vec::new(),
            feedback: VecDeque::new(),
            outputs: VecDeque::new(),
            sendings: Vec::new(),
        }
    }

    pub(super) fn begin(&mut self) -> Result<(), SimError> {
        for node in 0..self.hosts.len() {
            if self.members.as_ref().is_none_or(|world| world.begins(node)) {
                self.start(node);
            } else {
                self.hosts[node].was_down = true;
            }
            if let Some(every) = self.hosts[node].adversary.as_ref().and_then(|adversary| adversary.interval()) {
                self.queue.push(self.load_from + every, Happening::Tick { node: node as u32 });
            }
        }
        for link in 0..self.links.len() {
            let at = Time::ZERO + self.part_of(START_SPREAD);
            self.queue.push(at, Happening::Dial { link: link as u32 });
        }
        for (index, (at, _)) in self.schedule.iter().enumerate() {
            let at = self.load_from + at.since(Time::ZERO);
            self.queue.push(at, Happening::Fault { index });
        }
        for (index, (due, _)) in self.blocks.iter().enumerate() {
            self.queue.push(self.load_from + *due, Happening::Block { index });
        }
        self.schedule_submission()
    }
}

/// The links of the graph, each with one end that dials, and the links of each node.
fn wired(graph: &Graph, draws: &mut Draws) -> (Vec<Link>, Vec<Vec<u32>>) {
    let nodes = graph.nodes();
    let mut links = Vec::new();
    let mut links_of = vec![Vec::new(); nodes];
    for a in 0..nodes {
        for b in graph.neighbours(a).iter().map(|&b| b as usize).filter(|&b| a < b) {
            let (dialler, listener) = if draws.chance(0.5) { (a, b) } else { (b, a) };
            for end in [a, b] {
                links_of[end].push(links.len() as u32);
            }
            links.push(Link::new(dialler as u32, listener as u32));
        }
    }
    (links, links_of)
}

/// The nodes, all of them down.
fn hosts(setups: Vec<NodeSetup>, nodes: usize, checkers: &[Box<dyn Checker>]) -> Vec<Host> {
    let mut hosts: Vec<Host> = (0..nodes).map(|_| Host::new()).collect();
    for (node, (host, given)) in hosts.iter_mut().zip(setups).enumerate() {
        host.group = given.group.unwrap_or(node as u64);
        host.clock_ahead = given.clock_ahead;
        host.slowness = given.slowness;
        host.adversary = given.adversary;
        host.sabotage = given.sabotage;
    }
    for (node, host) in hosts.iter_mut().enumerate() {
        host.watched = host.is_honest() && checkers.iter().any(|checker| checker.watches(node));
    }
    hosts
}
