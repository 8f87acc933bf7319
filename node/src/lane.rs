//! One lane in one direction: a substream with its queue or its half-read frame, and its deadline.
//!
//! What is queued for a peer is bounded in bytes by the engine's credit; more than that is an error, never a dropped
//! frame. All frames that arrive on the bulk lane together are bounded by one [`BulkBudget`] for the whole node.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use futures::{AsyncRead as _, AsyncWrite as _};
use libp2p::Stream;
use protocol::codec::Encode as _;
use protocol::limits::{
    BULK_CHUNK_BYTES, BULK_CREDIT_BYTES, BULK_FRAME_BYTES_MAX, BULK_WINDOW_BYTES, CONTROL_CREDIT_BYTES,
};
use protocol::message::{Lane, Message};
use protocol::time::{Duration, Time};

use crate::framing::{FrameReader, Step, frame_bytes_max, write_frame};
use crate::reason::CloseReason;

/// A write that makes no progress for this long ends the connection.
pub const WRITE_STALL: Duration = Duration::from_secs(20);

/// A control frame must arrive whole, and a bulk frame by another [`BULK_CHUNK_BYTES`], in this time. What nodes use;
/// a handler can be told another.
pub const READ_STALL: Duration = Duration::from_secs(20);

/// While other peers wait for the shared budget, a bulk frame is given up that is behind 3 s and 6 microseconds a byte:
/// 167 kB/s, so 28 s for the largest. Else peers that declare frames and send nothing would hold up all others.
pub const CONTENDED_GRACE: Duration = Duration::from_secs(3);
const CONTENDED_MICROS_PER_BYTE: u64 = 6;

/// Bytes of half-read bulk frames of all peers together: 16 of the largest, 64 MiB.
pub const BULK_BUDGET_BYTES: usize = 16 * BULK_FRAME_BYTES_MAX;

/// Bytes of frames that are written and flushed together.
const WRITE_BUFFER_BYTES: usize = 64 * 1024;

/// Bytes read at once.
const READ_BUFFER_BYTES: usize = 16 * 1024;

/// The bytes that half-read bulk frames of all peers may take. A frame's declared length is reserved before its body
/// is read, so that whoever has begun can finish; who comes too late waits.
#[derive(Debug)]
pub struct BulkBudget {
    state: Mutex<BudgetState>,
}

#[derive(Debug)]
struct BudgetState {
    free: usize,
    waiting: Vec<Waker>,
    /// Who holds a share, one for a connection: they must hurry when somebody waits.
    holding: Vec<(u64, Waker)>,
    next_id: u64,
}

/// A share of a [`BulkBudget`]; given back when dropped.
#[derive(Debug)]
pub(crate) struct Reservation {
    budget: Arc<BulkBudget>,
    bytes: usize,
    id: u64,
}

/// The sending end of the control lane.
#[derive(Debug)]
pub(crate) struct ControlWriter {
    pub(crate) stream: Stream,
    chunks: VecDeque<Chunk>,
    queued: usize,
    writing: Option<(Chunk, usize)>,
    stall: Duration,
    deadline: Option<Time>,
}

/// Frames that are written and flushed together.
#[derive(Debug, Default)]
struct Chunk {
    bytes: Vec<u8>,
    /// Message bytes of the engine's in it: without prefixes and acks.
    credit: usize,
}

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

/// The receiving end of a lane.
#[derive(Debug)]
pub(crate) struct LaneReader {
    stream: Stream,
    lane: Lane,
    /// [`READ_STALL`], or what the handler was told.
    stall: Duration,
    frames: FrameReader,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    /// A frame's declared length that waits for a reservation.
    wanted: Option<usize>,
    reservation: Option<Reservation>,
    began: Time,
    /// Bytes of the frame that came since.
    received: usize,
    progress: usize,
    deadline: Option<Time>,
    /// Bytes read that the peer doesn't know to be read.
    unacknowledged: u64,
}

impl BulkBudget {
    /// A budget of `bytes`.
    #[must_use]
    pub fn new(bytes: usize) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(BudgetState { free: bytes, waiting: Vec::new(), holding: Vec::new(), next_id: 0 }),
        })
    }

    /// Takes `bytes`, or has the task woken when some are given back.
    pub(crate) fn poll_reserve(self: &Arc<Self>, cx: &Context<'_>, bytes: usize) -> Poll<Reservation> {
        let mut state = self.lock();
        if state.free >= bytes {
            state.free -= bytes;
            let id = state.next_id;
            state.next_id = id.wrapping_add(1);
            state.holding.push((id, cx.waker().clone()));
            return Poll::Ready(Reservation { budget: Arc::clone(self), bytes, id });
        }
        if !state.waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
            state.waiting.push(cx.waker().clone());
            state.holding.iter().for_each(|(_, waker)| waker.wake_by_ref());
        }
        Poll::Pending
    }

    fn contended(&self) -> bool {
        !self.lock().waiting.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, BudgetState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut state = self.budget.lock();
        state.free = state.free.saturating_add(self.bytes);
        state.holding.retain(|(id, _)| *id != self.id);
        state.waiting.drain(..).for_each(Waker::wake);
    }
}

impl ControlWriter {
    pub(crate) const fn new(stream: Stream, stall: Duration) -> Self {
        Self { stream, chunks: VecDeque::new(), queued: 0, writing: None, stall, deadline: None }
    }

    /// Queues a message of the engine's.
    pub(crate) fn push(&mut self, message: &Message) -> Result<(), CloseReason> {
        let bytes = self.append(message);
        if let Some(last) = self.chunks.back_mut() {
            last.credit = last.credit.saturating_add(bytes);
        }
        self.queued = self.queued.saturating_add(bytes);
        if self.queued > CONTROL_CREDIT_BYTES { Err(CloseReason::QueueOverrun) } else { Ok(()) }
    }

    /// Writes what it can; returns the message bytes that were flushed. `ack` is sent along and set to zero.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, now: Time, ack: &mut u64) -> Result<usize, CloseReason> {
        let mut flushed = 0;
        loop {
            if self.writing.is_none() && *ack > 0 {
                self.append(&Message::Ack(std::mem::take(ack)));
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

    fn append(&mut self, message: &Message) -> usize {
        let full = self.chunks.back().is_none_or(|last| last.bytes.len() >= WRITE_BUFFER_BYTES);
        if full {
            self.chunks.push_back(Chunk::default());
        }
        let Some(last) = self.chunks.back_mut() else { return 0 };
        let before = last.bytes.len();
        let bytes = write_frame(message, &mut last.bytes);
        // A frame that leads over the bound starts a buffer of its own.
        if before > 0 && last.bytes.len() > WRITE_BUFFER_BYTES {
            let moved = last.bytes.split_off(before);
            self.chunks.push_back(Chunk { bytes: moved, credit: 0 });
        }
        bytes
    }
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
                    Err(error) => return Poll::Ready(Err(error.into())),
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

    /// When the frame that is arriving is given up, as things stand.
    pub(crate) fn deadline(&self) -> Option<Time> {
        let contended = self.reservation.as_ref().is_some_and(|reservation| reservation.budget.contended());
        let earned = Duration::from_micros((self.received as u64).saturating_mul(CONTENDED_MICROS_PER_BYTE));
        let pace = contended.then(|| self.began + CONTENDED_GRACE + earned);
        self.deadline.into_iter().chain(pace).min()
    }

    /// We did not read for a while, so what is overdue is not the peer's fault.
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
        if self.unacknowledged >= BULK_CHUNK_BYTES as u64 {
            *ack = ack.saturating_add(std::mem::take(&mut self.unacknowledged));
        }
    }

    /// Nothing to read: is that too long?
    fn idle(&self, now: Time) -> Poll<Result<Bytes, CloseReason>> {
        let overdue = self.deadline().is_some_and(|deadline| now >= deadline);
        if overdue { Poll::Ready(Err(CloseReason::ReadStalled)) } else { Poll::Pending }
    }
}
