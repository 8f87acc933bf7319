//! Which nodes of a drawn network break the rules. There are two draws. The first is for nuisances, of which most
//! networks have some. The second is for attacks: one alone in a quarter of the networks, several in half of them,
//! none in the rest.

use super::ON;
use crate::random::{Draws, Seed};
use crate::sim::adversary::AdversaryPlan;
use crate::workload::Load;

/// At most this share of the nodes breaks the rules, as in the acceptance figures of byzantine networks.
const ADVERSARIES_MAX: f64 = 0.3;

/// In this share of networks with blocks, producers may be attackers. Such a network has more producers.
const PRODUCERS_ON: f64 = 0.4;

/// In this share of networks, the newer of two variants of an attack replaces the older one.
const VARIANT: f64 = 0.5;

/// Producers of such a network.
const PRODUCERS: (usize, usize) = (3, 6);

impl AdversaryPlan {
    /// A plan from this seed, for this number of nodes and this load.
    #[must_use]
    pub fn swarm(seed: Seed, nodes: usize, load: &Load) -> Self {
        Self::drawn(&mut seed.draws("swarm adversaries"), nodes, load)
    }

    pub(super) fn drawn(draws: &mut Draws, nodes: usize, load: &Load) -> Self {
        let mut plan = Self { rate: 1.0 + draws.unit() * 39.0, ..Self::default() };
        let one = 1.0 / nodes as f64;
        // Producers are taken from the nodes that otherwise keep the rules.
        let producers = if load.block_interval.is_some() { load.producers.min(nodes) } else { 0 };
        let mut left = most(nodes, producers);
        let mut kinds = [
            &mut plan.withhold,
            &mut plan.silent,
            &mut plan.spam,
            &mut plan.spam_hard,
            &mut plan.invalid,
            &mut plan.replay,
            &mut plan.many_ids,
            &mut plan.one_time,
            &mut plan.late,
            &mut plan.mark,
            &mut plan.dawdle,
            &mut plan.meddle,
        ];
        draws.shuffle(&mut kinds);
        for kind in kinds {
            if draws.chance(ON) && left > 0 {
                let count = 1 + draws.below(left);
                left -= count;
                *kind = count as f64 * one;
            }
        }
        if producers > 0 && draws.chance(ON) {
            plan.equivocate = (1 + draws.below(producers)) as f64 * one;
        }
        plan
    }

    /// The plan with attacks in addition to its nuisances, or with one instead of them. If producers attack, there
    /// are more of them, and at most a third attacks.
    pub(super) fn attacked(mut self, draws: &mut Draws, nodes: usize, load: &mut Load) -> Self {
        let (alone, some) = (draws.chance(0.25), draws.chance(2.0 / 3.0));
        if !alone && !some {
            return self;
        }
        let by_producers = load.block_interval.is_some() && nodes > PRODUCERS.1 && draws.chance(PRODUCERS_ON);
        if by_producers {
            load.producers = super::between(draws, PRODUCERS);
        }
        if alone {
            self = Self { rate: self.rate, ..Self::default() };
        } else if by_producers {
            self.equivocate = 0.0;
        }
        let one = 1.0 / nodes as f64;
        if by_producers {
            let count = 1 + draws.below(load.producers / 3);
            self.attack_blocks(draws, if alone { 1 } else { count }, one);
            if alone {
                return self;
            }
        }
        let producers = if load.block_interval.is_some() { load.producers.min(nodes) } else { 0 };
        let used: f64 = self.shares().iter().filter(|(kind, _)| !kind.produces()).map(|(_, share)| share).sum();
        // The shares that are already given away may be too many if there are more producers.
        let used = (used * nodes as f64).round() as usize;
        let mut left = most(nodes, producers);
        if used > left {
            self = self.without_nuisances();
        } else {
            left -= used;
        }
        self.attack(draws, alone, left, one);
        if draws.chance(ON) {
            self.reach = 0.5 * draws.unit();
        }
        self
    }

    /// The plan with variants of its attacks, and the load with the blocks that they need.
    pub(super) fn varied(mut self, draws: &mut Draws, load: &mut Load) -> Self {
        if draws.chance(VARIANT) {
            self.hide_late = std::mem::take(&mut self.hide);
        }
        if draws.chance(VARIANT) {
            self.fill = std::mem::take(&mut self.decoy);
        }
        if self.forge_tail + self.junk_blocks > 0.0 && load.block_interval.is_none() {
            load.block_interval = Some(super::block_interval(draws));
            load.producers = 1;
        }
        self
    }

    fn attack(&mut self, draws: &mut Draws, alone: bool, mut left: usize, one: f64) {
        let mut kinds = [
            &mut self.hide,
            &mut self.take_grafts,
            &mut self.backdate,
            &mut self.forge_tail,
            &mut self.junk_blocks,
            &mut self.refused,
            &mut self.huge_open,
            &mut self.smear,
            &mut self.idle,
        ];
        draws.shuffle(&mut kinds);
        for kind in kinds {
            if (alone || draws.chance(ON)) && left > 0 {
                let count = 1 + draws.below(left);
                left -= count;
                *kind += count as f64 * one;
                if alone {
                    return;
                }
            }
        }
    }

    fn attack_blocks(&mut self, draws: &mut Draws, count: usize, one: f64) {
        for _ in 0..count {
            let kinds = [&mut self.decoy, &mut self.split, &mut self.coy, &mut self.repeat];
            let chosen = draws.below(kinds.len());
            if let Some(kind) = kinds.into_iter().nth(chosen) {
                *kind += one;
            }
        }
    }

    fn without_nuisances(&self) -> Self {
        let Self { rate, decoy, split, coy, repeat, fill, .. } = *self;
        Self { rate, decoy, split, coy, repeat, fill, ..Self::default() }
    }
}

/// The number of nodes that may break the rules besides this number of producers. At least one node keeps the
/// rules.
fn most(nodes: usize, producers: usize) -> usize {
    let most = (ADVERSARIES_MAX * nodes as f64).floor().min((nodes - producers) as f64 - 1.0);
    most.max(0.0) as usize
}
