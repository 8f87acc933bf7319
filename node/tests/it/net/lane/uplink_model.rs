//! A model of one node that uploads to several peers: one uplink for all, a path and a downlink for each, and
//! control frames that want to get in between. The windows and the pace are the node's own. Time is virtual.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use node::net::lane::pace::Pace;
use node::net::lane::window::BULK_CHUNK_BYTES;
use node::net::lane::window::BulkWindow;
use node::net::lane::{ACK_BYTES_MAX, ACK_SELDOM_AFTER};
use protocol::time::{Duration, Time};

/// The time between two control frames, and their length on the wire.
const CONTROL_INTERVAL: u64 = 2_000;
const CONTROL_BYTES: u64 = 330;

/// The bytes that yamux, noise, TCP and IP add to a chunk.
const CHUNK_OVERHEAD: u64 = 60;

/// Timers fire on whole milliseconds.
const TIMER: u64 = 1_000;

#[derive(Clone)]
pub(crate) struct Peer {
    pub(crate) round_trip_ms: u64,
    /// Bytes a second.
    pub(crate) downlink: u64,
}

pub(crate) struct Setup {
    /// Bytes a second.
    pub(crate) uplink: u64,
    pub(crate) peers: Vec<Peer>,
    /// Delays vary evenly by this percentage.
    pub(crate) jitter_percent: u64,
    /// At each of these moments, each peer is sent a body of this number of bytes.
    pub(crate) body: usize,
    pub(crate) starts_ms: Vec<u64>,
    pub(crate) seed: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// How long each peer's bodies took, in milliseconds after they were queued.
    pub(crate) took: Vec<Vec<f64>>,
    /// How long control frames waited at the uplink while bodies were under way, in milliseconds, sorted; by body.
    pub(crate) waited: BTreeMap<usize, Vec<f64>>,
    /// Acks of all peers.
    pub(crate) acks: usize,
    /// The pace at the end, in bytes a second.
    pub(crate) rate: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Queued(usize),
    Turn,
    Read { peer: usize, bytes: usize, last: bool },
    Ack { peer: usize, bytes: usize },
    Control,
}

#[derive(Default)]
struct Lane {
    window: BulkWindow,
    queued: Vec<u64>,
    begun: usize,
    /// Bytes of the body that is being written, and its turn.
    left: usize,
    turn: u64,
    unacknowledged: usize,
    read: usize,
    arrived: u64,
    downlink_free: u64,
    acked: u64,
}

pub(crate) struct Model {
    setup: Setup,
    pace: Pace,
    lanes: Vec<Lane>,
    events: BinaryHeap<Reverse<(u64, u64, Event)>>,
    sequence: u64,
    uplink_free: u64,
    turns: u64,
    timer: Option<u64>,
    outcome: Outcome,
}

impl Setup {
    /// 50 Mbit/s both ways, 1 MiB each time.
    pub(crate) fn new(round_trips_ms: &[u64], starts_ms: &[u64]) -> Self {
        let peers =
            round_trips_ms.iter().map(|&round_trip_ms| Peer { round_trip_ms, downlink: 6_250_000 }).collect();
        let starts_ms = starts_ms.to_vec();
        Self { uplink: 6_250_000, peers, jitter_percent: 0, body: 1 << 20, starts_ms, seed: 1 }
    }

    pub(crate) fn run(self) -> Outcome {
        Model::new(self).run()
    }

    /// The time of a body's bytes on the uplink alone, in milliseconds.
    pub(crate) fn serialised_ms(&self) -> f64 {
        self.body as f64 * 1e3 / self.uplink as f64
    }
}

impl Outcome {
    /// How long control frames waited at most, except one in a hundred, over all bodies, in milliseconds.
    pub(crate) fn control_p99(&self) -> f64 {
        let mut waited: Vec<f64> = self.waited.values().flatten().copied().collect();
        waited.sort_by(f64::total_cmp);
        waited.get(waited.len() * 99 / 100).copied().unwrap_or_default()
    }

    /// How long the `body`th body of each peer took, in milliseconds, sorted.
    pub(crate) fn bodies(&self, body: usize) -> Vec<f64> {
        let mut took: Vec<f64> = self.took.iter().filter_map(|took| took.get(body)).copied().collect();
        took.sort_by(f64::total_cmp);
        assert_eq!(took.len(), self.took.len(), "every peer has it");
        took
    }
}

impl Model {
    fn new(setup: Setup) -> Self {
        let peers = setup.peers.len();
        let outcome = Outcome { took: vec![Vec::new(); peers], ..Outcome::default() };
        let mut model = Self {
            setup,
            pace: Pace::default(),
            lanes: (0..peers).map(|_| Lane::default()).collect(),
            events: BinaryHeap::new(),
            sequence: 0,
            uplink_free: 0,
            turns: 0,
            timer: None,
            outcome,
        };
        for start in model.setup.starts_ms.clone() {
            (0..peers).for_each(|peer| model.at(start * 1_000, Event::Queued(peer)));
        }
        model.at(0, Event::Control);
        model
    }

    fn run(mut self) -> Outcome {
        let bodies = self.setup.starts_ms.len();
        while let Some(Reverse((now, _, event))) = self.events.pop() {
            match event {
                Event::Queued(peer) => self.queued(peer, now),
                Event::Turn => self.timer = None,
                Event::Read { peer, bytes, last } => self.read(peer, bytes, last, now),
                Event::Ack { peer, bytes } => self.acked(peer, bytes, now),
                Event::Control => {
                    self.control(now);
                    if self.outcome.took.iter().all(|took| took.len() == bodies) {
                        break;
                    }
                }
            }
            while self.write(now) {}
        }
        self.outcome.rate = self.pace.rate();
        self.outcome
    }

    fn at(&mut self, at: u64, event: Event) {
        self.sequence += 1;
        self.events.push(Reverse((at, self.sequence, event)));
    }

    /// The one-way delay to the peer, with jitter.
    fn delay(&mut self, peer: usize) -> u64 {
        self.setup.seed =
            self.setup.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let spread = (self.setup.seed >> 33) % 2_001 * self.setup.jitter_percent;
        let delay = self.setup.peers[peer].round_trip_ms * 500;
        delay * (100_000 + spread - 1_000 * self.setup.jitter_percent) / 100_000
    }

    fn queued(&mut self, peer: usize, now: u64) {
        let lane = &mut self.lanes[peer];
        lane.queued.push(now);
        if lane.left == 0 {
            self.begin(peer);
        }
    }

    fn begin(&mut self, peer: usize) {
        let lane = &mut self.lanes[peer];
        if lane.begun < lane.queued.len() {
            lane.begun += 1;
            lane.left = self.setup.body;
            lane.turn = self.turns;
            self.turns += 1;
        }
    }

    fn control(&mut self, now: u64) {
        let body = self.outcome.took.iter().map(Vec::len).min().unwrap_or_default();
        if self.lanes.iter().any(|lane| lane.left > 0 || lane.window.under_way() > 0) {
            let waits = self.uplink_free.saturating_sub(now);
            self.outcome.waited.entry(body).or_default().push(waits as f64 / 1e3);
            self.uplink_free = self.uplink_free.max(now) + CONTROL_BYTES * 1_000_000 / self.setup.uplink;
        }
        self.at(now + CONTROL_INTERVAL, Event::Control);
    }

    /// The first peer whose turn it is writes a chunk, if it may.
    fn write(&mut self, now: u64) -> bool {
        let leaving = self.pace.leaving();
        let ready = (0..self.lanes.len()).filter(|&peer| {
            let lane = &self.lanes[peer];
            lane.left > 0 && lane.window.room() >= lane.left.min(BULK_CHUNK_BYTES)
        });
        let Some(peer) = ready.min_by_key(|&peer| (leaving != Some(peer as u64), self.lanes[peer].turn)) else {
            return false;
        };
        if let Err(at) = self.pace.ready(peer as u64, Time::from_micros(now)) {
            let at = at.as_micros().div_ceil(TIMER) * TIMER;
            if self.timer.is_none_or(|timer| timer > at) {
                self.timer = Some(at);
                self.at(at, Event::Turn);
            }
            return false;
        }
        self.leave(peer, now);
        true
    }

    fn leave(&mut self, peer: usize, now: u64) {
        let delay = self.delay(peer);
        let lane = &mut self.lanes[peer];
        let bytes = lane.left.min(BULK_CHUNK_BYTES);
        let (ahead, quiet) = (lane.left.min(lane.window.room()), lane.window.is_quiet());
        self.pace.wrote(peer as u64, bytes, ahead, quiet, Time::from_micros(now));
        lane.window.wrote(bytes, Time::from_micros(now));
        lane.left -= bytes;
        let on_wire = (bytes as u64 + CHUNK_OVERHEAD) * 1_000_000;
        let (up, down) = (on_wire / self.setup.uplink, on_wire / self.setup.peers[peer].downlink);
        self.uplink_free = self.uplink_free.max(now) + up;
        // What the downlink takes is hidden behind the uplink, unless it is slower.
        lane.arrived = lane.arrived.max(self.uplink_free + delay);
        lane.downlink_free = lane.downlink_free.max(lane.arrived.saturating_sub(up)) + down;
        let (at, last) = (lane.arrived.max(lane.downlink_free), lane.left == 0);
        self.at(at, Event::Read { peer, bytes, last });
        if last {
            self.begin(peer);
        }
    }

    fn read(&mut self, peer: usize, bytes: usize, last: bool, now: u64) {
        let lane = &mut self.lanes[peer];
        lane.unacknowledged += bytes;
        let enough = if lane.read < ACK_SELDOM_AFTER { BULK_CHUNK_BYTES } else { ACK_BYTES_MAX };
        lane.read = if last { 0 } else { lane.read + bytes };
        if last {
            let took = &mut self.outcome.took[peer];
            took.push((now - lane.queued[took.len()]) as f64 / 1e3);
        }
        if last || lane.unacknowledged >= enough {
            let bytes = std::mem::take(&mut lane.unacknowledged);
            let delay = self.delay(peer);
            let lane = &mut self.lanes[peer];
            lane.acked = lane.acked.max(now + delay);
            let at = lane.acked;
            self.outcome.acks += 1;
            self.at(at, Event::Ack { peer, bytes });
        }
    }

    fn acked(&mut self, peer: usize, bytes: usize, now: u64) {
        let now = Time::from_micros(now);
        let window = &mut self.lanes[peer].window;
        let written = window.acked(bytes as u64, now).expect("no more than was written");
        let quiet = window.is_quiet();
        let rate = written.and_then(|at| self.pace.acked(peer as u64, bytes as u64, at, quiet, now));
        rate.into_iter().for_each(|rate| window.carried(rate));
        assert!(window.queueing().is_none_or(|queueing| queueing < Duration::from_secs(60)));
    }
}
