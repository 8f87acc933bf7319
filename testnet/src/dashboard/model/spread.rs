//! Latencies as a histogram with bins of equal width on a logarithmic scale, so that it takes the same memory however
//! long the run is.

use super::super::batch::Figures;
use crate::report::statistics::{ratio, rounded};

/// Bins for each power of ten: each is 5.9 % wide.
const BINS_PER_DECADE: usize = 40;

/// Powers of ten, from 10 µs to 100 s. What is outside counts in the first or the last bin.
const DECADES: usize = 7;

const FIRST_US: f64 = 10.0;

/// The figures of one kind of items.
#[derive(Clone, Debug)]
pub(super) struct Spread {
    pub(super) submitted: u64,
    pub(super) expected: u64,
    pub(super) delivered: u64,
    /// Bodies received, and those that were needed.
    pub(super) bodies: (u64, u64),
    latencies: Bins,
    floors: Bins,
}

#[derive(Clone, Debug)]
struct Bins {
    counts: Vec<u64>,
    all: u64,
}

impl Spread {
    pub(super) fn new() -> Self {
        let bins = Bins { counts: vec![0; BINS_PER_DECADE * DECADES], all: 0 };
        Self { submitted: 0, expected: 0, delivered: 0, bodies: (0, 0), latencies: bins.clone(), floors: bins }
    }

    pub(super) fn delivery(&mut self, latency_us: u64, floor_us: Option<u64>) {
        self.delivered += 1;
        self.latencies.add(latency_us);
        if let Some(floor_us) = floor_us {
            self.floors.add(floor_us);
        }
    }

    pub(super) fn figures(&self) -> Figures {
        let (all, needed) = self.bodies;
        Figures {
            submitted: self.submitted,
            expected: self.expected,
            delivered: self.delivered,
            redundancy: ratio(all as f64, needed as f64).map(|bodies| rounded(bodies - 1.0, 3)),
            p50_ms: self.latencies.percentile_ms(50),
            p95_ms: self.latencies.percentile_ms(95),
            p99_ms: self.latencies.percentile_ms(99),
            curve: self.latencies.curve(self.expected.max(self.delivered)),
            floor: self.floors.curve(self.floors.all),
        }
    }
}

impl Bins {
    fn add(&mut self, us: u64) {
        let place = (us as f64 / FIRST_US).log10() * BINS_PER_DECADE as f64;
        // A float that is too small or too large becomes the nearest whole number.
        let place = (place.max(0.0) as usize).min(self.counts.len().saturating_sub(1));
        if let Some(count) = self.counts.get_mut(place) {
            *count += 1;
            self.all += 1;
        }
    }

    /// By nearest rank; the upper end of the bin.
    fn percentile_ms(&self, percent: u64) -> Option<f64> {
        let rank = (self.all * percent).div_ceil(100);
        let mut below = 0;
        let bin = self.counts.iter().position(|count| {
            below += count;
            *count > 0 && below >= rank
        });
        bin.map(upper_ms)
    }

    /// The corners of the curve, of the share of `whole`.
    fn curve(&self, whole: u64) -> Vec<(f64, f64)> {
        let mut below = 0;
        let filled = self.counts.iter().enumerate().filter(|(_, count)| **count > 0);
        filled
            .filter_map(|(bin, count)| {
                below += count;
                Some((upper_ms(bin), rounded(ratio(below as f64, whole as f64)?, 5)))
            })
            .collect()
    }
}

fn upper_ms(bin: usize) -> f64 {
    let us = FIRST_US * 10_f64.powf((bin + 1) as f64 / BINS_PER_DECADE as f64);
    rounded(us / 1_000.0, 4)
}
