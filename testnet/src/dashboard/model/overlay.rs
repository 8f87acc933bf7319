//! The links of the overlay, as the traces tell them: which are open, how long a message takes on each, and how long
//! items took that came first on it.
//!
//! All nodes have one clock. So the time from the record of a sending to the record of the receipt is the time of one
//! way. Its lowest value stands for the link, because it contains the least waiting. Only every fourth item is looked
//! at, because that is enough for a lowest value.

use std::collections::{BTreeMap, HashMap, VecDeque};

use node::observe::trace::Kind;
use protocol::items::hash::ShortId;

use crate::report::statistics::Sorted;

/// Messages on their way that are remembered. At 40 bytes each this is 3 MiB. If there are more, all are forgotten:
/// most of them were lost with a connection.
const ON_THEIR_WAY_MAX: usize = 65_536;

/// Hops of one way that its median is computed from.
const HOPS_KEPT: usize = 16;

/// Hops that a way needs before it has a median.
const HOPS_MIN: usize = 4;

/// Of this number of items one is looked at.
const LOOKED_AT_EVERY: u8 = 4;

/// The overlay.
#[derive(Debug, Default)]
pub(super) struct Overlay {
    numbers: HashMap<String, usize>,
    /// The node behind each peer number of a trace, by node.
    peers: Vec<HashMap<u32, usize>>,
    /// Connections to peers whose own trace has not begun: the node, the number of the peer, its id.
    unmet: Vec<(usize, u32, String)>,
    /// How many connections each end has, the end with the smaller number first.
    open: BTreeMap<(usize, usize), [u32; 2]>,
    ways: BTreeMap<(usize, usize), Way>,
    sent: HashMap<Message, u64>,
    /// Links that opened or closed since the last look.
    news: Vec<(usize, usize, bool)>,
    /// Whether places should be computed again.
    changed: bool,
}

/// One direction of a link.
#[derive(Debug, Default)]
pub(super) struct Way {
    /// The shortest time of a message, in microseconds.
    best_us: Option<u64>,
    hops_us: VecDeque<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Message {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) kind: Kind,
    pub(super) item: ShortId,
    pub(super) body: bool,
}

impl Overlay {
    pub(super) fn new(nodes: usize) -> Self {
        Self { peers: vec![HashMap::new(); nodes], ..Self::default() }
    }

    /// A node's trace has begun, so its peer id is known.
    pub(super) fn met(&mut self, node: usize, peer_id: &str) {
        self.numbers.insert(peer_id.to_owned(), node);
        let (known, unmet) = std::mem::take(&mut self.unmet).into_iter().partition(|(_, _, id)| id == peer_id);
        self.unmet = unmet;
        let known: Vec<(usize, u32, String)> = known;
        known.into_iter().for_each(|(at, peer, _)| self.connected(at, peer, node));
    }

    pub(super) fn peer_up(&mut self, node: usize, peer: u32, peer_id: &str) {
        match self.numbers.get(peer_id) {
            Some(&other) => self.connected(node, peer, other),
            None => self.unmet.push((node, peer, peer_id.to_owned())),
        }
    }

    pub(super) fn peer_down(&mut self, node: usize, peer: u32) {
        self.unmet.retain(|(at, number, _)| (*at, *number) != (node, peer));
        if let Some(other) = self.peers.get_mut(node).and_then(|peers| peers.remove(&peer)) {
            self.count(node, other, |open| *open = open.saturating_sub(1));
        }
    }

    /// All connections of a node are gone with it.
    pub(super) fn gone(&mut self, node: usize) {
        let peers = self.peers.get_mut(node).map(std::mem::take).unwrap_or_default();
        for other in peers.into_values() {
            self.count(node, other, |open| *open = 0);
        }
    }

    pub(super) fn peer(&self, node: usize, peer: u32) -> Option<usize> {
        self.peers.get(node)?.get(&peer).copied()
    }

    pub(super) fn sent(&mut self, message: Message, at_ns: u64) {
        if !message.item.0[0].is_multiple_of(LOOKED_AT_EVERY) {
            return;
        }
        if self.sent.len() >= ON_THEIR_WAY_MAX {
            self.sent.clear();
        }
        self.sent.insert(message, at_ns);
    }

    pub(super) fn received(&mut self, message: Message, at_ns: u64) {
        let Some(took_ns) = self.sent.remove(&message).and_then(|sent_ns| at_ns.checked_sub(sent_ns)) else {
            return;
        };
        let way = self.ways.entry((message.from, message.to)).or_default();
        let us = (took_ns / 1_000).max(1);
        if way.best_us.is_none_or(|best| us < best) {
            // A change of less than a tenth moves no node by much.
            self.changed |= way.best_us.is_none_or(|best| us.saturating_mul(10) < best.saturating_mul(9));
            way.best_us = Some(us);
        }
    }

    /// An item came first on this way, and took this time from acceptance to acceptance.
    pub(super) fn hop(&mut self, from: usize, to: usize, us: u64) {
        let way = self.ways.entry((from, to)).or_default();
        if way.hops_us.len() >= HOPS_KEPT {
            way.hops_us.pop_front();
        }
        way.hops_us.push_back(us);
    }

    pub(super) fn open_links(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.open.iter().filter(|(_, open)| is_open(**open)).map(|(link, _)| *link)
    }

    /// The number of open links of each node.
    pub(super) fn degrees(&self) -> Vec<usize> {
        let mut degrees = vec![0; self.peers.len()];
        for end in self.open_links().flat_map(|(a, b)| [a, b]) {
            if let Some(degree) = degrees.get_mut(end) {
                *degree += 1;
            }
        }
        degrees
    }

    /// The round trip of a link in microseconds, if both ways were measured.
    pub(super) fn round_trip_us(&self, a: usize, b: usize) -> Option<u64> {
        Some(self.one_way_us(a, b)?.saturating_add(self.one_way_us(b, a)?))
    }

    pub(super) fn one_way_us(&self, from: usize, to: usize) -> Option<u64> {
        self.ways.get(&(from, to))?.best_us
    }

    /// The way of an open link with the highest median, and this median in microseconds.
    pub(super) fn slowest(&self) -> Option<(usize, usize, u64)> {
        let open = |a: usize, b: usize| self.open.get(&(a.min(b), a.max(b))).is_some_and(|open| is_open(*open));
        let medians =
            self.ways.iter().filter(|((from, to), way)| way.hops_us.len() >= HOPS_MIN && open(*from, *to));
        let medians = medians.filter_map(|(&(from, to), way)| {
            let median = Sorted::new(way.hops_us.iter().map(|us| *us as f64)).percentile(50)?;
            Some((from, to, median as u64))
        });
        medians.max_by_key(|(from, to, us)| (*us, usize::MAX - from, usize::MAX - to))
    }

    /// Links that opened or closed since the last call.
    pub(super) fn take_news(&mut self) -> Vec<(usize, usize, bool)> {
        std::mem::take(&mut self.news)
    }

    /// Whether something changed since the last call that places depend on.
    pub(super) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    fn connected(&mut self, node: usize, peer: u32, other: usize) {
        if node == other {
            return;
        }
        if let Some(peers) = self.peers.get_mut(node) {
            peers.insert(peer, other);
            self.count(node, other, |open| *open = open.saturating_add(1));
        }
    }

    fn count(&mut self, node: usize, other: usize, change: impl Fn(&mut u32)) {
        let link = (node.min(other), node.max(other));
        let open = self.open.entry(link).or_default();
        let was = is_open(*open);
        change(&mut open[usize::from(node > other)]);
        let is = is_open(*open);
        if was != is {
            self.news.push((link.0, link.1, is));
            self.changed = true;
        }
    }
}

/// A link is open if both ends say so.
const fn is_open(ends: [u32; 2]) -> bool {
    ends[0] > 0 && ends[1] > 0
}
