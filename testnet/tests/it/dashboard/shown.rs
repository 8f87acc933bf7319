//! What the page is told of a run.

use node::observe::trace::{Kind, Record, What};
use protocol::items::hash::ShortId;
use testnet::dashboard::batch::{Hello, State};
use testnet::dashboard::model::{Model, Note};

const MS: u64 = 1_000_000;
const ITEM: ShortId = ShortId([4; 8]);

/// Three nodes in a row, 0 to 1 to 2. Each calls the other by its number.
fn model() -> Model {
    let mut model = Model::new(Hello { nodes: 3, ..Hello::default() }, 0, None);
    for node in 0..3 {
        model.met(node, &format!("node {node}"));
    }
    for (node, peer) in [(0, 1), (1, 0), (1, 2), (2, 1)] {
        let up = What::PeerUp { peer, peer_id: format!("node {peer}"), outbound: true };
        model.record(node, &Record { at_ns: 0, what: up });
    }
    model
}

fn submitted(model: &mut Model, node: usize, at_ms: u64) {
    let what = What::Submitted { kind: Kind::Transaction, item: ITEM, bytes: 256 };
    model.record(node, &Record { at_ns: at_ms * MS, what });
}

fn accepted(model: &mut Model, node: usize, from: u32, at_ms: u64) {
    let (kind, item) = (Kind::Transaction, ITEM);
    let what = What::Accepted { kind, item, bytes: 256, from: Some(from), within: false };
    model.record(node, &Record { at_ns: at_ms * MS, what });
}

#[test]
fn an_item_is_shown_with_its_way_when_every_node_has_it() {
    let mut model = model();
    submitted(&mut model, 0, 100);
    accepted(&mut model, 1, 0, 110);
    assert_eq!(model.batch(120 * MS).waves, []);
    accepted(&mut model, 2, 1, 130);
    let batch = model.batch(1_000 * MS);
    let [wave] = batch.waves.as_slice() else { panic!("{:?}", batch.waves) };
    assert_eq!((wave.kind, wave.origin, wave.t, wave.wanted), ("transaction", 0, 100.0, 2));
    assert_eq!(wave.arrivals, [1, 0, 10_000, 0, 2, 1, 30_000, 0]);
    let [transactions, _] = batch.figures.unwrap();
    assert_eq!((transactions.submitted, transactions.expected, transactions.delivered), (1, 2, 2));
    assert_eq!(transactions.curve.last().unwrap().1, 1.0);
    // A bin ends at most 6 % above its values.
    assert!((30.0..=31.8).contains(&transactions.p99_ms.unwrap()), "{transactions:?}");
}

#[test]
fn an_item_that_does_not_reach_everybody_is_shown_as_far_as_it_came() {
    let mut model = model();
    submitted(&mut model, 0, 100);
    accepted(&mut model, 1, 0, 110);
    assert_eq!(model.batch(3_000 * MS).waves, []);
    let batch = model.batch(3_200 * MS);
    assert_eq!((batch.waves[0].wanted, batch.waves[0].arrivals.len()), (2, 4));
    let [transactions, _] = model.snapshot(3_200 * MS).figures.unwrap();
    assert_eq!((transactions.expected, transactions.delivered), (2, 1));
    // It counts as delivered when it comes after all.
    accepted(&mut model, 2, 1, 9_000);
    let [transactions, _] = model.snapshot(9_000 * MS).figures.unwrap();
    assert_eq!((transactions.expected, transactions.delivered), (2, 2));
}

#[test]
fn a_killed_node_has_no_links_and_need_not_get_anything() {
    let mut model = model();
    let _ = model.batch(0);
    model.note(50 * MS, &Note::Killed(2));
    let batch = model.batch(60 * MS);
    assert_eq!(batch.links, [(1, 2, false)]);
    assert_eq!((batch.nodes[0].n, batch.nodes[0].state), (2, State::Killed));
    assert_eq!((batch.events[0].t, batch.events[0].what), (50.0, "kill"));
    submitted(&mut model, 0, 100);
    accepted(&mut model, 1, 0, 110);
    assert_eq!(model.batch(120 * MS).waves[0].wanted, 1);
}

#[test]
fn a_node_that_asked_for_an_item_is_marked() {
    let mut model = model();
    submitted(&mut model, 0, 100);
    let (kind, item) = (Kind::Transaction, ITEM);
    model.record(1, &Record { at_ns: 105 * MS, what: What::Announced { kind, item, from: 0 } });
    accepted(&mut model, 1, 0, 110);
    accepted(&mut model, 2, 1, 130);
    assert_eq!(model.batch(140 * MS).waves[0].arrivals, [1, 0, 10_000, 2, 2, 1, 30_000, 0]);
}

#[test]
fn what_a_person_sends_is_marked() {
    let mut model = model();
    model.note(90 * MS, &Note::Sent(vec![ITEM]));
    submitted(&mut model, 0, 100);
    accepted(&mut model, 1, 0, 110);
    accepted(&mut model, 2, 1, 130);
    assert!(model.batch(140 * MS).waves[0].by_hand);
}

#[test]
fn a_page_that_is_opened_late_is_told_everything() {
    let mut model = model();
    model.note(10 * MS, &Note::Phase("load".to_owned()));
    submitted(&mut model, 0, 100);
    accepted(&mut model, 1, 0, 110);
    accepted(&mut model, 2, 1, 130);
    for at_ms in [200, 400, 600] {
        let _ = model.batch(at_ms * MS);
    }
    let all = model.snapshot(600 * MS);
    assert_eq!((all.hello.unwrap().nodes, all.phase.as_deref(), all.places.unwrap().len()), (3, Some("load"), 3));
    assert_eq!((all.nodes.len(), all.links.len(), all.waves.len(), all.events.len()), (3, 2, 1, 1));
}

#[test]
fn what_is_remembered_does_not_grow_with_the_run() {
    let mut model = model();
    for number in 0..20_000_u64 {
        let (kind, item) = (Kind::Block, ShortId(number.to_be_bytes()));
        model.record(0, &Record { at_ns: number * MS, what: What::Submitted { kind, item, bytes: 1 } });
    }
    let batch = model.batch(30_000 * MS);
    assert!(
        batch.waves.len() <= 8 && batch.events.len() <= 500,
        "{} and {}",
        batch.waves.len(),
        batch.events.len()
    );
    let all = model.snapshot(30_000 * MS);
    assert_eq!((all.waves.len(), all.events.len(), all.figures.unwrap()[1].submitted), (8, 500, 20_000));
}
