//! Makes the dials that discovery wants.

use std::net::IpAddr;

use libp2p::swarm::ConnectionId;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::{Multiaddr, PeerId};
use protocol::time::Time;
use tracing::debug;

use super::{Service, say};
use crate::net::addresses::{self, ip_of, is_relayed};
use crate::net::behaviour::{Behaviour, Wish};
use crate::net::discovery::book::Group;
use crate::net::discovery::{Failure, Target, View, Want};

impl Service {
    /// Does what discovery wants now.
    pub(super) fn dial_wanted(&mut self, now: Time) {
        let view = Seen(&self.swarm.behaviour().gossip);
        for want in self.discovery.poll(now, &view) {
            match want {
                Want::Walk => {
                    if let Some(kad) = self.swarm.behaviour_mut().kad.as_mut() {
                        kad.walk();
                    }
                }
                Want::Leave(peer) => self.gossip().leave(&peer),
                Want::Warn(warning) => say::fixed_address(&warning),
                Want::Fixed { index, address, .. } if self.listens_on(&address) => {
                    self.discovery.on_refused(index, Failure::Ourselves, now);
                }
                Want::Fixed { index, address, peer, reserved } => {
                    let wish = Wish { reserved, fixed: true, beside: 0 };
                    self.connect(Target::Fixed(index), peer, vec![address], wish);
                }
                Want::Candidate { peer, addresses } => {
                    let beside = self.discovery.per_group().saturating_sub(1);
                    let wish = Wish { beside, ..Wish::default() };
                    self.connect(Target::Candidate(peer), Some(peer), addresses, wish);
                }
                Want::Feeler { peer, addresses } => {
                    let dial = self.feel(peer, addresses);
                    self.discovery.dialling(Target::Feeler(peer), dial, now);
                }
            }
        }
    }

    /// Makes the connection to a target that discovery wants a gossip peer. It uses an existing
    /// connection, or a new one.
    fn connect(&mut self, target: Target, peer: Option<PeerId>, addresses: Vec<Multiaddr>, wish: Wish) {
        let now = self.clock.now();
        if peer.is_some_and(|peer| self.gossip().open_existing(&peer, wish)) {
            self.discovery.not_needed(target, now);
        } else {
            let dial = self.dial(peer, addresses, wish);
            self.discovery.dialling(target, dial, now);
        }
    }

    /// Dials for a gossip slot.
    fn dial(&mut self, peer: Option<PeerId>, addresses: Vec<Multiaddr>, wish: Wish) -> Option<ConnectionId> {
        let opts = match (peer, addresses.first()) {
            (Some(peer), _) => DialOpts::peer_id(peer)
                .addresses(addresses)
                .condition(PeerCondition::NotDialing)
                .allocate_new_port()
                .build(),
            (None, Some(address)) => {
                DialOpts::unknown_peer_id().address(address.clone()).allocate_new_port().build()
            }
            (None, None) => return None,
        };
        let id = opts.connection_id();
        self.gossip().expect(id, wish);
        match self.swarm.dial(opts) {
            Ok(()) => Some(id),
            Err(error) => {
                debug!(%error, "could not dial");
                self.gossip().forget(id);
                None
            }
        }
    }

    /// Connects to a peer without asking for a slot. The connection is not needed, so it is closed
    /// when it has been idle.
    fn feel(&mut self, peer: PeerId, addresses: Vec<Multiaddr>) -> Option<ConnectionId> {
        let opts = DialOpts::peer_id(peer).addresses(addresses).condition(PeerCondition::NotDialing);
        let opts = opts.allocate_new_port().build();
        let id = opts.connection_id();
        self.swarm.dial(opts).ok().map(|()| id)
    }

    pub(super) fn listens_on(&self, address: &Multiaddr) -> bool {
        let own = self.swarm.listeners().filter(|own| !is_relayed(own));
        own.map(addresses::plain).any(|own| own == addresses::plain(address))
    }

    /// The IPs that this node listens on.
    pub(super) fn own_ips(&self) -> Vec<IpAddr> {
        self.swarm.listeners().filter(|own| !is_relayed(own)).filter_map(ip_of).collect()
    }

    /// Makes sure that no dial leads to a banned address, whichever part of the node dials.
    pub(super) fn refuse_banned(&self) {
        let bans = self.swarm.behaviour().gossip.bans();
        self.dials.set_banned(bans.addresses(self.clock.now()));
    }
}

/// The behaviour, in the form that discovery needs.
struct Seen<'a>(&'a Behaviour);

impl View for Seen<'_> {
    fn outbound(&self) -> usize {
        self.0.slots().outbound
    }

    fn outbound_groups(&self) -> Vec<Group> {
        self.0.outbound_groups()
    }

    fn is_banned_address(&self, address: IpAddr) -> bool {
        self.0.bans().has_address(address, self.0.host().now())
    }

    fn outbound_peers(&self) -> Vec<PeerId> {
        self.0.peers().map(|(_, link)| link).filter(|link| link.is_dialled()).map(|link| link.peer).collect()
    }

    fn holds_slot(&self, peer: &PeerId) -> bool {
        self.0.holds_slot(peer)
    }

    fn is_banned(&self, peer: &PeerId) -> bool {
        self.0.bans().has_peer(peer, self.0.host().now())
    }
}
