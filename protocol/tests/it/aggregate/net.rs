//! A small network of machines in steps: all tick, and then what they said arrives. Links lose, repeat and delay
//! messages if they are told to.

use std::collections::{BTreeMap, BTreeSet};

use protocol::gossip::PeerHandle;
use protocol::gossip::aggregate::gauge::Gauge;
use protocol::gossip::aggregate::push_sum::{Mass, PushSum, Totals};
use protocol::gossip::aggregate::value::Value;
use protocol::items::hash::BlockId;
use protocol::items::member::epoch::Epoch;
use protocol::limits::AGGREGATE_INTERVAL;
use protocol::time::Time;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng as _, SeedableRng as _};

/// What links do to messages. Each is a number of messages in 100.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Weather {
    pub(crate) lost: u64,
    pub(crate) repeated: u64,
    /// Stays on its way for a step more, and is then drawn again.
    pub(crate) late: u64,
}

/// Members of one gauge, and the links between them.
pub(crate) struct Net {
    pub(crate) weather: Weather,
    pub(crate) members: BTreeMap<u32, Member>,
    /// The two ends of each link.
    pub(crate) links: BTreeMap<PeerHandle, (u32, u32)>,
    pub(crate) now: Time,
    pub(crate) chance: ChaCha8Rng,
    flying: Vec<(PeerHandle, u32, Totals)>,
    next: u32,
}

/// A member, and what it contributes.
pub(crate) struct Member {
    pub(crate) machine: PushSum,
    pub(crate) value: Option<Value>,
    pub(crate) own: Mass,
}

/// The epoch of this number.
pub(crate) fn epoch(number: u64) -> Epoch {
    Epoch { number, block: BlockId([number as u8; 32]) }
}

/// A whole number as a value.
pub(crate) fn whole(units: i64) -> Value {
    Value::whole(units).expect("a small number")
}

/// A gauge from 0 to 1,000.
pub(crate) fn gauge() -> Gauge {
    Gauge::new("load", whole(0), whole(1_000)).expect("a gauge")
}

/// A number below `bound`, nearly uniform.
pub(crate) fn below(chance: &mut ChaCha8Rng, bound: u64) -> u64 {
    chance.next_u64() % bound
}

/// Chance from a number.
pub(crate) fn chance(seed: u64) -> ChaCha8Rng {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_be_bytes());
    ChaCha8Rng::from_seed(bytes)
}

/// The edges of a random regular graph of even degree: a ring with chords, whose edges then swap ends ten times
/// over.
pub(crate) fn regular(nodes: u32, degree: u32, chance: &mut ChaCha8Rng) -> Vec<(u32, u32)> {
    let sorted = |a: u32, b: u32| (a.min(b), a.max(b));
    let chords = (0..nodes).flat_map(|node| (1..=degree / 2).map(move |step| (node, (node + step) % nodes)));
    let mut edges: Vec<(u32, u32)> = chords.map(|(a, b)| sorted(a, b)).collect();
    let mut there: BTreeSet<(u32, u32)> = edges.iter().copied().collect();
    for _ in 0..10 * edges.len() {
        let (one, two) = (below(chance, edges.len() as u64) as usize, below(chance, edges.len() as u64) as usize);
        let ((a, b), (c, d)) = (edges[one], edges[two]);
        let (first, second) = (sorted(a, d), sorted(c, b));
        let loops = first.0 == first.1 || second.0 == second.1 || first == second;
        if one == two || loops || there.contains(&first) || there.contains(&second) {
            continue;
        }
        there.remove(&edges[one]);
        there.remove(&edges[two]);
        there.extend([first, second]);
        (edges[one], edges[two]) = (first, second);
    }
    edges
}

impl Net {
    /// No member yet, in fair weather.
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            weather: Weather::default(),
            members: BTreeMap::new(),
            links: BTreeMap::new(),
            now: Time::ZERO,
            chance: chance(seed),
            flying: Vec::new(),
            next: 0,
        }
    }

    /// A random regular network of degree 8 whose members have random whole values of the gauge.
    pub(crate) fn regular(nodes: u32, seed: u64) -> Self {
        let mut net = Self::new(seed);
        for _ in 0..nodes {
            let value = net.draw();
            net.join(Some(value));
        }
        let edges = regular(nodes, 8, &mut net.chance);
        edges.into_iter().for_each(|(one, other)| net.connect(one, other));
        net
    }

    /// A random whole value of the gauge.
    pub(crate) fn draw(&mut self) -> Value {
        whole(below(&mut self.chance, 1_001) as i64)
    }

    /// A member joins, in epoch 1, and has no link yet.
    pub(crate) fn join(&mut self, value: Option<Value>) -> u32 {
        let name = self.next;
        self.next += 1;
        let mut seed = [0; 32];
        self.chance.fill_bytes(&mut seed);
        let mut machine = PushSum::new(gauge(), seed);
        assert!(machine.begin(self.now, epoch(1), value));
        let own = machine.mass();
        self.members.insert(name, Member { machine, value, own });
        name
    }

    /// A new link between two members.
    pub(crate) fn connect(&mut self, one: u32, other: u32) {
        let link = PeerHandle(self.next);
        self.next += 1;
        self.links.insert(link, (one, other));
        for end in [one, other] {
            assert!(self.member(end).machine.on_link_up(link));
        }
    }

    /// A link goes down at both ends, with all that is on its way.
    pub(crate) fn disconnect(&mut self, link: PeerHandle) {
        let (one, other) = self.links.remove(&link).expect("a link");
        self.flying.retain(|(on, _, _)| *on != link);
        for end in [one, other] {
            self.member(end).machine.on_link_down(link);
        }
    }

    /// A member is gone, and its links go down at the other ends.
    pub(crate) fn leave(&mut self, name: u32) {
        let links: Vec<PeerHandle> =
            self.links.iter().filter(|(_, (a, b))| *a == name || *b == name).map(|(link, _)| *link).collect();
        links.into_iter().for_each(|link| self.disconnect(link));
        self.members.remove(&name);
    }

    pub(crate) fn member(&mut self, name: u32) -> &mut Member {
        self.members.get_mut(&name).expect("a member")
    }

    /// The other end of a link.
    pub(crate) fn other_end(&self, link: PeerHandle, end: u32) -> u32 {
        let (one, other) = self.links[&link];
        if one == end { other } else { one }
    }

    /// Everybody ticks, and then what is on its way arrives, in a random order.
    pub(crate) fn step(&mut self) {
        self.now = self.now + AGGREGATE_INTERVAL;
        let mut said = Vec::new();
        for (name, member) in &mut self.members {
            said.extend(member.machine.tick(self.now).into_iter().map(|(link, totals)| (link, *name, totals)));
        }
        self.flying.extend(said);
        self.deliver();
    }

    /// This number of steps.
    pub(crate) fn steps(&mut self, count: usize) {
        (0..count).for_each(|_| self.step());
    }

    fn deliver(&mut self) {
        let mut flying = std::mem::take(&mut self.flying);
        for place in (1..flying.len()).rev() {
            let other = below(&mut self.chance, place as u64 + 1) as usize;
            flying.swap(place, other);
        }
        for (link, from, totals) in flying {
            let mut happens = |in_100: u64| below(&mut self.chance, 100) < in_100;
            let (lost, repeated, late) =
                (happens(self.weather.lost), happens(self.weather.repeated), happens(self.weather.late));
            if repeated || late {
                self.flying.push((link, from, totals));
            }
            if !lost && !late {
                let to = self.other_end(link, from);
                self.member(to)
                    .machine
                    .on_message(link, &totals)
                    .expect("nothing that an honest member says is refused");
            }
        }
    }

    /// The average over the members that have a value, in millionths.
    pub(crate) fn average(&self) -> f64 {
        let values: Vec<f64> =
            self.members.values().filter_map(|member| Some(member.value?.millionths() as f64)).collect();
        values.iter().sum::<f64>() / values.len() as f64
    }

    /// How far each member's estimate is from the average, as a share of the average, smallest first. A member
    /// without an estimate is infinitely far.
    pub(crate) fn errors(&self) -> Vec<f64> {
        let average = self.average();
        let error = |member: &Member| match member.machine.estimate() {
            Some(estimate) => (estimate.average.millionths() as f64 - average).abs() / average,
            None => f64::INFINITY,
        };
        let mut errors: Vec<f64> = self.members.values().map(error).collect();
        errors.sort_by(f64::total_cmp);
        errors
    }

    /// The largest of the errors.
    pub(crate) fn worst(&self) -> f64 {
        *self.errors().last().expect("a member")
    }

    /// What all members have, and what is on its way on all links: sent and not heard yet.
    pub(crate) fn mass(&self) -> Mass {
        let held = self.members.values().fold(Mass::default(), |mass, member| mass + member.machine.mass());
        self.links.iter().fold(held, |mass, (link, (one, other))| {
            let flows = |end: &u32| self.members[end].machine.flows(*link).expect("both ends know the link");
            let (one, other) = (flows(one), flows(other));
            let missing = |sent: u64, heard: u64| i128::from(sent) - i128::from(heard);
            mass + Mass {
                high: missing(one.sent.high, other.heard.high) + missing(other.sent.high, one.heard.high),
                low: missing(one.sent.low, other.heard.low) + missing(other.sent.low, one.heard.low),
            }
        })
    }

    /// What the members that are there contribute.
    pub(crate) fn contributed(&self) -> Mass {
        self.members.values().fold(Mass::default(), |mass, member| mass + member.own)
    }
}
