//! The sending end of the bulk lane.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::AsyncWrite as _;
use libp2p::Stream;
use protocol::codec::Encode as _;
use protocol::limits::{BULK_CHUNK_BYTES, BULK_CREDIT_BYTES, BULK_WINDOW_BYTES};
use protocol::message::Message;
use protocol::time::{Duration, Time};

use crate::framing::write_frame;
use crate::reason::CloseReason;

/// The sending end of the bulk lane.
#[derive(Debug)]
pub(crate) struct BulkWriter {
    pub(crate) stream: Stream,
    queue: VecDeque<Message>,
    /// Message bytes queued, being written, or not acknowledged.
    outstanding: usize,
    writing: Vec<u8>,
    at: usize,
    /// Bytes written and not acknowledged, prefixes included.
    unacknowledged: usize,
    /// Prefix and message bytes of each frame that is not wholly acknowledged, oldest first.
    frames: VecDeque<(usize, usize)>,
    unflushed: bool,
    stall: Duration,
    deadline: Option<Time>,
}

impl BulkWriter {
    pub(crate) const fn new(stream: Stream, stall: Duration) -> Self {
        Self {
            stream,
            queue: VecDeque::new(),
            outstanding: 0,
            writing: Vec::new(),
            at: 0,
            unacknowledged: 0,
            frames: VecDeque::new(),
            unflushed: false,
            stall,
            deadline: None,
        }
    }

    /// Queues a message.
    pub(crate) fn push(&mut self, message: Message) -> Result<(), CloseReason> {
        self.outstanding = self.outstanding.saturating_add(message.encoded_len());
        self.queue.push_back(message);
        if self.outstanding > BULK_CREDIT_BYTES { Err(CloseReason::QueueOverrun) } else { Ok(()) }
    }

    /// Writes at most one chunk. True if it did: control frames go before the next.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, now: Time) -> Result<bool, CloseReason> {
        if self.unflushed {
            match Pin::new(&mut self.stream).poll_flush(cx) {
                Poll::Pending => return Ok(false),
                Poll::Ready(Err(_)) => return Err(CloseReason::ClosedByPeer),
                Poll::Ready(Ok(())) => self.unflushed = false,
            }
        }
        if self.at >= self.writing.len() {
            let Some(message) = self.queue.pop_front() else {
                self.writing = Vec::new();
                self.at = 0;
                return Ok(false);
            };
            self.writing.clear();
            self.at = 0;
            let bytes = write_frame(&message, &mut self.writing);
            self.frames.push_back((self.writing.len().saturating_sub(bytes), bytes));
            self.deadline.get_or_insert(now + self.stall);
        }
        let room = BULK_WINDOW_BYTES.saturating_sub(self.unacknowledged).min(BULK_CHUNK_BYTES);
        let end = self.at.saturating_add(room).min(self.writing.len());
        let chunk = self.writing.get(self.at..end).unwrap_or_default();
        if chunk.is_empty() {
            return Ok(false);
        }
        match Pin::new(&mut self.stream).poll_write(cx, chunk) {
            Poll::Pending => Ok(false),
            Poll::Ready(Ok(bytes)) if bytes > 0 => {
                self.at += bytes;
                self.unacknowledged += bytes;
                self.unflushed = true;
                self.deadline = Some(now + self.stall);
                Ok(true)
            }
            Poll::Ready(_) => Err(CloseReason::ClosedByPeer),
        }
    }

    /// The peer has read `bytes`; returns how many message bytes these were.
    pub(crate) fn acknowledged(&mut self, bytes: u64, now: Time) -> Result<usize, CloseReason> {
        let mut left = usize::try_from(bytes).map_err(|_| CloseReason::BadAck)?;
        self.unacknowledged = self.unacknowledged.checked_sub(left).ok_or(CloseReason::BadAck)?;
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
        self.deadline = if self.frames.is_empty() { None } else { Some(now + self.stall) };
        Ok(drained)
    }

    pub(crate) const fn deadline(&self) -> Option<Time> {
        self.deadline
    }

    /// We read no acks for so long: the peer has that much more time.
    pub(crate) fn excuse(&mut self, pause: Duration) {
        self.deadline = self.deadline.map(|deadline| deadline + pause);
    }
}
