//! Liveness: when the faults have ended and the drain is over, honest nodes that can reach each other through honest
//! nodes hold the same items and have the same tip.
//!
//! Deliberately absent: how long it took; and, where nodes don't reconcile, a rumor's items, which may die out before everybody
//! has them, and those that nothing relays. What is missing then is counted and not held against anyone.

use std::any::Any;

use protocol::gossip::{Gossip, ItemId, Reconciliation, RelayPolicy};
use protocol::message::Tip;
use protocol::time::Time;

use super::{Checker, Findings, NodeView};
use crate::topology::Graph;

/// Looks at all nodes at the end.
#[derive(Debug)]
pub struct Liveness {
    graph: Graph,
    /// Whether policy and reconciliation together promise that everybody gets everything.
    promised: bool,
    items: Vec<ItemId>,
    missing: u64,
    unreachable: u64,
    findings: Findings,
}

impl Liveness {
    /// For nodes that are connected like this, relay by this policy and reconcile like this.
    #[must_use]
    pub fn new(graph: Graph, relay: RelayPolicy, reconciliation: Reconciliation) -> Self {
        let promised = reconciliation.is_on() || !matches!(relay, RelayPolicy::Rumor(_) | RelayPolicy::None);
        Self { graph, promised, items: Vec::new(), missing: 0, unreachable: 0, findings: Findings::default() }
    }

    /// Pairs of an item and an honest node that lacks it although honest nodes connect it to one that holds it.
    #[must_use]
    pub const fn missing(&self) -> u64 {
        self.missing
    }

    /// Pairs of an item and an honest node that lacks it and that no honest nodes connect to one that holds it.
    #[must_use]
    pub const fn unreachable(&self) -> u64 {
        self.unreachable
    }

    /// The group of each honest node that is up; nodes of a group reach each other through honest nodes.
    fn groups(&self, nodes: &[NodeView<'_>]) -> Vec<Option<usize>> {
        let up = |node: usize| nodes.get(node).is_some_and(|view| view.honest && view.engine.is_some());
        let mut groups = vec![None; nodes.len()];
        for first in (0..nodes.len()).filter(|&node| up(node)) {
            let mut waiting = vec![first];
            while let Some(node) = waiting.pop() {
                if groups[node].is_none() && up(node) {
                    groups[node] = Some(first);
                    waiting.extend(self.graph.neighbours(node).iter().map(|&node| node as usize));
                }
            }
        }
        groups
    }

    fn compare_items(&mut self, at: Time, nodes: &[NodeView<'_>], groups: &[Option<usize>]) {
        for item in &self.items {
            let holds = |node: usize| nodes[node].engine.is_some_and(|engine| holds(engine, item));
            let mut holders = vec![None; groups.len()];
            for (node, group) in groups.iter().enumerate() {
                if let Some(group) = group.filter(|_| holds(node)) {
                    holders[group].get_or_insert(node);
                }
            }
            if holders.iter().all(Option::is_none) {
                continue;
            }
            for (node, group) in groups.iter().enumerate() {
                let Some(group) = group.filter(|_| !holds(node)) else { continue };
                let Some(holder) = holders[group] else {
                    self.unreachable += 1;
                    continue;
                };
                self.missing += 1;
                if self.promised {
                    self.findings.note(at, node, || format!("lacks {item:?}, which node {holder} holds"));
                }
            }
        }
    }

    fn compare_tips(&mut self, at: Time, nodes: &[NodeView<'_>], groups: &[Option<usize>]) {
        let mut best: Vec<Option<(usize, Tip)>> = vec![None; groups.len()];
        let tips: Vec<Option<Tip>> = nodes.iter().map(|view| view.engine.map(Gossip::tip)).collect();
        for (node, group) in groups.iter().enumerate() {
            let (Some(group), Some(tip)) = (group, tips[node]) else { continue };
            if best[*group].is_none_or(|(_, best)| is_better(&tip, &best)) {
                best[*group] = Some((node, tip));
            }
        }
        for (node, group) in groups.iter().enumerate() {
            let (Some(group), Some(tip)) = (group, tips[node]) else { continue };
            let Some((holder, best)) = best[*group].filter(|(_, best)| *best != tip) else { continue };
            self.findings.note(at, node, || {
                format!(
                    "has the tip {:?} at height {}; node {holder} has {:?} at {}",
                    tip.id, tip.height, best.id, best.height
                )
            });
        }
    }
}

impl Checker for Liveness {
    fn submitted(&mut self, _at: Time, _node: usize, item: &ItemId) {
        // A stale block need not reach anyone; those of the best chain are below the tip.
        if matches!(item, ItemId::Transaction(_)) {
            self.items.push(*item);
        }
    }

    fn ended(&mut self, at: Time, nodes: &[NodeView<'_>]) {
        let groups = self.groups(nodes);
        self.compare_items(at, nodes, &groups);
        self.compare_tips(at, nodes, &groups);
    }

    fn findings(&self) -> &Findings {
        &self.findings
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

pub(super) fn holds(engine: &Gossip, item: &ItemId) -> bool {
    match item {
        ItemId::Transaction(id) => engine.transaction(id).is_some(),
        ItemId::Block(id) => engine.block(id).is_some(),
    }
}

/// Fork choice: height, then the lowest id.
pub(super) fn is_better(tip: &Tip, than: &Tip) -> bool {
    (std::cmp::Reverse(tip.height), tip.id) < (std::cmp::Reverse(than.height), than.id)
}
