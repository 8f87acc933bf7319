//! Bursts, roaming authors and several producers: when, where and how many.

use std::collections::BTreeSet;
use std::time::Duration;

use protocol::items::network::NetworkId;
use testnet::random::Seed;
use testnet::random::keys::{node_key, node_seed};
use testnet::workload::{Burst, Entry, Length, Load, Workload};

const NODES: usize = 20;

/// 2 transactions a second, and 3 more every second and a half.
fn bursts(length: Length) -> Load {
    let burst = Burst { every: Duration::from_millis(1_500), size: 3 };
    Load { tx_rate: 2.0, burst: Some(burst), length, ..Load::default() }
}

fn entries(load: &Load) -> Vec<Entry> {
    let network: NetworkId = "testnet-1".parse().unwrap();
    let mut workload = Workload::new(load, NODES, &network, Seed(1)).unwrap();
    std::iter::from_fn(|| workload.next_entry().unwrap()).collect()
}

fn due_ms(load: &Load) -> Vec<u128> {
    entries(load).iter().map(|entry| entry.due.as_millis()).collect()
}

#[test]
fn bursts_come_on_top_of_the_rate_for_a_time() {
    let load = bursts(Length::Duration(Duration::from_secs(3)));
    // At 1.5 s the rate's own transaction comes first. The burst at the very end is left out, like the rate's
    // transaction there.
    assert_eq!(due_ms(&load), [0, 500, 1_000, 1_500, 1_500, 1_500, 1_500, 2_000, 2_500]);
    assert_eq!(load.transactions(), 9);
    let longer = bursts(Length::Duration(Duration::from_millis(3_001)));
    assert_eq!(due_ms(&longer).split_off(9), [3_000, 3_000, 3_000, 3_000]);
    assert_eq!(longer.transactions(), 13);
}

#[test]
fn bursts_take_their_place_among_a_number_of_transactions() {
    let load = |count| bursts(Length::Transactions(count));
    assert_eq!(due_ms(&load(6)), [0, 500, 1_000, 1_500, 1_500, 1_500]);
    assert_eq!(load(6).transactions(), 6);
    // The load ends when one more would be due.
    let all = due_ms(&load(40));
    assert_eq!(all.len(), 40);
    for count in 0..40_u32 {
        let end = load(u64::from(count)).duration().as_millis();
        assert_eq!(end, all[count as usize], "{count}");
    }
    // Far beyond the 584 years in which bursts are counted.
    assert!(load(u64::MAX).duration() >= Duration::from_nanos(u64::MAX));
}

#[test]
fn bursts_need_no_rate() {
    let load = Load { tx_rate: 0.0, ..bursts(Length::Transactions(5)) };
    assert_eq!(due_ms(&load), [1_500, 1_500, 1_500, 3_000, 3_000]);
    assert_eq!(load.duration(), Duration::from_secs(3));
    assert!(load.check().is_ok());
}

#[test]
fn the_number_and_the_times_agree_however_they_round() {
    for rate in [0.3, 1.0 / 3.0, 7.0, 19.99, 100.0] {
        for every in [100, 333, 1_000, 1_001] {
            let burst = Some(Burst { every: Duration::from_millis(every), size: 4 });
            let base = Load { tx_rate: rate, burst, tx_bytes: 128, ..Load::default() };
            let timed = Load { length: Length::Duration(Duration::from_millis(2_997)), ..base.clone() };
            let entries = entries(&timed);
            assert_eq!(entries.len() as u64, timed.transactions(), "{rate} {every}");
            assert!(entries.is_sorted_by_key(|entry| entry.due), "{rate} {every}");
            let last = entries.len() as u64 - 1;
            let counted = Load { length: Length::Transactions(last), ..base };
            assert_eq!(Some(counted.duration()), entries.last().map(|entry| entry.due), "{rate} {every}");
        }
    }
}

#[test]
fn a_burst_is_one_authors_at_its_home() {
    let load = Load { stray: 1.0, one_time_authors: 0.5, ..bursts(Length::Duration(Duration::from_secs(60))) };
    let entries = entries(&load);
    let steady = load.tx_rate * 60.0;
    assert_eq!(entries.len(), steady as usize + 39 * 3);
    let mut authors = BTreeSet::new();
    let mut draws = Seed(1).draws("homes");
    let homes: BTreeSet<usize> = (0..load.authors).map(|_| draws.below(NODES)).collect();
    for number in 1..=39 {
        let due = Duration::from_millis(1_500) * number;
        let at_once: Vec<&Entry> = entries.iter().filter(|entry| entry.due == due).collect();
        let burst = &at_once[at_once.len() - 3..];
        assert!(burst.iter().all(|entry| entry.transaction.author() == burst[0].transaction.author()));
        assert!(burst.iter().all(|entry| entry.node == burst[0].node && homes.contains(&entry.node)));
        authors.insert(burst[0].transaction.author());
    }
    assert!(authors.len() > 5, "{} of 10 authors had a burst", authors.len());
}

#[test]
fn bursts_move_no_other_draw() {
    let length = Length::Duration(Duration::from_secs(20));
    let load = Load { stray: 0.3, one_time_authors: 0.3, ..bursts(length) };
    let every = load.burst.unwrap().every;
    let drawn = |entry: &Entry| (entry.transaction.author(), entry.node, entry.transaction.payload().to_vec());
    let steady: Vec<_> = entries(&Load { burst: None, ..load.clone() }).iter().map(drawn).collect();
    // Of four at the time of a burst, the first is the rate's.
    let mut last = Duration::MAX;
    let first_at = |entry: &&Entry| {
        let own = !entry.due.as_nanos().is_multiple_of(every.as_nanos()) || entry.due != last;
        last = entry.due;
        own
    };
    let among: Vec<_> = entries(&load).iter().filter(first_at).map(drawn).collect();
    assert_eq!(among, steady);
}

#[test]
fn an_author_that_roams_is_cold_at_each_new_home() {
    let load = Load {
        tx_rate: 10.0,
        authors: 1,
        roaming: Some(Duration::from_secs(1)),
        length: Length::Duration(Duration::from_secs(4)),
        ..Load::default()
    };
    let entries = entries(&load);
    let homes: Vec<usize> = entries.chunks(10).map(|chunk| chunk[0].node).collect();
    assert_eq!(homes.len(), 4);
    assert!(homes.windows(2).all(|pair| pair[0] != pair[1]), "{homes:?}");
    for chunk in entries.chunks(10) {
        assert!(chunk.iter().all(|entry| entry.node == chunk[0].node));
        let warm: Vec<bool> = chunk.iter().map(|entry| entry.warm).take(4).collect();
        assert_eq!(warm, [false, false, false, true]);
    }
    let nonces: Vec<u64> = entries.iter().map(|entry| entry.transaction.nonce()).collect();
    assert!(nonces.windows(2).all(|pair| pair[1] == pair[0] + 1), "a move must not repeat a nonce: {nonces:?}");
}

#[test]
fn strays_do_not_warm_a_new_home() {
    let load = Load {
        tx_rate: 100.0,
        authors: 1,
        stray: 0.5,
        roaming: Some(Duration::from_secs(1)),
        length: Length::Duration(Duration::from_secs(3)),
        ..Load::default()
    };
    for chunk in entries(&load).chunks(100).skip(1) {
        let first_warm = chunk.iter().position(|entry| entry.warm).unwrap();
        let home = chunk[first_warm].node;
        let at_home = chunk[..first_warm].iter().filter(|entry| entry.node == home).count();
        assert_eq!(at_home, 3);
        assert!(chunk.iter().filter(|entry| entry.warm).all(|entry| entry.node == home));
    }
}

#[test]
fn moves_are_spread_over_the_time() {
    let load = Load {
        tx_rate: 1_000.0,
        authors: 4,
        roaming: Some(Duration::from_secs(2)),
        length: Length::Duration(Duration::from_millis(1_999)),
        tx_bytes: 128,
        ..Load::default()
    };
    // Within the first period, the first author has moved after a quarter, and so on. The last moves at its end.
    let entries = entries(&load);
    let authors: BTreeSet<_> = entries.iter().map(|entry| entry.transaction.author()).collect();
    let mut moves: Vec<u128> = authors
        .into_iter()
        .filter_map(|author| {
            let own: Vec<&Entry> = entries.iter().filter(|entry| entry.transaction.author() == author).collect();
            own.windows(2).find(|pair| pair[0].node != pair[1].node).map(|pair| pair[1].due.as_millis())
        })
        .collect();
    moves.sort_unstable();
    assert_eq!(moves.len(), 3);
    for (at, expected) in moves.iter().zip([500, 1_000, 1_500]) {
        assert!((expected..expected + 50).contains(at), "{moves:?}");
    }
}

#[test]
fn blocks_go_to_producers_by_a_draw_each() {
    let load = Load {
        producers: 3,
        block_interval: Some(Duration::from_secs(1)),
        length: Length::Duration(Duration::from_secs(300)),
        ..Load::default()
    };
    let blocks: Vec<(Duration, usize)> = (0..).map_while(|index| load.block_at(index, Seed(1))).collect();
    assert_eq!(blocks.len() as u64, load.blocks());
    assert_eq!(
        blocks.iter().map(|block| Some(block.0)).collect::<Vec<_>>(),
        (0..300).map(|i| load.block_due(i)).collect::<Vec<_>>()
    );
    let by = |producer| blocks.iter().filter(|block| block.1 == producer).count();
    assert_eq!(by(0) + by(1) + by(2), 300);
    assert!((0..3).all(|producer| (70..130).contains(&by(producer))), "{} {} {}", by(0), by(1), by(2));
    let one = Load { producers: 1, ..load.clone() };
    assert!((0..300).all(|index| one.block_at(index, Seed(1)).unwrap().1 == 0));
}

#[test]
fn producers_are_different_nodes_and_the_first_stays() {
    let load = |producers| Load { producers, block_interval: Some(Duration::from_secs(1)), ..Load::default() };
    let three = load(3).producer_nodes(NODES, Seed(1));
    assert_eq!(three.iter().collect::<BTreeSet<_>>().len(), 3);
    assert!(three.iter().all(|node| *node < NODES));
    for seed in (1..=20).map(Seed) {
        let (one, ten) = (load(1).producer_nodes(NODES, seed), load(10).producer_nodes(NODES, seed));
        assert_eq!(one, ten[..1]);
        assert_eq!(one, [seed.draws("producer").below(NODES)]);
    }
    assert_eq!(load(50).producer_nodes(NODES, Seed(1)).iter().collect::<BTreeSet<_>>().len(), NODES);
    assert!(Load::default().producer_nodes(NODES, Seed(1)).is_empty());
}

#[test]
fn node_keys_follow_from_seed_and_number() {
    let public = |seed, node| node_key(Seed(seed), node).public();
    assert_eq!(public(1, 0), public(1, 0));
    assert_eq!([(1, 1), (2, 0)].map(|(seed, node)| public(seed, node) == public(1, 0)), [false; 2]);
    assert_ne!(node_seed(Seed(1), 0), node_seed(Seed(1), 1));
}
