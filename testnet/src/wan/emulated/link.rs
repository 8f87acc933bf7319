//! One emulated link: a stream between a connection and its socket that takes as long as the link would take.
//!
//! The sender reserves its uplink for the bytes when it writes them. It sends them over the real socket at once,
//! together with the time at which they have left. The receiver takes them off its socket as they come, adds the
//! link's delay, and hands them over when they are through its downlink. So the time that the real socket and the
//! sender's scheduling need is part of the delay and not added to it. Each write's delay is drawn by the jitter.
//! Nothing overtakes within a stream, so on a busy stream later writes wait for an earlier slow one. An end of the
//! stream travels in the same way. The delay applies as soon as the other end has told its number, which comes
//! before its first byte.
//!
//! A partition holds everything that crosses it until it heals, including ends.
//!
//! Deliberately absent: the effects of TCP on a real link. There is no separate handshake, no slow start, no loss
//! and no congestion control: a connection has its share of the access at once. If the other end was killed, the
//! writer is told without delay.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures::{AsyncRead, AsyncWrite};

use super::incoming::{Handed, Incoming};
use super::outgoing::{Outgoing, Sending};
use super::pace::{Pace, Timer as _};
use super::site::Site;

/// The most bytes that are read from a socket at once.
const READ_BYTES: usize = 16 * 1024;

/// A stream over an emulated link.
#[derive(Debug)]
pub struct Link<S, P: Pace> {
    socket: S,
    site: Arc<Site>,
    pace: P,
    incoming: Incoming,
    due: P::Timer,
    outgoing: Outgoing,
    room: P::Timer,
}

impl<S, P: Pace> Link<S, P> {
    /// Puts a link between a newly opened connection and its socket. The other end must do the same.
    #[must_use]
    pub fn new(socket: S, site: Arc<Site>, pace: P) -> Self {
        Self {
            socket,
            incoming: Incoming::new(&site),
            due: pace.timer(),
            outgoing: Outgoing::new(&site),
            room: pace.timer(),
            site,
            pace,
        }
    }
}

impl<S: AsyncWrite + Unpin, P: Pace> Link<S, P> {
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let sending = Sending { now_ns: self.pace.now_ns(), site: &self.site, to: self.incoming.from() };
        self.outgoing.poll_drain(cx, sending, &mut self.socket)
    }
}

impl<S: AsyncRead + Unpin, P: Pace> Link<S, P> {
    /// Reads what the socket has, as long as there is room. While there is room, the socket wakes it for more.
    fn poll_socket(&mut self, cx: &mut Context<'_>) {
        let mut buffer = [0; READ_BYTES];
        while self.incoming.has_room() {
            let now_ns = self.pace.now_ns();
            match Pin::new(&mut self.socket).poll_read(cx, &mut buffer) {
                Poll::Pending => return,
                Poll::Ready(Ok(0)) => self.incoming.end(&self.site, now_ns, None),
                Poll::Ready(Ok(read)) => {
                    if let Err(error) = self.incoming.take(&self.site, buffer.get(..read).unwrap_or_default()) {
                        self.incoming.end(&self.site, now_ns, Some(error));
                    }
                }
                Poll::Ready(Err(error)) => self.incoming.end(&self.site, now_ns, Some(error)),
            }
        }
    }
}

impl<S: AsyncRead + Unpin, P: Pace> AsyncRead for Link<S, P> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if into.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let mut looked = false;
        loop {
            match this.incoming.hand_over(&this.site, this.pace.now_ns(), into) {
                Handed::Bytes(bytes) => return Poll::Ready(Ok(bytes)),
                Handed::End(result) => return Poll::Ready(result.map(|()| 0)),
                Handed::Until(_) | Handed::Nothing if !looked => {
                    this.poll_socket(cx);
                    looked = true;
                }
                Handed::Until(at_ns) => {
                    ready!(this.due.poll_until(cx, at_ns))?;
                    looked = false;
                }
                Handed::Nothing => return Poll::Pending,
            }
        }
    }
}

impl<S: AsyncWrite + Unpin, P: Pace> AsyncWrite for Link<S, P> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        // The kernel is full only if the other end has stopped reading.
        ready!(this.poll_drain(cx))?;
        loop {
            let sending = Sending { now_ns: this.pace.now_ns(), site: &this.site, to: this.incoming.from() };
            match this.outgoing.take(sending, bytes) {
                Ok(taken) => {
                    if let Poll::Ready(Err(error)) = this.poll_drain(cx) {
                        return Poll::Ready(Err(error));
                    }
                    return Poll::Ready(Ok(taken));
                }
                Err(at_ns) => ready!(this.room.poll_until(cx, at_ns))?,
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_drain(cx))?;
        Pin::new(&mut this.socket).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.outgoing.end(this.pace.now_ns());
        ready!(this.poll_drain(cx))?;
        Pin::new(&mut this.socket).poll_close(cx)
    }
}
