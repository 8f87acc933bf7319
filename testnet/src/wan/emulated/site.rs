//! The data that all links of one node share: its place, and its access to the network.
//!
//! **The access.** The node sends through one uplink and receives through one downlink, each with the run's
//! bandwidth. Both serve bytes in the order in which they come, whichever connection they belong to, and each byte
//! takes its time. The uplink of one node and the downlink of the other are separated by the link's delay. Bytes
//! are forwarded while others still come (cut-through): a piece that finds the downlink idle is through when its
//! last byte has arrived.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::random::{Draws, Seed};
use crate::wan::{Bandwidth, Delays, Halves, Jitter, NS_PER_S, NS_PER_US};

/// The properties of all links of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LinkPlan {
    /// The number from which everything random follows: here, jitter.
    pub seed: u64,
    /// By how much the delays vary.
    pub jitter: Jitter,
    /// How much each node sends and receives in a second.
    pub bandwidth: Bandwidth,
    /// The delays between the nodes.
    pub delays: Delays,
    /// The sides of a partition; `None` if there will be none. Workers learn its time during the run.
    #[serde(default)]
    pub halves: Option<Halves>,
    /// Links that take longer than their delay. What is computed from delays doesn't know of this.
    #[serde(default)]
    pub slow: Vec<SlowLink>,
}

/// A link that is slower than it should be, in both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlowLink {
    /// The nodes at its ends.
    pub ends: (usize, usize),
    /// The time that is added to its delay, in microseconds.
    pub by_us: u64,
}

/// The time in which nothing passes between the halves, in nanoseconds of `CLOCK_MONOTONIC`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outage {
    /// The cut.
    pub from_ns: u64,
    /// The heal.
    pub to_ns: u64,
}

/// One node's end of all its links.
#[derive(Debug)]
pub struct Site {
    plan: LinkPlan,
    number: usize,
    uplink: Queue,
    downlink: Queue,
    /// The number of connections so far. Each draws its jitter from its own stream.
    opened: AtomicU64,
    outage: Mutex<Option<Outage>>,
}

/// The time until which one direction of an access is busy, in nanoseconds.
#[derive(Debug, Default)]
struct Queue(AtomicU64);

impl Site {
    /// The end of the node with this number; `None` if the plan has no such node.
    #[must_use]
    pub fn new(plan: LinkPlan, number: usize) -> Option<Self> {
        (number < plan.delays.nodes()).then(|| Self {
            plan,
            number,
            uplink: Queue::default(),
            downlink: Queue::default(),
            opened: AtomicU64::new(0),
            outage: Mutex::new(None),
        })
    }

    /// The number of this node.
    #[must_use]
    pub const fn number(&self) -> usize {
        self.number
    }

    /// Whether there is a node with this number.
    #[must_use]
    pub fn knows(&self, number: usize) -> bool {
        number < self.plan.delays.nodes()
    }

    /// Whether there may be a partition.
    #[must_use]
    pub const fn has_halves(&self) -> bool {
        self.plan.halves.is_some()
    }

    /// Sets the time in which the halves are separated. A later call may make it longer, or set one that begins after
    /// the last has ended. Any other is ignored, because it could move bytes that are already held.
    pub fn set_outage(&self, outage: Outage) {
        let mut set = self.outage.lock().unwrap_or_else(PoisonError::into_inner);
        let counts = |last: &Outage| {
            let longer = last.from_ns == outage.from_ns && outage.to_ns >= last.to_ns;
            longer || outage.from_ns >= last.to_ns
        };
        if set.as_ref().is_none_or(counts) {
            *set = Some(outage);
        }
    }

    /// The heal, if the link to another node is cut at any moment from `from_ns` to `to_ns`.
    #[must_use]
    pub fn heals_ns(&self, other: usize, from_ns: u64, to_ns: u64) -> Option<u64> {
        let outage = *self.outage.lock().unwrap_or_else(PoisonError::into_inner);
        let outage = outage.filter(|outage| from_ns < outage.to_ns && to_ns >= outage.from_ns)?;
        let halves = self.plan.halves.as_ref()?;
        halves.part(self.number, other).then_some(outage.to_ns)
    }

    /// The draws of a new connection.
    #[must_use]
    pub fn draws(&self) -> Draws {
        let connection = self.opened.fetch_add(1, Ordering::Relaxed);
        Seed(self.plan.seed).draws(&format!("jitter at node {} on connection {connection}", self.number))
    }

    /// Whether bytes need time at the access.
    #[must_use]
    pub const fn is_limited(&self) -> bool {
        self.plan.bandwidth.bytes_per_s().is_some()
    }

    /// The delay from another node to this one in nanoseconds, for a draw from 0 to below 1; one half is the base.
    #[must_use]
    pub fn delay_ns(&self, from: usize, draw: f64) -> u64 {
        let base = self.plan.delays.one_way_us(from, self.number);
        let (there, back) = ((from, self.number), (self.number, from));
        let slow = self.plan.slow.iter().filter(|link| link.ends == there || link.ends == back);
        let added = slow.fold(0, |sum: u64, link| sum.saturating_add(link.by_us));
        self.plan.jitter.delay_us(base, draw).saturating_add(added).saturating_mul(NS_PER_US)
    }

    /// Sends bytes now. Returns when the last of them has left.
    #[must_use]
    pub fn upload(&self, now_ns: u64, bytes: usize) -> u64 {
        self.uplink.pass(now_ns, self.takes_ns(bytes))
    }

    /// Receives bytes whose last one comes at `at_ns` over a link that is as fast. Returns when they are through.
    #[must_use]
    pub fn download(&self, at_ns: u64, bytes: usize) -> u64 {
        let takes = self.takes_ns(bytes);
        self.downlink.pass(at_ns.saturating_sub(takes), takes)
    }

    fn takes_ns(&self, bytes: usize) -> u64 {
        let Some(rate) = self.plan.bandwidth.bytes_per_s() else { return 0 };
        let ns = (bytes as u128 * u128::from(NS_PER_S)).div_ceil(u128::from(rate.max(1)));
        u64::try_from(ns).unwrap_or(u64::MAX)
    }
}

impl Queue {
    /// Occupies the queue from `from_ns` on, or from when it is free. Returns when it is free again.
    fn pass(&self, from_ns: u64, takes_ns: u64) -> u64 {
        if takes_ns == 0 {
            return from_ns;
        }
        let until = |free: u64| free.max(from_ns).saturating_add(takes_ns);
        let free = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |free| Some(until(free)));
        free.map_or_else(until, until)
    }
}
