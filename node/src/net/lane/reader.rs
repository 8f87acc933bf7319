//! The receiving end of a lane.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::AsyncRead as _;
use libp2p::Stream;
use protocol::time::{Duration, Time};
use protocol::wire::message::Lane;

use super::budget::{BulkBudget, Reservation};
use super::window::BULK_CHUNK_BYTES;
use super::{CONTENDED_GRACE, CONTENDED_MICROS_PER_BYTE};
use crate::net::framing::{FrameReader, Step, frame_bytes_max};
use crate::net::reason::CloseReason;

/// The most bytes that a bulk reader leaves unacknowledged: two chunks. A lone ack costs both sides a wake-up.
pub const ACK_BYTES_MAX: usize = 2 * BULK_CHUNK_BYTES;

/// Each chunk is acknowledged until this much of a frame has come, because a window that starts needs it.
pub const ACK_SELDOM_AFTER: usize = 4 * BULK_CHUNK_BYTES;

/// Bytes read at once.
pub(crate) const READ_BUFFER_BYTES: usize = 16 * 1024;
/// The receiving end of a lane.
#[derive(Debug)]
pub(crate) struct LaneReader {
    stream: Stream,
    lane: Lane,
    /// `READ_STALL`, or another value that the handler was given.
    stall: Duration,
    frames: FrameReader,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    /// A frame's declared length that waits for a reservation.
    wanted: Option<usize>,
    reservation: Option<Reservation>,
    began: Time,
    /// Bytes of the frame that have come since.
    received: usize,
    progress: usize,
    deadline: Option<Time>,
    /// Bytes read that have not been acknowledged to the peer.
    unacknowledged: u64,
}

impl LaneReader {
    pub(crate) fn new(stream: Stream, lane: Lane, stall: Duration) -> Self {
        Self {
            stream,
            lane,
            stall,
            frames: FrameReader::new(frame_bytes_max(lane)),
            buffer: Box::default(),
            start: 0,
            end: 0,
            wanted: None,
            reservation: None,
            began: Time::ZERO,
            received: 0,
            progress: 0,
            deadline: None,
            unacknowledged: 0,
        }
    }

    /// The next whole frame. Bytes to acknowledge are added to `ack`.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        now: Time,
        budget: &Arc<BulkBudget>,
        ack: &mut u64,
    ) -> Poll<Result<Bytes, CloseReason>> {
        loop {
            if let Some(bytes) = self.wanted {
                match budget.poll_reserve(cx, bytes) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(reservation) => self.reservation = Some(reservation),
                }
                self.wanted = None;
                self.begin(now);
            }
            let mut input = self.buffer.get(self.start..self.end).unwrap_or_default();
            if !input.is_empty() {
                let before = input.len();
                let step = self.frames.feed(&mut input);
                let taken = before - input.len();
                self.start += taken;
                match step {
                    Ok(step) => {
                        if let Some(frame) = self.on_step(step, taken, now, ack) {
                            return Poll::Ready(Ok(frame));
                        }
                    }
                    Err(error) => return Poll::Ready(Err(CloseReason::of_frame(self.lane, error))),
                }
                continue;
            }
            if self.buffer.is_empty() {
                self.buffer = vec![0; READ_BUFFER_BYTES].into_boxed_slice();
            }
            match Pin::new(&mut self.stream).poll_read(cx, &mut self.buffer) {
                Poll::Ready(Ok(bytes)) if bytes > 0 => {
                    (self.start, self.end) = (0, bytes);
                    self.acknowledge(bytes, ack);
                }
                Poll::Ready(_) => return Poll::Ready(Err(CloseReason::ClosedByPeer)),
                Poll::Pending => return self.idle(now),
            }
        }
    }

    /// When the frame that is arriving is given up, if nothing more comes.
    pub(crate) fn deadline(&self) -> Option<Time> {
        let contended = self.reservation.as_ref().is_some_and(|reservation| reservation.budget.contended());
        let earned = Duration::from_micros((self.received as u64).saturating_mul(CONTENDED_MICROS_PER_BYTE));
        let pace = contended.then(|| self.began + CONTENDED_GRACE + earned);
        self.deadline.into_iter().chain(pace).min()
    }

    /// We did not read for a while, so an overdue frame is not the peer's fault.
    pub(crate) fn excuse(&mut self, now: Time) {
        if self.deadline.is_some() {
            self.began = now;
            self.received = 0;
            self.deadline = Some(now + self.stall);
        }
    }

    fn on_step(&mut self, step: Step, taken: usize, now: Time, ack: &mut u64) -> Option<Bytes> {
        match step {
            Step::More => {
                self.received = self.received.saturating_add(taken);
                self.progress += taken;
                if self.lane == Lane::Bulk && self.progress >= BULK_CHUNK_BYTES {
                    self.progress = 0;
                    self.deadline = Some(now + self.stall);
                }
                if self.deadline.is_none() {
                    self.begin(now);
                }
                None
            }
            Step::Begun(bytes) => {
                if self.lane == Lane::Bulk {
                    self.wanted = Some(bytes);
                    self.deadline = None;
                } else if self.deadline.is_none() {
                    self.begin(now);
                }
                None
            }
            Step::Frame(frame) => {
                self.reservation = None;
                self.deadline = None;
                if self.lane == Lane::Bulk {
                    *ack = ack.saturating_add(std::mem::take(&mut self.unacknowledged));
                }
                Some(frame)
            }
        }
    }

    fn begin(&mut self, now: Time) {
        self.began = now;
        self.received = 0;
        self.progress = 0;
        self.deadline = Some(now + self.stall);
    }

    fn acknowledge(&mut self, bytes: usize, ack: &mut u64) {
        if self.lane == Lane::Control {
            return;
        }
        self.unacknowledged = self.unacknowledged.saturating_add(bytes as u64);
        let enough = if self.received < ACK_SELDOM_AFTER { BULK_CHUNK_BYTES } else { ACK_BYTES_MAX };
        if self.unacknowledged >= enough as u64 {
            *ack = ack.saturating_add(std::mem::take(&mut self.unacknowledged));
        }
    }

    /// There is nothing to read: decides whether that has lasted too long.
    fn idle(&self, now: Time) -> Poll<Result<Bytes, CloseReason>> {
        let overdue = self.deadline().is_some_and(|deadline| now >= deadline);
        if overdue { Poll::Ready(Err(CloseReason::ReadStalled)) } else { Poll::Pending }
    }
}
