//! A node with all outbound slots in use: one extra peer changes and the others stay. Also feelers and anchors.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::net::IpAddr;

use libp2p::swarm::ConnectionId;
use libp2p::{Multiaddr, PeerId};
use node::net::discovery::book::{Group, Kept, Standing};
use node::net::discovery::{
    ANCHORS, Discovery, EXCHANGE_INTERVAL, EXTRA_INTERVAL_SILENT, Failure, SETTLE_TIME, Target, ToldBy, View, Want,
};
use node::net::reason::CloseReason;
use protocol::time::{Duration, Time};

/// Peers that hold slots.
#[derive(Default)]
struct Slots(HashSet<PeerId>);

impl View for Slots {
    fn outbound(&self) -> usize {
        self.0.len()
    }

    fn outbound_peers(&self) -> Vec<PeerId> {
        self.0.iter().copied().collect()
    }

    fn outbound_groups(&self) -> Vec<Group> {
        Vec::new()
    }

    fn holds_slot(&self, peer: &PeerId) -> bool {
        self.0.contains(peer)
    }

    fn is_banned(&self, _: &PeerId) -> bool {
        false
    }

    fn is_banned_address(&self, _: IpAddr) -> bool {
        false
    }
}

fn address(n: u16) -> Multiaddr {
    format!("/ip4/{}.{}.2.1/tcp/{}", 20 + n / 250, n % 250, n + 1).parse().expect("an address")
}

fn at(seconds: u64) -> Time {
    Time::ZERO + Duration::from_secs(seconds)
}

/// A node, and all peers that it knows.
struct World {
    discovery: Discovery,
    slots: Slots,
    places: BTreeMap<PeerId, Multiaddr>,
    left: Vec<(u64, PeerId)>,
    felt: Vec<(u64, PeerId)>,
    since: BTreeMap<PeerId, u64>,
    dials: usize,
}

impl World {
    fn new(seed: u8, peers: u16) -> Self {
        Self::at(seed, peers, address)
    }

    /// The same with peers at these addresses.
    fn at(seed: u8, peers: u16, address: fn(u16) -> Multiaddr) -> Self {
        let mut discovery = Discovery::new(PeerId::random(), 8, &[], &[], false, false, [seed; 32]);
        let mut places = BTreeMap::new();
        for n in 0..peers {
            let peer = PeerId::random();
            discovery.learn(peer, [address(n)], ToldBy::Itself, Group(u64::from(n) + 1), Time::ZERO);
            places.insert(peer, address(n));
        }
        Self {
            discovery,
            slots: Slots::default(),
            places,
            left: Vec::new(),
            felt: Vec::new(),
            since: BTreeMap::new(),
            dials: 0,
        }
    }

    /// The dials that the node wants in these seconds. Every peer answers, and has a slot for it.
    fn run(&mut self, seconds: std::ops::Range<u64>) {
        for second in seconds {
            for want in self.discovery.poll(at(second), &self.slots) {
                match want {
                    Want::Candidate { peer, .. } => {
                        self.answer(Target::Candidate(peer), peer, second);
                        self.slots.0.insert(peer);
                        self.since.insert(peer, second);
                        self.discovery.on_up(&peer, true, at(second));
                    }
                    Want::Feeler { peer, .. } => {
                        self.answer(Target::Feeler(peer), peer, second);
                        self.felt.push((second, peer));
                    }
                    Want::Leave(peer) => {
                        self.slots.0.remove(&peer);
                        self.left.push((second, peer));
                        self.discovery.on_down(&peer, true, CloseReason::Refreshed, at(second));
                    }
                    _ => {}
                }
            }
        }
    }

    /// The peers that were held longest.
    fn oldest(&self, most: usize) -> HashSet<PeerId> {
        let mut held: Vec<_> = self.slots.0.iter().map(|peer| (self.since.get(peer).copied(), *peer)).collect();
        held.sort();
        held.into_iter().map(|(_, peer)| peer).take(most).collect()
    }

    fn answer(&mut self, target: Target, peer: PeerId, second: u64) {
        self.dials += 1;
        let dial = ConnectionId::new_unchecked(self.dials);
        self.discovery.dialling(target, Some(dial), at(second));
        let address = self.places.get(&peer).expect("known");
        self.discovery.on_established(dial, peer, address, at(second));
    }
}

/// The second from which on a run has settled.
fn settled() -> u64 {
    SETTLE_TIME.as_millis() / 1_000 + 30
}

fn gaps(times: &[(u64, PeerId)]) -> Vec<u64> {
    times.windows(2).map(|pair| pair[1].0 - pair[0].0).collect()
}

#[test]
fn with_all_slots_in_use_one_extra_peer_changes_every_five_minutes_and_the_others_stay() {
    let firsts: BTreeSet<u64> = (0..10)
        .map(|seed| {
            let mut world = World::new(seed, 100);
            world.run(0..settled());
            let first: HashSet<PeerId> = world.oldest(8);
            world.left.clear();
            world.run(settled()..settled() + 2_500);
            assert_eq!(world.slots.0.len(), 9);
            assert!(first.is_subset(&world.slots.0), "the eight are still peers");
            assert!((6..=11).contains(&world.left.len()), "{:?}", world.left);
            assert!(gaps(&world.left).iter().all(|gap| (225..=377).contains(gap)), "{:?}", world.left);
            world.left[0].0
        })
        .collect();
    assert!(firsts.len() >= 8, "nodes that started together change at {firsts:?}");
}

#[test]
fn about_once_an_hour_the_extra_peer_stays_and_another_is_left() {
    let mut world = World::new(1, 200);
    world.run(0..settled());
    let first = world.oldest(8);
    world.left.clear();
    let hours = 24;
    let day = EXCHANGE_INTERVAL.times(hours).as_millis() / 1_000;
    world.run(settled()..day);
    let left: BTreeSet<PeerId> =
        world.left.iter().map(|(_, peer)| *peer).filter(|peer| first.contains(peer)).collect();
    assert!((4..=8).contains(&left.len()), "{} of the first eight are left in a day", left.len());
    world.left.clear();
    // In an hour it is one or two, not more.
    let before = world.slots.0.clone();
    world.run(day..day + 3_600);
    let others = before.difference(&world.slots.0).count();
    assert!(others <= 4, "{others} of nine: the extra one, and one or two");
}

#[test]
fn peers_that_fell_silent_are_made_good_for_soon_and_for_a_while() {
    let mut world = World::new(1, 400);
    world.run(0..settled());
    world.left.clear();
    world.run(settled()..3_600);
    let usual = world.left.len();
    let [silent, other] = [0, 1].map(|n| *world.slots.0.iter().nth(n).expect("nine"));
    let down = |world: &mut World, peer, outbound, reason, second| {
        if outbound {
            world.slots.0.remove(&peer);
        }
        world.discovery.on_down(&peer, outbound, reason, at(second));
        world.left.clear();
    };
    down(&mut world, silent, false, CloseReason::PingTimeout, 3_600);
    down(&mut world, other, true, CloseReason::ClosedByPeer, 3_600);
    world.run(3_601..7_200);
    assert!(world.left.len().abs_diff(usual) <= 3, "{:?} and {usual}", world.left);
    down(&mut world, silent, true, CloseReason::PingTimeout, 7_200);
    world.run(7_201..10_800);
    let soon = world.left.iter().filter(|(second, _)| *second < 7_800).count();
    assert!((25..=55).contains(&soon), "{:?}", world.left);
    assert!(world.left.len() - soon <= usual + 1, "no longer than that");
}

#[test]
fn nobody_is_exchanged_where_nobody_may_be_chosen() {
    let slots = || Slots((0..8).map(|_| PeerId::random()).collect());
    let wanted = |mut discovery: Discovery, slots: Slots| {
        let wants = (0..2_000).flat_map(|second| discovery.poll(at(second), &slots)).collect::<Vec<_>>();
        wants.into_iter().filter(|want| *want != Want::Walk).collect::<Vec<_>>()
    };
    let new = |target, reserved: &[Multiaddr], only| {
        Discovery::new(PeerId::random(), target, &[], reserved, only, false, [1; 32])
    };
    let fixed = wanted(new(8, &[address(1)], true), slots());
    assert!(fixed.iter().all(|want| matches!(want, Want::Fixed { .. })), "reserved peers only");
    assert_eq!(wanted(new(8, &[], false), slots()), [], "no candidates");
    let mut none = new(0, &[], false);
    none.learn(PeerId::random(), [address(1)], ToldBy::Itself, Group(1), Time::ZERO);
    assert_eq!(wanted(none, Slots::default()), [], "no slots");
}

#[test]
fn feelers_test_what_was_only_told_one_in_half_a_minute_and_hold_no_slot() {
    let mut world = World::new(3, 200);
    world.run(0..1);
    let before = world.discovery.book().reached();
    assert_eq!((before, world.felt.len()), (8, 0), "while slots are free, dials for them test enough");
    world.run(1..1_800);
    assert!((48..=80).contains(&world.felt.len()), "{:?}", world.felt);
    assert!(gaps(&world.felt).iter().all(|gap| (22..=39).contains(gap)), "{:?}", world.felt);
    let tested: BTreeSet<PeerId> = world.felt.iter().map(|(_, peer)| *peer).collect();
    assert_eq!(tested.len(), world.felt.len(), "nobody is tested twice");
    assert!(world.discovery.book().reached() >= before + tested.len(), "what answers is reached");
    assert_eq!(world.slots.0.len(), 9);
}

#[test]
fn the_two_peers_that_were_held_longest_are_dialled_first_in_the_next_run() {
    let mut world = World::new(5, 100);
    world.run(0..3_000);
    let oldest = world.oldest(ANCHORS);
    let kept = world.discovery.kept(1_024);
    let anchors: Vec<&Kept> = kept.iter().filter(|kept| kept.standing == Standing::Anchor).collect();
    assert_eq!(anchors.len(), ANCHORS);
    assert!(anchors.iter().all(|anchor| oldest.contains(&anchor.peer)));
    assert_eq!(kept[..ANCHORS].iter().collect::<Vec<_>>(), anchors, "first, so that no bound leaves them out");
    let mut next = Discovery::new(PeerId::random(), 8, &[], &[], false, false, [6; 32]);
    next.restore(kept.clone());
    let wants = next.poll(at(0), &Slots::default());
    let first: BTreeSet<_> = wants
        .iter()
        .take(ANCHORS)
        .map(|want| match want {
            Want::Candidate { peer, .. } => Some(*peer),
            _ => None,
        })
        .collect();
    assert_eq!(first, anchors.iter().map(|anchor| Some(anchor.peer)).collect());
}

#[test]
fn a_run_that_meets_nobody_keeps_the_anchors_of_the_one_before() {
    let anchors: Vec<Kept> = (0..2)
        .map(|n| Kept { peer: PeerId::random(), addresses: vec![address(n)], standing: Standing::Anchor })
        .collect();
    let mut discovery = Discovery::new(PeerId::random(), 8, &[], &[], false, false, [1; 32]);
    discovery.restore(anchors.clone());
    for second in 0..100 {
        for want in discovery.poll(at(second), &Slots::default()) {
            let Want::Candidate { peer, .. } = want else { continue };
            let dial = ConnectionId::new_unchecked(1);
            discovery.dialling(Target::Candidate(peer), Some(dial), at(second));
            discovery.on_dial_failed(dial, Failure::Unreachable("no network".to_owned()), at(second));
        }
    }
    let mut kept = discovery.kept(10);
    let mut wanted = anchors;
    kept.sort_by_key(|kept| kept.peer);
    wanted.sort_by_key(|kept| kept.peer);
    assert_eq!(kept, wanted);
}

#[test]
fn what_filled_the_slots_first_is_drawn_anew_while_a_run_settles_but_for_the_anchors() {
    // It reached too few groups to know most of them.
    let mut before = World::new(7, 100);
    before.run(0..300);
    let kept = before.discovery.kept(1_024);
    let anchors: HashSet<PeerId> =
        kept.iter().filter(|kept| kept.standing == Standing::Anchor).map(|kept| kept.peer).collect();
    let mut world = World::new(8, 0);
    world.places = before.places;
    world.discovery.restore(kept);
    world.run(0..1);
    assert!(anchors.is_subset(&world.slots.0));
    world.run(1..settled());
    let exchanges = (SETTLE_TIME.as_millis() / EXTRA_INTERVAL_SILENT.as_millis()) as usize;
    assert!((exchanges - 8..=exchanges + 4).contains(&world.left.len()), "{:?}", world.left);
    assert!(anchors.is_subset(&world.slots.0), "they stay");
    let first_left = world.left.iter().filter(|(_, peer)| anchors.contains(peer)).count();
    assert_eq!(first_left, 0);
}

#[test]
fn a_run_in_a_private_network_keeps_the_peers_that_it_began_with() {
    let private = |n| format!("/ip4/10.0.{n}.1/tcp/{}", n + 1).parse().expect("an address");
    let mut world = World::at(9, 100, private);
    world.run(0..60);
    assert_eq!(world.slots.0.len(), 8);
    world.left.clear();
    let first = world.oldest(8);
    world.run(60..settled());
    assert!(first.is_subset(&world.slots.0), "they stay");
    assert!(world.left.len() <= 2, "but for the extra one: {:?}", world.left);
}

#[test]
fn a_run_whose_book_knows_most_groups_keeps_the_peers_that_it_began_with() {
    let mut before = World::new(7, 100);
    before.run(0..6_000);
    let mut world = World::new(8, 0);
    world.places = before.places;
    world.discovery.restore(before.discovery.kept(1_024));
    world.run(0..60);
    let first = world.oldest(8);
    world.left.clear();
    world.run(60..settled());
    assert!(first.is_subset(&world.slots.0), "they stay");
    assert!(world.left.len() <= 2, "but for the extra one: {:?}", world.left);
}
