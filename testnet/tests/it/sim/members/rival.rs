//! The rival in our machine's place: the same faults, the same measures, and its own machine.

use std::time::Duration;

use assert_cmd::Command;
use protocol::gossip::members::Detector;
use testnet::random::Seed;
use testnet::report::schema::Runs;
use testnet::report::schema::members::MembersFigures;
use testnet::sim::fault::FaultPlan;
use testnet::sim::measure::members::figures;
use testnet::sim::members::plan::{MembersPlan, Portion, Preset, Watcher};
use testnet::sim::rival;
use testnet::sim::scenario::Scenario;
use testnet::sim::simulation::{Finished, Simulation};
use testnet::wan::Partition;

use super::{SECOND, network};

/// A plan in which the rival watches.
fn rival_plan() -> MembersPlan {
    MembersPlan { detector: Watcher::Foca, ..MembersPlan::default() }
}

fn run(scenario: &Scenario, seed: u64) -> Finished {
    rival::run(scenario.setup(Seed(seed)).unwrap(), Preset::Lan, &mut |_| {})
}

fn figures_of(scenario: &Scenario, seed: u64) -> MembersFigures {
    figures(&run(scenario, seed)).unwrap()
}

#[test]
fn the_rival_finds_a_crash_and_a_late_member() {
    let mut scenario = network(30, 10, MembersPlan { join: 1, ..rival_plan() });
    scenario.workload.kill = 1;
    let figures = figures_of(&scenario, 1);
    // A probe each second, and a suspicion of 4 * log10(30) = 5.9 s.
    let all = figures.detect_ms.max.unwrap();
    assert!((5_900.0..30_000.0).contains(&all), "{figures:?}");
    // The last names come with the periodic announcements, each 30 s.
    assert!(figures.settle_ms.max.unwrap() < 100_000.0, "{figures:?}");
    assert!(figures.join_ms.max.unwrap() < 10_000.0, "{figures:?}");
    assert_eq!((figures.false_deaths, figures.false_accusations), (0, 0), "{figures:?}");
    assert!(figures.true_accusations >= 1, "{figures:?}");
}

#[test]
fn the_same_seed_does_the_same_to_the_rival_as_to_our_machine() {
    let plan = |detector| MembersPlan { detector, join: 2, pause: Portion::Count(2), ..MembersPlan::default() };
    let scenario = |detector| {
        let mut scenario = network(20, 20, plan(detector));
        scenario.workload.kill = 2;
        scenario
    };
    let rivals = run(&scenario(Watcher::Foca), 2).members.unwrap();
    let ours = Simulation::new(scenario(Watcher::Own(Detector::Swim)).setup(Seed(2)).unwrap());
    let ours = ours.run(&mut |_| {}).unwrap().members.unwrap();
    let crashes = |ledger: &testnet::sim::members::ledger::Ledger| {
        ledger.crashes.iter().chain(&ledger.joins).map(|spread| (spread.subject, spread.at)).collect::<Vec<_>>()
    };
    assert_eq!(crashes(&rivals).len(), 4);
    assert_eq!(crashes(&rivals), crashes(&ours));
    assert_eq!(rivals.lived_s(), ours.lived_s());
}

#[test]
fn one_seed_gives_one_result_of_the_rival() {
    let mut scenario =
        network(20, 30, MembersPlan { join: 1, pause: Portion::Count(2), one_way: 0.02, ..rival_plan() });
    scenario.workload.kill = 1;
    scenario.faults = FaultPlan { vanish: 0.05, duplicate: 0.05, slow: 0.1, ..FaultPlan::default() };
    let [one, other] = [7, 7].map(|seed| run(&scenario, seed));
    assert_eq!(one.trace_hash, other.trace_hash);
    assert_eq!(figures(&one), figures(&other));
    assert_ne!(run(&scenario, 8).trace_hash, one.trace_hash);
}

#[test]
fn what_is_lost_of_the_rivals_datagrams_is_the_share_that_was_asked_for() {
    let mut scenario = network(20, 300, rival_plan());
    scenario.members.as_mut().unwrap().settle = SECOND;
    scenario.drain = SECOND;
    scenario.faults = FaultPlan { vanish: 0.2, ..FaultPlan::default() };
    let (sent, lost) = run(&scenario, 3).messages;
    let share = lost as f64 / sent as f64;
    assert!((0.18..0.22).contains(&share), "{lost} of {sent}");
}

#[test]
fn each_datagram_counts_with_its_headers() {
    let mut scenario = network(20, 60, rival_plan());
    // Everything is sent during the load.
    scenario.members.as_mut().unwrap().settle = Duration::ZERO;
    scenario.drain = Duration::ZERO;
    let finished = run(&scenario, 4);
    let bytes = finished.members.as_ref().unwrap().traffic.sum();
    let (sent, _) = finished.messages;
    // 28 bytes of headers, and two identities of 13 bytes in each.
    assert!(bytes > sent * 54 && bytes < sent * (28 + 1_400), "{bytes} bytes in {sent} datagrams");
    let figures = figures(&finished).unwrap();
    let kinds = figures.bytes_by_kind;
    assert!(kinds.pings.unwrap() > 0.0 && kinds.comparisons.unwrap() > 0.0, "{figures:?}");
    assert_eq!(kinds.dials, Some(0.0));
}

#[test]
fn the_rivals_halves_find_each_other_dead_and_then_alive() {
    let mut scenario = network(20, 130, rival_plan());
    scenario.partition = Some(Partition { at: 5 * SECOND, lasts: 120 * SECOND });
    scenario.drain = 600 * SECOND;
    let figures = figures_of(&scenario, 5);
    assert!(figures.heal_ms.max.is_some(), "{figures:?}");
    // Nobody sees all others alive before somebody announces itself to the other half.
    assert!(figures.heal_ms.p50.unwrap() > 100.0, "{figures:?}");
}

#[test]
fn a_member_of_the_rival_that_is_paused_for_a_minute_dies_and_comes_back_under_another_number() {
    let plan = MembersPlan { pause: Portion::Count(1), pause_for: "1m".parse().unwrap(), ..rival_plan() };
    let finished = run(&network(20, 200, plan), 6);
    let ledger = finished.members.as_ref().unwrap();
    assert!(ledger.accusations.1 >= 1 && ledger.refutations >= 1, "{ledger:?}");
    let figures = figures(&finished).unwrap();
    assert_eq!(figures.false_deaths, 0, "{figures:?}");
}

#[test]
fn the_rival_gets_nothing_that_it_does_not_have() {
    let mut entries = network(20, 10, MembersPlan { set_entry: 1, ..rival_plan() });
    let refused = |scenario: &Scenario| scenario.setup(Seed(1)).unwrap_err().to_string();
    assert!(refused(&entries).contains("foca, which has no entries"), "{}", refused(&entries));
    entries.members = Some(rival_plan());
    assert!(entries.setup(Seed(1)).is_ok());
    entries.workload.tx_rate = 1.0;
    assert!(refused(&entries).contains("foca, which has no transactions"), "{}", refused(&entries));
}

#[test]
fn detectors_are_compared_in_one_table() {
    let dir = tempfile::tempdir().unwrap();
    let output = Command::cargo_bin("testnet")
        .unwrap()
        .args(["sim", "--members", "--nodes", "10", "--degree", "4", "--kill", "1", "--settle", "70s"])
        .args(["--duration", "10s", "--checks", "none", "--sweep", "members.detector=swim,phi,foca"])
        .args(["--json", "-", "--out", dir.path().to_str().unwrap()])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    let runs: Runs = serde_json::from_slice(&output.stdout).unwrap();
    let engines: Vec<&str> = runs.runs.iter().map(|run| run.engine.as_str()).collect();
    assert_eq!(engines, ["hearsay", "hearsay", "foca"]);
    let crashes: Vec<Option<f64>> =
        runs.runs.iter().map(|run| run.members.as_ref().unwrap().detect_ms.max).collect();
    assert!(crashes.iter().all(Option::is_some), "{crashes:?}");
    for name in ["swim", "phi", "foca"] {
        assert!(said.contains(&format!(" {name} ")), "{said}");
    }
}
