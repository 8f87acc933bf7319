//! The latest deliveries of each node, and the reason why a node or a link is the slowest, in words.
//!
//! A reason is a guess from numbers: the first that explains most of the time is told, with its numbers.

use std::collections::VecDeque;

use super::super::batch::{SlowNode, SlowWay};
use crate::report::statistics::Sorted;

/// Deliveries that a node's figures are computed from: those of 3 s at 20 transactions a second.
const DELIVERIES_KEPT: usize = 64;

/// Deliveries that a node needs before it can be the slowest.
const DELIVERIES_MIN: usize = 8;

/// A cause explains a time if it makes up this share of it.
const EXPLAINS: f64 = 0.6;

/// Of the deliveries, this share makes asking the cause.
const ASKED_SHARE: f64 = 0.4;

/// A timer that is later than this makes the process itself the cause, in milliseconds.
const LATE_MS: f64 = 20.0;

/// The latest deliveries of one node.
#[derive(Debug, Default)]
pub(super) struct Recent {
    deliveries: VecDeque<Delivered>,
    /// The p99 of its timers' lateness in the last second, in milliseconds.
    pub(super) late_ms: Option<f64>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Delivered {
    pub(super) after_us: u64,
    pub(super) floor_us: Option<u64>,
    pub(super) hops: u32,
    pub(super) asked: bool,
}

impl Recent {
    pub(super) fn note(&mut self, one: Delivered) {
        if self.deliveries.len() >= DELIVERIES_KEPT {
            self.deliveries.pop_front();
        }
        self.deliveries.push_back(one);
    }

    pub(super) fn p95_ms(&self) -> Option<f64> {
        self.ms(95, |one| Some(one.after_us))
    }

    fn ms(&self, percent: u32, of: impl Fn(&Delivered) -> Option<u64>) -> Option<f64> {
        Sorted::new(self.deliveries.iter().filter_map(of).map(|us| us as f64 / 1e3)).percentile(percent)
    }

    fn hops(&self) -> Option<f64> {
        Sorted::new(self.deliveries.iter().map(|one| f64::from(one.hops))).percentile(50)
    }

    fn why(&self, all: &Whole) -> String {
        let median = self.ms(50, |one| Some(one.after_us)).unwrap_or(0.0);
        let asked = self.deliveries.iter().filter(|one| one.asked).count();
        let count = self.deliveries.len();
        if let Some(late) = self.late_ms.filter(|late| *late > LATE_MS) {
            return format!("its process gets too little of the machine: a timer of 50 ms came {late:.0} ms late");
        }
        if let Some(floor) = self.ms(50, |one| one.floor_us).filter(|floor| *floor >= EXPLAINS * median) {
            return format!("it is far away: of {median:.1} ms, the shortest path takes {floor:.1} ms");
        }
        if asked as f64 >= ASKED_SHARE * count as f64 {
            return format!(
                "it had to ask: {asked} of its last {count} items were announced to it before they came"
            );
        }
        match (self.hops(), all.hops) {
            (Some(hops), Some(usual)) if hops > usual => {
                format!("its items come over {hops:.0} hops, and those of the median node over {usual:.0}")
            }
            _ => format!("no single cause stands out; its median is {median:.1} ms"),
        }
    }
}

/// What is usual among all nodes.
struct Whole {
    hops: Option<f64>,
}

/// The node with the highest p95, and why. Only nodes for which `counts` holds take part.
pub(super) fn slowest(nodes: &[Recent], counts: impl Fn(usize) -> bool) -> Option<SlowNode> {
    let taking_part =
        || nodes.iter().enumerate().filter(|(n, one)| one.deliveries.len() >= DELIVERIES_MIN && counts(*n));
    let all = Whole { hops: Sorted::new(taking_part().filter_map(|(_, one)| one.hops())).percentile(50) };
    let (n, recent, p95_ms) = taking_part()
        .filter_map(|(n, one)| Some((n, one, one.p95_ms()?)))
        .max_by(|one, other| one.2.total_cmp(&other.2).then(other.0.cmp(&one.0)))?;
    Some(SlowNode { n, p95_ms, why: recent.why(&all) })
}

/// A slow way with its reason. `own_us` is the time of a message on it.
pub(super) fn slow_way((from, to, hop_us): (usize, usize, u64), own_us: Option<u64>, known: bool) -> SlowWay {
    let p50_ms = hop_us as f64 / 1e3;
    let named = if known { "the link's delay" } else { "the fastest message on it" };
    let why = match own_us.map(|us| us as f64 / 1e3) {
        Some(own) if own >= EXPLAINS * p50_ms => format!("{named} takes {own:.1} ms of it"),
        Some(own) => format!("{named} takes {own:.1} ms; the rest is waiting and checking at node {to}"),
        None => "how long a message takes on it is not known".to_owned(),
    };
    SlowWay { from, to, p50_ms, why }
}
