//! The pictures, as SVG: how soon items arrived ([`cdf()`]), how a rumor spread ([`rumor()`]), how transactions
//! spread in intervals ([`spread()`]), the results of a sweep ([`sweep()`]), how the number of rounds grows
//! ([`growth()`]), how engines compare ([`compare()`]), what nodes take over time ([`plateau()`]), what members
//! see of each other ([`watched()`]), and how push-sum grows ([`aggregates()`]). Their common style is in this file.

mod aggregates;
mod cdf;
mod compare;
mod growth;
mod plateau;
mod rumor;
mod spread;
mod sweep;
mod swept;
mod watched;

use plotters::coord::{CoordTranslate, Shift};
use plotters::prelude::*;

pub use aggregates::aggregates;
pub use cdf::cdf;
pub(super) use cdf::thinned;
pub use compare::compare;
pub use growth::{fitted, growth};
pub use plateau::plateau;
pub use rumor::rumor;
pub use spread::spread;
pub use sweep::sweep;
pub use watched::watched;

use super::ReportError;
use super::schema::Report;

const PICTURE_SIZE: (u32, u32) = (960, 600);
const INK: RGBColor = RGBColor(40, 44, 52);
const GRID: RGBColor = RGBColor(225, 228, 232);
const BLUE: RGBColor = RGBColor(31, 119, 180);
const ORANGE: RGBColor = RGBColor(214, 96, 20);
const GREEN: RGBColor = RGBColor(44, 130, 70);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type DrawError = DrawingAreaErrorKind<std::io::Error>;

/// The SVG of a drawing by `draw`.
fn drawn(draw: impl FnOnce(&Area<'_>) -> Result<(), DrawError>) -> Result<String, ReportError> {
    let mut text = String::new();
    let area = SVGBackend::with_string(&mut text, PICTURE_SIZE).into_drawing_area();
    draw(&area).map_err(|error| ReportError::Draw(error.to_string()))?;
    drop(area);
    Ok(text)
}

/// Two lines of text above a chart, on white.
fn headline(area: &Area<'_>, title: &str, detail: &str) -> Result<(), DrawError> {
    area.fill(&WHITE)?;
    area.draw_text(title, &font(22).into_text_style(area).color(&INK), (28, 18))?;
    area.draw_text(detail, &font(14).into_text_style(area).color(&INK), (28, 48))
}

/// Names the series of a chart, in one of its corners.
fn legend<'a, 'b: 'a, C: CoordTranslate>(
    chart: &mut ChartContext<'a, SVGBackend<'b>, C>,
    corner: SeriesLabelPosition,
) -> Result<(), DrawError> {
    chart
        .configure_series_labels()
        .position(corner)
        .margin(14)
        .label_font(font(14).color(&INK))
        .background_style(WHITE.mix(0.9))
        .border_style(GRID)
        .draw()
}

fn font(size: i32) -> FontDesc<'static> {
    (FontFamily::SansSerif, size).into_font()
}

/// The warnings that the reader must see before believing the picture.
fn doubts(report: &Report) -> &'static str {
    match (report.valid, report.starved) {
        (true, _) if report.by_hand.is_some() => "; DRIVEN BY HAND",
        (true, false) => "",
        (true, true) => "; STARVED: the machine was too slow",
        (false, _) => "; INVALID",
    }
}

/// A time in milliseconds, with its unit.
fn time(ms: f64) -> String {
    match ms {
        ms if ms >= 1_000.0 => format!("{} s", short(ms / 1_000.0)),
        ms if ms < 1.0 => format!("{} µs", short(ms * 1_000.0)),
        ms => format!("{} ms", short(ms)),
    }
}

/// Three digits, without an empty fraction.
fn short(value: f64) -> String {
    let text = match value {
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    };
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}
