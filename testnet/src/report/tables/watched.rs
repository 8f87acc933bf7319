//! What real nodes saw of each other, as a table.

use std::fmt::Write as _;

use super::cells::{number, told};
use super::layout::{Cell, Grid, Page, wrapped};
use crate::report::watched::Watched;

/// The run as text.
#[must_use]
pub fn render(watched: &Watched, page: Page) -> String {
    let title = format!(
        "members · {} nodes · preset {} · wan {} · seed {}",
        watched.nodes, watched.preset, watched.wan, watched.seed
    );
    let mut text = format!("{}\n{}\n", wrapped(&title, page.width), watched.command);
    // Writing to a string can't fail.
    let _ =
        writeln!(text, "\nseconds until this many pairs of nodes had seen it\n{}", told(phases(watched), page));
    let _ = writeln!(text, "\nmistakes, and traffic while idle\n{}", told(facts(watched), page));
    for why in &watched.invalid_because {
        let _ = writeln!(text, "\n{}", wrapped(&format!("INVALID: {why}"), page.width));
    }
    text
}

fn phases(watched: &Watched) -> Grid {
    let mut grid = Grid::new(&["", "pairs", "half", "99 %", "all", "never"], 1);
    for phase in &watched.phases {
        let learned = phase.learned();
        let seconds = [learned.p50, learned.p99, learned.max].map(|ms| number(ms.map(|ms| ms / 1e3), 1));
        let pairs = (phase.took_ms.len() + phase.never).to_string();
        let cells = std::iter::once(pairs).chain(seconds).chain([phase.never.to_string()]).map(Cell::figure);
        grid.row(std::iter::once(Cell::word(&phase.name)).chain(cells));
    }
    grid
}

fn facts(watched: &Watched) -> Grid {
    let mut grid = Grid::facts();
    let figures = &watched.members;
    grid.fact("false deaths", figures.false_deaths.to_string(), "");
    grid.fact("false suspicions", figures.false_accusations.to_string(), "");
    grid.fact("sent by a node, of all kinds", number(figures.bytes_per_s_per_node, 0), "bytes/s");
    grid
}
