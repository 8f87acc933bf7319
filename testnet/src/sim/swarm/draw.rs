//! The draws of a seed. Each part is drawn from its own stream.

mod adversaries;

use std::time::Duration;

use protocol::gossip::{AuthorTree, Digest, Reconciliation, Redundancy, RelayPolicy, Rumor};

use super::super::adversary::AdversaryPlan;
use super::Drawn;
use crate::random::{Draws, Seed};
use crate::sim::fault::{FaultPlan, Partition, PartitionKind};
use crate::sim::simulation::Room;
use crate::topology::Topology;
use crate::wan::{Bandwidth, Jitter, Wan};
use crate::workload::{Length, Load, Skew};

/// The number of nodes of a network.
const NODES: (usize, usize) = (4, 32);

/// Seconds of load. They are few, so that many networks can be tried.
const LOAD_SECS: (usize, usize) = (4, 10);

/// Each fault, and each kind of adversary, is possible in this share of networks.
const ON: f64 = 0.3;

/// Headers of a tree that should be filled: 40 of the best chain, more than there are blocks.
const HEADERS: usize = 96;

/// The time after the load: the expiries of several withholding neighbours, one after the other, and on several
/// hops.
const SWARM_DRAIN: Duration = Duration::from_secs(180);

impl Drawn {
    /// The draw of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let draws = |purpose: &str| Seed(seed).draws(&format!("swarm {purpose}"));
        let nodes = between(&mut draws("nodes"), NODES);
        let mut load = load(&mut draws("load"));
        let adversaries = AdversaryPlan::drawn(&mut draws("adversaries"), nodes, &load);
        let adversaries = adversaries.attacked(&mut draws("attacks"), nodes, &mut load);
        let adversaries = adversaries.varied(&mut draws("variants"), &mut load);
        Self {
            seed,
            nodes,
            topology: topology(&mut draws("topology"), nodes),
            relay: relay(&mut draws("relay"), nodes),
            reconciliation: reconciliation(&mut draws("reconciliation")),
            wan: wan(&mut draws("wan")),
            jitter: Jitter::new([0.0, 0.1, 0.5][draws("jitter").below(3)]).unwrap_or_default(),
            bandwidth: bandwidth(&mut draws("bandwidth")),
            faults: FaultPlan::drawn(&mut draws("faults"), nodes, load.duration()),
            room: room(&adversaries),
            groups: groups(&mut draws("groups"), nodes),
            adversaries,
            load,
            drain: SWARM_DRAIN,
        }
    }
}

impl FaultPlan {
    /// A plan from this seed, for this number of nodes and this length of the load.
    #[must_use]
    pub fn swarm(seed: Seed, nodes: usize, load: Duration) -> Self {
        Self::drawn(&mut seed.draws("swarm faults"), nodes, load)
    }

    fn drawn(draws: &mut Draws, nodes: usize, load: Duration) -> Self {
        let mut plan = Self {
            loss: sometimes(draws, 0.3),
            duplicate: sometimes(draws, 0.5),
            reorder: sometimes(draws, 0.5),
            // The share of a minute, over some seconds.
            churn: sometimes(draws, 1.0),
            ..Self::default()
        };
        if draws.chance(ON) {
            plan.crashes = 1 + draws.below(nodes / 2);
        }
        plan.down_for = part(draws, Duration::from_secs(6));
        if draws.chance(ON) {
            plan.partition = (0..1 + draws.below(2)).map(|_| partition(draws, load)).collect();
        }
        plan.slow = sometimes(draws, 0.5);
        plan.slow_by = part(draws, Duration::from_millis(3));
        if draws.chance(ON) {
            plan.clock_offset = part(draws, Duration::from_secs(600));
        }
        plan
    }
}

fn topology(draws: &mut Draws, nodes: usize) -> Topology {
    match draws.below(4) {
        0 if nodes <= 16 => Topology::Complete,
        0 | 1 if nodes > 6 => Topology::SmallWorld(4, 0.2),
        2 if nodes > 8 => Topology::KademliaLike(4),
        _ => {
            let most = 8.min(nodes - 1);
            let degree = 3 + draws.below(most - 2);
            // If both the degree and the number of nodes are odd, there is no graph.
            Topology::Regular(if nodes % 2 == 1 && degree % 2 == 1 { degree - 1 } else { degree })
        }
    }
}

fn reconciliation(draws: &mut Draws) -> Reconciliation {
    let interval = [0, 250, 1_000, 1_000][draws.below(4)];
    let digest = [Digest::PushPull, Digest::PushPull, Digest::Push, Digest::Pull][draws.below(4)];
    Reconciliation { interval: protocol::time::Duration::from_millis(interval), digest }
}

fn relay(draws: &mut Draws, nodes: usize) -> RelayPolicy {
    match draws.below(8) {
        0 | 1 => RelayPolicy::Announce,
        2 | 3 => RelayPolicy::Flood,
        4..=6 => {
            let redundancy = if draws.chance(ON) { draws.below(201) as u16 } else { 0 };
            let redundancy = Redundancy::from_hundredths(redundancy).unwrap_or_default();
            RelayPolicy::AuthorTree(AuthorTree { redundancy })
        }
        _ => RelayPolicy::Rumor(Rumor {
            fanout: 1 + draws.below(5) as u8,
            round: protocol::time::Duration::from_millis(100 + draws.below(900) as u64),
            nodes: nodes as u32,
            feedback: draws.chance(0.5),
        }),
    }
}

fn wan(draws: &mut Draws) -> Wan {
    match draws.below(3) {
        0 => Wan::None,
        1 => Wan::Regions,
        _ => Wan::Uniform(Duration::from_millis(1 + draws.below(150) as u64)),
    }
}

/// In most networks each node has its own address group. In the others, honest nodes and adversaries share few
/// groups.
fn groups(draws: &mut Draws, nodes: usize) -> Option<usize> {
    draws.chance(ON).then(|| 1 + draws.below(nodes / 2))
}

/// Room that the attackers can fill.
fn room(adversaries: &AdversaryPlan) -> Room {
    Room { headers: (adversaries.fill > 0.0).then_some(HEADERS), ..Room::default() }
}

fn bandwidth(draws: &mut Draws) -> Bandwidth {
    let spelled = ["unlimited", "unlimited", "20mbit", "100mbit"][draws.below(4)];
    spelled.parse().unwrap_or_default()
}

fn load(draws: &mut Draws) -> Load {
    let mut load = Load {
        tx_rate: 1.0 + draws.unit() * 14.0,
        tx_bytes: match draws.below(5) {
            0 => 4_000 + draws.below(30_000),
            _ => 150 + draws.below(1_000),
        },
        length: Length::Duration(Duration::from_secs(between(draws, LOAD_SECS) as u64)),
        authors: 1 + draws.below(20),
        skew: if draws.chance(0.5) { Skew::Zipf(1.0) } else { Skew::None },
        one_time_authors: sometimes(draws, 1.0),
        stray: sometimes(draws, 0.5),
        ..Load::default()
    };
    if draws.chance(0.5) {
        load.block_interval = Some(block_interval(draws));
        load.producers = 1 + draws.below(3);
        if draws.chance(ON) {
            load.block_bytes = Some(3 * load.tx_bytes + 4_000 + draws.below(60_000));
        }
    }
    load
}

fn block_interval(draws: &mut Draws) -> Duration {
    Duration::from_millis(500 + draws.below(2_500) as u64)
}

fn partition(draws: &mut Draws, load: Duration) -> Partition {
    let kind = match draws.below(4) {
        0 => PartitionKind::Half,
        1 => PartitionKind::One,
        2 => PartitionKind::OneWay,
        _ => PartitionKind::Ratio(0.1 + 0.4 * draws.unit()),
    };
    let every =
        if draws.chance(ON) { Duration::from_millis(500 + draws.below(2_000) as u64) } else { Duration::ZERO };
    Partition { at: part(draws, load), lasts: part(draws, load), kind, every }
}

/// Off in most networks, and otherwise anything up to `most`.
fn sometimes(draws: &mut Draws, most: f64) -> f64 {
    if draws.chance(ON) { most * draws.unit() } else { 0.0 }
}

fn part(draws: &mut Draws, most: Duration) -> Duration {
    // Whole milliseconds, because they are easy to write down.
    Duration::from_millis(most.mul_f64(draws.unit()).as_millis() as u64)
}

fn between(draws: &mut Draws, (least, most): (usize, usize)) -> usize {
    least + draws.below(most - least + 1)
}
