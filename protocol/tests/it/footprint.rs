//! What collections take in memory, and what all bounds of the engine come to.

use std::collections::BTreeSet;

use protocol::footprint::{block, list, lru, table, tree};
use protocol::gossip::RelayPolicy;
use protocol::gossip::bounds::{BOUNDS, Bound, Scope, sum};

use crate::harness::Mesh;

const MIB: usize = 1024 * 1024;

/// The gossip peers of a node with the usual slots: 64 that dialled it, 10 that it dialled, and an extra one.
const PEERS: usize = 75;

#[test]
fn a_block_of_the_heap_is_rounded_up_to_16_with_8_bytes_of_the_allocators_own() {
    assert_eq!([1, 24, 25, 40, 41].map(block), [32, 32, 48, 48, 64]);
}

#[test]
fn lists_and_tables_have_places_by_powers_of_two() {
    assert_eq!([1, 4, 5, 65_536, 65_537].map(|entries| list(entries, 1)), [1, 4, 8, 65_536, 131_072]);
    // Seven of eight places may be in use, and a place has a byte of its own.
    assert_eq!([7, 8, 14, 15].map(|entries| table(entries, 8)), [8 * 9, 16 * 9, 16 * 9, 32 * 9]);
    assert_eq!(lru(7, 48), block(64) + (8_usize * 17).div_ceil(7));
}

#[test]
fn an_entry_of_a_tree_pays_for_a_node_that_is_half_empty() {
    // 11 entries and 16 bytes of the node's own: a sixth of a leaf, and its part of the node above.
    assert_eq!((tree(8), tree(40)), (21, 80));
    assert!(tree(40) < 2 * 40 + 1 && tree(40) > 11 * 40 / 6);
}

#[test]
fn every_bound_is_named_once() {
    let names: BTreeSet<&str> = BOUNDS.iter().map(|bound| bound.what).collect();
    assert_eq!(names.len(), BOUNDS.len());
}

#[test]
fn every_structure_whose_fill_is_told_is_in_the_table() {
    let mut mesh = Mesh::new(1, RelayPolicy::default());
    mesh.greeted(0);
    mesh.nodes[0].occupancy(&mut |seen| {
        let bound = BOUNDS.iter().find(|bound| bound.what == seen.what);
        let bound = bound.unwrap_or_else(|| panic!("{} is in no table", seen.what));
        // One that belongs to a peer, but is counted for all of them, may hold no less than the peer's.
        assert!(seen.limit >= bound.limit, "{}", seen.what);
    });
}

/// If this changes, say in the commit why a node may take more or less than before.
#[test]
fn the_bounds_come_to_what_they_came_to_before() {
    let mib = |peers| sum(BOUNDS, peers) / MIB;
    assert_eq!((mib(0), mib(PEERS)), (716, 3_318));
    let part = |bound: &&Bound| bound.scope == Scope::Part;
    assert_eq!(BOUNDS.iter().filter(part).map(|bound| bound.times(PEERS)).sum::<usize>(), 0);
}
