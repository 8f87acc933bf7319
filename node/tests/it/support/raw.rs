//! A connection without a libp2p swarm: a test opens any stream on it, and nothing else happens.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::{AsyncReadExt as _, AsyncWriteExt as _};
use libp2p::Multiaddr;
use libp2p::core::Endpoint;
use libp2p::core::muxing::{StreamMuxerBox, StreamMuxerExt as _, SubstreamBox};
use libp2p::core::transport::{DialOpts, PortUse, Transport as _};
use libp2p::identity::Keypair;
use node::net::transport::own::Dials;
use node::net::transport::{self, WireBytes};

/// The longest time that a test waits. Only a failure takes so long.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Raw {
    muxer: StreamMuxerBox,
    /// Streams of the other end that nobody has answered yet.
    theirs: Vec<SubstreamBox>,
    /// The same, after their opening words were read.
    asked: Vec<(Vec<u8>, SubstreamBox)>,
}

impl Raw {
    /// Connects while `other` runs.
    pub(crate) async fn dial(address: Multiaddr, other: impl Future) -> Self {
        let mut transport = transport::build(
            &Keypair::generate_ed25519(),
            &Arc::new(WireBytes::default()),
            None,
            &Dials::default(),
        )
        .expect("a transport");
        let opts = DialOpts { role: Endpoint::Dialer, port_use: PortUse::New };
        let dial = transport.dial(address, opts).expect("a dial");
        let (_, muxer) = both(dial, other).await.expect("connected");
        Self { muxer, theirs: Vec::new(), asked: Vec::new() }
    }

    /// Opens a stream and agrees on its protocol, while `other` runs.
    pub(crate) async fn open(&mut self, protocol: &str, other: impl Future) -> SubstreamBox {
        let opened = async {
            let mut stream = poll_fn(|cx| {
                let opened = self.muxer.poll_outbound_unpin(cx);
                if opened.is_pending() {
                    self.drive(cx).expect("open");
                }
                opened
            })
            .await
            .expect("a stream");
            let wanted = [line("/multistream/1.0.0"), line(protocol)].concat();
            let agreed = async {
                stream.write_all(&wanted).await?;
                stream.flush().await?;
                let mut answer = vec![0; wanted.len()];
                stream.read_exact(&mut answer).await?;
                io::Result::Ok(answer)
            };
            assert_eq!(self.during(agreed).await.expect("open"), wanted);
            stream
        };
        both(opened, other).await
    }

    /// Accepts the stream that the other end opens for `protocol`, and refuses earlier streams for other
    /// protocols. Returns the bytes that the other end wrote to open it.
    pub(crate) async fn accept(&mut self, protocol: &str) -> (SubstreamBox, Vec<u8>) {
        let wanted = [line("/multistream/1.0.0"), line(protocol)].concat();
        let accepted = async {
            loop {
                if let Some(at) = self.asked.iter().position(|(words, _)| *words == wanted) {
                    let (words, mut stream) = self.asked.remove(at);
                    self.write(&mut stream, &words).await;
                    return (stream, words);
                }
                let mut stream = self.next_theirs().await;
                let mut words = self.read_line(&mut stream).await;
                words.extend(self.read_line(&mut stream).await);
                if String::from_utf8_lossy(&words).contains("/hearsay/") {
                    self.asked.push((words, stream));
                } else {
                    self.write(&mut stream, &[line("/multistream/1.0.0"), line("na")].concat()).await;
                }
            }
        };
        tokio::time::timeout(PATIENCE, accepted).await.expect("opened in time")
    }

    /// Writes bytes and flushes them.
    pub(crate) async fn write(&mut self, stream: &mut SubstreamBox, bytes: &[u8]) {
        let written = async {
            stream.write_all(bytes).await?;
            stream.flush().await
        };
        self.during(written).await.expect("open");
    }

    /// Reads this number of bytes; `None` if the stream ends before.
    pub(crate) async fn read(&mut self, stream: &mut SubstreamBox, count: usize) -> Option<Vec<u8>> {
        let mut bytes = vec![0; count];
        let read = self.during(stream.read_exact(&mut bytes));
        tokio::time::timeout(PATIENCE, read).await.expect("in time").ok().map(|()| bytes)
    }

    /// One frame with its length, unchanged; `None` if the stream ends.
    pub(crate) async fn read_frame(&mut self, stream: &mut SubstreamBox) -> Option<Vec<u8>> {
        let (mut frame, mut length, mut shift) = (Vec::new(), 0, 0);
        loop {
            let byte = self.read(stream, 1).await?[0];
            frame.push(byte);
            length |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
        frame.extend(self.read(stream, length).await?);
        Some(frame)
    }

    async fn read_line(&mut self, stream: &mut SubstreamBox) -> Vec<u8> {
        let mut words = self.read(stream, 1).await.expect("open");
        words.extend(self.read(stream, usize::from(words[0])).await.expect("open"));
        words
    }

    async fn next_theirs(&mut self) -> SubstreamBox {
        if self.theirs.is_empty() {
            poll_fn(|cx| {
                let _ = self.drive(cx);
                if self.theirs.is_empty() { Poll::Pending } else { Poll::Ready(()) }
            })
            .await;
        }
        self.theirs.remove(0)
    }

    /// Waits until the other end has closed the stream, while `other` runs.
    pub(crate) async fn left(&mut self, mut stream: SubstreamBox, other: impl Future) {
        let mut rest = [0; 1];
        let ended = async { stream.read(&mut rest).await.map_or(true, |bytes| bytes == 0) };
        assert!(both(self.during(ended), other).await, "the other end wrote");
    }

    /// Waits for `future` while the connection runs.
    pub(crate) async fn during<T>(&mut self, future: impl Future<Output = T>) -> T {
        let mut future = std::pin::pin!(future);
        poll_fn(|cx| {
            // What ends the connection ends what waits for it, too.
            let _ = self.drive(cx);
            future.as_mut().poll(cx)
        })
        .await
    }

    fn drive(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        while let Poll::Ready(stream) = self.muxer.poll_inbound_unpin(cx) {
            self.theirs.push(stream?);
        }
        while let Poll::Ready(event) = Pin::new(&mut self.muxer).poll_unpin(cx) {
            event?;
        }
        Ok(())
    }
}

fn line(text: &str) -> Vec<u8> {
    let mut line = vec![text.len() as u8 + 1];
    line.extend_from_slice(text.as_bytes());
    line.push(b'\n');
    line
}

/// Waits for `wanted`, in time, while `other` runs.
async fn both<T>(wanted: impl Future<Output = T>, other: impl Future) -> T {
    let waited = async {
        tokio::select! {
            wanted = wanted => wanted,
            _ = async { other.await; std::future::pending::<()>().await } => unreachable!("it never ends"),
        }
    };
    tokio::time::timeout(PATIENCE, waited).await.expect("in time")
}
