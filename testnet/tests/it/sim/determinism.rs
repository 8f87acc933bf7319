//! The same seed gives the same run, whatever happens in it.

use std::collections::BTreeSet;
use std::time::Duration;

use testnet::sim::adversary::AdversaryPlan;
use testnet::sim::fault::{FaultPlan, Partition, PartitionKind};
use testnet::sim::swarm::Drawn;
use testnet::topology::Topology;
use testnet::workload::{Length, Load};

fn network(relay: &str, faults: FaultPlan, adversaries: AdversaryPlan, seed: u64) -> Drawn {
    Drawn {
        seed,
        nodes: 32,
        topology: Topology::Regular(6),
        relay: relay.parse().unwrap(),
        load: Load {
            tx_rate: 10.0,
            length: Length::Duration(Duration::from_secs(4)),
            block_interval: Some(Duration::from_millis(700)),
            producers: 7,
            ..Load::default()
        },
        faults,
        adversaries,
        drain: Duration::from_secs(20),
        ..Drawn::new(1)
    }
}

#[test]
fn the_same_seed_gives_the_same_run_under_every_policy_fault_and_adversary() {
    let faults = FaultPlan {
        vanish: 0.05,
        loss: 0.1,
        duplicate: 0.1,
        reorder: 0.2,
        churn: 1.0,
        crashes: 2,
        down_for: Duration::from_secs(1),
        partition: vec![Partition {
            at: Duration::from_secs(1),
            lasts: Duration::from_secs(2),
            kind: PartitionKind::OneWay,
            every: Duration::from_millis(500),
        }],
        slow: 0.2,
        slow_by: Duration::from_millis(1),
        clock_offset: Duration::from_secs(60),
    };
    let one = 1.0 / 32.0;
    let adversaries = AdversaryPlan {
        withhold: one,
        silent: one,
        spam: one,
        spam_hard: one,
        invalid: one,
        equivocate: one,
        replay: one,
        many_ids: one,
        one_time: one,
        late: one,
        mark: one,
        dawdle: one,
        meddle: one,
        hide: one,
        hide_late: one,
        take_grafts: one,
        backdate: one,
        forge_tail: one,
        junk_blocks: one,
        refused: one,
        huge_open: one,
        smear: one,
        idle: one,
        decoy: one,
        split: one,
        coy: one,
        repeat: one,
        fill: one,
        reach: 0.2,
        rate: 20.0,
    };
    let mut hashes = BTreeSet::new();
    let rumor = "rumor:fanout=3,round=200ms,nodes=32,feedback=on";
    for relay in ["author-tree", "announce", "flood", rumor] {
        for faults in [FaultPlan::default(), faults.clone()] {
            for adversaries in [AdversaryPlan::default(), adversaries] {
                for seed in [7, 8] {
                    let drawn = network(relay, faults.clone(), adversaries, seed);
                    let [first, second] = [(); 2].map(|()| drawn.finish().unwrap());
                    assert_eq!(first.trace_hash, second.trace_hash, "{drawn}");
                    assert!(first.ledger.arrived() > 0, "nothing happened: {drawn}");
                    hashes.insert(first.trace_hash);
                }
            }
        }
    }
    assert_eq!(hashes.len(), 4 * 2 * 2 * 2, "different runs have different fingerprints");
}
