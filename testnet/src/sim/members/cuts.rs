//! What separates members: one-way cuts and partitions. The same seed separates the same pairs, whichever machine
//! watches. Deliberately absent: loss and delay.

use protocol::time::Time;

use super::ledger::Between;
use crate::random::Seed;
use crate::wan::Halves;

/// The cuts of a run.
#[derive(Debug)]
pub struct Cuts {
    /// The share of ordered pairs of nodes between which nothing passes in this direction.
    one_way: f64,
    seed: Seed,
    /// Partitions, and when they heal.
    parted: Vec<(Halves, Time)>,
}

impl Cuts {
    /// Nothing is cut yet.
    #[must_use]
    pub const fn new(seed: Seed) -> Self {
        Self { one_way: 0.0, seed, parted: Vec::new() }
    }

    /// Sets the share of ordered pairs that are cut.
    pub const fn set_one_way(&mut self, share: f64) {
        self.one_way = share;
    }

    /// Nothing passes between these halves until the heal.
    pub fn part(&mut self, halves: Halves, until: Time) {
        self.parted.push((halves, until));
    }

    /// Whether a partition separates two nodes now.
    #[must_use]
    pub fn are_parted(&self, one: usize, other: usize, now: Time) -> bool {
        self.parted.iter().any(|(halves, until)| *until > now && halves.part(one, other))
    }

    /// Whether packets from one node to another are cut. The same pairs are cut whenever the share is the same.
    #[must_use]
    pub fn is_cut(&self, from: usize, to: usize) -> bool {
        // Most runs have no cuts, and a draw is a hash.
        self.one_way > 0.0 && self.seed.draws(&format!("one way {from} {to}")).chance(self.one_way)
    }

    /// What keeps two nodes from reaching each other now.
    #[must_use]
    pub fn between(&self, one: usize, other: usize, now: Time) -> Between {
        if self.are_parted(one, other, now) {
            Between::Partition
        } else if self.is_cut(one, other) || self.is_cut(other, one) {
            Between::Cut
        } else {
            Between::Nothing
        }
    }
}
