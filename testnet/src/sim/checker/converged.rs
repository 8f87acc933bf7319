//! Convergence: at the end, all honest nodes that are up hold the same transactions of the workload and have the
//! same tip. This holds whatever the relay policy promises and whoever connects them.
//!
//! Deliberately absent: how long it took (`report::healing`); and the excuses that `super::liveness` knows, which
//! are nodes that only adversaries connect, and rumors that died out.

use std::any::Any;

use protocol::gossip::{Gossip, ItemId};
use protocol::time::Time;
use protocol::wire::message::Tip;

use super::{Checker, Findings, NodeView, liveness};

/// Looks at all nodes at the end.
#[derive(Debug, Default)]
pub struct Converged {
    items: Vec<ItemId>,
    findings: Findings,
}

impl Converged {
    fn compare_items(&mut self, at: Time, engines: &[(usize, &Gossip)]) {
        for item in &self.items {
            let (holders, others): (Vec<_>, Vec<_>) =
                engines.iter().copied().partition(|(_, engine)| liveness::holds(engine, item));
            let Some((holder, _)) = holders.first() else { continue };
            for (node, _) in others {
                self.findings.note(at, node, || format!("has not converged: lacks {item:?} of node {holder}"));
            }
        }
    }

    fn compare_tips(&mut self, at: Time, engines: &[(usize, &Gossip)]) {
        let tips = engines.iter().map(|(node, engine)| (*node, engine.tip()));
        let better = |best: (usize, Tip), other: (usize, Tip)| {
            if liveness::is_better(&other.1, &best.1) { other } else { best }
        };
        let Some((holder, best)) = tips.clone().reduce(better) else { return };
        for (node, tip) in tips.filter(|(_, tip)| *tip != best) {
            self.findings.note(at, node, || {
                let (height, highest) = (tip.height, best.height);
                format!("has not converged: its tip is at height {height}, that of node {holder} at {highest}")
            });
        }
    }
}

impl Checker for Converged {
    fn watches(&self, _node: usize) -> bool {
        false
    }

    fn submitted(&mut self, _at: Time, _node: usize, item: &ItemId) {
        // Blocks of the best chain are below the tip. A stale block need not reach anyone.
        if matches!(item, ItemId::Transaction(_)) {
            self.items.push(*item);
        }
    }

    fn ended(&mut self, at: Time, nodes: &[NodeView<'_>]) {
        let honest = nodes.iter().enumerate().filter(|(_, view)| view.honest);
        let engines: Vec<(usize, &Gossip)> =
            honest.filter_map(|(node, view)| Some((node, view.engine?))).collect();
        self.compare_items(at, &engines);
        self.compare_tips(at, &engines);
    }

    fn findings(&self) -> &Findings {
        &self.findings
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
