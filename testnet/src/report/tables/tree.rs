//! The way of one item, as a tree of text: each node hangs below the neighbour from which it got the item, with its
//! latency, its hop, the hop's cause, and what made it slow.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use node::observe::trace::Kind;
use protocol::items::hash::ShortId;

use super::causes::said;
use super::cells::number;
use super::layout::{Page, wrapped};
use crate::report::ReportError;
use crate::report::deliveries::files::each_hop;
use crate::report::deliveries::hops::{Blame, Cause, Hop};

/// Ids of items with one prefix that are named if there are several.
const ITEMS_NAMED_MAX: usize = 5;

/// What is asked for if no id is given.
pub const SLOWEST: &str = "slowest";

/// The colour of a hop that somebody is to blame for, and its end.
const ALARM: (&str, &str) = ("\u{1b}[1;31m", "\u{1b}[0m");

/// Why there is no tree.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// The rows can't be read.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// No item's id begins so.
    #[error("no item's id begins with {0:?}: deliveries.csv has them in its column \"item\"")]
    Nothing(String),
    /// Several do.
    #[error("the ids of several items begin with {prefix:?}, such as {}: give more digits", found.join(", "))]
    Several {
        /// The prefix.
        prefix: String,
        /// Some of them.
        found: Vec<String>,
    },
}

/// The tree of the item whose id begins with `wanted`, or of the slowest item for [`SLOWEST`].
///
/// # Errors
/// If there is no such item, or several.
pub fn render(dir: &Path, wanted: &str, page: Page) -> Result<String, TreeError> {
    let (kind, item) = choose(dir, wanted)?;
    let mut hops: BTreeMap<usize, Hop> = BTreeMap::new();
    each_hop(dir, |hop| {
        if (hop.kind, hop.item) == (kind, item) {
            hops.insert(hop.node, hop);
        }
    })?;
    Ok(drawn(&hops, page))
}

fn choose(dir: &Path, wanted: &str) -> Result<(Kind, ShortId), TreeError> {
    let mut slowest: Option<(f64, (Kind, ShortId))> = None;
    let mut found: Vec<(Kind, ShortId)> = Vec::new();
    let prefix = wanted.to_lowercase();
    each_hop(dir, |hop| {
        let key = (hop.kind, hop.item);
        if wanted == SLOWEST {
            // A block takes longer than a transaction, so it counts only if there is nothing else.
            let rank = |key: &(Kind, ShortId)| key.0 == Kind::Transaction;
            let ms = hop.latency_ms.unwrap_or(0.0);
            if slowest.as_ref().is_none_or(|(most, other)| (rank(&key), ms) > (rank(other), *most)) {
                slowest = Some((ms, key));
            }
        } else if found.len() <= ITEMS_NAMED_MAX
            && !found.contains(&key)
            && hop.item.to_string().starts_with(&prefix)
        {
            found.push(key);
        }
    })?;
    found.extend(slowest.map(|(_, key)| key));
    match found.as_slice() {
        [one] => Ok(*one),
        [] => Err(TreeError::Nothing(wanted.to_owned())),
        several => Err(TreeError::Several {
            prefix,
            found: several.iter().take(ITEMS_NAMED_MAX).map(|(_, item)| item.to_string()).collect(),
        }),
    }
}

fn drawn(hops: &BTreeMap<usize, Hop>, page: Page) -> String {
    let Some(first) = hops.values().next() else { return String::new() };
    let kind = if first.kind == Kind::Transaction { "transaction" } else { "block" };
    let last = hops.values().max_by(|one, other| latency(one).total_cmp(&latency(other))).unwrap_or(first);
    let title = format!(
        "{kind} {} entered at node {} and reached {} other nodes; the last was node {} after {} ms",
        first.item,
        first.origin,
        hops.len(),
        last.node,
        number(last.latency_ms, 1)
    );
    let mut below: BTreeMap<usize, Vec<&Hop>> = BTreeMap::new();
    for hop in hops.values() {
        if let Some(from) = hop.from {
            below.entry(from).or_default().push(hop);
        }
    }
    below.values_mut().for_each(|hops| hops.sort_by(|one, other| latency(one).total_cmp(&latency(other))));
    let mut lines = vec![wrapped(&title, page.width), format!("node {}", first.origin)];
    let mut seen = HashSet::from([first.origin]);
    branch(hops, &below, first.origin, "", &mut seen, page, &mut lines);
    for hop in hops.values().filter(|hop| !seen.contains(&hop.node)).collect::<Vec<_>>() {
        lines.push(line("?  ", hop, None, page));
    }
    lines.join("\n")
}

/// The nodes below one, and those below them. A node is drawn once, so wrong rows can't make a circle.
fn branch(
    hops: &BTreeMap<usize, Hop>,
    below: &BTreeMap<usize, Vec<&Hop>>,
    node: usize,
    stem: &str,
    seen: &mut HashSet<usize>,
    page: Page,
    lines: &mut Vec<String>,
) {
    let children: Vec<&&Hop> =
        below.get(&node).into_iter().flatten().filter(|hop| seen.insert(hop.node)).collect();
    for (at, hop) in children.iter().enumerate() {
        let is_last = at + 1 == children.len();
        let (corner, further) = if is_last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        lines.push(line(&format!("{stem}{corner}"), hop, hops.get(&node), page));
        branch(hops, below, hop.node, &format!("{stem}{further}"), seen, page, lines);
    }
}

/// One node. What doesn't fit into the page is left out, from its end.
fn line(stem: &str, hop: &Hop, parent: Option<&Hop>, page: Page) -> String {
    let before = parent.map_or(Some(0.0), |parent| parent.latency_ms);
    let hop_ms = hop.hop_ms.or_else(|| Some(hop.latency_ms? - before?));
    let mut pieces = vec![format!("node {}", hop.node), format!("{} ms", number(hop.latency_ms, 1))];
    pieces.push(format!("(+{})", number(hop_ms, 1)));
    if hop.cause != Cause::Unknown {
        pieces.push(said(hop.cause.name()));
    }
    let blamed = hop.blame != Blame::Nobody;
    if blamed {
        pieces.push(format!("slow: {}", hop.blame));
    }
    let parts = [
        ("queue", hop.parts.queue),
        ("waiting", hop.parts.wait),
        ("link", hop.parts.link),
        ("verification", hop.parts.verify),
    ];
    let parts = parts.iter().filter_map(|(name, ms)| Some((name, ms.filter(|ms| *ms >= 0.1)?)));
    pieces.extend(parts.map(|(name, ms)| format!("{name} {ms:.1}")));
    let mut text = stem.to_owned();
    let mut columns = stem.chars().count();
    for (at, piece) in pieces.iter().enumerate() {
        let more = piece.chars().count() + usize::from(at > 0) * 2;
        // A node is named even where the page is too narrow.
        if at > 0 && columns + more > page.width {
            break;
        }
        text.push_str(if at > 0 { "  " } else { "" });
        text.push_str(piece);
        columns += more;
    }
    if blamed && page.color { format!("{}{text}{}", ALARM.0, ALARM.1) } else { text }
}

fn latency(hop: &Hop) -> f64 {
    hop.latency_ms.unwrap_or(f64::INFINITY)
}
