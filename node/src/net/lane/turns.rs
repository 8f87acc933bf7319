//! In which order bodies leave that are sent to several peers: as they begin, but the newest blocks and all transactions
//! before older blocks. Whoever catches up asks for so many blocks that a new one would otherwise come late to everybody.
//!
//! Only numbers: who waits for his turn, and for what, is `uplink`'s matter.

use protocol::items::transaction::Height;
use protocol::limits::FRESH_BLOCKS;

/// Set for older blocks. Counting up to it takes longer than any run.
const OLD: u64 = 1 << 63;

/// Hands out places, of which the lowest goes first.
#[derive(Debug, Default)]
pub struct Turns {
    next: u64,
    /// The highest block that was sent. The engine sends none that it hasn't checked.
    highest: Height,
}

impl Turns {
    /// The place of a body that begins now; `height`: a block's.
    pub fn begin(&mut self, height: Option<Height>) -> u64 {
        self.next = self.next.wrapping_add(1);
        let Some(height) = height else { return self.next };
        self.highest = self.highest.max(height);
        let fresh = height.saturating_add(FRESH_BLOCKS) > self.highest;
        if fresh { self.next } else { self.next | OLD }
    }
}
