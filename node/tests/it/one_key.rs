//! One key on two machines: both say so, a node that dials itself does not, and third parties don't swap for ever.

use std::net::IpAddr;

use libp2p::{Multiaddr, PeerId};
use node::own_key::{ANSWERS_MIN, CUTS_MIN, KEY_WARN_INTERVAL, KeySign, KeyWatch};
use node::swaps::{SWAP_PEERS_MAX, SWAP_TIME, SWAP_WARN_INTERVAL, SWAPS_MAX, Swap, Swaps};
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

/// What the watch tells within a minute from `second` on.
fn told(watch: &mut KeyWatch, second: u64) -> Vec<KeySign> {
    (second..second + 60).filter_map(|second| watch.poll(at(second))).collect()
}

#[test]
fn an_address_that_answers_with_our_id_and_brings_no_call_is_another_machine() {
    let mut watch = KeyWatch::default();
    for second in 0..ANSWERS_MIN as u64 {
        assert_eq!(watch.poll(at(second)), None);
        watch.on_answer(address(7), at(second));
    }
    assert_eq!(told(&mut watch, 3), [KeySign::SeenAt(address(7))]);
}

#[test]
fn a_call_with_our_id_that_answers_no_dial_of_ours_is_another_machine() {
    let mut watch = KeyWatch::default();
    watch.on_call(address(8), at(0));
    assert_eq!(told(&mut watch, 0), [KeySign::SeenAt(address(8))]);
}

#[test]
fn a_node_that_dials_itself_is_no_other_machine() {
    let mut watch = KeyWatch::default();
    for minute in 0..20 {
        // A call is noticed before or after the answer.
        watch.on_call(address(8), at(60 * minute + minute % 3));
        watch.on_answer(address(7), at(60 * minute + 1));
        assert_eq!(told(&mut watch, 60 * minute + 2), [] as [KeySign; 0]);
    }
}

#[test]
fn a_peer_that_closes_connections_soon_and_again_is_a_sign_and_one_that_does_it_once_is_none() {
    let (replacing, other) = (PeerId::random(), PeerId::random());
    let mut watch = KeyWatch::default();
    for n in 0..CUTS_MIN as u64 {
        assert_eq!(watch.poll(at(2 * n)), None);
        watch.on_up(replacing, at(2 * n));
        watch.on_closed(replacing, at(2 * n + 1));
    }
    watch.on_up(other, at(0));
    watch.on_closed(other, at(1));
    assert_eq!(told(&mut watch, 10), [KeySign::Replaced(replacing)]);
    // The same where only the first connection came up.
    let mut watch = KeyWatch::default();
    watch.on_up(replacing, at(0));
    (1..=CUTS_MIN as u64).for_each(|n| watch.on_closed(replacing, at(n)));
    assert_eq!(told(&mut watch, 10), [KeySign::Replaced(replacing)]);
    // A peer that is full closes what was never up.
    let mut watch = KeyWatch::default();
    (1..=20).for_each(|n| watch.on_closed(other, at(3 * n)));
    assert_eq!(told(&mut watch, 10), [] as [KeySign; 0]);
    // Connections that last, however often they end.
    for minute in 10..30 {
        watch.on_up(other, at(60 * minute));
        watch.on_closed(other, at(60 * minute + 60));
        assert_eq!(told(&mut watch, 60 * minute), [] as [KeySign; 0]);
    }
}

#[test]
fn it_is_told_once_and_again_after_ten_minutes() {
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
        (0..60).map(|n| swaps.wanted(peer, ip(1 + n % 2), ip(2 - n % 2), at(u64::from(n)))).collect();
    assert_eq!(outcomes.iter().filter(|swap| **swap == Swap::New).count(), SWAPS_MAX);
    assert_eq!(outcomes[SWAPS_MAX], Swap::Old { warn: true }, "it is told");
    assert!(outcomes[SWAPS_MAX + 1..].iter().all(|swap| *swap == Swap::Old { warn: false }), "and not every time");
    // One peer's bound is not another's, and it ends.
    assert_eq!(swaps.wanted(PeerId::random(), ip(1), ip(2), at(61)), Swap::New);
    assert_eq!(swaps.wanted(peer, ip(1), ip(2), at(60) + SWAP_TIME), Swap::New);
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
    let outcomes: Vec<_> = (0..20).map(|n| swaps.wanted(peer, ip(1), ip(1), at(n))).collect();
    assert_eq!(outcomes.iter().filter(|swap| **swap == Swap::New).count(), SWAPS_MAX);
    assert!(outcomes[SWAPS_MAX..].iter().all(|swap| *swap == Swap::Old { warn: false }));
}

#[test]
fn the_memory_of_swaps_and_the_number_of_warnings_are_bounded() {
    let mut swaps = Swaps::default();
    let warned = |swap| u64::from(swap == Swap::Old { warn: true });
    let mut warnings = 0;
    let first = PeerId::random();
    (0..SWAPS_MAX).for_each(|_| warnings += warned(swaps.wanted(first, ip(1), ip(2), at(0))));
    for n in 1..SWAP_PEERS_MAX {
        let peer = PeerId::random();
        (0..=SWAPS_MAX).for_each(|_| warnings += warned(swaps.wanted(peer, ip(1), ip(2), at(n as u64 / 100 + 1))));
    }
    assert_eq!(warnings, 1);
    assert_eq!(swaps.wanted(first, ip(1), ip(2), at(5)), Swap::Old { warn: false }, "as many are remembered");
    swaps.wanted(PeerId::random(), ip(1), ip(2), at(5));
    assert_eq!(swaps.wanted(first, ip(1), ip(2), at(5)), Swap::New, "and one more makes room");
    assert!(SWAP_WARN_INTERVAL >= Duration::from_secs(600));
}
