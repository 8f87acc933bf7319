//! The most memory that a node can take: the table of all bounds, and the command that prints it.

use std::collections::BTreeSet;

use node::cli::BoundsArgs;
use node::cli::client::bounds::{Row, scaled_sum, sum, table};
use node::cli::client::text::WIDTH_DEFAULT;
use node::config::memory::Memory;
use node::run::bounds::rows;

use crate::support::program::said;

const MIB: usize = 1024 * 1024;

fn of(max_peers_in: u16, max_peers_out: u16) -> Vec<Row> {
    with(Memory::default(), Some(max_peers_in), max_peers_out)
}

fn with(memory: Memory, max_peers_in: Option<u16>, max_peers_out: u16) -> Vec<Row> {
    rows(&BoundsArgs { max_peers_in, max_peers_out, memory, json: false })
}

/// If this changes, say in the commit why a node may take more or less than before.
#[test]
fn the_bounds_of_a_node_come_to_what_they_came_to_before() {
    assert_eq!((sum(&of(0, 0)) / MIB, sum(&of(64, 10)) / MIB), (3_368, 6_172));
}

#[test]
fn each_further_peer_takes_as_much_as_the_one_before() {
    let [few, more, most] = [0, 10, 20].map(|peers| sum(&of(peers, 10)));
    assert_eq!(most - more, more - few);
    assert!((most - more) / 10 < 64 * MIB);
}

#[test]
fn every_row_is_named_once_and_none_is_a_part_of_another() {
    let rows = of(64, 10);
    let names: BTreeSet<&str> = rows.iter().map(|row| row.what).collect();
    assert_eq!(names.len(), rows.len());
    assert!(rows.iter().all(|row| row.times > 0));
}

#[test]
fn the_table_fits_80_columns_and_ends_with_the_sum() {
    let text = table(&of(1_024, 1_024), WIDTH_DEFAULT);
    let widest = text.lines().map(|line| line.chars().count()).max();
    assert!(widest <= Some(WIDTH_DEFAULT), "{text}");
    assert!(text.lines().last().is_some_and(|line| line.starts_with("sum ") && line.ends_with(" GiB")), "{text}");
    assert!(!text.contains("MEMPOOL_BYTES_MAX"), "{text}");
    assert!(table(&of(64, 10), 200).contains("MEMPOOL_BYTES_MAX"));
}

#[test]
fn the_command_prints_the_largest_first_and_json_has_the_same_sum() {
    let json: serde_json::Value = serde_json::from_str(&said(&["bounds", "--json"])).expect("JSON");
    assert_eq!(json["bytes"], sum(&of(64, 10)));
    assert_eq!(json["scaled_bytes"], scaled_sum(&of(64, 10)));
    let bytes: Vec<u64> =
        json["bounds"].as_array().expect("rows").iter().map(|row| row["bytes"].as_u64().expect("bytes")).collect();
    assert!(bytes.is_sorted_by(|one, next| one >= next));
    let fewer = said(&["bounds", "--json", "--max-peers-in", "1"]);
    let fewer: serde_json::Value = serde_json::from_str(&fewer).expect("JSON");
    assert_eq!(fewer["bytes"], sum(&of(1, 10)));
    let least = said(&["bounds", "--json", "--memory", "64MiB"]);
    let least: serde_json::Value = serde_json::from_str(&least).expect("JSON");
    assert_eq!(least["bytes"], sum(&with(Memory::Mib64, Some(24), 10)));
    assert!(said(&["bounds"]).trim_end().lines().last().is_some_and(|line| line.starts_with("sum ")));
}
