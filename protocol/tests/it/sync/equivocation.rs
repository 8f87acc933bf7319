//! Two headers of one producer for one height are evidence. The evidence is kept up to a bound and reported once,
//! and no peer is blamed for it.

use protocol::gossip::{Equivocation, Event, RelayPolicy};
use protocol::limits::EVIDENCE_PER_PRODUCER_MAX;
use protocol::time::Duration;
use protocol::wire::message::Message;

use crate::harness::{Mesh, block_by, genesis, producer, rogue, tip_of};

fn told(mesh: &Mesh, node: usize) -> Vec<Equivocation> {
    let told = mesh.events[node].iter().filter_map(|event| match event {
        Event::Equivocation(pair) => Some(pair.clone()),
        _ => None,
    });
    told.collect()
}

#[test]
fn both_headers_are_kept_and_told_of_once_at_every_node_that_sees_them() {
    let mut mesh = Mesh::new(3, RelayPolicy::Announce);
    mesh.connect(0, 1);
    mesh.connect(1, 2);
    mesh.run_secs(1);
    let both = [block_by(&rogue(), genesis(), &[], 1), block_by(&rogue(), genesis(), &[], 2)];
    mesh.publish(0, &both[0]);
    mesh.publish(2, &both[1]);
    mesh.publish(0, &block_by(&producer(), genesis(), &[], 3));
    mesh.run_secs(5);
    for node in 0..3 {
        let kept: Vec<_> = mesh.nodes[node].equivocations().cloned().collect();
        assert_eq!(kept.len(), 1, "node {node}");
        assert_eq!((kept[0].producer(), kept[0].height()), (rogue().public(), 1));
        let mut ids: Vec<_> = kept[0].headers.iter().map(|header| header.id()).collect();
        ids.sort_unstable();
        let mut expected: Vec<_> = both.iter().map(|block| block.header.id()).collect();
        expected.sort_unstable();
        assert_eq!(ids, expected);
        assert_eq!(told(&mesh, node), kept);
    }
    assert_eq!(mesh.disconnects, []);
}

#[test]
fn of_one_producer_so_many_pairs_are_kept_each_for_another_height() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    let peer = mesh.greeted(0);
    let mut tip = genesis();
    for height in 1..=12_u64 {
        let siblings: Vec<_> = (0..3).map(|salt| block_by(&rogue(), tip, &[], 10 * height + salt)).collect();
        for sibling in &siblings {
            mesh.say(0, peer, Message::Block(sibling.clone()));
            mesh.run_for(Duration::from_millis(5));
        }
        tip = mesh.nodes[0].tip();
        assert!(siblings.iter().any(|sibling| tip_of(sibling) == tip));
    }
    let heights: Vec<_> = mesh.nodes[0].equivocations().map(Equivocation::height).collect();
    assert_eq!(heights, (1..=EVIDENCE_PER_PRODUCER_MAX as u64).collect::<Vec<_>>());
    assert_eq!(told(&mesh, 0).len(), EVIDENCE_PER_PRODUCER_MAX);
    assert_eq!(mesh.nodes[0].stats().equivocations, 12);
    assert_eq!(mesh.disconnects, []);
}
