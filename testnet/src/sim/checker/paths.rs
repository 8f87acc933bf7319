//! Which nodes reach each other through nodes that keep the rules.

use super::NodeView;
use crate::topology::Graph;

/// The group of each honest node that is up, named by its lowest node. Nodes of a group reach each other through
/// honest nodes.
pub(super) fn groups(graph: &Graph, nodes: &[NodeView<'_>]) -> Vec<Option<usize>> {
    let up = |node: usize| nodes.get(node).is_some_and(|view| view.honest && view.engine.is_some());
    let mut groups = vec![None; nodes.len()];
    for first in (0..nodes.len()).filter(|&node| up(node)) {
        let mut waiting = vec![first];
        while let Some(node) = waiting.pop() {
            if groups[node].is_none() && up(node) {
                groups[node] = Some(first);
                waiting.extend(graph.neighbours(node).iter().map(|&node| node as usize));
            }
        }
    }
    groups
}
