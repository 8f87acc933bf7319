//! Transactions and blocks of an exact encoded length.
//!
//! Lengths in CBOR grow with the numbers before them. So some lengths can't be reached with a nonce of a given
//! size, but another size of nonce reaches them.

use protocol::items::block::{Block, Header, SignedHeader, transactions_root};
use protocol::items::hash::TxId;
use protocol::items::keys::{PublicKey, SecretKey};
use protocol::items::network::NetworkId;
use protocol::items::transaction::{Height, SignedTransaction, Transaction};
use protocol::limits::{BLOCK_BYTES_MAX, BLOCK_TRANSACTIONS_MAX, PAYLOAD_BYTES_MAX};
use protocol::wire::codec::{DecodeError, Encode as _};
use protocol::wire::message::Tip;

use crate::random::Draws;

/// The fewest bytes that a transaction of the workload takes: array header 1, author 34, nonce 5, `valid_until` 3,
/// payload header 1, no payload, signature 66.
pub const TX_BYTES_MIN: usize = 1 + 34 + 5 + 3 + 1 + 66;

/// The most bytes: a nonce of 9, a payload header of 3 and a payload one byte below the longest. The header of the
/// longest takes two bytes more and would leave a gap. Every length between the two limits can be made.
pub const TX_BYTES_MAX: usize = 1 + 34 + 9 + 3 + 3 + (PAYLOAD_BYTES_MAX - 1) + 66;

/// How far ahead of the tip the workload's transactions stay valid, in blocks.
pub const VALID_FOR: Height = 1_000;

/// The last height that is encoded in 3 bytes, as the lengths here assume. `VALID_FOR` is the first height in use.
/// It is above 255, up to which a height takes fewer bytes.
const VALID_UNTIL_MAX: Height = 65_535;

/// The largest nonce of 5 bytes. All larger ones take 9 bytes. The first nonce of 5 bytes is 65,536.
const NONCE_SHORT_MAX: u64 = u32::MAX as u64;
const NONCE_SHORT_MIN: u64 = 65_536;

/// Why no item of the wanted length can be made. Nothing was sent.
#[derive(Debug, thiserror::Error)]
pub enum ItemError {
    /// Too short or too long for a transaction.
    #[error("no transaction is {0} bytes long: use {TX_BYTES_MIN} to {TX_BYTES_MAX}")]
    TransactionBytes(usize),
    /// No mix of transactions fills the block.
    #[error(
        "no block is exactly {block} bytes long with transactions of {transaction}: use at least one transaction's \
         length and 200 bytes more, at most {BLOCK_BYTES_MAX} bytes and {BLOCK_TRANSACTIONS_MAX} transactions"
    )]
    BlockBytes {
        /// Bytes wanted of the block.
        block: usize,
        /// Bytes wanted of each transaction.
        transaction: usize,
    },
    /// An item has another length than computed.
    #[error("an item of {wanted} bytes came out with {made}: this is an error of the instrument")]
    Length {
        /// Computed.
        wanted: usize,
        /// Encoded.
        made: usize,
    },
    /// The engine's own bounds refuse the item.
    #[error("the item can't be encoded: {0}")]
    Encode(#[from] DecodeError),
}

/// Makes transactions of one length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TxShape {
    bytes: usize,
    payload: usize,
    nonce_first: u64,
}

impl TxShape {
    /// Transactions of exactly `bytes` encoded bytes.
    ///
    /// # Errors
    /// Outside of [`TX_BYTES_MIN`] to [`TX_BYTES_MAX`].
    pub fn new(bytes: usize) -> Result<Self, ItemError> {
        if bytes > TX_BYTES_MAX {
            return Err(ItemError::TransactionBytes(bytes));
        }
        for (nonce, nonce_first) in [(9, NONCE_SHORT_MAX + 1), (5, NONCE_SHORT_MIN)] {
            let fixed = 1 + 34 + nonce + 3 + 66;
            for payload in [1, 2, 3].iter().filter_map(|header| bytes.checked_sub(fixed + header)) {
                if fixed + wrapped(payload) == bytes {
                    return Ok(Self { bytes, payload, nonce_first });
                }
            }
        }
        Err(ItemError::TransactionBytes(bytes))
    }

    /// Bytes of each transaction.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// The author's `sequence`-th transaction, with a random payload.
    ///
    /// # Errors
    /// [`ItemError::Length`] if the computed length was wrong.
    pub fn make(
        &self,
        key: &SecretKey,
        network: &NetworkId,
        sequence: u64,
        valid_until: Height,
        draws: &mut Draws,
    ) -> Result<SignedTransaction, ItemError> {
        let transaction = Transaction {
            author: PublicKey::default(),
            nonce: self.nonce_first.saturating_add(sequence),
            valid_until: valid_until.clamp(VALID_FOR, VALID_UNTIL_MAX),
            payload: draws.bytes(self.payload).into(),
        };
        let signed = transaction.sign(key, network)?;
        match signed.encoded().len() {
            made if made == self.bytes => Ok(signed),
            made => Err(ItemError::Length { wanted: self.bytes, made }),
        }
    }
}

/// Makes blocks of one length, filled with transactions that no node has seen.
#[derive(Clone, Debug)]
pub struct BlockMaker {
    producer: SecretKey,
    author: SecretKey,
    network: NetworkId,
    block_bytes: usize,
    tx_bytes: usize,
    made: u64,
    draws: Draws,
}

impl BlockMaker {
    /// Blocks of `block_bytes` signed by `producer`, with transactions of about `tx_bytes` signed by `author`.
    ///
    /// # Errors
    /// If no such block exists.
    pub fn new(
        producer: SecretKey,
        author: SecretKey,
        network: NetworkId,
        block_bytes: usize,
        tx_bytes: usize,
        draws: Draws,
    ) -> Result<Self, ItemError> {
        let maker = Self { producer, author, network, block_bytes, tx_bytes, made: 0, draws };
        maker.lengths(1)?;
        Ok(maker)
    }

    /// The next block on `tip`.
    ///
    /// # Errors
    /// If no block of this length exists at this height, which changes the header's length by up to 8 bytes.
    pub fn make(&mut self, tip: Tip, timestamp_ms: u64) -> Result<Block, ItemError> {
        let height = tip.height.saturating_add(1);
        let mut transactions = Vec::new();
        let mut ids: Vec<TxId> = Vec::new();
        for bytes in self.lengths(height)? {
            let shape = TxShape::new(bytes)?;
            let valid_until = height.saturating_add(VALID_FOR);
            let made = shape.make(&self.author, &self.network, self.made, valid_until, &mut self.draws)?;
            self.made = self.made.saturating_add(1);
            ids.push(made.id());
            transactions.push(made.encoded().clone());
        }
        let mut header = self.header(height, transactions.len(), timestamp_ms);
        header.parent = tip.id;
        header.transactions_root = transactions_root(&ids);
        let block = Block { header: header.sign(&self.producer, &self.network), transactions };
        match block.encoded_len() {
            made if made == self.block_bytes => Ok(block),
            made => Err(ItemError::Length { wanted: self.block_bytes, made }),
        }
    }

    /// The number of transactions in the next block at `height`.
    ///
    /// # Errors
    /// Like [`BlockMaker::make`].
    pub fn transactions(&self, height: Height) -> Result<usize, ItemError> {
        self.lengths(height).map(|lengths| lengths.len())
    }

    /// The lengths of the transactions. All have the wanted length, except that the last takes the remaining
    /// bytes. If the last can't have the exact length, the first becomes some bytes shorter.
    fn lengths(&self, height: Height) -> Result<Vec<usize>, ItemError> {
        let none = || ItemError::BlockBytes { block: self.block_bytes, transaction: self.tx_bytes };
        if self.block_bytes > BLOCK_BYTES_MAX {
            return Err(none());
        }
        let each = wrapped(self.tx_bytes);
        let most = self.block_bytes / each;
        for count in (most.saturating_sub(3)..=most.saturating_add(1)).rev() {
            if count == 0 || count > BLOCK_TRANSACTIONS_MAX {
                continue;
            }
            let Some(space) = self.block_bytes.checked_sub(self.frame(height, count)) else { continue };
            for shorter in 0..=4 {
                let Some(first) = self.tx_bytes.checked_sub(shorter) else { continue };
                let others = if count == 1 { 0 } else { wrapped(first) + each * (count - 2) };
                let Some(last) = space.checked_sub(others).and_then(unwrapped) else { continue };
                if TxShape::new(last).is_err() || TxShape::new(first).is_err() {
                    continue;
                }
                let mut lengths = vec![self.tx_bytes; count];
                if let Some(length) = lengths.first_mut() {
                    *length = first;
                }
                if let Some(length) = lengths.last_mut() {
                    *length = last;
                }
                return Ok(lengths);
            }
        }
        Err(none())
    }

    /// Bytes of a block around its transactions.
    fn frame(&self, height: Height, count: usize) -> usize {
        // Every time since 1970 that a clock can return takes 9 bytes.
        let header: SignedHeader = self.header(height, count, u64::MAX).sign(&self.producer, &self.network);
        1 + header.encoded_len() + head(count)
    }

    fn header(&self, height: Height, count: usize, timestamp_ms: u64) -> Header {
        Header {
            height,
            parent: Default::default(),
            producer: self.producer.public(),
            timestamp_ms,
            transactions_root: Default::default(),
            count: u32::try_from(count).unwrap_or(u32::MAX),
        }
    }
}

/// Bytes of a CBOR header that states `len`.
const fn head(len: usize) -> usize {
    match len {
        0..=23 => 1,
        24..=0xff => 2,
        0x100..=0xffff => 3,
        _ => 5,
    }
}

/// Bytes of a byte string of `len` with its header.
const fn wrapped(len: usize) -> usize {
    len + head(len)
}

/// The length of the byte string that takes `bytes` with its header, if there is one.
fn unwrapped(bytes: usize) -> Option<usize> {
    [1, 2, 3, 5].iter().filter_map(|head| bytes.checked_sub(*head)).find(|len| wrapped(*len) == bytes)
}
