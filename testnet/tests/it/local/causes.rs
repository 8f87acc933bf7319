//! Why items came and what late deliveries are due to, on handwritten traces. Times are in milliseconds.

use node::observe::trace::{Record, What};
use protocol::gossip::ArrivalCause;
use testnet::local::collect::{Measured, Observed, measure};
use testnet::report::deliveries::hops::{Blame, Cause, Hop};
use testnet::wan::LinkPlan;

use super::collector::{TX, accepted, at, id, observed, submitted};
use crate::wan::link::plan;

/// The nodes' handles of each other are their numbers.
fn knows(nodes: u32) -> Vec<Record> {
    let up = |peer| at(0, What::PeerUp { peer, peer_id: format!("peer {peer}"), outbound: true });
    (0..nodes).map(up).collect()
}

fn sent_body(ms: u64, item: u8, to: u32) -> Record {
    at(ms, What::SentBody { kind: TX, item: id(item), to })
}

fn sent_inv(ms: u64, item: u8, to: u32) -> Record {
    at(ms, What::SentInv { kind: TX, item: id(item), to })
}

fn announced(ms: u64, item: u8, from: u32) -> Record {
    at(ms, What::Announced { kind: TX, item: id(item), from })
}

fn body(ms: u64, item: u8, from: u32) -> Record {
    at(ms, What::Body { kind: TX, item: id(item), bytes: 100, from, duplicate: false, cause: None })
}

/// Traces of nodes, to which the ways of items are added.
struct Net(Vec<Vec<Record>>);

impl Net {
    fn new(nodes: u32) -> Self {
        Self((0..nodes).map(|_| knows(nodes)).collect())
    }

    fn add(&mut self, node: u32, record: Record) {
        self.0[node as usize].push(record);
    }

    fn enters(&mut self, ms: u64, item: u8, node: u32) {
        self.add(node, submitted(ms, TX, item));
        self.add(node, accepted(ms, TX, item, None));
    }

    /// Pushed at `ms`, on the way for `link`, accepted at once.
    fn push(&mut self, ms: u64, link: u64, item: u8, from: u32, to: u32) {
        self.add(from, sent_body(ms, item, to));
        self.add(to, body(ms + link, item, from));
        self.add(to, accepted(ms + link, TX, item, Some(from)));
    }

    fn announce(&mut self, ms: u64, link: u64, item: u8, from: u32, to: u32) {
        self.add(from, sent_inv(ms, item, to));
        self.add(to, announced(ms + link, item, from));
    }

    fn measured(mut self, links: Option<LinkPlan>) -> Measured {
        self.0.iter_mut().for_each(|records| records.sort_by_key(|record| record.at_ns));
        measure(&Observed { links, ..observed(self.0) })
    }
}

fn hop(measured: &Measured, item: u8, node: usize) -> &Hop {
    measured.hops.iter().find(|hop| hop.item == id(item) && hop.node == node).unwrap()
}

/// What is to blame: the word, the nodes, and the number of late deliveries.
fn to_blame(measured: &Measured) -> Vec<(String, Vec<usize>, u64)> {
    let rows = &measured.causes.as_ref().unwrap().to_blame;
    rows.iter().map(|row| (row.what.clone(), row.nodes.clone(), row.late)).collect()
}

#[test]
fn the_parts_of_a_hop_add_up_and_name_its_cause() {
    let mut net = Net::new(3);
    net.enters(1_000, 1, 0);
    // Pushed: 2 ms in the queue, 52 on a link of 50, 3 for the verification.
    net.add(0, sent_body(1_002, 1, 1));
    net.add(1, body(1_054, 1, 0));
    net.add(1, accepted(1_057, TX, 1, Some(0)));
    // Announced after 1 ms, 51 on the way, waited for 60, and the body another 51.
    net.announce(1_058, 51, 1, 1, 2);
    net.add(1, sent_body(1_169, 1, 2));
    net.add(2, body(1_220, 1, 1));
    net.add(2, accepted(1_221, TX, 1, Some(1)));
    let measured = net.measured(Some(plan(3, "0%", "unlimited")));

    let pushed = hop(&measured, 1, 1);
    assert_eq!((pushed.cause, pushed.depth, pushed.hop_ms), (Cause::Pushed, Some(1), Some(57.0)));
    let parts = pushed.parts;
    assert_eq!(
        [parts.queue, parts.wait, parts.link, parts.floor, parts.verify],
        [Some(2.0), Some(0.0), Some(52.0), Some(50.0), Some(3.0)]
    );
    let fetched = hop(&measured, 1, 2);
    assert_eq!((fetched.cause, fetched.depth, fetched.hop_ms), (Cause::Fetched, Some(2), Some(164.0)));
    let parts = fetched.parts;
    assert_eq!(
        [parts.queue, parts.wait, parts.link, parts.floor, parts.verify],
        [Some(1.0), Some(60.0), Some(102.0), Some(100.0), Some(1.0)]
    );
}

#[test]
fn a_slow_link_is_to_blame_in_both_directions() {
    let mut net = Net::new(4);
    for item in 1..=20 {
        let (ms, origin) = (1_000 + 40 * u64::from(item), u32::from(item % 2));
        net.enters(ms, item, origin);
        // Everything takes 1 ms over its delay of 50, but 30 between 0 and 1.
        net.push(ms, 80, item, origin, 1 - origin);
        net.push(ms, 51, item, origin, 2);
        net.push(ms + 51, 51, item, 2, 3);
    }
    let measured = net.measured(Some(plan(4, "0%", "unlimited")));
    assert_eq!(to_blame(&measured), [("link".to_owned(), vec![0, 1], 20)]);
    assert_eq!((hop(&measured, 1, 0).blame, hop(&measured, 1, 0).lost_ms), (Blame::Link(0, 1), Some(29.0)));
    assert_eq!((hop(&measured, 1, 2).blame, hop(&measured, 1, 3).blame), (Blame::Nobody, Blame::Nobody));
    let slowest = &measured.causes.unwrap().links[0];
    assert_eq!((slowest.late_ms, slowest.floor_ms, slowest.blame.as_str()), (30.0, Some(50.0), "link 0-1"));
}

#[test]
fn a_node_to_which_most_links_are_slow_is_to_blame_and_so_are_the_deliveries_behind_it() {
    let mut net = Net::new(5);
    for item in 1..=20 {
        let (ms, origin) = (1_000 + 40 * u64::from(item), u32::from(item % 2));
        net.enters(ms, item, origin);
        net.push(ms, 1, item, origin, 1 - origin);
        // Node 2 needs 20 ms for what comes from either, and node 3 gets everything through it.
        net.push(ms, 20, item, origin, 2);
        net.push(ms + 20, 1, item, 2, 3);
        net.push(ms, 1, item, origin, 4);
    }
    let measured = net.measured(None);
    assert_eq!(to_blame(&measured), [("node".to_owned(), vec![2], 40)]);
    let causes = measured.causes.as_ref().unwrap();
    assert_eq!((causes.late, causes.by_cause[0].cause.as_str(), causes.by_cause[0].hops), (40, "pushed", 80));
    let slow = causes.slowest.iter().find(|one| one.node == 3).unwrap();
    let way: Vec<(usize, usize, &str)> =
        slow.hops.iter().map(|hop| (hop.from, hop.node, hop.blame.as_str())).collect();
    assert_eq!((way[0].1, way[0].2, way[1]), (2, "node 2", (2, 3, "")));
    assert_eq!(slow.blame, "node 2");
}

#[test]
fn a_node_that_announces_and_gives_nobody_a_body_is_to_blame_for_the_waiting() {
    let mut net = Net::new(4);
    for item in 1..=20 {
        let ms = 1_000 + 40 * u64::from(item);
        net.enters(ms, item, 0);
        net.push(ms, 1, item, 0, 3);
        net.push(ms, 1, item, 0, 1);
        // Node 2 hears of the item from 3, asks it in vain, and asks 1 after 300 ms.
        net.announce(ms + 1, 1, item, 3, 2);
        if item > 10 {
            net.announce(ms + 2, 1, item, 1, 2);
            net.push(ms + 300, 1, item, 1, 2);
        } else {
            net.push(ms + 2, 1, item, 1, 2);
        }
    }
    let measured = net.measured(None);
    assert_eq!(to_blame(&measured), [("withholder".to_owned(), vec![3], 10)]);
    assert_eq!(hop(&measured, 11, 2).blame, Blame::Withholder(3));
    assert_eq!(hop(&measured, 1, 2).blame, Blame::Nobody);
}

#[test]
fn a_node_to_which_requests_in_vain_point_alone_is_a_withholder_although_it_gave_some_bodies() {
    let mut net = Net::new(4);
    for item in 1..=20 {
        let ms = 1_000 + 40 * u64::from(item);
        net.enters(ms, item, 0);
        net.push(ms, 1, item, 0, 1);
        net.push(ms, 1, item, 0, 3);
        // Node 3 gives the first ten items, and of the others it only tells. The receiver says that it asked again.
        if item <= 10 {
            net.push(ms + 1, 1, item, 3, 2);
            continue;
        }
        net.announce(ms + 1, 1, item, 3, 2);
        net.announce(ms + 1, 2, item, 1, 2);
        net.add(1, sent_body(ms + 300, item, 2));
        let why = Some(ArrivalCause::Retry);
        net.add(
            2,
            at(
                ms + 301,
                What::Body { kind: TX, item: id(item), bytes: 100, from: 1, duplicate: false, cause: why },
            ),
        );
        net.add(2, accepted(ms + 301, TX, item, Some(1)));
    }
    let measured = net.measured(None);
    assert_eq!(hop(&measured, 11, 2).cause, Cause::Why(ArrivalCause::Retry));
    assert_eq!(to_blame(&measured), [("withholder".to_owned(), vec![3], 10)]);
}

#[test]
fn without_anything_slow_nothing_is_to_blame_and_without_sends_nothing_is_known() {
    let mut net = Net::new(3);
    for item in 1..=20 {
        let ms = 1_000 + 40 * u64::from(item);
        net.enters(ms, item, 0);
        net.push(ms, 1, item, 0, 1);
        net.push(ms + 1, 1, item, 1, 2);
    }
    let measured = net.measured(None);
    assert!(to_blame(&measured).is_empty());
    assert_eq!(measured.causes.unwrap().late, 0);

    let silent = observed(vec![
        vec![submitted(1_000, TX, 1), accepted(1_000, TX, 1, None)],
        vec![accepted(1_010, TX, 1, Some(0))],
    ]);
    let measured = measure(&silent);
    assert_eq!((measured.causes, measured.hops.len()), (None, 0));
}
