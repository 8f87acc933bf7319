//! What the page draws where links are not emulated: the floor from the fastest messages, and bytes by cause.

use node::observe::trace::{Kind, ReadBytes, Record, What};
use protocol::items::hash::ShortId;
use testnet::dashboard::batch::{BytesBy, Figures, Hello};
use testnet::dashboard::model::Model;

const MS: u64 = 1_000_000;

/// Three nodes in a row, 0 to 1 to 2. Each calls the other by its number.
fn model() -> Model {
    let mut model = Model::new(Hello { nodes: 3, ..Hello::default() }, 0, None);
    for node in 0..3 {
        model.met(node, &format!("node {node}"));
    }
    for (node, peer) in [(0, 1), (1, 0), (1, 2), (2, 1)] {
        record(&mut model, node, 0, What::PeerUp { peer, peer_id: format!("node {peer}"), outbound: true });
    }
    model
}

fn record(model: &mut Model, node: usize, at_ms: u64, what: What) {
    model.record(node, &Record { at_ns: at_ms * MS, what });
}

/// An item goes from node 0 to node 1 and on to node 2, and each hop takes this long. Half of that is on the link.
fn item(model: &mut Model, number: u8, at_ms: u64, hop_ms: u64) {
    let (kind, item, bytes) = (Kind::Transaction, ShortId([number; 8]), 256);
    record(model, 0, at_ms, What::Submitted { kind, item, bytes });
    record(model, 0, at_ms, What::Accepted { kind, item, bytes, from: None, within: false });
    for node in [1, 2] {
        let (from, had) = (node - 1, at_ms + (node as u64 - 1) * hop_ms);
        record(model, from, had, What::SentBody { kind, item, to: node as u32 });
        let (got, from) = (had + hop_ms / 2, from as u32);
        record(model, node, got, What::Body { kind, item, bytes, from, duplicate: false, cause: None });
        record(model, node, had + hop_ms, What::Accepted { kind, item, bytes, from: Some(from), within: false });
    }
}

fn last(curve: &[(f64, f64)]) -> f64 {
    curve.last().expect("a corner").0
}

#[test]
fn without_emulated_links_the_floor_is_the_shortest_path_over_the_fastest_messages() {
    let mut model = model();
    // Of two items the second is faster: 5 ms on each link.
    item(&mut model, 4, 100, 20);
    item(&mut model, 8, 1_000, 10);
    let [Figures { curve, floor, .. }, _] = model.batch(3_000 * MS).figures.expect("figures");
    assert_eq!(floor.len(), 2, "one corner for each distance: {floor:?}");
    // Of one link 5 ms, of two 10 ms. A bin ends at most 6 % above its values.
    assert!((5.0..=5.3).contains(&floor[0].0) && (10.0..=10.6).contains(&floor[1].0), "{floor:?}");
    assert!(last(&curve) > last(&floor), "{curve:?} and {floor:?}");
}

#[test]
fn bytes_of_messages_are_summed_by_cause_over_all_nodes() {
    let mut model = model();
    for node in 0..3 {
        let bytes = ReadBytes { relay: 100, repair: 20, sync: 3, members: 40, link: 5 };
        record(&mut model, node, 1_000, What::Read(bytes));
    }
    let bytes = model.batch(5_000 * MS).bytes.expect("bytes");
    let wanted = BytesBy { relay: 300, repair: 60, sync: 9, members: 120, link: 15, ..BytesBy::default() };
    assert_eq!(bytes, wanted);
}
