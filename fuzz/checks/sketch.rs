//! The reconciliation sketch against symbols that belong to no set: work and memory depend only on the symbols
//! received.

use protocol::gossip::repair::sketch::{
    Decoder, Encoder, Progress, STEPS_PER_SYMBOL, SYMBOL_BYTES, SYMBOLS_MAX, symbols_from_bytes,
};
use protocol::items::hash::TxId;

use super::cursor::Cursor;

/// Reads a salt, the number of items here, the number of different ones, the length of a batch, and then symbols.
/// These bytes are added to the symbols of a real set, so that peeling goes far before it meets a lie.
pub fn check(input: &[u8]) {
    let mut cursor = Cursor(input);
    let salt = [cursor.byte(); 16];
    let (here, differ, batch) = (cursor.below(64), cursor.below(64), 1 + cursor.below(64));
    let ids: Vec<TxId> = (0..here + differ).map(id).collect();
    let (Some(local), Some(remote)) = (ids.get(..here), ids.get(differ.min(here)..)) else { return };
    let Ok(mut truth) = Encoder::new(salt, remote) else { return };
    let Ok(local) = Encoder::new(salt, local) else { return };
    let whole = cursor.0.len() / SYMBOL_BYTES * SYMBOL_BYTES;
    let Some(mut symbols) = symbols_from_bytes(cursor.take(whole)) else { return };
    let count = symbols.len();
    for (symbol, real) in symbols.iter_mut().zip(truth.symbols(0, count)) {
        symbol.ids ^= real.ids;
        symbol.checks ^= real.checks;
        symbol.count ^= real.count;
    }
    let mut decoder = Decoder::new(local);
    for batch in symbols.chunks(batch) {
        let progress = decoder.add(batch);
        assert!(decoder.steps() <= STEPS_PER_SYMBOL * decoder.received(), "{} steps", decoder.steps());
        assert!(decoder.found() <= decoder.received() && decoder.received() <= SYMBOLS_MAX);
        assert!(decoder.received() + decoder.next_batch() <= SYMBOLS_MAX);
        if let Progress::Done { only_here, only_there } = &progress {
            assert!(only_here.len() + only_there.len() <= decoder.received());
            assert!(only_here.windows(2).all(|pair| pair[0] < pair[1]), "each position once, in order");
            assert!(only_here.iter().all(|position| (*position as usize) < here));
            assert!(only_there.windows(2).all(|pair| pair[0] < pair[1]), "each id once, in order");
        }
        if progress != Progress::More {
            return;
        }
    }
}

fn id(number: usize) -> TxId {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&(number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    TxId(bytes)
}
