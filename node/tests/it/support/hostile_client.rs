//! A hostile peer: a real connection over loopback with both lanes open in both directions, on which a test writes
//! any bytes.
//!
//! It sends nothing by itself, not even Hello, and keeps no rule of the wire: no acks, no credit, no deadlines.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::{AsyncReadExt as _, AsyncWriteExt as _, StreamExt as _};
use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::core::upgrade::ReadyUpgrade;
use libp2p::identity::Keypair;
use libp2p::swarm::handler::{ConnectionEvent, FullyNegotiatedInbound, FullyNegotiatedOutbound};
use libp2p::swarm::{
    self, ConnectionDenied, ConnectionHandler, ConnectionHandlerEvent, ConnectionId, FromSwarm, NetworkBehaviour,
    SubstreamProtocol, SwarmEvent, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use libp2p::{Multiaddr, PeerId, Stream, StreamProtocol, Swarm};
use node::net::framing::{FrameReader, Step, frame_bytes_max, write_frame};
use node::net::handler::{LaneProtocols, protocol_name};
use node::net::transport::own::Dials;
use node::net::transport::{self, WireBytes};
use protocol::items::network::NetworkId;
use protocol::wire::codec::{Decode as _, Encode};
use protocol::wire::frame::Frame;
use protocol::wire::message::{Hello, Lane, Message, Tip, VERSION};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// The longest time that a test waits. Only a failure takes so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// One hostile connection. It ends when its value is dropped, if the node hasn't ended it before.
pub(crate) struct HostileClient {
    /// Streams that the client opened: control, bulk.
    writing: [Stream; 2],
    /// Streams that the node opened: control, bulk.
    reading: [Option<Stream>; 2],
    frames: FrameReader,
    /// Bytes read that belong to later frames.
    rest: Vec<u8>,
    /// Ends when the connection does.
    task: Option<JoinHandle<()>>,
}

/// A stream, the side that opened it, and its lane.
#[derive(Debug)]
struct Opened {
    by_us: bool,
    lane: Lane,
    stream: Stream,
}

/// A Hello of a node of `network` that knows only genesis.
pub(crate) fn hello(network: &str) -> Hello {
    let network: NetworkId = network.parse().expect("a name");
    Hello::new(&network, Tip { height: 0, id: network.genesis() })
}

/// The frame of a message, an ack, a ping or a pong.
pub(crate) fn frame(message: &impl Encode) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_frame(message, &mut bytes);
    bytes
}

/// Bytes after the length that a frame of them has.
pub(crate) fn framed(body: &[u8]) -> Vec<u8> {
    let mut bytes = prefix(body.len() as u64);
    bytes.extend_from_slice(body);
    bytes
}

/// The beginning of a frame of `bytes` bytes.
pub(crate) fn prefix(bytes: u64) -> Vec<u8> {
    let mut buffer = unsigned_varint::encode::u64_buffer();
    unsigned_varint::encode::u64(bytes, &mut buffer).to_vec()
}

impl HostileClient {
    /// Connects to a node of the network "test" under a new identity, and opens the lanes.
    pub(crate) async fn connect(address: &Multiaddr) -> Self {
        let network = "test".parse().expect("a name");
        let key = Keypair::generate_ed25519();
        let transport =
            transport::build(&key, &Arc::new(WireBytes::default()), None, &Dials::default()).expect("a transport");
        let config = swarm::Config::with_tokio_executor();
        let behaviour = Lanes { network, opened: VecDeque::new() };
        let mut swarm = Swarm::new(transport, behaviour, key.public().to_peer_id(), config);
        swarm.dial(address.clone()).expect("a dial");
        let (sender, mut opened) = mpsc::unbounded_channel();
        let task = tokio::spawn(drive(swarm, sender));
        let (mut writing, mut reading) = ([None, None], [None, None]);
        let wanted = async {
            while writing.iter().chain(&reading).any(Option::is_none) {
                let Opened { by_us, lane, stream } = opened.recv().await.expect("the connection stays open");
                let streams = if by_us { &mut writing } else { &mut reading };
                streams[index(lane)] = Some(stream);
            }
        };
        tokio::time::timeout(PATIENCE, wanted).await.expect("the lanes open in time");
        Self {
            writing: writing.map(|stream| stream.expect("open")),
            reading,
            frames: FrameReader::new(frame_bytes_max(Lane::Control)),
            rest: Vec::new(),
            task: Some(task),
        }
    }

    /// The same, after both sides have sent Hello.
    pub(crate) async fn greeted(address: &Multiaddr) -> Self {
        let mut client = Self::connect(address).await;
        client.write(Lane::Control, &frame(&Message::Hello(hello("test")))).await;
        client.expect("the node's hello", |message| matches!(message, Message::Hello(_))).await;
        client
    }

    /// Writes bytes as they are. False if the node accepts no more of them because it has disconnected.
    pub(crate) async fn write(&mut self, lane: Lane, bytes: &[u8]) -> bool {
        let stream = &mut self.writing[index(lane)];
        let written = async {
            stream.write_all(bytes).await?;
            stream.flush().await
        };
        tokio::time::timeout(PATIENCE, written).await.expect("taken or refused in time").is_ok()
    }

    /// From now on, everything that the node writes is read and forgotten, and the bulk lane's bytes are counted.
    pub(crate) fn drain(&mut self) -> Arc<AtomicU64> {
        let bulk = Arc::new(AtomicU64::new(0));
        let counted = [Arc::new(AtomicU64::new(0)), Arc::clone(&bulk)];
        for (stream, counted) in self.reading.iter_mut().zip(counted) {
            let mut stream = stream.take().expect("not drained");
            tokio::spawn(async move {
                let mut buffer = vec![0; 65_536];
                while let Ok(bytes @ 1..) = stream.read(&mut buffer).await {
                    counted.fetch_add(bytes as u64, Ordering::Relaxed);
                }
            });
        }
        bulk
    }

    /// Writes on a stream that the node opened, where nobody listens.
    pub(crate) async fn write_back(&mut self, lane: Lane, bytes: &[u8]) {
        let stream = self.reading[index(lane)].as_mut().expect("not drained");
        let written = async {
            stream.write_all(bytes).await?;
            stream.flush().await
        };
        // It may have left already.
        let _ = tokio::time::timeout(PATIENCE, written).await.expect("taken or refused in time");
    }

    /// Closes its half of a stream that the node opened.
    pub(crate) async fn close_back(&mut self, lane: Lane) {
        self.reading[index(lane)].as_mut().expect("not drained").close().await.expect("open");
    }

    /// Closes one of its own streams.
    pub(crate) async fn close_own(&mut self, lane: Lane) {
        self.writing[index(lane)].close().await.expect("open");
    }

    /// Reads the messages of the node on its control lane until `wanted` comes.
    pub(crate) async fn expect(&mut self, what: &str, wanted: impl Fn(&Message) -> bool) -> Message {
        let wanted = move |frame: Frame| match frame {
            Frame::Message(message) if wanted(&message) => Some(message),
            _ => None,
        };
        self.expect_frame(what, wanted).await
    }

    /// Reads the frames of the node on its control lane until `wanted` finds something in one.
    pub(crate) async fn expect_frame<T>(&mut self, what: &str, wanted: impl Fn(Frame) -> Option<T>) -> T {
        let read = async {
            loop {
                let frame = self.next().await.expect("the node speaks");
                if let Some(found) = wanted(frame) {
                    return found;
                }
            }
        };
        match tokio::time::timeout(PATIENCE, read).await {
            Ok(found) => found,
            Err(_) => panic!("waited in vain for {what}"),
        }
    }

    /// Reads on to the end of the control lane. Returns the reason of the last goodbye, if there was one.
    pub(crate) async fn goodbye(&mut self) -> Option<String> {
        let mut last = None;
        let read = async {
            while let Some(frame) = self.next().await {
                last = match frame {
                    Frame::Message(Message::Goodbye(reason)) => Some(reason.as_str().to_owned()),
                    _ => None,
                };
            }
        };
        tokio::time::timeout(PATIENCE, read).await.expect("the lane ends in time");
        last
    }

    /// Waits until the node has closed the connection.
    pub(crate) async fn closed(mut self) {
        let task = self.task.take().expect("not waited for yet");
        tokio::time::timeout(PATIENCE, task).await.expect("closed in time").expect("no panic");
    }

    async fn next(&mut self) -> Option<Frame> {
        loop {
            let mut input = self.rest.as_slice();
            let step = self.frames.feed(&mut input).expect("the node keeps the rules of the wire");
            self.rest = input.to_vec();
            match step {
                Step::Frame(frame) => {
                    return Some(Frame::from_bytes(&frame).expect("the node's frames decode"));
                }
                Step::Begun(_) => {}
                Step::More => {
                    let mut buffer = [0; 4096];
                    let control = self.reading[index(Lane::Control)].as_mut().expect("not drained");
                    let bytes = control.read(&mut buffer).await.ok()?;
                    if bytes == 0 {
                        return None;
                    }
                    self.rest = buffer[..bytes].to_vec();
                }
            }
        }
    }
}

impl Drop for HostileClient {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

const fn index(lane: Lane) -> usize {
    match lane {
        Lane::Control => 0,
        Lane::Bulk => 1,
    }
}

/// Runs a libp2p swarm until its connection ends.
async fn drive(mut swarm: Swarm<Lanes>, opened: mpsc::UnboundedSender<Opened>) {
    loop {
        match swarm.select_next_some().await {
            SwarmEvent::Behaviour(stream) => {
                // Nobody waits for more than the four lanes.
                let _ = opened.send(stream);
            }
            SwarmEvent::ConnectionClosed { .. } | SwarmEvent::OutgoingConnectionError { .. } => return,
            _ => {}
        }
    }
}

/// Hands a connection's streams out.
struct Lanes {
    network: NetworkId,
    opened: VecDeque<Opened>,
}

/// Opens both lanes and accepts the other side's.
struct LaneHandler {
    inbound: LaneProtocols,
    to_open: VecDeque<(Lane, StreamProtocol)>,
    opened: VecDeque<Opened>,
}

impl Lanes {
    fn handler(&self) -> LaneHandler {
        let name = |what| protocol_name(&self.network, what, VERSION);
        LaneHandler {
            inbound: LaneProtocols::new(&self.network),
            to_open: [(Lane::Control, name("control")), (Lane::Bulk, name("bulk"))].into(),
            opened: VecDeque::new(),
        }
    }
}

impl NetworkBehaviour for Lanes {
    type ConnectionHandler = LaneHandler;
    type ToSwarm = Opened;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler())
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler())
    }

    fn on_swarm_event(&mut self, _: FromSwarm<'_>) {}

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, opened: THandlerOutEvent<Self>) {
        self.opened.push_back(opened);
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Opened, THandlerInEvent<Self>>> {
        self.opened.pop_front().map_or(Poll::Pending, |opened| Poll::Ready(ToSwarm::GenerateEvent(opened)))
    }
}

impl ConnectionHandler for LaneHandler {
    type FromBehaviour = Infallible;
    type ToBehaviour = Opened;
    type InboundProtocol = LaneProtocols;
    type OutboundProtocol = ReadyUpgrade<StreamProtocol>;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = Lane;

    fn listen_protocol(&self) -> SubstreamProtocol<LaneProtocols> {
        SubstreamProtocol::new(self.inbound.clone(), ())
    }

    fn connection_keep_alive(&self) -> bool {
        true
    }

    fn on_behaviour_event(&mut self, order: Infallible) {
        match order {}
    }

    fn on_connection_event(
        &mut self,
        event: ConnectionEvent<'_, LaneProtocols, Self::OutboundProtocol, (), Lane>,
    ) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound {
                protocol: (lane, stream), ..
            }) => {
                self.opened.push_back(Opened { by_us: false, lane, stream });
            }
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound { protocol: stream, info: lane }) => {
                self.opened.push_back(Opened { by_us: true, lane, stream });
            }
            _ => {}
        }
    }

    fn poll(
        &mut self,
        _: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<Self::OutboundProtocol, Lane, Self::ToBehaviour>> {
        if let Some((lane, name)) = self.to_open.pop_front() {
            let protocol = SubstreamProtocol::new(ReadyUpgrade::new(name), lane);
            return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol });
        }
        let opened = self.opened.pop_front();
        opened.map_or(Poll::Pending, |opened| Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(opened)))
    }
}
