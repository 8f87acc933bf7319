//! Kademlia, for finding peers only: no record is accepted, kept or published.
//!
//! libp2p's own Kademlia tells the result of a query, but not which peer told what. The [address
//! book](crate::net::discovery::book) counts by source. So this behaviour reads the answers on their way to
//! libp2p's: each becomes an [`Answer`], and the service hears nothing else from Kademlia.
//!
//! Its own table of peers follows the same idea. It holds at most [`GROUP_PEERS_MAX`] peers of one address group.
//! Otherwise random walks would meet only the peers of a party that makes up identities. A group's newcomers are
//! rationed, as in the book. The group that counts is the one from which a peer was connected when it entered the
//! table. Its claimed address does not count: a peer could claim any group, and shut that group out. Peers of
//! private networks have no such limit. An entry has at most [`PEER_ADDRESSES_MAX`] addresses, because libp2p sets
//! no limit. With all of IPv6 and QUIC, an answer that names 20 peers is 20 × (10 × 66 + 48) = 14,160 bytes, and
//! one of 16 KiB is too large.

use std::collections::{BTreeMap, BTreeSet};
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
use protocol::time::{Duration as Span, Time};

use crate::net::discovery::book::{Group, PEER_ADDRESSES_MAX, Rates, slot_group};

/// Peers of one address group in the table. go-libp2p allows 3; we allow a few more, for small networks.
pub const GROUP_PEERS_MAX: usize = 8;
/// How long a newcomer to a full bucket may wait for a place: libp2p's 60 s, and some more.
const PENDING_TIME: Span = Span::from_secs(90);

type Inner = kad::Behaviour<MemoryStore>;
type Report = THandlerOutEvent<Inner>;

/// A peer's answer to the question which peers are near some key.
#[derive(Debug)]
pub struct Answer {
    /// The connection on which it came.
    pub connection: ConnectionId,
    /// The peers that it named, and their addresses.
    pub peers: Vec<KadPeer>,
}

/// The behaviour.
pub struct Kademlia {
    inner: Inner,
    answers: Vec<Answer>,
    rates: Rates,
    /// From which group each peer in the table came, and when; public groups only. There is at most one entry for
    /// each peer in the table, and for each that waits for a place there.
    sources: BTreeMap<PeerId, (Group, Time)>,
}

impl Kademlia {
    /// A table without peers.
    #[must_use]
    pub fn new(local: PeerId, protocol: StreamProtocol) -> Self {
        let nothing = MemoryStoreConfig { max_records: 0, max_provided_keys: 0, ..MemoryStoreConfig::default() };
        let mut config = kad::Config::new(protocol);
        config
            .set_record_filtering(kad::StoreInserts::FilterBoth)
            .set_replication_interval(None)
            .set_publication_interval(None)
            .set_provider_publication_interval(None)
            .set_caching(kad::Caching::Disabled)
            // `add_address` alone decides which peers are in the table.
            .set_kbucket_inserts(kad::BucketInserts::Manual)
            .set_query_timeout(Duration::from_secs(20));
        let mut inner = Inner::with_config(local, MemoryStore::with_config(local, nothing), config);
        inner.set_mode(Some(kad::Mode::Server));
        Self { inner, answers: Vec::new(), rates: Rates::default(), sources: BTreeMap::new() }
    }

    /// A peer told, on a connection from `from`, that it is reached at these addresses, the best first. `source`
    /// is the group of `from`, as the book counts groups.
    pub fn on_told(&mut self, peer: &PeerId, told: &[Multiaddr], from: &Multiaddr, source: Group, now: Time) {
        let told: Vec<_> =
            told.iter().take(PEER_ADDRESSES_MAX).filter_map(|told| told.clone().with_p2p(*peer).ok()).collect();
        if told.is_empty() {
            return;
        }
        if let Some(held) = self.addresses_of(peer) {
            let old = held.into_iter().filter(|held| !told.contains(held));
            let excess: Vec<_> = old.skip(PEER_ADDRESSES_MAX.saturating_sub(told.len())).collect();
            for address in told {
                let _ = self.inner.add_address(peer, address);
            }
            for address in &excess {
                let _ = self.inner.remove_address(peer, address);
            }
            return;
        }
        if !self.rates.take(source, now) || !self.has_room(peer, slot_group(from), now) {
            return;
        }
        // A peer that waits for a place waits anew, with these addresses only.
        self.inner.remove_peer(peer);
        let mut added = told.into_iter().map(|address| self.inner.add_address(peer, address));
        if added.any(|added| matches!(added, kad::RoutingUpdate::Failed)) {
            return;
        }
        if let Some(group) = slot_group(from) {
            self.sources.insert(*peer, (group, now));
        }
    }

    /// The addresses of a peer in the table.
    pub fn addresses_of(&mut self, peer: &PeerId) -> Option<Vec<Multiaddr>> {
        let bucket = self.inner.kbucket(*peer)?;
        let entry = bucket.iter().find(|entry| entry.node.key.preimage() == peer)?;
        Some(entry.node.value.iter().cloned().collect())
    }

    /// Looks up a random key.
    pub fn walk(&mut self) {
        self.inner.get_closest_peers(PeerId::random());
    }

    /// Whether a newcomer of this group may come into the table.
    fn has_room(&mut self, peer: &PeerId, group: Option<Group>, now: Time) -> bool {
        let mut there = BTreeSet::new();
        for bucket in self.inner.kbuckets() {
            there.extend(bucket.iter().map(|entry| *entry.node.key.preimage()));
        }
        self.sources.retain(|peer, (_, since)| there.contains(peer) || now.since(*since) < PENDING_TIME);
        let of = |group| self.sources.iter().filter(|(other, (from, _))| *other != peer && *from == group).count();
        group.is_none_or(|group| of(group) < GROUP_PEERS_MAX)
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
