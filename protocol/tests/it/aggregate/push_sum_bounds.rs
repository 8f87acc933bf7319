//! What a link may bring, on each bound and one past it, and what a member that lies can do with its links.

use proptest::prelude::*;
use protocol::gossip::PeerHandle;
use protocol::gossip::aggregate::push_sum::{Extremes, Flow, LinkFlows, Mass, PushSum, Refused, Totals};
use protocol::limits::{AGGREGATE_INTERVAL, AGGREGATE_LINKS_MAX, NET_FLOW_MAX, WEIGHT_ONE};
use protocol::time::Time;

use super::net::{Net, epoch, gauge, whole};

const LINK: PeerHandle = PeerHandle(7);

/// A machine in epoch 1 with one link.
fn machine() -> PushSum {
    let mut machine = PushSum::new(gauge(), [1; 32]);
    machine.begin(Time::ZERO, epoch(1), Some(whole(500)));
    assert!(machine.on_link_up(LINK));
    machine
}

fn totals(high: u64, low: u64) -> Totals {
    Totals { gauge: gauge().id(), epoch: epoch(1).name(), flow: Flow { high, low }, extremes: None }
}

/// Totals with these ends, in millionths above zero.
fn ends(lowest: u64, highest: u64) -> Totals {
    Totals { extremes: Some(Extremes { lowest, highest }), ..totals(0, 0) }
}

#[test]
fn a_link_brings_two_members_weight_at_either_end_and_no_more() {
    for (high, low) in [(NET_FLOW_MAX, 0), (0, NET_FLOW_MAX), (NET_FLOW_MAX, NET_FLOW_MAX)] {
        assert_eq!(machine().on_message(LINK, &totals(high, low)), Ok(true));
    }
    for (high, low) in [(NET_FLOW_MAX + 1, 0), (0, NET_FLOW_MAX + 1), (u64::MAX, u64::MAX)] {
        let mut machine = machine();
        let before = machine.mass();
        assert_eq!(machine.on_message(LINK, &totals(high, low)), Err(Refused::Weight));
        assert_eq!(machine.mass(), before);
    }
}

#[test]
fn a_link_may_bring_back_what_was_sent_to_it() {
    let mut machine = machine();
    machine.tick(Time::ZERO + AGGREGATE_INTERVAL);
    let sent = machine.flows(LINK).expect("the link").sent;
    assert_eq!(sent, Flow { high: WEIGHT_ONE / 4, low: WEIGHT_ONE / 4 });
    assert_eq!(machine.on_message(LINK, &totals(NET_FLOW_MAX + sent.high + 1, 0)), Err(Refused::Weight));
    assert_eq!(machine.on_message(LINK, &totals(NET_FLOW_MAX + sent.high, 0)), Ok(true));
}

#[test]
fn no_more_than_two_members_weight_is_sent_beyond_what_was_heard() {
    let mass = |members: u64| Mass::from(Flow { high: 2 * members * WEIGHT_ONE, low: 2 * members * WEIGHT_ONE });
    for (members, sent) in [(1, 1), (2, 2), (3, 2)] {
        let mut link = LinkFlows::default();
        link.send(mass(members), 2);
        assert_eq!(link.sent, Flow { high: sent * WEIGHT_ONE, low: sent * WEIGHT_ONE });
    }
}

#[test]
fn a_part_that_is_cut_has_the_average_of_the_mass() {
    let mass = |high: u64, low: u64| Mass::from(Flow { high: high * WEIGHT_ONE, low: low * WEIGHT_ONE });
    let mut link = LinkFlows::default();
    link.send(mass(12, 6), 2);
    assert_eq!(link.sent, Flow { high: 2 * WEIGHT_ONE, low: WEIGHT_ONE });
    link.send(mass(8, 2), 2);
    assert_eq!(link.sent.low, WEIGHT_ONE, "nothing, while there is no room at the high end");
}

#[test]
fn sums_stop_at_the_largest_number() {
    let full = Flow { high: u64::MAX - 1, low: 5 };
    let mut link = LinkFlows { sent: full, heard: full };
    link.send(Mass::from(Flow { high: WEIGHT_ONE, low: WEIGHT_ONE }), 2);
    assert_eq!(link.sent, Flow { high: u64::MAX, low: 6 });
    assert_eq!(link.room().high, 0);
}

#[test]
fn a_sum_that_shrinks_while_the_other_grows_is_refused() {
    let mut machine = machine();
    assert_eq!(machine.on_message(LINK, &totals(100, 100)), Ok(true));
    for (high, low) in [(99, 101), (101, 99)] {
        assert_eq!(machine.on_message(LINK, &totals(high, low)), Err(Refused::Shrunk));
    }
    assert_eq!(machine.on_message(LINK, &totals(99, 100)), Ok(false), "an older one");
    assert_eq!(machine.flows(LINK).expect("the link").heard, Flow { high: 100, low: 100 });
}

#[test]
fn the_lowest_and_highest_value_lie_in_the_range() {
    let span = 1_000_000_000;
    assert_eq!(machine().on_message(LINK, &ends(0, span)), Ok(true));
    for refused in [ends(0, span + 1), ends(2, 1), ends(u64::MAX, u64::MAX)] {
        let mut machine = machine();
        let before = machine.estimate();
        assert_eq!(machine.on_message(LINK, &refused), Err(Refused::Extremes));
        assert_eq!(machine.estimate(), before);
    }
}

#[test]
fn a_machine_has_a_bounded_number_of_links() {
    let mut machine = PushSum::new(gauge(), [1; 32]);
    let last = AGGREGATE_LINKS_MAX as u32 - 1;
    assert!((0..=last).all(|link| machine.on_link_up(PeerHandle(link))));
    assert!(!machine.on_link_up(PeerHandle(last + 1)));
    assert!(machine.on_link_up(PeerHandle(last)), "it is there already");
    machine.on_link_down(PeerHandle(0));
    assert!(machine.on_link_up(PeerHandle(last + 1)));
}

/// What a liar answers on each of its links, given what it was sent there.
type Lie = fn(Flow) -> Flow;

/// How far a liar with eight links moves the average of 63 others, as a part of the range. They have values of
/// 500.
fn moved_by(lie: Lie) -> f64 {
    let mut net = Net::regular(64, 1);
    let liar = 0;
    for member in net.members.values_mut() {
        member.machine = PushSum::new(gauge(), [2; 32]);
        member.value = Some(whole(500));
        member.machine.begin(Time::ZERO, epoch(1), member.value);
    }
    let ends: Vec<(PeerHandle, u32)> =
        net.links.iter().filter(|(_, (a, b))| *a == liar || *b == liar).map(|(link, _)| (*link, liar)).collect();
    assert_eq!(ends.len(), 8);
    for (link, (one, other)) in net.links.clone() {
        for end in [one, other] {
            assert!(net.member(end).machine.on_link_up(link));
        }
    }
    // The liar's machine has no link, so it says nothing of its own.
    ends.iter().for_each(|(link, _)| net.member(liar).machine.on_link_down(*link));
    for _ in 0..300 {
        net.step();
        for (link, _) in &ends {
            let victim = net.other_end(*link, liar);
            let machine = &mut net.member(victim).machine;
            let Flow { high, low } = lie(machine.flows(*link).expect("the link").sent);
            // A lie that is too large is refused, and then nothing was said.
            let _ = machine.on_message(*link, &totals(high, low));
        }
    }
    net.members.remove(&liar);
    let averages = net.members.values().filter_map(|member| member.machine.estimate());
    averages.map(|estimate| (estimate.average.millionths() as f64 - 5e8).abs() / 1e9).fold(0.0, f64::max)
}

#[test]
fn a_liar_counts_for_no_more_than_two_members_on_each_of_its_links() {
    let most = 2.0 * 8.0 / 63.0;
    let all_high: Lie = |sent| Flow { high: sent.high + NET_FLOW_MAX, low: 0 };
    let gives_back_high_for_low: Lie =
        |sent| Flow { high: sent.high + NET_FLOW_MAX, low: sent.low.saturating_sub(NET_FLOW_MAX) };
    let all_low: Lie = |sent| Flow { high: 0, low: sent.low + NET_FLOW_MAX };
    let swallows: Lie = |_| Flow::default();
    let too_much: Lie = |sent| Flow { high: sent.high + NET_FLOW_MAX + 1, low: 0 };
    for (name, lie) in
        [("all high", all_high), ("trades", gives_back_high_for_low), ("all low", all_low), ("swallows", swallows)]
    {
        let moved = moved_by(lie);
        println!("{name}: {moved:.4} of at most {most:.4}");
        assert!(moved <= most + 1e-6, "{name} moves the average by {moved}");
    }
    assert!(moved_by(gives_back_high_for_low) > most / 2.0, "the bound is near what a liar can do");
    assert!(moved_by(swallows) < 0.01 && moved_by(too_much) < 0.01);
}

proptest! {
    /// Whatever one link says, the member's mass stays within what one link may bring and take.
    #[test]
    fn any_words_of_one_link_change_a_bounded_mass(
        words in prop::collection::vec((any::<bool>(), part(), part(), any::<bool>()), 1..60)
    ) {
        let mut machine = machine();
        let own = machine.mass();
        let bound = i128::from(NET_FLOW_MAX);
        for (tick, (relative, high, low, ticks)) in (1_u64..).zip(words) {
            let heard = machine.flows(LINK).expect("the link").heard;
            let base = if relative { heard } else { Flow::default() };
            let (high, low) = (base.high.saturating_add(high), base.low.saturating_add(low));
            let _ = machine.on_message(LINK, &totals(high, low));
            if ticks {
                machine.tick(Time::ZERO + AGGREGATE_INTERVAL.times(tick));
            }
            let mass = machine.mass();
            prop_assert!((mass.high - own.high).abs() <= bound && (mass.low - own.low).abs() <= bound);
        }
    }
}

fn part() -> impl Strategy<Value = u64> {
    prop_oneof![0..WEIGHT_ONE, 0..8 * WEIGHT_ONE, any::<u64>(), Just(0)]
}
