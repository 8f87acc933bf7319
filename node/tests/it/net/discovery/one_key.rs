//! One key on two machines: both nodes report it, a node that dials itself does not, and third parties don't
//! switch forever.

use std::net::IpAddr;

use libp2p::{Multiaddr, PeerId};
use node::net::discovery::own_key::{CUTS_MIN, KEY_WARN_INTERVAL, KeySign, KeyWatch, LONE_TIME, Origin};
use node::net::slots::swaps::{Held, SWAP_PEERS_MAX, SWAP_TIME, SWAP_WARN_INTERVAL, SWAPS_MAX, Swap, Swaps};
use protocol::gossip::AddressGroup;
use protocol::time::{Duration, Time};

fn at(seconds: u64) -> Time {
    Time::ZERO + Duration::from_secs(seconds)
}

fn address(n: u8) -> Multiaddr {
    format!("/ip4/192.0.2.{n}/tcp/30400").parse().expect("an address")
}

fn ip(n: u8) -> Option<IpAddr> {
    Some(IpAddr::from([192, 0, 2, n]))
}

/// A connection that a peer has dialled from this address.
fn held(n: u8) -> Held {
    Held { ip: ip(n), outbound: false }
}

/// The reports of the watch within a minute from `second` on.
fn told(watch: &mut KeyWatch, second: u64) -> Vec<KeySign> {
    (second..second + 60).filter_map(|second| watch.poll(at(second))).collect()
}

#[test]
fn an_address_that_answers_with_our_id_twice_and_brings_no_call_is_another_machine() {
    let mut watch = KeyWatch::default();
    watch.on_answer(address(7), at(0));
    assert_eq!(told(&mut watch, 0), [], "a call may be lost");
    watch.on_answer(address(7), at(60));
    assert_eq!(told(&mut watch, 60), [KeySign::SeenAt(address(7))]);
}

#[test]
fn two_calls_with_our_id_that_answer_no_dial_of_ours_are_another_machine() {
    let mut watch = KeyWatch::default();
    watch.on_call(address(8), at(0));
    assert_eq!(told(&mut watch, 0), [], "an answer may be lost");
    watch.on_call(address(8), at(60));
    assert_eq!(told(&mut watch, 60), [KeySign::SeenAt(address(8))]);
}

#[test]
fn what_came_alone_is_forgotten_after_some_minutes() {
    let mut watch = KeyWatch::default();
    let gap = LONE_TIME.as_millis() / 1_000 + 1;
    for n in 0..10 {
        watch.on_answer(address(7), at(n * gap));
        watch.on_call(address(8), at(n * gap + gap / 2));
        assert_eq!(told(&mut watch, n * gap), []);
        assert_eq!(told(&mut watch, n * gap + gap / 2), []);
    }
}

#[test]
fn a_node_that_dials_itself_is_no_other_machine() {
    let mut watch = KeyWatch::default();
    for minute in 0..20 {
        // A call is noticed before or after the answer, by up to a handshake's ten seconds.
        watch.on_call(address(8), at(60 * minute + 10 * (minute % 3)));
        watch.on_answer(address(7), at(60 * minute + 10));
        assert_eq!(told(&mut watch, 60 * minute + 10), []);
    }
}

#[test]
fn who_passes_our_connections_back_and_cuts_them_off_is_no_other_machine() {
    let mut watch = KeyWatch::default();
    for minute in 0..20 {
        // The listener fails at once or when it has waited for ten seconds, and never learns who called.
        watch.on_answer(address(7), at(60 * minute));
        watch.on_nameless_call(at(60 * minute + 10 * (minute % 2)));
        assert_eq!(told(&mut watch, 60 * minute + 10), []);
    }
    // One call that failed excuses one answer.
    watch.on_nameless_call(at(2_000));
    (0..3).for_each(|_| watch.on_answer(address(7), at(2_000)));
    assert_eq!(told(&mut watch, 2_000), [KeySign::SeenAt(address(7))]);
}

/// `peer` closes as many connections as count from `second` on, each a second after it was up.
fn cut(watch: &mut KeyWatch, peer: PeerId, origin: Origin, second: u64) {
    for n in 0..CUTS_MIN as u64 {
        assert_eq!(watch.poll(at(second + 2 * n)), None);
        watch.on_up(peer, at(second + 2 * n));
        watch.on_closed(peer, origin, at(second + 2 * n + 1));
    }
}

#[test]
fn a_peer_that_closes_connections_soon_and_again_is_a_sign_and_one_that_does_it_once_is_none() {
    let (replacing, other) = (PeerId::random(), PeerId::random());
    let mut watch = KeyWatch::default();
    cut(&mut watch, replacing, Origin::Fixed, 0);
    watch.on_up(other, at(0));
    watch.on_closed(other, Origin::Fixed, at(1));
    assert_eq!(told(&mut watch, 10), [KeySign::Replaced(replacing)]);
    // The same where only the first connection came up.
    let mut watch = KeyWatch::default();
    watch.on_up(replacing, at(0));
    (1..=CUTS_MIN as u64).for_each(|n| watch.on_closed(replacing, Origin::Fixed, at(n)));
    assert_eq!(told(&mut watch, 10), [KeySign::Replaced(replacing)]);
    // A peer that is full closes what was never up.
    let mut watch = KeyWatch::default();
    (1..=20).for_each(|n| watch.on_closed(other, Origin::Fixed, at(3 * n)));
    assert_eq!(told(&mut watch, 10), []);
    // Connections that last, however often they end.
    for minute in 10..30 {
        watch.on_up(other, at(60 * minute));
        watch.on_closed(other, Origin::Fixed, at(60 * minute + 60));
        assert_eq!(told(&mut watch, 60 * minute), []);
    }
}

#[test]
fn closings_of_strangers_are_a_sign_only_if_two_of_different_address_groups_do_it() {
    let [first, neighbour, far] = [(); 3].map(|()| PeerId::random());
    let in_group = |n| Origin::Learned(Some(AddressGroup(n)));
    let mut watch = KeyWatch::default();
    for n in 0..5 {
        cut(&mut watch, first, in_group(1), 20 * n);
    }
    cut(&mut watch, neighbour, in_group(1), 100);
    assert_eq!(told(&mut watch, 110), []);
    cut(&mut watch, far, in_group(2), 170);
    assert_eq!(told(&mut watch, 180), [KeySign::Replaced(far)]);
    // Two that are far apart in time.
    let mut watch = KeyWatch::default();
    cut(&mut watch, first, in_group(1), 0);
    let later = 10 + LONE_TIME.as_millis() / 1_000;
    cut(&mut watch, far, in_group(2), later);
    assert_eq!(told(&mut watch, later + 10), []);
}

#[test]
fn the_weaker_sign_keeps_the_stronger_one_not_back() {
    let mut watch = KeyWatch::default();
    let peer = PeerId::random();
    cut(&mut watch, peer, Origin::Fixed, 0);
    assert_eq!(told(&mut watch, 10), [KeySign::Replaced(peer)]);
    (70..72).for_each(|second| watch.on_call(address(8), at(second)));
    assert_eq!(told(&mut watch, 72), [KeySign::SeenAt(address(8))]);
}

#[test]
fn each_sign_is_told_once_and_again_after_ten_minutes() {
    let mut watch = KeyWatch::default();
    let seconds: Vec<u64> = (0..1_300)
        .filter(|second| {
            watch.on_call(address(8), at(*second));
            watch.poll(at(*second)).is_some()
        })
        .collect();
    assert_eq!(seconds.len(), 3, "{seconds:?}");
    let interval = KEY_WARN_INTERVAL.as_millis() / 1_000;
    assert!(seconds.windows(2).all(|pair| pair[1] - pair[0] >= interval));
}

#[test]
fn two_machines_with_one_key_swap_their_connection_some_times_and_then_the_older_one_stays() {
    let mut swaps = Swaps::default();
    let peer = PeerId::random();
    let outcomes: Vec<_> =
        (0..60).map(|n| swaps.wanted(peer, held(1 + n % 2), ip(2 - n % 2), at(u64::from(n)))).collect();
    assert_eq!(outcomes.iter().filter(|swap| **swap == Swap::New).count(), SWAPS_MAX);
    assert_eq!(outcomes[SWAPS_MAX], Swap::Old { warn: true }, "it is told");
    assert!(outcomes[SWAPS_MAX + 1..].iter().all(|swap| *swap == Swap::Old { warn: false }), "and not every time");
    // One peer's bound is not another's, and it ends.
    assert_eq!(swaps.wanted(PeerId::random(), held(1), ip(2), at(61)), Swap::New);
    assert_eq!(swaps.wanted(peer, held(1), ip(2), at(60) + SWAP_TIME), Swap::New);
}

#[test]
fn a_contest_that_the_limit_for_one_peer_decides_is_told_as_well() {
    let mut swaps = Swaps::default();
    let peer = PeerId::random();
    let told: Vec<_> = (0..60).map(|n| swaps.denied(peer, ip(1), ip(2), at(n))).collect();
    assert_eq!(told.iter().position(|told| *told), Some(SWAPS_MAX));
    assert_eq!(told.iter().filter(|told| **told).count(), 1);
    let other = PeerId::random();
    assert!(
        !(0..60).any(|n| swaps.denied(other, ip(1), ip(1), at(2_000 + n))),
        "one machine's attempts are its own"
    );
}

#[test]
fn a_peer_that_comes_back_from_its_own_address_is_bounded_without_a_word() {
    let mut swaps = Swaps::default();
    let peer = PeerId::random();
    let outcomes: Vec<_> = (0..20).map(|n| swaps.wanted(peer, held(1), ip(1), at(n))).collect();
    assert_eq!(outcomes.iter().filter(|swap| **swap == Swap::New).count(), SWAPS_MAX);
    assert!(outcomes[SWAPS_MAX..].iter().all(|swap| *swap == Swap::Old { warn: false }));
}

#[test]
fn the_memory_of_swaps_and_the_number_of_warnings_are_bounded() {
    let mut swaps = Swaps::default();
    let warned = |swap| u64::from(swap == Swap::Old { warn: true });
    let mut warnings = 0;
    let first = PeerId::random();
    (0..SWAPS_MAX).for_each(|_| warnings += warned(swaps.wanted(first, held(1), ip(2), at(0))));
    for n in 1..SWAP_PEERS_MAX {
        let peer = PeerId::random();
        (0..=SWAPS_MAX)
            .for_each(|_| warnings += warned(swaps.wanted(peer, held(1), ip(2), at(n as u64 / 100 + 1))));
    }
    assert_eq!(warnings, 1);
    assert_eq!(swaps.wanted(first, held(1), ip(2), at(5)), Swap::Old { warn: false }, "as many are remembered");
    swaps.wanted(PeerId::random(), held(1), ip(2), at(5));
    assert_eq!(swaps.wanted(first, held(1), ip(2), at(5)), Swap::New, "and one more makes room");
    assert!(SWAP_WARN_INTERVAL >= Duration::from_secs(600));
}

#[test]
fn attempts_that_are_denied_use_up_no_right_to_replace() {
    let mut swaps = Swaps::default();
    let peer = PeerId::random();
    for n in 0..60 {
        swaps.denied(peer, ip(1), ip(2), at(n));
    }
    let outcomes: Vec<_> = (0..SWAPS_MAX).map(|_| swaps.wanted(peer, held(1), ip(2), at(60))).collect();
    assert!(outcomes.iter().all(|swap| *swap == Swap::New));
}

#[test]
fn if_both_dial_at_once_the_one_connection_that_both_keep_is_not_subject_to_the_bound() {
    let mut swaps = Swaps::default();
    let peer = PeerId::random();
    for n in 0..20 {
        swaps.wanted(peer, held(1), ip(1), at(n));
    }
    let dialled = Held { ip: ip(1), outbound: true };
    assert_eq!(swaps.wanted(peer, dialled, ip(2), at(20)), Swap::New);
}

#[test]
fn a_connection_without_an_ip_is_no_second_machine() {
    let mut swaps = Swaps::default();
    let peer = PeerId::random();
    let unknown = Held { ip: None, outbound: false };
    let told = |swap| swap == Swap::Old { warn: true };
    assert!(!(0..20).any(|n| told(swaps.wanted(peer, unknown, ip(1), at(n)))));
    assert!(!(0..20).any(|n| told(swaps.wanted(peer, held(1), None, at(n)))));
    assert!(!(0..20).any(|n| swaps.denied(peer, ip(1), None, at(n)) || swaps.denied(peer, None, ip(1), at(n))));
}
