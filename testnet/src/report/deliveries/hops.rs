//! One row for each delivery of a run or of a simulation, with the cause of its last hop and where this hop's time
//! went. A hop leads from the neighbour that brought the item to the node. The columns are in [`HOP_COLUMNS`].
//!
//! Deliberately absent: how the parts and the blame are found. That is `local/collect/causes.rs`.

use std::fmt;
use std::io::{self, BufRead, Write};
use std::str::FromStr;

use node::observe::trace::Kind;
use protocol::gossip::{ArrivalCause, ArrivalWay};
use protocol::items::hash::ShortId;

use super::DeliveriesError;
use super::columns::HOP_COLUMNS;
use crate::report::statistics::rounded;

/// A hop.
#[derive(Clone, Debug, PartialEq)]
pub struct Hop {
    /// The item's kind.
    pub kind: Kind,
    /// The item.
    pub item: ShortId,
    /// The node where it was submitted.
    pub origin: usize,
    /// The node where it arrived.
    pub node: usize,
    /// The neighbour that brought it, if it is known.
    pub from: Option<usize>,
    /// Hops from the origin to the node, this one included.
    pub depth: Option<usize>,
    /// Why it came.
    pub cause: Cause,
    /// From the submission to the acceptance at the node.
    pub latency_ms: Option<f64>,
    /// From the acceptance at the neighbour to that at the node. From the origin, it counts from the submission.
    pub hop_ms: Option<f64>,
    /// Where the time went.
    pub parts: Parts,
    /// By how much it took longer than such a hop usually takes.
    pub lost_ms: Option<f64>,
    /// Whose fault that was.
    pub blame: Blame,
}

/// The parts of a hop's time, in milliseconds. Queue, waiting, link and verification add up to the hop.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Parts {
    /// The neighbour had the item, and had sent nothing about it to the node. At the origin, its own verification is
    /// part of it.
    pub queue: Option<f64>,
    /// The node knew of the item, and its body was not on the way: a wait for a push, for answers to requests, for a
    /// comparison.
    pub wait: Option<f64>,
    /// Announcement and body were on the way, from the loop of one node to the loop of the other.
    pub link: Option<f64>,
    /// The part of this that the emulated delays take.
    pub floor: Option<f64>,
    /// The part above the floor for which a late timer shows that a node's processor was busy.
    pub processor: Option<f64>,
    /// From the receipt of the body to its acceptance.
    pub verify: Option<f64>,
}

/// Why an item came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// The node's own word.
    Why(ArrivalCause),
    /// It came unasked. The node's trace doesn't say why.
    Pushed,
    /// It was asked for. The node's trace doesn't say why.
    Fetched,
    /// The traces don't tell.
    Unknown,
}

/// Whose fault a slow hop was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Blame {
    /// Nobody's: the hop took no longer than others, or nothing that lasts was found.
    #[default]
    Nobody,
    /// A slow node.
    Node(usize),
    /// A slow link, the lower number first.
    Link(usize, usize),
    /// A node that announced and sent no body.
    Withholder(usize),
}

impl Parts {
    /// To the microsecond, as the file has them.
    #[must_use]
    pub fn rounded(self) -> Self {
        let micro = |value: Option<f64>| value.map(|ms| rounded(ms, 3));
        Self {
            queue: micro(self.queue),
            wait: micro(self.wait),
            link: micro(self.link),
            floor: micro(self.floor),
            processor: micro(self.processor),
            verify: micro(self.verify),
        }
    }
}

impl Cause {
    /// Its name in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Why(cause) => cause.name(),
            Self::Pushed => "pushed",
            Self::Fetched => "fetched",
            Self::Unknown => "unknown",
        }
    }

    /// How the item came, if that is known.
    #[must_use]
    pub const fn way(self) -> Option<ArrivalWay> {
        match self {
            Self::Why(cause) => Some(cause.way()),
            Self::Pushed => Some(ArrivalWay::Pushed),
            Self::Fetched => Some(ArrivalWay::Fetched),
            Self::Unknown => None,
        }
    }
}

impl FromStr for Cause {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let others = [Self::Pushed, Self::Fetched, Self::Unknown];
        let named = ArrivalCause::named(text).map(Self::Why);
        named.or_else(|| others.into_iter().find(|cause| cause.name() == text)).ok_or(())
    }
}

impl Blame {
    /// A link, whichever way it is used.
    #[must_use]
    pub fn link(one: usize, other: usize) -> Self {
        Self::Link(one.min(other), one.max(other))
    }
}

impl fmt::Display for Blame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody => Ok(()),
            Self::Node(node) => write!(f, "node {node}"),
            Self::Link(one, other) => write!(f, "link {one}-{other}"),
            Self::Withholder(node) => write!(f, "withholder {node}"),
        }
    }
}

impl FromStr for Blame {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let number = |text: &str| text.parse::<usize>().map_err(|_| ());
        match text.split_once(' ') {
            None if text.is_empty() => Ok(Self::Nobody),
            Some(("node", node)) => Ok(Self::Node(number(node)?)),
            Some(("withholder", node)) => Ok(Self::Withholder(number(node)?)),
            Some(("link", ends)) => {
                let (one, other) = ends.split_once('-').ok_or(())?;
                Ok(Self::link(number(one)?, number(other)?))
            }
            _ => Err(()),
        }
    }
}

/// Writes all rows.
///
/// # Errors
/// Those of the writer.
pub fn write(hops: &[Hop], to: &mut impl Write) -> io::Result<()> {
    writeln!(to, "{}", header())?;
    for hop in hops {
        let whole = |value: Option<usize>| value.map_or(String::new(), |value| value.to_string());
        let ms = |value: Option<f64>| value.map_or(String::new(), |value| format!("{value:.3}"));
        let kind = match hop.kind {
            Kind::Transaction => "tx",
            Kind::Block => "block",
        };
        let Parts { queue, wait, link, floor, processor, verify } = hop.parts;
        let times = [hop.latency_ms, hop.hop_ms, queue, wait, link, floor, processor, verify, hop.lost_ms].map(ms);
        let (from, depth) = (whole(hop.from), whole(hop.depth));
        writeln!(
            to,
            "{kind},{},{},{},{from},{depth},{},{},{}",
            hop.item,
            hop.origin,
            hop.node,
            hop.cause.name(),
            times.join(","),
            hop.blame
        )?;
    }
    to.flush()
}

/// Reads rows one by one.
///
/// # Errors
/// Names the line that can't be read.
pub fn read_each(from: impl BufRead, mut each: impl FnMut(Hop)) -> Result<(), DeliveriesError> {
    let mut lines = (1..).zip(from.lines());
    let first = lines.next().and_then(|(_, line)| line.ok());
    if first.as_deref() != Some(header().as_str()) {
        return Err(DeliveriesError::HopsHeader);
    }
    for (number, line) in lines {
        let line = line.map_err(|error| DeliveriesError::Read(error.kind()))?;
        each(parse(&line).ok_or(DeliveriesError::Line(number))?);
    }
    Ok(())
}

fn header() -> String {
    HOP_COLUMNS.map(|(name, _)| name).join(",")
}

fn parse(line: &str) -> Option<Hop> {
    let fields: Vec<&str> = line.split(',').collect();
    let [kind, item, origin, node, from, depth, cause, times @ .., blame] = fields.as_slice() else { return None };
    let mut id = [0; 8];
    hex::decode_to_slice(item, &mut id).ok()?;
    let whole = |text: &str| (!text.is_empty()).then(|| text.parse::<usize>()).transpose().ok();
    let ms = |text: &&str| (!text.is_empty()).then(|| text.parse::<f64>()).transpose().ok();
    let times: Vec<Option<f64>> = times.iter().map(ms).collect::<Option<_>>()?;
    let [latency_ms, hop_ms, queue, wait, link, floor, processor, verify, lost_ms] = *times.as_slice() else {
        return None;
    };
    Some(Hop {
        kind: match *kind {
            "tx" => Kind::Transaction,
            "block" => Kind::Block,
            _ => return None,
        },
        item: ShortId(id),
        origin: origin.parse().ok()?,
        node: node.parse().ok()?,
        from: whole(from)?,
        depth: whole(depth)?,
        cause: cause.parse().ok()?,
        latency_ms,
        hop_ms,
        parts: Parts { queue, wait, link, floor, processor, verify },
        lost_ms,
        blame: blame.parse().ok()?,
    })
}
