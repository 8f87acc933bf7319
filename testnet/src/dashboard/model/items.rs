//! Items under way. An item *settles* when every living node has it, or when it has had its time: then its way is
//! shown, and its deliveries count. Later arrivals count when they come.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use node::observe::trace::Kind;
use protocol::items::hash::ShortId;

use super::super::batch::Wave;

/// The time that an item has to spread before its way is shown as it is then.
pub(super) const SETTLE_NS: u64 = 3_000_000_000;

/// Arrivals that are remembered over all items. At 40 bytes each this is 10 MiB.
const SHOWN_ARRIVALS_MAX: usize = 262_144;

/// Items that are remembered, however many nodes there are.
const ITEMS_KEPT: std::ops::RangeInclusive<usize> = 256..=4_096;

/// Announcements of one item that are remembered, to know which nodes had to ask. At 8 bytes each and with 4,096 items
/// this is 128 MiB; they are forgotten when the item settles, so a few items have them at a time.
const ANNOUNCED_KEPT: usize = 4_096;

/// Items of a person that are remembered by name before they are seen.
const BY_HAND_MAX: usize = 16_384;

type Key = (Kind, ShortId);

/// An item.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) kind: Kind,
    pub(super) id: ShortId,
    pub(super) bytes: u64,
    pub(super) origin: usize,
    pub(super) submitted_ns: u64,
    pub(super) arrivals: Vec<Arrival>,
    pub(super) settled: bool,
    pub(super) by_hand: bool,
    announced: Vec<(u32, u32)>,
}

/// The first acceptance at a node other than the origin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    pub(super) node: usize,
    pub(super) from: Option<usize>,
    pub(super) after_us: u64,
    pub(super) within: bool,
    /// Whether the node that brought it had announced it before.
    pub(super) asked: bool,
}

/// All items that are remembered.
#[derive(Debug, Default)]
pub(super) struct Items {
    known: HashMap<Key, Item>,
    order: VecDeque<Key>,
    open: Vec<Key>,
    /// Ids of a person's items, before they are seen.
    by_hand: HashSet<ShortId>,
    most: usize,
}

impl Items {
    pub(super) fn new(nodes: usize) -> Self {
        let most = (SHOWN_ARRIVALS_MAX / nodes.max(1)).clamp(*ITEMS_KEPT.start(), *ITEMS_KEPT.end());
        Self { most, ..Self::default() }
    }

    pub(super) fn sent_by_hand(&mut self, id: ShortId) {
        if self.by_hand.len() >= BY_HAND_MAX {
            self.by_hand.clear();
        }
        self.by_hand.insert(id);
    }

    /// An item enters at a node. Returns whether it is new.
    pub(super) fn enters(&mut self, key: Key, bytes: u64, origin: usize, at_ns: u64) -> bool {
        if self.known.contains_key(&key) {
            return false;
        }
        if self.order.len() >= self.most
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
            self.open.retain(|open| *open != oldest);
        }
        let by_hand = self.by_hand.remove(&key.1);
        let (arrivals, announced) = (Vec::new(), Vec::new());
        let (kind, id) = key;
        let item =
            Item { kind, id, bytes, origin, submitted_ns: at_ns, arrivals, settled: false, by_hand, announced };
        self.known.insert(key, item);
        self.order.push_back(key);
        self.open.push(key);
        true
    }

    pub(super) fn announced(&mut self, key: Key, node: usize, from: usize) {
        if let Some(item) = self.known.get_mut(&key).filter(|item| !item.settled)
            && item.announced.len() < ANNOUNCED_KEPT
        {
            item.announced.push((node as u32, from as u32));
        }
    }

    /// An item arrives at a node. Returns it, with this arrival as its last, unless the node had it.
    pub(super) fn arrives(
        &mut self,
        key: Key,
        node: usize,
        from: Option<usize>,
        within: bool,
        at_ns: u64,
    ) -> Option<&Item> {
        let item = self.known.get_mut(&key)?;
        if item.origin == node || item.arrivals.iter().any(|arrival| arrival.node == node) {
            return None;
        }
        let asked = from.is_some_and(|from| item.announced.contains(&(node as u32, from as u32)));
        let after_us = at_ns.saturating_sub(item.submitted_ns) / 1_000;
        item.arrivals.push(Arrival { node, from, after_us, within, asked });
        Some(item)
    }

    /// The items that have settled by now.
    pub(super) fn settle(&mut self, now_ns: u64, living: &[bool]) -> Vec<Item> {
        let known = &mut self.known;
        let mut settled = Vec::new();
        self.open.retain(|key| {
            let Some(item) = known.get_mut(key) else { return false };
            let has = item.arrivals.iter().filter(|arrival| living.get(arrival.node) == Some(&true)).count();
            if has < item.wanted(living) && now_ns < item.submitted_ns.saturating_add(SETTLE_NS) {
                return true;
            }
            item.settled = true;
            item.announced = Vec::new();
            item.arrivals.sort_by_key(|arrival| (arrival.after_us, arrival.node));
            settled.push(item.clone());
            false
        });
        settled
    }
}

impl Item {
    /// The number of living nodes other than the origin.
    pub(super) fn wanted(&self, living: &[bool]) -> usize {
        let all = living.iter().filter(|alive| **alive).count();
        all - usize::from(living.get(self.origin) == Some(&true))
    }

    /// How long each arrival took since the node that brought it had the item, and the number of hops so far.
    pub(super) fn hops(&self) -> Vec<(Arrival, Option<u64>, u32)> {
        let mut had: BTreeMap<usize, (u64, u32)> = BTreeMap::from([(self.origin, (0, 0))]);
        let hop = |arrival: &Arrival| {
            let before = arrival.from.and_then(|from| had.get(&from).copied());
            let depth = before.map_or(0, |(_, depth)| depth + 1);
            had.insert(arrival.node, (arrival.after_us, depth));
            (*arrival, before.map(|(at, _)| arrival.after_us.saturating_sub(at)), depth)
        };
        self.arrivals.iter().map(hop).collect()
    }

    pub(super) fn wave(&self, t: f64, living: &[bool]) -> Wave {
        let whole = |value: usize| i64::try_from(value).unwrap_or(i64::MAX);
        let numbers = |arrival: &Arrival| {
            let flags = i64::from(arrival.within) + 2 * i64::from(arrival.asked);
            let us = i64::try_from(arrival.after_us).unwrap_or(i64::MAX);
            [whole(arrival.node), arrival.from.map_or(-1, whole), us, flags]
        };
        Wave {
            kind: if self.kind == Kind::Block { "block" } else { "transaction" },
            id: self.id.to_string(),
            origin: self.origin,
            t,
            bytes: self.bytes,
            by_hand: self.by_hand,
            wanted: self.wanted(living),
            arrivals: self.arrivals.iter().flat_map(numbers).collect(),
        }
    }
}
