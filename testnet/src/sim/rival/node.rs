//! One node with the rival's machine, and what waits at it while it is paused.

use std::collections::BTreeSet;

use foca::{Foca, Incarnation, NoCustomBroadcast, PostcardCodec};
use protocol::time::{Duration, Time};
use rand_chacha::ChaCha8Rng;

use super::{Happening, RivalId};
use crate::sim::simulation::host::Host;

/// The machine of one member, as the library has it.
pub(super) type Machine = Foca<RivalId, PostcardCodec, ChaCha8Rng, NoCustomBroadcast>;

/// A node.
#[derive(Default)]
pub(super) struct Node {
    /// `None` while it is down.
    pub(super) machine: Option<Box<Machine>>,
    /// The number of its starts. Timers of an earlier one are dead.
    pub(super) run: u32,
    /// The time that it needs for each datagram.
    pub(super) slowness: Duration,
    pub(super) busy_until: Time,
    /// Suspicions of its own that are still open.
    pub(super) suspects: BTreeSet<(RivalId, Incarnation)>,
    /// What waits while it is paused.
    pub(super) waiting: Option<Waiting>,
    pub(super) was_down: bool,
    /// Bytes that it read, and how many of these before the load.
    pub(super) read: (u64, u64),
}

/// What waits at a paused node, in the order in which it came.
#[derive(Default)]
pub(super) struct Waiting {
    happenings: Vec<Happening>,
    buffered: usize,
}

/// The buffer of a UDP socket: Linux's `net.core.rmem_default`.
const SOCKET_BUFFER_BYTES: usize = 212_992;

/// What a datagram takes of the buffer beside its own bytes: about what Linux counts for its record.
const DATAGRAM_OVERHEAD: usize = 640;

impl Node {
    /// It stops at once, and forgets everything.
    pub(super) fn stop(&mut self) {
        self.machine = None;
        self.waiting = None;
        self.suspects.clear();
        self.busy_until = Time::ZERO;
        self.was_down = true;
    }

    /// The same node as the figures of a run know it.
    pub(super) fn into_host(self) -> Host {
        let (wire_in, wire_before) = self.read;
        Host { was_down: self.was_down, slowness: self.slowness, wire_in, wire_before, ..Host::new() }
    }
}

impl Waiting {
    /// Keeps something for later. A datagram that finds the buffer full is lost. Returns whether it was kept.
    pub(super) fn keep(&mut self, happening: Happening) -> bool {
        if let Happening::Arrive { data, .. } = &happening {
            let takes = data.len() + DATAGRAM_OVERHEAD;
            if self.buffered + takes > SOCKET_BUFFER_BYTES {
                return false;
            }
            self.buffered += takes;
        }
        self.happenings.push(happening);
        true
    }

    pub(super) fn into_happenings(self) -> Vec<Happening> {
        self.happenings
    }
}
