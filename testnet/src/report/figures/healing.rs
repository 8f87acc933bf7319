//! How long after a partition all nodes agreed again: from arrivals and tips, of real or simulated nodes.
//!
//! Only items that had entered before the heal are counted. A node has caught up with the chain when its tip is
//! the best that any node had at the heal, or a higher one. Deliberately absent: whether tips are the same at the
//! end, which the caller must say because it saw the nodes then; and what happened to connections meanwhile.

use protocol::items::hash::ShortId;

use crate::report::schema::Healed;
use crate::report::statistics::rounded;
use crate::wan::{Halves, Outage};

const NS_PER_MS: f64 = 1e6;

/// The data of a run with a partition. All times are nanoseconds of one clock.
#[derive(Clone, Debug)]
pub struct Healing {
    outage: Outage,
    halves: Halves,
    crossed: u64,
    /// The last arrival of an item from before the heal.
    last_ns: u64,
    /// Whether an item from before the heal did not reach every node; and whether any item did not.
    missing: (bool, bool),
    tips: Vec<TipAt>,
}

/// A node's best chain has a new tip.
#[derive(Clone, Copy, Debug)]
pub struct TipAt {
    /// The time.
    pub at_ns: u64,
    /// The node.
    pub node: usize,
    /// The tip's height.
    pub height: u64,
    /// Its short id.
    pub id: ShortId,
}

impl TipAt {
    /// Fork choice: height, then the lowest id.
    fn is_better(&self, than: &Self) -> bool {
        (std::cmp::Reverse(self.height), self.id.0) < (std::cmp::Reverse(than.height), than.id.0)
    }
}

impl Healing {
    /// A partition with these sides, and nothing seen of it yet.
    #[must_use]
    pub const fn new(outage: Outage, halves: Halves) -> Self {
        Self { outage, halves, crossed: 0, last_ns: 0, missing: (false, false), tips: Vec::new() }
    }

    /// An item that entered, with every node where it arrived, and the number of nodes that should have it.
    pub fn item(
        &mut self,
        submitted_ns: u64,
        origin: usize,
        arrivals: impl Iterator<Item = (usize, u64)>,
        expected: usize,
    ) {
        let Outage { from_ns, to_ns } = self.outage;
        let counts = submitted_ns < to_ns;
        let mut count = 0;
        for (node, at_ns) in arrivals {
            count += 1;
            if counts {
                self.last_ns = self.last_ns.max(at_ns);
                let meanwhile = submitted_ns >= from_ns && at_ns < to_ns;
                self.crossed += u64::from(meanwhile && self.halves.part(origin, node));
            }
        }
        let missing = count < expected;
        self.missing.0 |= missing && counts;
        self.missing.1 |= missing;
    }

    /// A node's tip changed. Tips of one node come in the order of time.
    pub fn tip(&mut self, tip: TipAt) {
        self.tips.push(tip);
    }

    /// The figures. `nodes` are those that lived to the end. `same_tips` tells whether their tips were the same
    /// then.
    #[must_use]
    pub fn finish(&self, load_from_ns: u64, nodes: &[usize], same_tips: bool) -> Healed {
        let Outage { from_ns, to_ns } = self.outage;
        let ms = |ns: u64| rounded(ns as f64 / NS_PER_MS, 3);
        let after = |at_ns: u64| ms(at_ns.saturating_sub(to_ns));
        let items_after_ms = (!self.missing.0).then(|| after(self.last_ns));
        let tips_after_ms = self.caught_up_ns(nodes).map(after);
        let both = items_after_ms.zip(tips_after_ms).map(|(items, tips)| items.max(tips));
        Healed {
            at_ms: ms(from_ns.saturating_sub(load_from_ns)),
            lasts_ms: ms(to_ns - from_ns),
            halves: self.halves.sizes(),
            crossed: self.crossed,
            items_after_ms,
            tips_after_ms,
            same_items: !self.missing.1,
            same_tips,
            converged_after_ms: both.filter(|_| same_tips),
        }
    }

    /// When the last of the nodes had caught up; `None` if a node never did.
    fn caught_up_ns(&self, nodes: &[usize]) -> Option<u64> {
        let to_ns = self.outage.to_ns;
        let mut at_heal: Vec<Option<TipAt>> = Vec::new();
        for tip in self.tips.iter().filter(|tip| tip.at_ns <= to_ns && nodes.contains(&tip.node)) {
            at_heal.resize(at_heal.len().max(tip.node + 1), None);
            at_heal[tip.node] = Some(*tip);
        }
        let best = at_heal.into_iter().flatten().reduce(|best, tip| if tip.is_better(&best) { tip } else { best });
        let Some(best) = best else { return Some(to_ns) };
        let has_it = |tip: &&TipAt| tip.height > best.height || tip.id == best.id;
        let first = |node: usize| self.tips.iter().filter(|tip| tip.node == node).find(has_it);
        let times: Option<Vec<u64>> = nodes.iter().map(|&node| first(node).map(|tip| tip.at_ns)).collect();
        times?.into_iter().max()
    }
}
