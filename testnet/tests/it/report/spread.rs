//! Spread in intervals, against numbers worked out by hand, and its pictures.

use protocol::time::Duration;
use testnet::report::schema::{Report, Rounds, Runs, SCHEMA, Swept};
use testnet::report::svg;
use testnet::sim::measure::spread::spread;

use super::schema::report;
use crate::sim::simulated::finished;

#[test]
fn shares_are_of_all_nodes_at_each_quarter_of_an_interval() {
    // Of four nodes, one gets the first item after 510 ms, another after 700 ms and the last after 2,600 ms. One
    // node gets the second item after 1,050 ms.
    let spread = spread(&finished(), Duration::from_secs(1));
    assert_eq!(spread.interval_ms, 1_000.0);
    let at = |intervals: f64| {
        let step = spread.steps.iter().find(|step| step.intervals == intervals).unwrap();
        [step.informed, step.least, step.most]
    };
    assert_eq!([at(0.0), at(0.5)], [[0.25; 3]; 2]);
    assert_eq!(at(0.75), [0.5, 0.25, 0.75]);
    assert_eq!(at(1.25), [0.625, 0.5, 0.75]);
    assert_eq!(at(2.75), [0.75, 0.5, 1.0]);
    assert_eq!(spread.steps.len(), 12);
    let all = |intervals| Rounds { p50: Some(intervals), p95: Some(intervals), max: Some(intervals) };
    assert_eq!(spread.to_half, Rounds { p50: Some(0.51), p95: Some(1.05), max: Some(1.05) });
    assert_eq!((spread.to_99, spread.to_all), (all(2.6), all(2.6)));
}

#[test]
fn a_sweep_of_nodes_draws_a_curve_each_and_the_growth_of_the_slowest() {
    let run = |nodes: usize| Report {
        nodes,
        spread: Some(spread(&finished(), Duration::from_micros(100_000 * nodes as u64))),
        ..report()
    };
    let runs = vec![run(50), run(100), run(1_000)];
    let values: Vec<String> = runs.iter().map(|run| run.nodes.to_string()).collect();
    let names: Vec<String> = values.iter().map(|value| format!("nodes {value}")).collect();
    let sweep = Some(Swept { parameter: "nodes".to_owned(), values });
    let picture = svg::spread(&runs, &names).unwrap().unwrap();
    assert!(names.iter().all(|name| picture.contains(&format!("{name} (mean over items)"))), "{picture}");
    let runs = Runs { schema: SCHEMA, kind: "sweep".to_owned(), sweep, runs };
    let growth = svg::growth(&runs).unwrap().unwrap();
    assert!(growth.contains("until all nodes have it") && growth.contains("slowest item"), "{growth}");
    assert!(!growth.contains("theory"), "{growth}");
    assert_eq!(svg::spread(&[report()], &[]).unwrap(), None);
}
