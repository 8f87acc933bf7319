//! Everything that was committed comes back: from the open store and from the store opened again. Both kinds of
//! store give the same.

use node::store::{RedbStore, Store, StoreError};
use protocol::items::hash::{BlockId, TxId};
use protocol::ledger::durable::{Load, Loaded, Record};
use tempfile::tempdir;

use crate::store::disk::Disk;
use crate::store::support::{Chain, Workload, memory, open, options, transaction};

#[test]
fn every_state_is_the_same_from_memory_and_from_disk_opened_again() {
    let workload = Workload::new(1, 12);
    let states = workload.states();
    let disk = Disk::default();
    for (group, state) in workload.groups.iter().zip(&states[1..]) {
        let mut store = open(disk.clone()).expect("a store");
        store.commit(group).expect("kept");
        assert_eq!(workload.summary(&store).expect("readable"), *state);
        drop(store);
        let store = open(disk.clone()).expect("the same store");
        assert_eq!(workload.summary(&store).expect("readable"), *state);
    }
    let last = states.last().expect("one");
    assert!(
        last.found.iter().flatten().count() > 20 && last.pending.len() > 3 && last.best.len() > 10,
        "{last:?}"
    );
}

#[test]
fn a_file_in_a_directory_is_made_once_and_found_again() {
    let dir = tempdir().expect("a directory");
    let workload = Workload::new(2, 2);
    let mut store = RedbStore::open(dir.path(), options()).expect("a new store");
    for group in &workload.groups {
        store.commit(group).expect("kept");
    }
    assert!(matches!(RedbStore::open(dir.path(), options()), Err(StoreError::InUse)));
    drop(store);
    let store = RedbStore::open(dir.path(), options()).expect("the same store");
    assert_eq!(Some(&workload.summary(&store).expect("readable")), workload.states().last());
    let names: Vec<_> =
        std::fs::read_dir(dir.path()).expect("a directory").map(|e| e.expect("one").file_name()).collect();
    assert_eq!(names, ["store.redb"]);
}

#[test]
fn a_full_block_comes_back_whole_and_so_does_each_transaction() {
    // Ends of parts fall inside transactions, between them and on them.
    let transactions: Vec<_> = (0..600).map(|n| transaction(n, 100 + (n as usize * 37) % 9_000)).collect();
    let mut chain = Chain::new();
    let groups = [vec![chain.grow(&transactions, 0), chain.best()]];
    let mut store = open(Disk::default()).expect("a store");
    for group in &groups {
        store.commit(group).expect("kept");
    }
    let ids: Vec<TxId> = transactions.iter().map(|transaction| transaction.id()).collect();
    let Loaded::Block { block: Some(block), .. } = store.load(&Load::Block(chain.tip())).expect("readable") else {
        panic!("the block");
    };
    assert_eq!(block, chain.blocks[0]);
    for (id, transaction) in ids.iter().zip(&transactions) {
        assert_eq!(
            store.transaction(id).expect("readable").expect("found").transaction.as_ref(),
            Some(transaction)
        );
    }
}

#[test]
fn what_was_never_recorded_is_none_and_not_an_error() {
    for store in [&open(Disk::default()).expect("a store") as &dyn Store, &memory()] {
        let loaded = store.load(&Load::Block(BlockId([1; 32]))).expect("readable");
        assert!(matches!(loaded, Loaded::Block { block: None, .. }));
        let loaded = store.load(&Load::HeadersAfter(vec![BlockId([1; 32])])).expect("readable");
        assert!(matches!(loaded, Loaded::HeadersAfter { headers, .. } if headers.is_empty()));
        assert_eq!(store.transaction(&TxId([1; 32])).expect("readable"), None);
        assert!(store.peers().expect("readable").is_empty());
    }
}

#[test]
fn headers_follow_the_first_id_of_a_locator_that_is_on_the_best_chain() {
    let mut chain = Chain::new();
    let mut records: Vec<Record> = (0..300).map(|salt| chain.grow(&[], salt)).collect();
    let mut stale = chain.clone();
    stale.blocks.truncate(10);
    records.push(stale.grow(&[], 1_000));
    records.push(chain.best_above(0));
    let mut stores: [Box<dyn Store>; 2] = [Box::new(open(Disk::default()).expect("a store")), Box::new(memory())];
    for store in &mut stores {
        store.commit(&records).expect("kept");
        let after = |locator: Vec<BlockId>| match store.load(&Load::HeadersAfter(locator)).expect("readable") {
            Loaded::HeadersAfter { headers, .. } => headers,
            _ => panic!("another answer"),
        };
        let headers = chain.headers();
        assert_eq!(after(vec![chain.network.genesis()]), headers[..256]);
        assert_eq!(after(vec![BlockId([1; 32]), stale.tip(), headers[289].id(), headers[5].id()]), headers[290..]);
        assert_eq!(after(vec![chain.tip()]), []);
    }
}

#[test]
fn records_that_no_engine_gives_are_refused_and_end_the_store() {
    let mut chain = Chain::new();
    let _never_recorded = chain.grow(&[], 0);
    let kept = transaction(1, 10);
    let stores: [Box<dyn Store>; 2] = [Box::new(open(Disk::default()).expect("a store")), Box::new(memory())];
    for mut store in stores {
        let refused = store.commit(&[Record::Pending(kept.clone()), chain.best()]);
        assert!(matches!(refused, Err(StoreError::OutOfOrder { .. })), "{refused:?}");
        assert!(matches!(store.commit(&[]), Err(StoreError::Poisoned)));
    }
}

#[test]
fn a_shorter_best_chain_leaves_nothing_above_its_tip() {
    let stores: [Box<dyn Store>; 2] = [Box::new(open(Disk::default()).expect("a store")), Box::new(memory())];
    for mut store in stores {
        let mut chain = Chain::new();
        let mut records: Vec<Record> = (0..6).map(|salt| chain.grow(&[], salt)).collect();
        records.push(chain.best_above(0));
        store.commit(&records).expect("kept");
        chain.blocks.truncate(3);
        for blocks in [1, 0] {
            let mut records: Vec<Record> = (0..blocks).map(|_| chain.grow(&[], 100)).collect();
            records.push(chain.best_above(3));
            store.commit(&records).expect("kept");
            let best: Vec<_> =
                store.restore().expect("readable").best.iter().map(|block| block.header.id()).collect();
            assert_eq!(best, chain.ids());
            chain.blocks.truncate(3);
        }
    }
}
