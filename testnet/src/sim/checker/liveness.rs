//! Liveness: when the faults have ended and the drain is over, honest nodes that can reach each other through
//! honest nodes hold the same items. `super::one_tip` checks that they have the same tip.
//!
//! Deliberately absent: how long it took. If nodes don't reconcile, some items are missing without a violation:
//! the items of a rumor, which may die out before every node has them, and items that nothing relays. They are
//! only counted.

use std::any::Any;

use protocol::gossip::{Gossip, ItemId, Reconciliation, RelayPolicy};
use protocol::time::Time;
use protocol::wire::message::Tip;

use super::{Checker, Findings, NodeView, paths};
use crate::topology::Graph;

/// Looks at all nodes at the end.
#[derive(Debug)]
pub struct Liveness {
    graph: Graph,
    /// Whether policy and reconciliation together promise that every node gets everything.
    promised: bool,
    items: Vec<ItemId>,
    missing: u64,
    unreachable: u64,
    findings: Findings,
}

impl Liveness {
    /// For nodes that are connected like this, relay with this policy and reconcile like this.
    #[must_use]
    pub fn new(graph: Graph, relay: RelayPolicy, reconciliation: Reconciliation) -> Self {
        let promised = reconciliation.is_on() || !matches!(relay, RelayPolicy::Rumor(_) | RelayPolicy::None);
        Self { graph, promised, items: Vec::new(), missing: 0, unreachable: 0, findings: Findings::default() }
    }

    /// Pairs of an item and an honest node that lacks the item. Honest nodes connect this node to a node that has
    /// the item.
    #[must_use]
    pub const fn missing(&self) -> u64 {
        self.missing
    }

    /// Pairs of an item and an honest node that lacks the item. No honest nodes connect this node to a node that
    /// has the item.
    #[must_use]
    pub const fn unreachable(&self) -> u64 {
        self.unreachable
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
}

impl Checker for Liveness {
    fn submitted(&mut self, _at: Time, _node: usize, item: &ItemId) {
        // A stale block need not reach anyone. The blocks of the best chain are below the tip.
        if matches!(item, ItemId::Transaction(_)) {
            self.items.push(*item);
        }
    }

    fn ended(&mut self, at: Time, nodes: &[NodeView<'_>]) {
        let groups = paths::groups(&self.graph, nodes);
        self.compare_items(at, nodes, &groups);
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
