//! The files for other programs: their columns are those of docs/DATA.md, and each form holds the same.

use std::fs;
use std::path::Path;

use node::observe::trace::Kind;
use protocol::gossip::ArrivalCause;
use protocol::items::hash::ShortId;
use serde_json::{Value, json};
use testnet::report::deliveries::columns::{Column, DELIVERY_COLUMNS, HOP_COLUMNS};
use testnet::report::deliveries::files::{each_hop, write_hops, write_ndjson};
use testnet::report::deliveries::hops::{Blame, Cause, Hop, Parts};
use testnet::report::deliveries::runs::RUN_COLUMNS;
use testnet::report::schema::{Propagation, Report, Runs, Swept};
use testnet::report::{self, ReportError};

use crate::report::schema::report;

/// A hop in which everything is known.
pub(crate) fn hop(item: u8, from: usize, node: usize, latency_ms: f64) -> Hop {
    let some = Some(1.5);
    Hop {
        kind: Kind::Transaction,
        item: ShortId([item; 8]),
        origin: 0,
        node,
        from: Some(from),
        depth: Some(1),
        cause: Cause::Why(ArrivalCause::AuthorRoute),
        latency_ms: Some(latency_ms),
        hop_ms: Some(latency_ms),
        parts: Parts { queue: some, wait: some, link: some, floor: some, processor: some, verify: some },
        lost_ms: Some(0.25),
        blame: Blame::link(node, from),
    }
}

fn unknown() -> Hop {
    let known = hop(2, 0, 3, 4.0);
    Hop {
        from: None,
        depth: None,
        cause: Cause::Unknown,
        latency_ms: None,
        hop_ms: None,
        parts: Parts::default(),
        lost_ms: None,
        blame: Blame::Nobody,
        ..known
    }
}

fn read(dir: &Path) -> Vec<Hop> {
    let mut hops = Vec::new();
    each_hop(dir, |hop| hops.push(hop)).unwrap();
    hops
}

#[test]
fn hops_are_written_and_read_back_and_damage_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let hops = [hop(1, 0, 2, 3.125), unknown(), Hop { blame: Blame::Withholder(7), ..hop(3, 2, 1, 9.0) }];
    write_hops(dir.path(), &hops).unwrap();
    assert_eq!(read(dir.path()), hops);
    let file = dir.path().join("hops.csv");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("link 0-2", "link 0")).unwrap();
    let error = each_hop(dir.path(), |_| ()).unwrap_err();
    assert!(matches!(error, ReportError::Deliveries { .. }) && error.to_string().contains("line 2"), "{error}");
}

#[test]
fn ndjson_holds_the_same_values_as_the_csv_with_null_for_what_is_unknown() {
    let dir = tempfile::tempdir().unwrap();
    write_hops(dir.path(), &[hop(1, 0, 2, 3.125), unknown()]).unwrap();
    report::write(dir.path(), &report(), &[]).unwrap();
    assert_eq!(write_ndjson(dir.path()).unwrap(), ["deliveries.ndjson", "hops.ndjson"]);
    let text = fs::read_to_string(dir.path().join("hops.ndjson")).unwrap();
    let rows: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0]["item"], json!("0101010101010101"));
    assert_eq!((&rows[0]["node"], &rows[0]["latency_ms"]), (&json!(2), &json!(3.125)));
    assert_eq!(rows[0]["blame"], json!("link 0-2"));
    assert_eq!(
        (&rows[1]["from"], &rows[1]["hop_ms"], &rows[1]["blame"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    let mut found: Vec<&str> = rows[0].as_object().unwrap().keys().map(String::as_str).collect();
    let mut wanted: Vec<&str> = HOP_COLUMNS.iter().map(|(name, _)| *name).collect();
    found.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(found, wanted);
}

#[test]
fn a_sweep_has_a_row_for_each_run_and_quotes_what_has_commas() {
    let dir = tempfile::tempdir().unwrap();
    let run = |seed, p95| {
        let mut tx = Propagation { coverage: Some(1.0), ..Propagation::default() };
        tx.latency_ms.p95 = Some(p95);
        Report { seed, tx, relay: "rumor:fanout=3,round=1s".to_owned(), ..report() }
    };
    let sweep = Some(Swept { parameter: "degree".to_owned(), values: vec!["4".to_owned(), "8".to_owned()] });
    let runs = Runs { schema: 1, kind: "sweep".to_owned(), sweep, runs: vec![run(1, 10.5), run(2, 20.0)] };
    report::write_runs(dir.path(), &runs).unwrap();
    let text = fs::read_to_string(dir.path().join("sweep.csv")).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], RUN_COLUMNS.map(|(name, _)| name).join(","));
    assert_eq!(lines.len(), 3);
    assert!(
        lines[1]
            .starts_with("degree,4,1,hearsay,\"rumor:fanout=3,round=1s\",50,kademlia,none,true,false,1,,10.5,")
    );
    assert!(lines[2].starts_with("degree,8,2,"), "{}", lines[2]);
    // Without the quoted commas, each row has as many cells as there are columns.
    assert_eq!(lines[1].replace("3,round", "3 round").split(',').count(), RUN_COLUMNS.len());
}

/// The rows of the table below a heading of docs/DATA.md: column and type.
fn documented(file: &str) -> Vec<(String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/DATA.md");
    let text = fs::read_to_string(path).unwrap();
    let section = text.split("\n## ").find(|section| section.starts_with(&format!("`{file}`"))).unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    rows.map(|line| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        (cells[1].trim_matches('`').to_owned(), cells[2].to_owned())
    })
    .collect()
}

#[test]
fn the_document_has_every_column_in_order_with_its_type() {
    let columns = |columns: &[Column]| -> Vec<(String, String)> {
        columns.iter().map(|(name, kind)| ((*name).to_owned(), kind.name().to_owned())).collect()
    };
    assert_eq!(documented("deliveries.csv"), columns(&DELIVERY_COLUMNS));
    assert_eq!(documented("hops.csv"), columns(&HOP_COLUMNS));
    assert_eq!(documented("sweep.csv"), columns(&RUN_COLUMNS));
}
