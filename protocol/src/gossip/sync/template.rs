//! What a producer signs next: a header on our tip and a body of mempool transactions, oldest first, that this
//! chain's own validator accepts. So no producer makes a block that its own node refuses.
//!
//! Transactions that the validator refuses one by one are passed over. If it refuses the others as a whole, they
//! are halved. A half that it accepts is kept, and a half that it refuses is halved again. This ends when single
//! transactions are left out, or when the validator was asked often enough. Only the empty block is not asked
//! about beforehand.

use alloc::sync::Arc;
use alloc::vec::Vec;

use bytes::Bytes;

use crate::gossip::Gossip;
use crate::items::block::{Header, transactions_root};
use crate::items::keys::PublicKey;
use crate::items::transaction::SignedTransaction;
use crate::items::validator::BlockPlace;
use crate::limits::{HEADER_BYTES_MAX, TEMPLATE_ASKS_MAX};

impl Gossip {
    /// A header on our tip and the body for it, of mempool transactions of at most `bytes_max` encoded bytes in
    /// all. `producer` signs and submits the block.
    #[must_use]
    pub fn block_template(
        &self,
        producer: PublicKey,
        timestamp_ms: u64,
        bytes_max: usize,
    ) -> (Header, Vec<Bytes>) {
        let tip = self.chain.tip();
        let place = BlockPlace { height: tip.height.saturating_add(1), parent: tip.id };
        // A transaction that is known to be confirmed would have no effect.
        let may = |transaction: &SignedTransaction| {
            self.chain.confirmed(&transaction.id()).is_none()
                && self.validator.transaction_in_block(transaction, place).is_ok()
        };
        // The block's array takes one byte more.
        let transactions = self.mempool.template(bytes_max.saturating_sub(HEADER_BYTES_MAX + 1), may);
        let on_top = |transactions: &[Arc<SignedTransaction>]| {
            let ids: Vec<_> = transactions.iter().map(|transaction| transaction.id()).collect();
            Header {
                height: place.height,
                parent: place.parent,
                producer,
                timestamp_ms,
                transactions_root: transactions_root(&ids),
                count: u32::try_from(ids.len()).unwrap_or(u32::MAX),
            }
        };
        let transactions =
            taken_together(transactions, |together| self.validator.block(&on_top(together), together).is_ok());
        (on_top(&transactions), transactions.iter().map(|transaction| transaction.encoded().clone()).collect())
    }
}

/// The transactions among these, in order, that are accepted together.
fn taken_together(
    transactions: Vec<Arc<SignedTransaction>>,
    takes: impl Fn(&[Arc<SignedTransaction>]) -> bool,
) -> Vec<Arc<SignedTransaction>> {
    let mut kept = Vec::new();
    let mut parts: Vec<&[Arc<SignedTransaction>]> = [transactions.as_slice()].into();
    for _ in 0..TEMPLATE_ASKS_MAX {
        let Some(part) = parts.pop() else { break };
        let before = kept.len();
        kept.extend_from_slice(part);
        if part.is_empty() || takes(&kept) {
            continue;
        }
        kept.truncate(before);
        if part.len() > 1 {
            let (first, second) = part.split_at(part.len() / 2);
            parts.extend([second, first]);
        }
    }
    kept
}
