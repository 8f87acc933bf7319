//! Kills a loaded node at random, again and again. After each restart it checks that everything that the
//! node acknowledged is there.
//!
//! ```text
//! kill_test NODE [COUNT]
//! ```
//!
//! NODE is the node program, COUNT how often it is killed (30). The node has its own data dir and makes a
//! block from its mempool each 200 ms. Several clients give it signed transactions at once. An answer from its
//! RPC is an acknowledgement. Some 50 ms to 1 s after the start of the load it gets SIGKILL. The next start
//! must come up within 5 s. It must know every transaction of the round before and a sample of all earlier
//! ones; at the end, all. The last line is the figure. Exit status: 0 if nothing is missing, 1 if something
//! is, or if the node didn't come up.
//!
//! Deliberately absent: loss of power, which needs a disk that forgets (see the tests of the store).

#[path = "support/running.rs"]
mod running;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jsonrpsee::http_client::HttpClient;
use node::rpc::ApiClient as _;
use node::store::STORE_FILE;
use protocol::items::keys::SecretKey;
use protocol::items::network::NetworkId;
use protocol::items::transaction::Transaction;
use rand::RngExt as _;
use tokio::task::JoinSet;

use running::{Outcome, Running, outcome};

/// The number of kills if none is given.
const COUNT_DEFAULT: u64 = 30;
/// How long a start may take.
const START_MAX: Duration = Duration::from_secs(5);
/// Clients at the same time.
const CLIENTS: u64 = 8;
/// Transactions of earlier rounds that are looked up in each round.
const SAMPLE: usize = 100;
/// In how many blocks each transaction may still be confirmed, from the height at the start of a round:
/// blocks of half an hour.
const VALID_FOR: u64 = 9_000;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let Some(node) = arguments.next().map(PathBuf::from) else {
        eprintln!("usage: kill_test NODE [COUNT]");
        return ExitCode::from(2);
    };
    let count = arguments.next().map_or(Some(COUNT_DEFAULT), |text| text.to_str()?.parse().ok());
    let Some(count) = count.filter(|count| *count > 0) else {
        eprintln!("COUNT must be a number above 0");
        return ExitCode::from(2);
    };
    outcome(run(&node, count))
}

async fn run(node: &Path, count: u64) -> Outcome<bool> {
    let dir = tempfile::tempdir()?;
    let number = Arc::new(AtomicU64::new(0));
    let (mut acknowledged, mut missing, mut slowest) = (Vec::<String>::new(), 0_u64, Duration::ZERO);
    let mut last_round = 0;
    for kill in 1..=count {
        let mut running = start(node, dir.path()).await?;
        let (client, took) = (running.client.clone(), running.took);
        slowest = slowest.max(took);
        missing += lost(&client, &acknowledged[last_round..]).await?;
        missing += lost(&client, &sample(&acknowledged[..last_round])).await?;
        last_round = acknowledged.len();
        let height = client.node_info().await?.tip_height;
        let load = Duration::from_millis(rand::rng().random_range(50..1_000));
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            let (client, number) = (client.clone(), Arc::clone(&number));
            clients.spawn(async move { submit(&client, &number, height + VALID_FOR).await });
        }
        tokio::time::sleep(load).await;
        running.process.kill()?;
        running.process.wait()?;
        while let Some(of_one) = clients.join_next().await {
            acknowledged.extend(of_one?);
        }
        eprintln!(
            "kill {kill} of {count}: started in {} ms at height {height}, {} acknowledged in {} ms, {missing} missing so far",
            took.as_millis(),
            acknowledged.len() - last_round,
            load.as_millis(),
        );
    }
    let running = start(node, dir.path()).await?;
    let (client, took) = (running.client.clone(), running.took);
    slowest = slowest.max(took);
    missing += lost(&client, &acknowledged).await?;
    let info = client.node_info().await?;
    drop(running);
    let bytes = std::fs::metadata(dir.path().join(STORE_FILE))?.len();
    println!(
        "{count} kills, {} transactions acknowledged, {missing} missing, {} blocks, {} pending, {} MiB, slowest start {} ms",
        acknowledged.len(),
        info.tip_height,
        info.mempool_transactions,
        bytes >> 20,
        slowest.as_millis()
    );
    Ok(missing == 0)
}

/// Starts the node.
async fn start(node: &Path, dir: &Path) -> Outcome<Running> {
    let flags = ["--network", "killed", "--open-producers", "--produce-every", "200ms", "--reserved-only"];
    Running::start(node, dir, &flags, START_MAX).await
}

/// Submits until the node is gone. Returns the ids that it acknowledged.
async fn submit(client: &HttpClient, number: &AtomicU64, valid_until: u64) -> Vec<String> {
    let mut acknowledged = Vec::new();
    loop {
        let nonce = number.fetch_add(1, Ordering::Relaxed);
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&(nonce % 512).to_le_bytes());
        let key = SecretKey::from_seed(&seed);
        let network: NetworkId = "killed".parse().expect("a good name");
        let item = Transaction { author: key.public(), nonce, valid_until, payload: vec![7; 100].into() };
        let item = item.sign(&key, &network).expect("a payload within bounds");
        match client.tx_send(hex::encode(item.encoded())).await {
            Ok(submitted) => acknowledged.push(submitted.id),
            Err(_) => return acknowledged,
        }
    }
}

/// How many of these ids the node doesn't know.
async fn lost(client: &HttpClient, ids: &[String]) -> Outcome<u64> {
    let mut lost = 0;
    for id in ids {
        if client.tx_get(id.clone()).await?.is_none() {
            eprintln!("missing: {id}");
            lost += 1;
        }
    }
    Ok(lost)
}

/// A few, drawn at random.
fn sample(ids: &[String]) -> Vec<String> {
    (0..SAMPLE.min(ids.len())).map(|_| ids[rand::rng().random_range(0..ids.len())].clone()).collect()
}
