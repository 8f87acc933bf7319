//! An experiment: the cost of nodes that announce everything first and send nothing. The same network runs without
//! them and with them. The experiment compares the time until an item has arrived at an honest node.
//!
//! The first items are counted separately, because each node needs some items to find out which peers not to ask.

use std::time::Duration;

use protocol::gossip::{Reconciliation, RelayPolicy};

use super::Drawn;
use crate::report::statistics::Sorted;
use crate::sim::adversary::AdversaryPlan;
use crate::sim::checker::liveness::Liveness;
use crate::sim::fault::FaultPlan;
use crate::sim::simulation::host::Host;
use crate::sim::simulation::ledger::Entry;
use crate::sim::simulation::{Finished, Room};
use crate::topology::Topology;
use crate::wan::{Bandwidth, Jitter, Wan};
use crate::workload::{Length, Load};

/// The number of first items.
pub const FIRST_ITEMS: usize = 20;

/// Neighbours of each node.
const NEIGHBOURS: usize = 8;

/// Both runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    /// Without withholders.
    pub clean: Outcome,
    /// With them.
    pub withheld: Outcome,
}

/// One run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    /// 95th percentile of latencies of the first items, in milliseconds.
    pub first_p95_ms: f64,
    /// The same for all items after [`FIRST_ITEMS`].
    pub later_p95_ms: f64,
    /// Honest nodes that lack an item although honest nodes connect them to a node that has it: pairs of node and
    /// item.
    pub missing: u64,
    /// The same for nodes that no honest nodes connect.
    pub unreachable: u64,
}

/// Runs `items` transactions, ten a second, over `nodes` nodes in six regions, first without and then with this
/// share of nodes that withhold.
///
/// # Errors
/// If a run can't be made.
pub fn compare(nodes: usize, items: u64, share: f64, relay: RelayPolicy, seed: u64) -> anyhow::Result<Comparison> {
    let run = |withhold: f64| -> anyhow::Result<Outcome> {
        let drawn = Drawn {
            seed,
            nodes,
            topology: Topology::Regular(NEIGHBOURS),
            relay,
            reconciliation: Reconciliation::default(),
            wan: Wan::Regions,
            jitter: Jitter::new(0.1).unwrap_or_default(),
            bandwidth: Bandwidth::UNLIMITED,
            groups: None,
            room: Room::default(),
            load: Load { tx_rate: 10.0, length: Length::Transactions(items), ..Load::default() },
            faults: FaultPlan::default(),
            adversaries: AdversaryPlan { withhold, ..AdversaryPlan::default() },
            drain: Duration::from_secs(60),
        };
        Ok(outcome(&drawn.finish()?))
    };
    Ok(Comparison { clean: run(0.0)?, withheld: run(share)? })
}

impl Comparison {
    /// By which factor the later items take longer.
    #[must_use]
    pub fn later_ratio(&self) -> f64 {
        self.withheld.later_p95_ms / self.clean.later_p95_ms
    }
}

fn outcome(finished: &Finished) -> Outcome {
    let p95 = |entries: &[Entry]| {
        let honest = |node: usize| finished.hosts.get(node).is_some_and(Host::is_honest);
        let arrivals = entries.iter().flat_map(|entry| entry.arrivals()).filter(|arrival| honest(arrival.node));
        let latencies: Vec<f64> = arrivals.map(|arrival| arrival.after.as_micros() as f64 / 1_000.0).collect();
        Sorted::new(latencies).percentile(95).unwrap_or(f64::NAN)
    };
    let entries = finished.ledger.entries();
    let (first, later) = entries.split_at(FIRST_ITEMS.min(entries.len()));
    let liveness = finished.checkers.iter().find_map(|checker| checker.as_any().downcast_ref::<Liveness>());
    Outcome {
        first_p95_ms: p95(first),
        later_p95_ms: p95(later),
        missing: liveness.map_or(0, Liveness::missing),
        unreachable: liveness.map_or(0, Liveness::unreachable),
    }
}
