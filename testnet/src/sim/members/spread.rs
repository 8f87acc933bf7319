//! How one piece of news spreads: which members have it, and since when.

use protocol::time::{Duration, Time};

/// News of one subject.
#[derive(Clone, Debug)]
pub struct Spread {
    /// The member that it is about.
    pub subject: usize,
    /// When it began.
    pub at: Time,
    /// When each member had it; `None` for never.
    had: Vec<Option<Time>>,
}

impl Spread {
    /// Nobody has it yet.
    #[must_use]
    pub fn new(subject: usize, at: Time, nodes: usize) -> Self {
        Self { subject, at, had: vec![None; nodes] }
    }

    /// A member has it.
    pub fn has(&mut self, node: usize, now: Time) {
        if let Some(had) = self.had.get_mut(node) {
            had.get_or_insert(now);
        }
    }

    /// How long it took each of these members; `None` for never.
    pub fn took(&self, among: &[usize]) -> impl Iterator<Item = Option<Duration>> {
        let others = among.iter().filter(|node| **node != self.subject);
        others.map(|node| self.had.get(*node).copied().flatten().map(|had| had.since(self.at)))
    }
}

/// Which members see which others alive, and for how many of those that are there this is not so.
#[derive(Debug)]
pub struct Sights {
    up: Vec<bool>,
    /// A row for each observer, with a bit for each subject.
    alive: Vec<Vec<u64>>,
    /// The number of members that are there, and that this observer does not see alive.
    missing: Vec<usize>,
}

impl Sights {
    /// Nobody is there.
    #[must_use]
    pub fn new(nodes: usize) -> Self {
        let row = vec![0; nodes.div_ceil(64)];
        Self { up: vec![false; nodes], alive: vec![row; nodes], missing: vec![0; nodes] }
    }

    /// The members that are there.
    pub fn up(&self) -> impl Iterator<Item = usize> {
        self.up.iter().enumerate().filter(|(_, up)| **up).map(|(node, _)| node)
    }

    /// Whether a member is there.
    #[must_use]
    pub fn is_up(&self, node: usize) -> bool {
        self.up.get(node).copied().unwrap_or_default()
    }

    /// Whether a member sees all others that are there alive.
    #[must_use]
    pub fn is_whole(&self, node: usize) -> bool {
        self.is_up(node) && self.missing.get(node).is_some_and(|missing| *missing == 0)
    }

    /// A member starts, and knows nobody.
    pub fn start(&mut self, node: usize) {
        if self.is_up(node) {
            return;
        }
        for other in 0..self.up.len() {
            if self.is_up(other) && !self.sees(other, node) {
                self.missing[other] += 1;
            }
        }
        self.missing[node] = self.up().count();
        self.alive[node].fill(0);
        self.up[node] = true;
    }

    /// A member is gone.
    pub fn stop(&mut self, node: usize) {
        if !self.is_up(node) {
            return;
        }
        self.up[node] = false;
        for other in 0..self.up.len() {
            if self.is_up(other) && !self.sees(other, node) {
                self.missing[other] -= 1;
            }
        }
    }

    /// A member sees another one alive, or does not any more. Returns whether it sees all others alive since now.
    pub fn set(&mut self, node: usize, subject: usize, alive: bool) -> bool {
        if node == subject || self.sees(node, subject) == alive {
            return false;
        }
        if let Some(word) = self.alive.get_mut(node).and_then(|row| row.get_mut(subject / 64)) {
            *word ^= 1 << (subject % 64);
        }
        if !self.is_up(node) || !self.is_up(subject) {
            return false;
        }
        if alive {
            self.missing[node] -= 1;
        } else {
            self.missing[node] += 1;
        }
        alive && self.is_whole(node)
    }

    fn sees(&self, node: usize, subject: usize) -> bool {
        let word = self.alive.get(node).and_then(|row| row.get(subject / 64));
        word.is_some_and(|word| word >> (subject % 64) & 1 == 1)
    }
}
