//! Blocks: a header that its producer signed, and the transactions that the header commits to.
//!
//! Deliberately absent: the chain, and any message. Timestamps decide nothing.

use alloc::vec::Vec;

use bytes::Bytes;

use super::hash::{BlockId, Hash256, TxId, sha256};
use super::keys::{Equation, PublicKey, SecretKey, Signature, VerifyingKey};
use super::network::NetworkId;
use super::transaction::Height;
use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::limits::{BLOCK_BYTES_MAX, BLOCK_TRANSACTIONS_MAX, TRANSACTION_BYTES_MAX};

/// What signed bytes of a header start with.
pub const HEADER_DOMAIN: &str = "hearsay header 1";

/// What a producer signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Distance from genesis; one more than the parent's.
    pub height: Height,
    /// The block before this one.
    pub parent: BlockId,
    /// The key that signs it.
    pub producer: PublicKey,
    /// When it was made, by its producer's clock, in milliseconds since 1970. It decides nothing.
    pub timestamp_ms: u64,
    /// RFC 6962 Merkle root over the transaction ids.
    pub transactions_root: Hash256,
    /// How many transactions the body has.
    pub count: u32,
}

/// A header with its signature and the id that follows from both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedHeader {
    header: Header,
    signature: Signature,
    id: BlockId,
}

/// A header and the encoded transactions that came with it. [`transactions_root`] shows whether the two belong
/// together. Nothing in this file checks that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The signed header.
    pub header: SignedHeader,
    /// Encoded signed transactions, in order.
    pub transactions: Vec<Bytes>,
}

impl Header {
    /// Signs the header for `network` with its producer's key. The producer field is set from `key`.
    #[must_use]
    pub fn sign(mut self, key: &SecretKey, network: &NetworkId) -> SignedHeader {
        self.producer = key.public();
        let signature = key.sign(&SigningBytes(network, &self).to_bytes());
        SignedHeader::new(self, signature)
    }
}

impl SignedHeader {
    fn new(header: Header, signature: Signature) -> Self {
        let mut signed = Self { header, signature, id: BlockId::default() };
        signed.id = BlockId(sha256(&[&signed.to_bytes()]));
        signed
    }

    /// The block's id: SHA-256 of the encoded signed header.
    #[must_use]
    pub const fn id(&self) -> BlockId {
        self.id
    }

    /// The header itself.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// Whether the signature is the producer's for `network`. `key` must be the producer's, decompressed.
    #[must_use]
    pub fn verify(&self, key: &VerifyingKey, network: &NetworkId) -> bool {
        self.equation(key, network).is_some_and(|equation| equation.holds())
    }

    /// The equation that holds if the signature is the producer's for `network`, as in [`VerifyingKey::equation`].
    #[must_use]
    pub fn equation(&self, key: &VerifyingKey, network: &NetworkId) -> Option<Equation> {
        key.equation(&SigningBytes(network, &self.header).to_bytes(), &self.signature)
    }
}

impl Encode for SignedHeader {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.array(7);
        fields(&self.header, writer);
        self.signature.encode(writer);
    }
}

impl Decode for SignedHeader {
    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        reader.array_of("a header", 7)?;
        let header = Header {
            height: reader.field("a height").uint()?,
            parent: BlockId::decode(reader)?,
            producer: PublicKey::decode(reader)?,
            timestamp_ms: reader.field("a timestamp").uint()?,
            transactions_root: Hash256::decode(reader)?,
            count: u32::try_from(reader.field("a count").uint()?).map_err(|_| DecodeError::BadValue("a count"))?,
        };
        Ok(Self::new(header, Signature::decode(reader)?))
    }
}

impl Encode for Block {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.array(2);
        self.header.encode(writer);
        writer.array(self.transactions.len());
        for transaction in &self.transactions {
            writer.bytes(transaction);
        }
    }
}

impl Decode for Block {
    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        let start = reader.position();
        reader.array_of("a block", 2)?;
        let header = SignedHeader::decode(reader)?;
        let count = reader.array("a block's transactions", BLOCK_TRANSACTIONS_MAX)?;
        let mut transactions = Vec::new();
        for _ in 0..count {
            transactions.push(reader.bytes("a transaction", TRANSACTION_BYTES_MAX)?);
        }
        if reader.since(start).len() > BLOCK_BYTES_MAX {
            reader.blame("a block", start);
            return Err(DecodeError::TooLong { what: "a block", max: BLOCK_BYTES_MAX });
        }
        Ok(Self { header, transactions })
    }
}

/// The RFC 6962 (section 2.1) Merkle tree hash over `ids`. Leaves and nodes have different prefixes, and no leaf
/// is ever duplicated, so no two lists have the same root.
#[must_use]
pub fn transactions_root(ids: &[TxId]) -> Hash256 {
    match ids {
        [] => Hash256(sha256(&[])),
        [leaf] => Hash256(sha256(&[&[0], leaf.as_bytes()])),
        _ => {
            // The largest power of two below the length.
            let middle = ids.len().next_power_of_two() / 2;
            let (left, right) = ids.split_at(middle);
            let (left, right) = (transactions_root(left), transactions_root(right));
            Hash256(sha256(&[&[1], left.as_bytes(), right.as_bytes()]))
        }
    }
}

/// The CBOR sequence that is signed: domain, network, and the six fields as an array.
struct SigningBytes<'a>(&'a NetworkId, &'a Header);

impl Encode for SigningBytes<'_> {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.text(HEADER_DOMAIN);
        writer.text(self.0.as_str());
        writer.array(6);
        fields(self.1, writer);
    }
}

fn fields(header: &Header, writer: &mut Writer<'_>) {
    writer.uint(header.height);
    header.parent.encode(writer);
    header.producer.encode(writer);
    writer.uint(header.timestamp_ms);
    header.transactions_root.encode(writer);
    writer.uint(u64::from(header.count));
}
