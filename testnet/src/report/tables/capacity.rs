//! A search for the capacity as a table.

use std::fmt::Write as _;

use super::cells::{DASH, number, percent, told};
use super::layout::{Cell, Grid, Page, wrapped};
use crate::report::capacity::Capacity;

/// The search as text.
#[must_use]
pub fn render(capacity: &Capacity, page: Page) -> String {
    let mut text = format!(
        "{} · {} nodes · {} · relay {} · wan {} · seed {}",
        capacity.engine, capacity.nodes, capacity.topology, capacity.relay, capacity.wan, capacity.seed,
    );
    text = format!("{}\n{}\n", wrapped(&text, page.width), capacity.command);
    let names = [
        "rate",
        "carried",
        "originated",
        "coverage",
        "p50\nms",
        "p95\nms",
        "bytes",
        "CPU\nµs",
        "lag\nms",
        "submit\nlate",
    ];
    let mut grid = Grid::new(&names, 1);
    for step in &capacity.steps {
        grid.row([
            Cell::figure(format!("{:.0}/s", step.rate)),
            Cell::word(if step.carried { "yes" } else { "no" }),
            Cell::figure(format!("{} of {}", step.originated, step.offered)),
            Cell::figure(step.coverage.map_or(DASH.to_owned(), percent)),
            Cell::figure(number(step.p50_ms, 1)),
            Cell::figure(number(step.p95_ms, 1)),
            Cell::figure(number(step.wire_bytes_per_delivery, 0)),
            Cell::figure(number(step.cpu_us_per_delivery, 0)),
            Cell::figure(number(step.lag_ms, 0)),
            Cell::figure(format!("{:.0} ms", step.submitted_late_ms)),
        ]);
    }
    // Writing to a string can't fail.
    let _ = writeln!(text, "\nrates, in the order in which they were tried\n{}", told(grid, page));
    let mut lines = Vec::new();
    for step in capacity.steps.iter().filter(|step| !step.carried) {
        lines.push(format!("{:.0}/s was not carried: {}", step.rate, step.because));
    }
    lines.push(verdict(capacity));
    lines.extend(capacity.invalid_because.iter().map(|why| format!("INVALID: {why}")));
    for line in lines {
        let _ = writeln!(text, "\n{}", wrapped(&line, page.width));
    }
    text
}

fn verdict(capacity: &Capacity) -> String {
    let how = format!(
        "transactions of {} bytes, offered for {} s and all delivered {} s later",
        capacity.tx_bytes, capacity.offered_s, capacity.drain_s
    );
    match (capacity.carried_per_s, capacity.failed_per_s) {
        (Some(carried), Some(failed)) => {
            format!("capacity: {carried:.0}/s ({how}); {failed:.0}/s was too much")
        }
        (Some(carried), None) => format!("capacity: at least {carried:.0}/s ({how})"),
        (None, Some(failed)) => format!("capacity: below {failed:.0}/s ({how})"),
        (None, None) => "capacity: not known, for no rate was tried to the end".to_owned(),
    }
}
