//! What a peer can get by asking: everything that it lacks, as fast as it can read, and almost nothing twice.

use std::sync::Arc;

use protocol::gossip::{Input, PeerHandle, RelayPolicy};
use protocol::items::block::Block;
use protocol::items::hash::BlockId;
use protocol::limits::{
    BODY_COST_BYTES, REPEAT_BURST_BYTES, REPEAT_BYTES_PER_SEC, SENT_MAX, UPLOAD_BURST_BYTES, UPLOAD_BYTES_PER_SEC,
};
use protocol::time::Duration;
use protocol::wire::codec::Encode as _;
use protocol::wire::message::{Lane, Message, TxRef};

use crate::harness::{Checking, Mesh, block, genesis, tip_of};
use crate::make;

/// A node with this number of blocks, each with this number of transactions of 65,000 bytes.
fn with_blocks(count: u32, pieces: u32) -> (Mesh, Vec<Arc<Block>>) {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    mesh.checking = Checking::Assumed;
    let mut tip = genesis();
    let mut blocks = Vec::new();
    for number in 0..count {
        let items: Vec<_> = (0..pieces).map(|piece| make::sized(number, u64::from(piece), 64_800)).collect();
        let next = block(tip, &items, u64::from(number));
        tip = tip_of(&next);
        mesh.publish(0, &next);
        mesh.run_for(Duration::from_millis(5));
        blocks.push(next);
    }
    assert_eq!(mesh.nodes[0].tip(), tip);
    (mesh, blocks)
}

fn ask(mesh: &mut Mesh, peer: PeerHandle, id: BlockId) {
    mesh.say(0, peer, Message::GetBlock { graft: false, id });
}

/// Bytes of blocks and transactions that a peer has received, the number of items, and the number of refusals.
fn got(mesh: &mut Mesh, peer: PeerHandle) -> (usize, usize, usize) {
    let (mut bytes, mut bodies, mut refused) = (0, 0, 0);
    for message in mesh.heard(0, peer) {
        match &message {
            Message::Block(_) => (bytes, bodies) = (bytes + message.encoded_len(), bodies + 1),
            Message::Transactions { bodies: sent, .. } => {
                (bytes, bodies) = (bytes + message.encoded_len(), bodies + sent.len());
            }
            Message::NotFound { transactions, blocks } => refused += transactions.len() + blocks.len(),
            _ => {}
        }
    }
    (bytes, bodies, refused)
}

#[test]
fn the_same_block_is_not_sent_again_and_again() {
    let (mut mesh, blocks) = with_blocks(1, 64);
    let peer = mesh.greeted(0);
    let (mut asked, mut sent) = (0, 0);
    for _ in 0..17 {
        let message = Message::GetBlock { graft: false, id: blocks[0].header.id() };
        asked += message.encoded_len();
        mesh.say(0, peer, message);
        mesh.run_for(Duration::from_millis(590));
        sent += got(&mut mesh, peer).0;
    }
    let one = blocks[0].encoded_len();
    println!("{asked} bytes of requests brought {sent} bytes in 10 s, of a block of {one}");
    assert!(sent <= 2 * (one + 2), "{sent} bytes, of a block of {one}");
    assert_eq!(mesh.disconnected(0, peer), None);
}

#[test]
fn what_was_sent_may_be_had_again_within_a_small_budget() {
    let (mut mesh, blocks) = with_blocks(1, 2);
    let (peer, id) = (mesh.greeted(0), blocks[0].header.id());
    let one = Message::Block(blocks[0].clone()).encoded_len() as u64;
    ask(&mut mesh, peer, id);
    assert_eq!(got(&mut mesh, peer).1, 1);
    // The last repeat may go over the budget, and after it there is none.
    let repeats = usize::try_from(REPEAT_BURST_BYTES / one).expect("few") + 1;
    for _ in 0..repeats {
        ask(&mut mesh, peer, id);
    }
    let (_, bodies, refused) = got(&mut mesh, peer);
    assert_eq!((bodies, refused), (repeats, 0));
    ask(&mut mesh, peer, id);
    let (_, bodies, refused) = got(&mut mesh, peer);
    assert_eq!((bodies, refused), (0, 1));
    // Another peer has not been sent anything yet.
    let other = mesh.greeted(0);
    ask(&mut mesh, other, id);
    assert_eq!(got(&mut mesh, other).1, 1);
    mesh.run_for(Duration::from_micros(one * 1_000_000 / REPEAT_BYTES_PER_SEC));
    ask(&mut mesh, peer, id);
    assert_eq!(got(&mut mesh, peer).1, 1);
}

#[test]
fn a_large_transaction_is_not_sent_again_and_again() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    let item = crate::harness::transaction(1, 1, 60_000);
    mesh.submit(0, &item);
    mesh.run_secs(1);
    let peer = mesh.greeted(0);
    mesh.run_secs(1);
    mesh.heard(0, peer);
    for _ in 0..4 {
        mesh.say(0, peer, Message::GetData { graft: false, wanted: vec![TxRef::Full(item.id()); 100] });
        mesh.run_secs(1);
    }
    let (bytes, _, refused) = got(&mut mesh, peer);
    println!("400 requests for a transaction of 60 kB brought {bytes} bytes");
    assert!(bytes < 2 * 1024 * 1024, "{bytes}");
    assert!(refused > 300, "{refused}");
}

#[test]
fn of_what_was_sent_so_much_is_remembered_and_no_more() {
    let count = SENT_MAX / 2 + 1;
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    let mut tip = genesis();
    let ids: Vec<BlockId> = (0..count as u64)
        .map(|number| {
            let next = block(tip, &[], number);
            tip = tip_of(&next);
            mesh.publish(0, &next);
            mesh.run_for(Duration::from_millis(1));
            tip.id
        })
        .collect();
    let peer = mesh.greeted(0);
    let remembered = |mesh: &Mesh| {
        let mut most = (0, 0);
        mesh.nodes[0].occupancy(&mut |seen| {
            if seen.what == "sent bodies" {
                most = (seen.used, seen.limit);
            }
        });
        most
    };
    for id in &ids {
        ask(&mut mesh, peer, *id);
        mesh.run_for(Duration::from_millis(1));
    }
    assert_eq!(remembered(&mesh), (count, SENT_MAX));
    assert_eq!(got(&mut mesh, peer), (got_bytes(&ids, &mesh), count, 0));
}

/// The bytes of these blocks as messages.
fn got_bytes(ids: &[BlockId], mesh: &Mesh) -> usize {
    ids.iter().filter_map(|id| mesh.nodes[0].block(id)).map(|block| Message::Block(block).encoded_len()).sum()
}

#[test]
fn whoever_lacks_blocks_gets_them_as_fast_as_it_may_read_them() {
    let (mut mesh, blocks) = with_blocks(10, 24);
    let peer = mesh.greeted(0);
    let begun = mesh.now;
    for block in &blocks {
        ask(&mut mesh, peer, block.header.id());
    }
    let mut bodies = got(&mut mesh, peer).1;
    while bodies < blocks.len() {
        mesh.run_for(Duration::from_millis(1));
        bodies += got(&mut mesh, peer).1;
        assert!(mesh.now.since(begun) < Duration::from_secs(10), "{bodies}");
    }
    // The last block may begin as soon as the blocks before it are paid for.
    let cost = |block: &Arc<Block>| block.encoded_len() as u64 + 2 + BODY_COST_BYTES;
    let before: u64 = blocks[..9].iter().map(cost).sum();
    let at_least = (before - UPLOAD_BURST_BYTES) * 1_000 / UPLOAD_BYTES_PER_SEC;
    let took = mesh.now.since(begun).as_millis();
    println!("ten blocks of 1.6 MB took {took} ms, and {at_least} ms by the budget");
    assert!((at_least..=at_least + 20).contains(&took), "{took} ms, {at_least}");
}

#[test]
fn blocks_from_storage_are_sent_within_the_budget_even_if_their_loads_began_together() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    let sized = |salt: u32, pieces: u64| {
        let items: Vec<_> = (0..pieces).map(|piece| make::sized(salt, piece, 64_800)).collect();
        block(genesis(), &items, u64::from(salt))
    };
    let small: Vec<_> = (0..60).map(|salt| sized(salt, 0)).collect();
    let large: Vec<_> = (100..116).map(|salt| sized(salt, 24)).collect();
    for block in small.iter().chain(&large) {
        mesh.kept[0].blocks.insert(block.header.id(), (block.clone(), [].into()));
    }
    let peer = mesh.greeted(0);
    // Small blocks make the node expect small ones, so that it begins all loads at once.
    for block in &small {
        ask(&mut mesh, peer, block.header.id());
        mesh.run_secs(1);
    }
    assert_eq!(got(&mut mesh, peer).1, small.len());
    mesh.kept[0].loads.clear();
    mesh.loading = false;
    large.iter().for_each(|block| ask(&mut mesh, peer, block.header.id()));
    let began = mesh.kept[0].loads.clone();
    assert_eq!(began.len(), large.len());
    mesh.loading = true;
    for load in began {
        let loaded = mesh.kept[0].load(&load);
        mesh.input(0, Input::Loaded(loaded));
    }
    let begun = mesh.now;
    let mut bodies = got(&mut mesh, peer).1;
    assert!(bodies < 8, "{bodies} blocks of 1.6 MB went beyond a budget of 8 MiB");
    while bodies < large.len() {
        mesh.run_for(Duration::from_millis(1));
        bodies += got(&mut mesh, peer).1;
        assert!(mesh.now.since(begun) < Duration::from_secs(10), "{bodies}");
    }
    let before: u64 = large[1..].iter().map(|block| block.encoded_len() as u64 + BODY_COST_BYTES).sum();
    let at_least = (before - UPLOAD_BURST_BYTES) * 1_000 / UPLOAD_BYTES_PER_SEC;
    let took = mesh.now.since(begun).as_millis();
    assert!((at_least..=at_least + 50).contains(&took), "{took} ms, {at_least}");
}

#[test]
fn the_newest_blocks_go_before_older_ones() {
    let (mut mesh, blocks) = with_blocks(6, 20);
    mesh.draining = false;
    let peer = mesh.greeted(0);
    // Six blocks of 1.3 MB use the credit up.
    for block in &blocks {
        ask(&mut mesh, peer, block.header.id());
    }
    let sent = |mesh: &mut Mesh| -> Vec<u64> {
        let heights = mesh.heard(0, peer).into_iter().filter_map(|message| match message {
            Message::Block(block) => Some(block.header.header().height),
            _ => None,
        });
        heights.collect()
    };
    let first = sent(&mut mesh);
    assert_eq!(first, [1, 2, 3, 4, 5, 6]);
    // The seventh waits, and an old one waits before it.
    let items: Vec<_> = (0..20).map(|piece| make::sized(7, piece, 64_800)).collect();
    let seventh = block(mesh.nodes[0].tip(), &items, 7);
    mesh.publish(0, &seventh);
    mesh.run_for(Duration::from_millis(5));
    assert_eq!(mesh.nodes[0].tip(), tip_of(&seventh));
    ask(&mut mesh, peer, blocks[3].header.id());
    ask(&mut mesh, peer, seventh.header.id());
    mesh.run_secs(1);
    mesh.input(0, Input::Drained { peer, lane: Lane::Bulk, bytes: 2 * 1_300_000 });
    mesh.run_secs(1);
    assert_eq!(sent(&mut mesh), [7, 4]);
}
