//! Members of one gauge, each with the engine's machine of push-sum, and the links between them. Links lose messages,
//! and members come and go, if that is set.

use std::collections::BTreeSet;

use protocol::gossip::PeerHandle;
use protocol::gossip::aggregate::gauge::Gauge;
use protocol::gossip::aggregate::push_sum::{PushSum, Totals};
use protocol::gossip::aggregate::value::Value;
use protocol::limits::AGGREGATE_INTERVAL;
use protocol::time::Time;

use super::epoch;
use crate::random::{Draws, Seed};
use crate::topology::{Graph, TopologyError};

/// The gauge's range is from 0 to this. Members have random whole values of it.
const RANGE_END: u16 = 1_000;

/// Members, and links between them.
#[derive(Debug)]
pub struct World {
    /// The share of messages that are lost.
    pub loss: f64,
    /// The share of members that leave in a minute. As many join.
    pub churn: f64,
    gauge: Gauge,
    seed: Seed,
    degree: usize,
    members: Vec<Member>,
    /// The two ends of each link, by its handle; `None` once it is down.
    links: Vec<Option<(usize, usize)>>,
    now: Time,
    draws: Draws,
    /// Leavers that are due, as far as they are no whole one yet.
    due: f64,
}

#[derive(Debug)]
struct Member {
    machine: PushSum,
    value: Value,
    links: Vec<PeerHandle>,
}

impl World {
    /// A random regular graph in fair weather.
    ///
    /// # Errors
    /// If there is no such graph.
    pub fn new(nodes: usize, degree: usize, seed: Seed) -> Result<Self, TopologyError> {
        let graph = Graph::regular(nodes, degree, seed)?;
        let ends = Value::default()..Value::whole(RANGE_END.into()).unwrap_or(Value::HIGHEST);
        // A name of some letters, and a range that is none too small.
        let gauge = Gauge::new("simulated", ends.start, ends.end).expect("a short name, and a range");
        let draws = seed.draws("aggregates");
        let (members, links, now) = (Vec::with_capacity(nodes), Vec::new(), Time::ZERO);
        let mut world = Self { loss: 0.0, churn: 0.0, gauge, seed, degree, members, links, now, draws, due: 0.0 };
        for _ in 0..nodes {
            let member = world.new_member();
            world.members.push(member);
        }
        for node in 0..nodes {
            let above = graph.neighbours(node).iter().map(|end| *end as usize).filter(|end| *end > node);
            above.for_each(|end| world.connect(node, end));
        }
        Ok(world)
    }

    /// All members tick, and then what they say arrives. Before that, some leave and some join.
    pub fn step(&mut self) {
        self.now = self.now + AGGREGATE_INTERVAL;
        self.replace_some();
        let mut said: Vec<(usize, PeerHandle, Totals)> = Vec::new();
        for (name, member) in self.members.iter_mut().enumerate() {
            said.extend(member.machine.tick(self.now).into_iter().map(|(link, totals)| (name, link, totals)));
        }
        for (from, link, totals) in said {
            if self.loss > 0.0 && self.draws.chance(self.loss) {
                continue;
            }
            let Some(Some((one, other))) = self.links.get(link.0 as usize) else { continue };
            let to = if *one == from { *other } else { *one };
            if let Some(member) = self.members.get_mut(to) {
                // An honest message is never refused. A test of the machine asserts it.
                let _ = member.machine.on_message(link, &totals);
            }
        }
    }

    /// Whether all estimates are this close to the average, as a share of it.
    #[must_use]
    pub fn are_within(&self, share: f64) -> bool {
        self.errors().iter().all(|error| *error <= share)
    }

    /// How far each member's estimate is from the average, as a share of it. A member without an estimate is
    /// infinitely far.
    #[must_use]
    pub fn errors(&self) -> Vec<f64> {
        let sum: f64 = self.members.iter().map(|member| member.value.millionths() as f64).sum();
        let average = sum / self.members.len().max(1) as f64;
        let error = |member: &Member| match member.machine.estimate() {
            Some(estimate) => (estimate.average.millionths() as f64 - average).abs() / average,
            None => f64::INFINITY,
        };
        self.members.iter().map(error).collect()
    }

    fn new_member(&mut self) -> Member {
        let value = i64::try_from(self.draws.below(usize::from(RANGE_END) + 1)).unwrap_or_default();
        let value = Value::whole(value).unwrap_or_default();
        let seed: [u8; 32] = self.draws.bytes(32).try_into().unwrap_or_default();
        let mut machine = PushSum::new(self.gauge.clone(), seed);
        machine.begin(self.now, epoch(self.seed), Some(value));
        Member { machine, value, links: Vec::new() }
    }

    /// A new link.
    fn connect(&mut self, one: usize, other: usize) {
        let link = PeerHandle(u32::try_from(self.links.len()).unwrap_or(u32::MAX));
        self.links.push(Some((one, other)));
        for end in [one, other] {
            if let Some(member) = self.members.get_mut(end) {
                member.machine.on_link_up(link);
                member.links.push(link);
            }
        }
    }

    /// Those whose turn it is leave, and others join in their places.
    fn replace_some(&mut self) {
        self.due += self.churn / 60.0 * self.members.len() as f64;
        let mut leavers = BTreeSet::new();
        while self.due >= 1.0 && leavers.len() < self.members.len() {
            self.due -= 1.0;
            leavers.insert(self.draws.below(self.members.len()));
        }
        if leavers.is_empty() {
            return;
        }
        let mut open: Vec<usize> = leavers.iter().flat_map(|leaver| self.cut_off(*leaver)).collect();
        open.retain(|end| !leavers.contains(end));
        self.draws.shuffle(&mut open);
        for place in &leavers {
            let member = self.new_member();
            if let Some(slot) = self.members.get_mut(*place) {
                *slot = member;
            }
        }
        let mut ends = open.into_iter();
        for place in leavers.iter().cycle().take(self.degree.saturating_mul(leavers.len())) {
            let Some(end) = ends.next() else { break };
            self.connect(*place, end);
        }
    }

    /// All links of a member go down. The other ends.
    fn cut_off(&mut self, member: usize) -> Vec<usize> {
        let links =
            self.members.get_mut(member).map(|member| std::mem::take(&mut member.links)).unwrap_or_default();
        let mut ends = Vec::new();
        for link in links {
            let Some((one, other)) = self.links.get_mut(link.0 as usize).and_then(Option::take) else { continue };
            let end = if one == member { other } else { one };
            if let Some(other) = self.members.get_mut(end) {
                other.machine.on_link_down(link);
                other.links.retain(|kept| *kept != link);
            }
            ends.push(end);
        }
        ends
    }
}
