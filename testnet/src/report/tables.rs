//! The report for people. Everything printed is in `report.json`. A figure that doesn't exist is a dash.

pub mod aggregates;
pub mod capacity;
mod causes;
mod cells;
mod compare;
pub mod curve;
pub mod layout;
mod members;
pub mod plateau;
pub mod tree;
pub mod watched;
mod words;

use std::fmt::Write as _;

use self::cells::{DASH, count, number, percent, told};
use self::layout::{Cell, Grid, Page, wrapped};
use super::schema::{Healed, Percentiles, Propagation, Report, Rounds, Rumored, Runs, Simulated, Spread};

/// Violations that are shown; the report has more.
const VIOLATIONS_SHOWN: usize = 10;

/// The whole report as text.
#[must_use]
pub fn render(report: &Report, page: Page) -> String {
    let mut text = title(report, page);
    let mut section = |name: &str, body: String| {
        // Writing to a string can't fail.
        let _ = writeln!(text, "\n{name}\n{body}");
    };
    if let Some(figures) = &report.members {
        section("members, in seconds until this many of them had learned", told(members::learned(figures), page));
        section("membership", told(members::facts(figures), page));
    }
    // A run of members alone has no items.
    if report.members.is_none() || kinds(report).next().is_some() {
        section("latency, in milliseconds from submission (nearest rank)", told(latencies(report), page));
        section("delivery", told(deliveries(report), page));
        section("cost", told(costs(report), page));
    }
    if let Some(causes) = &report.causes {
        section(
            "why items came, and how long the last hop took, in milliseconds",
            told(causes::by_cause(causes), page),
        );
        section("where the time of all hops went", told(causes::time(causes), page));
        section("late deliveries", causes::late(causes, page));
    }
    if let Some(healed) = &report.partition {
        section("partition", told(partition(healed), page));
    }
    if let Some(spread) = &report.spread {
        section(&format!("spread, in intervals of {} s", spread.interval_ms / 1e3), told(intervals(spread), page));
    }
    if let Some(rumored) = &report.rumor {
        section(&format!("rumor, in rounds of {} s", rumored.round_ms / 1e3), told(rumor(rumored), page));
    }
    if let Some(simulated) = &report.sim {
        section("simulation", told(simulation(report, simulated), page));
    }
    for line in remarks(report, page) {
        let _ = writeln!(text, "\n{line}");
    }
    text
}

/// Several runs as one table, with a row for each value (or seed). If engines are compared, there are several
/// tables.
#[must_use]
pub fn render_runs(runs: &Runs, page: Page) -> String {
    if runs.kind == super::compare::COMPARE_KIND {
        return compare::render(runs, page);
    }
    if runs.runs.iter().all(|run| run.members.is_some()) {
        return members::render_runs(runs, page);
    }
    items_of_runs(runs, page)
}

fn items_of_runs(runs: &Runs, page: Page) -> String {
    let parameter = runs.sweep.as_ref().map_or("seed", |swept| swept.parameter.as_str());
    let seeds = runs.runs.iter().any(|run| runs.runs.first().is_some_and(|first| first.seed != run.seed));
    let names = [
        parameter,
        "seed",
        "p50\nms",
        "p95\nms",
        "to all\np95 ms",
        "stretch\np95",
        "bytes a\ndelivery",
        "wire\nratio",
        "redundancy",
        "coverage",
        "rounds\nto all",
        "intervals\nto all",
        "converged\ns",
        "violations",
    ];
    let wanted = |name: &str| match name {
        "seed" => seeds || runs.sweep.is_none(),
        "rounds\nto all" => runs.runs.iter().any(|run| run.rumor.is_some()),
        "intervals\nto all" => runs.runs.iter().any(|run| run.spread.is_some()),
        "converged\ns" => runs.runs.iter().any(|run| run.partition.is_some()),
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
    let keys = columns.iter().take_while(|name| [parameter, "seed"].contains(name)).count();
    let mut grid = Grid::new(&columns, keys);
    for (index, run) in runs.runs.iter().enumerate() {
        let value = runs.sweep.as_ref().and_then(|swept| swept.values.get(index)).cloned();
        let kind = run.tx_or_block();
        let cell = |name: &str| match name {
            "seed" => run.seed.to_string(),
            "p50\nms" => number(kind.latency_ms.p50, 1),
            "p95\nms" => number(kind.latency_ms.p95, 1),
            "to all\np95 ms" => number(kind.to_all_ms.p95, 1),
            "stretch\np95" => number(kind.stretch.p95, 2),
            "bytes a\ndelivery" => number(run.cost.wire_bytes_per_delivery, 1),
            "wire\nratio" => number(run.cost.wire_ratio, 3),
            "redundancy" => number(kind.redundancy, 3),
            "coverage" => kind.coverage.map_or(DASH.to_owned(), percent),
            "rounds\nto all" => number(run.rumor.as_ref().and_then(|rumor| rumor.rounds_to_all.p50), 0),
            "intervals\nto all" => number(run.spread.as_ref().and_then(|spread| spread.to_all.p50), 2),
            "converged\ns" => {
                let healed = run.partition.and_then(|healed| healed.converged_after_ms);
                number(healed.map(|ms| ms / 1e3), 3)
            }
            "violations" => run.sim.as_ref().map_or(DASH.to_owned(), |sim| sim.violations_found.to_string()),
            _ => value.clone().unwrap_or_default(),
        };
        grid.row(columns.iter().map(|name| Cell::figure(cell(name))));
    }
    let fitted = super::svg::fitted(runs);
    let fitted = fitted.map_or(String::new(), |fitted| format!("\n\n{}", wrapped(&fitted, page.width)));
    told(grid, page) + &fitted
}

fn title(report: &Report, page: Page) -> String {
    let what = format!(
        "{} · {} nodes · {} · relay {} · wan {} · seed {}",
        report.engine, report.nodes, report.topology, report.relay, report.wan, report.seed
    );
    // A command stays whole, so that it can be copied.
    format!("{}\n{}\n", wrapped(&what, page.width), report.command)
}

fn latencies(report: &Report) -> Grid {
    let mut grid = Grid::new(&["", "p50", "p90", "p95", "p99", "max"], 1);
    for (name, kind) in kinds(report) {
        let all = |values: &Percentiles| [values.p50, values.p90, values.p95, values.p99, values.max];
        let mut row = |what: &str, figures: [Option<f64>; 5], digits| {
            let cells = figures.into_iter().map(|value| Cell::figure(number(value, digits)));
            grid.row(std::iter::once(Cell::word(format!("{name} {what}"))).chain(cells));
        };
        row("to each node", all(&kind.latency_ms), 1);
        row("to all nodes", all(&kind.to_all_ms), 1);
        if kind.warm.latency_ms.p50.is_some() {
            row("warm", all(&kind.warm.latency_ms), 1);
        }
        for (what, stretch) in [("stretch (×)", &kind.stretch), ("stretch, warm (×)", &kind.warm.stretch)] {
            if stretch.p50.is_some() {
                row(what, [stretch.p50, None, stretch.p95, stretch.p99, None], 2);
            }
        }
        for (what, digits, typical) in [("limit", 1, &kind.limit_ms), ("over the limit (×)", 2, &kind.over_limit)]
        {
            if typical.p50.is_some() {
                row(what, [typical.p50, None, typical.p95, None, None], digits);
            }
        }
    }
    grid
}

fn deliveries(report: &Report) -> Grid {
    let mut grid = Grid::new(&["", "offered", "originated", "expected", "delivered", "coverage", "redundancy"], 1);
    for (name, kind) in kinds(report) {
        let coverage = Cell::figure(kind.coverage.map_or(DASH.to_owned(), percent));
        grid.row([
            Cell::word(name),
            Cell::figure(kind.offered.to_string()),
            Cell::figure(kind.originated.to_string()),
            Cell::figure(kind.expected.to_string()),
            Cell::figure(kind.delivered.to_string()),
            coverage.alarm(kind.coverage.is_some_and(|coverage| coverage < 1.0)),
            Cell::figure(number(kind.redundancy, 3)),
        ]);
    }
    grid
}

fn costs(report: &Report) -> Grid {
    let cost = &report.cost;
    let mut grid = Grid::facts();
    grid.fact("wire bytes per delivery", number(cost.wire_bytes_per_delivery, 1), "bytes");
    grid.fact("wire bytes over payload", number(cost.wire_ratio, 3), "×");
    if report.sim.is_none() {
        grid.fact("idle traffic per node", number(cost.idle_bytes_per_s_per_node, 1), "bytes/s");
        grid.fact("processor per delivery", number(cost.cpu_us_per_delivery, 1), "µs");
        grid.fact("peak memory, median node", number(cost.rss_mib.p50, 1), "MiB");
        grid.fact("peak memory, largest node", number(cost.rss_mib.max, 1), "MiB");
        grid.fact("timer lateness, p99", number(cost.lag_ms, 3), "ms");
        grid.fact("echoes", count(report.echoes), "");
    }
    let excess = &cost.control_excess_ms;
    if excess.p50.is_some() {
        grid.fact("control beside a block, over the link's delay, median", number(excess.p50, 1), "ms");
        grid.fact("control beside a block, over the link's delay, p99", number(excess.p99, 1), "ms");
    }
    grid
}

fn partition(healed: &Healed) -> Grid {
    let mut grid = Grid::facts();
    let seconds = |ms: Option<f64>| number(ms.map(|ms| ms / 1e3), 3);
    let [inside, outside] = healed.halves;
    let yes = |same: bool| if same { "the same" } else { "NOT THE SAME" }.to_owned();
    grid.fact("halves", format!("{inside} + {outside}"), "nodes");
    grid.fact("cut", seconds(Some(healed.at_ms)), "s after the load began");
    grid.fact("length", seconds(Some(healed.lasts_ms)), "s");
    grid.fact("deliveries across meanwhile", healed.crossed.to_string(), "");
    grid.fact("every item everywhere after heal", seconds(healed.items_after_ms), "s");
    grid.fact("every tip caught up after heal", seconds(healed.tips_after_ms), "s");
    grid.fact("converged after heal", seconds(healed.converged_after_ms), "s");
    grid.fact("items in the end", yes(healed.same_items), "");
    grid.fact("tips in the end", yes(healed.same_tips), "");
    grid
}

fn intervals(spread: &Spread) -> Grid {
    let mut grid = Grid::new(&["", "p50", "p95", "max"], 1);
    let rows = [
        ("to half of the nodes", spread.to_half),
        ("to 99 % of the nodes", spread.to_99),
        ("to all nodes", spread.to_all),
    ];
    for (name, intervals) in rows {
        let cells = [intervals.p50, intervals.p95, intervals.max].map(|value| Cell::figure(number(value, 2)));
        grid.row(std::iter::once(Cell::word(name)).chain(cells));
    }
    grid
}

fn rumor(rumored: &Rumored) -> Grid {
    let mut grid = Grid::new(&["", "p50", "p95", "max"], 1);
    let mut row = |name: &str, rounds: &Rounds| {
        let cells = [rounds.p50, rounds.p95, rounds.max].map(|value| Cell::figure(number(value, 0)));
        grid.row(std::iter::once(Cell::word(name)).chain(cells));
    };
    row("to half of the nodes", &rumored.rounds_to_half);
    row("to 99 % of the nodes", &rumored.rounds_to_99);
    row("to all nodes", &rumored.rounds_to_all);
    let mut row = |name: &str, value: String| {
        grid.row([Cell::word(name), Cell::figure(value)]);
    };
    row("to all nodes in theory", number(rumored.rounds_to_all_model, 1));
    row("bodies to a node for each item", number(rumored.messages_per_node, 2));
    row("share that an item never reached", number(rumored.residue, 4));
    grid
}

fn simulation(report: &Report, simulated: &Simulated) -> Grid {
    let mut grid = Grid::facts();
    grid.fact("virtual time", number(Some(simulated.virtual_s), 1), "s");
    grid.fact("real time", number(Some(simulated.wall_s), 1), "s");
    grid.fact("events", simulated.events.to_string(), "");
    grid.fact("events in a second", number(simulated.events_per_s, 0), "");
    grid.fact("engine inputs in a second", number(simulated.inputs_per_s, 0), "");
    grid.fact("messages", simulated.messages.to_string(), "");
    grid.fact("messages lost", simulated.messages_lost.to_string(), "");
    let estimated = simulated.memory_bytes_per_node_estimated.map(|bytes| bytes as f64 / 1024.0);
    grid.fact("memory per node", number(simulated.memory_bytes_per_node.map(|bytes| bytes / 1024.0), 1), "KiB");
    grid.fact("memory per node, estimated", number(estimated, 1), "KiB");
    grid.fact("wire bytes per node", number(simulated.wire_bytes_per_node, 0), "bytes");
    if simulated.adversaries > 0 {
        grid.fact("adversaries", simulated.adversaries.to_string(), "nodes");
        grid.fact("deliveries cut off by them", simulated.unreachable.to_string(), "");
        grid.fact("connections ended for misdeeds", simulated.left.to_string(), "");
        grid.fact("tips of honest nodes", simulated.tips.map_or(DASH.to_owned(), |tips| tips.to_string()), "");
    }
    let counted = simulated.counted_bytes_max.map(|bytes| bytes as f64 / 1024.0);
    grid.fact("counted memory of the largest engine", number(counted, 1), "KiB");
    if let Some(fullest) = simulated.filled.first() {
        grid.fact("fullest structure", percent(fullest.share), &fullest.what);
    }
    grid.fact("violations", simulated.violations_found.to_string(), &format!("checks: {}", simulated.checks));
    if simulated.checks != "none" {
        grid.fact("echoes", count(report.echoes), "");
    }
    grid.fact(
        "fingerprint",
        report.trace_hash.as_ref().map_or(DASH.to_owned(), |hash| hash.chars().take(16).collect()),
        "",
    );
    grid
}

/// The warnings that the reader must see before believing the figures.
fn remarks(report: &Report, page: Page) -> Vec<String> {
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
    if report.rumor.is_some() && report.sim.as_ref().is_some_and(reconciled) {
        lines.push(
            "RECONCILED: what the rumor left out came by reconciliation, and is in the rounds above. \
             --reconcile-interval 0s shows what a rumor does alone."
                .to_owned(),
        );
    }
    if let Some(simulated) = &report.sim {
        lines.extend(
            simulated.violations.iter().take(VIOLATIONS_SHOWN).map(|broken| {
                format!("VIOLATION at {:.3} ms, node {}: {}", broken.at_ms, broken.node, broken.what)
            }),
        );
        let more = simulated.violations_found.saturating_sub(VIOLATIONS_SHOWN as u64);
        if more > 0 {
            lines.push(format!("VIOLATIONS: {more} more"));
        }
    }
    lines.extend(report.invalid_because.iter().map(|why| format!("INVALID: {why}")));
    lines.extend(report.by_hand.map(words::by_hand));
    let mut lines: Vec<String> = lines.iter().map(|line| wrapped(line, page.width)).collect();
    // A command stays whole, so that it can be copied.
    lines.extend(report.sim.as_ref().map(|simulated| format!("repeat with: {}", simulated.repeat)));
    lines
}

/// Whether the nodes reconciled.
fn reconciled(simulated: &Simulated) -> bool {
    simulated.options.get("reconcile_interval").is_some_and(|interval| interval != "0s")
}

/// The kinds that took part.
fn kinds(report: &Report) -> impl Iterator<Item = (&'static str, &Propagation)> {
    [("transactions", &report.tx), ("blocks", &report.block)].into_iter().filter(|(_, kind)| kind.offered > 0)
}
