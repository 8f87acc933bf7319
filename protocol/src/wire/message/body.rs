//! A transaction within a message.

use alloc::sync::Arc;
use alloc::vec::Vec;

use bytes::Bytes;

use crate::codec::Misread;
use crate::items::hash::TxId;
use crate::items::transaction::SignedTransaction;

/// An encoded signed transaction on its way. Two are equal if their bytes are.
///
/// A body that is read from a wire is bytes that have not been looked at. A body that an engine sends is the
/// transaction that it holds; encoding it copies the bytes. A simulator hands the message on as it is, and so
/// saves the copy, the hash and the decoding. Every engine checks the signature in either case.
#[derive(Clone, Debug)]
pub enum Body {
    /// As read from a wire.
    Encoded(Bytes),
    /// As held by the speaker.
    Held(Arc<SignedTransaction>),
}

impl Body {
    /// The encoded bytes.
    #[must_use]
    pub fn encoded(&self) -> &Bytes {
        match self {
            Self::Encoded(bytes) => bytes,
            Self::Held(transaction) => transaction.encoded(),
        }
    }

    /// How many bytes they are.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "no encoded transaction is empty")]
    pub fn len(&self) -> usize {
        self.encoded().len()
    }

    /// The id of these bytes, whether they are valid or not.
    #[must_use]
    pub fn id(&self) -> TxId {
        match self {
            Self::Encoded(bytes) => SignedTransaction::id_of(bytes),
            Self::Held(transaction) => transaction.id(),
        }
    }

    /// The transaction, with its own bytes, which keep no larger buffer alive. `id` is [`Body::id`]'s.
    ///
    /// # Errors
    /// If the bytes are not a transaction.
    pub(crate) fn into_transaction(self, id: TxId) -> Result<Arc<SignedTransaction>, Misread> {
        match self {
            Self::Encoded(bytes) => {
                SignedTransaction::from_identified(id, &bytes).map(|read| Arc::new(read.detached()))
            }
            Self::Held(transaction) => Ok(transaction),
        }
    }
}

impl PartialEq for Body {
    fn eq(&self, other: &Self) -> bool {
        self.encoded() == other.encoded()
    }
}

impl Eq for Body {}

impl From<Bytes> for Body {
    fn from(encoded: Bytes) -> Self {
        Self::Encoded(encoded)
    }
}

impl From<Vec<u8>> for Body {
    fn from(encoded: Vec<u8>) -> Self {
        Self::Encoded(encoded.into())
    }
}

impl From<Arc<SignedTransaction>> for Body {
    fn from(transaction: Arc<SignedTransaction>) -> Self {
        Self::Held(transaction)
    }
}
