//! The share of deliveries over time, as text: columns of block characters on a logarithmic axis. Like the picture, it
//! ends below the top if deliveries are missing.

use super::layout::Page;
use crate::report::figures::spreads::Spreads;
use crate::report::schema::Report;
use crate::report::statistics::Sorted;

/// Lines of the curve.
const LINES: usize = 8;

/// Columns for the scale beside it.
const SCALE: usize = 7;

/// The widest curve. A wider one shows no more.
const COLUMNS_MAX: usize = 96;

/// Eighths of a character, from empty to full.
const EIGHTHS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The left end of the axis is no lower than this, in milliseconds.
const MS_MIN: f64 = 0.01;

/// The curves of the kinds that took part, one below the other; empty if nothing arrived.
#[must_use]
pub fn render(report: &Report, spreads: &Spreads, page: Page) -> String {
    let kinds = [("transactions", &report.tx, &spreads.tx), ("blocks", &report.block, &spreads.block)];
    let drawn = kinds.into_iter().filter(|(_, _, latencies)| !latencies.values_ms.is_empty());
    let curves: Vec<String> = drawn
        .map(|(name, figures, latencies)| {
            let whole = usize::try_from(figures.expected).unwrap_or(usize::MAX);
            let title = format!("share of the deliveries of {name} over time (logarithmic)");
            format!("{title}\n{}", curve(&latencies.values_ms, whole, page))
        })
        .collect();
    curves.join("\n\n")
}

fn curve(values: &Sorted, whole: usize, page: Page) -> String {
    let columns = page.width.saturating_sub(SCALE + 1).clamp(1, COLUMNS_MAX);
    let first = values.percentile(0).unwrap_or(MS_MIN).max(MS_MIN);
    let last = values.max().unwrap_or(first).max(first * 1.01);
    let time = |column: usize| {
        let part = column as f64 / (columns.saturating_sub(1)).max(1) as f64;
        first * (last / first).powf(part)
    };
    let whole = whole.max(values.len()).max(1) as f64;
    let sorted: Vec<f64> = values.iter().map(|ms| ms.max(MS_MIN)).collect();
    let heights: Vec<usize> = (0..columns)
        .map(|column| {
            // The last column must not lose the last value to rounding.
            let until = time(column) * (1.0 + 1e-9);
            let share = sorted.partition_point(|ms| *ms <= until) as f64 / whole;
            (share * (8 * LINES) as f64).floor() as usize
        })
        .collect();
    let mut lines: Vec<String> = (0..LINES)
        .map(|line| {
            let below = 8 * (LINES - 1 - line);
            let cell = |height: &usize| EIGHTHS.get(height.saturating_sub(below).min(8)).copied().unwrap_or(' ');
            let scale = match line {
                0 => "100 %",
                4 => "50 %",
                _ => "",
            };
            format!("{scale:>width$} {}", heights.iter().map(cell).collect::<String>(), width = SCALE - 1)
        })
        .map(|line| line.trim_end().to_owned())
        .collect();
    let ends = [time(0), time(columns / 2), time(columns.saturating_sub(1))].map(milliseconds);
    let [left, middle, right] = &ends;
    let half = columns / 2;
    lines.push(format!(
        "{:SCALE$}{left:<half$}{middle:<rest$}{right}",
        "",
        rest = (columns - half).saturating_sub(right.chars().count())
    ));
    lines.join("\n")
}

fn milliseconds(ms: f64) -> String {
    match ms {
        ms if ms >= 999.5 => format!("{:.1} s", ms / 1e3),
        ms if ms >= 10.0 => format!("{ms:.0} ms"),
        ms => format!("{ms:.1} ms"),
    }
}
