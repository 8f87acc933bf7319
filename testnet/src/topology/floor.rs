//! The floor: how early an item could be at each node if every copy took the shortest path over the overlay.
//!
//! The time of a path is the sum over its hops. Each hop takes the link's base delay, and the times in which the
//! whole item leaves one node and enters the next at their bandwidth, because nodes store and forward. It is a
//! lower bound: copies wait for no other copy, and checks take no time. Deliberately absent: jitter, which can
//! make a message faster than this.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::rc::Rc;

use crate::topology::Graph;
use crate::wan::{Bandwidth, Delays};

/// An overlay with the delays of its links.
#[derive(Clone, Debug)]
pub struct Floor {
    /// Where each node's links begin in `links`, and where the last ones end: one more entry than there are nodes.
    starts: Vec<usize>,
    /// Every node's links, node after node: the other node, and the one-way delay in microseconds.
    links: Vec<(u32, u64)>,
    bandwidth: Bandwidth,
}

/// Floors that were computed before. Few homes make many items, so floors are needed again.
#[derive(Debug)]
pub struct Paths<'a> {
    floor: &'a Floor,
    known: HashMap<(usize, u64), Rc<[u32]>>,
}

/// The number of floors that are kept: 1,024 of 10,000 nodes are 40 MiB.
const PATHS_MAX: usize = 1_024;

/// No path.
pub const NOWHERE: u32 = u32::MAX;

impl Floor {
    /// The floor of this overlay on these links. Every node has the same bandwidth, up and down.
    #[must_use]
    pub fn new(graph: &Graph, delays: &Delays, bandwidth: Bandwidth) -> Self {
        Self::with(graph, bandwidth, |from, to| Some(delays.one_way_us(from, to)))
    }

    /// The floor of this overlay if each link takes the time that was measured on it, in microseconds. Links without a
    /// measurement are left out. Bandwidth has no limit, so the length of an item changes nothing.
    #[must_use]
    pub fn measured(graph: &Graph, one_way_us: impl Fn(usize, usize) -> Option<u64>) -> Self {
        Self::with(graph, Bandwidth::UNLIMITED, one_way_us)
    }

    fn with(graph: &Graph, bandwidth: Bandwidth, one_way_us: impl Fn(usize, usize) -> Option<u64>) -> Self {
        let mut floor = Self {
            starts: Vec::with_capacity(graph.nodes() + 1),
            links: Vec::with_capacity(2 * graph.edges()),
            bandwidth,
        };
        floor.starts.push(0);
        for node in 0..graph.nodes() {
            let link = |&to: &u32| one_way_us(node, to as usize).map(|us| (to, us));
            floor.links.extend(graph.neighbours(node).iter().filter_map(link));
            floor.starts.push(floor.links.len());
        }
        floor
    }

    /// The earliest arrival at each node in microseconds after an item with this number of wire bytes enters at
    /// `origin`. It is 0 at `origin` and [`u64::MAX`] if there is no path (Dijkstra, 1959).
    #[must_use]
    pub fn from(&self, origin: usize, item_bytes: u64) -> Vec<u64> {
        // Once to leave a node, and once to enter the next.
        let transmit = self.bandwidth.transmit_us(item_bytes).saturating_mul(2);
        let mut earliest = vec![u64::MAX; self.starts.len().saturating_sub(1)];
        let mut waiting = BinaryHeap::new();
        if let Some(at) = earliest.get_mut(origin) {
            *at = 0;
            waiting.push(Reverse((0, origin)));
        }
        while let Some(Reverse((at, node))) = waiting.pop() {
            if earliest.get(node).is_some_and(|best| *best < at) {
                continue;
            }
            for &(to, delay) in self.links_of(node) {
                let arrival = at.saturating_add(delay).saturating_add(transmit);
                let to = to as usize;
                if let Some(best) = earliest.get_mut(to).filter(|best| arrival < **best) {
                    *best = arrival;
                    waiting.push(Reverse((arrival, to)));
                }
            }
        }
        earliest
    }

    fn links_of(&self, node: usize) -> &[(u32, u64)] {
        match (self.starts.get(node), self.starts.get(node + 1)) {
            (Some(&start), Some(&end)) => self.links.get(start..end).unwrap_or_default(),
            _ => &[],
        }
    }
}

impl<'a> Paths<'a> {
    /// Nothing is computed yet.
    #[must_use]
    pub fn new(floor: &'a Floor) -> Self {
        Self { floor, known: HashMap::new() }
    }

    /// Like [`Floor::from`], but [`NOWHERE`] if there is no path, or if it would take longer than 71 minutes.
    pub fn from(&mut self, origin: usize, item_bytes: u64) -> Rc<[u32]> {
        if self.known.len() > PATHS_MAX {
            self.known.clear();
        }
        let floor = self.floor;
        let compute = || floor.from(origin, item_bytes).into_iter().map(|at| u32::try_from(at).unwrap_or(NOWHERE));
        Rc::clone(self.known.entry((origin, item_bytes)).or_insert_with(|| compute().collect()))
    }
}
