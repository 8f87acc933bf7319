//! The columns of the files with rows, and the same rows as NDJSON: one JSON object on each line (RFC 8259), for programs
//! that read streams. `docs/DATA.md` says what each column means; a test compares the two.

use std::io::{self, BufRead, Write};

use serde_json::{Map, Value};

/// A column's name, and how its values are read.
pub type Column = (&'static str, Type);

/// How the values of a column are read. An empty value is null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// A word.
    Text,
    /// A whole number.
    Integer,
    /// A number of milliseconds, with three digits after the point.
    Milliseconds,
    /// Any other number.
    Number,
    /// `true` or `false`.
    Flag,
}

/// The columns of `deliveries.csv`. The last one is there only if links are known.
pub const DELIVERY_COLUMNS: [Column; 8] = [
    ("kind", Type::Text),
    ("item", Type::Text),
    ("origin", Type::Integer),
    ("node", Type::Integer),
    ("from", Type::Integer),
    ("latency_ms", Type::Milliseconds),
    ("within_block", Type::Flag),
    ("floor_ms", Type::Milliseconds),
];

/// The columns of `hops.csv`.
pub const HOP_COLUMNS: [Column; 17] = [
    ("kind", Type::Text),
    ("item", Type::Text),
    ("origin", Type::Integer),
    ("node", Type::Integer),
    ("from", Type::Integer),
    ("depth", Type::Integer),
    ("cause", Type::Text),
    ("latency_ms", Type::Milliseconds),
    ("hop_ms", Type::Milliseconds),
    ("queue_ms", Type::Milliseconds),
    ("wait_ms", Type::Milliseconds),
    ("link_ms", Type::Milliseconds),
    ("floor_ms", Type::Milliseconds),
    ("processor_ms", Type::Milliseconds),
    ("verify_ms", Type::Milliseconds),
    ("lost_ms", Type::Milliseconds),
    ("blame", Type::Text),
];

impl Type {
    /// Its name in the documents.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "integer",
            Self::Milliseconds | Self::Number => "number",
            Self::Flag => "boolean",
        }
    }

    /// A value of this type as JSON; `None` if it is no such value.
    fn json(self, text: &str) -> Option<Value> {
        if text.is_empty() {
            return Some(Value::Null);
        }
        match self {
            Self::Text => Some(Value::from(text)),
            Self::Integer => text.parse::<u64>().ok().map(Value::from),
            Self::Milliseconds | Self::Number => text.parse::<f64>().ok().map(Value::from),
            Self::Flag => text.parse::<bool>().ok().map(Value::from),
        }
    }
}

/// Rewrites a CSV file whose columns are among these as NDJSON.
///
/// # Errors
/// Those of the files; and [`io::ErrorKind::InvalidData`], with the line, if a line doesn't have these columns.
pub fn to_ndjson(csv: impl BufRead, columns: &[Column], to: &mut impl Write) -> io::Result<()> {
    let strange =
        |line: usize| io::Error::new(io::ErrorKind::InvalidData, format!("line {line} is no row of this file"));
    let mut lines = (1..).zip(csv.lines());
    let Some((_, header)) = lines.next() else { return Err(strange(1)) };
    let header = header?;
    let find = |name: &str| columns.iter().find(|(known, _)| *known == name).copied();
    let columns: Option<Vec<Column>> = header.split(',').map(find).collect();
    let columns = columns.ok_or_else(|| strange(1))?;
    for (number, line) in lines {
        let line = line?;
        let values: Vec<&str> = line.split(',').collect();
        let mut object = Map::new();
        for ((name, kind), value) in columns.iter().zip(&values) {
            let value = kind.json(value).ok_or_else(|| strange(number))?;
            object.insert((*name).to_owned(), value);
        }
        if values.len() != columns.len() {
            return Err(strange(number));
        }
        serde_json::to_writer(&mut *to, &object)?;
        to.write_all(b"\n")?;
    }
    to.flush()
}
