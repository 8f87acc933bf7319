//! From a finished run to the report's figures, by the same rules as for real nodes. Only deliveries to nodes that
//! keep the rules and were never down are counted.

pub mod causes;
pub mod heal;
pub mod members;
pub mod rounds;
pub mod spread;

use node::observe::trace::Kind;

use super::simulation::Finished;
use super::simulation::ledger::{self, Arrival, Entry};
use crate::report::deliveries::Delivery;
use crate::report::figures::spreads::{Latencies, Spreads};
use crate::report::schema::{Cost, Percentiles, Propagation, Stretch, Warm};
use crate::report::statistics::{Sorted, ratio, rounded};
use crate::topology::floor::{Floor, NOWHERE, Paths};

/// The figures.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Of transactions.
    pub tx: Propagation,
    /// Of blocks.
    pub block: Propagation,
    /// Of both.
    pub cost: Cost,
    /// Each delivery's latency, and how early it could have been.
    pub spreads: Spreads,
}

/// Computes everything. `each` gets every delivery, in the order of submission and time.
#[must_use]
pub fn measure(finished: &Finished, floor: &Floor, each: &mut dyn FnMut(&Delivery)) -> Measured {
    let survived: Vec<bool> = finished.hosts.iter().map(|host| host.is_honest() && !host.was_down).collect();
    let mut paths = Paths::new(floor);
    let mut kinds = [Spread::default(), Spread::default()];
    for entry in finished.ledger.entries().iter().filter(|entry| entry.originated) {
        let shortest = paths.from(entry.origin, entry.bytes);
        kinds[usize::from(entry.kind() == Kind::Block)].add(entry, &survived, &shortest, each);
    }
    let cost = cost(finished, &survived, &kinds);
    let [tx, block] = kinds;
    Measured {
        tx: tx.figures(finished, Kind::Transaction),
        block: block.figures(finished, Kind::Block),
        cost,
        spreads: Spreads { tx: tx.latencies(), block: block.latencies() },
    }
}

/// One delivery in 12 bytes: runs have millions.
#[derive(Clone, Copy, Debug)]
struct Point {
    after_us: u32,
    /// 0 if there is none.
    floor_us: u32,
    warm: bool,
}

/// The data that are gathered for one kind.
#[derive(Debug, Default)]
struct Spread {
    originated: u64,
    expected: u64,
    points: Vec<Point>,
    to_all: Vec<f64>,
    warm_wire: u64,
    warm_payload: u64,
    /// The total length of standalone bodies.
    carried: u64,
}

impl Spread {
    fn add(&mut self, entry: &Entry, survived: &[bool], shortest: &[u32], each: &mut dyn FnMut(&Delivery)) {
        let counts = |node: usize| survived.get(node).copied().unwrap_or(false);
        let mut arrivals: Vec<Arrival> = entry.arrivals().filter(|arrival| counts(arrival.node)).collect();
        arrivals.sort_unstable_by_key(|arrival| (arrival.after, arrival.node));
        let survivors = survived.iter().filter(|survived| **survived).count();
        let held = counts(entry.origin) || !arrivals.is_empty();
        let expected = if held { survivors - usize::from(counts(entry.origin)) } else { 0 };
        self.originated += 1;
        self.expected += expected as u64;
        if arrivals.len() == expected
            && let Some(last) = arrivals.last()
        {
            self.to_all.push(millis(last.after.as_micros()));
        }
        if entry.warm {
            self.warm_wire += entry.wire_bytes;
            self.warm_payload += entry.bytes * arrivals.len() as u64;
        }
        self.points.reserve_exact(arrivals.len());
        for arrival in arrivals {
            let floor = shortest.get(arrival.node).copied().filter(|floor| *floor > 0 && *floor < NOWHERE);
            self.carried += if arrival.within { 0 } else { entry.bytes };
            self.points.push(Point {
                after_us: u32::try_from(arrival.after.as_micros()).unwrap_or(u32::MAX),
                floor_us: floor.unwrap_or(0),
                warm: entry.warm,
            });
            each(&Delivery {
                kind: entry.kind(),
                item: ledger::short_of(&entry.id),
                bytes: entry.bytes,
                origin: entry.origin,
                node: arrival.node,
                from: arrival.from,
                latency_ms: Some(millis(arrival.after.as_micros())),
                within_block: arrival.within,
                floor_ms: floor.map(|floor| millis(u64::from(floor))),
            });
        }
    }

    fn figures(&self, finished: &Finished, kind: Kind) -> Propagation {
        let (bodies, useful) = finished.ledger.bodies(kind);
        let warm = || self.points.iter().filter(|point| point.warm);
        let delivered = self.points.len() as u64;
        Propagation {
            offered: finished.ledger.offered_of(kind),
            originated: self.originated,
            expected: self.expected,
            delivered,
            coverage: ratio(delivered as f64, self.expected as f64),
            latency_ms: Percentiles::of(&latencies(self.points.iter())),
            to_all_ms: Percentiles::of(&Sorted::new(self.to_all.iter().copied())),
            stretch: stretch(self.points.iter()),
            redundancy: ratio(bodies as f64, useful as f64).map(|bodies| rounded(bodies - 1.0, 4)),
            warm: Warm {
                latency_ms: Percentiles::of(&latencies(warm())),
                stretch: stretch(warm()),
                wire_ratio: ratio(self.warm_wire as f64, self.warm_payload as f64).map(|it| rounded(it, 4)),
            },
            ..Propagation::default()
        }
    }

    fn latencies(&self) -> Latencies {
        let floors = self.points.iter().filter(|point| point.floor_us > 0);
        Latencies {
            values_ms: latencies(self.points.iter()),
            floors_ms: Sorted::new(floors.map(|point| millis(u64::from(point.floor_us)))),
        }
    }
}

fn cost(finished: &Finished, survived: &[bool], kinds: &[Spread]) -> Cost {
    let hosts = finished.hosts.iter().zip(survived).filter(|(_, survived)| **survived);
    let wire: u64 = hosts.map(|(host, _)| host.wire_in - host.wire_before).sum();
    let deliveries: usize = kinds.iter().map(|kind| kind.points.len()).sum();
    let carried: u64 = kinds.iter().map(|kind| kind.carried).sum();
    let per = |whole: f64, digits| ratio(wire as f64, whole).map(|value| rounded(value, digits));
    Cost {
        wire_bytes_per_delivery: per(deliveries as f64, 1),
        wire_ratio: per(carried as f64, 4),
        ..Cost::default()
    }
}

fn latencies<'a>(points: impl Iterator<Item = &'a Point>) -> Sorted {
    Sorted::new(points.map(|point| millis(u64::from(point.after_us))))
}

fn stretch<'a>(points: impl Iterator<Item = &'a Point>) -> Stretch {
    let known = points.filter(|point| point.floor_us > 0);
    let values = Sorted::new(known.map(|point| f64::from(point.after_us) / f64::from(point.floor_us)));
    let at = |percent| values.percentile(percent).map(|value| rounded(value, 3));
    Stretch { p50: at(50), p95: at(95), p99: at(99) }
}

fn millis(micros: u64) -> f64 {
    micros as f64 / 1_000.0
}
