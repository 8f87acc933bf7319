//! The page of several runs holds a row for each, and no more than its bound.

use serde_json::json;
use testnet::report;
use testnet::report::page::SHOWN_RUNS_MAX;
use testnet::report::schema::{Propagation, Report, Runs, Swept};

use super::blocks::{block, page_in};
use crate::report::schema::report;

fn page(sweep: Option<Swept>, runs: Vec<Report>) -> String {
    let dir = tempfile::tempdir().unwrap();
    report::write_runs(dir.path(), &Runs { schema: 1, kind: "sweep".to_owned(), sweep, runs }).unwrap();
    page_in(dir.path())
}

fn run(seed: u64, p95: f64) -> Report {
    let mut tx = Propagation { offered: 5, ..Propagation::default() };
    tx.latency_ms.p95 = Some(p95);
    Report { seed, tx, command: "testnet sim </script>".to_owned(), ..report() }
}

#[test]
fn each_run_of_a_sweep_has_a_row_with_its_value_its_seed_and_its_figures() {
    let values = ["4", "4", "8", "8"].map(str::to_owned).to_vec();
    let sweep = Some(Swept { parameter: "degree".to_owned(), values });
    let data = block(&page(sweep, vec![run(1, 10.0), run(2, 11.0), run(1, 20.0), run(2, 21.0)]), "report");
    assert_eq!((&data["parameter"], &data["seeds"], &data["all"]), (&json!("degree"), &json!(true), &json!(4)));
    let rows: Vec<_> = data["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (&row["name"], &row["seed"], &row["tx"]["p95"]))
        .collect();
    assert_eq!(rows[1], (&json!("4"), &json!(2), &json!(11.0)));
    assert_eq!(rows[2], (&json!("8"), &json!(1), &json!(20.0)));
    assert_eq!(data["command"], json!("testnet sim </script>"));
}

#[test]
fn a_page_shows_no_more_runs_than_its_bound_and_says_how_many_there_are() {
    let data = block(&page(None, vec![run(1, 1.0); SHOWN_RUNS_MAX + 5]), "report");
    assert_eq!(data["rows"].as_array().unwrap().len(), SHOWN_RUNS_MAX);
    assert_eq!(data["all"], json!(SHOWN_RUNS_MAX + 5));
}
