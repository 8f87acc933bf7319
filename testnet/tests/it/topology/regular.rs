//! Random regular graphs: regular, connected, and the same for the same seed.

use std::collections::BTreeSet;

use testnet::random::Seed;
use testnet::topology::{Graph, Topology, TopologyError};

fn reachable(graph: &Graph) -> usize {
    let mut reached = BTreeSet::from([0]);
    let mut waiting = vec![0];
    while let Some(node) = waiting.pop() {
        let others = graph.neighbours(node).iter().map(|&other| other as usize);
        waiting.extend(others.filter(|other| reached.insert(*other)));
    }
    reached.len()
}

/// No loops, no double edges, and every edge known at both ends.
fn check_simple(graph: &Graph) {
    for node in 0..graph.nodes() {
        let neighbours = graph.neighbours(node);
        assert!(neighbours.is_sorted_by(|a, b| a < b), "{neighbours:?}");
        assert!(neighbours.iter().all(|&other| other as usize != node), "{node} has a loop");
        let back = |&other: &u32| graph.neighbours(other as usize).contains(&(node as u32));
        assert!(neighbours.iter().all(back), "{node}: {neighbours:?}");
    }
}

#[test]
fn every_node_has_the_degree_and_a_path_to_every_other() {
    // Sparse, dense, complete, a ring, and the smallest graph.
    for (nodes, degree) in [(50, 8), (10, 3), (10, 8), (9, 8), (12, 6), (20, 2), (2, 1), (3, 2), (200, 4)] {
        let graph = Graph::regular(nodes, degree, Seed(7)).unwrap();
        assert_eq!(graph.nodes(), nodes);
        assert_eq!(reachable(&graph), nodes, "{nodes} nodes of degree {degree}");
        check_simple(&graph);
        for node in 0..nodes {
            assert_eq!(graph.neighbours(node).len(), degree, "{nodes} nodes of degree {degree}");
        }
    }
}

#[test]
fn the_seed_decides_the_graph() {
    let graph = |seed| Graph::regular(50, 8, Seed(seed)).unwrap();
    assert_eq!(graph(1), graph(1));
    assert_ne!(graph(1), graph(2));
}

#[test]
fn graphs_that_do_not_exist_are_refused() {
    for (nodes, degree) in [(5, 3), (8, 8), (8, 9), (4, 1), (1, 0)] {
        let refused = Graph::regular(nodes, degree, Seed(1));
        assert!(matches!(refused, Err(TopologyError::NoSuchGraph { .. })), "{nodes} nodes of degree {degree}");
    }
}

#[test]
fn topologies_read_and_print_alike() {
    for text in ["kademlia", "kademlia:8", "regular:8", "small-world:8,0.1", "complete", "edges.txt"] {
        let topology: Topology = text.parse().unwrap();
        assert_eq!(topology.to_string(), text);
        let json = serde_json::to_string(&topology).unwrap();
        assert_eq!(json, format!("{text:?}"));
        assert_eq!(serde_json::from_str::<Topology>(&json).unwrap(), topology);
    }
    for text in
        ["regular:x", "regular:0", "kademlia:0", "small-world:8", "small-world:8,1.5", "small-world:8,NaN", ""]
    {
        assert!(text.parse::<Topology>().is_err(), "{text}");
    }
}
