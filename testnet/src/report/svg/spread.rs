//! The picture of spread: the share of the nodes that have a transaction, by the time since its submission in
//! intervals. There is a curve for each run.

use plotters::prelude::*;

use super::{Area, DrawError, GRID, INK, drawn, font};
use crate::report::ReportError;
use crate::report::schema::{Report, Spread};

/// The most curves, because more can't be told apart. If there are more runs, the picture shows only every second
/// one, or every third one, and so on.
const CURVES_MAX: usize = 8;

/// Draws the picture as SVG; `None` if no run's spread was measured. `names` tell how the runs differ.
///
/// # Errors
/// The error of the drawing library.
pub fn spread(runs: &[Report], names: &[String]) -> Result<Option<String>, ReportError> {
    let measured = runs.iter().enumerate().filter_map(|(index, run)| Some((index, run, run.spread.as_ref()?)));
    let curves: Vec<(usize, &Report, &Spread)> = measured.collect();
    let every = curves.len().div_ceil(CURVES_MAX).max(1);
    let curves: Vec<_> = curves.into_iter().step_by(every).collect();
    match curves.first() {
        Some((_, first, _)) => drawn(|area| draw(area, first, &curves, names)).map(Some),
        None => Ok(None),
    }
}

fn draw(
    area: &Area<'_>,
    first: &Report,
    curves: &[(usize, &Report, &Spread)],
    names: &[String],
) -> Result<(), DrawError> {
    let interval_s = first.spread.as_ref().map_or(0.0, |spread| spread.interval_ms / 1e3);
    let ends = curves.iter().filter_map(|(_, _, spread)| spread.steps.last());
    let last = ends.map(|step| step.intervals).fold(1.0, f64::max);
    let detail = format!("{}; relay {}; wan {}", first.topology, first.relay, first.wan);
    super::headline(area, "Spread of a transaction", &detail)?;
    let mut chart = ChartBuilder::on(area)
        .margin(20)
        .margin_top(76)
        .x_label_area_size(48)
        .y_label_area_size(60)
        .build_cartesian_2d(0.0..last, 0.0..1.0)?;
    chart
        .configure_mesh()
        .light_line_style(GRID.mix(0.5))
        .bold_line_style(GRID)
        .axis_style(INK)
        .label_style(font(14).color(&INK))
        .x_desc(format!("intervals of {interval_s} s since the submission"))
        .y_desc("share of nodes that have it")
        .y_label_formatter(&|share| format!("{:.0} %", share * 100.0))
        .y_labels(11)
        .x_max_light_lines(0)
        .y_max_light_lines(1)
        .draw()?;
    for (place, (index, report, spread)) in curves.iter().enumerate() {
        // From blue to red through green, evenly.
        let color = HSLColor(0.6 - 0.6 * place as f64 / curves.len().max(2) as f64, 0.7, 0.42);
        let points = spread.steps.iter().map(|step| (step.intervals, step.informed));
        let name = names.get(*index).cloned().unwrap_or_else(|| format!("{} nodes", report.nodes));
        chart
            .draw_series(LineSeries::new(points, color.stroke_width(2)))?
            .label(format!("{name} (mean over items)"))
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 22, y)], color.stroke_width(3)));
    }
    super::legend(&mut chart, SeriesLabelPosition::LowerRight)?;
    area.present()
}
