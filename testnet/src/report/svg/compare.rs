//! The picture of a comparison: for each workload, the cost of each engine in bytes and its time. Nearer to the
//! lower left corner is better. A line spans the rounds.

use plotters::prelude::*;

use super::{Area, BLUE, DrawError, GREEN, GRID, INK, ORANGE, drawn, font, short, time};
use crate::report::ReportError;
use crate::report::compare::{self, FIGURES, Figure, Series, Spread};
use crate::report::schema::{Propagation, Report, Runs};

/// Colours, in the order of appearance. After the last, the first is used again.
const COLORS: [RGBColor; 5] = [BLUE, ORANGE, GREEN, RGBColor(148, 87, 163), RGBColor(120, 120, 120)];

/// Figures that are drawn: the 95th percentile of latency against the bytes for each delivery.
const UP: &str = "p95 ms";
const ACROSS: &str = "bytes";

struct Point {
    name: String,
    color: RGBColor,
    across: Spread,
    up: Spread,
}

/// Draws the picture as SVG; `None` if no run has both figures.
///
/// # Errors
/// The error of the drawing library.
pub fn compare(runs: &Runs) -> Result<Option<String>, ReportError> {
    let Some(first) = runs.runs.first() else { return Ok(None) };
    let kind: fn(&Report) -> &Propagation =
        if runs.runs.iter().any(|run| run.tx.offered > 0) { |run| &run.tx } else { |run| &run.block };
    let all = compare::series(&runs.runs);
    let mut names: Vec<String> = Vec::new();
    let mut panels: Vec<(&str, Vec<Point>)> = Vec::new();
    for one in &all {
        let name = one.name();
        let at = names.iter().position(|known| *known == name).unwrap_or_else(|| {
            names.push(name.clone());
            names.len() - 1
        });
        let Some(point) = point(one, name, at, kind) else { continue };
        match panels.iter_mut().find(|(workload, _)| *workload == one.workload) {
            Some((_, points)) => points.push(point),
            None => panels.push((one.workload, vec![point])),
        }
    }
    if panels.is_empty() { Ok(None) } else { drawn(|area| draw(area, first, &panels)).map(Some) }
}

fn point(one: &Series<'_>, name: String, at: usize, kind: fn(&Report) -> &Propagation) -> Option<Point> {
    let spread = |name: &str| {
        let figure: Option<&Figure> = FIGURES.iter().find(|figure| figure.name == name);
        figure.map(|figure| one.figure(figure, kind)).filter(|spread| spread.median.is_some())
    };
    let color = COLORS.get(at % COLORS.len()).copied()?;
    Some(Point { name, color, across: spread(ACROSS)?, up: spread(UP)? })
}

fn draw(area: &Area<'_>, first: &Report, panels: &[(&str, Vec<Point>)]) -> Result<(), DrawError> {
    let detail = format!("{} nodes; {}; wan {}; lower left is better", first.nodes, first.topology, first.wan);
    super::headline(area, "Latency against bytes, by engine", &detail)?;
    let all = || panels.iter().flat_map(|(_, points)| points);
    // The same axes for all panels.
    let end = |of: fn(&Point) -> Spread| all().filter_map(|point| of(point).high).fold(0.0, f64::max) * 1.25;
    let (across, up) = (end(|point| point.across), end(|point| point.up));
    let (_, below) = area.split_vertically(70);
    for (panel, (workload, points)) in below.split_evenly((1, panels.len())).iter().zip(panels) {
        draw_panel(panel, workload, points, (across, up))?;
    }
    area.present()
}

fn draw_panel(
    area: &Area<'_>,
    workload: &str,
    points: &[Point],
    (across, up): (f64, f64),
) -> Result<(), DrawError> {
    let mut chart = ChartBuilder::on(area)
        .margin(14)
        .caption(workload, font(16).color(&INK))
        .x_label_area_size(44)
        .y_label_area_size(58)
        .build_cartesian_2d(0.0..across.max(1.0), 0.0..up.max(f64::MIN_POSITIVE))?;
    chart
        .configure_mesh()
        .light_line_style(GRID.mix(0.5))
        .bold_line_style(GRID)
        .axis_style(INK)
        .label_style(font(12).color(&INK))
        .x_desc("wire bytes for each delivery")
        .y_desc("latency, p95")
        .x_labels(5)
        .x_label_formatter(&|bytes| short(*bytes))
        .y_label_formatter(&|ms| if *ms == 0.0 { "0".to_owned() } else { time(*ms) })
        .max_light_lines(1)
        .draw()?;
    for point in points {
        let (Some(x), Some(y)) = (point.across.median, point.up.median) else { continue };
        let color = point.color;
        let spans = [
            vec![(point.across.low.unwrap_or(x), y), (point.across.high.unwrap_or(x), y)],
            vec![(x, point.up.low.unwrap_or(y)), (x, point.up.high.unwrap_or(y))],
        ];
        chart.draw_series(spans.into_iter().map(|span| PathElement::new(span, color.mix(0.6).stroke_width(2))))?;
        chart
            .draw_series([Circle::new((x, y), 5, color.filled())])?
            .label(point.name.clone())
            .legend(move |(x, y)| Circle::new((x + 11, y), 5, color.filled()));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .margin(10)
        .label_font(font(12).color(&INK))
        .background_style(WHITE.mix(0.9))
        .border_style(GRID)
        .draw()
}
