//! Amounts of memory: what each of them stands for.

use clap::ValueEnum as _;
use node::cli::BoundsArgs;
use node::cli::client::bounds::{scaled_sum, sum};
use node::config::memory::Memory;
use node::run::bounds::rows;
use protocol::gossip::Room;
use protocol::limits::{BLOCK_BYTES_MAX, BLOCK_TRANSACTIONS_MAX, ORPHAN_PEER_BYTES_MAX};

fn bounds(memory: Memory) -> BoundsArgs {
    BoundsArgs { max_peers_in: None, max_peers_out: 10, memory, json: false }
}

#[test]
fn the_usual_amount_is_the_protocols_own_room() {
    assert_eq!(Memory::default().room(), Room::default());
    assert_eq!(Memory::default().to_string(), "256MiB");
}

#[test]
fn more_memory_is_more_of_everything() {
    let all: Vec<_> = Memory::value_variants().iter().map(|memory| memory.sizes()).collect();
    assert_eq!(all.len(), 4);
    for pair in all.windows(2) {
        let [less, more] = pair else { panic!("two") };
        assert!(less.mempool_bytes <= more.mempool_bytes && less.body_bytes < more.body_bytes);
        assert!(less.confirmed <= more.confirmed && less.accepted <= more.accepted);
        assert!(less.orphan_bytes < more.orphan_bytes && less.filter_bytes < more.filter_bytes);
        assert!(less.acknowledged <= more.acknowledged && less.cache_bytes < more.cache_bytes);
        assert!(less.members <= more.members && less.peers_in < more.peers_in);
    }
    let sums: Vec<_> = Memory::value_variants().iter().map(|memory| scaled_sum(&rows(&bounds(*memory)))).collect();
    assert!(sums.is_sorted(), "{sums:?}");
}

#[test]
fn the_least_amount_has_room_for_what_the_protocol_needs() {
    let room = Memory::Mib64.room();
    assert!(room.mempool_bytes >= BLOCK_BYTES_MAX && room.chain.contents >= BLOCK_TRANSACTIONS_MAX);
    // One peer alone can't take all room for orphans.
    assert!(room.orphan_bytes >= 2 * ORPHAN_PEER_BYTES_MAX);
    // Every transaction of a full mempool is known by its id.
    assert!(room.ids.accepted >= room.mempool_bytes / 512);
    // How deep a branch can be to which a node changes does not depend on memory.
    assert_eq!(room.chain.headers, Room::default().chain.headers);
    assert_eq!(room.chain.best_headers, Room::default().chain.best_headers);
}

#[test]
fn the_table_of_bounds_follows_the_amount() {
    let rows = rows(&bounds(Memory::Mib64));
    let of = |what: &str| rows.iter().find(|row| row.what == what).expect("a row").limit;
    let sizes = Memory::Mib64.sizes();
    assert_eq!(of("mempool bytes"), sizes.mempool_bytes);
    assert_eq!(of("accepted ids"), sizes.accepted);
    assert_eq!(of("pages of the store"), sizes.cache_bytes);
    assert!(scaled_sum(&rows) < sum(&rows));
}
