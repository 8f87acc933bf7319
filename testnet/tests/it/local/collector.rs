//! The collector, on handwritten traces. Times are in milliseconds here.

use node::observe::trace::{Kind, Record, What};
use protocol::items::hash::ShortId;
use testnet::local::collect::{NodeTrace, Observed, Submission, Window, measure};
use testnet::report::schema::Percentiles;

pub(crate) const TX: Kind = Kind::Transaction;
pub(crate) const BLOCK: Kind = Kind::Block;
const MS: u64 = 1_000_000;

pub(crate) fn id(number: u8) -> ShortId {
    ShortId([number; 8])
}

pub(crate) fn at(ms: u64, what: What) -> Record {
    Record { at_ns: ms * MS, what }
}

pub(crate) fn submitted(ms: u64, kind: Kind, item: u8) -> Record {
    at(ms, What::Submitted { kind, item: id(item), bytes: 100 })
}

pub(crate) fn accepted(ms: u64, kind: Kind, item: u8, from: Option<u32>) -> Record {
    at(ms, What::Accepted { kind, item: id(item), bytes: 100, from, within: false })
}

fn body(ms: u64, kind: Kind, item: u8, from: u32, duplicate: bool) -> Record {
    at(ms, What::Body { kind, item: id(item), bytes: 100, from, duplicate, cause: None })
}

fn peer_up(peer: u32, node: usize) -> Record {
    at(0, What::PeerUp { peer, peer_id: format!("peer {node}"), outbound: true })
}

/// A network whose load lasts from 1 s to 2 s and whose nodes all survive.
pub(crate) fn observed(traces: Vec<Vec<Record>>) -> Observed {
    let node = |(number, records)| NodeTrace { peer_id: format!("peer {number}"), records, survived: true };
    Observed {
        nodes: traces.into_iter().enumerate().map(node).collect(),
        window: Window { idle_from: 0, load_from: 1_000 * MS, load_to: 2_000 * MS, drain_to: 3_000 * MS },
        ..Observed::default()
    }
}

fn acknowledged(kind: Kind, item: u8, node: usize) -> Submission {
    Submission { kind, item: id(item), bytes: 100, node, acknowledged: true, warm: false }
}

#[test]
fn latency_counts_from_the_submission_at_the_origin_to_each_other_node() {
    let seen = Observed {
        offered_transactions: 1,
        ..observed(vec![
            vec![submitted(1_000, TX, 1), accepted(1_002, TX, 1, None)],
            vec![peer_up(5, 0), accepted(1_010, TX, 1, Some(5))],
            vec![peer_up(9, 1), accepted(1_025, TX, 1, Some(9))],
        ])
    };
    let measured = measure(&seen);
    let tx = &measured.tx;
    assert_eq!((tx.offered, tx.originated, tx.expected, tx.delivered), (1, 1, 2, 2));
    assert_eq!(tx.coverage, Some(1.0));
    assert_eq!((tx.latency_ms.p50, tx.latency_ms.max), (Some(10.0), Some(25.0)));
    assert_eq!((tx.to_all_ms.p50, tx.to_all_ms.max), (Some(25.0), Some(25.0)));
    let rows: Vec<_> =
        measured.deliveries.iter().map(|row| (row.origin, row.node, row.from, row.latency_ms)).collect();
    assert_eq!(rows, [(0, 1, Some(0), Some(10.0)), (0, 2, Some(1), Some(25.0))]);
}

#[test]
fn an_item_that_misses_a_node_lowers_coverage_and_has_no_time_to_all() {
    let seen = observed(vec![
        vec![submitted(1_000, TX, 1), accepted(1_000, TX, 1, None)],
        vec![accepted(1_010, TX, 1, Some(0))],
        vec![],
        vec![],
        vec![],
    ]);
    let tx = measure(&seen).tx;
    assert_eq!((tx.expected, tx.delivered, tx.coverage), (4, 1, Some(0.25)));
    assert_eq!(tx.to_all_ms, Percentiles::default());
}

#[test]
fn first_sight_inside_a_block_is_a_delivery() {
    let within = What::Accepted { kind: TX, item: id(1), bytes: 100, from: Some(0), within: true };
    let seen = observed(vec![
        vec![submitted(1_000, TX, 1), accepted(1_000, TX, 1, None)],
        vec![at(1_500, within), accepted(1_600, TX, 1, Some(0))],
    ]);
    let measured = measure(&seen);
    assert_eq!((measured.tx.delivered, measured.tx.latency_ms.max), (1, Some(500.0)));
    assert!(measured.deliveries[0].within_block);
}

#[test]
fn transactions_that_only_a_block_brought_to_its_maker_are_not_counted() {
    let within = |from| What::Accepted { kind: TX, item: id(1), bytes: 100, from, within: true };
    let measured = measure(&observed(vec![vec![at(1_100, within(None))], vec![at(1_110, within(Some(0)))]]));
    assert_eq!((measured.tx.originated, measured.deliveries.len()), (0, 0));
}

#[test]
fn refused_items_do_not_originate() {
    let seen = Observed { offered_transactions: 1, ..observed(vec![vec![submitted(1_000, TX, 1)], vec![]]) };
    let measured = measure(&seen);
    assert_eq!((measured.tx.originated, measured.tx.coverage), (0, None));
    assert!(measured.starved, "none of the one offered item originated");
}

#[test]
fn only_blocks_of_the_load_count() {
    let origin = [(1, 900), (2, 1_000), (3, 2_000), (4, 2_001)];
    let records =
        origin.iter().flat_map(|&(item, ms)| [submitted(ms, BLOCK, item), accepted(ms, BLOCK, item, None)]);
    let other = origin.iter().map(|&(item, ms)| accepted(ms + 50, BLOCK, item, Some(0)));
    let seen = Observed { offered_blocks: 1, ..observed(vec![records.collect(), other.collect()]) };
    let measured = measure(&seen);
    assert_eq!((measured.block.offered, measured.block.originated, measured.block.delivered), (2, 2, 2));
    assert_eq!(measured.block.latency_ms.max, Some(50.0));
    assert_eq!(measured.tx.offered, 0);
}

#[test]
fn a_block_without_a_submission_counts_from_its_makers_acceptance() {
    let seen = observed(vec![vec![accepted(1_500, BLOCK, 1, None)], vec![accepted(1_530, BLOCK, 1, Some(0))]]);
    assert_eq!(measure(&seen).block.latency_ms.p50, Some(30.0));
}

#[test]
fn the_first_three_blocks_are_not_warm() {
    let times = [1_100, 1_200, 1_300, 1_400].into_iter().zip(1_u8..);
    let origin = times.clone().map(|(ms, item)| accepted(ms, BLOCK, item, None)).collect();
    let other = times.map(|(ms, item)| accepted(ms + u64::from(item), BLOCK, item, Some(0))).collect();
    let block = measure(&observed(vec![origin, other])).block;
    assert_eq!((block.latency_ms.p50, block.warm.latency_ms.p50), (Some(2.0), Some(4.0)));
}

#[test]
fn warm_transactions_are_those_the_workload_says() {
    let origin = vec![
        submitted(1_000, TX, 1),
        accepted(1_000, TX, 1, None),
        submitted(1_000, TX, 2),
        accepted(1_000, TX, 2, None),
    ];
    let other = vec![accepted(1_007, TX, 1, Some(0)), accepted(1_003, TX, 2, Some(0))];
    let warm = Submission { warm: true, ..acknowledged(TX, 2, 0) };
    let seen = Observed { submissions: vec![acknowledged(TX, 1, 0), warm], ..observed(vec![origin, other]) };
    assert_eq!(measure(&seen).tx.warm.latency_ms.max, Some(3.0));
}

#[test]
fn killed_nodes_are_not_expected_to_have_anything() {
    let mut seen = observed(vec![
        vec![submitted(1_000, TX, 1), accepted(1_000, TX, 1, None)],
        vec![accepted(1_010, TX, 1, Some(0))],
        vec![accepted(1_020, TX, 1, Some(0))],
    ]);
    seen.nodes[2].survived = false;
    let measured = measure(&seen);
    assert_eq!((measured.tx.expected, measured.tx.delivered), (1, 1));
    assert_eq!(measured.deliveries.len(), 1);
}

#[test]
fn an_item_of_a_killed_origin_counts_if_a_survivor_has_it() {
    let mut seen = observed(vec![
        vec![
            submitted(1_000, TX, 1),
            accepted(1_000, TX, 1, None),
            submitted(1_001, TX, 2),
            accepted(1_001, TX, 2, None),
        ],
        vec![accepted(1_010, TX, 1, Some(0))],
        vec![],
    ]);
    seen.nodes[0].survived = false;
    // Item 1 reached one of two survivors; item 2 died with its origin.
    let tx = measure(&seen).tx;
    assert_eq!((tx.originated, tx.expected, tx.delivered, tx.coverage), (2, 2, 1, Some(0.5)));
}

#[test]
fn what_a_killed_origin_acknowledged_but_did_not_write_counts_without_a_latency() {
    let mut seen = observed(vec![vec![], vec![accepted(1_010, TX, 1, Some(0))]]);
    seen.nodes[0].survived = false;
    seen.submissions = vec![acknowledged(TX, 1, 0)];
    seen.offered_transactions = 1;
    let measured = measure(&seen);
    assert_eq!((measured.tx.originated, measured.tx.delivered, measured.tx.coverage), (1, 1, Some(1.0)));
    assert_eq!(measured.tx.latency_ms, Percentiles::default());
    assert_eq!(measured.deliveries[0].latency_ms, None);
}

#[test]
fn a_submission_that_the_survivor_refused_is_lost() {
    let mut seen = observed(vec![vec![], vec![]]);
    seen.submissions = vec![acknowledged(TX, 1, 0)];
    // It acknowledged the item and has no record of it. That is a visible loss, and the item must not be left out.
    let tx = measure(&seen).tx;
    assert_eq!((tx.originated, tx.expected, tx.delivered), (1, 1, 0));
}

#[test]
fn redundancy_is_bodies_for_each_useful_one_minus_one() {
    let seen = observed(vec![
        vec![submitted(1_000, TX, 1), accepted(1_000, TX, 1, None), body(1_020, TX, 1, 1, true)],
        vec![
            body(1_005, TX, 1, 0, false),
            accepted(1_006, TX, 1, Some(0)),
            // A body of an item that is not counted.
            body(1_006, TX, 9, 0, true),
        ],
        vec![body(1_007, TX, 1, 0, false), body(1_008, TX, 1, 1, true), body(1_009, TX, 1, 3, true)],
    ]);
    // Five bodies, two of them useful.
    let measured = measure(&seen);
    assert_eq!(measured.tx.redundancy, Some(1.5));
    assert_eq!(measured.block.redundancy, None);
}

#[test]
fn sends_back_to_where_an_item_came_from_are_echoes() {
    let announced = |ms, item, from| at(ms, What::Announced { kind: TX, item: id(item), from });
    let sent_inv = |ms, item, to| at(ms, What::SentInv { kind: TX, item: id(item), to });
    let sent_body = |ms, item, to| at(ms, What::SentBody { kind: TX, item: id(item), to });
    let clean = vec![
        sent_inv(1, 1, 7),
        announced(2, 1, 7), // they crossed
        body(3, TX, 1, 8, false),
        sent_inv(4, 1, 9),
        sent_body(5, 1, 9),
        sent_body(6, 2, 7),
        at(7, What::SentInv { kind: BLOCK, item: id(1), to: 7 }),
    ];
    assert_eq!(measure(&observed(vec![clean.clone()])).echoes, 0);
    let mut guilty = clean;
    guilty.extend([sent_body(8, 1, 7), sent_inv(9, 1, 8)]);
    assert_eq!(measure(&observed(vec![guilty, vec![]])).echoes, 2);
}

#[test]
fn an_item_submitted_twice_belongs_to_the_first() {
    let seen = observed(vec![
        vec![submitted(1_005, TX, 1), accepted(1_005, TX, 1, None)],
        vec![submitted(1_001, TX, 1), accepted(1_001, TX, 1, None)],
        vec![accepted(1_011, TX, 1, Some(0))],
    ]);
    let measured = measure(&seen);
    assert_eq!((measured.tx.originated, measured.tx.expected, measured.tx.delivered), (1, 2, 2));
    assert_eq!(measured.tx.latency_ms.max, Some(10.0));
}

#[test]
fn nothing_submitted_gives_no_figures() {
    let measured = measure(&observed(vec![vec![], vec![]]));
    assert_eq!((measured.tx.coverage, measured.tx.redundancy, measured.starved), (None, None, false));
}
