//! Each kind of liar, alone in a small network: it makes a member refute, and nothing more. `scripts/prove-sim.sh liars`
//! has them in a larger network and for an hour.

use protocol::gossip::members::MemberState;
use testnet::random::Seed;
use testnet::random::keys::node_key;
use testnet::report::schema::members::{LiesFigures, MembersFigures};
use testnet::sim::members::liars::{Kind, Kinds};
use testnet::sim::members::plan::{MembersPlan, Portion};
use testnet::sim::scenario::Scenario;
use testnet::sim::simulation::{Finished, Simulation};
use testnet::sim::watchers;

use super::{SECOND, network, run};

/// Three in ten members lie, and the others must not fall for it: each of them is alive for all others in the end, none
/// was dead for anybody, and nobody holds what an honest member did not sign.
fn lied_to(scenario: &Scenario, seed: u64) -> (Finished, MembersFigures, LiesFigures) {
    let (finished, figures, lies) = believed(scenario, seed);
    assert!(lies.dials_in_an_hour <= 20, "{figures:?}");
    (finished, figures, lies)
}

fn believed(scenario: &Scenario, seed: u64) -> (Finished, MembersFigures, LiesFigures) {
    let finished = run(scenario, seed);
    let figures = super::figures(&finished).unwrap();
    let lies = figures.lies.clone().expect("there are liars");
    assert_eq!((figures.false_deaths, figures.false_accusations), (0, 0), "{figures:?}");
    assert_eq!(lies.honest_known, lies.honest, "{figures:?}");
    assert_eq!(lies.forged_held, 0, "{figures:?}");
    (finished, figures, lies)
}

fn liars(kind: Kind, nodes: usize, load_s: u64) -> Scenario {
    network(nodes, load_s, MembersPlan { liars: Kinds::of(&[kind]), ..MembersPlan::default() })
}

#[test]
fn a_member_that_many_accuse_refutes_now_and_then_and_is_never_dead() {
    let mut scenario = liars(Kind::Accuse, 60, 900);
    scenario.members.as_mut().unwrap().liars_groups = Some(5);
    let (_, figures, lies) = lied_to(&scenario, 11);
    // 10, 20, 40, 80, 160 and 320 s apart.
    assert!((4..=8).contains(&lies.victim_refutations), "{figures:?}");
    assert!(lies.refuted_bytes_per_10_s < 110.0, "{figures:?}");
    assert!(lies.dials > 0, "the lies have no effect at all: {figures:?}");
}

#[test]
fn nobody_dials_a_member_again_and_again_because_liars_ask_for_it() {
    let (_, figures, lies) = lied_to(&liars(Kind::Ask, 40, 1_200), 12);
    assert!(lies.dials > 0, "the lies have no effect at all: {figures:?}");
}

#[test]
fn forged_statements_are_not_believed_and_only_their_sender_is_blamed() {
    let scenario = liars(Kind::Forge, 40, 120);
    let (finished, ..) = lied_to(&scenario, 13);
    assert!(finished.left > 0, "nobody has noticed a forgery");
    let mut setup = scenario.setup(Seed(13)).unwrap();
    setup.checkers = watchers::all(&setup);
    let finished = Simulation::new(setup).run(&mut |_| {}).unwrap();
    let found: Vec<_> = finished.checkers.iter().flat_map(|checker| checker.findings().kept()).collect();
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn replayed_records_and_accusations_have_no_effect() {
    let mut scenario = liars(Kind::Replay, 40, 600);
    scenario.workload.kill = 2;
    // It is accused while it is paused, and refutes. The accusations are sent again after that.
    let plan = scenario.members.as_mut().unwrap();
    (plan.pause, plan.pause_for) = (Portion::Count(1), "1m".parse().unwrap());
    let (finished, figures, _) = lied_to(&scenario, 14);
    assert!(figures.true_accusations > 0, "there is nothing to replay: {figures:?}");
    assert!((1..=3).contains(&figures.refutations), "{figures:?}");
    let crashed: Vec<_> = finished.members.as_ref().unwrap().crashes.iter().map(|crash| crash.subject).collect();
    assert_eq!(crashed.len(), 2);
    for (node, host) in finished.hosts.iter().enumerate().filter(|(_, host)| host.is_honest()) {
        let Some(machine) = host.engine.as_ref().and_then(|engine| engine.members()) else { continue };
        for crashed in &crashed {
            let member = machine.member(&node_key(Seed(14), *crashed).public()).unwrap();
            assert_eq!(member.state, MemberState::Dead, "{crashed} for {node}");
        }
    }
}

#[test]
fn a_member_that_others_refute_for_and_that_answers_nobody_ends_dead() {
    let (_, figures, lies) = lied_to(&liars(Kind::Refute, 40, 1_200), 15);
    assert_eq!(lies.silent, 6);
    // The one that refutes for it may bring it back for a while, at a few members.
    assert!(lies.silent_dead.unwrap() > 0.98, "{figures:?}");
}

#[test]
fn a_member_that_accepts_connections_and_answers_nobody_ends_dead() {
    let (_, figures, lies) = lied_to(&liars(Kind::Mute, 40, 300), 16);
    assert_eq!((lies.silent, lies.silent_dead), (12, Some(1.0)), "{figures:?}");
}

#[test]
fn entries_of_maximal_size_are_bounded_and_hold_up_nobodys_news() {
    let mut scenario = liars(Kind::FatEntries, 40, 300);
    scenario.members.as_mut().unwrap().set_entry = 3;
    let (_, figures, _) = lied_to(&scenario, 17);
    // A member has one set of entries, however often it signs: 4,096 bytes, and some 20 for each of 64.
    let most = 40 * (1_300 + 4_096 + 64 * 20);
    assert!(figures.state_bytes.max.unwrap() < most, "{figures:?}");
    assert!(figures.entry_ms.max.unwrap() < 10_000.0, "{figures:?}");
}

#[test]
fn invented_members_leave_honest_ones_known_and_memory_bounded() {
    let mut scenario = liars(Kind::Invent, 30, 900);
    let plan = scenario.members.as_mut().unwrap();
    (plan.invented, plan.set_entry) = (2_000, 2);
    let (finished, figures, lies) = lied_to(&scenario, 18);
    let machines = finished.hosts.iter().filter_map(|host| host.engine.as_ref()?.members());
    assert!(machines.map(|machine| machine.occupancy().members).max().unwrap() > 1_000, "few believed in them");
    assert!(figures.state_bytes.max.unwrap() < 2_030 * 1_300, "{figures:?}");
    assert!(figures.entry_ms.max.unwrap() < 10_000.0, "{figures:?}");
    assert!(lies.dials > 0, "nobody tried the address that they name: {figures:?}");
}

#[test]
fn all_liars_together_do_no_more() {
    let mut scenario = network(60, 300, MembersPlan { liars: "all".parse().unwrap(), ..MembersPlan::default() });
    scenario.members.as_mut().unwrap().invented = 500;
    scenario.drain = 600 * SECOND;
    let [(one, figures, lies), (other, ..)] = [19, 19].map(|seed| believed(&scenario, seed));
    // Three kinds make others dial the victim, each within its own limit.
    assert!(lies.dials_in_an_hour <= 3 * 20, "{figures:?}");
    assert!(lies.silent_dead.unwrap() > 0.9, "{figures:?}");
    assert_eq!(one.trace_hash, other.trace_hash);
}

#[test]
fn clocks_that_jump_by_hours_make_nobody_suspect() {
    let plan = MembersPlan {
        clock_jumps: Portion::Share(0.3),
        clock_jump_by: "1h..11h".parse().unwrap(),
        join: 2,
        set_entry: 2,
        ..MembersPlan::default()
    };
    let figures = super::figures_of(&network(40, 300, plan), 20);
    assert_eq!((figures.false_accusations, figures.refutations), (0, 0), "{figures:?}");
    assert!(figures.join_ms.max.unwrap() < 10_000.0, "{figures:?}");
    assert!(figures.entry_ms.max.unwrap() < 10_000.0, "{figures:?}");
}

#[test]
fn kinds_of_liars_are_read_by_their_names() {
    let kinds: Kinds = "accuse,fat-entries".parse().unwrap();
    assert_eq!(kinds, Kinds::of(&[Kind::Accuse, Kind::FatEntries]));
    assert_eq!(kinds.to_string(), "accuse,fat_entries");
    assert_eq!("all".parse::<Kinds>().unwrap(), Kinds::of(&Kind::ALL));
    assert!("accuse,fib".parse::<Kinds>().unwrap_err().contains("\"fib\" is no kind of liar"));
}
