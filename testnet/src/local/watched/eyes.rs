//! What each node says about each other one, and which of it is a mistake.
//!
//! A mistake is a node that runs, and is suspect or dead for another one that runs. A node that was killed or stopped is
//! excused until the other one has seen it alive again. Each mistake counts once, however long it lasts.

use std::collections::HashMap;
use std::time::Duration;

use futures::future::join_all;

use crate::local::launch::Cluster;

/// The time between two looks.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(250);

/// What is waited for.
#[derive(Debug)]
pub(super) enum Goal {
    /// Everybody doubts these nodes: it sees them suspect, or dead.
    Doubted(Vec<usize>),
    /// Everybody sees these nodes dead, or as gone by their own word.
    Dead(Vec<usize>),
    /// Everybody sees these nodes alive.
    Alive(Vec<usize>),
}

/// A node that looks, the one that it looks at, and when it saw what was waited for.
pub(super) type Pair = ((usize, usize), Option<Duration>);

/// What was seen.
#[derive(Debug, Default)]
pub(super) struct Eyes {
    /// Peer ids.
    names: Vec<String>,
    /// By looker and by the one that is looked at: the last state; empty if it is not known.
    states: Vec<Vec<String>>,
    /// Nodes that don't run now.
    away: Vec<bool>,
    /// By looker and by the one that is looked at: whether a mistake is excused.
    excused: Vec<Vec<bool>>,
    false_deaths: u64,
    false_suspicions: u64,
}

impl Goal {
    pub(super) fn all_alive(nodes: usize) -> Self {
        Self::Alive((0..nodes).collect())
    }

    /// The pairs that are waited for.
    pub(super) fn pairs(&self, cluster: &Cluster) -> Vec<Pair> {
        let (Self::Doubted(wanted) | Self::Dead(wanted) | Self::Alive(wanted)) = self;
        let lookers: Vec<usize> = cluster.all_living().map(|(node, _)| node).collect();
        let pairs = lookers.iter().flat_map(|looker| wanted.iter().map(move |other| (*looker, *other)));
        pairs.filter(|(looker, other)| looker != other).map(|pair| (pair, None)).collect()
    }

    /// Notes for each pair that sees it for the first time when that was.
    pub(super) fn note(&self, eyes: &Eyes, now: Duration, pairs: &mut [Pair]) {
        for ((looker, other), took) in pairs.iter_mut().filter(|(_, took)| took.is_none()) {
            if self.is_met(eyes, *looker, *other) {
                *took = Some(now);
            }
        }
    }

    fn is_met(&self, eyes: &Eyes, looker: usize, other: usize) -> bool {
        let state = eyes.state(looker, other);
        match self {
            Self::Doubted(_) => state == "suspect" || state == "dead",
            Self::Dead(_) => state == "dead" || state == "left",
            Self::Alive(_) => state == "alive",
        }
    }
}

impl Eyes {
    pub(super) fn new(names: Vec<String>) -> Self {
        let count = names.len();
        Self {
            states: vec![vec![String::new(); count]; count],
            away: vec![false; count],
            excused: vec![vec![false; count]; count],
            names,
            false_deaths: 0,
            false_suspicions: 0,
        }
    }

    /// A node was killed or stopped.
    pub(super) fn gone(&mut self, node: usize) {
        self.away[node] = true;
        for (looker, excused) in self.excused.iter_mut().enumerate() {
            if looker == node {
                // It may be wrong about everybody, because it has heard nothing.
                excused.fill(true);
            }
            excused[node] = true;
        }
    }

    /// It runs again.
    pub(super) fn back(&mut self, node: usize) {
        self.away[node] = false;
        self.states[node].fill(String::new());
    }

    /// Asks all nodes that run.
    pub(super) async fn look(&mut self, cluster: &Cluster) {
        let lookers: Vec<_> = cluster.all_living().filter(|(node, _)| !self.away[*node]).collect();
        let answers = join_all(lookers.iter().map(|(_, member)| member.rpc.members())).await;
        let seen: Vec<(usize, HashMap<String, String>)> = lookers
            .iter()
            .zip(answers)
            .filter_map(|((node, _), answer)| {
                let members = answer.ok()?.into_iter();
                Some((*node, members.map(|member| (member.peer_id, member.state)).collect()))
            })
            .collect();
        for (looker, states) in seen {
            for other in (0..self.names.len()).filter(|other| *other != looker) {
                let state = states.get(&self.names[other]).cloned().unwrap_or_default();
                self.note(looker, other, state);
            }
        }
    }

    pub(super) fn state(&self, looker: usize, other: usize) -> &str {
        &self.states[looker][other]
    }

    pub(super) const fn false_deaths(&self) -> u64 {
        self.false_deaths
    }

    pub(super) const fn false_suspicions(&self) -> u64 {
        self.false_suspicions
    }

    fn note(&mut self, looker: usize, other: usize, state: String) {
        let before = &self.states[looker][other];
        if *before != state && !self.excused[looker][other] {
            match state.as_str() {
                "dead" => self.false_deaths += 1,
                "suspect" => self.false_suspicions += 1,
                _ => {}
            }
        }
        if state == "alive" && !self.away[other] {
            self.excused[looker][other] = false;
        }
        self.states[looker][other] = state;
    }
}
