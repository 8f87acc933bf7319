//! If durable storage can't answer for a while, the node asks again later and makes up for it.

use std::sync::Arc;

use protocol::gossip::{Event, Submission};
use protocol::items::transaction::SignedTransaction;
use protocol::ledger::durable::Load;
use protocol::limits::UNSURE_MAX;

use super::first_occurrence::{forgetful, looked_up, send};
use crate::harness::{Mesh, block, tip_of, transaction, tx};
use crate::make;

fn recalled(mesh: &Mesh) -> usize {
    mesh.kept[0].loads.iter().filter(|load| matches!(load, Load::Contents(_))).count()
}

/// Adds empty blocks to the tip.
fn grow(mesh: &mut Mesh, blocks: u64) {
    for number in 0..blocks {
        let next = block(mesh.nodes[0].tip(), &[], 100 + number);
        mesh.publish(0, &next);
        mesh.run_secs(1);
        assert_eq!(mesh.nodes[0].tip(), tip_of(&next));
    }
}

fn has_expired(mesh: &Mesh) -> bool {
    mesh.events[0].iter().any(|event| matches!(event, Event::SubmissionsExpired { .. }))
}

/// A node that was restarted, with storage that can't tell the transactions of blocks.
fn mute(items: &[Arc<SignedTransaction>]) -> Mesh {
    let mut mesh = forgetful(&items.to_vec());
    mesh.run_secs(1);
    mesh.kept[0].mute = true;
    mesh.kept[0].pending = items.to_vec();
    mesh.kept[0].loads.clear();
    mesh.restart(0);
    mesh.run_secs(1);
    mesh
}

#[test]
fn a_recall_that_fails_burns_no_other_and_is_tried_again() {
    let mut mesh = mute(&[transaction(1, 1, 10)]);
    assert_eq!(recalled(&mesh), 1, "one failure is enough for now");
    mesh.kept[0].mute = false;
    let peer = mesh.greeted(0);
    send(&mut mesh, peer, &transaction(2, 1, 10));
    mesh.run_secs(1);
    assert_eq!((recalled(&mesh), looked_up(&mesh)), (2, 1), "storage answers again: the next height");
    grow(&mut mesh, 1);
    assert_eq!(recalled(&mesh), 3, "and with the next tip the one that failed");
    send(&mut mesh, peer, &transaction(2, 2, 10));
    mesh.run_secs(1);
    assert_eq!((recalled(&mesh), looked_up(&mesh)), (3, 1), "the filter denies what is new");
}

#[test]
fn what_a_recalled_block_has_leaves_the_mempool_and_has_not_expired() {
    let old = make::transaction(1, 1, 4, 10);
    let mut mesh = mute(std::slice::from_ref(&old));
    mesh.submit(0, &old);
    mesh.run_secs(1);
    assert_eq!(mesh.submission(0, tx(&old)), Some(Submission::Held));
    assert_eq!(mesh.nodes[0].mempool().transactions, 1);
    mesh.kept[0].mute = false;
    grow(&mut mesh, 1);
    send_new(&mut mesh);
    assert_eq!(mesh.kept[0].pending.iter().filter(|item| item.id() == old.id()).count(), 0);
    assert!(mesh.nodes[0].transaction(&old.id()).is_none());
    grow(&mut mesh, 3);
    assert!(!has_expired(&mesh), "{:?}", mesh.events[0]);
}

#[test]
fn nobody_is_told_of_an_expired_submission_while_a_block_that_may_have_it_is_unknown() {
    let (old, never) = (make::transaction(1, 1, 4, 10), make::transaction(1, 2, 4, 10));
    let mut mesh = mute(std::slice::from_ref(&old));
    mesh.submit(0, &old);
    mesh.submit(0, &never);
    mesh.run_secs(1);
    grow(&mut mesh, 4);
    assert!(!has_expired(&mesh), "it is confirmed, and the other's turn comes later");
    mesh.kept[0].mute = false;
    grow(&mut mesh, 2);
    send_new(&mut mesh);
    grow(&mut mesh, 1);
    let expired: Vec<_> = mesh.events[0]
        .iter()
        .filter_map(|event| match event {
            Event::SubmissionsExpired { ids, .. } => Some(ids.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(expired, [vec![never.id()]]);
}

/// Makes the node look something up, so that storage shows that it answers.
fn send_new(mesh: &mut Mesh) {
    let peer = mesh.greeted(0);
    send(mesh, peer, &transaction(9, 1, 10));
    mesh.run_secs(1);
}

#[test]
fn what_nobody_could_tell_of_is_let_in_when_the_tip_moves_as_far_as_there_is_room() {
    let mut mesh = mute(&[transaction(1, 1, 10)]);
    mesh.kept[0].blind = true;
    mesh.kept[0].pending.clear();
    mesh.restart(0);
    let peer = mesh.greeted(0);
    let items: Vec<_> = (0..=UNSURE_MAX as u64).map(|nonce| make::transaction(2, nonce, 1_000, 10)).collect();
    items.iter().for_each(|item| send(&mut mesh, peer, item));
    mesh.run_secs(1);
    assert_eq!(mesh.nodes[0].mempool().transactions, 0);
    mesh.kept[0].blind = false;
    grow(&mut mesh, 1);
    let missing: Vec<_> = items.iter().filter(|item| mesh.nodes[0].transaction(&item.id()).is_none()).collect();
    assert_eq!(missing, [&items[0]], "the oldest had to go");
    send(&mut mesh, peer, &items[0]);
    mesh.run_secs(1);
    assert_eq!(mesh.nodes[0].mempool().transactions, UNSURE_MAX + 1);
}

#[test]
fn a_submission_that_proves_to_be_confirmed_after_it_was_returned_has_not_expired() {
    let old = make::transaction(1, 1, 6, 10);
    let mut mesh = forgetful(&vec![old.clone()]);
    mesh.run_secs(1);
    let root = mesh.nodes[0].tip();
    mesh.kept[0].blind = true;
    mesh.publish(0, &block(root, std::slice::from_ref(&old), 3));
    mesh.run_secs(1);
    mesh.submit(0, &old);
    mesh.run_secs(1);
    assert_eq!(mesh.submission(0, tx(&old)), Some(Submission::Held));
    mesh.kept[0].blind = false;
    let side = block(root, &[], 4);
    let last = block(tip_of(&side), &[], 5);
    for next in [&side, &last, &last] {
        mesh.publish(0, next);
        mesh.run_secs(5);
    }
    assert_eq!((mesh.nodes[0].tip(), mesh.nodes[0].mempool().transactions), (tip_of(&last), 0));
    grow(&mut mesh, 4);
    assert!(!has_expired(&mesh), "{:?}", mesh.events[0]);
}
