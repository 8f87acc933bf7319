//! Measures what the store costs on this machine: commits of several sizes, blocks, space by table, opening.
//!
//! ```text
//! cargo run --release -p hearsay-node --example store_cost [DIRECTORY]
//! ```
//!
//! It works in its own directory below DIRECTORY (the system's directory for temporary files if none is
//! given) and removes it. Run it on the disk that the node will use: the figures are that disk's.
//! Deliberately absent: any judgement.

use std::error::Error;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use node::store::{PruneTarget, RedbStore, STORE_FILE, Store as _, StoreOptions};
use protocol::items::block::{Block, Header, transactions_root};
use protocol::items::hash::TxId;
use protocol::items::keys::{PublicKey, SecretKey};
use protocol::items::network::NetworkId;
use protocol::items::transaction::{SignedTransaction, Transaction};
use protocol::ledger::durable::Record;
use redb::{ReadOnlyDatabase, ReadableDatabase as _, ReadableTableMetadata as _, TableHandle as _};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// How long each group size is measured.
const EACH: Duration = Duration::from_secs(4);
/// The most transactions that one size commits: as many as a mempool holds.
const TRANSACTIONS_MAX: usize = 65_536;
/// Payload of a transaction that is 256 bytes encoded, with nonces and heights of three to five bytes.
const PAYLOAD_BYTES: usize = 256 - 111;
/// Blocks, and transactions in each.
const BLOCKS: u64 = 400;
const BLOCK_TRANSACTIONS: u64 = 1_000;

fn main() -> Outcome<()> {
    let dir = match std::env::args_os().nth(1) {
        Some(base) => tempfile::tempdir_in(base)?,
        None => tempfile::tempdir()?,
    };
    let network: NetworkId = "cost".parse()?;
    let options = StoreOptions { network: network.clone(), now_s: || 0 };
    let transactions: Vec<_> =
        (0..TRANSACTIONS_MAX as u64).map(|number| transaction(number, &network)).collect::<Outcome<_>>()?;
    let bytes = transactions.first().map_or(0, |transaction| transaction.encoded().len());
    println!("transactions of {bytes} bytes; a bare write of 4 KiB and its sync: {:.3} ms", sync(dir.path())?);
    println!("group  commits/s  transactions/s  commit p50 ms  p99 ms  bytes written per transaction");
    for group in [1, 16, 256, 4_096] {
        let place = dir.path().join(group.to_string());
        std::fs::create_dir(&place)?;
        commits(&place, &options, &transactions, group)?;
    }
    let place = dir.path().join("blocks");
    std::fs::create_dir(&place)?;
    blocks(&place, &options)?;
    Ok(())
}

fn commits(
    dir: &Path,
    options: &StoreOptions,
    transactions: &[Arc<SignedTransaction>],
    group: usize,
) -> Outcome<()> {
    let mut store = RedbStore::open(dir, options.clone())?;
    let (start, before) = (Instant::now(), written());
    let (mut times, mut items) = (Vec::new(), 0);
    for transactions in transactions.chunks(group) {
        let records: Vec<_> = transactions.iter().cloned().map(Record::Pending).collect();
        let began = Instant::now();
        store.commit(&records)?;
        times.push(began.elapsed());
        items += records.len();
        if start.elapsed() > EACH {
            break;
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    times.sort_unstable();
    let at = |share: usize| times.get(times.len() * share / 100).map_or(0.0, |time| time.as_secs_f64() * 1e3);
    println!(
        "{group:5}  {:9.0}  {:14.0}  {:13.2}  {:6.2}  {}",
        times.len() as f64 / seconds,
        items as f64 / seconds,
        at(50),
        at(99),
        (written() - before) / items as u64,
    );
    Ok(())
}

fn blocks(dir: &Path, options: &StoreOptions) -> Outcome<()> {
    let mut store = RedbStore::open(dir, options.clone())?;
    let mut parent = options.network.genesis();
    let (mut spent, mut worst, before) = (Duration::ZERO, Duration::ZERO, written());
    let mut last = TxId::default();
    for height in 1..=BLOCKS {
        let transactions: Vec<_> = (0..BLOCK_TRANSACTIONS)
            .map(|place| transaction(height * BLOCK_TRANSACTIONS + place, &options.network))
            .collect::<Outcome<_>>()?;
        let (block, ids) = block(height, parent, &transactions, &options.network);
        parent = block.header.id();
        last = ids.first().copied().unwrap_or_default();
        let records = [
            Record::Block { block, transactions: Arc::clone(&ids) },
            Record::Best { fork: height - 1, blocks: vec![parent], returning: vec![] },
            Record::Gone(ids.to_vec()),
        ];
        let began = Instant::now();
        store.commit(&records)?;
        spent += began.elapsed();
        worst = worst.max(began.elapsed());
    }
    let items = BLOCKS * BLOCK_TRANSACTIONS;
    println!(
        "\n{BLOCKS} blocks of {BLOCK_TRANSACTIONS}: {:.1} ms a commit, {:.1} at most, {} bytes written per transaction",
        spent.as_secs_f64() * 1e3 / BLOCKS as f64,
        worst.as_secs_f64() * 1e3,
        (written() - before) / items
    );
    let began = Instant::now();
    let found = store.transaction(&last)?.is_some();
    println!("a transaction of the last block by id: {found}, {:?}", began.elapsed());
    let began = Instant::now();
    let found = store.transaction(&TxId([1; 32]))?.is_some();
    println!("one that is not there: {found}, {:?}", began.elapsed());
    drop(store);
    let path = dir.join(STORE_FILE);
    let file = std::fs::metadata(&path)?.len();
    println!("the file: {} MiB, {} bytes per transaction", file >> 20, file / items);
    space(&path, items)?;
    let began = Instant::now();
    let mut store = RedbStore::open(dir, options.clone())?;
    println!(
        "opening, all of it checked: {:?} ({:.2} s a GiB)",
        began.elapsed(),
        began.elapsed().as_secs_f64() * (1_u64 << 30) as f64 / file as f64
    );
    let began = Instant::now();
    store.restore()?;
    println!("restoring: {:?}", began.elapsed());
    let (mut calls, mut worst) = (0, Duration::ZERO);
    loop {
        let began = Instant::now();
        let pruned = store.prune(PruneTarget::BodyBytes(0))?;
        worst = worst.max(began.elapsed());
        calls += 1;
        if !pruned.more {
            break;
        }
    }
    println!("pruning: {calls} calls, {worst:?} at most; {:?}", store.totals());
    Ok(())
}

/// Bytes by table.
fn space(path: &Path, items: u64) -> Outcome<()> {
    let database = ReadOnlyDatabase::open(path)?;
    let read = database.begin_read()?;
    println!("table     rows     bytes stored  with page heads and free space  per transaction");
    for handle in read.list_tables()? {
        let name = handle.name().to_owned();
        let table = read.open_untyped_table(handle)?;
        let stats = table.stats()?;
        let all = stats.stored_bytes() + stats.metadata_bytes() + stats.fragmented_bytes();
        println!(
            "{name:8}  {:7}  {:12}  {all:12}  {:.1}",
            table.len()?,
            stats.stored_bytes(),
            all as f64 / items as f64
        );
    }
    Ok(())
}

fn transaction(number: u64, network: &NetworkId) -> Outcome<Arc<SignedTransaction>> {
    let key = SecretKey::from_seed(&[7; 32]);
    let payload = vec![0; PAYLOAD_BYTES].into();
    let plain =
        Transaction { author: PublicKey::default(), nonce: (1 << 24) + number, valid_until: 10_000, payload };
    Ok(Arc::new(plain.sign(&key, network)?))
}

fn block(
    height: u64,
    parent: protocol::items::hash::BlockId,
    transactions: &[Arc<SignedTransaction>],
    network: &NetworkId,
) -> (Arc<Block>, Arc<[TxId]>) {
    let ids: Arc<[TxId]> = transactions.iter().map(|transaction| transaction.id()).collect();
    let header = Header {
        height,
        parent,
        producer: PublicKey::default(),
        timestamp_ms: 0,
        transactions_root: transactions_root(&ids),
        count: ids.len() as u32,
    };
    let header = header.sign(&SecretKey::from_seed(&[9; 32]), network);
    let bodies = transactions.iter().map(|transaction| transaction.encoded().clone()).collect();
    (Arc::new(Block { header, transactions: bodies }), ids)
}

/// Milliseconds that a write of one page and its sync take, the median of 200. No commit can be faster.
fn sync(dir: &Path) -> Outcome<f64> {
    let file = File::create(dir.join("sync"))?;
    file.set_len(1 << 20)?;
    file.sync_all()?;
    let mut times = Vec::new();
    for page in 0..200 {
        let began = Instant::now();
        file.write_all_at(&[page as u8; 4_096], page * 4_096)?;
        file.sync_data()?;
        times.push(began.elapsed());
    }
    times.sort_unstable();
    Ok(times.get(times.len() / 2).map_or(0.0, |time| time.as_secs_f64() * 1e3))
}

/// Bytes that the system wrote to disk for this process.
fn written() -> u64 {
    let text = std::fs::read_to_string("/proc/self/io").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("write_bytes: "));
    line.and_then(|bytes| bytes.parse().ok()).unwrap_or(0)
}
