//! Where the best chain has a transaction first. The answer is exact for as long as a transaction may be in a
//! block, whatever is pruned, through reorganisations, and in stores that an earlier program made.

use std::path::Path;
use std::sync::Arc;

use node::store::{PAST_ROWS_MAX, Place, PruneTarget, RedbStore, STORE_FILE, Store, StoreError};
use protocol::items::hash::TxId;
use protocol::items::transaction::SignedTransaction;
use protocol::ledger::durable::{Load, Loaded, Looked, Record};
use protocol::limits::VALID_UNTIL_AHEAD_MAX;
use protocol::wire::message::Tip;
use redb::{Database, ReadableTable as _, ReadableTableMetadata as _, TableDefinition, WriteTransaction};
use tempfile::tempdir;

use crate::store::disk::Disk;
use crate::store::prune::prune_all;
use crate::store::support::{Chain, memory, open, options, transaction};

fn both() -> [Box<dyn Store>; 2] {
    [Box::new(open(Disk::default()).expect("a store")), Box::new(memory())]
}

fn looked(store: &dyn Store, id: TxId) -> Looked {
    match store.load(&Load::First(id)).expect("readable") {
        Loaded::First { looked: Some(looked), .. } => looked,
        other => panic!("{other:?}"),
    }
}

fn first(store: &dyn Store, id: TxId) -> Option<u64> {
    looked(store, id).first.map(|first| first.height)
}

fn place(store: &dyn Store, id: TxId) -> Option<(u64, bool)> {
    let found = store.transaction(&id).expect("readable")?;
    match found.place {
        Place::Confirmed { height, .. } => Some((height, found.transaction.is_some())),
        Place::Pending => panic!("pending"),
    }
}

/// Blocks with these transactions, and the best chain up to the last of them.
fn grow(store: &mut dyn Store, chain: &mut Chain, blocks: &[&[Arc<SignedTransaction>]], salt: u64) {
    let fork = chain.blocks.len() as u64;
    let mut records: Vec<Record> = blocks.iter().map(|items| chain.grow(items, salt)).collect();
    records.push(chain.best_above(fork));
    store.commit(&records).expect("kept");
}

#[test]
fn of_several_occurrences_the_lowest_on_the_best_chain_is_the_first() {
    let items: Vec<_> = (0..3).map(|number| transaction(number, 10)).collect();
    for mut store in both() {
        let store = store.as_mut();
        assert_eq!(looked(store, items[0].id()).tip.height, 0);
        let mut chain = Chain::new();
        grow(store, &mut chain, &[&items[..1], &items[..2], &items[1..], &[]], 0);
        let [zero, one, two] = [0, 1, 2].map(|at: usize| items[at].id());
        assert_eq!([first(store, zero), first(store, one), first(store, two)], [Some(1), Some(2), Some(3)]);
        assert_eq!(looked(store, zero).tip, Tip { height: 4, id: chain.tip() });
        assert_eq!(place(store, one), Some((2, true)));
        assert_eq!(first(store, TxId([9; 32])), None);
        // Another branch has the one later, and the other not at all.
        let mut side = chain.clone();
        side.blocks.truncate(1);
        let mut records: Vec<Record> =
            [&[][..], &[], &[], &items[1..2], &[]].iter().map(|items| side.grow(items, 7)).collect();
        records.push(side.best_above(1));
        store.commit(&records).expect("kept");
        assert_eq!([first(store, zero), first(store, one), first(store, two)], [Some(1), Some(5), None]);
        assert_eq!(place(store, two), None);
        // And back.
        let mut records = vec![chain.grow(&[], 0), chain.grow(&[], 0), chain.grow(&[], 0)];
        records.push(chain.best_above(1));
        store.commit(&records).expect("kept");
        assert_eq!([first(store, zero), first(store, one), first(store, two)], [Some(1), Some(2), Some(3)]);
    }
}

#[test]
fn the_ids_of_a_block_are_told_whether_or_not_its_body_is_kept() {
    let items: Vec<_> = (0..600).map(|number| transaction(number, 10)).collect();
    for mut store in both() {
        let store = store.as_mut();
        let mut chain = Chain::new();
        grow(store, &mut chain, &[&items], 0);
        let empty: Vec<&[Arc<SignedTransaction>]> = vec![&[]; 300];
        grow(store, &mut chain, &empty, 0);
        prune_all(store, PruneTarget::BodyBytes(0));
        let contents = |id| match store.load(&Load::Contents(id)).expect("readable") {
            Loaded::Contents { transactions, .. } => transactions,
            other => panic!("{other:?}"),
        };
        let ids: Vec<TxId> = items.iter().map(|item| item.id()).collect();
        assert_eq!(contents(chain.ids()[0]).as_deref(), Some(ids.as_slice()));
        assert_eq!(contents(chain.tip()).as_deref(), Some([].as_slice()));
        assert_eq!(contents(protocol::items::hash::BlockId([9; 32])), None);
    }
}

/// A chain in which a transaction is in a block that is pruned, and again in one that is not.
fn pruned(store: &mut dyn Store, item: &[Arc<SignedTransaction>]) -> Chain {
    let mut chain = Chain::new();
    grow(store, &mut chain, &[&[], item], 0);
    let mut rest: Vec<&[Arc<SignedTransaction>]> = vec![&[]; 400];
    rest[390] = item;
    grow(store, &mut chain, &rest, 0);
    prune_all(store, PruneTarget::BodyBytes(0));
    chain
}

#[test]
fn a_pruned_block_is_still_the_first_and_the_bytes_come_from_a_later_one() {
    let item = [transaction(1, 10)];
    for mut store in both() {
        let store = store.as_mut();
        pruned(store, &item);
        assert_eq!(first(store, item[0].id()), Some(2));
        assert_eq!(place(store, item[0].id()), Some((2, true)));
    }
}

#[test]
fn what_no_later_block_can_repeat_is_forgotten_with_its_body() {
    let item = [transaction(1, 10)];
    for mut store in both() {
        let store = store.as_mut();
        let mut chain = Chain::new();
        grow(store, &mut chain, &[&[], &item], 0);
        let rest: Vec<&[Arc<SignedTransaction>]> = vec![&[]; 400];
        grow(store, &mut chain, &rest, 0);
        prune_all(store, PruneTarget::BodyBytes(0));
        let until = VALID_UNTIL_AHEAD_MAX - chain.blocks.len() as u64;
        let more: Vec<&[Arc<SignedTransaction>]> = vec![&[]; until as usize + 1];
        grow(store, &mut chain, &more, 0);
        assert_eq!(chain.blocks.len() as u64, VALID_UNTIL_AHEAD_MAX + 1);
        prune_all(store, PruneTarget::BodyBytes(0));
        // A block at height 10,002 could hold what was at height 3 at the lowest, so this is on the bound.
        assert_eq!(first(store, item[0].id()), Some(2));
        let more: Vec<&[Arc<SignedTransaction>]> = vec![&[]; 2_600];
        grow(store, &mut chain, &more, 0);
        prune_all(store, PruneTarget::BodyBytes(0));
        assert_eq!((first(store, item[0].id()), place(store, item[0].id())), (None, None));
    }
}

#[test]
fn a_store_that_an_earlier_program_pruned_is_made_exact_when_it_is_opened() {
    let item = [transaction(1, 10)];
    let dir = tempdir().expect("a directory");
    let mut store = RedbStore::open(dir.path(), options()).expect("a new store");
    pruned(&mut store, &item);
    drop(store);
    // As it was before there was such a table.
    change(dir.path(), |write| {
        assert!(write.delete_table(PAST).expect("deleted"));
        write.open_table(META).expect("there").remove("past").expect("removed");
    });
    for _ in 0..2 {
        let store = RedbStore::open(dir.path(), options()).expect("a store");
        assert_eq!(first(&store, item[0].id()), Some(2));
    }
}

#[test]
fn a_store_that_an_earlier_program_pruned_meanwhile_is_made_exact_when_it_is_opened() {
    let item = [transaction(1, 10)];
    let dir = tempdir().expect("a directory");
    let mut store = RedbStore::open(dir.path(), options()).expect("a new store");
    pruned(&mut store, &item);
    drop(store);
    // It left the table as it was, and told in the totals that bodies are gone.
    change(dir.path(), |write| {
        write.open_table(PAST).expect("there").retain(|_, ()| false).expect("emptied");
        let mut meta = write.open_table(META).expect("there");
        let mut totals = meta.get("totals").expect("readable").expect("there").value().to_vec();
        totals[15] ^= 1;
        meta.insert("totals", totals.as_slice()).expect("written");
    });
    for _ in 0..2 {
        let store = RedbStore::open(dir.path(), options()).expect("a store");
        assert_eq!(first(&store, item[0].id()), Some(2));
    }
}

#[test]
fn a_look_up_of_a_pruned_block_reads_one_of_its_ids_and_checks_it() {
    let items: Vec<_> = (0..1_000).map(|number| transaction(number, 10)).collect();
    let dir = tempdir().expect("a directory");
    let mut store = RedbStore::open(dir.path(), options()).expect("a new store");
    pruned(&mut store, &items);
    drop(store);
    // The last id of the block is another now.
    change(dir.path(), |write| {
        let mut ids = write.open_table(IDS).expect("there");
        let mut part = ids.get((1, 1)).expect("readable").expect("there").value().to_vec();
        *part.last_mut().expect("some") ^= 1;
        part[0] ^= 1;
        ids.insert((1, 1), part.as_slice()).expect("written");
    });
    let store = RedbStore::open(dir.path(), options()).expect("a store");
    for at in [0, 507, 509, 998] {
        assert_eq!(first(&store, items[at].id()), Some(2), "{at}");
    }
    // One whose short id is still there may be another transaction; one whose isn't is damage.
    assert_eq!(first(&store, items[999].id()), Some(393));
    let damaged = store.load(&Load::First(items[508].id()));
    assert!(matches!(damaged, Err(StoreError::Damaged { .. })), "{damaged:?}");
}

#[test]
fn one_call_forgets_a_bounded_number_of_what_no_later_block_can_repeat() {
    let dir = tempdir().expect("a directory");
    let mut store = RedbStore::open(dir.path(), options()).expect("a new store");
    let empty: Vec<&[Arc<SignedTransaction>]> = vec![&[]; VALID_UNTIL_AHEAD_MAX as usize + 2_500];
    grow(&mut store, &mut Chain::new(), &empty, 0);
    drop(store);
    change(dir.path(), |write| {
        let mut past = write.open_table(PAST).expect("there");
        for number in 0..=PAST_ROWS_MAX as u64 {
            let mut row = [0; 24];
            row[4..12].copy_from_slice(&number.to_be_bytes());
            past.insert(row, ()).expect("written");
        }
    });
    for (more, left) in [(true, 1), (false, 0)] {
        let mut store = RedbStore::open(dir.path(), options()).expect("a store");
        assert_eq!(store.prune(PruneTarget::BodyBytes(u64::MAX)).expect("kept").more, more);
        drop(store);
        let mut rows = 0;
        change(dir.path(), |write| rows = write.open_table(PAST).expect("there").len().expect("readable"));
        assert_eq!(rows, left);
    }
}

const PAST: TableDefinition<'static, [u8; 24], ()> = TableDefinition::new("past");
const IDS: TableDefinition<'static, (u64, u32), &[u8]> = TableDefinition::new("ids");
const META: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("meta");

/// Changes a store as another program might do.
fn change(dir: &Path, what: impl FnOnce(&WriteTransaction)) {
    let database = Database::open(dir.join(STORE_FILE)).expect("a database");
    let write = database.begin_write().expect("a transaction");
    what(&write);
    write.commit().expect("kept");
}
