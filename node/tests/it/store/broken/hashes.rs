//! Rows that the library considers correct but that are not the kept ones: every item is checked against its hash,
//! and each table against the others.

use std::path::Path;

use node::store::{RedbStore, STORE_FILE, Store as _, StoreError};
use redb::{Database, ReadableTable as _, TableDefinition};
use tempfile::{TempDir, tempdir};

use crate::store::support::{Summary, Workload, options};

const BLOCKS: TableDefinition<'static, [u8; 32], &[u8]> = TableDefinition::new("blocks");
const BEST: TableDefinition<'static, u64, [u8; 32]> = TableDefinition::new("best");
const PENDING: TableDefinition<'static, u64, &[u8]> = TableDefinition::new("pending");
const PEERS: TableDefinition<'static, u32, &[u8]> = TableDefinition::new("peers");
const SPOTS: TableDefinition<'static, [u8; 28], ()> = TableDefinition::new("spots");
type Parts = TableDefinition<'static, (u64, u32), &'static [u8]>;
const IDS: Parts = TableDefinition::new("ids");
const BODIES: Parts = TableDefinition::new("bodies");

/// Changes a filled store by `change`, and asks it for everything.
fn altered(change: impl FnOnce(&Path)) -> Result<Summary, StoreError> {
    let dir: TempDir = tempdir().expect("a directory");
    let workload = Workload::new(6, 4);
    let mut store = RedbStore::open(dir.path(), options()).expect("a new store");
    for group in &workload.groups {
        store.commit(group).expect("kept");
    }
    drop(store);
    change(&dir.path().join(STORE_FILE));
    let store = RedbStore::open(dir.path(), options())?;
    workload.summary(&store)
}

/// Changes one table without the store's knowledge, and asks the store for everything.
macro_rules! alter {
    ($table:expr, $change:expr) => {
        altered(|path| {
            let database = Database::open(path).expect("a database");
            let write = database.begin_write().expect("a transaction");
            {
                let mut table = write.open_table($table).expect("a table");
                let change = $change;
                change(&mut table);
            }
            write.commit().expect("kept");
        })
    };
}

fn is_damage(found: Result<Summary, StoreError>, words: &str) {
    match found {
        Err(error @ StoreError::Damaged { .. }) => assert!(error.to_string().contains(words), "{error}"),
        other => panic!("{words}: {other:?}"),
    }
}

/// Flips the last bit of the last byte, which belongs to a signature or an id.
macro_rules! flip_last {
    () => {
        |table: &mut redb::Table<'_, _, &'static [u8]>| {
            let (key, mut value) = {
                let (key, value) = table.first().expect("readable").expect("a row");
                (key.value(), value.value().to_vec())
            };
            *value.last_mut().expect("a byte") ^= 1;
            table.insert(key, value.as_slice()).expect("written");
        }
    };
}

#[test]
fn another_pending_transaction_is_damage() {
    is_damage(alter!(PENDING, flip_last!()), "has another hash");
}

#[test]
fn another_header_is_damage() {
    is_damage(alter!(BLOCKS, flip_last!()), "has another hash");
}

#[test]
fn another_list_of_ids_is_damage() {
    is_damage(alter!(IDS, flip_last!()), "not those of its header");
}

#[test]
fn another_body_is_damage() {
    is_damage(alter!(BODIES, flip_last!()), "not those of its header");
}

#[test]
fn a_missing_body_part_is_damage() {
    let cut = |table: &mut redb::Table<'_, (u64, u32), &'static [u8]>| {
        let part = table.remove((0, 0)).expect("readable").expect("a row").value().to_vec();
        table.insert((0, 1), part.as_slice()).expect("written");
        table.insert((0, 0), [0x80].as_slice()).expect("written");
    };
    is_damage(alter!(BODIES, cut), "bytes follow the item");
}

#[test]
fn a_chain_with_a_gap_or_another_order_is_damage() {
    let gap = |table: &mut redb::Table<'_, u64, [u8; 32]>| drop(table.remove(2).expect("readable"));
    is_damage(alter!(BEST, gap), "is not the parent");
    let headless = |table: &mut redb::Table<'_, u64, [u8; 32]>| drop(table.remove(1).expect("readable"));
    is_damage(alter!(BEST, headless), "does not begin at genesis");
    let moved = |table: &mut redb::Table<'_, u64, [u8; 32]>| {
        let second = table.get(2).expect("readable").expect("a row").value();
        table.insert(1, second).expect("written");
    };
    is_damage(alter!(BEST, moved), "at height 1 of the best chain");
    let unknown = |table: &mut redb::Table<'_, u64, [u8; 32]>| drop(table.insert(4, [1; 32]).expect("written"));
    is_damage(alter!(BEST, unknown), "is missing");
}

#[test]
fn a_spot_that_leads_elsewhere_is_damage() {
    let moved = |table: &mut redb::Table<'_, [u8; 28], ()>| {
        let mut key = table.first().expect("readable").expect("a row").0.value();
        table.remove(key).expect("readable");
        key[23] ^= 1;
        table.insert(key, ()).expect("written");
    };
    is_damage(alter!(SPOTS, moved), "another transaction is where");
}

#[test]
fn a_peer_that_does_not_decode_is_damage() {
    let broken = |table: &mut redb::Table<'_, u32, &'static [u8]>| {
        table.insert(0, [0xff].as_slice()).expect("written");
    };
    is_damage(alter!(PEERS, broken), "a known peer can't be read");
}

#[test]
fn what_is_not_altered_is_right() {
    altered(|_| {}).expect("readable");
}
