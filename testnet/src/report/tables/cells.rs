//! How tables show single figures, and the lines after a table.

use super::layout::{Grid, Page};
use super::words::explained;

/// A figure that doesn't exist.
pub(super) const DASH: &str = "–";

/// A table, and the lines that explain its words.
pub(super) fn told(grid: Grid, page: Page) -> String {
    let words = explained(&grid);
    grid.render(page) + &words
}

pub(super) fn count(value: Option<u64>) -> String {
    value.map_or(DASH.to_owned(), |value| value.to_string())
}

pub(super) fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or(DASH.to_owned(), |value| format!("{value:.digits$}"))
}

/// A share as a percentage, never rounded up to 100.
pub(super) fn percent(share: f64) -> String {
    let shown = (share * 100_000.0).floor() / 1_000.0;
    if share >= 1.0 { "100%".to_owned() } else { format!("{shown:.3}%") }
}
