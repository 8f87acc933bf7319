//! Small networks with drawn faults and adversaries: every checker holds on every seed.

use std::sync::atomic::{AtomicU64, Ordering};

use testnet::sim::swarm::run_swarm;

/// Seeds that are run each time. A script runs more.
const SEEDS: u64 = 50;

#[test]
fn all_checkers_hold_on_drawn_networks() {
    let from = number("HEARSAY_SWARM_FROM", 0);
    let to = from + number("HEARSAY_SWARM_SEEDS", SEEDS);
    let next = AtomicU64::new(from);
    let work = || {
        let mut failures = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= to {
                return failures;
            }
            if let Err(failure) = run_swarm(seed) {
                failures.push((seed, failure.to_string()));
            }
        }
    };
    let mut failures = std::thread::scope(|scope| {
        let other = scope.spawn(work);
        let mut failures = work();
        failures.extend(other.join().unwrap());
        failures
    });
    failures.sort();
    let texts: Vec<String> = failures.into_iter().map(|(_, text)| text).collect();
    assert!(texts.is_empty(), "{} of {} seeds failed\n{}", texts.len(), to - from, texts.join("\n"));
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}
