//! The layout of `store.redb`, format 1: tables, keys and values. Numbers in values are big-endian, so that keys
//! made of them sort as they count. docs/STORAGE.md describes the same for other readers. Deliberately absent:
//! reading and writing of whole items.

use protocol::items::hash::{BlockId, ShortId, TxId};
use protocol::items::transaction::Height;
use protocol::limits::VALID_UNTIL_AHEAD_MAX;
use redb::TableDefinition;

use super::error::StoreError;

/// The format that this program writes, and the only one that it reads.
pub const FORMAT: u32 = 1;

/// `format`: 4 bytes. `network`: the network's name. `totals`: see [`Counters`]. `clock`: see `age.rs`.
/// `past`: see [`PAST_KEY`].
pub(super) const META: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("meta");
/// Block id to [`BlockRow`]. Rows stay when bodies are deleted.
pub(super) const BLOCKS: TableDefinition<'static, [u8; 32], &[u8]> = TableDefinition::new("blocks");
/// A block's number to its id. Numbers count blocks in the order in which they were recorded.
pub(super) const NUMBERS: TableDefinition<'static, u64, [u8; 32]> = TableDefinition::new("numbers");
/// Number and part to a part of the block's transaction ids, 32 bytes each. They stay when bodies are deleted.
pub(super) const IDS: TableDefinition<'static, (u64, u32), &[u8]> = TableDefinition::new("ids");
/// Number and part to a part of the block's body: the CBOR array of its encoded transactions,
/// as in the block itself.
pub(super) const BODIES: TableDefinition<'static, (u64, u32), &[u8]> = TableDefinition::new("bodies");
/// Height to the id of the block that the best chain has there. Genesis is not in it.
pub(super) const BEST: TableDefinition<'static, u64, [u8; 32]> = TableDefinition::new("best");
/// [`Spot`] to nothing: where each transaction is in bodies.
pub(super) const SPOTS: TableDefinition<'static, [u8; SPOT_BYTES], ()> = TableDefinition::new("spots");
/// [`Past`] to nothing: which block of the newest heights had a transaction and no longer has its body. Programs
/// of the format may ignore it. A store that an earlier program made lacks it.
pub(super) const PAST: TableDefinition<'static, [u8; PAST_BYTES], ()> = TableDefinition::new("past");
/// A number that counts transactions as they join the mempool, to the transaction's id and encoded bytes.
pub(super) const PENDING: TableDefinition<'static, u64, &[u8]> = TableDefinition::new("pending");
/// Blocks that left the best chain and whose transactions have not yet gone back to the mempool.
pub(super) const RETURNING: TableDefinition<'static, [u8; 32], ()> = TableDefinition::new("returning");
/// Position to a known peer: the CBOR array of its id and the array of its addresses.
pub(super) const PEERS: TableDefinition<'static, u32, &[u8]> = TableDefinition::new("peers");

/// The key of the format in [`META`].
pub(super) const FORMAT_KEY: &str = "format";
/// The key of the network's name in [`META`].
pub(super) const NETWORK_KEY: &str = "network";
/// The key of [`Counters`] in [`META`].
pub(super) const COUNTERS_KEY: &str = "totals";
/// The key of the [`Counters`] up to which [`PAST`] is complete, in [`META`]. A program that does not know the
/// table changes the others and not these.
pub(super) const PAST_KEY: &str = "past";
/// The key of the store's own clock in [`META`]. A store that an earlier program made lacks it.
pub(super) const CLOCK_KEY: &str = "clock";

/// Bytes of one part of a body or a list of ids. With the page's own fields a part fills four pages of
/// 4 KiB. A whole body would be rounded up to the next power of two of pages, and a third of them
/// would be wasted on average.
pub(super) const PART_BYTES: usize = 16 * 1024 - 128;

/// Bytes of an encoded [`Spot`]: 4 + 8 + 8 + 4 + 4.
pub(super) const SPOT_BYTES: usize = 28;

/// Bytes of an encoded [`Past`]: 4 + 8 + 8 + 4.
pub(super) const PAST_BYTES: usize = 24;

/// Heights of one part of [`PAST`]: a quarter of those that matter. So a look-up asks five parts at most, and old
/// rows are deleted a part at a time.
pub(super) const PAST_HEIGHTS: u64 = VALID_UNTIL_AHEAD_MAX / 4;

/// After this many transactions a new epoch of [`SPOTS`] begins. Ids are random, so new rows fall anywhere in an
/// epoch. An epoch of 65,536 rows of 28 bytes takes about 3 MiB of pages, and no commit has to rewrite more of the
/// index than that, however large the store is. A look-up asks each epoch: 160 for 10 million transactions.
pub(super) const EPOCH_TRANSACTIONS: u64 = 65_536;

/// A block without its body, in the form of [`BLOCKS`].
#[derive(Debug)]
pub(super) struct BlockRow<'a> {
    /// Counts blocks in the order in which they were recorded.
    pub(super) number: u64,
    /// When it was recorded, in seconds of the store's own clock.
    pub(super) stored_at: u64,
    /// The epoch of its spots.
    pub(super) epoch: u32,
    /// The encoded signed header.
    pub(super) header: &'a [u8],
}

impl<'a> BlockRow<'a> {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.header.len().saturating_add(20));
        bytes.extend_from_slice(&self.number.to_be_bytes());
        bytes.extend_from_slice(&self.stored_at.to_be_bytes());
        bytes.extend_from_slice(&self.epoch.to_be_bytes());
        bytes.extend_from_slice(self.header);
        bytes
    }

    pub(super) fn decode(id: &BlockId, bytes: &'a [u8]) -> Result<Self, StoreError> {
        let short = || StoreError::damaged(format!("the row of block {id} is too short"));
        let (number, rest) = bytes.split_first_chunk().ok_or_else(short)?;
        let (stored_at, rest) = rest.split_first_chunk().ok_or_else(short)?;
        let (epoch, header) = rest.split_first_chunk().ok_or_else(short)?;
        Ok(Self {
            number: u64::from_be_bytes(*number),
            stored_at: u64::from_be_bytes(*stored_at),
            epoch: u32::from_be_bytes(*epoch),
            header,
        })
    }
}

/// Where a transaction is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot {
    /// A run of blocks that were recorded one after the other.
    pub(super) epoch: u32,
    /// The transaction's short id. Several transactions may share it; the transaction's hash
    /// tells which one is meant.
    pub(super) short: ShortId,
    /// The block's number.
    pub(super) number: u64,
    /// The offset of the encoded transaction in the body, in bytes.
    pub(super) offset: u32,
    /// The length of the encoded transaction, in bytes.
    pub(super) length: u32,
}

impl Spot {
    pub(super) fn encode(&self) -> [u8; SPOT_BYTES] {
        let mut bytes = [0; SPOT_BYTES];
        let (epoch, rest) = bytes.split_at_mut(4);
        let (short, rest) = rest.split_at_mut(8);
        let (number, rest) = rest.split_at_mut(8);
        let (offset, length) = rest.split_at_mut(4);
        epoch.copy_from_slice(&self.epoch.to_be_bytes());
        short.copy_from_slice(&self.short.0);
        number.copy_from_slice(&self.number.to_be_bytes());
        offset.copy_from_slice(&self.offset.to_be_bytes());
        length.copy_from_slice(&self.length.to_be_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8; SPOT_BYTES]) -> Self {
        let [a, b, c, d, rest @ ..] = *bytes;
        let [s0, s1, s2, s3, s4, s5, s6, s7, rest @ ..] = rest;
        let [n0, n1, n2, n3, n4, n5, n6, n7, rest @ ..] = rest;
        let [o0, o1, o2, o3, l0, l1, l2, l3] = rest;
        Self {
            epoch: u32::from_be_bytes([a, b, c, d]),
            short: ShortId([s0, s1, s2, s3, s4, s5, s6, s7]),
            number: u64::from_be_bytes([n0, n1, n2, n3, n4, n5, n6, n7]),
            offset: u32::from_be_bytes([o0, o1, o2, o3]),
            length: u32::from_be_bytes([l0, l1, l2, l3]),
        }
    }

    /// The first and the last key that a transaction can have in an epoch.
    pub(super) fn range(epoch: u32, id: &TxId) -> (Self, Self) {
        let first = Self { epoch, short: id.short(), number: 0, offset: 0, length: 0 };
        (first, Self { number: u64::MAX, offset: u32::MAX, length: u32::MAX, ..first })
    }
}

/// A transaction of a block whose body is gone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Past {
    /// The block's height, divided by [`PAST_HEIGHTS`].
    pub(super) part: u32,
    /// The transaction's short id. The block's list of ids tells which transaction is meant.
    pub(super) short: ShortId,
    /// The block's number.
    pub(super) number: u64,
    /// Its place in the block, so that a look-up reads one id and not all of them.
    pub(super) position: u32,
}

impl Past {
    /// The part of a height.
    pub(super) fn part(height: Height) -> u32 {
        u32::try_from(height / PAST_HEIGHTS).unwrap_or(u32::MAX)
    }

    pub(super) fn encode(&self) -> [u8; PAST_BYTES] {
        let mut bytes = [0; PAST_BYTES];
        let (part, rest) = bytes.split_at_mut(4);
        let (short, rest) = rest.split_at_mut(8);
        let (number, position) = rest.split_at_mut(8);
        part.copy_from_slice(&self.part.to_be_bytes());
        short.copy_from_slice(&self.short.0);
        number.copy_from_slice(&self.number.to_be_bytes());
        position.copy_from_slice(&self.position.to_be_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8; PAST_BYTES]) -> Self {
        let [a, b, c, d, rest @ ..] = *bytes;
        let [s0, s1, s2, s3, s4, s5, s6, s7, rest @ ..] = rest;
        let [n0, n1, n2, n3, n4, n5, n6, n7, position @ ..] = rest;
        Self {
            part: u32::from_be_bytes([a, b, c, d]),
            short: ShortId([s0, s1, s2, s3, s4, s5, s6, s7]),
            number: u64::from_be_bytes([n0, n1, n2, n3, n4, n5, n6, n7]),
            position: u32::from_be_bytes(position),
        }
    }

    /// The first and the last key that a transaction can have in a part.
    pub(super) fn range(part: u32, id: &TxId) -> (Self, Self) {
        let first = Self { part, short: id.short(), number: 0, position: 0 };
        (first, Self { number: u64::MAX, position: u32::MAX, ..first })
    }
}

/// The counters of the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counters {
    /// The number of the next block, and so the number of blocks that were ever recorded.
    pub(super) blocks: u64,
    /// Bytes of all bodies.
    pub(super) body_bytes: u64,
    /// Transactions in all blocks that were ever recorded. They tell the epoch.
    pub(super) transactions: u64,
}

impl Counters {
    pub(super) fn encode(&self) -> [u8; 24] {
        let mut bytes = [0; 24];
        let (blocks, rest) = bytes.split_at_mut(8);
        let (body_bytes, transactions) = rest.split_at_mut(8);
        blocks.copy_from_slice(&self.blocks.to_be_bytes());
        body_bytes.copy_from_slice(&self.body_bytes.to_be_bytes());
        transactions.copy_from_slice(&self.transactions.to_be_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        let bytes: &[u8; 24] =
            bytes.try_into().map_err(|_| StoreError::damaged("the totals have another length"))?;
        let at =
            |place: usize| bytes.iter().skip(place).take(8).fold(0, |sum: u64, byte| sum << 8 | u64::from(*byte));
        Ok(Self { blocks: at(0), body_bytes: at(8), transactions: at(16) })
    }

    /// The epoch of the next block's transactions.
    pub(super) fn epoch(&self) -> u32 {
        u32::try_from(self.transactions / EPOCH_TRANSACTIONS).unwrap_or(u32::MAX)
    }
}
