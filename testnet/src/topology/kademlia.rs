//! Fixed graphs as Kademlia's tables would make them (Maymounkov and Mazières, 2002). A table has one bucket for
//! each length of the prefix that another node's id shares with the own one. Peers come from all over the table.
//!
//! Deliberately absent: look-ups, and buckets that become stale.

use protocol::items::hash::sha256;

use crate::random::{Draws, Seed};

use super::{Edges, Graph, Topology, TopologyError};

impl Graph {
    /// A connected graph in which every node dials `dials` others. One is drawn from each bucket of its table, the
    /// farthest bucket first, and the rest are drawn from all. There is an edge if either end dials the other, so
    /// a node has about twice as many neighbours. If there are fewer others, each node dials all of them.
    ///
    /// # Errors
    /// If only disconnected graphs were drawn, or if it is too large.
    pub fn kademlia(nodes: usize, dials: usize, seed: Seed) -> Result<Self, TopologyError> {
        let dials = dials.min(nodes.saturating_sub(1));
        Topology::KademliaLike(dials).check_size(nodes, 2 * dials)?;
        if dials == 0 && nodes > 1 {
            return Err(TopologyError::NoSuchGraph {
                nodes,
                degree: dials,
                why: "the graph would not be connected",
            });
        }
        let table = Table::new(nodes, seed);
        Self::draw_connected(nodes * dials, &mut seed.draws("topology"), |draws| Some(table.dial(dials, draws)))
    }
}

/// All nodes by their ids. Here a bucket is a run of neighbours.
struct Table {
    /// The first 8 bytes of the ids, lowest first, and their nodes. Two of 100,000 are equal once in 10^9 seeds.
    /// Those two merely share no bucket.
    ids: Vec<(u64, usize)>,
}

impl Table {
    fn new(nodes: usize, seed: Seed) -> Self {
        let secret = seed.bytes("kademlia ids");
        let id = |node: usize| {
            let hash = sha256(&[&secret, &(node as u64).to_le_bytes()]);
            let (first, _) = hash.split_first_chunk().unwrap_or((&[0; 8], &[]));
            (u64::from_be_bytes(*first), node)
        };
        let mut ids: Vec<(u64, usize)> = (0..nodes).map(id).collect();
        ids.sort_unstable();
        Self { ids }
    }

    fn dial(&self, dials: usize, draws: &mut Draws) -> Edges {
        let mut edges = Edges::new(self.ids.len());
        for &(id, node) in &self.ids {
            for other in self.choose(id, node, dials, draws) {
                edges.join(node, other);
            }
        }
        edges
    }

    /// The nodes that the node with this id dials.
    fn choose(&self, id: u64, node: usize, dials: usize, draws: &mut Draws) -> Vec<usize> {
        let buckets = (0..u64::BITS).map(|shared| self.bucket(id, shared));
        let mut chosen: Vec<usize> = buckets
            .filter(|bucket| !bucket.is_empty())
            .filter_map(|bucket| bucket.get(draws.below(bucket.len())).map(|(_, other)| *other))
            .take(dials)
            .collect();
        if dials > self.ids.len() / 2 {
            // Drawing at random would too often hit nodes that are already chosen.
            let mut left: Vec<usize> = self.ids.iter().map(|(_, other)| *other).filter(|o| *o != node).collect();
            draws.shuffle(&mut left);
            left.retain(|other| !chosen.contains(other));
            chosen.extend(left.into_iter().take(dials - chosen.len()));
        }
        while chosen.len() < dials {
            let Some(&(_, other)) = self.ids.get(draws.below(self.ids.len())) else { break };
            if other != node && !chosen.contains(&other) {
                chosen.push(other);
            }
        }
        chosen
    }

    /// The nodes whose ids share exactly this number of first bits with `id`.
    fn bucket(&self, id: u64, shared: u32) -> &[(u64, usize)] {
        let differs = 1_u64 << (u64::BITS - 1 - shared);
        let lowest = (id ^ differs) & !(differs - 1);
        let from = self.ids.partition_point(|(other, _)| *other < lowest);
        let to = self.ids.partition_point(|(other, _)| *other <= lowest + (differs - 1));
        self.ids.get(from..to).unwrap_or_default()
    }
}
