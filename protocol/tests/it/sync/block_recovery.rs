//! What happens to blocks if news of them comes too soon, twice, or to a node that wasn't there.

use protocol::gossip::{Direction, Event, Input, RelayPolicy};
use protocol::items::transaction::SignedTransaction;
use protocol::items::verify::Verdict;
use protocol::limits::{CATCH_UP_INTERVAL_MAX, CATCH_UP_INTERVAL_MIN, GETHEADERS_INTERVAL};
use protocol::time::Duration;
use protocol::wire::message::{Hello, Message};

use crate::harness::{Checking, Mesh, block, block_item, genesis, network, tip_of, transaction};
use crate::say::announced_block;

fn count(messages: &[Message], name: &str) -> usize {
    messages.iter().filter(|message| message.name() == name).count()
}

#[test]
fn headers_that_could_not_be_asked_for_are_asked_for_later() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    let peer = mesh.greeted(0);
    let first = block(genesis(), &[], 1);
    let second = block(tip_of(&first), &[], 2);
    let third = block(tip_of(&second), &[], 3);
    mesh.say(0, peer, announced_block(second.header));
    assert_eq!(count(&mesh.heard(0, peer), "getheaders"), 1);
    mesh.say(0, peer, announced_block(third.header));
    mesh.run_for(GETHEADERS_INTERVAL - Duration::from_millis(1));
    assert_eq!(count(&mesh.heard(0, peer), "getheaders"), 0);
    mesh.run_for(Duration::from_millis(1));
    assert_eq!(count(&mesh.heard(0, peer), "getheaders"), 1);
    // If nothing new comes, the peer is asked only once.
    mesh.run_secs(60);
    assert_eq!(count(&mesh.heard(0, peer), "getheaders"), 0);
}

#[test]
fn a_body_that_nobody_had_is_asked_for_again_ever_more_rarely() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    let peer = mesh.greeted(0);
    let wanted = block(genesis(), &[], 1);
    mesh.say(0, peer, announced_block(wanted.header));
    let mut asked = Vec::new();
    for second in 0..200 {
        mesh.run_secs(1);
        if count(&mesh.heard(0, peer), "getblock") > 0 {
            asked.push(second);
            let blocks = vec![wanted.header.id()];
            mesh.say(0, peer, Message::NotFound { transactions: Vec::new(), blocks });
        }
    }
    // The peer is asked at once, then after 2, 4, 8, 16, 32 and 64 seconds, and from then on every 64 seconds.
    let gaps: Vec<u64> = asked.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(gaps, [2, 4, 8, 16, 32, 64, 64]);
    let bounds = [CATCH_UP_INTERVAL_MIN, CATCH_UP_INTERVAL_MAX].map(|bound| bound.as_millis() / 1_000);
    assert_eq!(bounds, [2, 64]);
    mesh.say(0, peer, Message::Block(wanted.clone()));
    mesh.run_secs(1);
    assert_eq!(mesh.nodes[0].tip(), tip_of(&wanted));
    assert_eq!(mesh.nodes[0].poll_timeout(), None);
}

#[test]
fn a_body_whose_parent_has_none_makes_the_node_look_for_the_parents() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    let first = block(genesis(), &[], 1);
    let second = block(tip_of(&first), &[], 2);
    for own in [&first, &second] {
        mesh.publish(0, own);
        mesh.run_secs(1);
    }
    // A block beside the tip. Of two blocks of one height the one with the lower id is better.
    let beside = (3..).map(|time| block(tip_of(&first), &[], time));
    let beside =
        beside.into_iter().find(|block| block.header.id() > second.header.id()).expect("half of them are");
    let gone = mesh.greeted(0);
    mesh.say(0, gone, announced_block(beside.header));
    mesh.run_secs(1);
    mesh.input(0, Input::PeerDisconnected { peer: gone });
    let peer = mesh.greeted(0);
    mesh.run_secs(1);
    assert_eq!(count(&mesh.heard(0, peer), "getblock"), 0);
    let above = block(tip_of(&beside), &[], 4);
    mesh.say(0, peer, Message::Block(above.clone()));
    mesh.run_secs(1);
    assert_eq!(count(&mesh.heard(0, peer), "getblock"), 1);
    mesh.say(0, peer, Message::Block(beside));
    mesh.run_secs(1);
    assert_eq!(mesh.nodes[0].tip(), tip_of(&above));
}

#[test]
fn what_a_stale_block_gives_back_is_told_to_who_connected_meanwhile() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    let item = transaction(1, 1, 10);
    mesh.publish(0, &block(genesis(), std::slice::from_ref(&item), 1));
    mesh.run_secs(1);
    let peer = mesh.greeted(0);
    mesh.run_secs(1);
    assert_eq!(count(&mesh.heard(0, peer), "inv"), 0);
    let first = block(genesis(), &[], 2);
    mesh.publish(0, &first);
    mesh.run_secs(1);
    mesh.publish(0, &block(tip_of(&first), &[], 3));
    mesh.run_secs(1);
    let heard = mesh.heard(0, peer);
    let told = heard.iter().any(|message| match message {
        Message::Inv(entries) => entries.iter().any(|entry| entry.transaction.short() == item.id().short()),
        _ => false,
    });
    assert!(told, "{heard:?}");
}

#[test]
fn a_block_that_comes_in_two_ways_at_once_is_accepted_once() {
    comes_in_two_ways(&[]);
    comes_in_two_ways(&[transaction(1, 1, 10)]);
}

fn comes_in_two_ways(items: &[std::sync::Arc<SignedTransaction>]) {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    mesh.checking = Checking::Held;
    let (here, there) = (mesh.greeted(0), mesh.greeted(0));
    let wanted = block(genesis(), items, 1);
    // The block's header comes by itself, and its check takes a while. Meanwhile the whole block comes, and then
    // once more.
    mesh.say(0, there, Message::Headers(vec![wanted.header]));
    mesh.say(0, here, Message::Block(wanted.clone()));
    let (alone, with_block) = (mesh.jobs[0].id, mesh.jobs[1].id);
    let verdict = Verdict::Valid;
    mesh.input(0, Input::Verified { job: alone, verdict });
    mesh.say(0, there, Message::Block(wanted.clone()));
    mesh.input(0, Input::Verified { job: with_block, verdict });
    for job in mesh.jobs.split_off(2) {
        mesh.input(0, Input::Verified { job: job.id, verdict });
    }
    let item = block_item(wanted.header.id());
    let accepted = |event: &&Event| matches!(event, Event::Accepted { item: found, .. } if *found == item);
    assert_eq!(mesh.events[0].iter().filter(accepted).count(), 1);
    assert_eq!(mesh.nodes[0].tip(), tip_of(&wanted));
}

#[test]
fn a_tip_is_followed_although_a_better_header_has_no_body() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    let mut twins = [block(genesis(), &[], 1), block(genesis(), &[], 2)];
    twins.sort_by_key(|twin| twin.header.id());
    let [better, other] = twins;
    // A peer announces both blocks and sends neither.
    let liar = mesh.greeted(0);
    mesh.say(0, liar, announced_block(better.header));
    mesh.say(0, liar, announced_block(other.header));
    mesh.run_secs(20);
    let peer = mesh.raw(0, Direction::Outbound);
    mesh.say(0, peer, Message::Hello(Hello::new(&network(), tip_of(&other))));
    for _ in 0..120 {
        mesh.run_secs(1);
        for message in mesh.heard(0, peer) {
            let answer = match message {
                Message::GetHeaders(_) => Message::Headers(vec![other.header]),
                Message::GetBlock { id, .. } if id == other.header.id() => Message::Block(other.clone()),
                Message::GetBlock { id, .. } => Message::NotFound { transactions: Vec::new(), blocks: vec![id] },
                _ => continue,
            };
            mesh.say(0, peer, answer);
        }
    }
    assert_eq!(mesh.nodes[0].tip(), tip_of(&other));
}
