//! The figures of an attack, from the traces of the stage's nodes and from the system's data about them.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use node::observe::trace::{self, Kind, Record, What};

/// An item that has not arrived by then counts as this late.
const LATE: Duration = Duration::from_secs(10);
/// Both ends of a connection record its end within this time.
const SAME_NS: u64 = 2_000_000_000;

/// A figure of an attack.
pub(crate) struct Row {
    pub(crate) what: &'static str,
    pub(crate) figure: String,
    pub(crate) limit: String,
    pub(crate) holds: bool,
}

impl Row {
    /// A number that must not be above a limit.
    pub(crate) fn at_most(what: &'static str, figure: f64, limit: f64, unit: &str) -> Self {
        let text = |number: f64| format!("{}{unit}", (number * 100.0).round() / 100.0);
        Self { what, figure: text(figure), limit: format!("<= {}", text(limit)), holds: figure <= limit }
    }

    pub(crate) fn at_least(what: &'static str, figure: f64, limit: f64, unit: &str) -> Self {
        let text = |number: f64| format!("{}{unit}", (number * 100.0).round() / 100.0);
        Self { what, figure: text(figure), limit: format!(">= {}", text(limit)), holds: figure >= limit }
    }
}

/// The most memory that a process had at once.
pub(crate) fn peak(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1_024
}

pub(crate) fn read(path: &Path) -> Vec<Record> {
    trace::read(path).expect("a trace").1
}

/// Peers whose connections a node closed, by reason: when, which peer, and why. `ids` are those of the honest
/// nodes.
fn closed<'a>(records: &'a [Record], ids: &[String]) -> Vec<(u64, usize, &'a str)> {
    let (mut honest, mut closed) = (HashMap::new(), Vec::new());
    for record in records {
        match &record.what {
            What::PeerUp { peer, peer_id, .. } => {
                honest.extend(ids.iter().position(|id| id == peer_id).map(|at| (*peer, at)));
            }
            What::PeerDown { peer, reason } => {
                closed.extend(honest.get(peer).map(|other| (record.at_ns, *other, reason.as_str())));
            }
            _ => {}
        }
    }
    closed
}

/// Gossip connections between honest nodes that closed in a span, each counted at both of its ends. A connection
/// that one end closed by itself, because of a newer connection or another peer, does not count as lost, and
/// neither does its other end.
pub(crate) fn lost(traces: &[Vec<Record>; 4], ids: &[String], span: (u64, u64)) -> usize {
    let closed = traces.each_ref().map(|records| self::closed(records, ids));
    let own = |reason: &str| matches!(reason, "duplicate_connection" | "refreshed");
    let about = |a: u64, b: u64| a.abs_diff(b) < SAME_NS;
    let other_end = |at: usize, (when, other, _): (u64, usize, &str)| {
        closed[other].iter().any(|(then, back, why)| *back == at && own(why) && about(*then, when))
    };
    let all = closed.iter().enumerate().flat_map(|(at, closed)| closed.iter().map(move |each| (at, *each)));
    let lost =
        all.filter(|(at, each)| (span.0..span.1).contains(&each.0) && !own(each.2) && !other_end(*at, *each));
    lost.count()
}

pub(crate) fn delays(traces: &[Vec<Record>; 4], span: (u64, u64)) -> (f64, usize) {
    delays_to(traces, span, |_| true)
}

/// The 95th percentile of deliveries in milliseconds, and their number. The items were given to honest nodes in a
/// span.
pub(crate) fn delays_to(traces: &[Vec<Record>; 4], span: (u64, u64), to: impl Fn(usize) -> bool) -> (f64, usize) {
    let seen = traces.each_ref().map(|records| {
        let mut seen = HashMap::new();
        for record in records {
            if let What::Accepted { kind: Kind::Transaction, item, .. } = &record.what {
                seen.entry(*item).or_insert(record.at_ns);
            }
        }
        seen
    });
    let mut delays = Vec::new();
    for (at, records) in traces.iter().enumerate() {
        for record in records.iter().filter(|record| (span.0..span.1).contains(&record.at_ns)) {
            let What::Submitted { kind: Kind::Transaction, item, .. } = &record.what else { continue };
            for (_, seen) in seen.iter().enumerate().filter(|(other, _)| *other != at && to(*other)) {
                let came = seen.get(item).map(|came| came.saturating_sub(record.at_ns));
                let late = LATE.as_nanos() as u64;
                delays.push(came.unwrap_or(late).min(late) as f64 / 1e6);
            }
        }
    }
    delays.sort_by(f64::total_cmp);
    (delays.get(delays.len() * 95 / 100).copied().unwrap_or(f64::INFINITY), delays.len())
}
