//! One connection's lanes. The handler opens them when the behaviour grants a gossip slot, and moves messages. It
//! gives up with a reason when the peer breaks a rule of the wire or makes no progress.
//!
//! Each side writes only on streams that it opened. Without a slot the handler keeps no connection alive:
//! Kademlia's connections end when they are idle. What the lanes carry is in `handler/lanes.rs`. No gossip rule
//! lives here: the engine decides what to send to which peer.

mod lanes;
mod protocols;

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration as StdDuration;

use libp2p::core::upgrade::ReadyUpgrade;
use libp2p::swarm::handler::{ConnectionEvent, DialUpgradeError, FullyNegotiatedInbound, FullyNegotiatedOutbound};
use libp2p::swarm::{ConnectionHandler, ConnectionHandlerEvent, StreamUpgradeError, SubstreamProtocol};
use libp2p::{Stream, StreamProtocol};
use protocol::time::{Duration, Time};
use protocol::wire::frame::Place;
use protocol::wire::message::{GoodbyeReason, Lane, Message};
use tokio::time::{Sleep, sleep};

use self::lanes::{Lanes, Own};
use crate::clock::Clock;
use crate::config::deadlines::Deadlines;
use crate::net::lane::{BulkBudget, ControlWriter, OwnPlace, Uplink, Words};
use crate::net::reason::CloseReason;
use crate::observe::metrics::LinkTraffic;

pub use self::lanes::{FLUSHED_BYTES_MIN, REPORTED_BYTES_MAX, REPORTED_FRAMES_MAX};
pub use self::protocols::{LaneProtocols, protocol_name};

/// If there is no slot, a connection's lanes are dropped. After this number of times the connection is closed. Our
/// own nodes ask once a minute.
pub const TURNED_AWAY_MAX: u8 = 8;

/// How long a connection lives on after a goodbye. libp2p ends a connection as soon as it has read its end,
/// even if it has read other data before. So a goodbye must come well before the end. QUIC's close drops data
/// that is not on its way yet.
const GOODBYE_LINGER: StdDuration = StdDuration::from_millis(200);

const SUBSTREAM_TIMEOUT: StdDuration = StdDuration::from_secs(10);

/// What the behaviour tells a handler.
#[derive(Debug)]
pub enum Order {
    /// The connection has a gossip slot: open the lanes.
    Open,
    /// There is no slot: drop the peer's lanes.
    Decline,
    /// Send these messages.
    Send(Vec<(Lane, Message)>),
    /// The connection is to be closed: send the reason, and report when the goodbye has had time to leave.
    Goodbye(CloseReason),
    /// Start or stop reading.
    Read(bool),
    /// Ping the peer now, unless a ping is under way.
    Ping,
}

/// What a handler tells the behaviour.
#[derive(Debug)]
pub enum Report {
    /// The peer opened a lane, and wants a slot.
    SlotWanted,
    /// Both lanes are open in both directions.
    Up,
    /// A message came.
    Received(Message),
    /// Message bytes left: control bytes were flushed, bulk bytes acknowledged.
    Drained(Lane, usize),
    /// One of our pings was answered, after this time. The peer may have said where it is.
    RoundTrip(Duration, Option<Place>),
    /// A goodbye has had time to leave: close the connection.
    Parted,
    /// The lanes are of no further use.
    Failed(CloseReason),
    /// Several of these, in their order.
    Several(Vec<Self>),
}

/// The handler.
pub struct Handler {
    protocols: LaneProtocols,
    clock: Clock,
    budget: Arc<BulkBudget>,
    uplink: Arc<Uplink>,
    deadlines: Deadlines,
    phase: Phase,
    to_open: VecDeque<Lane>,
    reports: VecDeque<Report>,
    lanes: Lanes,
    /// If there is no slot, the lanes that the peer opened are kept until this time.
    keep_until: Option<Time>,
    /// How often lanes were dropped because there was no slot.
    turned_away: u8,
    timer: Option<(Time, Pin<Box<Sleep>>)>,
    /// The control lane with a goodbye on it, and the time until which the connection lives on.
    parting: Option<(ControlWriter, Pin<Box<Sleep>>)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// No slot.
    Idle,
    /// The peer opened a lane; the behaviour has been asked.
    Asked,
    /// A slot was granted; all lanes must be open by this time.
    Opening(Time),
    /// Messages flow.
    Up,
    /// Given up; the behaviour closes the connection.
    Failed,
}

impl Handler {
    /// A handler without a slot. The whole node shares the budget and the uplink.
    #[must_use]
    pub fn new(protocols: LaneProtocols, clock: Clock, budget: Arc<BulkBudget>, uplink: Arc<Uplink>) -> Self {
        Self {
            protocols,
            clock,
            budget,
            uplink,
            deadlines: Deadlines::default(),
            phase: Phase::Idle,
            to_open: VecDeque::new(),
            reports: VecDeque::new(),
            lanes: Lanes::default(),
            keep_until: None,
            turned_away: 0,
            timer: None,
            parting: None,
        }
    }

    /// The same with other deadlines.
    #[must_use]
    pub const fn with_deadlines(mut self, deadlines: Deadlines) -> Self {
        self.deadlines = deadlines;
        self
    }

    /// The same, whose pongs tell where this node is.
    #[must_use]
    pub fn with_place(mut self, place: Arc<OwnPlace>) -> Self {
        self.lanes.place = place;
        self
    }

    /// The same, which counts its messages in `traffic`.
    #[must_use]
    pub fn with_traffic(mut self, traffic: LinkTraffic) -> Self {
        self.lanes.set_traffic(traffic);
        self
    }

    fn drop_lanes(&mut self) {
        self.to_open.clear();
        self.lanes.clear();
        self.keep_until = None;
        self.timer = None;
    }

    /// Drops the lanes of a peer that gets no slot. The connection ends when it is idle, unless
    /// something else needs it.
    fn turn_away(&mut self) {
        self.phase = Phase::Idle;
        self.drop_lanes();
        self.turned_away = self.turned_away.saturating_add(1);
        if self.turned_away >= TURNED_AWAY_MAX {
            self.fail(CloseReason::AskedTooOften);
        }
    }

    fn fail(&mut self, reason: CloseReason) {
        if self.phase == Phase::Failed {
            return;
        }
        self.say_goodbye(reason);
        // A peer that has no slot for us stays useful for Kademlia.
        self.phase = if reason == CloseReason::Declined { Phase::Idle } else { Phase::Failed };
        if self.parting.is_none() {
            self.drop_lanes();
        }
        self.reports.push_back(Report::Failed(reason));
    }

    /// Puts a goodbye behind what waits on the control lane, and sets that lane apart. Best effort: a
    /// peer that doesn't read won't see it. It may be the first message, if the peer broke a rule
    /// before all lanes were open.
    fn say_goodbye(&mut self, reason: CloseReason) {
        if matches!(self.phase, Phase::Opening(_) | Phase::Up)
            && reason.is_told()
            && let Ok(word) = GoodbyeReason::new(reason.label())
            && let Some(mut control) = self.lanes.take_control()
            && control.push(&Message::Goodbye(word)).is_ok()
        {
            self.parting = Some((control, Box::pin(sleep(GOODBYE_LINGER))));
        }
    }

    /// The behaviour has taken the slot away, and closes the connection when the goodbye has had time to leave.
    /// Until then the lanes stay open but are not read: a peer that finds them gone would not look for a goodbye.
    fn part(&mut self, reason: CloseReason) {
        self.say_goodbye(reason);
        self.phase = Phase::Failed;
        if self.parting.is_none() {
            self.drop_lanes();
            self.reports.push_back(Report::Parted);
        }
    }

    /// Writes the goodbye. Ready when it has had time to leave.
    fn poll_parting(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some((control, linger)) = &mut self.parting else { return Poll::Ready(()) };
        let written = control.poll(cx, self.clock.now(), &mut Words::default()).is_ok();
        if written && linger.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        self.parting = None;
        Poll::Ready(())
    }

    fn on_inbound(&mut self, lane: Lane, stream: Stream) {
        if self.phase == Phase::Failed {
            return;
        }
        if let Err(reason) = self.lanes.on_inbound(lane, stream, &self.deadlines) {
            self.fail(reason);
            return;
        }
        if matches!(self.phase, Phase::Idle | Phase::Asked) {
            // An open stream keeps the connection alive, and lanes without a slot must not do this.
            self.keep_until.get_or_insert(self.clock.now() + self.deadlines.open);
        }
        if self.phase == Phase::Idle && lane == Lane::Control {
            self.phase = Phase::Asked;
            self.reports.push_back(Report::SlotWanted);
        }
        self.check_open();
    }

    fn on_outbound(&mut self, lane: Lane, stream: Stream) {
        if !matches!(self.phase, Phase::Opening(_)) {
            return;
        }
        self.lanes.on_outbound(lane, stream, &self.deadlines, &self.uplink);
        self.check_open();
    }

    fn check_open(&mut self) {
        if self.lanes.are_open() && matches!(self.phase, Phase::Opening(_)) {
            self.phase = Phase::Up;
            self.reports.push_back(Report::Up);
        }
    }

    /// Does what can be done now.
    fn work(&mut self, cx: &mut Context<'_>) -> Result<(), CloseReason> {
        match self.phase {
            Phase::Opening(deadline) => {
                match self.lanes.watch_own(cx)? {
                    // A peer that has no slot for us drops the streams that we opened.
                    Own::Left => Err(CloseReason::Declined),
                    Own::Silent if self.clock.now() >= deadline => Err(CloseReason::OpenTimeout),
                    Own::Silent => Ok(()),
                }
            }
            Phase::Up => self.lanes.exchange(cx, self.clock.now(), &self.budget, &mut self.reports),
            Phase::Idle | Phase::Asked => {
                if self.keep_until.is_some_and(|deadline| self.clock.now() >= deadline) {
                    self.turn_away();
                }
                Ok(())
            }
            Phase::Failed => Ok(()),
        }
    }

    fn next_deadline(&self) -> Option<Time> {
        match self.phase {
            Phase::Opening(deadline) => Some(deadline),
            Phase::Idle | Phase::Asked => self.keep_until,
            Phase::Up => self.lanes.next_deadline(),
            Phase::Failed => None,
        }
    }

    /// Makes sure that the task runs again by the next deadline. A timer that is too early stays: deadlines move
    /// with every byte, and timers need not.
    fn arm(&mut self, cx: &mut Context<'_>) {
        loop {
            // A timer that is no longer needed stays as well: otherwise a frame that waits a moment would
            // set it anew each time.
            let Some(deadline) = self.next_deadline() else { return };
            if self.timer.as_ref().is_none_or(|(at, _)| *at > deadline) {
                // A millisecond more than needed, so that the deadline has passed when the timer fires.
                let wait = self.clock.until(deadline).saturating_add(StdDuration::from_millis(1));
                self.timer = Some((deadline, Box::pin(sleep(wait))));
            }
            let fired = self.timer.as_mut().is_some_and(|(_, timer)| timer.as_mut().poll(cx).is_ready());
            if !fired {
                return;
            }
            self.timer = None;
            if self.clock.now() >= deadline {
                cx.waker().wake_by_ref();
                return;
            }
        }
    }
}

impl ConnectionHandler for Handler {
    type FromBehaviour = Order;
    type ToBehaviour = Report;
    type InboundProtocol = LaneProtocols;
    type OutboundProtocol = ReadyUpgrade<StreamProtocol>;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = Lane;

    fn listen_protocol(&self) -> SubstreamProtocol<LaneProtocols> {
        SubstreamProtocol::new(self.protocols.clone(), ()).with_timeout(SUBSTREAM_TIMEOUT)
    }

    fn connection_keep_alive(&self) -> bool {
        matches!(self.phase, Phase::Opening(_) | Phase::Up)
    }

    fn on_behaviour_event(&mut self, order: Order) {
        match order {
            Order::Open if matches!(self.phase, Phase::Idle | Phase::Asked) => {
                self.phase = Phase::Opening(self.clock.now() + self.deadlines.open);
                self.keep_until = None;
                self.to_open.extend([Lane::Control, Lane::Bulk]);
                self.check_open();
            }
            Order::Decline if self.phase == Phase::Asked => self.turn_away(),
            Order::Open | Order::Decline => {}
            Order::Send(messages) => {
                let now = self.clock.now();
                let send =
                    |(lane, message): &(Lane, Message)| self.lanes.send(*lane, message, &self.deadlines, now);
                let sent = messages.iter().try_for_each(send);
                if let Err(reason) = sent {
                    self.fail(reason);
                }
            }
            Order::Read(allowed) => self.lanes.set_read(allowed, self.clock.now()),
            Order::Ping => self.lanes.ping(self.clock.now()),
            Order::Goodbye(reason) => self.part(reason),
        }
    }

    fn on_connection_event(
        &mut self,
        event: ConnectionEvent<'_, LaneProtocols, Self::OutboundProtocol, (), Lane>,
    ) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound {
                protocol: (lane, stream), ..
            }) => {
                self.on_inbound(lane, stream);
            }
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound { protocol, info }) => {
                self.on_outbound(info, protocol);
            }
            ConnectionEvent::DialUpgradeError(DialUpgradeError { error, .. }) => {
                if matches!(self.phase, Phase::Opening(_)) {
                    self.fail(match error {
                        StreamUpgradeError::Timeout => CloseReason::OpenTimeout,
                        StreamUpgradeError::NegotiationFailed => CloseReason::Unsupported,
                        StreamUpgradeError::Apply(_) | StreamUpgradeError::Io(_) => CloseReason::ClosedByPeer,
                    });
                }
            }
            _ => {}
        }
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<Self::OutboundProtocol, Lane, Report>> {
        if let Some(lane) = self.to_open.pop_front() {
            let upgrade = ReadyUpgrade::new(self.protocols.of(lane));
            let protocol = SubstreamProtocol::new(upgrade, lane).with_timeout(SUBSTREAM_TIMEOUT);
            return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol });
        }
        if self.reports.is_empty()
            && let Err(reason) = self.work(cx)
        {
            self.fail(reason);
        }
        if self.parting.is_some() && self.poll_parting(cx).is_ready() {
            self.drop_lanes();
            self.reports.push_back(Report::Parted);
        }
        let report = match self.reports.len() {
            0 | 1 => self.reports.pop_front(),
            _ => Some(Report::Several(self.reports.drain(..).collect())),
        };
        if let Some(report) = report {
            return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(report));
        }
        self.arm(cx);
        Poll::Pending
    }

    /// Is called while the connection closes, and gives a goodbye time to leave.
    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Option<Report>> {
        self.poll_parting(cx).map(|()| None)
    }
}
