//! The files of hops in a run's directory, and both files of rows as NDJSON. Rows are read one by one, because those of a
//! large run don't fit in memory.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter};
use std::path::{Path, PathBuf};

use protocol::gossip::ArrivalCause;

use super::columns::{Column, DELIVERY_COLUMNS, HOP_COLUMNS, to_ndjson};
use super::hops::{self, Blame, Cause, Hop, Parts};
use super::{DeliveriesError, read_from};
use crate::report::{DELIVERIES_FILE, ReportError};

/// The hops' file name.
pub const HOPS_FILE: &str = "hops.csv";
/// The file name of deliveries as NDJSON.
pub const DELIVERIES_NDJSON_FILE: &str = "deliveries.ndjson";
/// The file name of hops as NDJSON.
pub const HOPS_NDJSON_FILE: &str = "hops.ndjson";

/// Writes the hops into `dir`. Without hops there is no file.
///
/// # Errors
/// Names the file.
pub fn write_hops(dir: &Path, hops: &[Hop]) -> Result<(), ReportError> {
    if hops.is_empty() {
        return Ok(());
    }
    let path = dir.join(HOPS_FILE);
    let written = File::create(&path).and_then(|file| hops::write(hops, &mut BufWriter::new(file)));
    written.map_err(|error| ReportError::Write { path, error })
}

/// Reads the hops of `dir`, in the order of the file. Of a directory that has none, such as a large simulation's, it
/// reads the deliveries: then only neighbours and latencies are known.
///
/// # Errors
/// Names the file that can't be read.
pub fn each_hop(dir: &Path, mut each: impl FnMut(Hop)) -> Result<(), ReportError> {
    if dir.join(HOPS_FILE).exists() {
        let (path, file) = opened(dir, HOPS_FILE)?;
        return hops::read_each(file, each).map_err(|error| ReportError::Deliveries { path, error });
    }
    let (path, file) = opened(dir, DELIVERIES_FILE)?;
    let read = read_from(file, |one| {
        each(Hop {
            kind: one.kind,
            item: one.item,
            origin: one.origin,
            node: one.node,
            from: one.from,
            depth: None,
            cause: if one.within_block { Cause::Why(ArrivalCause::WithinBlock) } else { Cause::Unknown },
            latency_ms: one.latency_ms,
            hop_ms: None,
            parts: Parts::default(),
            lost_ms: None,
            blame: Blame::Nobody,
        });
    });
    read.map_err(|error: DeliveriesError| ReportError::Deliveries { path, error })
}

/// Writes deliveries and hops of `dir` as NDJSON beside them. Returns the names of the files that were written.
///
/// # Errors
/// Names the file.
pub fn write_ndjson(dir: &Path) -> Result<Vec<&'static str>, ReportError> {
    let mut written = Vec::new();
    let files: [(&str, &[Column], &'static str); 2] = [
        (DELIVERIES_FILE, &DELIVERY_COLUMNS, DELIVERIES_NDJSON_FILE),
        (HOPS_FILE, &HOP_COLUMNS, HOPS_NDJSON_FILE),
    ];
    for (from, columns, to) in files.into_iter().filter(|(from, ..)| dir.join(from).exists()) {
        let (path, csv) = opened(dir, from)?;
        let target = dir.join(to);
        let made = File::create(&target).map_err(|error| ReportError::Write { path: target, error })?;
        to_ndjson(csv, columns, &mut BufWriter::new(made)).map_err(|error| ReportError::Read { path, error })?;
        written.push(to);
    }
    Ok(written)
}

fn opened(dir: &Path, name: &str) -> Result<(PathBuf, impl BufRead), ReportError> {
    let path = dir.join(name);
    match File::open(&path) {
        Ok(file) => Ok((path, BufReader::new(file))),
        Err(error) => Err(ReportError::Read { path, error }),
    }
}
