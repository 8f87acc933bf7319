//! When a push counts as missed, what follows from that, how long a push is waited for, and how a doubt fades.

use std::sync::Arc;

use protocol::gossip::{AuthorTree, Input, PeerHandle, Redundancy, RelayPolicy};
use protocol::items::hash::{RouteId, ShortId};
use protocol::items::transaction::SignedTransaction;
use protocol::limits::{
    ALARM_BURST, ALARM_LATE, ALARM_LINKS, ALARM_SHARE, DOUBT_MIN, GRACE_MIN, MISS_WORTH, MISSED_AFTER,
    PRUNE_WINDOW,
};
use protocol::time::Duration;
use protocol::wire::message::Message;

use protocol::items::verify::Verdict;

use crate::harness::{Checking, Mesh, transaction, tx};
use crate::say::{announced, author_route, body_on, carries};

/// A node, the route parent of author 1, and two other peers.
struct Story {
    mesh: Mesh,
    parent: PeerHandle,
    others: [PeerHandle; 2],
    nonce: u64,
}

/// A millisecond longer than everything takes here.
const MOMENT: Duration = Duration::from_millis(1);

impl Story {
    /// A story in which the two other peers are in these address groups.
    fn new(groups: [u64; 2]) -> Self {
        let none = AuthorTree { redundancy: Redundancy::default() };
        let mut mesh = Mesh::new(1, RelayPolicy::AuthorTree(none));
        let parent = mesh.greeted_in(0, 1);
        let others = groups.map(|group| mesh.greeted_in(0, group));
        let mut story = Self { mesh, parent, others, nonce: 0 };
        story.parent_pushes(2);
        story
    }

    fn next(&mut self) -> Arc<SignedTransaction> {
        self.nonce += 1;
        transaction(1, self.nonce, 9)
    }

    fn push(&mut self, from: PeerHandle, item: &SignedTransaction) {
        self.push_on(None, from, item);
    }

    fn push_on(&mut self, via: Option<RouteId>, from: PeerHandle, item: &SignedTransaction) {
        self.mesh.say(0, from, body_on(via, item));
        self.mesh.run_for(MOMENT);
    }

    /// Author 3 submits an item at the node.
    fn submit(&mut self, nonce: u64) -> Arc<SignedTransaction> {
        let item = transaction(3, nonce, 9);
        self.mesh.submit(0, &item);
        self.mesh.run_for(MOMENT);
        item
    }

    fn announce(&mut self, from: PeerHandle, short: ShortId) {
        self.mesh.say(0, from, announced(short, 0));
    }

    fn parent_pushes(&mut self, items: u32) {
        for _ in 0..items {
            let item = self.next();
            self.push(self.parent, &item);
        }
        self.forget();
    }

    fn forget(&mut self) {
        for peer in [self.parent, self.others[0], self.others[1]] {
            self.mesh.heard(0, peer);
        }
    }

    /// The parent pushes an item, so that it is the parent. It is silent when both others announce the next one.
    /// The peer that the node asks sends it.
    fn leave_out(&mut self) -> Arc<SignedTransaction> {
        self.parent_pushes(1);
        let item = self.next();
        self.bring(None, &item, |_| {});
        item
    }

    /// Both others announce an item. The peer that is asked for it sends it on this route, after `between` has
    /// happened.
    fn bring(
        &mut self,
        via: Option<RouteId>,
        item: &SignedTransaction,
        between: impl FnOnce(&mut Self),
    ) -> PeerHandle {
        for peer in self.others {
            self.announce(peer, item.id().short());
        }
        self.mesh.run_for(GRACE_MIN + MOMENT);
        let asked = [self.parent, self.others[0], self.others[1]].into_iter().find(|peer| {
            self.mesh.heard(0, *peer).iter().any(|message| matches!(message, Message::GetData { .. }))
        });
        let asked = asked.expect("one of them");
        between(self);
        self.push_on(via, asked, item);
        assert!(self.mesh.accepted(0, tx(item)));
        asked
    }

    fn leave_out_and_wait(&mut self) {
        self.leave_out();
        self.mesh.run_for(MISSED_AFTER);
    }

    /// The parent pushes an item first and the others push it later. Returns whether the parent is pruned.
    fn is_doubted(&mut self) -> bool {
        self.forget();
        let item = self.next();
        for peer in [self.parent, self.others[0], self.others[1]] {
            self.push(peer, &item);
        }
        self.mesh.run_for(PRUNE_WINDOW);
        self.is_pruned(self.parent)
    }

    fn is_pruned(&mut self, peer: PeerHandle) -> bool {
        self.mesh.heard(0, peer).iter().any(|message| matches!(message, Message::Prune(_)))
    }

    /// Whether an item has been pushed to a peer by now.
    fn is_pushed(&mut self, to: PeerHandle, item: &SignedTransaction) -> bool {
        self.mesh.heard(0, to).iter().any(|message| carries(message, item))
    }

    /// The peer that was asked for the missed item pushes the next one after it. Returns whether this is accepted.
    fn keeps_a_second_link(&mut self, asked: PeerHandle) -> bool {
        self.forget();
        let item = self.next();
        self.push(self.parent, &item);
        self.push(asked, &item);
        self.mesh.run_for(PRUNE_WINDOW);
        !self.is_pruned(asked)
    }
}

#[test]
fn a_parent_that_left_out_an_item_gives_way_to_whoever_comes_second() {
    let mut story = Story::new([2, 3]);
    assert!(!story.is_doubted());
    story.leave_out_and_wait();
    assert!(story.is_doubted());
}

#[test]
fn what_peers_of_one_address_group_had_is_no_missed_push() {
    let mut story = Story::new([2, 2]);
    for _ in 0..3 {
        story.leave_out_and_wait();
    }
    assert!(!story.is_doubted());
}

#[test]
fn a_push_that_is_late_is_not_missed() {
    let mut story = Story::new([2, 3]);
    for _ in 0..3 {
        let item = story.leave_out();
        story.mesh.run_for(MISSED_AFTER - MOMENT.times(3));
        story.push(story.parent, &item);
        story.mesh.run_for(MISSED_AFTER);
    }
    assert!(!story.is_doubted());
}

#[test]
fn a_parent_whose_push_is_due_is_told_nothing_and_then_told_of_the_item() {
    let mut story = Story::new([2, 3]);
    let item = story.leave_out();
    let is_told = |mesh: &mut Mesh, peer| {
        mesh.heard(0, peer).iter().any(|message| match message {
            Message::Inv(entries) => entries.iter().any(|entry| entry.transaction.short() == item.id().short()),
            other => carries(other, &item),
        })
    };
    story.mesh.run_for(MISSED_AFTER - MOMENT.times(2));
    assert!(!is_told(&mut story.mesh, story.parent));
    story.mesh.run_for(MOMENT.times(30));
    assert!(is_told(&mut story.mesh, story.parent));
}

#[test]
fn a_doubt_ends_and_the_next_one_lasts_twice_as_long() {
    let doubted_after = |repetitions: u32, wait: Duration| {
        let mut story = Story::new([2, 3]);
        for repetition in 0..repetitions {
            if repetition > 0 {
                story.mesh.run_for(DOUBT_MIN);
            }
            story.leave_out_and_wait();
        }
        story.mesh.run_for(wait);
        story.is_doubted()
    };
    let (almost, over) = (DOUBT_MIN - MISSED_AFTER.times(4), DOUBT_MIN + MISSED_AFTER.times(4));
    assert!(doubted_after(1, almost));
    assert!(!doubted_after(1, over));
    assert!(doubted_after(2, over), "the second time, twice as long");
    assert!(!doubted_after(2, over.times(2)));
}

#[test]
fn so_many_pushes_that_are_first_earn_that_one_missed_push_is_forgiven() {
    let doubted = |pushed: u32, missed: u32| {
        let mut story = Story::new([2, 3]);
        // The parent pushed two items at the beginning, and pushes one before each item that it leaves out.
        story.parent_pushes(pushed - 3);
        (0..missed).for_each(|_| story.leave_out_and_wait());
        story.is_doubted()
    };
    assert!(doubted(MISS_WORTH - 1, 1));
    assert!(!doubted(MISS_WORTH, 1));
    assert!(doubted(MISS_WORTH, 2), "one");
}

#[test]
fn a_parent_that_pushed_and_announces_the_next_item_instead_has_missed_a_push_and_the_second_link_stays() {
    for before in [true, false] {
        let mut story = Story::new([2, 3]);
        story.parent_pushes(1);
        let item = story.next();
        let short = item.id().short();
        let asked = story.bring(None, &item, |story| {
            if before {
                story.announce(story.parent, short);
            }
        });
        if !before {
            story.mesh.run_for(MOMENT.times(300));
            story.announce(story.parent, short);
        }
        story.mesh.run_for(MISSED_AFTER);
        assert!(story.keeps_a_second_link(asked), "announced before the item came: {before}");
        assert!(story.is_doubted(), "announced before the item came: {before}");
    }
}

#[test]
fn a_doubted_link_without_another_parent_is_waited_for_once_as_well() {
    let mut story = Story::new([2, 3]);
    let listener = story.mesh.greeted_in(0, 4);
    story.leave_out_and_wait();
    let of_another = |nonce| transaction(2, nonce, 9);
    story.push(story.parent, &of_another(1));
    assert!(!story.is_pushed(listener, &of_another(1)), "any other copy is waited for");
    story.mesh.run_for(MISSED_AFTER);
    assert!(story.is_pushed(listener, &of_another(1)));
    story.push(story.parent, &of_another(2));
    assert!(story.is_pushed(listener, &of_another(2)));
}

#[test]
fn when_a_parent_is_doubted_all_others_are_grafted_on_its_routes() {
    let mut story = Story::new([2, 3]);
    story.push(story.parent, &transaction(2, 1, 9));
    story.leave_out();
    story.forget();
    story.mesh.run_for(MISSED_AFTER + MOMENT);
    for peer in story.others {
        let grafted =
            |message: &Message| matches!(message, Message::Graft(routes) if routes.contains(&author_route(2)));
        assert!(story.mesh.heard(0, peer).iter().any(grafted));
    }
}

#[test]
fn while_a_node_is_alarmed_it_keeps_links_beside_a_parent_and_what_enters_goes_to_all_peers() {
    let mut story = Story::new([2, 3]);
    let listener = story.mesh.greeted_in(0, 4);
    for nonce in 1..=4 {
        story.submit(nonce);
    }
    story.mesh.say(0, story.others[0], Message::Prune(vec![author_route(3)]));
    let item = story.submit(5);
    assert!(story.is_pushed(listener, &item) && !story.is_pushed(story.others[0], &item));
    story.leave_out_and_wait();
    let item = story.submit(6);
    assert!(story.is_pushed(story.others[0], &item));
    // A second copy on a route is welcome.
    story.forget();
    let item = transaction(2, 1, 9);
    for peer in story.others {
        story.push(peer, &item);
    }
    story.mesh.run_for(PRUNE_WINDOW);
    assert!(!story.is_pruned(story.others[1]));
}

/// A peer says that it had an item `late` before its parent pushed it. Returns whether a second copy on another
/// route is pruned after that.
fn pruned_after(late: Duration) -> bool {
    let mut story = Story::new([2, 3]);
    let item = story.next();
    story.push(story.parent, &item);
    let age = late + MOMENT;
    story.mesh.say(0, story.others[0], announced(item.id().short(), age.as_millis() as u32));
    story.forget();
    let item = transaction(2, 1, 9);
    for peer in story.others {
        story.push(peer, &item);
    }
    story.mesh.run_for(PRUNE_WINDOW);
    story.is_pruned(story.others[1])
}

#[test]
fn a_parent_that_pushes_much_later_than_another_peer_would_have_alarms_the_node() {
    assert!(pruned_after(ALARM_LATE));
    assert!(!pruned_after(ALARM_LATE + MOMENT));
}

#[test]
fn an_alarmed_node_keeps_so_many_links_beside_a_parent_and_accepts_so_many_second_copies() {
    let mut story = Story::new([2, 3]);
    let more: Vec<PeerHandle> = (0..ALARM_LINKS as u64).map(|peer| story.mesh.greeted_in(0, 4 + peer)).collect();
    let others = story.others;
    story.leave_out_and_wait();
    story.forget();
    let pushed = |story: &mut Story, author, by: &[PeerHandle]| {
        let item = transaction(author, 1, 9);
        by.iter().for_each(|peer| story.push(*peer, &item));
    };
    // The first copy, those of as many links as are kept, and one more.
    pushed(&mut story, 2, &[&others[..], &more[..]].concat());
    let copies = ALARM_LINKS as u32;
    // Each first copy after the first adds a share of a second copy.
    let left = (ALARM_BURST - copies) * ALARM_SHARE - ALARM_SHARE;
    let welcome = left.div_ceil(ALARM_SHARE - 1) + u32::from(left.is_multiple_of(ALARM_SHARE - 1));
    for author in 0..=welcome {
        pushed(&mut story, 3 + author as u8, &others);
    }
    story.mesh.run_for(PRUNE_WINDOW);
    let mut pruned = Vec::new();
    for peer in others.iter().chain(&more) {
        for message in story.mesh.heard(0, *peer) {
            if let Message::Prune(routes) = message {
                pruned.extend(routes.into_iter().map(|route| (*peer, route)));
            }
        }
    }
    let last = author_route(3 + welcome as u8);
    assert_eq!(pruned, [(others[1], last), (*more.last().expect("one"), author_route(2))]);
}

#[test]
fn what_enters_where_most_peers_want_no_pushes_goes_to_all_of_them() {
    let mut story = Story::new([2, 3]);
    for nonce in 1..=4 {
        story.submit(nonce);
    }
    story.mesh.say(0, story.parent, Message::Prune(vec![author_route(3)]));
    let item = story.submit(5);
    assert!(!story.is_pushed(story.parent, &item), "two of three want it");
    story.mesh.say(0, story.others[0], Message::Prune(vec![author_route(3)]));
    let item = story.submit(6);
    assert!(story.is_pushed(story.parent, &item) && story.is_pushed(story.others[0], &item));
}

#[test]
fn one_announcer_alone_is_kept_beside_no_parent() {
    let mut story = Story::new([2, 2]);
    story.parent_pushes(1);
    let item = story.next();
    let asked = story.bring(None, &item, |_| {});
    assert!(!story.keeps_a_second_link(asked));
}

#[test]
fn what_came_on_a_route_that_its_sender_named_is_no_missed_push() {
    let mut story = Story::new([2, 3]);
    for nonce in 0..3 {
        story.parent_pushes(1);
        let item = transaction(2, nonce, 9);
        story.bring(Some(author_route(1)), &item, |_| {});
        story.mesh.run_for(MISSED_AFTER);
    }
    assert!(!story.is_doubted());
}

#[test]
fn a_silent_parent_is_waited_for_once_while_a_doubted_link_brings_what_it_does_not() {
    let mut story = Story::new([2, 3]);
    let listener = story.mesh.greeted_in(0, 4);
    story.leave_out_and_wait();
    story.push_on(Some(author_route(1)), story.others[0], &transaction(2, 1, 9));
    let item = story.next();
    story.push(story.parent, &item);
    assert!(!story.is_pushed(listener, &item), "the parent's copy is waited for");
    story.mesh.run_for(MISSED_AFTER);
    assert!(story.is_pushed(listener, &item));
    for _ in 0..2 {
        let item = story.next();
        story.push(story.parent, &item);
        assert!(story.is_pushed(listener, &item));
    }
}

#[test]
fn a_parent_that_is_silent_where_a_doubted_link_brings_what_others_have_too_is_doubted_itself() {
    let mut story = Story::new([2, 3]);
    let listener = story.mesh.greeted_in(0, 4);
    story.leave_out_and_wait();
    let mut waits = 0;
    for nonce in 0..4 {
        story.push_on(Some(author_route(1)), story.others[0], &transaction(2, nonce, 9));
        let item = story.next();
        story.push(story.parent, &item);
        waits += u32::from(!story.is_pushed(listener, &item));
        story.announce(story.others[1], item.id().short());
        story.mesh.run_for(MISSED_AFTER + MOMENT);
    }
    assert_eq!(waits, 1);
}

#[test]
fn a_peer_that_left_while_its_item_was_checked_is_waited_for_by_nobody() {
    let mut story = Story::new([2, 3]);
    let (listener, gone) = (story.mesh.greeted_in(0, 4), story.mesh.greeted_in(0, 5));
    story.leave_out_and_wait();
    story.mesh.checking = Checking::Held;
    let item = story.next();
    story.push(gone, &item);
    story.mesh.input(0, Input::PeerDisconnected { peer: gone });
    for job in std::mem::take(&mut story.mesh.jobs) {
        story.mesh.input(0, Input::Verified { job: job.id, verdict: Verdict::Valid });
    }
    story.mesh.checking = Checking::Assumed;
    for wait in [MISSED_AFTER, Duration::ZERO] {
        let item = story.next();
        story.push(story.parent, &item);
        story.mesh.run_for(wait);
        assert!(story.is_pushed(listener, &item), "any other copy is waited for once, {wait:?}");
    }
}
