//! The report for people. Everything printed is in `report.json`; a figure that doesn't exist is a dash.

use std::fmt::Write as _;

use comfy_table::{Attribute, Cell, CellAlignment, Color, Table, presets};

use super::schema::{Percentiles, Propagation, Report};

const DASH: &str = "–";

/// The whole report as text. With `color`, what needs attention stands out.
#[must_use]
pub fn render(report: &Report, color: bool) -> String {
    let mut text = title(report);
    // Writing to a string can't fail.
    let _ =
        writeln!(text, "\nlatency, in milliseconds from submission (nearest rank)\n{}", latencies(report, color));
    let _ = writeln!(text, "\ndelivery\n{}", deliveries(report, color));
    let _ = writeln!(text, "\ncost\n{}", costs(report));
    for line in remarks(report) {
        let _ = writeln!(text, "\n{line}");
    }
    text
}

fn title(report: &Report) -> String {
    format!(
        "{} · {} nodes · {} · relay {} · wan {} · seed {}\n{}\n",
        report.engine, report.nodes, report.topology, report.relay, report.wan, report.seed, report.command
    )
}

fn latencies(report: &Report, color: bool) -> Table {
    let mut table = table(&["", "p50", "p90", "p95", "p99", "max"], color);
    for (name, kind) in kinds(report) {
        table.add_row(percentiles_row(&format!("{name} to each node"), &kind.latency_ms));
        table.add_row(percentiles_row(&format!("{name} to all nodes"), &kind.to_all_ms));
        if kind.warm.latency_ms.p50.is_some() {
            table.add_row(percentiles_row(&format!("{name} warm"), &kind.warm.latency_ms));
        }
    }
    table
}

fn deliveries(report: &Report, color: bool) -> Table {
    let names = ["", "offered", "originated", "expected", "delivered", "coverage", "redundancy"];
    let mut table = table(&names, color);
    for (name, kind) in kinds(report) {
        let coverage = kind.coverage.map_or(DASH.to_owned(), percent);
        let mut coverage = right(coverage);
        if color && kind.coverage.is_some_and(|coverage| coverage < 1.0) {
            coverage = coverage.fg(Color::Red).add_attribute(Attribute::Bold);
        }
        table.add_row([
            Cell::new(name),
            right(kind.offered.to_string()),
            right(kind.originated.to_string()),
            right(kind.expected.to_string()),
            right(kind.delivered.to_string()),
            coverage,
            right(number(kind.redundancy, 3)),
        ]);
    }
    table
}

fn costs(report: &Report) -> Table {
    let cost = &report.cost;
    let mut table = table(&[], false);
    let mut row = |name: &str, value: String, unit: &str| {
        table.add_row([Cell::new(name), right(value), Cell::new(unit)]);
    };
    row("wire bytes per delivery", number(cost.wire_bytes_per_delivery, 1), "bytes");
    row("wire bytes over payload", number(cost.wire_ratio, 3), "×");
    row("idle traffic per node", number(cost.idle_bytes_per_s_per_node, 1), "bytes/s");
    row("processor per delivery", number(cost.cpu_us_per_delivery, 1), "µs");
    row("peak memory, median node", number(cost.rss_mib.p50, 1), "MiB");
    row("peak memory, largest node", number(cost.rss_mib.max, 1), "MiB");
    row("timer lateness, p99", number(cost.lag_ms, 3), "ms");
    row("echoes", report.echoes.to_string(), "");
    table
}

/// What the reader must know before believing the figures.
fn remarks(report: &Report) -> Vec<String> {
    let mut lines = Vec::new();
    for (name, kind) in kinds(report) {
        if kind.delivered < kind.expected {
            let missing = kind.expected - kind.delivered;
            lines.push(format!("INCOMPLETE: {missing} deliveries of {name} are missing (coverage below 1)"));
        }
        if kind.expected == 0 {
            lines.push(format!("NOTHING MEASURED: no {name} originated"));
        }
    }
    if report.starved {
        lines.push(
            "STARVED: this machine was too slow for the load (late timers, or less than 99 % of the offered items \
             originated); latencies are the machine's, not the protocol's. Use fewer nodes or a lower rate."
                .to_owned(),
        );
    }
    if report.echoes > 0 {
        lines.push(format!("ECHO: {} sends went back to where the item had come from", report.echoes));
    }
    lines.extend(report.invalid_because.iter().map(|why| format!("INVALID: {why}")));
    lines
}

/// The kinds that took part.
fn kinds(report: &Report) -> impl Iterator<Item = (&'static str, &Propagation)> {
    [("transactions", &report.tx), ("blocks", &report.block)].into_iter().filter(|(_, kind)| kind.offered > 0)
}

fn table(names: &[&str], color: bool) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    if color {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    if !names.is_empty() {
        table.set_header(names.iter().map(|name| right((*name).to_owned())));
    }
    table
}

fn percentiles_row(name: &str, values: &Percentiles) -> Vec<Cell> {
    let figures = [values.p50, values.p90, values.p95, values.p99, values.max];
    let cells = figures.into_iter().map(|value| right(number(value, 1)));
    std::iter::once(Cell::new(name)).chain(cells).collect()
}

fn right(text: String) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}

fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or(DASH.to_owned(), |value| format!("{value:.digits$}"))
}

/// A share in percent, never rounded up to 100.
fn percent(share: f64) -> String {
    let shown = (share * 100_000.0).floor() / 1_000.0;
    if share >= 1.0 { "100%".to_owned() } else { format!("{shown:.3}%") }
}
