//! Push-sum when messages are lost, late or repeated, and members come and go: no mass is lost or made.

use proptest::prelude::*;
use protocol::gossip::PeerHandle;
use protocol::gossip::aggregate::push_sum::{Flow, PushSum, Totals};
use protocol::limits::{AGGREGATE_INTERVAL, WEIGHT_ONE};
use protocol::time::Time;

use super::net::{Net, Weather, below, epoch, gauge, whole};

/// Each step loses, repeats or delays a part of all messages.
const STORM: Weather = Weather { lost: 30, repeated: 20, late: 20 };

#[test]
fn no_mass_is_lost_or_made_when_messages_are_lost_repeated_and_late() {
    let mut net = Net::regular(64, 1);
    net.weather = STORM;
    for step in 0..200 {
        net.step();
        assert_eq!(net.mass(), net.contributed(), "step {step}");
    }
}

#[test]
fn what_was_lost_is_made_good_by_one_later_message() {
    let mut net = Net::new(1);
    let (one, other) = (net.join(Some(whole(900))), net.join(Some(whole(100))));
    net.connect(one, other);
    net.weather = Weather { lost: 100, ..Weather::default() };
    net.steps(20);
    let held = net.member(one).machine.mass() + net.member(other).machine.mass();
    assert_ne!(held, net.contributed(), "much is on its way");
    net.weather = Weather::default();
    net.steps(60);
    assert!(net.worst() < 1e-3, "{}", net.worst());
}

#[test]
fn a_repeated_or_older_message_changes_nothing() {
    let mut net = Net::new(1);
    let (one, other) = (net.join(Some(whole(900))), net.join(Some(whole(100))));
    net.connect(one, other);
    let link = *net.links.keys().next().expect("one link");
    let mut said = Vec::new();
    for _ in 0..5 {
        net.now = net.now + AGGREGATE_INTERVAL;
        let now = net.now;
        said.extend(net.member(one).machine.tick(now));
    }
    let (_, newest) = *said.last().expect("five messages");
    let machine = &mut net.member(other).machine;
    assert_eq!(machine.on_message(link, &newest), Ok(true));
    let (mass, estimate) = (machine.mass(), machine.estimate());
    for (_, older) in said.iter().rev() {
        assert_eq!(machine.on_message(link, older), Ok(false));
        assert_eq!((machine.mass(), machine.estimate()), (mass, estimate));
    }
}

#[test]
fn the_last_message_alone_brings_as_much_as_all_of_them() {
    let run = |all: bool| {
        let mut net = Net::new(1);
        let (one, other) = (net.join(Some(whole(900))), net.join(Some(whole(100))));
        net.connect(one, other);
        let link = *net.links.keys().next().expect("one link");
        let mut last = None;
        for _ in 0..5 {
            net.now = net.now + AGGREGATE_INTERVAL;
            let now = net.now;
            last = net.member(one).machine.tick(now).pop();
            if let Some((_, totals)) = last.filter(|_| all) {
                assert_eq!(net.member(other).machine.on_message(link, &totals), Ok(true));
            }
        }
        let (_, totals) = last.expect("a message");
        let _ = net.member(other).machine.on_message(link, &totals).expect("an honest message");
        net.member(other).machine.mass()
    };
    assert_eq!(run(true), run(false));
}

#[test]
fn a_member_that_leaves_takes_away_what_it_contributed_and_nothing_else() {
    let mut net = Net::regular(64, 2);
    net.steps(50);
    let before = net.average();
    net.leave(5);
    assert_eq!(net.mass(), net.contributed());
    net.steps(100);
    assert!(net.average() != before && net.worst() < 1e-3, "{}", net.worst());
}

#[test]
fn an_overdrawn_member_says_nothing_new_and_has_no_estimate_until_enough_came_in() {
    let (gone, stays) = (PeerHandle(1), PeerHandle(2));
    let mut machine = PushSum::new(gauge(), [1; 32]);
    machine.begin(Time::ZERO, epoch(1), Some(whole(0)));
    assert!(machine.on_link_up(gone) && machine.on_link_up(stays));
    let totals = |high: u64, low: u64| Totals {
        gauge: gauge().id(),
        epoch: epoch(1).name(),
        flow: Flow { high, low },
        extremes: None,
    };
    assert_eq!(machine.on_message(gone, &totals(2 * WEIGHT_ONE, 0)), Ok(true));
    let mut ticks = 1..;
    let mut tick =
        |machine: &mut PushSum| machine.tick(Time::ZERO + AGGREGATE_INTERVAL.times(ticks.next().unwrap()));
    tick(&mut machine);
    tick(&mut machine);
    machine.on_link_down(gone);
    assert!(machine.mass().high < 0, "a part of what is gone was sent on: {:?}", machine.mass());
    assert_eq!(machine.estimate(), None);
    let said = tick(&mut machine);
    assert_eq!(tick(&mut machine), said);
    assert_eq!(machine.on_message(stays, &totals(2 * WEIGHT_ONE, 0)), Ok(true));
    assert!(machine.estimate().is_some());
    assert_ne!(tick(&mut machine), said);
}

/// Three in ten messages are lost, and some leave and as many join each ten steps.
#[test]
fn estimates_are_within_two_hundredths_though_messages_are_lost_and_members_come_and_go() {
    for (nodes, each) in [(64, 1), (256, 1), (256, 10)] {
        let mut net = Net::regular(nodes, 1);
        net.weather = Weather { lost: 30, ..Weather::default() };
        net.steps(40);
        assert!(net.worst() <= 0.02, "{nodes} members before anybody leaves: {}", net.worst());
        let mut worst_ninth: f64 = 0.0;
        for _ in 0..10 {
            (0..each).for_each(|_| one_leaves_and_one_joins(&mut net));
            net.steps(10);
            let errors = net.errors();
            worst_ninth = worst_ninth.max(errors[errors.len() * 9 / 10]);
        }
        assert_eq!(net.mass(), net.contributed());
        net.steps(20);
        println!(
            "{nodes} members, {each} leave each time: nine in ten within {worst_ninth:.4}, all {:.4}",
            net.worst()
        );
        assert!(each > 1 || worst_ninth <= 0.02, "nine in ten of {nodes} members: {worst_ninth}");
        assert!(net.worst() <= 0.02, "{nodes} members, 30 steps after the last one left: {}", net.worst());
    }
}

/// The newcomer takes over the leaver's number of links, to members that are drawn.
fn one_leaves_and_one_joins(net: &mut Net) {
    let names: Vec<u32> = net.members.keys().copied().collect();
    let leaver = names[below(&mut net.chance, names.len() as u64) as usize];
    net.leave(leaver);
    let value = net.draw();
    let joiner = net.join(Some(value));
    for _ in 0..8 {
        let other = names[below(&mut net.chance, names.len() as u64) as usize];
        if other != leaver {
            net.connect(joiner, other);
        }
    }
}

/// What happens to a network.
#[derive(Clone, Debug)]
enum Happening {
    Step,
    Weather(u64, u64, u64),
    Connect(u32, u32),
    Disconnect(usize),
    Join(Option<i64>),
    Leave(usize),
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        6 => Just(Happening::Step),
        1 => (0..=100_u64, 0..50_u64, 0..50_u64).prop_map(|(a, b, c)| Happening::Weather(a, b, c)),
        2 => (any::<u32>(), any::<u32>()).prop_map(|(a, b)| Happening::Connect(a, b)),
        1 => any::<usize>().prop_map(Happening::Disconnect),
        1 => proptest::option::of(-10..1_010_i64).prop_map(Happening::Join),
        1 => any::<usize>().prop_map(Happening::Leave),
    ]
}

fn happen(net: &mut Net, happening: Happening) {
    let names: Vec<u32> = net.members.keys().copied().collect();
    let links: Vec<PeerHandle> = net.links.keys().copied().collect();
    match happening {
        Happening::Step => net.step(),
        Happening::Weather(lost, repeated, late) => net.weather = Weather { lost, repeated, late },
        Happening::Connect(one, other) => {
            let pick = |number: u32| names[number as usize % names.len()];
            if !names.is_empty() && pick(one) != pick(other) {
                net.connect(pick(one), pick(other));
            }
        }
        Happening::Disconnect(place) if !links.is_empty() => net.disconnect(links[place % links.len()]),
        Happening::Join(value) => {
            net.join(value.map(whole));
        }
        Happening::Leave(place) if !names.is_empty() => net.leave(names[place % names.len()]),
        Happening::Disconnect(_) | Happening::Leave(_) => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Nothing that an honest member says is refused, which the network itself asserts.
    #[test]
    fn whatever_happens_to_links_and_members_mass_is_whole(
        seed: u64,
        happenings in prop::collection::vec(happening(), 1..120),
    ) {
        let mut net = Net::regular(12, seed);
        for happening in happenings {
            happen(&mut net, happening);
            prop_assert_eq!(net.mass(), net.contributed());
        }
    }
}
