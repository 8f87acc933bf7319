//! Graphs from a file of edges.

use std::collections::BTreeSet;
use std::path::Path;

use super::{Edges, Graph, TopologyError};

/// The highest node number in a file: a graph holds numbers of 32 bits. A file that names so many nodes doesn't fit
/// into memory.
const FILE_NODE_MAX: usize = u32::MAX as usize;

impl Graph {
    /// Reads a file of edges: two node numbers on each line, from 0; `#` starts a comment. With `nodes`, the file
    /// must name exactly the nodes below that number. Without it, the highest number in the file decides.
    ///
    /// # Errors
    /// Names the line of a number that can't be read, a loop or a repeated edge. Names a node that has no edge or
    /// that the others can't reach.
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
        let named: BTreeSet<usize> = edges.iter().flat_map(|edge| [edge.0, edge.1]).collect();
        let Some(highest) = named.last() else { return Err(wrong("it has no edges".to_owned())) };
        let nodes = nodes.unwrap_or(highest + 1);
        // This comes before anything takes memory for each node, because a number may be a typing error.
        if named.len() < nodes {
            let lonely =
                (0..).zip(&named).find(|(node, named)| node != *named).map_or(named.len(), |(node, _)| node);
            return Err(wrong(format!("node {lonely} has no edge")));
        }
        let mut joined = Edges::new(nodes);
        edges.into_iter().for_each(|(a, b)| joined.join(a, b));
        let graph = Self::from(joined);
        match graph.first_unreachable() {
            Some(node) => Err(wrong(format!("node {node} can't be reached from node 0"))),
            None => Ok(graph),
        }
    }
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
