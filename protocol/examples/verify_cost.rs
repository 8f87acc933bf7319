//! What a signature check costs: alone, and in batches of what is waiting.
//!
//! Usage: `cargo run --release -p hearsay-protocol --example verify_cost [-- [--json] [MILLISECONDS]]`, by default 300 ms for
//! each figure. A figure is the best of three parts of this time, because other programs only make it worse.
//!
//! Signatures are on messages of 220 bytes, by one author, by ten, or by as many as there are signatures. Keys are
//! decompressed already (warm), as a thread remembers them, or not (cold). Beside it: `verify_strict` of
//! ed25519-dalek, which is the rule that does not batch, and what a batch of 64 with one bad signature takes. Last, a
//! full block of transactions of 256 bytes that nobody has seen: the jobs that the engine makes of it, one after the
//! other, and what it takes to decompress each key and to call `verify_strict`, as nodes did before there were batches.
//!
//! Deliberately absent: threads, and what it takes to hand a check to one.
#![allow(missing_docs, clippy::unwrap_used, clippy::cast_possible_truncation)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use protocol::items::keys::{PublicKey, SecretKey, VerifyingKey};
use protocol::items::network::NetworkId;
use protocol::items::transaction::{SignedTransaction, Transaction};
use protocol::items::verify::{JobId, SentBy, Verdict, VerifyJob, check_together};
use protocol::limits::{BLOCK_BYTES_MAX, BLOCK_JOB_SIGNATURES};
use serde_json::{Value, json};

const WAITING: [usize; 7] = [1, 2, 4, 8, 16, 32, 64];
/// With it a transaction has about 220 signed bytes.
const PAYLOAD_BYTES: usize = 140;
/// The encoded bytes of a transaction in a block.
const BLOCK_TRANSACTION_BYTES: usize = 256;
const SECRET: [u8; 32] = [7; 32];
const PARTS: u32 = 3;

fn main() {
    let mut json = false;
    let mut budget = Duration::from_millis(300);
    for argument in std::env::args().skip(1) {
        match (argument.as_str(), argument.parse()) {
            ("--json", _) => json = true,
            (_, Ok(milliseconds)) if milliseconds > 0 => budget = Duration::from_millis(milliseconds),
            _ => {
                eprintln!("usage: verify_cost [--json] [MILLISECONDS]");
                std::process::exit(2);
            }
        }
    }
    let strict = strict(budget);
    let rows: Vec<Value> = WAITING.iter().map(|waiting| row(*waiting, budget)).collect();
    let failing: Vec<Value> = [1, 8, 64].iter().map(|senders| failing(*senders, budget)).collect();
    let blocks: Vec<Value> = [1, 10, 200].iter().map(|authors| block(*authors, budget)).collect();
    if json {
        let all =
            json!({ "verify_strict_us": strict, "waiting": rows, "one_bad_in_64": failing, "block": blocks });
        println!("{all}");
        return;
    }
    println!("microseconds for each signature; verify_strict with the key decompressed: {strict:.1}\n");
    table(&["waiting", "one", "ten", "distinct", "one cold", "ten cold", "distinct cold"], &rows);
    println!("\n64 waiting by ten authors, one signature is bad: microseconds for each signature\n");
    table(&["senders", "good", "one bad", "times"], &failing);
    println!("\na block of 4 MiB with transactions of 256 bytes, on one thread: milliseconds\n");
    table(&["authors", "transactions", "one by one", "batches", "times"], &blocks);
}

/// A row of the table of batches.
fn row(waiting: usize, budget: Duration) -> Value {
    let mut row = json!({ "waiting": waiting });
    for (name, authors) in [("one", 1), ("ten", 10), ("distinct", waiting)] {
        let jobs = jobs(waiting, authors, 1, None);
        let keys = warm(&jobs);
        let warm = each(budget, waiting, || check_together(&jobs, &SECRET, |key| find(&keys, key)));
        let cold = each(budget, waiting, || {
            let mut keys: Vec<(PublicKey, Option<VerifyingKey>)> = Vec::new();
            check_together(&jobs, &SECRET, |key| match keys.iter().find(|(known, _)| known == key) {
                Some((_, decompressed)) => *decompressed,
                None => {
                    let decompressed = key.decompress();
                    keys.push((*key, decompressed));
                    decompressed
                }
            })
        });
        row[name] = json!(warm);
        row[format!("{name} cold")] = json!(cold);
    }
    row
}

/// What it costs to find a bad signature in a full batch.
fn failing(senders: u32, budget: Duration) -> Value {
    let cost = |bad| {
        let jobs = jobs(64, 10, senders, bad);
        let keys = warm(&jobs);
        each(budget, 64, || check_together(&jobs, &SECRET, |key| find(&keys, key)))
    };
    let (good, bad) = (cost(None), cost(Some(40)));
    json!({ "senders": senders, "good": good, "one bad": bad, "times": bad / good })
}

/// A full block's signatures.
fn block(authors: usize, budget: Duration) -> Value {
    let all: Vec<VerifyJob> = jobs(BLOCK_BYTES_MAX / BLOCK_TRANSACTION_BYTES, authors, 1, None);
    let transactions: Vec<Arc<SignedTransaction>> = all.iter().flat_map(|job| job.transactions.clone()).collect();
    let part = |part: &[Arc<SignedTransaction>]| VerifyJob { transactions: part.to_vec(), ..all[0].clone() };
    let parts: Vec<VerifyJob> = transactions.chunks(BLOCK_JOB_SIGNATURES).map(part).collect();
    let keys = warm(&all);
    let batches = each(budget, 1, || {
        let tallies = parts.iter().map(|part| {
            let mut seen: Vec<(PublicKey, Option<VerifyingKey>)> = Vec::new();
            check_together(std::slice::from_ref(part), &SECRET, |key| {
                // A part decompresses each of its keys once.
                if seen.iter().all(|(known, _)| known != key) {
                    seen.push((*key, key.decompress()));
                }
                find(&keys, key)
            })
        });
        tallies.for_each(|tally| assert!(tally.verdicts.iter().all(|verdict| *verdict == Verdict::Valid)));
    });
    let signed = signed(transactions.len(), authors);
    let one_by_one = each(budget, 1, || signed.iter().for_each(strictly));
    json!({
        "authors": authors,
        "transactions": transactions.len(),
        "one by one": one_by_one / 1e3,
        "batches": batches / 1e3,
        "times": batches / one_by_one,
    })
}

/// A public key, a signed message and its signature.
type Signed = ([u8; 32], [u8; 220], [u8; 64]);

fn signed(count: usize, authors: usize) -> Vec<Signed> {
    let one = |number: usize| {
        let key = ed25519_dalek::SigningKey::from_bytes(&[(number % authors) as u8 + 1; 32]);
        let mut message = [7; 220];
        message[..8].copy_from_slice(&number.to_be_bytes());
        let signature = ed25519_dalek::Signer::sign(&key, &message);
        (key.verifying_key().to_bytes(), message, signature.to_bytes())
    };
    (0..count).map(one).collect()
}

/// Checks a signature with its key decompressed anew.
fn strictly((key, message, signature): &Signed) {
    let key = ed25519_dalek::VerifyingKey::from_bytes(key).unwrap();
    black_box(key.verify_strict(message, &ed25519_dalek::Signature::from_bytes(signature))).unwrap();
}

fn strict(budget: Duration) -> f64 {
    let key = ed25519_dalek::SigningKey::from_bytes(&[1; 32]);
    let message = [1; 220];
    let signature = ed25519_dalek::Signer::sign(&key, &message);
    let key = key.verifying_key();
    each(budget, 1, || key.verify_strict(&message, &signature).unwrap())
}

/// Jobs of one transaction each, by this number of authors and of senders.
fn jobs(count: usize, authors: usize, senders: u32, bad: Option<usize>) -> Vec<VerifyJob> {
    let (network, other): (NetworkId, NetworkId) = ("test".parse().unwrap(), "other".parse().unwrap());
    let job = |number: usize| {
        let key = SecretKey::from_seed(&[(number % authors) as u8 + 1; 32]);
        let plain = Transaction {
            author: PublicKey::default(),
            nonce: number as u64,
            valid_until: 1,
            payload: vec![7; PAYLOAD_BYTES].into(),
        };
        let signed = plain.sign(&key, if bad == Some(number) { &other } else { &network }).unwrap();
        VerifyJob {
            id: JobId(number as u64),
            sent_by: SentBy::Link(number as u32 % senders),
            network: network.clone(),
            headers: Vec::new(),
            transactions: vec![Arc::<SignedTransaction>::new(signed)],
            statements: Vec::new(),
        }
    };
    (0..count).map(job).collect()
}

/// The jobs' keys, in the order of their bytes.
fn warm(jobs: &[VerifyJob]) -> Vec<(PublicKey, Option<VerifyingKey>)> {
    let authors = jobs.iter().flat_map(|job| &job.transactions).map(|transaction| transaction.author());
    let mut keys: Vec<_> = authors.map(|author| (author, author.decompress())).collect();
    keys.sort_unstable_by_key(|(key, _)| *key);
    keys
}

fn find(keys: &[(PublicKey, Option<VerifyingKey>)], key: &PublicKey) -> Option<VerifyingKey> {
    let place = keys.binary_search_by_key(key, |(known, _)| *known).ok()?;
    keys.get(place)?.1
}

/// Microseconds for each signature.
fn each<T>(budget: Duration, signatures: usize, mut run: impl FnMut() -> T) -> f64 {
    let mut part = || {
        let (begin, mut rounds) = (Instant::now(), 0_u32);
        while begin.elapsed() < budget / PARTS {
            black_box(run());
            rounds += 1;
        }
        begin.elapsed().as_secs_f64() * 1e6 / f64::from(rounds) / signatures as f64
    };
    (0..PARTS).map(|_| part()).fold(f64::INFINITY, f64::min)
}

fn table(columns: &[&str], rows: &[Value]) {
    let cells = |row: &Value| -> Vec<String> {
        let cell = |column: &&str| match &row[*column] {
            Value::Number(number) if number.is_f64() => format!("{:.1}", number.as_f64().unwrap()),
            other => other.to_string(),
        };
        columns.iter().map(cell).collect()
    };
    let line = |cells: &[String]| {
        let padded = cells.iter().zip(columns).map(|(cell, column)| format!("{cell:>0$}", column.len().max(7)));
        println!("{}", padded.collect::<Vec<_>>().join("  "));
    };
    line(&columns.iter().map(ToString::to_string).collect::<Vec<_>>());
    rows.iter().for_each(|row| line(&cells(row)));
}
