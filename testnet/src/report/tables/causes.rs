//! Why items came, where the time went, and what late deliveries are due to: `causes` of a report, for people.

use protocol::gossip::ArrivalCause;

use super::cells::{DASH, number, percent};
use super::layout::{Cell, Grid, Page, wrapped};
use crate::report::schema::causes::{Causes, LateLink, LateNode, SlowDelivery, SlowHop, ToBlame};

/// Slow deliveries that are told hop by hop.
const SLOW_TOLD_MAX: usize = 3;

/// Cells of the longest bar.
const BAR: usize = 24;

/// Hops by cause.
pub(super) fn by_cause(causes: &Causes) -> Grid {
    let mut grid = Grid::new(&["", "hops", "share", "bytes", "p50", "p95", "max"], 1);
    let all = causes.hops.max(1) as f64;
    for row in &causes.by_cause {
        grid.row([
            Cell::word(said(&row.cause)),
            Cell::figure(row.hops.to_string()),
            Cell::figure(percent(row.hops as f64 / all)),
            Cell::figure(row.bytes.to_string()),
            Cell::figure(number(row.hop_ms.p50, 1)),
            Cell::figure(number(row.hop_ms.p95, 1)),
            Cell::figure(number(row.hop_ms.max, 1)),
        ]);
    }
    let dash = || Cell::figure(DASH);
    let (count, bytes) = (causes.needless.count.to_string(), causes.needless.bytes.to_string());
    grid.row([
        Cell::word("bodies for nothing"),
        Cell::figure(count),
        dash(),
        Cell::figure(bytes),
        dash(),
        dash(),
        dash(),
    ]);
    grid
}

/// The parts of all hops.
pub(super) fn time(causes: &Causes) -> Grid {
    let sum = causes.time_ms;
    let parts = [
        ("queue", sum.queue),
        ("waiting", sum.wait),
        ("link, its delay", sum.floor),
        ("link, a busy processor", sum.processor),
        ("link, the rest", sum.link),
        ("verification", sum.verify),
    ];
    // Clocks of one machine are read by several processes, so that a part may be a little below zero.
    let all: f64 = parts.iter().map(|(_, ms)| ms.max(0.0)).sum();
    let mut grid = Grid::facts();
    for (name, ms) in parts {
        let share = if all > 0.0 { ms.max(0.0) / all } else { 0.0 };
        grid.fact(name, percent(share), &"█".repeat((share * BAR as f64).round() as usize));
    }
    grid
}

/// What late deliveries are due to, the slowest node, the slowest link, and some slow deliveries.
pub(super) fn late(causes: &Causes, page: Page) -> String {
    let mut lines = vec![format!(
        "{} of {} deliveries are late: a hop on their way lost {} ms or more.",
        causes.late,
        causes.by_cause.iter().map(|row| row.hops).sum::<u64>(),
        number(Some(causes.late_from_ms), 1)
    )];
    lines.extend(causes.to_blame.iter().map(blamed));
    lines.extend(causes.nodes.first().map(slowest_node));
    lines.extend(causes.links.first().map(slowest_link));
    let slowest = causes.slowest.iter().filter(|one| one.kind == "tx");
    lines.extend(slowest.take(SLOW_TOLD_MAX).map(slow_delivery));
    let lines: Vec<String> = lines.iter().map(|line| wrapped(line, page.width).replace('\n', "\n    ")).collect();
    lines.join("\n")
}

/// The name of a cause, and how the item came.
pub(super) fn said(cause: &str) -> String {
    match ArrivalCause::named(cause) {
        Some(cause) => format!("{} ({})", cause.way().name(), cause.name()),
        None => cause.to_owned(),
    }
}

fn blamed(row: &ToBlame) -> String {
    let nodes: Vec<String> = row.nodes.iter().map(usize::to_string).collect();
    let what = if nodes.is_empty() { row.what.clone() } else { format!("{} {}", row.what, nodes.join("-")) };
    let lost = row.lost_ms.p50.map_or(String::new(), |ms| format!(", {} ms lost (median)", number(Some(ms), 1)));
    format!("{what}: {} late{lost}: {}", row.late, row.why)
}

fn slowest_node(row: &LateNode) -> String {
    let because = if row.blame.is_empty() { "nothing found".to_owned() } else { row.blame.clone() };
    format!(
        "slowest node: {} (p95 {} ms); messages to it are {} ms late, its timer {} ms (p95); because of: {because}",
        row.node,
        number(Some(row.p95_ms), 1),
        number(row.messages_late_ms, 1),
        number(row.timer_late_ms, 1)
    )
}

fn slowest_link(row: &LateLink) -> String {
    let because = if row.blame.is_empty() { "nothing found".to_owned() } else { row.blame.clone() };
    let floor = row.floor_ms.map_or(String::new(), |ms| format!(" over its delay of {} ms", number(Some(ms), 1)));
    let (late, from, node) = (number(Some(row.late_ms), 1), row.from, row.node);
    format!("slowest link: {from} to {node} ({late} ms{floor}, median); because of: {because}")
}

fn slow_delivery(one: &SlowDelivery) -> String {
    let hops: Vec<String> = one.hops.iter().map(slow_hop).collect();
    let because = if one.blame.is_empty() { "nothing found" } else { &one.blame };
    let took = number(Some(one.latency_ms), 1);
    format!(
        "{} {} at node {} after {took} ms: {}; because of: {because}",
        one.kind,
        one.item,
        one.node,
        hops.join(", ")
    )
}

fn slow_hop(hop: &SlowHop) -> String {
    let mut parts = Vec::new();
    let named = [
        ("queue", hop.queue_ms),
        ("waiting", hop.wait_ms),
        ("link", hop.link_ms),
        ("verification", hop.verify_ms),
    ];
    for (name, ms) in named {
        parts.extend(ms.filter(|ms| *ms >= 0.1).map(|ms| format!("{name} {}", number(Some(ms), 1))));
    }
    let parts = if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) };
    format!("{}→{} {} {} ms{parts}", hop.from, hop.node, said(&hop.cause), number(hop.hop_ms, 1))
}
