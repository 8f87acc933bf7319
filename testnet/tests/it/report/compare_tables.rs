//! Medians, ratios and spreads of a comparison, against numbers worked out by hand.

use testnet::report::compare::{COMPARE_KIND, FIGURES, Figure, Spread, series};
use testnet::report::schema::{Compared, Cost, Percentiles, Propagation, Report, Runs};
use testnet::report::tables::layout::Page;
use testnet::report::tables::render_runs;
use testnet::report::{self, COMPARE_FILE, Found, SWEEP_FILE};

use super::schema::report;

/// A run with this p95 and this number of bytes for each delivery.
fn run(engine: &str, workload: &str, round: u32, p95: f64, bytes: f64) -> Report {
    let latency_ms = Percentiles { p50: Some(p95 / 2.0), p95: Some(p95), ..Percentiles::default() };
    Report {
        engine: engine.to_owned(),
        relay: if engine == "hearsay" { "announce" } else { "gossipsub" }.to_owned(),
        stored: (engine == "hearsay").then_some(false),
        tx: Propagation {
            offered: 10,
            originated: 10,
            expected: 490,
            delivered: 490,
            coverage: Some(1.0),
            latency_ms,
            ..Propagation::default()
        },
        cost: Cost { wire_bytes_per_delivery: Some(bytes), ..Cost::default() },
        compared: Some(Compared { workload: workload.to_owned(), round, reference: engine == "gossipsub" }),
        ..report()
    }
}

/// Two engines, two workloads, three rounds. In the second round of `plain`, all latencies are ten times higher.
fn runs() -> Vec<Report> {
    let mut runs = Vec::new();
    for (round, times) in [(1, 1.0), (2, 10.0), (3, 1.0)] {
        runs.push(run("hearsay", "plain", round, [3.0, 6.0, 4.0][round as usize - 1] * times, 400.0));
        runs.push(run("gossipsub", "plain", round, 10.0 * times, 2_000.0));
        runs.push(run("hearsay", "stray", round, 8.0, 900.0));
        runs.push(run("gossipsub", "stray", round, 10.0, 2_000.0));
    }
    runs
}

#[test]
fn runs_with_and_without_a_store_are_two_series() {
    let stored =
        |round, stored, p95| Report { stored: Some(stored), ..run("hearsay", "plain", round, p95, 400.0) };
    let runs: Vec<Report> =
        (1..=2).flat_map(|round| [stored(round, false, 4.0), stored(round, true, 5.0)]).collect();
    let names: Vec<String> = series(&runs).iter().map(|one| one.name()).collect();
    assert_eq!(names, ["hearsay announce", "hearsay announce, stored"]);
    let lengths: Vec<usize> = series(&runs).iter().map(|one| one.runs.len()).collect();
    assert_eq!(lengths, [2, 2]);
}

fn figure(name: &str) -> &'static Figure {
    FIGURES.iter().find(|figure| figure.name == name).unwrap()
}

fn compared(runs: Vec<Report>) -> Runs {
    Runs { schema: 1, kind: COMPARE_KIND.to_owned(), sweep: None, runs }
}

#[test]
fn a_median_is_over_the_rounds_of_one_engine_policy_and_workload() {
    let runs = runs();
    let all = series(&runs);
    let names: Vec<(String, &str, usize)> =
        all.iter().map(|one| (one.name(), one.workload, one.runs.len())).collect();
    let wanted = [
        ("hearsay announce", "plain"),
        ("gossipsub", "plain"),
        ("hearsay announce", "stray"),
        ("gossipsub", "stray"),
    ];
    assert_eq!(names, wanted.map(|(name, workload)| (name.to_owned(), workload, 3)));
    // 3, 60 and 4 ms.
    let spread = all[0].figure(figure("p95 ms"), |run| &run.tx);
    assert_eq!(spread, Spread { median: Some(4.0), low: Some(3.0), high: Some(60.0) });
}

#[test]
fn a_ratio_is_taken_within_each_round() {
    let runs = runs();
    let all = series(&runs);
    // 3 / 10, 60 / 100 and 4 / 10: a round that was slow for both changes nothing.
    let ratio = all[0].ratio_to(&all[1], figure("p95 ms"), |run| &run.tx);
    assert_eq!(ratio, Spread { median: Some(0.4), low: Some(0.3), high: Some(0.6) });
    let bytes = all[2].ratio_to(&all[3], figure("bytes"), |run| &run.tx);
    assert_eq!(bytes, Spread { median: Some(0.45), low: Some(0.45), high: Some(0.45) });
    // A figure that neither run has gets no ratio.
    assert_eq!(all[0].ratio_to(&all[1], figure("RSS MiB"), |run| &run.tx), Spread::default());
}

#[test]
fn the_tables_name_every_workload_and_every_loss() {
    let mut runs = runs();
    runs[4].tx.delivered = 480;
    runs[4].tx.coverage = Some(480.0 / 490.0);
    runs[4].starved = true;
    let text = render_runs(&compared(runs), Page::PLAIN);
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    let row = |start: &[&str]| rows.iter().find(|row| row.starts_with(start)).unwrap().join(" ");
    let plain = row(&["plain", "hearsay", "announce"]);
    // Coverage shows the lowest round, and not the median.
    assert!(
        plain.starts_with("plain hearsay announce 2.0 4.0 400 97") && plain.ends_with("97.959% 1 of 3"),
        "{plain}"
    );
    // A figure that no run has gets no column.
    assert!(!text.contains("stretch") && !text.contains("RSS"), "{text}");
    assert!(row(&["stray", "gossipsub"]).ends_with("100% no"), "{text}");
    assert!(text.contains("transactions, plain: times gossipsub's"), "{text}");
    let ratios = row(&["hearsay", "announce"]);
    assert!(ratios.contains("0.40 (0.30–0.60)") && ratios.contains("0.20 (0.20–0.20)"), "{ratios}");
    assert!(text.contains("INCOMPLETE: hearsay announce, plain, round 2: 10 deliveries"), "{text}");
    assert!(text.contains("STARVED: in 1 of 12 runs"), "{text}");
    assert!(!text.contains("blocks"), "{text}");
}

#[test]
fn a_comparison_is_read_and_drawn_again() {
    let dir = tempfile::tempdir().unwrap();
    let runs = compared(runs());
    report::write_runs(dir.path(), &runs).unwrap();
    let json = std::fs::read_to_string(dir.path().join("report.json")).unwrap();
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&value["schema"], &value["kind"]), (&1.into(), &"compare".into()));
    assert_eq!(
        value["runs"][0]["compared"],
        serde_json::json!({"workload": "plain", "round": 1, "reference": false})
    );
    assert_eq!(report::read(dir.path()).unwrap(), Found::Several(runs.clone()));
    let picture = dir.path().join(COMPARE_FILE);
    let drawn = std::fs::read_to_string(&picture).unwrap();
    for text in ["plain", "stray", "gossipsub", "hearsay announce"] {
        assert!(drawn.contains(text), "{text} is not in the picture");
    }
    assert!(!dir.path().join(SWEEP_FILE).exists());
    std::fs::remove_file(&picture).unwrap();
    assert_eq!(report::redraw_missing_of_runs(dir.path(), &runs).unwrap(), [COMPARE_FILE]);
    assert_eq!(std::fs::read_to_string(&picture).unwrap(), drawn);
}
