//! The store on disk: one redb file. It is written by two-phase commits only. It is checked whole each time it is
//! opened, so that no later read meets a page that isn't what was written.
//!
//! A new file gets its name when it is complete. So an empty or half-made `store.redb` is damage, and is
//! never mistaken for a new store. Deliberately absent: what a group of records does to the tables
//! (`write.rs`), and reading (`read.rs`).

use std::collections::HashMap;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use protocol::items::hash::TxId;
use protocol::items::network::NetworkId;
use protocol::items::transaction::Height;
use protocol::ledger::durable::{Load, Loaded, Record, Restored};
use redb::backends::FileBackend;
use redb::{Builder, Database, ReadableDatabase as _, StorageBackend, TableError, WriteTransaction};

use super::age::StoreClock;
use super::error::{Context as _, StoreError};
use super::peers::KnownPeer;
use super::read::Reads;
use super::tables::{
    BEST, BLOCKS, BODIES, CLOCK_KEY, COUNTERS_KEY, Counters, FORMAT, FORMAT_KEY, IDS, META, NETWORK_KEY, NUMBERS,
    PAST, PAST_KEY, PEERS, PENDING, RETURNING, SPOTS,
};
use super::write::{Group, prune};
use super::{FoundTransaction, Note, Place, PruneTarget, Pruned, Store, Totals, past};

/// The store's name in the data dir.
pub const STORE_FILE: &str = "store.redb";

/// The name of a store that is being made.
const NEW_FILE: &str = "store.redb.new";

/// Bytes of pages that redb remembers, those that it is to write included: 16 MiB. This holds the pages above the
/// leaves of a store of many GiB. Half of it may be pages that are to be written: a full group of records. The
/// library's own default is 1 GiB. The system's cache has the rest of the file.
pub const CACHE_BYTES: usize = 16 * 1024 * 1024;

/// The settings that a store needs.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// The network whose items it keeps.
    pub network: NetworkId,
    /// Tells the seconds of a clock that runs evenly and is never set. The store's own clock
    /// runs like it (`age.rs`).
    pub now_s: fn() -> u64,
}

/// A store in one file.
pub struct RedbStore {
    database: Database,
    options: StoreOptions,
    counters: Counters,
    clock: StoreClock,
    /// The place of each pending transaction in [`PENDING`]. As many as the engine's mempool holds: 65,536 of some
    /// 64 bytes, 4 MiB. Kept in memory, so that a group of new transactions is written side by side.
    pending: HashMap<TxId, u64>,
    next_pending: u64,
    poisoned: bool,
}

impl fmt::Debug for RedbStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedbStore")
            .field("network", &self.options.network)
            .field("counters", &self.counters)
            .field("poisoned", &self.poisoned)
            .finish_non_exhaustive()
    }
}

impl RedbStore {
    /// Opens the store in `dir`, or makes one. Reads and checks all of it.
    ///
    /// # Errors
    /// See [`StoreError`]. An error with an existing file leaves the file unchanged.
    pub fn open(dir: &Path, options: StoreOptions) -> Result<Self, StoreError> {
        Self::open_with_cache(dir, options, CACHE_BYTES)
    }

    /// The same with another number of bytes for pages in memory.
    ///
    /// # Errors
    /// As [`RedbStore::open`].
    pub fn open_with_cache(dir: &Path, options: StoreOptions, cache_bytes: usize) -> Result<Self, StoreError> {
        let path = dir.join(STORE_FILE);
        match fs::metadata(&path) {
            Ok(found) if found.len() == 0 => return Err(StoreError::damaged("the file is empty")),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => make(dir, &options.network)?,
            Err(error) => return Err(StoreError::io("look at", error)),
        }
        let database = builder(cache_bytes).open(&path).trying("open")?;
        Self::with_database(database, options)
    }

    /// Opens the store that `backend` holds, or makes one if it is empty.
    ///
    /// # Errors
    /// As [`RedbStore::open`].
    pub fn with_backend(backend: impl StorageBackend, options: StoreOptions) -> Result<Self, StoreError> {
        let new = backend.len().map_err(|error| StoreError::io("look at", error))? == 0;
        let database = builder(CACHE_BYTES).create_with_backend(backend).trying("open")?;
        if new {
            initialize(&database, &options.network)?;
        }
        Self::with_database(database, options)
    }

    fn with_database(database: Database, options: StoreOptions) -> Result<Self, StoreError> {
        let read = database.begin_read().trying("read")?;
        let meta = match read.open_table(META) {
            Ok(meta) => meta,
            Err(TableError::Storage(error)) => return Err(StoreError::library("read", error.into())),
            Err(_) => return Err(StoreError::Foreign { what: "another program's tables are in it".to_owned() }),
        };
        let value = |key| Ok(meta.get(key).trying("read")?.map(|value| value.value().to_vec()));
        check_format(value(FORMAT_KEY)?)?;
        check_network(value(NETWORK_KEY)?, &options.network)?;
        let counters = value(COUNTERS_KEY)?.ok_or_else(|| StoreError::damaged("the totals are missing"))?;
        let counters = Counters::decode(&counters)?;
        let clock = match value(CLOCK_KEY)? {
            Some(kept) => StoreClock::decode(options.now_s, &kept)?,
            None => StoreClock::begin(options.now_s, counters.blocks),
        };
        if value(PAST_KEY)?.as_deref() != Some(counters.encode().as_slice()) {
            let mut below = Some(Height::MAX);
            while let Some(height) = below {
                let transaction = begin(&database)?;
                below = past::fill(&transaction, &counters, height)?;
                transaction.commit().trying("write")?;
            }
        }
        let (pending, next_pending) = Reads::begin(&database, &options.network)?.pending_places()?;
        drop((meta, read));
        Ok(Self { database, options, counters, clock, pending, next_pending, poisoned: false })
    }

    fn reads(&self) -> Result<Reads<'_>, StoreError> {
        Reads::begin(&self.database, &self.options.network)
    }

    /// One transaction around `change`. Any failure poisons the store: only the next opening shows what was kept.
    fn write<T>(
        &mut self,
        change: impl FnOnce(&mut Self, &WriteTransaction) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if self.poisoned {
            return Err(StoreError::Poisoned);
        }
        self.poisoned = true;
        let transaction = begin(&self.database)?;
        let done = change(self, &transaction)?;
        transaction.commit().trying("write")?;
        self.poisoned = false;
        Ok(done)
    }
}

impl Store for RedbStore {
    fn commit(&mut self, records: &[Record]) -> Result<(), StoreError> {
        if records.is_empty() && !self.poisoned {
            return Ok(());
        }
        self.write(|store, transaction| {
            let places = (&mut store.pending, &mut store.next_pending);
            let mut group = Group::begin(transaction, &mut store.counters, places, store.clock)?;
            group.apply(records)
        })
    }

    fn load(&self, load: &Load) -> Result<Loaded, StoreError> {
        let reads = self.reads()?;
        match load {
            Load::Block(id) => Ok(Loaded::Block { id: *id, block: reads.block(id)? }),
            Load::HeadersAfter(locator) => {
                Ok(Loaded::HeadersAfter { locator: locator.clone(), headers: reads.headers_after(locator)? })
            }
            Load::First(id) => {
                Ok(Loaded::First { id: *id, looked: Some(reads.first(id, self.counters.epoch())?) })
            }
            Load::Contents(id) => Ok(Loaded::Contents { id: *id, transactions: reads.contents(id)? }),
        }
    }

    fn restore(&self) -> Result<Restored, StoreError> {
        let reads = self.reads()?;
        Ok(Restored {
            best: reads.best()?,
            pending: reads.pending()?,
            returning: reads.returning()?,
            kept_from: reads.kept_from()?,
        })
    }

    fn transaction(&self, id: &TxId) -> Result<Option<FoundTransaction>, StoreError> {
        let reads = self.reads()?;
        if let Some(place) = self.pending.get(id)
            && let Some(transaction) = reads.pending_at(*place, id)?
        {
            return Ok(Some(FoundTransaction { transaction: Some(transaction), place: Place::Pending }));
        }
        reads.confirmed(id, self.counters.epoch())
    }

    fn save_peers(&mut self, peers: &[KnownPeer]) -> Result<(), StoreError> {
        KnownPeer::check(peers)?;
        self.write(|store, transaction| super::write::peers(transaction, peers, &store.clock))
    }

    fn peers(&self) -> Result<Vec<KnownPeer>, StoreError> {
        self.reads()?.peers()
    }

    fn save_note(&mut self, note: Note, bytes: &[u8]) -> Result<(), StoreError> {
        Note::check(bytes)?;
        self.write(|_, transaction| {
            let mut meta = transaction.open_table(META).trying("write")?;
            meta.insert(note.key(), bytes).trying("write")?;
            Ok(())
        })
    }

    fn note(&self, note: Note) -> Result<Option<Vec<u8>>, StoreError> {
        let read = self.database.begin_read().trying("read")?;
        let meta = read.open_table(META).trying("read")?;
        let kept = meta.get(note.key()).trying("read")?;
        Ok(kept.map(|kept| kept.value().to_vec()))
    }

    fn prune(&mut self, target: PruneTarget) -> Result<Pruned, StoreError> {
        self.write(|store, transaction| prune(transaction, &mut store.counters, &store.clock, target))
    }

    fn totals(&self) -> Totals {
        Totals {
            blocks: self.counters.blocks,
            body_bytes: self.counters.body_bytes,
            pending: self.pending.len() as u64,
        }
    }
}

fn builder(cache_bytes: usize) -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(cache_bytes).set_check_integrity_on_open(true);
    builder
}

/// A write transaction in two phases. The library's checksums are not cryptographic. With one phase an attacker
/// who chooses the items and the moment of a crash could make a half-written commit pass for a whole one.
fn begin(database: &Database) -> Result<WriteTransaction, StoreError> {
    let mut transaction = database.begin_write().trying("write")?;
    transaction.set_two_phase_commit(true);
    Ok(transaction)
}

/// Makes a store under another name, and renames it when it is complete.
fn make(dir: &Path, network: &NetworkId) -> Result<(), StoreError> {
    let failed = |error| StoreError::io("make", error);
    let new = dir.join(NEW_FILE);
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&new)
        .map_err(failed)?;
    let backend = FileBackend::new(file).trying("make")?;
    let database = builder(CACHE_BYTES).create_with_backend(backend).trying("make")?;
    initialize(&database, network)?;
    database.close().trying("make")?;
    fs::rename(&new, dir.join(STORE_FILE)).map_err(failed)?;
    // The name itself must outlive a loss of power.
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(failed)
}

/// Writes the format, the network and all tables, so that no reader has to handle a missing one.
fn initialize(database: &Database, network: &NetworkId) -> Result<(), StoreError> {
    let transaction = begin(database)?;
    {
        let mut meta = transaction.open_table(META).trying("make")?;
        meta.insert(FORMAT_KEY, FORMAT.to_be_bytes().as_slice()).trying("make")?;
        meta.insert(NETWORK_KEY, network.as_str().as_bytes()).trying("make")?;
        meta.insert(COUNTERS_KEY, Counters::default().encode().as_slice()).trying("make")?;
        past::mark(&mut meta, &Counters::default())?;
        transaction.open_table(BLOCKS).trying("make")?;
        transaction.open_table(NUMBERS).trying("make")?;
        transaction.open_table(IDS).trying("make")?;
        transaction.open_table(BODIES).trying("make")?;
        transaction.open_table(BEST).trying("make")?;
        transaction.open_table(SPOTS).trying("make")?;
        transaction.open_table(PENDING).trying("make")?;
        transaction.open_table(PEERS).trying("make")?;
        transaction.open_table(RETURNING).trying("make")?;
        transaction.open_table(PAST).trying("make")?;
    }
    transaction.commit().trying("make")
}

fn check_format(found: Option<Vec<u8>>) -> Result<(), StoreError> {
    let found = found.ok_or_else(|| StoreError::Foreign { what: "it tells no format".to_owned() })?;
    let found = found.as_slice().try_into().map(u32::from_be_bytes);
    match found.map_err(|_| StoreError::damaged("the format is no number"))? {
        FORMAT => Ok(()),
        found if found > FORMAT => Err(StoreError::NewerFormat { found, known: FORMAT }),
        found => Err(StoreError::OlderFormat { found, known: FORMAT }),
    }
}

fn check_network(found: Option<Vec<u8>>, wanted: &NetworkId) -> Result<(), StoreError> {
    let found = found.ok_or_else(|| StoreError::damaged("the network's name is missing"))?;
    if found == wanted.as_str().as_bytes() {
        return Ok(());
    }
    Err(StoreError::OtherNetwork { found: String::from_utf8_lossy(&found).into_owned(), wanted: wanted.clone() })
}
