//! Which peer gives way when all inbound slots are in use, which never does, and how fast. On virtual time.

use std::collections::BTreeSet;

use libp2p::swarm::ConnectionId;
use node::net::slots::{
    Connection, EVICT_INTERVAL, EVICTIONS_AT_ONCE, FAVOUR_INTERVAL, FIRST_WITH_BLOCKS, FIRST_WITH_TRANSACTIONS,
    INBOUND_EXCHANGE_INTERVAL, LOW_ROUND_TRIPS, Limits, Merits, OTHER_GROUPS, WAIT, Why, per_group,
};
use protocol::time::{Duration, Time};

use crate::net::slots::support::{House, LIMITS, inbound, peer};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);
const SLOTS: usize = LIMITS.inbound;
/// Peers that an exchange spares as well.
const USEFUL: usize = FIRST_WITH_BLOCKS + FIRST_WITH_TRANSACTIONS + LOW_ROUND_TRIPS + OTHER_GROUPS;

/// A group that no other peer in a test has.
fn other(n: u64) -> Option<u64> {
    Some(1_000_000 + n)
}

#[test]
fn an_honest_newcomer_gets_a_slot_at_a_node_whose_inbound_slots_are_held_by_idle_peers() {
    // In the newcomer's own address group, in another, in four, or in as many as there are.
    for (groups, group) in [(1, Some(0)), (1, other(0)), (4, other(0)), (SLOTS as u64, other(0))] {
        for seed in 0..10 {
            let (mut house, idle) = House::full(seed, |n| Some(n % groups));
            let newcomer = house.arrive(group);
            assert!(house.holds(newcomer), "at once");
            assert_eq!(idle.iter().filter(|id| !house.holds(**id)).count(), 1);
            house.wait(HOUR);
            assert!(house.holds(newcomer), "nobody else came");
        }
    }
}

#[test]
fn one_that_waits_gets_a_slot_that_comes_free_and_is_declined_if_none_does() {
    let (mut house, holders) = House::full(1, |_| Some(1));
    let favoured = house.arrive(Some(1));
    assert!(house.holds(favoured) && house.evicted.len() == 1, "once in a while one of their own group gives way");
    let (first, second) = (house.arrive(Some(1)), house.arrive(Some(1)));
    house.wait(SECOND);
    let leaving = holders.iter().find(|id| house.holds(**id)).copied().expect("one is left");
    house.leave(leaving);
    assert!(house.holds(first) && !house.holds(second));
    house.wait(WAIT);
    assert_eq!(house.declined, [(second, Why::Full)]);
    assert_eq!((house.evicted.len(), house.slots.next_at()), (1, None));
    house.ask(second);
    assert!(house.slots.next_at().is_some(), "it may ask again");
}

#[test]
fn the_group_with_the_fewest_slots_comes_first_however_often_others_ask() {
    for seed in 0..5 {
        let (mut house, _) = House::full(seed, |n| Some(n % 32));
        // A crowd of the groups that have slots asks without end, and uses up what may follow each other at once.
        for round in 0_u64..500 {
            house.wait(Duration::from_millis(20));
            house.arrive(Some(round % 32));
        }
        let newcomer = house.arrive(other(0));
        for round in 0_u64..500 {
            if house.holds(newcomer) {
                break;
            }
            house.wait(Duration::from_millis(20));
            house.arrive(Some(round % 32));
        }
        let newcomers: Vec<_> = house.declined.iter().filter(|(id, _)| *id == newcomer).collect();
        assert!(house.holds(newcomer) && newcomers.is_empty(), "at its first ask");
    }
}

/// Peers with a merit, best first, in the order of each protection.
fn give_merits(house: &mut House, holders: &[ConnectionId]) -> BTreeSet<ConnectionId> {
    let mut spared = BTreeSet::new();
    let mut ids = holders.iter().copied();
    let mut take = |count: usize, merits: &dyn Fn(u64) -> Merits| {
        for (rank, id) in ids.by_ref().take(count).enumerate() {
            house.merits.insert(id, merits(rank as u64));
            spared.insert(id);
        }
    };
    let late = |rank: u64| Some(Time::from_micros(1_000 - rank));
    take(FIRST_WITH_BLOCKS, &|rank| Merits { block: late(rank), ..Merits::default() });
    take(FIRST_WITH_TRANSACTIONS, &|rank| Merits { transaction: late(rank), ..Merits::default() });
    let round_trip = |rank| Some(Duration::from_millis(1 + rank));
    take(LOW_ROUND_TRIPS, &|rank| Merits { round_trip: round_trip(rank), ..Merits::default() });
    spared
}

#[test]
fn neither_an_eviction_nor_an_exchange_hits_those_that_were_first_or_near() {
    for seed in 0..3 {
        let (mut house, holders) = House::full(seed, Some);
        let newest: Vec<_> = holders.iter().rev().copied().collect();
        let spared = give_merits(&mut house, &newest);
        // Worse merits than theirs count for nothing.
        for (rank, id) in holders.iter().take(20).enumerate() {
            let far = Some(Duration::from_millis(100 + rank as u64));
            house
                .merits
                .insert(*id, Merits { round_trip: far, block: Some(Time::from_micros(1)), transaction: None });
        }
        for n in 0..1_500 {
            house.wait(SECOND);
            house.arrive(other(n));
        }
        assert!(house.evicted.len() > 200, "{}", house.evicted.len());
        assert!(house.evicted.iter().all(|(_, id)| !spared.contains(id)));
    }
}

#[test]
fn an_eviction_never_hits_the_longest_lived_half_of_the_rest() {
    for seed in 0..10 {
        let (mut house, holders) = House::full(seed, Some);
        let spared = give_merits(&mut house, &holders[SLOTS / 2..]);
        let rest = SLOTS - spared.len() - OTHER_GROUPS;
        // However the groups are picked, so many of the first are among the longest-lived half.
        let lasting = &holders[..rest / 2];
        // Before the first exchange may come.
        for n in 0..200 {
            house.wait(SECOND);
            house.arrive(other(n));
        }
        assert!(house.evicted.len() > 30, "{}", house.evicted.len());
        assert!(house.evicted.iter().all(|(_, id)| !lasting.contains(id) && !spared.contains(id)));
    }
}

#[test]
fn one_group_can_not_hold_all_protections() {
    let shares = [FIRST_WITH_BLOCKS, FIRST_WITH_TRANSACTIONS, LOW_ROUND_TRIPS];
    let most = shares.into_iter().map(per_group).sum::<usize>() + 1 + per_group(SLOTS / 2);
    assert!(most <= SLOTS / 4, "{most}");
    for seed in 0..10 {
        // The oldest 40 are one group's, and the best in everything.
        let (mut house, holders) = House::full(seed, |n| if n < 40 { Some(1) } else { other(n) });
        for (rank, id) in holders.iter().take(40).enumerate() {
            let at = Some(Time::from_micros(1_000 - rank as u64));
            let round_trip = Some(Duration::from_micros(1 + rank as u64));
            house.merits.insert(*id, Merits { block: at, transaction: at, round_trip });
        }
        for n in 0..200 {
            house.wait(SECOND);
            house.arrive(other(1_000 + n));
        }
        let left = holders.iter().take(40).filter(|id| house.holds(**id)).count();
        assert!(left <= most, "{left} of 40 are left, and {most} may be spared");
    }
}

/// Lets a crowd from this number of address groups connect for `seconds`, and checks how many holders it replaces.
/// Each holder connects again at once.
fn churn(house: &mut House, groups: u64, seconds: u64) {
    let before = house.evicted.len();
    for second in 0..seconds {
        for n in 0..2 {
            house.arrive(other((second * 2 + n) % groups));
        }
        house.wait(SECOND);
    }
    let evicted = house.evicted.len() - before;
    let exchanges = seconds * 100 / 75 / (INBOUND_EXCHANGE_INTERVAL.as_millis() / 1_000) + 1;
    let evictions = EVICTIONS_AT_ONCE + seconds * 1_000 / EVICT_INTERVAL.as_millis();
    let in_favour = groups * (1 + seconds * 1_000 / FAVOUR_INTERVAL.as_millis());
    let most = evictions.min(in_favour) + exchanges;
    assert!(evicted as u64 <= most, "{evicted} evictions in {seconds} s for {groups} groups: {most} may be");
}

#[test]
fn a_crowd_that_connects_again_and_again_moves_holders_no_faster_than_stated() {
    for (seed, groups) in [(0, 1), (1, 10), (2, 100), (3, 10_000)] {
        let (mut house, holders) = House::full(seed, Some);
        churn(&mut house, groups, 1_800);
        let left = holders.iter().filter(|id| house.holds(**id)).count();
        println!("{groups} groups: {left} of {SLOTS} are left after 30 min, {} moved in all", house.evicted.len());
        // Nobody has a merit. Evictions spare the longest-lived half, and there were nine exchanges at most.
        assert!(left >= (SLOTS - OTHER_GROUPS) / 2 - 9, "{left}");
    }
}

#[test]
fn whoever_leaves_and_comes_back_evicts_no_more_for_it() {
    // One address in a group of its own: it asks, gets a slot, leaves, and asks again.
    let (mut house, _) = House::full(1, |_| Some(1));
    let mut last = None;
    for n in 0..1_800_u64 {
        if let Some(id) = last.filter(|id| house.holds(*id)) {
            house.leave(id);
            // Somebody of the crowd takes what it left.
            house.arrive(Some(1));
        }
        last = Some(house.arrive(other(n % 2)));
        house.wait(SECOND);
    }
    let most = 2 * (1 + 1_800_000 / FAVOUR_INTERVAL.as_millis())
        + 1_800_000 / (INBOUND_EXCHANGE_INTERVAL.as_millis() * 3 / 4);
    assert!(house.evicted.len() as u64 <= most, "{} of {most}", house.evicted.len());
}

#[test]
fn a_crowd_that_behaves_perfectly_gives_way_slowly() {
    let (mut house, crowd) = House::full(1, |_| Some(1));
    for (rank, id) in crowd.iter().enumerate() {
        let round_trip = Some(Duration::from_micros(1 + rank as u64));
        let at = Some(Time::from_micros(rank as u64));
        house.merits.insert(*id, Merits { block: at, transaction: at, round_trip });
    }
    let held = |house: &House| crowd.iter().filter(|id| house.holds(**id)).count();
    for _ in 0..24 * 60 {
        house.arrive(Some(1));
        house.wait(Duration::from_secs(60));
    }
    let (favours, exchanges) = (24 * 6 + 1, 24 * 3_600 / 225 + 1);
    assert!(house.evicted.len() <= favours + exchanges, "slowly: {}", house.evicted.len());
    assert!(held(&house) <= USEFUL, "{} are left after a day", held(&house));
}

#[test]
fn reserved_peers_get_a_slot_over_and_above_and_never_give_way() {
    let (mut house, _) = House::full(1, |_| Some(1));
    let reserved: Vec<_> =
        (0..5).map(|n| Connection { reserved: true, ..inbound(1_000_000 + n, Some(1)) }).collect();
    let reserved: Vec<_> = reserved.into_iter().map(|connection| house.add(connection)).collect();
    reserved.iter().for_each(|id| house.ask(*id));
    assert!(reserved.iter().all(|id| house.holds(*id)) && house.evicted.is_empty());
    for n in 0..1_000 {
        house.arrive(other(n));
        house.wait(SECOND);
    }
    assert!(reserved.iter().all(|id| house.holds(*id)) && !house.evicted.is_empty());
    assert_eq!(house.slots.in_use().inbound, SLOTS);
}

#[test]
fn connections_without_a_slot_make_room_for_newcomers_the_largest_group_first() {
    let (mut house, _) = House::full(1, |_| Some(1));
    // Those that hold the places without a slot never ask.
    let idle: Vec<_> = (0..LIMITS.slotless as u64).map(|n| house.connect(Some(n % 8))).collect();
    let honest = house.connect(other(0));
    house.wait(SECOND);
    (0..100).for_each(|n| {
        house.connect(Some(n % 8));
    });
    house.ask(honest);
    assert!(house.holds(honest), "it is still there");
    assert!(idle.iter().all(|id| !house.slots.is_closing(*id)), "they are gone");
}

#[test]
fn newcomers_of_a_group_that_holds_many_slots_make_no_more_room_for_that() {
    // 20 holders are of group 1, and all others of groups of their own.
    let (mut house, _) = House::full(1, |n| if n < 20 { Some(1) } else { other(n) });
    let honest: Vec<_> = (0..16).map(|_| house.connect(Some(1))).collect();
    let crowd: Vec<_> = (0..16).map(|_| house.connect(Some(2))).collect();
    (0..100).for_each(|_| {
        house.connect(Some(2));
    });
    // Only who is still there is heard when it asks.
    let heard = |house: &mut House, all: &[ConnectionId]| {
        all.iter().for_each(|id| house.ask(*id));
        house.wait(Duration::from_secs(60));
        all.iter().filter(|id| house.holds(**id) || house.declined.iter().any(|(other, _)| other == *id)).count()
    };
    assert_eq!(heard(&mut house, &crowd), 0, "the crowd makes room for itself");
    let left = heard(&mut house, &honest);
    assert!(left >= 15, "{left} of the group's 16 are left: one goes while both groups are as large");
}

#[test]
fn a_node_without_inbound_slots_declines_at_once() {
    let mut house = House::new(Limits { inbound: 0, ..LIMITS }, 1);
    let id = house.arrive(Some(1));
    assert_eq!((house.declined.as_slice(), house.slots.next_at()), (&[(id, Why::Full)][..], None));
}

#[test]
fn of_two_that_dialled_at_once_the_lower_ids_connection_stays() {
    let local = peer(u64::MAX);
    for number in 0..8 {
        let mut house = House::new(LIMITS, 1);
        let ours = house.add(Connection { outbound: true, ..inbound(number, Some(1)) });
        assert!(house.slots.dialled(ours, house.now));
        let theirs = house.add(inbound(number, Some(1)));
        house.ask(theirs);
        let wins = peer(number) < local;
        assert_eq!(house.slots.holder(&peer(number)), Some(if wins { theirs } else { ours }));
        assert_eq!(house.declined.is_empty(), wins);
        assert!(house.evicted.is_empty(), "that is no eviction");
    }
}

#[test]
fn the_same_calls_and_seed_give_the_same_decisions() {
    let run = || {
        let (mut house, _) = House::full(9, |n| Some(n % 16));
        churn(&mut house, 50, 600);
        (house.evicted, house.granted, house.declined)
    };
    assert_eq!(run(), run());
}
