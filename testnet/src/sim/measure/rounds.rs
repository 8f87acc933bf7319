//! A rumor's spread in rounds, as measured and as theory predicts ([`crate::report::figures::models`]).
//!
//! Rounds tick at whole multiples of their length on every node's clock. So an item's round at a node is the
//! number of ticks between its submission and its arrival, by the world's clock. It is 0 where the item entered,
//! and 1 where the first pushes brought it. This holds if a message takes less than a round. A slower message is
//! one round late.

use node::observe::trace::Kind;
use protocol::gossip::Rumor;
use protocol::limits::RUMOR_RETRANSMIT_FACTOR;
use protocol::time::{Duration, Time};

use crate::report::figures::models::{self, Removal};
use crate::report::schema::{Round, Rounds, Rumored};
use crate::report::statistics::{Sorted, ratio, rounded};
use crate::sim::simulation::Finished;
use crate::sim::simulation::ledger::Entry;

/// The most rounds of a curve. Rumors end within a few dozen.
const ROUNDS_MAX: usize = 200;

/// The figures over all transactions that originated, among nodes that keep the rules and were never down.
#[must_use]
pub fn rounds(finished: &Finished, rumor: &Rumor) -> Rumored {
    let counted: Vec<bool> = finished.hosts.iter().map(|host| host.is_honest() && !host.was_down).collect();
    let nodes = counted.iter().filter(|counted| **counted).count();
    let entries = finished.ledger.entries().iter();
    let items = entries.filter(|entry| entry.kind() == Kind::Transaction && entry.originated);
    let spreads: Vec<Vec<usize>> = items.map(|entry| spread(entry, &counted, rumor.round)).collect();
    let last = spreads.iter().map(Vec::len).max().unwrap_or(1).saturating_sub(1);
    let needed = |share: f64| {
        // A share of the nodes, rounded up to a whole number.
        let wanted = (nodes as f64 * share).ceil() as usize;
        percentiles(spreads.iter().filter_map(|informed| informed.iter().position(|&count| count >= wanted)))
    };
    let reached: usize = spreads.iter().filter_map(|informed| informed.last()).sum();
    let wanted = (nodes * spreads.len()) as f64;
    let (bodies, _) = finished.ledger.bodies(Kind::Transaction);
    Rumored {
        fanout: u32::from(rumor.fanout),
        round_ms: rumor.round.as_micros() as f64 / 1e3,
        rounds: curve(&spreads, nodes, last, rumor),
        rounds_to_half: needed(0.5),
        rounds_to_99: needed(0.99),
        rounds_to_all: needed(1.0),
        rounds_to_all_model: (nodes > 1)
            .then(|| rounded(models::rounds_to_all(nodes as f64, f64::from(rumor.fanout)), 3)),
        messages_per_node: ratio(bodies as f64, wanted).map(|bodies| rounded(bodies, 4)),
        residue: ratio(wanted - reached as f64, wanted).map(|share| rounded(share, 6)),
    }
}

/// How many counted nodes had the item after each round.
fn spread(entry: &Entry, counted: &[bool], round: Duration) -> Vec<usize> {
    let is_counted = |node: usize| counted.get(node).copied().unwrap_or(false);
    let mut new = vec![usize::from(is_counted(entry.origin))];
    for arrival in entry.arrivals().filter(|arrival| is_counted(arrival.node)) {
        let at = tick(entry.at + arrival.after, round).saturating_sub(tick(entry.at, round));
        let at = usize::try_from(at).unwrap_or(ROUNDS_MAX).min(ROUNDS_MAX);
        if new.len() <= at {
            new.resize(at + 1, 0);
        }
        if let Some(count) = new.get_mut(at) {
            *count += 1;
        }
    }
    new.iter()
        .scan(0, |informed, new| {
            *informed += new;
            Some(*informed)
        })
        .collect()
}

fn tick(at: Time, round: Duration) -> u64 {
    at.as_micros() / round.as_micros().max(1)
}

fn curve(spreads: &[Vec<usize>], nodes: usize, last: usize, rumor: &Rumor) -> Vec<Round> {
    let removal = Removal { sends_max: sends_max(rumor), feedback: rumor.feedback };
    let si = models::si(nodes, f64::from(rumor.fanout), last);
    let sir = models::sir(nodes, u32::from(rumor.fanout), removal, last);
    let shares_at = |round: usize| {
        // Where no item arrives any more, the number stays.
        let of = move |informed: &Vec<usize>| informed.get(round).or(informed.last()).copied().unwrap_or(0);
        spreads.iter().map(of).map(|count| count as f64 / (nodes as f64).max(1.0))
    };
    let row = |(round, (si, sir)): (usize, (f64, f64))| Round {
        round,
        informed: rounded(shares_at(round).sum::<f64>() / (spreads.len() as f64).max(1.0), 6),
        least: rounded(shares_at(round).fold(1.0, f64::min), 6),
        most: rounded(shares_at(round).fold(0.0, f64::max), 6),
        si: rounded(si, 6),
        sir: rounded(sir, 6),
    };
    si.into_iter().zip(sir).enumerate().map(row).collect()
}

/// How often the engine sends a rumor: a factor for each decimal digit of the number of nodes.
fn sends_max(rumor: &Rumor) -> u32 {
    let digits = rumor.nodes.checked_ilog10().map_or(1, |log| log + 1);
    u32::try_from(RUMOR_RETRANSMIT_FACTOR).unwrap_or(u32::MAX).saturating_mul(digits)
}

fn percentiles(rounds: impl Iterator<Item = usize>) -> Rounds {
    let values = Sorted::new(rounds.map(|round| round as f64));
    Rounds { p50: values.percentile(50), p95: values.percentile(95), max: values.max() }
}
