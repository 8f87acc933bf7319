//! One row for each delivery, as CSV: `kind,item,origin,node,from,latency_ms,within_block`, and `floor_ms` as well
//! if links are known. Nodes are numbers, and items are short ids in hexadecimal. `from`, `latency_ms` and
//! `floor_ms` are empty if they are unknown.

pub mod columns;
pub mod files;
pub mod hops;
pub mod runs;

use std::io::{self, BufRead, Write};

use node::observe::trace::Kind;
use protocol::items::hash::ShortId;

/// An item's first acceptance at a node other than its origin.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// The item's kind.
    pub kind: Kind,
    /// The item.
    pub item: ShortId,
    /// Its encoded bytes. Not in the CSV: 0 when read back.
    pub bytes: u64,
    /// The node where it was submitted.
    pub origin: usize,
    /// The node where it arrived.
    pub node: usize,
    /// The neighbour that brought it.
    pub from: Option<usize>,
    /// The time since the submission, in milliseconds.
    pub latency_ms: Option<f64>,
    /// Whether it came inside a block.
    pub within_block: bool,
    /// The earliest possible latency: the shortest path over the overlay. It needs known links.
    pub floor_ms: Option<f64>,
}

/// The columns of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Columns {
    /// All but the last.
    WithoutFloor,
    /// All.
    WithFloor,
}

/// Why deliveries can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeliveriesError {
    /// The first line is not the header.
    #[error("the first line must be {HEADER:?}")]
    Header,
    /// The first line is not the header of hops.
    #[error("the first line must name the columns of hops.csv, as docs/DATA.md lists them")]
    HopsHeader,
    /// A line can't be read.
    #[error("line {0} is no delivery")]
    Line(usize),
    /// The file can't be read to its end.
    #[error("cannot be read to its end: {0}")]
    Read(io::ErrorKind),
}

const HEADER: &str = "kind,item,origin,node,from,latency_ms,within_block";
const HEADER_WITH_FLOOR: &str = "kind,item,origin,node,from,latency_ms,within_block,floor_ms";

/// Writes rows one by one, because the rows of a large run are never all in memory.
#[derive(Debug)]
pub struct Rows<W> {
    to: W,
    columns: Columns,
}

impl<W: Write> Rows<W> {
    /// Writes the header.
    ///
    /// # Errors
    /// The error of the writer.
    pub fn new(mut to: W, columns: Columns) -> io::Result<Self> {
        let header = match columns {
            Columns::WithoutFloor => HEADER,
            Columns::WithFloor => HEADER_WITH_FLOOR,
        };
        writeln!(to, "{header}")?;
        Ok(Self { to, columns })
    }

    /// Writes a row.
    ///
    /// # Errors
    /// The error of the writer.
    pub fn row(&mut self, one: &Delivery) -> io::Result<()> {
        let kind = match one.kind {
            Kind::Transaction => "tx",
            Kind::Block => "block",
        };
        write!(self.to, "{kind},{},{},{},", one.item, one.origin, one.node)?;
        if let Some(from) = one.from {
            write!(self.to, "{from}")?;
        }
        self.to.write_all(b",")?;
        if let Some(ms) = one.latency_ms {
            write!(self.to, "{ms:.3}")?;
        }
        write!(self.to, ",{}", one.within_block)?;
        if self.columns == Columns::WithFloor {
            self.to.write_all(b",")?;
            if let Some(ms) = one.floor_ms {
                write!(self.to, "{ms:.3}")?;
            }
        }
        self.to.write_all(b"\n")
    }

    /// Writes the buffered rest.
    ///
    /// # Errors
    /// The error of the writer.
    pub fn finish(mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// Reads deliveries back, one by one.
///
/// # Errors
/// Names the line that can't be read.
pub fn read_each(text: &str, each: impl FnMut(Delivery)) -> Result<(), DeliveriesError> {
    read_from(text.as_bytes(), each)
}

/// The same of a file that is too long to be in memory at once.
///
/// # Errors
/// Names the line that can't be read.
pub fn read_from(file: impl BufRead, mut each: impl FnMut(Delivery)) -> Result<(), DeliveriesError> {
    let mut lines = (1..).zip(file.lines());
    let header =
        lines.next().map(|(_, line)| line).transpose().map_err(|error| DeliveriesError::Read(error.kind()))?;
    let columns = match header.as_deref() {
        Some(HEADER) => Columns::WithoutFloor,
        Some(HEADER_WITH_FLOOR) => Columns::WithFloor,
        _ => return Err(DeliveriesError::Header),
    };
    for (number, line) in lines {
        let line = line.map_err(|error| DeliveriesError::Read(error.kind()))?;
        each(parse(&line, columns).ok_or(DeliveriesError::Line(number))?);
    }
    Ok(())
}

fn parse(line: &str, columns: Columns) -> Option<Delivery> {
    let mut fields: Vec<&str> = line.split(',').collect();
    if columns == Columns::WithoutFloor {
        fields.push("");
    }
    let [kind, item, origin, node, from, latency, within, floor] = fields.as_slice() else { return None };
    let mut id = [0; 8];
    hex::decode_to_slice(item, &mut id).ok()?;
    let milliseconds = |text: &str| (!text.is_empty()).then(|| text.parse::<f64>()).transpose().ok();
    Some(Delivery {
        kind: match *kind {
            "tx" => Kind::Transaction,
            "block" => Kind::Block,
            _ => return None,
        },
        item: ShortId(id),
        bytes: 0,
        origin: origin.parse().ok()?,
        node: node.parse().ok()?,
        from: (!from.is_empty()).then(|| from.parse()).transpose().ok()?,
        latency_ms: milliseconds(latency)?,
        within_block: within.parse().ok()?,
        floor_ms: milliseconds(floor)?,
    })
}
