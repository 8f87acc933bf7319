//! What the page of several runs holds: a row for each run, with its headline figures.

use serde::Serialize;

use crate::report::compare::COMPARE_KIND;
use crate::report::schema::{Propagation, Report, Runs};

/// Runs that the page shows, at most. At some 600 bytes each, these are 0.6 MiB, and nobody reads more lines.
pub const SHOWN_RUNS_MAX: usize = 1_000;

/// The block of data in the page. The names are known to the scripts, and some are those of a single run's report.
#[derive(Clone, Debug, Serialize)]
pub(super) struct RunsExtract<'a> {
    kind: &'a str,
    parameter: &'a str,
    command: &'a str,
    /// Runs in `report.json`.
    all: usize,
    /// Whether seeds differ.
    seeds: bool,
    tx: Offered,
    block: Offered,
    rows: Vec<Row>,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Offered {
    offered: u64,
}

#[derive(Clone, Debug, Serialize)]
struct Row {
    /// What tells it from other runs, without the seed.
    name: String,
    seed: u64,
    valid: bool,
    starved: bool,
    tx: Figures,
    block: Figures,
    wire_bytes_per_delivery: Option<f64>,
    wire_ratio: Option<f64>,
    violations: Option<u64>,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Figures {
    coverage: Option<f64>,
    p50: Option<f64>,
    p95: Option<f64>,
    p99: Option<f64>,
    max: Option<f64>,
    redundancy: Option<f64>,
}

impl<'a> RunsExtract<'a> {
    pub(super) fn new(runs: &'a Runs) -> Self {
        let first = runs.runs.first();
        let offered = |kind: fn(&Report) -> &Propagation| Offered {
            offered: runs.runs.iter().map(|run| kind(run).offered).max().unwrap_or(0),
        };
        let name = |at: usize, run: &Report| match (&runs.sweep, &run.compared) {
            (Some(swept), _) => swept.values.get(at).cloned().unwrap_or_default(),
            (None, Some(compared)) => format!("{}, {}, {}", run.engine, run.relay, compared.workload),
            (None, None) => String::new(),
        };
        let parameter = if runs.kind == COMPARE_KIND { "engine, policy and workload" } else { "" };
        Self {
            kind: &runs.kind,
            parameter: runs.sweep.as_ref().map_or(parameter, |swept| &swept.parameter),
            command: first.map_or("", |run| &run.command),
            all: runs.runs.len(),
            seeds: runs.runs.iter().any(|run| first.is_some_and(|first| first.seed != run.seed)),
            tx: offered(|run| &run.tx),
            block: offered(|run| &run.block),
            rows: runs
                .runs
                .iter()
                .enumerate()
                .take(SHOWN_RUNS_MAX)
                .map(|(at, run)| Row::new(name(at, run), run))
                .collect(),
        }
    }
}

impl Row {
    fn new(name: String, run: &Report) -> Self {
        Self {
            name,
            seed: run.seed,
            valid: run.valid,
            starved: run.starved,
            tx: Figures::new(&run.tx),
            block: Figures::new(&run.block),
            wire_bytes_per_delivery: run.cost.wire_bytes_per_delivery,
            wire_ratio: run.cost.wire_ratio,
            violations: run.sim.as_ref().map(|sim| sim.violations_found),
        }
    }
}

impl Figures {
    const fn new(kind: &Propagation) -> Self {
        let latency = kind.latency_ms;
        Self {
            coverage: kind.coverage,
            p50: latency.p50,
            p95: latency.p95,
            p99: latency.p99,
            max: latency.max,
            redundancy: kind.redundancy,
        }
    }
}
