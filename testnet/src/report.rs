//! Finished runs as JSON, tables, a list of deliveries, pictures and a page. This module reads no trace: everything is
//! made from `report.json` and `deliveries.csv`.

pub mod aggregates;
pub mod capacity;
pub mod compare;
pub mod deliveries;
pub mod figures;
pub mod page;
pub mod plateau;
pub mod schema;
pub mod statistics;
pub mod svg;
pub mod tables;
pub mod watched;

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::Serialize;
use serde::de::DeserializeOwned;

use aggregates::Aggregated;
use capacity::Capacity;
use deliveries::runs::RUNS_TABLE_FILE;
use deliveries::{Columns, DeliveriesError, Delivery, Rows};
use figures::spreads::{Gather, Spreads};
use plateau::Plateau;
use schema::{Report, Runs, SCHEMA};
use watched::Watched;

/// The report's file name.
pub const REPORT_FILE: &str = "report.json";
/// The deliveries' file name.
pub const DELIVERIES_FILE: &str = "deliveries.csv";
/// The page's file name.
pub const PAGE_FILE: &str = "report.html";
/// The picture's file name.
pub const CDF_FILE: &str = "cdf.svg";
/// The file name of a rumor's picture.
pub const RUMOR_FILE: &str = "rumor.svg";
/// The file name of the picture of the spread in intervals.
pub const SPREAD_FILE: &str = "spread.svg";
/// The file name of a sweep's picture.
pub const SWEEP_FILE: &str = "sweep.svg";
/// The file name of the picture of growth.
pub const GROWTH_FILE: &str = "growth.svg";
/// The file name of a comparison's picture.
pub const COMPARE_FILE: &str = "compare.svg";
/// The file name of the picture of memory over time.
pub const MEMORY_FILE: &str = "memory.svg";

/// The file name of the picture of what members saw.
pub const MEMBERS_FILE: &str = "members.svg";

/// Why a report can't be written or read.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A file can't be read.
    #[error("cannot read {}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's message.
        error: io::Error,
    },
    /// A file can't be written.
    #[error("cannot write {}: {error}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's message.
        error: io::Error,
    },
    /// The JSON is not a report.
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
    /// The deliveries can't be read.
    #[error("{}: {error}", path.display())]
    Deliveries {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        error: DeliveriesError,
    },
    /// Standard output can't be written.
    #[error("cannot write the report to standard output: {0}")]
    Stdout(io::Error),
    /// The picture can't be drawn.
    #[error("cannot draw the picture: {0}")]
    Draw(String),
}

/// The second place of a report, besides its directory: `--json`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Json {
    /// To standard output. Nothing else is written there then: the tables go to standard error.
    Stdout,
    /// To this file.
    File(PathBuf),
}

impl FromStr for Json {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(if text == "-" { Self::Stdout } else { Self::File(text.into()) })
    }
}

impl Json {
    /// Writes a report, or several.
    ///
    /// # Errors
    /// Names the file. If the reader of standard output has gone away, this is no error, because it wants no more.
    pub fn write(&self, report: &impl Serialize) -> Result<(), ReportError> {
        match self {
            Self::File(path) => write_json(path, report),
            Self::Stdout => match io::stdout().write_all(json("-".as_ref(), report)?.as_bytes()) {
                Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(ReportError::Stdout(error)),
                _ => Ok(()),
            },
        }
    }
}

/// The content of a directory. It is written without the variant's name, because the report itself tells its kind.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Found {
    /// One run.
    One(Box<Report>),
    /// Several, from one sweep, from several seeds or from several engines.
    Several(Runs),
    /// A search for the capacity.
    Capacity(Box<Capacity>),
    /// Memory under a steady load.
    Plateau(Box<Plateau>),
    /// What members saw of each other.
    Watched(Box<Watched>),
}

/// Writes report, deliveries, picture and page into `dir`. The deliveries have a column for floors if any floor is
/// known.
///
/// # Errors
/// Names the file that couldn't be written.
pub fn write(dir: &Path, report: &Report, deliveries: &[Delivery]) -> Result<(), ReportError> {
    let floors = deliveries.iter().any(|one| one.floor_ms.is_some());
    let mut rows = RowsFile::create(dir, if floors { Columns::WithFloor } else { Columns::WithoutFloor })?;
    deliveries.iter().for_each(|one| rows.row(one));
    rows.finish()?;
    write_drawn(dir, report, &deliveries.iter().collect())
}

/// Writes report, pictures and page into `dir`, beside existing deliveries.
///
/// # Errors
/// Names the file that couldn't be written.
pub fn write_drawn(dir: &Path, report: &Report, spreads: &Spreads) -> Result<(), ReportError> {
    write_file(&dir.join(CDF_FILE), &svg::cdf(report, spreads)?)?;
    if let Some(rumored) = &report.rumor {
        write_file(&dir.join(RUMOR_FILE), &svg::rumor(report, rumored)?)?;
    }
    if let Some(picture) = svg::spread(std::slice::from_ref(report), &[])? {
        write_file(&dir.join(SPREAD_FILE), &picture)?;
    }
    write_json(&dir.join(REPORT_FILE), report)?;
    page::write(dir, report, spreads)
}

/// Writes several runs' reports and their pictures into `dir`.
///
/// # Errors
/// Names the file that couldn't be written.
pub fn write_runs(dir: &Path, runs: &Runs) -> Result<(), ReportError> {
    for (name, picture) in pictures(runs)? {
        write_file(&dir.join(name), &picture)?;
    }
    write_runs_table(dir, runs)?;
    page::write_runs(dir, runs)?;
    write_json(&dir.join(REPORT_FILE), runs)
}

fn write_runs_table(dir: &Path, runs: &Runs) -> Result<(), ReportError> {
    let path = dir.join(RUNS_TABLE_FILE);
    let written = File::create(&path).and_then(|file| deliveries::runs::write(runs, &mut BufWriter::new(file)));
    written.map_err(|error| ReportError::Write { path, error })
}

/// Draws how push-sum grows into a file, if there are at least two numbers of members.
///
/// # Errors
/// Names the file that couldn't be written.
pub fn write_aggregates(path: &Path, found: &Aggregated) -> Result<(), ReportError> {
    match svg::aggregates(found)? {
        Some(picture) => write_file(path, &picture),
        None => Ok(()),
    }
}

/// Writes the report of a plateau and its picture into `dir`.
///
/// # Errors
/// Names the file that couldn't be written.
pub fn write_plateau(dir: &Path, plateau: &Plateau) -> Result<(), ReportError> {
    write_file(&dir.join(MEMORY_FILE), &svg::plateau(plateau)?)?;
    write_json(&dir.join(REPORT_FILE), plateau)
}

/// Writes the report of what members saw and its picture into `dir`.
///
/// # Errors
/// Names the file that couldn't be written.
pub fn write_watched(dir: &Path, watched: &Watched) -> Result<(), ReportError> {
    write_file(&dir.join(MEMBERS_FILE), &svg::watched(watched)?)?;
    write_json(&dir.join(REPORT_FILE), watched)
}

/// The deliveries' file while it is written. The first error is kept until the end.
#[derive(Debug)]
pub struct RowsFile {
    path: PathBuf,
    rows: Rows<BufWriter<File>>,
    failed: Option<io::Error>,
}

impl RowsFile {
    /// Begins the file in `dir`.
    ///
    /// # Errors
    /// Names the file.
    pub fn create(dir: &Path, columns: Columns) -> Result<Self, ReportError> {
        let path = dir.join(DELIVERIES_FILE);
        let begun = File::create(&path).and_then(|file| Rows::new(BufWriter::new(file), columns));
        match begun {
            Ok(rows) => Ok(Self { path, rows, failed: None }),
            Err(error) => Err(ReportError::Write { path, error }),
        }
    }

    /// Adds a row.
    pub fn row(&mut self, one: &Delivery) {
        if self.failed.is_none() {
            self.failed = self.rows.row(one).err();
        }
    }

    /// Ends the file.
    ///
    /// # Errors
    /// Names the file, if anything failed after the beginning.
    pub fn finish(self) -> Result<(), ReportError> {
        let Self { path, rows, failed } = self;
        match failed.map_or_else(|| rows.finish(), Err) {
            Ok(()) => Ok(()),
            Err(error) => Err(ReportError::Write { path, error }),
        }
    }
}

/// Writes a report, or several, as JSON.
///
/// # Errors
/// Names the file.
pub fn write_json(path: &Path, report: &impl Serialize) -> Result<(), ReportError> {
    write_file(path, &json(path, report)?)
}

fn json(path: &Path, report: &impl Serialize) -> Result<String, ReportError> {
    match serde_json::to_string_pretty(report) {
        Ok(json) => Ok(json + "\n"),
        Err(error) => Err(ReportError::Json { path: path.to_owned(), error }),
    }
}

/// Reads the content of `dir`.
///
/// # Errors
/// Names the file, and says what is wrong with it.
pub fn read(dir: &Path) -> Result<Found, ReportError> {
    let path = dir.join(REPORT_FILE);
    let text = read_file(&path)?;
    let kind: Kind = parse(&path, &text)?;
    if kind.schema.is_some_and(|schema| schema != SCHEMA) {
        return Err(ReportError::Schema { path, found: kind.schema.unwrap_or_default() });
    }
    match kind.runs {
        Some(_) => parse(&path, &text).map(Found::Several),
        None if kind.kind.as_deref() == Some(capacity::CAPACITY_KIND) => {
            parse(&path, &text).map(|found| Found::Capacity(Box::new(found)))
        }
        None if kind.kind.as_deref() == Some(plateau::PLATEAU_KIND) => {
            parse(&path, &text).map(|found| Found::Plateau(Box::new(found)))
        }
        None if kind.kind.as_deref() == Some(watched::WATCHED_KIND) => {
            parse(&path, &text).map(|found| Found::Watched(Box::new(found)))
        }
        None => parse(&path, &text).map(|report| Found::One(Box::new(report))),
    }
}

/// The part of a report that tells what to expect of the rest.
#[derive(serde::Deserialize)]
struct Kind {
    schema: Option<u32>,
    kind: Option<String>,
    runs: Option<serde::de::IgnoredAny>,
}

fn parse<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T, ReportError> {
    serde_json::from_str(text).map_err(|error| ReportError::Json { path: path.to_owned(), error })
}

/// Draws the missing pictures of a run again, from the report and the deliveries. Returns their names.
///
/// # Errors
/// Names the file that can't be read or written.
pub fn redraw_missing(dir: &Path, report: &Report) -> Result<Vec<&'static str>, ReportError> {
    let mut redrawn = Vec::new();
    if !dir.join(CDF_FILE).exists() {
        write_file(&dir.join(CDF_FILE), &svg::cdf(report, &spreads(dir)?)?)?;
        redrawn.push(CDF_FILE);
    }
    if let Some(rumored) = report.rumor.as_ref().filter(|_| !dir.join(RUMOR_FILE).exists()) {
        write_file(&dir.join(RUMOR_FILE), &svg::rumor(report, rumored)?)?;
        redrawn.push(RUMOR_FILE);
    }
    if !dir.join(SPREAD_FILE).exists()
        && let Some(picture) = svg::spread(std::slice::from_ref(report), &[])?
    {
        write_file(&dir.join(SPREAD_FILE), &picture)?;
        redrawn.push(SPREAD_FILE);
    }
    Ok(redrawn)
}

/// Writes the page of a run again, from the report and the deliveries.
///
/// # Errors
/// Names the file that can't be read or written.
pub fn write_page(dir: &Path, report: &Report) -> Result<(), ReportError> {
    // A directory in which only the report was kept still gets its page.
    let spreads = if dir.join(DELIVERIES_FILE).exists() { spreads(dir)? } else { Spreads::default() };
    page::write(dir, report, &spreads)
}

/// The latencies of all deliveries in `dir`.
///
/// # Errors
/// Names the file that can't be read.
pub fn spreads(dir: &Path) -> Result<Spreads, ReportError> {
    let path = dir.join(DELIVERIES_FILE);
    let mut gather = Gather::default();
    let file = File::open(&path).map_err(|error| ReportError::Read { path: path.clone(), error })?;
    deliveries::read_from(BufReader::new(file), |one| gather.add(&one))
        .map_err(|error| ReportError::Deliveries { path, error })?;
    Ok(gather.finish())
}

/// Draws the missing pictures of several runs again. Returns their names.
///
/// # Errors
/// Names the file that can't be written.
pub fn redraw_missing_of_runs(dir: &Path, runs: &Runs) -> Result<Vec<&'static str>, ReportError> {
    let mut redrawn = Vec::new();
    if !dir.join(RUNS_TABLE_FILE).exists() {
        write_runs_table(dir, runs)?;
        redrawn.push(RUNS_TABLE_FILE);
    }
    for (name, picture) in pictures(runs)? {
        if !dir.join(name).exists() {
            write_file(&dir.join(name), &picture)?;
            redrawn.push(name);
        }
    }
    Ok(redrawn)
}

/// Draws the picture of a plateau again if it is missing. Returns its name then.
///
/// # Errors
/// Names the file that can't be written.
pub fn redraw_missing_of_plateau(dir: &Path, plateau: &Plateau) -> Result<Vec<&'static str>, ReportError> {
    if dir.join(MEMORY_FILE).exists() {
        return Ok(Vec::new());
    }
    write_file(&dir.join(MEMORY_FILE), &svg::plateau(plateau)?)?;
    Ok(vec![MEMORY_FILE])
}

/// The same for what members saw.
///
/// # Errors
/// As there.
pub fn redraw_missing_of_watched(dir: &Path, watched: &Watched) -> Result<Vec<&'static str>, ReportError> {
    if dir.join(MEMBERS_FILE).exists() {
        return Ok(Vec::new());
    }
    write_file(&dir.join(MEMBERS_FILE), &svg::watched(watched)?)?;
    Ok(vec![MEMBERS_FILE])
}

/// All possible pictures of several runs, and their names.
fn pictures(runs: &Runs) -> Result<Vec<(&'static str, String)>, ReportError> {
    let drawn = if runs.kind == compare::COMPARE_KIND {
        vec![(COMPARE_FILE, svg::compare(runs)?)]
    } else {
        let varied = runs.sweep.as_ref();
        let names: Vec<String> = varied.map_or_else(Vec::new, |swept| {
            let seeds = runs.runs.iter().any(|run| runs.runs.first().is_some_and(|first| first.seed != run.seed));
            let seed = |run: &Report| if seeds { format!(", seed {}", run.seed) } else { String::new() };
            let each = swept.values.iter().zip(&runs.runs);
            each.map(|(value, run)| format!("{} {value}{}", swept.parameter, seed(run))).collect()
        });
        let spread = svg::spread(&runs.runs, &names)?;
        vec![(SWEEP_FILE, svg::sweep(runs)?), (GROWTH_FILE, svg::growth(runs)?), (SPREAD_FILE, spread)]
    };
    Ok(drawn.into_iter().filter_map(|(name, picture)| Some((name, picture?))).collect())
}

fn read_file(path: &Path) -> Result<String, ReportError> {
    std::fs::read_to_string(path).map_err(|error| ReportError::Read { path: path.to_owned(), error })
}

fn write_file(path: &Path, text: &str) -> Result<(), ReportError> {
    std::fs::write(path, text).map_err(|error| ReportError::Write { path: path.to_owned(), error })
}
