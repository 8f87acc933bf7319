//! Pruning deletes only bodies, in the order in which they were recorded. It never deletes those near the tip, and
//! never many in one call.

use std::sync::Arc;

use node::store::{MemoryStore, PRUNE_BLOCKS_MAX, PRUNE_BYTES_MAX, PRUNE_KEEP_BLOCKS, Place, PruneTarget, Store};
use protocol::items::hash::BlockId;
use protocol::items::transaction::SignedTransaction;
use protocol::ledger::durable::{Load, Loaded, Record};

use crate::store::disk::Disk;
use crate::store::support::{Chain, memory, open, transaction};

const BLOCKS: u64 = 400;

/// A chain of blocks with one transaction each, and a stale block at height 1.
struct Filled {
    chain: Chain,
    stale: BlockId,
    transactions: Vec<Arc<SignedTransaction>>,
}

fn fill(store: &mut dyn Store) -> Filled {
    let transactions: Vec<_> = (0..BLOCKS).map(|number| transaction(number, 100)).collect();
    let mut stale = Chain::new();
    let mut records = vec![stale.grow(&transactions[..1], 7)];
    let mut chain = Chain::new();
    records.extend(transactions.iter().map(|transaction| chain.grow(std::slice::from_ref(transaction), 0)));
    records.push(chain.best_above(0));
    store.commit(&records).expect("kept");
    Filled { chain, stale: stale.tip(), transactions }
}

fn both() -> [Box<dyn Store>; 2] {
    [Box::new(open(Disk::default()).expect("a store")), Box::new(memory())]
}

fn has_body(store: &dyn Store, id: BlockId) -> bool {
    match store.load(&Load::Block(id)).expect("readable") {
        Loaded::Block { block, .. } => block.is_some(),
        _ => panic!("another answer"),
    }
}

#[test]
fn a_dropped_blocks_body_goes_and_may_be_recorded_again() {
    for mut store in both() {
        let Filled { stale, transactions, .. } = fill(store.as_mut());
        let before = store.totals().body_bytes;
        store.commit(&[Record::Dropped(vec![stale, BlockId([9; 32])])]).expect("kept");
        assert!(!has_body(store.as_ref(), stale));
        let less = before - store.totals().body_bytes;
        assert!(less > 100, "{less}");
        store.commit(&[Record::Dropped(vec![stale])]).expect("kept");
        assert_eq!(store.totals().body_bytes, before - less, "once");
        store.commit(&[Chain::new().grow(&transactions[..1], 7)]).expect("kept");
        assert!(has_body(store.as_ref(), stale));
        assert_eq!(store.totals().body_bytes, before);
    }
}

/// Prunes until there is no more to do, and returns the number of calls and of blocks.
pub(crate) fn prune_all(store: &mut dyn Store, target: PruneTarget) -> (usize, usize) {
    let (mut calls, mut blocks) = (0, 0);
    loop {
        let pruned = store.prune(target).expect("kept");
        assert!(pruned.blocks <= PRUNE_BLOCKS_MAX);
        calls += 1;
        blocks += pruned.blocks;
        if !pruned.more {
            return (calls, blocks);
        }
    }
}

#[test]
fn bodies_go_and_headers_ids_and_the_newest_stay() {
    for mut store in both() {
        let store = store.as_mut();
        let filled = fill(store);
        let prunable = (BLOCKS - PRUNE_KEEP_BLOCKS) as usize;
        assert_eq!(store.restore().expect("readable").kept_from, 1);
        let first = store.prune(PruneTarget::BodyBytes(0)).expect("kept");
        assert_eq!(store.restore().expect("readable").kept_from, first.kept_from, "told as it is kept");
        let (calls, blocks) = prune_all(store, PruneTarget::BodyBytes(0));
        assert_eq!((calls, blocks + first.blocks), (1, prunable + 1), "the stale block too, in two calls");
        assert!(!has_body(store, filled.stale));
        for (height, id) in (1..).zip(filled.chain.ids()) {
            assert_eq!(has_body(store, id), height > prunable, "height {height}");
        }
        for (height, transaction) in (1..).zip(&filled.transactions) {
            let found = store.transaction(&transaction.id()).expect("readable");
            let found = found.expect("where it is first is known, whatever is pruned");
            assert_eq!(found.transaction.is_some(), height > prunable, "height {height}");
            let confirmed = |found: node::store::FoundTransaction| match found.place {
                Place::Confirmed { height, .. } => height as usize,
                Place::Pending => panic!("not pending"),
            };
            assert_eq!(confirmed(found), height);
        }
        let restored = store.restore().expect("readable");
        assert_eq!(restored.kept_from, prunable as u64 + 1);
        assert_eq!(restored.best.len(), BLOCKS as usize);
        for (block, transaction) in restored.best.iter().zip(&filled.transactions) {
            assert_eq!(block.transactions.as_deref(), Some([transaction.id()].as_slice()));
        }
        assert_eq!(store.totals().blocks, BLOCKS + 1);
    }
}

#[test]
fn stale_bodies_that_go_say_nothing_of_the_best_chain() {
    for mut store in both() {
        let store = store.as_mut();
        let (mut stale, mut chain) = (Chain::new(), Chain::new());
        // A branch of 20 blocks is recorded first and left.
        let mut records: Vec<Record> = (0..20).map(|salt| stale.grow(&[], salt)).collect();
        records.push(stale.best_above(0));
        records.extend((0..PRUNE_KEEP_BLOCKS + 30).map(|salt| chain.grow(&[], 1_000 + salt)));
        records.push(chain.best_above(0));
        store.commit(&records).expect("kept");
        let each = store.totals().body_bytes / (PRUNE_KEEP_BLOCKS + 50);
        let most = store.totals().body_bytes - 20 * each;
        let pruned = store.prune(PruneTarget::BodyBytes(most)).expect("kept");
        assert_eq!((pruned.blocks, pruned.kept_from), (20, 0));
        assert_eq!(store.restore().expect("readable").kept_from, 1);
    }
}

#[test]
fn a_bound_in_bytes_is_met_and_not_undercut() {
    for mut store in both() {
        let store = store.as_mut();
        fill(store);
        let before = store.totals().body_bytes;
        let each = before / (BLOCKS + 1);
        let (_, blocks) = prune_all(store, PruneTarget::BodyBytes(before - 10 * each));
        assert!((10..=11).contains(&blocks), "{blocks}");
        let after = store.totals().body_bytes;
        assert!(after <= before - 10 * each && after > before - 12 * each, "{after} of {before}");
    }
}

#[test]
fn both_kinds_count_the_same_bytes() {
    let [mut disk, mut memory] = both();
    for store in [&mut disk, &mut memory] {
        fill(store.as_mut());
        prune_all(store.as_mut(), PruneTarget::BodyBytes(30_000));
    }
    assert_eq!(disk.totals(), memory.totals());
}

#[test]
fn one_call_stops_after_its_bytes() {
    let large: Vec<_> = (0..60).map(|number| transaction(number, 60_000)).collect();
    for mut store in both() {
        let mut chain = Chain::new();
        for salt in 0..6 {
            let record = chain.grow(&large, salt);
            store.commit(&[record]).expect("kept");
        }
        let mut rest: Vec<Record> = (6..PRUNE_KEEP_BLOCKS + 6).map(|salt| chain.grow(&[], salt)).collect();
        rest.push(chain.best_above(0));
        store.commit(&rest).expect("kept");
        let pruned = store.prune(PruneTarget::BodyBytes(0)).expect("kept");
        assert!(pruned.more && pruned.blocks == 5 && pruned.bytes >= PRUNE_BYTES_MAX, "{pruned:?}");
        let pruned = store.prune(PruneTarget::BodyBytes(0)).expect("kept");
        assert!(!pruned.more && pruned.blocks == 1, "{pruned:?}");
    }
}

#[test]
fn a_body_that_is_recorded_again_is_kept_again() {
    for mut store in both() {
        let store = store.as_mut();
        let filled = fill(store);
        prune_all(store, PruneTarget::BodyBytes(0));
        let block = Arc::clone(&filled.chain.blocks[0]);
        let ids = Arc::from([filled.transactions[0].id()]);
        let before = store.totals();
        store.commit(&[Record::Block { block, transactions: ids }]).expect("kept");
        assert!(has_body(store, filled.chain.ids()[0]));
        let found = store.transaction(&filled.transactions[0].id()).expect("readable").expect("known");
        assert!(found.transaction.is_some());
        assert_eq!(store.totals().blocks, before.blocks);
        assert!(store.totals().body_bytes > before.body_bytes);
    }
}

#[test]
fn nothing_is_pruned_from_nothing() {
    let mut store: MemoryStore = memory();
    assert_eq!(store.prune(PruneTarget::BodyBytes(0)).expect("kept"), node::store::Pruned::default());
    let mut store = open(Disk::default()).expect("a store");
    assert_eq!(store.prune(PruneTarget::BodyBytes(0)).expect("kept"), node::store::Pruned::default());
}
