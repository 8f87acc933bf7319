//! Pings that membership wants, on connections to gossip peers. Any pong on a connection answers all that wait
//! there, because it shows that the peer is there now.
//!
//! Deliberately absent: an answer for a peer that is silent. The machine itself knows how long it waits.

use std::collections::BTreeMap;

use libp2p::PeerId;
use libp2p::swarm::ConnectionId;
use protocol::gossip::members::{MemberInput, MemberOutput, ProbeId};
use protocol::gossip::{Input, PeerHandle};
use protocol::time::Duration;
use protocol::wire::frame::Place;

use super::{Behaviour, Event};
use crate::net::handler::Order;

/// Probes that wait for a pong on one connection. The machine has one of its own for a peer, and a few for others
/// at most. If there are more, the oldest has run out long ago.
pub const PROBES_WAITING_MAX: usize = 8;

/// The probes that wait for a pong.
#[derive(Debug, Default)]
pub(super) struct Probes {
    waiting: BTreeMap<PeerHandle, Vec<ProbeId>>,
}

impl Probes {
    /// This peer was asked.
    fn asked(&mut self, peer: PeerHandle, probe: ProbeId) {
        let waiting = self.waiting.entry(peer).or_default();
        if waiting.len() >= PROBES_WAITING_MAX {
            waiting.remove(0);
        }
        waiting.push(probe);
    }

    /// The probes that wait for this peer are over: it answered, or is gone.
    pub(super) fn take(&mut self, peer: PeerHandle) -> Vec<ProbeId> {
        self.waiting.remove(&peer).unwrap_or_default()
    }
}

impl Behaviour {
    /// Does what membership wants, or tells the service.
    pub(super) fn carry_out_for_members(&mut self, wanted: MemberOutput) {
        match wanted {
            MemberOutput::Ping { probe, link } => {
                if let Some(id) = self.links.with_handle(link) {
                    self.probe(id, link, probe);
                }
            }
            other => self.tell(Event::Members(Box::new(other))),
        }
    }

    /// Pings a member that is a gossip peer by now. False if it is none.
    pub fn ping(&mut self, peer: &PeerId, probe: ProbeId) -> bool {
        let Some(id) = self.slots.holder(peer) else { return false };
        let ready = |handle: &PeerHandle| self.host.gossip().peer(*handle).is_some_and(|info| info.ready);
        let Some(handle) = self.links.handle_of(id).filter(ready) else { return false };
        self.probe(id, handle, probe);
        true
    }

    fn probe(&mut self, id: ConnectionId, handle: PeerHandle, probe: ProbeId) {
        self.probes.asked(handle, probe);
        self.order(id, Order::Ping);
    }

    /// One of our pings on this connection was answered. The peer may have said where it is.
    pub(super) fn on_pong(&mut self, id: ConnectionId, took: Duration, place: Option<Place>) {
        let lowest = self.links.get_mut(id).is_some_and(|link| link.measured(took));
        let Some(peer) = self.links.handle_of(id) else { return };
        if lowest {
            self.host.input(Input::RoundTrip { peer, lowest: took });
        }
        let Some(members) = self.host.gossip().members() else { return };
        // From before this pong, because the machine has not heard of it yet.
        self.own_place.set(members.place().to_place());
        if let Some(place) = place {
            let measured = MemberInput::Measured { link: peer, round_trip: took, place };
            self.host.input(Input::Members(Box::new(measured)));
        }
        self.host.input(Input::Members(Box::new(MemberInput::Heard { link: peer })));
        for probe in self.probes.take(peer) {
            self.host.input(Input::Members(Box::new(MemberInput::Probed { probe, answered: true })));
        }
    }
}
