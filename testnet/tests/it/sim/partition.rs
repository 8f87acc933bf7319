//! A simulated network in two halves: nothing crosses while it lasts, and everything has arrived some time later.

use std::time::Duration;

use testnet::random::Seed;
use testnet::report::schema::Healed;
use testnet::sim::measure;
use testnet::sim::measure::heal::healed;
use testnet::sim::scenario::Scenario;
use testnet::sim::simulation::{Finished, Simulation};
use testnet::topology::Topology;
use testnet::wan::Partition;
use testnet::workload::{Length, Load};

fn scenario(at_s: u64, lasts_s: u64) -> Scenario {
    Scenario {
        nodes: Some(12),
        topology: Topology::Regular(4),
        partition: Some(Partition { at: Duration::from_secs(at_s), lasts: Duration::from_secs(lasts_s) }),
        workload: Load {
            tx_rate: 2.0,
            length: Length::Duration(Duration::from_secs(at_s + lasts_s + 2)),
            block_interval: Some(Duration::from_secs(2)),
            ..Load::default()
        },
        ..Scenario::default()
    }
}

fn run(scenario: &Scenario) -> Finished {
    Simulation::new(scenario.setup(Seed(3)).unwrap()).run(&mut |_| {}).unwrap()
}

fn figures(scenario: &Scenario) -> Healed {
    healed(&run(scenario)).unwrap()
}

#[test]
fn an_item_of_one_side_does_not_reach_the_other_while_it_lasts() {
    let finished = run(&scenario(1, 8));
    let parted = finished.partition.as_ref().unwrap();
    let (from, to) = (finished.load_from + parted.from, finished.load_from + parted.to);
    let meanwhile = |entry: &&testnet::sim::simulation::ledger::Entry| (from..to).contains(&entry.at);
    let entries: Vec<_> = finished.ledger.entries().iter().filter(meanwhile).collect();
    assert!(entries.len() > 10, "{} items", entries.len());
    for entry in entries {
        for arrival in entry.arrivals() {
            let at = entry.at + arrival.after;
            assert!(at >= to || !parted.halves.part(entry.origin, arrival.node), "{arrival:?} of {entry:?}");
        }
    }
    assert_eq!(healed(&finished).unwrap().crossed, 0);
}

#[test]
fn what_was_held_comes_right_after_a_short_one() {
    let healed = figures(&scenario(1, 8));
    // The connections have survived, because pings wait for 20 s. The longest path takes some delays, none as long
    // as a redial.
    assert!(healed.converged_after_ms.unwrap() < 1_000.0, "{healed:?}");
    assert_eq!((healed.halves, healed.same_items, healed.same_tips), ([6, 6], true, true));
}

#[test]
fn a_long_one_ends_every_connection_across() {
    let finished = run(&scenario(1, 40));
    let halves = &finished.partition.as_ref().unwrap().halves;
    let mut links = [0, 0];
    for (node, host) in finished.hosts.iter().enumerate() {
        for connection in &host.connections {
            if halves.part(node, connection.far.node as usize) {
                links[usize::from(connection.open)] += 1;
            } else {
                assert!(connection.open, "within a half nobody hangs up");
            }
        }
    }
    // Every connection between the halves ended, and was made again.
    assert!(links[0] > 0 && links[0] == links[1], "{links:?}");
}

#[test]
fn the_seed_decides_a_run_with_a_partition() {
    let [first, second] = [(); 2].map(|()| run(&scenario(1, 40)).trace_hash);
    assert_eq!(first, second);
}

#[test]
fn coverage_counts_what_the_partition_delayed() {
    let scenario = scenario(1, 8);
    let setup = scenario.setup(Seed(3)).unwrap();
    let floor = testnet::topology::floor::Floor::new(&setup.graph, &setup.delays, scenario.bandwidth);
    let tx = measure::measure(&run(&scenario), &floor, &mut |_| {}).tx;
    assert_eq!((tx.originated, tx.expected, tx.delivered), (22, 22 * 11, 22 * 11));
    assert!(tx.to_all_ms.max.unwrap() > 7_000.0, "{:?}", tx.to_all_ms);
}
