//! How late the nodes' timers were, and when. A node's 50 ms timer is late if its processor, or its only thread, was busy
//! with something else.

use node::observe::trace::What;

use super::super::Observed;
use crate::report::statistics::Sorted;

/// The time between two ticks, in nanoseconds.
const TICK_NS: u64 = 50_000_000;

/// The timers of all nodes.
pub(super) struct Timers(Vec<Vec<Sample>>);

/// The ticks between two samples.
struct Sample {
    from_ns: u64,
    to_ns: u64,
    late_us: Vec<u64>,
}

impl Timers {
    pub(super) fn new(observed: &Observed) -> Self {
        let of_node = |records: &[node::observe::trace::Record]| {
            let mut from_ns = 0;
            let mut samples = Vec::new();
            for record in records {
                if let What::Sample { lateness_us, .. } = &record.what {
                    samples.push(Sample { from_ns, to_ns: record.at_ns, late_us: lateness_us.clone() });
                    from_ns = record.at_ns;
                }
            }
            samples
        };
        Self(observed.nodes.iter().map(|node| of_node(&node.records)).collect())
    }

    /// How late the two ticks around a moment were at a node, in milliseconds; 0 if no sample tells.
    pub(super) fn late_ms(&self, node: usize, at_ns: u64) -> f64 {
        let Some(samples) = self.0.get(node) else { return 0.0 };
        let Some(sample) = samples.get(samples.partition_point(|sample| sample.to_ns < at_ns)) else { return 0.0 };
        let tick = usize::try_from(at_ns.saturating_sub(sample.from_ns) / TICK_NS).unwrap_or(usize::MAX);
        let around = sample.late_us.iter().skip(tick.saturating_sub(1)).take(2);
        around.max().map_or(0.0, |us| *us as f64 / 1e3)
    }

    /// The p95 lateness of a node's timer between two moments, in milliseconds.
    pub(super) fn p95_ms(&self, node: usize, from_ns: u64, to_ns: u64) -> Option<f64> {
        let samples = self.0.get(node)?.iter().filter(|sample| sample.to_ns >= from_ns && sample.from_ns <= to_ns);
        Sorted::new(samples.flat_map(|sample| &sample.late_us).map(|us| *us as f64 / 1e3)).percentile(95)
    }
}
