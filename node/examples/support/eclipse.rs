//! An attacker tries to become all peers of a node, on virtual time. The study uses the node's own `Discovery`,
//! address book and `Slots`, and a network of which only addresses are modelled.
//!
//! The attacker has many identities. Each has an address that answers every dial and never declines a peer. It
//! holds all inbound slots at the start of each run, and one of its identities asks for one each [`ASK_S`]. Each
//! of its identities connects and tells about itself, all at the start of a run and then one a second. If one of
//! them is asked for peers, it names its own and invented ones. Its connections never end.
//!
//! Some honest nodes are gone and some have no slot. Those that are peers disconnect after some hours. One asks
//! for an inbound slot each [`HONEST_ASK_S`]. If they are asked for peers, they name any at random, so mostly
//! the attacker's if it has most identities.
//!
//! An item that is submitted anywhere reaches the node through an honest outbound peer; inbound peers count for
//! nothing. So if an item is delivered, this only means that there is such a peer at its second.
//!
//! Deliberately absent: merits. No inbound peer is ever first with anything or near, so eviction
//! spares by age and group.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use libp2p::swarm::ConnectionId;
use libp2p::{Multiaddr, PeerId};
use node::net::addresses::{address_group, ip_of};
use node::net::discovery::book::{Group, Kept, slot_group};
use node::net::discovery::{Discovery, Failure, REFRESH_EXTRA, Target, ToldBy, View, Want};
use node::net::reason::CloseReason;
use node::net::slots::{Connection, Decision, Limits, Merits, Slots};
use protocol::time::{Duration, Time};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// Identities of the attacker.
pub(crate) const IDENTITIES: usize = 5_000;
/// Outbound slots, and inbound ones: the node's own defaults.
const SLOTS: usize = 10;
const INBOUND: usize = 64;
/// Runs: the first, and five restarts.
pub(crate) const RUNS: usize = 6;
/// Seconds of a run in the whole study: six of them are a day.
pub(crate) const RUN_S: u64 = 4 * 3_600;
/// Seconds after the start of the first run from which on an honest outbound peer is demanded: `SETTLE_TIME`, and
/// a minute. Before that nothing is known but what one node named, and there are no anchors.
pub(crate) const WARM_S: u64 = 360;
/// The same after a restart, which has anchors and a book. Earlier it does not hold: ten short
/// seeds had 16 s without one.
pub(crate) const RESTART_S: u64 = 120;
/// Seconds between two items.
pub(crate) const ITEM_S: u64 = 10;
/// Of a hundred honest nodes, the number that are gone, and of the others the number that have a slot when asked.
const GONE: u32 = 10;
const ACCEPTING: u32 = 80;
/// Seconds between two of the attacker's identities, and two honest nodes, that ask for an inbound slot.
const ASK_S: u64 = 10;
const HONEST_ASK_S: u64 = 60;
/// Seconds that an honest peer stays, on average.
const STAY_S: u64 = 24 * 3_600;

/// Where the attacker's addresses are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scenario {
    /// 90 % of all addresses, in two /16 groups.
    TwoGroups,
    /// 60 % of all addresses, in a quarter of all groups.
    QuarterOfGroups,
}

impl Scenario {
    /// Its name in a table.
    #[must_use]
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::TwoGroups => "two-groups",
            Self::QuarterOfGroups => "quarter-of-groups",
        }
    }

    /// Honest nodes, their groups, and the attacker's.
    const fn shape(self) -> (usize, u16, u16) {
        match self {
            Self::TwoGroups => (IDENTITIES / 9, 300, 2),
            Self::QuarterOfGroups => (IDENTITIES * 2 / 3, 300, 100),
        }
    }
}

/// The results of one seed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Seconds without an honest outbound peer, after the first [`WARM_S`] of the first run and
    /// [`RESTART_S`] of others.
    pub(crate) eclipsed_s: u64,
    /// The longest time without one that began at a start: at the first start, and at any of the others.
    pub(crate) first_start_s: u64,
    /// See `first_start_s`.
    pub(crate) restart_s: u64,
    /// Honest peers in inbound slots, summed up over the ends of all runs.
    pub(crate) inbound: usize,
    /// The fewest honest outbound peers at any of these seconds.
    pub(crate) fewest: usize,
    /// Honest outbound peers at all these seconds, summed up, and the seconds.
    pub(crate) honest_s: u64,
    /// See `honest_s`.
    pub(crate) seconds: u64,
    /// Items, and those of them that reached the node.
    pub(crate) items: u64,
    /// See `items`.
    pub(crate) delivered: u64,
    /// The attacker's entries in the book at the end, and all entries.
    pub(crate) share: (usize, usize),
    /// The most outbound slots of one address group at any time.
    pub(crate) most_of_a_group: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Honest,
    Gone,
    Attacker,
}

#[derive(Clone, Debug)]
struct Somebody {
    peer: PeerId,
    address: Multiaddr,
    kind: Kind,
}

/// The node's slots, and the holders of the outbound ones.
struct Held {
    slots: Slots,
    peers: BTreeMap<PeerId, Holder>,
    /// Honest peers that were ever granted an inbound slot in this run, and the connection.
    honest_inbound: BTreeMap<ConnectionId, PeerId>,
}

struct Holder {
    connection: ConnectionId,
    address: Multiaddr,
    kind: Kind,
    /// When it disconnects.
    until: u64,
}

impl View for Held {
    fn outbound(&self) -> usize {
        self.slots.in_use().outbound
    }

    fn outbound_peers(&self) -> Vec<PeerId> {
        self.slots.outbound().map(|(_, connection)| connection.peer).collect()
    }

    fn outbound_groups(&self) -> Vec<Group> {
        self.peers.values().filter_map(|holder| slot_group(&holder.address)).collect()
    }

    fn holds_slot(&self, peer: &PeerId) -> bool {
        self.slots.holder(peer).is_some()
    }

    fn is_banned(&self, _: &PeerId) -> bool {
        false
    }

    fn is_banned_address(&self, _: IpAddr) -> bool {
        false
    }
}

impl Held {
    fn new(local: PeerId, seed: [u8; 32]) -> Self {
        let limits = Limits { inbound: INBOUND, outbound: SLOTS + REFRESH_EXTRA, slotless: 32 };
        Self { slots: Slots::new(limits, local, seed), peers: BTreeMap::new(), honest_inbound: BTreeMap::new() }
    }

    /// A connection that we dialled to a peer that has a slot for us. Returns whether it gets one of ours.
    fn add(&mut self, one: &Somebody, connection: ConnectionId, until: u64, now: Time) -> bool {
        self.connect(one, connection, true);
        let granted = self.slots.dialled(connection, now);
        if granted {
            let (address, kind) = (one.address.clone(), one.kind);
            self.peers.insert(one.peer, Holder { connection, address, kind, until });
        } else {
            self.slots.disconnected(connection);
        }
        granted
    }

    fn connect(&mut self, one: &Somebody, connection: ConnectionId, outbound: bool) {
        let (ip, group) = (ip_of(&one.address), address_group(&one.address, false));
        let what = Connection { peer: one.peer, ip, group, outbound, reserved: false };
        if let Some(victim) = self.slots.connected(connection, what) {
            self.slots.disconnected(victim);
        }
    }

    /// A peer dials us and asks for a slot.
    fn asks(&mut self, one: &Somebody, connection: ConnectionId, now: Time) {
        self.connect(one, connection, false);
        if one.kind == Kind::Honest {
            self.honest_inbound.insert(connection, one.peer);
        }
        let decisions = self.slots.asked(connection, now, &|_| Merits::default());
        self.apply(decisions);
    }

    /// Decides what is due about waiting peers.
    fn settle(&mut self, now: Time) {
        if self.slots.next_at().is_some_and(|at| at <= now) {
            let decisions = self.slots.settle(now, &|_| Merits::default());
            self.apply(decisions);
        }
    }

    /// Peers that lost a slot or got none disconnect.
    fn apply(&mut self, decisions: Vec<Decision>) {
        for decision in decisions {
            let gone = match decision {
                Decision::Granted { instead, .. } => instead.map(|(victim, _)| victim),
                Decision::Declined { id, .. } => Some(id),
            };
            if let Some(id) = gone {
                self.slots.disconnected(id);
                self.honest_inbound.remove(&id);
            }
        }
    }

    /// Honest peers in inbound slots.
    fn inbound(&self) -> usize {
        self.slots.inbound().filter(|(id, _)| self.honest_inbound.contains_key(id)).count()
    }

    fn remove(&mut self, peer: &PeerId) {
        if let Some(holder) = self.peers.remove(peer) {
            self.slots.disconnected(holder.connection);
        }
    }

    fn honest(&self) -> usize {
        self.peers.values().filter(|holder| holder.kind == Kind::Honest).count()
    }

    fn most_of_a_group(&self) -> usize {
        let groups = self.outbound_groups();
        groups.iter().map(|group| groups.iter().filter(|other| *other == group).count()).max().unwrap_or(0)
    }
}

/// The network, and the node in it.
struct World {
    honest: Vec<Somebody>,
    attackers: Vec<Somebody>,
    places: HashMap<Multiaddr, (PeerId, Kind)>,
    rng: StdRng,
    discovery: Discovery,
    held: Held,
    dials: usize,
}

/// Runs one seed.
#[must_use]
pub(crate) fn run(scenario: Scenario, seed: u64, run_s: u64) -> Outcome {
    let mut world = World::new(scenario, seed);
    let mut outcome = Outcome { fewest: SLOTS + 1, ..Outcome::default() };
    for run in 0..RUNS {
        world.begin(run);
        let (mut met, mut alone_s) = (false, 0);
        for second in 1..run_s {
            world.turn(second);
            outcome.most_of_a_group = outcome.most_of_a_group.max(world.held.most_of_a_group());
            let honest = world.held.honest();
            met |= honest > 0;
            alone_s += u64::from(!met);
            if second >= if run == 0 { WARM_S } else { RESTART_S } {
                outcome.note(honest, second);
            }
        }
        let longest = if run == 0 { &mut outcome.first_start_s } else { &mut outcome.restart_s };
        *longest = alone_s.max(*longest);
        outcome.inbound += world.held.inbound();
    }
    let honest: std::collections::HashSet<PeerId> = world.honest.iter().map(|one| one.peer).collect();
    outcome.share = world.discovery.book().share(|peer| !honest.contains(peer));
    outcome
}

impl Outcome {
    fn note(&mut self, honest: usize, second: u64) {
        self.seconds += 1;
        self.honest_s += honest as u64;
        self.eclipsed_s += u64::from(honest == 0);
        self.fewest = self.fewest.min(honest);
        if second.is_multiple_of(ITEM_S) {
            self.items += 1;
            self.delivered += u64::from(honest > 0);
        }
    }
}

fn id(rng: &mut StdRng) -> PeerId {
    let mut bytes = [0; 34];
    rng.fill(&mut bytes[..]);
    // A multihash: SHA-256, 32 bytes.
    (bytes[0], bytes[1]) = (0x12, 32);
    PeerId::from_bytes(&bytes).expect("a multihash")
}

fn address(group: u16, rng: &mut StdRng) -> Multiaddr {
    let (a, b) = (20 + group / 200, group % 200);
    let (c, d): (u8, u8) = (rng.random(), rng.random());
    format!("/ip4/{a}.{b}.{c}.{d}/tcp/{}", rng.random_range(1_024..u16::MAX)).parse().expect("an address")
}

impl World {
    fn new(scenario: Scenario, seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let (honest, honest_groups, bad_groups) = scenario.shape();
        let mut places = HashMap::new();
        let mut somebody = |kind, groups: std::ops::Range<u16>, rng: &mut StdRng| {
            let one = Somebody { peer: id(rng), address: address(rng.random_range(groups), rng), kind };
            places.insert(one.address.clone(), (one.peer, kind));
            one
        };
        let honest = (0..honest).map(|_| {
            let kind = if rng.random_range(0..100) < GONE { Kind::Gone } else { Kind::Honest };
            somebody(kind, 0..honest_groups, &mut rng)
        });
        let honest = honest.collect();
        let bad = honest_groups..honest_groups + bad_groups;
        let attackers = (0..IDENTITIES).map(|_| somebody(Kind::Attacker, bad.clone(), &mut rng)).collect();
        let discovery = new_discovery(&mut rng);
        let held = Held::new(id(&mut rng), rng.random());
        Self { honest, attackers, places, rng, discovery, held, dials: 0 }
    }

    /// A run begins: the first one with what one honest node names, a later one with what the run before kept.
    fn begin(&mut self, run: usize) {
        let kept: Vec<Kept> = self.discovery.kept(1_024);
        self.discovery = new_discovery(&mut self.rng);
        self.held = Held::new(id(&mut self.rng), self.rng.random());
        // All inbound slots are the attacker's at once.
        for attacker in &self.attackers[..INBOUND] {
            self.dials += 1;
            self.held.asks(attacker, ConnectionId::new_unchecked(self.dials), Time::ZERO);
        }
        assert_eq!(self.held.slots.in_use().inbound, INBOUND, "free slots");
        if run == 0 {
            let first = Group::of(&address(0, &mut self.rng), false);
            (0..60).for_each(|_| self.name_anybody(first, 0));
        } else {
            self.discovery.restore(kept);
        }
        for n in 0..IDENTITIES {
            self.tell_of_itself(self.attackers[n].clone(), 0);
        }
    }

    fn turn(&mut self, second: u64) {
        let now = Time::ZERO + Duration::from_secs(second);
        let attacker = self.one(Kind::Attacker);
        self.tell_of_itself(attacker, second);
        if second.is_multiple_of(30) {
            let honest = self.one(Kind::Honest);
            self.tell_of_itself(honest, second);
        }
        self.ask_for_slots(second);
        let leaving = self.held.peers.iter().filter(|(_, holder)| holder.until <= second);
        let gone: Vec<PeerId> = leaving.map(|(peer, _)| *peer).collect();
        for peer in gone {
            self.held.remove(&peer);
            self.discovery.on_down(&peer, true, CloseReason::ClosedByPeer, now);
        }
        for want in self.discovery.poll(now, &self.held) {
            match want {
                Want::Candidate { peer, addresses } => {
                    self.dial(Target::Candidate(peer), peer, &addresses, second)
                }
                Want::Feeler { peer, addresses } => self.dial(Target::Feeler(peer), peer, &addresses, second),
                Want::Leave(peer) => {
                    self.held.remove(&peer);
                    self.discovery.on_down(&peer, true, CloseReason::Refreshed, now);
                }
                Want::Walk => self.walk(second),
                Want::Fixed { .. } | Want::Warn(_) => {}
            }
        }
    }

    /// Peers dial the node and ask for an inbound slot. A peer that holds a slot need not ask.
    fn ask_for_slots(&mut self, second: u64) {
        let now = Time::ZERO + Duration::from_secs(second);
        self.held.settle(now);
        for (kind, every) in [(Kind::Attacker, ASK_S), (Kind::Honest, HONEST_ASK_S)] {
            let one = self.one(kind);
            if second.is_multiple_of(every) && one.kind == kind && self.held.slots.holder(&one.peer).is_none() {
                self.dials += 1;
                self.held.asks(&one, ConnectionId::new_unchecked(self.dials), now);
            }
        }
    }

    fn dial(&mut self, target: Target, peer: PeerId, addresses: &[Multiaddr], second: u64) {
        let now = Time::ZERO + Duration::from_secs(second);
        self.dials += 1;
        let dial = ConnectionId::new_unchecked(self.dials);
        self.discovery.dialling(target, Some(dial), now);
        let found = addresses.iter().find_map(|address| {
            let (there, kind) = self.places.get(address)?;
            (*there == peer && *kind != Kind::Gone).then(|| (address.clone(), *kind))
        });
        let Some((address, kind)) = found else {
            let failure = Failure::Unreachable("nobody answers".to_owned());
            return self.discovery.on_dial_failed(dial, failure, now);
        };
        self.discovery.on_established(dial, peer, &address, now);
        if matches!(target, Target::Feeler(_)) {
            return;
        }
        if kind == Kind::Honest && self.rng.random_range(0..100) >= ACCEPTING {
            return self.discovery.on_down(&peer, true, CloseReason::Declined, now);
        }
        let stay = if kind == Kind::Honest {
            // Exponential, in whole seconds.
            let draw: f64 = self.rng.random_range(f64::EPSILON..1.0);
            second + 1 + (-draw.ln() * STAY_S as f64) as u64
        } else {
            u64::MAX
        };
        if self.held.add(&Somebody { peer, address, kind }, dial, stay, now) {
            self.discovery.on_up(&peer, true, now);
        }
    }

    /// A random walk: ten of all identities are met, and each names others.
    fn walk(&mut self, second: u64) {
        for _ in 0..10 {
            let met = self.anybody();
            let source = Group::of(&met.address, false);
            for n in 0..20 {
                match met.kind {
                    Kind::Attacker if n % 2 == 0 => self.name_invented(source, second),
                    Kind::Attacker => {
                        let named = self.one(Kind::Attacker);
                        self.name(named, source, second);
                    }
                    _ => self.name_anybody(source, second),
                }
            }
        }
    }

    fn one(&mut self, kind: Kind) -> Somebody {
        let all = if kind == Kind::Attacker { &self.attackers } else { &self.honest };
        all[self.rng.random_range(0..all.len())].clone()
    }

    /// One of all identities, each equally likely.
    fn anybody(&mut self) -> Somebody {
        let n = self.rng.random_range(0..self.honest.len() + self.attackers.len());
        self.honest.get(n).unwrap_or_else(|| &self.attackers[n - self.honest.len()]).clone()
    }

    fn name_anybody(&mut self, source: Group, second: u64) {
        let named = self.anybody();
        self.name(named, source, second);
    }

    /// A peer that does not exist, at an address that could be an honest node's.
    fn name_invented(&mut self, source: Group, second: u64) {
        let address = address(self.rng.random_range(0..300), &mut self.rng);
        let nobody = Somebody { peer: id(&mut self.rng), address, kind: Kind::Gone };
        self.name(nobody, source, second);
    }

    fn name(&mut self, named: Somebody, source: Group, second: u64) {
        let now = Time::ZERO + Duration::from_secs(second);
        self.discovery.learn(named.peer, [named.address], ToldBy::Others, source, now);
    }

    /// It connects, and says where it is reached.
    fn tell_of_itself(&mut self, one: Somebody, second: u64) {
        let now = Time::ZERO + Duration::from_secs(second);
        let source = Group::of(&one.address, false);
        self.discovery.learn(one.peer, [one.address], ToldBy::Itself, source, now);
    }
}

fn new_discovery(rng: &mut StdRng) -> Discovery {
    Discovery::new(id(rng), SLOTS, &[], &[], false, false, rng.random())
}
