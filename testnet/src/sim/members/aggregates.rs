//! Aggregates over links at scale: the engine's machines of push-sum and of the network's size, alone, on random
//! regular graphs.
//!
//! * **Time is in ticks.** All members tick at the same moment, and what they send arrives before the next tick. With
//!   the node's interval, a tick is a second.
//! * **Members come and go** at the same rate. The links that end are given to those that join, so that the graph stays
//!   random and nearly regular.
//!
//! Deliberately absent: relay, the chain and its epochs, delays between links, and signatures. All run in one epoch.

pub mod size;
pub mod world;

use protocol::items::hash::BlockId;
use protocol::items::member::epoch::Epoch;

use crate::random::Seed;
use crate::report::aggregates::{Aggregated, Faulty, Growth};
use crate::report::schema::SCHEMA;
use crate::report::statistics::Sorted;
use crate::topology::TopologyError;
use world::World;

/// What is run.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The numbers of members on which push-sum runs.
    pub nodes: Vec<usize>,
    /// Each member's links.
    pub degree: usize,
    /// The seeds of each number of members.
    pub seeds: u64,
    /// The first seed.
    pub seed: u64,
    /// The numbers of members on which push-sum runs in bad weather.
    pub faulty: Vec<usize>,
    /// The share of messages that are lost there.
    pub loss: f64,
    /// The share of members that leave there in a minute. As many join.
    pub churn: f64,
    /// The numbers of members whose size is estimated.
    pub sizes: Vec<usize>,
    /// The epochs of each of these.
    pub epochs: u64,
    /// The command, for people.
    pub command: String,
}

/// An estimate this close to the average has settled.
pub const CLOSE: f64 = 0.01;

/// An estimate this close is good enough while members come and go.
pub const GOOD: f64 = 0.02;

/// Ticks after which a run that has not settled is given up.
const TICKS_MAX: u64 = 300;

/// Ticks without members that come and go, before it is looked.
const WARM: u64 = 60;

/// Ticks with them: four minutes, which is most of an epoch.
const STORMY: u64 = 240;

/// Every so many of these ticks it is looked how far estimates are off.
const ERRORS_EVERY: u64 = 4;

/// Runs the plan. `progress` is told each step.
///
/// # Errors
/// If there is no such graph.
pub fn run(plan: &Plan, mut progress: impl FnMut(&str)) -> Result<Aggregated, TopologyError> {
    let seeds = plan.seed..plan.seed.saturating_add(plan.seeds);
    let mut growth = Vec::new();
    for nodes in &plan.nodes {
        progress(&format!("push-sum: {nodes} members"));
        let ticks: Result<Vec<Option<u64>>, TopologyError> =
            seeds.clone().map(|seed| settled(*nodes, plan.degree, Seed(seed))).collect();
        growth.push(Growth { nodes: *nodes, ticks: ticks? });
    }
    let mut faulty = Vec::new();
    for nodes in &plan.faulty {
        progress(&format!("push-sum in bad weather: {nodes} members"));
        faulty.push(in_weather(plan, *nodes)?);
    }
    let mut sizes = Vec::new();
    for members in &plan.sizes {
        progress(&format!("size: {members} members, {} epochs", plan.epochs));
        sizes.push(size::estimated(*members, plan.seed, plan.epochs));
    }
    Ok(Aggregated {
        schema: SCHEMA,
        kind: crate::report::aggregates::KIND.to_owned(),
        command: plan.command.clone(),
        degree: plan.degree,
        seeds: plan.seeds,
        growth,
        faulty,
        sizes,
    })
}

/// The ticks until all members are within [`CLOSE`].
fn settled(nodes: usize, degree: usize, seed: Seed) -> Result<Option<u64>, TopologyError> {
    let mut world = World::new(nodes, degree, seed)?;
    Ok((1..=TICKS_MAX).find(|_| {
        world.step();
        world.are_within(CLOSE)
    }))
}

/// How far estimates are off while messages are lost, and members come and go.
fn in_weather(plan: &Plan, nodes: usize) -> Result<Faulty, TopologyError> {
    let mut world = World::new(nodes, plan.degree, Seed(plan.seed))?;
    world.loss = plan.loss;
    (0..WARM).for_each(|_| world.step());
    let calm = Sorted::new(world.errors()).max();
    world.churn = plan.churn;
    let mut errors = Vec::new();
    for tick in 1..=STORMY {
        world.step();
        if tick.is_multiple_of(ERRORS_EVERY) {
            errors.extend(world.errors());
        }
    }
    world.churn = 0.0;
    let settled_after = (1..=TICKS_MAX).find(|_| {
        world.step();
        world.are_within(GOOD)
    });
    let good = errors.iter().filter(|error| **error <= GOOD).count() as f64 / errors.len().max(1) as f64;
    let errors = Sorted::new(errors);
    let at = |percent| errors.percentile(percent).filter(|error| error.is_finite());
    Ok(Faulty {
        nodes,
        loss: plan.loss,
        churn: plan.churn,
        calm: calm.filter(|error| error.is_finite()),
        p50: at(50),
        p90: at(90),
        p99: at(99),
        max: at(100),
        good,
        settled_after,
    })
}

/// The epoch in which all run.
fn epoch(seed: Seed) -> Epoch {
    Epoch { number: 1, block: BlockId(seed.bytes("epoch")) }
}
