//! Epochs: in which stretch of the chain a figure was made. Aggregates over links start anew with each epoch.
//!
//! * **An epoch is named by a block.** Epoch `n` belongs to the block at height `n *` [`EPOCH_BLOCKS`] of the best
//!   chain, and begins when [`EPOCH_DEPTH`] blocks lie above it. *Rationale:* all nodes with one tip are in one
//!   epoch, with no clock and no message about it. No peer can end an epoch, or begin one, by its word. And nobody
//!   knows the block's id long before the block exists, so nobody can choose a key for it in advance.
//! * **Genesis names none.** Its id is known before the network starts.
//! * **Epochs only go forward.** A machine begins an epoch if its number is higher than the last one's. If a deep
//!   reorganisation gives the same number to another block, the machine stays with the first block until the next
//!   number. *Rationale:* what was counted in an epoch must not be counted again.
//!
//! The producer of the block can try several blocks and publish the one whose id suits it. Deliberately absent: a
//! defence against that, and which block is in the best chain.

use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::items::hash::{BlockId, sha256};
use crate::items::transaction::Height;
use crate::limits::{EPOCH_BLOCKS, EPOCH_DEPTH};

/// The prefix of the bytes that are hashed to an epoch's name.
const EPOCH_DOMAIN: &[u8] = b"hearsay epoch 1";

/// An epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epoch {
    /// Counted from genesis; the first is 1.
    pub number: u64,
    /// The block that names it.
    pub block: BlockId,
}

/// How messages name an epoch: the first 8 bytes of a hash over number and block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EpochName(pub [u8; 8]);

impl Epoch {
    /// The number of the epoch in which a node with this tip is; `None` before the first.
    #[must_use]
    pub const fn number_at(tip: Height) -> Option<u64> {
        match tip.checked_sub(EPOCH_DEPTH) {
            Some(height) if height >= EPOCH_BLOCKS => Some(height / EPOCH_BLOCKS),
            _ => None,
        }
    }

    /// The highest epoch whose block is at or below a tip; 0 before the first. It may not have begun.
    #[must_use]
    pub const fn named_at(tip: Height) -> u64 {
        tip / EPOCH_BLOCKS
    }

    /// The height of the block that names the epoch of this number.
    #[must_use]
    pub const fn height_of(number: u64) -> Height {
        number.saturating_mul(EPOCH_BLOCKS)
    }

    /// Its name in messages.
    #[must_use]
    pub fn name(&self) -> EpochName {
        let [a, b, c, d, e, f, g, h, ..] = sha256(&[EPOCH_DOMAIN, &self.number.to_be_bytes(), &self.block.0]);
        EpochName([a, b, c, d, e, f, g, h])
    }

    /// Whether a machine that is in `current`, if in any, may begin this one.
    pub(crate) fn follows(&self, current: Option<&Self>) -> bool {
        current.is_none_or(|current| self.number > current.number)
    }
}

impl Encode for EpochName {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.bytes(&self.0);
    }
}

impl Decode for EpochName {
    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        reader.fixed("an epoch").map(Self)
    }
}
