//! Dials that may only lead to the node that was meant: a transport around the one that connects.
//!
//! It refuses an address of one of this node's listeners before anything is sent. The spelling of the address does
//! not matter, and Kademlia's dials are refused as well. Otherwise addresses that many hosts share, such as a
//! container engine's 172.17.0.1, would be answered by ourselves, faster than by any other node. It does not dial
//! a banned address either.
//!
//! It also checks which node answered while there may still be other addresses to try. (libp2p takes the first
//! address of a peer that answers, and gives the peer up if the answer came from another node.) If a node answers
//! with our own id, that is noted at once. The dial may go on to other addresses, succeed there, or take long.
//! Addresses in networks that are not ours wait a little for the other addresses. So they are only tried if they
//! may be needed.
//!
//! It resolves no names. It lies below the part that does, so that each address to which a name
//! leads is judged by itself.

use std::collections::{HashMap, HashSet};
use std::future::poll_fn;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use libp2p::core::muxing::{StreamMuxer as _, StreamMuxerBox};
use libp2p::core::transport::{Boxed, DialOpts, ListenerId, TransportError, TransportEvent};
use libp2p::{Multiaddr, PeerId, Transport};
use tokio::time::{sleep, timeout};

use crate::net::addresses::{goes_first, ip_of, plain, relay_of, split_peer};
use crate::net::bans::{BANS_MAX, block_of};
use crate::net::discovery::own_key::SIGNS_MAX;
use crate::observe::errors::chain;

/// How long addresses that may lead to the wrong machine wait for the other addresses of the peer. These are
/// addresses in private networks that are not ours, link-local ones, and those that lead to this machine, unless
/// it has no other network. Two round trips around the world, which a handshake takes, are less. An IP address
/// that the operator gave does not wait; one to which a name leads does.
pub const HEAD_START: Duration = Duration::from_millis(500);

/// How long the orderly end of a connection to the wrong node may take.
const OWN_CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Why one address did not lead to a connection.
#[derive(Debug, thiserror::Error)]
pub enum DialRefusal {
    /// One of our own listeners has this address.
    #[error("{0} is an address of this node itself")]
    OwnAddress(Multiaddr),
    /// The node that answered has our key: this node behind another address, or a second
    /// machine with the same key.
    #[error("{0} answered with this node's own id")]
    OwnId(Multiaddr),
    /// A peer there misbehaved a short while ago.
    #[error("{0} is banned for now, because somebody there misbehaved")]
    Banned(Multiaddr),
    /// Another node answered than the one that was meant.
    #[error("{address} answered as {found}, not as {wanted}")]
    WrongId {
        /// The address.
        address: Multiaddr,
        /// The node that was meant.
        wanted: PeerId,
        /// The node that answered.
        found: PeerId,
    },
    /// No connection opened.
    #[error("{address}: {}", chain(.source))]
    Failed {
        /// The address.
        address: Multiaddr,
        /// The reason.
        source: io::Error,
    },
}

/// Settings that dials get once, and what they report.
#[derive(Clone, Debug, Default)]
pub struct Dials {
    /// The addresses that the operator gave. Only these may have names.
    pub fixed: HashSet<Multiaddr>,
    /// Addresses that answered with our own id. They are taken out now and then. A few dials may be under way at
    /// once, so [`SIGNS_MAX`] of them are kept.
    own_answers: Arc<Mutex<Vec<Multiaddr>>>,
    /// Addresses at which no peer is dialled; for IPv6, the /64. [`BANS_MAX`] at most.
    banned: Arc<Mutex<HashSet<IpAddr>>>,
    /// Addresses of short dials that wait for no others, because there are none to wait for.
    at_once: Arc<Mutex<HashSet<Multiaddr>>>,
}

impl Dials {
    /// For a node with these fixed addresses, with `/p2p` or without.
    pub fn new<'a>(fixed: impl IntoIterator<Item = &'a Multiaddr>) -> Self {
        // Of a relayed one, the relay has to be dialled.
        let with_relay = |address: Multiaddr| {
            let relay = relay_of(&address).map(|(relay, _)| relay);
            std::iter::once(address).chain(relay)
        };
        Self { fixed: fixed.into_iter().map(plain).flat_map(with_relay).collect(), ..Self::default() }
    }

    /// Where a node answered with our own id since the last call.
    #[must_use]
    pub fn take_own_answers(&self) -> Vec<Multiaddr> {
        std::mem::take(&mut self.own_answers.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Addresses that are not dialled from now on, whichever part of the node asks for it.
    pub fn set_banned(&self, banned: impl IntoIterator<Item = IpAddr>) {
        let banned = banned.into_iter().map(block_of).take(BANS_MAX).collect();
        *self.banned.lock().unwrap_or_else(PoisonError::into_inner) = banned;
    }

    /// These addresses wait for no others from now on.
    pub fn set_at_once(&self, addresses: impl IntoIterator<Item = Multiaddr>) {
        let addresses = addresses.into_iter().map(|address| plain(&address)).collect();
        *self.at_once.lock().unwrap_or_else(PoisonError::into_inner) = addresses;
    }

    fn waits_for_none(&self, address: &Multiaddr) -> bool {
        let at_once = self.at_once.lock().unwrap_or_else(PoisonError::into_inner);
        self.fixed.contains(address) || at_once.contains(address)
    }

    fn is_banned(&self, address: &Multiaddr) -> bool {
        let banned = self.banned.lock().unwrap_or_else(PoisonError::into_inner);
        ip_of(address).is_some_and(|ip| banned.contains(&block_of(ip)))
    }

    fn note(&self, answered: &Multiaddr) {
        let mut answers = self.own_answers.lock().unwrap_or_else(PoisonError::into_inner);
        if answers.len() < SIGNS_MAX {
            answers.push(answered.clone());
        }
    }
}

type Connection = (PeerId, StreamMuxerBox);

/// The transport.
pub(crate) struct Guard {
    local: PeerId,
    inner: Boxed<Connection>,
    dials: Dials,
    listening: HashMap<ListenerId, Vec<Multiaddr>>,
}

impl Guard {
    /// A transport around `inner`, for the node with this id.
    pub(crate) fn new(local: PeerId, inner: Boxed<Connection>, dials: Dials) -> Self {
        Self { local, inner, dials, listening: HashMap::new() }
    }

    /// How long other addresses go first.
    fn head_start(&self, address: &Multiaddr) -> Duration {
        let own: Vec<IpAddr> = self.listening.values().flatten().filter_map(ip_of).collect();
        let first = self.dials.waits_for_none(address) || goes_first(address, &own);
        if first { Duration::ZERO } else { HEAD_START }
    }

    fn is_own(&self, address: &Multiaddr) -> bool {
        self.listening.values().flatten().any(|own| own == address)
    }

    fn note(&mut self, event: &TransportEvent<<Self as Transport>::ListenerUpgrade, io::Error>) {
        match event {
            TransportEvent::NewAddress { listener_id, listen_addr } => {
                self.listening.entry(*listener_id).or_default().push(plain(listen_addr));
            }
            TransportEvent::AddressExpired { listener_id, listen_addr } => {
                let expired = plain(listen_addr);
                self.listening.entry(*listener_id).or_default().retain(|own| *own != expired);
            }
            TransportEvent::ListenerClosed { listener_id, .. } => {
                self.listening.remove(listener_id);
            }
            _ => {}
        }
    }
}

impl Transport for Guard {
    type Output = Connection;
    /// Contains a [`DialRefusal`], if a dial failed.
    type Error = io::Error;
    type ListenerUpgrade = <Boxed<Connection> as Transport>::ListenerUpgrade;
    type Dial = BoxFuture<'static, io::Result<Connection>>;

    fn listen_on(&mut self, id: ListenerId, address: Multiaddr) -> Result<(), TransportError<io::Error>> {
        self.inner.listen_on(id, address)
    }

    fn remove_listener(&mut self, id: ListenerId) -> bool {
        self.inner.remove_listener(id)
    }

    fn dial(&mut self, address: Multiaddr, opts: DialOpts) -> Result<Self::Dial, TransportError<io::Error>> {
        let bare = plain(&address);
        if self.is_own(&bare) {
            return Err(TransportError::Other(io::Error::other(DialRefusal::OwnAddress(bare))));
        }
        if self.dials.is_banned(&bare) {
            return Err(TransportError::Other(io::Error::other(DialRefusal::Banned(bare))));
        }
        let head_start = self.head_start(&bare);
        let (local, wanted, dials) = (self.local, split_peer(&address).1, self.dials.clone());
        let dial = self.inner.dial(address, opts)?;
        Ok(async move {
            sleep(head_start).await;
            let connected = dial.await;
            let connected = connected.map_err(|source| DialRefusal::Failed { address: bare.clone(), source });
            let (found, muxer) = connected.map_err(io::Error::other)?;
            if found == local {
                dials.note(&bare);
            }
            let refusal = match wanted {
                _ if found == local => DialRefusal::OwnId(bare),
                Some(wanted) if wanted != found => DialRefusal::WrongId { address: bare, wanted, found },
                _ => return Ok((found, muxer)),
            };
            part(muxer, found == local).await;
            Err(io::Error::other(refusal))
        }
        .boxed())
    }

    fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<TransportEvent<Self::ListenerUpgrade, io::Error>> {
        let event = ready!(Transport::poll(Pin::new(&mut self.inner), cx));
        self.note(&event);
        Poll::Ready(event)
    }
}

/// Gives up a connection. With `listen` it first waits until the other end has closed the connection. An end with
/// our own id does so as soon as it notices. If we cut it off earlier, it might end there before that end knows
/// whose it was.
async fn part(mut muxer: StreamMuxerBox, listen: bool) {
    let _ = timeout(OWN_CLOSE_TIMEOUT, async {
        while listen && poll_fn(|cx| Pin::new(&mut muxer).poll(cx)).await.is_ok() {}
        poll_fn(|cx| Pin::new(&mut muxer).poll_close(cx)).await
    })
    .await;
}
