//! Which addresses to dial: fixed addresses forever, candidates at random, and none that is not wanted.

use std::collections::{BTreeSet, HashSet};
use std::net::IpAddr;

use libp2p::swarm::ConnectionId;
use libp2p::{Multiaddr, PeerId};
use node::net::addresses::dialable;
use node::net::discovery::book::{Group, slot_group};
use node::net::discovery::{Discovery, Failure, KEPT_FAILURES_MAX, Target, ToldBy, View, Want};
use node::net::reason::CloseReason;
use protocol::time::{Duration, Time};

#[derive(Default)]
struct Slots {
    outbound: usize,
    holding: HashSet<PeerId>,
    groups: Vec<Group>,
    banned: Option<IpAddr>,
}

impl View for Slots {
    fn outbound(&self) -> usize {
        self.outbound
    }

    fn outbound_peers(&self) -> Vec<PeerId> {
        self.holding.iter().copied().collect()
    }

    fn outbound_groups(&self) -> Vec<Group> {
        self.groups.clone()
    }

    fn is_banned_address(&self, address: IpAddr) -> bool {
        self.banned == Some(address)
    }

    fn holds_slot(&self, peer: &PeerId) -> bool {
        self.holding.contains(peer)
    }

    fn is_banned(&self, _: &PeerId) -> bool {
        false
    }
}

/// Each is in its own group.
fn address(n: u16) -> Multiaddr {
    format!("/ip4/{}.{}.2.1/tcp/{}", 20 + n / 250, n % 250, n + 1).parse().expect("an address")
}

/// Told by a peer from a group that no other peer is in.
fn source(n: u16) -> Group {
    Group(u64::from(n) + 1)
}

fn at(seconds: u64) -> Time {
    Time::ZERO + Duration::from_secs(seconds)
}

fn unreachable() -> Failure {
    Failure::Unreachable("nobody answers".to_owned())
}

fn discovery(bootstrap: &[Multiaddr], reserved: &[Multiaddr], reserved_only: bool, seed: u8) -> Discovery {
    Discovery::new(PeerId::random(), 8, bootstrap, reserved, reserved_only, false, [seed; 32])
}

fn candidates(wants: &[Want]) -> Vec<PeerId> {
    wants
        .iter()
        .filter_map(|want| if let Want::Candidate { peer, .. } = want { Some(*peer) } else { None })
        .collect()
}

fn fixed(wants: &[Want]) -> usize {
    wants.iter().filter(|want| matches!(want, Want::Fixed { .. })).count()
}

#[test]
fn the_book_for_another_run_has_what_peers_told_of_themselves() {
    let mut discovery = discovery(&[], &[], false, 1);
    let (itself, others) = (PeerId::random(), PeerId::random());
    discovery.learn(itself, vec![address(1)], ToldBy::Itself, source(1), at(0));
    discovery.learn(itself, vec![address(2)], ToldBy::Others, source(2), at(0));
    discovery.learn(others, vec![address(3)], ToldBy::Others, source(2), at(0));
    let kept = discovery.kept(100);
    assert_eq!(kept.len(), 1);
    assert_eq!((kept[0].peer, &kept[0].addresses[..]), (itself, [address(1)].as_slice()));
}

/// Failed dials of one candidate, in a row, from `second` on. The other peers hold slots.
fn fail(discovery: &mut Discovery, peer: PeerId, others: &[PeerId], times: u32, second: u64) {
    for time in 0..u64::from(times) {
        let now = at(second + 100 * time);
        let view = Slots { holding: others.iter().copied().collect(), ..Slots::default() };
        assert_eq!(candidates(&discovery.poll(now, &view)), [peer]);
        let dial = ConnectionId::new_unchecked(1);
        discovery.dialling(Target::Candidate(peer), Some(dial), now);
        discovery.on_dial_failed(dial, unreachable(), now);
    }
}

#[test]
fn who_fails_too_often_is_not_in_the_book_for_another_run_unless_all_do() {
    let mut discovery = discovery(&[], &[], false, 1);
    let (dead, other) = (PeerId::random(), PeerId::random());
    for (n, peer) in [(1, dead), (2, other)] {
        discovery.learn(peer, vec![address(n)], ToldBy::Itself, source(n), at(0));
    }
    fail(&mut discovery, dead, &[other], KEPT_FAILURES_MAX, 1);
    assert_eq!(discovery.kept(100).len(), 2, "so often it may");
    fail(&mut discovery, dead, &[other], 1, 1_000);
    assert_eq!(discovery.kept(100).iter().map(|kept| kept.peer).collect::<Vec<_>>(), [other]);
    fail(&mut discovery, other, &[dead], KEPT_FAILURES_MAX + 1, 2_000);
    assert_eq!(discovery.kept(100).len(), 2, "it is our own network that fails");
}

#[test]
fn a_dead_bootstrap_address_is_tried_for_ever_ever_more_rarely_and_blocks_no_other() {
    let mut discovery = discovery(&[address(1), address(2)], &[], false, 1);
    let view = Slots::default();
    let mut tries = Vec::new();
    let mut now = Time::ZERO;
    while now < at(3_600) {
        for want in discovery.poll(now, &view) {
            if let Want::Fixed { index, .. } = want {
                let id = ConnectionId::new_unchecked(tries.len());
                discovery.dialling(Target::Fixed(index), Some(id), now);
                // The first address never answers at all; the second refuses at once.
                if index == 1 {
                    tries.push(now);
                    discovery.on_dial_failed(id, unreachable(), now);
                }
            }
        }
        now = now + Duration::from_millis(200);
    }
    let gaps: Vec<_> = tries.windows(2).map(|pair| pair[1].since(pair[0]).as_millis()).collect();
    assert!(gaps.iter().all(|gap| (750..=75_400).contains(gap)), "{gaps:?}");
    assert!(gaps[8..].iter().all(|gap| *gap >= 45_000), "{gaps:?}");
    assert!(tries.len() > 3_600 / 76, "{}", tries.len());
}

#[test]
fn candidates_are_as_many_as_are_missing_and_differ_by_seed() {
    let peers: Vec<_> = (0..40).map(|_| PeerId::random()).collect();
    let mut choices = BTreeSet::new();
    for seed in 0..10 {
        let mut discovery = discovery(&[], &[], false, seed);
        (0..)
            .zip(&peers)
            .for_each(|(n, peer)| discovery.learn(*peer, [address(n)], ToldBy::Others, source(n), Time::ZERO));
        let mut view = Slots { outbound: 2, ..Slots::default() };
        view.holding.extend(&peers[..20]);
        let mut chosen = candidates(&discovery.poll(Time::ZERO, &view));
        assert_eq!(chosen.len(), 6);
        assert!(chosen.iter().all(|peer| peers[20..].contains(peer)));
        chosen.sort_unstable();
        choices.insert(chosen);
    }
    assert!(choices.len() >= 9, "only {} different choices of 10", choices.len());
}

#[test]
fn a_peer_that_declined_is_left_alone_for_a_while_and_another_is_tried() {
    let mut discovery = discovery(&[], &[], false, 3);
    let peers = [PeerId::random(), PeerId::random()];
    discovery.learn(peers[0], [address(1)], ToldBy::Others, source(1), Time::ZERO);
    let view = Slots { outbound: 7, ..Slots::default() };
    assert_eq!(candidates(&discovery.poll(at(1), &view)), [peers[0]]);
    discovery.dialling(Target::Candidate(peers[0]), Some(ConnectionId::new_unchecked(1)), at(1));
    discovery.on_established(ConnectionId::new_unchecked(1), peers[0], &address(1), at(1));
    discovery.on_down(&peers[0], true, CloseReason::Declined, at(1));
    discovery.learn(peers[1], [address(2)], ToldBy::Others, source(2), at(1));
    assert_eq!(candidates(&discovery.poll(at(5), &view)), [peers[1]]);
    let later = candidates(&discovery.poll(at(90), &Slots { outbound: 0, ..Slots::default() }));
    assert!(later.contains(&peers[0]));
}

#[test]
fn reserved_only_dials_nobody_else_and_never_walks() {
    let mut discovery = discovery(&[address(1)], &[address(2), address(3)], true, 4);
    discovery.learn(PeerId::random(), [address(4)], ToldBy::Others, source(4), Time::ZERO);
    let wants = discovery.poll(at(60), &Slots::default());
    assert_eq!((wants.len(), fixed(&wants)), (2, 2));
}

#[test]
fn reserved_peers_are_dialled_though_no_slot_is_missing() {
    let mut discovery = discovery(&[address(1)], &[address(2)], false, 5);
    let wants = discovery.poll(at(1), &Slots { outbound: 8, ..Slots::default() });
    let dials: Vec<_> = wants.iter().filter(|want| **want != Want::Walk).collect();
    assert!(matches!(dials[..], [Want::Fixed { reserved: true, .. }]), "{wants:?}");
}

#[test]
fn only_addresses_that_can_be_dialled_are_kept() {
    let good = ["/ip4/192.0.2.1/tcp/1", "/ip6/2001:db8::1/udp/2/quic-v1"];
    let bad = [
        "/ip4/0.0.0.0/tcp/1",
        "/ip4/192.0.2.1/tcp/0",
        "/ip4/192.0.2.1/udp/1",
        "/ip4/192.0.2.1/tcp/1/ws",
        "/tcp/1",
        "/dns/example.org/tcp/3",
        "/dns4/example.org/tcp/3",
        "/dns6/example.org/udp/3/quic-v1",
    ];
    good.iter().for_each(|text| assert!(dialable(text.parse().expect("an address")).is_some(), "{text}"));
    bad.iter().for_each(|text| assert!(dialable(text.parse().expect("an address")).is_none(), "{text}"));
}

#[test]
fn loopback_addresses_are_believed_where_there_are_nodes_on_loopback_and_only_the_usual_ones() {
    let parse = |text: &str| -> Multiaddr { text.parse().expect("an address") };
    let usual = ["/ip4/127.0.0.1/tcp/1", "/ip6/::1/tcp/1"].map(parse);
    let other = parse("/ip4/127.0.0.2/tcp/1");
    let ips = |texts: &[&str]| texts.iter().map(|text| text.parse().expect("an IP")).collect::<Vec<_>>();
    let wide = ["10.1.1.1", "127.0.0.1"];
    // What we listen on, whether a peer is on loopback, and who tells.
    let cases = [
        (&wide[..], false, ToldBy::Others, false),
        (&wide[..], true, ToldBy::Others, true),
        (&wide[1..], false, ToldBy::Others, true),
        (&[], false, ToldBy::Others, false),
        (&wide[..], false, ToldBy::Itself, true),
    ];
    for (own, peer, told_by, believed) in cases {
        let mut discovery = discovery(&[], &[], false, 1);
        discovery.set_own(ips(own));
        if peer {
            discovery.on_loopback_peer();
        }
        for address in &usual {
            let kept = discovery.acceptable(address.clone(), told_by).is_some();
            assert_eq!(kept, believed, "{own:?} {peer} {told_by:?} {address}");
        }
        assert_eq!(discovery.acceptable(other.clone(), told_by), None);
        discovery.learn(PeerId::random(), [other.clone()], told_by, source(1), at(0));
        assert_eq!(discovery.known(), 0);
    }
    let mut discovery = discovery(&[], &[], false, 1);
    discovery.set_own(ips(&["127.0.0.2"]));
    assert_eq!(discovery.acceptable(other.clone(), ToldBy::Others), Some(other));
}

#[test]
fn one_outbound_slot_is_enough_for_an_address_group_unless_it_is_a_private_one() {
    let near = |n: u16| format!("/ip4/198.51.100.{n}/tcp/7").parse::<Multiaddr>().expect("an address");
    let private = |n: u16| format!("/ip4/10.0.0.{n}/tcp/7").parse::<Multiaddr>().expect("an address");
    let mut discovery = discovery(&[], &[], false, 1);
    for n in 1..=6 {
        discovery.learn(PeerId::random(), [near(n)], ToldBy::Itself, source(n), at(0));
    }
    let wants = discovery.poll(at(0), &Slots::default());
    let chosen = candidates(&wants);
    assert_eq!(chosen.len(), 1, "one of six: {wants:?}");
    // While that dial is under way, and when it has led to a slot, no other of the group is dialled.
    discovery.dialling(Target::Candidate(chosen[0]), Some(ConnectionId::new_unchecked(1)), at(0));
    assert_eq!(candidates(&discovery.poll(at(5), &Slots::default())), []);
    discovery.on_established(ConnectionId::new_unchecked(1), chosen[0], &near(1), at(5));
    let groups = vec![slot_group(&near(9)).expect("a public address")];
    let held = Slots { outbound: 1, holding: chosen.iter().copied().collect(), groups, ..Slots::default() };
    assert_eq!(candidates(&discovery.poll(at(20), &held)), []);
    for n in 1..=6 {
        discovery.learn(PeerId::random(), [private(n)], ToldBy::Itself, source(n), at(20));
    }
    assert_eq!(candidates(&discovery.poll(at(20), &held)).len(), 6);
}

#[test]
fn a_pick_that_comes_to_nothing_is_made_good_in_its_group_first() {
    let near = |n: u16| format!("/ip4/198.51.100.{n}/tcp/7").parse::<Multiaddr>().expect("an address");
    for seed in 0..20 {
        let mut discovery = discovery(&[], &[], false, seed);
        let group: Vec<PeerId> = (0..4).map(|_| PeerId::random()).collect();
        (1..).zip(&group).for_each(|(n, peer)| {
            discovery.learn(*peer, [near(n)], ToldBy::Itself, source(n), at(0));
        });
        (10..60).for_each(|n| discovery.learn(PeerId::random(), [address(n)], ToldBy::Itself, source(n), at(0)));
        // One slot is free. The group is met at last, and then all of it in a row.
        let view = Slots { outbound: 7, ..Slots::default() };
        let mut tried = Vec::new();
        for second in 0..200 {
            for peer in candidates(&discovery.poll(at(second), &view)) {
                let dial = ConnectionId::new_unchecked(1);
                discovery.dialling(Target::Candidate(peer), Some(dial), at(second));
                tried.push(peer);
                discovery.on_established(dial, peer, &near(1), at(second));
                discovery.on_down(&peer, true, CloseReason::Declined, at(second));
            }
        }
        let first = tried.iter().position(|peer| group.contains(peer)).expect("it is met");
        let row: BTreeSet<_> = tried[first..first + 4].iter().collect();
        assert_eq!(row, group.iter().collect(), "seed {seed}");
    }
}

#[test]
fn of_a_peers_addresses_those_in_groups_without_a_slot_are_dialled() {
    let mut discovery = discovery(&[], &[], false, 1);
    let peer = PeerId::random();
    discovery.learn(peer, [address(1), address(2)], ToldBy::Itself, source(1), at(0));
    let view = Slots { groups: slot_group(&address(1)).into_iter().collect(), ..Slots::default() };
    let wants = discovery.poll(at(0), &view);
    assert!(wants.contains(&Want::Candidate { peer, addresses: vec![address(2)] }), "{wants:?}");
}

#[test]
fn nothing_is_dialled_at_a_banned_address() {
    let ip = |n: u16| {
        address(n).iter().find_map(|part| match part {
            libp2p::multiaddr::Protocol::Ip4(ip) => Some(IpAddr::V4(ip)),
            _ => None,
        })
    };
    let mut book = discovery(&[], &[], false, 1);
    let peer = PeerId::random();
    book.learn(peer, [address(1)], ToldBy::Itself, source(1), at(0));
    let mut operator = discovery(&[address(1)], &[], false, 1);
    let mut reserved = discovery(&[], &[address(1)], false, 1);
    let (banned, free) =
        (Slots { banned: ip(1), ..Slots::default() }, Slots { banned: ip(2), ..Slots::default() });
    let dials = |wants: Vec<Want>| wants.into_iter().filter(|want| *want != Want::Walk).count();
    for discovery in [&mut book, &mut operator, &mut reserved] {
        assert_eq!(dials(discovery.poll(at(0), &banned)), 0);
        assert_eq!(dials(discovery.poll(at(0), &free)), 1);
    }
}
