//! A file of settings: flat TOML, one key for each setting. This file reads it and tells in which line a key stands.
//!
//! The file decides which key signs and whose blocks are accepted. So it is refused if every user may write it. No
//! setting is a secret, so others may read it.
//!
//! Deliberately absent: which settings there are, and which values they take (`cli/setup`).

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The file's name in the data dir.
pub const CONFIG_FILE: &str = "node.toml";

/// The longest file: 1 MiB is room for 15,000 keys of producers.
pub const CONFIG_BYTES_MAX: u64 = 1024 * 1024;

/// Why a file can't be read.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// A named file does not exist.
    #[error(
        "there is no configuration file {}, and nothing was started: check the path, or make one with `node init`",
        .0.display()
    )]
    Missing(PathBuf),
    /// Every user may write it.
    #[error(
        "everybody on this machine may write the configuration file {path}, so it was not used: `chmod o-w {path}`, and look at \
         what is in it",
        path = .0.display()
    )]
    OpenToAll(PathBuf),
    /// It is a directory, a pipe or too long.
    #[error("{} is no configuration file, which is a regular file of at most 1 MiB: name another one", .0.display())]
    NoFile(PathBuf),
    /// The file system failed.
    #[error("cannot read the configuration file {}: {error}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
}

/// A line that has a setting.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Its line, from 1.
    pub line: usize,
    /// What it is set to.
    pub value: Value,
}

/// A value, as it stands in the file. Numbers keep their spelling.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `true` or `false`.
    Switch(bool),
    /// A number without a point.
    Whole(String),
    /// A number with a point.
    Broken(String),
    /// A text in quotes.
    Text(String),
    /// A list.
    List(Vec<Self>),
    /// A table or a date, which no setting takes.
    Other(&'static str),
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The line, from 1; `None` if it is about the file as a whole.
    pub line: Option<usize>,
    /// What is wrong, and what to write.
    pub message: String,
}

/// Reads the text of a file.
///
/// # Errors
/// [`FileError`].
pub fn read(path: &Path) -> Result<String, FileError> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => FileError::Missing(path.to_owned()),
        _ => FileError::Io { path: path.to_owned(), error },
    };
    // This is checked before the file is opened: opening a pipe would wait for a process that writes into it.
    let about = fs::metadata(path).map_err(failed)?;
    if !about.is_file() || about.len() > CONFIG_BYTES_MAX {
        return Err(FileError::NoFile(path.to_owned()));
    }
    if about.permissions().mode() & 0o002 != 0 {
        return Err(FileError::OpenToAll(path.to_owned()));
    }
    let mut text = String::new();
    File::open(path).map_err(failed)?.take(CONFIG_BYTES_MAX).read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}

/// Takes a text apart: its settings in the order of their lines, and what is no TOML.
#[must_use]
pub fn parse(text: &str) -> (Vec<Entry>, Vec<Problem>) {
    let (table, errors) = DeTable::parse_recoverable(text);
    let problems = errors
        .iter()
        .map(|error| Problem {
            line: error.span().map(|span| line_of(text, span.start)),
            message: error.message().replace('\n', " "),
        })
        .collect();
    let mut entries: Vec<Entry> = table
        .get_ref()
        .iter()
        .map(|(key, value)| Entry {
            key: key.get_ref().to_string(),
            line: line_of(text, key.span().start),
            value: read_value(value),
        })
        .collect();
    entries.sort_by_key(|entry| entry.line);
    (entries, problems)
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

fn read_value(value: &Spanned<DeValue<'_>>) -> Value {
    match value.get_ref() {
        DeValue::Boolean(on) => Value::Switch(*on),
        DeValue::Integer(number) => Value::Whole(number.to_string()),
        DeValue::Float(number) => Value::Broken(number.to_string()),
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Array(values) => Value::List(values.iter().map(read_value).collect()),
        DeValue::Datetime(_) => Value::Other("a date"),
        DeValue::Table(_) => Value::Other("a table"),
    }
}
