//! Figures of a simulation from its ledger, against numbers worked out by hand.

use protocol::gossip::ItemId;
use protocol::gossip::Rumor;
use protocol::items::hash::TxId;
use protocol::time::{Duration, Time};
use testnet::random::Seed;
use testnet::report::schema::{Rounds, Stretch};
use testnet::sim::measure::measure;
use testnet::sim::measure::rounds::rounds;
use testnet::sim::simulation::Finished;
use testnet::sim::simulation::host::Host;
use testnet::sim::simulation::ledger::Ledger;
use testnet::topology::Graph;
use testnet::topology::floor::Floor;
use testnet::wan::{Bandwidth, Delays};

fn item(number: u8) -> ItemId {
    ItemId::Transaction(TxId([number; 32]))
}

fn at(millis: u64) -> Time {
    Time::ZERO + Duration::from_millis(millis)
}

/// Two items on 4 nodes: the first reaches all of them, the second one other.
pub(crate) fn finished() -> Finished {
    let mut ledger = Ledger::new(4);
    ledger.offered(node::observe::trace::Kind::Transaction);
    ledger.offered(node::observe::trace::Kind::Transaction);
    ledger.submitted(item(1), 100, 0, at(3_500), true);
    ledger.submitted(item(2), 100, 0, at(4_000), false);
    ledger.accepted(&item(1), 0, None, false, at(3_500));
    ledger.accepted(&item(2), 0, None, false, at(4_000));
    for (number, node, millis) in [(1, 1, 4_010), (1, 2, 4_200), (1, 3, 6_100), (2, 1, 5_050)] {
        ledger.accepted(&item(number), node, Some(0), false, at(millis));
    }
    // A repeated arrival changes nothing.
    ledger.accepted(&item(2), 1, Some(2), false, at(9_000));
    for duplicate in [false, false, false, false, true, true] {
        ledger.body(&item(1), duplicate);
    }
    let mut hosts: Vec<Host> = (0..4).map(|_| Host::new()).collect();
    hosts[1].wire_before = 1_000;
    hosts[1].wire_in = 1_800;
    Finished {
        records: None,
        ledger,
        hosts,
        checkers: Vec::new(),
        trace_hash: String::new(),
        events: 0,
        inputs: 0,
        messages: (0, 0),
        left: 0,
        members: None,
        load_from: at(3_000),
        partition: None,
        tips: Vec::new(),
        ended_at: at(10_000),
    }
}

#[test]
fn a_round_is_a_tick_between_submission_and_arrival() {
    // Ticks are at whole seconds. The first item enters in the middle between two ticks, the second one on a tick.
    let rumored = rounds(&finished(), &Rumor { fanout: 1, ..Rumor::default() });
    let found: Vec<[f64; 3]> =
        rumored.rounds.iter().map(|round| [round.informed, round.least, round.most]).collect();
    assert_eq!(found, [[0.25, 0.25, 0.25], [0.625, 0.5, 0.75], [0.625, 0.5, 0.75], [0.75, 0.5, 1.0]]);
    let all_in = |round| Rounds { p50: Some(round), p95: Some(round), max: Some(round) };
    assert_eq!(rumored.rounds_to_half, all_in(1.0));
    assert_eq!((rumored.rounds_to_99, rumored.rounds_to_all), (all_in(3.0), all_in(3.0)));
    // 6 bodies and 6 of 8 holders, for 2 items on 4 nodes.
    assert_eq!((rumored.messages_per_node, rumored.residue), (Some(0.75), Some(0.25)));
    // log2 4 + ln 4.
    assert_eq!(rumored.rounds_to_all_model, Some(3.386));
}

#[test]
fn nodes_that_were_down_count_neither_as_informed_nor_as_missing() {
    let mut finished = finished();
    finished.hosts[3].was_down = true;
    let rumored = rounds(&finished, &Rumor::default());
    assert_eq!(rumored.rounds_to_all.p50, Some(1.0));
    assert_eq!(rumored.residue, Some(rounded(1.0 / 6.0)));
}

fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

#[test]
fn latency_stretch_and_bytes_follow_from_arrivals_and_the_floor() {
    let delays = Delays::new(&"uniform:300ms".parse().unwrap(), 4, Seed(1)).unwrap();
    let floor = Floor::new(&Graph::complete(4).unwrap(), &delays, Bandwidth::UNLIMITED);
    let mut rows = Vec::new();
    let measured = measure(&finished(), &floor, &mut |one| rows.push(one.clone()));
    let tx = &measured.tx;
    assert_eq!((tx.offered, tx.originated, tx.expected, tx.delivered), (2, 2, 6, 4));
    // Latencies of 510, 700 and 2,600 ms, and of 1,050 ms; all over 300 ms.
    assert_eq!((tx.latency_ms.p50, tx.latency_ms.max), (Some(700.0), Some(2_600.0)));
    assert_eq!(tx.stretch, Stretch { p50: Some(2.333), p95: Some(8.667), p99: Some(8.667) });
    assert_eq!(tx.warm.latency_ms.p50, Some(700.0));
    assert_eq!(tx.to_all_ms.max, Some(2_600.0));
    assert_eq!(tx.redundancy, Some(0.5));
    assert_eq!(measured.cost.wire_bytes_per_delivery, Some(200.0));
    assert_eq!(measured.cost.wire_ratio, Some(2.0));
    let found: Vec<(usize, Option<f64>, Option<f64>)> =
        rows.iter().map(|row| (row.node, row.latency_ms, row.floor_ms)).collect();
    let wanted = [(1, 510.0), (2, 700.0), (3, 2_600.0), (1, 1_050.0)];
    assert_eq!(found, wanted.map(|(node, latency)| (node, Some(latency), Some(300.0))));
    assert_eq!(measured.spreads.tx.values_ms.len(), 4);
    assert_eq!(measured.spreads.tx.floors_ms.max(), Some(300.0));
}
