//! Why items came, from the records of a simulated run: the rules of `local::collect`, with the world's delays.
//!
//! A simulation has no busy processors. So no part of a hop is a late timer's.

use crate::local::collect::{self, NodeTrace, Observed, Window};
use crate::report::deliveries::hops::Hop;
use crate::report::schema::causes::Causes;
use crate::sim::simulation::Finished;
use crate::sim::simulation::ledger::records;
use crate::wan::{LinkPlan, NS_PER_US};

/// All hops, and what follows from them; `None` if the run kept no records, or had too many. Takes the records.
pub fn causes(finished: &mut Finished, links: LinkPlan) -> Option<(Vec<Hop>, Causes)> {
    let kept = finished.records.take()?.into_nodes()?;
    let nodes = (0..).zip(kept).zip(&finished.hosts).map(|((number, records), host)| NodeTrace {
        peer_id: records::name(number),
        records,
        // What an adversary accepts is not in its records. What it sent is, so that it can be found out.
        survived: !host.was_down,
    });
    let load_from = finished.load_from.as_micros().saturating_mul(NS_PER_US);
    let observed = Observed {
        nodes: nodes.collect(),
        // Blocks are in the workload alone, so all count.
        window: Window { idle_from: 0, load_from, load_to: u64::MAX, drain_to: u64::MAX },
        links: Some(links),
        ..Observed::default()
    };
    collect::causes_of(&observed)
}
