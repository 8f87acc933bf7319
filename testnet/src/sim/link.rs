//! The links: whether a message arrives, and when. They know sizes and times, but no gossip.
//!
//! **The model.** A message leaves its node through one uplink and enters the other through one downlink. Both
//! need `bytes / bandwidth` for it, one message after the other. Between them lies the propagation delay, with
//! jitter drawn for each message. Control messages go before bulk. At most one bulk chunk that has already begun
//! goes before them. On one lane in one direction nothing overtakes, as on any stream, unless the run asks for
//! reordering.
//!
//! The bulk lane's window is computed for a whole message and not simulated chunk by chunk. If a new window does
//! not hold a message, the message waits for the first acks, which is one round trip. By then its first train has
//! shown how much the path carries. The rest follows at that rate, or at the rate of the largest window. From then
//! on the window of this direction holds the path. Bodies leave an uplink in the order in which they were sent, as
//! the node's pace orders them. Two effects are left out: trains delay control frames by some milliseconds, and a
//! window may be wrong for a while.
//!
//! Loss, duplication and reordering affect messages, not packets. A real stream would break or wait instead. So a
//! loss on a link is repaired as a transport does it: when the faults end, the link is closed and dialled again.
//! When a connection ends, its messages that are still in the uplink's queue are dropped.

pub mod wire;

use std::collections::VecDeque;

use node::config::deadlines::WRITE_STALL;
use node::net::lane::window::{BULK_CHUNK_BYTES, BULK_WINDOW_BYTES, WINDOW_BYTES_MAX};
use protocol::limits::REQUEST_EXPIRY_MIN;
use protocol::time::{Duration, Time};
use protocol::wire::message::Lane;

use crate::random::Draws;
use crate::wan::{Bandwidth, Jitter};

/// The properties of the links, for the whole run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinkModel {
    /// By how much delays vary.
    pub jitter: Jitter,
    /// How much a node can send. It can receive as much.
    pub bandwidth: Bandwidth,
}

/// The present faults of the links.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Weather {
    /// Share of messages that vanish.
    pub loss: f64,
    /// Share of messages that arrive twice.
    pub duplicate: f64,
    /// Share of messages that are late by up to [`REORDER_DELAYS`] more delays, and may be overtaken.
    pub reorder: f64,
    /// Share of messages that vanish and leave no mark on the link.
    pub vanish: f64,
}

/// How late a reordered message may be, in delays of its link.
pub const REORDER_DELAYS: u64 = 3;

/// If bytes wait in a node's uplink for longer than this, the node closes the link, as the driver does when a
/// write makes no progress. It bounds the waiting bytes to bandwidth times this.
pub const UPLINK_WAIT_MAX: Duration = WRITE_STALL;

/// A message is late if it takes longer than this, and longer than one and a half plain delays of its link. The
/// time for its bytes and acks is not counted. An honest request expires after the shortest expiry, or after one
/// and a half smoothed round trips, whichever is longer. So if neither the request nor its answer is late, the
/// request does not expire.
pub const LATE_WAIT: Duration = Duration::from_micros(REQUEST_EXPIRY_MIN.as_micros() / 2);

/// One end of a node's access: the time until which it is busy with each lane.
#[derive(Clone, Copy, Debug, Default)]
struct Port {
    control_until: Time,
    bulk_until: Time,
}

/// One direction of a link: when its last control message arrived, and what is known of its bulk lane.
#[derive(Clone, Debug, Default)]
pub struct Order {
    last: Time,
    /// When the greeting arrived. Nothing is read before it.
    greeted: Time,
    /// `None` until a bulk message is sent: most links carry none, and there may be millions of links.
    bulk: Option<Box<Bulk>>,
}

/// One direction of a bulk lane.
#[derive(Clone, Debug)]
struct Bulk {
    /// When its last message arrived.
    last: Time,
    /// Bytes that may be on their way.
    window: u32,
    /// Messages that wait for a slow uplink: when each will have left, and how long that takes.
    waiting: VecDeque<(Time, Duration)>,
}

impl Default for Bulk {
    fn default() -> Self {
        Self { last: Time::ZERO, window: BULK_WINDOW_BYTES as u32, waiting: VecDeque::new() }
    }
}

/// The fate of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passage {
    /// When its last byte leaves the node.
    pub left: Time,
    /// When it arrives; `None` if it is lost.
    pub arrives: Option<Time>,
    /// When it arrives again, if it is duplicated.
    pub again: Option<Time>,
    /// Whether it waited for the uplink for longer than [`UPLINK_WAIT_MAX`].
    pub stalled: bool,
    /// Whether it is lost unseen.
    pub unseen: bool,
    /// Whether it is later than its link makes it: it was reordered, or jitter, queues or a partition delayed
    /// it by more than [`LATE_WAIT`] allows.
    pub late: bool,
}

/// All links of a run.
#[derive(Debug)]
pub struct Network {
    model: LinkModel,
    weather: Weather,
    up: Vec<Port>,
    down: Vec<Port>,
    draws: Draws,
}

/// A message that is about to cross a link.
#[derive(Clone, Copy, Debug)]
pub struct Crossing {
    /// From which node.
    pub from: usize,
    /// To which node.
    pub to: usize,
    /// On which lane.
    pub lane: Lane,
    /// Its bytes on the wire.
    pub bytes: u64,
    /// The link's one-way delay.
    pub delay: Duration,
    /// Whether faults spare it, because greetings are part of the making of a connection.
    pub sheltered: bool,
    /// The time until which a partition holds it. A time in the past holds nothing.
    pub held_until: Time,
}

impl Network {
    /// The links of `nodes` nodes.
    #[must_use]
    pub fn new(model: LinkModel, nodes: usize, draws: Draws) -> Self {
        Self {
            model,
            weather: Weather::default(),
            up: vec![Port::default(); nodes],
            down: vec![Port::default(); nodes],
            draws,
        }
    }

    /// Changes the faults of the links.
    pub const fn set_weather(&mut self, weather: Weather) {
        self.weather = weather;
    }

    /// The present faults of the links.
    #[must_use]
    pub const fn weather(&self) -> Weather {
        self.weather
    }

    /// Sends a message now.
    pub fn send(&mut self, now: Time, crossing: Crossing, order: &mut Order) -> Passage {
        let delay = self.jittered(crossing.delay);
        let acks = match crossing.lane {
            Lane::Control => Duration::ZERO,
            Lane::Bulk => order.waits(&crossing, self.model.bandwidth.bytes_per_s()),
        };
        let (left, arrives) = match self.model.bandwidth.bytes_per_s() {
            None => (now, now + delay + acks),
            Some(rate) => self.serialised(now, &crossing, delay, acks, rate.max(1)),
        };
        if crossing.lane == Lane::Bulk && left > now {
            order.queue(now, left, took(crossing.bytes, self.model.bandwidth.bytes_per_s()));
        }
        let takes = took(crossing.bytes, self.model.bandwidth.bytes_per_s());
        let due = now + crossing.delay + acks + takes.times(2);
        let patience = (LATE_WAIT - crossing.delay).max(crossing.delay.divided_by(2));
        let stalled = left.since(now) > UPLINK_WAIT_MAX + takes;
        let weather = if crossing.sheltered { Weather::default() } else { self.weather };
        if weather.loss > 0.0 && self.draws.chance(weather.loss) {
            return Passage { left, stalled, ..Passage::default() };
        }
        if weather.vanish > 0.0 && self.draws.chance(weather.vanish) {
            return Passage { left, stalled, unseen: true, ..Passage::default() };
        }
        let late = weather.reorder > 0.0 && self.draws.chance(weather.reorder);
        let arrives = if late {
            arrives + self.part_of(crossing.delay.times(REORDER_DELAYS))
        } else {
            arrives.max(*order.last(crossing.lane))
        };
        let held = if crossing.held_until > now { crossing.held_until + crossing.delay } else { Time::ZERO };
        let arrives = arrives.max(order.greeted).max(held);
        if crossing.sheltered {
            order.greeted = arrives;
        }
        if !late {
            *order.last(crossing.lane) = arrives;
        }
        let again = (weather.duplicate > 0.0 && self.draws.chance(weather.duplicate))
            .then(|| arrives + self.part_of(crossing.delay.times(REORDER_DELAYS)));
        let late = late || arrives.since(due) > patience;
        Passage { left, arrives: Some(arrives), again, stalled, unseen: false, late }
    }

    /// A connection of this node has ended. Its messages that are still in the uplink's queue are dropped.
    pub fn drop_waiting(&mut self, now: Time, node: usize, ended: Order) {
        let waiting = ended.bulk.into_iter().flat_map(|bulk| bulk.waiting);
        let freed: u64 = waiting.map(|(left, takes)| takes.min(left.since(now)).as_micros()).sum();
        if let Some(up) = self.up.get_mut(node) {
            let until = up.bulk_until.as_micros().saturating_sub(freed);
            up.bulk_until = up.bulk_until.min(Time::from_micros(until).max(now));
        }
    }

    /// When the last byte leaves, and when it has arrived at the other end: at least `acks` later than a message
    /// that waits for no acks.
    fn serialised(
        &mut self,
        now: Time,
        crossing: &Crossing,
        delay: Duration,
        acks: Duration,
        rate: u64,
    ) -> (Time, Time) {
        let takes = took(crossing.bytes, Some(rate));
        let chunk = took(BULK_CHUNK_BYTES as u64, Some(rate));
        let (Some(up), Some(down)) = (self.up.get_mut(crossing.from), self.down.get_mut(crossing.to)) else {
            return (now, now + delay);
        };
        let began = up.occupy(now, crossing.lane, takes, chunk);
        let left = began + takes;
        let entered = down.occupy(began + delay, crossing.lane, takes, chunk);
        (left, (entered + takes).max(left + delay).max(began + delay + acks))
    }

    fn jittered(&mut self, delay: Duration) -> Duration {
        if self.model.jitter == Jitter::NONE {
            return delay;
        }
        Duration::from_micros(self.model.jitter.delay_us(delay.as_micros(), self.draws.unit()))
    }

    fn part_of(&mut self, most: Duration) -> Duration {
        Duration::from_micros((most.as_micros() as f64 * self.draws.unit()).round() as u64)
    }
}

impl Order {
    /// When the last message of a lane arrived.
    fn last(&mut self, lane: Lane) -> &mut Time {
        match lane {
            Lane::Control => &mut self.last,
            Lane::Bulk => &mut self.bulk().last,
        }
    }

    fn bulk(&mut self) -> &mut Bulk {
        self.bulk.get_or_insert_default()
    }

    fn queue(&mut self, now: Time, left: Time, takes: Duration) {
        let waiting = &mut self.bulk().waiting;
        while waiting.front().is_some_and(|(left, _)| *left <= now) {
            waiting.pop_front();
        }
        waiting.push_back((left, takes));
    }

    /// How long after its first byte the last byte of a bulk message leaves, as far as acks and the rate delay it.
    fn waits(&mut self, crossing: &Crossing, rate: Option<u64>) -> Duration {
        let trip = crossing.delay.times(2);
        let most = (WINDOW_BYTES_MAX as u64).saturating_mul(1_000_000) / trip.as_micros().max(1);
        let rate = rate.unwrap_or(u64::MAX).min(most);
        let holds = rate.saturating_mul(trip.as_micros()) / 1_000_000;
        let window = u64::from(self.bulk().window);
        if crossing.bytes <= window {
            return Duration::ZERO;
        }
        if window >= holds {
            return took(crossing.bytes - window, Some(rate));
        }
        self.bulk().window = u32::try_from(holds).unwrap_or(u32::MAX);
        trip + took(crossing.bytes - window, Some(rate))
    }
}

impl Port {
    /// Occupies the port from `now` on, or from the moment when the port is free. Returns when that is.
    fn occupy(&mut self, now: Time, lane: Lane, takes: Duration, chunk: Duration) -> Time {
        match lane {
            Lane::Control => {
                // A chunk of bulk that has begun is finished first.
                let begun = now + chunk.min(self.bulk_until.since(now));
                let from = self.control_until.max(begun);
                self.control_until = from + takes;
                self.bulk_until = self.bulk_until.max(now) + takes;
                from
            }
            Lane::Bulk => {
                let from = self.bulk_until.max(self.control_until).max(now);
                self.bulk_until = from + takes;
                from
            }
        }
    }
}

/// The time that `bytes` need at a rate.
#[must_use]
pub const fn took(bytes: u64, rate: Option<u64>) -> Duration {
    match rate {
        None | Some(0) => Duration::ZERO,
        Some(rate) => Duration::from_micros(bytes.saturating_mul(1_000_000).div_ceil(rate)),
    }
}
