//! The connections: numbers for the trace, and which peers are ready for gossip.

use std::collections::HashMap;
use std::net::IpAddr;

use libp2p::{Multiaddr, PeerId};
use node::net::discovery::View;
use node::net::discovery::book::Group;
use tokio::time::Instant;

/// The connected peers. The limits of the libp2p swarm bound the connections.
#[derive(Debug, Default)]
pub(super) struct Links {
    links: HashMap<PeerId, Link>,
    /// The numbers given so far. None is given twice.
    given: u32,
}

/// One connected peer.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) number: u32,
    pub(super) outbound: bool,
    pub(super) address: Multiaddr,
    pub(super) since: Instant,
    pub(super) agent: Option<String>,
    pub(super) delivered: u64,
    /// The topics that it has subscribed to. With both, it is ready for gossip.
    topics: [bool; 2],
}

impl Links {
    /// Notes a connection. Returns its number, if the peer wasn't already connected.
    pub(super) fn up(&mut self, peer: PeerId, outbound: bool, address: Multiaddr) -> Option<u32> {
        if self.links.contains_key(&peer) {
            return None;
        }
        let number = self.given;
        self.given = self.given.saturating_add(1);
        let since = Instant::now();
        let link = Link { number, outbound, address, since, agent: None, delivered: 0, topics: [false; 2] };
        self.links.insert(peer, link);
        Some(number)
    }

    /// Forgets a peer whose last connection has closed. Returns its number.
    pub(super) fn down(&mut self, peer: &PeerId) -> Option<u32> {
        self.links.remove(peer).map(|link| link.number)
    }

    pub(super) fn set_topic(&mut self, peer: &PeerId, topic: usize, subscribed: bool) {
        let state = self.links.get_mut(peer).and_then(|link| link.topics.get_mut(topic));
        if let Some(state) = state {
            *state = subscribed;
        }
    }

    pub(super) fn get_mut(&mut self, peer: &PeerId) -> Option<&mut Link> {
        self.links.get_mut(peer)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&PeerId, &Link)> {
        self.links.iter()
    }

    /// Peers ready for gossip: inbound and outbound.
    pub(super) fn ready(&self) -> (usize, usize) {
        let ready = self.links.values().filter(|link| link.is_ready());
        ready.fold(
            (0, 0),
            |(inbound, outbound), link| {
                if link.outbound { (inbound, outbound + 1) } else { (inbound + 1, outbound) }
            },
        )
    }
}

impl Link {
    pub(super) const fn is_ready(&self) -> bool {
        let [transactions, blocks] = self.topics;
        transactions && blocks
    }
}

/// Nobody is banned, and only reserved peers are dialled.
impl View for Links {
    fn outbound(&self) -> usize {
        self.links.values().filter(|link| link.outbound).count()
    }

    fn outbound_peers(&self) -> Vec<PeerId> {
        self.links.iter().filter(|(_, link)| link.outbound).map(|(peer, _)| *peer).collect()
    }

    fn outbound_groups(&self) -> Vec<Group> {
        Vec::new()
    }

    fn is_banned_address(&self, _address: IpAddr) -> bool {
        false
    }

    fn holds_slot(&self, peer: &PeerId) -> bool {
        self.links.contains_key(peer)
    }

    fn is_banned(&self, _peer: &PeerId) -> bool {
        false
    }
}
