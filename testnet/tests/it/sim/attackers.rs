//! Each kind of attacker, alone in a small network: no checker finds anything, and no node goes without an item.
//! `scripts/prove-sim.sh attackers` measures the cost of the same attackers in a large network.

use std::any::Any;
use std::collections::BTreeSet;
use std::time::Duration;

use protocol::gossip::{Event, Reconciliation, RelayPolicy};
use protocol::time::Time;
use testnet::sim::adversary::AdversaryPlan;
use testnet::sim::checker::{Checker, Findings};
use testnet::sim::fault::FaultPlan;
use testnet::sim::simulation::{Room, Simulation};
use testnet::sim::swarm::Drawn;
use testnet::topology::Topology;
use testnet::wan::{Bandwidth, Jitter, Wan};
use testnet::workload::{Length, Load};

/// Twenty nodes in six regions, without any fault. A third of six producers is two of twenty nodes.
fn network(seed: u64, adversaries: AdversaryPlan) -> Drawn {
    Drawn {
        seed,
        nodes: 20,
        topology: Topology::Regular(6),
        relay: RelayPolicy::default(),
        reconciliation: Reconciliation::default(),
        wan: Wan::Regions,
        jitter: Jitter::new(0.1).unwrap(),
        bandwidth: Bandwidth::UNLIMITED,
        groups: None,
        room: Room::default(),
        load: Load {
            tx_rate: 5.0,
            length: Length::Duration(Duration::from_secs(20)),
            block_interval: Some(Duration::from_secs(1)),
            producers: 6,
            ..Load::default()
        },
        faults: FaultPlan::default(),
        adversaries,
        drain: Duration::from_secs(90),
    }
}

/// Long enough that each attack succeeded before there was a rule against it.
const SEEDS: [u64; 3] = [1, 2, 3];

/// Runs some seeds of a network. None may fail.
fn hold(adversaries: AdversaryPlan, change: impl Fn(&mut Drawn)) {
    let mut failed = Vec::new();
    for seed in SEEDS {
        let mut drawn = network(seed, adversaries);
        change(&mut drawn);
        failed.extend(drawn.run().err().map(|failure| format!("seed {seed}: {failure}")));
    }
    assert!(failed.is_empty(), "{} of them failed\n{}", failed.len(), failed.join("\n"));
}

fn none(_: &mut Drawn) {}

#[test]
fn nobody_is_blamed_for_a_forgery_behind_the_header_that_it_announced() {
    hold(AdversaryPlan { forge_tail: 0.2, reach: 1.0, ..AdversaryPlan::default() }, none);
}

#[test]
fn headers_without_bodies_split_nobody_off() {
    hold(AdversaryPlan { decoy: 0.1, reach: 1.0, ..AdversaryPlan::default() }, none);
}

#[test]
fn another_block_for_each_peer_ends_with_one_tip() {
    hold(AdversaryPlan { split: 0.1, ..AdversaryPlan::default() }, none);
}

#[test]
fn a_body_that_one_peer_got_reaches_all() {
    hold(AdversaryPlan { coy: 0.1, ..AdversaryPlan::default() }, none);
}

#[test]
fn blocks_of_old_transactions_split_nobody() {
    hold(AdversaryPlan { repeat: 0.1, replay: 0.1, ..AdversaryPlan::default() }, none);
}

#[test]
fn lines_of_headers_below_the_tip_fill_no_tree_for_others() {
    let small = |drawn: &mut Drawn| drawn.room.headers = Some(96);
    hold(AdversaryPlan { fill: 0.1, reach: 1.0, ..AdversaryPlan::default() }, small);
}

/// A transaction that all nodes except its entry node drop in the last second of the flood stays missing. So the
/// liveness checker is not asked.
#[test]
fn a_flood_of_one_time_authors_in_full_mempools_keeps_out_few() {
    let plan = AdversaryPlan { one_time: 0.2, rate: 100.0, ..AdversaryPlan::default() };
    for seed in SEEDS {
        let mut drawn = network(seed, plan);
        drawn.room.mempool_bytes = Some(64 * 1024);
        let mut setup = drawn.setup().unwrap();
        setup.checkers.push(Box::new(Refusals::default()));
        let finished = Simulation::new(setup).run(&mut |_| {}).unwrap();
        let found = finished.checkers.iter().flat_map(|checker| checker.findings().kept());
        let others: Vec<_> = found.filter(|found| !found.what.contains("lacks")).collect();
        assert!(others.is_empty(), "seed {seed}: {others:?}");
        let refusals = finished.checkers.iter().find_map(|one| one.as_any().downcast_ref::<Refusals>()).unwrap();
        assert!(refusals.0.contains("MempoolFull"), "seed {seed}: {refusals:?}");
        let honest = finished.hosts.iter().filter(|host| host.is_honest()).count();
        let entries = finished.ledger.entries().iter().filter(|entry| entry.originated);
        let items: Vec<usize> = entries.map(|entry| entry.arrivals().count()).collect();
        let arrived: usize = items.iter().sum();
        assert!(arrived * 10 >= 9 * items.len() * (honest - 1), "seed {seed}: {items:?}");
    }
}

/// The refusals that honest nodes reported.
#[derive(Debug, Default)]
pub(crate) struct Refusals(pub(crate) BTreeSet<String>, Findings);

impl Checker for Refusals {
    fn event(&mut self, _at: Time, _node: usize, event: &Event) {
        if let Event::Refused { refusal, .. } = event {
            let said = format!("{refusal:?}");
            self.0.extend(said.split([' ', '(']).next().map(str::to_owned));
        }
    }

    fn findings(&self) -> &Findings {
        &self.1
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

#[test]
fn strikes_of_one_node_are_not_those_of_its_address_group() {
    let shared = |drawn: &mut Drawn| {
        drawn.groups = Some(4);
        // Nodes that come back are strangers.
        drawn.faults.crashes = 6;
        drawn.faults.down_for = Duration::from_secs(2);
    };
    hold(AdversaryPlan { smear: 0.2, ..AdversaryPlan::default() }, shared);
}

#[test]
fn what_is_hidden_made_late_or_made_old_reaches_all() {
    hold(
        AdversaryPlan {
            hide: 0.05,
            hide_late: 0.05,
            take_grafts: 0.1,
            backdate: 0.1,
            reach: 1.0,
            ..AdversaryPlan::default()
        },
        none,
    );
}

#[test]
fn junk_and_idle_links_keep_nobody_from_anything() {
    hold(
        AdversaryPlan { junk_blocks: 0.05, refused: 0.1, idle: 0.1, rate: 200.0, ..AdversaryPlan::default() },
        none,
    );
}

#[test]
fn a_newcomer_gets_what_is_pending_beside_mempools_of_any_claimed_size() {
    let newcomer = |drawn: &mut Drawn| {
        drawn.nodes = 8;
        drawn.topology = Topology::Complete;
        // More than a sketch can tell as a difference, and there is no block that removes it.
        drawn.load.tx_rate = 300.0;
        drawn.load.length = Length::Duration(Duration::from_secs(12));
        drawn.load.block_interval = None;
        drawn.faults.crashes = 1;
        drawn.faults.down_for = Duration::from_secs(12);
    };
    hold(AdversaryPlan { huge_open: 0.25, ..AdversaryPlan::default() }, newcomer);
}
