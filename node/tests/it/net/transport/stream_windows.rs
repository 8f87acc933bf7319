//! What a connection's peer can make the node keep: no more than is stated, whatever it sends, on however many
//! streams, and however late it answers pings. Frame by frame over a pipe, and over a real connection to a real
//! node.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use futures::task::noop_waker_ref;
use futures::{AsyncRead, AsyncWrite};
use libp2p::core::muxing::StreamMuxer as _;
use libp2p::core::upgrade::{InboundConnectionUpgrade as _, UpgradeInfo as _};
use node::net::handler::protocol_name;
use node::net::transport::muxer::{
    CLOSE_TIMEOUT, FRAME_COST, FRAMES_PER_TURN, GROWTH_BYTES_MAX, Muxer, OWN_STREAMS_MAX, STREAMS_MAX, Stream,
    UNREAD_BYTES_MAX, Yamux,
};

use crate::support::harness::{Node, config};
use crate::support::raw_yamux::{
    ACK, Credit, DATA, FIRST_WINDOW, Frames, PING, RawYamux, SYN, WINDOW_UPDATE, data, header,
};

/// Bytes on their way: to the node, and from it.
#[derive(Clone, Default)]
struct Pipe(Arc<Mutex<[VecDeque<u8>; 2]>>);

impl AsyncRead for Pipe {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let [to_node, _] = &mut *self.0.lock().expect("no panic");
        let bytes = buf.len().min(to_node.len());
        if bytes == 0 {
            return Poll::Pending;
        }
        for (to, from) in buf.iter_mut().zip(to_node.drain(..bytes)) {
            *to = from;
        }
        Poll::Ready(Ok(bytes))
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.0.lock().expect("no panic")[1].extend(buf);
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Whether a turn asked for another one.
#[derive(Default)]
struct Again(AtomicBool);

impl Wake for Again {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The node's end of a connection, and the peer's end, which the test plays.
struct Bench {
    pipe: Pipe,
    muxer: Muxer<Pipe>,
    streams: Vec<Stream>,
    frames: Frames,
    credit: Credit,
    ping: Option<u32>,
}

impl Bench {
    async fn new() -> Self {
        let pipe = Pipe::default();
        let name = Yamux.protocol_info().next().expect("a name");
        let muxer = Yamux.upgrade_inbound(pipe.clone(), name).await.expect("a muxer");
        let (frames, credit) = (Frames::default(), Credit::default());
        Self { pipe, muxer, streams: Vec::new(), frames, credit, ping: None }
    }

    /// The peer sends this, and the node handles it. Err after the node has disconnected.
    fn say(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.pipe.0.lock().expect("no panic")[0].extend(bytes);
        self.turn()
    }

    fn turn(&mut self) -> Result<(), String> {
        while self.one_turn()? {}
        Ok(())
    }

    /// The node's actions until others have their turn. True if it asked for another turn.
    fn one_turn(&mut self) -> Result<bool, String> {
        let again = Arc::new(Again::default());
        let waker = Waker::from(Arc::clone(&again));
        let mut cx = Context::from_waker(&waker);
        while let Poll::Ready(next) = Pin::new(&mut self.muxer).poll_inbound(&mut cx) {
            self.streams.push(next.map_err(|error| error.to_string())?);
        }
        let said: Vec<u8> = self.pipe.0.lock().expect("no panic")[1].drain(..).collect();
        self.frames.0.extend(said);
        for frame in &mut self.frames {
            match frame.kind {
                WINDOW_UPDATE => self.credit.grant(frame.stream, frame.length as usize),
                PING if frame.flags & ACK == 0 => self.ping = Some(frame.length),
                _ => {}
            }
        }
        Ok(again.0.load(Ordering::Relaxed))
    }

    /// The peer opens streams, and the node accepts them. Their numbers are 1, 3, 5 and so on.
    fn open(&mut self, count: usize) -> Vec<u32> {
        let numbers: Vec<u32> = (0..count as u32).map(|n| 2 * n + 1).collect();
        for number in &numbers {
            self.credit.open(*number);
            self.say(&header(WINDOW_UPDATE, SYN, *number, 0)).expect("taken");
        }
        assert_eq!(self.streams.len(), count);
        numbers
    }

    /// The node reads the received bytes of a stream, at most this number.
    fn read(&mut self, index: usize, most: usize) -> usize {
        let (mut cx, mut buffer) = (Context::from_waker(noop_waker_ref()), vec![0; 65_536]);
        let mut read = 0;
        while read < most {
            let room = &mut buffer[..65_536.min(most - read)];
            let Poll::Ready(bytes) = Pin::new(&mut self.streams[index]).poll_read(&mut cx, room) else { break };
            read += bytes.expect("open");
        }
        read
    }

    /// Bytes that the peer sent and that the node has not read.
    fn outside(&self) -> usize {
        self.pipe.0.lock().expect("no panic")[0].len()
    }

    /// The peer sends as much as it may on each stream, and the node reads all of it.
    fn exchange(&mut self, streams: &[u32]) {
        for (index, stream) in streams.iter().enumerate() {
            let mut left = self.credit.of(*stream);
            self.credit.spend(*stream, left);
            while left > 0 {
                let bytes = left.min(65_536);
                self.say(&data(0, *stream, &vec![7; bytes])).expect("taken");
                self.read(index, usize::MAX);
                left -= bytes;
            }
        }
        self.turn().expect("open");
    }
}

#[tokio::test]
async fn windows_grow_for_a_peer_that_answers_pings_late_and_by_no_more_than_is_stated() {
    for count in [1, STREAMS_MAX] {
        let mut bench = Bench::new().await;
        let streams = bench.open(count);
        for _ in 0..8 {
            bench.exchange(&streams);
        }
        // The round trip that this tells is that of eight exchanges.
        let ping = bench.ping.take().expect("it pings");
        bench.say(&header(PING, ACK, 0, ping)).expect("a good pong");
        for _ in 0..8 {
            bench.exchange(&streams);
        }
        let grown = bench.credit.grown;
        assert!(grown <= GROWTH_BYTES_MAX, "{count} streams: {grown}");
        // A fast upload over a long way is given what it needs: that is what the windows grow for.
        assert!(grown > GROWTH_BYTES_MAX - FIRST_WINDOW, "{count} streams: {grown}");
    }
}

#[tokio::test]
async fn what_nobody_reads_is_held_to_the_bound_and_the_rest_waits_outside() {
    let body = 16 * 1024 - FRAME_COST;
    let fits = UNREAD_BYTES_MAX / (body + FRAME_COST);
    let mut bench = Bench::new().await;
    let streams = bench.open(STREAMS_MAX);
    for frame in 0..fits {
        bench.say(&data(0, streams[frame % STREAMS_MAX], &vec![7; body])).expect("taken");
        assert_eq!(bench.outside(), 0);
    }
    assert_eq!(bench.muxer.unread(), UNREAD_BYTES_MAX);
    // One byte past it.
    bench.say(&data(0, streams[0], &[7])).expect("held back");
    assert_eq!((bench.muxer.unread(), bench.outside()), (UNREAD_BYTES_MAX, 1));
    // Part of a frame that was read frees nothing; all of it does.
    bench.read(3, body - 1);
    bench.turn().expect("open");
    assert_eq!(bench.outside(), 1);
    bench.read(3, 1);
    bench.turn().expect("open");
    assert_eq!(
        (bench.muxer.unread(), bench.outside()),
        (UNREAD_BYTES_MAX - body - FRAME_COST + 1 + FRAME_COST, 0)
    );
}

#[tokio::test]
async fn frames_of_one_byte_count_for_what_they_cost() {
    let fits = UNREAD_BYTES_MAX / (1 + FRAME_COST);
    let mut bench = Bench::new().await;
    let streams = bench.open(1);
    let frame = data(0, streams[0], &[7]);
    bench.say(&frame.repeat(fits)).expect("taken");
    assert_eq!(bench.outside(), 0);
    bench.say(&frame.repeat(1_000)).expect("held back");
    assert!(bench.muxer.unread() <= UNREAD_BYTES_MAX);
    // One header was looked at.
    assert_eq!(bench.outside(), 999 * frame.len() + 1);
    assert_eq!(bench.read(0, usize::MAX), fits);
    bench.turn().expect("open");
    assert_eq!((bench.read(0, usize::MAX), bench.muxer.unread(), bench.outside()), (1_000, 0, 0));
}

#[tokio::test]
async fn after_so_many_frames_others_have_their_turn() {
    let mut bench = Bench::new().await;
    let streams = bench.open(1);
    let frame = data(0, streams[0], &[7]);
    // The turn in which the stream was opened had one frame.
    let first = FRAMES_PER_TURN as usize - 1;
    bench.pipe.0.lock().expect("no panic")[0].extend(frame.repeat(first + 2));
    assert_eq!(bench.one_turn(), Ok(true));
    assert_eq!(bench.read(0, usize::MAX), first);
    assert_eq!(bench.one_turn(), Ok(false));
    assert_eq!(bench.read(0, usize::MAX), 2);
}

#[tokio::test]
async fn what_comes_for_a_stream_that_was_dropped_is_not_kept_and_the_others_go_on() {
    let mut bench = Bench::new().await;
    let streams = bench.open(2);
    bench.say(&data(0, streams[0], &[7; 50_000])).expect("taken");
    bench.streams.remove(0);
    assert_eq!(bench.muxer.unread(), 0);
    bench.say(&[data(0, streams[0], &[7; 50_000]), data(0, streams[1], b"hello")].concat()).expect("taken");
    assert_eq!(bench.muxer.unread(), 5 + FRAME_COST);
    assert_eq!(bench.read(0, usize::MAX), 5);
}

#[tokio::test]
async fn a_peer_that_opens_more_streams_than_there_may_be_is_left() {
    let mut bench = Bench::new().await;
    bench.open(STREAMS_MAX);
    let more = header(DATA, SYN, 2 * STREAMS_MAX as u32 + 1, 0);
    assert!(bench.say(&more).expect_err("too many").contains("more streams"));
}

#[tokio::test]
async fn a_node_opens_no_more_than_its_own_streams_and_the_next_waits_for_one_to_end() {
    let mut bench = Bench::new().await;
    let mut cx = Context::from_waker(noop_waker_ref());
    let mut own = Vec::new();
    while let Poll::Ready(stream) = Pin::new(&mut bench.muxer).poll_outbound(&mut cx) {
        own.push(stream.expect("open"));
    }
    assert_eq!(own.len(), OWN_STREAMS_MAX);
    own.pop();
    assert!(Pin::new(&mut bench.muxer).poll_outbound(&mut cx).is_ready());
}

/// A socket whose other end neither reads nor writes.
struct Stuck;

impl AsyncRead for Stuck {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut [u8]) -> Poll<io::Result<usize>> {
        Poll::Pending
    }
}

impl AsyncWrite for Stuck {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Pending
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

#[tokio::test]
async fn a_peer_that_reads_nothing_does_not_hold_a_connection_that_is_closed() {
    let name = Yamux.protocol_info().next().expect("a name");
    let mut muxer = Yamux.upgrade_inbound(Stuck, name).await.expect("a muxer");
    let closed = poll_fn(|cx| Pin::new(&mut muxer).poll_close(cx));
    // Ten times what it may take, and less than a socket's own patience.
    tokio::time::timeout(10 * CLOSE_TIMEOUT, closed).await.expect("in time").expect("no error");
}

/// A question of Kademlia with a long key. Of the frames that every node reads, it is the largest that costs the
/// node little.
fn question() -> Vec<u8> {
    let key = vec![7; 16_000];
    let varint = |bytes: usize| [bytes as u8 | 0x80, (bytes >> 7) as u8];
    let message = [&[0x08, 4, 0x12][..], &varint(key.len()), &key].concat();
    [&varint(message.len())[..], &message].concat()
}

#[tokio::test]
async fn a_node_grants_a_peer_that_fakes_its_pongs_no_more_than_is_stated() {
    let node = Node::start(config(90)).await;
    let mut peer = RawYamux::dial(node.address()).await;
    let kad = protocol_name(&"test".parse().expect("a name"), "kad", 1).to_string();
    let stream = peer.open(&kad).await;
    let questions = question().repeat(32);
    for _ in 0..4 {
        peer.send(stream, &questions).await;
    }
    peer.pong().await;
    for _ in 0..24 {
        peer.send(stream, &questions).await;
    }
    let grown = peer.grown();
    assert!(grown > 0 && grown <= GROWTH_BYTES_MAX, "{grown}");
    node.stop().await;
}
