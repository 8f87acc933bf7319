//! The program of a run's nodes, and their links.

use testnet::engine::Engine;
use testnet::local::plan::Plan;
use testnet::random::Seed;
use testnet::topology::Topology;
use testnet::wan::{Bandwidth, Delays, Jitter, Wan};
use testnet::workload::Load;

fn plan() -> Plan {
    Plan::new(Some(6), Topology::Regular(2), Load::default(), Seed(7)).unwrap()
}

#[test]
fn the_node_program_runs_where_nothing_else_is_asked_for() {
    assert!(!plan().uses_workers());
    assert_eq!(plan().links().unwrap(), None);
    assert!(Plan { workers: true, ..plan() }.uses_workers());
    for engine in [Engine::Gossipsub, Engine::GossipsubSigned] {
        let other = Plan { engine, ..plan() };
        assert!(other.uses_workers() && other.links().unwrap().is_none());
    }
}

#[test]
fn links_are_those_of_the_seed() {
    let (jitter, bandwidth): (Jitter, Bandwidth) = ("5%".parse().unwrap(), "50mbit".parse().unwrap());
    let far = Plan { wan: Wan::Regions, jitter, bandwidth, ..plan() };
    assert!(far.uses_workers());
    let links = far.links().unwrap().unwrap();
    assert_eq!(links.delays, Delays::new(&Wan::Regions, 6, Seed(7)).unwrap());
    assert_eq!((links.seed, links.jitter, links.bandwidth), (7, jitter, bandwidth));
}

#[test]
fn links_can_be_cut_by_hand_only_where_there_are_links_and_a_page() {
    let mut shown = Plan { wan: Wan::Regions, ..plan() };
    assert!(!shown.may_be_cut() && shown.links().unwrap().unwrap().halves.is_none());
    shown.set_dashboard();
    assert!(shown.may_be_cut() && shown.links().unwrap().unwrap().halves.is_some());
    let mut near = plan();
    near.set_dashboard();
    assert!(!near.may_be_cut() && near.links().unwrap().is_none());
}

#[test]
fn a_page_lets_one_node_make_blocks() {
    let mut shown = plan();
    assert_eq!(shown.producer, None);
    shown.set_dashboard();
    assert!(shown.producer.is_some_and(|node| node < 6));
    let mut made = Plan { producer: Some(4), ..plan() };
    made.set_dashboard();
    assert_eq!(made.producer, Some(4));
}

#[test]
fn engines_read_and_print_alike() {
    for name in ["hearsay", "gossipsub", "gossipsub-signed"] {
        assert_eq!(name.parse::<Engine>().unwrap().to_string(), name);
    }
    assert!("Hearsay".parse::<Engine>().is_err());
}
