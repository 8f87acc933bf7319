//! Who is connected to whom: found by Kademlia, a random regular graph drawn from the seed, or a file's edges.
//!
//! Deliberately absent: link delays, and any graph that is not connected.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::random::{Draws, Seed};

/// What `--topology` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Topology {
    /// Each node knows the first one's address and finds the others by itself.
    Kademlia,
    /// Every node has this many neighbours.
    Regular(usize),
    /// Edges from a file.
    File(PathBuf),
}

/// An undirected, connected graph. Nodes are numbered from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Graph {
    neighbours: Vec<BTreeSet<usize>>,
}

/// Why there is no graph. Nothing was started.
#[derive(Debug, thiserror::Error)]
pub enum TopologyError {
    /// No graph of this degree exists.
    #[error("{nodes} nodes can't have {degree} neighbours each: {why}")]
    NoSuchGraph {
        /// Nodes asked for.
        nodes: usize,
        /// Neighbours asked for.
        degree: usize,
        /// What stands against it.
        why: &'static str,
    },
    /// Every draw of the graph was disconnected.
    #[error("no connected graph in {DRAWS_MAX} draws: try another seed or a higher degree")]
    Unlucky,
    /// The file can't be read.
    #[error("cannot read the topology {}: {error}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// A line of the file is wrong.
    #[error("{}:{line}: {why}", path.display())]
    Line {
        /// Which file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        why: String,
    },
    /// The file as a whole is wrong.
    #[error("{}: {why}", path.display())]
    Graph {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

/// Draws of a regular graph before giving up. Degree 3 and more is connected nearly always (Bollobás), degree 2 on
/// 50 nodes about once in 12 draws.
const DRAWS_MAX: usize = 10_000;

/// Highest node number in a file. Far above what one machine runs; it keeps a typing error from taking memory.
const FILE_NODE_MAX: usize = 99_999;

impl Graph {
    /// A connected random graph in which every node has `degree` neighbours.
    ///
    /// # Errors
    /// If no such graph exists, or only disconnected ones were drawn.
    pub fn regular(nodes: usize, degree: usize, seed: Seed) -> Result<Self, TopologyError> {
        let no = |why| Err(TopologyError::NoSuchGraph { nodes, degree, why });
        if degree >= nodes {
            return no("the degree must be below the number of nodes");
        }
        if !(nodes * degree).is_multiple_of(2) {
            return no("nodes times degree must be even");
        }
        if degree == 0 || (degree == 1 && nodes > 2) {
            return no("the graph would not be connected");
        }
        let mut draws = seed.draws("topology");
        // Dense graphs are drawn as the complement of sparse ones: pairing nodes at random gets stuck when dense.
        let dense = degree > nodes / 2;
        let drawn = if dense { nodes - 1 - degree } else { degree };
        for _ in 0..DRAWS_MAX {
            let Some(graph) = pair_at_random(nodes, drawn, &mut draws) else { continue };
            let graph = if dense { graph.complement() } else { graph };
            if graph.first_unreachable().is_none() {
                return Ok(graph);
            }
        }
        Err(TopologyError::Unlucky)
    }

    /// Reads a file of edges: two node numbers a line, from 0; `#` starts a comment. With `nodes`, the file must
    /// name exactly the nodes below that; without, there are as many as its highest number says.
    ///
    /// # Errors
    /// Names the line for numbers that don't read, loops and repeated edges; names a node that has no edge or that
    /// the others can't reach.
    pub fn from_file(path: &Path, nodes: Option<usize>) -> Result<Self, TopologyError> {
        let text =
            std::fs::read_to_string(path).map_err(|error| TopologyError::Io { path: path.to_owned(), error })?;
        let mut edges = BTreeSet::new();
        for (number, text) in (1..).zip(text.lines()) {
            let at = |why| TopologyError::Line { path: path.to_owned(), line: number, why };
            let Some(edge) = parse_line(text).map_err(at)? else { continue };
            if let Some(nodes) = nodes.filter(|nodes| edge.1 >= *nodes) {
                return Err(at(format!("node {} doesn't exist: --nodes is {nodes}, counted from 0", edge.1)));
            }
            if !edges.insert(edge) {
                return Err(at(format!("the edge {} {} is there already", edge.0, edge.1)));
            }
        }
        let wrong = |why| TopologyError::Graph { path: path.to_owned(), why };
        let Some(highest) = edges.iter().map(|edge| edge.1).max() else {
            return Err(wrong("it has no edges".to_owned()));
        };
        let mut graph = Self { neighbours: vec![BTreeSet::new(); nodes.unwrap_or(highest + 1)] };
        edges.into_iter().for_each(|(a, b)| graph.join(a, b));
        if let Some(lonely) = graph.neighbours.iter().position(BTreeSet::is_empty) {
            return Err(wrong(format!("node {lonely} has no edge")));
        }
        match graph.first_unreachable() {
            Some(node) => Err(wrong(format!("node {node} can't be reached from node 0"))),
            None => Ok(graph),
        }
    }

    /// How many nodes there are.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.neighbours.len()
    }

    /// The neighbours of `node`, lowest first.
    #[must_use]
    pub fn neighbours(&self, node: usize) -> Vec<usize> {
        self.neighbours.get(node).into_iter().flatten().copied().collect()
    }

    /// The lowest node that node 0 has no path to.
    fn first_unreachable(&self) -> Option<usize> {
        let mut reached = vec![false; self.nodes()];
        let mut waiting = vec![0];
        while let Some(node) = waiting.pop() {
            if let Some(seen) = reached.get_mut(node).filter(|seen| !**seen) {
                *seen = true;
                waiting.extend(self.neighbours(node));
            }
        }
        reached.iter().position(|reached| !reached)
    }

    fn join(&mut self, a: usize, b: usize) {
        for (from, to) in [(a, b), (b, a)] {
            if let Some(neighbours) = self.neighbours.get_mut(from) {
                neighbours.insert(to);
            }
        }
    }

    fn joined(&self, a: usize, b: usize) -> bool {
        self.neighbours.get(a).is_some_and(|neighbours| neighbours.contains(&b))
    }

    fn complement(&self) -> Self {
        let others = |node: usize| (0..self.nodes()).filter(move |&to| to != node && !self.joined(node, to));
        Self { neighbours: (0..self.nodes()).map(|node| others(node).collect()).collect() }
    }
}

/// Pairs open ends at random and never makes a loop or a double edge (Steger and Wormald, 1999). `None` if it got
/// stuck.
fn pair_at_random(nodes: usize, degree: usize, draws: &mut Draws) -> Option<Graph> {
    let mut graph = Graph { neighbours: vec![BTreeSet::new(); nodes] };
    let mut ends: Vec<usize> = (0..nodes).flat_map(|node| std::iter::repeat_n(node, degree)).collect();
    while !ends.is_empty() {
        let fits = |graph: &Graph, a: usize, b: usize| a != b && !graph.joined(a, b);
        let stuck = !ends.iter().any(|&a| ends.iter().any(|&b| fits(&graph, a, b)));
        if stuck {
            return None;
        }
        // As many tries as there are ends, then look again whether any pair is left.
        for _ in 0..ends.len() {
            let (i, j) = (draws.below(ends.len()), draws.below(ends.len()));
            let (Some(&a), Some(&b)) = (ends.get(i), ends.get(j)) else { continue };
            if fits(&graph, a, b) {
                graph.join(a, b);
                ends.swap_remove(i.max(j));
                ends.swap_remove(i.min(j));
                if ends.is_empty() {
                    break;
                }
            }
        }
    }
    Some(graph)
}

/// The edge in a line, lower number first; `None` for a line without one.
fn parse_line(text: &str) -> Result<Option<(usize, usize)>, String> {
    let text = text.split('#').next().unwrap_or_default();
    let words: Vec<&str> = text.split_whitespace().collect();
    let (a, b) = match words.as_slice() {
        [] => return Ok(None),
        [a, b] => (parse_node(a)?, parse_node(b)?),
        _ => return Err(format!("two node numbers are wanted, not {:?}", text.trim())),
    };
    if a == b {
        return Err(format!("node {a} can't be its own neighbour"));
    }
    Ok(Some((a.min(b), a.max(b))))
}

fn parse_node(word: &str) -> Result<usize, String> {
    match word.parse() {
        Ok(node) if node <= FILE_NODE_MAX => Ok(node),
        Ok(_) => Err(format!("{word} is too high: node numbers go up to {FILE_NODE_MAX}")),
        Err(_) => Err(format!("{word:?} is not a node number")),
    }
}

impl FromStr for Topology {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            _ if text == "kademlia" => Ok(Self::Kademlia),
            Some(("regular", degree)) => match degree.parse() {
                Ok(degree) if degree > 0 => Ok(Self::Regular(degree)),
                _ => Err(format!("{degree:?} is not a number of neighbours")),
            },
            _ if text.is_empty() => Err("kademlia, regular:N or a file is wanted".to_owned()),
            _ => Ok(Self::File(PathBuf::from(text))),
        }
    }
}

impl fmt::Display for Topology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kademlia => f.write_str("kademlia"),
            Self::Regular(degree) => write!(f, "regular:{degree}"),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}
