//! Runs of several engines on the same work as tables. Coverage shows the lowest round, because a median would
//! hide an item that was lost once.

use std::fmt::Write as _;

use super::cells::{DASH, number, percent, told};
use super::layout::{Cell, Grid, Page, wrapped};
use crate::report::compare::{FIGURES, Figure, Series, Spread, name_of, series};
use crate::report::schema::{Propagation, Report, Runs};

/// Transactions or blocks.
type Kind = (&'static str, fn(&Report) -> &Propagation);
const KINDS: [Kind; 2] = [("transactions", |report| &report.tx), ("blocks", |report| &report.block)];

/// The tables of every workload, and the warnings that the reader must see before believing them.
#[must_use]
pub(super) fn render(runs: &Runs, page: Page) -> String {
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

/// The reference's name, and the ratios of all other engines to it; `None` if there is no other engine.
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
