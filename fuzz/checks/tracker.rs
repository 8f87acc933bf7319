//! The request tracker by operations, compared with its naive model.

use crate::fetch::request_naive::{KEYS, Op, PEERS, Pair};

use super::cursor::Cursor;

/// Works through an input until its end.
pub fn check(input: &[u8]) {
    let mut cursor = Cursor(input);
    let mut pair = Pair::new([cursor.byte(); 32]);
    while !cursor.is_empty() {
        let op = op(&mut cursor);
        pair.apply(&op);
        pair.compare();
    }
    pair.end();
}

fn op(cursor: &mut Cursor<'_>) -> Op {
    let what = cursor.below(32);
    let peer = u32::from(cursor.byte()) % PEERS;
    let key = cursor.byte() % KEYS;
    match what {
        0 | 1 => Op::Connect(peer),
        2 => Op::Disconnect(peer),
        3..=9 => Op::Announce { peer, key, bytes: bytes(cursor) },
        10 => Op::AnnounceAll { peer, bytes: bytes(cursor) },
        11..=15 => Op::Request { may_ask: cursor.byte() },
        16 => Op::Receive { peer, key, bytes: bytes(cursor) },
        17 => Op::PassOn { peer, key, bytes: bytes(cursor) },
        18..=20 => Op::Answer { bytes: bytes(cursor) },
        21 => Op::PassOnInFlight { bytes: bytes(cursor) },
        22 => Op::Proved(peer),
        23 => Op::Forget(key),
        24 => Op::NotFound { peer, key },
        25 => Op::NotFoundInFlight,
        26 => Op::Stalled(key),
        27 => Op::StalledInFlight,
        28 => Op::ToDeadline,
        29 => Op::Forward(cursor.scaled() >> 20),
        30 => Op::Back(cursor.scaled() >> 24),
        _ => match cursor.byte() {
            0 => Op::Jump(cursor.scaled()),
            1..=63 => Op::Measure { peer, micros: cursor.scaled() },
            _ => Op::Expire,
        },
    }
}

fn bytes(cursor: &mut Cursor<'_>) -> usize {
    match cursor.byte() {
        255 => usize::MAX,
        small @ 0..128 => usize::from(small) * 16,
        large => usize::from(large - 128) * 40_000,
    }
}
