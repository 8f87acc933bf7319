//! A peer that causes many look-ups makes no other peer wait for them, and nothing is looked up twice for it.

use std::sync::Arc;

use protocol::gossip::{Input, PeerHandle, TransactionStatus};
use protocol::items::transaction::SignedTransaction;
use protocol::ledger::durable::{Load, Loaded, Looked};
use protocol::limits::{FOUND_MAX, LOOKUPS_MAX};
use protocol::time::Duration;

use super::first_occurrence::{forgetful, looked_up, send};
use crate::harness::{Mesh, block, genesis, tip_of, transaction};
use crate::make;
use crate::say::announced;

fn entries(mesh: &Mesh, wanted: &str) -> usize {
    let mut used = 0;
    mesh.nodes[0].occupancy(&mut |found| {
        if found.what == wanted {
            used = found.used;
        }
    });
    used
}

#[test]
fn a_stranger_with_much_to_look_up_delays_another_by_one_turn() {
    let mut mesh = forgetful(&vec![transaction(1, 1, 10)]);
    mesh.loading = false;
    mesh.restart(0);
    let (stranger, other) = (mesh.greeted(0), mesh.greeted(0));
    let items: Vec<_> = (0..LOOKUPS_MAX as u64 + 100).map(|nonce| transaction(2, nonce, 10)).collect();
    items.iter().for_each(|item| send(&mut mesh, stranger, item));
    mesh.run_secs(1);
    let own = transaction(3, 1, 10);
    send(&mut mesh, other, &own);
    mesh.run_secs(1);
    for item in &items[..2] {
        let looked = Some(Looked { first: None, tip: mesh.nodes[0].tip() });
        mesh.input(0, Input::Loaded(Loaded::First { id: item.id(), looked }));
    }
    assert_eq!(looked_up(&mesh), LOOKUPS_MAX + 2);
    assert!(mesh.kept[0].loads.contains(&Load::First(own.id())), "its turn has come");
}

fn announce(mesh: &mut Mesh, from: PeerHandle, item: &SignedTransaction) {
    mesh.say(0, from, announced(item.id().short(), 0));
}

#[test]
fn what_was_found_to_be_confirmed_is_not_looked_up_again_and_pushes_out_nothing() {
    let items: Vec<_> = (0..20).map(|nonce| transaction(1, nonce, 10)).collect();
    let mut mesh = forgetful(&items);
    let (one, other) = (mesh.greeted(0), mesh.greeted(0));
    mesh.run_secs(1);
    let accepted = entries(&mesh, "accepted ids");
    for peer in [one, other, one] {
        items.iter().for_each(|item| send(&mut mesh, peer, item));
        mesh.run_secs(1);
    }
    announce(&mut mesh, other, &items[0]);
    mesh.run_secs(5);
    assert_eq!((looked_up(&mesh), entries(&mesh, "accepted ids")), (20, accepted));
    assert_eq!(entries(&mesh, "found to be confirmed"), 20);
    let asked = mesh.heard(0, other).iter().any(|message| message.name() == "getdata");
    assert_eq!((asked, mesh.nodes[0].mempool().transactions, mesh.disconnects.len()), (false, 0, 0));
}

#[test]
fn so_much_that_was_found_is_remembered_and_of_more_the_oldest_goes() {
    let mut mesh = forgetful(&vec![transaction(1, 1, 10)]);
    mesh.loading = false;
    mesh.restart(0);
    let peer = mesh.greeted(0);
    let tip = mesh.nodes[0].tip();
    let send_confirmed = |mesh: &mut Mesh, item: &SignedTransaction| {
        let before = looked_up(mesh);
        send(mesh, peer, item);
        mesh.run_for(Duration::from_millis(1));
        let looked = Some(Looked { first: Some(tip), tip });
        mesh.input(0, Input::Loaded(Loaded::First { id: item.id(), looked }));
        let looked_up = looked_up(mesh) - before;
        mesh.kept[0].loads.clear();
        looked_up
    };
    let items: Vec<Arc<SignedTransaction>> =
        (0..=FOUND_MAX as u64).map(|nonce| make::transaction(1, nonce, 1_000, 10)).collect();
    let asked: usize = items.iter().map(|item| send_confirmed(&mut mesh, item)).sum();
    assert_eq!((asked, entries(&mesh, "found to be confirmed")), (FOUND_MAX + 1, FOUND_MAX));
    let again = [&items[1], &items[FOUND_MAX], &items[0]].map(|item| send_confirmed(&mut mesh, item));
    assert_eq!((again, mesh.nodes[0].mempool().transactions), ([0, 0, 1], 0));
}

#[test]
fn what_was_found_in_a_block_is_confirmed_no_longer_when_that_leaves_the_best_chain() {
    let old = transaction(1, 1, 10);
    let mut mesh = forgetful(&vec![old.clone()]);
    let peer = mesh.greeted(0);
    mesh.run_secs(1);
    send(&mut mesh, peer, &old);
    mesh.run_secs(1);
    assert_eq!(entries(&mesh, "found to be confirmed"), 1);
    let mut parent = genesis();
    for number in 10..13 {
        let next = block(parent, &[], number);
        mesh.publish(0, &next);
        mesh.run_secs(1);
        parent = tip_of(&next);
    }
    mesh.run_secs(1);
    assert_eq!((mesh.nodes[0].tip(), entries(&mesh, "found to be confirmed")), (parent, 0));
    assert!(matches!(mesh.nodes[0].transaction(&old.id()), Some(TransactionStatus::Pending(_))));
}
