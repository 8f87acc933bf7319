//! One connection's lanes: opens them when the behaviour grants a gossip slot, moves messages, and gives up with a
//! reason when the peer breaks a rule of the wire or stands still.
//!
//! Acks and pings are dealt with here; nobody else hears of them. Each side writes only on streams that it opened. Without a slot the handler keeps no connection alive: Kademlia's
//! connections idle out. No gossip rule lives here; whom to send what is the engine's.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration as StdDuration;

use bytes::Bytes;
use futures::AsyncRead as _;
use libp2p::core::upgrade::{InboundUpgrade, ReadyUpgrade, UpgradeInfo};
use libp2p::swarm::handler::{ConnectionEvent, DialUpgradeError, FullyNegotiatedInbound, FullyNegotiatedOutbound};
use libp2p::swarm::{ConnectionHandler, ConnectionHandlerEvent, StreamUpgradeError, SubstreamProtocol};
use libp2p::{Stream, StreamProtocol};
use protocol::items::network::NetworkId;
use protocol::limits::CONTROL_CREDIT_BYTES;
use protocol::time::{Duration, Time};
use protocol::wire::codec::Decode as _;
use protocol::wire::message::{GoodbyeReason, Lane, Message, VERSION};
use tokio::time::{Sleep, sleep};

use crate::clock::Clock;
use crate::framing::FrameError;
use crate::lane::{
    BulkBudget, BulkWriter, ControlWriter, LaneReader, PING_INTERVAL, PING_TIMEOUT, Pings, READ_STALL, Uplink,
    WRITE_STALL, Words,
};
use crate::reason::CloseReason;

/// Both lanes must be open both ways this long after the slot was granted. Without a slot, lanes that the peer opened
/// are dropped after the same time.
pub const OPEN_TIMEOUT: Duration = Duration::from_secs(10);

/// So often a connection's lanes are dropped for want of a slot; then it is closed. Our own nodes ask once a minute.
pub const TURNED_AWAY_MAX: u8 = 8;

/// Flushed control bytes are told of when they are so many: 8 KiB, a 32nd of the credit. A report wakes the loop, and
/// most frames have some hundred bytes. What is held back can't hold the engine up: with the rest drained it has more
/// credit than its largest frame and the reserve take.
pub const FLUSHED_BYTES_MIN: usize = CONTROL_CREDIT_BYTES / 32;

/// A connection lives on for so long after a goodbye. libp2p ends a connection whose end it has read whatever else it has
/// read, so a goodbye has to come well before the end; and QUIC's close drops what is not on its way yet.
const GOODBYE_LINGER: StdDuration = StdDuration::from_millis(200);

const SUBSTREAM_TIMEOUT: StdDuration = StdDuration::from_secs(10);

/// The names under which a network's lanes are negotiated.
#[derive(Clone, Debug)]
pub struct LaneProtocols {
    control: StreamProtocol,
    bulk: StreamProtocol,
}

/// What the behaviour tells a handler.
#[derive(Debug)]
pub enum Order {
    /// The connection has a gossip slot: open the lanes.
    Open,
    /// There is no slot: drop the peer's lanes.
    Decline,
    /// Send a message.
    Send(Lane, Message),
    /// The connection is to be closed: say why, and tell when that has had its moment.
    Goodbye(CloseReason),
    /// Read, or stop reading.
    Read(bool),
}

/// What a handler tells the behaviour.
#[derive(Debug)]
pub enum Report {
    /// The peer opened a lane, and wants a slot.
    SlotWanted,
    /// Both lanes are open both ways.
    Up,
    /// A message came.
    Received(Message),
    /// Message bytes left: control bytes were flushed, bulk bytes acknowledged.
    Drained(Lane, usize),
    /// A ping of ours was answered; this is how long that took.
    RoundTrip(Duration),
    /// A goodbye has had its moment: close the connection.
    Parted,
    /// The lanes are of no further use.
    Failed(CloseReason),
}

/// What a handler waits for at most.
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    /// Lanes without a slot, and a slot without all lanes.
    pub open: Duration,
    /// A write, or an unacknowledged bulk frame, without progress.
    pub write_stall: Duration,
    /// A half-sent frame.
    pub read_stall: Duration,
    /// Between two pings of ours.
    pub ping_interval: Duration,
    /// A ping without its pong.
    pub ping_timeout: Duration,
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
    control_out: Option<ControlWriter>,
    bulk_out: Option<BulkWriter>,
    control_in: Option<LaneReader>,
    bulk_in: Option<LaneReader>,
    /// Without a slot, the lanes that the peer opened are kept until then.
    keep_until: Option<Time>,
    /// How often lanes were dropped because there was no slot.
    turned_away: u8,
    /// The peer's Hello came: its bulk lane may be read.
    greeted: bool,
    /// Since when we don't read.
    paused: Option<Time>,
    /// What we ourselves have to say on the control lane.
    words: Words,
    /// Our pings, from our Hello on.
    pings: Option<Pings>,
    /// Control bytes flushed that the behaviour was not told of.
    flushed: usize,
    timer: Option<(Time, Pin<Box<Sleep>>)>,
    /// The control lane with a goodbye on it, and until when the connection lives on.
    parting: Option<(ControlWriter, Pin<Box<Sleep>>)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// No slot.
    Idle,
    /// The peer opened a lane; the behaviour has been asked.
    Asked,
    /// A slot was granted; all lanes must be open by then.
    Opening(Time),
    /// Messages flow.
    Up,
    /// Given up; the behaviour closes the connection.
    Failed,
}

/// What a peer does with the streams that we opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Own {
    /// Nothing, as it should.
    Silent,
    /// It has closed one, or its half of it.
    Left,
}

impl LaneProtocols {
    /// The names for `network`.
    #[must_use]
    pub fn new(network: &NetworkId) -> Self {
        Self { control: protocol_name(network, "control", VERSION), bulk: protocol_name(network, "bulk", VERSION) }
    }
}

/// `/hearsay/<network>/<what>/<version>`.
#[must_use]
pub fn protocol_name(network: &NetworkId, what: &str, version: u64) -> StreamProtocol {
    StreamProtocol::try_from_owned(format!("/hearsay/{network}/{what}/{version}"))
        .unwrap_or_else(|_| StreamProtocol::new("/hearsay"))
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            open: OPEN_TIMEOUT,
            write_stall: WRITE_STALL,
            read_stall: READ_STALL,
            ping_interval: PING_INTERVAL,
            ping_timeout: PING_TIMEOUT,
        }
    }
}

impl Handler {
    /// A handler without a slot. Budget and uplink are those of the whole node.
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
            control_out: None,
            bulk_out: None,
            control_in: None,
            bulk_in: None,
            keep_until: None,
            turned_away: 0,
            greeted: false,
            paused: None,
            words: Words::default(),
            pings: None,
            flushed: 0,
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

    fn drop_lanes(&mut self) {
        self.to_open.clear();
        self.control_out = None;
        self.bulk_out = None;
        self.control_in = None;
        self.bulk_in = None;
        self.pings = None;
        self.keep_until = None;
        self.timer = None;
    }

    /// Drops the lanes of a peer that gets no slot. The connection idles out, unless something else needs it.
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
        // A peer without a slot for us stays useful for Kademlia.
        self.phase = if reason == CloseReason::Declined { Phase::Idle } else { Phase::Failed };
        if self.parting.is_none() {
            self.drop_lanes();
        }
        self.reports.push_back(Report::Failed(reason));
    }

    /// Puts a goodbye behind what waits on the control lane, and sets that lane apart. Best effort: a peer that doesn't
    /// read won't see it. It may be the first word, if the peer went wrong before all lanes were open.
    fn say_goodbye(&mut self, reason: CloseReason) {
        if matches!(self.phase, Phase::Opening(_) | Phase::Up)
            && reason.is_told()
            && let Ok(word) = GoodbyeReason::new(reason.label())
            && let Some(mut control) = self.control_out.take()
            && control.push(&Message::Goodbye(word)).is_ok()
        {
            self.parting = Some((control, Box::pin(sleep(GOODBYE_LINGER))));
        }
    }

    /// The behaviour has taken the slot away, and closes the connection when the goodbye has had its moment. Until then
    /// the lanes stay, unread: a peer that finds them gone would look no further.
    fn part(&mut self, reason: CloseReason) {
        self.say_goodbye(reason);
        self.phase = Phase::Failed;
        if self.parting.is_none() {
            self.drop_lanes();
            self.reports.push_back(Report::Parted);
        }
    }

    /// Writes the goodbye. Ready when it has had its moment.
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
        let slot = match lane {
            Lane::Control => &mut self.control_in,
            Lane::Bulk => &mut self.bulk_in,
        };
        if slot.is_some() {
            self.fail(CloseReason::DuplicateStream);
            return;
        }
        *slot = Some(LaneReader::new(stream, lane, self.deadlines.read_stall));
        if matches!(self.phase, Phase::Idle | Phase::Asked) {
            // An open stream keeps the connection alive, and lanes without a slot are not to.
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
        match lane {
            Lane::Control => self.control_out = Some(ControlWriter::new(stream, self.deadlines.write_stall)),
            Lane::Bulk => {
                self.bulk_out = Some(BulkWriter::new(stream, self.deadlines.write_stall, &self.uplink));
            }
        }
        self.check_open();
    }

    fn check_open(&mut self) {
        let open = self.control_out.is_some()
            && self.bulk_out.is_some()
            && self.control_in.is_some()
            && self.bulk_in.is_some();
        if open && matches!(self.phase, Phase::Opening(_)) {
            self.phase = Phase::Up;
            self.reports.push_back(Report::Up);
        }
    }

    fn send(&mut self, lane: Lane, message: &Message) -> Result<(), CloseReason> {
        if matches!(message, Message::Hello(_)) {
            let Deadlines { ping_interval, ping_timeout, .. } = self.deadlines;
            self.pings = Some(Pings::start(self.clock.now(), ping_interval, ping_timeout));
        }
        match (lane, &mut self.control_out, &mut self.bulk_out) {
            (Lane::Control, Some(control), _) => control.push(message),
            (Lane::Bulk, _, Some(bulk)) => bulk.push(message),
            // Failed meanwhile; the behaviour is being told.
            _ => Ok(()),
        }
    }

    /// A pause that we make is not the peer's fault: neither what it sent meanwhile, nor its acks, which wait with it.
    fn set_read(&mut self, allowed: bool) {
        let now = self.clock.now();
        if !allowed {
            self.paused.get_or_insert(now);
        } else if let Some(since) = self.paused.take() {
            self.control_in.iter_mut().chain(&mut self.bulk_in).for_each(|lane| lane.excuse(now));
            self.bulk_out.iter_mut().for_each(|lane| lane.excuse(now.since(since)));
            self.pings.iter_mut().for_each(|pings| pings.excuse(now.since(since)));
        }
    }

    /// Does what can be done now: writes, then reads until something is to be told.
    fn work(&mut self, cx: &mut Context<'_>) -> Result<(), CloseReason> {
        match self.phase {
            Phase::Opening(deadline) => {
                match self.watch_own(cx)? {
                    // A peer that has no slot for us drops the streams that we opened.
                    Own::Left => Err(CloseReason::Declined),
                    Own::Silent if self.clock.now() >= deadline => Err(CloseReason::OpenTimeout),
                    Own::Silent => Ok(()),
                }
            }
            Phase::Up => {
                // One that has left them shows when we write.
                self.watch_own(cx)?;
                let now = self.clock.now();
                let written = self.write(cx, now);
                if written == Err(CloseReason::ClosedByPeer) {
                    // What it said before it left is read first: that may be why.
                    self.read(cx, now)?;
                    return if self.reports.is_empty() { written } else { Ok(()) };
                }
                written?;
                self.read(cx, now)?;
                // What was read may have brought acks to send, or room in the window.
                self.write(cx, now)
            }
            Phase::Idle | Phase::Asked => {
                if self.keep_until.is_some_and(|deadline| self.clock.now() >= deadline) {
                    self.turn_away();
                }
                Ok(())
            }
            Phase::Failed => Ok(()),
        }
    }

    /// Looks at the streams that we opened. A peer that writes there has a wrong idea of the lanes, and is to learn it at once:
    /// nobody would ever read it.
    fn watch_own(&mut self, cx: &mut Context<'_>) -> Result<Own, CloseReason> {
        let control = self.control_out.as_mut().map(|lane| (Lane::Control, &mut lane.stream));
        let bulk = self.bulk_out.as_mut().map(|lane| (Lane::Bulk, &mut lane.stream));
        let mut seen = Own::Silent;
        for (lane, stream) in control.into_iter().chain(bulk) {
            match Pin::new(stream).poll_read(cx, &mut [0]) {
                Poll::Pending => {}
                Poll::Ready(Ok(bytes)) if bytes > 0 => return Err(CloseReason::UnexpectedData(lane)),
                Poll::Ready(_) => seen = Own::Left,
            }
        }
        Ok(seen)
    }

    fn write(&mut self, cx: &mut Context<'_>, now: Time) -> Result<(), CloseReason> {
        let (Some(control), Some(bulk)) = (&mut self.control_out, &mut self.bulk_out) else { return Ok(()) };
        if self.paused.is_none()
            && let Some(nonce) = self.pings.as_mut().and_then(|pings| pings.ask(now, rand::random))
        {
            self.words.ping = Some(nonce);
        }
        loop {
            let flushed = control.poll(cx, now, &mut self.words)?;
            self.flushed = self.flushed.saturating_add(flushed);
            if self.flushed >= FLUSHED_BYTES_MIN {
                self.reports.push_back(Report::Drained(Lane::Control, std::mem::take(&mut self.flushed)));
            }
            if !bulk.poll(cx, now)? {
                break;
            }
        }
        let bulk = bulk.deadline().filter(|_| self.paused.is_none());
        if control.deadline().into_iter().chain(bulk).any(|deadline| now >= deadline) {
            Err(CloseReason::WriteStalled)
        } else {
            Ok(())
        }
    }

    /// Reads one frame of each lane at most: the connection task hands reports on before it reads further.
    fn read(&mut self, cx: &mut Context<'_>, now: Time) -> Result<(), CloseReason> {
        if self.paused.is_some() || !self.reports.is_empty() {
            return Ok(());
        }
        let (Some(control), Some(bulk)) = (&mut self.control_in, &mut self.bulk_in) else { return Ok(()) };
        if let Poll::Ready(frame) = control.poll(cx, now, &self.budget, &mut self.words.ack) {
            match decode(Lane::Control, &frame?)? {
                Message::Ack(bytes) => {
                    let lane = self.bulk_out.as_mut().ok_or(CloseReason::BadAck)?;
                    let drained = lane.acknowledged(bytes, now)?;
                    self.reports.push_back(Report::Drained(Lane::Bulk, drained));
                }
                // Of several that come before an answer could leave, the last one is answered.
                Message::Ping(nonce) if self.greeted => {
                    self.words.pong = Some(nonce);
                    cx.waker().wake_by_ref();
                }
                Message::Pong(nonce) => {
                    let pings = self.pings.as_mut().ok_or(CloseReason::BadPong)?;
                    self.reports.push_back(Report::RoundTrip(pings.answered(nonce, now)?));
                }
                message => {
                    self.greeted |= matches!(message, Message::Hello(_));
                    self.reports.push_back(Report::Received(message));
                }
            }
            return Ok(());
        }
        // There was nothing to read, so it isn't we who are late.
        if self.pings.as_mut().is_some_and(|pings| pings.is_overdue(now)) {
            return Err(CloseReason::PingTimeout);
        }
        if !self.greeted {
            return Ok(());
        }
        if let Poll::Ready(frame) = bulk.poll(cx, now, &self.budget, &mut self.words.ack) {
            match decode(Lane::Bulk, &frame?)? {
                Message::Ack(_) => return Err(CloseReason::AckOnBulk),
                Message::Ping(_) | Message::Pong(_) => return Err(CloseReason::PingOnBulk),
                message => self.reports.push_back(Report::Received(message)),
            }
        }
        Ok(())
    }

    fn next_deadline(&self) -> Option<Time> {
        match self.phase {
            Phase::Opening(deadline) => return Some(deadline),
            Phase::Idle | Phase::Asked => return self.keep_until,
            Phase::Failed => return None,
            Phase::Up => {}
        }
        let control = self.control_out.as_ref().and_then(ControlWriter::deadline);
        let wake = self.bulk_out.as_ref().and_then(BulkWriter::wake_at);
        let writing = control.into_iter().chain(wake);
        if self.paused.is_some() {
            return writing.min();
        }
        let bulk = self.bulk_out.as_ref().and_then(BulkWriter::deadline);
        let reading = self.control_in.iter().chain(&self.bulk_in).filter_map(LaneReader::deadline);
        let reading = reading.chain(self.pings.as_ref().map(Pings::deadline));
        reading.chain(writing).chain(bulk).min()
    }

    /// Sees to it that the task runs again by the next deadline. A timer that is early is left to fire: deadlines
    /// move with every byte, timers need not.
    fn arm(&mut self, cx: &mut Context<'_>) {
        loop {
            // One that nothing needs any more is left as well: a frame that waits a moment would set it anew each time.
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

fn decode(lane: Lane, frame: &Bytes) -> Result<Message, CloseReason> {
    Message::parse(frame).map_err(|misread| CloseReason::of_frame(lane, FrameError::Undecodable(misread)))
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
            Order::Send(lane, message) => {
                if let Err(reason) = self.send(lane, &message) {
                    self.fail(reason);
                }
            }
            Order::Read(allowed) => self.set_read(allowed),
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
            let name = match lane {
                Lane::Control => self.protocols.control.clone(),
                Lane::Bulk => self.protocols.bulk.clone(),
            };
            let protocol = SubstreamProtocol::new(ReadyUpgrade::new(name), lane).with_timeout(SUBSTREAM_TIMEOUT);
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
        if let Some(report) = self.reports.pop_front() {
            return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(report));
        }
        self.arm(cx);
        Poll::Pending
    }

    /// Called while the connection closes: gives a goodbye its moment.
    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Option<Report>> {
        self.poll_parting(cx).map(|()| None)
    }
}

impl UpgradeInfo for LaneProtocols {
    type Info = StreamProtocol;
    type InfoIter = std::array::IntoIter<StreamProtocol, 2>;

    fn protocol_info(&self) -> Self::InfoIter {
        [self.control.clone(), self.bulk.clone()].into_iter()
    }
}

impl InboundUpgrade<Stream> for LaneProtocols {
    type Output = (Lane, Stream);
    type Error = Infallible;
    type Future = Ready<Result<Self::Output, Infallible>>;

    fn upgrade_inbound(self, stream: Stream, name: StreamProtocol) -> Self::Future {
        let lane = if name == self.control { Lane::Control } else { Lane::Bulk };
        ready(Ok((lane, stream)))
    }
}
