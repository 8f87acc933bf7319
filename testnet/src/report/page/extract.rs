//! What the page shows of `deliveries.csv`: the curves of all deliveries, and the sample of them, as columns.

use node::observe::trace::Kind;
use serde::Serialize;

use super::sample::{SHOWN_ITEMS_MAX, SHOWN_NODES_MAX, Sample, Sampled, TREE_CELLS_MAX, TREE_NODES_MAX, evenly};
use super::slowest::{self, SlowLink, SlowNode};
use crate::report::figures::spreads::{Latencies, Spreads};
use crate::report::schema::{Propagation, Report};
use crate::report::statistics::{Sorted, rounded};
use crate::report::svg;

/// The second block of data in the page. The names are known to the scripts.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Extract {
    nodes_all: usize,
    items_all: usize,
    /// Items in the sample.
    items_sampled: usize,
    /// Limits that the page names.
    limits: Limits,
    curves: Vec<Curve>,
    heat: Grid,
    /// All nodes of fewer items, if the heat map leaves nodes out. The trees are drawn from here.
    trees: Option<Grid>,
    slow_kind: &'static str,
    slow_nodes: Vec<SlowNode>,
    slow_links: Vec<SlowLink>,
}

#[derive(Clone, Debug, Serialize)]
struct Limits {
    nodes: usize,
    items: usize,
    tree_nodes: usize,
}

/// Corners as milliseconds and shares of the wanted deliveries.
#[derive(Clone, Debug, Serialize)]
struct Curve {
    kind: &'static str,
    measured: Vec<(f64, f64)>,
    floor: Vec<(f64, f64)>,
}

/// Deliveries as one row for each item and one column for each node. Times are in microseconds. A latency is null
/// where the item never arrived and at its origin, and -1 if the item arrived at an unknown time.
#[derive(Clone, Debug, Serialize)]
struct Grid {
    nodes: Vec<usize>,
    items: Vec<Named>,
    latency_us: Vec<Vec<Option<i64>>>,
    from: Vec<Vec<Option<usize>>>,
    /// Null if no link is known.
    floor_us: Option<Vec<Vec<Option<i64>>>>,
    /// The columns whose delivery came inside a block.
    within_block: Vec<Vec<usize>>,
}

#[derive(Clone, Debug, Serialize)]
struct Named {
    kind: &'static str,
    id: String,
    origin: usize,
}

/// The latency of a delivery without a time.
const UNKNOWN: i64 = -1;

impl Extract {
    pub(super) fn new(report: &Report, spreads: &Spreads, sample: &Sample) -> Self {
        let nodes_all = sample.nodes_all;
        let columns: Vec<usize> = evenly(nodes_all, SHOWN_NODES_MAX).collect();
        let trees = (nodes_all > SHOWN_NODES_MAX && nodes_all <= TREE_NODES_MAX).then(|| {
            let items = evenly(sample.items.len(), TREE_CELLS_MAX / nodes_all);
            Grid::new(items.filter_map(|index| sample.items.get(index)), (0..nodes_all).collect())
        });
        Self {
            nodes_all,
            items_all: sample.items_all,
            items_sampled: sample.items.len(),
            limits: Limits { nodes: SHOWN_NODES_MAX, items: SHOWN_ITEMS_MAX, tree_nodes: TREE_NODES_MAX },
            curves: [(Kind::Transaction, &report.tx, &spreads.tx), (Kind::Block, &report.block, &spreads.block)]
                .into_iter()
                .map(|(kind, figures, latencies)| Curve::new(kind, figures, latencies))
                .filter(|curve| !curve.measured.is_empty())
                .collect(),
            heat: Grid::new(sample.items.iter(), columns),
            trees,
            slow_kind: name(slowest::counted(sample)),
            slow_nodes: slowest::nodes(sample),
            slow_links: slowest::links(sample),
        }
    }
}

impl Curve {
    fn new(kind: Kind, figures: &Propagation, latencies: &Latencies) -> Self {
        let whole = usize::try_from(figures.expected).unwrap_or(usize::MAX);
        let corners = |values: &Sorted| {
            let corners = svg::thinned(&values.cumulative(whole));
            corners.into_iter().map(|(ms, share)| (rounded(ms, 3), rounded(share, 5))).collect()
        };
        Self { kind: name(kind), measured: corners(&latencies.values_ms), floor: corners(&latencies.floors_ms) }
    }
}

impl Grid {
    fn new<'a>(sampled: impl Iterator<Item = &'a Sampled>, nodes: Vec<usize>) -> Self {
        let items: Vec<&Sampled> = sampled.collect();
        let cell = |item: &Sampled, node: &usize| item.cells.get(*node).copied().flatten();
        let floors = items.iter().any(|item| item.cells.iter().flatten().any(|cell| cell.floor_us.is_some()));
        let floor = |item: &&Sampled| nodes.iter().map(|node| cell(item, node)?.floor_us).collect();
        let latency = |item: &&Sampled| {
            nodes.iter().map(|node| Some(cell(item, node)?.latency_us.unwrap_or(UNKNOWN))).collect()
        };
        let within = |item: &&Sampled| {
            let inside = |node: &usize| cell(item, node).is_some_and(|cell| cell.within_block);
            nodes.iter().enumerate().filter(|(_, node)| inside(node)).map(|(column, _)| column).collect()
        };
        Self {
            items: items.iter().map(|item| Named::new(item)).collect(),
            latency_us: items.iter().map(latency).collect(),
            from: items.iter().map(|item| nodes.iter().map(|node| cell(item, node)?.from).collect()).collect(),
            floor_us: floors.then(|| items.iter().map(floor).collect()),
            within_block: items.iter().map(within).collect(),
            nodes,
        }
    }
}

impl Named {
    fn new(item: &Sampled) -> Self {
        Self { kind: name(item.kind), id: item.id.to_string(), origin: item.origin }
    }
}

const fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Transaction => "transaction",
        Kind::Block => "block",
    }
}
