//! Small worlds: a ring of near neighbours with some edges rewired to far ones (Watts and Strogatz, "Collective
//! dynamics of 'small-world' networks", Nature 393, 1998).

use crate::random::{Draws, Seed};

use super::{Edges, Graph, Topology, TopologyError};

impl Graph {
    /// A ring in which every node is joined to the `degree` nearest, half on each side. Then each edge's far end
    /// moves with probability `rewired` to a node drawn at random, but never to the node itself or onto another
    /// edge.
    ///
    /// # Errors
    /// If no such ring exists, or if only disconnected graphs were drawn.
    pub fn small_world(nodes: usize, degree: usize, rewired: f64, seed: Seed) -> Result<Self, TopologyError> {
        let no = |why| Err(TopologyError::NoSuchGraph { nodes, degree, why });
        if degree >= nodes {
            return no("the degree must be below the number of nodes");
        }
        if degree == 0 || !degree.is_multiple_of(2) {
            return no("half of them lie on each side of the ring, so their number must be even and above 0");
        }
        Topology::SmallWorld(degree, rewired).check_size(nodes, degree)?;
        Self::draw_connected(nodes * degree / 2, &mut seed.draws("topology"), |draws| {
            Some(ring(nodes, degree, rewired, draws))
        })
    }
}

fn ring(nodes: usize, degree: usize, rewired: f64, draws: &mut Draws) -> Edges {
    let mut edges = Edges::new(nodes);
    let near = |distance: usize| (0..nodes).map(move |node| (node, (node + distance) % nodes));
    (1..=degree / 2).flat_map(near).for_each(|(a, b)| edges.join(a, b));
    // Lap after lap, the nearest edges first, as in the paper.
    for (node, other) in (1..=degree / 2).flat_map(near) {
        let room = edges.of(node).len() < nodes - 1;
        if !draws.chance(rewired) || !room {
            continue;
        }
        let target = loop {
            let target = draws.below(nodes);
            if target != node && !edges.joined(node, target) {
                break target;
            }
        };
        edges.part(node, other);
        edges.join(node, target);
    }
    edges
}
