//! A disk that is full or fails, at any operation: there is a named error, nothing more is accepted, and
//! everything that was acknowledged is there when the disk works again.

use std::io::ErrorKind;

use node::store::{Store as _, StoreError};

use crate::store::disk::Disk;
use crate::store::support::{Workload, open, transaction};

/// Runs a workload on a disk that fails at `operation`. Returns how many groups were acknowledged, and the error.
fn run(
    workload: &Workload,
    disk: &Disk,
    operation: u64,
    kind: ErrorKind,
    once: bool,
) -> (usize, Option<StoreError>) {
    disk.fail_from(operation, kind, once);
    let mut store = match open(disk.clone()) {
        Ok(store) => store,
        Err(error) => return (0, Some(error)),
    };
    for (acknowledged, group) in workload.groups.iter().enumerate() {
        if let Err(error) = store.commit(group) {
            let later = store.commit(group);
            assert!(matches!(later, Err(StoreError::Poisoned)), "operation {operation}: {later:?}");
            return (acknowledged, Some(error));
        }
    }
    (workload.groups.len(), None)
}

fn every_operation_fails(kind: ErrorKind, once: bool) {
    let workload = Workload::new(3, 3);
    let states = workload.states();
    let new = Disk::default();
    drop(open(new.clone()).expect("a store"));
    let base = new.bytes();
    let well = Disk::holding(base.clone());
    assert!(run(&workload, &well, u64::MAX, kind, once).1.is_none());
    let (mut failed, mut partly) = (0, 0);
    for operation in 0..well.operations() {
        let disk = Disk::holding(base.clone());
        let (acknowledged, error) = run(&workload, &disk, operation, kind, once);
        let expected = |error: &StoreError| match (error, kind) {
            (StoreError::Full { .. }, ErrorKind::StorageFull) | (StoreError::Poisoned, _) => true,
            (StoreError::Io { error, .. }, _) => error.kind() == kind,
            _ => false,
        };
        assert!(error.as_ref().is_none_or(expected), "operation {operation}: {error:?}");
        failed += u64::from(error.is_some());
        partly += u64::from(acknowledged > 0 && error.is_some());
        let allowed = &states[acknowledged..states.len().min(acknowledged + 2)];
        let store =
            open(Disk::holding(disk.bytes())).unwrap_or_else(|error| panic!("operation {operation}: {error}"));
        let found = workload.summary(&store).expect("readable");
        assert!(allowed.contains(&found), "operation {operation}, {acknowledged} acknowledged: {found:?}");
    }
    // The last operations are the closing's, whose failure nobody hears of and which changes nothing.
    assert!(failed * 10 > well.operations() * 8 && partly > 20, "{failed} and {partly} of {}", well.operations());
}

#[test]
fn a_disk_that_fills_up_loses_nothing_acknowledged() {
    every_operation_fails(ErrorKind::StorageFull, false);
}

#[test]
fn a_disk_that_fails_for_good_loses_nothing_acknowledged() {
    every_operation_fails(ErrorKind::Other, false);
}

#[test]
fn a_disk_that_fails_once_loses_nothing_acknowledged() {
    every_operation_fails(ErrorKind::Other, true);
}

#[test]
fn a_store_that_failed_takes_nothing_more_though_the_disk_is_well_again() {
    let disk = Disk::default();
    let mut store = open(disk.clone()).expect("a store");
    let group = |number| [protocol::ledger::durable::Record::Pending(transaction(number, 10))];
    store.commit(&group(1)).expect("kept");
    disk.fail_from(disk.operations(), ErrorKind::StorageFull, true);
    let full = store.commit(&group(2));
    assert!(matches!(full, Err(StoreError::Full { .. })), "{full:?}");
    for _ in 0..3 {
        assert!(matches!(store.commit(&group(3)), Err(StoreError::Poisoned)));
        assert!(matches!(store.commit(&[]), Err(StoreError::Poisoned)));
        assert!(matches!(store.save_peers(&[]), Err(StoreError::Poisoned)));
    }
    drop(store);
    let mut store = open(disk).expect("the same store");
    store.commit(&group(3)).expect("kept");
    assert!(store.transaction(&transaction(1, 10).id()).expect("readable").is_some());
    assert!(store.transaction(&transaction(3, 10).id()).expect("readable").is_some());
}
