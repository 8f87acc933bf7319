//! A protocol of its own, of one message: who dials a member for a moment hands it the accusation of it, so that it
//! can refute. The dialling side opens a stream, writes the accusation, and closes the stream.
//!
//! * No stream brings more than [`ACCUSATION_BYTES_MAX`] bytes, and none may take longer than [`HAND_OVER_TIMEOUT`].
//! * A connection has only one stream of this protocol under way in each direction, and hands over one accusation.
//!   Others are read and ignored.
//!
//! Deliberately absent: whether the accusation is any good. The engine looks at it before it checks the signature.

use std::collections::{HashSet, VecDeque};
use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::io::{AsyncReadExt as _, AsyncWriteExt as _};
use libp2p::core::transport::PortUse;
use libp2p::core::upgrade::{InboundUpgrade, OutboundUpgrade, UpgradeInfo};
use libp2p::core::{Endpoint, Multiaddr};
use libp2p::swarm::handler::{OneShotHandler, OneShotHandlerConfig};
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, NotifyHandler, SubstreamProtocol, THandler,
    THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use libp2p::{PeerId, Stream, StreamProtocol};
use protocol::items::member::accusation::SignedAccusation;
use protocol::items::network::NetworkId;
use protocol::limits::ACCUSATION_BYTES_MAX;
use protocol::wire::codec::{Decode as _, Encode as _};

use crate::net::handler::protocol_name;

/// The version of the protocol.
const ACCUSE_VERSION: u64 = 1;

/// How long the stream with an accusation may take, from its opening to its end.
const HAND_OVER_TIMEOUT: Duration = Duration::from_secs(3);

/// What happened.
#[derive(Debug)]
pub(crate) enum AccuseEvent {
    /// Somebody handed over an accusation.
    Accused(SignedAccusation),
    /// This node has handed one over on this connection, or could not.
    Done(ConnectionId),
}

/// The behaviour.
pub(crate) struct Accuse {
    name: StreamProtocol,
    actions: VecDeque<ToSwarm<AccuseEvent, HandOver>>,
    /// Connections that have brought their accusation.
    heard: HashSet<ConnectionId>,
}

impl Accuse {
    /// A behaviour for nodes of this network.
    #[must_use]
    pub(crate) fn new(network: &NetworkId) -> Self {
        let name = protocol_name(network, "accuse", ACCUSE_VERSION);
        Self { name, actions: VecDeque::new(), heard: HashSet::new() }
    }

    /// Hands an accusation to a peer, on a connection that is open.
    pub(crate) fn hand_over(&mut self, peer: PeerId, id: ConnectionId, accusation: &SignedAccusation) {
        let event = HandOver { name: self.name.clone(), accusation: accusation.to_bytes() };
        self.actions.push_back(ToSwarm::NotifyHandler { peer_id: peer, handler: NotifyHandler::One(id), event });
    }

    fn handler(&self) -> OneShotHandler<TakeOver, HandOver, Option<SignedAccusation>> {
        let listen =
            SubstreamProtocol::new(TakeOver { name: self.name.clone() }, ()).with_timeout(HAND_OVER_TIMEOUT);
        let config =
            OneShotHandlerConfig { outbound_substream_timeout: HAND_OVER_TIMEOUT, max_dial_negotiated: 1 };
        OneShotHandler::new(listen, config)
    }
}

impl NetworkBehaviour for Accuse {
    /// Tells of an accusation that came, and with `None` that one has gone.
    type ConnectionHandler = OneShotHandler<TakeOver, HandOver, Option<SignedAccusation>>;
    type ToSwarm = AccuseEvent;

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

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        if let FromSwarm::ConnectionClosed(closed) = event {
            self.heard.remove(&closed.connection_id);
        }
    }

    fn on_connection_handler_event(&mut self, _: PeerId, id: ConnectionId, event: THandlerOutEvent<Self>) {
        let event = match event {
            Ok(Some(accusation)) if self.heard.insert(id) => AccuseEvent::Accused(accusation),
            Ok(Some(_)) => return,
            Ok(None) | Err(_) => AccuseEvent::Done(id),
        };
        self.actions.push_back(ToSwarm::GenerateEvent(event));
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<AccuseEvent, THandlerInEvent<Self>>> {
        self.actions.pop_front().map_or(Poll::Pending, Poll::Ready)
    }
}

/// Reads an accusation.
#[derive(Clone, Debug)]
pub(crate) struct TakeOver {
    name: StreamProtocol,
}

/// Writes an accusation.
#[derive(Clone, Debug)]
pub(crate) struct HandOver {
    name: StreamProtocol,
    accusation: Vec<u8>,
}

impl UpgradeInfo for TakeOver {
    type Info = StreamProtocol;
    type InfoIter = std::iter::Once<StreamProtocol>;

    fn protocol_info(&self) -> Self::InfoIter {
        std::iter::once(self.name.clone())
    }
}

impl UpgradeInfo for HandOver {
    type Info = StreamProtocol;
    type InfoIter = std::iter::Once<StreamProtocol>;

    fn protocol_info(&self) -> Self::InfoIter {
        std::iter::once(self.name.clone())
    }
}

impl InboundUpgrade<Stream> for TakeOver {
    type Output = Option<SignedAccusation>;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Self::Output>>;

    fn upgrade_inbound(self, stream: Stream, _: StreamProtocol) -> Self::Future {
        Box::pin(async move {
            let mut bytes = Vec::with_capacity(ACCUSATION_BYTES_MAX);
            // One byte more shows that there is too much.
            stream.take(ACCUSATION_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).await?;
            SignedAccusation::from_bytes(&bytes.into()).map(Some).map_err(io::Error::other)
        })
    }
}

impl OutboundUpgrade<Stream> for HandOver {
    type Output = Option<SignedAccusation>;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Self::Output>>;

    fn upgrade_outbound(self, mut stream: Stream, _: StreamProtocol) -> Self::Future {
        Box::pin(async move {
            stream.write_all(&self.accusation).await?;
            stream.close().await?;
            // The peer closes its half when it has read everything. It has nothing to say.
            stream.take(1).read_to_end(&mut Vec::new()).await?;
            Ok(None)
        })
    }
}
