//! Transactions and blocks, in the form of the RPC and the command line.

use protocol::gossip::TransactionStatus;
use protocol::items::block::Block;
use protocol::items::transaction::SignedTransaction;
use protocol::wire::codec::Encode as _;
use serde::{Deserialize, Serialize};

/// The answer to a submission.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submitted {
    /// The item's id, in hexadecimal.
    pub id: String,
    /// Whether it is new here; false if it was held already.
    pub accepted: bool,
}

/// What is known about a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransactionView {
    /// Its state.
    pub status: TransactionState,
    /// The id of the first block with the transaction. It has no effect in later ones.
    pub block: Option<String>,
    /// That block's height.
    pub height: Option<u64>,
    /// The encoded signed transaction in hexadecimal, while it is kept.
    pub transaction: Option<String>,
}

/// The state of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TransactionState {
    /// In the mempool.
    Pending,
    /// In the best chain.
    Confirmed,
}

/// A block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockView {
    /// Its height.
    pub height: u64,
    /// Its parent's id.
    pub parent: String,
    /// Its producer's public key.
    pub producer: String,
    /// When it was made, by its producer's word, in milliseconds since 1970.
    pub timestamp_ms: u64,
    /// Its transactions' ids, in order.
    pub transactions: Vec<String>,
    /// The encoded block in hexadecimal.
    pub encoded: String,
}

impl From<TransactionStatus> for TransactionView {
    fn from(status: TransactionStatus) -> Self {
        let encoded = |transaction: &SignedTransaction| hex::encode(transaction.encoded());
        match status {
            TransactionStatus::Pending(transaction) => Self {
                status: TransactionState::Pending,
                block: None,
                height: None,
                transaction: Some(encoded(&transaction)),
            },
            TransactionStatus::Confirmed { block, height, transaction, .. } => Self {
                status: TransactionState::Confirmed,
                block: Some(block.to_string()),
                height: Some(height),
                transaction: transaction.as_deref().map(encoded),
            },
        }
    }
}

impl From<&Block> for BlockView {
    fn from(block: &Block) -> Self {
        let header = block.header.header();
        Self {
            height: header.height,
            parent: header.parent.to_string(),
            producer: header.producer.to_string(),
            timestamp_ms: header.timestamp_ms,
            transactions: block
                .transactions
                .iter()
                .map(|bytes| SignedTransaction::id_of(bytes).to_string())
                .collect(),
            encoded: hex::encode(block.to_bytes()),
        }
    }
}
