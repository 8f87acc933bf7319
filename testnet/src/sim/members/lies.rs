//! What lies about members did in a run: the record from which that part of the report is made. Deliberately absent: the
//! lies themselves (`liars.rs`).

use std::collections::{BTreeMap, VecDeque};

use protocol::time::{Duration, Time};

use super::liars::Lying;

/// The time over which dials are counted.
const DIALS_OVER: Duration = Duration::from_secs(3_600);

/// The record.
#[derive(Debug)]
pub struct Lies {
    /// Whether each node is a liar.
    liars: Vec<bool>,
    /// The liars that answer nobody.
    pub silent: Vec<usize>,
    /// The honest member that they lie about.
    pub victim: usize,
    load: (Time, Time),
    /// Records that the victim signed during the load to refute, and their bytes.
    pub refutations: (u64, u64),
    /// Dials that honest members made to living honest members because of a lie, and the most of them by one member to
    /// one other within an hour.
    pub dials: (u64, usize),
    /// Those of the last hour, by both members.
    lately: BTreeMap<(usize, usize), VecDeque<Time>>,
    /// What honest members believed in the end.
    pub believed: Believed,
}

/// What honest members believed in the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Believed {
    /// Honest members that were there.
    pub honest: usize,
    /// Honest members that the one that knew the fewest saw alive, itself included.
    pub known_least: usize,
    /// Pairs of an honest member and a liar that answers nobody; and those in which this liar was dead.
    pub silent: (usize, usize),
    /// Records of honest members that they never signed, counted for each member that held one.
    pub forged: usize,
}

impl Lies {
    /// The record of a run of `nodes` nodes whose load lies between these times.
    #[must_use]
    pub fn new(lying: &Lying, nodes: usize, load: (Time, Time)) -> Self {
        let mut liars = vec![false; nodes];
        lying.liars.iter().for_each(|liar| liars[liar.node] = true);
        Self {
            liars,
            silent: lying.liars.iter().filter(|liar| liar.silent).map(|liar| liar.node).collect(),
            victim: lying.victim,
            load,
            refutations: (0, 0),
            dials: (0, 0),
            lately: BTreeMap::new(),
            believed: Believed::default(),
        }
    }

    /// Whether a node is a liar.
    #[must_use]
    pub fn is_liar(&self, node: usize) -> bool {
        self.liars.get(node).copied().unwrap_or_default()
    }

    /// A member has signed a record of these bytes to refute.
    pub fn refuted(&mut self, node: usize, bytes: u64, now: Time) {
        if node == self.victim && now >= self.load.0 && now < self.load.1 {
            self.refutations.0 += 1;
            self.refutations.1 += bytes;
        }
    }

    /// A member dials another one, that is there, because of a lie.
    pub fn dialled(&mut self, node: usize, subject: usize, now: Time) {
        if self.is_liar(node) || self.is_liar(subject) {
            return;
        }
        let lately = self.lately.entry((node, subject)).or_default();
        while lately.front().is_some_and(|at| now.since(*at) >= DIALS_OVER) {
            lately.pop_front();
        }
        lately.push_back(now);
        self.dials.0 += 1;
        self.dials.1 = self.dials.1.max(lately.len());
    }

    /// Bytes of refutations that the victim signed in 10 s of the load, on the average.
    #[must_use]
    pub fn refuted_bytes_per_10_s(&self) -> f64 {
        let load = self.load.1.since(self.load.0).as_micros() as f64 / 1e7;
        if load > 0.0 { self.refutations.1 as f64 / load } else { 0.0 }
    }
}
