//! Whether an attacker with most of the addresses can become all outbound peers of a node, on virtual time.
//!
//! ```text
//! eclipse FROM TO    the seeds FROM to TO, of both scenarios: a line for each
//! ```

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
            let name = scenario.name();
            let Outcome { eclipsed_s, fewest, honest_s, seconds, items, delivered, share, most_of_a_group } =
                run(scenario, seed, RUN_S);
            println!(
                "{name} {seed} {eclipsed_s} {fewest} {honest_s} {seconds} {items} {delivered} {} {} {most_of_a_group}",
                share.0, share.1
            );
        }
    }
    ExitCode::SUCCESS
}
