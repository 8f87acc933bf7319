//! The order in which bodies leave that are sent to several peers. They leave in the order in which they begin,
//! but the newest blocks and all transactions go before older blocks. A peer that catches up asks for so many
//! blocks that a new one would otherwise come late to all peers.
//!
//! Only numbers: which lane waits for its turn, and for what, is decided in `uplink`.

use protocol::items::transaction::Height;
use protocol::limits::FRESH_BLOCKS;

/// This bit is set for older blocks. To count up to it takes longer than any run.
const OLD: u64 = 1 << 63;

/// Hands out places. The lowest goes first.
#[derive(Debug, Default)]
pub struct Turns {
    next: u64,
    /// The highest block that was sent. The engine sends no block that it hasn't checked.
    highest: Height,
}

impl Turns {
    /// The place of a body that begins now. `height` is that of a block.
    pub fn begin(&mut self, height: Option<Height>) -> u64 {
        self.next = self.next.wrapping_add(1);
        let Some(height) = height else { return self.next };
        self.highest = self.highest.max(height);
        let fresh = height.saturating_add(FRESH_BLOCKS) > self.highest;
        if fresh { self.next } else { self.next | OLD }
    }
}
