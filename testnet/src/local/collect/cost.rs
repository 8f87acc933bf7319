//! The cost of a run, from the samples that nodes write once a second.
//!
//! The use of a node is the difference of its counters between the last sample before the load and the first after
//! the drain, minus its idle rate over the time between these two. The idle rate is measured from readiness to the
//! load. A figure is missing if nothing is left: then the network was busier with itself before the load than during
//! it. A figure per delivery is the sum of this use over all surviving nodes, divided by the number of deliveries.
//! Every byte counts once, at the node that read it. Both kinds of items share the bytes and the time.

use node::observe::trace::{Record, What};

use super::{NodeTrace, Observed, Window};
use crate::report::deliveries::Delivery;
use crate::report::schema::{Cost, RssMib};
use crate::report::statistics::{MIB, Sorted, ratio, rounded};

#[derive(Clone, Copy)]
struct Sample {
    at_ns: u64,
    wire: u64,
    cpu_us: u64,
}

/// The use of one node.
struct Use {
    wire: f64,
    cpu_us: f64,
    idle_wire_per_s: f64,
}

pub(super) fn cost(observed: &Observed, deliveries: &[Delivery]) -> Cost {
    let survivors = || observed.nodes.iter().filter(|node| node.survived);
    let uses: Option<Vec<Use>> = survivors().map(|node| use_of(node, &observed.window)).collect();
    let uses = uses.unwrap_or_default();
    let peaks = Sorted::new(survivors().filter_map(peak_of).map(|bytes| rounded(bytes as f64 / MIB, 2)));
    let even = observed.nodes.iter().enumerate().filter(|(number, _)| !observed.slowed.contains(number));
    let even = even.map(|(_, node)| node).filter(|node| node.survived);
    let lags = Sorted::new(even.flat_map(|node| lateness_of(&node.records, &observed.window)));
    // Transactions inside a block were carried as part of the block's own length.
    let carried: u64 = deliveries.iter().filter(|one| !one.within_block).map(|one| one.bytes).sum();
    let sum = |figure: fn(&Use) -> f64| uses.iter().map(figure).sum::<f64>();
    let per = |total: f64, whole: f64, digits| {
        ratio(total, whole).filter(|_| !uses.is_empty()).map(|value| rounded(value, digits))
    };
    Cost {
        wire_bytes_per_delivery: per(sum(|one| one.wire), deliveries.len() as f64, 1).filter(|left| *left >= 0.0),
        wire_ratio: per(sum(|one| one.wire), carried as f64, 4).filter(|left| *left >= 0.0),
        idle_bytes_per_s_per_node: per(sum(|one| one.idle_wire_per_s), uses.len() as f64, 1),
        cpu_us_per_delivery: per(sum(|one| one.cpu_us), deliveries.len() as f64, 1).filter(|left| *left >= 0.0),
        rss_mib: RssMib { p50: peaks.percentile(50), max: peaks.max() },
        lag_ms: lags.percentile(99).map(|us| rounded(us / 1_000.0, 3)),
        ..Cost::default()
    }
}

/// `None` if the trace has too few samples around the load.
fn use_of(node: &NodeTrace, window: &Window) -> Option<Use> {
    let samples: Vec<Sample> = node.records.iter().filter_map(sample_of).collect();
    let before = *samples.iter().rev().find(|sample| sample.at_ns <= window.load_from)?;
    let after = *samples.iter().find(|sample| sample.at_ns >= window.drain_to).or(samples.last())?;
    let ready = *samples.iter().find(|sample| sample.at_ns >= window.idle_from)?;
    let idle_s = seconds(ready, before).filter(|span| *span > 0.0)?;
    let idle_wire_per_s = before.wire.saturating_sub(ready.wire) as f64 / idle_s;
    let idle_cpu_per_s = before.cpu_us.saturating_sub(ready.cpu_us) as f64 / idle_s;
    let busy_s = seconds(before, after)?;
    Some(Use {
        wire: after.wire.saturating_sub(before.wire) as f64 - idle_wire_per_s * busy_s,
        cpu_us: after.cpu_us.saturating_sub(before.cpu_us) as f64 - idle_cpu_per_s * busy_s,
        idle_wire_per_s,
    })
}

fn sample_of(record: &Record) -> Option<Sample> {
    match record.what {
        What::Sample { wire_in, cpu_us, .. } => Some(Sample { at_ns: record.at_ns, wire: wire_in, cpu_us }),
        _ => None,
    }
}

fn seconds(from: Sample, to: Sample) -> Option<f64> {
    to.at_ns.checked_sub(from.at_ns).map(|ns| ns as f64 / 1e9)
}

fn peak_of(node: &NodeTrace) -> Option<u64> {
    node.records.iter().rev().find_map(|record| match record.what {
        What::Sample { rss_peak, .. } => Some(rss_peak),
        _ => None,
    })
}

/// Lateness of the 50 ms timer during load and drain, in microseconds.
fn lateness_of<'a>(records: &'a [Record], window: &'a Window) -> impl Iterator<Item = f64> + 'a {
    let inside = |record: &&Record| (window.load_from..=window.drain_to).contains(&record.at_ns);
    records
        .iter()
        .filter(inside)
        .flat_map(|record| match &record.what {
            What::Sample { lateness_us, .. } => lateness_us.as_slice(),
            _ => &[],
        })
        .map(|us| *us as f64)
}
