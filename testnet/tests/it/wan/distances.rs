//! Links: the meaning of the flags, and the delays between nodes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use testnet::random::Seed;
use testnet::wan::{Bandwidth, Delays, Jitter, LOOPBACK_ONE_WAY_US, Wan, WanError};

fn file(text: &str, nodes: usize) -> Result<Delays, WanError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("world");
    std::fs::write(&path, text).unwrap();
    Delays::new(&Wan::File(path), nodes, Seed(1))
}

fn error(text: &str) -> String {
    let message = file(text, 4).unwrap_err().to_string();
    message.split_once("world:").map_or(message.clone(), |(_, rest)| rest.to_owned())
}

/// A node in the region of each name: the first one that lies there.
fn first_in(delays: &Delays, nodes: usize) -> BTreeMap<&str, usize> {
    (0..nodes).rev().filter_map(|node| Some((delays.region(node)?, node))).collect()
}

#[test]
fn links_read_and_print_alike() {
    for text in ["none", "regions", "uniform:50ms", "uniform:1s 500ms", "world.txt"] {
        let wan: Wan = text.parse().unwrap();
        assert_eq!(wan.to_string(), text);
        assert_eq!(serde_json::from_str::<Wan>(&serde_json::to_string(&wan).unwrap()).unwrap(), wan);
    }
    for text in ["", "uniform:", "uniform:0ms", "uniform:999ns", "uniform:11s", "uniform:x"] {
        assert!(text.parse::<Wan>().is_err(), "{text}");
    }
    for text in ["0%", "10%", "12.5%", "100%"] {
        let jitter: Jitter = text.parse().unwrap();
        assert_eq!(jitter.to_string(), text);
        assert_eq!(serde_json::to_string(&jitter).unwrap(), format!("{text:?}"));
    }
    for text in ["", "%", "10", "-1%", "101%", "NaN%", "inf%"] {
        assert!(text.parse::<Jitter>().is_err(), "{text}");
    }
    for text in ["unlimited", "1kbit", "500kbit", "50mbit", "1gbit", "1500mbit", "1000gbit"] {
        let bandwidth: Bandwidth = text.parse().unwrap();
        assert_eq!(bandwidth.to_string(), text);
        assert_eq!(serde_json::to_string(&bandwidth).unwrap(), format!("{text:?}"));
    }
    for text in ["", "0mbit", "50", "50mb", "-1mbit", "1.5mbit", "1001gbit", "99999999999999999999gbit"] {
        assert!(text.parse::<Bandwidth>().is_err(), "{text}");
    }
}

#[test]
fn bandwidth_says_how_long_bytes_take() {
    let at = |text: &str| text.parse::<Bandwidth>().unwrap();
    assert_eq!(at("50mbit").bytes_per_s(), Some(6_250_000));
    // 1,000,000 bytes at 6.25 a microsecond; one byte takes 0.16 of one.
    assert_eq!(at("50mbit").transmit_us(1_000_000), 160_000);
    assert_eq!(at("50mbit").transmit_us(1), 0);
    assert_eq!(at("1kbit").transmit_us(250), 2_000_000);
    assert_eq!(at("unlimited").transmit_us(u64::MAX), 0);
    assert_eq!(at("unlimited"), Bandwidth::UNLIMITED);
}

#[test]
fn jitter_spreads_evenly_around_the_base() {
    let jitter: Jitter = "10%".parse().unwrap();
    assert!((jitter.share() - 0.1).abs() < 1e-12);
    assert_eq!([0.0, 0.25, 0.5, 1.0].map(|draw| jitter.delay_us(1_000, draw)), [900, 950, 1_000, 1_100]);
    assert_eq!(Jitter::NONE.delay_us(1_000, 0.0), 1_000);
    assert_eq!(Jitter::new(1.0).unwrap().delay_us(1_000, 0.0), 0);
    assert_eq!([-0.1, 1.1, f64::NAN].map(Jitter::new), [None; 3]);
}

#[test]
fn without_regions_all_nodes_are_equally_far_apart() {
    let none = Delays::new(&Wan::None, 3, Seed(1)).unwrap();
    assert_eq!((none.one_way_us(0, 2), none.region(0)), (LOOPBACK_ONE_WAY_US, None));
    let uniform = Delays::new(&Wan::Uniform(Duration::from_millis(50)), 3, Seed(1)).unwrap();
    assert_eq!(
        [uniform.one_way_us(0, 1), uniform.one_way_us(2, 0), uniform.one_way_us(0, 3)],
        [50_000, 50_000, 0]
    );
}

#[test]
fn the_world_has_six_regions_with_the_published_delays() {
    let nodes = 11_243;
    let delays = Delays::new(&Wan::Regions, nodes, Seed(1)).unwrap();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    (0..nodes).for_each(|node| *counts.entry(delays.region(node).unwrap()).or_default() += 1);
    // There are as many nodes as the sum of the weights, so each weight is the expected number. 4 standard
    // deviations are at most 4 sqrt(n/4) = 212.
    let weights =
        [("australia", 290), ("east-asia", 1_059), ("europe", 5_599), ("us-east", 2_894), ("us-west", 1_240)];
    for (region, weight) in weights.into_iter().chain([("west-asia", 161_usize)]) {
        assert!(counts[region].abs_diff(weight) < 212, "{counts:?}");
    }
    assert_eq!(counts.len(), 6);
    let first = first_in(&delays, nodes);
    let one_way = |from, to| delays.one_way_us(first[from], first[to]);
    // A quarter of the two round trips of 85 and 83 ms; of 8 and 9; of 152 and 151.
    assert_eq!(one_way("europe", "us-east"), 42_000);
    assert_eq!(one_way("us-east", "us-east"), 4_250);
    assert_eq!(one_way("west-asia", "east-asia"), 75_750);
    for (from, to) in first.keys().flat_map(|from| first.keys().map(move |to| (*from, *to))) {
        assert_eq!(one_way(from, to), one_way(to, from), "{from} {to}");
        let near = one_way(from, to) < 10_000;
        assert_eq!(near, from == to, "{from} {to}");
    }
    assert_eq!(delays, Delays::new(&Wan::Regions, nodes, Seed(1)).unwrap());
    assert_ne!(delays, Delays::new(&Wan::Regions, nodes, Seed(2)).unwrap());
}

#[test]
fn a_file_decides_regions_and_delays() {
    let text = "region a 1 # here\nregion b 3\nregion empty 0\n\ndelay a a 0\ndelay a -> b 10\ndelay b -> a 12.5\n\
                delay b b 1\ndelay a empty 7\ndelay empty b 7\ndelay empty empty 7\n";
    let delays = file(text, 400).unwrap();
    let first = first_in(&delays, 400);
    assert_eq!(first.keys().collect::<Vec<_>>(), [&"a", &"b"]);
    let (a, b) = (first["a"], first["b"]);
    assert_eq!([(a, a), (a, b), (b, a), (b, b)].map(|(x, y)| delays.one_way_us(x, y)), [0, 10_000, 12_500, 1_000]);
    let in_a = (0..400).filter(|node| delays.region(*node) == Some("a")).count();
    assert!((60..140).contains(&in_a), "{in_a} of 400 in a, a quarter by weight");
}

#[test]
fn the_line_at_fault_is_named() {
    let kinds = "region NAME WEIGHT, delay A B MS or delay A -> B MS is wanted";
    assert_eq!(error("region a 1\nregio b 1\n"), format!("2: {kinds}, not \"regio b 1\""));
    assert_eq!(error("region a\n"), format!("1: {kinds}, not \"region a\""));
    assert_eq!(error("region a 1\nregion a 2\n"), "2: the region \"a\" is there already");
    assert_eq!(error("region a 1\n# fine\ndelay a b 3\n"), "3: no region is called \"b\" above this line");
    for weight in ["x", "-1", "1.5", "1000000001"] {
        let message = format!("1: {weight:?} is not a weight: a whole number up to 1000000000 is wanted");
        assert_eq!(error(&format!("region a {weight}\n")), message);
    }
    for delay in ["x", "-1", "NaN", "inf", "10001", "1e300"] {
        let message = format!("2: {delay:?} is not a delay: milliseconds from 0 to 10000 are wanted");
        assert_eq!(error(&format!("region a 1\ndelay a a {delay}\n")), message);
    }
    let twice = |first, second| error(&format!("region a 1\nregion b 1\n{first}\n{second}\n"));
    for (first, second) in
        [("delay a b 1", "delay b a 1"), ("delay a b 1", "delay b -> a 1"), ("delay a a 1", "delay a a 1")]
    {
        assert_eq!(twice(first, second), "4: the delay of this pair is there already");
    }
    let many: String = (0..257).map(|number| format!("region r{number} 1\n")).collect();
    assert_eq!(error(&many), "257: more than 256 regions");
}

#[test]
fn a_file_with_gaps_is_refused() {
    assert_eq!(error("# nothing\n"), " it has no region with a weight above 0");
    assert_eq!(error("region a 0\ndelay a a 1\n"), " it has no region with a weight above 0");
    assert_eq!(error("region a 1\nregion b 1\ndelay a b 1\ndelay b b 1\n"), " the delay from a to a is missing");
    let message = Delays::new(&Wan::File(PathBuf::from("/no/such/file")), 1, Seed(1)).unwrap_err().to_string();
    assert!(message.starts_with("cannot read the delays /no/such/file:"), "{message}");
}
