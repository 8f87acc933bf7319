//! A slow uplink has a queue, and a connection that ends takes along what it has there.

use protocol::time::{Duration, Time};
use protocol::wire::message::Lane;
use testnet::random::Seed;
use testnet::sim::link::{Crossing, LinkModel, Network, Order};
use testnet::wan::{Bandwidth, Jitter};

const DELAY: Duration = Duration::from_millis(10);

/// A node that sends 1 MB in a second.
fn slow() -> Network {
    let bandwidth: Bandwidth = "8mbit".parse().unwrap();
    Network::new(LinkModel { jitter: Jitter::NONE, bandwidth }, 3, Seed(1).draws("network"))
}

/// When a body of 10 kB leaves.
fn leaves(network: &mut Network, now: Time, to: usize, order: &mut Order) -> Time {
    let (lane, sheltered) = (Lane::Bulk, false);
    let crossing = Crossing { from: 0, to, lane, bytes: 10_000, delay: DELAY, sheltered, held_until: Time::ZERO };
    network.send(now, crossing, order).left
}

#[test]
fn what_an_ended_connection_had_in_the_queue_delays_nobody() {
    let mut network = slow();
    let (mut ended, mut other) = (Order::default(), Order::default());
    for count in 1..=100 {
        let left = leaves(&mut network, Time::ZERO, 1, &mut ended);
        assert_eq!(left, Time::ZERO + Duration::from_millis(10).times(count));
    }
    let now = Time::ZERO + Duration::from_millis(305);
    assert_eq!(leaves(&mut network, now, 2, &mut other), Time::ZERO + Duration::from_millis(1_010));
    network.drop_waiting(now, 0, ended);
    // The other's first body keeps its turn of 10 ms.
    assert_eq!(leaves(&mut network, now, 2, &mut other), now + Duration::from_millis(20));
    // A connection that has nothing in the queue changes nothing.
    network.drop_waiting(now, 0, Order::default());
    assert_eq!(leaves(&mut network, now, 2, &mut other), now + Duration::from_millis(30));
}
