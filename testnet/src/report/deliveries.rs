//! One row for each delivery, as CSV: `kind,item,origin,node,from,latency_ms,within_block`. Nodes are numbers, items
//! short ids in hexadecimal; `from` and `latency_ms` are empty where they aren't known.

use std::fmt::Write as _;

use node::trace::Kind;
use protocol::hash::ShortId;

/// An item's first acceptance at a node other than its origin.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// The item's kind.
    pub kind: Kind,
    /// The item.
    pub item: ShortId,
    /// Its encoded bytes. Not in the CSV: 0 when read back.
    pub bytes: u64,
    /// Where it was submitted.
    pub origin: usize,
    /// Where it arrived.
    pub node: usize,
    /// The neighbour that brought it.
    pub from: Option<usize>,
    /// Time since the submission, in milliseconds.
    pub latency_ms: Option<f64>,
    /// Whether it came inside a block.
    pub within_block: bool,
}

/// Why deliveries don't read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeliveriesError {
    /// The first line is not the header.
    #[error("the first line must be {HEADER:?}")]
    Header,
    /// A line doesn't read.
    #[error("line {0} is no delivery")]
    Line(usize),
}

const HEADER: &str = "kind,item,origin,node,from,latency_ms,within_block";

/// The deliveries as CSV.
#[must_use]
pub fn to_csv(deliveries: &[Delivery]) -> String {
    let mut text = format!("{HEADER}\n");
    for one in deliveries {
        let kind = match one.kind {
            Kind::Transaction => "tx",
            Kind::Block => "block",
        };
        let from = one.from.map(|from| from.to_string()).unwrap_or_default();
        let latency = one.latency_ms.map(|ms| format!("{ms:.3}")).unwrap_or_default();
        // Writing to a string can't fail.
        let _ = writeln!(
            text,
            "{kind},{},{},{},{from},{latency},{}",
            one.item, one.origin, one.node, one.within_block
        );
    }
    text
}

/// Reads deliveries back.
///
/// # Errors
/// Names the line that doesn't read.
pub fn from_csv(text: &str) -> Result<Vec<Delivery>, DeliveriesError> {
    let mut lines = (1..).zip(text.lines());
    if lines.next().map(|(_, line)| line) != Some(HEADER) {
        return Err(DeliveriesError::Header);
    }
    lines.map(|(number, line)| parse(line).ok_or(DeliveriesError::Line(number))).collect()
}

fn parse(line: &str) -> Option<Delivery> {
    let fields: Vec<&str> = line.split(',').collect();
    let [kind, item, origin, node, from, latency, within] = fields.as_slice() else { return None };
    let mut id = [0; 8];
    hex::decode_to_slice(item, &mut id).ok()?;
    let unless_empty = |text: &&str| (!text.is_empty()).then(|| (*text).to_owned());
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
        from: unless_empty(from).map(|from| from.parse()).transpose().ok()?,
        latency_ms: unless_empty(latency).map(|ms| ms.parse()).transpose().ok()?,
        within_block: within.parse().ok()?,
    })
}
