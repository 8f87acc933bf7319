//! Runs of several engines on the same work: medians over rounds, and ratios to the reference.
//!
//! A ratio is taken within each round, because the runs of a round have the same seed and are near in time. The
//! report has the median, the lowest and the highest of these ratios over rounds.

use super::schema::{Propagation, Report};
use super::statistics::{Sorted, ratio};

/// The value of [`Runs::kind`](super::schema::Runs::kind) for runs that are compared.
pub const COMPARE_KIND: &str = "compare";

/// A figure that is compared.
#[derive(Clone, Copy, Debug)]
pub struct Figure {
    /// Its heading.
    pub name: &'static str,
    /// The number of digits shown.
    pub digits: usize,
    /// Its place in a report. The two kinds of items share costs.
    of: fn(&Report, &Propagation) -> Option<f64>,
    /// Whether a ratio to another engine's figure is useful.
    pub compared: bool,
}

/// The figures, in the order of the columns. Figures that no run has are left out.
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

/// The runs by workload, engine and policy, in the order of their first appearance.
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

impl Series<'_> {
    /// The name of the engine and its policy.
    #[must_use]
    pub fn name(&self) -> String {
        self.runs.first().map_or(String::new(), |run| name_of(run))
    }

    /// A figure over rounds.
    #[must_use]
    pub fn figure(&self, figure: &Figure, kind: fn(&Report) -> &Propagation) -> Spread {
        Spread::of(self.runs.iter().filter_map(|run| (figure.of)(run, kind(run))))
    }

    /// A figure divided by the reference's in the same round.
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

    /// Whether the others are compared with this one.
    #[must_use]
    pub fn is_reference(&self) -> bool {
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
#[must_use]
pub fn name_of(run: &Report) -> String {
    if run.engine != "hearsay" {
        return run.engine.clone();
    }
    let store = if run.stored == Some(true) { ", stored" } else { "" };
    format!("hearsay {}{store}", run.relay)
}

/// The common properties of a series.
fn what(run: &Report) -> (&str, &str, Option<bool>) {
    (&run.engine, &run.relay, run.stored)
}
