//! No table is wider than a page, whatever was measured. Words that only we use are explained below it.

use testnet::report::capacity::{CAPACITY_KIND, Capacity, Step};
use testnet::report::compare::COMPARE_KIND;
use testnet::report::schema::{
    Broken, Compared, Cost, Filled, Healed, Percentiles, Propagation, Report, Rounds, RssMib, Rumored, Runs,
    Simulated, Spread, Stretch, Swept, Typical, Warm,
};
use testnet::report::tables;
use testnet::report::tables::layout::{Page, WIDTH};

use super::schema::report;

/// The longest text that can be typed.
const RELAY: &str = "rumor:fanout=64,round=1500ms,nodes=100000,feedback=off";
const FILE: &str = "/home/somebody/networks/of/the/world/a-graph-of-a-hundred-thousand-nodes-and-their-edges.txt";

/// An hour in milliseconds, and as many deliveries as a day at the highest rate makes on the largest number of
/// nodes.
const HOUR: f64 = 3_600_000.0;
const MANY: u64 = 8_640_000_000_000;

fn percentiles(ms: f64) -> Percentiles {
    Percentiles { p50: Some(ms), p90: Some(ms), p95: Some(ms), p99: Some(ms), max: Some(ms) }
}

fn propagation() -> Propagation {
    let stretch = Stretch { p50: Some(12_345.67), p95: Some(12_345.67), p99: Some(12_345.67) };
    let typical = Typical { p50: Some(12_345.67), p95: Some(12_345.67) };
    Propagation {
        offered: MANY / 1_000,
        originated: MANY / 1_000 - 1,
        expected: MANY,
        delivered: MANY - 1,
        coverage: Some(0.999_999),
        latency_ms: percentiles(HOUR),
        to_all_ms: percentiles(HOUR),
        stretch,
        limit_ms: typical,
        over_limit: typical,
        redundancy: Some(1_234.567),
        warm: Warm { latency_ms: percentiles(HOUR), stretch, wire_ratio: Some(1_234.567) },
    }
}

fn simulated() -> Simulated {
    Simulated {
        options: serde_json::json!({"reconcile_interval": "1s"}),
        repeat: "testnet sim --seed 18446744073709551615".to_owned(),
        events: MANY,
        inputs: MANY,
        messages: MANY,
        messages_lost: MANY,
        virtual_s: 86_400.0,
        wall_s: 86_400.0,
        events_per_s: Some(1_000_000.0),
        inputs_per_s: Some(1_000_000.0),
        memory_bytes_per_node: Some(1e9),
        memory_bytes_per_node_estimated: Some(1 << 40),
        wire_bytes_per_node: Some(1e12),
        checks: "sampled, converged".to_owned(),
        violations: vec![
            Broken {
                at_ms: HOUR,
                node: 99_999,
                what: "a node that is honest accepted an item that is not valid, and told others of it".to_owned()
            };
            20
        ],
        violations_found: MANY,
        adversaries: 99_999,
        left: MANY,
        tips: Some(99_999),
        signatures: MANY,
        unreachable: MANY,
        counted_bytes_max: Some(1 << 40),
        filled: vec![Filled {
            what: "transactions that are in blocks off the best chain".to_owned(),
            used: 1,
            limit: 1,
            share: 0.999_999,
            node: 1,
            at_ms: 1.0,
        }],
    }
}

/// A run in which everything is long.
fn extreme() -> Report {
    let rounds = Rounds { p50: Some(86_400.0), p95: Some(86_400.0), max: Some(86_400.0) };
    Report {
        engine: "gossipsub-signed".to_owned(),
        relay: RELAY.to_owned(),
        nodes: 100_000,
        topology: FILE.to_owned(),
        wan: FILE.to_owned(),
        seed: u64::MAX,
        valid: false,
        invalid_because: vec![format!("the trace of node 99999 is of no use: cannot read {FILE}")],
        starved: true,
        echoes: Some(MANY),
        tx: propagation(),
        block: propagation(),
        cost: Cost {
            wire_bytes_per_delivery: Some(1_048_576.1),
            wire_ratio: Some(1_234.567),
            idle_bytes_per_s_per_node: Some(1e9),
            cpu_us_per_delivery: Some(1e9),
            rss_mib: RssMib { p50: Some(65_536.1), max: Some(65_536.1) },
            lag_ms: Some(HOUR),
            control_excess_ms: percentiles(HOUR),
        },
        trace_hash: Some("f".repeat(64)),
        sim: Some(simulated()),
        rumor: Some(Rumored {
            fanout: 64,
            round_ms: 1_500.0,
            rounds_to_half: rounds,
            rounds_to_99: rounds,
            rounds_to_all: rounds,
            rounds_to_all_model: Some(123.4),
            messages_per_node: Some(12_345.67),
            residue: Some(0.9999),
            ..Rumored::default()
        }),
        partition: Some(Healed {
            at_ms: HOUR,
            lasts_ms: HOUR,
            halves: [50_000, 50_000],
            crossed: MANY,
            items_after_ms: Some(HOUR),
            tips_after_ms: Some(HOUR),
            converged_after_ms: Some(HOUR),
            ..Healed::default()
        }),
        spread: Some(Spread {
            interval_ms: 1_500.0,
            to_half: rounds,
            to_99: rounds,
            to_all: rounds,
            ..Spread::default()
        }),
        ..report()
    }
}

fn compared(engine: &str, relay: &str, round: u32) -> Report {
    Report {
        engine: engine.to_owned(),
        relay: relay.to_owned(),
        stored: (engine == "hearsay").then_some(true),
        compared: Some(Compared { workload: "one-time".to_owned(), round, reference: engine == "gossipsub" }),
        sim: None,
        ..extreme()
    }
}

fn runs(kind: &str, sweep: Option<Swept>, runs: Vec<Report>) -> Runs {
    Runs { schema: 1, kind: kind.to_owned(), sweep, runs }
}

fn swept(parameter: &str, value: &str) -> String {
    let of = |seed| Report { seed, ..extreme() };
    let sweep = Swept { parameter: parameter.to_owned(), values: vec![value.to_owned(); 2] };
    tables::render_runs(&runs("sweep", Some(sweep), vec![of(1), of(u64::MAX)]), Page::PLAIN)
}

fn searched() -> Capacity {
    let step = |carried: bool| Step {
        rate: 100_000.0,
        carried,
        because: if carried { String::new() } else { format!("the trace of node 999 is of no use: {FILE}") },
        offered: MANY,
        originated: MANY,
        coverage: Some(0.999_999),
        p50_ms: Some(HOUR),
        p95_ms: Some(HOUR),
        wire_bytes_per_delivery: Some(1_048_576.0),
        cpu_us_per_delivery: Some(1e9),
        lag_ms: Some(HOUR),
        submitted_late_ms: HOUR,
    };
    Capacity {
        schema: 1,
        kind: CAPACITY_KIND.to_owned(),
        engine: "gossipsub-signed".to_owned(),
        relay: RELAY.to_owned(),
        nodes: 1_000,
        topology: FILE.to_owned(),
        wan: FILE.to_owned(),
        seed: u64::MAX,
        command: "testnet run --find-capacity".to_owned(),
        valid: false,
        invalid_because: vec![format!("at 100000/s: {FILE}")],
        carried_per_s: Some(100_000.0),
        failed_per_s: Some(110_000.0),
        tx_bytes: 65_651,
        offered_s: 86_400.0,
        drain_s: 86_400.0,
        steps: vec![step(true), step(false)],
    }
}

/// All tables that the program prints.
fn pages() -> Vec<(&'static str, String)> {
    let real = Report { sim: None, rumor: None, spread: None, ..extreme() };
    let engines: Vec<Report> = (1..=3)
        .flat_map(|round| {
            [
                ("hearsay", RELAY),
                ("hearsay", "author-tree:redundancy=0.55"),
                ("gossipsub", "gossipsub"),
                ("gossipsub-signed", ""),
            ]
            .map(|(engine, relay)| compared(engine, relay, round))
        })
        .collect();
    vec![
        ("run", tables::render(&real, Page::PLAIN)),
        ("sim", tables::render(&extreme(), Page::PLAIN)),
        ("sweep of a number", swept("workload.one_time_authors", "0.123456")),
        ("sweep of a file", swept("topology", FILE)),
        ("seeds", tables::render_runs(&runs("sweep", None, vec![extreme(), report()]), Page::PLAIN)),
        ("compare", tables::render_runs(&runs(COMPARE_KIND, None, engines), Page::PLAIN)),
        ("capacity", tables::capacity::render(&searched(), Page::PLAIN)),
    ]
}

/// Commands stay on one line, so that they can be copied.
fn is_command(line: &str) -> bool {
    line.starts_with("testnet ") || line.starts_with("repeat with: ")
}

#[test]
fn no_line_but_a_command_is_wider_than_80_columns() {
    for (what, page) in pages() {
        for line in page.lines().filter(|line| !is_command(line)) {
            assert!(line.chars().count() <= WIDTH, "{what}: {} columns: {line}", line.chars().count());
        }
    }
}

#[test]
fn a_table_that_is_cut_keeps_every_heading_and_every_figure() {
    let page = swept("degree", "8");
    for heading in ["p50", "redundancy", "violations", "converged"] {
        assert_eq!(page.matches(heading).count() - page.matches(&format!(" {heading}:")).count(), 1, "{page}");
    }
    assert!(page.contains("12345.67") && page.contains("99.999%") && page.contains("8640000000000"), "{page}");
    // Each part names its rows.
    let parts = page.lines().filter(|line| line.contains("degree")).count();
    assert!(parts > 1 && page.matches("18446744073709551615").count() == parts, "{page}");
}

#[test]
fn on_a_wider_terminal_a_table_stays_whole() {
    let sweep = Swept { parameter: "degree".to_owned(), values: vec!["8".to_owned()] };
    let page =
        tables::render_runs(&runs("sweep", Some(sweep), vec![extreme()]), Page { width: 240, color: false });
    assert_eq!(page.lines().filter(|line| line.contains("degree")).count(), 1, "{page}");
    assert!(page.lines().any(|line| line.chars().count() > WIDTH), "{page}");
}

#[test]
fn words_that_only_we_use_are_explained_below_their_table_and_no_others() {
    for (what, page) in pages() {
        for word in ["warm", "originated", "stretch", "echoes", "redundancy", "coverage", "starved", "violations"]
        {
            let explains = |line: &str| line.starts_with(&format!(" {word}: "));
            let is_row =
                |line: &str| !explains(line) && !is_command(line) && line.starts_with(' ') && line.contains(word);
            let used = page.lines().position(is_row);
            let explained = page.lines().position(explains);
            match (used, explained) {
                (Some(used), Some(explained)) => assert!(used < explained, "{what}: {word} in {page}"),
                (None, None) => {}
                _ => panic!("{what}: {word} is used in line {used:?} and explained in {explained:?} of {page}"),
            }
        }
    }
}
