//! Messages that vanish unseen: no link is ever closed because of them.

use std::time::Duration;

use protocol::time::{Duration as Span, Time};
use protocol::wire::message::Lane;
use testnet::random::Seed;
use testnet::sim::fault::FaultPlan;
use testnet::sim::link::{Crossing, LinkModel, Network, Order, Weather};
use testnet::sim::scenario::Scenario;
use testnet::sim::simulation::Simulation;
use testnet::wan::{Bandwidth, Jitter};
use testnet::workload::{Length, Load};

#[test]
fn the_share_that_vanishes_is_what_was_asked_for() {
    let model = LinkModel { jitter: Jitter::NONE, bandwidth: Bandwidth::UNLIMITED };
    let mut network = Network::new(model, 2, Seed(1).draws("network"));
    network.set_weather(Weather { vanish: 0.3, ..Weather::default() });
    let mut send = |sheltered| {
        let delay = Span::from_millis(10);
        let crossing =
            Crossing { from: 0, to: 1, lane: Lane::Control, bytes: 100, delay, sheltered, held_until: Time::ZERO };
        network.send(Time::ZERO, crossing, &mut Order::default())
    };
    let lost: Vec<_> = (0..10_000).map(|_| send(false)).filter(|passage| passage.arrives.is_none()).collect();
    // Four standard deviations are 4 sqrt(10,000 · 0.3 · 0.7) = 183.
    assert!(lost.len().abs_diff(3_000) < 183, "{}", lost.len());
    assert!(lost.iter().all(|passage| passage.unseen));
    assert!((0..100).all(|_| send(true).arrives.is_some()), "a greeting is a part of a connection's making");
}

#[test]
fn no_connection_is_closed_for_it() {
    let plan = |loss, vanish| FaultPlan { loss, vanish, ..FaultPlan::default() };
    for (faults, closes) in [(plan(0.3, 0.0), true), (plan(0.0, 0.3), false)] {
        let length = Length::Duration(Duration::from_secs(5));
        let workload = Load { length, ..Load::default() };
        let scenario = Scenario { nodes: Some(12), faults, workload, ..Scenario::default() };
        let finished = Simulation::new(scenario.setup(Seed(3)).unwrap()).run(&mut |_| {}).unwrap();
        assert!(finished.messages.1 > 100, "{:?}", finished.messages);
        let closed = finished.hosts.iter().flat_map(|host| &host.connections).any(|connection| !connection.open);
        assert_eq!(closed, closes);
    }
}
