//! Figures of runs on emulated links, from handwritten traces. Times are in milliseconds here.

use node::observe::trace::{Kind, Record, What};
use testnet::local::collect::{Observed, measure};
use testnet::random::Seed;
use testnet::report::schema::{Percentiles, Stretch, Typical};
use testnet::wan::{Delays, Jitter, LinkPlan, Wan};

use super::collector::{BLOCK, TX, accepted, at, id, observed, submitted};

const BODY: u64 = 100_000;

fn links(nodes: usize, bandwidth: &str) -> LinkPlan {
    let wan: Wan = "uniform:10ms".parse().unwrap();
    let delays = Delays::new(&wan, nodes, Seed(1)).unwrap();
    LinkPlan {
        seed: 1,
        jitter: Jitter::NONE,
        bandwidth: bandwidth.parse().unwrap(),
        delays,
        halves: None,
        slow: vec![],
    }
}

fn peer_up(ms: u64, peer: u32, node: usize) -> Record {
    at(ms, What::PeerUp { peer, peer_id: format!("peer {node}"), outbound: true })
}

/// 0 - 1 - 2, and a connection between 0 and 2 that ended before the load.
fn chain(kind: Kind) -> Vec<Vec<Record>> {
    let gone = at(500, What::PeerDown { peer: 7, reason: "closed".to_owned() });
    vec![
        vec![
            peer_up(0, 4, 1),
            peer_up(0, 7, 2),
            gone.clone(),
            submitted(1_000, kind, 1),
            accepted(1_000, kind, 1, None),
        ],
        vec![peer_up(0, 5, 0), peer_up(0, 6, 2), accepted(1_012, kind, 1, Some(5))],
        vec![peer_up(0, 3, 1), peer_up(0, 7, 0), gone, accepted(1_030, kind, 1, Some(3))],
    ]
}

#[test]
fn stretch_is_latency_over_the_shortest_path_of_the_overlay() {
    let seen = Observed { links: Some(links(3, "unlimited")), ..observed(chain(TX)) };
    let measured = measure(&seen);
    // 12 ms over one link of 10 ms, and 30 ms over two links.
    assert_eq!(measured.tx.stretch, Stretch { p50: Some(1.2), p95: Some(1.5), p99: Some(1.5) });
    assert_eq!(measured.tx.warm.stretch, Stretch::default());
    let floors: Vec<_> = measured.deliveries.iter().map(|one| one.floor_ms).collect();
    assert_eq!(floors, [Some(10.0), Some(20.0)]);
    assert_eq!(measured.tx.limit_ms, Typical::default(), "bytes take no time");
}

#[test]
fn without_links_there_is_no_stretch() {
    let measured = measure(&observed(chain(TX)));
    assert_eq!(measured.tx.stretch, Stretch::default());
    assert!(measured.deliveries.iter().all(|one| one.floor_ms.is_none()));
}

#[test]
fn the_limit_is_the_path_and_the_body_once() {
    let mut traces = chain(BLOCK);
    for record in traces.iter_mut().flatten() {
        if let What::Accepted { bytes, .. } | What::Submitted { bytes, .. } = &mut record.what {
            *bytes = BODY;
        }
    }
    // 100,000 bytes at 12,500 a millisecond: 8 ms. The floor contains them twice at each hop.
    let measured = measure(&Observed { links: Some(links(3, "100mbit")), ..observed(traces) });
    assert_eq!(measured.block.limit_ms, Typical { p50: Some(18.0), p95: Some(28.0) });
    assert_eq!(measured.block.over_limit, Typical { p50: Some(0.667), p95: Some(1.071) });
    let floors: Vec<_> = measured.deliveries.iter().map(|one| one.floor_ms).collect();
    assert_eq!(floors, [Some(26.0), Some(52.0)]);
}

/// Node 0 uploads a block to node 1 from 1,100 to 1,150 ms. It sends to nodes 1 and 2 before, meanwhile and
/// afterwards.
fn busy() -> Vec<Vec<Record>> {
    let inv = |ms, item, to| at(ms, What::SentInv { kind: TX, item: id(item), to });
    let announced = |ms, item| at(ms, What::Announced { kind: TX, item: id(item), from: 5 });
    let body = |ms, kind, item, bytes| {
        at(ms, What::Body { kind, item: id(item), bytes, from: 5, duplicate: false, cause: None })
    };
    let sent = |ms, kind, item, to| at(ms, What::SentBody { kind, item: id(item), to });
    vec![
        vec![
            peer_up(0, 4, 1),
            peer_up(0, 8, 2),
            inv(1_090, 1, 4),
            sent(1_100, BLOCK, 9, 4),
            inv(1_110, 2, 4),
            sent(1_120, TX, 3, 8),
            // This is bulk itself and not a control message, because it is too long for the control lane.
            sent(1_130, TX, 4, 8),
            inv(1_151, 5, 8),
        ],
        vec![
            peer_up(0, 5, 0),
            announced(1_190, 1),
            announced(1_123, 2),
            // The last byte left 10 ms earlier.
            body(1_160, BLOCK, 9, BODY),
        ],
        vec![peer_up(0, 5, 0), body(1_135, TX, 3, 4_096), body(1_400, TX, 4, 4_097), announced(1_500, 5)],
    ]
}

#[test]
fn control_beside_a_block_is_timed_from_neighbour_to_neighbour() {
    let measured = measure(&Observed { links: Some(links(3, "50mbit")), ..observed(busy()) });
    // The inv took 13 ms and the body 15 over links of 10 ms.
    let (three, five) = (Some(3.0), Some(5.0));
    let expected = Percentiles { p50: three, p90: five, p95: five, p99: five, max: five };
    assert_eq!(measured.cost.control_excess_ms, expected);
    let without = measure(&observed(busy()));
    assert_eq!(without.cost.control_excess_ms, Percentiles::default());
}
