//! The picture of a sweep: what each value costs in bytes, and what it gains in time.

use std::ops::Range;

use plotters::prelude::*;

use super::{Area, BLUE, DrawError, GRID, INK, ORANGE, drawn, font, short, time};
use crate::report::ReportError;
use crate::report::schema::{Report, Runs};

/// Draws the picture as SVG; `None` if no run has both bytes and latencies.
///
/// # Errors
/// What the drawing library says.
pub fn sweep(runs: &Runs) -> Result<Option<String>, ReportError> {
    let label = |index: usize, report: &Report| match &runs.sweep {
        Some(swept) => swept.values.get(index).cloned().unwrap_or_default(),
        None => format!("seed {}", report.seed),
    };
    let points: Vec<Point> = runs
        .runs
        .iter()
        .enumerate()
        .filter_map(|(index, report)| {
            let figures = if report.tx.delivered > 0 { &report.tx } else { &report.block };
            Some(Point {
                label: label(index, report),
                bytes: report.cost.wire_bytes_per_delivery?,
                p50: figures.latency_ms.p50?,
                p95: figures.latency_ms.p95?,
            })
        })
        .collect();
    match (points.is_empty(), runs.runs.first()) {
        (false, Some(first)) => drawn(|area| draw(area, runs, first, &points)).map(Some),
        _ => Ok(None),
    }
}

struct Point {
    label: String,
    bytes: f64,
    p50: f64,
    p95: f64,
}

fn draw(area: &Area<'_>, runs: &Runs, first: &Report, points: &[Point]) -> Result<(), DrawError> {
    let parameter = runs.sweep.as_ref().map_or("seed", |swept| swept.parameter.as_str());
    let title = format!("Latency against bytes, by {parameter}");
    // What is varied has no one value to show.
    let fixed = |keys: &[&str], value: String| if keys.contains(&parameter) { None } else { Some(value) };
    let detail: Vec<String> = [
        fixed(&["nodes"], format!("{} nodes", first.nodes)),
        fixed(&["topology", "degree"], first.topology.clone()),
        fixed(&["relay", "fanout", "round", "feedback"], format!("relay {}", first.relay)),
        fixed(&["wan"], format!("wan {}", first.wan)),
    ]
    .into_iter()
    .flatten()
    .collect();
    let detail = detail.join("; ");
    super::headline(area, &title, &detail)?;
    let (across, up) =
        (axis(points.iter().map(|point| point.bytes)), axis(points.iter().flat_map(Point::latencies)));
    let mut chart = ChartBuilder::on(area)
        .margin(20)
        .margin_top(76)
        .x_label_area_size(48)
        .y_label_area_size(70)
        .build_cartesian_2d(across.clone(), up.clone())?;
    chart
        .configure_mesh()
        .light_line_style(GRID.mix(0.5))
        .bold_line_style(GRID)
        .axis_style(INK)
        .label_style(font(14).color(&INK))
        .x_desc("wire bytes for each delivery")
        .y_desc("latency")
        .x_label_formatter(&|bytes| short(*bytes))
        .y_label_formatter(&|ms| if *ms == 0.0 { "0".to_owned() } else { time(*ms) })
        .max_light_lines(1)
        .draw()?;
    for (name, color, of) in
        [("p95", ORANGE, (|point| point.p95) as fn(&Point) -> f64), ("p50", BLUE, |point| point.p50)]
    {
        // Between names there is nothing.
        let ordered = points.iter().all(|point| point.label.starts_with(|c: char| c.is_ascii_digit()));
        let line = points.iter().filter(|_| ordered).map(|point| (point.bytes, of(point)));
        chart
            .draw_series(LineSeries::new(line, color.mix(0.35).stroke_width(1)))?
            .label(name)
            .legend(move |(x, y)| Circle::new((x + 11, y), 5, color.filled()));
        chart.draw_series(points.iter().map(|point| Circle::new((point.bytes, of(point)), 5, color.filled())))?;
        let places = points.iter().map(|point| (point.label.as_str(), (point.bytes, of(point))));
        chart.draw_series(
            labels(places, &across, &up)
                .into_iter()
                .map(|(label, at)| EmptyElement::at(at) + Text::new(label, (8, -16), font(14).color(&INK))),
        )?;
    }
    super::legend(&mut chart, SeriesLabelPosition::UpperRight)?;
    area.present()
}

impl Point {
    fn latencies(&self) -> [f64; 2] {
        [self.p50, self.p95]
    }
}

/// From 0, unless that would press all values together at the end.
fn axis(values: impl Iterator<Item = f64>) -> Range<f64> {
    let (low, high) =
        values.fold((f64::INFINITY, 0.0_f64), |(low, high), value| (low.min(value), high.max(value)));
    let room = (high - low).max(high * 0.02) * 0.15;
    if low < high / 2.0 { 0.0..high + room } else { low - room..high + room }
}

/// Points that lie nearer to each other than this part of the axes share a label.
const NEAR: (f64, f64) = (0.03, 0.035);

/// One label for all points of one place.
fn labels<'a>(
    points: impl Iterator<Item = (&'a str, (f64, f64))>,
    across: &Range<f64>,
    up: &Range<f64>,
) -> Vec<(String, (f64, f64))> {
    let mut labels: Vec<(String, (f64, f64))> = Vec::new();
    for (label, at) in points {
        let near = |other: &(f64, f64)| {
            (at.0 - other.0).abs() < NEAR.0 * (across.end - across.start)
                && (at.1 - other.1).abs() < NEAR.1 * (up.end - up.start)
        };
        match labels.iter_mut().find(|(_, other)| near(other)) {
            Some((shared, _)) => *shared = format!("{shared}, {label}"),
            None => labels.push((label.to_owned(), at)),
        }
    }
    labels
}
