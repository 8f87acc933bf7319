//! The sending half of an emulated link. Bytes become pieces, each with the time at which it has left the uplink,
//! and go to the real socket at once. Bytes that have not left yet fill a send buffer. While a partition lasts,
//! nothing leaves it. A writer waits when the buffer is full, and learns of an end only after the heal.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::AsyncWrite;

use super::piece::{self, Head};
use super::site::Site;

/// The send buffer: the most bytes of one connection that are accepted and have not left. They go before anything
/// that is written later, and can't be taken back. 64 KiB are four of the largest chunks that a node sends of a
/// bulk body, and 10 ms at 50 Mbit/s. Linux begins with 16 KiB and grows with the connection's window. With 8
/// connections, at most 512 KiB wait for an uplink.
pub const SEND_BUFFER_BYTES: usize = 64 * 1024;

/// A writer that found the buffer full is woken when this much of it is free. Linux does so with a third. To be
/// woken for each piece would cost more than it brings.
const WAKE_BYTES: usize = SEND_BUFFER_BYTES / 4;

/// The longest piece on a limited access: 1.3 ms at 50 Mbit/s. The time of a piece's end is exact. Its beginning
/// arrives together with its end.
pub const LINK_PIECE_BYTES: usize = 8 * 1024;

/// Staging memory that is kept when nothing is staged.
const STAGED_KEPT: usize = 4 * 1024;

#[derive(Debug)]
pub(super) struct Outgoing {
    /// Bytes on their way to the real socket. While there are any, no more are accepted: at most one send buffer
    /// with its heads.
    staged: Vec<u8>,
    written: usize,
    /// Pieces that have not left the uplink: when they will have left, and their bytes.
    unsent: VecDeque<(u64, usize)>,
    unsent_bytes: usize,
    last_left_ns: u64,
    ended: bool,
    /// The message of the real socket while the link was cut. The node may not know it before the heal.
    broken: Option<io::Error>,
}

/// A sender's present knowledge of its link.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sending<'a> {
    /// Now.
    pub(super) now_ns: u64,
    /// This end.
    pub(super) site: &'a Site,
    /// The other end, after it has told its number.
    pub(super) to: Option<usize>,
}

impl Sending<'_> {
    /// The heal, if the link is cut now.
    fn heals_ns(self) -> Option<u64> {
        self.site.heals_ns(self.to?, self.now_ns, self.now_ns)
    }
}

impl Outgoing {
    /// The first bytes to the other end say which node this is.
    pub(super) fn new(site: &Site) -> Self {
        Self {
            staged: piece::preamble(site.number()).to_vec(),
            written: 0,
            unsent: VecDeque::new(),
            unsent_bytes: 0,
            last_left_ns: 0,
            ended: false,
            broken: None,
        }
    }

    /// Accepts as many bytes as there is room for, at least one; or returns when there will be room.
    pub(super) fn take(&mut self, sending: Sending<'_>, bytes: &[u8]) -> Result<usize, u64> {
        let Sending { now_ns, site, .. } = sending;
        let heals_ns = sending.heals_ns().unwrap_or(now_ns);
        let room = self.room(now_ns)?.min(bytes.len());
        let piece = if site.is_limited() { LINK_PIECE_BYTES } else { SEND_BUFFER_BYTES };
        let mut first = true;
        for bytes in bytes.get(..room).unwrap_or_default().chunks(piece) {
            let left_ns = site.upload(now_ns, bytes.len());
            self.staged.extend(Head { left_ns, bytes: bytes.len(), first }.encode());
            self.staged.extend(bytes);
            self.last_left_ns = left_ns;
            first = false;
            let free_ns = left_ns.max(heals_ns);
            if free_ns > now_ns {
                self.unsent.push_back((free_ns, bytes.len()));
                self.unsent_bytes += bytes.len();
            }
        }
        Ok(room)
    }

    /// Says once that nothing follows.
    pub(super) fn end(&mut self, now_ns: u64) {
        if !self.ended {
            self.ended = true;
            let left_ns = self.last_left_ns.max(now_ns);
            self.staged.extend(Head { left_ns, bytes: 0, first: false }.encode());
        }
    }

    /// Hands the staged bytes to the real socket. The socket's errors while the link is cut are kept until the
    /// heal.
    pub(super) fn poll_drain(
        &mut self,
        cx: &mut Context<'_>,
        sending: Sending<'_>,
        socket: &mut (impl AsyncWrite + Unpin),
    ) -> Poll<io::Result<()>> {
        let is_cut = sending.heals_ns().is_some();
        if self.broken.is_none() {
            match ready!(self.poll_staged(cx, socket)) {
                Err(error) if is_cut => self.broken = Some(error),
                result => return Poll::Ready(result),
            }
        }
        self.staged.clear();
        self.written = 0;
        match self.broken.take_if(|_| !is_cut) {
            Some(error) => Poll::Ready(Err(error)),
            None => Poll::Ready(Ok(())),
        }
    }

    fn poll_staged(
        &mut self,
        cx: &mut Context<'_>,
        socket: &mut (impl AsyncWrite + Unpin),
    ) -> Poll<io::Result<()>> {
        while let Some(rest) = self.staged.get(self.written..).filter(|rest| !rest.is_empty()) {
            match ready!(Pin::new(&mut *socket).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.written += written,
            }
        }
        self.staged.clear();
        self.staged.shrink_to(STAGED_KEPT);
        self.written = 0;
        Poll::Ready(Ok(()))
    }

    /// Free bytes of the send buffer. If there are none, returns when there will be enough to wake for.
    fn room(&mut self, now_ns: u64) -> Result<usize, u64> {
        while let Some((_, bytes)) = self.unsent.front().filter(|(left_ns, _)| *left_ns <= now_ns) {
            self.unsent_bytes -= bytes;
            self.unsent.pop_front();
        }
        let room = SEND_BUFFER_BYTES.saturating_sub(self.unsent_bytes);
        if room > 0 {
            return Ok(room);
        }
        let mut freed = 0;
        let enough = self.unsent.iter().find(|(_, bytes)| {
            freed += bytes;
            freed >= WAKE_BYTES
        });
        Err(enough.map_or(now_ns, |(left_ns, _)| *left_ns))
    }
}
