//! Who made a hop slow. MEASURING has the rules.

use super::super::Item;
use super::evidence::Evidence;
use super::judged::Judged;
use super::ways::Ways;
use crate::report::deliveries::hops::{Blame, Parts};
use crate::report::statistics::Sorted;

/// A hop that lost less than this is not slow. It is the time of some wake-ups on a busy machine.
const LATE_MS_MIN: f64 = 2.0;

/// Nor is one that lost less than this share of what the median hop takes.
const LATE_SHARE: f64 = 0.5;

/// What hops usually take: the medians of the parts over all hops. In a run that pushes, the usual wait is none, so that
/// all waiting is lost time.
#[derive(Clone, Debug, Default)]
pub(super) struct Usual {
    queue: f64,
    link: f64,
    verify: f64,
    wait: f64,
    /// From this loss on, a hop is slow.
    pub(super) late_from_ms: f64,
}

/// The parts of a hop beyond what is usual.
#[derive(Clone, Copy, Debug)]
struct Beyond {
    queue: f64,
    wait: f64,
    link: f64,
    verify: f64,
}

impl Usual {
    pub(super) fn new(hops: &[Judged]) -> Self {
        let median = |part: fn(&Judged) -> Option<f64>| {
            Sorted::new(hops.iter().filter_map(part)).percentile(50).unwrap_or(0.0)
        };
        let hop = median(|judged| judged.hop.hop_ms);
        Self {
            queue: median(|judged| judged.hop.parts.queue),
            link: median(Judged::on_link),
            verify: median(|judged| judged.hop.parts.verify),
            wait: median(Judged::waited),
            late_from_ms: LATE_MS_MIN.max(hop * LATE_SHARE),
        }
    }

    /// By how much a hop took longer than such hops usually take.
    pub(super) fn lost_ms(&self, judged: &Judged) -> Option<f64> {
        let beyond = self.beyond(judged)?;
        Some((beyond.queue + beyond.wait + beyond.link + beyond.verify).max(0.0))
    }

    fn beyond(&self, judged: &Judged) -> Option<Beyond> {
        let Parts { queue, verify, .. } = judged.hop.parts;
        Some(Beyond {
            queue: queue? - self.queue,
            wait: judged.waited()? - self.wait,
            link: judged.on_link()? - self.link,
            verify: verify? - self.verify,
        })
    }

    /// Who made a hop slow that lost this much.
    pub(super) fn blame(&self, judged: &Judged, evidence: &Evidence, ways: &Ways, items: &[Item]) -> Blame {
        let slow = judged.hop.lost_ms.is_some_and(|lost| lost >= self.late_from_ms);
        let (Some(beyond), Some(from), true) = (self.beyond(judged), judged.hop.from, slow) else {
            return Blame::Nobody;
        };
        let node = judged.hop.node;
        let most = beyond.queue.max(beyond.wait).max(beyond.link).max(beyond.verify);
        if beyond.wait >= most
            && let Some(withholder) = evidence.withheld(ways, judged.item, node, judged.accepted_ns)
        {
            return Blame::Withholder(withholder);
        }
        if beyond.verify >= most {
            return Blame::Node(node);
        }
        if beyond.queue >= most {
            return Blame::Node(from);
        }
        let lasting = lasting(evidence, from, node);
        if lasting != Blame::Nobody {
            return lasting;
        }
        if beyond.wait >= most {
            return late_push(judged, evidence, ways, items);
        }
        // Nothing lasts here. If the processor of one end was busy, its timer tells.
        if judged.hop.parts.processor.is_some_and(|busy| 2.0 * busy >= beyond.link) {
            return Blame::Node(node);
        }
        Blame::Nobody
    }
}

/// The slow node or the slow link between two nodes.
pub(super) fn lasting(evidence: &Evidence, from: usize, node: usize) -> Blame {
    match [node, from].into_iter().find(|end| evidence.slow_nodes.contains_key(end)) {
        Some(slow) => Blame::Node(slow),
        None if evidence.slow_link(from, node) => Blame::link(from, node),
        None => Blame::Nobody,
    }
}

/// Who let a node wait that got the item in another way: a neighbour that had the item, and whose body or announcement
/// came later over something slow.
fn late_push(judged: &Judged, evidence: &Evidence, ways: &Ways, items: &[Item]) -> Blame {
    let Some(item) = items.get(judged.item) else { return Blame::Nobody };
    let had = |from: usize| super::ways::had_ns(item, from).is_some_and(|at| at < judged.accepted_ns);
    let late = ways.of(judged.item, judged.hop.node).filter(|(from, way)| {
        let last = way.body_got.or(way.inv_got);
        Some(*from) != judged.hop.from && had(*from) && last.is_some_and(|at| at >= judged.accepted_ns)
    });
    let blamed = late.map(|(from, _)| lasting(evidence, from, judged.hop.node));
    blamed.max().unwrap_or_default()
}
