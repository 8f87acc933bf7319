//! Slots against a model that knows which peers asked, which hold a slot, and how many there are, after any events
//! in any order.

use std::collections::{BTreeMap, BTreeSet};

use libp2p::PeerId;
use libp2p::swarm::ConnectionId;
use node::net::reason::CloseReason;
use node::net::slots::{Connection, Decision, Limits, Merits, Slots, WAIT, Why};
use proptest::prelude::*;
use protocol::gossip::AddressGroup;
use protocol::time::{Duration, Time};

use crate::net::slots::support::peer;

const LIMITS: Limits = Limits { inbound: 6, outbound: 3, slotless: 4 };
/// More peers than slots, so that some come twice.
const PEERS: u64 = 12;

/// An event. Its numbers pick one of the existing peers.
#[derive(Clone, Debug)]
enum Op {
    Connect { peer: u64, group: Option<u64>, outbound: bool, reserved: bool },
    Ask(usize),
    Dialled(usize),
    Free(usize),
    Close(usize),
    Gone(usize),
    Pass(u64),
}

fn op() -> impl Strategy<Value = Op> {
    let connect = (0..PEERS, prop_oneof![Just(None), (0_u64..4).prop_map(Some)], any::<bool>(), 0..8_u8);
    prop_oneof![
        4 => connect.prop_map(|(peer, group, outbound, reserved)| {
            Op::Connect { peer, group, outbound, reserved: reserved == 0 }
        }),
        6 => any::<usize>().prop_map(Op::Ask),
        2 => any::<usize>().prop_map(Op::Dialled),
        1 => any::<usize>().prop_map(Op::Free),
        1 => any::<usize>().prop_map(Op::Close),
        2 => any::<usize>().prop_map(Op::Gone),
        3 => (0_u64..20_000).prop_map(Op::Pass),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    None,
    Waiting(Time),
    Holding,
    Closing,
}

/// The announced decisions of the slots, applied as announced, and checked.
struct Model {
    slots: Slots,
    local: PeerId,
    now: Time,
    links: BTreeMap<ConnectionId, (Connection, Stage)>,
    next: usize,
}

impl Model {
    fn new(seed: u8) -> Self {
        let local = peer(PEERS / 2);
        let slots = Slots::new(LIMITS, local, [seed; 32]);
        Self { slots, local, now: Time::ZERO, links: BTreeMap::new(), next: 1 }
    }

    fn pick(&self, number: usize) -> Option<ConnectionId> {
        self.links.keys().nth(number % self.links.len().max(1)).copied()
    }

    fn merits(id: ConnectionId) -> Merits {
        let number: u64 = id.to_string().parse().unwrap_or(0);
        let round_trip = Some(Duration::from_micros(number * 7_919 % 1_000));
        Merits { round_trip, ..Merits::default() }
    }

    fn run(&mut self, op: Op) {
        match op {
            // Our own id never comes here.
            Op::Connect { peer: number, .. } if number == PEERS / 2 => {}
            Op::Connect { peer: number, group, outbound, reserved } => {
                let group = group.map(AddressGroup);
                self.connect(Connection { peer: peer(number), ip: None, group, outbound, reserved });
            }
            Op::Ask(number) => {
                if let Some(id) = self.pick(number) {
                    self.ask(id);
                }
            }
            Op::Dialled(number) => {
                if let Some(id) = self.pick(number)
                    && self.slots.dialled(id, self.now)
                {
                    let (connection, stage) = self.links[&id];
                    assert!(connection.outbound && stage == Stage::None);
                    assert_eq!(self.holder(&connection.peer), None);
                    self.set(id, Stage::Holding);
                }
            }
            Op::Free(number) => {
                if let Some(id) = self.pick(number) {
                    assert_eq!(self.slots.free(id), self.stage(id) == Stage::Holding);
                    if self.stage(id) != Stage::Closing {
                        self.set(id, Stage::None);
                    }
                    self.settle();
                }
            }
            Op::Close(number) => {
                if let Some(id) = self.pick(number) {
                    assert_eq!(self.slots.closing(id), self.stage(id) == Stage::Holding);
                    self.set(id, Stage::Closing);
                    self.settle();
                }
            }
            Op::Gone(number) => {
                if let Some(id) = self.pick(number) {
                    assert_eq!(self.slots.disconnected(id), self.stage(id) == Stage::Holding);
                    self.links.remove(&id);
                    self.settle();
                }
            }
            Op::Pass(millis) => {
                let until = self.now + Duration::from_millis(millis);
                while let Some(at) = self.slots.next_at().filter(|at| *at <= until) {
                    self.now = self.now.max(at);
                    self.settle();
                    assert!(self.slots.next_at().is_none_or(|next| next > at), "it would never end");
                }
                self.now = until;
            }
        }
        self.check();
    }

    fn connect(&mut self, connection: Connection) {
        let id = ConnectionId::new_unchecked(self.next);
        self.next += 1;
        if let Some(victim) = self.slots.connected(id, connection) {
            let (gone, stage) = self.links[&victim];
            assert!(!connection.outbound && !connection.reserved && !gone.outbound && !gone.reserved);
            assert!(matches!(stage, Stage::None | Stage::Waiting(_)));
            self.set(victim, Stage::Closing);
        }
        self.links.insert(id, (connection, Stage::None));
    }

    fn ask(&mut self, id: ConnectionId) {
        let (connection, stage) = self.links[&id];
        let decisions = self.slots.asked(id, self.now, &Self::merits);
        if stage != Stage::None {
            assert_eq!(decisions, [], "it asked before, or is about to end");
            return;
        }
        self.set(id, Stage::Waiting(self.now));
        let told = decisions.iter().any(|decision| decision.id() == id);
        assert!(told || !connection.outbound && !connection.reserved, "these needn't wait");
        self.apply(decisions);
    }

    fn settle(&mut self) {
        let decisions = self.slots.settle(self.now, &Self::merits);
        self.apply(decisions);
    }

    fn apply(&mut self, decisions: Vec<Decision>) {
        for decision in decisions {
            let Stage::Waiting(since) = self.stage(decision.id()) else { panic!("nobody asked: {decision:?}") };
            match decision {
                Decision::Granted { id, instead } => self.on_granted(id, instead),
                Decision::Declined { id, why } => {
                    assert!(why != Why::Full || self.now.since(since) >= WAIT, "too early");
                    let connection = self.links[&id].0;
                    assert!(why != Why::OursToOpen || connection.outbound);
                    self.set(id, Stage::None);
                }
            }
        }
    }

    fn on_granted(&mut self, id: ConnectionId, instead: Option<(ConnectionId, CloseReason)>) {
        let connection = self.links[&id].0;
        assert!(!connection.outbound);
        match instead {
            None => {
                assert_eq!(self.holder(&connection.peer), None);
                assert!(connection.reserved || self.count(false) < LIMITS.inbound, "there was no room");
            }
            Some((victim, CloseReason::Evicted)) => {
                let (gone, stage) = self.links[&victim];
                assert!(stage == Stage::Holding && !gone.outbound && !gone.reserved);
                assert!(self.count(false) >= LIMITS.inbound, "there was room");
                self.set(victim, Stage::Closing);
            }
            Some((other, reason)) => {
                assert_eq!(reason, CloseReason::DuplicateConnection);
                let (gone, stage) = self.links[&other];
                assert!(stage == Stage::Holding && gone.peer == connection.peer);
                assert!(!gone.outbound || connection.peer < self.local);
                self.set(other, Stage::Closing);
            }
        }
        self.set(id, Stage::Holding);
    }

    /// The properties that hold after every event.
    fn check(&self) {
        let holders = self.links.values().filter(|(_, stage)| *stage == Stage::Holding);
        let peers: Vec<_> = holders.clone().map(|(connection, _)| connection.peer).collect();
        assert_eq!(peers.len(), peers.iter().collect::<BTreeSet<_>>().len(), "two slots for one peer");
        let used = self.slots.in_use();
        assert_eq!((used.inbound, used.outbound), (self.count(false), self.count(true)));
        // Where both dialled at once, the peer's connection may take the place of ours.
        assert!(used.inbound <= LIMITS.inbound + LIMITS.outbound && used.outbound <= LIMITS.outbound);
        let told: BTreeSet<_> = self.slots.inbound().chain(self.slots.outbound()).map(|(id, _)| id).collect();
        let known =
            self.links.iter().filter(|(_, (connection, stage))| *stage == Stage::Holding && !connection.reserved);
        assert_eq!(told, known.map(|(id, _)| *id).collect());
        let waiting = self.links.values().any(|(_, stage)| matches!(stage, Stage::Waiting(_)));
        assert!(!waiting || self.count(false) >= LIMITS.inbound, "one waits while a slot is free");
        assert!(!waiting || self.slots.next_at().is_some(), "one waits for ever");
    }

    fn holder(&self, peer: &PeerId) -> Option<ConnectionId> {
        let mut held = self
            .links
            .iter()
            .filter(|(_, (connection, stage))| connection.peer == *peer && *stage == Stage::Holding);
        held.next().map(|(id, _)| *id)
    }

    fn count(&self, outbound: bool) -> usize {
        let counts = |(connection, stage): &&(Connection, Stage)| {
            *stage == Stage::Holding && !connection.reserved && connection.outbound == outbound
        };
        self.links.values().filter(counts).count()
    }

    fn stage(&self, id: ConnectionId) -> Stage {
        self.links[&id].1
    }

    fn set(&mut self, id: ConnectionId, stage: Stage) {
        if let Some(link) = self.links.get_mut(&id) {
            link.1 = stage;
        }
    }
}

proptest! {
    #[test]
    fn whatever_happens_slots_are_held_as_the_model_says(
        seed in any::<u8>(),
        ops in proptest::collection::vec(op(), 1..200),
    ) {
        let mut model = Model::new(seed);
        ops.into_iter().for_each(|op| model.run(op));
    }
}
