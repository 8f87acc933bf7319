//! The four streams of a connection's two lanes. Besides the engine's messages both sides send acks, pings and
//! pongs on them, which only the handler sees.
//!
//! Deliberately absent: when lanes may be opened, and what becomes of the connection (`handler.rs`).

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::AsyncRead as _;
use libp2p::Stream;
use protocol::limits::CONTROL_CREDIT_BYTES;
use protocol::time::{Duration as Span, Time};
use protocol::wire::codec::Decode as _;
use protocol::wire::frame::{Frame, Nonce, Place};
use protocol::wire::message::{FEATURE_MEMBERS, Lane, Message};

use super::Report;
use crate::config::deadlines::{Deadlines, PLACE_EVERY};
use crate::net::framing::FrameError;
use crate::net::lane::{BulkBudget, BulkWriter, ControlWriter, LaneReader, OwnPlace, Pings, Uplink, Words, kind};
use crate::net::reason::CloseReason;
use crate::observe::metrics::{LinkTraffic, Way};

/// Flushed control bytes are reported when there are this many: 8 KiB, a 32nd of the credit. A report wakes the
/// loop, and most frames have some hundred bytes. Bytes that are not reported yet can't stop the engine: with the
/// rest drained it has more credit than its largest frame and the reserve need.
pub const FLUSHED_BYTES_MIN: usize = CONTROL_CREDIT_BYTES / 32;

/// Frames that are read before what they say is passed on. They are passed on together, because each hand-over to
/// the loop and each look at the four streams cost about as much as a small frame itself.
pub const REPORTED_FRAMES_MAX: usize = 16;

/// Once this many bytes of frames were read, what they say is passed on: 16 KiB, as much as one read of a stream
/// brings. So what waits for the loop is little more than the largest frame, as if frames were passed on one by
/// one.
pub const REPORTED_BYTES_MAX: usize = 16 * 1024;

/// The lanes.
#[derive(Default)]
pub(super) struct Lanes {
    control_out: Option<ControlWriter>,
    bulk_out: Option<BulkWriter>,
    control_in: Option<LaneReader>,
    bulk_in: Option<LaneReader>,
    /// The peer's Hello came: its bulk lane may be read. It may have said that the peer takes part in membership.
    greeted: bool,
    is_member: bool,
    /// Where this node is.
    pub(super) place: Arc<OwnPlace>,
    /// When the peer heard that last.
    placed_at: Option<Time>,
    /// Since when we don't read.
    paused: Option<Time>,
    /// What this side itself has to say on the control lane.
    words: Words,
    /// Our pings, which begin with our Hello.
    pings: Option<Pings>,
    /// Flushed control bytes that the behaviour has not been told of.
    flushed: usize,
}

/// What a peer does with the streams that we opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Own {
    /// Nothing, as it should.
    Silent,
    /// It has closed one, or its half of one.
    Left,
}

impl Lanes {
    /// Drops the streams.
    pub(super) fn clear(&mut self) {
        self.control_out = None;
        self.bulk_out = None;
        self.control_in = None;
        self.bulk_in = None;
        self.pings = None;
    }

    /// The peer opened a lane.
    pub(super) fn on_inbound(
        &mut self,
        lane: Lane,
        stream: Stream,
        deadlines: &Deadlines,
    ) -> Result<(), CloseReason> {
        let slot = match lane {
            Lane::Control => &mut self.control_in,
            Lane::Bulk => &mut self.bulk_in,
        };
        if slot.is_some() {
            return Err(CloseReason::DuplicateStream);
        }
        *slot = Some(LaneReader::new(stream, lane, deadlines.read_stall));
        Ok(())
    }

    /// A lane that we opened is ready.
    pub(super) fn on_outbound(&mut self, lane: Lane, stream: Stream, deadlines: &Deadlines, uplink: &Arc<Uplink>) {
        match lane {
            Lane::Control => self.control_out = Some(ControlWriter::new(stream, deadlines.write_stall)),
            Lane::Bulk => self.bulk_out = Some(BulkWriter::new(stream, deadlines.write_stall, uplink)),
        }
    }

    /// Whether both lanes are open in both directions.
    pub(super) fn are_open(&self) -> bool {
        self.control_out.is_some()
            && self.bulk_out.is_some()
            && self.control_in.is_some()
            && self.bulk_in.is_some()
    }

    /// Removes our control lane, for a last message.
    pub(super) fn take_control(&mut self) -> Option<ControlWriter> {
        self.control_out.take()
    }

    /// Queues a message.
    pub(super) fn send(
        &mut self,
        lane: Lane,
        message: &Message,
        deadlines: &Deadlines,
        now: Time,
    ) -> Result<(), CloseReason> {
        if matches!(message, Message::Hello(_)) {
            self.pings = Some(Pings::start(now, deadlines.ping_interval, deadlines.ping_timeout));
        }
        let bytes = match (lane, &mut self.control_out, &mut self.bulk_out) {
            (Lane::Control, Some(control), _) => control.push(message)?,
            (Lane::Bulk, _, Some(bulk)) => bulk.push(message)?,
            // The lanes failed meanwhile; the behaviour is being told.
            _ => return Ok(()),
        };
        self.words.traffic.count(Way::Out, message.name(), bytes);
        Ok(())
    }

    /// Messages are counted there from now on.
    pub(super) fn set_traffic(&mut self, traffic: LinkTraffic) {
        self.words.traffic = traffic;
    }

    /// Starts or stops reading. A pause that we make is not the peer's fault. So it is not blamed for what it sent
    /// meanwhile, nor for its acks, which wait as well.
    pub(super) fn set_read(&mut self, allowed: bool, now: Time) {
        if !allowed {
            self.paused.get_or_insert(now);
        } else if let Some(since) = self.paused.take() {
            self.control_in.iter_mut().chain(&mut self.bulk_in).for_each(|lane| lane.excuse(now));
            self.bulk_out.iter_mut().for_each(|lane| lane.excuse(now.since(since)));
            self.pings.iter_mut().for_each(|pings| pings.excuse(now.since(since)));
        }
    }

    /// The next ping is due now.
    pub(super) fn ping(&mut self, now: Time) {
        self.pings.iter_mut().for_each(|pings| pings.hurry(now));
    }

    /// Does what can be done now: writes, then reads until there is something to report.
    pub(super) fn exchange(
        &mut self,
        cx: &mut Context<'_>,
        now: Time,
        budget: &Arc<BulkBudget>,
        reports: &mut VecDeque<Report>,
    ) -> Result<(), CloseReason> {
        let written = self.write(cx, now, reports);
        if written == Err(CloseReason::ClosedByPeer) {
            // What the peer said before it closed our streams is read first: it may tell the reason.
            self.read(cx, now, budget, reports)?;
            return if reports.is_empty() { written } else { Ok(()) };
        }
        written?;
        self.read(cx, now, budget, reports)?;
        // The read may have brought acks to send, or room in the window.
        self.write(cx, now, reports)?;
        // With something to report, this runs again at once. If a peer has closed our streams, this shows when we
        // write.
        if reports.is_empty() {
            self.watch_own(cx)?;
        }
        Ok(())
    }

    /// Looks at the streams that we opened. A peer that writes there misunderstands the lanes, and should learn it
    /// at once, because nobody would ever read it.
    pub(super) fn watch_own(&mut self, cx: &mut Context<'_>) -> Result<Own, CloseReason> {
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

    /// When the lanes have to be looked at next: then one side has been silent for too long,
    /// or something may leave.
    pub(super) fn next_deadline(&self) -> Option<Time> {
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

    fn write(
        &mut self,
        cx: &mut Context<'_>,
        now: Time,
        reports: &mut VecDeque<Report>,
    ) -> Result<(), CloseReason> {
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
                reports.push_back(Report::Drained(Lane::Control, std::mem::take(&mut self.flushed)));
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

    /// Reads a few frames. The connection task passes reports on before it reads further.
    fn read(
        &mut self,
        cx: &mut Context<'_>,
        now: Time,
        budget: &Arc<BulkBudget>,
        reports: &mut VecDeque<Report>,
    ) -> Result<(), CloseReason> {
        if self.paused.is_some() || !reports.is_empty() {
            return Ok(());
        }
        let (mut frames, mut bytes) = (0, 0);
        while frames < REPORTED_FRAMES_MAX && bytes < REPORTED_BYTES_MAX {
            let Some((lane, frame)) = self.next_frame(cx, now, budget, frames == 0)? else { return Ok(()) };
            frames += 1;
            let length = frame.len();
            bytes += length;
            let frame = decode(lane, frame)?;
            self.words.traffic.count(Way::In, kind(&frame), length);
            let report = match (lane, frame) {
                (Lane::Control, frame) => self.on_control(frame, now)?,
                (Lane::Bulk, Frame::Message(message)) => Some(Report::Received(message)),
                (Lane::Bulk, Frame::Ack(_)) => return Err(CloseReason::AckOnBulk),
                (Lane::Bulk, Frame::Ping(_) | Frame::Pong(_) | Frame::PlacedPong(..)) => {
                    return Err(CloseReason::PingOnBulk);
                }
            };
            // A ping is answered before more is read.
            let Some(report) = report else { break };
            reports.push_back(report);
        }
        if reports.is_empty() {
            // The streams may have more, and would not wake this task.
            cx.waker().wake_by_ref();
        }
        Ok(())
    }

    /// The next frame, of the control lane if it has one. `first` says that nothing was read just now.
    fn next_frame(
        &mut self,
        cx: &mut Context<'_>,
        now: Time,
        budget: &Arc<BulkBudget>,
        first: bool,
    ) -> Result<Option<(Lane, Bytes)>, CloseReason> {
        let (Some(control), Some(bulk)) = (&mut self.control_in, &mut self.bulk_in) else { return Ok(None) };
        if let Poll::Ready(frame) = control.poll(cx, now, budget, &mut self.words.ack) {
            return Ok(Some((Lane::Control, frame?)));
        }
        // There was nothing to read, so this side is not the one that is late.
        if first && self.pings.as_mut().is_some_and(|pings| pings.is_overdue(now)) {
            return Err(CloseReason::PingTimeout);
        }
        if !self.greeted {
            return Ok(None);
        }
        match bulk.poll(cx, now, budget, &mut self.words.ack) {
            Poll::Ready(frame) => Ok(Some((Lane::Bulk, frame?))),
            Poll::Pending => Ok(None),
        }
    }

    fn answered(&mut self, nonce: Nonce, now: Time) -> Result<Span, CloseReason> {
        self.pings.as_mut().ok_or(CloseReason::BadPong)?.answered(nonce, now)
    }

    /// Where this node is, if the peer is to hear it now.
    fn place_to_tell(&mut self, now: Time) -> Option<Place> {
        let due = self.placed_at.is_none_or(|at| now.since(at) >= PLACE_EVERY);
        let place = self.place.get().filter(|_| self.is_member && due)?;
        self.placed_at = Some(now);
        Some(place)
    }

    /// What a frame of the control lane tells the behaviour. `None` for a ping, which is answered here.
    fn on_control(&mut self, frame: Frame, now: Time) -> Result<Option<Report>, CloseReason> {
        Ok(Some(match frame {
            Frame::Message(message) => {
                if let Message::Hello(hello) = &message {
                    self.greeted = true;
                    self.is_member = hello.features & FEATURE_MEMBERS != 0;
                }
                Report::Received(message)
            }
            Frame::Ack(bytes) => {
                let lane = self.bulk_out.as_mut().ok_or(CloseReason::BadAck)?;
                Report::Drained(Lane::Bulk, lane.acknowledged(bytes, now)?)
            }
            Frame::Ping(_) if !self.greeted => return Err(CloseReason::PingBeforeHello),
            // If several come before an answer could leave, the last one is answered.
            Frame::Ping(nonce) => {
                let place = self.place_to_tell(now);
                self.words.pong = Some(place.map_or(Frame::Pong(nonce), |place| Frame::PlacedPong(nonce, place)));
                return Ok(None);
            }
            Frame::Pong(nonce) => Report::RoundTrip(self.answered(nonce, now)?, None),
            Frame::PlacedPong(nonce, place) => Report::RoundTrip(self.answered(nonce, now)?, Some(place)),
        }))
    }
}

fn decode(lane: Lane, frame: Bytes) -> Result<Frame, CloseReason> {
    Frame::parse_all(frame).map_err(|misread| CloseReason::of_frame(lane, FrameError::Undecodable(misread)))
}
