//! The checker of convergence requires the same items and the same tip everywhere, whatever the policy promises.

use std::time::Duration;

use protocol::time::{Duration as Span, Time};
use testnet::random::Seed;
use testnet::sim::checker::converged::Converged;
use testnet::sim::scenario::Scenario;
use testnet::sim::simulation::host::Sabotage;
use testnet::sim::simulation::{SETTLE, Simulation};
use testnet::workload::{Length, Load};

fn found(sabotage: Option<Sabotage>) -> Vec<(usize, String)> {
    let workload = Load {
        length: Length::Duration(Duration::from_secs(5)),
        block_interval: Some(Duration::from_secs(1)),
        ..Load::default()
    };
    let scenario = Scenario { nodes: Some(12), relay: "rumor".to_owned(), workload, ..Scenario::default() };
    let mut setup = scenario.setup(Seed(2)).unwrap();
    let producer = setup.blocks[0].1;
    let deaf = (producer + 1) % 12;
    setup.nodes[deaf].sabotage = sabotage;
    setup.checkers = vec![Box::new(Converged::default())];
    let finished = Simulation::new(setup).run(&mut |_| {}).unwrap();
    let kept = finished.checkers[0].findings().kept();
    kept.iter().map(|violation| (violation.node, violation.what.replace(&deaf.to_string(), "D"))).collect()
}

#[test]
fn one_node_that_stays_behind_is_found() {
    let found = found(Some(Sabotage::DeafFrom(Time::ZERO + SETTLE + Span::from_secs(2))));
    let nodes: std::collections::BTreeSet<usize> = found.iter().map(|(node, _)| *node).collect();
    assert!(found.iter().any(|(_, what)| what.starts_with("has not converged: lacks Transaction")), "{found:?}");
    assert!(
        found.iter().any(|(_, what)| what.starts_with("has not converged: its tip is at height")),
        "{found:?}"
    );
    // Items that enter at the deaf node still leave it.
    assert_eq!(nodes.len(), 1, "{found:?}");
}

#[test]
fn where_all_have_everything_nothing_is_found() {
    assert_eq!(found(None), []);
}
