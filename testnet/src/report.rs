//! A finished run as JSON, tables, a list of deliveries and a picture. Reads no trace: everything here is made from
//! `report.json` and `deliveries.csv`.

pub mod deliveries;
pub mod schema;
pub mod statistics;
pub mod svg;
pub mod tables;

use std::path::{Path, PathBuf};

use deliveries::{DeliveriesError, Delivery};
use schema::{Report, SCHEMA};

/// The report's file name.
pub const REPORT_FILE: &str = "report.json";
/// The deliveries' file name.
pub const DELIVERIES_FILE: &str = "deliveries.csv";
/// The picture's file name.
pub const CDF_FILE: &str = "cdf.svg";

/// Why a report can't be written or read.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A file can't be read.
    #[error("cannot read {}: {error}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// A file can't be written.
    #[error("cannot write {}: {error}", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// The JSON is no report.
    #[error("{} is no report of a run: {error}", path.display())]
    Json {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        error: serde_json::Error,
    },
    /// The report is of another version.
    #[error("{} has schema {found}, and this program reads schema {SCHEMA}", path.display())]
    Schema {
        /// Which file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// The deliveries don't read.
    #[error("{}: {error}", path.display())]
    Deliveries {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        error: DeliveriesError,
    },
    /// The picture can't be drawn.
    #[error("cannot draw the picture: {0}")]
    Draw(String),
}

/// Writes report, deliveries and picture into `dir`.
///
/// # Errors
/// Names the file that couldn't be written.
pub fn write(dir: &Path, report: &Report, deliveries: &[Delivery]) -> Result<(), ReportError> {
    write_file(&dir.join(DELIVERIES_FILE), &deliveries::to_csv(deliveries))?;
    write_file(&dir.join(CDF_FILE), &svg::cdf(report, deliveries)?)?;
    write_json(&dir.join(REPORT_FILE), report)
}

/// Writes the report as JSON.
///
/// # Errors
/// Names the file.
pub fn write_json(path: &Path, report: &Report) -> Result<(), ReportError> {
    let json = serde_json::to_string_pretty(report)
        .map_err(|error| ReportError::Json { path: path.to_owned(), error })?;
    write_file(path, &(json + "\n"))
}

/// Reads the report in `dir`.
///
/// # Errors
/// Names the file, and says what is wrong with it.
pub fn read(dir: &Path) -> Result<Report, ReportError> {
    let path = dir.join(REPORT_FILE);
    let text = read_file(&path)?;
    let report: Report =
        serde_json::from_str(&text).map_err(|error| ReportError::Json { path: path.clone(), error })?;
    if report.schema == SCHEMA { Ok(report) } else { Err(ReportError::Schema { path, found: report.schema }) }
}

/// Draws the picture again from the deliveries if it is missing. Returns whether it was.
///
/// # Errors
/// Names the file that can't be read or written.
pub fn redraw_missing(dir: &Path, report: &Report) -> Result<bool, ReportError> {
    let picture = dir.join(CDF_FILE);
    if picture.exists() {
        return Ok(false);
    }
    let path = dir.join(DELIVERIES_FILE);
    let deliveries =
        deliveries::from_csv(&read_file(&path)?).map_err(|error| ReportError::Deliveries { path, error })?;
    write_file(&picture, &svg::cdf(report, &deliveries)?)?;
    Ok(true)
}

fn read_file(path: &Path) -> Result<String, ReportError> {
    std::fs::read_to_string(path).map_err(|error| ReportError::Read { path: path.to_owned(), error })
}

fn write_file(path: &Path, text: &str) -> Result<(), ReportError> {
    std::fs::write(path, text).map_err(|error| ReportError::Write { path: path.to_owned(), error })
}
