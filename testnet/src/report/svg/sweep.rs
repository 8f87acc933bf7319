//! The picture of a sweep: what each value costs in bytes, and what it gains in time.

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
    let other = |name: &str, value: &str| if name == parameter { String::new() } else { format!("{value}; ") };
    let detail = format!(
        "{}{}{}wan {}",
        other("nodes", &format!("{} nodes", first.nodes)),
        other("topology", &first.topology),
        other("relay", &format!("relay {}", first.relay)),
        first.wan
    );
    super::headline(area, &title, &detail)?;
    let most = |of: fn(&Point) -> f64| points.iter().map(of).fold(0.0, f64::max) * 1.12;
    let mut chart = ChartBuilder::on(area)
        .margin(20)
        .margin_top(76)
        .x_label_area_size(48)
        .y_label_area_size(70)
        .build_cartesian_2d(0.0..most(|point| point.bytes), 0.0..most(|point| point.p95))?;
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
        .draw()?;
    for (name, color, of) in
        [("p95", ORANGE, (|point| point.p95) as fn(&Point) -> f64), ("p50", BLUE, |point| point.p50)]
    {
        let line = points.iter().map(|point| (point.bytes, of(point)));
        chart
            .draw_series(LineSeries::new(line, color.mix(0.35).stroke_width(1)))?
            .label(name)
            .legend(move |(x, y)| Circle::new((x + 11, y), 5, color.filled()));
        chart.draw_series(points.iter().map(|point| {
            EmptyElement::at((point.bytes, of(point)))
                + Circle::new((0, 0), 5, color.filled())
                + Text::new(point.label.clone(), (8, -16), font(14).color(&INK))
        }))?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .margin(14)
        .label_font(font(14).color(&INK))
        .background_style(WHITE.mix(0.9))
        .border_style(GRID)
        .draw()?;
    area.present()
}
