//! The report for people. Everything printed is in `report.json`; a figure that doesn't exist is a dash.

use std::fmt::Write as _;

use comfy_table::{Attribute, Cell, CellAlignment, Color, Table, presets};

use super::schema::{Healed, Percentiles, Propagation, Report, Rounds, Rumored, Runs, Simulated, Spread};

pub(super) const DASH: &str = "–";

/// Violations that are shown; the report has more.
const VIOLATIONS_SHOWN: usize = 10;

/// The whole report as text. With `color`, what needs attention stands out.
#[must_use]
pub fn render(report: &Report, color: bool) -> String {
    let mut text = title(report);
    // Writing to a string can't fail.
    let _ =
        writeln!(text, "\nlatency, in milliseconds from submission (nearest rank)\n{}", latencies(report, color));
    let _ = writeln!(text, "\ndelivery\n{}", deliveries(report, color));
    let _ = writeln!(text, "\ncost\n{}", costs(report));
    if let Some(healed) = &report.partition {
        let _ = writeln!(text, "\npartition\n{}", partition(healed));
    }
    if let Some(spread) = &report.spread {
        let _ = writeln!(text, "\nspread, in intervals of {} s\n{}", spread.interval_ms / 1e3, intervals(spread));
    }
    if let Some(rumored) = &report.rumor {
        let _ = writeln!(text, "\nrumor, in rounds of {} s\n{}", rumored.round_ms / 1e3, rumor(rumored));
    }
    if let Some(simulated) = &report.sim {
        let _ = writeln!(text, "\nsimulation\n{}", simulation(report, simulated));
    }
    for line in remarks(report) {
        let _ = writeln!(text, "\n{line}");
    }
    text
}

/// Several runs as one table, a row for each value (or seed); as several, if engines are compared.
#[must_use]
pub fn render_runs(runs: &Runs, color: bool) -> String {
    if runs.kind == super::compare::KIND {
        return super::compare::render(runs, color);
    }
    let parameter = runs.sweep.as_ref().map_or("seed", |swept| swept.parameter.as_str());
    let seeds = runs.runs.iter().any(|run| runs.runs.first().is_some_and(|first| first.seed != run.seed));
    let names = [
        parameter,
        "seed",
        "p50 ms",
        "p95 ms",
        "to all p95",
        "stretch p95",
        "bytes/delivery",
        "wire ratio",
        "redundancy",
        "coverage",
        "rounds to all",
        "intervals to all",
        "converged s",
        "violations",
    ];
    let wanted = |name: &str| match name {
        "seed" => seeds || runs.sweep.is_none(),
        "rounds to all" => runs.runs.iter().any(|run| run.rumor.is_some()),
        "intervals to all" => runs.runs.iter().any(|run| run.spread.is_some()),
        "converged s" => runs.runs.iter().any(|run| run.partition.is_some()),
        _ => true,
    };
    let columns: Vec<&str> = names
        .into_iter()
        .enumerate()
        .filter(|(at, name)| {
            // Without a sweep the seed is the parameter.
            wanted(name) && !(*at == 1 && parameter == "seed")
        })
        .map(|(_, name)| name)
        .collect();
    let mut table = table(&columns, color);
    for (index, run) in runs.runs.iter().enumerate() {
        let value = runs.sweep.as_ref().and_then(|swept| swept.values.get(index)).cloned();
        let kind = if run.tx.offered > 0 { &run.tx } else { &run.block };
        let cell = |name: &str| match name {
            "seed" => run.seed.to_string(),
            "p50 ms" => number(kind.latency_ms.p50, 1),
            "p95 ms" => number(kind.latency_ms.p95, 1),
            "to all p95" => number(kind.to_all_ms.p95, 1),
            "stretch p95" => number(kind.stretch.p95, 2),
            "bytes/delivery" => number(run.cost.wire_bytes_per_delivery, 1),
            "wire ratio" => number(run.cost.wire_ratio, 3),
            "redundancy" => number(kind.redundancy, 3),
            "coverage" => kind.coverage.map_or(DASH.to_owned(), percent),
            "rounds to all" => number(run.rumor.as_ref().and_then(|rumor| rumor.rounds_to_all.p50), 0),
            "intervals to all" => number(run.spread.as_ref().and_then(|spread| spread.to_all.p50), 2),
            "converged s" => {
                let healed = run.partition.and_then(|healed| healed.converged_after_ms);
                number(healed.map(|ms| ms / 1e3), 3)
            }
            "violations" => run.sim.as_ref().map_or(DASH.to_owned(), |sim| sim.violations_found.to_string()),
            _ => value.clone().unwrap_or_default(),
        };
        table.add_row(columns.iter().map(|name| right(cell(name))));
    }
    let fitted = super::svg::fitted(runs).map_or(String::new(), |fitted| format!("\n\n{fitted}"));
    format!("{table}{fitted}")
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
        for (what, stretch) in [("stretch", &kind.stretch), ("stretch, warm", &kind.warm.stretch)] {
            if stretch.p50.is_some() {
                let figures = [stretch.p50, None, stretch.p95, stretch.p99, None];
                let cells = figures.into_iter().map(|value| right(number(value, 2)));
                table.add_row(std::iter::once(Cell::new(format!("{name} {what} (×)"))).chain(cells));
            }
        }
        for (what, digits, typical) in [("limit", 1, &kind.limit_ms), ("over the limit (×)", 2, &kind.over_limit)]
        {
            if typical.p50.is_some() {
                let figures = [typical.p50, None, typical.p95, None, None];
                let cells = figures.into_iter().map(|value| right(number(value, digits)));
                table.add_row(std::iter::once(Cell::new(format!("{name} {what}"))).chain(cells));
            }
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
    if report.sim.is_none() {
        row("idle traffic per node", number(cost.idle_bytes_per_s_per_node, 1), "bytes/s");
        row("processor per delivery", number(cost.cpu_us_per_delivery, 1), "µs");
        row("peak memory, median node", number(cost.rss_mib.p50, 1), "MiB");
        row("peak memory, largest node", number(cost.rss_mib.max, 1), "MiB");
        row("timer lateness, p99", number(cost.lag_ms, 3), "ms");
        row("echoes", report.echoes.map_or(DASH.to_owned(), |echoes| echoes.to_string()), "");
    }
    let excess = &cost.control_excess_ms;
    if excess.p50.is_some() {
        row("control beside a block, over the link's delay, median", number(excess.p50, 1), "ms");
        row("control beside a block, over the link's delay, p99", number(excess.p99, 1), "ms");
    }
    table
}

fn partition(healed: &Healed) -> Table {
    let mut table = table(&[], false);
    let mut row = |name: &str, value: String, unit: &str| {
        table.add_row([Cell::new(name), right(value), Cell::new(unit)]);
    };
    let seconds = |ms: Option<f64>| number(ms.map(|ms| ms / 1e3), 3);
    let [inside, outside] = healed.halves;
    let yes = |same: bool| if same { "the same" } else { "NOT THE SAME" }.to_owned();
    row("halves", format!("{inside} + {outside}"), "nodes");
    row("cut", seconds(Some(healed.at_ms)), "s after the load began");
    row("length", seconds(Some(healed.lasts_ms)), "s");
    row("deliveries across meanwhile", healed.crossed.to_string(), "");
    row("every item everywhere after heal", seconds(healed.items_after_ms), "s");
    row("every tip caught up after heal", seconds(healed.tips_after_ms), "s");
    row("converged after heal", seconds(healed.converged_after_ms), "s");
    row("items in the end", yes(healed.same_items), "");
    row("tips in the end", yes(healed.same_tips), "");
    table
}

fn intervals(spread: &Spread) -> Table {
    let mut table = table(&["", "p50", "p95", "max"], false);
    let rows = [
        ("to half of the nodes", spread.to_half),
        ("to 99 % of the nodes", spread.to_99),
        ("to all nodes", spread.to_all),
    ];
    for (name, intervals) in rows {
        let cells = [intervals.p50, intervals.p95, intervals.max].map(|value| right(number(value, 2)));
        table.add_row(std::iter::once(Cell::new(name)).chain(cells));
    }
    table
}

fn rumor(rumored: &Rumored) -> Table {
    let mut table = table(&["", "p50", "p95", "max"], false);
    let mut row = |name: &str, rounds: &Rounds| {
        let cells = [rounds.p50, rounds.p95, rounds.max].map(|value| right(number(value, 0)));
        table.add_row(std::iter::once(Cell::new(name)).chain(cells));
    };
    row("to half of the nodes", &rumored.rounds_to_half);
    row("to 99 % of the nodes", &rumored.rounds_to_99);
    row("to all nodes", &rumored.rounds_to_all);
    let mut row = |name: &str, value: String| {
        table.add_row([Cell::new(name), right(value)]);
    };
    row("to all nodes in theory", number(rumored.rounds_to_all_model, 1));
    row("bodies to a node for each item", number(rumored.messages_per_node, 2));
    row("share that an item never reached", number(rumored.residue, 4));
    table
}

fn simulation(report: &Report, simulated: &Simulated) -> Table {
    let mut table = table(&[], false);
    let mut row = |name: &str, value: String, unit: &str| {
        table.add_row([Cell::new(name), right(value), Cell::new(unit)]);
    };
    row("virtual time", number(Some(simulated.virtual_s), 1), "s");
    row("real time", number(Some(simulated.wall_s), 1), "s");
    row("events", simulated.events.to_string(), "");
    row("events in a second", number(simulated.events_per_s, 0), "");
    row("engine inputs in a second", number(simulated.inputs_per_s, 0), "");
    row("messages", simulated.messages.to_string(), "");
    row("messages lost", simulated.messages_lost.to_string(), "");
    row("memory per node", number(simulated.memory_bytes_per_node.map(|bytes| bytes / 1024.0), 1), "KiB");
    row("wire bytes per node", number(simulated.wire_bytes_per_node, 0), "bytes");
    if simulated.adversaries > 0 {
        row("adversaries", simulated.adversaries.to_string(), "nodes");
        row("deliveries cut off by them", simulated.unreachable.to_string(), "");
        row("connections ended for misdeeds", simulated.left.to_string(), "");
    }
    let counted = simulated.counted_bytes_max.map(|bytes| bytes as f64 / 1024.0);
    row("counted memory of the largest engine", number(counted, 1), "KiB");
    if let Some(fullest) = simulated.filled.first() {
        row("fullest structure", percent(fullest.share), &fullest.what);
    }
    row("violations", simulated.violations_found.to_string(), &format!("checks: {}", simulated.checks));
    if simulated.checks != "none" {
        row("echoes", report.echoes.map_or(DASH.to_owned(), |echoes| echoes.to_string()), "");
    }
    row(
        "fingerprint",
        report.trace_hash.as_ref().map_or(DASH.to_owned(), |hash| hash.chars().take(16).collect()),
        "",
    );
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
    if let Some(echoes) = report.echoes.filter(|echoes| *echoes > 0) {
        lines.push(format!("ECHO: {echoes} sends went back to where the item had come from"));
    }
    if let Some(simulated) = &report.sim {
        lines.extend(
            simulated.violations.iter().map(|broken| {
                format!("VIOLATION at {:.3} ms, node {}: {}", broken.at_ms, broken.node, broken.what)
            }),
        );
        let more = simulated.violations_found.saturating_sub(VIOLATIONS_SHOWN as u64);
        if more > 0 {
            lines.push(format!("VIOLATIONS: {more} more"));
        }
        lines.push(format!("repeat with: {}", simulated.repeat));
    }
    lines.extend(report.invalid_because.iter().map(|why| format!("INVALID: {why}")));
    lines
}

/// The kinds that took part.
fn kinds(report: &Report) -> impl Iterator<Item = (&'static str, &Propagation)> {
    [("transactions", &report.tx), ("blocks", &report.block)].into_iter().filter(|(_, kind)| kind.offered > 0)
}

pub(super) fn table(names: &[&str], color: bool) -> Table {
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

pub(super) fn right(text: String) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}

pub(super) fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or(DASH.to_owned(), |value| format!("{value:.digits$}"))
}

/// A share in percent, never rounded up to 100.
pub(super) fn percent(share: f64) -> String {
    let shown = (share * 100_000.0).floor() / 1_000.0;
    if share >= 1.0 { "100%".to_owned() } else { format!("{shown:.3}%") }
}
