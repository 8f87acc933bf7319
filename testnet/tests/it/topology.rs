//! Random regular graphs: regular, connected, and the same for the same seed.

use std::collections::BTreeSet;

use testnet::random::Seed;
use testnet::topology::{Graph, Topology, TopologyError};

fn reachable(graph: &Graph) -> usize {
    let mut reached = BTreeSet::from([0]);
    let mut waiting = vec![0];
    while let Some(node) = waiting.pop() {
        waiting.extend(graph.neighbours(node).into_iter().filter(|other| reached.insert(*other)));
    }
    reached.len()
}

#[test]
fn every_node_has_the_degree_and_a_path_to_every_other() {
    // Sparse, dense, complete, a ring, and the least of all.
    for (nodes, degree) in [(50, 8), (10, 3), (10, 8), (9, 8), (12, 6), (20, 2), (2, 1), (3, 2), (200, 4)] {
        let graph = Graph::regular(nodes, degree, Seed(7)).unwrap();
        assert_eq!(graph.nodes(), nodes);
        assert_eq!(reachable(&graph), nodes, "{nodes} nodes of degree {degree}");
        for node in 0..nodes {
            let neighbours = graph.neighbours(node);
            assert_eq!(neighbours.len(), degree, "{nodes} nodes of degree {degree}");
            assert!(!neighbours.contains(&node));
            assert!(neighbours.iter().all(|&other| graph.neighbours(other).contains(&node)));
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
    for text in ["kademlia", "regular:8", "edges.txt"] {
        assert_eq!(text.parse::<Topology>().unwrap().to_string(), text);
    }
    assert!("regular:x".parse::<Topology>().is_err());
    assert!("regular:0".parse::<Topology>().is_err());
    assert!("".parse::<Topology>().is_err());
}
