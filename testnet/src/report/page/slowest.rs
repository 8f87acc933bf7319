//! The nodes that get items last, and the links that are slow, over the items of a [`Sample`]. Only one kind of item
//! counts, because a block takes longer than a transaction: transactions, or blocks if there are no transactions.

use std::collections::BTreeMap;

use node::observe::trace::Kind;
use serde::Serialize;

use super::sample::{Sample, Sampled};
use crate::report::statistics::{Sorted, rounded};

/// Rows of a table.
const ROWS_MAX: usize = 10;

/// Items that a link must have brought. The median of fewer says little about the link.
const LINK_ITEMS_MIN: usize = 3;

/// A node, and how late items are there.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct SlowNode {
    node: usize,
    delivered: usize,
    missing: usize,
    p50_ms: Option<f64>,
    p95_ms: Option<f64>,
    max_ms: Option<f64>,
}

/// A link in one direction, and how long items took on it, with the verification at its end.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct SlowLink {
    from: usize,
    node: usize,
    items: usize,
    p50_ms: Option<f64>,
    max_ms: Option<f64>,
}

/// The kind that counts.
pub(super) fn counted(sample: &Sample) -> Kind {
    let transactions = sample.items.iter().any(|item| item.kind == Kind::Transaction);
    if transactions { Kind::Transaction } else { Kind::Block }
}

fn items(sample: &Sample) -> impl Iterator<Item = &Sampled> {
    let kind = counted(sample);
    sample.items.iter().filter(move |item| item.kind == kind)
}

/// The nodes with the highest p95, the slowest first. Nodes to which nothing came are not among them.
pub(super) fn nodes(sample: &Sample) -> Vec<SlowNode> {
    let wanted = |node: usize| items(sample).filter(move |item| item.origin != node);
    // A report from elsewhere may name any number of nodes.
    let nodes = if sample.items.is_empty() { 0 } else { sample.nodes_all };
    let mut rows: Vec<SlowNode> = (0..nodes)
        .filter_map(|node| {
            let cells = || wanted(node).filter_map(|item| item.cells.get(node)?.as_ref());
            let delivered = cells().count();
            let sorted = in_ms(cells().filter_map(|cell| cell.latency_us));
            let at = |percent| sorted.percentile(percent).map(|ms| rounded(ms, 3));
            (delivered > 0).then(|| SlowNode {
                node,
                delivered,
                missing: wanted(node).count() - delivered,
                p50_ms: at(50),
                p95_ms: at(95),
                max_ms: at(100),
            })
        })
        .collect();
    slowest_first(&mut rows, |row| row.p95_ms);
    rows
}

/// The links with the highest median, the slowest first.
pub(super) fn links(sample: &Sample) -> Vec<SlowLink> {
    let mut hops: BTreeMap<(usize, usize), Vec<i64>> = BTreeMap::new();
    for item in items(sample) {
        for (node, cell) in item.cells.iter().enumerate() {
            let Some(cell) = cell else { continue };
            if let (Some(from), Some(hop)) = (cell.from, item.hop_us(cell)) {
                hops.entry((from, node)).or_default().push(hop);
            }
        }
    }
    let mut rows: Vec<SlowLink> = hops
        .into_iter()
        .filter(|(_, hops)| hops.len() >= LINK_ITEMS_MIN)
        .map(|((from, node), hops)| {
            let sorted = in_ms(hops.into_iter());
            let at = |percent| sorted.percentile(percent).map(|ms| rounded(ms, 3));
            SlowLink { from, node, items: sorted.len(), p50_ms: at(50), max_ms: at(100) }
        })
        .collect();
    slowest_first(&mut rows, |row| row.p50_ms);
    rows
}

fn in_ms(micros: impl Iterator<Item = i64>) -> Sorted {
    Sorted::new(micros.map(|us| us as f64 / 1e3))
}

/// Keeps the first [`ROWS_MAX`]. Rows with the same figure stay in the order of their numbers.
fn slowest_first<T>(rows: &mut Vec<T>, figure: impl Fn(&T) -> Option<f64>) {
    rows.sort_by(|one, other| figure(other).unwrap_or(0.0).total_cmp(&figure(one).unwrap_or(0.0)));
    rows.truncate(ROWS_MAX);
}
