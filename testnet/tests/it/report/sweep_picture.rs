//! The picture of a sweep: the swept values stand at their places on the axis, with one point for all seeds of a
//! value.

use testnet::report::schema::{Cost, Percentiles, Propagation, Report, Runs, SCHEMA, Swept};
use testnet::report::svg;

use super::schema::report;

/// A run with this p95.
fn run(seed: u64, p95: f64) -> Report {
    let latency_ms = Percentiles { p50: Some(p95 / 2.0), p95: Some(p95), ..Percentiles::default() };
    Report {
        seed,
        tx: Propagation { offered: 10, delivered: 10, latency_ms, ..Propagation::default() },
        cost: Cost { wire_bytes_per_delivery: Some(500.0), ..Cost::default() },
        ..report()
    }
}

fn picture(parameter: Option<&str>, values: &[&str], runs: Vec<Report>) -> String {
    let values = values.iter().map(|value| (*value).to_owned()).collect();
    let sweep = parameter.map(|parameter| Swept { parameter: parameter.to_owned(), values });
    svg::sweep(&Runs { schema: SCHEMA, kind: "sweep".to_owned(), sweep, runs }).unwrap().unwrap()
}

/// The horizontal position of a text.
fn across(picture: &str, text: &str) -> f64 {
    let lines: Vec<&str> = picture.lines().collect();
    let at = lines.iter().position(|line| line.trim() == text).unwrap_or_else(|| panic!("no {text} in {picture}"));
    let start = lines[at - 1].split(" x=\"").nth(1).unwrap();
    start.split('"').next().unwrap().parse().unwrap()
}

/// The horizontal positions of the filled circles of a colour, without the legend's.
fn points(picture: &str, color: &str) -> Vec<f64> {
    let circles = picture
        .lines()
        .filter(|line| line.contains("<circle") && line.contains(color) && line.contains("r=\"4\""));
    circles.map(|line| line.split("cx=\"").nth(1).unwrap().split('"').next().unwrap().parse().unwrap()).collect()
}

const P95: &str = "#D66014";

#[test]
fn numbers_stand_where_they_belong() {
    let values = ["1", "2", "4", "5"];
    let drawn = picture(Some("fanout"), &values, values.iter().map(|_| run(1, 10.0)).collect());
    let at = points(&drawn, P95);
    assert_eq!(at.len(), 4);
    assert!(((at[2] - at[1]) / (at[1] - at[0]) - 2.0).abs() < 0.02, "{at:?}");
    assert!(values.iter().all(|value| (across(&drawn, value) - at[values.iter().position(|v| v == value).unwrap()]).abs() < 1.5));
    // The swept key names the axis.
    assert!(drawn.lines().any(|line| line.trim() == "fanout"), "{drawn}");
}

#[test]
fn values_that_grow_by_a_factor_stand_evenly_and_their_unit_is_on_the_axis() {
    let values = ["50ms", "100ms", "200ms", "400ms"];
    let drawn = picture(Some("round"), &values, values.iter().map(|_| run(1, 10.0)).collect());
    let at = points(&drawn, P95);
    assert!(((at[3] - at[2]) - (at[1] - at[0])).abs() < 2.5, "{at:?}");
    assert!(drawn.lines().any(|line| line.trim() == "round, ms"), "{drawn}");
}

#[test]
fn seeds_of_a_value_are_their_median_and_a_band() {
    let values = ["4", "4", "4", "8", "8", "8"];
    let runs = [(1, 10.0), (2, 90.0), (3, 20.0), (1, 5.0), (2, 7.0), (3, 6.0)].map(|(seed, p95)| run(seed, p95));
    let drawn = picture(Some("degree"), &values, runs.to_vec());
    assert_eq!(points(&drawn, P95).len(), 2);
    assert!(drawn.contains("the median of 3 seeds, and from the lowest to the highest"), "{drawn}");
    assert!(drawn.contains("<polygon"), "{drawn}");
}

#[test]
fn names_and_seeds_stand_side_by_side_without_a_line_between() {
    let values = ["announce", "flood", "rumor:fanout=3"];
    let drawn = picture(Some("relay"), &values, values.iter().map(|_| run(1, 10.0)).collect());
    assert!(values.iter().all(|value| across(&drawn, value) > 0.0));
    let line = |drawn: &str| {
        drawn
            .lines()
            .any(|line| line.contains("<polyline") && line.contains(P95) && line.contains("stroke-width=\"2\""))
    };
    assert!(!line(&drawn), "{drawn}");
    let seeds = picture(None, &[], vec![run(7, 10.0), run(8, 12.0), run(9, 11.0)]);
    assert!(!line(&seeds) && across(&seeds, "8") > across(&seeds, "7"), "{seeds}");
    let numbers = picture(Some("degree"), &["4", "8"], vec![run(1, 10.0), run(1, 12.0)]);
    assert!(line(&numbers), "{numbers}");
}
