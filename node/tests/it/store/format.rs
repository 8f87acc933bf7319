//! A store of format 1 opens forever. Another format, another network and another program's file each give a named
//! error.
//!
//! `node/tests/fixtures/store-v1/` was written by `make_the_fixture`:
//!
//! ```text
//! HEARSAY_MAKE_FIXTURE=1 cargo test -p hearsay-node --test it a_store_of_format_1_opens
//! ```
//!
//! It holds `Workload::new(1, 3)` and one known peer. The fixture of a released format is never written again.

use std::fs;
use std::path::{Path, PathBuf};

use node::store::{FORMAT, KnownPeer, Note, RedbStore, STORE_FILE, Store as _, StoreError, StoreOptions};
use protocol::gossip::{Config, Gossip, Reconciliation, RelayPolicy};
use protocol::items::transaction::SignedTransaction;
use protocol::items::validator::Producers;
use protocol::time::Time;
use protocol::wire::codec::Decode as _;
use redb::{Database, TableDefinition};
use tempfile::tempdir;

use crate::store::support::{Workload, options};
use crate::support::program::network;

const META: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("meta");

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/store-v1").join(STORE_FILE)
}

fn known_peer() -> KnownPeer {
    KnownPeer { peer: vec![0, 36, 8, 1], addresses: vec!["/ip4/192.0.2.1/tcp/30400".to_owned()] }
}

fn fill(dir: &Path) -> Workload {
    let workload = Workload::new(1, 3);
    let mut store = RedbStore::open(dir, options()).expect("a new store");
    for group in &workload.groups {
        store.commit(group).expect("kept");
    }
    store.save_peers(&[known_peer()]).expect("kept");
    workload
}

/// Writes the fixture of the present format, if it is asked for and there is none.
fn make_the_fixture() {
    if std::env::var_os("HEARSAY_MAKE_FIXTURE").is_none() || fixture().exists() {
        return;
    }
    let dir = tempdir().expect("a directory");
    fill(dir.path());
    fs::create_dir_all(fixture().parent().expect("a directory")).expect("made");
    fs::copy(dir.path().join(STORE_FILE), fixture()).expect("copied");
}

#[test]
fn a_store_of_format_1_opens() {
    make_the_fixture();
    let dir = tempdir().expect("a directory");
    fs::copy(fixture(), dir.path().join(STORE_FILE)).expect("copied");
    let store = RedbStore::open(dir.path(), options()).expect("a store");
    let workload = Workload::new(1, 3);
    let mut wanted = workload.states().pop().expect("one");
    wanted.peers = vec![known_peer()];
    assert_eq!(workload.summary(&store).expect("readable"), wanted);
    for note in [Note::MemberRecord, Note::MemberEntries] {
        assert_eq!(store.note(note).expect("readable"), None, "the node was no member yet");
    }
}

/// The fixture is older than the present rule for signatures. What was good then is good now, and a node that starts
/// from it has all of it.
#[test]
fn everything_in_a_store_of_format_1_is_still_good() {
    let dir = tempdir().expect("a directory");
    fs::copy(fixture(), dir.path().join(STORE_FILE)).expect("copied");
    let store = RedbStore::open(dir.path(), options()).expect("a store");
    let (workload, network) = (Workload::new(1, 3), network());
    let is_good = |transaction: &SignedTransaction| {
        transaction.author().decompress().is_some_and(|author| transaction.verify(&author, &network))
    };
    let restored = store.restore().expect("readable");
    assert!(!restored.pending.is_empty() && restored.pending.iter().all(|pending| is_good(pending)));
    let mut transactions = 0;
    for block in workload.summary(&store).expect("readable").blocks.into_iter().map(|block| block.expect("kept")) {
        let producer = block.header.header().producer.decompress().expect("a key");
        assert!(block.header.verify(&producer, &network));
        for body in &block.transactions {
            assert!(is_good(&SignedTransaction::from_bytes(body).expect("a transaction")));
            transactions += 1;
        }
    }
    assert_eq!(transactions, 9, "three in each of three blocks");
    let config = Config {
        network,
        relay: RelayPolicy::Announce,
        reconciliation: Reconciliation::OFF,
        producers: Producers::Open,
    };
    let mut engine = Gossip::new(config, [1; 32]);
    let pending = restored.pending.len();
    engine.restore(Time::from_micros(1), restored).expect("blocks that follow each other");
    assert_eq!((engine.tip().height, engine.mempool().transactions), (3, pending));
}

#[test]
fn other_formats_are_named_and_left_alone() {
    for (format, text) in [(FORMAT + 1, "run the newer program"), (0, "no longer reads")] {
        let dir = tempdir().expect("a directory");
        fill(dir.path());
        set_meta(dir.path(), "format", &format.to_be_bytes());
        let error = RedbStore::open(dir.path(), options()).expect_err("another format");
        match &error {
            StoreError::NewerFormat { found, known: FORMAT } => {
                assert_eq!((*found, format > FORMAT), (format, true))
            }
            StoreError::OlderFormat { found, known: FORMAT } => {
                assert_eq!((*found, format < FORMAT), (format, true))
            }
            other => panic!("{other}"),
        }
        assert!(error.to_string().contains(text), "{error}");
        // What was there still is.
        set_meta(dir.path(), "format", &FORMAT.to_be_bytes());
        RedbStore::open(dir.path(), options()).expect("a store");
    }
}

#[test]
fn another_networks_store_is_named() {
    let dir = tempdir().expect("a directory");
    fill(dir.path());
    let network = "other".parse().expect("a name");
    let error = RedbStore::open(dir.path(), StoreOptions { network, ..options() }).expect_err("another network");
    assert!(matches!(&error, StoreError::OtherNetwork { found, .. } if found == "dev"), "{error}");
    RedbStore::open(dir.path(), options()).expect("a store");
}

#[test]
fn a_redb_file_of_another_program_is_foreign() {
    let dir = tempdir().expect("a directory");
    let other: TableDefinition<'static, u64, u64> = TableDefinition::new("other");
    let wrong: TableDefinition<'static, u64, u64> = TableDefinition::new("meta");
    for table in [other, wrong] {
        let path = dir.path().join(STORE_FILE);
        let database = Database::create(&path).expect("a database");
        let write = database.begin_write().expect("a transaction");
        write.open_table(table).expect("a table").insert(1, 1).expect("written");
        write.commit().expect("kept");
        drop(database);
        let error = RedbStore::open(dir.path(), options()).expect_err("no store");
        assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
        fs::remove_file(path).expect("removed");
    }
}

fn set_meta(dir: &Path, key: &str, value: &[u8]) {
    let database = Database::open(dir.join(STORE_FILE)).expect("a database");
    let write = database.begin_write().expect("a transaction");
    write.open_table(META).expect("a table").insert(key, value).expect("written");
    write.commit().expect("kept");
}
