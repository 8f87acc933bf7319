//! Several inputs that are handled as one do what they do one by one, and the transactions that follow from them
//! leave together.

use std::sync::Arc;

use protocol::gossip::{Input, PeerHandle, RelayPolicy};
use protocol::items::hash::{RouteId, TxId};
use protocol::items::transaction::SignedTransaction;
use protocol::items::verify::Verdict;
use protocol::limits::{CONTROL_CREDIT_BYTES, CONTROL_RESERVE_BYTES, TRANSACTIONS_BATCH_BYTES_MAX};
use protocol::time::Duration;
use protocol::wire::codec::Encode as _;
use protocol::wire::message::{Body, Message};

use crate::harness::{Checking, Mesh, transaction, tx};

const MOMENT: Duration = Duration::from_millis(1);

/// A node with two peers. The first sends what the node pushes to the second.
struct Story {
    mesh: Mesh,
    from: PeerHandle,
    to: PeerHandle,
}

impl Story {
    fn new() -> Self {
        let mut mesh = Mesh::new(1, RelayPolicy::default());
        let (from, to) = (mesh.greeted(0), mesh.greeted(0));
        mesh.run_for(MOMENT);
        mesh.heard(0, to);
        mesh.checking = Checking::Held;
        Self { mesh, from, to }
    }

    /// The first peer sends these items. Returns the verdicts on them, all good.
    fn bring(&mut self, items: &[Arc<SignedTransaction>]) -> Vec<Input> {
        for item in items {
            let bodies = [item.clone().into()].into();
            self.mesh.say(0, self.from, Message::Transactions { via: None, bodies });
        }
        self.mesh.run_for(MOMENT);
        let verdict = Verdict::Valid;
        self.mesh.jobs.drain(..).map(|job| Input::Verified { job: job.id, verdict }).collect()
    }

    /// What the second peer was pushed, message by message.
    fn pushed(&mut self) -> Vec<Message> {
        self.mesh.run_for(MOMENT);
        let mut heard = self.mesh.heard(0, self.to);
        heard.retain(|message| matches!(message, Message::Transactions { .. }));
        heard
    }
}

fn ids(message: &Message) -> Vec<TxId> {
    match message {
        Message::Transactions { bodies, .. } => bodies.iter().map(Body::id).collect(),
        other => panic!("{} is no push", other.name()),
    }
}

fn items(count: u64, payload: usize) -> Vec<Arc<SignedTransaction>> {
    (1..=count).map(|nonce| transaction(1, nonce, payload)).collect()
}

#[test]
fn what_is_handled_as_one_goes_to_a_peer_in_one_message() {
    let mut story = Story::new();
    let items = items(3, 9);
    let verdicts = story.bring(&items);
    story.mesh.input_all(0, verdicts);
    let pushed = story.pushed();
    let expected: Vec<TxId> = items.iter().map(|item| item.id()).collect();
    assert_eq!(pushed.iter().map(ids).collect::<Vec<_>>(), [expected]);
}

#[test]
fn what_is_handled_one_by_one_goes_in_a_message_each() {
    let mut story = Story::new();
    let items = items(3, 9);
    for verdict in story.bring(&items) {
        story.mesh.input(0, verdict);
    }
    let expected: Vec<Vec<TxId>> = items.iter().map(|item| vec![item.id()]).collect();
    assert_eq!(story.pushed().iter().map(ids).collect::<Vec<_>>(), expected);
}

#[test]
fn transactions_on_different_routes_go_apart() {
    let mut story = Story::new();
    let items = items(2, 9);
    let via = RouteId([7; 8]);
    for (item, via) in items.iter().zip([None, Some(via)]) {
        story.mesh.say(0, story.from, Message::Transactions { via, bodies: [item.clone().into()].into() });
    }
    let verdicts = story.bring(&[]);
    story.mesh.input_all(0, verdicts);
    let expected: Vec<Vec<TxId>> = items.iter().map(|item| vec![item.id()]).collect();
    assert_eq!(story.pushed().iter().map(ids).collect::<Vec<_>>(), expected);
}

#[test]
fn one_message_takes_as_many_bodies_as_fit_a_batch() {
    let mut story = Story::new();
    let items = items(40, 1_000);
    let verdicts = story.bring(&items);
    story.mesh.input_all(0, verdicts);
    let pushed = story.pushed();
    let [first, second] = &pushed[..] else { panic!("{} messages", pushed.len()) };
    let alone = Message::Transactions { via: None, bodies: [items[0].clone().into()].into() }.encoded_len();
    assert!(first.encoded_len() <= TRANSACTIONS_BATCH_BYTES_MAX);
    assert!(first.encoded_len() + alone > TRANSACTIONS_BATCH_BYTES_MAX);
    assert_eq!(ids(first).len() + ids(second).len(), items.len());
}

#[test]
fn bodies_that_go_together_take_from_the_credit_what_they_take_in_the_queue() {
    let mut story = Story::new();
    story.mesh.draining = false;
    let items = items(300, 1_000);
    for part in items.chunks(20) {
        let verdicts = story.bring(part);
        story.mesh.input_all(0, verdicts);
    }
    let pushed = story.pushed();
    let queued: usize = pushed.iter().map(|message| message.encoded_len()).sum();
    let room = CONTROL_CREDIT_BYTES - CONTROL_RESERVE_BYTES;
    assert!(queued <= room, "{queued} bytes are queued");
    assert!(queued + 2 * 1_200 > room, "only {queued} bytes are queued");
}

#[test]
fn a_verdict_that_ends_a_connection_does_not_disturb_those_after_it() {
    let mut story = Story::new();
    let items = items(2, 9);
    let mut verdicts = story.bring(&items);
    let Input::Verified { verdict, .. } = &mut verdicts[0] else { panic!("these are verdicts") };
    *verdict = Verdict::Invalid { first: 0 };
    story.mesh.input_all(0, verdicts);
    assert!(story.mesh.disconnected(0, story.from).is_some());
    assert!(!story.mesh.accepted(0, tx(&items[0])) && story.mesh.accepted(0, tx(&items[1])));
}
