//! Credit: how much may be queued for a peer that doesn't read, and what happens above that.

use protocol::gossip::{Input, PeerHandle, RelayPolicy};
use protocol::limits::{BULK_CREDIT_BYTES, CONTROL_CREDIT_BYTES, CONTROL_RESERVE_BYTES, GETDATA_ENTRIES_MAX};
use protocol::time::Duration;
use protocol::wire::codec::Encode as _;
use protocol::wire::message::{Lane, Message, TxRef};

use crate::harness::{Checking, Mesh, block, genesis, tip_of, transaction};
use crate::make;
use crate::say::body;

fn queued(mesh: &Mesh, peer: PeerHandle, lane: Lane) -> usize {
    mesh.sent.iter().filter(|sent| sent.to == peer && sent.lane == lane).map(|sent| sent.bytes.len()).sum()
}

fn drain(mesh: &mut Mesh, peer: PeerHandle, lane: Lane, bytes: usize) {
    mesh.input(0, Input::Drained { peer, lane, bytes });
}

#[test]
fn a_flooded_peer_that_does_not_read_is_announced_to_instead() {
    let mut mesh = Mesh::new(1, RelayPolicy::Flood);
    mesh.draining = false;
    let peer = mesh.greeted(0);
    for nonce in 0..200 {
        mesh.submit(0, &transaction(nonce as u8, u64::from(nonce as u8), 3_000));
        mesh.run_for(Duration::from_millis(30));
    }
    let control = queued(&mesh, peer, Lane::Control);
    assert!(control <= CONTROL_CREDIT_BYTES, "{control} bytes are queued");
    let (mut pushed, mut announced) = (0, 0);
    for (_, message) in mesh.conversation() {
        match message {
            Message::Transactions { bodies, .. } => pushed += bodies.len(),
            Message::Inv(entries) => announced += entries.len(),
            _ => {}
        }
    }
    // Bodies must not use the reserve: 192 KiB hold 62 of them, and the others are announced.
    assert_eq!(pushed, (CONTROL_CREDIT_BYTES - CONTROL_RESERVE_BYTES) / 3_118);
    assert_eq!(pushed + announced, 200);
}

#[test]
fn owed_bodies_wait_for_credit_and_none_is_lost() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    let items: Vec<_> = (0..200).map(|nonce| transaction(1, nonce, 3_000)).collect();
    items.iter().for_each(|item| mesh.submit(0, item));
    mesh.run_secs(1);
    mesh.draining = false;
    let peer = mesh.greeted(0);
    mesh.run_secs(1);
    let wanted: Vec<TxRef> = items.iter().map(|item| TxRef::Full(item.id())).collect();
    assert!(wanted.len() <= GETDATA_ENTRIES_MAX);
    mesh.say(0, peer, Message::GetData { graft: false, wanted });
    let mut bodies = 0;
    for _ in 0..100 {
        for message in mesh.heard(0, peer) {
            if let Message::Transactions { bodies: more, .. } = &message {
                bodies += more.len();
            }
            drain(&mut mesh, peer, message.lane(), message.encoded_len());
        }
    }
    assert_eq!(bodies, 200);
}

#[test]
fn large_bodies_wait_for_bulk_credit() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    let mut tip = genesis();
    let mut blocks = Vec::new();
    for number in 0..4 {
        let items: Vec<_> =
            (0..50).map(|item| transaction(number, u64::from(number) * 50 + item, 60_000)).collect();
        let next = block(tip, &items, 1);
        tip = tip_of(&next);
        mesh.publish(0, &next);
        mesh.run_secs(1);
        blocks.push(next);
    }
    mesh.draining = false;
    let peer = mesh.greeted(0);
    for block in &blocks {
        mesh.say(0, peer, Message::GetBlock { graft: false, id: block.header.id() });
    }
    let two = 2 * Message::Block(blocks[0].clone()).encoded_len();
    assert!(two <= BULK_CREDIT_BYTES && two + two / 2 > BULK_CREDIT_BYTES);
    assert_eq!(mesh.heard(0, peer).iter().filter(|message| matches!(message, Message::Block(_))).count(), 2);
    drain(&mut mesh, peer, Lane::Bulk, two);
    mesh.run_secs(1);
    assert_eq!(mesh.heard(0, peer).iter().filter(|message| matches!(message, Message::Block(_))).count(), 2);
}

#[test]
fn small_replies_do_not_wait_behind_large_ones() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    mesh.checking = Checking::Assumed;
    let (mut tip, mut items, mut blocks) = (genesis(), Vec::new(), Vec::new());
    // Six blocks of 1.3 MB are in memory together, and use the credit up.
    for number in 0..6 {
        items = (0..20).map(|nonce| make::sized(number, nonce, 65_000)).collect();
        blocks.push(block(tip, &items, 1));
        tip = tip_of(&blocks[blocks.len() - 1]);
        mesh.publish(0, &blocks[blocks.len() - 1]);
        mesh.run_secs(1);
    }
    let small = transaction(2, 1, 10);
    mesh.submit(0, &small);
    mesh.run_secs(1);
    mesh.draining = false;
    let peer = mesh.greeted(0);
    mesh.run_secs(1);
    for block in blocks.iter().chain(&blocks[..1]) {
        mesh.say(0, peer, Message::GetBlock { graft: false, id: block.header.id() });
    }
    assert_eq!(mesh.heard(0, peer).len(), 6);
    mesh.say(
        0,
        peer,
        Message::GetData { graft: false, wanted: vec![TxRef::Full(small.id()), TxRef::Full(items[0].id())] },
    );
    assert_eq!(mesh.heard(0, peer), [body(&small)]);
    // Bodies that wait for the bulk lane come in the order of asking.
    for _ in 0..2 {
        drain(&mut mesh, peer, Lane::Bulk, BULK_CREDIT_BYTES);
        mesh.run_secs(1);
    }
    let names: Vec<_> = mesh.heard(0, peer).iter().map(Message::name).collect();
    assert_eq!(names, ["block", "transactions"]);
}

#[test]
fn announcements_wait_for_credit() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    mesh.draining = false;
    let peer = mesh.greeted(0);
    // Each inv uses some credit. A peer that never reads gets no more of them at some point.
    let mut sent = 0;
    for number in 0..2_000_u32 {
        mesh.submit(0, &transaction(number as u8, u64::from(number / 200), 1 + number as usize % 7));
        mesh.run_for(Duration::from_millis(21));
        sent = queued(&mesh, peer, Lane::Control);
    }
    assert!(sent <= CONTROL_CREDIT_BYTES);
    assert!(mesh.nodes[0].mempool().transactions > 1_000);
    assert_eq!(mesh.disconnects, []);
}
