//! Small networks with drawn faults and adversaries: every checker holds on every seed.
//!
//! Some seeds are always run. Others follow from the commit's hash, so that each commit tries networks that none
//! tried before it. A seed that fails is kept in `regressions`.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

use testnet::sim::adversary::{AdversaryPlan, Kind};
use testnet::sim::simulation::Simulation;
use testnet::sim::swarm::{Drawn, run_swarm};

use crate::sim::attackers::Refusals;

/// These are always run. A script runs more.
const FIXED: RangeInclusive<u64> = 0..=49;

#[test]
fn all_checkers_hold_on_drawn_networks() {
    hold_on(FIXED, "always the same");
}

#[test]
fn all_checkers_hold_on_networks_drawn_for_this_commit() {
    let (seeds, why) = fresh();
    hold_on(seeds, &why);
}

#[test]
fn attackers_are_drawn_alone_and_together_and_no_more_than_a_third_of_the_producers() {
    let (mut alone, mut together) = (BTreeSet::new(), BTreeSet::new());
    for seed in 0..2_000 {
        let drawn = Drawn::new(seed);
        let count = |share: f64| (share * drawn.nodes as f64).round() as usize;
        let kinds: Vec<(Kind, usize)> = drawn
            .adversaries
            .shares()
            .map(|(kind, share)| (kind, count(share)))
            .into_iter()
            .filter(|(_, count)| *count > 0)
            .collect();
        let producers: usize = kinds
            .iter()
            .filter(|(kind, _)| kind.produces() && *kind != Kind::Equivocate)
            .map(|(_, count)| count)
            .sum();
        assert!(producers * 3 <= drawn.load.producers || producers == 0, "{drawn}");
        match kinds.as_slice() {
            [(kind, _)] => alone.insert(*kind),
            several => several.iter().fold(false, |new, (kind, _)| together.insert(*kind) | new),
        };
    }
    let all: BTreeSet<Kind> = AdversaryPlan::default().shares().map(|(kind, _)| kind).into();
    assert_eq!((alone, together), (all.clone(), all));
}

#[test]
fn each_attacker_that_is_drawn_alone_does_what_it_is_for() {
    let alone = |drawn: &Drawn, kind: Kind| {
        let count = |share: f64| (share * drawn.nodes as f64).round() as usize;
        drawn.adversaries.shares().iter().all(|(other, share)| (*other == kind) == (count(*share) > 0))
    };
    let mut idle = Vec::new();
    for (kind, _) in AdversaryPlan::default().shares() {
        // In some draws the attack lasts only a second, and in some the attacker's messages are all lost.
        let drawn = (0..4_000).map(Drawn::new).filter(|drawn| alone(drawn, kind)).take(5);
        let (mut deeds, mut refusals) = (0, BTreeSet::new());
        for drawn in drawn {
            let mut setup = drawn.setup().unwrap();
            setup.checkers = vec![Box::new(Refusals::default())];
            let finished = Simulation::new(setup).run(&mut |_| {}).unwrap();
            deeds += finished.hosts.iter().map(|host| host.deeds).sum::<u64>();
            let refused = finished.checkers[0].as_any().downcast_ref::<Refusals>().unwrap();
            refusals.extend(refused.0.iter().cloned());
        }
        let wanted: &[&str] = match kind {
            Kind::Refused => &["NonceTaken", "Expired"],
            Kind::ManyIds => &["NonceTaken"],
            Kind::Invalid => &["Malformed", "InvalidSignature"],
            _ => &[],
        };
        if deeds == 0 || !wanted.iter().all(|wanted| refusals.contains(*wanted)) {
            idle.push((kind, deeds, refusals));
        }
    }
    assert!(idle.is_empty(), "{idle:?}");
}

fn hold_on(seeds: RangeInclusive<u64>, why: &str) {
    let range = format!("seeds {}..{}, {why}", seeds.start(), seeds.end());
    println!("{range}");
    let next = AtomicU64::new(*seeds.start());
    let work = || {
        let mut failures = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed > *seeds.end() {
                return failures;
            }
            if let Err(failure) = run_swarm(seed) {
                failures.push((seed, failure.to_string()));
            }
        }
    };
    let mut failures = std::thread::scope(|scope| {
        let other = scope.spawn(work);
        let mut failures = work();
        failures.extend(other.join().unwrap());
        failures
    });
    failures.sort();
    let texts: Vec<String> = failures.into_iter().map(|(_, text)| text).collect();
    assert!(texts.is_empty(), "of {range}, {} failed\n{}", texts.len(), texts.join("\n"));
}

/// The seeds of this commit, and the reason for them. The script decides, and the gate prints the same before all
/// tests.
fn fresh() -> (RangeInclusive<u64>, String) {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../scripts/fresh-seeds.sh");
    let output = Command::new(&script).output();
    let output = output.unwrap_or_else(|error| panic!("{} can't be run: {error}", script.display()));
    let text = String::from_utf8_lossy(&output.stdout);
    let parsed = text.trim().split_once(' ').and_then(|(from, rest)| Some((from, rest.split_once(' ')?)));
    let seeds = parsed.and_then(|(from, (to, why))| Some((from.parse().ok()?..=to.parse().ok()?, why.to_owned())));
    seeds.unwrap_or_else(|| panic!("{} says {output:?}, and no seeds", script.display()))
}
