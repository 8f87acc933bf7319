//! One tip: at the end, all honest nodes that reach each other through honest nodes have the same tip, even if a
//! third of the allowed producers breaks the rules.
//!
//! Two conditions must hold. An honest producer makes the last block, after all others; and no fork is as deep as
//! the lifetime of a transaction. The reason: if one producer makes more than two blocks at one height, no node
//! gets to know all of them, and only the height decides. Scenarios with hostile producers ensure the first
//! condition ([`super::super::scenario`]). No drawn network is long enough to break the second. Deliberately
//! absent: how long it took, and items (`super::liveness`).

use std::any::Any;

use protocol::gossip::Gossip;
use protocol::items::hash::BlockId;
use protocol::time::Time;
use protocol::wire::message::Tip;

use super::{Checker, Findings, NodeView, liveness, paths};
use crate::topology::Graph;

/// Looks at all nodes at the end.
#[derive(Debug)]
pub struct OneTip {
    graph: Graph,
    tips: usize,
    findings: Findings,
}

impl OneTip {
    /// For nodes that are connected like this.
    #[must_use]
    pub fn new(graph: Graph) -> Self {
        Self { graph, tips: 0, findings: Findings::default() }
    }

    /// The number of different tips in one group of honest nodes at the end: the highest number of all groups.
    #[must_use]
    pub const fn tips(&self) -> usize {
        self.tips
    }

    fn compare(&mut self, at: Time, nodes: &[NodeView<'_>], groups: &[Option<usize>]) {
        let mut best: Vec<Option<(usize, Tip)>> = vec![None; groups.len()];
        let mut found: Vec<Vec<BlockId>> = vec![Vec::new(); groups.len()];
        let tips: Vec<Option<Tip>> = nodes.iter().map(|view| view.engine.map(Gossip::tip)).collect();
        for (node, group) in groups.iter().enumerate() {
            let (Some(group), Some(tip)) = (group, tips[node]) else { continue };
            found[*group].push(tip.id);
            if best[*group].is_none_or(|(_, best)| liveness::is_better(&tip, &best)) {
                best[*group] = Some((node, tip));
            }
        }
        for tips in &mut found {
            tips.sort_unstable();
            tips.dedup();
            self.tips = self.tips.max(tips.len());
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

impl Checker for OneTip {
    fn watches(&self, _node: usize) -> bool {
        false
    }

    fn ended(&mut self, at: Time, nodes: &[NodeView<'_>]) {
        let groups = paths::groups(&self.graph, nodes);
        self.compare(at, nodes, &groups);
    }

    fn findings(&self) -> &Findings {
        &self.findings
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
