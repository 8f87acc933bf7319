//! Members as tables: one run, or a row for each of several and percentiles over all.

use super::cells::{number, percent, told};
use super::layout::{Cell, Grid, Page};
use crate::report::schema::members::{Learned, MembersFigures};
use crate::report::schema::{Report, Runs};
use crate::report::statistics::Sorted;

/// The kinds of news, and how long they took.
fn kinds(figures: &MembersFigures) -> [(&'static str, &Learned); 5] {
    [
        ("all others alive, from the start", &figures.settle_ms),
        ("a crash", &figures.detect_ms),
        ("a late join", &figures.join_ms),
        ("an entry", &figures.entry_ms),
        ("all others alive, from the heal", &figures.heal_ms),
    ]
}

fn seconds(ms: Option<f64>) -> String {
    number(ms.map(|ms| ms / 1e3), 1)
}

/// How long news took.
pub(super) fn learned(figures: &MembersFigures) -> Grid {
    let mut grid = Grid::new(&["", "half", "99 %", "all"], 1);
    for (name, learned) in kinds(figures) {
        let cells = [learned.p50, learned.p99, learned.max].map(|ms| Cell::figure(seconds(ms)));
        grid.row(std::iter::once(Cell::word(name)).chain(cells));
    }
    grid
}

/// What went wrong, and what it cost.
pub(super) fn facts(figures: &MembersFigures) -> Grid {
    let mut grid = Grid::facts();
    let kind = &figures.bytes_by_kind;
    grid.fact("false deaths", figures.false_deaths.to_string(), "");
    grid.fact(" of different members", number(figures.falsely_dead.map(|count| count as f64), 0), "");
    grid.fact("deaths over one-way cuts", figures.deaths_over_cuts.to_string(), "");
    grid.fact("false accusations", figures.false_accusations.to_string(), "");
    grid.fact("other accusations", figures.true_accusations.to_string(), "");
    grid.fact("refutations", figures.refutations.to_string(), "");
    grid.fact("sent by a member", number(figures.bytes_per_s_per_node, 1), "bytes/s");
    for (name, rate) in [
        (" news", kind.news),
        (" comparisons", kind.comparisons),
        (" requests for probes", kind.requests),
        (" pings", kind.pings),
        (" short dials", kind.dials),
    ] {
        grid.fact(name, number(rate, 1), "bytes/s");
    }
    let kib = |bytes: Option<u64>| number(bytes.map(|bytes| bytes as f64 / 1024.0), 1);
    grid.fact("state, median member", kib(figures.state_bytes.p50), "KiB");
    grid.fact("state, largest member", kib(figures.state_bytes.max), "KiB");
    for (name, error) in [
        ("error of an estimated round trip, median", figures.estimate_error_ms.p50),
        (" of nine in ten at most", figures.estimate_error_ms.p90),
    ] {
        grid.fact(name, number(error, 1), "ms");
    }
    if let Some(lies) = &figures.lies {
        grid.fact("honest members", lies.honest.to_string(), "");
        grid.fact(" alive for the one that knows fewest", lies.honest_known.to_string(), "");
        grid.fact("refutations of the one that is lied about", lies.victim_refutations.to_string(), "");
        grid.fact(" in 10 s", number(Some(lies.refuted_bytes_per_10_s), 1), "bytes");
        grid.fact("dials because of a lie", lies.dials.to_string(), "");
        grid.fact(" most by one to another in an hour", lies.dials_in_an_hour.to_string(), "");
        grid.fact("forged records that are held", lies.forged_held.to_string(), "");
        grid.fact("liars that answer nobody", lies.silent.to_string(), "");
        grid.fact(" of these, dead", lies.silent_dead.map_or("-".to_owned(), percent), "");
    }
    grid
}

/// Several runs: a row for each, and percentiles over all of them below.
pub(super) fn render_runs(runs: &Runs, page: Page) -> String {
    let swept = runs.sweep.as_ref();
    let names = [
        swept.map_or("seed", |swept| swept.parameter.as_str()),
        "settled\ns",
        "crash\n99 % s",
        "crash\nall s",
        "join\n99 % s",
        "entry\n99 % s",
        "healed\ns",
        "false\ndeaths",
        "false\naccusations",
        "sent\nB/s",
    ];
    let mut grid = Grid::new(&names, 1);
    for (index, run) in runs.runs.iter().enumerate() {
        let value = swept.and_then(|swept| swept.values.get(index)).cloned();
        let key = value.unwrap_or_else(|| run.seed.to_string());
        let figures = columns(run).map(|(value, digits)| Cell::figure(number(value, digits)));
        grid.row(std::iter::once(Cell::figure(key)).chain(figures));
    }
    for (name, percent) in [("p50", 50), ("p99", 99), ("max", 100)] {
        let over = |column: usize| {
            let digits = runs.runs.first().map_or(0, |run| columns(run)[column].1);
            // A run without a figure has nothing to compare, unless others have it: then it is the worst.
            let values: Vec<Option<f64>> = runs.runs.iter().map(|run| columns(run)[column].0).collect();
            let any = values.iter().any(Option::is_some);
            let sorted = Sorted::new(values.into_iter().map(|value| value.unwrap_or(f64::INFINITY)));
            let value = sorted.percentile(percent).filter(|value| any && value.is_finite());
            if any && value.is_none() { "never".to_owned() } else { number(value, digits) }
        };
        let cells = (0..names.len() - 1).map(|column| Cell::figure(over(column)));
        grid.row(std::iter::once(Cell::figure(name)).chain(cells));
    }
    told(grid, page)
}

/// The figures of a run, and how many digits they are shown with.
fn columns(run: &Report) -> [(Option<f64>, usize); 9] {
    let none = MembersFigures::default();
    let figures = run.members.as_ref().unwrap_or(&none);
    let seconds = |ms: Option<f64>| (ms.map(|ms| ms / 1e3), 1);
    [
        seconds(figures.settle_ms.max),
        seconds(figures.detect_ms.p99),
        seconds(figures.detect_ms.max),
        seconds(figures.join_ms.p99),
        seconds(figures.entry_ms.p99),
        seconds(figures.heal_ms.max),
        (Some(figures.false_deaths as f64), 0),
        (Some(figures.false_accusations as f64), 0),
        (figures.bytes_per_s_per_node, 1),
    ]
}
