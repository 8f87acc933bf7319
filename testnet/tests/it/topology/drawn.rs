//! Graphs that are not regular: Kademlia-like graphs, small worlds, complete graphs; and the size limit of a
//! graph.

use std::collections::BTreeSet;

use testnet::random::Seed;
use testnet::topology::{EDGES_MAX, Graph, KADEMLIA_DIALS, Topology, TopologyError};

fn degrees(graph: &Graph) -> Vec<usize> {
    (0..graph.nodes()).map(|node| graph.neighbours(node).len()).collect()
}

fn edges(graph: &Graph) -> BTreeSet<(usize, usize)> {
    let of = |node| graph.neighbours(node).iter().map(move |&other| (node, other as usize));
    (0..graph.nodes()).flat_map(of).filter(|(a, b)| a < b).collect()
}

/// Hops from `origin` to every node that has a path.
fn hops(graph: &Graph, origin: usize) -> Vec<usize> {
    let mut hops = vec![usize::MAX; graph.nodes()];
    let mut front = vec![origin];
    for distance in 0.. {
        front.retain(|node| hops[*node] == usize::MAX);
        if front.is_empty() {
            break;
        }
        front.iter().for_each(|node| hops[*node] = distance);
        front = front.iter().flat_map(|node| graph.neighbours(*node)).map(|other| *other as usize).collect();
    }
    hops
}

/// Connected, no loops, no double edges, every edge known at both ends.
fn check(graph: &Graph) {
    assert!(hops(graph, 0).iter().all(|hops| *hops < usize::MAX));
    let edges = edges(graph);
    assert_eq!(edges.len(), graph.edges());
    assert_eq!(degrees(graph).iter().sum::<usize>(), 2 * edges.len());
    for (a, b) in edges {
        assert!(graph.neighbours(b).contains(&(a as u32)) && a != b);
    }
}

#[test]
fn everyone_knows_everyone_in_a_complete_graph() {
    let graph = Graph::complete(6).unwrap();
    check(&graph);
    assert_eq!(degrees(&graph), [5; 6]);
    assert!(Graph::complete(1).unwrap().neighbours(0).is_empty());
}

#[test]
fn a_small_world_without_rewiring_is_a_ring() {
    let graph = Graph::small_world(6, 4, 0.0, Seed(1)).unwrap();
    assert_eq!(graph.neighbours(0), [1, 2, 4, 5]);
    assert_eq!(graph.neighbours(3), [1, 2, 4, 5]);
    check(&graph);
}

#[test]
fn rewiring_keeps_the_edges_number_moves_their_share_and_shortens_paths() {
    let ring = Graph::small_world(1_000, 8, 0.0, Seed(1)).unwrap();
    let world = Graph::small_world(1_000, 8, 0.1, Seed(1)).unwrap();
    check(&world);
    assert_eq!((ring.edges(), world.edges()), (4_000, 4_000));
    let moved = edges(&ring).difference(&edges(&world)).count();
    assert!((320..480).contains(&moved), "{moved} of 4000 edges moved");
    // Half of the ring, in steps of 4 nodes.
    assert_eq!(hops(&ring, 0).iter().max(), Some(&125));
    let longest = hops(&world, 0).into_iter().max().unwrap();
    assert!(longest < 20, "{longest} hops");
    assert_ne!(world, Graph::small_world(1_000, 8, 0.1, Seed(2)).unwrap());
    // Every edge moves, even if a node can't take another one.
    check(&Graph::small_world(7, 6, 1.0, Seed(1)).unwrap());
    check(&Graph::small_world(200, 6, 1.0, Seed(1)).unwrap());
}

#[test]
fn kademlia_like_nodes_dial_all_over_their_tables() {
    let graph = Graph::kademlia(1_000, 8, Seed(1)).unwrap();
    check(&graph);
    let degrees = degrees(&graph);
    assert!(degrees.iter().all(|degree| *degree >= 8), "{degrees:?}");
    // Each of 1,000 nodes dials 8. Two nodes dial each other about 2^i times in bucket i, whose 1000 / 2^(i+1)
    // nodes choose among as many: 255 times in the 8 farthest buckets.
    assert!((7_695..7_795).contains(&graph.edges()), "{} edges", graph.edges());
    // A node that sits alone in a small bucket is dialled by many, but no node is dialled by all.
    assert!(*degrees.iter().max().unwrap() < 60, "{degrees:?}");
    assert_eq!(graph, Graph::kademlia(1_000, 8, Seed(1)).unwrap());
    assert_ne!(graph, Graph::kademlia(1_000, 8, Seed(2)).unwrap());
}

#[test]
fn a_small_kademlia_network_is_complete() {
    for dials in [4, 8] {
        assert_eq!(Graph::kademlia(5, dials, Seed(1)).unwrap(), Graph::complete(5).unwrap());
    }
    check(&Graph::kademlia(60, 40, Seed(1)).unwrap());
}

#[test]
fn plain_kademlia_dials_as_many_as_a_node_does() {
    let graph = |topology: Topology| topology.graph(Some(40), 10, Seed(3)).unwrap();
    assert_eq!(graph(Topology::Kademlia), graph(Topology::KademliaLike(KADEMLIA_DIALS)));
    assert_eq!(Topology::Complete.graph(None, 10, Seed(3)).unwrap().nodes(), 10);
}

#[test]
fn impossible_graphs_are_refused() {
    for (nodes, degree) in [(8, 3), (8, 8), (8, 0)] {
        let graph = Graph::small_world(nodes, degree, 0.1, Seed(1));
        assert!(matches!(graph, Err(TopologyError::NoSuchGraph { .. })), "{nodes} {degree}");
    }
    assert!(matches!(Graph::kademlia(2, 0, Seed(1)), Err(TopologyError::NoSuchGraph { .. })));
}

#[test]
fn graphs_with_more_edges_than_can_be_numbered_are_refused() {
    let refused = |graph: Result<Graph, TopologyError>| graph.unwrap_err().to_string();
    let most = format!("has more than {EDGES_MAX} edges: ask for fewer nodes or neighbours");
    assert_eq!(refused(Graph::complete(65_537)), format!("complete on 65537 nodes {most}"));
    assert_eq!(
        refused(Graph::regular(2_000_000, 2_148, Seed(1))),
        format!("regular:2148 on 2000000 nodes {most}")
    );
    assert_eq!(
        refused(Graph::small_world(usize::MAX, 8, 0.5, Seed(1))),
        format!("small-world:8,0.5 on {} nodes {most}", usize::MAX)
    );
    assert!(matches!(Graph::kademlia(usize::MAX, 8, Seed(1)), Err(TopologyError::TooLarge { .. })));
}
