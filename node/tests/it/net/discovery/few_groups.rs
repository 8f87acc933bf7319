//! Networks in fewer address groups than a node has outbound slots, on virtual time: they stay connected, and
//! connect again after a split. The nodes' own `Discovery` decides. Only the links of the network are modelled.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use libp2p::swarm::ConnectionId;
use libp2p::{Multiaddr, PeerId};
use node::net::discovery::book::{Group, slot_group};
use node::net::discovery::{Discovery, Failure, Target, ToldBy, View, Want};
use node::net::reason::CloseReason;
use protocol::time::{Duration, Time};
use rand::rngs::StdRng;
use rand::seq::IteratorRandom as _;
use rand::{RngExt as _, SeedableRng as _};

const SLOTS: usize = 8;

struct Node {
    peer: PeerId,
    address: Multiaddr,
    discovery: Discovery,
}

/// A node's view of its slots.
#[derive(Default)]
struct Seen {
    outbound: Vec<PeerId>,
    inbound: BTreeSet<PeerId>,
    groups: Vec<Group>,
}

impl View for Seen {
    fn outbound(&self) -> usize {
        self.outbound.len()
    }

    fn outbound_peers(&self) -> Vec<PeerId> {
        self.outbound.clone()
    }

    fn outbound_groups(&self) -> Vec<Group> {
        self.groups.clone()
    }

    fn holds_slot(&self, peer: &PeerId) -> bool {
        self.outbound.contains(peer) || self.inbound.contains(peer)
    }

    fn is_banned(&self, _: &PeerId) -> bool {
        false
    }

    fn is_banned_address(&self, _: IpAddr) -> bool {
        false
    }
}

struct World {
    nodes: Vec<Node>,
    /// Which node dialled which, and whether at a fixed address.
    links: BTreeMap<(usize, usize), bool>,
    /// The first node is gone.
    without_first: bool,
    /// No packet gets from one half to the other.
    cut: bool,
    second: u64,
    dials: usize,
    rng: StdRng,
}

impl World {
    /// Nodes that know the first one. In each group, every second one is in the same half.
    fn new(nodes: usize, groups: usize, seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let address = |n: usize| -> Multiaddr {
            format!("/ip4/20.{}.0.{n}/tcp/7", n / 2 % groups).parse().expect("an address")
        };
        let nodes = (0..nodes).map(|n| {
            let peer = id(&mut rng);
            let first = [address(0)];
            let first = if n == 0 { &[][..] } else { &first[..] };
            let discovery = Discovery::new(peer, SLOTS, first, &[], false, false, rng.random());
            Node { peer, address: address(n), discovery }
        });
        let nodes = nodes.collect();
        Self { nodes, links: BTreeMap::new(), without_first: false, cut: false, second: 0, dials: 0, rng }
    }

    fn now(&self) -> Time {
        Time::ZERO + Duration::from_secs(self.second)
    }

    fn run(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.second += 1;
            for n in usize::from(self.without_first)..self.nodes.len() {
                let (now, seen) = (self.now(), self.seen(n));
                for want in self.nodes[n].discovery.poll(now, &seen) {
                    self.on_want(n, want);
                }
            }
        }
    }

    fn on_want(&mut self, n: usize, want: Want) {
        match want {
            Want::Fixed { index, .. } => self.dial(n, 0, Target::Fixed(index)),
            Want::Candidate { peer, .. } => self.dial(n, self.who(&peer), Target::Candidate(peer)),
            Want::Feeler { peer, .. } => self.dial(n, self.who(&peer), Target::Feeler(peer)),
            Want::Leave(peer) => {
                self.unlink((n, self.who(&peer)), CloseReason::Refreshed, CloseReason::ClosedByPeer)
            }
            Want::Walk => self.walk(n),
            Want::Warn(_) => {}
        }
    }

    fn who(&self, peer: &PeerId) -> usize {
        self.nodes.iter().position(|node| node.peer == *peer).expect("a node")
    }

    fn seen(&self, n: usize) -> Seen {
        let mut seen = Seen::default();
        for ((from, to), fixed) in &self.links {
            if *from == n {
                seen.outbound.push(self.nodes[*to].peer);
                seen.groups.extend(slot_group(&self.nodes[*to].address).filter(|_| !fixed));
            } else if *to == n {
                seen.inbound.insert(self.nodes[*from].peer);
            }
        }
        seen
    }

    fn dial(&mut self, from: usize, to: usize, target: Target) {
        self.dials += 1;
        let (now, dial) = (self.now(), ConnectionId::new_unchecked(self.dials));
        let (peer, address) = (self.nodes[to].peer, self.nodes[to].address.clone());
        let discovery = &mut self.nodes[from].discovery;
        discovery.dialling(target, Some(dial), now);
        if (to == 0 && self.without_first) || (self.cut && from % 2 != to % 2) {
            return discovery.on_dial_failed(dial, Failure::Unreachable("nobody answers".to_owned()), now);
        }
        discovery.on_established(dial, peer, &address, now);
        let most = discovery.per_group();
        self.tell(from, to);
        self.tell(to, from);
        let seen = self.seen(from);
        let group = slot_group(&address).expect("a public address");
        let fixed = matches!(target, Target::Fixed(_));
        let room = fixed || seen.groups.iter().filter(|other| **other == group).count() < most;
        if !matches!(target, Target::Feeler(_)) && room && !seen.holds_slot(&peer) && seen.outbound() <= SLOTS {
            self.links.insert((from, to), fixed);
            let (one, other) = (self.nodes[from].peer, peer);
            self.nodes[from].discovery.on_up(&other, true, now);
            self.nodes[to].discovery.on_up(&one, false, now);
        }
    }

    /// A node tells its address.
    fn tell(&mut self, whom: usize, who: usize) {
        let (now, peer, address) = (self.now(), self.nodes[who].peer, self.nodes[who].address.clone());
        let source = Group::of(&address, false);
        self.nodes[whom].discovery.learn(peer, [address], ToldBy::Itself, source, now);
    }

    /// Three of a node's peers name some of theirs.
    fn walk(&mut self, n: usize) {
        let near = |links: &BTreeMap<(usize, usize), bool>, n: usize| -> Vec<usize> {
            let ends = links.keys().filter(|(from, to)| *from == n || *to == n);
            ends.map(|(from, to)| if *from == n { *to } else { *from }).collect()
        };
        for teller in near(&self.links, n).into_iter().sample(&mut self.rng, 3) {
            let source = Group::of(&self.nodes[teller].address, false);
            for named in near(&self.links, teller).into_iter().sample(&mut self.rng, 8) {
                let (now, peer, address) = (self.now(), self.nodes[named].peer, self.nodes[named].address.clone());
                self.nodes[n].discovery.learn(peer, [address], ToldBy::Others, source, now);
            }
        }
    }

    fn unlink(&mut self, link: (usize, usize), dialler: CloseReason, other: CloseReason) {
        if self.links.remove(&link).is_some() {
            let (now, (from, to)) = (self.now(), link);
            let (one, two) = (self.nodes[from].peer, self.nodes[to].peer);
            self.nodes[from].discovery.on_down(&two, true, dialler, now);
            self.nodes[to].discovery.on_down(&one, false, other, now);
        }
    }

    fn unlink_all(&mut self, reason: CloseReason, lost: impl Fn(usize, usize) -> bool) {
        let lost: Vec<_> = self.links.keys().filter(|(from, to)| lost(*from, *to)).copied().collect();
        lost.into_iter().for_each(|link| self.unlink(link, reason, reason));
    }

    /// The first node ends for good.
    fn end_first(&mut self) {
        self.without_first = true;
        self.unlink_all(CloseReason::ClosedByPeer, |from, to| from == 0 || to == 0);
    }

    /// Parts of the network that no link joins.
    fn parts(&self) -> usize {
        let mut left: BTreeSet<usize> = (usize::from(self.without_first)..self.nodes.len()).collect();
        let mut parts = 0;
        while let Some(first) = left.pop_first() {
            parts += 1;
            let mut reached = vec![first];
            while let Some(n) = reached.pop() {
                for (from, to) in self.links.keys().filter(|(from, to)| *from == n || *to == n) {
                    let other = if *from == n { *to } else { *from };
                    if left.remove(&other) {
                        reached.push(other);
                    }
                }
            }
        }
        parts
    }
}

fn id(rng: &mut StdRng) -> PeerId {
    let mut bytes = [0; 34];
    rng.fill(&mut bytes[..]);
    // A multihash: SHA-256, 32 bytes.
    (bytes[0], bytes[1]) = (0x12, 32);
    PeerId::from_bytes(&bytes).expect("a multihash")
}

#[test]
fn twenty_nodes_in_one_group_hold_together_when_the_node_that_they_all_know_ends() {
    for seed in 0..20 {
        let mut world = World::new(20, 1, seed);
        world.run(300);
        world.end_first();
        assert_eq!(world.parts(), 1, "seed {seed}: at once");
        for _ in 0..60 {
            world.run(10);
            assert_eq!(world.parts(), 1, "seed {seed}, second {}", world.second);
        }
    }
}

#[test]
fn two_halves_that_each_have_all_groups_find_together_again() {
    for (groups, seed) in [1, 4, SLOTS].into_iter().flat_map(|groups| (0..5).map(move |seed| (groups, seed))) {
        let mut world = World::new(40, groups, seed);
        world.run(300);
        world.end_first();
        world.run(300);
        world.cut = true;
        world.unlink_all(CloseReason::PingTimeout, |from, to| from % 2 != to % 2);
        world.run(60);
        assert_eq!(world.parts(), 2, "{groups} groups, seed {seed}");
        world.cut = false;
        world.run(600);
        assert_eq!(world.parts(), 1, "{groups} groups, seed {seed}");
    }
}

#[test]
fn with_more_groups_than_slots_no_group_has_two() {
    let mut world = World::new(60, 20, 1);
    for _ in 0..1_200 {
        world.run(1);
        for n in 0..world.nodes.len() {
            let groups = world.seen(n).groups;
            assert_eq!(groups.iter().collect::<BTreeSet<_>>().len(), groups.len(), "second {}", world.second);
        }
    }
}
