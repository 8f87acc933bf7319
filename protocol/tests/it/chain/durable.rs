//! Whatever record was the last one before a node died, its stored data are enough to continue, and to serve data
//! that are no longer in memory.

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;
use protocol::gossip::{
    DisconnectReason, Event, Gossip, Input, ItemId, Output, PeerHandle, RelayPolicy, TransactionStatus,
};
use protocol::items::block::Block;
use protocol::items::hash::{BlockId, TxId};
use protocol::items::transaction::SignedTransaction;
use protocol::items::verify::Verdict;
use protocol::ledger::durable::{Load, Record, RestoredBlock};
use protocol::limits::{
    CHAIN_BEST_HEADERS_MIN, CHAIN_BODY_BYTES_MAX, HEADERS_ENTRIES_MAX, LOADS_PER_PEER_MAX, SERVE_QUEUE_MAX,
};
use protocol::wire::message::{Message, Tip};

use crate::harness::{Checking, Mesh, block, genesis, tip_of, transaction, tx};
use crate::kept::Kept;
use crate::make;

/// Feeds an input and all signature checks that follow from it. Returns the records, in order.
fn feed(mesh: &mut Mesh, input: Input) -> Vec<Record> {
    let (mut records, mut inputs) = (Vec::new(), vec![input]);
    while let Some(input) = inputs.pop() {
        mesh.nodes[0].handle(mesh.now, input);
        while let Some(output) = mesh.nodes[0].poll_output() {
            match output {
                Output::Store(record) => records.push(record),
                Output::Verify(job) => inputs.push(Input::Verified { job: job.id, verdict: Verdict::Valid }),
                Output::Load(load) => panic!("nothing is out of memory here: {load:?}"),
                _ => {}
            }
        }
    }
    records
}

/// The state of a node that starts from `kept`: its tip, and the transactions that are pending or confirmed.
fn started(kept: &Kept, items: &[Arc<SignedTransaction>]) -> (Tip, BTreeSet<TxId>) {
    let mut mesh = Mesh::new(1, RelayPolicy::default());
    mesh.kept[0] = kept.clone();
    mesh.restart(0);
    mesh.run_secs(1);
    let node = &mesh.nodes[0];
    let held = items.iter().map(|item| item.id()).filter(|id| node.transaction(id).is_some());
    (node.tip(), held.collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_start_from_any_prefix_of_the_records_lacks_nothing_that_was_acknowledged(
        steps in prop::collection::vec((0..5_u8, any::<prop::sample::Index>()), 10..40),
    ) {
        let mut mesh = Mesh::new(1, RelayPolicy::default());
        let items: Vec<_> = (0..12).map(|nonce| transaction(1, nonce, 20)).collect();
        let (mut blocks, mut kept): (Vec<Arc<Block>>, _) = (Vec::new(), Kept::default());
        let mut acknowledged = BTreeSet::new();
        for (number, (what, which)) in (0_u64..).zip(steps) {
            let records = if what < 3 {
                let item = which.get(&items);
                let records = feed(&mut mesh, Input::SubmittedTransaction(item.clone()));
                (item, records)
            } else {
                // The block is on one of the last three blocks or on genesis. Its transaction may be on its branch
                // already.
                let item = which.get(&items);
                let back = &blocks[blocks.len().saturating_sub(3)..];
                let parent = back.get(which.index(back.len() + 1)).map_or(genesis(), |parent| tip_of(parent));
                let next = block(parent, std::slice::from_ref(item), number);
                let records = feed(&mut mesh, Input::SubmittedBlock(next.clone()));
                if records.iter().any(|record| matches!(record, Record::Block { .. })) {
                    blocks.push(next);
                }
                (item, records)
            };
            for record in records.1 {
                kept.keep(record);
                let (_, held) = started(&kept, &items);
                prop_assert!(held.is_superset(&acknowledged), "{held:?} of {acknowledged:?}");
            }
            let (tip, held) = started(&kept, &items);
            prop_assert_eq!(tip, mesh.nodes[0].tip());
            let ids = items.iter().map(|item| item.id());
            let live: BTreeSet<_> = ids.filter(|id| mesh.nodes[0].transaction(id).is_some()).collect();
            prop_assert_eq!(&held, &live);
            if live.contains(&records.0.id()) {
                acknowledged.insert(records.0.id());
            }
        }
    }
}

/// Blocks on each other with bodies that don't fit into memory together.
fn more_than_memory(on: Tip, author: u8) -> Vec<Arc<Block>> {
    let mut blocks: Vec<Arc<Block>> = Vec::new();
    let count = CHAIN_BODY_BYTES_MAX / (60 * 65_000) + 3;
    for number in 0..count as u64 {
        let items: Vec<_> = (0..60).map(|nonce| transaction(author, number * 60 + nonce, 65_000)).collect();
        let parent = blocks.last().map_or(on, |block| tip_of(block));
        blocks.push(block(parent, &items, u64::from(author)));
    }
    blocks
}

/// A node with such blocks, and one of its peers.
fn beyond_memory() -> (Mesh, Vec<Arc<Block>>, PeerHandle) {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    mesh.checking = Checking::Assumed;
    let blocks = more_than_memory(genesis(), 1);
    for block in &blocks {
        mesh.publish(0, block);
        mesh.run_secs(1);
    }
    let peer = mesh.greeted(0);
    (mesh, blocks, peer)
}

#[test]
fn blocks_that_memory_no_longer_has_are_served_from_storage() {
    let (mut mesh, blocks, peer) = beyond_memory();
    let first = blocks[0].header.id();
    assert!(mesh.nodes[0].block(&first).is_none() && mesh.nodes[0].tip() == tip_of(&blocks[blocks.len() - 1]));
    mesh.say(0, peer, Message::GetBlock { graft: false, id: first });
    mesh.run_secs(1);
    assert_eq!(mesh.heard(0, peer), [Message::Block(blocks[0].clone())]);
    let unknown = BlockId([9; 32]);
    mesh.say(0, peer, Message::GetBlock { graft: false, id: unknown });
    mesh.run_secs(1);
    assert_eq!(mesh.heard(0, peer), [Message::NotFound { transactions: vec![], blocks: vec![unknown] }]);
    assert_eq!(mesh.kept[0].loads, [Load::Block(first), Load::Block(unknown)]);
}

#[test]
fn a_peer_that_does_not_read_has_no_more_loaded_than_it_has_credit_for() {
    let (mut mesh, blocks, peer) = beyond_memory();
    mesh.draining = false;
    for block in &blocks[..3] {
        assert!(mesh.nodes[0].block(&block.header.id()).is_none());
        mesh.say(0, peer, Message::GetBlock { graft: false, id: block.header.id() });
    }
    mesh.run_secs(10);
    assert_eq!(mesh.heard(0, peer).len(), 2, "8 MiB of credit are two blocks of 3.9 MiB");
    assert_eq!(mesh.kept[0].loads.len(), 2, "and no load is repeated while there is none");
}

#[test]
fn no_more_than_so_many_blocks_are_loaded_for_a_peer_at_once() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    // Blocks are expected to be small once some small ones came.
    let small: Vec<_> = (0..60).map(|salt| block(genesis(), &[], salt)).collect();
    for block in &small {
        mesh.kept[0].blocks.insert(block.header.id(), (block.clone(), [].into()));
    }
    let peer = mesh.greeted(0);
    for block in &small {
        mesh.say(0, peer, Message::GetBlock { graft: false, id: block.header.id() });
        mesh.run_secs(1);
    }
    assert_eq!(mesh.heard(0, peer).len(), 60);
    mesh.kept[0].loads.clear();
    mesh.loading = false;
    for number in 0..40 {
        mesh.say(0, peer, Message::GetBlock { graft: false, id: BlockId([number; 32]) });
    }
    assert_eq!(mesh.kept[0].loads.len(), LOADS_PER_PEER_MAX);
}

#[test]
fn what_is_being_loaded_counts_for_what_a_peer_may_be_owed() {
    let wants = |number: usize| {
        let mut id = [0; 32];
        id[..8].copy_from_slice(&number.to_be_bytes());
        Message::GetBlock { graft: false, id: BlockId(id) }
    };
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    mesh.loading = false;
    let peer = mesh.greeted(0);
    (0..SERVE_QUEUE_MAX).for_each(|number| mesh.say(0, peer, wants(number)));
    assert_eq!((mesh.kept[0].loads.is_empty(), mesh.disconnected(0, peer)), (false, None));
    mesh.say(0, peer, wants(SERVE_QUEUE_MAX));
    assert_eq!(mesh.disconnected(0, peer), Some(DisconnectReason::QueueOverrun));
}

#[test]
fn what_a_branch_longer_than_memory_confirms_is_told_with_the_block_that_has_it() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    mesh.checking = Checking::Assumed;
    let side = more_than_memory(genesis(), 1);
    let mut tip = genesis();
    for number in 0..side.len() as u64 {
        let best = block(tip, &[], 100 + number);
        mesh.publish(0, &best);
        mesh.run_secs(1);
        tip = tip_of(&best);
    }
    let last = block(tip_of(&side[side.len() - 1]), &[], 1);
    for block in side.iter().chain([&last]) {
        mesh.publish(0, block);
        mesh.run_secs(1);
    }
    assert_eq!(mesh.nodes[0].tip(), tip_of(&last));
    let within = |id| {
        mesh.events[0].iter().find_map(|event| match event {
            Event::Accepted { item: ItemId::Transaction(found), within, .. } if *found == id => *within,
            _ => None,
        })
    };
    for block in &side {
        let id = SignedTransaction::id_of(&block.transactions[0]);
        assert_eq!(within(id), Some(block.header.id()));
    }
}

#[test]
fn a_reorganisation_deeper_than_memory_returns_every_transaction() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    mesh.checking = Checking::Assumed;
    let small = transaction(7, 7, 10);
    let first = block(genesis(), std::slice::from_ref(&small), 1);
    mesh.submit(0, &small);
    mesh.publish(0, &first);
    mesh.run_secs(1);
    for block in more_than_memory(tip_of(&first), 1) {
        mesh.publish(0, &block);
        mesh.run_secs(1);
    }
    let depth = mesh.nodes[0].tip().height;
    assert!(mesh.nodes[0].block(&first.header.id()).is_none());
    let mut tip = genesis();
    for number in 0..=depth {
        let side = block(tip, &[], 100 + number);
        mesh.publish(0, &side);
        mesh.run_secs(1);
        tip = tip_of(&side);
    }
    assert_eq!(mesh.nodes[0].tip(), tip);
    assert!(matches!(mesh.nodes[0].transaction(&small.id()), Some(TransactionStatus::Pending(_))));
    assert!(mesh.kept[0].returning.is_empty(), "all are back");
    assert!(mesh.kept[0].pending.iter().any(|pending| pending.id() == small.id()));
}

#[test]
fn a_return_that_was_cut_short_goes_on_at_the_next_start() {
    let mut kept = Kept::default();
    let item = transaction(1, 1, 10);
    let lost = block(genesis(), std::slice::from_ref(&item), 1);
    let best = block(genesis(), &[], 2);
    for block in [&lost, &best] {
        let ids = if block.transactions.is_empty() { vec![] } else { vec![item.id()] };
        kept.keep(Record::Block { block: block.clone(), transactions: ids.into() });
    }
    kept.keep(Record::Best { fork: 0, blocks: vec![best.header.id()], returning: vec![lost.header.id()] });
    let (tip, held) = started(&kept, std::slice::from_ref(&item));
    assert_eq!((tip, held), (tip_of(&best), [item.id()].into()));
}

#[test]
fn a_restarted_node_takes_nothing_twice() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    let (confirmed, pending) = (transaction(1, 1, 10), transaction(1, 2, 10));
    mesh.submit(0, &confirmed);
    mesh.submit(0, &pending);
    mesh.run_secs(1);
    mesh.publish(0, &block(genesis(), std::slice::from_ref(&confirmed), 1));
    mesh.run_secs(1);
    mesh.restart(0);
    mesh.events[0].clear();
    let peer = mesh.greeted(0);
    for item in [&confirmed, &pending] {
        mesh.say(0, peer, Message::Transactions { via: None, bodies: vec![item.clone().into()] });
        mesh.run_secs(1);
        assert!(!mesh.accepted(0, tx(item)));
    }
    assert_eq!(mesh.nodes[0].mempool().transactions, 1);
}

#[test]
fn headers_that_memory_no_longer_has_are_served_from_storage() {
    let mut parent = genesis().id;
    let headers: Vec<_> = (1..=CHAIN_BEST_HEADERS_MIN as u64 + 50)
        .map(|height| {
            let header = make::header(parent, height, 1, 0, &[]);
            parent = header.id();
            header
        })
        .collect();
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    for header in &headers {
        mesh.kept[0].keep(Record::Block { block: make::block(*header, &[]), transactions: [].into() });
        let best = Record::Best { fork: header.header().height - 1, blocks: vec![header.id()], returning: vec![] };
        mesh.kept[0].keep(best);
    }
    mesh.restart(0);
    let peer = mesh.greeted(0);
    mesh.say(0, peer, Message::GetHeaders(vec![genesis().id]));
    // A peer that waits for headers is not given others as well.
    mesh.say(0, peer, Message::GetHeaders(vec![headers[5].id()]));
    mesh.run_secs(1);
    assert_eq!(mesh.heard(0, peer), [Message::Headers(headers[..HEADERS_ENTRIES_MAX].to_vec())]);
    assert_eq!(mesh.kept[0].loads.len(), 1);
    mesh.say(0, peer, Message::GetHeaders(vec![headers[headers.len() - 3].id()]));
    assert_eq!(mesh.heard(0, peer), [Message::Headers(headers[headers.len() - 2..].to_vec())]);
    assert_eq!(mesh.kept[0].loads.len(), 1, "memory has these");
}

#[test]
fn a_stored_chain_with_a_gap_is_refused() {
    let first = make::header(genesis().id, 1, 1, 0, &[]);
    let third = make::header(BlockId([3; 32]), 3, 1, 0, &[]);
    let mut restored = Kept::default().restored();
    let known = |header| RestoredBlock { header, transactions: None };
    restored.best = vec![known(first), known(third)];
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    let node: &mut Gossip = &mut mesh.nodes[0];
    assert!(node.restore(mesh.now, restored).is_err_and(|error| error.to_string().contains("height 3")));
}
