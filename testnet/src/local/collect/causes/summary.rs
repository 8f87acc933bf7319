//! The causes of a run as its report has them: sums over all hops, what is to blame, and the slowest of each.

use std::collections::{BTreeMap, HashMap};

use node::observe::trace::{Kind, What};

use super::super::{Item, Observed};
use super::evidence::{Evidence, Withholder, delay_ms};
use super::judged::Judged;
use super::timers::Timers;
use super::ways::Ways;
use crate::report::deliveries::hops::{Blame, Cause, Hop};
use crate::report::schema::causes::{
    Bodies, ByCause, Causes, LateLink, LateNode, SLOWEST_MAX, SlowDelivery, SlowHop, TimeMs, ToBlame,
};
use crate::report::schema::{Percentiles, Typical};
use crate::report::statistics::{Sorted, rounded};

/// What a summary is made of.
pub(super) struct Summary<'a> {
    pub(super) observed: &'a Observed,
    pub(super) items: &'a [Item],
    pub(super) judged: &'a [Judged],
    pub(super) evidence: &'a Evidence,
    pub(super) timers: &'a Timers,
}

/// The slowest hop of each delivery's way, by the delivery's place in the list; itself included.
type Worst<'a> = Vec<Option<&'a Hop>>;

impl<'a> Summary<'a> {
    pub(super) fn causes(&self, ways: &Ways, late_from_ms: f64) -> Causes {
        let at = self.judged.iter().enumerate().map(|(at, one)| ((one.item, one.hop.node), at)).collect();
        let worst: Worst<'a> = (0..self.judged.len()).map(|place| self.worst(&at, place)).collect();
        let is_late = |hop: &&&Hop| hop.lost_ms.is_some_and(|lost| lost >= late_from_ms);
        let late: Vec<(&Judged, &Hop)> = self
            .judged
            .iter()
            .zip(&worst)
            .filter_map(|(one, worst)| Some((one, *worst.as_ref().filter(is_late)?)))
            .collect();
        Causes {
            hops: self.judged.iter().filter(|one| one.hop.cause != Cause::Unknown).count() as u64,
            by_cause: self.by_cause(),
            needless: self.needless(),
            announcements: ways.announcements,
            time_ms: self.time_ms(),
            late_from_ms: rounded(late_from_ms, 3),
            late: late.len() as u64,
            to_blame: self.to_blame(&late),
            slowest: self.slowest(&at, &worst, late_from_ms),
            nodes: self.nodes(&late),
            links: self.links(),
        }
    }

    /// The way of a delivery, from its last hop back.
    fn way(&self, at: &HashMap<(usize, usize), usize>, place: usize) -> Vec<&'a Hop> {
        let mut way: Vec<&Hop> = Vec::new();
        let mut next = self.judged.get(place);
        while let Some(one) = next.filter(|_| way.len() < super::DEPTH_MAX) {
            way.push(&one.hop);
            let before = one.hop.from.and_then(|from| at.get(&(one.item, from)));
            next = before.and_then(|before| self.judged.get(*before));
        }
        way
    }

    fn worst(&self, at: &HashMap<(usize, usize), usize>, place: usize) -> Option<&'a Hop> {
        let lost = |hop: &&Hop| hop.lost_ms.unwrap_or(0.0);
        self.way(at, place).into_iter().max_by(|one, other| lost(one).total_cmp(&lost(other)))
    }

    fn by_cause(&self) -> Vec<ByCause> {
        let mut causes: BTreeMap<Cause, Vec<&Judged>> = BTreeMap::new();
        for one in self.judged {
            causes.entry(one.hop.cause).or_default().push(one);
        }
        let row = |(cause, hops): (Cause, Vec<&Judged>)| ByCause {
            cause: cause.name().to_owned(),
            hops: hops.len() as u64,
            bytes: hops.iter().filter_map(|one| self.items.get(one.item)).map(|item| item.bytes).sum(),
            hop_ms: Percentiles::of(&Sorted::new(hops.iter().filter_map(|one| one.hop.hop_ms))),
        };
        causes.into_iter().map(row).collect()
    }

    /// Bodies of counted items that were received for nothing.
    fn needless(&self) -> Bodies {
        let counted: std::collections::HashSet<_> = self.items.iter().map(|item| (item.kind, item.id)).collect();
        let mut needless = Bodies::default();
        for record in self.observed.nodes.iter().filter(|node| node.survived).flat_map(|node| &node.records) {
            if let What::Body { kind, item, bytes, duplicate: true, .. } = record.what
                && counted.contains(&(kind, item))
            {
                needless.count += 1;
                needless.bytes += bytes;
            }
        }
        needless
    }

    fn time_ms(&self) -> TimeMs {
        let mut sum = TimeMs::default();
        for parts in self.judged.iter().map(|one| one.hop.parts) {
            let (floor, processor) = (parts.floor.unwrap_or(0.0), parts.processor.unwrap_or(0.0));
            sum.queue += parts.queue.unwrap_or(0.0);
            sum.wait += parts.wait.unwrap_or(0.0);
            sum.floor += floor;
            sum.processor += processor;
            sum.link += parts.link.map_or(0.0, |link| link - floor - processor);
            sum.verify += parts.verify.unwrap_or(0.0);
        }
        let micro = |ms: f64| rounded(ms, 3);
        TimeMs {
            queue: micro(sum.queue),
            wait: micro(sum.wait),
            floor: micro(sum.floor),
            processor: micro(sum.processor),
            link: micro(sum.link),
            verify: micro(sum.verify),
        }
    }

    fn to_blame(&self, late: &[(&Judged, &Hop)]) -> Vec<ToBlame> {
        let mut lost: BTreeMap<Blame, Vec<f64>> = BTreeMap::new();
        for (_, worst) in late {
            lost.entry(worst.blame).or_default().extend(worst.lost_ms);
        }
        for withholder in self.evidence.withholders.keys() {
            lost.entry(Blame::Withholder(*withholder)).or_default();
        }
        let mut rows: Vec<ToBlame> = lost
            .into_iter()
            .map(|(blame, lost)| {
                let (what, nodes) = named(blame);
                let lost = Sorted::new(lost);
                let at = |percent| lost.percentile(percent);
                let lost_ms = Typical { p50: at(50), p95: at(95) };
                ToBlame { what: what.to_owned(), nodes, late: lost.len() as u64, lost_ms, why: self.why(blame) }
            })
            .collect();
        rows.sort_by_key(|row| (row.what == NOTHING, std::cmp::Reverse(row.late)));
        rows
    }

    /// The evidence, in a sentence.
    fn why(&self, blame: Blame) -> String {
        let usual = self.evidence.usual_ms;
        match blame {
            Blame::Nobody => "these hops were slow, and nothing that lasts explains it".to_owned(),
            Blame::Withholder(node) => {
                let Withholder { unserved, gave, in_vain } =
                    self.evidence.withholders.get(&node).copied().unwrap_or_default();
                let gave = if gave { "gave some bodies" } else { "gave nobody a body" };
                format!(
                    "it announced to others {unserved} times what they didn't have, and {gave}; {in_vain} requests in \
                     vain point to it alone"
                )
            }
            Blame::Link(one, other) => {
                let late = self.evidence.slow_links.get(&(one, other)).copied().unwrap_or_default();
                format!("messages on it are {late:.1} ms late (median); on the median link, {usual:.1} ms")
            }
            Blame::Node(node) => match self.evidence.slow_nodes.get(&node) {
                Some(slow) => format!(
                    "messages to it are {:.1} ms late (median) on {} of {} links; on the median link, {usual:.1} ms",
                    slow.late_ms, slow.slow, slow.of
                ),
                None => "it held these items for long, or its timer was late then".to_owned(),
            },
        }
    }

    fn slowest(
        &self,
        at: &HashMap<(usize, usize), usize>,
        worst: &Worst<'_>,
        late_from_ms: f64,
    ) -> Vec<SlowDelivery> {
        let mut slowest = Vec::new();
        for kind in [Kind::Transaction, Kind::Block] {
            let of_kind = self.judged.iter().enumerate().filter(|(_, one)| one.hop.kind == kind);
            let mut places: Vec<(usize, f64)> =
                of_kind.filter_map(|(place, one)| Some((place, one.hop.latency_ms?))).collect();
            places.sort_by(|one, other| other.1.total_cmp(&one.1));
            for (place, latency_ms) in places.into_iter().take(SLOWEST_MAX) {
                let way = self.way(at, place);
                let Some(last) = way.first() else { continue };
                let worst = worst.get(place).copied().flatten();
                let worst = worst.filter(|worst| worst.lost_ms.is_some_and(|lost| lost >= late_from_ms));
                slowest.push(SlowDelivery {
                    kind: if kind == Kind::Transaction { "tx" } else { "block" }.to_owned(),
                    item: last.item.to_string(),
                    origin: last.origin,
                    node: last.node,
                    latency_ms,
                    blame: worst.map_or(String::new(), |worst| worst.blame.to_string()),
                    hops: way.iter().rev().filter_map(|hop| slow_hop(hop)).collect(),
                });
            }
        }
        slowest
    }

    /// The nodes with the highest p95.
    fn nodes(&self, late: &[(&Judged, &Hop)]) -> Vec<LateNode> {
        let kind = self.items.first().map_or(Kind::Transaction, |item| item.kind);
        let mut latencies: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
        for hop in self.judged.iter().map(|one| &one.hop).filter(|hop| hop.kind == kind) {
            latencies.entry(hop.node).or_default().extend(hop.latency_ms);
        }
        let mut blames: BTreeMap<(usize, Blame), u64> = BTreeMap::new();
        for (one, worst) in late.iter().filter(|(_, worst)| worst.blame != Blame::Nobody) {
            *blames.entry((one.hop.node, worst.blame)).or_default() += 1;
        }
        let window = self.observed.window;
        let mut rows: Vec<LateNode> = latencies
            .into_iter()
            .filter_map(|(node, values)| {
                let into = self.evidence.links.iter().filter(|((_, to), _)| *to == node);
                let most = blames.iter().filter(|((of, _), _)| *of == node).max_by_key(|(_, count)| **count);
                Some(LateNode {
                    node,
                    p95_ms: Sorted::new(values).percentile(95)?,
                    messages_late_ms: median(into.map(|(_, (_, late))| *late)),
                    timer_late_ms: self
                        .timers
                        .p95_ms(node, window.load_from, window.drain_to)
                        .map(|late| rounded(late, 3)),
                    blame: most.map_or(String::new(), |((_, blame), _)| blame.to_string()),
                })
            })
            .collect();
        rows.sort_by(|one, other| other.p95_ms.total_cmp(&one.p95_ms));
        rows.truncate(SLOWEST_MAX);
        rows
    }

    /// The links that are the furthest above their floor.
    fn links(&self) -> Vec<LateLink> {
        let mut rows: Vec<LateLink> = self
            .evidence
            .links
            .iter()
            .map(|(&(from, node), &(messages, late_ms))| LateLink {
                from,
                node,
                messages,
                floor_ms: delay_ms(self.observed, from, node),
                late_ms: rounded(late_ms, 3),
                blame: super::blame::lasting(self.evidence, from, node).to_string(),
            })
            .collect();
        rows.sort_by(|one, other| other.late_ms.total_cmp(&one.late_ms));
        rows.truncate(SLOWEST_MAX);
        rows
    }
}

/// The word for deliveries that are nobody's fault.
const NOTHING: &str = "nothing found";

fn named(blame: Blame) -> (&'static str, Vec<usize>) {
    match blame {
        Blame::Nobody => (NOTHING, Vec::new()),
        Blame::Node(node) => ("node", vec![node]),
        Blame::Link(one, other) => ("link", vec![one, other]),
        Blame::Withholder(node) => ("withholder", vec![node]),
    }
}

fn slow_hop(hop: &Hop) -> Option<SlowHop> {
    Some(SlowHop {
        from: hop.from?,
        node: hop.node,
        cause: hop.cause.name().to_owned(),
        hop_ms: hop.hop_ms,
        queue_ms: hop.parts.queue,
        wait_ms: hop.parts.wait,
        link_ms: hop.parts.link,
        floor_ms: hop.parts.floor,
        processor_ms: hop.parts.processor,
        verify_ms: hop.parts.verify,
        lost_ms: hop.lost_ms,
        blame: hop.blame.to_string(),
    })
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    Sorted::new(values).percentile(50).map(|value| rounded(value, 3))
}
