//! The machines of aggregates over links, alone and at scale: the world they run in, and the figures of it.

use testnet::random::Seed;
use testnet::report::aggregates::{Aggregated, Growth, Sizes};
use testnet::report::svg;
use testnet::report::tables::aggregates::render;
use testnet::report::tables::layout::Page;
use testnet::sim::members::aggregates::world::World;
use testnet::sim::members::aggregates::{Plan, run, size};

fn plan() -> Plan {
    Plan {
        nodes: vec![16, 64, 256],
        degree: 8,
        seeds: 2,
        seed: 1,
        faulty: vec![64],
        loss: 0.3,
        churn: 0.1,
        sizes: vec![16],
        epochs: 20,
        command: "testnet aggregates".to_owned(),
    }
}

#[test]
fn all_members_come_to_the_average_in_few_ticks_and_one_plan_gives_one_result() {
    let found = run(&plan(), |_| {}).unwrap();
    for growth in &found.growth {
        assert!(growth.at(100).is_some_and(|ticks| ticks < 30.0), "{growth:?}");
    }
    assert_eq!(found, run(&plan(), |_| {}).unwrap());
}

#[test]
fn members_that_leave_are_replaced_and_the_rest_come_to_the_new_average() {
    let mut world = World::new(64, 8, Seed(3)).unwrap();
    (0..30).for_each(|_| world.step());
    assert!(world.are_within(0.01));
    // All of them within a minute.
    world.churn = 1.0;
    (0..60).for_each(|_| world.step());
    assert_eq!(world.errors().len(), 64);
    assert!(!world.are_within(0.01), "somebody has just come");
    world.churn = 0.0;
    (0..60).for_each(|_| world.step());
    assert!(world.are_within(0.01), "{:?}", world.errors());
}

#[test]
fn where_all_messages_are_lost_nobody_comes_to_the_average() {
    let mut world = World::new(16, 8, Seed(1)).unwrap();
    world.loss = 1.0;
    (0..50).for_each(|_| world.step());
    assert!(!world.are_within(0.02));
}

#[test]
fn the_estimates_of_the_size_have_the_error_that_they_state() {
    let sizes = size::estimated(200, 1, 50);
    assert_eq!((sizes.members, sizes.epochs), (200, 50));
    assert!((sizes.mean - 1.0).abs() < 0.03 && (0.04..0.09).contains(&sizes.deviation), "{sizes:?}");
    assert!(sizes.within_twice >= 45, "{sizes:?}");
}

#[test]
fn a_missed_goal_is_named_in_the_table() {
    let growth = |nodes, ticks| Growth { nodes, ticks: vec![Some(ticks), None] };
    let found = Aggregated { growth: vec![growth(16, 8), growth(64, 10)], ..run(&plan(), |_| {}).unwrap() };
    let text = render(&found, Page::PLAIN);
    assert!(text.contains("MISSED push-sum: all members come within 1 % of the average"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    let few = Sizes::of(100, &[100, 100, 300], 0.0627);
    assert_eq!((few.within_twice, few.epochs), (2, 3));
}

#[test]
fn the_picture_has_the_line_of_least_squares() {
    let found = run(&plan(), |_| {}).unwrap();
    let picture = svg::aggregates(&found).unwrap().expect("three numbers of members");
    assert!(picture.contains("least squares") && picture.contains("slowest seed"));
    assert_eq!(svg::aggregates(&Aggregated { growth: Vec::new(), ..found }).unwrap(), None);
}
