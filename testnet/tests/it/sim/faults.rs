//! From a plan of faults and adversaries to events, their times and their nodes.

use std::time::Duration;

use protocol::time::{Duration as Span, Time};
use testnet::random::Seed;
use testnet::sim::adversary::{AdversaryPlan, Kind};
use testnet::sim::fault::{Fault, FaultPlan, Partition, PartitionKind, PlanError};
use testnet::topology::Graph;

const LOAD: Span = Span::from_secs(60);

fn graph(nodes: usize) -> Graph {
    Graph::regular(nodes, 4, Seed(1)).unwrap()
}

#[test]
fn no_fault_is_the_default() {
    let plan: FaultPlan = serde_json::from_str("{}").unwrap();
    assert_eq!(plan, FaultPlan::default());
    let (schedule, nodes) = plan.draw(&graph(10), LOAD, &[], Seed(1));
    assert_eq!(schedule, []);
    assert!(nodes.iter().all(|node| node.slowness == Span::ZERO && node.clock_ahead == Span::ZERO));
}

#[test]
fn all_faults_end_with_the_load() {
    let plan = FaultPlan {
        loss: 0.1,
        churn: 0.5,
        crashes: 3,
        down_for: Duration::from_secs(100),
        partition: vec![Partition {
            at: Duration::from_secs(50),
            lasts: Duration::from_secs(500),
            kind: PartitionKind::One,
            every: Duration::from_secs(3),
        }],
        ..FaultPlan::default()
    };
    let (schedule, _) = plan.draw(&graph(10), LOAD, &[4], Seed(3));
    assert!(schedule.windows(2).all(|pair| pair[0].0 <= pair[1].0));
    let end = Time::ZERO + LOAD;
    let last: Vec<&Fault> = schedule.iter().rev().take(2).map(|(_, fault)| fault).collect();
    assert_eq!(last, [&Fault::Heal, &Fault::Weather(Default::default())]);
    assert_eq!(schedule.last().unwrap().0, end);
    let mut down = std::collections::BTreeSet::new();
    let (mut crashes, mut cut) = (0, std::collections::BTreeSet::new());
    for (_, fault) in &schedule {
        match fault {
            Fault::Crash(node) => {
                crashes += 1;
                assert!(down.insert(*node) && *node != 4);
            }
            Fault::Restart(node) => assert!(down.remove(node)),
            Fault::Cut { from, to } => assert!(cut.insert((*from, *to))),
            Fault::Mend { from, to } => assert!(cut.remove(&(*from, *to))),
            Fault::Part { .. } | Fault::Heal | Fault::Weather(_) => {}
            of_members => panic!("{of_members:?} is drawn for members only"),
        }
    }
    // Half of 10 nodes a minute are five, and three in addition.
    assert_eq!((crashes, down.len(), cut.len()), (8, 0, 0));
}

#[test]
fn partitions_cut_who_they_say() {
    let graph = graph(10);
    let cut = |kind: &str| {
        let text = format!(r#"{{"partition":[{{"at":"1s","for":"2s","kind":"{kind}"}}]}}"#);
        let plan: FaultPlan = serde_json::from_str(&text).unwrap();
        let (schedule, _) = plan.draw(&graph, LOAD, &[], Seed(1));
        let cuts = schedule.into_iter().filter_map(|(at, fault)| match fault {
            Fault::Cut { from, to } if at == Time::ZERO + Span::from_secs(1) => Some((from, to)),
            _ => None,
        });
        cuts.collect::<Vec<_>>()
    };
    // The four links of one node, in both directions.
    assert_eq!(cut("one").len(), 8);
    assert_eq!(cut("0.1").len(), 8);
    let (half, one_way) = (cut("half"), cut("one-way"));
    assert_eq!(half.len(), 2 * one_way.len());
    assert!(half.iter().all(|&(from, to)| half.contains(&(to, from))));
    assert!(one_way.iter().all(|&(from, to)| !one_way.contains(&(to, from))));
    assert!(serde_json::from_str::<FaultPlan>(r#"{"partition":[{"at":"1s","for":"2s","kind":"all"}]}"#).is_err());
    assert!(serde_json::from_str::<FaultPlan>(r#"{"partitions":[]}"#).is_err());
}

#[test]
fn slow_nodes_and_clocks_are_drawn() {
    let plan = FaultPlan {
        slow: 0.3,
        slow_by: Duration::from_millis(2),
        clock_offset: Duration::from_secs(9),
        ..FaultPlan::default()
    };
    let (_, nodes) = plan.draw(&graph(10), LOAD, &[], Seed(1));
    assert_eq!(nodes.iter().filter(|node| node.slowness == Span::from_millis(2)).count(), 3);
    assert!(nodes.iter().all(|node| node.clock_ahead < Span::from_secs(9)));
    assert!(nodes.iter().any(|node| node.clock_ahead > Span::from_secs(1)));
}

#[test]
fn adversaries_are_drawn_by_share_and_equivocators_are_producers() {
    let plan: AdversaryPlan = serde_json::from_str(r#"{"withhold":0.3,"equivocate":0.1,"late":0.1}"#).unwrap();
    let kinds = plan.kinds(10, &[2, 5], Seed(1)).unwrap();
    let count = |kind| kinds.iter().filter(|found| **found == Some(kind)).count();
    assert_eq!([Kind::Withhold, Kind::Equivocate, Kind::Late].map(count), [3, 1, 1]);
    let equivocator = kinds.iter().position(|kind| *kind == Some(Kind::Equivocate)).unwrap();
    assert!([2, 5].contains(&equivocator));
    assert_eq!(plan.kinds(10, &[2, 5], Seed(1)).unwrap(), kinds);
    assert_ne!(plan.kinds(10, &[2, 5], Seed(2)).unwrap(), kinds);
}

#[test]
fn plans_that_cannot_be_meant_are_refused() {
    let plan = FaultPlan { loss: 1.5, ..FaultPlan::default() };
    assert_eq!(plan.check(), Err(PlanError::Share { name: "loss", value: 1.5 }));
    let partition = Partition {
        at: Duration::ZERO,
        lasts: LOAD_TIME,
        kind: PartitionKind::Half,
        every: Duration::from_millis(1),
    };
    let plan = FaultPlan { partition: vec![partition], ..FaultPlan::default() };
    assert!(matches!(plan.check(), Err(PlanError::Flap(_))));
    let all = AdversaryPlan { silent: 0.6, late: 0.4, ..AdversaryPlan::default() };
    assert!(matches!(all.kinds(10, &[], Seed(1)), Err(PlanError::TooMany { .. })));
    let fast = AdversaryPlan { rate: 1e9, ..AdversaryPlan::default() };
    assert!(matches!(fast.kinds(10, &[], Seed(1)), Err(PlanError::Rate { .. })));
}

const LOAD_TIME: Duration = Duration::from_secs(60);
