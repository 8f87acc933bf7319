//! When a push counts as missed, what two missed pushes lead to, and how that fades.

use std::sync::Arc;

use protocol::gossip::{AuthorTree, PeerHandle, Redundancy, RelayPolicy};
use protocol::hash::ShortId;
use protocol::limits::{DOUBT_MIN, GRACE_MIN, MISS_WORTH, MISSED_AFTER, PRUNE_WINDOW};
use protocol::message::{InvEntry, Message, TxRef};
use protocol::time::Duration;
use protocol::transaction::SignedTransaction;

use crate::harness::{Mesh, transaction, tx};

/// A node, the parent of author 1's route, and two others.
struct Story {
    mesh: Mesh,
    parent: PeerHandle,
    others: [PeerHandle; 2],
    nonce: u64,
}

/// A millisecond more than it takes.
const MOMENT: Duration = Duration::from_millis(1);

impl Story {
    /// The others are of these address groups.
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
        self.mesh.say(0, from, Message::Transactions { via: None, bodies: vec![item.encoded().clone().into()] });
        self.mesh.run_for(MOMENT);
    }

    fn announce(&mut self, from: PeerHandle, short: ShortId) {
        let entry = InvEntry { transaction: TxRef::Short(short), age_ms: 0 };
        self.mesh.say(0, from, Message::Inv(vec![entry]));
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

    /// The parent pushes an item, so that it is the parent, and is silent when both others announce the next one. Whom
    /// the node asks for it sends it.
    fn leave_out(&mut self) -> Arc<SignedTransaction> {
        self.parent_pushes(1);
        let item = self.next();
        for peer in self.others {
            self.announce(peer, item.id().short());
        }
        self.mesh.run_for(GRACE_MIN + MOMENT);
        let asked = self.others.into_iter().find(|peer| {
            self.mesh.heard(0, *peer).iter().any(|message| matches!(message, Message::GetData { .. }))
        });
        self.push(asked.expect("one of them"), &item);
        assert!(self.mesh.accepted(0, tx(&item)));
        item
    }

    fn leave_out_and_wait(&mut self) {
        self.leave_out();
        self.mesh.run_for(MISSED_AFTER);
    }

    /// The parent pushes an item first and the others after it: whether it is the parent that is pruned.
    fn is_doubted(&mut self) -> bool {
        self.forget();
        let item = self.next();
        for peer in [self.parent, self.others[0], self.others[1]] {
            self.push(peer, &item);
        }
        self.mesh.run_for(PRUNE_WINDOW);
        self.mesh.heard(0, self.parent).iter().any(|message| matches!(message, Message::Prune(_)))
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
            Message::Transactions { bodies, .. } => bodies.iter().any(|body| body.id() == item.id()),
            _ => false,
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
        // Two were pushed to begin with, and one is before each item that is left out.
        story.parent_pushes(pushed - 3);
        (0..missed).for_each(|_| story.leave_out_and_wait());
        story.is_doubted()
    };
    assert!(doubted(MISS_WORTH - 1, 1));
    assert!(!doubted(MISS_WORTH, 1));
    assert!(doubted(MISS_WORTH, 2), "one");
}
