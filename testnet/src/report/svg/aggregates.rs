//! The picture of push-sum at scale: ticks until all members are within 1 %, against the number of members on a
//! logarithmic axis, with the line of least squares.

use plotters::prelude::*;

use super::{Area, BLUE, DrawError, GRID, INK, drawn, font, short};
use crate::report::ReportError;
use crate::report::aggregates::Aggregated;
use crate::report::figures::models::Line;

/// Draws the picture as SVG; `None` with fewer than two numbers of members.
///
/// # Errors
/// The error of the drawing library.
pub fn aggregates(found: &Aggregated) -> Result<Option<String>, ReportError> {
    found.line().map(|line| drawn(|area| draw(area, found, line))).transpose()
}

fn draw(area: &Area<'_>, found: &Aggregated, line: Line) -> Result<(), DrawError> {
    let slowest = found.points();
    let median = |growth: &crate::report::aggregates::Growth| Some(((growth.nodes as f64).log2(), growth.at(50)?));
    let medians: Vec<(f64, f64)> = found.growth.iter().filter_map(median).collect();
    let from = slowest.iter().map(|point| point.0).fold(f64::INFINITY, f64::min).floor();
    let to = slowest.iter().map(|point| point.0).fold(0.0, f64::max).ceil().max(from + 1.0);
    let top = slowest.iter().map(|point| point.1).fold(line.at(to), f64::max) * 1.2;
    let detail =
        format!("random regular graphs of degree {}; {} seeds; a tick is a second", found.degree, found.seeds);
    super::headline(area, "Push-sum: ticks until all members are within 1 %", &detail)?;
    let mut chart = ChartBuilder::on(area)
        .margin(20)
        .margin_top(76)
        .x_label_area_size(48)
        .y_label_area_size(60)
        .build_cartesian_2d(from..to, 0.0..top)?;
    chart
        .configure_mesh()
        .light_line_style(GRID.mix(0.5))
        .bold_line_style(GRID)
        .axis_style(INK)
        .label_style(font(14).color(&INK))
        .x_desc("members")
        .y_desc("ticks")
        .x_labels((to - from) as usize + 1)
        .x_label_formatter(&|x| if x.fract() == 0.0 { format!("{:.0}", x.exp2()) } else { String::new() })
        .y_label_formatter(&|y| short(*y))
        .x_max_light_lines(0)
        .y_max_light_lines(1)
        .draw()?;
    let (slope, intercept) = (short(line.slope), short(line.intercept));
    chart
        .draw_series(LineSeries::new([from, to].map(|x| (x, line.at(x))), BLUE.mix(0.5).stroke_width(2)))?
        .label(format!("least squares: {slope} · log2 members + {intercept} (R² {:.3})", line.r_squared))
        .legend(|(x, y)| PathElement::new([(x, y), (x + 22, y)], BLUE.mix(0.5).stroke_width(3)));
    for (name, points, color) in
        [("slowest seed", &slowest, BLUE.mix(1.0)), ("median seed", &medians, BLUE.mix(0.4))]
    {
        chart
            .draw_series(points.iter().map(|at| Circle::new(*at, 5, color.filled())))?
            .label(name)
            .legend(move |(x, y)| Circle::new((x + 11, y), 5, color.filled()));
    }
    super::legend(&mut chart, SeriesLabelPosition::LowerRight)?;
    area.present()
}
