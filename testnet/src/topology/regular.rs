//! Random regular graphs.

use crate::random::{Draws, Seed};

use super::{Edges, Graph, Topology, TopologyError};

impl Graph {
    /// A connected random graph in which every node has `degree` neighbours.
    ///
    /// # Errors
    /// If no such graph exists, or if only disconnected ones were drawn.
    pub fn regular(nodes: usize, degree: usize, seed: Seed) -> Result<Self, TopologyError> {
        let no = |why| Err(TopologyError::NoSuchGraph { nodes, degree, why });
        if degree >= nodes {
            return no("the degree must be below the number of nodes");
        }
        Topology::Regular(degree).check_size(nodes, degree)?;
        if !(nodes * degree).is_multiple_of(2) {
            return no("nodes times degree must be even");
        }
        if degree == 0 || (degree == 1 && nodes > 2) {
            return no("the graph would not be connected");
        }
        // Dense graphs are drawn as the complement of sparse ones, because pairing nodes at random gets stuck in
        // dense graphs.
        let dense = degree > nodes / 2;
        let drawn = if dense { nodes - 1 - degree } else { degree };
        Self::draw_connected(nodes * degree / 2, &mut seed.draws("topology"), |draws| {
            let edges = pair_at_random(nodes, drawn, draws)?;
            Some(if dense { edges.complement() } else { edges })
        })
    }
}

/// Pairs open ends at random and never makes a loop or a double edge (Steger and Wormald, 1999). `None` if it got
/// stuck.
fn pair_at_random(nodes: usize, degree: usize, draws: &mut Draws) -> Option<Edges> {
    let mut edges = Edges::new(nodes);
    let mut ends: Vec<usize> = (0..nodes).flat_map(|node| std::iter::repeat_n(node, degree)).collect();
    while !ends.is_empty() {
        let fits = |edges: &Edges, a: usize, b: usize| a != b && !edges.joined(a, b);
        let stuck = !ends.iter().any(|&a| ends.iter().any(|&b| fits(&edges, a, b)));
        if stuck {
            return None;
        }
        // As many tries as there are ends. Then it looks again whether any pair is left.
        for _ in 0..ends.len() {
            let (i, j) = (draws.below(ends.len()), draws.below(ends.len()));
            let (Some(&a), Some(&b)) = (ends.get(i), ends.get(j)) else { continue };
            if fits(&edges, a, b) {
                edges.join(a, b);
                ends.swap_remove(i.max(j));
                ends.swap_remove(i.min(j));
                if ends.is_empty() {
                    break;
                }
            }
        }
    }
    Some(edges)
}
