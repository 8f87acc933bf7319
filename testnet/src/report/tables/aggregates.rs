//! Aggregates over links at scale, as tables.

use std::fmt::Write as _;

use super::cells::{number, told};
use super::layout::{Cell, Grid, Page, wrapped};
use crate::report::aggregates::Aggregated;

/// All figures as text.
#[must_use]
pub fn render(found: &Aggregated, page: Page) -> String {
    let title = format!("aggregates over links · {} links each · {} seeds", found.degree, found.seeds);
    let mut text = format!("{}\n{}\n", wrapped(&title, page.width), wrapped(&found.command, page.width));
    let mut part = |head: &str, grid: Grid, rows: usize| {
        if rows > 0 {
            // Writing to a string can't fail.
            let _ = writeln!(text, "\n{}\n{}", wrapped(head, page.width), told(grid, page));
        }
    };
    part("push-sum: ticks until all are within 1 % of the average", growth(found), found.growth.len());
    let head = "push-sum while messages are lost and members come and go: how far estimates are off, in percent of the \
                average, over members and moments";
    part(head, faulty(found), found.faulty.len());
    part("the size: estimates of many epochs, over the true number", sizes(found), found.sizes.len());
    if let Some(line) = found.line() {
        let fit = format!(
            "least squares, slowest seeds: ticks = {:.2} · log2 members + {:.2} (R² {:.3})",
            line.slope, line.intercept, line.r_squared
        );
        let _ = writeln!(text, "\n{}", wrapped(&fit, page.width));
    }
    text.push('\n');
    for (goal, holds) in found.goals() {
        let _ = writeln!(text, "{} {goal}", if holds { "holds " } else { "MISSED" });
    }
    text.trim_end().to_owned()
}

fn growth(found: &Aggregated) -> Grid {
    let mut grid = Grid::new(&["members", "median seed", "slowest seed"], 1);
    for growth in &found.growth {
        let ticks = [50, 100].map(|percent| Cell::figure(number(growth.at(percent), 0)));
        grid.row(std::iter::once(Cell::figure(growth.nodes.to_string())).chain(ticks));
    }
    grid
}

fn faulty(found: &Aggregated) -> Grid {
    let names = [
        "members",
        "loss",
        "churn a\nminute",
        "calm",
        "p50",
        "p90",
        "p99",
        "max",
        "within\n2 %",
        "again after\nticks",
    ];
    let mut grid = Grid::new(&names, 1);
    let percent = |share: Option<f64>| number(share.map(|share| share * 100.0), 2);
    for one in &found.faulty {
        let shares = [one.calm, one.p50, one.p90, one.p99, one.max].map(percent);
        let weather = [one.loss, one.churn].map(|share| format!("{:.0} %", share * 100.0));
        let after = number(one.settled_after.map(|ticks| ticks as f64), 0);
        let good = format!("{:.1} %", (one.good * 1_000.0).floor() / 10.0);
        let cells = std::iter::once(one.nodes.to_string()).chain(weather).chain(shares).chain([good, after]);
        grid.row(cells.map(Cell::figure));
    }
    grid
}

fn sizes(found: &Aggregated) -> Grid {
    let names = ["members", "epochs", "within\ntwice", "mean", "standard\ndeviation", "standard\nerror"];
    let mut grid = Grid::new(&names, 1);
    for sizes in &found.sizes {
        let counts = [sizes.members, sizes.epochs, sizes.within_twice].map(|count| count.to_string());
        let shares = [sizes.mean, sizes.deviation, sizes.standard_error].map(|share| format!("{share:.4}"));
        grid.row(counts.into_iter().chain(shares).map(Cell::figure));
    }
    grid
}
