//! A transaction that joins and goes in one group is never written, although no code of ours looks for it. A
//! transaction that goes and joins again is kept.

use node::store::{Store, StoreError};
use protocol::ledger::durable::Record;

use crate::store::disk::Disk;
use crate::store::support::{memory, open, transaction};

/// Bytes that one commit of `records` writes to a new store.
fn written(records: &[Record]) -> usize {
    let disk = Disk::default();
    let mut store = open(disk.clone()).expect("a store");
    let before = disk.written();
    store.commit(records).expect("kept");
    disk.written() - before
}

#[test]
fn a_body_that_is_gone_by_the_end_of_its_group_is_not_written() {
    let bodies: Vec<_> = (0..10).map(|number| transaction(number, 60_000)).collect();
    let joining = bodies.iter().cloned().map(Record::Pending).collect::<Vec<_>>();
    let mut passing = joining.clone();
    passing.push(Record::Gone(bodies.iter().map(|body| body.id()).collect()));
    let (kept, passed, nothing) = (written(&joining), written(&passing), written(&[Record::Gone(Vec::new())]));
    assert!(kept > 600_000, "{kept}");
    assert!(passed <= nothing, "{passed} bytes, and {nothing} for nothing at all");
}

#[test]
fn the_last_word_on_a_transaction_counts() -> Result<(), StoreError> {
    let (a, b, c) = (transaction(1, 10), transaction(2, 10), transaction(3, 10));
    let stores: [Box<dyn Store>; 2] = [Box::new(open(Disk::default())?), Box::new(memory())];
    for mut store in stores {
        store.commit(&[Record::Pending(a.clone()), Record::Pending(b.clone())])?;
        store.commit(&[
            Record::Gone(vec![a.id(), c.id()]),
            Record::Pending(c.clone()),
            Record::Pending(a.clone()),
            Record::Gone(vec![b.id()]),
            Record::Pending(b.clone()),
            Record::Gone(vec![b.id()]),
        ])?;
        let pending: Vec<_> = store.restore()?.pending.iter().map(|pending| pending.id()).collect();
        assert_eq!(pending, [c.id(), a.id()], "in the order in which they joined last");
        assert_eq!(store.totals().pending, 2);
    }
    Ok(())
}
