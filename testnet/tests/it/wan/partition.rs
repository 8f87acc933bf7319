//! The spelling of a partition, and the halves of a seed.

use std::time::Duration;

use testnet::random::Seed;
use testnet::wan::{Halves, Outage, Partition};

#[test]
fn a_partition_reads_and_prints_alike() {
    let partition: Partition = "5s,1m30s".parse().unwrap();
    assert_eq!(partition, Partition { at: Duration::from_secs(5), lasts: Duration::from_secs(90) });
    assert_eq!(partition.to_string(), "5s,1m30s");
    for text in ["", "5s", "5,5", "5s,", "5s,0s", "5s,99ms", "25h,1s", "5s,25h", "5s,5s,5s"] {
        assert!(text.parse::<Partition>().is_err(), "{text}");
    }
}

#[test]
fn it_heals_before_the_load_ends() {
    let partition: Partition = "5s,20s".parse().unwrap();
    assert_eq!(partition.check(Duration::from_secs(25)), Ok(()));
    let why = partition.check(Duration::from_secs(24)).unwrap_err();
    assert!(
        why.starts_with("--partition 5s,20s heals 25s after the load begins, which ends after 24s: "),
        "{why}"
    );
}

#[test]
fn halves_are_halves_and_follow_from_the_seed() {
    let halves = Halves::draw(51, Seed(1));
    assert_eq!(halves.sizes(), [25, 26]);
    assert_eq!(halves, Halves::draw(51, Seed(1)));
    assert_ne!(halves, Halves::draw(51, Seed(2)));
    let apart = (1..51).filter(|&node| halves.part(0, node)).count();
    assert!([25, 26].contains(&apart), "{apart}");
    assert!((0..51).all(|node| halves.part(node, 0) == halves.part(0, node) && !halves.part(node, node)));
    assert!(!halves.part(0, 51));
}

#[test]
fn workers_read_what_the_launcher_writes() {
    let outage = Outage { from_ns: 1_000_000_007, to_ns: u64::MAX };
    assert_eq!(outage.to_string().parse(), Ok(outage));
    for text in ["", "partition", "partition 1", "partition 1 x", "outage 1 2", "partition 1 2 3"] {
        assert!(text.parse::<Outage>().is_err(), "{text}");
    }
}
