//! One simulation, from scenario and seed to its report. Real time is looked at here, outside the simulation, and only
//! to say how long it took.

use std::time::Instant;

use protocol::gossip::RelayPolicy;

use super::floor::Floor;
use super::measure::{self, Measured};
use super::rounds;
use super::scenario::Scenario;
use super::simulation::{Finished, Progress, Simulation};
use crate::random::Seed;
use crate::report::deliveries::Delivery;
use crate::report::schema::{Broken, Report, SCHEMA, Simulated};
use crate::report::spreads::Spreads;
use crate::report::statistics::{ratio, rounded};

/// One simulation to run.
#[derive(Clone, Debug)]
pub struct Job {
    /// What.
    pub scenario: Scenario,
    /// With which seed.
    pub seed: u64,
    /// Who watches.
    pub checks: Checks,
    /// The command that was typed.
    pub command: String,
    /// The command that runs this and nothing else.
    pub repeat: String,
    /// Whether the process runs nothing else, so that its memory is this run's.
    pub alone: bool,
}

/// Who watches a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checks {
    /// Every checker, at every event in networks below [`SAMPLED_FROM`] nodes, now and then in larger ones.
    All,
    /// Nobody.
    None,
}

/// Networks of so many nodes are checked now and then, not at every event.
pub const SAMPLED_FROM: usize = 1_000;

/// Violations that a report holds; the rest is counted.
const VIOLATIONS_MAX: usize = 100;

/// Runs a simulation. `each` gets every delivery, in order of submission and time.
///
/// # Errors
/// If the scenario contradicts itself, or an item can't be made.
pub fn run(
    job: &Job,
    progress: &mut dyn FnMut(Progress),
    each: &mut dyn FnMut(&Delivery),
) -> anyhow::Result<(Report, Spreads)> {
    let setup = job.scenario.setup(Seed(job.seed))?;
    let floor = Floor::new(&setup.graph, &setup.delays, job.scenario.bandwidth);
    let (relay, nodes) = (setup.relay, setup.graph.nodes());
    let began = Instant::now();
    let finished = Simulation::new(setup).run(progress)?;
    let wall_s = began.elapsed().as_secs_f64();
    let measured = measure::measure(&finished, &floor, each);
    let rumor = match &relay {
        RelayPolicy::Rumor(rumor) => Some(rounds::rounds(&finished, rumor)),
        _ => None,
    };
    let simulated = simulated(job, nodes, &finished, wall_s)?;
    let Measured { tx, block, cost, spreads } = measured;
    let report = Report {
        schema: SCHEMA,
        kind: "sim".to_owned(),
        engine: "hearsay".to_owned(),
        relay: relay.to_string(),
        nodes,
        topology: job.scenario.topology.to_string(),
        wan: job.scenario.wan.to_string(),
        seed: job.seed,
        command: job.command.clone(),
        valid: true,
        invalid_because: Vec::new(),
        starved: false,
        echoes: 0,
        tx,
        block,
        cost,
        trace_hash: Some(finished.trace_hash),
        sim: Some(simulated),
        rumor,
    };
    Ok((report, spreads))
}

fn simulated(job: &Job, nodes: usize, finished: &Finished, wall_s: f64) -> anyhow::Result<Simulated> {
    let found = || finished.checkers.iter().flat_map(|checker| checker.violations());
    let broken = found().take(VIOLATIONS_MAX).map(|violation| Broken {
        at_ms: violation.at.as_micros() as f64 / 1e3,
        node: violation.node,
        what: violation.what.clone(),
    });
    let read: u64 = finished.hosts.iter().map(|host| host.wire_in - host.wire_before).sum();
    let per_second = |count: u64| ratio(count as f64, wall_s).map(|rate| rounded(rate, 0));
    let peak = job.alone.then(peak_memory_bytes).flatten();
    Ok(Simulated {
        options: serde_json::to_value(Scenario { nodes: Some(nodes), ..job.scenario.clone() })?,
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
        wire_bytes_per_node: ratio(read as f64, nodes as f64).map(|bytes| rounded(bytes, 1)),
        checks: match (job.checks, nodes) {
            (Checks::None, _) => "none".to_owned(),
            (Checks::All, nodes) if nodes < SAMPLED_FROM => "all".to_owned(),
            (Checks::All, _) => "sampled".to_owned(),
        },
        violations: broken.collect(),
        violations_found: found().count() as u64,
        adversaries: finished.hosts.iter().filter(|host| !host.is_honest()).count(),
        left: finished.left,
        unreachable: 0,
    })
}

/// This process's peak resident memory (`VmHWM`), where the system tells.
fn peak_memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}
