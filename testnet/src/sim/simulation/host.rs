//! One simulated node: an engine, its connections and its one timer.

use std::collections::VecDeque;

use protocol::gossip::{Gossip, PeerHandle};
use protocol::time::{Duration, Time};
use protocol::wire::message::Message;

use super::enter::EPOCH_MS;
use super::stored::Stored;
use crate::sim::adversary::Adversary;
use crate::sim::link::Order;

/// A node.
#[derive(Debug)]
pub struct Host {
    /// The engine; `None` while the node is down.
    pub engine: Option<Box<Gossip>>,
    /// The contents of its durable storage.
    pub stored: Stored,
    /// The number of its starts. Verdicts for an earlier engine are ignored.
    pub incarnation: u32,
    /// Its connections by handle. A closed one stays in its place, because handles are not used again.
    pub connections: Vec<Connection>,
    /// The time of its live timer, by the world's clock.
    pub timer: Option<Time>,
    /// How far its clock is ahead of the world's.
    pub clock_ahead: Duration,
    /// How far its wall clock has jumped, in milliseconds. Members alone look at it.
    pub clock_jumped_ms: i64,
    /// The time that it needs for each message.
    pub slowness: Duration,
    /// The time until which it is at work.
    pub busy_until: Time,
    /// Its address group.
    pub group: u64,
    /// The number of signatures that it had checked.
    pub checked: u64,
    /// Its adversary; `None` for an honest node.
    pub adversary: Option<Box<dyn Adversary>>,
    /// The number of messages that the adversary dropped, changed, delayed or invented.
    pub deeds: u64,
    /// A planted fault, so that a checker has something to find.
    pub sabotage: Option<Sabotage>,
    /// Whether any checker watches it.
    pub watched: bool,
    /// Whether it was ever down.
    pub was_down: bool,
    /// Wire bytes that it read.
    pub wire_in: u64,
    /// Of these, before the load.
    pub wire_before: u64,
}

/// A planted fault. No node behaves so, and only the tests of the checkers use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sabotage {
    /// Its verification pool says that every signature is good.
    TrustsEverything,
    /// The checkers get every event of its engine twice.
    Stutters,
    /// From this time on, no message arrives.
    DeafFrom(Time),
    /// It breaks the rules, but counts as a node that keeps them.
    Masked,
}

/// A node's end of a connection. It holds everything that a message needs, so that a message does not look at its
/// [`Link`]. In a network of thousands of nodes that saves one wait for memory.
#[derive(Debug)]
pub struct Connection {
    /// The link.
    pub link: u32,
    /// Whether this node is the link's second end.
    pub second: bool,
    /// Whether it is open as far as this node knows.
    pub open: bool,
    /// Whether messages pass. A connection that has ended stays open to an end that does not know it yet.
    pub carries: bool,
    /// Whether messages to the far end vanish, as [`Link::cut`] says.
    pub cut: bool,
    /// Whether an adversary is at the far end. The driver of an adversary need not respect any credit.
    pub spams: bool,
    /// The far end.
    pub far: FarEnd,
    /// Delay to the far end, in microseconds: at most 71 minutes.
    delay_us: u32,
    /// Control bytes that have left, but were not reported to the engine yet.
    pub drained: u32,
    /// The items that were sent to the far end.
    pub order: Order,
    /// What holds messages. `None` as long as nothing did.
    halt: Option<Box<Halt>>,
}

/// What holds the messages of a connection.
#[derive(Debug, Default)]
struct Halt {
    /// The time until which messages to the far end are held, as [`Link::held_until`] says.
    until: Time,
    /// Messages that arrived while the engine didn't want to read; `None` if it reads.
    held: Option<VecDeque<Held>>,
}

/// A message that waits for its reader, and its bytes on the wire.
pub(super) type Held = (Box<Message>, u64);

/// The far end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FarEnd {
    /// The node.
    pub node: u32,
    /// The number of this node's start.
    pub incarnation: u32,
    /// The connection's handle there.
    pub peer: PeerHandle,
}

/// A pair of nodes that are connected, or could be. The first one dials.
#[derive(Debug)]
pub struct Link {
    /// The two nodes.
    pub ends: [u32; 2],
    /// The connection's handle at each end.
    pub handles: [PeerHandle; 2],
    /// The number of connections made.
    pub epoch: u32,
    /// Whether there is a connection, or one is being made.
    pub up: bool,
    /// Whether it is made: both ends have their handles.
    pub made: bool,
    /// Whether messages towards each end vanish.
    pub cut: [bool; 2],
    /// The time until which a partition holds messages on the link. A time in the past holds nothing.
    pub held_until: Time,
    /// Whether the connection lost a message.
    pub lossy: bool,
    /// Whether one end disconnected the other for misbehavior. Then nobody dials again.
    pub severed: bool,
}

impl Connection {
    /// A new connection at one end of a link, the second one if `second` is set. `delay` is that to the far end.
    #[must_use]
    pub fn new(link: u32, second: bool, far: FarEnd, delay: Duration) -> Self {
        Self {
            link,
            second,
            open: true,
            carries: true,
            cut: false,
            spams: false,
            far,
            delay_us: u32::try_from(delay.as_micros()).unwrap_or(u32::MAX),
            drained: 0,
            order: Order::default(),
            halt: None,
        }
    }

    /// Delay to the far end.
    #[must_use]
    pub fn delay(&self) -> Duration {
        Duration::from_micros(u64::from(self.delay_us))
    }

    /// The time until which messages to the far end are held. A time in the past holds nothing.
    #[must_use]
    pub fn held_until(&self) -> Time {
        self.halt.as_ref().map_or(Time::ZERO, |halt| halt.until)
    }

    /// Holds messages to the far end until then.
    pub fn hold_until(&mut self, until: Time) {
        if until != self.held_until() {
            self.halt.get_or_insert_default().until = until;
        }
    }

    /// Stops reading. Messages that arrive from now on wait.
    pub(super) fn stop_reading(&mut self) {
        self.halt.get_or_insert_default().held.get_or_insert_default();
    }

    /// Resumes reading. Returns what waits, if reading had stopped.
    pub(super) fn resume_reading(&mut self) -> Option<VecDeque<Held>> {
        self.halt.as_mut()?.held.take()
    }

    /// Where messages wait; `None` while the engine reads.
    pub(super) fn held_mut(&mut self) -> Option<&mut VecDeque<Held>> {
        self.halt.as_mut()?.held.as_mut()
    }
}

impl Host {
    /// A node that is down.
    #[must_use]
    pub fn new() -> Self {
        Self {
            engine: None,
            stored: Stored::default(),
            incarnation: 0,
            connections: Vec::new(),
            timer: None,
            clock_ahead: Duration::ZERO,
            clock_jumped_ms: 0,
            slowness: Duration::ZERO,
            busy_until: Time::ZERO,
            group: 0,
            checked: 0,
            adversary: None,
            deeds: 0,
            sabotage: None,
            watched: false,
            was_down: false,
            wire_in: 0,
            wire_before: 0,
        }
    }

    /// Whether it keeps the rules, as everybody judges it.
    #[must_use]
    pub fn is_honest(&self) -> bool {
        self.adversary.is_none() || self.sabotage == Some(Sabotage::Masked)
    }

    /// The world's time by the node's own clock.
    #[must_use]
    pub fn local(&self, now: Time) -> Time {
        now + self.clock_ahead
    }

    /// What the node's wall clock shows, in milliseconds since 1970.
    #[must_use]
    pub fn wall_ms(&self, now: Time) -> u64 {
        let ms = EPOCH_MS + self.local(now).as_micros() / 1_000;
        ms.saturating_add_signed(self.clock_jumped_ms)
    }

    /// A time of the node's clock as a time of the world, not before `now`.
    #[must_use]
    pub fn global(&self, local: Time, now: Time) -> Time {
        let micros = local.as_micros().saturating_sub(self.clock_ahead.as_micros());
        Time::from_micros(micros).max(now)
    }

    /// The handles of its open connections.
    #[must_use]
    pub fn peers(&self) -> Vec<PeerHandle> {
        let open = (0..).zip(&self.connections).filter(|(_, connection)| connection.open);
        open.map(|(handle, _)| PeerHandle(handle)).collect()
    }

    /// An open connection by its handle.
    #[must_use]
    pub fn connection(&self, peer: PeerHandle) -> Option<&Connection> {
        self.connections.get(peer.0 as usize).filter(|connection| connection.open)
    }

    /// The same, mutable.
    pub fn connection_mut(&mut self, peer: PeerHandle) -> Option<&mut Connection> {
        self.connections.get_mut(peer.0 as usize).filter(|connection| connection.open)
    }
}

impl Default for Host {
    fn default() -> Self {
        Self::new()
    }
}

impl Link {
    /// A link that isn't up.
    #[must_use]
    pub fn new(dialler: u32, listener: u32) -> Self {
        Self {
            ends: [dialler, listener],
            handles: [PeerHandle(0); 2],
            epoch: 0,
            up: false,
            made: false,
            cut: [false; 2],
            held_until: Time::ZERO,
            lossy: false,
            severed: false,
        }
    }

    /// One of the ends and its connection's handle there.
    #[must_use]
    pub const fn end(&self, second: bool) -> (usize, PeerHandle) {
        (self.ends[second as usize] as usize, self.handles[second as usize])
    }
}
