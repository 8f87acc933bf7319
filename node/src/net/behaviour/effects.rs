//! Carries out what the engine wants: orders to handlers, and events for the service.

use libp2p::swarm::ToSwarm;
use protocol::gossip::PeerHandle;
use protocol::wire::message::{GoodbyeReason, Lane, Message};

use super::{Behaviour, Event};
use crate::host::Effect;
use crate::net::handler::Order;
use crate::net::reason::CloseReason;

impl Behaviour {
    pub(super) fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Send { peer, lane, message } => self.send(peer, lane, message),
            Effect::Disconnect { peer, reason } => {
                if let Some(id) = self.links.with_handle(peer) {
                    self.fail(id, CloseReason::Engine(reason));
                }
            }
            Effect::Read { peer, allowed } => {
                if let Some(id) = self.links.with_handle(peer) {
                    self.order(id, Order::Read(allowed));
                }
            }
            Effect::Verify(job) => self.tell(Event::Verify(job)),
            Effect::Submitted { item, result, safe_at } => self.tell(Event::Submitted { item, result, safe_at }),
            Effect::Refused { peer, item, refusal } => {
                self.tell(Event::Refused { peer: self.links.peer_of(peer), item, refusal });
            }
            Effect::Goodbye { peer, reason } => self.on_goodbye(peer, reason),
            Effect::Members(wanted) => self.carry_out_for_members(*wanted),
            Effect::Event(event) => self.tell(Event::Engine(event)),
        }
    }

    /// Tells the service.
    pub(super) fn tell(&mut self, event: Event) {
        self.actions.push_back(ToSwarm::GenerateEvent(event));
    }

    fn send(&mut self, peer: PeerHandle, lane: Lane, message: Message) {
        if let Some(id) = self.links.with_handle(peer)
            && let Some(message) = self.host.says(message)
        {
            self.host.sent(peer, &message);
            self.outbox.push(id, lane, message);
        }
    }

    fn on_goodbye(&mut self, handle: PeerHandle, reason: GoodbyeReason) {
        if let Some(link) = self.links.with_handle(handle).and_then(|id| self.links.get_mut(id)) {
            link.told = Some(reason.clone());
        }
        let peer = self.links.peer_of(handle);
        self.tell(Event::Goodbye { peer, reason });
    }
}
