//! A sample of a run's deliveries that stays small however large the run is.
//!
//! Items are taken evenly over the order in which they first stand in the file, and nodes evenly over their numbers.
//! The file is read twice: first for its items, then for the deliveries of the chosen ones. Nothing else of it is
//! in memory.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;

use node::observe::trace::Kind;
use protocol::items::hash::ShortId;

use crate::report::ReportError;
use crate::report::deliveries::{Delivery, read_from};

/// Items that the page shows, at most. Two pixels each fit beside an axis on a screen of 960 pixels.
pub const SHOWN_ITEMS_MAX: usize = 400;

/// Nodes of the heat map, at most. With 400 items that is 80,000 cells. At most 22 bytes of JSON for each (a latency
/// below 1,000 s, a neighbour below 10,000 and a floor) come to 1.7 MiB.
pub const SHOWN_NODES_MAX: usize = 200;

/// Nodes of a tree, at most. Each has a line in it, and a person can't read more lines.
pub const TREE_NODES_MAX: usize = 1_000;

/// Deliveries in trees, at most, if the heat map doesn't show all nodes: 20 trees of 1,000 nodes.
pub const TREE_CELLS_MAX: usize = 20_000;

/// Deliveries in the sample, at most. At 56 bytes each, these are 56 MB while the page is made. From 2,500 nodes on,
/// they leave room for fewer than 400 items, and above this number of nodes for none.
pub const CELLS_MAX: usize = 1_000_000;

/// Indices of `count` things of which at most `max` are taken, at even distances from the first on.
pub fn evenly(count: usize, max: usize) -> impl Iterator<Item = usize> {
    let taken = count.min(max);
    let (whole, rest) = (count / taken.max(1), count % taken.max(1));
    // As index * count / taken, without its overflow.
    (0..taken).map(move |index| index * whole + index * rest / taken.max(1))
}

/// The sample.
#[derive(Clone, Debug, Default)]
pub(super) struct Sample {
    /// The chosen items, in the order of the file.
    pub(super) items: Vec<Sampled>,
    /// All items of the file.
    pub(super) items_all: usize,
    /// All nodes of the run.
    pub(super) nodes_all: usize,
}

/// An item, and what came of it at each node.
#[derive(Clone, Debug)]
pub(super) struct Sampled {
    pub(super) kind: Kind,
    pub(super) id: ShortId,
    pub(super) origin: usize,
    /// By node; `None` where it never arrived, and at its origin.
    pub(super) cells: Vec<Option<Cell>>,
}

/// A delivery.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cell {
    pub(super) from: Option<usize>,
    pub(super) latency_us: Option<i64>,
    pub(super) floor_us: Option<i64>,
    pub(super) within_block: bool,
}

impl Sampled {
    /// The time from the neighbour's acceptance to the node's, if both times are known and the item came by itself.
    pub(super) fn hop_us(&self, cell: &Cell) -> Option<i64> {
        let from = cell.from.filter(|_| !cell.within_block)?;
        let before = if from == self.origin { Some(0) } else { self.cells.get(from)?.as_ref()?.latency_us };
        Some(cell.latency_us? - before?)
    }
}

impl Sample {
    /// Reads the sample; it is empty if there is no such file.
    pub(super) fn read(path: &Path, nodes: usize) -> Result<Self, ReportError> {
        if !path.exists() {
            return Ok(Self { nodes_all: nodes, ..Self::default() });
        }
        let mut order: BTreeMap<(bool, [u8; 8]), usize> = BTreeMap::new();
        each(path, |one| {
            let next = order.len();
            order.entry(key(&one)).or_insert(next);
        })?;
        let items_all = order.len();
        // The place in the sample of each item in the order of the file.
        let places: BTreeMap<usize, usize> =
            evenly(items_all, SHOWN_ITEMS_MAX.min(CELLS_MAX / nodes.max(1))).zip(0..).collect();
        order.retain(|_, index| places.contains_key(index));
        let mut items: Vec<Option<Sampled>> = vec![None; places.len()];
        each(path, |one| {
            let place = order.get(&key(&one)).and_then(|index| places.get(index));
            let Some(slot) = place.and_then(|place| items.get_mut(*place)) else { return };
            let item = slot.get_or_insert_with(|| Sampled {
                kind: one.kind,
                id: one.item,
                origin: one.origin,
                cells: vec![None; nodes],
            });
            if let Some(cell) = item.cells.get_mut(one.node) {
                *cell = Some(Cell::new(&one));
            }
        })?;
        Ok(Self { items: items.into_iter().flatten().collect(), items_all, nodes_all: nodes })
    }
}

impl Cell {
    fn new(one: &Delivery) -> Self {
        let micros = |ms: f64| (ms * 1e3).round() as i64;
        Self {
            from: one.from,
            latency_us: one.latency_ms.map(micros),
            floor_us: one.floor_ms.map(micros),
            within_block: one.within_block,
        }
    }
}

fn key(one: &Delivery) -> (bool, [u8; 8]) {
    (one.kind == Kind::Block, one.item.0)
}

fn each(path: &Path, one: impl FnMut(Delivery)) -> Result<(), ReportError> {
    let opened =
        File::open(path).map_err(|error: io::Error| ReportError::Read { path: path.to_owned(), error })?;
    read_from(BufReader::new(opened), one)
        .map_err(|error| ReportError::Deliveries { path: path.to_owned(), error })
}
