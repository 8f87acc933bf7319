//! The standards for deliveries on emulated links: how early they could have been.
//!
//! The **floor** is that of [`crate::topology::floor`], as in the simulator: at each hop the whole item leaves one
//! node and enters the next. The **limit** cannot be beaten by any relay that splits an item up: it is the delays
//! of the fastest path, and the time of the item's bytes once at the nodes' bandwidth. The overlay consists of the
//! connections in the traces.

use std::collections::HashMap;
use std::rc::Rc;

use node::observe::trace::{Kind, What};

use super::{Item, Observed, Window};
use crate::report::schema::{Propagation, Stretch, Typical};
use crate::report::statistics::{Sorted, rounded};
use crate::topology::Graph;
use crate::topology::floor::{Floor, NOWHERE, Paths};
use crate::wan::{Bandwidth, LinkPlan};

/// The earliest arrivals of each item at each node, in the order of the items and in microseconds.
pub(super) struct Distances {
    floors: Vec<Rc<[u32]>>,
    /// Without the time of the bytes.
    paths: Vec<Rc<[u32]>>,
    bandwidth: Bandwidth,
}

impl Distances {
    pub(super) fn new(links: &LinkPlan, overlay: &Graph, items: &[Item]) -> Self {
        let floor = Floor::new(overlay, &links.delays, links.bandwidth);
        let mut paths = Paths::new(&floor);
        Self {
            floors: items.iter().map(|item| paths.from(item.origin, item.bytes)).collect(),
            paths: items.iter().map(|item| paths.from(item.origin, 0)).collect(),
            bandwidth: links.bandwidth,
        }
    }

    /// `None` if there is no path, and at the origin.
    pub(super) fn floor_ms(&self, item: usize, node: usize) -> Option<f64> {
        known(&self.floors, item, node).map(f64::from).map(millis)
    }

    /// `None` also if bytes take no time.
    fn limit_ms(&self, item: usize, bytes: u64, node: usize) -> Option<f64> {
        self.bandwidth.bytes_per_s()?;
        let path_us = known(&self.paths, item, node)?;
        Some(millis(f64::from(path_us) + self.bandwidth.transmit_us(bytes) as f64))
    }

    /// The figures of one kind.
    pub(super) fn fill(&self, items: &[Item], kind: Kind, into: &mut Propagation) {
        let (mut all, mut warm, mut limits, mut over) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (number, item) in items.iter().enumerate().filter(|(_, item)| item.kind == kind) {
            for (&node, arrival) in &item.reached {
                let Some(latency_ms) = item.latency_ms(arrival) else { continue };
                if let Some(floor_ms) = self.floor_ms(number, node) {
                    all.push(latency_ms / floor_ms);
                    warm.extend(item.warm.then_some(latency_ms / floor_ms));
                }
                if let Some(limit_ms) = self.limit_ms(number, item.bytes, node) {
                    limits.push(limit_ms);
                    over.push(latency_ms / limit_ms);
                }
            }
        }
        into.stretch = stretch(all);
        into.warm.stretch = stretch(warm);
        into.limit_ms = typical(limits);
        into.over_limit = typical(over);
    }
}

/// The overlay: the connections that existed when the load began, or that were made before it ended.
pub(super) fn overlay(observed: &Observed, peers: &[HashMap<u32, usize>]) -> Graph {
    let Window { load_from, load_to, .. } = observed.window;
    let mut edges = Vec::new();
    for (node, (trace, peers)) in observed.nodes.iter().zip(peers).enumerate() {
        let gone =
            trace.records.iter().filter(|record| record.at_ns < load_from).filter_map(|record| {
                if let What::PeerDown { peer, .. } = record.what { Some(peer) } else { None }
            });
        let gone: Vec<u32> = gone.collect();
        let up = trace
            .records
            .iter()
            .filter(|record| record.at_ns <= load_to)
            .filter_map(|record| if let What::PeerUp { peer, .. } = record.what { Some(peer) } else { None });
        let there = up.filter(|peer| !gone.contains(peer)).filter_map(|peer| peers.get(&peer));
        edges.extend(there.map(|&other| (node, other)));
    }
    Graph::of(observed.nodes.len(), edges)
}

fn known(earliest: &[Rc<[u32]>], item: usize, node: usize) -> Option<u32> {
    earliest.get(item)?.get(node).copied().filter(|at| *at > 0 && *at < NOWHERE)
}

fn stretch(values: Vec<f64>) -> Stretch {
    let values = Sorted::new(values);
    let at = |percent| values.percentile(percent).map(|value| rounded(value, 3));
    Stretch { p50: at(50), p95: at(95), p99: at(99) }
}

fn typical(values: Vec<f64>) -> Typical {
    let values = Sorted::new(values);
    let at = |percent| values.percentile(percent).map(|value| rounded(value, 3));
    Typical { p50: at(50), p95: at(95) }
}

fn millis(us: f64) -> f64 {
    us / 1_000.0
}
