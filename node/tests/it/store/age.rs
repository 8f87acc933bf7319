//! The age of a body is the time for which the store was open since it recorded the block, whatever the wall clock
//! said then and says now.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use node::store::{MemoryStore, PRUNE_KEEP_BLOCKS, PruneTarget, RedbStore, STORE_FILE, Store, StoreOptions};
use protocol::ledger::durable::Record;
use redb::{Database, TableDefinition};
use tempfile::tempdir;

use crate::store::disk::Disk;
use crate::store::prune::prune_all;
use crate::store::support::{Chain, options};
use crate::support::namespaces::{Space, until, until_within};
use crate::support::program::network;

const META: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("meta");
const DAY: u64 = 24 * 60 * 60;
const BLOCKS: u64 = PRUNE_KEEP_BLOCKS + 5;

/// A store's clock that the test sets. Each test has its own, because a store's clock is a plain function.
macro_rules! clock {
    () => {{
        static NOW: AtomicU64 = AtomicU64::new(0);
        fn now_s() -> u64 {
            NOW.load(Ordering::Relaxed)
        }
        (&NOW, now_s as fn() -> u64)
    }};
}

fn at(disk: &Disk, now_s: fn() -> u64) -> RedbStore {
    RedbStore::with_backend(disk.clone(), StoreOptions { now_s, ..options() }).expect("a store")
}

/// A chain with five blocks that are not near the tip.
fn chain() -> Vec<Record> {
    let mut chain = Chain::new();
    let mut records: Vec<_> = (0..BLOCKS).map(|salt| chain.grow(&[], salt)).collect();
    records.push(chain.best_above(0));
    records
}

fn pruned(store: &mut dyn Store, days: u64) -> usize {
    prune_all(store, PruneTarget::OlderThan(days * DAY)).1
}

#[test]
fn age_is_counted_from_when_a_block_was_recorded() {
    let (now, now_s) = clock!();
    let stores: [Box<dyn Store>; 2] =
        [Box::new(at(&Disk::default(), now_s)), Box::new(MemoryStore::new(&network(), now_s))];
    for mut store in stores {
        now.store(1_000, Ordering::Relaxed);
        let records = chain();
        store.commit(&records[..3]).expect("kept");
        now.store(1_000 + DAY, Ordering::Relaxed);
        store.commit(&records[3..]).expect("kept");
        assert_eq!(pruned(store.as_mut(), 1), 0, "not older than a day");
        now.store(1_001 + DAY, Ordering::Relaxed);
        assert_eq!(pruned(store.as_mut(), 1), 3);
        now.store(1_001 + 2 * DAY, Ordering::Relaxed);
        assert_eq!(pruned(store.as_mut(), 1), 2);
    }
}

#[test]
fn a_clock_that_is_wrong_at_a_start_makes_nothing_older() {
    let (now, now_s) = clock!();
    let disk = Disk::default();
    at(&disk, now_s).commit(&chain()).expect("kept");
    // A year ahead, far behind, and a year ahead of that again.
    for wrong in [365 * DAY, 0, 730 * DAY] {
        now.store(wrong, Ordering::Relaxed);
        assert_eq!(pruned(&mut at(&disk, now_s), 30), 0, "{wrong}");
    }
}

#[test]
fn a_clock_that_was_wrong_when_blocks_were_recorded_makes_them_neither_older_nor_younger() {
    for recorded in [0, 100 * 365 * DAY] {
        let (now, now_s) = clock!();
        let disk = Disk::default();
        now.store(recorded, Ordering::Relaxed);
        at(&disk, now_s).commit(&chain()).expect("kept");
        now.store(55 * 365 * DAY, Ordering::Relaxed);
        let mut store = at(&disk, now_s);
        assert_eq!(pruned(&mut store, 30), 0, "recorded at {recorded}");
        now.fetch_add(30 * DAY + 1, Ordering::Relaxed);
        assert_eq!(pruned(&mut store, 30), 5, "recorded at {recorded}");
    }
}

#[test]
fn ages_add_up_over_runs_and_a_node_that_was_off_deletes_later() {
    let (now, now_s) = clock!();
    let disk = Disk::default();
    at(&disk, now_s).commit(&chain()).expect("kept");
    for run in 1..=4 {
        // It was off for forty days, and runs for ten.
        now.fetch_add(40 * DAY, Ordering::Relaxed);
        let mut store = at(&disk, now_s);
        now.fetch_add(10 * DAY, Ordering::Relaxed);
        assert_eq!(pruned(&mut store, 30), if run == 4 { 5 } else { 0 }, "run {run}");
        // As a node does every minute, and when it stops.
        store.save_peers(&[]).expect("kept");
    }
}

/// Removes a store's clock, as if an earlier program had made the store.
fn forget_the_clock(dir: &Path) {
    let database = Database::open(dir.join(STORE_FILE)).expect("a database");
    let write = database.begin_write().expect("a transaction");
    write.open_table(META).expect("a table").remove("clock").expect("written");
    write.commit().expect("kept");
}

#[test]
fn what_an_earlier_program_stamped_counts_from_the_first_opening() {
    let (now, now_s) = clock!();
    let dir = tempdir().expect("a directory");
    let options = || StoreOptions { now_s, ..options() };
    RedbStore::open(dir.path(), options()).expect("a store").commit(&chain()).expect("kept");
    forget_the_clock(dir.path());
    now.store(365 * DAY, Ordering::Relaxed);
    let mut store = RedbStore::open(dir.path(), options()).expect("a store");
    assert_eq!(pruned(&mut store, 30), 0);
    now.fetch_add(30 * DAY + 1, Ordering::Relaxed);
    assert_eq!(pruned(&mut store, 30), 5);
}

#[test]
#[ignore = "real nodes for some seconds: run by the gate, one by one"]
fn a_node_whose_store_was_stamped_by_a_wrong_clock_deletes_nothing_before_its_time() {
    let dir = tempdir().expect("a directory");
    let space = Space::of_this_machine(dir.path());
    let args = |age| ["--listen", "/ip4/127.0.0.1/tcp/0", "--prune-age", age];
    for (name, stamped) in [("past", (|| 0) as fn() -> u64), ("future", || 100 * 365 * DAY)] {
        let data_dir = space.data_dir(name);
        fs::create_dir(&data_dir).expect("a new one");
        let options = StoreOptions { now_s: stamped, ..options() };
        RedbStore::open(&data_dir, options).expect("a store").commit(&chain()).expect("kept");
        let node = space.node(name, &args("30d"));
        let lost = until_within(Duration::from_secs(4), || {
            (node.status().kept_from_height != 1).then(|| node.status().kept_from_height)
        });
        assert_eq!(lost, None, "{name}: bodies that were stamped wrongly are gone");
        drop(node);
        let node = space.node(name, &args("2s"));
        until(|| (node.status().kept_from_height == 6).then_some(())).expect("deleted in their time");
    }
}
