//! Streams over one TCP connection: yamux, with bounds that libp2p's own wrapper hides.
//!
//! - **A connection has at most [`UNREAD_BYTES_MAX`] waiting unread**, whatever its peer sends and on however many
//!   streams (`muxer/unread.rs`).
//! - A stream's window begins at yamux's 256 KiB and grows if bytes are read quickly. yamux judges this by a round
//!   trip, and the peer can fake a longer one by answering late. So all windows of a connection together grow by
//!   no more than [`GROWTH_BYTES_MAX`], enough for one upload at 50 Mbit/s over 150 ms.
//! - **A connection that is being closed is gone after [`CLOSE_TIMEOUT`]**, even if its peer reads nothing.
//! - A connection has at most [`STREAMS_MAX`] streams, and a node opens at most [`OWN_STREAMS_MAX`] of them; the
//!   next waits until one has ended. A peer that opens more is disconnected.
//!
//! Deliberately absent: yamux itself, which is the crate that libp2p uses.

use std::collections::VecDeque;
use std::future::{Ready, ready};
use std::io;
use std::iter::{Once, once};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use futures::task::noop_waker_ref;
use futures::{AsyncRead, AsyncWrite, FutureExt as _};
use libp2p::core::muxing::{StreamMuxer, StreamMuxerEvent};
use libp2p::core::upgrade::{InboundConnectionUpgrade, OutboundConnectionUpgrade, UpgradeInfo};
use tokio::time::{Sleep, sleep};
use yamux::{ConnectionError, DEFAULT_CREDIT, Mode};

use unread::{Metered, Shared, lock};

mod unread;

pub use unread::{FRAME_COST, FRAMES_PER_TURN, UNREAD_BYTES_MAX};

/// Streams that this side opens: two lanes, ping, identify, and four for Kademlia's requests and identify's news.
pub const OWN_STREAMS_MAX: usize = 8;

/// Streams of a connection, opened by both sides.
pub const STREAMS_MAX: usize = 2 * OWN_STREAMS_MAX;

/// By how much the windows of a connection may grow together. An upload whose window is 1.5 MiB reaches
/// `W / (RTT + W / 2R)`, because yamux reports half a window at a time. At R = 50 Mbit/s and 150 ms, of which
/// 940 kB are under way, this is 46 Mbit/s. 256 KiB alone would reach 12.
pub const GROWTH_BYTES_MAX: usize = UNREAD_BYTES_MAX - 3 * DEFAULT_CREDIT as usize;

/// How long a connection that is being closed may take to write what remains. It keeps its place until then, and
/// places are few (`GOING_CONNECTIONS_MAX`).
pub const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// The upgrade of a connection, for both sides.
#[derive(Clone, Copy, Debug, Default)]
pub struct Yamux;

/// A connection's streams.
#[derive(Debug)]
pub struct Muxer<C> {
    connection: yamux::Connection<Metered<C>>,
    ledger: Shared,
    /// Streams that the other end opened and that have not been taken yet.
    waiting: VecDeque<Stream>,
    taker: Option<Waker>,
    /// Whether [`StreamMuxer::poll`] has done the connection's work since streams were last asked for. libp2p calls
    /// both in a row, and the work costs as much again if there is nothing to do.
    worked: bool,
    /// Ends when closing has taken long enough; `None` before closing began.
    closing: Option<Pin<Box<Sleep>>>,
}

/// One stream.
#[derive(Debug)]
pub struct Stream {
    inner: yamux::Stream,
    number: u32,
    /// Whether this side opened it.
    own: bool,
    ledger: Shared,
}

/// Why a connection's streams have ended.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct MuxerError(#[from] ConnectionError);

impl Yamux {
    fn over<C: AsyncRead + AsyncWrite + Unpin>(socket: C, mode: Mode) -> Muxer<C> {
        let mut config = yamux::Config::default();
        config.set_max_num_streams(STREAMS_MAX);
        // yamux reserves a first window for every stream that there may be, and lets the rest grow.
        let windows = STREAMS_MAX * DEFAULT_CREDIT as usize + GROWTH_BYTES_MAX;
        config.set_max_connection_receive_window(Some(windows));
        let ledger = Shared::default();
        let connection = yamux::Connection::new(Metered::new(socket, Arc::clone(&ledger)), config, mode);
        Muxer { connection, ledger, waiting: VecDeque::new(), taker: None, worked: false, closing: None }
    }
}

impl UpgradeInfo for Yamux {
    type Info = &'static str;
    type InfoIter = Once<&'static str>;

    fn protocol_info(&self) -> Self::InfoIter {
        once("/yamux/1.0.0")
    }
}

impl<C: AsyncRead + AsyncWrite + Unpin> InboundConnectionUpgrade<C> for Yamux {
    type Output = Muxer<C>;
    type Error = io::Error;
    type Future = Ready<io::Result<Muxer<C>>>;

    fn upgrade_inbound(self, socket: C, _: Self::Info) -> Self::Future {
        ready(Ok(Self::over(socket, Mode::Server)))
    }
}

impl<C: AsyncRead + AsyncWrite + Unpin> OutboundConnectionUpgrade<C> for Yamux {
    type Output = Muxer<C>;
    type Error = io::Error;
    type Future = Ready<io::Result<Muxer<C>>>;

    fn upgrade_outbound(self, socket: C, _: Self::Info) -> Self::Future {
        ready(Ok(Self::over(socket, Mode::Client)))
    }
}

impl<C> Muxer<C> {
    /// Bytes of this connection that wait unread, including the cost of keeping them.
    #[must_use]
    pub fn unread(&self) -> usize {
        lock(&self.ledger).total()
    }

    fn stream(&self, inner: yamux::Stream, own: bool) -> Stream {
        let number = inner.id().val();
        if own {
            lock(&self.ledger).open(number);
        }
        Stream { inner, number, own, ledger: Arc::clone(&self.ledger) }
    }
}

impl<C: AsyncRead + AsyncWrite + Unpin> Muxer<C> {
    /// The next stream of the other end. Other work on the connection is done as well.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Stream, MuxerError>> {
        let stream = ready!(self.connection.poll_next_inbound(cx)).unwrap_or(Err(ConnectionError::Closed))?;
        Poll::Ready(Ok(self.stream(stream, false)))
    }
}

impl<C: AsyncRead + AsyncWrite + Unpin> StreamMuxer for Muxer<C> {
    type Substream = Stream;
    type Error = MuxerError;

    fn poll_inbound(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Stream, MuxerError>> {
        if let Some(stream) = self.waiting.pop_front() {
            return Poll::Ready(Ok(stream));
        }
        if std::mem::take(&mut self.worked) {
            self.taker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let next = self.poll_next(cx);
        if next.is_pending() {
            self.taker = Some(cx.waker().clone());
        }
        next
    }

    fn poll_outbound(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Stream, MuxerError>> {
        {
            let mut ledger = lock(&self.ledger);
            if ledger.own() >= OWN_STREAMS_MAX {
                ledger.wait_to_open(cx.waker());
                return Poll::Pending;
            }
        }
        let stream = ready!(self.connection.poll_new_outbound(cx))?;
        Poll::Ready(Ok(self.stream(stream, true)))
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), MuxerError>> {
        if let Poll::Ready(closed) = self.connection.poll_close(cx) {
            return Poll::Ready(Ok(closed?));
        }
        // A peer that reads nothing must not keep its place by that: the closing side drops the connection now.
        self.closing.get_or_insert_with(|| Box::pin(sleep(CLOSE_TIMEOUT))).poll_unpin(cx).map(Ok)
    }

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<StreamMuxerEvent, MuxerError>> {
        self.worked = true;
        let stream = ready!(self.poll_next(cx))?;
        // There are at most as many as a connection may have streams.
        self.waiting.push_back(stream);
        if let Some(taker) = self.taker.take() {
            taker.wake();
        }
        // There may be more to do, after other tasks had their turn.
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let bytes = ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        lock(&self.ledger).read(self.number, bytes);
        Poll::Ready(Ok(bytes))
    }
}

impl AsyncWrite for Stream {
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

impl Drop for Stream {
    fn drop(&mut self) {
        lock(&self.ledger).close(self.number, self.own);
        // yamux forgets the stream when it next writes. Until then it would keep the unread bytes.
        let (mut rest, mut nobody) = ([0; 4096], Context::from_waker(noop_waker_ref()));
        while matches!(Pin::new(&mut self.inner).poll_read(&mut nobody, &mut rest), Poll::Ready(Ok(1..))) {}
    }
}

impl From<MuxerError> for io::Error {
    fn from(MuxerError(error): MuxerError) -> Self {
        match error {
            ConnectionError::Io(error) => error,
            other => Self::other(other),
        }
    }
}
