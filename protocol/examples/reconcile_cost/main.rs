//! What reconciling two sets costs, by sketch and by ranges: bytes, round trips, and the time of each side.
//!
//! Usage: `cargo run --release -p hearsay-protocol --example reconcile_cost [-- [--json] [SALTS]]`, by default with 200 salts for
//! each row, fewer for the largest sets. Says how many symbols a difference takes, then compares the methods.
//!
//! Deliberately absent: a network, and the transactions that are then sent, which are the same by either method.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::cast_possible_truncation)]

mod ranges;

use std::time::{Duration, Instant};

use protocol::gossip::repair::sketch::{
    Decoder, Encoder, Progress, SALTED_ID_BYTES, SYMBOL_BYTES, SYMBOLS_MAX, first_batch,
};
use protocol::items::hash::{TxId, sha256};
use ranges::Cost;
use serde_json::{Value, json};

/// A first request: salt, number of items, number of symbols, and the message around them.
const REQUEST_BYTES: usize = 40;
/// A further request.
const MORE_BYTES: usize = 8;
/// Differences expected by who knows nothing.
const GUESS: usize = 10;

const SIZES: [usize; 5] = [100, 1_000, 10_000, 20_000, 100_000];
const DIFFERENCES: [usize; 5] = [0, 1, 10, 100, 1_000];
const PEELED: [usize; 11] = [1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1_000];

fn main() {
    let mut json = false;
    let mut salts = 200;
    for argument in std::env::args().skip(1) {
        match (argument.as_str(), argument.parse()) {
            ("--json", _) => json = true,
            (_, Ok(count)) if count > 0 => salts = count,
            _ => {
                eprintln!("usage: reconcile_cost [--json] [SALTS]");
                std::process::exit(2);
            }
        }
    }
    let all: Vec<TxId> = (0..102_000_u32).map(|number| TxId(sha256(&[&number.to_be_bytes()]))).collect();
    let symbols: Vec<Value> = PEELED.iter().map(|difference| symbols_row(&all, *difference, 5 * salts)).collect();
    let mut rows = Vec::new();
    for size in SIZES {
        for difference in DIFFERENCES.into_iter().filter(|difference| *difference <= size) {
            for one_sided in [false, true].into_iter().take(if difference == 0 { 1 } else { 2 }) {
                rows.extend(compare(&all, size, difference, one_sided, salts));
            }
        }
    }
    if json {
        println!("{}", json!({ "salts": salts, "symbols": symbols, "costs": rows }));
        return;
    }
    println!("symbols that a difference takes, asked for one by one, and in batches when it is expected");
    table(&["difference", "p50", "p90", "p95", "first", "enough", "in_batches", "batches"], &symbols);
    println!(
        "\nbytes both ways with the ids that are asked for, p50 and p95; us of the side that asks and of the other, p50"
    );
    table(
        &["items", "difference", "side", "method", "bytes", "bytes_p95", "round_trips", "us_asks", "us_answers"],
        &rows,
    );
}

fn salt(number: usize) -> [u8; 16] {
    sha256(&[b"salt", &number.to_be_bytes()])[..16].try_into().unwrap()
}

/// Symbols that `difference` items take, against an empty set.
fn symbols_row(all: &[TxId], difference: usize, salts: usize) -> Value {
    let mut one_by_one = Vec::new();
    let (mut in_batches, mut batches) = (0, 0);
    for number in 0..salts {
        let mut remote = Encoder::new(salt(number), &all[..difference]).unwrap();
        let mut decoder = Decoder::new(Encoder::new(salt(number), std::iter::empty::<TxId>()).unwrap());
        while decoder.add(remote.symbols(decoder.received(), decoder.received() + 1)) == Progress::More {}
        let needed = decoder.received();
        one_by_one.push(needed);
        let cost = sketch(salt(number), &[], &all[..difference], difference);
        in_batches += (cost.bytes - REQUEST_BYTES - MORE_BYTES * (cost.round_trips - 1)) / SYMBOL_BYTES;
        batches += cost.round_trips;
    }
    one_by_one.sort_unstable();
    let first = first_batch(difference);
    let enough = one_by_one.partition_point(|needed| *needed <= first);
    json!({
        "difference": difference,
        "p50": one_by_one[salts / 2], "p90": one_by_one[salts * 90 / 100], "p95": one_by_one[salts * 95 / 100],
        "first": first, "enough": tenth(enough as f64 / salts as f64 * 100.0),
        "in_batches": tenth(in_batches as f64 / salts as f64), "batches": tenth(batches as f64 / salts as f64),
    })
}

/// One row for each method: sets of `size` items that differ by `difference`.
fn compare(all: &[TxId], size: usize, difference: usize, one_sided: bool, salts: usize) -> Vec<Value> {
    let only_there = if one_sided { difference } else { difference.div_ceil(2) };
    // Both have the items in the middle; who asks has those after them as well, the other those before.
    let here = &all[only_there..size + difference - only_there];
    let there = &all[..size];
    let salts = salts.min(1 + 2_000_000 / size);
    let run = |method: &str, by: &dyn Fn([u8; 16]) -> Cost| {
        let costs: Vec<Cost> = (0..salts).map(|number| by(salt(number))).collect();
        assert!(costs.iter().all(|cost| cost.found == difference), "{method}: {size} items, {difference} apart");
        let sorted = |of: &dyn Fn(&Cost) -> usize| {
            let mut values: Vec<usize> = costs.iter().map(of).collect();
            values.sort_unstable();
            values
        };
        let bytes = sorted(&|cost| cost.bytes + only_there * SALTED_ID_BYTES);
        let cpu = [0, 1].map(|side| sorted(&|cost| cost.cpu[side].as_micros() as usize)[salts / 2]);
        let round_trips = costs.iter().map(|cost| cost.round_trips).sum::<usize>() as f64 / salts as f64;
        json!({
            "items": size, "difference": difference, "side": if one_sided { "there" } else { "both" },
            "method": method, "bytes": bytes[salts / 2], "bytes_p95": bytes[salts * 95 / 100],
            "round_trips": tenth(round_trips), "us_asks": cpu[0], "us_answers": cpu[1],
        })
    };
    vec![
        run("sketch, expected", &|salt| sketch(salt, here, there, difference)),
        run("sketch, guessed", &|salt| sketch(salt, here, there, GUESS)),
        run("ranges", &|salt| ranges::reconcile(salt, here, there)),
    ]
}

/// Compares two sets by symbols, as PROTOCOL.md has it.
fn sketch(salt: [u8; 16], here: &[TxId], there: &[TxId], expected: usize) -> Cost {
    let mut cost = Cost { bytes: REQUEST_BYTES, ..Cost::default() };
    let mut timed = [Duration::ZERO; 2];
    let begin = Instant::now();
    let mut decoder = Decoder::new(Encoder::new(salt, here).unwrap());
    timed[0] += begin.elapsed();
    let begin = Instant::now();
    let mut remote = Encoder::new(salt, there).unwrap();
    timed[1] += begin.elapsed();
    let mut batch = first_batch(expected);
    loop {
        cost.round_trips += 1;
        let sent = decoder.received();
        let begin = Instant::now();
        let symbols = remote.symbols(sent, sent + batch);
        timed[1] += begin.elapsed();
        cost.bytes += symbols.len() * SYMBOL_BYTES;
        let begin = Instant::now();
        let progress = decoder.add(symbols);
        timed[0] += begin.elapsed();
        match progress {
            Progress::More => batch = decoder.next_batch(),
            Progress::Done { only_here, only_there } => {
                cost.found = only_here.len() + only_there.len();
                break;
            }
            Progress::Failed(failure) => panic!("{failure} after {} of {SYMBOLS_MAX} symbols", decoder.received()),
        }
        cost.bytes += MORE_BYTES;
    }
    cost.cpu = timed;
    cost
}

fn tenth(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

/// Prints the named fields of the rows, aligned.
fn table(names: &[&str], rows: &[Value]) {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut lines = vec![names.iter().map(|name| name.replace('_', " ")).collect::<Vec<_>>()];
    lines.extend(rows.iter().map(|row| names.iter().map(|name| text(&row[*name])).collect()));
    let widths: Vec<usize> =
        (0..names.len()).map(|at| lines.iter().map(|line| line[at].len()).max().unwrap_or(0)).collect();
    for line in lines {
        let cells =
            line.iter().zip(&widths).map(|(cell, width)| match cell.starts_with(|c: char| c.is_ascii_digit()) {
                true => format!("{cell:>width$}"),
                false => format!("{cell:<width$}"),
            });
        println!("{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
}
