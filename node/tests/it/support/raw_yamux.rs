//! yamux by hand: any frames that a test wants, over a real connection to a node. It respects only the node's
//! window, and answers pings when it is told to.

use std::collections::HashMap;
use std::future::{Ready, ready};
use std::io;
use std::iter::{Once, once};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::io::{ReadHalf, WriteHalf};
use futures::{AsyncReadExt as _, AsyncWriteExt as _};
use libp2p::core::Endpoint;
use libp2p::core::muxing::{StreamMuxer, StreamMuxerEvent};
use libp2p::core::transport::{DialOpts, PortUse, Transport as _};
use libp2p::core::upgrade::{InboundConnectionUpgrade, OutboundConnectionUpgrade, UpgradeInfo, Version};
use libp2p::identity::Keypair;
use libp2p::{Multiaddr, noise, tcp};
use node::config::links::Stream;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// The longest time that a test waits. Only a failure takes so long.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) const DATA: u8 = 0;
pub(crate) const WINDOW_UPDATE: u8 = 1;
pub(crate) const PING: u8 = 2;
pub(crate) const SYN: u16 = 1;
pub(crate) const ACK: u16 = 2;

/// The window that every stream begins with.
pub(crate) const FIRST_WINDOW: usize = 256 * 1024;

/// A header.
pub(crate) fn header(kind: u8, flags: u16, stream: u32, length: u32) -> Vec<u8> {
    let mut bytes = vec![0, kind];
    bytes.extend(flags.to_be_bytes());
    bytes.extend(stream.to_be_bytes());
    bytes.extend(length.to_be_bytes());
    bytes
}

/// A frame of data.
pub(crate) fn data(flags: u16, stream: u32, body: &[u8]) -> Vec<u8> {
    let mut bytes = header(DATA, flags, stream, body.len() as u32);
    bytes.extend_from_slice(body);
    bytes
}

/// A received frame.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u16,
    pub(crate) stream: u32,
    pub(crate) length: u32,
    pub(crate) body: Vec<u8>,
}

/// Cuts received bytes into frames.
#[derive(Debug, Default)]
pub(crate) struct Frames(pub(crate) Vec<u8>);

impl Iterator for Frames {
    type Item = Frame;

    fn next(&mut self) -> Option<Frame> {
        let head: [u8; 12] = self.0.get(..12)?.try_into().expect("twelve");
        let number = |at: usize| u32::from_be_bytes(head[at..at + 4].try_into().expect("four"));
        let (kind, flags) = (head[1], u16::from_be_bytes([head[2], head[3]]));
        let (stream, length) = (number(4), number(8));
        let body = if kind == DATA { length as usize } else { 0 };
        let body = self.0.get(12..12 + body)?.to_vec();
        self.0.drain(..12 + body.len());
        Some(Frame { kind, flags, stream, length, body })
    }
}

/// How much may be sent to the other end, stream by stream.
#[derive(Debug, Default)]
pub(crate) struct Credit {
    left: HashMap<u32, usize>,
    /// The most that all streams together were ever granted at once, in addition to each one's first window.
    pub(crate) grown: usize,
}

impl Credit {
    pub(crate) fn open(&mut self, stream: u32) {
        self.left.insert(stream, FIRST_WINDOW);
    }

    pub(crate) fn of(&self, stream: u32) -> usize {
        self.left.get(&stream).copied().unwrap_or(0)
    }

    pub(crate) fn spend(&mut self, stream: u32, bytes: usize) {
        *self.left.get_mut(&stream).expect("open") -= bytes;
    }

    pub(crate) fn grant(&mut self, stream: u32, bytes: usize) {
        if let Some(left) = self.left.get_mut(&stream) {
            *left += bytes;
        }
        let beyond = |left: &usize| left.saturating_sub(FIRST_WINDOW);
        self.grown = self.grown.max(self.left.values().map(beyond).sum());
    }
}

/// The messages of the node.
#[derive(Debug, Default)]
struct Heard {
    credit: Credit,
    ping: Option<u32>,
    data: HashMap<u32, Vec<u8>>,
    /// Streams, and the number of their bytes that should be reported to the node as read.
    read: Vec<(u32, u32)>,
}

/// A connection to a node.
pub(crate) struct RawYamux {
    out: WriteHalf<Box<dyn Stream>>,
    heard: Arc<Mutex<Heard>>,
    news: Arc<Notify>,
    reader: JoinHandle<()>,
    next: u32,
}

impl RawYamux {
    /// Connects under a new identity.
    pub(crate) async fn dial(address: Multiaddr) -> Self {
        let noise = noise::Config::new(&Keypair::generate_ed25519()).expect("a key");
        let tcp = tcp::tokio::Transport::new(tcp::Config::new().nodelay(true));
        let upgraded = tcp.upgrade(Version::V1).authenticate(noise).multiplex(ByHand);
        let mut transport = upgraded.map(|(_, bare), _| bare.0).boxed();
        let opts = DialOpts { role: Endpoint::Dialer, port_use: PortUse::New };
        let dial = transport.dial(address, opts).expect("a dial");
        let socket = tokio::time::timeout(PATIENCE, dial).await.expect("in time").expect("connected");
        let (read, out) = socket.split();
        let (heard, news) = (Arc::new(Mutex::new(Heard::default())), Arc::new(Notify::new()));
        let reader = tokio::spawn(listen(read, Arc::clone(&heard), Arc::clone(&news)));
        Self { out, heard, news, reader, next: 1 }
    }

    /// Opens a stream and agrees on its protocol.
    pub(crate) async fn open(&mut self, protocol: &str) -> u32 {
        let stream = self.next;
        self.next += 2;
        self.lock().credit.open(stream);
        let line = |text: &str| [&[text.len() as u8 + 1], text.as_bytes(), b"\n"].concat();
        let wanted = [line("/multistream/1.0.0"), line(protocol)].concat();
        self.lock().credit.spend(stream, wanted.len());
        self.write(&data(SYN, stream, &wanted)).await;
        self.until(|heard| heard.data.get(&stream).is_some_and(|data| data.starts_with(&wanted)).then_some(()))
            .await;
        stream
    }

    /// Opens a stream and sends nothing on it.
    pub(crate) async fn open_silently(&mut self) -> u32 {
        let stream = self.next;
        self.next += 2;
        self.lock().credit.open(stream);
        self.write(&header(WINDOW_UPDATE, SYN, stream, 0)).await;
        stream
    }

    /// Sends all of it. It waits for the node's window if necessary.
    pub(crate) async fn send(&mut self, stream: u32, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            self.until(|heard| (heard.credit.of(stream) > 0).then_some(())).await;
            let (body, rest) = bytes.split_at(self.allowed(stream).min(bytes.len()).min(16 * 1024));
            self.spend(stream, body.len());
            self.write(&data(0, stream, body)).await;
            bytes = rest;
        }
        self.tell_read().await;
    }

    /// Bytes that the node's window for a stream allows.
    pub(crate) fn allowed(&self, stream: u32) -> usize {
        self.lock().credit.of(stream)
    }

    /// The test has written this number of bytes of a stream by itself.
    pub(crate) fn spend(&mut self, stream: u32, bytes: usize) {
        self.lock().credit.spend(stream, bytes);
    }

    /// Sends as much of it as the node's window allows.
    pub(crate) async fn send_allowed(&mut self, stream: u32, bytes: &[u8]) {
        let allowed = self.allowed(stream).min(bytes.len());
        self.spend(stream, allowed);
        for body in bytes[..allowed].chunks(16 * 1024) {
            self.write_within(&data(0, stream, body), Duration::from_secs(2)).await;
        }
    }

    /// Answers the received ping.
    pub(crate) async fn pong(&mut self) {
        let number = self.until(|heard| heard.ping.take()).await;
        self.write(&header(PING, ACK, 0, number)).await;
    }

    /// From now on, nothing that the node writes is read.
    pub(crate) fn stop_reading(&mut self) {
        self.reader.abort();
    }

    /// The most by which the node's windows have grown, all streams together.
    pub(crate) fn grown(&self) -> usize {
        self.lock().credit.grown
    }

    /// Writes bytes as they are. Bytes that the node no longer accepts are lost.
    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        let written = async {
            self.out.write_all(bytes).await?;
            self.out.flush().await
        };
        let _ = tokio::time::timeout(PATIENCE, written).await;
    }

    /// The same, for at most this time. False if not everything was accepted.
    pub(crate) async fn write_within(&mut self, bytes: &[u8], most: Duration) -> bool {
        let written = async {
            self.out.write_all(bytes).await?;
            self.out.flush().await
        };
        matches!(tokio::time::timeout(most, written).await, Ok(Ok(())))
    }

    /// Gives back the window for the bytes that the node wrote.
    async fn tell_read(&mut self) {
        let read = std::mem::take(&mut self.lock().read);
        for (stream, bytes) in read {
            self.write(&header(WINDOW_UPDATE, 0, stream, bytes)).await;
        }
    }

    async fn until<T>(&self, look: impl Fn(&mut Heard) -> Option<T>) -> T {
        let waited = async {
            loop {
                let news = self.news.notified();
                if let Some(found) = look(&mut self.lock()) {
                    return found;
                }
                news.await;
            }
        };
        tokio::time::timeout(PATIENCE, waited).await.expect("in time")
    }

    fn lock(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().expect("no panic")
    }
}

impl Drop for RawYamux {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

async fn listen(mut socket: ReadHalf<Box<dyn Stream>>, heard: Arc<Mutex<Heard>>, news: Arc<Notify>) {
    let (mut frames, mut buffer) = (Frames::default(), vec![0; 65_536]);
    while let Ok(bytes @ 1..) = socket.read(&mut buffer).await {
        frames.0.extend_from_slice(&buffer[..bytes]);
        let mut heard = heard.lock().expect("no panic");
        for frame in &mut frames {
            match frame.kind {
                DATA if !frame.body.is_empty() => {
                    heard.read.push((frame.stream, frame.length));
                    heard.data.entry(frame.stream).or_default().extend(frame.body);
                }
                WINDOW_UPDATE => heard.credit.grant(frame.stream, frame.length as usize),
                PING if frame.flags & ACK == 0 => heard.ping = Some(frame.length),
                _ => {}
            }
        }
        drop(heard);
        news.notify_one();
    }
}

/// Claims to speak yamux, and leaves the socket to the test.
struct ByHand;

/// A connection whose streams are ignored.
struct Bare(Box<dyn Stream>);

impl UpgradeInfo for ByHand {
    type Info = &'static str;
    type InfoIter = Once<&'static str>;

    fn protocol_info(&self) -> Self::InfoIter {
        once("/yamux/1.0.0")
    }
}

impl Clone for ByHand {
    fn clone(&self) -> Self {
        Self
    }
}

impl<C: Stream + 'static> InboundConnectionUpgrade<C> for ByHand {
    type Output = Bare;
    type Error = io::Error;
    type Future = Ready<io::Result<Bare>>;

    fn upgrade_inbound(self, socket: C, _: Self::Info) -> Self::Future {
        ready(Ok(Bare(Box::new(socket))))
    }
}

impl<C: Stream + 'static> OutboundConnectionUpgrade<C> for ByHand {
    type Output = Bare;
    type Error = io::Error;
    type Future = Ready<io::Result<Bare>>;

    fn upgrade_outbound(self, socket: C, _: Self::Info) -> Self::Future {
        ready(Ok(Bare(Box::new(socket))))
    }
}

impl StreamMuxer for Bare {
    type Substream = Box<dyn Stream>;
    type Error = io::Error;

    fn poll_inbound(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<Self::Substream>> {
        Poll::Pending
    }

    fn poll_outbound(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<Self::Substream>> {
        Poll::Pending
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<StreamMuxerEvent>> {
        Poll::Pending
    }
}
