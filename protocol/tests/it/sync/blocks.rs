//! Blocks on the way through the engine: orphans, catching up, forks, and what happens to transactions.

use protocol::gossip::{ItemId, Refusal, RelayPolicy, Submission, TransactionStatus};
use protocol::time::Duration;
use protocol::wire::message::{Message, Tip};

use crate::harness::{Mesh, block, block_by, block_item, genesis, tip_of, transaction, tx};

/// A chain of `length` blocks on genesis, each with one transaction.
fn chain(length: u64) -> Vec<std::sync::Arc<protocol::items::block::Block>> {
    let mut tip = genesis();
    (0..length)
        .map(|number| {
            let next = block(tip, &[transaction(3, number, 10)], number);
            tip = tip_of(&next);
            next
        })
        .collect()
}

#[test]
fn a_late_node_catches_up() {
    let mut mesh = Mesh::new(2, RelayPolicy::Announce);
    let blocks = chain(600);
    for block in &blocks {
        mesh.publish(0, block);
        mesh.run_for(Duration::from_millis(1));
    }
    assert_eq!(mesh.nodes[0].tip().height, 600);
    mesh.connect(1, 0);
    mesh.run_secs(20);
    assert_eq!(mesh.nodes[1].tip(), mesh.nodes[0].tip());
    assert_eq!(mesh.disconnects, []);
}

#[test]
fn an_orphan_waits_for_its_parent() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    let peer = mesh.greeted(0);
    let blocks = chain(2);
    mesh.say(0, peer, Message::Block(blocks[1].clone()));
    mesh.run_for(Duration::from_millis(1));
    assert_eq!(mesh.nodes[0].tip(), genesis());
    assert!(matches!(&mesh.heard(0, peer)[..], [Message::GetHeaders(locator)] if *locator == [genesis().id]));
    mesh.say(0, peer, Message::Block(blocks[0].clone()));
    mesh.run_for(Duration::from_millis(1));
    assert_eq!(mesh.nodes[0].tip(), tip_of(&blocks[1]));
}

#[test]
fn a_long_chain_of_orphans_connects_when_its_root_comes() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    let blocks = chain(201);
    for orphans in blocks[1..].chunks(8).rev() {
        let peer = mesh.greeted(0);
        for orphan in orphans.iter().rev() {
            mesh.say(0, peer, Message::Block(orphan.clone()));
        }
    }
    mesh.run_for(Duration::from_millis(1));
    assert_eq!(mesh.nodes[0].tip(), genesis());
    mesh.publish(0, &blocks[0]);
    mesh.run_for(Duration::from_millis(100));
    assert_eq!(mesh.nodes[0].tip().height, 201);
}

#[test]
fn a_block_with_many_signatures_is_checked_in_parts() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    mesh.checking = crate::harness::Checking::Held;
    let peer = mesh.greeted(0);
    let items: Vec<_> = (0..600).map(|nonce| transaction(1, nonce, 1)).collect();
    let large = block(genesis(), &items, 1);
    mesh.say(0, peer, Message::Block(large.clone()));
    let verdict = protocol::items::verify::Verdict::Valid;
    let header = mesh.jobs.remove(0).id;
    mesh.input(0, protocol::gossip::Input::Verified { job: header, verdict });
    let parts: Vec<_> = mesh.jobs.drain(..).collect();
    assert_eq!(parts.iter().map(|job| job.transactions.len()).collect::<Vec<_>>(), [512, 88]);
    mesh.input(0, protocol::gossip::Input::Verified { job: parts[1].id, verdict });
    assert_eq!(mesh.nodes[0].tip(), genesis());
    mesh.input(0, protocol::gossip::Input::Verified { job: parts[0].id, verdict });
    assert_eq!(mesh.nodes[0].tip(), tip_of(&large));
}

#[test]
fn a_block_of_which_a_peers_copy_is_being_checked_is_not_called_held() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    mesh.checking = crate::harness::Checking::Held;
    let peer = mesh.greeted(0);
    let verdict = protocol::items::verify::Verdict::Valid;
    let parent = block(genesis(), &[], 0);
    let block = block(tip_of(&parent), &[transaction(1, 1, 10)], 0);
    // The peer's block waits for its parent. The parent's header is known.
    for message in [Message::Block(block.clone()), Message::Headers(vec![parent.header])] {
        mesh.say(0, peer, message);
        let job = mesh.jobs.remove(0).id;
        mesh.input(0, protocol::gossip::Input::Verified { job, verdict });
    }
    // The parent comes while the header of the submitted block is checked.
    mesh.publish(0, &block);
    let submitted = mesh.jobs.remove(0).id;
    mesh.say(0, peer, Message::Block(parent));
    assert_eq!(mesh.jobs.len(), 1, "the peer's transaction is being checked");
    mesh.input(0, protocol::gossip::Input::Verified { job: submitted, verdict });
    let answer = mesh.events[0].iter().find_map(|event| match event {
        protocol::gossip::Event::Submitted { result, .. } => Some(result.clone()),
        _ => None,
    });
    assert_eq!(answer, Some(Err(Refusal::Busy)));
}

#[test]
fn a_peers_copy_of_a_block_that_is_being_submitted_is_a_duplicate() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    mesh.checking = crate::harness::Checking::Held;
    let peer = mesh.greeted(0);
    let block = block(genesis(), &[], 0);
    mesh.publish(0, &block);
    mesh.say(0, peer, Message::Headers(vec![block.header]));
    mesh.say(0, peer, Message::Block(block.clone()));
    // The block's header is being checked already.
    assert_eq!((mesh.jobs.len(), mesh.nodes[0].stats().block_duplicates), (1, 1));
    for job in mesh.jobs.split_off(0) {
        let verdict = protocol::items::verify::Verdict::Valid;
        mesh.input(0, protocol::gossip::Input::Verified { job: job.id, verdict });
    }
    assert_eq!(mesh.submission(0, block_item(block.header.id())), Some(Submission::Accepted));
}

#[test]
fn a_submitted_block_obeys_the_producer_rule_and_one_that_is_vouched_for_does_not() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    let strangers = block_by(&crate::harness::key(7), genesis(), &[], 0);
    let item = block_item(strangers.header.id());
    mesh.publish(0, &strangers);
    mesh.run_for(Duration::from_millis(1));
    let refused = protocol::gossip::Event::Submitted { item, result: Err(Refusal::ProducerNotAllowed) };
    assert!(mesh.events[0].contains(&refused), "{:?}", mesh.events[0]);
    assert_eq!(mesh.nodes[0].tip(), genesis());
    // Nothing of the refused block stays: neither a header of which others would be told, nor a mark against it.
    mesh.input(0, protocol::gossip::Input::ProducedBlock(strangers.clone()));
    mesh.run_for(Duration::from_millis(1));
    assert_eq!(mesh.nodes[0].tip(), tip_of(&strangers));
    let own = block(tip_of(&strangers), &[], 1);
    mesh.publish(0, &own);
    mesh.run_for(Duration::from_millis(1));
    assert_eq!(mesh.nodes[0].tip(), tip_of(&own), "an allowed producer's is taken by either door");
}

#[test]
fn a_block_whose_transaction_lives_too_long_is_condemned() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    let peer = mesh.greeted(0);
    let item = |valid_until: u64| {
        let (author, payload) = (crate::harness::key(1).public(), bytes::Bytes::new());
        let item = protocol::items::transaction::Transaction { author, nonce: 1, valid_until, payload };
        std::sync::Arc::new(item.sign(&crate::harness::key(1), &crate::harness::network()).unwrap())
    };
    let (good, bad) = (block(genesis(), &[item(10_000)], 1), block(genesis(), &[item(10_001)], 2));
    mesh.say(0, peer, Message::Block(good.clone()));
    mesh.run_for(Duration::from_millis(1));
    assert_eq!(mesh.nodes[0].tip(), tip_of(&good));
    mesh.say(0, peer, Message::Block(bad));
    mesh.run_for(Duration::from_millis(1));
    assert_eq!(mesh.disconnected(0, peer), Some(protocol::gossip::DisconnectReason::InvalidBlock));
}

#[test]
fn two_sides_of_a_fork_agree_when_they_meet() {
    let mut mesh = Mesh::new(2, RelayPolicy::Announce);
    let (here, there) = (transaction(1, 1, 10), transaction(2, 2, 10));
    let short = block(genesis(), std::slice::from_ref(&here), 100);
    let long = [block(genesis(), std::slice::from_ref(&there), 200)];
    let long = [long[0].clone(), block(tip_of(&long[0]), &[], 201)];
    mesh.publish(0, &short);
    for block in &long {
        mesh.publish(1, block);
        mesh.run_for(Duration::from_millis(1));
    }
    mesh.connect(0, 1);
    mesh.run_secs(5);
    for node in 0..2 {
        assert_eq!(mesh.nodes[node].tip(), tip_of(&long[1]), "node {node}");
    }
    // The stale block's transaction is back in the mempool of the node that had it.
    assert!(matches!(mesh.nodes[0].transaction(&here.id()), Some(TransactionStatus::Pending(_))));
    let confirmed = mesh.nodes[0].transaction(&there.id());
    assert!(matches!(confirmed, Some(TransactionStatus::Confirmed { height: 1, .. })));
}

#[test]
fn of_two_equally_high_tips_the_lower_id_wins() {
    let mut mesh = Mesh::new(2, RelayPolicy::Announce);
    let blocks = [block(genesis(), &[], 1), block(genesis(), &[], 2)];
    mesh.publish(0, &blocks[0]);
    mesh.publish(1, &blocks[1]);
    mesh.run_secs(1);
    mesh.connect(0, 1);
    mesh.run_secs(5);
    let lowest = blocks.iter().map(|block| block.header.id()).min().expect("two");
    assert_eq!([0, 1].map(|node| mesh.nodes[node].tip().id), [lowest; 2]);
}

#[test]
fn a_confirmed_transaction_leaves_the_mempool_and_is_refused_afterwards() {
    let mut mesh = Mesh::new(2, RelayPolicy::Announce);
    mesh.connect(0, 1);
    mesh.run_secs(1);
    let item = transaction(1, 1, 10);
    mesh.submit(0, &item);
    mesh.run_secs(1);
    assert_eq!(mesh.nodes[1].mempool().transactions, 1);
    mesh.publish(0, &block(genesis(), std::slice::from_ref(&item), 1));
    mesh.run_secs(1);
    assert_eq!(mesh.nodes[1].mempool().transactions, 0);
    mesh.submit(1, &item);
    mesh.run_secs(1);
    assert_eq!(mesh.nodes[1].mempool().transactions, 0);
    assert_eq!(mesh.submission(1, tx(&item)), Some(Submission::Held));
}

#[test]
fn a_template_makes_a_block_that_everyone_takes() {
    let mut mesh = Mesh::new(3, RelayPolicy::Announce);
    mesh.connect(0, 1);
    mesh.connect(1, 2);
    mesh.run_secs(1);
    for nonce in 0..20 {
        mesh.submit(0, &transaction(1, nonce, 500));
    }
    mesh.run_secs(1);
    let key = crate::harness::producer();
    let (header, transactions) = mesh.nodes[0].block_template(key.public(), 77, 5_000);
    assert!((1..20).contains(&transactions.len()), "{} fit in 5,000 bytes", transactions.len());
    let header = header.sign(&key, &crate::harness::network());
    let made = std::sync::Arc::new(protocol::items::block::Block { header, transactions });
    assert!(protocol::wire::codec::Encode::encoded_len(made.as_ref()) <= 5_000);
    mesh.publish(0, &made);
    mesh.run_secs(1);
    assert_eq!(mesh.nodes[2].tip(), Tip { height: 1, id: made.header.id() });
    assert_eq!(mesh.nodes[2].block(&made.header.id()), Some(made.clone()));
}

#[test]
fn a_submitted_block_without_a_parent_is_refused() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    let blocks = chain(2);
    mesh.publish(0, &blocks[1]);
    mesh.run_secs(1);
    let item: ItemId = block_item(blocks[1].header.id());
    let refused = protocol::gossip::Event::Submitted { item, result: Err(Refusal::UnknownParent) };
    assert!(mesh.events[0].contains(&refused), "{:?}", mesh.events[0]);
}

#[test]
fn a_block_brings_unseen_transactions_along() {
    let mut mesh = Mesh::new(2, RelayPolicy::Announce);
    mesh.connect(0, 1);
    mesh.run_secs(1);
    let items: Vec<_> = (0..3).map(|nonce| transaction(1, nonce, 10)).collect();
    mesh.publish(0, &block(genesis(), &items, 1));
    mesh.run_secs(1);
    assert!(items.iter().all(|item| mesh.accepted(1, tx(item))));
    // The transactions were never asked for by themselves.
    assert_eq!(mesh.nodes[1].stats().transaction_bodies, 0);
}
