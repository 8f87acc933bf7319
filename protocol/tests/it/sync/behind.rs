//! A node knows when it is behind and why. While it is behind, it requests nothing in vain and makes no block.

use std::sync::Arc;

use protocol::gossip::{
    Behind, Cause, Direction, Event, Hold, Input, PeerHandle, Refusal, RelayPolicy, Submission,
};
use protocol::items::block::Block;
use protocol::items::hash::BlockId;
use protocol::items::keys::SecretKey;
use protocol::items::transaction::{SignedTransaction, Transaction};
use protocol::limits::{
    BEHIND_AFTER, BODIES_AWAITED, GETHEADERS_INTERVAL, HEADERS_ENTRIES_MAX, HEARING, KEPT_DEPTH_MIN,
    REFUSED_ENDS_LIFETIME, VALID_UNTIL_AHEAD_MAX,
};
use protocol::time::Duration;
use protocol::wire::message::{GoodbyeReason, Hello, Message, Tip};

use crate::harness::{Checking, Mesh, block_by, genesis, key, network, producer, rogue, tip_of, tx};
use crate::say::{announced_block, body};

const SECOND: Duration = Duration::from_secs(1);

fn chain_by(producer: &SecretKey, length: usize) -> Vec<Arc<Block>> {
    let mut tip = genesis();
    let next = |number| {
        let next = block_by(producer, tip, &[], number);
        tip = tip_of(&next);
        next
    };
    (0..length as u64).map(next).collect()
}

/// A producer that the harness's nodes don't allow.
fn stranger() -> SecretKey {
    key(210)
}

fn valid_until(height: u64, nonce: u64) -> Arc<SignedTransaction> {
    let (author, payload) = (key(1), vec![1].into());
    let transaction = Transaction { author: author.public(), nonce, valid_until: height, payload };
    Arc::new(transaction.sign(&author, &network()).unwrap())
}

/// A raw peer that greeted with this tip, and keeps bodies from a given height on.
fn peer_at(mesh: &mut Mesh, tip: Tip, kept_from: u64) -> PeerHandle {
    let peer = mesh.raw(0, Direction::Outbound);
    mesh.say(0, peer, Message::Hello(Hello::new(&network(), tip).keeping_from(kept_from)));
    peer
}

fn mesh() -> Mesh {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    mesh.checking = Checking::Assumed;
    mesh
}

fn behind(mesh: &Mesh) -> Option<Behind> {
    mesh.nodes[0].behind(mesh.now)
}

fn cause(mesh: &Mesh) -> Option<Cause> {
    behind(mesh).map(|behind| behind.cause)
}

/// The actions of a peer for `seconds`. It answers each getheaders from `blocks` and each getblock with notfound.
/// Returns the locators that it was asked with, and the number of blocks that it was asked for.
fn play(mesh: &mut Mesh, peer: PeerHandle, blocks: &[Arc<Block>], seconds: u64) -> (Vec<Vec<BlockId>>, usize) {
    let (mut locators, mut wanted) = (Vec::new(), 0);
    for _ in 0..seconds * 10 {
        for message in mesh.heard(0, peer) {
            match message {
                Message::GetHeaders(locator) => {
                    let known = |id: &BlockId| blocks.iter().position(|block| block.header.id() == *id);
                    let after = locator.iter().find_map(known).map_or(0, |place| place + 1);
                    let headers = blocks.iter().skip(after).take(HEADERS_ENTRIES_MAX).map(|block| block.header);
                    mesh.say(0, peer, Message::Headers(headers.collect()));
                    locators.push(locator);
                }
                Message::GetBlock { id, .. } => {
                    wanted += 1;
                    mesh.say(0, peer, Message::NotFound { transactions: Vec::new(), blocks: vec![id] });
                }
                _ => {}
            }
        }
        mesh.run_for(Duration::from_millis(100));
    }
    (locators, wanted)
}

#[test]
fn a_told_height_is_asked_for_ever_more_rarely_and_stops_no_production_for_long() {
    let mut mesh = mesh();
    assert_eq!(behind(&mesh), None);
    let liar = peer_at(&mut mesh, Tip { height: 1_000_000, id: BlockId([7; 32]) }, 1);
    assert_eq!(cause(&mesh), Some(Cause::CatchingUp));
    assert_eq!(mesh.nodes[0].may_produce(mesh.now), Err(Hold::Hearing { told: 1_000_000 }));
    let (asked, _) = play(&mut mesh, liar, &[], 10);
    assert!(HEARING <= SECOND.times(10) && BEHIND_AFTER <= SECOND.times(10));
    assert_eq!(cause(&mesh), Some(Cause::NoHeaders));
    assert_eq!(mesh.nodes[0].may_produce(mesh.now), Ok(()));
    assert_eq!(mesh.nodes[0].best_known(mesh.now), 0, "nobody has checked what a peer tells");
    let (more, _) = play(&mut mesh, liar, &[], 290);
    let asked = asked.len() + more.len();
    // The peer was asked after 2, 4, 8, 16, 32, 64, 64 and 64 seconds.
    assert!((6..=10).contains(&asked), "{asked}");
    mesh.input(0, Input::PeerDisconnected { peer: liar });
    assert_eq!(behind(&mesh), None);
    // The peer comes again: nothing waits for it any more.
    let _again = peer_at(&mut mesh, Tip { height: 2_000_000, id: BlockId([8; 32]) }, 1);
    assert_eq!(mesh.nodes[0].may_produce(mesh.now), Ok(()));
}

#[test]
fn a_peer_that_tells_of_a_new_tip_is_asked_as_soon_as_any_other() {
    let mut mesh = mesh();
    let peer = peer_at(&mut mesh, Tip { height: 10, id: BlockId([7; 32]) }, 1);
    play(&mut mesh, peer, &[], 60);
    let blocks = chain_by(&producer(), 20);
    let news = announced_block(blocks[19].header);
    mesh.say(0, peer, news);
    play(&mut mesh, peer, &blocks, 3);
    assert_eq!(mesh.nodes[0].sync().best_header, 20);
}

#[test]
fn a_refused_branch_is_named_with_its_producer_and_not_fetched_twice_within_a_minute() {
    let mut mesh = mesh();
    let blocks = chain_by(&stranger(), 600);
    let tip = tip_of(&blocks[599]);
    let first = peer_at(&mut mesh, tip, 1);
    let (asked, wanted) = play(&mut mesh, first, &blocks, 12);
    assert_eq!((asked.len(), wanted), (1, 0));
    let refused = |count| Cause::Refused {
        count,
        producer: stranger().public(),
        height: 1,
        refusal: Refusal::ProducerNotAllowed,
    };
    assert_eq!(cause(&mesh), Some(refused(256)));
    let text = behind(&mesh).unwrap().to_string();
    assert!(text.contains(&stranger().public().to_string()) && text.contains("height 600"), "{text}");

    // Another peer on the same branch is asked for the headers after the refused ones. The cause stays the same.
    let second = peer_at(&mut mesh, tip, 1);
    let (asked, _) = play(&mut mesh, second, &blocks, 12);
    assert_eq!(asked.iter().map(|locator| locator[0]).collect::<Vec<_>>(), [blocks[255].header.id()]);
    assert_eq!(mesh.disconnects, []);
    // Blocks that are announced on this branch cause no request.
    let next = block_by(&stranger(), tip, &[], 0);
    for peer in [first, second] {
        mesh.say(0, peer, announced_block(next.header));
        let (asked, _) = play(&mut mesh, peer, &blocks, 12);
        assert_eq!(asked.len(), 0);
    }
    // A block on an allowed branch is followed at once.
    let good = chain_by(&producer(), 3);
    let honest = peer_at(&mut mesh, tip_of(&good[2]), 1);
    play(&mut mesh, honest, &good, 1);
    assert_eq!(mesh.nodes[0].sync().best_header, 3);
    // After the minute, the first peer is asked again, once.
    let (asked, _) = play(&mut mesh, first, &blocks, REFUSED_ENDS_LIFETIME.as_millis() / 1_000);
    assert_eq!(asked.len(), 1);
}

#[test]
fn headers_before_a_refused_one_are_taken() {
    let mut mesh = mesh();
    let mut blocks = chain_by(&producer(), 3);
    blocks.push(block_by(&stranger(), tip_of(&blocks[2]), &[], 0));
    let peer = peer_at(&mut mesh, tip_of(&blocks[3]), 1);
    play(&mut mesh, peer, &blocks, 1);
    assert_eq!(mesh.nodes[0].sync().best_header, 3);
    for block in &blocks[..3] {
        mesh.say(0, peer, Message::Block(block.clone()));
    }
    play(&mut mesh, peer, &blocks, 12);
    assert_eq!(mesh.nodes[0].tip().height, 3);
    assert!(matches!(cause(&mesh), Some(Cause::Refused { height: 4, .. })), "{:?}", cause(&mesh));
}

#[test]
fn a_producers_third_chain_is_followed_if_it_is_the_highest() {
    let mut mesh = mesh();
    let chain = |seed: u64, length: u64| {
        let mut tip = genesis();
        let next = |number| {
            let next = block_by(&producer(), tip, &[], seed + number);
            tip = tip_of(&next);
            next
        };
        (0..length).map(next).collect::<Vec<_>>()
    };
    let peer = mesh.greeted(0);
    for (seed, length) in [(0, 3), (1_000, 5), (2_000, 8)] {
        for block in chain(seed, length) {
            mesh.say(0, peer, Message::Block(block));
            mesh.run_for(Duration::from_millis(10));
        }
    }
    let (third, longest) = (chain(2_000, 8), Duration::from_secs(12));
    play(&mut mesh, peer, &third, longest.as_millis() / 1_000);
    assert_eq!(mesh.nodes[0].sync().best_header, 8, "the ancestors of a higher header are taken");
    for block in third.clone() {
        mesh.say(0, peer, Message::Block(block));
        mesh.run_for(Duration::from_millis(10));
    }
    assert_eq!(mesh.nodes[0].tip(), tip_of(&third[7]));
    assert_eq!(mesh.nodes[0].behind(mesh.now), None);
    assert_eq!(mesh.disconnects, []);
}

#[test]
fn nobody_is_asked_for_bodies_that_it_says_to_have_deleted() {
    let mut mesh = mesh();
    let blocks = chain_by(&producer(), 100);
    let tip = tip_of(&blocks[99]);
    let pruned = [peer_at(&mut mesh, tip, 51), peer_at(&mut mesh, tip, 61)];
    for _ in 0..20 {
        for peer in pruned {
            let (_, wanted) = play(&mut mesh, peer, &blocks, 1);
            assert_eq!(wanted, 0);
        }
    }
    assert_eq!(cause(&mesh), Some(Cause::Pruned { kept_from: 51 }));
    // A peer that keeps all bodies comes, and is asked for the missing ones.
    let archive = peer_at(&mut mesh, tip, 1);
    let (_, wanted) = play(&mut mesh, archive, &blocks, 1);
    assert!(wanted > 0);
    assert_eq!(cause(&mesh), Some(Cause::NoBodies));
}

#[test]
fn a_peer_that_lacks_a_block_far_below_its_tip_is_not_asked_for_it_again_for_a_while() {
    for (depth, times) in [(KEPT_DEPTH_MIN, 1), (KEPT_DEPTH_MIN - 1, 5)] {
        let mut mesh = mesh();
        let blocks = chain_by(&producer(), 1 + depth as usize);
        let lowest = blocks[0].header.id();
        let peer = peer_at(&mut mesh, tip_of(&blocks[depth as usize]), 1);
        let mut asked = 0;
        // Looks for what is missing come after 2, 4, 8, 16 and 32 seconds.
        for _ in 0..630 {
            for message in mesh.heard(0, peer) {
                match message {
                    Message::GetHeaders(_) => {
                        let headers = blocks.iter().take(HEADERS_ENTRIES_MAX).map(|block| block.header);
                        mesh.say(0, peer, Message::Headers(headers.collect()));
                    }
                    Message::GetBlock { id, .. } => {
                        asked += usize::from(id == lowest);
                        mesh.say(0, peer, Message::NotFound { transactions: Vec::new(), blocks: vec![id] });
                    }
                    _ => {}
                }
            }
            mesh.run_for(Duration::from_millis(100));
        }
        assert!(if times == 1 { asked == 1 } else { asked >= times }, "{asked} at depth {depth}");
    }
}

#[test]
fn the_best_header_holds_production_while_bodies_of_its_branch_keep_arriving() {
    let mut mesh = mesh();
    let blocks = chain_by(&producer(), 10);
    let peer = peer_at(&mut mesh, tip_of(&blocks[9]), 1);
    play(&mut mesh, peer, &blocks, 1);
    let held = |tip| Err(Hold::Behind { tip, best_known: 10 });
    assert_eq!(mesh.nodes[0].may_produce(mesh.now), held(0));
    assert_eq!(mesh.nodes[0].best_known(mesh.now), 10);
    mesh.run_for(BODIES_AWAITED.times(9).divided_by(10));
    mesh.say(0, peer, Message::Block(blocks[0].clone()));
    mesh.run_for(BODIES_AWAITED.times(9).divided_by(10));
    assert_eq!(mesh.nodes[0].may_produce(mesh.now), held(1), "a body came within the time");
    mesh.run_for(BODIES_AWAITED.divided_by(5));
    assert_eq!(mesh.nodes[0].may_produce(mesh.now), Ok(()));
    assert_eq!(mesh.nodes[0].best_known(mesh.now), 1, "a producer can sign headers without bodies");
    // The node's own blocks don't count as bodies of that branch.
    let own = block_by(&producer(), tip_of(&blocks[0]), &[], 99);
    mesh.publish(0, &own);
    mesh.run_for(SECOND);
    assert_eq!((mesh.nodes[0].tip().height, mesh.nodes[0].may_produce(mesh.now)), (2, Ok(())));
    for block in &blocks[1..] {
        mesh.say(0, peer, Message::Block(block.clone()));
    }
    mesh.run_for(SECOND);
    assert_eq!((mesh.nodes[0].tip(), behind(&mesh)), (tip_of(&blocks[9]), None));
    assert_eq!(mesh.nodes[0].stats().reorganisations, 1);
}

#[test]
fn what_is_signed_for_the_height_of_the_network_is_taken_while_catching_up_and_outlives_a_restart() {
    let mut mesh = mesh();
    let blocks = chain_by(&producer(), 300);
    let peer = peer_at(&mut mesh, tip_of(&blocks[299]), 1);
    let signed = valid_until(300 + VALID_UNTIL_AHEAD_MAX, 1);
    mesh.submit(0, &signed);
    mesh.run_for(SECOND);
    assert_eq!(mesh.submission(0, tx(&signed)), None, "headers are not here yet");
    play(&mut mesh, peer, &blocks, 5);
    assert_eq!(mesh.nodes[0].best_known(mesh.now), 300);
    let far = valid_until(300 + VALID_UNTIL_AHEAD_MAX + 1, 2);
    mesh.submit(0, &far);
    let signed = valid_until(300 + VALID_UNTIL_AHEAD_MAX, 3);
    mesh.submit(0, &signed);
    mesh.run_for(SECOND);
    assert_eq!(mesh.submission(0, tx(&far)), None);
    assert_eq!(mesh.submission(0, tx(&signed)), Some(Submission::Accepted));
    mesh.restart(0);
    assert!(mesh.nodes[0].transaction(&signed.id()).is_some(), "what was acknowledged is there");
}

#[test]
fn an_acknowledged_transaction_that_expires_is_told_of_and_others_are_not() {
    let mut mesh = mesh();
    let (ours, later) = (valid_until(1, 1), valid_until(2, 2));
    mesh.submit(0, &ours);
    mesh.submit(0, &later);
    let peer = mesh.greeted(0);
    let theirs = valid_until(1, 3);
    mesh.say(0, peer, body(&theirs));
    mesh.run_for(SECOND);
    assert_eq!(mesh.nodes[0].mempool().transactions, 3);
    for block in &chain_by(&producer(), 1) {
        mesh.publish(0, block);
    }
    mesh.run_for(SECOND);
    assert_eq!(mesh.nodes[0].mempool().transactions, 1);
    let expired = |event: &Event| match event {
        Event::SubmissionsExpired { ids, tip } => Some((ids.clone(), *tip)),
        _ => None,
    };
    let told: Vec<_> = mesh.events[0].iter().filter_map(expired).collect();
    assert_eq!(told, [(vec![ours.id()], 1)]);
    assert_eq!(mesh.nodes[0].stats().submissions_expired, 1);
}

#[test]
fn a_hello_tells_from_which_height_on_bodies_are_kept() {
    let mut mesh = mesh();
    mesh.kept[0].kept_from = 5;
    mesh.restart(0);
    let told = |mesh: &mut Mesh| {
        let peer = mesh.raw(0, Direction::Inbound);
        match mesh.heard(0, peer).first() {
            Some(Message::Hello(hello)) => hello.kept_from,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(told(&mut mesh), 5);
    mesh.input(0, Input::Pruned { kept_from: 9 });
    mesh.input(0, Input::Pruned { kept_from: 7 });
    assert_eq!(told(&mut mesh), 9);
}

#[test]
fn a_goodbye_is_told_of_and_changes_nothing() {
    let mut mesh = mesh();
    let peer = mesh.greeted(0);
    let reason = GoodbyeReason::new("invalid_signature").unwrap();
    mesh.say(0, peer, Message::Goodbye(reason.clone()));
    assert_eq!(mesh.events[0].last(), Some(&Event::Goodbye { peer, reason }));
    assert_eq!(mesh.disconnects, []);
    assert!(mesh.nodes[0].peer(peer).is_some_and(|peer| peer.ready));
    mesh.run_for(GETHEADERS_INTERVAL);
    assert_eq!(mesh.heard(0, peer), []);
}

#[test]
fn a_deep_fork_heals_though_no_answer_reaches_above_the_own_tip() {
    let mut mesh = Mesh::new(2, RelayPolicy::Announce);
    mesh.checking = Checking::Assumed;
    let shared = chain_by(&producer(), 20);
    for (node, length) in [(0, 1_000_u64), (1, 1_040)] {
        let mut tip = genesis();
        for number in 0..length {
            let block = match shared.get(number as usize) {
                Some(block) => block.clone(),
                None => block_by(&producer(), tip, &[], number + 10_000 * node as u64),
            };
            mesh.publish(node, &block);
            mesh.run_for(Duration::from_millis(1));
            tip = tip_of(&block);
        }
    }
    mesh.connect(0, 1);
    mesh.run_secs(30);
    assert_eq!(mesh.nodes[1].tip().height, 1_040);
    assert_eq!(mesh.nodes[0].tip(), mesh.nodes[1].tip());
    assert_eq!((behind(&mesh), mesh.nodes[0].stats().reorganisations), (None, 1));
}

#[test]
fn a_peer_whose_headers_others_brought_first_is_asked_again_as_soon_as_before() {
    let mut mesh = mesh();
    let blocks = chain_by(&producer(), 2_000);
    let tip = tip_of(&blocks[1_999]);
    let (fast, slow) = (peer_at(&mut mesh, tip, 1), peer_at(&mut mesh, tip, 1));
    // Both peers are asked the same, and the fast one answers first each time.
    for step in 0..4 {
        for peer in [fast, slow] {
            let asked = mesh.heard(0, peer).iter().any(|message| matches!(message, Message::GetHeaders(_)));
            assert!(asked, "{peer:?} in step {step}");
        }
        let headers: Vec<_> = blocks[256 * step..256 * (step + 1)].iter().map(|block| block.header).collect();
        for peer in [fast, slow] {
            mesh.say(0, peer, Message::Headers(headers.clone()));
            mesh.run_for(Duration::from_millis(100));
        }
        mesh.run_for(GETHEADERS_INTERVAL);
    }
    mesh.input(0, Input::PeerDisconnected { peer: fast });
    play(&mut mesh, slow, &blocks, 3);
    assert_eq!(mesh.nodes[0].sync().best_header, 2_000);
}

#[test]
fn a_refused_branch_that_grows_is_looked_at_again_after_a_minute_all_the_same() {
    let mut mesh = mesh();
    let blocks = chain_by(&stranger(), 160);
    let peer = peer_at(&mut mesh, tip_of(&blocks[99]), 1);
    for next in 100..160 {
        mesh.say(0, peer, announced_block(blocks[next].header));
        play(&mut mesh, peer, &blocks[..=next], 1);
    }
    mesh.run_for(REFUSED_ENDS_LIFETIME.divided_by(8));
    let newcomer = peer_at(&mut mesh, tip_of(&blocks[159]), 1);
    let (asked, _) = play(&mut mesh, newcomer, &blocks, 1);
    assert_eq!(asked[0], [genesis().id], "nothing of what was refused is remembered");
}

#[test]
fn headers_without_bodies_on_each_new_tip_hold_production_once() {
    let mut mesh = mesh();
    let hollow = |tip| block_by(&rogue(), tip, &[], 7);
    let peer = mesh.greeted(0);
    let mut tip = genesis();
    let mut held = 0;
    for round in 0..5 {
        mesh.say(0, peer, announced_block(hollow(tip).header));
        mesh.run_for(SECOND);
        while mesh.nodes[0].may_produce(mesh.now).is_err() {
            held += 1;
            mesh.run_for(SECOND);
        }
        // The next block is ours, and takes the place of the hollow one.
        let mut salt = 0;
        let own = loop {
            let own = block_by(&producer(), tip, &[], 100 * round + salt);
            if own.header.id() < hollow(tip).header.id() {
                break own;
            }
            salt += 1;
        };
        mesh.publish(0, &own);
        mesh.run_for(SECOND);
        tip = tip_of(&own);
        assert_eq!(mesh.nodes[0].tip(), tip);
    }
    assert!((50..=62).contains(&held), "{held} seconds");
}

#[test]
fn an_acknowledged_transaction_is_watched_through_confirmation_and_reorganisation() {
    let mut mesh = mesh();
    let (lost, kept) = (valid_until(2, 1), valid_until(2, 2));
    mesh.submit(0, &lost);
    mesh.submit(0, &kept);
    mesh.run_for(SECOND);
    let first = block_by(&producer(), genesis(), &[lost.clone(), kept.clone()], 1);
    mesh.publish(0, &first);
    mesh.run_for(SECOND);
    // A longer branch has one of them. No block has the other one before its last height.
    let mut tip = genesis();
    for (number, items) in [vec![], vec![kept], vec![]].into_iter().enumerate() {
        let block = block_by(&producer(), tip, &items, 50 + number as u64);
        tip = tip_of(&block);
        mesh.publish(0, &block);
        mesh.run_for(SECOND);
    }
    assert_eq!(mesh.nodes[0].tip(), tip);
    let told = mesh.events[0].iter().filter_map(|event| match event {
        Event::SubmissionsExpired { ids, .. } => Some(ids.clone()),
        _ => None,
    });
    assert_eq!(told.collect::<Vec<_>>(), [vec![lost.id()]]);
}
