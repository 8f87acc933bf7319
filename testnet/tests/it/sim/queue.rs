//! The order of events: by time, and at equal times by scheduling, near and far.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use protocol::time::Time;
use testnet::random::Seed;
use testnet::sim::simulation::queue::{EventQueue, SLICE_MICROS, SLICES};

/// Schedules and takes at random, and compares with a heap that can't be wrong.
#[test]
fn events_come_in_order() {
    for seed in 0..20 {
        let mut draws = Seed(seed).draws("queue");
        let (mut queue, mut naive) = (EventQueue::default(), BinaryHeap::new());
        let (mut now, mut scheduled) = (0, 0_u64);
        for _ in 0..5_000 {
            if draws.chance(0.55) {
                // At once, within a slice, within the ring, around its end, and far beyond it.
                let spans = [0, SLICE_MICROS, 100_000, SLICE_MICROS * SLICES as u64 + 300, 60_000_000];
                let span = spans[draws.below(spans.len())];
                let at = now + draws.below(span as usize + 1) as u64;
                queue.push(Time::from_micros(at), scheduled);
                naive.push(Reverse((at, scheduled)));
                scheduled += 1;
            } else {
                let wanted = naive.pop().map(|Reverse((at, event))| (Time::from_micros(at), event));
                let taken = queue.pop();
                assert_eq!(taken, wanted, "seed {seed}");
                now = taken.map_or(now, |(at, _)| at.as_micros());
            }
            assert_eq!(queue.len(), naive.len());
        }
        while let Some(Reverse((at, event))) = naive.pop() {
            assert_eq!(queue.pop(), Some((Time::from_micros(at), event)), "seed {seed}");
        }
        assert!(queue.is_empty() && queue.pop().is_none());
    }
}
