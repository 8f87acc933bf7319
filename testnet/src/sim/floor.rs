//! The floor: how early an item could be at each node if every copy took the shortest path over the overlay.
//!
//! A path's time is the sum over its hops of the link's base delay and of what the whole item takes to leave one node
//! and to enter the next at their bandwidth: nodes store and forward. It is a lower bound: copies wait for no other
//! copy, and nobody spends time on checking. Deliberately absent: jitter, which can make a message faster than this.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::topology::Graph;
use crate::wan::{Bandwidth, Delays};

/// An overlay with its links' delays.
#[derive(Clone, Debug)]
pub struct Floor {
    /// Where each node's links begin in `links`, and at last where they end: one more than there are nodes.
    starts: Vec<usize>,
    /// Every node's links, node after node: to whom, and microseconds one way.
    links: Vec<(u32, u64)>,
    bandwidth: Bandwidth,
}

impl Floor {
    /// The floor of this overlay on these links; every node has the same bandwidth, up and down.
    #[must_use]
    pub fn new(graph: &Graph, delays: &Delays, bandwidth: Bandwidth) -> Self {
        let mut floor = Self {
            starts: Vec::with_capacity(graph.nodes() + 1),
            links: Vec::with_capacity(2 * graph.edges()),
            bandwidth,
        };
        floor.starts.push(0);
        for node in 0..graph.nodes() {
            let link = |&to: &u32| (to, delays.one_way_us(node, to as usize));
            floor.links.extend(graph.neighbours(node).iter().map(link));
            floor.starts.push(floor.links.len());
        }
        floor
    }

    /// The earliest arrival at each node in microseconds after the item, of so many bytes on the wire, entered at
    /// `origin`: 0 there, [`u64::MAX`] where no path leads (Dijkstra, 1959).
    #[must_use]
    pub fn from(&self, origin: usize, item_bytes: u64) -> Vec<u64> {
        // Once to leave a node, once to enter the next.
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
