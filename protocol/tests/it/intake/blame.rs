//! Blame follows bytes: a peer is disconnected because of bytes that it sent itself, and never because of another
//! peer's bytes.

use std::sync::Arc;

use bytes::Bytes;
use protocol::gossip::{AuthorTree, DisconnectReason, Event, Gossip, Input, PeerHandle, Refusal, RelayPolicy};
use protocol::items::block::{Header, SignedHeader, transactions_root};
use protocol::items::keys::PublicKey;
use protocol::items::verify::Verdict;
use protocol::ledger::durable::{Restored, RestoredBlock};
use protocol::limits::ANNOUNCERS_MAX;
use protocol::time::Duration;
use protocol::wire::codec::{Decode as _, Encode as _};
use protocol::wire::message::{Message, Tip};

use crate::harness::{
    Checking, Mesh, block, block_by, block_item, genesis, network, producer, rogue, tip_of, transaction, tx,
};

const GUILTY: Option<DisconnectReason> = Some(DisconnectReason::InvalidSignature);

/// A header in a producer's name that nobody signed. Any stranger can write one.
fn forged(parent: Tip, salt: u64) -> SignedHeader {
    let header = Header {
        height: parent.height + 1,
        parent: parent.id,
        producer: producer().public(),
        timestamp_ms: salt,
        transactions_root: transactions_root(&[]),
        count: 0,
    };
    let mut bytes = header.sign(&producer(), &network()).to_bytes();
    let at = bytes.len() - 5;
    bytes[at] ^= 0x55;
    SignedHeader::from_bytes(&Bytes::from(bytes)).expect("well encoded")
}

fn header_tip(header: &SignedHeader) -> Tip {
    Tip { height: header.header().height, id: header.id() }
}

fn announce(mesh: &mut Mesh, peer: PeerHandle, header: SignedHeader, pushed: bool) {
    mesh.say(0, peer, Message::BlockHeader { header: Box::new(header), pushed });
}

fn held(count: usize) -> (Mesh, Vec<PeerHandle>) {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    mesh.checking = Checking::Held;
    let peers = (0..count).map(|_| mesh.greeted(0)).collect();
    (mesh, peers)
}

/// Answers the oldest job, as a driver would.
fn answer(mesh: &mut Mesh) -> Verdict {
    let job = mesh.jobs.remove(0);
    let verdict = job.run(PublicKey::decompress);
    mesh.input(0, Input::Verified { job: job.id, verdict });
    verdict
}

/// How many wanted blocks a peer is known to have.
fn announced_blocks(node: &Gossip, peer: PeerHandle) -> usize {
    let mut used = 0;
    node.occupancy(&mut |seen| {
        if seen.what == "announced blocks" && seen.peer == Some(peer) {
            used = seen.used;
        }
    });
    used
}

#[test]
fn a_forgery_behind_an_honest_header_is_blamed_on_its_sender_alone() {
    for honest in [3_usize, 8] {
        let mut mesh = Mesh::new(honest + 1, RelayPolicy::AuthorTree(AuthorTree::default()));
        let links: Vec<_> = (1..=honest).map(|node| mesh.connect(0, node)).collect();
        mesh.run_secs(1);
        let attacker = mesh.greeted_in(0, 7);
        let good = block(genesis(), &[], 1);
        for node in 1..=honest {
            mesh.publish(node, &good);
        }
        // Announcements leave after 0.1 ms of checking and arrive 10 ms later. The attacker is 50 microseconds
        // earlier.
        mesh.run_for(Duration::from_micros(10_050));
        mesh.say(0, attacker, Message::Headers(vec![good.header, forged(tip_of(&good), 1)]));
        mesh.run_secs(2);
        let left: Vec<_> = links.iter().filter_map(|(at_victim, _)| mesh.disconnected(0, *at_victim)).collect();
        assert_eq!(left, [], "of {honest} honest peers");
        assert_eq!(mesh.disconnected(0, attacker), GUILTY);
        assert!(mesh.accepted(0, block_item(good.header.id())));
        assert_eq!(mesh.nodes[0].tip(), tip_of(&good));
    }
}

#[test]
fn headers_before_the_first_bad_one_are_taken_and_the_bad_one_is_named() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    let peer = mesh.greeted(0);
    let first = block(genesis(), &[], 1);
    let second = block(tip_of(&first), &[], 2);
    let bad = forged(tip_of(&second), 3);
    let behind = forged(header_tip(&bad), 4);
    mesh.say(0, peer, Message::Headers(vec![first.header, second.header, bad, behind]));
    mesh.run_for(Duration::from_millis(1));
    assert_eq!(mesh.disconnected(0, peer), GUILTY);
    assert_eq!(mesh.nodes[0].sync().best_header, 2);
    let refused: Vec<_> = mesh.events[0]
        .iter()
        .filter_map(|event| match event {
            Event::Refused { item, refusal, .. } => Some((*item, refusal.clone())),
            _ => None,
        })
        .collect();
    assert_eq!(refused, [(block_item(bad.id()), Refusal::InvalidSignature)]);
}

#[test]
fn each_announcer_stands_for_the_header_that_it_sent_itself() {
    let (mut mesh, peers) = held(5);
    let [sender, accomplice, first, second, above] = peers[..] else { panic!("five") };
    let good = [block(genesis(), &[], 1)];
    let good = [good[0].clone(), block(tip_of(&good[0]), &[], 2)];
    let bad = forged(tip_of(&good[1]), 3);
    // A producer may sign a header on top of a forged one. No honest node holds it, but its signature is good.
    let child = block(header_tip(&bad), &[], 4).header;
    mesh.say(0, sender, Message::Headers(vec![good[0].header, good[1].header, bad, child]));
    announce(&mut mesh, first, good[0].header, false);
    announce(&mut mesh, second, good[1].header, false);
    announce(&mut mesh, accomplice, bad, false);
    announce(&mut mesh, above, child, false);
    assert_eq!(mesh.jobs.len(), 1, "all of them are in verification already");
    assert_eq!(answer(&mut mesh), Verdict::Invalid { first: 2 });
    assert_eq!([sender, accomplice].map(|peer| mesh.disconnected(0, peer)), [GUILTY; 2]);
    assert_eq!([first, second, above].map(|peer| mesh.disconnected(0, peer)), [None; 3]);
    // Each peer is known to have the blocks that it announced. The second one has the first block as well.
    assert_eq!((announced_blocks(&mesh.nodes[0], first), announced_blocks(&mesh.nodes[0], second)), (1, 2));
    let asks_headers = |message: &Message| matches!(message, Message::GetHeaders(_));
    assert!(mesh.heard(0, above).iter().any(asks_headers), "its parent is missing here");
}

#[test]
fn announcers_past_the_bound_are_known_by_their_tips_to_have_the_block() {
    for count in [ANNOUNCERS_MAX, ANNOUNCERS_MAX + 1] {
        let (mut mesh, peers) = held(count + 1);
        let good = block(genesis(), &[], 1);
        mesh.say(0, peers[0], Message::Headers(vec![good.header]));
        for peer in &peers[1..] {
            announce(&mut mesh, *peer, good.header, false);
        }
        assert_eq!(answer(&mut mesh), Verdict::Valid);
        assert!(peers.iter().all(|peer| announced_blocks(&mesh.nodes[0], *peer) == 1), "of {count}");
        assert_eq!(mesh.disconnects, []);
    }
}

#[test]
fn a_forgery_alone_is_blamed_on_everybody_who_sent_it() {
    let (mut mesh, peers) = held(3);
    let (bad, good) = (forged(genesis(), 1), block(genesis(), &[], 2));
    announce(&mut mesh, peers[0], bad, false);
    mesh.say(0, peers[1], Message::Headers(vec![bad]));
    announce(&mut mesh, peers[2], good.header, false);
    while !mesh.jobs.is_empty() {
        answer(&mut mesh);
    }
    assert_eq!([0, 1, 2].map(|peer: usize| mesh.disconnected(0, peers[peer])), [GUILTY, GUILTY, None]);
}

#[test]
fn a_push_that_comes_while_another_peers_headers_are_checked_is_no_broken_promise() {
    let mut mesh = Mesh::new(1, RelayPolicy::AuthorTree(AuthorTree::default()));
    mesh.checking = Checking::Held;
    let (other, honest) = (mesh.greeted(0), mesh.greeted(0));
    let first = block(genesis(), &[], 1);
    let second = block(tip_of(&first), &[], 2);
    mesh.say(0, other, Message::Headers(vec![first.header, second.header]));
    announce(&mut mesh, honest, second.header, true);
    mesh.say(0, honest, Message::Block(second.clone()));
    for _ in 0..10 {
        while !mesh.jobs.is_empty() {
            answer(&mut mesh);
        }
        // The honest peer has no other block, and says so.
        for message in mesh.heard(0, honest) {
            if let Message::GetBlock { id, .. } = message {
                mesh.say(0, honest, Message::NotFound { transactions: Vec::new(), blocks: vec![id] });
            }
        }
        mesh.run_secs(1);
    }
    assert_eq!(mesh.nodes[0].peer(honest).map(|peer| peer.strikes), Some(0));
    // The body waits for its parent, and isn't asked for again.
    mesh.checking = Checking::Real;
    mesh.publish(0, &first);
    mesh.run_for(Duration::from_millis(5));
    assert_eq!(mesh.nodes[0].tip(), tip_of(&second));
}

#[test]
fn a_push_that_overtakes_its_own_header_keeps_its_place_in_the_tree() {
    let mut mesh = Mesh::new(1, RelayPolicy::AuthorTree(AuthorTree::default()));
    mesh.checking = Checking::Held;
    let (pusher, late) = (mesh.greeted(0), mesh.greeted(0));
    let pushed = block(genesis(), &[], 1);
    announce(&mut mesh, pusher, pushed.header, true);
    mesh.say(0, pusher, Message::Block(pushed.clone()));
    announce(&mut mesh, late, pushed.header, true);
    while !mesh.jobs.is_empty() {
        answer(&mut mesh);
    }
    mesh.run_for(Duration::from_millis(1));
    assert_eq!(mesh.nodes[0].tip(), tip_of(&pushed));
    let pruned = |messages: Vec<Message>| messages.iter().any(|message| matches!(message, Message::Prune(_)));
    assert!(!pruned(mesh.heard(0, pusher)), "it was first");
    assert!(pruned(mesh.heard(0, late)));
}

#[test]
fn a_body_whose_sender_leaves_during_its_check_is_asked_of_those_who_announced_it() {
    let (mut mesh, peers) = held(2);
    let first = block(genesis(), &[], 1);
    let second = block(tip_of(&first), &[], 2);
    mesh.say(0, peers[1], Message::Headers(vec![first.header]));
    answer(&mut mesh);
    mesh.say(0, peers[0], Message::Block(second.clone()));
    announce(&mut mesh, peers[1], second.header, false);
    mesh.input(0, Input::PeerDisconnected { peer: peers[0] });
    mesh.heard(0, peers[1]);
    answer(&mut mesh);
    let wanted = Message::GetBlock { graft: false, id: second.header.id() };
    assert!(mesh.heard(0, peers[1]).contains(&wanted));
}

#[test]
fn spoiled_copies_of_a_transaction_are_blamed_on_those_who_sent_them() {
    let (mut mesh, peers) = held(3);
    let item = transaction(1, 1, 10);
    let mut spoiled = item.encoded().to_vec();
    *spoiled.last_mut().expect("not empty") ^= 1;
    let spoiled = Bytes::from(spoiled);
    for (peer, body) in peers.iter().zip([&spoiled, item.encoded(), &spoiled]) {
        mesh.say(0, *peer, Message::Transactions { via: None, bodies: vec![body.clone().into()] });
    }
    while !mesh.jobs.is_empty() {
        answer(&mut mesh);
    }
    assert!(mesh.accepted(0, tx(&item)));
    assert_eq!([0, 1, 2].map(|peer: usize| mesh.disconnected(0, peers[peer])), [GUILTY, None, GUILTY]);
}

#[test]
fn a_block_on_top_of_an_invalid_one_is_refused_without_blame() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    let (bad, follower) = (mesh.greeted(0), mesh.greeted(0));
    let expired = {
        let (author, payload) = (crate::harness::key(1).public(), Bytes::new());
        let item = protocol::items::transaction::Transaction { author, nonce: 1, valid_until: 0, payload };
        Arc::new(item.sign(&crate::harness::key(1), &network()).expect("small"))
    };
    let invalid = block(genesis(), &[expired], 1);
    mesh.say(0, bad, Message::Block(invalid.clone()));
    mesh.run_for(Duration::from_millis(1));
    assert_eq!(mesh.disconnected(0, bad), Some(DisconnectReason::InvalidBlock));
    let above = block(tip_of(&invalid), &[], 2);
    announce(&mut mesh, follower, above.header, false);
    mesh.say(0, follower, Message::Headers(vec![above.header]));
    mesh.say(0, follower, Message::Block(above));
    mesh.run_secs(1);
    assert_eq!(mesh.disconnected(0, follower), None);
}

#[test]
fn a_peer_that_lacks_what_a_producer_only_promised_is_not_struck() {
    let mut mesh = Mesh::new(2, RelayPolicy::Announce);
    let mut tip = genesis();
    for number in 0..20 {
        let next = block(tip, &[], number);
        tip = tip_of(&next);
        mesh.publish(1, &next);
        mesh.run_for(Duration::from_millis(1));
    }
    // Another producer's headers without bodies are higher for a while.
    let liar = mesh.greeted(0);
    let (mut at, mut hollow) = (genesis(), Vec::new());
    for number in 0..25 {
        let next = block_by(&rogue(), at, &[], number);
        at = tip_of(&next);
        hollow.push(next.header);
    }
    mesh.say(0, liar, Message::Headers(hollow));
    mesh.run_for(Duration::from_millis(1));
    let (honest, _) = mesh.connect(0, 1);
    mesh.run_secs(120);
    assert_eq!(mesh.nodes[0].tip(), tip);
    assert_eq!(mesh.nodes[0].peer(honest).map(|peer| peer.strikes), Some(0));
    assert_eq!(mesh.disconnected(0, honest), None);
}

#[test]
fn old_headers_that_a_stranger_repeats_lead_no_honest_answer_astray() {
    let mut mesh = Mesh::new(2, RelayPolicy::Announce);
    let (mut tip, mut blocks) = (genesis(), Vec::new());
    for number in 0..600 {
        let next = block(tip, &[], number);
        tip = tip_of(&next);
        mesh.publish(1, &next);
        mesh.run_for(Duration::from_millis(1));
        blocks.push(next);
    }
    // A node that remembers 20 of its 300 blocks.
    let kept = blocks[280..300].iter();
    let kept = kept.map(|block| RestoredBlock { header: block.header, transactions: Some(Arc::new([])) });
    let restored = Restored { best: kept.collect(), pending: Vec::new(), returning: Vec::new(), kept_from: 281 };
    mesh.nodes[0].restore(mesh.now, restored).expect("they follow each other");
    let stranger = mesh.greeted(0);
    mesh.say(0, stranger, Message::Headers(blocks[..5].iter().map(|block| block.header).collect()));
    mesh.run_for(Duration::from_millis(5));
    mesh.connect(0, 1);
    mesh.run_secs(3);
    assert_eq!(mesh.nodes[0].tip(), tip);
}
