//! Whether an item is valid, judged from its bytes: form, signature, Merkle root, and the rules that need no other
//! block. Each item is judged once.

use std::collections::{BTreeSet, HashMap};

use bytes::Bytes;
use protocol::items::block::{Block, SignedHeader, transactions_root};
use protocol::items::hash::{BlockId, TxId};
use protocol::items::keys::PublicKey;
use protocol::items::network::NetworkId;
use protocol::items::transaction::SignedTransaction;
use protocol::limits::{BLOCK_BYTES_MAX, TRANSACTION_BYTES_MAX};
use protocol::wire::codec::{Decode as _, Encode as _};

/// A judge, and the items that it judged.
#[derive(Debug)]
pub(super) struct Judge {
    network: NetworkId,
    producers: BTreeSet<PublicKey>,
    transactions: HashMap<TxId, bool>,
    headers: HashMap<BlockId, bool>,
    blocks: HashMap<BlockId, bool>,
}

impl Judge {
    pub(super) fn new(network: NetworkId, producers: BTreeSet<PublicKey>) -> Self {
        Self { network, producers, transactions: HashMap::new(), headers: HashMap::new(), blocks: HashMap::new() }
    }

    /// Whether these bytes are a transaction that its author signed.
    pub(super) fn transaction(&mut self, encoded: &Bytes) -> bool {
        let network = &self.network;
        let judged = self.transactions.entry(SignedTransaction::id_of(encoded));
        *judged.or_insert_with(|| {
            let Ok(transaction) = SignedTransaction::from_bytes(encoded) else { return false };
            let key = transaction.author().decompress();
            encoded.len() <= TRANSACTION_BYTES_MAX
                && transaction.encoded() == encoded
                && key.is_some_and(|key| transaction.verify(&key, network))
        })
    }

    /// Whether a header is signed by its producer, and the producer is allowed.
    pub(super) fn header(&mut self, header: &SignedHeader) -> bool {
        let allowed = self.producers.contains(&header.header().producer);
        allowed && self.signed(header)
    }

    /// Whether a block is valid by itself. A block that was submitted to the node itself may be any producer's.
    pub(super) fn block(&mut self, block: &Block, local: bool) -> bool {
        if !(if local { self.signed(&block.header) } else { self.header(&block.header) }) {
            return false;
        }
        // Another body under the same header has another root.
        let ids: Vec<TxId> = block.transactions.iter().map(|body| SignedTransaction::id_of(body)).collect();
        let fields = block.header.header();
        if transactions_root(&ids) != fields.transactions_root || usize::try_from(fields.count) != Ok(ids.len()) {
            return false;
        }
        if let Some(judged) = self.blocks.get(&block.header.id()) {
            return *judged;
        }
        let distinct: BTreeSet<&TxId> = ids.iter().collect();
        let height = fields.height;
        let in_time = |body: &Bytes| {
            SignedTransaction::from_bytes(body).is_ok_and(|transaction| transaction.valid_until() >= height)
        };
        let good = distinct.len() == ids.len()
            && block.encoded_len() <= BLOCK_BYTES_MAX
            && block.transactions.iter().all(|body| self.transaction(body) && in_time(body));
        self.blocks.insert(block.header.id(), good);
        good
    }

    fn signed(&mut self, header: &SignedHeader) -> bool {
        let network = &self.network;
        *self.headers.entry(header.id()).or_insert_with(|| {
            header.header().producer.decompress().is_some_and(|key| header.verify(&key, network))
        })
    }
}
