//! Items for tests that check no signature: correctly encoded, with a signature of zeros.

use std::sync::Arc;

use bytes::Bytes;
use protocol::items::block::{Block, Header, SignedHeader, transactions_root};
use protocol::items::hash::{BlockId, TxId};
use protocol::items::keys::{PublicKey, Signature};
use protocol::items::transaction::SignedTransaction;
use protocol::wire::codec::{Decode, Encode, Writer};

struct Unchecked<F>(F);

impl<F: Fn(&mut Writer<'_>)> Encode for Unchecked<F> {
    fn encode(&self, writer: &mut Writer<'_>) {
        (self.0)(writer);
    }
}

/// The key with this number.
pub(crate) fn key(number: u32) -> PublicKey {
    let mut bytes = [0; 32];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    PublicKey(bytes)
}

/// The encoding of a transaction of author `author`, with a payload of `payload` zeros.
pub(crate) fn encoded_transaction(author: u32, nonce: u64, valid_until: u64, payload: usize) -> Bytes {
    let encoded = Unchecked(|writer: &mut Writer<'_>| {
        writer.array(5);
        key(author).encode(writer);
        writer.uint(nonce);
        writer.uint(valid_until);
        writer.bytes(&vec![0; payload]);
        Signature([0; 64]).encode(writer);
    });
    encoded.to_bytes().into()
}

/// A transaction of author `author`, with a payload of `payload` zeros.
pub(crate) fn transaction(author: u32, nonce: u64, valid_until: u64, payload: usize) -> Arc<SignedTransaction> {
    let encoded = encoded_transaction(author, nonce, valid_until, payload);
    Arc::new(SignedTransaction::from_bytes(&encoded).expect("it is well encoded"))
}

/// A transaction of exactly `bytes` encoded bytes (300 or more).
pub(crate) fn sized(author: u32, nonce: u64, bytes: usize) -> Arc<SignedTransaction> {
    let bare = transaction(author, nonce, 1_000, 256).encoded().len() - 256;
    let made = (bytes - bare - 2..=bytes - bare + 2).map(|payload| transaction(author, nonce, 1_000, payload));
    made.into_iter().find(|made| made.encoded().len() == bytes).expect("a length that a payload can give")
}

/// A header with these fields.
pub(crate) fn sign(header: &Header) -> SignedHeader {
    let encoded = Unchecked(|writer: &mut Writer<'_>| {
        writer.array(7);
        writer.uint(header.height);
        header.parent.encode(writer);
        header.producer.encode(writer);
        writer.uint(header.timestamp_ms);
        header.transactions_root.encode(writer);
        writer.uint(u64::from(header.count));
        Signature([0; 64]).encode(writer);
    });
    SignedHeader::from_bytes(&encoded.to_bytes().into()).expect("it is well encoded")
}

/// A header over `transactions`. `salt` goes into the timestamp, which decides nothing but the id.
pub(crate) fn header(
    parent: BlockId,
    height: u64,
    producer: u32,
    salt: u64,
    transactions: &[Arc<SignedTransaction>],
) -> SignedHeader {
    sign(&Header {
        height,
        parent,
        producer: key(producer),
        timestamp_ms: salt,
        transactions_root: transactions_root(&ids(transactions)),
        count: u32::try_from(transactions.len()).expect("few"),
    })
}

/// A block over `transactions`.
pub(crate) fn block(header: SignedHeader, transactions: &[Arc<SignedTransaction>]) -> Arc<Block> {
    let transactions = transactions.iter().map(|transaction| transaction.encoded().clone()).collect();
    Arc::new(Block { header, transactions })
}

/// The ids of `transactions`, in order.
pub(crate) fn ids(transactions: &[Arc<SignedTransaction>]) -> Vec<TxId> {
    transactions.iter().map(|transaction| transaction.id()).collect()
}

/// A genesis.
pub(crate) fn genesis() -> BlockId {
    BlockId([7; 32])
}
