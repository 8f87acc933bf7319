//! The floor: shortest paths computed by hand, and by another algorithm.

use testnet::random::Seed;
use testnet::topology::Graph;
use testnet::topology::floor::Floor;
use testnet::wan::{Bandwidth, Delays, Wan};

/// A graph and delays from the texts of files.
fn world(edges: &str, delays: &str) -> (Graph, Delays) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("edges");
    std::fs::write(&path, edges).unwrap();
    let graph = Graph::from_file(&path, None).unwrap();
    std::fs::write(&path, delays).unwrap();
    let delays = Delays::new(&Wan::File(path), graph.nodes(), Seed(1)).unwrap();
    (graph, delays)
}

#[test]
fn equal_links_count_hops() {
    // A ring of five with a tail: 0-1-2-3-4-0, 2-5.
    let (graph, delays) = world("0 1\n1 2\n2 3\n3 4\n4 0\n2 5\n", "region a 1\ndelay a a 10\n");
    let floor = Floor::new(&graph, &delays, Bandwidth::UNLIMITED);
    assert_eq!(floor.from(0, 256), [0, 10_000, 20_000, 20_000, 10_000, 30_000]);
    assert_eq!(floor.from(5, 256), [30_000, 20_000, 10_000, 20_000, 30_000, 0]);
}

#[test]
fn a_detour_over_near_nodes_beats_a_far_link() {
    // All nodes know each other. The seed decides the region of each node, and the file decides the cost of two
    // hops.
    let regions = "region a 1\nregion b 1\nregion c 1\n\
                   delay a a 1\ndelay b b 1\ndelay c c 1\ndelay a b 10\ndelay b c 15\ndelay a c 40\n";
    let edges: String = (0..12).flat_map(|a| (0..a).map(move |b| format!("{a} {b}\n"))).collect();
    let (graph, delays) = world(&edges, regions);
    let of = |region| (0..12).find(|node| delays.region(*node) == Some(region)).unwrap();
    let earliest = Floor::new(&graph, &delays, Bandwidth::UNLIMITED).from(of("a"), 256);
    assert_eq!([earliest[of("b")], earliest[of("c")]], [10_000, 25_000]);
    // 625 bytes at 6.25 MB/s take 100 us up and 100 us down at every hop: 2 hops cost 400 us.
    let slow = Floor::new(&graph, &delays, "50mbit".parse().unwrap());
    assert_eq!([625, 0].map(|bytes| slow.from(of("a"), bytes)[of("c")]), [25_400, 25_000]);
    // 4 MB: 1.28 s a hop. The straight link wins.
    assert_eq!(slow.from(of("a"), 4_000_000)[of("c")], 1_320_000);
}

#[test]
fn a_direction_has_its_own_delay() {
    let regions = "region a 1\nregion b 1\ndelay a a 1\ndelay a -> b 5\ndelay b -> a 7\ndelay b b 1\n";
    let (graph, delays) = world("0 1\n1 2\n2 3\n3 4\n4 5\n", regions);
    let across = (0..5).find(|node| delays.region(*node) != delays.region(node + 1)).unwrap();
    let (a, b) = if delays.region(across) == Some("a") { (across, across + 1) } else { (across + 1, across) };
    let floor = Floor::new(&graph, &delays, Bandwidth::UNLIMITED);
    assert_eq!([floor.from(a, 1)[b], floor.from(b, 1)[a]], [5_000, 7_000]);
}

#[test]
fn nothing_leads_out_of_a_node_that_is_not_there() {
    let (graph, delays) = world("0 1\n", "region a 1\ndelay a a 1\n");
    assert_eq!(Floor::new(&graph, &delays, Bandwidth::UNLIMITED).from(2, 1), [u64::MAX; 2]);
}

#[test]
fn relaxing_every_link_again_and_again_gives_the_same() {
    let graph = Graph::regular(300, 4, Seed(5)).unwrap();
    let delays = Delays::new(&Wan::Regions, 300, Seed(5)).unwrap();
    let earliest = Floor::new(&graph, &delays, "50mbit".parse().unwrap()).from(17, 6_250);
    // Bellman and Ford: 6,250 bytes take 1 ms at each end.
    let mut expected = vec![u64::MAX; 300];
    expected[17] = 0;
    for _ in 0..300 {
        for node in (0..300).filter(|node| expected[*node] < u64::MAX).collect::<Vec<_>>() {
            for other in graph.neighbours(node).iter().map(|other| *other as usize) {
                expected[other] = expected[other].min(expected[node] + delays.one_way_us(node, other) + 2_000);
            }
        }
    }
    assert_eq!(earliest, expected);
}
