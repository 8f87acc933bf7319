//! Which node is connected to which: found by Kademlia, drawn from the seed, every node with every other, or a
//! file's edges.
//!
//! Deliberately absent: link delays, and any graph that is not connected.

mod file;
pub mod floor;
mod kademlia;
mod regular;
mod small_world;

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::random::{Draws, Seed};
use crate::text::serde_as_text;

/// The default number of nodes.
pub const NODES_DEFAULT: usize = 50;

/// The value of `--topology`.
#[derive(Clone, Debug, PartialEq)]
pub enum Topology {
    /// Real nodes know the first one's address and find the others by themselves. If nodes cannot look for others,
    /// as in a simulation, it is [`Topology::KademliaLike`] with [`KADEMLIA_DIALS`].
    Kademlia,
    /// A fixed graph as Kademlia's tables would make it. Each node dials this many.
    KademliaLike(usize),
    /// Every node has this many neighbours.
    Regular(usize),
    /// A ring in which every node has this many neighbours, with this share of the edges rewired at random.
    SmallWorld(usize, f64),
    /// Every node with every other.
    Complete,
    /// Edges from a file.
    File(PathBuf),
}

/// An undirected, connected graph without loops or double edges. Nodes are numbered from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Graph {
    /// Where each node's neighbours begin in `ends`, and where the last ones end: one more entry than there are
    /// nodes.
    starts: Vec<usize>,
    /// Every node's neighbours, lowest first, node after node.
    ends: Vec<u32>,
}

/// Why there is no graph. Nothing was started.
#[derive(Debug, thiserror::Error)]
pub enum TopologyError {
    /// No graph of this degree exists.
    #[error("{nodes} nodes can't have {degree} neighbours each: {why}")]
    NoSuchGraph {
        /// The number of nodes asked for.
        nodes: usize,
        /// The number of neighbours asked for.
        degree: usize,
        /// The reason.
        why: &'static str,
    },
    /// More edges than can be numbered.
    #[error("{topology} on {nodes} nodes has more than {EDGES_MAX} edges: ask for fewer nodes or neighbours")]
    TooLarge {
        /// The graph that was asked for.
        topology: Topology,
        /// The number of nodes asked for.
        nodes: usize,
    },
    /// Every draw of the graph was disconnected.
    #[error("no connected graph in {0} draws: try another seed or a higher degree")]
    Unlucky(usize),
    /// The file can't be read.
    #[error("cannot read the topology {}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's message.
        error: std::io::Error,
    },
    /// A line of the file is wrong.
    #[error("{}:{line}: {why}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong.
        why: String,
    },
    /// The file as a whole is wrong.
    #[error("{}: {why}", path.display())]
    Graph {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

/// The number of peers that each node of a simulated Kademlia network dials: the node's own outbound target.
pub const KADEMLIA_DIALS: usize = 8;

/// The most edges of a graph. Both ends of each are numbered with 32 bits. What a graph takes in memory, 8 bytes for
/// each edge, is little beside what its nodes take.
pub const EDGES_MAX: usize = (1 << 31) - 1;

/// The number of tries to draw a connected graph. With degree 3 and more, it is connected nearly always
/// (Bollobás); with degree 2 on 50 nodes, about once in 12 draws.
const DRAWS_MAX: usize = 10_000;

/// The most edges drawn in all tries together, so that unlucky draws end: 50 draws of 100,000 nodes with 8
/// neighbours, and one of a larger graph than this. The first is connected nearly always.
const DRAWN_EDGES_MAX: usize = 20_000_000;

impl Topology {
    /// The graph on `nodes` nodes. If their number isn't given, a file decides, and otherwise there are `usual`.
    ///
    /// # Errors
    /// If no such graph exists, if only disconnected ones were drawn, or if the file is wrong.
    pub fn graph(&self, nodes: Option<usize>, usual: usize, seed: Seed) -> Result<Graph, TopologyError> {
        let count = nodes.unwrap_or(usual);
        match self {
            Self::Kademlia => Graph::kademlia(count, KADEMLIA_DIALS, seed),
            Self::KademliaLike(dials) => Graph::kademlia(count, *dials, seed),
            Self::Regular(degree) => Graph::regular(count, *degree, seed),
            Self::SmallWorld(degree, rewired) => Graph::small_world(count, *degree, *rewired, seed),
            Self::Complete => Graph::complete(count),
            Self::File(path) => Graph::from_file(path, nodes),
        }
    }

    /// About how many neighbours a node has, of `nodes` nodes; `None` if a file decides.
    #[must_use]
    pub const fn neighbours(&self, nodes: usize) -> Option<usize> {
        match self {
            // Each node dials a number of others, and is dialled by as many.
            Self::Kademlia => Some(2 * KADEMLIA_DIALS),
            Self::KademliaLike(dials) => Some(dials.saturating_mul(2)),
            Self::Regular(degree) | Self::SmallWorld(degree, _) => Some(*degree),
            Self::Complete => Some(nodes.saturating_sub(1)),
            Self::File(_) => None,
        }
    }

    /// Refuses graphs of more than [`EDGES_MAX`] edges.
    fn check_size(&self, nodes: usize, degree: usize) -> Result<(), TopologyError> {
        match nodes.checked_mul(degree) {
            Some(ends) if ends / 2 <= EDGES_MAX => Ok(()),
            _ => Err(TopologyError::TooLarge { topology: self.clone(), nodes }),
        }
    }
}

impl Graph {
    /// Every node with every other.
    ///
    /// # Errors
    /// If these are more than [`EDGES_MAX`] edges.
    pub fn complete(nodes: usize) -> Result<Self, TopologyError> {
        Topology::Complete.check_size(nodes, nodes.saturating_sub(1))?;
        let mut graph = Self { starts: Vec::with_capacity(nodes + 1), ends: Vec::new() };
        graph.starts.push(0);
        for node in 0..nodes {
            graph.ends.extend((0..nodes).filter(|other| *other != node).map(|other| other as u32));
            graph.starts.push(graph.ends.len());
        }
        Ok(graph)
    }

    /// The graph of `nodes` nodes with these edges, in any order and direction. An edge of a node with itself, or
    /// to a node that does not exist, is ignored.
    #[must_use]
    pub fn of(nodes: usize, edges: impl IntoIterator<Item = (usize, usize)>) -> Self {
        let mut joined = Edges::new(nodes);
        for (a, b) in edges.into_iter().filter(|(a, b)| a != b && *a < nodes && *b < nodes) {
            joined.join(a, b);
        }
        Self::from(joined)
    }

    /// The number of nodes.
    #[must_use]
    pub const fn nodes(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// The number of edges, each counted once.
    #[must_use]
    pub const fn edges(&self) -> usize {
        self.ends.len() / 2
    }

    /// The neighbours of `node`, lowest first. A node that does not exist has none.
    #[must_use]
    pub fn neighbours(&self, node: usize) -> &[u32] {
        let end = node.checked_add(1).and_then(|next| self.starts.get(next));
        match (self.starts.get(node), end) {
            (Some(&start), Some(&end)) => self.ends.get(start..end).unwrap_or_default(),
            _ => &[],
        }
    }

    /// The lowest node to which node 0 has no path.
    fn first_unreachable(&self) -> Option<usize> {
        let mut reached = vec![false; self.nodes()];
        let mut waiting = vec![0];
        while let Some(node) = waiting.pop() {
            if let Some(seen) = reached.get_mut(node).filter(|seen| !**seen) {
                *seen = true;
                waiting.extend(self.neighbours(node).iter().map(|&other| other as usize));
            }
        }
        reached.iter().position(|reached| !reached)
    }

    /// Draws until a graph is connected. `draw` returns `None` if it got stuck.
    fn draw_connected(
        edges: usize,
        draws: &mut Draws,
        mut draw: impl FnMut(&mut Draws) -> Option<Edges>,
    ) -> Result<Self, TopologyError> {
        let most = (DRAWN_EDGES_MAX / edges.max(1)).clamp(1, DRAWS_MAX);
        for _ in 0..most {
            let Some(edges) = draw(draws) else { continue };
            let graph = Self::from(edges);
            if graph.first_unreachable().is_none() {
                return Ok(graph);
            }
        }
        Err(TopologyError::Unlucky(most))
    }
}

/// A graph in the making: each node's neighbours, lowest first.
#[derive(Clone, Debug)]
struct Edges(Vec<Vec<u32>>);

impl Edges {
    fn new(nodes: usize) -> Self {
        Self(vec![Vec::new(); nodes])
    }

    fn nodes(&self) -> usize {
        self.0.len()
    }

    fn of(&self, node: usize) -> &[u32] {
        self.0.get(node).map_or(&[], Vec::as_slice)
    }

    /// Joins two nodes, once. Node numbers are far below 2^32, because of [`EDGES_MAX`] and the file's bound.
    fn join(&mut self, a: usize, b: usize) {
        for (from, to) in [(a, b as u32), (b, a as u32)] {
            if let Some(neighbours) = self.0.get_mut(from)
                && let Err(place) = neighbours.binary_search(&to)
            {
                neighbours.insert(place, to);
            }
        }
    }

    fn part(&mut self, a: usize, b: usize) {
        for (from, to) in [(a, b as u32), (b, a as u32)] {
            if let Some(neighbours) = self.0.get_mut(from)
                && let Ok(place) = neighbours.binary_search(&to)
            {
                neighbours.remove(place);
            }
        }
    }

    fn joined(&self, a: usize, b: usize) -> bool {
        self.of(a).binary_search(&(b as u32)).is_ok()
    }

    /// Joins exactly the pairs that weren't joined.
    fn complement(&self) -> Self {
        let others = |node: usize| {
            let free = move |to: &usize| *to != node && !self.joined(node, *to);
            (0..self.nodes()).filter(free).map(|to| to as u32).collect()
        };
        Self((0..self.nodes()).map(others).collect())
    }
}

impl From<Edges> for Graph {
    fn from(edges: Edges) -> Self {
        let mut graph = Self { starts: Vec::with_capacity(edges.nodes() + 1), ends: Vec::new() };
        graph.starts.push(0);
        for neighbours in edges.0 {
            graph.ends.extend_from_slice(&neighbours);
            graph.starts.push(graph.ends.len());
        }
        graph
    }
}

impl FromStr for Topology {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let count = |text: &str| match text.parse() {
            Ok(count) if count > 0 => Ok(count),
            _ => Err(format!("{text:?} is not a number of neighbours")),
        };
        match text.split_once(':') {
            _ if text == "kademlia" => Ok(Self::Kademlia),
            _ if text == "complete" => Ok(Self::Complete),
            Some(("kademlia", dials)) => count(dials).map(Self::KademliaLike),
            Some(("regular", degree)) => count(degree).map(Self::Regular),
            Some(("small-world", numbers)) => {
                let Some((degree, rewired)) = numbers.split_once(',') else {
                    return Err(format!("small-world:N,P is wanted, as small-world:8,0.1, not {text:?}"));
                };
                match rewired.parse() {
                    Ok(share) if (0.0..=1.0).contains(&share) => Ok(Self::SmallWorld(count(degree)?, share)),
                    _ => Err(format!("{rewired:?} is not a share of edges to rewire, from 0 to 1")),
                }
            }
            _ if text.is_empty() => {
                Err("kademlia, kademlia:N, regular:N, small-world:N,P, complete or a file is wanted".to_owned())
            }
            _ => Ok(Self::File(PathBuf::from(text))),
        }
    }
}

impl fmt::Display for Topology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kademlia => f.write_str("kademlia"),
            Self::KademliaLike(dials) => write!(f, "kademlia:{dials}"),
            Self::Regular(degree) => write!(f, "regular:{degree}"),
            Self::SmallWorld(degree, rewired) => write!(f, "small-world:{degree},{rewired}"),
            Self::Complete => f.write_str("complete"),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

serde_as_text!(Topology);
