//! What follows when a connection gains or loses a gossip slot, and when a peer gives a reason to be disconnected.
//!
//! [`Slots`](crate::net::slots::Slots) decides which connection gets a slot. This file carries out its decisions.

use std::sync::Arc;

use libp2p::swarm::{CloseConnection, ConnectionDenied, ConnectionId, NotifyHandler, ToSwarm};
use libp2p::{Multiaddr, PeerId};
use protocol::gossip::{self, Gossip, Input};
use protocol::time::Duration;
use tracing::{debug, warn};

use super::links::{Link, Links, New};
use super::{BannedError, Behaviour, Event, Wish};
use crate::config::identity::key_of;
use crate::net::addresses::{address_group, ip_of, is_relayed};
use crate::net::bans::Who;
use crate::net::discovery::book::slot_group;
use crate::net::handler::{Handler, Order};
use crate::net::limits::PER_PEER_MAX;
use crate::net::reason::{CONNECTION_LIMIT, CloseReason, NO_SLOT};
use crate::net::slots::{self, Decision, Merits, Why};
use crate::observe::metrics::LinkTraffic;
use crate::observe::trace::What;

impl Behaviour {
    /// Opens the lanes on a connection that we dialled for another purpose. False if there is no such connection.
    pub fn open_existing(&mut self, peer: &PeerId, wish: Wish) -> bool {
        self.slots.idle_outbound(peer).is_some_and(|id| self.open_dialled(id, wish))
    }

    /// Disconnects a peer because another has taken its place.
    pub fn leave(&mut self, peer: &PeerId) {
        if let Some(id) = self.slots.holder(peer) {
            self.close(id, CloseReason::Refreshed);
        }
    }

    /// Closes a connection because of something that was seen outside the behaviour.
    pub fn close(&mut self, id: ConnectionId, reason: CloseReason) {
        if self.slots.closing(id) {
            self.on_lost(id, reason);
        }
        self.close_link(id);
        self.run();
    }

    /// Closes a connection because of something that its peer did outside the lanes. This is counted,
    /// with or without a slot.
    pub fn give_up(&mut self, id: ConnectionId, reason: CloseReason) {
        self.fail(id, reason);
        self.run();
    }

    /// Bans whom the owner wants banned. Connections stay until [`Behaviour::turn_out`]. False if the address may not be
    /// banned.
    pub fn ban(&mut self, who: Who, time: Duration) -> bool {
        self.bans.order(who, time, self.host.now())
    }

    /// Ends a ban. False if there is none.
    pub fn unban(&mut self, who: Who) -> bool {
        self.bans.lift(who, self.host.now())
    }

    /// From now on the peer's connections count for no limit, or do again.
    pub fn set_reserved(&mut self, peer: &PeerId, reserved: bool) {
        if reserved {
            self.settings.reserved.insert(*peer);
        } else {
            self.settings.reserved.remove(peer);
        }
    }

    /// Closes the connections of the peers that `which` names by id and address. Whether there was one.
    pub fn turn_out(&mut self, reason: CloseReason, which: impl Fn(&PeerId, &Multiaddr) -> bool) -> bool {
        let named = |id: &ConnectionId| self.links.get(*id).is_some_and(|link| which(&link.peer, &link.address));
        let ids: Vec<ConnectionId> = self.links.ids().into_iter().filter(named).collect();
        ids.iter().for_each(|id| self.give_up(*id, reason));
        !ids.is_empty()
    }

    /// Closes every connection.
    pub fn close_all(&mut self) {
        self.links.ids().into_iter().for_each(|id| self.close(id, CloseReason::Shutdown));
    }

    /// Lets the slots decide about connections that wait.
    pub(super) fn settle_slots(&mut self) {
        let decisions = self.slots.settle(self.host.now(), &merits(&self.links, self.host.gossip()));
        decisions.into_iter().for_each(|decision| self.on_decision(decision));
    }

    /// Tells a connection's handler something, after the messages that wait for it.
    pub(super) fn order(&mut self, id: ConnectionId, order: Order) {
        self.hand_over(id);
        self.notify(id, order);
    }

    /// Hands a connection the messages that wait for it.
    fn hand_over(&mut self, id: ConnectionId) {
        if let Some(messages) = self.outbox.take(id) {
            self.notify(id, Order::Send(messages));
        }
    }

    pub(super) fn notify(&mut self, id: ConnectionId, order: Order) {
        if let Some(link) = self.links.get(id) {
            let handler = NotifyHandler::One(id);
            self.actions.push_back(ToSwarm::NotifyHandler { peer_id: link.peer, handler, event: order });
        }
    }

    /// Closes a connection because of something that its peer did. If that was misbehavior, the peer is banned.
    pub(super) fn fail(&mut self, id: ConnectionId, reason: CloseReason) {
        let Some(link) = self.links.get(id) else { return };
        debug!(peer = %link.peer, address = %link.address, %reason, "closing a connection");
        let (peer, end) = (link.peer, link.end(reason));
        if reason.is_misbehavior() {
            // Through a relay it is the relay's address, and the relay did nothing.
            let address = ip_of(&link.address).filter(|_| !is_relayed(&link.address));
            let address = address.filter(|ip| self.bans.may_have(*ip));
            self.bans.add(peer, address, reason.label(), self.host.now());
            self.tell(Event::Banned { peer, address, reason });
        }
        let closing = self.slots.is_closing(id);
        if self.slots.closing(id) {
            self.part(id, end);
            return;
        }
        if !closing {
            // A reason that does not depend on a slot is counted too, once.
            self.count(end.label());
        }
        self.close_link(id);
    }

    pub(super) fn close_link(&mut self, id: ConnectionId) {
        self.hand_over(id);
        if let Some(link) = self.links.get(id) {
            let connection = CloseConnection::One(id);
            self.actions.push_back(ToSwarm::CloseConnection { peer_id: link.peer, connection });
        }
    }

    /// A connection has lost its slot and is to be closed: at once, or after the peer was told the reason.
    fn part(&mut self, id: ConnectionId, reason: CloseReason) {
        let told = reason.is_told() && self.links.handle_of(id).is_some();
        self.on_lost(id, reason);
        if told { self.order(id, Order::Goodbye(reason)) } else { self.close_link(id) }
    }

    /// A connection has lost its slot: tells the engine and the service, and counts the reason.
    pub(super) fn on_lost(&mut self, id: ConnectionId, reason: CloseReason) {
        let Some(link) = self.links.get_mut(id) else { return };
        let (peer, outbound) = (link.peer, link.outbound);
        link.lost = Some(reason);
        self.freed = true;
        if let Some(handle) = self.links.take_handle(id) {
            self.probes.take(handle);
            self.host.input(Input::PeerDisconnected { peer: handle });
            self.host.recorder().record(What::PeerDown { peer: handle.0, reason: reason.label().to_owned() });
        }
        self.count(reason.label());
        self.tell(Event::Down { peer, outbound, reason });
    }

    /// Opens the lanes on a connection that we dialled, if it gets a slot. It gets none if more peers than the
    /// wish allows hold a slot in the group of its address. The operator's addresses count for no group.
    pub(super) fn open_dialled(&mut self, id: ConnectionId, wish: Wish) -> bool {
        let Some(link) = self.links.get(id) else { return false };
        let exempt = link.reserved || link.fixed;
        let granted = (exempt || self.has_room(link, wish.beside)) && self.slots.dialled(id, self.host.now());
        if granted {
            self.order(id, Order::Open);
        }
        granted
    }

    /// Whether the group of a connection's address may have one more outbound peer.
    fn has_room(&self, link: &Link, beside: usize) -> bool {
        let held = |group| self.outbound_groups().into_iter().filter(|other| *other == group).count();
        slot_group(&link.address).is_none_or(|group| held(group) <= beside)
    }

    /// A connection has opened that is no dial for a slot. If it is a direct one to a peer whose slot is on a circuit
    /// that we dialled, the slot moves to it: the lanes open there, and the peer, which sees that we ask on a newer
    /// connection, closes the circuit. It does not move if the group of the direct address has its peers already.
    /// Otherwise a party with addresses in one group could get many slots, each through a relay of another group.
    pub(super) fn leave_relay(&mut self, id: ConnectionId) {
        let Some(link) = self.links.get(id).filter(|link| link.outbound && !is_relayed(&link.address)) else {
            return;
        };
        let Some(circuit) = self.slots.holder(&link.peer) else { return };
        let Some(old) = self.links.get(circuit).filter(|old| old.outbound && is_relayed(&old.address)) else {
            return;
        };
        let (reserved, fixed, beside) = (old.reserved, old.fixed, old.beside);
        if !(reserved || fixed || self.has_room(link, beside)) {
            return;
        }
        if let Some(link) = self.links.get_mut(id) {
            (link.reserved, link.fixed, link.beside) = (reserved, fixed, beside);
        }
        self.slots.closing(circuit);
        self.on_lost(circuit, CloseReason::DuplicateConnection);
        self.run();
        self.open_dialled(id, Wish { reserved, fixed, beside });
    }

    /// Whether we dialled a connection.
    #[must_use]
    pub fn is_dialled(&self, id: ConnectionId) -> bool {
        self.links.get(id).is_some_and(|link| link.outbound)
    }

    /// The peer asks for a slot on a connection.
    pub(super) fn on_slot_wanted(&mut self, id: ConnectionId) {
        let decisions = self.slots.asked(id, self.host.now(), &merits(&self.links, self.host.gossip()));
        decisions.into_iter().for_each(|decision| self.on_decision(decision));
    }

    fn on_decision(&mut self, decision: Decision) {
        match decision {
            Decision::Granted { id, instead } => {
                if let Some((victim, reason)) = instead {
                    if let Some(link) = self.links.get(victim) {
                        debug!(peer = %link.peer, address = %link.address, %reason, "closing a connection");
                    }
                    self.part(victim, reason);
                }
                self.order(id, Order::Open);
            }
            Decision::Declined { id, why } => self.turn_away(id, why),
        }
    }

    /// Drops the lanes of a connection that gets no slot. This is counted if the cause is
    /// that all slots are taken.
    fn turn_away(&mut self, id: ConnectionId, why: Why) {
        let text = match why {
            Why::Full => "no slot is free for it",
            Why::OtherStays { .. } => "its other connection stays",
            Why::OursToOpen => "this node dialled the connection, and opens the lanes itself",
        };
        if let Some(link) = self.links.get(id) {
            debug!(peer = %link.peer, address = %link.address, why = text, "declined a peer's lanes");
            if let Why::OtherStays { other, warn: true } = why
                && let Some(kept) = self.links.get(other)
            {
                warn_of_rivals(&link.peer, &kept.address, &link.address);
            }
        }
        if why == Why::Full {
            self.count(NO_SLOT);
        }
        self.order(id, Order::Decline);
    }

    /// Counts a connection that was turned away.
    pub fn count(&mut self, label: &'static str) {
        *self.disconnects.entry(label).or_default() += 1;
    }

    /// A limit on connections denied an inbound connection of this peer. If it is the limit for a single peer, two
    /// machines may be using one key, and the operator may be warned.
    pub fn on_denied(&mut self, peer: PeerId, address: &Multiaddr) {
        let held = self.slots.denied(peer, ip_of(address), PER_PEER_MAX as usize, self.host.now());
        if let Some(link) = held.and_then(|id| self.links.get(id)) {
            warn_of_rivals(&peer, &link.address, address);
        }
    }

    pub(super) fn on_up(&mut self, id: ConnectionId) {
        let Some(peer) = self.links.get(id).map(|link| link.peer) else { return };
        if self.slots.holder(&peer) != Some(id) {
            return;
        }
        let Some((handle, link)) = self.links.give_handle(id) else { return };
        let (outbound, key) = (link.outbound, key_of(&peer));
        let group = address_group(&link.address, self.settings.loopback_exempt);
        let direction = if outbound { gossip::Direction::Outbound } else { gossip::Direction::Inbound };
        self.host.met(handle, peer, outbound);
        self.tell(Event::Up { peer, outbound });
        self.host.input(Input::PeerConnected { peer: handle, direction, group, key });
    }

    pub(super) fn forget_link(&mut self, id: ConnectionId) {
        self.slots.disconnected(id);
        self.links.remove(id);
    }

    pub(super) fn admit(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        address: &Multiaddr,
        outbound: bool,
    ) -> Result<Handler, ConnectionDenied> {
        let now = self.host.now();
        if self.bans.has_peer(&peer, now) {
            return Err(ConnectionDenied::new(BannedError));
        }
        let wish = self.wanted.get(&id).copied().unwrap_or_default();
        let reserved = wish.reserved || self.settings.reserved.contains(&peer);
        let connection = slots::Connection {
            peer,
            ip: ip_of(address),
            group: address_group(address, self.settings.loopback_exempt),
            outbound,
            reserved,
        };
        if let Some(victim) = self.slots.connected(id, connection) {
            self.count(CONNECTION_LIMIT);
            self.close_link(victim);
        }
        let traffic = LinkTraffic::of(Arc::clone(&self.host.metrics().traffic));
        let Wish { fixed, beside, .. } = wish;
        let address = address.clone();
        let new = New { peer, address, outbound, reserved, fixed, beside, traffic: traffic.clone() };
        self.links.insert(id, new, now);
        let (budget, uplink) = (Arc::clone(&self.budget), Arc::clone(&self.uplink));
        let handler = Handler::new(self.protocols.clone(), self.host.clock(), budget, uplink);
        let handler = handler.with_deadlines(self.settings.deadlines).with_traffic(traffic);
        Ok(handler.with_place(Arc::clone(&self.own_place)))
    }
}

/// The merits that each connection's peer has shown.
fn merits(links: &Links, gossip: &Gossip) -> impl Fn(ConnectionId) -> Merits {
    |id| {
        let Some(link) = links.get(id) else { return Merits::default() };
        let info = links.handle_of(id).and_then(|handle| gossip.peer(handle));
        let (block, transaction) = info.map_or((None, None), |info| (info.first_block, info.first_transaction));
        Merits { block, transaction, round_trip: link.round_trip }
    }
}

fn warn_of_rivals(peer: &PeerId, kept: &Multiaddr, declined: &Multiaddr) {
    warn!(
        %peer, %kept, %declined,
        "one peer id connects from two addresses in turn: two machines use one key; the older connection is kept, and \
         their operator should give one of them a key of its own"
    );
}
