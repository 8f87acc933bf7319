//! The data of a partition in the traces: which node got which item when, and when tips changed. Deliberately
//! absent: the figures that follow from it (`report::healing`).

use node::observe::trace::{Kind, What};

use super::{Item, Observed};
use crate::report::figures::healing::{Healing, TipAt};
use crate::report::schema::Healed;

/// The figures; `None` if there was no partition.
pub(super) fn healed(observed: &Observed, items: &[Item]) -> Option<Healed> {
    let halves = observed.links.as_ref()?.halves.clone()?;
    let mut healing = Healing::new(observed.outage?, halves);
    let survived = |node: usize| observed.nodes.get(node).is_some_and(|node| node.survived);
    let survivors: Vec<usize> = (0..observed.nodes.len()).filter(|&node| survived(node)).collect();
    for item in items.iter().filter(|item| item.kind == Kind::Transaction) {
        let expected = item.expected(survivors.len(), survived(item.origin));
        let arrivals = item.reached.iter().map(|(&node, arrival)| (node, arrival.at_ns));
        healing.item(item.submitted_ns.unwrap_or(observed.window.load_from), item.origin, arrivals, expected);
    }
    for &node in &survivors {
        for record in observed.nodes.get(node).iter().flat_map(|node| &node.records) {
            if let What::Tip { item, height, .. } = record.what {
                healing.tip(TipAt { at_ns: record.at_ns, node, height, id: item });
            }
        }
    }
    Some(healing.finish(observed.window.load_from, &survivors, observed.same_tips))
}
