//! Bounds: everything that a peer can make grow stays within its limit. In a small network this is checked at
//! every event, in a large one every 100 ms at each node. The checker remembers how close each structure came to
//! its limit.
//!
//! Deliberately absent: measured memory. The entries and bytes that the engine itself reports are counted.

use std::any::Any;
use std::collections::BTreeMap;

use protocol::gossip::Gossip;
use protocol::time::{Duration, Time};

use super::{Checker, Findings};

/// Networks up to this size are checked after every event.
pub const EVERY_EVENT_NODES_MAX: usize = 200;

/// The time between two checks of one node of a larger network.
pub const BOUNDS_LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// Watches every structure of every honest node.
#[derive(Debug)]
pub struct Bounds {
    /// When each node is checked next; empty if always.
    next: Vec<Time>,
    /// The limits that are allowed, as a percentage of the real ones.
    percent: u64,
    highest: BTreeMap<&'static str, Use>,
    highest_bytes: usize,
    findings: Findings,
}

/// The highest use of one structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Use {
    /// Entries or bytes.
    pub used: usize,
    /// The limit; `usize::MAX` if only the driver bounds it.
    pub limit: usize,
    /// At which node.
    pub node: usize,
    /// When.
    pub at: Time,
}

impl Bounds {
    /// For a network of `nodes`.
    #[must_use]
    pub fn new(nodes: usize) -> Self {
        let next = if nodes > EVERY_EVENT_NODES_MAX { vec![Time::ZERO; nodes] } else { Vec::new() };
        let highest = BTreeMap::new();
        Self { next, percent: 100, highest, highest_bytes: 0, findings: Findings::default() }
    }

    /// Allows only this part of every limit, as a percentage.
    #[must_use]
    pub const fn of_limits(mut self, percent: u64) -> Self {
        self.percent = percent;
        self
    }

    /// The highest use of each structure, by name.
    #[must_use]
    pub const fn highest(&self) -> &BTreeMap<&'static str, Use> {
        &self.highest
    }

    /// The most bytes that one node's structures took together, as counted.
    #[must_use]
    pub const fn highest_bytes(&self) -> usize {
        self.highest_bytes
    }

    fn is_due(&mut self, at: Time, node: usize) -> bool {
        match self.next.get_mut(node) {
            None => true,
            Some(next) if *next > at => false,
            Some(next) => {
                *next = at + BOUNDS_LOOK_INTERVAL;
                true
            }
        }
    }
}

impl Checker for Bounds {
    fn settled(&mut self, at: Time, node: usize, engine: &Gossip) {
        if !self.is_due(at, node) {
            return;
        }
        let mut bytes = 0_usize;
        engine.occupancy(&mut |seen| {
            bytes = bytes.saturating_add(seen.bytes);
            let (used, limit) = (seen.used, seen.limit);
            let highest = self.highest.entry(seen.what).or_insert(Use { used: 0, limit, node, at });
            if used > highest.used {
                *highest = Use { used, limit, node, at };
            }
            if used as u128 * 100 > limit as u128 * u128::from(self.percent) {
                let what = seen.what;
                self.findings.note(at, node, || format!("has {used} {what}, and may have {limit}"));
            }
        });
        self.highest_bytes = self.highest_bytes.max(bytes);
    }

    fn findings(&self) -> &Findings {
        &self.findings
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Use {
    /// The share of the limit in use.
    #[must_use]
    pub fn share(&self) -> f64 {
        self.used as f64 / self.limit.max(1) as f64
    }
}
