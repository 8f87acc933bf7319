//! How many bytes of one connection wait unread. They are counted where they come in: below yamux, frame by frame.
//!
//! yamux grants each stream its own window, and has no account of what they hold together. It keeps a frame's
//! body as it came, so a million frames of one byte need far more than a mebibyte. Here each frame is counted
//! with the cost of keeping it. **At most [`UNREAD_BYTES_MAX`] wait. While there is no room for the next frame,
//! the socket is not read**, and the other end's own TCP holds the frame back. A body for a stream that is no
//! longer read is dropped here.
//!
//! Deliberately absent: blame. A peer that fills its room waits, and no other peer waits with it.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use futures::{AsyncRead, AsyncWrite};

use super::STREAMS_MAX;

/// Bytes of a connection that may wait unread: the bulk lane's window of 1.5 MiB, the control lane's 256 KiB, and
/// as much for identify, Kademlia and what each frame costs.
pub const UNREAD_BYTES_MAX: usize = 2 * 1024 * 1024;

/// The cost of keeping a frame beside its body: 32 bytes of yamux's own record, four of ours, and 28 that an
/// allocation of a few bytes wastes.
pub const FRAME_COST: usize = 64;

/// Frames of a connection until other connections have their turn. yamux goes on as long as there is a frame, and
/// a read of 64 KiB holds 5,000 small ones. In an upload this many frames are 1 MiB.
pub const FRAMES_PER_TURN: u32 = 64;

/// Bytes of yamux's header: version, type, flags, stream, length.
const HEADER_BYTES: usize = 12;
const DATA: u8 = 0;
const WINDOW_UPDATE: u8 = 1;
const SYN: u16 = 1;

/// The unread bytes of one connection's streams.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// By yamux's number.
    streams: HashMap<u32, Unread>,
    total: usize,
    /// The reader of the socket, while there is no room.
    reader: Option<Waker>,
    /// Streams that this side opened and still has.
    own: usize,
    /// The task that wants to open one more.
    opener: Option<Waker>,
}

/// The unread bytes of one stream.
#[derive(Debug, Default)]
struct Unread {
    /// The sizes of the frames' bodies, oldest first. Some bytes of the first may have been read.
    frames: VecDeque<u32>,
    read_of_first: usize,
}

/// A ledger that the socket's reader and the streams share.
pub(super) type Shared = Arc<Mutex<Ledger>>;

/// What happens to a frame of data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// Its body is passed on.
    Pass,
    /// Its stream is no longer read, so its body is dropped.
    Drop,
    /// It waits, and so does everything behind it.
    Wait,
}

/// If a ledger is poisoned, its thread has panicked, and that ends the process.
pub(super) fn lock(ledger: &Shared) -> MutexGuard<'_, Ledger> {
    ledger.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Ledger {
    /// Counts a stream of this side.
    pub(super) fn open(&mut self, stream: u32) {
        self.own += 1;
        self.streams.insert(stream, Unread::default());
    }

    /// Streams that this side opened.
    pub(super) const fn own(&self) -> usize {
        self.own
    }

    /// Wakes `opener` when this side has one stream less.
    pub(super) fn wait_to_open(&mut self, opener: &Waker) {
        self.opener = Some(opener.clone());
    }

    /// Bytes that wait, including the cost of keeping them.
    pub(super) const fn total(&self) -> usize {
        self.total
    }

    /// A stream is no longer read or written.
    pub(super) fn close(&mut self, stream: u32, own: bool) {
        let left = self.streams.remove(&stream).unwrap_or_default();
        let cost = |bytes: &u32| *bytes as usize + FRAME_COST;
        self.release(left.frames.iter().map(cost).sum());
        if own {
            self.own = self.own.saturating_sub(1);
            if let Some(opener) = self.opener.take() {
                opener.wake();
            }
        }
    }

    /// This many bytes of a stream were read. A frame is kept whole until its last byte was read.
    pub(super) fn read(&mut self, stream: u32, bytes: usize) {
        let Some(unread) = self.streams.get_mut(&stream) else { return };
        unread.read_of_first = unread.read_of_first.saturating_add(bytes);
        let mut released = 0;
        while let Some(first) = unread.frames.front().map(|bytes| *bytes as usize)
            && unread.read_of_first >= first
        {
            unread.read_of_first -= first;
            unread.frames.pop_front();
            released += first + FRAME_COST;
        }
        self.release(released);
    }

    fn release(&mut self, bytes: usize) {
        self.total = self.total.saturating_sub(bytes);
        if bytes > 0
            && let Some(reader) = self.reader.take()
        {
            reader.wake();
        }
    }

    /// The other end opens a stream.
    fn opened(&mut self, stream: u32) -> io::Result<()> {
        if self.streams.len() >= STREAMS_MAX && !self.streams.contains_key(&stream) {
            return Err(io::Error::other("the peer opens more streams than a connection may have"));
        }
        self.streams.entry(stream).or_default();
        Ok(())
    }

    /// What is done with a frame of data for a stream.
    fn admit(&mut self, stream: u32, bytes: u32, waker: &Waker) -> io::Result<Verdict> {
        let Some(unread) = self.streams.get_mut(&stream) else { return Ok(Verdict::Drop) };
        if bytes == 0 {
            return Ok(Verdict::Pass);
        }
        let cost = bytes as usize + FRAME_COST;
        if cost > UNREAD_BYTES_MAX {
            return Err(io::Error::other(
                "the peer sends a frame that is larger than all that it may send unread",
            ));
        }
        if self.total + cost > UNREAD_BYTES_MAX {
            self.reader = Some(waker.clone());
            return Ok(Verdict::Wait);
        }
        unread.frames.push_back(bytes);
        self.total += cost;
        Ok(Verdict::Pass)
    }
}

/// A connection from which yamux reads no more than there is room for.
#[derive(Debug)]
pub(super) struct Metered<C> {
    inner: C,
    ledger: Shared,
    at: At,
    /// Frames since other connections had their turn.
    frames: u32,
}

/// Where the reader is.
#[derive(Debug)]
enum At {
    /// This many bytes of a header have come.
    Header([u8; HEADER_BYTES], usize),
    /// A header that has been judged, how many of its bytes were handed on, and the body behind it.
    Judged([u8; HEADER_BYTES], usize, Body),
    /// In a body.
    Body(Body),
}

/// Bytes of a body that have not come, and whether they are handed on.
#[derive(Clone, Copy, Debug)]
struct Body {
    left: usize,
    dropped: bool,
}

impl<C> Metered<C> {
    pub(super) const fn new(inner: C, ledger: Shared) -> Self {
        Self { inner, ledger, at: At::Header([0; HEADER_BYTES], 0), frames: 0 }
    }

    /// Judges a whole header: returns what is handed on, and what stands behind it. `None` while there is no room.
    fn judge(&self, mut header: [u8; HEADER_BYTES], waker: &Waker) -> io::Result<Option<At>> {
        let [_, kind, f0, f1, s0, s1, s2, s3, l0, l1, l2, l3] = header;
        let (flags, stream) = (u16::from_be_bytes([f0, f1]), u32::from_be_bytes([s0, s1, s2, s3]));
        let length = u32::from_be_bytes([l0, l1, l2, l3]);
        let mut ledger = lock(&self.ledger);
        if flags & SYN != 0 && matches!(kind, DATA | WINDOW_UPDATE) {
            ledger.opened(stream)?;
        }
        if kind != DATA {
            return Ok(Some(At::Judged(header, 0, Body { left: 0, dropped: false })));
        }
        let dropped = match ledger.admit(stream, length, waker)? {
            Verdict::Wait => return Ok(None),
            Verdict::Pass => false,
            Verdict::Drop => true,
        };
        if dropped {
            // The flags still count: yamux may not know yet that the stream is gone.
            let [.., a, b, c, d] = &mut header;
            [*a, *b, *c, *d] = [0; 4];
        }
        Ok(Some(At::Judged(header, 0, Body { left: length as usize, dropped })))
    }
}

impl<C: AsyncRead + Unpin> AsyncRead for Metered<C> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        loop {
            match &mut this.at {
                At::Header(header, HEADER_BYTES) => {
                    let header = *header;
                    if this.frames == FRAMES_PER_TURN {
                        this.frames = 0;
                        cx.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                    match this.judge(header, cx.waker())? {
                        Some(at) => {
                            this.at = at;
                            this.frames += 1;
                        }
                        None => return Poll::Pending,
                    }
                }
                At::Header(header, have) => {
                    let room = header.get_mut(*have..).unwrap_or_default();
                    let bytes = ready!(Pin::new(&mut this.inner).poll_read(cx, room))?;
                    if bytes == 0 {
                        return Poll::Ready(Ok(0));
                    }
                    *have += bytes;
                }
                At::Judged(header, given, body) => {
                    let rest = header.get(*given..).unwrap_or_default();
                    let bytes = rest.len().min(buf.len());
                    for (to, from) in buf.iter_mut().zip(rest) {
                        *to = *from;
                    }
                    *given += bytes;
                    if *given == HEADER_BYTES {
                        this.at = At::Body(*body);
                    }
                    return Poll::Ready(Ok(bytes));
                }
                At::Body(Body { left: 0, .. }) => this.at = At::Header([0; HEADER_BYTES], 0),
                At::Body(Body { left, dropped: false }) => {
                    let most = buf.len().min(*left);
                    let room = buf.get_mut(..most).unwrap_or_default();
                    let bytes = ready!(Pin::new(&mut this.inner).poll_read(cx, room))?;
                    *left = left.saturating_sub(bytes);
                    return Poll::Ready(Ok(bytes));
                }
                At::Body(Body { left, dropped: true }) => {
                    let mut thrown = [0; 1024];
                    let most = thrown.len().min(*left);
                    let room = thrown.get_mut(..most).unwrap_or_default();
                    let bytes = ready!(Pin::new(&mut this.inner).poll_read(cx, room))?;
                    if bytes == 0 {
                        return Poll::Ready(Ok(0));
                    }
                    *left = left.saturating_sub(bytes);
                }
            }
        }
    }
}

impl<C: AsyncWrite + Unpin> AsyncWrite for Metered<C> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_close(cx)
    }
}
