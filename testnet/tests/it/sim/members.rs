//! Members in the simulator: what all of them learn of, how soon, and what they must not believe.

mod liars;
mod rival;

use std::time::Duration;

use testnet::random::Seed;
use testnet::report::schema::members::MembersFigures;
use testnet::sim::fault::FaultPlan;
use testnet::sim::measure::members::figures;
use testnet::sim::members::plan::{MembersPlan, Portion, Preset};
use testnet::sim::scenario::Scenario;
use testnet::sim::simulation::{Finished, Simulation};
use testnet::topology::Topology;
use testnet::wan::Partition;
use testnet::workload::{Length, Load};

const SECOND: Duration = Duration::from_secs(1);

/// A network of members that does nothing else.
fn network(nodes: usize, load_s: u64, members: MembersPlan) -> Scenario {
    Scenario {
        nodes: Some(nodes),
        topology: Topology::Regular(6),
        reconcile_interval: Duration::ZERO,
        drain: 90 * SECOND,
        workload: Load { tx_rate: 0.0, length: Length::Duration(load_s as u32 * SECOND), ..Load::default() },
        members: Some(members),
        ..Scenario::default()
    }
}

fn run(scenario: &Scenario, seed: u64) -> Finished {
    Simulation::new(scenario.setup(Seed(seed)).unwrap()).run(&mut |_| {}).unwrap()
}

fn figures_of(scenario: &Scenario, seed: u64) -> MembersFigures {
    let figures = figures(&run(scenario, seed)).unwrap();
    assert_eq!(figures.false_deaths, 0, "{figures:?}");
    figures
}

#[test]
fn a_crash_is_known_to_all_and_nobody_else_is_taken_for_dead() {
    let mut scenario = network(30, 10, MembersPlan::default());
    scenario.workload.kill = 1;
    let figures = figures_of(&scenario, 1);
    // T is 4 * log10(31) = 6 s. One accuser makes it 6 T.
    let all = figures.detect_ms.max.unwrap();
    assert!((6_000.0..50_000.0).contains(&all), "{figures:?}");
    assert!(figures.settle_ms.max.unwrap() < 10_000.0, "{figures:?}");
    assert!(figures.true_accusations >= 1, "{figures:?}");
}

#[test]
fn a_late_member_and_a_new_value_are_known_to_all_within_seconds() {
    let plan = MembersPlan { join: 2, set_entry: 2, ..MembersPlan::default() };
    let figures = figures_of(&network(30, 10, plan), 2);
    assert!(figures.join_ms.max.unwrap() < 10_000.0, "{figures:?}");
    assert!(figures.entry_ms.max.unwrap() < 10_000.0, "{figures:?}");
    assert_eq!(figures.detect_ms.max, None);
}

#[test]
fn values_that_change_all_the_time_are_known_within_seconds_if_the_budget_allows() {
    let entries = |members_budget| {
        let every = Some(10 * SECOND);
        let plan = MembersPlan { set_entry: 20, set_entry_every: every, members_budget, ..MembersPlan::default() };
        figures_of(&network(30, 60, plan), 5).entry_ms
    };
    let (usual, raised) = (entries(None), entries(Some(65_536)));
    assert!(raised.max.unwrap() < 3_000.0, "{raised:?}");
    assert!(usual.p99.is_none_or(|p99| p99 > 3_000.0), "one change in 30 s is news: {usual:?}");
}

#[test]
fn members_on_lossy_links_that_pause_now_and_then_are_not_taken_for_dead() {
    let plan = MembersPlan {
        preset: Preset::Wan,
        pause: Portion::Share(0.1),
        pause_for: "1s..8s".parse().unwrap(),
        pause_every: Some(60 * SECOND),
        one_way: 0.01,
        ..MembersPlan::default()
    };
    let mut scenario = network(30, 300, plan);
    scenario.faults = FaultPlan { vanish: 0.1, ..FaultPlan::default() };
    figures_of(&scenario, 3);
}

#[test]
fn after_a_partition_all_see_each_other_alive_again() {
    let mut scenario = network(20, 200, MembersPlan::default());
    scenario.partition = Some(Partition { at: 5 * SECOND, lasts: 120 * SECOND });
    let figures = figures_of(&scenario, 4);
    assert!(figures.heal_ms.max.unwrap() < 30_000.0, "{figures:?}");
}

#[test]
fn a_member_that_was_cut_off_returns() {
    let cut_off = Some(Partition { at: 5 * SECOND, lasts: 150 * SECOND });
    let mut scenario = network(20, 220, MembersPlan { cut_off, ..MembersPlan::default() });
    scenario.drain = 130 * SECOND;
    let figures = figures_of(&scenario, 5);
    // The others see it within seconds. It has to try each of them by itself, because all were dead for it.
    assert!(figures.heal_ms.p50.unwrap() < 10_000.0, "{figures:?}");
    assert!(figures.heal_ms.max.unwrap() < 120_000.0, "{figures:?}");
}

#[test]
fn a_member_that_is_paused_for_minutes_is_found_dead_and_refutes() {
    let plan =
        MembersPlan { pause: Portion::Count(1), pause_for: "3m".parse().unwrap(), ..MembersPlan::default() };
    let figures = figures_of(&network(20, 400, plan), 6);
    assert!(figures.true_accusations >= 1 && figures.refutations >= 1, "{figures:?}");
}

#[test]
fn one_seed_gives_one_result() {
    let plan =
        MembersPlan { join: 1, set_entry: 1, pause: Portion::Count(2), one_way: 0.02, ..MembersPlan::default() };
    let mut scenario = network(20, 30, plan);
    scenario.workload.kill = 1;
    scenario.faults = FaultPlan { vanish: 0.05, ..FaultPlan::default() };
    let [one, other] = [7, 7].map(|seed| run(&scenario, seed));
    assert_eq!(one.trace_hash, other.trace_hash);
    assert_eq!(figures(&one), figures(&other));
    assert_ne!(run(&scenario, 8).trace_hash, one.trace_hash);
}

#[test]
fn idle_members_send_little() {
    let figures = figures_of(&network(30, 120, MembersPlan { preset: Preset::Wan, ..MembersPlan::default() }), 9);
    assert!(figures.bytes_per_s_per_node.unwrap() < 1_024.0, "{figures:?}");
    assert_eq!((figures.false_accusations, figures.refutations), (0, 0), "{figures:?}");
}

#[test]
fn members_that_tell_each_other_their_places_estimate_round_trips_to_all() {
    let figures = figures_of(&network(40, 600, MembersPlan::default()), 7);
    // Round trips in this world are from 2 to 330 ms.
    let error = figures.estimate_error_ms;
    assert!(error.p50.unwrap() < 20.0 && error.p90.unwrap() < 60.0, "{error:?}");
}
