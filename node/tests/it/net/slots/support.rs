//! A node's slots on virtual time: connections come, ask and end, and every decision is carried out.

use std::collections::BTreeMap;

use libp2p::PeerId;
use libp2p::swarm::ConnectionId;
use node::net::reason::CloseReason;
use node::net::slots::{Connection, Decision, Limits, Merits, Slots, Why};
use protocol::gossip::AddressGroup;
use protocol::time::{Duration, Time};

/// The default numbers of a node.
pub(crate) const LIMITS: Limits = Limits { inbound: 64, outbound: 9, slotless: 32 };

/// A peer id that is the same each time. Lower numbers aren't lower ids.
pub(crate) fn peer(number: u64) -> PeerId {
    // Of an Ed25519 key that nobody has: an identity hash of its encoding.
    let mut key = [7; 32];
    key[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    PeerId::from_bytes(&[&[0x00, 0x24, 0x08, 0x01, 0x12, 0x20], &key[..]].concat()).expect("a peer id")
}

/// An inbound connection of this peer.
pub(crate) fn inbound(number: u64, group: Option<u64>) -> Connection {
    Connection { peer: peer(number), ip: None, group: group.map(AddressGroup), outbound: false, reserved: false }
}

/// The slots of a node, its connected peers, and the results.
pub(crate) struct House {
    pub(crate) slots: Slots,
    pub(crate) now: Time,
    pub(crate) merits: BTreeMap<ConnectionId, Merits>,
    /// The peers that made room, in order, and when. `granted` tells for which peer.
    pub(crate) evicted: Vec<(Time, ConnectionId)>,
    pub(crate) granted: BTreeMap<ConnectionId, Time>,
    pub(crate) declined: Vec<(ConnectionId, Why)>,
    next: usize,
    peers: u64,
}

impl House {
    pub(crate) fn new(limits: Limits, seed: u8) -> Self {
        Self {
            slots: Slots::new(limits, peer(u64::MAX), [seed; 32]),
            now: Time::ZERO,
            merits: BTreeMap::new(),
            evicted: Vec::new(),
            granted: BTreeMap::new(),
            declined: Vec::new(),
            next: 1,
            peers: 0,
        }
    }

    /// All inbound slots are held. `group` gives the group of the n-th holder. They came an hour ago, one a
    /// second.
    pub(crate) fn full(seed: u8, group: impl Fn(u64) -> Option<u64>) -> (Self, Vec<ConnectionId>) {
        let mut house = Self::new(LIMITS, seed);
        let holders = (0..LIMITS.inbound as u64).map(|n| {
            house.wait(Duration::from_secs(1));
            house.arrive(group(n))
        });
        let holders: Vec<_> = holders.collect();
        assert!(holders.iter().all(|id| house.holds(*id)), "nobody had to wait");
        house.wait(Duration::from_secs(3_600));
        (house, holders)
    }

    /// A new peer connects and asks for a slot.
    pub(crate) fn arrive(&mut self, group: Option<u64>) -> ConnectionId {
        let id = self.connect(group);
        self.ask(id);
        id
    }

    /// A new peer connects.
    pub(crate) fn connect(&mut self, group: Option<u64>) -> ConnectionId {
        self.peers += 1;
        self.add(inbound(self.peers, group))
    }

    pub(crate) fn add(&mut self, connection: Connection) -> ConnectionId {
        let id = ConnectionId::new_unchecked(self.next);
        self.next += 1;
        if let Some(victim) = self.slots.connected(id, connection) {
            self.slots.disconnected(victim);
        }
        id
    }

    pub(crate) fn ask(&mut self, id: ConnectionId) {
        let merits = &self.merits;
        let known = |id: ConnectionId| merits.get(&id).copied().unwrap_or_default();
        let decisions = self.slots.asked(id, self.now, &known);
        self.apply(decisions);
    }

    /// A connection is gone.
    pub(crate) fn leave(&mut self, id: ConnectionId) {
        self.slots.disconnected(id);
        self.granted.remove(&id);
        self.settle();
    }

    pub(crate) fn settle(&mut self) {
        let merits = &self.merits;
        let known = |id: ConnectionId| merits.get(&id).copied().unwrap_or_default();
        let decisions = self.slots.settle(self.now, &known);
        self.apply(decisions);
    }

    /// Time passes, and each decision in it is made when it is due.
    pub(crate) fn wait(&mut self, span: Duration) {
        let until = self.now + span;
        while let Some(at) = self.slots.next_at().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.settle();
        }
        self.now = until;
    }

    pub(crate) fn holds(&self, id: ConnectionId) -> bool {
        self.granted.contains_key(&id)
    }

    fn apply(&mut self, decisions: Vec<Decision>) {
        for decision in decisions {
            match decision {
                Decision::Granted { id, instead } => {
                    self.granted.insert(id, self.now);
                    if let Some((victim, reason)) = instead {
                        self.granted.remove(&victim);
                        if reason == CloseReason::Evicted {
                            self.evicted.push((self.now, victim));
                        }
                        self.slots.disconnected(victim);
                    }
                }
                Decision::Declined { id, why } => self.declined.push((id, why)),
            }
        }
    }
}
