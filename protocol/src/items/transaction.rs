//! Transactions: an opaque payload that its author signed.
//!
//! Deliberately absent: any meaning of the payload or of the nonce (which only makes an item distinct), and any
//! knowledge of a mempool or a message. A [`SignedTransaction`] always has an id that matches its bytes. Whether
//! its signature is good is known only after a check.

use core::fmt;
use core::ops::Range;

use bytes::Bytes;

use super::hash::{TxId, sha256};
use super::keys::{Equation, PublicKey, SecretKey, Signature, VerifyingKey};
use super::network::NetworkId;
use crate::codec::{Decode, DecodeError, Encode, Misread, Reader, Writer};
use crate::footprint::block;
use crate::limits::{PAYLOAD_BYTES_MAX, TRANSACTION_BYTES_MAX};

/// Height of a block: its distance from genesis.
pub type Height = u64;

/// What signed bytes of a transaction start with.
pub const TRANSACTION_DOMAIN: &str = "hearsay transaction 1";

/// The fields that an author signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// The key that signs it.
    pub author: PublicKey,
    /// Makes an item distinct; neither ordered nor checked.
    pub nonce: u64,
    /// The last height of a block that may hold it.
    pub valid_until: Height,
    /// Anything, at most [`PAYLOAD_BYTES_MAX`] bytes.
    pub payload: Bytes,
}

/// A transaction with its signature, its encoded bytes and its id.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedTransaction {
    id: TxId,
    author: PublicKey,
    nonce: u64,
    valid_until: Height,
    payload: Range<usize>,
    signature: Signature,
    encoded: Bytes,
}

impl Transaction {
    /// Signs the transaction for `network` with its author's key.
    ///
    /// # Errors
    /// [`DecodeError::TooLong`] if the payload is above its bound, because every node would refuse the bytes. The
    /// author field is set from `key`, so the two can't disagree.
    pub fn sign(mut self, key: &SecretKey, network: &NetworkId) -> Result<SignedTransaction, DecodeError> {
        self.author = key.public();
        let signature = key.sign(&SigningBytes(network, &self).to_bytes());
        SignedTransaction::from_bytes(&Signed { transaction: &self, signature }.to_bytes().into())
    }
}

impl SignedTransaction {
    /// The memory of a transaction that is held, beside its encoded bytes: its fields behind two counts, and the
    /// record of 24 bytes by which copies share the encoded bytes.
    pub const HELD_BYTES: usize = block(size_of::<Self>() + 16) + block(24);

    /// The transaction's id: SHA-256 of its encoded bytes.
    #[must_use]
    pub const fn id(&self) -> TxId {
        self.id
    }

    /// The key that signed it.
    #[must_use]
    pub const fn author(&self) -> PublicKey {
        self.author
    }

    /// The number that makes it distinct.
    #[must_use]
    pub const fn nonce(&self) -> u64 {
        self.nonce
    }

    /// The last height of a block that may hold it.
    #[must_use]
    pub const fn valid_until(&self) -> Height {
        self.valid_until
    }

    /// The opaque payload.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        self.encoded.get(self.payload.clone()).unwrap_or_default()
    }

    /// The encoded bytes, signature included, as peers exchange them.
    #[must_use]
    pub const fn encoded(&self) -> &Bytes {
        &self.encoded
    }

    /// The id that these encoded bytes would have; cheaper than decoding them.
    #[must_use]
    pub fn id_of(encoded: &[u8]) -> TxId {
        TxId(sha256(&[encoded]))
    }

    /// Reads encoded bytes whose id was computed before by [`SignedTransaction::id_of`].
    pub(crate) fn from_identified(id: TxId, encoded: &Bytes) -> Result<Self, Misread> {
        let mut reader = Reader::new(encoded.clone());
        let read = Self::read(&mut reader, Some(id)).and_then(|read| reader.finish().map(|()| read));
        read.map_err(|error| reader.misread(error))
    }

    /// Whether the signature is the author's for `network`. `key` must be the author's, decompressed.
    #[must_use]
    pub fn verify(&self, key: &VerifyingKey, network: &NetworkId) -> bool {
        self.equation(key, network).is_some_and(|equation| equation.holds())
    }

    /// The equation that holds if the signature is the author's for `network`, as in [`VerifyingKey::equation`].
    #[must_use]
    pub fn equation(&self, key: &VerifyingKey, network: &NetworkId) -> Option<Equation> {
        key.equation(&SigningBytes(network, &self.unsigned()).to_bytes(), &self.signature)
    }

    /// The same transaction with its own bytes, so that it does not keep a larger buffer alive.
    #[must_use]
    pub fn detached(mut self) -> Self {
        self.encoded = Bytes::copy_from_slice(&self.encoded);
        self
    }

    fn read(reader: &mut Reader, id: Option<TxId>) -> Result<Self, DecodeError> {
        let start = reader.position();
        reader.array_of("a transaction", 5)?;
        let author = PublicKey::decode(reader)?;
        let nonce = reader.field("a nonce").uint()?;
        let valid_until = reader.field("a valid-until").uint()?;
        let payload = reader.bytes("a payload", PAYLOAD_BYTES_MAX)?;
        let end = reader.position().saturating_sub(start);
        let payload = end.saturating_sub(payload.len())..end;
        let signature = Signature::decode(reader)?;
        let encoded = reader.since(start);
        if encoded.len() > TRANSACTION_BYTES_MAX {
            reader.blame("a transaction", start);
            return Err(DecodeError::TooLong { what: "a transaction", max: TRANSACTION_BYTES_MAX });
        }
        let id = id.unwrap_or_else(|| Self::id_of(&encoded));
        Ok(Self { id, author, nonce, valid_until, payload, signature, encoded })
    }

    fn unsigned(&self) -> Transaction {
        Transaction {
            author: self.author,
            nonce: self.nonce,
            valid_until: self.valid_until,
            payload: self.encoded.slice(self.payload.clone()),
        }
    }
}

impl Decode for SignedTransaction {
    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        Self::read(reader, None)
    }
}

impl Encode for SignedTransaction {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.raw(&self.encoded);
    }
}

impl fmt::Debug for SignedTransaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedTransaction")
            .field("id", &self.id)
            .field("author", &self.author)
            .field("nonce", &self.nonce)
            .field("valid_until", &self.valid_until)
            .field("payload_bytes", &self.payload.len())
            .finish_non_exhaustive()
    }
}

struct Signed<'a> {
    transaction: &'a Transaction,
    signature: Signature,
}

impl Encode for Signed<'_> {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.array(5);
        fields(self.transaction, writer);
        self.signature.encode(writer);
    }
}

/// The CBOR sequence (RFC 8742) that is signed: domain, network, and the four fields as an array.
struct SigningBytes<'a>(&'a NetworkId, &'a Transaction);

impl Encode for SigningBytes<'_> {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.text(TRANSACTION_DOMAIN);
        writer.text(self.0.as_str());
        writer.array(4);
        fields(self.1, writer);
    }
}

fn fields(transaction: &Transaction, writer: &mut Writer<'_>) {
    transaction.author.encode(writer);
    writer.uint(transaction.nonce);
    writer.uint(transaction.valid_until);
    writer.bytes(&transaction.payload);
}
