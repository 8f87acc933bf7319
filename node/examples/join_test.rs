//! How long a new node takes until it has what 50 others have, and how many bytes it reads for that.
//!
//! ```text
//! join_test NODE [NODES [BLOCKS [PENDING]]]
//! ```
//!
//! NODE is the node program. A store is filled with BLOCKS (5,000) signed blocks of 20 transactions of 256
//! bytes, and with PENDING (20,000) such transactions. NODES (50) nodes start with a copy of it and find
//! each other through the first. When all have peers, one with nothing joins. The last line tells when its
//! tip and its mempool were the same as the others'. It also tells the bytes that it had read by then, below
//! noise, divided by the bytes of the blocks and transactions that it lacked. Exit status: 0 if it was
//! complete within 60 s, 1 if not.

#[path = "support/running.rs"]
mod running;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use node::rpc::ApiClient as _;
use node::store::{RedbStore, STORE_FILE, Store as _, StoreOptions};
use protocol::items::block::{Block, Header, transactions_root};
use protocol::items::hash::TxId;
use protocol::items::keys::SecretKey;
use protocol::items::network::NetworkId;
use protocol::items::transaction::{SignedTransaction, Transaction};
use protocol::ledger::durable::Record;
use protocol::wire::codec::Encode as _;

use running::{Outcome, Running, outcome};

const PER_BLOCK: u64 = 20;
const LIMIT: Duration = Duration::from_secs(60);
/// The time for fifty starts on two cores.
const START_MAX: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let Some(node) = arguments.next().map(PathBuf::from) else {
        eprintln!("usage: join_test NODE [NODES [BLOCKS [PENDING]]]");
        return ExitCode::from(2);
    };
    let mut number = |usual: u64| arguments.next().map_or(Some(usual), |text| text.to_str()?.parse().ok());
    let (Some(nodes), Some(blocks), Some(pending)) = (number(50), number(5_000), number(20_000)) else {
        eprintln!("NODES, BLOCKS and PENDING must be numbers");
        return ExitCode::from(2);
    };
    outcome(run(&node, nodes, blocks, pending))
}

async fn run(node: &Path, nodes: u64, blocks: u64, pending: u64) -> Outcome<bool> {
    let place = tempfile::tempdir()?;
    let filled = place.path().join("filled");
    fs::create_dir(&filled)?;
    let bytes = fill(&filled, blocks, pending)?;
    eprintln!("filled a store with {blocks} blocks and {pending} transactions, {bytes} bytes");
    let flags = |bootstrap: Option<&str>| {
        let mut flags = vec!["--network", "joined", "--open-producers", "--exempt-loopback"];
        bootstrap.into_iter().for_each(|address| flags.extend(["--bootstrap", address]));
        flags.into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let mut running: Vec<Running> = Vec::new();
    for number in 0..nodes {
        let dir = place.path().join(number.to_string());
        fs::create_dir(&dir)?;
        fs::copy(filled.join(STORE_FILE), dir.join(STORE_FILE))?;
        let flags = flags(running.first().map(|first| first.address.as_str()));
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        running.push(Running::start(node, &dir, &flags, START_MAX).await?);
    }
    let slowest = running.iter().map(|node| node.took).max().unwrap_or_default();
    eprintln!("{nodes} nodes run; the slowest start took {} ms", slowest.as_millis());
    for one in &running {
        while nodes > 1 && one.client.node_info().await?.peers_out == 0 && one.client.peers().await?.is_empty() {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    let dir = place.path().join("new");
    fs::create_dir(&dir)?;
    let first = running.first().ok_or("at least one node is wanted")?;
    let wanted = first.client.node_info().await?;
    let flags = flags(Some(&first.address));
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let begun = Instant::now();
    let new = Running::start(node, &dir, &flags, START_MAX).await?;
    let mut last = Instant::now();
    loop {
        let info = new.client.node_info().await?;
        let done = info.tip_id == wanted.tip_id && info.mempool_transactions == wanted.mempool_transactions;
        if done || begun.elapsed() > LIMIT {
            println!(
                "{} after {:.1} s: height {} of {}, {} of {} transactions pending, {} bytes read for {bytes}: {:.3}",
                if done { "joined" } else { "NOT joined" },
                begun.elapsed().as_secs_f64(),
                info.tip_height,
                wanted.tip_height,
                info.mempool_transactions,
                wanted.mempool_transactions,
                info.wire_in,
                info.wire_in as f64 / bytes as f64
            );
            return Ok(done);
        }
        if last.elapsed() > Duration::from_secs(2) {
            last = Instant::now();
            eprintln!("height {}, {} pending, {} bytes", info.tip_height, info.mempool_transactions, info.wire_in);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Fills a store. Returns the encoded bytes of its blocks and pending transactions.
fn fill(dir: &Path, blocks: u64, pending: u64) -> Outcome<usize> {
    let network: NetworkId = "joined".parse()?;
    let mut store = RedbStore::open(dir, StoreOptions { network: network.clone(), now_s: || 0 })?;
    let producer = SecretKey::from_seed(&[1; 32]);
    let authors: Vec<SecretKey> = (0..100).map(|author| SecretKey::from_seed(&[author + 2; 32])).collect();
    let make = |number: u64| -> Outcome<Arc<SignedTransaction>> {
        let author = &authors[usize::try_from(number % 100)?];
        // 256 bytes encoded, about.
        let payload = vec![7; 145].into();
        let item = Transaction { author: author.public(), nonce: number, valid_until: blocks + 5_000, payload };
        Ok(Arc::new(item.sign(author, &network)?))
    };
    let (mut parent, mut bytes, mut number) = (network.genesis(), 0, 0);
    let mut records = Vec::new();
    for height in 1..=blocks {
        let items = (number..number + PER_BLOCK).map(make).collect::<Outcome<Vec<_>>>()?;
        number += PER_BLOCK;
        let ids: Vec<TxId> = items.iter().map(|item| item.id()).collect();
        let header = Header {
            height,
            parent,
            producer: producer.public(),
            timestamp_ms: height,
            transactions_root: transactions_root(&ids),
            count: u32::try_from(ids.len())?,
        };
        let transactions = items.iter().map(|item| item.encoded().clone()).collect();
        let block = Arc::new(Block { header: header.sign(&producer, &network), transactions });
        parent = block.header.id();
        bytes += block.encoded_len();
        records.push(Record::Block { block, transactions: ids.into() });
        records.push(Record::Best { fork: height - 1, blocks: vec![parent], returning: vec![] });
        if records.len() >= 1_000 || height == blocks {
            store.commit(&std::mem::take(&mut records))?;
        }
    }
    for number in number..number + pending {
        let item = make(number)?;
        bytes += item.encoded().len();
        records.push(Record::Pending(item));
    }
    store.commit(&records)?;
    Ok(bytes)
}
