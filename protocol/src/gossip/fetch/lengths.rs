//! How long bodies are likely to be, learned from those that came, because neither announcements nor headers tell
//! it.

use crate::items::block::SignedHeader;
use crate::limits::{BLOCK_BYTES_MAX, HEADER_BYTES_MAX, TRANSACTION_BYTES_EXPECTED, TRANSACTION_BYTES_MAX};

/// The usual lengths, in bytes.
#[derive(Debug)]
pub(crate) struct Lengths {
    /// Of a transaction.
    transaction: usize,
    /// Of a transaction in a block: the largest average of a recent block. It falls slowly. Until a block was
    /// seen, it is the largest possible length, so that no peer is struck for the length of the first block.
    in_block: usize,
}

impl Default for Lengths {
    fn default() -> Self {
        Self { transaction: TRANSACTION_BYTES_EXPECTED, in_block: TRANSACTION_BYTES_MAX }
    }
}

impl Lengths {
    /// How long an announced transaction is likely to be.
    pub(crate) const fn transaction(&self) -> usize {
        self.transaction
    }

    /// How long the body behind a header is likely to be.
    pub(crate) fn block(&self, header: &SignedHeader) -> usize {
        let count = usize::try_from(header.header().count).unwrap_or(usize::MAX);
        count.saturating_mul(self.in_block).saturating_add(HEADER_BYTES_MAX).min(BLOCK_BYTES_MAX)
    }

    /// A transaction of this number of bytes was accepted. Its length counts for an eighth of the new average, so
    /// a few dozen transactions of another length change what is expected.
    pub(crate) fn accepted(&mut self, bytes: usize) {
        self.transaction = (self.transaction.saturating_mul(7).saturating_add(bytes) / 8).max(1);
    }

    /// A block of this number of bytes was connected.
    pub(crate) fn connected(&mut self, header: &SignedHeader, bytes: usize) {
        if let Some(each) = bytes.checked_div(usize::try_from(header.header().count).unwrap_or(usize::MAX)) {
            self.in_block = each.max(self.in_block / 8 * 7).max(1);
        }
    }
}
