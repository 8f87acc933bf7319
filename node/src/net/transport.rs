//! How bytes get from node to node: TCP with noise and yamux, and QUIC v1. Names are resolved when they are
//! dialled (`resolve.rs`), and own addresses are refused before the dial (`own.rs`).
//!
//! Bytes are counted. On TCP they are counted below noise, so handshakes and multiplexing are included. QUIC
//! encrypts its own packets, so there the bytes of the multiplexed streams are counted, and the figure is
//! too low by QUIC's headers and acknowledgements. Below the count an instrument may put its own [`Links`]
//! under TCP. A node's links are plain sockets, and QUIC has no such seam. The operator's limits (`clock/rates.rs`) lie
//! above the count. Circuits of
//! relays lie above all this (`circuits.rs`). No multicast discovery. TCP reuses the port on which the node listens only
//! where a hole is punched, at a relay, and in Kademlia's own dials.

pub(crate) mod circuits;
pub mod listen;
pub mod muxer;
pub mod own;
pub mod resolve;
pub mod setups;

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::Either;
use futures::{AsyncRead, AsyncWrite};
use libp2p::core::muxing::{StreamMuxer, StreamMuxerBox, StreamMuxerEvent};
use libp2p::core::transport::Boxed;
use libp2p::core::upgrade::Version;
use libp2p::identity::Keypair;
use libp2p::{PeerId, Transport as _, noise, quic, tcp};
use tokio::time::{Sleep, sleep};

use self::muxer::{OWN_STREAMS_MAX, UNREAD_BYTES_MAX, Yamux};
use self::own::{Dials, Guard};
use self::resolve::Names;
use self::setups::Doors;
use crate::clock::Clock;
use crate::clock::rates::{Connection, Cost, Paced, RateLimits};
use crate::config::links::Links;
use crate::config::rates::Rates;

/// Bytes that may be unread on one QUIC stream, and on one QUIC connection. Fixed, because
/// quinn's windows don't grow.
const QUIC_STREAM_BYTES: u32 = 256 * 1024;
const QUIC_CONNECTION_BYTES: u32 = UNREAD_BYTES_MAX as u32;

/// A TCP stream that accepts no byte for this long is given up. This is above the lanes' own deadline, and ends
/// what that deadline can't end: the closing of a connection whose other end doesn't read.
const SOCKET_STALL: Duration = Duration::from_secs(25);

/// The time to set up a connection: TCP, noise and yamux, or QUIC's handshake.
const SETUP_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes that passed through a node's transport.
#[derive(Debug, Default)]
pub struct WireBytes {
    read: AtomicU64,
    written: AtomicU64,
}

/// Why the transport could not be built.
#[derive(Debug, thiserror::Error)]
pub enum TransportSetupError {
    /// The noise keys.
    #[error("cannot derive the transport's keys: {0}")]
    Noise(#[from] noise::Error),
}

impl WireBytes {
    /// Bytes read so far.
    #[must_use]
    pub fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Bytes written so far.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    fn add_read(&self, bytes: usize) {
        self.read.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn add_written(&self, bytes: usize) {
        self.written.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

/// The node's transport, which dials as `dials` says. Bytes are added to `wire` as they pass. TCP goes over
/// `links` if there are any, and otherwise over plain sockets.
///
/// # Errors
/// Says what the system lacks.
pub fn build(
    identity: &Keypair,
    wire: &Arc<WireBytes>,
    links: Option<Arc<dyn Links>>,
    dials: &Dials,
) -> Result<Boxed<(PeerId, StreamMuxerBox)>, TransportSetupError> {
    build_limited(identity, wire, links, dials, Rates::default())
}

/// The same, with the operator's limits.
///
/// # Errors
/// Says what the system lacks.
pub fn build_limited(
    identity: &Keypair,
    wire: &Arc<WireBytes>,
    links: Option<Arc<dyn Links>>,
    dials: &Dials,
    rates: Rates,
) -> Result<Boxed<(PeerId, StreamMuxerBox)>, TransportSetupError> {
    let limits = RateLimits::new(rates.upload, rates.download, &Clock::start());
    let counter = Arc::clone(wire);
    let of_tcp = limits.clone();
    let tcp = tcp::tokio::Transport::new(tcp::Config::new().nodelay(true))
        .map(move |socket, _| {
            let stream = match &links {
                None => Either::Left(socket),
                Some(links) => Either::Right(links.wrap(socket)),
            };
            of_tcp.connection(Cost::Plain).pace(Counted::new(stream, Arc::clone(&counter)))
        })
        .upgrade(Version::V1Lazy)
        .authenticate(noise::Config::new(identity)?)
        .multiplex(Yamux)
        .timeout(SETUP_TIMEOUT)
        .map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)));
    let mut config = quic::Config::new(identity);
    config.handshake_timeout = SETUP_TIMEOUT;
    config.max_concurrent_stream_limit = OWN_STREAMS_MAX as u32;
    config.max_stream_data = QUIC_STREAM_BYTES;
    config.max_connection_data = QUIC_CONNECTION_BYTES;
    let counter = Arc::clone(wire);
    let quic = quic::tokio::Transport::new(config).map(move |(peer, muxer), _| {
        let place = limits.connection(Cost::Quic);
        (peer, StreamMuxerBox::new(CountedMuxer { inner: muxer, wire: Arc::clone(&counter), place }))
    });
    let either = quic.or_transport(tcp).map(|either, _| either.into_inner()).boxed();
    let doors = Doors::new(either).boxed();
    let guarded = Guard::new(identity.public().to_peer_id(), doors, dials.clone());
    Ok(Names::new(guarded, dials.clone()).boxed())
}

/// A stream that counts its bytes, and fails if it accepts none for [`SOCKET_STALL`].
struct Counted<S> {
    inner: S,
    wire: Arc<WireBytes>,
    stall: Option<Pin<Box<Sleep>>>,
}

impl<S> Counted<S> {
    const fn new(inner: S, wire: Arc<WireBytes>) -> Self {
        Self { inner, wire, stall: None }
    }

    /// Passes `poll` on; while it is pending the stall timer runs.
    fn watch<T>(&mut self, cx: &mut Context<'_>, poll: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if poll.is_ready() {
            self.stall = None;
            return poll;
        }
        let stall = self.stall.get_or_insert_with(|| Box::pin(sleep(SOCKET_STALL)));
        stall.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.inner).poll_read(cx, buf);
        if let Poll::Ready(Ok(bytes)) = poll {
            self.wire.add_read(bytes);
        }
        poll
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.inner).poll_write(cx, buf);
        if let Poll::Ready(Ok(bytes)) = poll {
            self.wire.add_written(bytes);
        }
        self.watch(cx, poll)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        if let Poll::Ready(Ok(bytes)) = poll {
            self.wire.add_written(bytes);
        }
        self.watch(cx, poll)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Not watched: a socket's flush is always done, and would stop the timer of a write that is not done.
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.inner).poll_close(cx);
        self.watch(cx, poll)
    }
}

/// A multiplexed connection that counts and limits the bytes of its streams.
struct CountedMuxer<M> {
    inner: M,
    wire: Arc<WireBytes>,
    place: Connection<Clock>,
}

impl<M> StreamMuxer for CountedMuxer<M>
where
    M: StreamMuxer + Unpin,
    M::Substream: Unpin,
{
    type Substream = Paced<Counted<M::Substream>, Clock>;
    type Error = M::Error;

    fn poll_inbound(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Self::Substream, M::Error>> {
        let poll = Pin::new(&mut self.inner).poll_inbound(cx);
        poll.map_ok(|stream| self.place.pace(Counted::new(stream, Arc::clone(&self.wire))))
    }

    fn poll_outbound(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Self::Substream, M::Error>> {
        let poll = Pin::new(&mut self.inner).poll_outbound(cx);
        poll.map_ok(|stream| self.place.pace(Counted::new(stream, Arc::clone(&self.wire))))
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), M::Error>> {
        Pin::new(&mut self.inner).poll_close(cx)
    }

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<StreamMuxerEvent, M::Error>> {
        Pin::new(&mut self.inner).poll(cx)
    }
}
