//! Each checker finds its faults: a fault is planted, and the checker names it, the node and the time.

use std::sync::Arc;
use std::time::Duration;

use protocol::gossip::{DisconnectReason, PeerHandle, RelayPolicy};
use protocol::items::block::{Header, transactions_root};
use protocol::items::transaction::{SignedTransaction, Transaction};
use protocol::time::{Duration as Span, Time};
use protocol::wire::message::{Message, Reconcile};
use testnet::random::Seed;
use testnet::random::keys::node_key;
use testnet::sim::adversary::{Adversary, AdversaryPlan, Kind, Sending};
use testnet::sim::checker::blame::Blame;
use testnet::sim::checker::bounds::Bounds;
use testnet::sim::checker::safety::Safety;
use testnet::sim::checker::{Checker as _, Violation};
use testnet::sim::fault::{Fault, FaultPlan};
use testnet::sim::link::Weather;
use testnet::sim::simulation::host::Sabotage;
use testnet::sim::simulation::{SETTLE, Setup, Simulation};
use testnet::sim::swarm::{Drawn, NETWORK};
use testnet::topology::Topology;
use testnet::workload::{Length, Load};

/// A small network without any fault.
fn network() -> Drawn {
    Drawn {
        seed: 5,
        nodes: 8,
        topology: Topology::Regular(3),
        relay: RelayPolicy::Announce,
        load: Load {
            tx_rate: 10.0,
            length: Length::Duration(Duration::from_secs(5)),
            block_interval: Some(Duration::from_secs(1)),
            ..Load::default()
        },
        faults: FaultPlan::default(),
        adversaries: AdversaryPlan::default(),
        drain: Duration::from_secs(20),
        ..Drawn::new(5)
    }
}

fn found(setup: Setup) -> Vec<Violation> {
    let finished = Simulation::new(setup).run(&mut |_| {}).unwrap();
    finished.checkers.iter().flat_map(|checker| checker.findings().kept().to_vec()).collect()
}

fn adversary(kind: Kind, node: usize) -> Box<dyn Adversary> {
    let plan = AdversaryPlan { rate: 50.0, ..AdversaryPlan::default() };
    plan.adversary(kind, node, &NETWORK.parse().unwrap(), Seed(5))
}

/// The first violation at `node` with the text `what`, which must not be before the load.
fn expect(violations: &[Violation], node: Option<usize>, what: &str) -> Violation {
    let fits =
        |violation: &&Violation| violation.what.contains(what) && node.is_none_or(|node| node == violation.node);
    let first = violations.iter().find(fits).unwrap_or_else(|| panic!("no {what:?} among {violations:?}"));
    assert!(first.at >= Time::ZERO + SETTLE, "{first}");
    first.clone()
}

#[test]
fn without_a_fault_nothing_is_found() {
    assert_eq!(found(network().setup().unwrap()), []);
}

#[test]
fn accepting_an_invalid_item_is_found() {
    let mut setup = network().setup().unwrap();
    setup.nodes[0].adversary = Some(adversary(Kind::Invalid, 0));
    for node in &mut setup.nodes[1..] {
        node.sabotage = Some(Sabotage::TrustsEverything);
    }
    let violations = found(setup);
    expect(&violations, None, "accepted the invalid transaction");
    expect(&violations, None, "passes on the invalid transaction");
}

#[test]
fn accepting_an_item_twice_is_found() {
    let mut setup = network().setup().unwrap();
    setup.nodes[3].sabotage = Some(Sabotage::Stutters);
    let violations = found(setup);
    expect(&violations, Some(3), "twice");
    assert!(violations.iter().all(|violation| violation.node == 3), "{violations:?}");
}

#[test]
fn leaving_a_peer_that_counts_as_honest_is_found() {
    let mut setup = network().setup().unwrap();
    setup.nodes[2].adversary = Some(adversary(Kind::Invalid, 2));
    setup.nodes[2].sabotage = Some(Sabotage::Masked);
    expect(&found(setup), None, "leaves node 2, which keeps the rules");
}

#[test]
fn a_strike_is_found_and_excused_where_a_message_between_the_two_was_lost() {
    let strikes = |lossy: bool| {
        let mut setup = network().setup().unwrap();
        setup.nodes[2].adversary = Some(adversary(Kind::Withhold, 2));
        setup.nodes[2].sabotage = Some(Sabotage::Masked);
        let end = Time::ZERO + SETTLE + Span::from_secs(60);
        for checker in setup.checkers.iter_mut().filter(|_| lossy) {
            // The loss is reported to the checker before the run, with a time after it. So the whole run lies
            // before the loss.
            (0..8).for_each(|node| checker.lost(end, 2, node));
        }
        let violations = found(setup);
        violations
            .iter()
            .filter(|violation| violation.what.contains("strikes node 2, which keeps the rules"))
            .count()
    };
    assert!(strikes(false) > 0);
    assert_eq!(strikes(true), 0);
}

#[test]
fn a_final_refusal_of_what_an_honest_node_sends_is_found() {
    let mut setup = network().setup().unwrap();
    setup.nodes[2].adversary = Some(adversary(Kind::Invalid, 2));
    setup.nodes[2].sabotage = Some(Sabotage::Masked);
    expect(&found(setup), None, "of node 2, which keeps the rules, for good");
}

#[test]
fn an_echo_is_found() {
    let mut setup = network().setup().unwrap();
    setup.nodes[2].adversary = Some(adversary(Kind::Replay, 2));
    setup.nodes[2].sabotage = Some(Sabotage::Masked);
    expect(&found(setup), Some(2), "which came from there");
}

#[test]
fn what_a_peer_sent_is_no_echo_if_it_takes_it_of_an_offer_and_one_if_it_takes_another() {
    let mut safety = Safety::new(NETWORK.parse().unwrap(), [].into());
    let (node, peer, now) = (0, 1, Time::ZERO);
    let items: Vec<_> = (0..3).map(|nonce| transaction(Seed(5), nonce)).collect();
    let ids: Vec<_> = items.iter().map(|item| item.id().short()).collect();
    let bodies = |items: &[Arc<SignedTransaction>]| Message::Transactions {
        via: None,
        bodies: items.iter().map(|item| item.clone().into()).collect(),
    };
    safety.connected(now, node, peer, PeerHandle(0));
    safety.receives(now, node, peer, &bodies(&items));
    safety.sends(now, node, peer, &Message::Reconcile(Box::new(Reconcile::Offer { number: 9, ids })));
    // The take names the first and the last item.
    let take = Reconcile::Take { number: 9, places: vec![0b1010_0000].into() };
    safety.receives(now, node, peer, &Message::Reconcile(Box::new(take)));
    safety.sends(now, node, peer, &bodies(&[items[0].clone(), items[2].clone()]));
    assert_eq!(safety.findings().count(), 0);
    safety.sends(now, node, peer, &bodies(&[items[1].clone()]));
    assert_eq!((safety.findings().count(), safety.echoes()), (1, 1));
}

#[test]
fn a_missing_greeting_is_found_unless_either_end_is_slow() {
    let (node, peer, now) = (0, 1, Time::ZERO);
    for (slow, found) in [(None, 1), (Some(node), 0), (Some(peer), 0), (Some(2), 1)] {
        let mut blame = Blame::new(vec![true; 3], slow.into_iter().collect());
        blame.left(now, node, peer, true, &DisconnectReason::NoHello);
        assert_eq!(blame.findings().count(), found, "{slow:?}");
        // Nothing else is excused.
        blame.left(now, node, peer, true, &DisconnectReason::InvalidBlock);
        assert_eq!(blame.findings().count(), found + 1, "{slow:?}");
    }
}

#[test]
fn what_other_pairs_lost_excuses_no_missing_greeting() {
    let (node, peer, now) = (0, 1, Time::ZERO + SETTLE);
    for (lost, found) in [((node, peer), 0), ((peer, node), 0), ((node, 2), 1), ((2, peer), 1)] {
        let mut blame = Blame::new(vec![true; 3], [].into());
        blame.fault(now, &Fault::Weather(Weather { loss: 0.3, ..Weather::default() }));
        blame.fault(now, &Fault::Cut { from: lost.0, to: lost.1 });
        blame.lost(now, lost.0, lost.1);
        for why in [DisconnectReason::NoHello, DisconnectReason::Withheld] {
            blame.left(now + Span::from_secs(5), node, peer, true, &why);
        }
        assert_eq!(blame.findings().count(), 2 * found, "{lost:?}");
    }
}

#[test]
fn strikes_that_a_new_connection_begins_with_are_found_whatever_others_lost() {
    let mut setup = network().setup().unwrap();
    setup.nodes[2].adversary = Some(adversary(Kind::Withhold, 2));
    let finished = Simulation::new(setup).run(&mut |_| {}).unwrap();
    let struck = finished.hosts.iter().enumerate().filter(|(node, _)| *node != 2).find_map(|(node, host)| {
        let engine = host.engine.as_ref().unwrap();
        let mut peers = host.peers().into_iter().filter(|peer| host.connection(*peer).unwrap().far.node == 2);
        let struck = peers.find(|peer| engine.peer(*peer).is_some_and(|info| info.strikes > 0));
        struck.map(|struck| (node, struck))
    });
    let (node, handle) = struck.expect("somebody struck the withholder");
    let mut blame = Blame::new(vec![true; 8], [].into());
    let others: Vec<usize> = (0..8).filter(|other| ![node, 2].contains(other)).collect();
    blame.lost(finished.ended_at, others[0], others[1]);
    blame.connected(finished.ended_at, node, 2, handle);
    blame.settled(finished.ended_at, node, finished.hosts[node].engine.as_ref().unwrap());
    assert_eq!(blame.findings().count(), 1);
}

fn transaction(seed: Seed, nonce: u64) -> Arc<SignedTransaction> {
    let key = node_key(seed, 0);
    let unsigned = Transaction { author: key.public(), nonce, valid_until: 1_000, payload: vec![0; 10].into() };
    Arc::new(unsigned.sign(&key, &NETWORK.parse().unwrap()).unwrap())
}

#[test]
fn too_many_transactions_of_one_nonce_are_found() {
    let drawn = network();
    let mut setup = drawn.setup().unwrap();
    setup.nodes[2].adversary = Some(adversary(Kind::ManyIds, 2));
    let producers = setup.blocks.iter().map(|(_, node)| node_key(Seed(drawn.seed), *node).public()).collect();
    let safety = Safety::new(setup.network.clone(), producers).allowing_per_nonce(1);
    setup.checkers.push(Box::new(safety));
    expect(&found(setup), None, "holds 2 transactions of one author and nonce");
}

/// Sends three headers of one producer at one height.
#[derive(Debug)]
struct ThreeHeaders(Vec<Message>);

impl Adversary for ThreeHeaders {
    fn interval(&self) -> Option<Span> {
        Some(Span::from_millis(500))
    }

    fn tick(&mut self, _now: Time, peers: &[PeerHandle], out: &mut Vec<Sending>) {
        let sends = |message| peers.first().map(|&to| Sending { to, message, after: Span::ZERO });
        out.extend(self.0.drain(..).filter_map(sends));
    }
}

#[test]
fn a_third_header_of_one_producer_at_one_height_is_found() {
    let mut setup = network().setup().unwrap();
    let producer = setup.blocks[0].1;
    let key = node_key(Seed(5), producer);
    let header = |timestamp_ms| Header {
        height: 1,
        parent: setup.network.genesis(),
        producer: key.public(),
        timestamp_ms,
        transactions_root: transactions_root(&[]),
        count: 0,
    };
    let headers = (1..=3).map(|time| Message::BlockHeader {
        header: Box::new(header(time).sign(&key, &setup.network)),
        pushed: false,
    });
    let node = (producer + 1) % setup.nodes.len();
    setup.nodes[node].adversary = Some(Box::new(ThreeHeaders(headers.collect())));
    setup.nodes[node].sabotage = Some(Sabotage::Masked);
    expect(&found(setup), Some(node), "announces 3 headers of one producer at height 1");
}

#[test]
fn a_node_that_stays_behind_is_found() {
    let mut setup = network().setup().unwrap();
    setup.nodes[6].sabotage = Some(Sabotage::DeafFrom(Time::ZERO + SETTLE + Span::from_secs(2)));
    let violations = found(setup);
    expect(&violations, Some(6), "lacks Transaction");
    expect(&violations, Some(6), "has the tip");
}

#[test]
fn a_passed_bound_is_found() {
    let mut setup = network().setup().unwrap();
    let nodes = setup.graph.nodes();
    setup.checkers.push(Box::new(Bounds::new(nodes).of_limits(0)));
    let violations = found(setup);
    let mempool = violations.iter().find(|violation| violation.what.contains("mempool entries"));
    assert!(mempool.is_some() || violations.len() == testnet::sim::checker::VIOLATIONS_KEPT, "{violations:?}");
    assert!(violations.iter().all(|violation| violation.what.contains("and may have")), "{violations:?}");
}

#[test]
fn nodes_that_only_adversaries_connect_are_counted_apart() {
    let mut drawn = network();
    drawn.load.block_interval = None;
    let mut setup = drawn.setup().unwrap();
    // All neighbours of node 0 withhold.
    for neighbour in setup.graph.neighbours(0).to_vec() {
        setup.nodes[neighbour as usize].adversary = Some(adversary(Kind::Withhold, neighbour as usize));
    }
    let finished = Simulation::new(setup).run(&mut |_| {}).unwrap();
    let liveness = finished
        .checkers
        .iter()
        .find_map(|checker| checker.as_any().downcast_ref::<testnet::sim::checker::liveness::Liveness>());
    let liveness = liveness.unwrap();
    assert_eq!(liveness.missing(), 0);
    assert!(liveness.unreachable() > 0);
}
