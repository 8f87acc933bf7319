//! What nodes took over time, and whether they came to a plateau, as a table.

use std::fmt::Write as _;

use super::cells::{number, told};
use super::layout::{Cell, Grid, Page, wrapped};
use crate::report::plateau::{Plateau, RISE_MAX_MIB, Sample, over_nodes};

/// Rows of the table; the report has all samples.
const ROWS: usize = 13;

/// The run as text.
#[must_use]
pub fn render(plateau: &Plateau, page: Page) -> String {
    let blocks =
        plateau.block_interval_s.map_or("no blocks".to_owned(), |every| format!("a block every {every} s"));
    let title = format!(
        "{} · {} nodes · {} · relay {} · wan {} · seed {} · {}/s of {} bytes · {blocks} · {:.0} s",
        plateau.engine,
        plateau.nodes,
        plateau.topology,
        plateau.relay,
        plateau.wan,
        plateau.seed,
        plateau.tx_rate,
        plateau.tx_bytes,
        plateau.load_s,
    );
    let mut text = format!("{}\n{}\n", wrapped(&title, page.width), plateau.command);
    // Writing to a string can't fail.
    let _ = writeln!(text, "\nwhat a node takes, by time since the load began\n{}", told(grid(plateau), page));
    for line in verdict(plateau) {
        let _ = writeln!(text, "\n{}", wrapped(&line, page.width));
    }
    text
}

fn grid(plateau: &Plateau) -> Grid {
    let names = [
        "minutes",
        "median\nMiB",
        "highest\nMiB",
        "descriptors\nmedian",
        "descriptors\nhighest",
        "threads\nmedian",
        "threads\nhighest",
    ];
    let mut grid = Grid::new(&names, 1);
    for sample in shown(&plateau.samples) {
        let mut cells = vec![Cell::figure(format!("{:.1}", sample.at_s / 60.0))];
        for (values, digits) in [(&sample.rss_mib, 1), (&sample.descriptors, 0), (&sample.threads, 0)] {
            let (median, highest) = over_nodes(values).unzip();
            cells.extend([Cell::figure(number(median, digits)), Cell::figure(number(highest, digits))]);
        }
        grid.row(cells);
    }
    grid
}

/// Evenly spread samples, the first and the last among them.
fn shown(samples: &[Sample]) -> impl Iterator<Item = &Sample> {
    let (last, rows) = (samples.len().saturating_sub(1), ROWS.min(samples.len()));
    (0..rows).filter_map(move |row| samples.get(last * row / rows.saturating_sub(1).max(1)))
}

fn verdict(plateau: &Plateau) -> Vec<String> {
    let rises = (0..plateau.nodes).filter_map(|node| plateau.rise_mib(node));
    let steepest = rises.max_by(f64::total_cmp);
    let minutes = plateau.last_part_s() / 60.0;
    let mut lines = vec![format!(
        "last {minutes:.1} minutes: memory rises by at most {} MiB at any node, where {RISE_MAX_MIB} may be",
        number(steepest, 2)
    )];
    lines.push(if plateau.reached {
        format!("plateau: reached, within {:.1} MiB", plateau.rss_max_mib)
    } else {
        "plateau: not reached".to_owned()
    });
    lines.extend(plateau.broken.iter().cloned());
    lines.extend(plateau.invalid_because.iter().map(|why| format!("INVALID: {why}")));
    lines
}
