//! Where members say that they are: the places that travel with answers to pings, as a node's driver sends them, and how
//! good the estimates between any two members are in the end. Deliberately absent: how a place moves; `protocol` does
//! that.

use std::collections::HashMap;

use node::config::deadlines::PLACE_EVERY;
use protocol::time::{Duration, Time};
use protocol::wire::frame::Place;

use super::super::host::Host;
use super::World;
use crate::wan::Delays;

/// Pairs that are compared for each member: 16 others, spread over all of them.
const PAIRS_EACH: usize = 16;

/// When each member told each of its peers last.
#[derive(Debug, Default)]
pub(super) struct Told(HashMap<(u32, u32), Time>);

impl Told {
    /// The place that goes with an answer of one node to another, if one is due.
    pub(super) fn place(&mut self, now: Time, from: u32, to: u32, host: &Host) -> Option<Place> {
        let machine = host.engine.as_ref()?.members()?;
        let last = self.0.get(&(from, to));
        if last.is_some_and(|last| now.since(*last) < PLACE_EVERY) {
            return None;
        }
        self.0.insert((from, to), now);
        Some(machine.place().to_place())
    }
}

impl World {
    /// Compares the round trips that places tell with those that the world has.
    pub(in crate::sim::simulation) fn compare_places(&mut self, hosts: &[Host], delays: &Delays) {
        let place = |node: usize| Some(hosts[node].engine.as_ref()?.members()?.place());
        let honest: Vec<usize> = self.ledger.honest().filter(|node| place(*node).is_some()).collect();
        let step = honest.len().div_ceil(PAIRS_EACH + 1).max(1);
        for (index, one) in honest.iter().enumerate() {
            for other in (1..=PAIRS_EACH).filter_map(|pair| honest.get((index + pair * step) % honest.len())) {
                let truth = delays.one_way_us(*one, *other) + delays.one_way_us(*other, *one);
                if let (Some(here), Some(there), true) = (place(*one), place(*other), one != other) {
                    let estimate = here.round_trip(there).as_micros();
                    self.ledger.estimates.push(Duration::from_micros(estimate.abs_diff(truth)));
                }
            }
        }
    }
}
