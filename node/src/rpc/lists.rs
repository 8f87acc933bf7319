//! Lists of blocks and of pending transactions, in the form of the RPC and the command line. Each has a bound.

use std::sync::Arc;

use protocol::items::block::SignedHeader;
use protocol::items::transaction::SignedTransaction;
use serde::{Deserialize, Serialize};

/// Blocks in one answer: 400 bytes of JSON each.
pub const BLOCKS_LISTED_MAX: usize = 100;

/// Blocks in an answer if no number is asked for.
pub const BLOCKS_LISTED: u32 = 20;

/// Transactions in one answer: 300 bytes of JSON each.
pub const PENDING_LISTED_MAX: usize = 500;

/// Transactions in an answer if no number is asked for.
pub const PENDING_LISTED: u32 = 100;

/// A block of the best chain, without its transactions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockSummary {
    /// Its id.
    pub id: String,
    /// Its height.
    pub height: u64,
    /// Its parent's id.
    pub parent: String,
    /// Its producer's public key.
    pub producer: String,
    /// When it was made, by its producer's word, in milliseconds since 1970.
    pub timestamp_ms: u64,
    /// How many transactions it has.
    pub transactions: u64,
}

/// A page of the mempool.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolView {
    /// Transactions in the whole mempool.
    pub total: usize,
    /// Their encoded bytes.
    pub bytes: usize,
    /// This page, in the order of ids.
    pub transactions: Vec<PendingView>,
    /// The id after which the next page begins; `None` on the last one.
    pub next: Option<String>,
}

/// A pending transaction, without its payload.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingView {
    /// Its id.
    pub id: String,
    /// Its author's public key.
    pub author: String,
    /// Its nonce.
    pub nonce: u64,
    /// The last height at which a block may hold it.
    pub valid_until: u64,
    /// Bytes of its encoding.
    pub bytes: usize,
}

/// A page of the mempool, as the service tells it.
#[derive(Clone, Debug, Default)]
pub struct PoolPage {
    /// Transactions in the whole mempool.
    pub total: usize,
    /// Their encoded bytes.
    pub bytes: usize,
    /// The page, and one more if there is one.
    pub page: Vec<Arc<SignedTransaction>>,
}

impl PoolPage {
    /// The page with this number of transactions.
    #[must_use]
    pub fn view(&self, count: usize) -> PoolView {
        let shown: Vec<PendingView> =
            self.page.iter().take(count).map(|held| PendingView::from(&**held)).collect();
        let more = self.page.len() > count;
        let next = shown.last().filter(|_| more).map(|last| last.id.clone());
        PoolView { total: self.total, bytes: self.bytes, transactions: shown, next }
    }
}

impl From<&SignedTransaction> for PendingView {
    fn from(signed: &SignedTransaction) -> Self {
        Self {
            id: signed.id().to_string(),
            author: signed.author().to_string(),
            nonce: signed.nonce(),
            valid_until: signed.valid_until(),
            bytes: signed.encoded().len(),
        }
    }
}

impl From<&SignedHeader> for BlockSummary {
    fn from(signed: &SignedHeader) -> Self {
        let header = signed.header();
        Self {
            id: signed.id().to_string(),
            height: header.height,
            parent: header.parent.to_string(),
            producer: header.producer.to_string(),
            timestamp_ms: header.timestamp_ms,
            transactions: u64::from(header.count),
        }
    }
}
