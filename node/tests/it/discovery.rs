//! Whom to dial: fixed addresses for ever, candidates at random, and nobody who is not wanted.

use std::collections::{BTreeSet, HashSet};

use libp2p::swarm::ConnectionId;
use libp2p::{Multiaddr, PeerId};
use node::discovery::{
    BOOK_PEERS_MAX, Discovery, Failure, KEPT_FAILURES_MAX, PEER_ADDRESSES_MAX, Target, ToldBy, View, Want,
    dialable,
};
use node::reason::CloseReason;
use protocol::time::{Duration, Time};

#[derive(Default)]
struct Slots {
    outbound: usize,
    holding: HashSet<PeerId>,
}

impl View for Slots {
    fn outbound(&self) -> usize {
        self.outbound
    }

    fn outbound_peers(&self) -> Vec<PeerId> {
        self.holding.iter().copied().collect()
    }

    fn holds_slot(&self, peer: &PeerId) -> bool {
        self.holding.contains(peer)
    }

    fn is_banned(&self, _: &PeerId) -> bool {
        false
    }
}

fn address(n: u16) -> Multiaddr {
    format!("/ip4/192.0.2.{}/tcp/{}", n % 250 + 1, n + 1).parse().expect("an address")
}

fn at(seconds: u64) -> Time {
    Time::ZERO + Duration::from_secs(seconds)
}

fn unreachable() -> Failure {
    Failure::Unreachable("nobody answers".to_owned())
}

fn discovery(bootstrap: &[Multiaddr], reserved: &[Multiaddr], reserved_only: bool, seed: u8) -> Discovery {
    Discovery::new(PeerId::random(), 8, bootstrap, reserved, reserved_only, [seed; 32])
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
    discovery.learn(itself, vec![address(1)], ToldBy::Itself, at(0));
    discovery.learn(itself, vec![address(2)], ToldBy::Others, at(0));
    discovery.learn(others, vec![address(3)], ToldBy::Others, at(0));
    let book = discovery.book();
    assert_eq!(book.len(), 1);
    assert_eq!((book[0].0, book[0].1.len()), (itself, 1));
}

/// Failed dials of one candidate, in a row.
fn fail(discovery: &mut Discovery, peer: PeerId, times: u32) {
    for time in 0..times as usize {
        let dial = ConnectionId::new_unchecked(time);
        discovery.dialling(Target::Candidate(peer), Some(dial), at(1));
        discovery.on_dial_failed(dial, unreachable(), at(2));
    }
}

#[test]
fn who_fails_too_often_is_not_in_the_book_for_another_run_unless_all_do() {
    let mut discovery = discovery(&[], &[], false, 1);
    let (dead, other) = (PeerId::random(), PeerId::random());
    for (n, peer) in [(1, dead), (2, other)] {
        discovery.learn(peer, vec![address(n)], ToldBy::Itself, at(0));
    }
    fail(&mut discovery, dead, KEPT_FAILURES_MAX);
    assert_eq!(discovery.book().len(), 2, "so often it may");
    fail(&mut discovery, dead, 1);
    assert_eq!(discovery.book().iter().map(|(peer, _)| *peer).collect::<Vec<_>>(), [other]);
    fail(&mut discovery, other, KEPT_FAILURES_MAX + 1);
    assert_eq!(discovery.book().len(), 2, "it is our own network that fails");
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
        (0..).zip(&peers).for_each(|(n, peer)| discovery.learn(*peer, [address(n)], ToldBy::Others, Time::ZERO));
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
    discovery.learn(peers[0], [address(1)], ToldBy::Others, Time::ZERO);
    let view = Slots { outbound: 7, ..Slots::default() };
    assert_eq!(candidates(&discovery.poll(at(1), &view)), [peers[0]]);
    discovery.dialling(Target::Candidate(peers[0]), Some(ConnectionId::new_unchecked(1)), at(1));
    discovery.on_established(ConnectionId::new_unchecked(1), peers[0], at(1));
    discovery.on_down(&peers[0], true, CloseReason::Declined, at(1));
    discovery.learn(peers[1], [address(2)], ToldBy::Others, at(1));
    assert_eq!(candidates(&discovery.poll(at(5), &view)), [peers[1]]);
    let later = candidates(&discovery.poll(at(90), &Slots { outbound: 0, ..Slots::default() }));
    assert!(later.contains(&peers[0]));
}

#[test]
fn reserved_only_dials_nobody_else_and_never_walks() {
    let mut discovery = discovery(&[address(1)], &[address(2), address(3)], true, 4);
    discovery.learn(PeerId::random(), [address(4)], ToldBy::Others, Time::ZERO);
    let wants = discovery.poll(at(60), &Slots::default());
    assert_eq!((wants.len(), fixed(&wants)), (2, 2));
}

#[test]
fn reserved_peers_are_dialled_though_no_slot_is_missing() {
    let mut discovery = discovery(&[address(1)], &[address(2)], false, 5);
    let wants = discovery.poll(at(1), &Slots { outbound: 8, ..Slots::default() });
    assert!(matches!(wants.as_slice(), [Want::Fixed { reserved: true, .. }]), "{wants:?}");
}

/// The addresses at which the only candidate would be dialled.
fn dialled(discovery: &mut Discovery, now: Time) -> Vec<Multiaddr> {
    let wants = discovery.poll(now, &Slots::default());
    let addresses = wants.into_iter().find_map(|want| match want {
        Want::Candidate { addresses, .. } => Some(addresses),
        _ => None,
    });
    addresses.expect("a candidate")
}

#[test]
fn what_a_peer_tells_itself_comes_before_what_others_tell_and_is_not_pushed_out() {
    let mut discovery = discovery(&[], &[], false, 8);
    let peer = PeerId::random();
    let mut learn = |from: u16, to: u16, told_by| {
        discovery.learn(peer, (from..to).map(address), told_by, Time::ZERO);
        dialled(&mut discovery, Time::ZERO)
    };
    assert_eq!(learn(0, 1, ToldBy::Others), [address(0)]);
    assert_eq!(learn(10, 12, ToldBy::Itself), [address(10), address(11), address(0)]);
    let all = learn(50, 90, ToldBy::Others);
    assert_eq!((all.len(), &all[..3]), (PEER_ADDRESSES_MAX, [address(10), address(11), address(0)].as_slice()));
    let moved = learn(12, 13, ToldBy::Itself);
    assert_eq!((moved.len(), &moved[..2]), (PEER_ADDRESSES_MAX - 1, [address(12), address(0)].as_slice()));
}

#[test]
fn what_others_told_is_replaced_once_it_led_nowhere() {
    let mut discovery = discovery(&[], &[], false, 9);
    let peer = PeerId::random();
    discovery.learn(peer, [address(1)], ToldBy::Itself, Time::ZERO);
    discovery.learn(peer, (20..40).map(address), ToldBy::Others, Time::ZERO);
    discovery.dialling(Target::Candidate(peer), Some(ConnectionId::new_unchecked(1)), Time::ZERO);
    discovery.on_dial_failed(ConnectionId::new_unchecked(1), unreachable(), Time::ZERO);
    discovery.learn(peer, [address(2)], ToldBy::Others, Time::ZERO);
    assert_eq!(dialled(&mut discovery, at(60)), [address(1), address(2)]);
}

#[test]
fn the_book_is_bounded() {
    let mut discovery = discovery(&[], &[], false, 7);
    (0..2 * BOOK_PEERS_MAX)
        .for_each(|n| discovery.learn(PeerId::random(), [address(n as u16)], ToldBy::Others, Time::ZERO));
    assert_eq!(discovery.known(), BOOK_PEERS_MAX);
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
        discovery.learn(PeerId::random(), [other.clone()], told_by, at(0));
        assert_eq!(discovery.known(), 0);
    }
    let mut discovery = discovery(&[], &[], false, 1);
    discovery.set_own(ips(&["127.0.0.2"]));
    assert_eq!(discovery.acceptable(other.clone(), ToldBy::Others), Some(other));
}

/// All 8 slots in use, and 4 more candidates.
fn full(seed: u8) -> (Discovery, Slots) {
    let mut discovery = discovery(&[], &[], false, seed);
    let peers: Vec<_> = (0..12).map(|_| PeerId::random()).collect();
    (0..).zip(&peers).for_each(|(n, peer)| discovery.learn(*peer, [address(n)], ToldBy::Itself, Time::ZERO));
    (discovery, Slots { outbound: 8, holding: peers[..8].iter().copied().collect() })
}

/// The seconds at which a candidate is wanted in the first hour, each of which comes to nothing.
fn refreshes(discovery: &mut Discovery, view: &Slots, from: u64) -> Vec<u64> {
    let mut seconds = Vec::new();
    for second in from..from + 3_600 {
        for want in discovery.poll(at(second), view) {
            assert!(matches!(want, Want::Candidate { .. }), "{want:?}");
            seconds.push(second);
        }
    }
    seconds
}

#[test]
fn with_all_slots_in_use_a_peer_is_exchanged_now_and_then() {
    let firsts: BTreeSet<u64> = (0..10)
        .map(|seed| {
            let (mut discovery, mut view) = full(seed);
            let seconds = refreshes(&mut discovery, &view, 0);
            let gaps: Vec<u64> = seconds.windows(2).map(|pair| pair[1] - pair[0]).collect();
            assert!(gaps.iter().all(|gap| (225..=376).contains(gap)), "{gaps:?}");
            assert!(seconds[0] <= 301);
            // The new one is a peer: one of the nine is left, and nobody else dialled.
            view.outbound = 9;
            view.holding.insert(PeerId::random());
            let wants = discovery.poll(at(3_600), &view);
            assert!(matches!(&wants[..], [Want::Leave(peer)] if view.holding.contains(peer)), "{wants:?}");
            seconds[0]
        })
        .collect();
    assert!(firsts.len() >= 8, "at {firsts:?}");
}

#[test]
fn peers_that_fell_silent_are_made_good_for_soon_and_for_a_while() {
    let (mut discovery, view) = full(1);
    let [silent, other] = [0, 1].map(|n| *view.holding.iter().nth(n).expect("eight"));
    let usual = refreshes(&mut discovery, &view, 0).len();
    discovery.on_down(&silent, false, CloseReason::PingTimeout, at(3_600));
    discovery.on_down(&other, true, CloseReason::ClosedByPeer, at(3_600));
    let after_others = refreshes(&mut discovery, &view, 3_601).len();
    assert!(after_others.abs_diff(usual) <= 3, "{after_others} and {usual}");
    discovery.on_down(&silent, true, CloseReason::PingTimeout, at(7_200));
    let seconds = refreshes(&mut discovery, &view, 7_201);
    let soon = seconds.iter().filter(|second| **second < 7_800).count();
    assert!((30..=55).contains(&soon), "{seconds:?}");
    assert!(seconds.len() - soon <= usual + 1, "no longer than that");
}

#[test]
fn nobody_is_exchanged_where_nobody_may_be_chosen() {
    let (_, view) = full(1);
    let mut reserved_only = discovery(&[], &[address(1)], true, 1);
    let reserved = reserved_only.poll(at(0), &view).len();
    assert_eq!(reserved, 1);
    assert!((1..2_000).all(|second| candidates(&reserved_only.poll(at(second), &view)).is_empty()));
    let mut alone = discovery(&[], &[], false, 1);
    assert_eq!(refreshes(&mut alone, &view, 0), [] as [u64; 0], "no candidates");
    let mut none = Discovery::new(PeerId::random(), 0, &[], &[], false, [1; 32]);
    none.learn(PeerId::random(), [address(1)], ToldBy::Itself, Time::ZERO);
    assert_eq!(refreshes(&mut none, &Slots::default(), 0), [] as [u64; 0], "no slots");
}
