//! The sending end of the control lane.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::AsyncWrite as _;
use libp2p::Stream;
use protocol::limits::CONTROL_CREDIT_BYTES;
use protocol::time::{Duration, Time};
use protocol::wire::codec::Encode;
use protocol::wire::frame::{Frame, Nonce};
use protocol::wire::message::Message;

use crate::net::framing::write_frame;
use crate::net::reason::CloseReason;
use crate::observe::metrics::{DRIVER_KINDS, LinkTraffic, Way};

/// Bytes of frames that are written and flushed together.
const WRITE_BUFFER_BYTES: usize = 64 * 1024;

/// A buffer of up to this many bytes is kept for the next frames: 4 KiB for each peer, which is more than nearly all
/// writes need.
const SPARE_BUFFER_BYTES: usize = 4 * 1024;

/// The sending end of the control lane.
#[derive(Debug)]
pub(crate) struct ControlWriter {
    pub(crate) stream: Stream,
    chunks: VecDeque<Chunk>,
    queued: usize,
    writing: Option<(Chunk, usize)>,
    /// An empty buffer for the next chunk.
    spare: Vec<u8>,
    stall: Duration,
    deadline: Option<Time>,
}

/// Frames that are written and flushed together.
#[derive(Debug)]
struct Chunk {
    bytes: Vec<u8>,
    /// The engine's message bytes in it, without prefixes and the driver's own words.
    credit: usize,
}

/// What the driver itself says on a control lane, before the next chunk is written. None of it is queued twice, so
/// a peer can't make it grow.
#[derive(Debug, Default)]
pub(crate) struct Words {
    /// Bulk bytes that were read, of which the peer is to be told.
    pub(crate) ack: u64,
    /// One of our pings.
    pub(crate) ping: Option<Nonce>,
    /// The answer to the peer's last ping.
    pub(crate) pong: Option<Frame>,
    /// Where messages in both directions are counted.
    pub(crate) traffic: LinkTraffic,
}

impl Words {
    fn next(&mut self) -> Option<Frame> {
        if self.ack > 0 {
            return Some(Frame::Ack(std::mem::take(&mut self.ack)));
        }
        self.pong.take().or_else(|| self.ping.take().map(Frame::Ping))
    }
}

impl ControlWriter {
    pub(crate) const fn new(stream: Stream, stall: Duration) -> Self {
        Self {
            stream,
            chunks: VecDeque::new(),
            queued: 0,
            writing: None,
            spare: Vec::new(),
            stall,
            deadline: None,
        }
    }

    /// Queues a message of the engine, and returns its bytes.
    pub(crate) fn push(&mut self, message: &Message) -> Result<usize, CloseReason> {
        let bytes = self.append(message);
        if let Some(last) = self.chunks.back_mut() {
            last.credit = last.credit.saturating_add(bytes);
        }
        self.queued = self.queued.saturating_add(bytes);
        if self.queued > CONTROL_CREDIT_BYTES { Err(CloseReason::QueueOverrun) } else { Ok(bytes) }
    }

    /// Writes what it can, and returns the message bytes that were flushed. `words` are sent along, and taken.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        now: Time,
        words: &mut Words,
    ) -> Result<usize, CloseReason> {
        let mut flushed = 0;
        loop {
            while self.writing.is_none()
                && let Some(word) = words.next()
            {
                let bytes = self.append(&word);
                words.traffic.count(Way::Out, kind(&word), bytes);
            }
            let (chunk, at) = match &mut self.writing {
                Some(writing) => writing,
                None => match self.chunks.pop_front() {
                    Some(chunk) => {
                        self.deadline = Some(now + self.stall);
                        self.writing.insert((chunk, 0))
                    }
                    None => {
                        self.deadline = None;
                        return Ok(flushed);
                    }
                },
            };
            let rest = chunk.bytes.get(*at..).unwrap_or_default();
            if rest.is_empty() {
                match Pin::new(&mut self.stream).poll_flush(cx) {
                    Poll::Pending => return Ok(flushed),
                    Poll::Ready(Err(_)) => return Err(CloseReason::ClosedByPeer),
                    Poll::Ready(Ok(())) => {
                        flushed += chunk.credit;
                        self.queued = self.queued.saturating_sub(chunk.credit);
                        let mut bytes = std::mem::take(&mut chunk.bytes);
                        if bytes.capacity() <= SPARE_BUFFER_BYTES {
                            bytes.clear();
                            self.spare = bytes;
                        }
                        self.writing = None;
                    }
                }
            } else {
                match Pin::new(&mut self.stream).poll_write(cx, rest) {
                    Poll::Pending => return Ok(flushed),
                    Poll::Ready(Ok(bytes)) if bytes > 0 => {
                        *at += bytes;
                        self.deadline = Some(now + self.stall);
                    }
                    Poll::Ready(_) => return Err(CloseReason::ClosedByPeer),
                }
            }
        }
    }

    pub(crate) const fn deadline(&self) -> Option<Time> {
        self.deadline
    }

    fn append(&mut self, message: &impl Encode) -> usize {
        let full = self.chunks.back().is_none_or(|last| last.bytes.len() >= WRITE_BUFFER_BYTES);
        if full {
            self.chunks.push_back(Chunk { bytes: std::mem::take(&mut self.spare), credit: 0 });
        }
        let Some(last) = self.chunks.back_mut() else { return 0 };
        let before = last.bytes.len();
        let bytes = write_frame(message, &mut last.bytes);
        // A frame that exceeds the bound starts its own buffer.
        if before > 0 && last.bytes.len() > WRITE_BUFFER_BYTES {
            let moved = last.bytes.split_off(before);
            self.chunks.push_back(Chunk { bytes: moved, credit: 0 });
        }
        bytes
    }
}

/// The kind of a frame, for counters.
pub(crate) const fn kind(frame: &Frame) -> &'static str {
    match frame {
        Frame::Message(message) => message.name(),
        Frame::Ack(_) => DRIVER_KINDS[0],
        Frame::Ping(_) => DRIVER_KINDS[1],
        Frame::Pong(_) | Frame::PlacedPong(..) => DRIVER_KINDS[2],
    }
}
