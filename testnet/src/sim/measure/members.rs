//! From the ledger of a finished run to the figures of its report.

use protocol::time::Duration;

use crate::report::schema::members::{BytesByKind, EstimateError, Held, Learned, LiesFigures, MembersFigures};
use crate::report::statistics::{Sorted, ratio, rounded};
use crate::sim::members::ledger::{Ledger, Traffic, Whole};
use crate::sim::members::lies::Lies;
use crate::sim::members::spread::Spread;
use crate::sim::simulation::Finished;

/// The figures of a run with members.
#[must_use]
pub fn figures(finished: &Finished) -> Option<MembersFigures> {
    let ledger = finished.members.as_ref()?;
    let of = |spreads: &mut dyn Iterator<Item = &Spread>| {
        learned(spreads.flat_map(|spread| spread.took(&ledger.living_since(spread.at)).collect::<Vec<_>>()))
    };
    let wholes = |wholes: &[Whole]| {
        let took = |whole: &Whole| -> Vec<Option<Duration>> {
            let living = ledger.living_since(whole.from);
            living.iter().map(|node| whole.at.get(*node)?.map(|at| at.since(whole.from))).collect()
        };
        learned(wholes.iter().flat_map(took))
    };
    Some(MembersFigures {
        false_deaths: ledger.false_deaths.0,
        falsely_dead: Some(ledger.falsely_dead.len() as u64),
        deaths_over_cuts: ledger.false_deaths.1,
        false_accusations: ledger.accusations.0,
        true_accusations: ledger.accusations.1,
        refutations: ledger.refutations,
        settle_ms: wholes(std::slice::from_ref(&ledger.begun)),
        detect_ms: of(&mut ledger.crashes.iter()),
        join_ms: of(&mut ledger.joins.iter()),
        entry_ms: of(&mut ledger.entries.iter().map(|(spread, _)| spread)),
        heal_ms: wholes(&ledger.heals),
        bytes_per_s_per_node: per_second(ledger.traffic.sum(), ledger),
        bytes_by_kind: by_kind(&ledger.traffic, ledger),
        state_bytes: held(finished),
        estimate_error_ms: error(&ledger.estimates),
        lies: ledger.lies.as_ref().map(lies),
    })
}

fn lies(lies: &Lies) -> LiesFigures {
    let believed = lies.believed;
    LiesFigures {
        honest: believed.honest as u64,
        honest_known: believed.known_least as u64,
        victim_refutations: lies.refutations.0,
        refuted_bytes_per_10_s: rounded(lies.refuted_bytes_per_10_s(), 1),
        dials: lies.dials.0,
        dials_in_an_hour: lies.dials.1 as u64,
        forged_held: believed.forged as u64,
        silent: lies.silent.len() as u64,
        silent_dead: ratio(believed.silent.1 as f64, believed.silent.0 as f64).map(|share| rounded(share, 4)),
    }
}

/// Members that never learned come last.
fn learned(took: impl Iterator<Item = Option<Duration>>) -> Learned {
    let ms = |took: Option<Duration>| took.map_or(f64::INFINITY, |took| took.as_micros() as f64 / 1e3);
    let sorted = Sorted::new(took.map(ms));
    let finite = |value: Option<f64>| value.filter(|value| value.is_finite());
    Learned { p50: finite(sorted.percentile(50)), p99: finite(sorted.percentile(99)), max: finite(sorted.max()) }
}

fn per_second(bytes: u64, ledger: &Ledger) -> Option<f64> {
    ratio(bytes as f64, ledger.lived_s()).map(|rate| rounded(rate, 1))
}

fn by_kind(traffic: &Traffic, ledger: &Ledger) -> BytesByKind {
    BytesByKind {
        news: per_second(traffic.news, ledger),
        comparisons: per_second(traffic.comparisons, ledger),
        requests: per_second(traffic.requests, ledger),
        pings: per_second(traffic.pings, ledger),
        dials: per_second(traffic.dials, ledger),
    }
}

fn error(estimates: &[Duration]) -> EstimateError {
    let sorted = Sorted::new(estimates.iter().map(|error| error.as_micros() as f64 / 1e3));
    let ms = |percent| sorted.percentile(percent).map(|ms| rounded(ms, 1));
    EstimateError { p50: ms(50), p90: ms(90) }
}

fn held(finished: &Finished) -> Held {
    let honest = finished.hosts.iter().filter(|host| host.is_honest());
    let machines = honest.filter_map(|host| host.engine.as_ref()?.members());
    let mut bytes: Vec<u64> = machines.map(|machine| machine.occupancy().bytes as u64).collect();
    bytes.sort_unstable();
    Held { p50: bytes.get(bytes.len() / 2).copied(), max: bytes.last().copied() }
}
