//! The picture of growth: rounds until every node has an item, against the number of nodes on a logarithmic axis,
//! with the line of least squares and the prediction of theory. Under a policy without rounds it shows intervals,
//! or otherwise the time.

use plotters::prelude::*;

use super::{Area, BLUE, DrawError, GRID, INK, ORANGE, drawn, font, short};
use crate::report::ReportError;
use crate::report::figures::models::{self, Line};
use crate::report::schema::{Report, Runs};

/// The data of the picture.
struct Growth {
    what: String,
    /// log2 of the number of nodes, and the medians.
    medians: Vec<(f64, f64)>,
    /// The same, and p95, or the percentile that `tail` names.
    tails: Vec<(f64, f64)>,
    /// Messages of a round to each node, if there are rounds.
    fanout: Option<f64>,
    /// The name of the tails.
    tail: &'static str,
}

/// Draws the picture as SVG; `None` unless the runs have at least two different numbers of nodes and every node
/// got an item.
///
/// # Errors
/// The error of the drawing library.
pub fn growth(runs: &Runs) -> Result<Option<String>, ReportError> {
    let growth = Growth::of(&runs.runs);
    match (Line::through(&growth.medians), runs.runs.first()) {
        (Some(line), Some(first)) => drawn(|area| draw(area, first, &growth, line)).map(Some),
        _ => Ok(None),
    }
}

/// How the time until every node has an item grows, in words; `None` if all runs have the same number of nodes.
#[must_use]
pub fn fitted(runs: &Runs) -> Option<String> {
    let growth = Growth::of(&runs.runs);
    Line::through(&growth.medians).map(|line| format!("{}: {}", growth.what, in_words(line)))
}

/// The line as a formula.
fn in_words(line: Line) -> String {
    let sign = if line.intercept < 0.0 { "−" } else { "+" };
    let (slope, intercept) = (short(line.slope), short(line.intercept.abs()));
    format!("least squares: {slope} · log2 nodes {sign} {intercept} (R² {:.3})", line.r_squared)
}

impl Growth {
    fn of(runs: &[Report]) -> Self {
        let at = |report: &Report| (report.nodes as f64).log2();
        let fanout = runs.first().and_then(|run| run.rumor.as_ref()).map(|rumor| f64::from(rumor.fanout));
        let points = |of: &dyn Fn(&Report) -> Option<f64>| {
            runs.iter().filter_map(|report| Some((at(report), of(report)?))).collect()
        };
        if let Some(spread) = runs.first().and_then(|run| run.spread.as_ref()) {
            return Self {
                what: format!("intervals of {} s until all nodes have it", spread.interval_ms / 1e3),
                medians: points(&|report| report.spread.as_ref()?.to_all.p50),
                tails: points(&|report| report.spread.as_ref()?.to_all.max),
                fanout: None,
                tail: "slowest item",
            };
        }
        if fanout.is_some() {
            return Self {
                what: "rounds until all nodes have it".to_owned(),
                medians: points(&|report| report.rumor.as_ref()?.rounds_to_all.p50),
                tails: points(&|report| report.rumor.as_ref()?.rounds_to_all.p95),
                fanout,
                tail: "p95 over items",
            };
        }
        Self {
            what: "milliseconds until all nodes have it".to_owned(),
            medians: points(&|report| report.tx.to_all_ms.p50),
            tails: points(&|report| report.tx.to_all_ms.p95),
            fanout,
            tail: "p95 over items",
        }
    }
}

fn draw(area: &Area<'_>, first: &Report, growth: &Growth, line: Line) -> Result<(), DrawError> {
    let all = || growth.medians.iter().chain(&growth.tails);
    let from = all().map(|point| point.0).fold(f64::INFINITY, f64::min).floor();
    let to = all().map(|point| point.0).fold(0.0, f64::max).ceil().max(from + 1.0);
    let model = |x: f64| growth.fanout.map(|fanout| models::rounds_to_all(x.exp2(), fanout));
    let top = all().map(|point| point.1).chain(model(to)).fold(0.0, f64::max) * 1.1;
    let detail = format!("{}; relay {}; wan {}", first.topology, first.relay, first.wan);
    super::headline(area, "Growth with the number of nodes", &detail)?;
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
        .x_desc("nodes")
        .y_desc(growth.what.as_str())
        .x_labels((to - from) as usize + 1)
        .x_label_formatter(&|x| if x.fract() == 0.0 { format!("{:.0}", x.exp2()) } else { String::new() })
        .y_label_formatter(&|y| short(*y))
        .x_max_light_lines(0)
        .y_max_light_lines(1)
        .draw()?;
    let name = in_words(line);
    let ends = [from, to].map(|x| (x, line.at(x)));
    chart
        .draw_series(LineSeries::new(ends, BLUE.mix(0.5).stroke_width(2)))?
        .label(name)
        .legend(|(x, y)| PathElement::new([(x, y), (x + 22, y)], BLUE.mix(0.5).stroke_width(3)));
    if let (Some(fanout), Some(a), Some(b)) = (growth.fanout, model(from), model(to)) {
        chart
            .draw_series(LineSeries::new([(from, a), (to, b)], ORANGE.stroke_width(2)))?
            .label(format!("theory: log{} nodes + ln nodes / {fanout}", fanout + 1.0))
            .legend(|(x, y)| PathElement::new([(x, y), (x + 22, y)], ORANGE.stroke_width(3)));
    }
    for (name, points, color) in
        [(growth.tail, &growth.tails, BLUE.mix(0.4)), ("median over items", &growth.medians, BLUE.mix(1.0))]
    {
        chart
            .draw_series(points.iter().map(|at| Circle::new(*at, 5, color.filled())))?
            .label(name)
            .legend(move |(x, y)| Circle::new((x + 11, y), 5, color.filled()));
    }
    super::legend(&mut chart, SeriesLabelPosition::UpperLeft)?;
    area.present()
}
