//! The picture of a rumor: the share of the nodes that had an item after each round, as measured and as theory
//! predicts.

use plotters::prelude::*;

use super::{Area, BLUE, DrawError, GREEN, GRID, INK, ORANGE, doubts, drawn, font};
use crate::report::ReportError;
use crate::report::schema::{Report, Round, Rumored};

/// Draws the picture as SVG.
///
/// # Errors
/// The error of the drawing library.
pub fn rumor(report: &Report, rumored: &Rumored) -> Result<String, ReportError> {
    drawn(|area| draw(area, report, rumored))
}

fn draw(area: &Area<'_>, report: &Report, rumored: &Rumored) -> Result<(), DrawError> {
    let rounds = &rumored.rounds;
    let last = rounds.last().map_or(1, |round| round.round).max(1) as f64;
    let title = format!("Rumor: {} nodes, {}", report.nodes, report.topology);
    let detail = format!(
        "relay {}; {} transactions, wan {}, seed {}{}",
        report.relay,
        report.tx.originated,
        report.wan,
        report.seed,
        doubts(report)
    );
    super::headline(area, &title, &detail)?;
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
        .x_desc(format!("rounds of {} s since the submission", rumored.round_ms / 1e3))
        .y_desc("share of nodes that have it")
        .x_labels((rounds.len() + 1).min(21))
        .x_label_formatter(&|round| if round.fract() == 0.0 { format!("{round:.0}") } else { String::new() })
        .y_label_formatter(&|share| format!("{:.0} %", share * 100.0))
        .y_labels(11)
        .x_max_light_lines(0)
        .y_max_light_lines(1)
        .draw()?;
    let line = |of: fn(&Round) -> f64| rounds.iter().map(move |round| (round.round as f64, of(round)));
    let band: Vec<(f64, f64)> =
        line(|round| round.most).chain(line(|round| round.least).collect::<Vec<_>>().into_iter().rev()).collect();
    chart
        .draw_series(std::iter::once(Polygon::new(band, BLUE.mix(0.15))))?
        .label("measured: from the slowest item to the fastest")
        .legend(|(x, y)| Rectangle::new([(x, y - 5), (x + 22, y + 5)], BLUE.mix(0.15).filled()));
    for (name, color, width, of) in [
        ("SI: everyone goes on telling", ORANGE, 5, (|round| round.si) as fn(&Round) -> f64),
        ("SIR: nodes cool as the policy says", GREEN, 2, |round| round.sir),
        ("measured: mean over items", BLUE, 3, |round| round.informed),
    ] {
        chart
            .draw_series(LineSeries::new(line(of), color.stroke_width(width)))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 22, y)], color.stroke_width(3)));
    }
    chart.draw_series(line(|round| round.informed).map(|at| Circle::new(at, 4, BLUE.filled())))?;
    super::legend(&mut chart, SeriesLabelPosition::LowerRight)?;
    area.present()
}
