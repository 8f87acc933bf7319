//! The spread of transactions in multiples of a given time, such as the interval at which nodes reconcile: the
//! share of nodes that have one at each quarter of an interval after its submission, and the number of intervals
//! until all nodes have it.
//!
//! Deliberately absent: rounds that tick for all nodes at once, as those of a rumor do ([`super::rounds`]), and
//! any model.

use node::observe::trace::Kind;
use protocol::time::Duration;

use crate::report::schema::{Rounds, Spread, Step};
use crate::report::statistics::{Sorted, rounded};
use crate::sim::simulation::Finished;

/// Points of the curve in each interval.
const STEPS: u64 = 4;

/// The most points of a curve: 250 intervals.
const STEPS_MAX: u64 = 1_000;

/// The figures over all transactions that originated, among nodes that keep the rules and were never down.
#[must_use]
pub fn spread(finished: &Finished, interval: Duration) -> Spread {
    let interval_us = interval.as_micros().max(1);
    let counted: Vec<bool> = finished.hosts.iter().map(|host| host.is_honest() && !host.was_down).collect();
    let nodes = counted.iter().filter(|counted| **counted).count();
    let entries = finished.ledger.entries().iter();
    // Sorted times in microseconds until each counted node had the item; 0 where it entered.
    let items: Vec<Vec<u64>> = entries
        .filter(|entry| entry.kind() == Kind::Transaction && entry.originated)
        .map(|entry| {
            let arrivals = entry.arrivals().filter(|arrival| counted[arrival.node]);
            let mut times: Vec<u64> = arrivals.map(|arrival| arrival.after.as_micros()).collect();
            times.extend(counted[entry.origin].then_some(0));
            times.sort_unstable();
            times
        })
        .collect();
    let needed = |share: f64| {
        // A share of the nodes, rounded up to a whole number.
        let wanted = (nodes as f64 * share).ceil() as usize;
        let times = items.iter().filter_map(|times| times.get(wanted.checked_sub(1)?));
        let values = Sorted::new(times.map(|us| rounded(*us as f64 / interval_us as f64, 3)));
        Rounds { p50: values.percentile(50), p95: values.percentile(95), max: values.max() }
    };
    let last_us = items.iter().filter_map(|times| times.last()).max().copied().unwrap_or(0);
    let last = (last_us * STEPS).div_ceil(interval_us).min(STEPS_MAX);
    let step = |number: u64| {
        let within = |times: &Vec<u64>| times.partition_point(|us| us * STEPS <= number * interval_us);
        let shares = items.iter().map(|times| within(times) as f64 / (nodes as f64).max(1.0));
        Step {
            intervals: number as f64 / STEPS as f64,
            informed: rounded(shares.clone().sum::<f64>() / (items.len() as f64).max(1.0), 6),
            least: rounded(shares.clone().fold(1.0, f64::min), 6),
            most: rounded(shares.fold(0.0, f64::max), 6),
        }
    };
    Spread {
        interval_ms: interval_us as f64 / 1e3,
        steps: (0..=last).map(step).collect(),
        to_half: needed(0.5),
        to_99: needed(0.99),
        to_all: needed(1.0),
    }
}
