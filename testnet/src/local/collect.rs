//! Figures from the traces of a run. It reads nothing and waits for nothing: traces go in, figures come out.
//!
//! Items are matched across nodes by their short ids. An item's **origin** is the node that it was first submitted
//! to. A block that a node makes itself counts as submitted when its trace says so, or otherwise when the node
//! accepted it. **Counted** items are transactions submitted since the load began, and blocks submitted between
//! the beginning and the end of the load. Blocks that a producer made before or afterwards only affect the cost.

mod causes;
mod control;
mod cost;
mod distance;
mod echo;
mod heal;
mod messages;

use std::collections::{BTreeMap, HashMap};

use distance::Distances;
use node::observe::trace::{Kind, Record, What};
use protocol::items::hash::ShortId;

use crate::report::deliveries::Delivery;
use crate::report::deliveries::hops::Hop;
use crate::report::schema::causes::Causes;
use crate::report::schema::{Cost, Healed, Percentiles, Propagation, Warm};
use crate::report::statistics::{Sorted, ratio, rounded};
use crate::wan::{LinkPlan, Outage};
use crate::workload::COLD_ITEMS;

/// All data of a run.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// The nodes, in order of their numbers.
    pub nodes: Vec<NodeTrace>,
    /// The items that the instrument submitted.
    pub submissions: Vec<Submission>,
    /// The number of transactions in the schedule.
    pub offered_transactions: u64,
    /// The number of blocks in the schedule.
    pub offered_blocks: u64,
    /// The times of the phases.
    pub window: Window,
    /// Nodes that were made slow on purpose. Their timers say nothing about the machine.
    pub slowed: Vec<usize>,
    /// The emulated links, if there were any.
    pub links: Option<LinkPlan>,
    /// When the halves of the links were separated, if they were.
    pub outage: Option<Outage>,
    /// Whether all nodes had the same tip at the end.
    pub same_tips: bool,
}

/// The data of one node.
#[derive(Clone, Debug, Default)]
pub struct NodeTrace {
    /// Its libp2p peer id.
    pub peer_id: String,
    /// Its trace.
    pub records: Vec<Record>,
    /// Whether it lived to the end.
    pub survived: bool,
}

/// A submission by the instrument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// The kind.
    pub kind: Kind,
    /// The item.
    pub item: ShortId,
    /// Its encoded bytes.
    pub bytes: u64,
    /// The node.
    pub node: usize,
    /// Whether the node said that it accepted the item.
    pub acknowledged: bool,
    /// Whether it counts among the warm figures.
    pub warm: bool,
}

/// The phases of a run, in nanoseconds of `CLOCK_MONOTONIC`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// The network was ready.
    pub idle_from: u64,
    /// The load began.
    pub load_from: u64,
    /// The load ended.
    pub load_to: u64,
    /// The drain ended.
    pub drain_to: u64,
}

/// The figures.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// Of transactions.
    pub tx: Propagation,
    /// Of blocks.
    pub block: Propagation,
    /// Of both.
    pub cost: Cost,
    /// Whether the machine was too slow.
    pub starved: bool,
    /// Bodies and announcements that were sent back to the peer that they came from.
    pub echoes: u64,
    /// Each delivery, in the order of kind, submission and time.
    pub deliveries: Vec<Delivery>,
    /// The partition, if there was one.
    pub partition: Option<Healed>,
    /// The last hop of each delivery, in the same order; empty if the engine doesn't trace what it sends.
    pub hops: Vec<Hop>,
    /// Why items came, and what late deliveries are due to.
    pub causes: Option<Causes>,
}

/// A counted item.
#[derive(Clone, Debug)]
struct Item {
    kind: Kind,
    id: ShortId,
    bytes: u64,
    origin: usize,
    /// `None` if the origin was lost, and with it that part of its trace.
    submitted_ns: Option<u64>,
    warm: bool,
    /// The first acceptance at each surviving node other than the origin.
    reached: BTreeMap<usize, Arrival>,
    origin_has: bool,
}

#[derive(Clone, Copy, Debug)]
struct Arrival {
    at_ns: u64,
    from: Option<u32>,
    within: bool,
}

/// The timer lateness above which a run is starved, in milliseconds.
const LAG_MS_MAX: f64 = 50.0;

/// The share of the offered items that must originate.
const ORIGINATED_MIN: f64 = 0.99;

/// The last hop of each delivery, and why items came. `None` if the nodes don't trace what they send.
#[must_use]
pub fn causes_of(observed: &Observed) -> Option<(Vec<Hop>, Causes)> {
    let (items, index) = arrived(observed);
    causes::causes(observed, &items, &index, &peers_of_all(observed))
}

/// Computes everything.
#[must_use]
pub fn measure(observed: &Observed) -> Measured {
    let (items, index) = arrived(observed);
    let survivors = observed.nodes.iter().filter(|node| node.survived).count();
    let peers = peers_of_all(observed);
    let distances = observed.links.as_ref().map(|links| {
        let overlay = distance::overlay(observed, &peers);
        Distances::new(links, &overlay, &items)
    });
    let deliveries = deliveries_of(&items, &peers, distances.as_ref());
    let figures = |kind, offered| Propagation {
        redundancy: redundancy(observed, &index, kind),
        ..propagation(items.iter().filter(|item| item.kind == kind), survivors, offered, &observed.nodes)
    };
    let mut tx = figures(Kind::Transaction, observed.offered_transactions);
    // Producers use their own clocks: a schedule with room for 6 blocks may see 7.
    let mut block = figures(Kind::Block, observed.offered_blocks);
    block.offered = block.offered.max(block.originated);
    let mut cost = cost::cost(observed, &deliveries);
    if let (Some(links), Some(distances)) = (&observed.links, &distances) {
        distances.fill(&items, Kind::Transaction, &mut tx);
        distances.fill(&items, Kind::Block, &mut block);
        cost.control_excess_ms = control::excess_ms(observed, &peers, &links.delays);
    }
    let (hops, causes) = causes::causes(observed, &items, &index, &peers).unzip();
    Measured {
        hops: hops.unwrap_or_default(),
        causes,
        starved: starved(&tx, &block, &cost),
        echoes: observed.nodes.iter().map(|node| echo::count(&node.records)).sum(),
        tx,
        block,
        cost,
        deliveries,
        partition: heal::healed(observed, &items),
    }
}

/// The counted items with their arrivals, and the place of each.
fn arrived(observed: &Observed) -> (Vec<Item>, HashMap<(Kind, ShortId), usize>) {
    let mut items = items_of(observed);
    let index: HashMap<(Kind, ShortId), usize> =
        items.iter().enumerate().map(|(at, item)| ((item.kind, item.id), at)).collect();
    for (number, node) in observed.nodes.iter().enumerate().filter(|(_, node)| node.survived) {
        note_arrivals(&mut items, &index, number, &node.records);
    }
    (items, index)
}

/// The node behind each peer number, for each trace.
fn peers_of_all(observed: &Observed) -> Vec<HashMap<u32, usize>> {
    let numbers: HashMap<&str, usize> =
        observed.nodes.iter().enumerate().map(|(number, node)| (node.peer_id.as_str(), number)).collect();
    observed.nodes.iter().map(|node| peers_of(&node.records, &numbers)).collect()
}

/// The counted items, in the order of submission.
fn items_of(observed: &Observed) -> Vec<Item> {
    let mut items: BTreeMap<(Kind, ShortId), Item> = BTreeMap::new();
    let notes: HashMap<(Kind, ShortId), &Submission> =
        observed.submissions.iter().map(|submission| ((submission.kind, submission.item), submission)).collect();
    for (node, trace) in observed.nodes.iter().enumerate() {
        for (key, (at, bytes)) in originated_at(&trace.records) {
            let item = Item {
                kind: key.0,
                id: key.1,
                bytes,
                origin: node,
                submitted_ns: Some(at),
                warm: notes.get(&key).is_some_and(|submission| submission.warm),
                reached: BTreeMap::new(),
                origin_has: trace.survived,
            };
            let earlier = items.get(&key).is_some_and(|other| other.submitted_ns <= Some(at));
            if !earlier {
                items.insert(key, item);
            }
        }
    }
    // Items that a node acknowledged and lost when it was killed.
    for submission in observed.submissions.iter().filter(|submission| submission.acknowledged) {
        items.entry((submission.kind, submission.item)).or_insert_with(|| Item {
            kind: submission.kind,
            id: submission.item,
            bytes: submission.bytes,
            origin: submission.node,
            submitted_ns: None,
            warm: submission.warm,
            reached: BTreeMap::new(),
            origin_has: observed.nodes.get(submission.node).is_some_and(|node| node.survived),
        });
    }
    let mut items: Vec<Item> = items.into_values().filter(|item| observed.window.counts(item)).collect();
    items.sort_by_key(|item| (item.kind, item.submitted_ns.unwrap_or(u64::MAX), item.id));
    let blocks = items.iter_mut().filter(|item| item.kind == Kind::Block);
    for (number, block) in (0..).zip(blocks) {
        block.warm = number >= COLD_ITEMS;
    }
    items
}

/// The items that entered at a node and were accepted there: when each was submitted, and its length.
fn originated_at(records: &[Record]) -> BTreeMap<(Kind, ShortId), (u64, u64)> {
    let mut submitted: HashMap<(Kind, ShortId), u64> = HashMap::new();
    let mut originated = BTreeMap::new();
    for record in records {
        match record.what {
            What::Submitted { kind, item, .. } => {
                submitted.entry((kind, item)).or_insert(record.at_ns);
            }
            What::Accepted { kind, item, bytes, from: None, within: false } => {
                let at = submitted.get(&(kind, item)).copied();
                // Nodes themselves make only blocks.
                if let Some(at) = at.or((kind == Kind::Block).then_some(record.at_ns)) {
                    originated.entry((kind, item)).or_insert((at, bytes));
                }
            }
            _ => {}
        }
    }
    originated
}

impl Window {
    fn counts(&self, item: &Item) -> bool {
        let at = item.submitted_ns.unwrap_or(self.load_from);
        at >= self.load_from && (item.kind == Kind::Transaction || at <= self.load_to)
    }
}

fn note_arrivals(items: &mut [Item], index: &HashMap<(Kind, ShortId), usize>, node: usize, records: &[Record]) {
    for record in records {
        let What::Accepted { kind, item, from, within, .. } = record.what else { continue };
        let Some(item) = index.get(&(kind, item)).and_then(|&at| items.get_mut(at)) else { continue };
        if item.origin != node {
            item.reached.entry(node).or_insert(Arrival { at_ns: record.at_ns, from, within });
        }
    }
}

fn deliveries_of(items: &[Item], peers: &[HashMap<u32, usize>], distances: Option<&Distances>) -> Vec<Delivery> {
    let mut deliveries = Vec::new();
    for (number, item) in items.iter().enumerate() {
        let mut reached: Vec<(&usize, &Arrival)> = item.reached.iter().collect();
        reached.sort_by_key(|(node, arrival)| (arrival.at_ns, **node));
        deliveries.extend(reached.into_iter().map(|(&node, arrival)| Delivery {
            kind: item.kind,
            item: item.id,
            bytes: item.bytes,
            origin: item.origin,
            node,
            from: arrival.from.and_then(|peer| peers.get(node)?.get(&peer).copied()),
            latency_ms: item.latency_ms(arrival),
            within_block: arrival.within,
            floor_ms: distances.and_then(|distances| distances.floor_ms(number, node)),
        }));
    }
    deliveries
}

/// The node behind each peer number of a trace.
fn peers_of(records: &[Record], numbers: &HashMap<&str, usize>) -> HashMap<u32, usize> {
    let number = |record: &Record| match &record.what {
        What::PeerUp { peer, peer_id, .. } => Some((*peer, *numbers.get(peer_id.as_str())?)),
        _ => None,
    };
    records.iter().filter_map(number).collect()
}

impl Item {
    fn latency_ms(&self, arrival: &Arrival) -> Option<f64> {
        let submitted = self.submitted_ns?;
        Some(rounded(arrival.at_ns.saturating_sub(submitted) as f64 / 1e6, 3))
    }

    /// The number of wanted deliveries: none if every node that had the item is gone.
    fn expected(&self, survivors: usize, origin_survived: bool) -> usize {
        let held = self.origin_has || !self.reached.is_empty();
        if held { survivors.saturating_sub(usize::from(origin_survived)) } else { 0 }
    }

    fn latencies(&self) -> impl Iterator<Item = f64> {
        self.reached.values().filter_map(|arrival| self.latency_ms(arrival))
    }
}

fn propagation<'a>(
    items: impl Iterator<Item = &'a Item> + Clone,
    survivors: usize,
    offered: u64,
    nodes: &[NodeTrace],
) -> Propagation {
    let expected_of =
        |item: &Item| item.expected(survivors, nodes.get(item.origin).is_some_and(|node| node.survived));
    let expected: usize = items.clone().map(expected_of).sum();
    let delivered: usize = items.clone().map(|item| item.reached.len()).sum();
    let complete = items.clone().filter(|item| item.reached.len() == expected_of(item));
    let to_all = complete.filter_map(|item| item.latencies().max_by(f64::total_cmp));
    let warm = items.clone().filter(|item| item.warm).flat_map(Item::latencies);
    Propagation {
        offered,
        originated: items.clone().count() as u64,
        expected: expected as u64,
        delivered: delivered as u64,
        coverage: ratio(delivered as f64, expected as f64),
        latency_ms: Percentiles::of(&Sorted::new(items.clone().flat_map(Item::latencies))),
        to_all_ms: Percentiles::of(&Sorted::new(to_all)),
        warm: Warm { latency_ms: Percentiles::of(&Sorted::new(warm)), ..Warm::default() },
        ..Propagation::default()
    }
}

/// Received standalone bodies of counted items per useful one, minus 1.
fn redundancy(observed: &Observed, index: &HashMap<(Kind, ShortId), usize>, wanted: Kind) -> Option<f64> {
    let (mut bodies, mut useful) = (0_u64, 0_u64);
    for record in observed.nodes.iter().filter(|node| node.survived).flat_map(|node| &node.records) {
        if let What::Body { kind, item, duplicate, .. } = record.what
            && kind == wanted
            && index.contains_key(&(kind, item))
        {
            bodies += 1;
            useful += u64::from(!duplicate);
        }
    }
    ratio(bodies as f64, useful as f64).map(|bodies| rounded(bodies - 1.0, 4))
}

fn starved(tx: &Propagation, block: &Propagation, cost: &Cost) -> bool {
    let missing = |kind: &Propagation| (kind.originated as f64) < ORIGINATED_MIN * kind.offered as f64;
    let p99 = tx.latency_ms.p99.or(block.latency_ms.p99).unwrap_or(0.0);
    let lagging = cost.lag_ms.is_some_and(|lag| lag > LAG_MS_MAX.max(p99 / 10.0));
    missing(tx) || missing(block) || lagging
}
