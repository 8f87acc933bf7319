//! From a finished run to the report's figures, by the same rules as for real nodes: counted are deliveries to nodes
//! that keep the rules and were never down.

use node::trace::Kind;

use super::floor::Floor;
use super::ledger::{self, Entry};
use super::simulation::Finished;
use crate::report::deliveries::Delivery;
use crate::report::schema::{Cost, Percentiles, Propagation, Stretch, Warm};
use crate::report::statistics::{Sorted, ratio, rounded};

/// The figures.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Of transactions.
    pub tx: Propagation,
    /// Of blocks.
    pub block: Propagation,
    /// Of both.
    pub cost: Cost,
    /// Each delivery, in the order of submission and time.
    pub deliveries: Vec<Delivery>,
    /// For each delivery, the earliest possible latency in milliseconds.
    pub floors_ms: Vec<f64>,
}

/// Computes everything.
#[must_use]
pub fn measure(finished: &Finished, floor: &Floor) -> Measured {
    let survived: Vec<bool> = finished.hosts.iter().map(|host| host.is_honest() && !host.was_down).collect();
    let mut deliveries = Vec::new();
    let mut floors_ms = Vec::new();
    let mut paths: Option<((usize, u64), Vec<u64>)> = None;
    let mut kinds = [Spread::default(), Spread::default()];
    for entry in finished.ledger.entries() {
        let key = (entry.origin, entry.bytes);
        if paths.as_ref().is_none_or(|(known, _)| *known != key) {
            paths = Some((key, floor.from(entry.origin, entry.bytes)));
        }
        let shortest = paths.as_ref().map_or(&[][..], |(_, times)| times.as_slice());
        let spread = &mut kinds[usize::from(entry.kind() == Kind::Block)];
        spread.add(entry, &survived, shortest, &mut deliveries, &mut floors_ms);
    }
    let [tx, block] = kinds;
    let cost = cost(finished, &survived, &deliveries);
    Measured {
        tx: tx.figures(finished, Kind::Transaction),
        block: block.figures(finished, Kind::Block),
        cost,
        deliveries,
        floors_ms,
    }
}

/// What is gathered of one kind.
#[derive(Debug, Default)]
struct Spread {
    originated: u64,
    expected: u64,
    delivered: u64,
    latencies: Vec<f64>,
    stretches: Vec<f64>,
    to_all: Vec<f64>,
    warm_latencies: Vec<f64>,
    warm_stretches: Vec<f64>,
    warm_wire: u64,
    warm_payload: u64,
}

impl Spread {
    fn add(
        &mut self,
        entry: &Entry,
        survived: &[bool],
        shortest: &[u64],
        deliveries: &mut Vec<Delivery>,
        floors_ms: &mut Vec<f64>,
    ) {
        if !entry.originated {
            return;
        }
        let origin_survived = survived.get(entry.origin).copied().unwrap_or(false);
        let mut arrivals: Vec<_> =
            entry.arrivals().filter(|arrival| survived.get(arrival.node).copied().unwrap_or(false)).collect();
        arrivals.sort_by_key(|arrival| (arrival.after, arrival.node));
        let survivors = survived.iter().filter(|survived| **survived).count();
        let held = origin_survived || !arrivals.is_empty();
        let expected = if held { survivors - usize::from(origin_survived) } else { 0 };
        self.originated += 1;
        self.expected += expected as u64;
        self.delivered += arrivals.len() as u64;
        if arrivals.len() == expected
            && let Some(last) = arrivals.last()
        {
            self.to_all.push(millis(last.after.as_micros()));
        }
        if entry.warm {
            self.warm_wire += entry.wire_bytes;
            self.warm_payload += entry.bytes * arrivals.len() as u64;
        }
        for arrival in arrivals {
            let latency = millis(arrival.after.as_micros());
            let floor = shortest.get(arrival.node).copied().filter(|floor| *floor > 0 && *floor < u64::MAX);
            self.latencies.push(latency);
            let stretch = floor.map(|floor| latency / millis(floor));
            self.stretches.extend(stretch);
            if entry.warm {
                self.warm_latencies.push(latency);
                self.warm_stretches.extend(stretch);
            }
            floors_ms.push(floor.map_or(0.0, millis));
            deliveries.push(Delivery {
                kind: entry.kind(),
                item: ledger::short_of(&entry.id),
                bytes: entry.bytes,
                origin: entry.origin,
                node: arrival.node,
                from: arrival.from,
                latency_ms: Some(latency),
                within_block: arrival.within,
            });
        }
    }

    fn figures(self, finished: &Finished, kind: Kind) -> Propagation {
        let (bodies, useful) = finished.ledger.bodies(kind);
        Propagation {
            offered: finished.ledger.offered_of(kind),
            originated: self.originated,
            expected: self.expected,
            delivered: self.delivered,
            coverage: ratio(self.delivered as f64, self.expected as f64),
            latency_ms: Percentiles::of(&Sorted::new(self.latencies)),
            to_all_ms: Percentiles::of(&Sorted::new(self.to_all)),
            stretch: stretch(self.stretches),
            redundancy: ratio(bodies as f64, useful as f64).map(|bodies| rounded(bodies - 1.0, 4)),
            warm: Warm {
                latency_ms: Percentiles::of(&Sorted::new(self.warm_latencies)),
                stretch: stretch(self.warm_stretches),
                wire_ratio: ratio(self.warm_wire as f64, self.warm_payload as f64).map(|it| rounded(it, 4)),
            },
        }
    }
}

fn cost(finished: &Finished, survived: &[bool], deliveries: &[Delivery]) -> Cost {
    let hosts = finished.hosts.iter().zip(survived).filter(|(_, survived)| **survived);
    let wire: u64 = hosts.map(|(host, _)| host.wire_in - host.wire_before).sum();
    let carried: u64 = deliveries.iter().filter(|one| !one.within_block).map(|one| one.bytes).sum();
    let per = |whole: f64, digits| ratio(wire as f64, whole).map(|value| rounded(value, digits));
    Cost {
        wire_bytes_per_delivery: per(deliveries.len() as f64, 1),
        wire_ratio: per(carried as f64, 4),
        ..Cost::default()
    }
}

fn stretch(values: Vec<f64>) -> Stretch {
    let values = Sorted::new(values);
    let at = |percent| values.percentile(percent).map(|value| rounded(value, 3));
    Stretch { p50: at(50), p95: at(95), p99: at(99) }
}

fn millis(micros: u64) -> f64 {
    micros as f64 / 1_000.0
}
