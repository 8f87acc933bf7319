//! Kademlia, for finding peers only: no record is taken, kept or published.
//!
//! libp2p's own tells what a query has come to, and not who told what. The [address book](crate::book) counts by source. So this
//! behaviour looks at the answers on their way to libp2p's: each becomes an [`Answer`], which is all that the service hears
//! of Kademlia.
//!
//! Its own table of peers follows the same idea: of one address group at most [`GROUP_PEERS_MAX`] are in it, otherwise
//! whoever makes up identities would be all that random walks meet. Those of private networks are exempt.

use std::task::{Context, Poll};
use std::time::Duration;

use libp2p::core::transport::PortUse;
use libp2p::core::{Endpoint, Multiaddr};
use libp2p::kad::store::{MemoryStore, MemoryStoreConfig};
use libp2p::kad::{self, KadPeer};
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent, THandlerOutEvent,
    ToSwarm,
};
use libp2p::{PeerId, StreamProtocol};

use crate::book::{Group, slot_group};

/// Peers of one address group in the table; go-libp2p's has 3, ours a few more for networks that are small.
pub(crate) const GROUP_PEERS_MAX: usize = 8;

type Inner = kad::Behaviour<MemoryStore>;
type Report = THandlerOutEvent<Inner>;

/// What a peer answered when it was asked who is near some key.
#[derive(Debug)]
pub(crate) struct Answer {
    /// By which connection.
    pub(crate) connection: ConnectionId,
    /// Whom it named, and where.
    pub(crate) peers: Vec<KadPeer>,
}

/// The behaviour.
pub(crate) struct Kademlia {
    inner: Inner,
    answers: Vec<Answer>,
}

impl Kademlia {
    pub(crate) fn new(local: PeerId, protocol: StreamProtocol) -> Self {
        let nothing = MemoryStoreConfig { max_records: 0, max_provided_keys: 0, ..MemoryStoreConfig::default() };
        let mut config = kad::Config::new(protocol);
        config
            .set_record_filtering(kad::StoreInserts::FilterBoth)
            .set_replication_interval(None)
            .set_publication_interval(None)
            .set_provider_publication_interval(None)
            .set_caching(kad::Caching::Disabled)
            // Who is in the table is decided by `add_address` alone.
            .set_kbucket_inserts(kad::BucketInserts::Manual)
            .set_query_timeout(Duration::from_secs(20));
        let mut inner = Inner::with_config(local, MemoryStore::with_config(local, nothing), config);
        inner.set_mode(Some(kad::Mode::Server));
        Self { inner, answers: Vec::new() }
    }

    /// A peer told that it is reached there.
    pub(crate) fn add_address(&mut self, peer: &PeerId, address: Multiaddr) {
        let group = slot_group(&address);
        if group.is_none_or(|group| self.others_in(group, peer) < GROUP_PEERS_MAX) {
            self.inner.add_address(peer, address);
        }
    }

    /// Looks up a random key.
    pub(crate) fn walk(&mut self) {
        self.inner.get_closest_peers(PeerId::random());
    }

    fn others_in(&mut self, group: Group, peer: &PeerId) -> usize {
        let mut others = 0;
        for bucket in self.inner.kbuckets() {
            for entry in bucket.iter().filter(|entry| entry.node.key.preimage() != peer) {
                others += usize::from(entry.node.value.iter().any(|address| slot_group(address) == Some(group)));
            }
        }
        others
    }
}

impl NetworkBehaviour for Kademlia {
    type ConnectionHandler = <Inner as NetworkBehaviour>::ConnectionHandler;
    type ToSwarm = Answer;

    fn handle_pending_inbound_connection(
        &mut self,
        id: ConnectionId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        self.inner.handle_pending_inbound_connection(id, local, remote)
    }

    fn handle_established_inbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.inner.handle_established_inbound_connection(id, peer, local, remote)
    }

    fn handle_pending_outbound_connection(
        &mut self,
        id: ConnectionId,
        peer: Option<PeerId>,
        addresses: &[Multiaddr],
        role: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        self.inner.handle_pending_outbound_connection(id, peer, addresses, role)
    }

    fn handle_established_outbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        address: &Multiaddr,
        role: Endpoint,
        port: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.inner.handle_established_outbound_connection(id, peer, address, role, port)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        self.inner.on_swarm_event(event);
    }

    fn on_connection_handler_event(&mut self, peer: PeerId, connection: ConnectionId, report: Report) {
        if let Report::FindNodeRes { closer_peers, .. } = &report {
            self.answers.push(Answer { connection, peers: closer_peers.clone() });
        }
        self.inner.on_connection_handler_event(peer, connection, report);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<Answer, THandlerInEvent<Self>>> {
        if let Some(answer) = self.answers.pop() {
            return Poll::Ready(ToSwarm::GenerateEvent(answer));
        }
        loop {
            match self.inner.poll(cx) {
                Poll::Ready(ToSwarm::GenerateEvent(_)) => {}
                Poll::Ready(other) => {
                    return Poll::Ready(
                        other
                            .map_out(|_| Answer { connection: ConnectionId::new_unchecked(0), peers: Vec::new() }),
                    );
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}
