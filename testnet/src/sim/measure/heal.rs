//! The data of a partition in a simulation: which node got which item when, and when tips changed. Only nodes that
//! keep the rules and were never down are counted. Deliberately absent: the figures that follow from it
//! (`report::healing`).

use node::observe::trace::Kind;
use protocol::gossip::Gossip;
use protocol::time::Time;

use crate::report::figures::healing::Healing;
use crate::report::schema::Healed;
use crate::sim::simulation::Finished;
use crate::wan::{NS_PER_US, Outage};

/// The figures; `None` if there was no partition.
#[must_use]
pub fn healed(finished: &Finished) -> Option<Healed> {
    let parted = finished.partition.as_ref()?;
    let [from_ns, to_ns] = [parted.from, parted.to].map(|after| ns(finished.load_from + after));
    let mut healing = Healing::new(Outage { from_ns, to_ns }, parted.halves.clone());
    let hosts = || finished.hosts.iter().enumerate().filter(|(_, host)| host.is_honest() && !host.was_down);
    let nodes: Vec<usize> = hosts().map(|(node, _)| node).collect();
    let counted: Vec<bool> = finished.hosts.iter().map(|host| host.is_honest() && !host.was_down).collect();
    let entries = finished.ledger.entries().iter();
    for entry in entries.filter(|entry| entry.originated && entry.kind() == Kind::Transaction) {
        let arrivals = entry.arrivals().filter(|arrival| counted[arrival.node]);
        let arrivals: Vec<(usize, u64)> =
            arrivals.map(|arrival| (arrival.node, ns(entry.at + arrival.after))).collect();
        let origin = counted[entry.origin];
        let held = origin || !arrivals.is_empty();
        let expected = if held { nodes.len() - usize::from(origin) } else { 0 };
        healing.item(ns(entry.at), entry.origin, arrivals.into_iter(), expected);
    }
    finished.tips.iter().for_each(|tip| healing.tip(*tip));
    let mut tips = hosts().map(|(_, host)| host.engine.as_deref().map(Gossip::tip));
    let first = tips.next();
    let same_tips = tips.all(|tip| Some(tip) == first);
    Some(healing.finish(ns(finished.load_from), &nodes, same_tips))
}

const fn ns(at: Time) -> u64 {
    at.as_micros() * NS_PER_US
}
