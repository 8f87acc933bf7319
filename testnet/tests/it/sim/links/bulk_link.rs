//! The model of the bulk lane's window: a message that a new window doesn't hold costs one round trip, and later
//! ones cost none. The rate is the uplink's.

use protocol::time::{Duration, Time};
use protocol::wire::message::Lane;
use testnet::random::Seed;
use testnet::sim::link::{Crossing, LinkModel, Network, Order};
use testnet::wan::Jitter;

/// The one-way delay; 1 MiB; and its time at 50 Mbit/s, in microseconds.
const DELAY: Duration = Duration::from_millis(75);
const BODY: u64 = 1 << 20;
const TAKES: u64 = 167_773;

fn network(bandwidth: &str) -> Network {
    let bandwidth = bandwidth.parse().expect("a bandwidth");
    Network::new(LinkModel { jitter: Jitter::NONE, bandwidth }, 3, Seed(1).draws("network"))
}

/// When a body of this number of bytes that is sent at `now` arrives, in microseconds later.
fn arrives(network: &mut Network, order: &mut Order, now: Time, to: usize, bytes: u64) -> u64 {
    let crossing =
        Crossing { from: 0, to, lane: Lane::Bulk, bytes, delay: DELAY, sheltered: false, held_until: Time::ZERO };
    network.send(now, crossing, order).arrives.expect("nothing is lost").since(now).as_micros()
}

#[test]
fn a_large_body_waits_one_round_trip_until_its_window_is_found() {
    let (mut network, mut order) = (network("50mbit"), Order::default());
    let at = |seconds: u64| Time::from_micros(seconds * 1_000_000);
    let small = arrives(&mut network, &mut order, at(0), 1, 64 * 1024);
    assert_eq!(small, 75_000 + 10_486, "a new window holds it");
    let first = arrives(&mut network, &mut order, at(1), 1, BODY);
    assert!((first as i64 - (75_000 + 150_000 + TAKES as i64 - 10_486)).abs() < 2_000, "{first}");
    let second = arrives(&mut network, &mut order, at(2), 1, BODY);
    assert!(second.abs_diff(75_000 + TAKES) < 2_000, "{second}");
    // Another peer has another window.
    let other = arrives(&mut network, &mut Order::default(), at(3), 2, BODY);
    assert_eq!(other, first);
}

#[test]
fn bodies_leave_an_uplink_one_after_the_other() {
    let mut network = network("50mbit");
    let mut orders = [Order::default(), Order::default()];
    for (order, to) in orders.iter_mut().zip([1, 2]) {
        arrives(&mut network, order, Time::ZERO, to, BODY);
    }
    let now = Time::from_micros(5_000_000);
    let both = [1, 2].map(|to| arrives(&mut network, &mut orders[to - 1], now, to, BODY));
    assert!(both[0].abs_diff(75_000 + TAKES) < 2_000 && both[1].abs_diff(75_000 + 2 * TAKES) < 2_000, "{both:?}");
}

#[test]
fn the_largest_window_is_the_limit_where_the_uplink_is_none() {
    let (mut network, mut order) = (network("unlimited"), Order::default());
    let took =
        [0, 1].map(|second| arrives(&mut network, &mut order, Time::from_micros(second * 1_000_000), 1, 4 << 20));
    // 4 MiB are two windows of 2 MiB. One of them is under way at once. The first time, only 64 KiB are.
    assert!(took[1].abs_diff(75_000 + 150_000) < 2_000, "{took:?}");
    assert!(took[0].abs_diff(75_000 + 150_000 + 295_000) < 2_000, "{took:?}");
}
