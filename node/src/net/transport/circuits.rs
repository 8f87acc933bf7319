//! Circuits beside direct connections: relayed addresses go to libp2p's relay client, and all others to the transport
//! below. A circuit has noise and yamux of its own, with the bounds of every connection, so a relay reads nothing.
//!
//! A circuit is dialled [`HEAD_START`] after the direct addresses of the same peer, because it costs somebody else's
//! bytes. Its bytes are counted and limited where they pass: on the connection to the relay.
//!
//! Setups of circuits have no places of their own (`setups.rs`). Each needs a stream of the connection to the relay,
//! and a connection has 8 of each side.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use libp2p::core::muxing::StreamMuxerBox;
use libp2p::core::transport::{Boxed, DialOpts, ListenerId, TransportError, TransportEvent};
use libp2p::core::upgrade::Version;
use libp2p::identity::Keypair;
use libp2p::{Multiaddr, PeerId, Transport, noise, relay};
use tokio::time::sleep;

use super::muxer::Yamux;
use super::own::HEAD_START;
use super::{SETUP_TIMEOUT, TransportSetupError};
use crate::net::addresses::is_relayed;

type Connection = (PeerId, StreamMuxerBox);

/// Both transports.
pub(crate) struct Circuits {
    relayed: Boxed<Connection>,
    direct: Boxed<Connection>,
}

impl Circuits {
    /// A transport that dials relayed addresses with `client`, and all others with `direct`.
    pub(crate) fn new(
        identity: &Keypair,
        client: relay::client::Transport,
        direct: Boxed<Connection>,
    ) -> Result<Self, TransportSetupError> {
        let relayed = client
            .upgrade(Version::V1Lazy)
            .authenticate(noise::Config::new(identity)?)
            .multiplex(Yamux)
            .timeout(SETUP_TIMEOUT)
            .map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)))
            .boxed();
        Ok(Self { relayed, direct })
    }

    fn of(&mut self, address: &Multiaddr) -> &mut Boxed<Connection> {
        if is_relayed(address) { &mut self.relayed } else { &mut self.direct }
    }
}

impl Transport for Circuits {
    type Output = Connection;
    type Error = io::Error;
    type ListenerUpgrade = <Boxed<Connection> as Transport>::ListenerUpgrade;
    type Dial = BoxFuture<'static, io::Result<Connection>>;

    fn listen_on(&mut self, id: ListenerId, address: Multiaddr) -> Result<(), TransportError<io::Error>> {
        self.of(&address).listen_on(id, address)
    }

    fn remove_listener(&mut self, id: ListenerId) -> bool {
        self.direct.remove_listener(id) || self.relayed.remove_listener(id)
    }

    fn dial(&mut self, address: Multiaddr, opts: DialOpts) -> Result<Self::Dial, TransportError<io::Error>> {
        let waits = is_relayed(&address);
        let dial = self.of(&address).dial(address, opts)?;
        Ok(async move {
            if waits {
                sleep(HEAD_START).await;
            }
            dial.await
        }
        .boxed())
    }

    fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<TransportEvent<Self::ListenerUpgrade, io::Error>> {
        match Transport::poll(Pin::new(&mut self.direct), cx) {
            Poll::Pending => Transport::poll(Pin::new(&mut self.relayed), cx),
            ready => ready,
        }
    }
}
