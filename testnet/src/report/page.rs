//! `report.html`: a run, or several, as one page that needs nothing but itself. It loads nothing, from no network.
//!
//! All that the page of a run shows is in the page as JSON: `report.json` as it is, and the `Extract` of `deliveries.csv`
//! beside it. The scripts in the folder `page/` draw from these two and compute no figure of the report again. JSON
//! that may hold foreign words (a command line, a path) is escaped so that it can't end its element, and the scripts
//! write words only as text, never as markup.
//!
//! Deliberately absent: any figure that needs the nodes' traces.

mod extract;
mod runs;
mod sample;
mod slowest;

use std::path::Path;

use serde::Serialize;

use super::figures::spreads::Spreads;
use super::schema::{Report, Runs};
use super::{DELIVERIES_FILE, PAGE_FILE, ReportError};
use extract::Extract;
use runs::RunsExtract;
use sample::Sample;

pub use runs::SHOWN_RUNS_MAX;
pub use sample::{CELLS_MAX, SHOWN_ITEMS_MAX, SHOWN_NODES_MAX, TREE_CELLS_MAX, TREE_NODES_MAX, evenly};

/// The page, with a name in double braces where something goes.
const FRAME: &str = include_str!("page/page.html");
/// The page of several runs.
const RUNS_FRAME: &str = include_str!("page/runs.html");
const STYLE: &str = include_str!("page/page.css");
/// The scripts, in the order in which they run.
const SCRIPTS: [&str; 7] = [
    include_str!("page/base.js"),
    include_str!("page/cdf.js"),
    include_str!("page/heat.js"),
    include_str!("page/tree.js"),
    include_str!("page/tables.js"),
    include_str!("page/causes.js"),
    include_str!("page/start.js"),
];

/// The scripts of the page of several runs.
const RUNS_SCRIPTS: [&str; 2] = [include_str!("page/base.js"), include_str!("page/runs.js")];

/// Writes the page of several runs into `dir`.
///
/// # Errors
/// Names the file that can't be written.
pub fn write_runs(dir: &Path, runs: &Runs) -> Result<(), ReportError> {
    let path = dir.join(PAGE_FILE);
    match inert(&RunsExtract::new(runs)) {
        Ok(data) => super::write_file(&path, &filled(RUNS_FRAME, &data, "", &RUNS_SCRIPTS)),
        Err(error) => Err(ReportError::Json { path, error }),
    }
}

/// Writes the page into `dir`, from the report and from the deliveries that are in `dir` already. Without a file of
/// deliveries, the page shows the figures of the report alone.
///
/// # Errors
/// Names the file that can't be read or written.
pub fn write(dir: &Path, report: &Report, spreads: &Spreads) -> Result<(), ReportError> {
    let sample = Sample::read(&dir.join(DELIVERIES_FILE), report.nodes)?;
    let path = dir.join(PAGE_FILE);
    match rendered(report, &Extract::new(report, spreads, &sample)) {
        Ok(page) => super::write_file(&path, &page),
        Err(error) => Err(ReportError::Json { path, error }),
    }
}

fn rendered(report: &Report, extract: &Extract) -> Result<String, serde_json::Error> {
    Ok(filled(FRAME, &inert(report)?, &inert(extract)?, &SCRIPTS))
}

/// The frame, with style, data and scripts in their places.
fn filled(frame: &str, report: &str, extract: &str, scripts: &[&str]) -> String {
    let mut page = String::with_capacity(frame.len() + STYLE.len() + report.len() + extract.len());
    // One pass over the frame, so that nothing is looked for in what was put in.
    for piece in frame.split("{{") {
        let Some((name, rest)) = piece.split_once("}}") else {
            page.push_str(piece);
            continue;
        };
        match name {
            "style" => page.push_str(STYLE),
            "report" => page.push_str(report),
            "extract" => page.push_str(extract),
            "script" => scripts.iter().for_each(|script| page.push_str(script)),
            _ => {}
        }
        page.push_str(rest);
    }
    page
}

/// As JSON in which nothing can end a `script` element or begin a comment.
fn inert(value: &impl Serialize) -> Result<String, serde_json::Error> {
    let json = serde_json::to_string(value)?;
    Ok(json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026"))
}
