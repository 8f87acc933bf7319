//! Whether an attacker with most of the addresses can become all outbound peers of a node, on virtual time.
//!
//! ```text
//! eclipse FROM TO    the seeds FROM to TO, of both scenarios: a line for each
//! ```
//!
//! `scripts/prove.sh eclipse` judges these lines, because it knows how many there have to
//! be. This program does not.

use std::process::ExitCode;

use support::{Outcome, RUN_S, Scenario, run};

#[path = "support/eclipse.rs"]
mod support;

fn main() -> ExitCode {
    let seeds: Vec<u64> = std::env::args().skip(1).filter_map(|text| text.parse().ok()).collect();
    let [from, to] = seeds[..] else {
        eprintln!("usage: eclipse FROM TO");
        return ExitCode::from(2);
    };
    for seed in from..=to {
        for scenario in [Scenario::TwoGroups, Scenario::QuarterOfGroups] {
            let Outcome {
                eclipsed_s,
                first_start_s,
                restart_s,
                inbound,
                fewest,
                honest_s,
                seconds,
                items,
                delivered,
                share: (bad, all),
                most_of_a_group,
            } = run(scenario, seed, RUN_S);
            let counts = [eclipsed_s, fewest as u64, honest_s, seconds, items, delivered, bad as u64, all as u64];
            let more = [most_of_a_group as u64, first_start_s, restart_s, inbound as u64];
            let cells: Vec<_> = counts.iter().chain(&more).map(u64::to_string).collect();
            println!("{} {seed} {}", scenario.name(), cells.join(" "));
        }
    }
    ExitCode::SUCCESS
}
