//! The picture of a run: the share of the wanted deliveries that had happened after each time, for transactions
//! and blocks, on a logarithmic axis, with the percentiles marked. A curve that ends below 100 % shows that
//! deliveries are missing. If links are known, a lighter curve shows how early the same deliveries could have
//! been.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{Area, BLUE, DrawError, GRID, INK, ORANGE, doubts, drawn, font, time};
use crate::report::ReportError;
use crate::report::figures::spreads::{Latencies, Spreads};
use crate::report::schema::{Propagation, Report};
use crate::report::statistics::Sorted;

/// The number of corners drawn of a curve. They are finer than the picture's pixels.
const CORNERS_MAX: usize = 1_000;

/// The left end of the axis is no lower than this, in milliseconds.
const AXIS_MS_MIN: f64 = 0.01;

struct Curve<'a> {
    name: &'static str,
    color: RGBColor,
    figures: &'a Propagation,
    values: Sorted,
    corners: Vec<(f64, f64)>,
    floors: Sorted,
    floor_corners: Vec<(f64, f64)>,
}

/// Draws the picture as SVG.
///
/// # Errors
/// The error of the drawing library.
pub fn cdf(report: &Report, spreads: &Spreads) -> Result<String, ReportError> {
    let curves = [
        Curve::new("transactions", BLUE, &report.tx, &spreads.tx),
        Curve::new("blocks", ORANGE, &report.block, &spreads.block),
    ];
    drawn(|area| draw(area, report, &curves))
}

impl<'a> Curve<'a> {
    fn new(name: &'static str, color: RGBColor, figures: &'a Propagation, latencies: &Latencies) -> Self {
        let shown = |values: &Sorted| Sorted::new(values.iter().map(|ms| ms.max(AXIS_MS_MIN)));
        let (values, floors) = (shown(&latencies.values_ms), shown(&latencies.floors_ms));
        let whole = usize::try_from(figures.expected).unwrap_or(usize::MAX);
        let (corners, floor_corners) = (thinned(&values.cumulative(whole)), thinned(&floors.cumulative(whole)));
        Self { name, color, figures, values, corners, floors, floor_corners }
    }

    fn legend(&self) -> String {
        let values: Vec<String> =
            self.marks().iter().map(|(percent, ms, _)| format!("p{percent} {}", time(*ms))).collect();
        let arrived = format!("{} of {}", self.figures.delivered, self.figures.expected);
        format!("{}: {arrived} arrived; {}", self.name, values.join(", "))
    }

    fn floor_legend(&self) -> String {
        let at = |percent| self.floors.percentile(percent).map_or(String::new(), time);
        format!("{}: the earliest possible for the same; p50 {}, p95 {}", self.name, at(50), at(95))
    }

    /// The percentiles of the deliveries, at their places on the curve.
    fn marks(&self) -> Vec<(u32, f64, f64)> {
        let reached = self.corners.last().map_or(0.0, |corner| corner.1);
        [50, 95, 99]
            .into_iter()
            .filter_map(|percent| {
                Some((percent, self.values.percentile(percent)?, reached * f64::from(percent) / 100.0))
            })
            .collect()
    }
}

fn draw(area: &Area<'_>, report: &Report, curves: &[Curve<'_>]) -> Result<(), DrawError> {
    let axis = axis(curves);
    let title = format!("Propagation: {} nodes, {}, relay {}", report.nodes, report.topology, report.relay);
    let detail = format!("{}; wan {}, seed {}{}", report.engine, report.wan, report.seed, doubts(report));
    super::headline(area, &title, &detail)?;
    let mut chart = ChartBuilder::on(area)
        .margin(20)
        .margin_top(76)
        .x_label_area_size(48)
        .y_label_area_size(60)
        .build_cartesian_2d(axis.clone().log_scale(), 0.0..1.0)?;
    chart
        .configure_mesh()
        .light_line_style(GRID.mix(0.5))
        .bold_line_style(GRID)
        .axis_style(INK)
        .label_style(font(14).color(&INK))
        .x_desc("time since submission")
        .y_desc("share of wanted deliveries")
        .x_label_formatter(&|ms| time(*ms))
        .y_label_formatter(&|share| format!("{:.0} %", share * 100.0))
        .y_labels(11)
        .y_max_light_lines(1)
        .draw()?;
    for curve in curves.iter().filter(|curve| !curve.values.is_empty()) {
        let color = curve.color;
        if !curve.floors.is_empty() {
            let faint = color.mix(0.35);
            chart
                .draw_series(LineSeries::new(stairs(&curve.floor_corners, &axis), faint.stroke_width(2)))?
                .label(curve.floor_legend())
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 22, y)], faint.stroke_width(3)));
        }
        chart
            .draw_series(LineSeries::new(stairs(&curve.corners, &axis), color.stroke_width(2)))?
            .label(curve.legend())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 22, y)], color.stroke_width(3)));
    }
    for curve in curves {
        // The slower curve has its labels to the right and below, the faster one to the left and above.
        let slower = curves.iter().all(|other| other.values.percentile(50) <= curve.values.percentile(50));
        let (side, shift) = if slower { (HPos::Left, (9, 8)) } else { (HPos::Right, (-9, -8)) };
        let style = font(13).color(&curve.color).pos(Pos::new(side, VPos::Center));
        chart.draw_series(curve.marks().into_iter().map(|(percent, ms, share)| {
            EmptyElement::at((ms, share))
                + Circle::new((0, 0), 4, curve.color.filled())
                + Text::new(format!("p{percent}"), shift, style.clone())
        }))?;
    }
    super::legend(&mut chart, SeriesLabelPosition::LowerRight)?;
    area.present()
}

/// As stairs: a share stays the same until the next value.
fn stairs(corners: &[(f64, f64)], axis: &std::ops::Range<f64>) -> Vec<(f64, f64)> {
    let mut below = 0.0;
    let mut points = vec![(axis.start, below)];
    for &(value, share) in corners {
        points.extend([(value, below), (value, share)]);
        below = share;
    }
    points.push((axis.end, below));
    points
}

/// From the round number below the lowest value to the one above the highest.
fn axis(curves: &[Curve<'_>]) -> std::ops::Range<f64> {
    let all = || curves.iter().flat_map(|curve| [&curve.values, &curve.floors]);
    let lowest = all().filter_map(|values| values.percentile(0)).fold(f64::INFINITY, f64::min);
    let highest = curves.iter().filter_map(|curve| curve.values.max()).fold(0.0, f64::max);
    if highest == 0.0 {
        return 1.0..1_000.0;
    }
    // 1, 2 and 5 times the powers of ten around both ends.
    let round = |value: f64| {
        let decade = 10_f64.powf(value.log10().floor());
        [1.0, 2.0, 5.0, 10.0].map(|factor| factor * decade)
    };
    let start = round(lowest).into_iter().rev().find(|step| *step <= lowest).unwrap_or(lowest);
    let end = round(highest).into_iter().find(|step| *step > highest).unwrap_or(highest * 10.0);
    start..end.max(start * 10.0)
}

/// The corners at which the share has grown by a step that can be seen, and the last.
pub(in crate::report) fn thinned(corners: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let step = 1.0 / CORNERS_MAX as f64;
    let mut kept: Vec<(f64, f64)> = Vec::new();
    for (index, corner) in corners.iter().enumerate() {
        let grown = corner.1 - kept.last().map_or(0.0, |last| last.1);
        if kept.is_empty() || grown >= step || index + 1 == corners.len() {
            kept.push(*corner);
        }
    }
    kept
}
