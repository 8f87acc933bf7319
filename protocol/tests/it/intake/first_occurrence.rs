//! Whether a transaction is confirmed is known exactly for as long as it may be in a block, however little is in
//! memory. Nobody can replay a confirmed transaction into mempools.

use std::sync::Arc;

use protocol::gossip::{Event, Input, PeerHandle, Refusal, RelayPolicy, Submission, TransactionStatus};
use protocol::items::hash::TxId;
use protocol::items::transaction::SignedTransaction;
use protocol::ledger::durable::{Load, Loaded, Looked};
use protocol::ledger::filter::Filter;
use protocol::limits::{
    FILTER_BYTES_MAX, FILTER_PART_BLOCKS, FILTER_SLICE_IDS_MIN, LOOKUP_COST_BYTES, LOOKUPS_MAX,
    VALID_UNTIL_AHEAD_MAX,
};
use protocol::seeded::SeededState;
use protocol::time::Duration;
use protocol::wire::message::Message;

use crate::harness::{Checking, Mesh, block, genesis, tip_of, transaction, tx};
use crate::say::body;

pub(crate) type Transactions = Vec<Arc<SignedTransaction>>;

/// A node with two blocks of these transactions. It no longer remembers them: it was restarted, and they are too
/// old.
pub(crate) fn forgetful(items: &Transactions) -> Mesh {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    mesh.checking = Checking::Assumed;
    let first = block(genesis(), items, 1);
    mesh.publish(0, &first);
    mesh.run_secs(1);
    mesh.publish(0, &block(tip_of(&first), &[], 2));
    mesh.run_secs(1);
    mesh.kept[0].forgetful = true;
    mesh.restart(0);
    mesh.events[0].clear();
    mesh
}

pub(crate) fn send(mesh: &mut Mesh, from: PeerHandle, item: &SignedTransaction) {
    mesh.say(0, from, body(item));
}

pub(crate) fn looked_up(mesh: &Mesh) -> usize {
    mesh.kept[0].loads.iter().filter(|load| matches!(load, Load::First(_))).count()
}

#[test]
fn a_confirmed_transaction_that_memory_has_forgotten_is_not_let_in_again() {
    let items: Vec<_> = (0..20).map(|nonce| transaction(1, nonce, 10)).collect();
    let mut mesh = forgetful(&items);
    let peer = mesh.greeted(0);
    mesh.run_secs(1);
    assert!(mesh.kept[0].loads.iter().any(|load| matches!(load, Load::Contents(_))), "the filter is filled");
    for item in &items {
        send(&mut mesh, peer, item);
    }
    mesh.run_secs(1);
    assert_eq!((mesh.nodes[0].mempool().transactions, looked_up(&mesh)), (0, 20));
    // A transaction of which the filter says that it is new is accepted without a look-up.
    let new = transaction(2, 1, 10);
    send(&mut mesh, peer, &new);
    mesh.run_secs(1);
    assert_eq!((mesh.nodes[0].mempool().transactions, looked_up(&mesh)), (1, 20));
    // A submitter of a confirmed transaction is told that it is held.
    mesh.submit(0, &items[3]);
    mesh.run_secs(1);
    assert_eq!(mesh.submission(0, tx(&items[3])), Some(Submission::Held));
    assert_eq!((mesh.nodes[0].mempool().transactions, mesh.disconnects.len()), (1, 0));
}

#[test]
fn until_the_filter_is_filled_everything_is_looked_up_and_waits_for_the_answer() {
    let mut mesh = forgetful(&vec![transaction(1, 1, 10)]);
    mesh.loading = false;
    mesh.restart(0);
    let peer = mesh.greeted(0);
    let new = transaction(2, 1, 10);
    send(&mut mesh, peer, &new);
    mesh.run_secs(1);
    assert_eq!((mesh.nodes[0].mempool().transactions, looked_up(&mesh)), (0, 1));
    let looked = Some(Looked { first: None, tip: mesh.nodes[0].tip() });
    mesh.input(0, Input::Loaded(Loaded::First { id: new.id(), looked }));
    assert_eq!(mesh.nodes[0].mempool().transactions, 1);
}

#[test]
fn so_many_are_looked_up_at_once_and_the_others_wait() {
    let mut mesh = forgetful(&vec![transaction(1, 1, 10)]);
    mesh.loading = false;
    mesh.restart(0);
    let peer = mesh.greeted(0);
    let items: Vec<_> = (0..=LOOKUPS_MAX as u64).map(|nonce| transaction(2, nonce, 10)).collect();
    for item in &items {
        send(&mut mesh, peer, item);
    }
    mesh.run_secs(1);
    assert_eq!(looked_up(&mesh), LOOKUPS_MAX);
    let looked = Some(Looked { first: None, tip: mesh.nodes[0].tip() });
    mesh.input(0, Input::Loaded(Loaded::First { id: items[0].id(), looked }));
    assert_eq!(looked_up(&mesh), LOOKUPS_MAX + 1);
}

#[test]
fn an_answer_that_rests_on_an_older_tip_counts_as_far_as_memory_has_what_came_after() {
    let old = transaction(1, 1, 10);
    let mut mesh = forgetful(&vec![old]);
    mesh.loading = false;
    let stored = mesh.nodes[0].tip();
    let peer = mesh.greeted(0);
    let raced = transaction(2, 1, 10);
    let next = block(stored, std::slice::from_ref(&raced), 3);
    send(&mut mesh, peer, &raced);
    mesh.run_secs(1);
    mesh.publish(0, &next);
    mesh.run_secs(1);
    // Storage doesn't know of the block yet. Memory does.
    let looked = Some(Looked { first: None, tip: stored });
    mesh.input(0, Input::Loaded(Loaded::First { id: raced.id(), looked }));
    assert_eq!(mesh.nodes[0].mempool().transactions, 0);
    // Memory has nothing from before the restart. So an answer of storage that doesn't cover that time is of no
    // use.
    let other = transaction(2, 2, 10);
    send(&mut mesh, peer, &other);
    mesh.run_secs(1);
    let looked = Some(Looked { first: None, tip: genesis() });
    mesh.input(0, Input::Loaded(Loaded::First { id: other.id(), looked }));
    assert_eq!(mesh.nodes[0].mempool().transactions, 0);
    let busy = |event: &Event| matches!(event, Event::Refused { item, refusal: Refusal::Busy, .. } if *item == tx(&other));
    assert!(mesh.events[0].iter().any(busy));
}

#[test]
fn what_nobody_could_look_up_is_not_let_in_and_not_held_against_the_next_try() {
    let mut mesh = forgetful(&vec![transaction(1, 1, 10)]);
    mesh.kept[0].blind = true;
    mesh.loading = false;
    mesh.restart(0);
    mesh.loading = true;
    let peer = mesh.greeted(0);
    let new = transaction(2, 1, 10);
    send(&mut mesh, peer, &new);
    mesh.run_secs(1);
    assert_eq!((mesh.nodes[0].mempool().transactions, looked_up(&mesh)), (0, 1), "it was looked up in vain");
    mesh.kept[0].blind = false;
    send(&mut mesh, peer, &new);
    mesh.run_secs(1);
    assert_eq!((mesh.nodes[0].mempool().transactions, mesh.disconnects.len()), (1, 0));
    assert_eq!(looked_up(&mesh), 2, "and with success");
}

#[test]
fn a_peer_that_has_much_looked_up_pays_for_it() {
    let items: Vec<_> = (0..600).map(|nonce| transaction(1, nonce, 10)).collect();
    let mut mesh = forgetful(&items);
    mesh.run_secs(1);
    let peer = mesh.greeted(0);
    for item in &items {
        send(&mut mesh, peer, item);
        mesh.run_for(Duration::from_micros(200));
    }
    const { assert!(600 * LOOKUP_COST_BYTES > protocol::limits::INBOUND_BURST_BYTES) };
    assert!(mesh.reads.contains(&(0, peer, false)), "it is not read for a while");
    mesh.run_secs(5);
    assert_eq!((mesh.nodes[0].mempool().transactions, mesh.disconnects.len()), (0, 0));
}

#[test]
fn what_a_reorganisation_returns_leaves_again_if_an_older_block_has_it_and_nobody_is_told() {
    let (old, own) = (transaction(1, 1, 10), transaction(1, 2, 10));
    let mut mesh = forgetful(&vec![old.clone()]);
    mesh.run_secs(1);
    let peer = mesh.greeted(0);
    let root = mesh.nodes[0].tip();
    let stale = block(root, &[old.clone(), own.clone()], 3);
    mesh.publish(0, &stale);
    mesh.run_secs(1);
    let repeated = Event::Repeated { block: stale.header.id(), transactions: vec![old.id()] };
    assert!(mesh.events[0].contains(&repeated), "{:?}", mesh.events[0]);
    let side = block(root, &[], 4);
    let last = block(tip_of(&side), &[], 5);
    mesh.heard(0, peer);
    mesh.publish(0, &side);
    mesh.publish(0, &last);
    mesh.run_secs(5);
    mesh.publish(0, &last);
    mesh.run_secs(5);
    assert_eq!(mesh.nodes[0].tip(), tip_of(&last));
    assert!(matches!(mesh.nodes[0].transaction(&own.id()), Some(TransactionStatus::Pending(_))));
    assert_eq!(mesh.nodes[0].mempool().transactions, 1);
    assert_eq!(mesh.kept[0].pending.iter().map(|item| item.id()).collect::<Vec<_>>(), [own.id()]);
    let told: Vec<_> = mesh.heard(0, peer).into_iter().filter(|message| message.name() == "inv").collect();
    let of = |item: &SignedTransaction| {
        told.iter().any(|message| {
            let Message::Inv(entries) = message else { return false };
            entries.iter().any(|entry| entry.transaction.short() == item.id().short())
        })
    };
    assert_eq!((of(&old), of(&own)), (false, true));
}

#[test]
fn repeats_that_memory_knows_are_told_of_with_their_block() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    let items: Vec<_> = (0..3).map(|nonce| transaction(1, nonce, 10)).collect();
    let first = block(genesis(), &items[..2], 1);
    mesh.publish(0, &first);
    mesh.run_secs(1);
    let second = block(tip_of(&first), &items[1..], 2);
    mesh.publish(0, &second);
    mesh.run_secs(1);
    let repeated: Vec<_> = mesh.events[0].iter().filter(|event| matches!(event, Event::Repeated { .. })).collect();
    let expected = Event::Repeated { block: second.header.id(), transactions: vec![items[1].id()] };
    assert_eq!(repeated, [&expected]);
    match mesh.nodes[0].transaction(&items[1].id()) {
        Some(TransactionStatus::Confirmed { block, height, known_as_first, .. }) => {
            assert_eq!((block, height, known_as_first), (first.header.id(), 1, true));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(looked_up(&mesh), 0, "memory is enough");
}

fn id(number: u64) -> TxId {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    TxId(bytes)
}

fn filter(bytes: usize) -> Filter {
    Filter::with_size(SeededState::new([3; 16]), bytes)
}

#[test]
fn the_filter_denies_nothing_that_it_was_told_of_and_nearly_everything_else() {
    let mut filter = filter(FILTER_BYTES_MAX);
    for height in 1..=1_000 {
        filter.insert(height, (height * 100..height * 100 + 50).map(id));
    }
    assert!(
        (1..=1_000).all(|height| (height * 100..height * 100 + 50).all(|number| filter.may_have(&id(number), 1)))
    );
    let wrong = (1_000_000..1_100_000).filter(|number| filter.may_have(&id(*number), 1)).count();
    assert!(wrong < 300, "{wrong} of 100,000");
    assert!(filter.bytes() <= 2 * 2 * 65_536, "{}", filter.bytes());
}

#[test]
fn a_filter_without_room_denies_nothing_of_that_part_and_is_itself_again_later() {
    let mut filter = filter(4_096);
    let fits = FILTER_SLICE_IDS_MIN as u64;
    filter.insert(1, (0..fits).map(id));
    assert!(!filter.may_have(&id(1_000_000), 1));
    filter.insert(2, (fits..=fits).map(id));
    assert!(filter.may_have(&id(1_000_000), 1), "the next slice would be too large");
    assert!(filter.bytes() <= 4_096);
    filter.insert(FILTER_PART_BLOCKS, (0..9).map(id));
    assert!(!filter.may_have(&id(1_000_000), FILTER_PART_BLOCKS));
    filter.forget_below(FILTER_PART_BLOCKS);
    assert!(!filter.may_have(&id(1_000_000), 1));
    assert!(filter.may_have(&id(8), FILTER_PART_BLOCKS));
}

#[test]
fn blocks_that_leave_the_best_chain_and_come_back_take_no_room_in_the_filter_anew() {
    let mut filter = filter(FILTER_BYTES_MAX);
    let mut bytes = Vec::new();
    for _ in 0..50 {
        filter.insert(1, (0..2_000).map(id));
        filter.pop_above(0);
        filter.insert(1, (2_000..4_000).map(id));
        filter.pop_above(0);
        bytes.push(filter.bytes());
    }
    assert_eq!(bytes[0], bytes[49]);
    assert!((0..4_000).all(|number| filter.may_have(&id(number), 1)));
}

#[test]
fn a_height_that_was_asked_for_in_vain_is_asked_for_again_when_that_is_wanted() {
    let mut filter = filter(FILTER_BYTES_MAX);
    filter.insert_unknown(5);
    assert_eq!((filter.next_unknown(), filter.next_unknown()), (Some(5), None));
    filter.ask_again();
    assert_eq!((filter.next_unknown(), filter.next_unknown()), (Some(5), None));
    filter.insert(5, std::iter::empty());
    filter.ask_again();
    assert_eq!(filter.next_unknown(), None);
}

#[test]
fn a_height_that_the_filter_was_not_told_of_is_denied_nothing() {
    let mut filter = filter(FILTER_BYTES_MAX);
    filter.insert_unknown(5);
    filter.insert_unknown(6);
    assert!(filter.may_have(&id(1), 6) && !filter.may_have(&id(1), 7));
    assert_eq!((filter.next_unknown(), filter.next_unknown(), filter.next_unknown()), (Some(6), Some(5), None));
    filter.insert(6, std::iter::empty());
    assert!(filter.may_have(&id(1), 5) && !filter.may_have(&id(1), 6));
    filter.pop_above(4);
    assert_eq!((filter.may_have(&id(1), 1), filter.unknown_len()), (false, 0));
    const { assert!(FILTER_PART_BLOCKS * 4 == VALID_UNTIL_AHEAD_MAX) };
}
