//! The sending end of the bulk lane. It sends chunks of shared frames, as fast as the peer's window and
//! the node's uplink allow.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::AsyncWrite as _;
use libp2p::Stream;
use protocol::limits::BULK_CREDIT_BYTES;
use protocol::time::{Duration, Time};
use protocol::wire::message::Message;

use super::encoded::EncodedFrame;
use super::uplink::{Leave, Member, Turn, Uplink};
use super::window::{BULK_CHUNK_BYTES, BulkWindow};
use crate::net::reason::CloseReason;

/// The sending end of the bulk lane.
#[derive(Debug)]
pub(crate) struct BulkWriter {
    pub(crate) stream: Stream,
    uplink: Arc<Uplink>,
    member: Member,
    queue: VecDeque<Arc<EncodedFrame>>,
    /// Message bytes that are queued, being written, or not acknowledged.
    outstanding: usize,
    writing: Option<Writing>,
    window: BulkWindow,
    /// Prefix and message bytes of each frame that is not wholly acknowledged, oldest first.
    frames: VecDeque<(usize, usize)>,
    unflushed: bool,
    stall: Duration,
    deadline: Option<Time>,
    /// When the next chunk may leave, if only the pace delays it.
    wake_at: Option<Time>,
}

/// A frame that is not yet wholly written.
#[derive(Debug)]
struct Writing {
    frame: Arc<EncodedFrame>,
    at: usize,
    turn: Turn,
}

impl BulkWriter {
    pub(crate) fn new(stream: Stream, stall: Duration, uplink: &Arc<Uplink>) -> Self {
        Self {
            stream,
            uplink: Arc::clone(uplink),
            member: uplink.join(),
            queue: VecDeque::new(),
            outstanding: 0,
            writing: None,
            window: BulkWindow::default(),
            frames: VecDeque::new(),
            unflushed: false,
            stall,
            deadline: None,
            wake_at: None,
        }
    }

    /// Queues a message.
    pub(crate) fn push(&mut self, message: &Message) -> Result<usize, CloseReason> {
        let frame = self.uplink.frame(message);
        let bytes = frame.body();
        self.outstanding = self.outstanding.saturating_add(bytes);
        self.queue.push_back(frame);
        if self.outstanding > BULK_CREDIT_BYTES { Err(CloseReason::QueueOverrun) } else { Ok(bytes) }
    }

    /// Writes at most one chunk. True if it did: control frames go before the next chunk.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, now: Time) -> Result<bool, CloseReason> {
        self.wake_at = None;
        if self.unflushed {
            match Pin::new(&mut self.stream).poll_flush(cx) {
                Poll::Pending => return Ok(self.held_up(now)),
                Poll::Ready(Err(_)) => return Err(CloseReason::ClosedByPeer),
                Poll::Ready(Ok(())) => self.unflushed = false,
            }
        }
        if self.writing.is_none() {
            let Some(frame) = self.queue.pop_front() else { return Ok(false) };
            self.frames.push_back((frame.bytes().len().saturating_sub(frame.body()), frame.body()));
            let turn = self.member.begin(frame.height());
            self.writing = Some(Writing { frame, at: 0, turn });
        }
        let Some(writing) = &mut self.writing else { return Ok(false) };
        let rest = writing.frame.bytes().get(writing.at..).unwrap_or_default();
        let room = self.window.room();
        let chunk = rest.get(..BULK_CHUNK_BYTES).unwrap_or(rest);
        // Only whole chunks: otherwise the little room that each ack opens would make little
        // frames in the multiplexer.
        if room < chunk.len() {
            writing.turn.give_up();
            return Ok(false);
        }
        match self.member.ask(&writing.turn, now, cx) {
            Leave::Now => {}
            Leave::At(at) => {
                self.wake_at = Some(at);
                return Ok(false);
            }
            Leave::Later => return Ok(false),
        }
        match Pin::new(&mut self.stream).poll_write(cx, chunk) {
            Poll::Pending => Ok(self.held_up(now)),
            Poll::Ready(Ok(bytes)) if bytes > 0 => {
                self.member.wrote(bytes, room.min(rest.len()), self.window.is_quiet(), now);
                self.window.wrote(bytes, now);
                self.unflushed = true;
                self.deadline = Some(now + self.stall);
                writing.at = writing.at.saturating_add(bytes);
                if bytes >= rest.len() {
                    self.writing = None;
                }
                Ok(true)
            }
            Poll::Ready(_) => Err(CloseReason::ClosedByPeer),
        }
    }

    /// The peer has read `bytes`; returns how many message bytes these were.
    pub(crate) fn acknowledged(&mut self, bytes: u64, now: Time) -> Result<usize, CloseReason> {
        let written = self.window.acked(bytes, now).map_err(|_| CloseReason::BadAck)?;
        let quiet = self.window.is_quiet();
        if let Some(rate) = written.and_then(|written| self.member.acked(bytes, written, quiet, now)) {
            self.window.carried(rate);
        }
        let mut left = usize::try_from(bytes).map_err(|_| CloseReason::BadAck)?;
        let mut drained = 0;
        while let Some((prefix, body)) = self.frames.front_mut() {
            let of_prefix = left.min(*prefix);
            *prefix -= of_prefix;
            left -= of_prefix;
            let of_body = left.min(*body);
            *body -= of_body;
            left -= of_body;
            drained += of_body;
            if *prefix > 0 || *body > 0 {
                break;
            }
            self.frames.pop_front();
        }
        self.outstanding = self.outstanding.saturating_sub(drained);
        // Bytes that wait for their turn are not the peer's delay.
        self.deadline = (self.window.under_way() > 0).then(|| now + self.stall);
        Ok(drained)
    }

    /// The time by which the peer must have accepted or acknowledged something.
    pub(crate) const fn deadline(&self) -> Option<Time> {
        self.deadline
    }

    /// When to poll again, even if nothing came.
    pub(crate) const fn wake_at(&self) -> Option<Time> {
        self.wake_at
    }

    /// We read no acks for this long, so the peer gets as much more time.
    pub(crate) fn excuse(&mut self, pause: Duration) {
        self.deadline = self.deadline.map(|deadline| deadline + pause);
    }

    /// The stream accepts nothing: others may go first, and the peer's time runs. Nothing was written.
    fn held_up(&mut self, now: Time) -> bool {
        if let Some(writing) = &self.writing {
            writing.turn.give_up();
        }
        self.deadline.get_or_insert(now + self.stall);
        false
    }
}
