//! The picture of what real nodes saw of each other: for each phase, the share of pairs that had seen it by a time.

use plotters::prelude::*;

use super::{Area, BLUE, DrawError, GREEN, GRID, INK, ORANGE, drawn, font};
use crate::report::ReportError;
use crate::report::statistics::Sorted;
use crate::report::watched::Watched;

/// As many as a run has phases.
const PHASE_COLORS: [RGBColor; 7] = [
    BLUE,
    ORANGE,
    GREEN,
    RGBColor(120, 80, 160),
    RGBColor(200, 60, 60),
    RGBColor(90, 170, 220),
    RGBColor(110, 110, 110),
];

/// Draws the picture as SVG.
///
/// # Errors
/// The error of the drawing library.
pub fn watched(watched: &Watched) -> Result<String, ReportError> {
    drawn(|area| draw(area, watched))
}

fn draw(area: &Area<'_>, watched: &Watched) -> Result<(), DrawError> {
    let all = watched.phases.iter().flat_map(|phase| &phase.took_ms);
    let end = all.fold(1_000.0, |end: f64, ms| end.max(*ms)) / 1e3 * 1.05;
    let title = format!("Members: {} nodes, preset {}", watched.nodes, watched.preset);
    let doubt = if watched.valid { "" } else { "; INVALID" };
    let (deaths, suspicions) = (watched.members.false_deaths, watched.members.false_accusations);
    let detail = format!("wan {}; {deaths} false deaths, {suspicions} false suspicions{doubt}", watched.wan);
    super::headline(area, &title, &detail)?;
    let mut chart = ChartBuilder::on(area)
        .margin(20)
        .margin_top(76)
        .x_label_area_size(48)
        .y_label_area_size(60)
        .build_cartesian_2d(0.0..end, 0.0..1.0)?;
    chart
        .configure_mesh()
        .light_line_style(GRID.mix(0.5))
        .bold_line_style(GRID)
        .axis_style(INK)
        .label_style(font(14).color(&INK))
        .x_desc("seconds since it happened")
        .y_desc("share of pairs that had seen it")
        .y_label_formatter(&|share| format!("{:.0} %", share * 100.0))
        .draw()?;
    for (phase, color) in watched.phases.iter().zip(PHASE_COLORS.iter().cycle()) {
        let corners = Sorted::new(phase.took_ms.iter().copied()).cumulative(phase.took_ms.len() + phase.never);
        let mut below = 0.0;
        let mut points = vec![(0.0, 0.0)];
        for (ms, share) in corners {
            points.extend([(ms / 1e3, below), (ms / 1e3, share)]);
            below = share;
        }
        points.push((end, below));
        let color = *color;
        chart
            .draw_series(LineSeries::new(points, color.stroke_width(2)))?
            .label(&phase.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 22, y)], color.stroke_width(3)));
    }
    super::legend(&mut chart, SeriesLabelPosition::LowerRight)?;
    area.present()
}
