//! Which items entered and arrived, where and when: the simulator's record of a run, from which the report is
//! made. It follows the rules of `local::collect`, without clocks to compare and files to read.

pub(super) mod hashed;
pub mod records;

use node::observe::trace::Kind;
use protocol::gossip::ItemId;
use protocol::items::hash::ShortId;
use protocol::time::{Duration, Time};

use self::hashed::ById;

/// The value for no arrival.
const NEVER: u32 = u32::MAX;
/// The neighbour's number when there is none.
const NOBODY: u32 = 0x7fff_ffff;
/// This bit is set in an arrival's neighbour if the item came within a block.
const WITHIN: u32 = 0x8000_0000;

/// A submitted item.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its id.
    pub id: ItemId,
    /// Its encoded bytes.
    pub bytes: u64,
    /// The node where it entered.
    pub origin: usize,
    /// The time.
    pub at: Time,
    /// Whether the origin accepted it.
    pub originated: bool,
    /// Whether it counts among the warm figures.
    pub warm: bool,
    /// Wire bytes of messages about it, requests and announcements included.
    pub wire_bytes: u64,
    /// Microseconds from `at`, by node.
    times: Vec<u32>,
    /// The neighbour that brought it, by node, and whether it came within a block.
    from: Vec<u32>,
}

/// One arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The node.
    pub node: usize,
    /// How long after the submission.
    pub after: Duration,
    /// The neighbour that brought it.
    pub from: Option<usize>,
    /// Whether it came within a block.
    pub within: bool,
}

/// The record of a run.
#[derive(Debug, Default)]
pub struct Ledger {
    nodes: usize,
    entries: Vec<Entry>,
    index: ById<ItemId, usize>,
    short: ById<ShortId, usize>,
    /// Standalone bodies of counted items that honest nodes received, by kind: all of them, and the useful ones.
    bodies: [(u64, u64); 2],
    /// Arrivals at honest nodes other than the origin.
    arrived: usize,
    offered: [u64; 2],
}

impl Ledger {
    /// An empty record for `nodes` nodes.
    #[must_use]
    pub fn new(nodes: usize) -> Self {
        Self { nodes, ..Self::default() }
    }

    /// The workload wants to submit an item.
    pub fn offered(&mut self, kind: Kind) {
        self.offered[slot(kind)] += 1;
    }

    /// Items of a kind that the workload wanted to submit.
    #[must_use]
    pub const fn offered_of(&self, kind: Kind) -> u64 {
        self.offered[slot(kind)]
    }

    /// An item is being submitted. An item that was submitted before keeps its first entry.
    pub fn submitted(&mut self, id: ItemId, bytes: u64, origin: usize, at: Time, warm: bool) {
        if self.index.contains_key(&id) {
            return;
        }
        self.index.insert(id, self.entries.len());
        self.short.insert(short_of(&id), self.entries.len());
        self.entries.push(Entry {
            id,
            bytes,
            origin,
            at,
            originated: false,
            warm,
            wire_bytes: 0,
            times: vec![NEVER; self.nodes],
            from: vec![NOBODY; self.nodes],
        });
    }

    /// A node accepted an item.
    pub fn accepted(&mut self, id: &ItemId, node: usize, from: Option<usize>, within: bool, at: Time) {
        let Some(entry) = self.index.get(id).and_then(|&place| self.entries.get_mut(place)) else { return };
        if node == entry.origin {
            entry.originated = true;
            return;
        }
        let (Some(time), Some(who)) = (entry.times.get_mut(node), entry.from.get_mut(node)) else { return };
        if *time == NEVER {
            // An hour is 3.6e9 µs. A delay of more than 71 minutes after a submission counts as 71 minutes.
            *time = u32::try_from(at.since(entry.at).as_micros()).unwrap_or(NEVER - 1).min(NEVER - 1);
            *who =
                from.and_then(|from| u32::try_from(from).ok()).unwrap_or(NOBODY) | if within { WITHIN } else { 0 };
            self.arrived += 1;
        }
    }

    /// A standalone body arrived.
    pub fn body(&mut self, id: &ItemId, duplicate: bool) {
        if self.index.contains_key(id) {
            let bodies = &mut self.bodies[slot(kind_of(id))];
            bodies.0 += 1;
            bodies.1 += u64::from(!duplicate);
        }
    }

    /// A message of `wire_bytes` about `items` arrived.
    pub fn wire(&mut self, items: impl ExactSizeIterator<Item = ShortId>, wire_bytes: u64) {
        let share = wire_bytes / (items.len() as u64).max(1);
        for item in items {
            if let Some(entry) = self.short.get(&item).and_then(|&place| self.entries.get_mut(place)) {
                entry.wire_bytes += share;
            }
        }
    }

    /// The items, in the order of their submission.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// All bodies received of a kind, and the useful ones.
    #[must_use]
    pub const fn bodies(&self, kind: Kind) -> (u64, u64) {
        self.bodies[slot(kind)]
    }

    /// First arrivals so far, other than at origins.
    #[must_use]
    pub const fn arrived(&self) -> usize {
        self.arrived
    }
}

impl Entry {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        kind_of(&self.id)
    }

    /// When it arrived at a node other than its origin.
    #[must_use]
    pub fn arrival(&self, node: usize) -> Option<Arrival> {
        let time = self.times.get(node).copied().filter(|time| *time != NEVER)?;
        let from = self.from.get(node).copied().unwrap_or(NOBODY);
        let neighbour = from & !WITHIN;
        Some(Arrival {
            node,
            after: Duration::from_micros(u64::from(time)),
            from: (neighbour != NOBODY).then_some(neighbour as usize),
            within: from & WITHIN != 0,
        })
    }

    /// All arrivals, by node.
    pub fn arrivals(&self) -> impl Iterator<Item = Arrival> + '_ {
        (0..self.times.len()).filter_map(|node| self.arrival(node))
    }
}

/// The kind of an item.
#[must_use]
pub const fn kind_of(id: &ItemId) -> Kind {
    match id {
        ItemId::Transaction(_) => Kind::Transaction,
        ItemId::Block(_) => Kind::Block,
    }
}

/// An item's short id.
#[must_use]
pub const fn short_of(id: &ItemId) -> ShortId {
    match id {
        ItemId::Transaction(id) => id.short(),
        ItemId::Block(id) => id.short(),
    }
}

const fn slot(kind: Kind) -> usize {
    match kind {
        Kind::Transaction => 0,
        Kind::Block => 1,
    }
}
