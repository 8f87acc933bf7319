//! One simulation, from scenario and seed to its report. Real time is read here, outside the simulation, and only
//! to say how long it took.

pub mod batch;
pub mod film;
pub mod memory;
pub mod pages;
pub mod sweep;

use std::time::Instant;

use protocol::gossip::RelayPolicy;

use super::checker;
use super::checker::bounds::Bounds;
use super::checker::liveness::Liveness;
use super::checker::one_tip::OneTip;
use super::checker::safety::Safety;
use super::measure::{self, Measured, heal, rounds, spread};
use super::members::plan::RIVAL;
use super::rival;
use super::scenario::Scenario;
use super::simulation::ledger::records::Records;
use super::simulation::{Finished, Progress, Simulation};
use super::swarm::Drawn;
use super::watchers::Checks;
use crate::random::Seed;
use crate::report::deliveries::Delivery;
use crate::report::deliveries::hops::Hop;
use crate::report::figures::spreads::Spreads;
use crate::report::schema::causes::Causes;
use crate::report::schema::{Broken, Filled, Report, Rumored, SCHEMA, Simulated};
use crate::report::statistics::{ratio, rounded};
use crate::topology::floor::Floor;
use crate::wan::LinkPlan;
use film::Shot;

/// One simulation to run.
#[derive(Clone, Debug)]
pub struct Job {
    /// The scenario.
    pub scenario: Scenario,
    /// The draw that the scenario comes from, if it comes from a swarm.
    pub swarm: Option<Box<Drawn>>,
    /// The seed.
    pub seed: u64,
    /// The checkers that watch.
    pub checks: Checks,
    /// The command that was typed.
    pub command: String,
    /// The command that runs only this simulation.
    pub repeat: String,
    /// Whether the process runs nothing else, so that the memory of the process is the memory of this run.
    pub alone: bool,
}

/// The violations that a report holds. Further ones are only counted.
const VIOLATIONS_MAX: usize = 100;

/// Runs a simulation. `each` gets every delivery, in the order of submission and time.
///
/// # Errors
/// If the scenario contradicts itself, or an item can't be made.
pub fn run(
    job: &Job,
    progress: &mut dyn FnMut(Progress),
    each: &mut dyn FnMut(&Delivery),
) -> anyhow::Result<(Report, Spreads)> {
    run_and_keep(job, progress, each, Kept::default())
}

/// What is kept of a run beside its report.
#[derive(Debug, Default)]
pub struct Kept<'a> {
    /// What happened, to show it.
    pub film: Option<&'a mut Shot>,
    /// The last hop of each delivery, with its cause. Then the report has causes as well. Empty if the run is too
    /// large.
    pub hops: Option<&'a mut Vec<Hop>>,
}

/// A run of more nodes keeps no hops: nobody looks at each of a million deliveries, and its memory is for the engines.
pub const HOPS_NODES_MAX: usize = 1_000;

/// The same, and keeps more of what happened.
///
/// # Errors
/// As [`run`].
pub fn run_and_keep(
    job: &Job,
    progress: &mut dyn FnMut(Progress),
    each: &mut dyn FnMut(&Delivery),
    kept: Kept<'_>,
) -> anyhow::Result<(Report, Spreads)> {
    let mut setup = match &job.swarm {
        Some(drawn) => drawn.setup()?,
        None => job.scenario.setup(Seed(job.seed))?,
    };
    let rival = setup.members.as_ref().and_then(|start| start.rival);
    // The checkers watch our engines.
    let checks = if rival.is_some() { Checks::None } else { job.checks };
    setup.checkers = checks.checkers(&setup);
    let floor = Floor::new(&setup.graph, &setup.delays, job.scenario.bandwidth);
    let Kept { mut film, hops } = kept;
    if let Some(film) = &mut film {
        film.begin(&setup);
    }
    setup.recorded = hops.is_some() && setup.graph.nodes() <= HOPS_NODES_MAX;
    let links = setup.recorded.then(|| setup.link_plan());
    let (relay, nodes) = (setup.relay, setup.graph.nodes());
    let began = Instant::now();
    let mut finished = match rival {
        Some(preset) => rival::run(setup, preset, progress),
        None => Simulation::new(setup).run(progress)?,
    };
    let wall_s = began.elapsed().as_secs_f64();
    let measured = measure::measure(&finished, &floor, each);
    if let Some(film) = &mut film {
        film.end(&finished);
    }
    let rumor = rumored(&relay, &finished);
    let partition = heal::healed(&finished);
    let spread = job.scenario.interval.map(|interval| spread::spread(&finished, interval.into()));
    let members_of = measure::members::figures(&finished);
    let simulated = simulated(job, checks, nodes, &finished, wall_s)?;
    let causes = links.and_then(|links| take_causes(&mut finished, links, hops));
    let Measured { tx, block, cost, spreads } = measured;
    let report = Report {
        schema: SCHEMA,
        kind: "sim".to_owned(),
        engine: if rival.is_some() { RIVAL } else { "hearsay" }.to_owned(),
        relay: rival.map_or_else(|| relay.to_string(), |_| "none".to_owned()),
        stored: None,
        nodes,
        topology: job.scenario.topology.to_string(),
        wan: job.scenario.wan.to_string(),
        seed: job.seed,
        command: job.command.clone(),
        valid: true,
        invalid_because: Vec::new(),
        starved: false,
        echoes: Some(checker_of::<Safety>(&finished).map_or(0, Safety::echoes)),
        tx,
        block,
        cost,
        trace_hash: Some(finished.trace_hash.clone()),
        sim: Some(simulated),
        rumor,
        compared: None,
        partition,
        spread,
        by_hand: None,
        members: members_of,
        causes,
    };
    Ok((report, spreads))
}

fn rumored(relay: &RelayPolicy, finished: &Finished) -> Option<Rumored> {
    match relay {
        RelayPolicy::Rumor(rumor) => Some(rounds::rounds(finished, rumor)),
        _ => None,
    }
}

/// Why items came, if it was recorded. The hops go where they are wanted.
fn take_causes(finished: &mut Finished, links: LinkPlan, hops: Option<&mut Vec<Hop>>) -> Option<Causes> {
    let (found, causes) = measure::causes::causes(finished, links)?;
    if let Some(hops) = hops {
        *hops = found;
    }
    Some(causes)
}

fn simulated(
    job: &Job,
    checks: Checks,
    nodes: usize,
    finished: &Finished,
    wall_s: f64,
) -> anyhow::Result<Simulated> {
    let findings = || finished.checkers.iter().map(|checker| checker.findings());
    let kept = findings().flat_map(|findings| findings.kept()).take(VIOLATIONS_MAX);
    let broken = kept.map(|violation| Broken {
        at_ms: violation.at.as_micros() as f64 / 1e3,
        node: violation.node,
        what: violation.what.clone(),
    });
    let bounds = checker_of::<Bounds>(finished);
    let read: u64 = finished.hosts.iter().map(|host| host.wire_in - host.wire_before).sum();
    let per_second = |count: u64| ratio(count as f64, wall_s).map(|rate| rounded(rate, 0));
    // The records are the observer's, and no node has them.
    let records = finished.records.as_ref().map_or(0, Records::bytes_at_most);
    let peak = job.alone.then(memory::peak).flatten().map(|bytes| bytes.saturating_sub(records));
    let scenario = Scenario { nodes: Some(nodes), ..job.scenario.clone() };
    Ok(Simulated {
        options: serde_json::to_value(&scenario)?,
        repeat: job.repeat.clone(),
        events: finished.events,
        inputs: finished.inputs,
        messages: finished.messages.0,
        messages_lost: finished.messages.1,
        virtual_s: finished.ended_at.as_micros() as f64 / 1e6,
        wall_s: rounded(wall_s, 3),
        events_per_s: per_second(finished.events),
        inputs_per_s: per_second(finished.inputs),
        memory_bytes_per_node: peak.and_then(|bytes| ratio(bytes as f64, nodes as f64)).map(f64::round),
        memory_bytes_per_node_estimated: memory::estimate_per_node(&scenario),
        wire_bytes_per_node: ratio(read as f64, nodes as f64).map(|bytes| rounded(bytes, 1)),
        checks: checks.name(nodes).to_owned(),
        violations: broken.collect(),
        violations_found: findings().map(checker::Findings::count).sum(),
        adversaries: finished.hosts.iter().filter(|host| !host.is_honest()).count(),
        left: finished.left,
        tips: checker_of::<OneTip>(finished).map(OneTip::tips),
        signatures: finished.hosts.iter().filter(|host| host.is_honest()).map(|host| host.checked).sum(),
        unreachable: checker_of::<Liveness>(finished).map_or(0, Liveness::unreachable),
        counted_bytes_max: bounds.map(|bounds| bounds.highest_bytes() as u64),
        filled: bounds.map(filled).unwrap_or_default(),
    })
}

/// The highest use of each structure, the fullest structure first.
fn filled(bounds: &Bounds) -> Vec<Filled> {
    let bounded = bounds.highest().iter().filter(|(_, highest)| highest.limit < usize::MAX);
    let mut filled: Vec<Filled> = bounded
        .map(|(what, highest)| Filled {
            what: (*what).to_owned(),
            used: highest.used as u64,
            limit: highest.limit as u64,
            share: rounded(highest.share(), 6),
            node: highest.node,
            at_ms: highest.at.as_micros() as f64 / 1e3,
        })
        .collect();
    filled.sort_by(|a, b| b.share.total_cmp(&a.share));
    filled
}

/// The checker of a kind, if it watched.
fn checker_of<T: 'static>(finished: &Finished) -> Option<&T> {
    finished.checkers.iter().find_map(|checker| checker.as_any().downcast_ref())
}
