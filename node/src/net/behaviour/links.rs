//! The connections: what is known about each, which of them are gossip peers, and by which handle.
//!
//! Deliberately absent: which connection gets a slot (`slots.rs`), and what follows when one is
//! gained or lost (`peers.rs`).

use std::collections::HashMap;

use libp2p::swarm::ConnectionId;
use libp2p::{Multiaddr, PeerId};
use protocol::gossip::PeerHandle;
use protocol::time::{Duration, Time};
use protocol::wire::message::GoodbyeReason;

use crate::net::discovery::book::Allowance;
use crate::net::reason::{CloseReason, blames};
use crate::observe::metrics::LinkTraffic;

/// Bytes of a peer's agent string that are kept.
const AGENT_BYTES_MAX: usize = 64;

/// A peer may tell about itself once in this time on one connection. Honest nodes repeat it every five minutes.
const IDENTIFY_INTERVAL: Duration = Duration::from_secs(5);
/// How many such messages may come at once: a connection begins with one, and each change of the protocols that
/// are spoken on it brings another.
const IDENTIFY_BURST: u64 = 4;

/// A connection, in the form that others may see.
#[derive(Clone, Debug)]
pub struct Link {
    /// The peer's id.
    pub peer: PeerId,
    /// Its address on this connection.
    pub address: Multiaddr,
    /// Whether we dialled.
    pub outbound: bool,
    /// When the connection opened.
    pub since: Time,
    /// The peer's software, by its own word to identify.
    pub agent: Option<String>,
    /// The lowest round trip of our pings on it.
    pub round_trip: Option<Duration>,
    /// Bytes of its messages.
    pub traffic: LinkTraffic,
    /// Its handle, while it is a gossip peer.
    handle: Option<PeerHandle>,
    pub(super) reserved: bool,
    /// Dialled at a fixed address.
    pub(super) fixed: bool,
    /// How many other outbound peers there may be in its address group.
    pub(super) beside: usize,
    /// Why it lost its slot.
    pub(super) lost: Option<CloseReason>,
    /// Why its peer closes it, by the peer's goodbye.
    pub(super) told: Option<GoodbyeReason>,
    /// How many more messages of identify are taken in on it.
    heard: Allowance,
}

/// What is known about a connection when it opens.
pub(super) struct New {
    pub(super) peer: PeerId,
    pub(super) address: Multiaddr,
    pub(super) outbound: bool,
    pub(super) reserved: bool,
    pub(super) fixed: bool,
    pub(super) traffic: LinkTraffic,
    pub(super) beside: usize,
}

/// All connections, and which of them are gossip peers. A handle is given once in a run.
#[derive(Debug, Default)]
pub(super) struct Links {
    links: HashMap<ConnectionId, Link>,
    handles: HashMap<PeerHandle, ConnectionId>,
    next_handle: u32,
}

impl Link {
    /// Whether it counts for the outbound slots.
    #[must_use]
    pub const fn is_dialled(&self) -> bool {
        self.outbound && !self.reserved
    }

    /// Why it ends, once its peer's goodbye is taken into account. A peer that makes room for another has no slot
    /// for us, and is asked again later.
    pub(super) fn end(&self, reason: CloseReason) -> CloseReason {
        let evicted = self.told.as_ref().is_some_and(|told| !blames(told));
        if reason == CloseReason::ClosedByPeer && self.outbound && evicted {
            CloseReason::Declined
        } else {
            reason
        }
    }

    /// Whether we dialled it for a slot and its peer closed it without a goodbye.
    pub(super) fn was_cut(&self) -> bool {
        self.outbound && self.told.is_none() && self.lost == Some(CloseReason::ClosedByPeer)
    }

    /// Records a round trip. Only the lowest counts. Returns whether this one is it.
    pub(super) fn measured(&mut self, took: Duration) -> bool {
        let lowest = self.round_trip.is_none_or(|least| took < least);
        if lowest {
            self.round_trip = Some(took);
        }
        lowest
    }
}

impl Links {
    /// A connection has opened. It has no handle yet.
    pub(super) fn insert(&mut self, id: ConnectionId, new: New, since: Time) {
        let New { peer, address, outbound, reserved, fixed, beside, traffic } = new;
        let link = Link {
            peer,
            address,
            outbound,
            since,
            agent: None,
            round_trip: None,
            traffic,
            handle: None,
            reserved,
            fixed,
            beside,
            lost: None,
            told: None,
            heard: Allowance::default(),
        };
        self.links.insert(id, link);
    }

    pub(super) fn remove(&mut self, id: ConnectionId) -> Option<Link> {
        self.links.remove(&id)
    }

    pub(super) fn get(&self, id: ConnectionId) -> Option<&Link> {
        self.links.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: ConnectionId) -> Option<&mut Link> {
        self.links.get_mut(&id)
    }

    pub(super) fn ids(&self) -> Vec<ConnectionId> {
        self.links.keys().copied().collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    /// The connection becomes a gossip peer: gives it the next handle. `None` if it is one already.
    pub(super) fn give_handle(&mut self, id: ConnectionId) -> Option<(PeerHandle, &Link)> {
        let link = self.links.get_mut(&id).filter(|link| link.handle.is_none())?;
        let handle = PeerHandle(self.next_handle);
        // At one connection a second, four billion connections in one run would take more than a century.
        self.next_handle = self.next_handle.saturating_add(1);
        link.handle = Some(handle);
        self.handles.insert(handle, id);
        Some((handle, link))
    }

    /// The connection is no longer a gossip peer.
    pub(super) fn take_handle(&mut self, id: ConnectionId) -> Option<PeerHandle> {
        let handle = self.links.get_mut(&id)?.handle.take()?;
        self.handles.remove(&handle);
        Some(handle)
    }

    /// The handle of a connection, while it is a gossip peer.
    pub(super) fn handle_of(&self, id: ConnectionId) -> Option<PeerHandle> {
        self.links.get(&id)?.handle
    }

    /// The connection that has a handle.
    pub(super) fn with_handle(&self, handle: PeerHandle) -> Option<ConnectionId> {
        self.handles.get(&handle).copied()
    }

    /// The peer that has a handle, while it is connected.
    pub(super) fn peer_of(&self, handle: PeerHandle) -> Option<PeerId> {
        self.with_handle(handle).and_then(|id| self.links.get(&id)).map(|link| link.peer)
    }

    /// Gossip peers and their handles.
    pub(super) fn peers(&self) -> impl Iterator<Item = (PeerHandle, &Link)> {
        self.handles.iter().filter_map(|(handle, id)| Some((*handle, self.links.get(id)?)))
    }

    /// Whether this node listens now to what a peer tells about itself on a connection.
    pub(super) fn may_hear(&mut self, id: ConnectionId, now: Time) -> bool {
        self.links.get_mut(&id).is_some_and(|link| link.heard.take(IDENTIFY_INTERVAL, IDENTIFY_BURST, now))
    }

    /// Remembers what identify told about a peer's software, on all its connections.
    pub(super) fn set_agent(&mut self, peer: &PeerId, agent: &str) {
        let kept: String = agent.chars().filter(|c| !c.is_control()).take(AGENT_BYTES_MAX).collect();
        for link in self.links.values_mut().filter(|link| link.peer == *peer) {
            link.agent = Some(kept.clone());
        }
    }
}
