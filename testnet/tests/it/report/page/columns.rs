//! The deliveries in the page, against numbers worked out by hand.

use serde_json::json;
use testnet::report::deliveries::Delivery;
use testnet::report::schema::{Propagation, Report};

use super::blocks::{block, delivery, page};
use crate::report::schema::report;

fn small() -> Report {
    let tx = Propagation { offered: 3, originated: 3, expected: 6, delivered: 5, ..Propagation::default() };
    Report { nodes: 3, tx, ..report() }
}

/// Node 1 brings each of three items to node 2, but the third without a time.
fn deliveries() -> Vec<Delivery> {
    let mut rows = Vec::new();
    for (item, first, second) in [(1, 10.0, 12.5), (2, 11.0, 15.0)] {
        rows.extend([delivery(item, 1, first), delivery(item, 2, second)]);
    }
    rows.push(Delivery { latency_ms: None, from: None, ..delivery(3, 2, 0.0) });
    rows
}

#[test]
fn a_delivery_is_a_number_of_microseconds_and_a_missing_one_is_null() {
    let extract = block(&page(&small(), &deliveries()), "extract");
    let heat = &extract["heat"];
    assert_eq!(heat["nodes"], json!([0, 1, 2]));
    assert_eq!(heat["latency_us"], json!([[null, 10_000, 12_500], [null, 11_000, 15_000], [null, null, -1]]));
    assert_eq!(heat["from"], json!([[null, 0, 1], [null, 0, 1], [null, null, null]]));
    assert_eq!(heat["floor_us"], json!(null));
    assert_eq!(heat["items"][1], json!({"kind": "transaction", "id": "0000000000000002", "origin": 0}));
    assert_eq!(
        extract["curves"][0]["measured"],
        json!([[10.0, 0.16667], [11.0, 0.33333], [12.5, 0.5], [15.0, 0.66667]])
    );
}

#[test]
fn the_slowest_node_is_first_and_a_missing_delivery_is_counted() {
    let extract = block(&page(&small(), &deliveries()), "extract");
    assert_eq!(
        extract["slow_nodes"],
        json!([
            {"node": 2, "delivered": 3, "missing": 0, "p50_ms": 12.5, "p95_ms": 15.0, "max_ms": 15.0},
            {"node": 1, "delivered": 2, "missing": 1, "p50_ms": 10.0, "p95_ms": 11.0, "max_ms": 11.0},
        ])
    );
}

#[test]
fn a_link_is_judged_by_the_time_between_both_ends_and_not_by_fewer_than_three_items() {
    let mut rows = deliveries();
    assert_eq!(block(&page(&small(), &rows), "extract")["slow_links"], json!([]));
    rows.extend([delivery(4, 1, 20.0), delivery(4, 2, 21.0)]);
    // It came inside a block, which says nothing about the link.
    rows.extend([delivery(5, 1, 20.0), Delivery { within_block: true, ..delivery(5, 2, 99.0) }]);
    assert_eq!(
        block(&page(&small(), &rows), "extract")["slow_links"],
        json!([
            {"from": 0, "node": 1, "items": 4, "p50_ms": 11.0, "max_ms": 20.0},
            {"from": 1, "node": 2, "items": 3, "p50_ms": 2.5, "max_ms": 4.0},
        ])
    );
}
