//! The picture of a sweep: over the varied value, the latencies above and the bytes below. Several seeds of a
//! value are one point, their median, and a band from the lowest to the highest.
//!
//! If nothing was sent but what members say, the latencies are theirs: until 99 % know of a crash, and of a new entry.

use std::ops::Range;

use plotters::prelude::*;

use super::swept::{Axis, Marked, Place};
use super::{Area, BLUE, DrawError, GREEN, GRID, INK, ORANGE, drawn, font, short, time};
use crate::report::ReportError;
use crate::report::compare::Spread;
use crate::report::schema::{Report, Runs};

/// A figure and how it is drawn.
struct Curve {
    name: &'static str,
    color: RGBColor,
    of: fn(&Report) -> Option<f64>,
}

/// What the picture shows.
struct Subject {
    title: &'static str,
    /// The upper chart, and what it is of.
    times: [Curve; 2],
    time: &'static str,
    /// The lower one.
    bytes: [Curve; 1],
    sent: &'static str,
}

const ITEMS: Subject = Subject {
    title: "Latency and bytes",
    times: [
        Curve { name: "p95", color: ORANGE, of: |run| run.tx_or_block().latency_ms.p95 },
        Curve { name: "p50", color: BLUE, of: |run| run.tx_or_block().latency_ms.p50 },
    ],
    time: "latency",
    bytes: [Curve { name: "wire bytes", color: GREEN, of: |run| run.cost.wire_bytes_per_delivery }],
    sent: "wire bytes for each delivery",
};

const MEMBERS: Subject = Subject {
    title: "Members: how soon 99 % know, and bytes",
    times: [
        Curve { name: "crash", color: ORANGE, of: |run| run.members.as_ref()?.detect_ms.p99 },
        Curve { name: "entry", color: BLUE, of: |run| run.members.as_ref()?.entry_ms.p99 },
    ],
    time: "until 99 % know",
    bytes: [Curve { name: "bytes", color: GREEN, of: |run| run.members.as_ref()?.bytes_per_s_per_node }],
    sent: "bytes a second and member",
};

/// Pixels of the headline and of each of the two charts' names below their axes.
const HEADLINE: u32 = 76;
const DESCRIPTION: u32 = 48;

/// The place where the first colour is explained, and the distance to the next.
const KEY_AT: i32 = 810;
const KEY_STEP: i32 = 60;

/// Draws the picture as SVG; `None` if no run has bytes or latencies.
///
/// # Errors
/// The error of the drawing library.
pub fn sweep(runs: &Runs) -> Result<Option<String>, ReportError> {
    let axis = Axis::of(runs);
    let any = |curves: &[Curve]| runs.runs.iter().any(|run| curves.iter().any(|curve| (curve.of)(run).is_some()));
    let subject = [&ITEMS, &MEMBERS].into_iter().find(|subject| any(&subject.times) && any(&subject.bytes));
    match (runs.runs.first(), subject) {
        (Some(first), Some(subject)) => drawn(|area| draw(area, runs, first, &axis, subject)).map(Some),
        _ => Ok(None),
    }
}

fn draw(area: &Area<'_>, runs: &Runs, first: &Report, axis: &Axis, subject: &Subject) -> Result<(), DrawError> {
    let parameter = runs.sweep.as_ref().map_or("seed", |swept| swept.parameter.as_str());
    // The varied key has no single value to show.
    let fixed = |keys: &[&str], value: String| if keys.contains(&parameter) { None } else { Some(value) };
    let seeds = axis.places().iter().map(|place| place.runs.len()).max().unwrap_or(1);
    let detail: Vec<String> = [
        fixed(&["nodes"], format!("{} nodes", first.nodes)),
        fixed(&["topology", "degree"], first.topology.clone()),
        fixed(&["relay", "fanout", "round", "feedback"], format!("relay {}", first.relay)),
        fixed(&["wan"], format!("wan {}", first.wan)),
        (seeds > 1).then(|| format!("the median of {seeds} seeds, and from the lowest to the highest")),
    ]
    .into_iter()
    .flatten()
    .collect();
    super::headline(area, &format!("{}, by {parameter}", subject.title), &detail.join("; "))?;
    key(area, &subject.times)?;
    let (_, below) = area.split_vertically(HEADLINE - 20);
    let (_, height) = below.dim_in_pixel();
    let (upper, lower) = below.split_vertically((height - DESCRIPTION) / 2);
    let shown = |ms: f64| if ms == 0.0 { "0".to_owned() } else { time(ms) };
    chart(&upper, runs, axis, &subject.times, "", subject.time, &shown)?;
    chart(&lower, runs, axis, &subject.bytes, &axis.description(parameter), subject.sent, &short)?;
    area.present()
}

/// One of the two charts. If it has no description below, the values stand below the other chart.
fn chart(
    area: &Area<'_>,
    runs: &Runs,
    axis: &Axis,
    curves: &[Curve],
    description: &str,
    figure: &str,
    label: &dyn Fn(f64) -> String,
) -> Result<(), DrawError> {
    let across = Marked { range: axis.range(), marks: axis.marks() };
    let shown = |at: &f64| axis.label(*at);
    let mut chart = ChartBuilder::on(area)
        .margin(12)
        .margin_left(20)
        .margin_right(28)
        .x_label_area_size(if description.is_empty() { 24 } else { DESCRIPTION })
        .y_label_area_size(76)
        .build_cartesian_2d(across, upwards(runs, curves))?;
    chart
        .configure_mesh()
        .light_line_style(GRID.mix(0.5))
        .bold_line_style(GRID)
        .axis_style(INK)
        .label_style(font(14).color(&INK))
        .x_desc(description)
        .y_desc(figure)
        .x_labels(axis.marks().len())
        .x_label_formatter(&shown)
        .y_label_formatter(&|value| label(*value))
        .y_labels(6)
        .max_light_lines(1)
        .draw()?;
    for Curve { color, of, .. } in curves {
        let color = *color;
        let points: Vec<(f64, Spread)> =
            axis.places().iter().map(|place| (place.at, spread(runs, place, *of))).collect();
        for stretch in whole(&points) {
            // Between names there is nothing.
            if axis.is_ordered() {
                let above = stretch.iter().map(|one| (one.0, one.3));
                let below = stretch.iter().rev().map(|one| (one.0, one.2));
                let band: Vec<(f64, f64)> = above.chain(below).collect();
                chart.draw_series([Polygon::new(band, color.mix(0.15))])?;
                chart.draw_series(LineSeries::new(
                    stretch.iter().map(|one| (one.0, one.1)),
                    color.stroke_width(2),
                ))?;
            }
            let bars = stretch.iter().map(|one| PathElement::new([(one.0, one.2), (one.0, one.3)], color));
            chart.draw_series(bars)?;
            chart.draw_series(stretch.iter().map(|one| Circle::new((one.0, one.1), 4, color.filled())))?;
        }
    }
    Ok(())
}

/// The meaning of the colours of the upper chart. It stands above the chart, where nothing is drawn.
fn key(area: &Area<'_>, curves: &[Curve]) -> Result<(), DrawError> {
    for (at, curve) in (0..).zip(curves) {
        let x = KEY_AT + at * KEY_STEP;
        area.draw(&Circle::new((x, 32), 5, curve.color.filled()))?;
        area.draw_text(curve.name, &font(14).into_text_style(area).color(&INK), (x + 11, 25))?;
    }
    Ok(())
}

/// A figure over the runs of one value.
fn spread(runs: &Runs, place: &Place, of: fn(&Report) -> Option<f64>) -> Spread {
    Spread::of(place.runs.iter().filter_map(|run| runs.runs.get(*run)).filter_map(of))
}

/// Runs of neighbouring points that have a figure: place, median, lowest, highest.
fn whole(points: &[(f64, Spread)]) -> Vec<Vec<(f64, f64, f64, f64)>> {
    let mut stretches = vec![Vec::new()];
    for (at, spread) in points {
        match (spread.median, spread.low, spread.high, stretches.last_mut()) {
            (Some(median), Some(low), Some(high), Some(stretch)) => stretch.push((*at, median, low, high)),
            _ => stretches.push(Vec::new()),
        }
    }
    stretches.retain(|stretch| !stretch.is_empty());
    stretches
}

/// From 0 to a little above the highest.
fn upwards(runs: &Runs, curves: &[Curve]) -> Range<f64> {
    let figures = runs.runs.iter().flat_map(|run| curves.iter().filter_map(|curve| (curve.of)(run)));
    0.0..figures.fold(0.0, f64::max).max(f64::MIN_POSITIVE) * 1.12
}
