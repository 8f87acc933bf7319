//! Runs of several engines on the same work as tables: medians over rounds, and ratios to the reference.
//!
//! A ratio is taken within each round, whose runs had the same seed and were near in time; its median and its lowest
//! and highest over rounds are shown. Of coverage the lowest round is shown: what got lost once is not lost in a
//! median.

use std::fmt::Write as _;

use super::schema::{Propagation, Report, Runs};
use super::statistics::{Sorted, ratio};
use super::tables::layout::{Cell, Grid, Page, wrapped};
use super::tables::{DASH, number, percent, told};

/// What [`Runs::kind`] says of runs that are compared.
pub const KIND: &str = "compare";

/// A figure that is compared.
#[derive(Clone, Copy, Debug)]
pub struct Figure {
    /// Its heading.
    pub name: &'static str,
    /// Digits shown of it.
    digits: usize,
    /// Where a report has it. The two kinds of items share costs.
    of: fn(&Report, &Propagation) -> Option<f64>,
    /// Whether a ratio to another engine's is of use.
    compared: bool,
}

/// The figures, in the order of the columns. Those that no run has are left out.
pub const FIGURES: [Figure; 11] = [
    Figure { name: "p50 ms", digits: 1, of: |_, kind| kind.latency_ms.p50, compared: true },
    Figure { name: "p95 ms", digits: 1, of: |_, kind| kind.latency_ms.p95, compared: true },
    Figure { name: "p99 ms", digits: 1, of: |_, kind| kind.latency_ms.p99, compared: true },
    Figure { name: "stretch\np95", digits: 2, of: |_, kind| kind.stretch.p95, compared: false },
    Figure { name: "over\nlimit", digits: 2, of: |_, kind| kind.over_limit.p50, compared: false },
    Figure { name: "bytes", digits: 0, of: |report, _| report.cost.wire_bytes_per_delivery, compared: true },
    Figure { name: "wire\nratio", digits: 2, of: |report, _| report.cost.wire_ratio, compared: false },
    Figure { name: "redundancy", digits: 2, of: |_, kind| kind.redundancy, compared: false },
    Figure { name: "CPU µs", digits: 0, of: |report, _| report.cost.cpu_us_per_delivery, compared: true },
    Figure { name: "control\nms", digits: 1, of: |report, _| report.cost.control_excess_ms.p99, compared: false },
    Figure { name: "RSS MiB", digits: 1, of: |report, _| report.cost.rss_mib.p50, compared: true },
];

/// Transactions or blocks.
type Kind = (&'static str, fn(&Report) -> &Propagation);
const KINDS: [Kind; 2] = [("transactions", |report| &report.tx), ("blocks", |report| &report.block)];

/// One figure over rounds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spread {
    /// The median, by nearest rank.
    pub median: Option<f64>,
    /// The lowest.
    pub low: Option<f64>,
    /// The highest.
    pub high: Option<f64>,
}

/// All runs of one engine and policy on one workload.
#[derive(Clone, Debug)]
pub struct Series<'a> {
    /// The workload's name.
    pub workload: &'a str,
    /// The runs, in order.
    pub runs: Vec<&'a Report>,
}

/// The runs by workload, engine and policy, in order of their first appearance.
#[must_use]
pub fn series(runs: &[Report]) -> Vec<Series<'_>> {
    let mut all: Vec<Series<'_>> = Vec::new();
    for run in runs {
        let workload = run.compared.as_ref().map_or("", |compared| compared.workload.as_str());
        let same = |one: &&mut Series<'_>| one.workload == workload && one.is_of(run);
        match all.iter_mut().find(same) {
            Some(one) => one.runs.push(run),
            None => all.push(Series { workload, runs: vec![run] }),
        }
    }
    all
}

/// The tables of every workload, and what the reader must know before believing them.
#[must_use]
pub fn render(runs: &Runs, page: Page) -> String {
    let Some(first) = runs.runs.first() else { return "no run was finished".to_owned() };
    let all = series(&runs.runs);
    let rounds = all.iter().map(|one| one.runs.len()).max().unwrap_or(0);
    let mut text = format!(
        "{} nodes · {} · wan {} · {rounds} {} from seed {}",
        first.nodes,
        first.topology,
        first.wan,
        if rounds == 1 { "round" } else { "rounds" },
        first.seed,
    );
    text = format!("{}\n{}\n", wrapped(&text, page.width), first.command);
    let mut workloads: Vec<&str> = all.iter().map(|one| one.workload).collect();
    workloads.dedup();
    for (name, kind) in KINDS {
        if !runs.runs.iter().any(|run| kind(run).offered > 0) {
            continue;
        }
        // Writing to a string can't fail.
        let _ = writeln!(text, "\n{name}: medians over rounds; bytes and processor time for each delivery");
        let _ = writeln!(text, "{}", told(figures(&all, kind), page));
        for workload in &workloads {
            if let Some((reference, grid)) = ratios(&all, workload, kind) {
                let what = format!("{name}, {workload}: times {reference}'s, median (lowest–highest round)");
                let _ = writeln!(text, "\n{}\n{}", wrapped(&what, page.width), grid.render(page));
            }
        }
    }
    for line in remarks(&runs.runs) {
        let _ = writeln!(text, "\n{}", wrapped(&line, page.width));
    }
    text
}

impl Series<'_> {
    /// How the engine and its policy are called.
    #[must_use]
    pub fn name(&self) -> String {
        self.runs.first().map_or(String::new(), |run| name_of(run))
    }

    /// A figure over rounds.
    #[must_use]
    pub fn figure(&self, figure: &Figure, kind: fn(&Report) -> &Propagation) -> Spread {
        Spread::of(self.runs.iter().filter_map(|run| (figure.of)(run, kind(run))))
    }

    /// A figure over the reference's in the same round.
    #[must_use]
    pub fn ratio_to(&self, other: &Series<'_>, figure: &Figure, kind: fn(&Report) -> &Propagation) -> Spread {
        let round = |run: &Report| run.compared.as_ref().map(|compared| compared.round);
        let value = |run: &Report| (figure.of)(run, kind(run));
        Spread::of(self.runs.iter().filter_map(|run| {
            let beside = other.runs.iter().find(|beside| round(beside) == round(run))?;
            ratio(value(run)?, value(beside)?)
        }))
    }

    fn is_of(&self, run: &Report) -> bool {
        self.runs.first().is_some_and(|first| what(first) == what(run))
    }

    fn is_reference(&self) -> bool {
        self.runs.iter().any(|run| run.compared.as_ref().is_some_and(|compared| compared.reference))
    }
}

impl Spread {
    /// Of these values.
    #[must_use]
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let values = Sorted::new(values);
        Self { median: values.percentile(50), low: values.percentile(0), high: values.max() }
    }
}

/// An engine, its policy if it has several, and whether it has a store.
fn name_of(run: &Report) -> String {
    if run.engine != "hearsay" {
        return run.engine.clone();
    }
    let store = if run.stored == Some(true) { ", stored" } else { "" };
    format!("hearsay {}{store}", run.relay)
}

/// What a series has in common.
fn what(run: &Report) -> (&str, &str, Option<bool>) {
    (&run.engine, &run.relay, run.stored)
}

fn figures(all: &[Series<'_>], kind: fn(&Report) -> &Propagation) -> Grid {
    let there = |figure: &&Figure| all.iter().any(|one| one.figure(figure, kind).median.is_some());
    let columns: Vec<&Figure> = FIGURES.iter().filter(there).collect();
    let names = ["workload", "engine"].into_iter().chain(columns.iter().map(|figure| figure.name));
    let names: Vec<&str> = names.chain(["coverage", "starved"]).collect();
    let mut grid = Grid::new(&names, 2);
    for one in all {
        let mut cells = vec![Cell::word(one.workload), Cell::word(one.name())];
        cells.extend(
            columns.iter().map(|figure| Cell::figure(number(one.figure(figure, kind).median, figure.digits))),
        );
        let coverage = Spread::of(one.runs.iter().filter_map(|run| kind(run).coverage)).low;
        let cell = Cell::figure(coverage.map_or(DASH.to_owned(), percent));
        cells.push(cell.alarm(coverage.is_some_and(|coverage| coverage < 1.0)));
        let starved = one.runs.iter().filter(|run| run.starved).count();
        let starved = if starved == 0 { "no".to_owned() } else { format!("{starved} of {}", one.runs.len()) };
        cells.push(Cell::figure(starved));
        grid.row(cells);
    }
    grid
}

/// The reference's name and everybody's ratios to it; `None` if there is nobody to compare.
fn ratios(all: &[Series<'_>], workload: &str, kind: fn(&Report) -> &Propagation) -> Option<(String, Grid)> {
    let these: Vec<&Series<'_>> = all.iter().filter(|one| one.workload == workload).collect();
    let reference = these.iter().find(|one| one.is_reference())?;
    let there =
        |figure: &&Figure| figure.compared && these.iter().any(|one| one.figure(figure, kind).median.is_some());
    let columns: Vec<&Figure> = FIGURES.iter().filter(there).collect();
    let names: Vec<&str> = [""].into_iter().chain(columns.iter().map(|figure| figure.name)).collect();
    let mut grid = Grid::new(&names, 1);
    let others: Vec<&&Series<'_>> = these.iter().filter(|one| !one.is_reference()).collect();
    for one in &others {
        let cells = columns.iter().map(|figure| Cell::figure(shown(one.ratio_to(reference, figure, kind))));
        grid.row(std::iter::once(Cell::word(one.name())).chain(cells));
    }
    (!others.is_empty()).then(|| (reference.name(), grid))
}

fn shown(spread: Spread) -> String {
    match (spread.median, spread.low, spread.high) {
        (Some(median), Some(low), Some(high)) => format!("{median:.2} ({low:.2}–{high:.2})"),
        _ => DASH.to_owned(),
    }
}

fn remarks(runs: &[Report]) -> Vec<String> {
    let mut lines = Vec::new();
    let starved = runs.iter().filter(|run| run.starved).count();
    if starved > 0 {
        lines.push(format!(
            "STARVED: in {starved} of {} runs this machine was too slow for the load; their latencies are the \
             machine's, not the protocol's. Use fewer nodes or a lower rate.",
            runs.len()
        ));
    }
    for run in runs {
        let compared = run.compared.as_ref();
        let which = format!(
            "{}, {}, round {}",
            name_of(run),
            compared.map_or("", |compared| compared.workload.as_str()),
            compared.map_or(0, |compared| compared.round)
        );
        for (name, kind) in KINDS {
            let missing = kind(run).expected.saturating_sub(kind(run).delivered);
            if missing > 0 {
                lines.push(format!("INCOMPLETE: {which}: {missing} deliveries of {name} are missing"));
            }
        }
        if run.echoes.is_some_and(|echoes| echoes > 0) {
            lines.push(format!("ECHO: {which}: {} sends", run.echoes.unwrap_or_default()));
        }
        lines.extend(run.invalid_because.iter().map(|why| format!("INVALID: {which}: {why}")));
    }
    lines
}
