//! The room for orphans: a stranger's junk gets none of it, and blocks that producers sign for strangers to send
//! delay nobody.

use std::sync::Arc;

use bytes::Bytes;
use protocol::gossip::{DisconnectReason, PeerHandle, RelayPolicy};
use protocol::items::block::{Block, Header, SignedHeader, transactions_root};
use protocol::items::hash::{BlockId, TxId};
use protocol::items::transaction::SignedTransaction;
use protocol::limits::ORPHAN_BYTES_MAX;
use protocol::time::Duration;
use protocol::wire::codec::{Decode as _, Encode as _};
use protocol::wire::message::{Message, Tip};

use crate::harness::{Mesh, block, genesis, network, rogue, tip_of, transaction};
use crate::say::announced_block;

/// The messages of the strangers before the honest peers come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Junk {
    /// Only a header each, so that they claim the same height as the others.
    Headers,
    /// Blocks that nobody signed.
    Unsigned,
    /// Blocks that an allowed producer signed for them.
    Signed,
}

fn junk_block(salt: u64, pieces: usize, bytes: usize, signed: bool) -> Arc<Block> {
    let piece = |piece: usize| {
        let mut body = vec![0_u8; bytes];
        body[..8].copy_from_slice(&(salt * 1_000 + piece as u64).to_be_bytes());
        Bytes::from(body)
    };
    let transactions: Vec<Bytes> = (0..pieces).map(piece).collect();
    let ids: Vec<TxId> = transactions.iter().map(|body| SignedTransaction::id_of(body)).collect();
    let mut parent = [7_u8; 32];
    parent[..8].copy_from_slice(&salt.to_be_bytes());
    let header = Header {
        height: 400_000,
        parent: BlockId(parent),
        producer: rogue().public(),
        timestamp_ms: salt,
        transactions_root: transactions_root(&ids),
        count: ids.len() as u32,
    };
    let mut header = header.sign(&rogue(), &network());
    if !signed {
        let mut bytes = header.to_bytes();
        let at = bytes.len() - 5;
        bytes[at] ^= 0x55;
        header = SignedHeader::from_bytes(&Bytes::from(bytes)).expect("well encoded");
    }
    Arc::new(Block { header, transactions })
}

fn orphan_bytes(mesh: &Mesh) -> usize {
    let mut used = 0;
    mesh.nodes[0].occupancy(&mut |seen| {
        if seen.what == "all orphan bytes" {
            used = seen.used;
        }
    });
    used
}

/// Eight strangers send enough to fill the pool.
fn fill(mesh: &mut Mesh, junk: Junk) -> Vec<PeerHandle> {
    let mut salt = 1;
    (0..8)
        .map(|peer| {
            let handle = mesh.greeted(0);
            let sizes: Vec<(usize, usize)> = match peer {
                _ if junk == Junk::Headers => vec![(0, 0)],
                0..6 => std::iter::once((64, 64_800)).chain((0..16).map(|_| (1, 65_000))).collect(),
                6 => (0..60).map(|_| (1, 65_000)).collect(),
                _ => (0..63).map(|_| (1, 1_500)).collect(),
            };
            for (pieces, size) in sizes {
                let sent = junk_block(salt, pieces, size, junk == Junk::Signed);
                salt += 1;
                match junk {
                    Junk::Headers => {
                        let signed = junk_block(salt, 0, 0, true).header;
                        mesh.say(0, handle, announced_block(signed));
                    }
                    Junk::Unsigned | Junk::Signed => mesh.say(0, handle, Message::Block(sent)),
                }
            }
            handle
        })
        .collect()
}

/// How long a node needs to catch up with 400 blocks of four peers, in milliseconds, and how full the pool was
/// before.
fn catch_up(junk: Option<Junk>) -> (u64, usize, Mesh, Vec<PeerHandle>) {
    let mut mesh = Mesh::new(5, RelayPolicy::Announce);
    let mut tip: Tip = genesis();
    for number in 0..400_u64 {
        let items: Vec<_> = (0..2).map(|nonce| transaction(1, number * 2 + nonce, 9_000)).collect();
        let next = block(tip, &items, number);
        tip = tip_of(&next);
        (1..5).for_each(|node| mesh.publish(node, &next));
        mesh.run_for(Duration::from_millis(5));
    }
    let strangers = junk.map(|junk| fill(&mut mesh, junk)).unwrap_or_default();
    mesh.run_for(Duration::from_millis(5));
    let held = orphan_bytes(&mesh);
    let begun = mesh.now;
    for node in 1..5 {
        mesh.connect(0, node);
    }
    while mesh.nodes[0].tip().height < 400 && mesh.now.since(begun) < Duration::from_secs(120) {
        mesh.run_for(Duration::from_millis(10));
    }
    (mesh.now.since(begun).as_millis(), held, mesh, strangers)
}

#[test]
fn unsigned_junk_takes_no_room_and_holds_up_nobody_who_catches_up() {
    let (alone, ..) = catch_up(None);
    let (attacked, held, mesh, strangers) = catch_up(Some(Junk::Unsigned));
    println!("alone {alone} ms, attacked {attacked} ms, orphans {held} bytes");
    assert_eq!(held, 0);
    for stranger in strangers {
        assert_eq!(mesh.disconnected(0, stranger), Some(DisconnectReason::InvalidSignature));
    }
    assert!(attacked <= alone + 20, "{attacked} ms, and {alone} ms without them");
}

#[test]
fn a_pool_that_a_producer_has_filled_holds_up_nobody_who_catches_up() {
    let (claimed, ..) = catch_up(Some(Junk::Headers));
    let (attacked, held, mesh, strangers) = catch_up(Some(Junk::Signed));
    println!("with strangers that only claim {claimed} ms, attacked {attacked} ms, orphans {held} bytes");
    assert!(held > ORPHAN_BYTES_MAX / 10 * 9, "it is full: {held}");
    assert!(
        strangers.iter().all(|stranger| mesh.disconnected(0, *stranger).is_none()),
        "nothing of it is invalid"
    );
    assert!(attacked <= claimed + claimed / 4, "{attacked} ms, and {claimed} ms if they send nothing");
}
