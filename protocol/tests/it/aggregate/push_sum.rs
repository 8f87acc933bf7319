//! Push-sum in fair weather: how fast it converges, on what, and when it starts anew.

use protocol::gossip::PeerHandle;
use protocol::gossip::aggregate::gauge::Gauge;
use protocol::gossip::aggregate::push_sum::{Mass, PushSum, Totals};
use protocol::limits::{AGGREGATE_INTERVAL, SENDS_PER_TICK, WEIGHT_ONE};
use protocol::time::{Duration, Time};

use super::net::{Net, epoch, gauge, whole};

const LINK: PeerHandle = PeerHandle(7);

/// How many steps it takes until every member's estimate is within a hundredth of the average.
fn converged_after(nodes: u32, seed: u64) -> usize {
    let mut net = Net::regular(nodes, seed);
    (1..=200)
        .find(|_| {
            net.step();
            net.worst() <= 0.01
        })
        .expect("it converges")
}

/// A machine in epoch 1 with one link.
fn machine(value: Option<i64>) -> PushSum {
    let mut machine = PushSum::new(gauge(), [1; 32]);
    assert!(machine.begin(Time::ZERO, epoch(1), value.map(whole)));
    assert!(machine.on_link_up(LINK));
    machine
}

/// What a machine says at its tick of this number.
fn said(machine: &mut PushSum, tick: u64) -> Totals {
    let [(link, totals)] = machine.tick(Time::ZERO + AGGREGATE_INTERVAL.times(tick))[..] else {
        panic!("one message is due")
    };
    assert_eq!(link, LINK);
    totals
}

#[test]
fn all_estimates_are_within_a_hundredth_after_a_few_steps_for_each_doubling_of_the_network() {
    for nodes in [16_u32, 64, 256, 1_024] {
        let steps = (1..=3).map(|seed| converged_after(nodes, seed)).max().expect("three seeds");
        println!("{nodes} members: {steps} steps");
        assert!(steps <= 2 * nodes.ilog2() as usize + 2, "{nodes} members took {steps} steps");
    }
}

#[test]
fn estimates_go_on_converging_to_the_millionth() {
    let mut net = Net::regular(64, 1);
    net.steps(300);
    assert!(net.worst() < 1e-8, "{}", net.worst());
}

#[test]
fn the_same_seed_gives_the_same_messages() {
    let run = |seed: u64| {
        let mut net = Net::regular(16, 3);
        for member in net.members.values_mut() {
            let mut machine = PushSum::new(gauge(), [seed as u8; 32]);
            machine.begin(Time::ZERO, epoch(1), member.value);
            member.machine = machine;
        }
        for (link, (one, other)) in net.links.clone() {
            for end in [one, other] {
                net.member(end).machine.on_link_up(link);
            }
        }
        net.steps(20);
        net.members.values().map(|member| member.machine.mass()).collect::<Vec<Mass>>()
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn half_of_what_a_member_has_goes_to_its_only_link() {
    let mut machine = machine(Some(250));
    let totals = said(&mut machine, 1);
    assert_eq!((totals.flow.high, totals.flow.low), (WEIGHT_ONE / 8, 3 * WEIGHT_ONE / 8));
    let Mass { high, low } = machine.mass();
    assert_eq!((high, low), (i128::from(WEIGHT_ONE) / 8, 3 * i128::from(WEIGHT_ONE) / 8));
    let totals = said(&mut machine, 2);
    assert_eq!(totals.flow.weight(), u128::from(3 * WEIGHT_ONE / 4), "all that was sent, not only the last");
}

#[test]
fn in_a_tick_each_of_three_links_gets_as_much_as_stays() {
    let mut machine = PushSum::new(gauge(), [1; 32]);
    machine.begin(Time::ZERO, epoch(1), Some(whole(1_000)));
    assert!((0..8).all(|link| machine.on_link_up(PeerHandle(link))));
    let parts: Vec<u64> =
        machine.tick(Time::ZERO + AGGREGATE_INTERVAL).iter().map(|(_, totals)| totals.flow.high).collect();
    assert_eq!(parts, [WEIGHT_ONE / 4; SENDS_PER_TICK]);
    assert_eq!(machine.mass(), Mass { high: i128::from(WEIGHT_ONE) / 4, low: 0 });
}

#[test]
fn each_link_gets_its_turn_once_before_one_gets_a_second() {
    let mut machine = PushSum::new(gauge(), [1; 32]);
    machine.begin(Time::ZERO, epoch(1), Some(whole(1)));
    let links: Vec<PeerHandle> = (0..9).map(PeerHandle).collect();
    assert!(links.iter().all(|link| machine.on_link_up(*link)));
    let mut laps = Vec::new();
    for lap in 0..4 {
        let mut chosen: Vec<PeerHandle> = (1..=3)
            .flat_map(|tick| machine.tick(Time::ZERO + AGGREGATE_INTERVAL.times(3 * lap + tick)))
            .map(|(link, _)| link)
            .collect();
        laps.push(chosen.clone());
        chosen.sort();
        assert_eq!(chosen, links);
    }
    laps.dedup();
    assert_eq!(laps.len(), 4, "each lap has an order of its own");
}

#[test]
fn a_member_without_a_value_takes_part_and_does_not_count() {
    let mut net = Net::new(1);
    let values = [Some(100), None, None, Some(400)];
    let names = values.map(|value| net.join(value.map(whole)));
    for pair in names.windows(2) {
        net.connect(pair[0], pair[1]);
    }
    net.steps(300);
    for name in names {
        let estimate = net.member(name).machine.estimate().expect("it has heard of values");
        let off = estimate.average.millionths() - whole(250).millionths();
        assert!(off.abs() < 1_000, "{} at {name}", estimate.average);
        assert_eq!((estimate.lowest, estimate.highest), (whole(100), whole(400)));
    }
}

#[test]
fn without_any_value_there_is_no_estimate() {
    let mut net = Net::new(1);
    let (one, other) = (net.join(None), net.join(None));
    net.connect(one, other);
    net.steps(10);
    assert_eq!(net.member(one).machine.estimate(), None);
}

#[test]
fn the_lowest_and_highest_value_reach_every_member() {
    let mut net = Net::regular(256, 1);
    net.steps(40);
    let values = net.members.values().filter_map(|member| member.value);
    let (lowest, highest) = (values.clone().min().expect("one"), values.max().expect("one"));
    for member in net.members.values() {
        let estimate = member.machine.estimate().expect("one");
        assert_eq!((estimate.lowest, estimate.highest), (lowest, highest));
    }
}

#[test]
fn a_value_outside_of_the_range_is_moved_to_its_end() {
    for (value, moved) in [(-5, 0), (0, 0), (1_000, 1_000), (1_001, 1_000)] {
        let estimate = machine(Some(value)).estimate().expect("its own");
        assert_eq!([estimate.average, estimate.lowest, estimate.highest], [whole(moved); 3]);
    }
}

#[test]
fn nothing_is_said_before_the_first_epoch_and_between_ticks() {
    let mut machine = PushSum::new(gauge(), [1; 32]);
    machine.on_link_up(LINK);
    assert_eq!((machine.next_deadline(), machine.estimate()), (None, None));
    assert!(machine.tick(Time::ZERO + AGGREGATE_INTERVAL).is_empty());
    let start = Time::ZERO + Duration::from_millis(2_300);
    machine.begin(start, epoch(1), Some(whole(1)));
    assert_eq!(machine.next_deadline(), Some(Time::from_micros(3_000_000)), "the next whole multiple");
    assert!(machine.tick(Time::from_micros(2_999_999)).is_empty());
    assert_eq!(machine.tick(Time::from_micros(7_400_000)).len(), 1, "ticks that were missed are left out");
    assert_eq!(machine.next_deadline(), Some(Time::from_micros(8_000_000)));
}

#[test]
fn an_epoch_begins_only_if_it_is_later() {
    let mut machine = machine(Some(100));
    for number in [0, 1] {
        assert!(!machine.begin(Time::ZERO, epoch(number), Some(whole(900))));
        assert_eq!(machine.estimate().expect("its own").average, whole(100));
    }
    assert!(machine.begin(Time::ZERO, epoch(2), Some(whole(900))));
    assert_eq!(machine.estimate().expect("its own").average, whole(900));
}

#[test]
fn the_estimate_of_an_epoch_stays_while_the_next_one_converges() {
    let mut machine = machine(Some(100));
    assert_eq!(machine.finished(), None);
    said(&mut machine, 1);
    machine.begin(Time::ZERO, epoch(2), None);
    let finished = machine.finished().expect("that of epoch 1");
    assert_eq!((finished.epoch, finished.average, finished.ticks), (epoch(1), whole(100), 1));
    machine.begin(Time::ZERO, epoch(3), None);
    assert_eq!(machine.finished(), Some(finished), "epoch 2 had none");
}

#[test]
fn a_message_of_another_epoch_gauge_or_link_changes_nothing() {
    let mut other = machine(Some(900));
    let totals = said(&mut other, 1);
    let mut machine = machine(Some(100));
    let before = (machine.mass(), machine.estimate());
    let mut later = PushSum::new(gauge(), [1; 32]);
    later.begin(Time::ZERO, epoch(2), Some(whole(900)));
    later.on_link_up(LINK);
    let wider = Gauge::new("load", whole(0), whole(1_001)).expect("a gauge");
    assert_eq!(machine.on_message(LINK, &said(&mut later, 1)), Ok(false));
    assert_eq!(machine.on_message(LINK, &Totals { gauge: wider.id(), ..totals }), Ok(false));
    assert_eq!(machine.on_message(PeerHandle(8), &totals), Ok(false));
    assert_eq!((machine.mass(), machine.estimate()), before);
    assert_eq!(machine.on_message(LINK, &totals), Ok(true));
}

#[test]
fn mass_that_came_too_early_comes_again() {
    let (mut early, mut slow) = (machine(Some(900)), PushSum::new(gauge(), [1; 32]));
    slow.on_link_up(LINK);
    assert_eq!(slow.on_message(LINK, &said(&mut early, 1)), Ok(false));
    slow.begin(Time::ZERO, epoch(1), Some(whole(100)));
    assert_eq!(slow.on_message(LINK, &said(&mut early, 2)), Ok(true));
    let both = early.mass() + slow.mass();
    assert_eq!(both.high + both.low, 2 * i128::from(WEIGHT_ONE));
}
