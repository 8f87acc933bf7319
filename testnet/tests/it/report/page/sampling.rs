//! A page is bounded, however large its run is.

use testnet::report::deliveries::Delivery;
use testnet::report::page::{SHOWN_ITEMS_MAX, SHOWN_NODES_MAX, TREE_CELLS_MAX, TREE_NODES_MAX, evenly};
use testnet::report::schema::Report;

use super::blocks::{block, delivery, page};
use crate::report::schema::report;

/// Every item at every node but its origin, with its own latency of up to 100 s, and with a floor.
fn run(nodes: usize, items: usize) -> (Report, Vec<Delivery>) {
    let each = |item: usize| (1..nodes).map(move |node| (item, node));
    let rows = (0..items).flat_map(each).map(|(item, node)| {
        let ms = 10_000.0 + (item * nodes + node) as f64;
        Delivery { floor_ms: Some(ms - 0.5), ..delivery(item as u64, node, ms) }
    });
    (Report { nodes, ..report() }, rows.collect())
}

fn lengths(nodes: usize, items: usize) -> (usize, usize, Option<(usize, usize)>) {
    let (report, rows) = run(nodes, items);
    let extract = block(&page(&report, &rows), "extract");
    assert_eq!(
        (extract["nodes_all"].as_u64(), extract["items_all"].as_u64()),
        (Some(nodes as u64), Some(items as u64))
    );
    let length = |grid: &str, what: &str| extract[grid][what].as_array().map(Vec::len);
    let trees = length("trees", "nodes").zip(length("trees", "items"));
    (length("heat", "nodes").unwrap(), length("heat", "items").unwrap(), trees)
}

#[test]
fn what_is_taken_evenly_begins_with_the_first_and_rises() {
    assert_eq!(evenly(4, 4).collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert_eq!(evenly(5, 4).collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert_eq!(evenly(10, 4).collect::<Vec<_>>(), [0, 2, 5, 7]);
    assert_eq!(evenly(usize::MAX, 2).collect::<Vec<_>>(), [0, usize::MAX / 2]);
    assert_eq!(evenly(0, 4).count() + evenly(4, 0).count(), 0);
}

#[test]
fn a_run_at_the_limit_is_shown_whole_in_less_than_two_mebibytes() {
    assert_eq!(lengths(SHOWN_NODES_MAX, SHOWN_ITEMS_MAX), (SHOWN_NODES_MAX, SHOWN_ITEMS_MAX, None));
    let (report, rows) = run(SHOWN_NODES_MAX, SHOWN_ITEMS_MAX);
    let page = page(&report, &rows);
    assert!(page.len() < 2 << 20, "{} bytes", page.len());
}

#[test]
fn past_the_limit_the_map_is_a_sample_and_the_trees_keep_all_nodes() {
    let nodes = SHOWN_NODES_MAX + 1;
    assert_eq!(
        lengths(nodes, SHOWN_ITEMS_MAX + 1),
        (SHOWN_NODES_MAX, SHOWN_ITEMS_MAX, Some((nodes, TREE_CELLS_MAX / nodes)))
    );
}

#[test]
fn trees_end_where_a_person_cannot_read_them() {
    let most = TREE_CELLS_MAX / TREE_NODES_MAX;
    assert_eq!(lengths(TREE_NODES_MAX, 30), (SHOWN_NODES_MAX, 30, Some((TREE_NODES_MAX, most))));
    assert_eq!(lengths(TREE_NODES_MAX + 1, 2), (SHOWN_NODES_MAX, 2, None));
}

#[test]
fn more_nodes_than_any_machine_has_leave_a_page_without_deliveries() {
    let report = Report { nodes: usize::MAX, ..report() };
    let extract = block(&page(&report, &[delivery(1, 1, 1.0)]), "extract");
    assert_eq!(extract["heat"]["items"].as_array().map(Vec::len), Some(0));
}
