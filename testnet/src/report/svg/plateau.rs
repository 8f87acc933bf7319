//! The picture of a plateau: the resident memory of the median node and of the highest one over time, and the bound.

use plotters::prelude::*;

use super::{Area, BLUE, DrawError, GRID, INK, ORANGE, drawn, font};
use crate::report::ReportError;
use crate::report::plateau::{Plateau, over_nodes};

/// Draws the picture as SVG.
///
/// # Errors
/// The error of the drawing library.
pub fn plateau(plateau: &Plateau) -> Result<String, ReportError> {
    drawn(|area| draw(area, plateau))
}

fn draw(area: &Area<'_>, plateau: &Plateau) -> Result<(), DrawError> {
    let points: Vec<(f64, f64, f64)> = plateau
        .samples
        .iter()
        .filter_map(|sample| over_nodes(&sample.rss_mib).map(|(median, top)| (sample.at_s / 60.0, median, top)))
        .collect();
    let end = points.last().map_or(1.0, |last| last.0).max(f64::MIN_POSITIVE);
    let top = points.iter().map(|point| point.2).fold(plateau.rss_max_mib, f64::max) * 1.12;
    let blocks = plateau.block_interval_s.map_or(String::new(), |every| format!(", a block every {every} s"));
    let title = format!("Resident memory of {} nodes", plateau.nodes);
    let doubt = if plateau.valid { "" } else { "; INVALID" };
    let detail = format!("{} transactions a second{blocks}; relay {}{doubt}", plateau.tx_rate, plateau.relay);
    super::headline(area, &title, &detail)?;
    let mut chart = ChartBuilder::on(area)
        .margin(20)
        .margin_top(76)
        .x_label_area_size(48)
        .y_label_area_size(60)
        .build_cartesian_2d(0.0..end, 0.0..top)?;
    chart
        .configure_mesh()
        .light_line_style(GRID.mix(0.5))
        .bold_line_style(GRID)
        .axis_style(INK)
        .label_style(font(14).color(&INK))
        .x_desc("minutes since the load began")
        .y_desc("MiB")
        .x_labels(13)
        .y_labels(8)
        .max_light_lines(1)
        .draw()?;
    // The part in which memory must be flat.
    let flat_from = (end - plateau.last_part_s() / 60.0).max(0.0);
    chart.draw_series([Rectangle::new([(flat_from, 0.0), (end, top)], GRID.mix(0.35).filled())])?;
    for (name, color, of) in [
        ("highest node", ORANGE, (|point| point.2) as fn(&(f64, f64, f64)) -> f64),
        ("median node", BLUE, |point| point.1),
    ] {
        let line = points.iter().map(|point| (point.0, of(point)));
        chart
            .draw_series(LineSeries::new(line, color.stroke_width(2)))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 22, y)], color.stroke_width(3)));
    }
    chart
        .draw_series([PathElement::new([(0.0, plateau.rss_max_mib), (end, plateau.rss_max_mib)], INK)])?
        .label(format!("bound: {} MiB", plateau.rss_max_mib))
        .legend(|(x, y)| PathElement::new([(x, y), (x + 22, y)], INK));
    super::legend(&mut chart, SeriesLabelPosition::LowerRight)?;
    area.present()
}
