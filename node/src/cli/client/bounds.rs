//! `node bounds`: the most memory that a node can take, bound by bound, the largest first. Deliberately absent: the
//! bounds themselves, which the caller has.

use std::process::ExitCode;

use serde_json::json;

use super::columns::{Column, render, total};
use super::{AskError, print, print_json, text};
use crate::cli::BoundsArgs;
use crate::observe::units::{bytes_text, grouped};

/// A bound, and what it comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// What is bounded.
    pub what: &'static str,
    /// The constants that make up the limit, as the source has them.
    pub constants: &'static str,
    /// The most entries or bytes.
    pub limit: usize,
    /// The memory of each, in bytes.
    pub each: usize,
    /// How many such structures a node has.
    pub times: usize,
    /// Whether `--memory` sets it.
    pub is_scaled: bool,
}

impl Row {
    /// The memory of all of it, in bytes.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.limit.saturating_mul(self.each).saturating_mul(self.times)
    }
}

/// What all rows come to, in bytes.
#[must_use]
pub fn sum(rows: &[Row]) -> usize {
    rows.iter().map(Row::bytes).fold(0, usize::saturating_add)
}

/// The sum of the rows that `--memory` scales, in bytes.
#[must_use]
pub fn scaled_sum(rows: &[Row]) -> usize {
    rows.iter().filter(|row| row.is_scaled).map(Row::bytes).fold(0, usize::saturating_add)
}

/// `node bounds`: prints the rows, the largest first, and their sum.
///
/// # Errors
/// If standard output can't be written.
pub fn run(args: &BoundsArgs, mut rows: Vec<Row>) -> Result<ExitCode, AskError> {
    rows.sort_by_key(|row| std::cmp::Reverse(row.bytes()));
    if args.json {
        let bounds: Vec<_> = rows
            .iter()
            .map(|row| {
                json!({
                    "bound": row.what,
                    "constants": row.constants,
                    "limit": row.limit,
                    "each": row.each,
                    "times": row.times,
                    "bytes": row.bytes(),
                    "scaled": row.is_scaled,
                })
            })
            .collect();
        print_json(&json!({ "bounds": bounds, "bytes": sum(&rows), "scaled_bytes": scaled_sum(&rows) }))?;
    } else {
        print(&table(&rows, text::width()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The rows as a table, and in the last lines what `--memory` sets, and the sum.
#[must_use]
pub fn table(rows: &[Row], width: usize) -> String {
    let number = |number: usize| grouped(number as u64);
    let memory = |bytes: usize| bytes_text(bytes as u64);
    let mut columns = vec![
        Column::new("BOUND", rows, |row| row.what.to_owned()),
        Column::new("LIMIT", rows, |row| number(row.limit)).numbers(),
        Column::new("EACH", rows, |row| memory(row.each)).numbers(),
        Column::new("TIMES", rows, |row| number(row.times)).numbers(),
        Column::new("ALL", rows, |row| memory(row.bytes())).numbers(),
        Column::new("CONSTANTS", rows, |row| row.constants.split_whitespace().collect::<Vec<_>>().join(" "))
            .goes(1),
    ];
    for (what, bytes) in [("set by --memory", scaled_sum(rows)), ("sum", sum(rows))] {
        for (column, cell) in columns.iter_mut().zip([what, "", "", "", memory(bytes).as_str(), ""]) {
            column.cells.push(cell.to_owned());
        }
    }
    if total(&columns) > width {
        columns.retain(|column| column.goes.is_none());
    }
    render(&columns)
}
