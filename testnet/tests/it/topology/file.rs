//! Files of edges: which files can be read, and which line an error names.

use testnet::topology::{Graph, TopologyError};

fn read(text: &str, nodes: Option<usize>) -> Result<Graph, TopologyError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("edges");
    std::fs::write(&path, text).unwrap();
    Graph::from_file(&path, nodes)
}

fn error(text: &str, nodes: Option<usize>) -> String {
    let message = read(text, nodes).unwrap_err().to_string();
    message.split_once("edges:").map_or(message.clone(), |(_, rest)| rest.to_owned())
}

#[test]
fn edges_comments_and_blank_lines_read() {
    let graph = read("# a ring\n0 1\n1  2 # with a remark\n\n\t2 0\n", None).unwrap();
    assert_eq!(graph.nodes(), 3);
    assert_eq!(graph.neighbours(1), [0, 2]);
}

#[test]
fn the_file_alone_bounds_the_number_of_nodes() {
    let line: String = (0..100_000).map(|node| format!("{node} {}\n", node + 1)).collect();
    let graph = read(&line, None).unwrap();
    assert_eq!((graph.nodes(), graph.edges()), (100_001, 100_000));
}

#[test]
fn the_line_at_fault_is_named() {
    assert_eq!(error("0 1\n1 x\n", None), "2: \"x\" is not a node number");
    assert_eq!(error("0 1\n# fine\n1 2 3\n", None), "3: two node numbers are wanted, not \"1 2 3\"");
    assert_eq!(error("0 1\n7\n", None), "2: two node numbers are wanted, not \"7\"");
    assert_eq!(error("1 1\n", None), "1: node 1 can't be its own neighbour");
    assert_eq!(error("0 1\n1 0\n", None), "2: the edge 0 1 is there already");
    assert_eq!(error("0 -1\n", None), "1: \"-1\" is not a node number");
    assert_eq!(error("0 4294967296\n", None), "1: 4294967296 is too high: node numbers go up to 4294967295");
    assert_eq!(error("0 1\n1 2\n", Some(2)), "2: node 2 doesn't exist: --nodes is 2, counted from 0");
}

#[test]
fn nodes_without_edges_and_parts_without_a_bridge_are_refused() {
    assert_eq!(error("# nothing\n", None), " it has no edges");
    assert_eq!(error("0 1\n1 3\n", None), " node 2 has no edge");
    assert_eq!(error("0 1\n", Some(3)), " node 2 has no edge");
    // One wrong number doesn't take memory for four billion nodes.
    assert_eq!(error("0 1\n1 4294967295\n", None), " node 2 has no edge");
    assert_eq!(error("1 2\n", None), " node 0 has no edge");
    assert_eq!(error("0 1\n2 3\n", None), " node 2 can't be reached from node 0");
}

#[test]
fn a_missing_file_is_named() {
    let message = Graph::from_file("/no/such/file".as_ref(), None).unwrap_err().to_string();
    assert!(message.starts_with("cannot read the topology /no/such/file:"), "{message}");
}
