//! Why items came, and what late deliveries are due to: from the traces of all nodes. MEASURING has the rules, and says
//! what they can't know.
//!
//! Deliberately absent: what a run made bad on purpose. Causes are found without it.

mod blame;
mod evidence;
mod judged;
mod summary;
mod timers;
mod ways;

use std::collections::HashMap;

use node::observe::trace::{Kind, What};
use protocol::gossip::ArrivalCause;
use protocol::items::hash::ShortId;

use self::blame::Usual;
use self::evidence::{Evidence, delay_ms};
use self::judged::Judged;
use self::summary::Summary;
use self::timers::Timers;
use self::ways::{Ways, had_ns, span_ms};
use super::{Arrival, Item, Observed};
use crate::report::deliveries::hops::{Blame, Cause, Hop, Parts};
use crate::report::schema::causes::Causes;
use crate::report::statistics::rounded;

/// Hops are followed to the origin over at most this many, so that wrong traces can't make a circle.
const DEPTH_MAX: usize = 64;

/// All hops, and what follows from them; `None` if the engine doesn't trace what it sends.
pub(super) fn causes(
    observed: &Observed,
    items: &[Item],
    index: &HashMap<(Kind, ShortId), usize>,
    peers: &[HashMap<u32, usize>],
) -> Option<(Vec<Hop>, Causes)> {
    let mut records = observed.nodes.iter().flat_map(|node| &node.records);
    if !records.any(|record| matches!(record.what, What::SentBody { .. } | What::SentInv { .. })) {
        return None;
    }
    let ways = Ways::new(observed, peers, index);
    let timers = Timers::new(observed);
    let mut judged = Vec::new();
    for (number, item) in items.iter().enumerate() {
        let mut reached: Vec<(&usize, &Arrival)> = item.reached.iter().collect();
        reached.sort_by_key(|(node, arrival)| (arrival.at_ns, **node));
        judged.extend(reached.into_iter().map(|(&node, arrival)| {
            let hop = hop(observed, (number, item), (node, arrival), peers, &ways, &timers);
            let delay_ms = hop.from.and_then(|from| delay_ms(observed, from, node)).unwrap_or(0.0);
            Judged { item: number, hop, accepted_ns: arrival.at_ns, delay_ms }
        }));
    }
    let evidence = Evidence::new(observed, peers, items, &ways, &judged);
    let usual = Usual::new(&judged);
    for one in &mut judged {
        one.hop.lost_ms = usual.lost_ms(one).map(|ms| rounded(ms, 3));
        one.hop.blame = usual.blame(one, &evidence, &ways, items);
    }
    let causes = Summary { observed, items, judged: &judged, evidence: &evidence, timers: &timers }
        .causes(&ways, usual.late_from_ms);
    Some((judged.into_iter().map(|one| one.hop).collect(), causes))
}

/// The last hop of an item to a node, without what follows from the comparison with others.
fn hop(
    observed: &Observed,
    (number, item): (usize, &Item),
    (node, arrival): (usize, &Arrival),
    peers: &[HashMap<u32, usize>],
    ways: &Ways,
    timers: &Timers,
) -> Hop {
    let from = arrival.from.and_then(|peer| peers.get(node)?.get(&peer).copied());
    let had = from.and_then(|from| had_ns(item, from));
    let way = from.and_then(|from| ways.get(number, from, node));
    let cause = if arrival.within {
        Cause::Why(ArrivalCause::WithinBlock)
    } else {
        way.map_or(Cause::Unknown, |way| way.cause())
    };
    let mut parts = Parts::default();
    if let (Some(way), Some(had_ns), Some(from), false) = (way, had, from, arrival.within) {
        parts = way.parts(cause, had_ns, arrival.at_ns, delay_ms(observed, from, node));
        let busy_ms = |at_ns: Option<u64>, node| at_ns.map_or(0.0, |at_ns| timers.late_ms(node, at_ns));
        let busy_ms = busy_ms(way.body_got, node).max(busy_ms(way.body_sent, from));
        let above = parts.link.map(|link| link - parts.floor.unwrap_or(0.0));
        parts.processor = above.map(|above| above.clamp(0.0, busy_ms));
    }
    Hop {
        kind: item.kind,
        item: item.id,
        origin: item.origin,
        node,
        from,
        depth: depth(item, node, peers),
        cause,
        latency_ms: item.latency_ms(arrival),
        hop_ms: had.map(|had_ns| rounded(span_ms(had_ns, arrival.at_ns), 3)),
        parts: parts.rounded(),
        lost_ms: None,
        blame: Blame::Nobody,
    }
}

/// Hops from the origin.
fn depth(item: &Item, node: usize, peers: &[HashMap<u32, usize>]) -> Option<usize> {
    let mut at = node;
    for depth in 0..DEPTH_MAX {
        if at == item.origin {
            return Some(depth);
        }
        let peer = item.reached.get(&at)?.from?;
        at = *peers.get(at)?.get(&peer)?;
    }
    None
}
