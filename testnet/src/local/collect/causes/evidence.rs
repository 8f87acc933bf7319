//! What lasts: slow nodes, slow links, and nodes that withhold. It is found in all messages of the load, and not only in
//! those that brought an item. MEASURING has the rules, and says what they can't know.

use std::collections::{BTreeMap, HashMap, VecDeque};

use protocol::gossip::ArrivalCause;
use protocol::limits::{CONTROL_ITEM_BYTES_MAX, REQUEST_EXPIRY_MIN};

use super::super::messages::{Message, Receipt, first_before, for_each_received, for_each_sent};
use super::super::{Item, Observed};
use super::judged::Judged;
use super::ways::{Ways, span_ms};
use crate::report::deliveries::hops::Cause;
use crate::report::statistics::{Sorted, rounded};

/// Messages that must have been measured on a link in one direction. The median of fewer says little.
const LINK_MESSAGES_MIN: usize = 5;

/// A link is slow only if it is at least this much slower than the median link. A wake-up of a process on a busy machine
/// takes as long.
const SLOW_MS_MIN: f64 = 2.0;

/// And only if it is above the median link by this many times what that one takes.
const SLOW_TIMES: f64 = 2.0;

/// Nodes that a withholder must have told of items that they didn't have. Chance alone leaves fewer unasked.
const UNSERVED_MIN: u64 = 10;

/// Requests in vain that must point to one node alone. A single answer may be late because of something else.
const IN_VAIN_MIN: u64 = 3;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    /// By sender and receiver: messages, and the median by which they were later than the link's delay.
    pub(super) links: BTreeMap<(usize, usize), (u64, f64)>,
    /// The median of these medians.
    pub(super) usual_ms: f64,
    /// Nodes to which most links are slow: how many, of how many, and the median over them.
    pub(super) slow_nodes: BTreeMap<usize, SlowNode>,
    /// Links that are slow although neither end is a slow node, the lower number first: the slower direction.
    pub(super) slow_links: BTreeMap<(usize, usize), f64>,
    /// Nodes that announced items and withheld them.
    pub(super) withholders: BTreeMap<usize, Withholder>,
}

/// A slow node.
#[derive(Clone, Copy, Debug)]
pub(super) struct SlowNode {
    pub(super) slow: usize,
    pub(super) of: usize,
    pub(super) late_ms: f64,
}

/// A node that withholds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Withholder {
    /// Announcements to nodes that didn't have the item.
    pub(super) unserved: u64,
    /// Whether any node got a body from it.
    pub(super) gave: bool,
    /// Bodies that came from another node after a request in vain, where this node alone had announced the item before
    /// and brought nothing.
    pub(super) in_vain: u64,
}

impl Evidence {
    pub(super) fn new(
        observed: &Observed,
        peers: &[HashMap<u32, usize>],
        items: &[Item],
        ways: &Ways,
        judged: &[Judged],
    ) -> Self {
        let links = links(observed, peers);
        let usual_ms = Sorted::new(links.values().map(|(_, late)| *late)).percentile(50).unwrap_or(0.0);
        let limit_ms = usual_ms + SLOW_MS_MIN.max(SLOW_TIMES * usual_ms);
        let mut into: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
        for (&(_, node), &(_, late_ms)) in &links {
            into.entry(node).or_default().push(late_ms);
        }
        let slow_nodes: BTreeMap<usize, SlowNode> = into
            .into_iter()
            .filter_map(|(node, late)| {
                let slow = late.iter().filter(|late| **late > limit_ms).count();
                let (of, late_ms) = (late.len(), Sorted::new(late).percentile(50)?);
                (slow >= 2 && 2 * slow > of).then_some((node, SlowNode { slow, of, late_ms }))
            })
            .collect();
        let mut slow_links: BTreeMap<(usize, usize), f64> = BTreeMap::new();
        for (&(from, to), &(_, late_ms)) in links.iter().filter(|(_, (_, late))| *late > limit_ms) {
            if !slow_nodes.contains_key(&from) && !slow_nodes.contains_key(&to) {
                let worst = slow_links.entry((from.min(to), from.max(to))).or_default();
                *worst = worst.max(rounded(late_ms, 3));
            }
        }
        Self { links, usual_ms, slow_nodes, slow_links, withholders: withholders(observed, items, ways, judged) }
    }

    /// Whether a link is slow by itself.
    pub(super) fn slow_link(&self, one: usize, other: usize) -> bool {
        self.slow_links.contains_key(&(one.min(other), one.max(other)))
    }

    /// The node that told another one of an item and withheld it, if the other waited long enough for an answer.
    pub(super) fn withheld(&self, ways: &Ways, item: usize, node: usize, accepted_ns: u64) -> Option<usize> {
        let expiry_ns = REQUEST_EXPIRY_MIN.as_micros().saturating_mul(1_000);
        let told = ways.of(item, node).filter_map(|(from, way)| Some((way.inv_got?, from)));
        let waited = told.filter(|(told_ns, from)| {
            self.withholders.contains_key(from) && told_ns.saturating_add(expiry_ns) <= accepted_ns
        });
        waited.min().map(|(_, from)| from)
    }
}

/// How much later than the link's delay short messages were, on each link.
fn links(observed: &Observed, peers: &[HashMap<u32, usize>]) -> BTreeMap<(usize, usize), (u64, f64)> {
    let window = observed.window.load_from..=observed.window.drain_to;
    let mut sent: HashMap<Message, VecDeque<u64>> = HashMap::new();
    for_each_sent(observed, peers, |at_ns, message| {
        if window.contains(&at_ns) {
            sent.entry(message).or_default().push_back(at_ns);
        }
    });
    let mut late: BTreeMap<(usize, usize), Vec<f64>> = BTreeMap::new();
    for_each_received(observed, peers, |at_ns, message, Receipt { bytes, .. }| {
        if bytes > CONTROL_ITEM_BYTES_MAX as u64 {
            return;
        }
        if let Some(sent_ns) = sent.get_mut(&message).and_then(|sent| first_before(sent, at_ns)) {
            let delay = delay_ms(observed, message.from, message.to).unwrap_or(0.0);
            late.entry((message.from, message.to)).or_default().push(span_ms(sent_ns, at_ns) - delay);
        }
    });
    let measured = late.into_iter().filter(|(_, late)| late.len() >= LINK_MESSAGES_MIN);
    measured
        .filter_map(|(link, late)| {
            let count = late.len() as u64;
            Some((link, (count, Sorted::new(late).percentile(50)?)))
        })
        .collect()
}

/// The delay of a link as it should be; `None` if links aren't emulated.
pub(super) fn delay_ms(observed: &Observed, from: usize, to: usize) -> Option<f64> {
    observed.links.as_ref().map(|links| links.delays.one_way_us(from, to) as f64 / 1e3)
}

/// Nodes that announced and brought nothing. What counts is in the records of those who heard them. A node that was
/// killed is excused.
fn withholders(
    observed: &Observed,
    items: &[Item],
    ways: &Ways,
    judged: &[Judged],
) -> BTreeMap<usize, Withholder> {
    let mut suspects: BTreeMap<usize, Withholder> = BTreeMap::new();
    for ((item, from, to), way) in ways.all() {
        let suspect = suspects.entry(from).or_default();
        suspect.gave |= way.body_got.is_some();
        let accepted = items.get(item).filter(|item| item.origin != to).and_then(|item| item.reached.get(&to));
        if way.inv_got.zip(accepted).is_some_and(|(told_ns, arrival)| told_ns < arrival.at_ns) {
            suspect.unserved += 1;
        }
    }
    for one in judged.iter().filter(|one| one.hop.cause == Cause::Why(ArrivalCause::Retry)) {
        let told = ways.of(one.item, one.hop.node).filter(|(from, way)| {
            let before = way.inv_got.is_some_and(|at| at < one.accepted_ns);
            before && way.body_got.is_none() && Some(*from) != one.hop.from
        });
        if let [(alone, _)] = told.collect::<Vec<_>>().as_slice() {
            suspects.entry(*alone).or_default().in_vain += 1;
        }
    }
    suspects.retain(|node, suspect| {
        let survived = observed.nodes.get(*node).is_some_and(|node| node.survived);
        let never_gave = suspect.unserved >= UNSERVED_MIN && !suspect.gave;
        survived && (never_gave || suspect.in_vain >= IN_VAIN_MIN)
    });
    suspects
}
