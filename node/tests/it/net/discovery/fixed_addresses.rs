//! A fixed address is an attempt, not a fact: nothing that one answer taught binds the next dial.

use std::collections::HashSet;
use std::net::IpAddr;

use libp2p::multiaddr::Protocol;
use libp2p::swarm::ConnectionId;
use libp2p::{Multiaddr, PeerId};
use node::net::discovery::book::Group;
use node::net::discovery::{Discovery, Failure, Target, ToldBy, Trouble, View, Want, Warning};
use node::net::reason::CloseReason;
use protocol::time::{Duration, Time};

#[derive(Default)]
struct Slots(HashSet<PeerId>);

impl View for Slots {
    fn outbound(&self) -> usize {
        self.0.len()
    }

    fn outbound_peers(&self) -> Vec<PeerId> {
        self.0.iter().copied().collect()
    }

    fn holds_slot(&self, peer: &PeerId) -> bool {
        self.0.contains(peer)
    }

    fn outbound_groups(&self) -> Vec<Group> {
        Vec::new()
    }

    fn is_banned_address(&self, _: IpAddr) -> bool {
        false
    }

    fn is_banned(&self, _: &PeerId) -> bool {
        false
    }
}

fn dial() -> ConnectionId {
    ConnectionId::new_unchecked(1)
}

fn at(seconds: u64) -> Time {
    Time::ZERO + Duration::from_secs(seconds)
}

fn address() -> Multiaddr {
    "/dns/join.example.org/tcp/30400".parse().expect("an address")
}

fn typed(peer: PeerId) -> Multiaddr {
    address().with(Protocol::P2p(peer))
}

fn discovery(bootstrap: &[Multiaddr]) -> Discovery {
    Discovery::new(PeerId::random(), 8, bootstrap, &[], false, false, [1; 32])
}

/// The peer id that is required at the only fixed address, if that should be dialled now.
fn dialled(discovery: &mut Discovery, now: Time, view: &Slots) -> Option<Option<PeerId>> {
    discovery.poll(now, view).into_iter().find_map(|want| match want {
        Want::Fixed { peer, .. } => Some(peer),
        _ => None,
    })
}

fn warnings(discovery: &mut Discovery, now: Time) -> Vec<Warning> {
    let wants = discovery.poll(now, &Slots::default()).into_iter();
    wants.filter_map(|want| if let Want::Warn(warning) = want { Some(warning) } else { None }).collect()
}

/// The result of the last try of the only fixed address.
fn trouble(discovery: &Discovery) -> Option<Trouble> {
    discovery.troubles().next()?.1.cloned()
}

/// `peer` answers at the only fixed address, and becomes a gossip peer.
fn joined(discovery: &mut Discovery, peer: PeerId, now: Time) -> Slots {
    discovery.dialling(Target::Fixed(0), Some(dial()), now);
    discovery.on_established(dial(), peer, &address(), now);
    discovery.on_up(&peer, true, at(0));
    Slots(HashSet::from([peer]))
}

#[test]
fn an_address_needs_no_second_dial_while_who_answered_there_is_a_peer() {
    let mut discovery = discovery(&[address()]);
    let view = joined(&mut discovery, PeerId::random(), at(0));
    assert_eq!(dialled(&mut discovery, at(600), &view), None);
}

#[test]
fn whoever_answers_next_is_as_welcome_as_who_answered_first() {
    let mut discovery = discovery(&[address()]);
    let first = PeerId::random();
    joined(&mut discovery, first, at(0));
    discovery.on_down(&first, true, CloseReason::ClosedByPeer, at(60));
    assert_eq!(dialled(&mut discovery, at(62), &Slots::default()), Some(None), "no id is demanded");
    // The next one to answer has another key.
    let view = joined(&mut discovery, PeerId::random(), at(62));
    assert_eq!(dialled(&mut discovery, at(600), &view), None);
}

#[test]
fn an_address_is_dialled_again_though_who_answered_there_once_is_a_peer_by_another_way() {
    let mut discovery = discovery(&[address()]);
    let peer = PeerId::random();
    let view = joined(&mut discovery, peer, at(0));
    discovery.on_down(&peer, true, CloseReason::ClosedByPeer, at(60));
    // It is back, because it dialled us; what leads to it at the address is not known.
    assert_eq!(dialled(&mut discovery, at(62), &view), Some(None));
}

#[test]
fn a_failed_dial_forgets_who_answered() {
    let mut discovery = discovery(&[address()]);
    let peer = PeerId::random();
    // A connection that never became a peer's, and the next dial fails.
    discovery.dialling(Target::Fixed(0), Some(dial()), at(0));
    discovery.on_established(dial(), peer, &address(), at(0));
    discovery.dialling(Target::Fixed(0), Some(dial()), at(5));
    discovery.on_dial_failed(dial(), Failure::Unreachable("refused".to_owned()), at(5));
    let view = Slots(HashSet::from([peer]));
    assert_eq!(dialled(&mut discovery, at(60), &view), Some(None));
    let troubles: Vec<_> = discovery.troubles().collect();
    assert_eq!(troubles, [(&address(), Some(&Trouble::Unreachable("refused".to_owned())))]);
}

#[test]
fn a_typed_id_is_demanded_for_ever_and_another_answer_is_told_at_once_and_then_rarely() {
    let (wanted, found) = (PeerId::random(), PeerId::random());
    let mut discovery = discovery(&[typed(wanted)]);
    let mut told = Vec::new();
    for second in 0..=1_300 {
        if dialled(&mut discovery, at(second), &Slots::default()) == Some(Some(wanted)) {
            discovery.dialling(Target::Fixed(0), Some(dial()), at(second));
            discovery.on_dial_failed(dial(), Failure::Another(found), at(second));
        }
        for warning in warnings(&mut discovery, at(second)) {
            assert_eq!(warning, Warning::AnotherPeer { address: address(), wanted, found });
            told.push(second);
        }
    }
    assert_eq!((told.len(), told[0]), (3, 0), "{told:?}");
    assert!(told.windows(2).all(|pair| pair[1] - pair[0] >= 600), "{told:?}");
    assert_eq!(dialled(&mut discovery, at(2_000), &Slots::default()), Some(Some(wanted)));
}

#[test]
fn a_node_of_another_network_is_told_once_and_the_address_tried_on() {
    let mut discovery = discovery(&[address()]);
    let stranger = PeerId::random();
    let mut told = 0;
    let mut tries = 0;
    for second in 0..500 {
        if dialled(&mut discovery, at(second), &Slots::default()) == Some(None) {
            tries += 1;
            discovery.dialling(Target::Fixed(0), Some(dial()), at(second));
            discovery.on_established(dial(), stranger, &address(), at(second));
            discovery.on_down(&stranger, true, CloseReason::Unsupported, at(second));
        }
        for warning in warnings(&mut discovery, at(second)) {
            assert_eq!(warning, Warning::AnotherNetwork { address: address(), found: stranger });
            told += 1;
        }
    }
    assert_eq!(told, 1);
    assert!(tries >= 8, "{tries}");
    // Another node has taken its place.
    let view = joined(&mut discovery, PeerId::random(), at(600));
    assert_eq!(dialled(&mut discovery, at(700), &view), None);
}

#[test]
fn what_led_to_this_node_itself_is_tried_again_ever_more_rarely() {
    let mut discovery = discovery(&[address()]);
    let mut tries = Vec::new();
    for second in 0..1_000 {
        if dialled(&mut discovery, at(second), &Slots::default()).is_some() {
            tries.push(second);
            discovery.dialling(Target::Fixed(0), Some(dial()), at(second));
            discovery.on_dial_failed(dial(), Failure::Ourselves, at(second));
        }
    }
    assert!((15..=30).contains(&tries.len()), "{tries:?}");
    assert_eq!(trouble(&discovery), Some(Trouble::Ourselves));
}

#[test]
fn our_own_id_in_a_list_that_all_nodes_share_is_not_dialled() {
    let local = PeerId::random();
    let mut discovery = Discovery::new(local, 8, &[typed(local)], &[], false, false, [1; 32]);
    assert_eq!(dialled(&mut discovery, at(60), &Slots::default()), None);
    assert_eq!(trouble(&discovery), Some(Trouble::Ourselves), "said, though nothing was tried");
}

#[test]
fn a_peer_whose_typed_address_fails_is_tried_where_others_say_it_is() {
    let peer = PeerId::random();
    let mut discovery = discovery(&[typed(peer)]);
    let elsewhere: Multiaddr = "/ip4/192.0.2.9/tcp/30400".parse().expect("an address");
    discovery.learn(peer, [elsewhere.clone()], ToldBy::Others, Group(1), at(0));
    let candidate = |discovery: &mut Discovery, now| {
        discovery.poll(now, &Slots::default()).into_iter().find_map(|want| match want {
            Want::Candidate { addresses, .. } => Some(addresses),
            _ => None,
        })
    };
    assert_eq!(candidate(&mut discovery, at(0)), None, "first where the operator says");
    for second in [1, 10] {
        discovery.dialling(Target::Fixed(0), Some(dial()), at(second));
        discovery.on_dial_failed(dial(), Failure::Unreachable("refused".to_owned()), at(second));
    }
    assert_eq!(candidate(&mut discovery, at(11)), Some(vec![elsewhere]));
}

#[test]
fn a_fixed_address_that_one_of_our_listeners_has_is_put_off_without_a_dial() {
    let mut discovery = discovery(&[address()]);
    assert_eq!(dialled(&mut discovery, at(0), &Slots::default()), Some(None));
    discovery.on_refused(0, Failure::Ourselves, at(0));
    assert_eq!(dialled(&mut discovery, at(0), &Slots::default()), None);
    assert_eq!(dialled(&mut discovery, at(2), &Slots::default()), Some(None), "it may be another's by then");
}

#[test]
fn who_answers_at_an_address_and_is_denied_is_not_dialled_there_again_while_it_is_a_peer_by_another_way() {
    let mut discovery = discovery(&[address()]);
    let peer = PeerId::random();
    discovery.dialling(Target::Fixed(0), Some(dial()), at(0));
    let denied = Failure::Denied { found: peer, cause: "two connections are enough".to_owned() };
    discovery.on_dial_failed(dial(), denied, at(0));
    let view = Slots(HashSet::from([peer]));
    assert_eq!(dialled(&mut discovery, at(600), &view), None);
    // The next one to answer may be another, once that peer is gone.
    discovery.on_down(&peer, true, CloseReason::ClosedByPeer, at(600));
    assert_eq!(dialled(&mut discovery, at(700), &view), Some(None));
}

#[test]
fn what_an_address_came_to_is_kept_until_another_try_says_more_or_a_peer_is_there() {
    let mut discovery = discovery(&[address()]);
    assert_eq!(trouble(&discovery), None, "nothing was tried");
    discovery.dialling(Target::Fixed(0), Some(dial()), at(0));
    assert_eq!(trouble(&discovery), None);
    let peer = PeerId::random();
    discovery.on_established(dial(), peer, &address(), at(0));
    assert_eq!(trouble(&discovery), Some(Trouble::NoWordYet));
    discovery.on_down(&peer, true, CloseReason::Declined, at(0));
    assert_eq!(trouble(&discovery), Some(Trouble::Closed(CloseReason::Declined)));
    // While it is tried again, that is still what there is to say.
    discovery.dialling(Target::Fixed(0), Some(dial()), at(60));
    discovery.on_established(dial(), peer, &address(), at(60));
    assert_eq!(trouble(&discovery), Some(Trouble::Closed(CloseReason::Declined)));
    discovery.on_up(&peer, true, at(0));
    assert_eq!(trouble(&discovery), None);
}
