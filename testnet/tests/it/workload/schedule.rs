//! The workload: its schedule, its authors and its kills follow from the seed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use protocol::items::keys::PublicKey;
use protocol::items::network::NetworkId;
use testnet::random::Seed;
use testnet::workload::{Entry, Length, Load, Skew, Workload};

const NODES: usize = 20;

fn load(count: u64) -> Load {
    Load { tx_rate: 50.0, length: Length::Transactions(count), ..Load::default() }
}

fn entries(load: &Load, seed: u64) -> Vec<Entry> {
    let network: NetworkId = "testnet-1".parse().unwrap();
    let mut workload = Workload::new(load, NODES, &network, Seed(seed)).unwrap();
    std::iter::from_fn(|| workload.next_entry().unwrap()).collect()
}

fn by_author(entries: &[Entry]) -> BTreeMap<PublicKey, Vec<&Entry>> {
    let mut authors: BTreeMap<PublicKey, Vec<&Entry>> = BTreeMap::new();
    for entry in entries {
        authors.entry(entry.transaction.author()).or_default().push(entry);
    }
    authors
}

#[test]
fn the_seed_decides_every_byte() {
    assert_eq!(entries(&load(30), 1), entries(&load(30), 1));
    assert_ne!(entries(&load(30), 1), entries(&load(30), 2));
}

#[test]
fn times_lie_on_an_absolute_schedule() {
    let times: Vec<Duration> = entries(&load(4), 1).iter().map(|entry| entry.due).collect();
    assert_eq!(times, [0, 20, 40, 60].map(Duration::from_millis));
    let timed = |seconds| Load { length: Length::Duration(Duration::from_secs_f64(seconds)), ..load(0) };
    // 50 a second: the transaction that is due at the very end is left out.
    assert_eq!([1.0, 1.001, 0.001].map(|seconds| timed(seconds).transactions()), [50, 51, 1]);
    assert_eq!(load(50).duration(), Duration::from_secs(1));
}

#[test]
fn authors_have_homes() {
    let entries = entries(&load(400), 1);
    let authors = by_author(&entries);
    assert_eq!(authors.len(), 10);
    for items in authors.values() {
        assert!(items.iter().all(|entry| entry.node == items[0].node));
        let warm: Vec<bool> = items.iter().map(|entry| entry.warm).take(4).collect();
        assert_eq!(warm, [false, false, false, true]);
    }
}

#[test]
fn strays_enter_elsewhere_and_are_not_warm() {
    let home = entries(&load(400), 1)[0].node;
    let strayed = entries(&Load { stray: 1.0, authors: 1, ..load(400) }, 1);
    let homes = entries(&Load { authors: 1, ..load(1) }, 1);
    assert_eq!(homes[0].node, Seed(1).draws("homes").below(NODES));
    assert!(strayed.iter().all(|entry| entry.node != homes[0].node && !entry.warm), "home {home}");
    let some = entries(&Load { stray: 0.2, authors: 1, ..load(1_000) }, 1);
    let away = some.iter().filter(|entry| entry.node != homes[0].node).count();
    assert!((150..250).contains(&away), "{away} of 1000 strayed");
}

#[test]
fn one_time_authors_write_once() {
    let all = entries(&Load { one_time_authors: 1.0, ..load(100) }, 1);
    assert_eq!(by_author(&all).len(), 100);
    assert!(all.iter().all(|entry| !entry.warm));
}

#[test]
fn zipf_shares_are_those_of_the_law() {
    // 1 + 1/2 + 1/3 + 1/4 = 25/12.
    let shares = Skew::Zipf(1.0).shares(4);
    for (share, expected) in shares.iter().zip([12.0 / 25.0, 18.0 / 25.0, 22.0 / 25.0, 1.0]) {
        assert!((share - expected).abs() < 1e-12, "{shares:?}");
    }
    assert_eq!(Skew::None.shares(4), [0.25, 0.5, 0.75, 1.0]);
    let skewed = Load { skew: Skew::Zipf(1.0), authors: 4, ..load(2_500) };
    let mut counts: Vec<usize> = by_author(&entries(&skewed, 1)).values().map(Vec::len).collect();
    counts.sort_unstable_by(|a, b| b.cmp(a));
    for (count, expected) in counts.iter().zip([1_200_usize, 600, 400, 300]) {
        assert!(count.abs_diff(expected) < 120, "{counts:?}");
    }
    assert_eq!(entries(&skewed, 1), entries(&skewed, 1));
}

#[test]
fn kills_spare_the_producer_and_lie_within_the_load() {
    let load = Load { kill: 19, ..load(500) };
    let kills = load.kills(NODES, &[3], Seed(1));
    assert_eq!(kills.len(), 19);
    assert!(kills.iter().all(|(at, node)| *at < load.duration() && *node != 3));
    assert!(kills.is_sorted());
    assert_eq!(kills, load.kills(NODES, &[3], Seed(1)));
    assert_ne!(kills, load.kills(NODES, &[3], Seed(2)));
}

#[test]
fn kills_at_one_moment_are_of_the_same_nodes() {
    let at = Duration::from_secs(4);
    let load = Load { kill: 19, ..load(500) };
    let kills = Load { kill_at: Some(at), ..load.clone() }.kills(NODES, &[3], Seed(1));
    assert!(kills.iter().all(|(due, _)| *due == at));
    let nodes =
        |kills: Vec<(Duration, usize)>| kills.into_iter().map(|(_, node)| node).collect::<BTreeSet<usize>>();
    assert_eq!(nodes(kills), nodes(load.kills(NODES, &[3], Seed(1))));
}

#[test]
fn blocks_come_once_an_interval_up_to_the_end() {
    let load = Load { block_interval: Some(Duration::from_secs(3)), ..load(500) };
    let due: Vec<Duration> = (0..).map_while(|index| load.block_due(index)).collect();
    assert_eq!(due, [3, 6, 9].map(Duration::from_secs));
    assert_eq!(load.blocks(), 3);
}

#[test]
fn skews_read_and_print_alike() {
    for text in ["none", "zipf:1.5"] {
        assert_eq!(text.parse::<Skew>().unwrap().to_string(), text);
    }
    for text in ["zipf", "zipf:", "zipf:-1", "zipf:NaN", "pareto:1"] {
        assert!(text.parse::<Skew>().is_err(), "{text}");
    }
}
