//! Reading from one snapshot of the tables. Everything is checked against the hash that names it, and
//! against the rows that must be beside it. If something doesn't fit, it is [`StoreError::Damaged`].
//! Deliberately absent: writing.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::Arc;

use bytes::Bytes;
use protocol::items::block::{Block, SignedHeader, transactions_root};
use protocol::items::hash::{BlockId, TxId};
use protocol::items::network::NetworkId;
use protocol::items::transaction::{Height, SignedTransaction};
use protocol::ledger::durable::RestoredBlock;
use protocol::limits::{
    BLOCK_TRANSACTIONS_MAX, CHAIN_BEST_HEADERS_MIN, CONFIRMED_MAX, HEADERS_ENTRIES_MAX, LOCATOR_ENTRIES_MAX,
    TRANSACTION_BYTES_MAX,
};
use protocol::wire::codec::{Decode as _, DecodeError, Reader};
use protocol::wire::message::Tip;
use redb::{Database, ReadTransaction, ReadableDatabase as _, ReadableTable};

use super::error::{Context as _, StoreError};
use super::peers::{KEPT_PEERS_MAX, KnownPeer};
use super::tables::{BEST, BLOCKS, BODIES, BlockRow, IDS, NUMBERS, PART_BYTES, PEERS, PENDING, RETURNING, Spot};

/// Transaction ids in a full part of a block's list.
const IDS_PER_PART: u32 = (PART_BYTES / 32) as u32;

const _: () = assert!(PART_BYTES.is_multiple_of(32), "no id lies in two parts");

/// A snapshot.
pub(super) struct Reads<'a> {
    pub(super) transaction: ReadTransaction,
    pub(super) genesis: BlockId,
    /// The database must outlive the snapshot.
    _database: PhantomData<&'a Database>,
}

/// A block without its body.
pub(super) struct Row {
    number: u64,
    pub(super) epoch: u32,
    header: SignedHeader,
}

impl<'a> Reads<'a> {
    pub(super) fn begin(database: &'a Database, network: &NetworkId) -> Result<Self, StoreError> {
        let transaction = database.begin_read().trying("read")?;
        Ok(Self { transaction, genesis: network.genesis(), _database: PhantomData })
    }

    /// A block with its body; `None` if the body isn't kept.
    pub(super) fn block(&self, id: &BlockId) -> Result<Option<Arc<Block>>, StoreError> {
        let Some(row) = self.row(id)? else { return Ok(None) };
        let bodies = self.transaction.open_table(BODIES).trying("read")?;
        if bodies.get((row.number, 0)).trying("read")?.is_none() {
            return Ok(None);
        }
        let body = join(&bodies, row.number)?;
        let transactions: Vec<Bytes> =
            body_transactions(id, &body)?.into_iter().map(|(_, transaction)| transaction).collect();
        let ids: Vec<TxId> = transactions.iter().map(|bytes| SignedTransaction::id_of(bytes)).collect();
        check_root(id, &row.header, &ids)?;
        Ok(Some(Arc::new(Block { header: row.header, transactions })))
    }

    /// See [`Load::HeadersAfter`](protocol::ledger::durable::Load::HeadersAfter).
    pub(super) fn headers_after(&self, locator: &[BlockId]) -> Result<Vec<SignedHeader>, StoreError> {
        let best = self.transaction.open_table(BEST).trying("read")?;
        let mut headers = Vec::new();
        for id in locator.iter().take(LOCATOR_ENTRIES_MAX) {
            let Some(height) = self.best_height(id)? else { continue };
            for row in best.range(height.saturating_add(1)..).trying("read")?.take(HEADERS_ENTRIES_MAX) {
                let (_, id) = row.trying("read")?;
                headers.push(self.known(&BlockId(id.value()))?.header);
            }
            break;
        }
        Ok(headers)
    }

    /// The newest blocks of the best chain, the lowest first.
    pub(super) fn best(&self) -> Result<Vec<RestoredBlock>, StoreError> {
        let table = self.transaction.open_table(BEST).trying("read")?;
        let mut blocks: Vec<RestoredBlock> = Vec::new();
        let mut transactions_left = Some(CONFIRMED_MAX);
        for row in table.iter().trying("read")?.rev().take(CHAIN_BEST_HEADERS_MIN) {
            let (height, id) = row.trying("read")?;
            let (height, id) = (height.value(), BlockId(id.value()));
            let row = self.known(&id)?;
            if row.header.header().height != height {
                return Err(StoreError::damaged(format!("block {id} is at height {height} of the best chain")));
            }
            if blocks.last().is_some_and(|above| above.header.header().parent != id) {
                return Err(StoreError::damaged(format!("block {id} is not the parent of the block above it")));
            }
            let count = row.header.header().count as usize;
            transactions_left = transactions_left.and_then(|left| left.checked_sub(count));
            let transactions = if transactions_left.is_some() { Some(self.ids(&id, &row)?) } else { None };
            blocks.push(RestoredBlock { header: row.header, transactions });
        }
        blocks.reverse();
        if let Some(lowest) = blocks.first()
            && blocks.len() < CHAIN_BEST_HEADERS_MIN
            && lowest.header.header().parent != self.genesis
        {
            return Err(StoreError::damaged("the best chain does not begin at genesis"));
        }
        Ok(blocks)
    }

    /// The mempool, in the order in which transactions joined.
    pub(super) fn pending(&self) -> Result<Vec<Arc<SignedTransaction>>, StoreError> {
        let table = self.transaction.open_table(PENDING).trying("read")?;
        let mut pending = Vec::new();
        for row in table.iter().trying("read")? {
            let (_, row) = row.trying("read")?;
            let (id, encoded) = pending_row(row.value())?;
            pending.push(transaction(&id, Bytes::copy_from_slice(encoded))?);
        }
        Ok(pending)
    }

    /// The place of each pending transaction, and the next free place.
    pub(super) fn pending_places(&self) -> Result<(HashMap<TxId, u64>, u64), StoreError> {
        let table = self.transaction.open_table(PENDING).trying("read")?;
        let (mut places, mut next) = (HashMap::new(), 0);
        for row in table.iter().trying("read")? {
            let (place, row) = row.trying("read")?;
            let (id, _) = pending_row(row.value())?;
            next = place.value().saturating_add(1);
            if places.insert(id, place.value()).is_some() {
                return Err(StoreError::damaged(format!("transaction {id} is pending twice")));
            }
        }
        Ok((places, next))
    }

    /// The pending transaction at a place.
    pub(super) fn pending_at(&self, place: u64, id: &TxId) -> Result<Option<Arc<SignedTransaction>>, StoreError> {
        let table = self.transaction.open_table(PENDING).trying("read")?;
        let Some(row) = table.get(place).trying("read")? else { return Ok(None) };
        let (_, encoded) = pending_row(row.value())?;
        transaction(id, Bytes::copy_from_slice(encoded)).map(Some)
    }

    /// The ids of a block's transactions; `None` if the block isn't known.
    pub(super) fn contents(&self, id: &BlockId) -> Result<Option<Arc<[TxId]>>, StoreError> {
        self.row(id)?.map(|row| self.ids(id, &row)).transpose()
    }

    /// Blocks whose transactions have not yet gone back to the mempool.
    pub(super) fn returning(&self) -> Result<Vec<BlockId>, StoreError> {
        let table = self.transaction.open_table(RETURNING).trying("read")?;
        let rows = table.iter().trying("read")?;
        rows.map(|row| Ok(BlockId(row.trying("read")?.0.value()))).collect()
    }

    /// The lowest height from which on all bodies of the best chain are kept. Bodies are deleted in the order in
    /// which they were recorded, so nearly in the order of heights: halving finds the place in a long chain. A
    /// peer that is told a height that is too low gets a notfound.
    pub(super) fn kept_from(&self) -> Result<Height, StoreError> {
        let best = self.transaction.open_table(BEST).trying("read")?;
        let bodies = self.transaction.open_table(BODIES).trying("read")?;
        let tip = best.last().trying("read")?.map_or(0, |(height, _)| height.value());
        let (mut low, mut high) = (1, tip.saturating_add(1));
        while low < high {
            let middle = low.midpoint(high);
            let id = best.get(middle).trying("read")?.map(|id| BlockId(id.value()));
            let id = id.ok_or_else(|| StoreError::damaged(format!("the best chain lacks height {middle}")))?;
            match bodies.get((self.known(&id)?.number, 0)).trying("read")? {
                Some(_) => high = middle,
                None => low = middle.saturating_add(1),
            }
        }
        Ok(low)
    }

    /// The known peers.
    pub(super) fn peers(&self) -> Result<Vec<KnownPeer>, StoreError> {
        let table = self.transaction.open_table(PEERS).trying("read")?;
        let rows = table.iter().trying("read")?.take(KEPT_PEERS_MAX);
        rows.map(|row| KnownPeer::read(row.trying("read")?.1.value())).collect()
    }

    /// The block of a spot, if the spot has this transaction and the block is on the best chain.
    pub(super) fn at(&self, spot: &Spot, id: &TxId) -> Result<Option<Tip>, StoreError> {
        let block = self.numbered(spot.number)?;
        let there = SignedTransaction::id_of(&self.bytes_at(spot)?);
        if there.short() != id.short() {
            return Err(StoreError::damaged(format!(
                "another transaction is where {id} should be in block {block}"
            )));
        }
        if there != *id {
            return Ok(None);
        }
        Ok(self.best_height(&block)?.map(|height| Tip { height, id: block }))
    }

    /// The bytes at a spot.
    pub(super) fn bytes_at(&self, spot: &Spot) -> Result<Bytes, StoreError> {
        let bodies = self.transaction.open_table(BODIES).trying("read")?;
        slice(&bodies, spot)
    }

    /// The block with a number.
    pub(super) fn numbered(&self, number: u64) -> Result<BlockId, StoreError> {
        let numbers = self.transaction.open_table(NUMBERS).trying("read")?;
        let block = numbers.get(number).trying("read")?.map(|id| BlockId(id.value()));
        block.ok_or_else(|| StoreError::damaged(format!("block number {number} has no id")))
    }

    /// The height of a block that is on the best chain.
    pub(super) fn best_height(&self, id: &BlockId) -> Result<Option<Height>, StoreError> {
        if *id == self.genesis {
            return Ok(Some(0));
        }
        let Some(row) = self.row(id)? else { return Ok(None) };
        let height = row.header.header().height;
        let best = self.transaction.open_table(BEST).trying("read")?;
        let there = best.get(height).trying("read")?.is_some_and(|there| there.value() == *id.as_bytes());
        Ok(there.then_some(height))
    }

    /// The row of a block that another row names.
    pub(super) fn known(&self, id: &BlockId) -> Result<Row, StoreError> {
        self.row(id)?.ok_or_else(|| StoreError::damaged(format!("block {id} of the best chain is missing")))
    }

    fn row(&self, id: &BlockId) -> Result<Option<Row>, StoreError> {
        let blocks = self.transaction.open_table(BLOCKS).trying("read")?;
        let Some(row) = blocks.get(id.as_bytes()).trying("read")? else { return Ok(None) };
        let row = BlockRow::decode(id, row.value())?;
        Ok(Some(Row { number: row.number, epoch: row.epoch, header: header(id, row.header)? }))
    }

    /// One of a block's transaction ids. It is not checked against the block's header, because
    /// that needs all of them.
    pub(super) fn id_at(&self, number: u64, position: u32) -> Result<Option<TxId>, StoreError> {
        let table = self.transaction.open_table(IDS).trying("read")?;
        let (part, place) = (position / IDS_PER_PART, position % IDS_PER_PART);
        let Some(row) = table.get((number, part)).trying("read")? else { return Ok(None) };
        let (ids, _) = row.value().as_chunks::<32>();
        Ok(usize::try_from(place).ok().and_then(|place| ids.get(place)).copied().map(TxId))
    }

    pub(super) fn ids(&self, id: &BlockId, row: &Row) -> Result<Arc<[TxId]>, StoreError> {
        let table = self.transaction.open_table(IDS).trying("read")?;
        let bytes = join(&table, row.number)?;
        let (ids, rest) = bytes.as_chunks::<32>();
        if !rest.is_empty() {
            return Err(StoreError::damaged(format!("the transaction ids of block {id} are cut short")));
        }
        let ids: Arc<[TxId]> = ids.iter().copied().map(TxId).collect();
        check_root(id, &row.header, &ids)?;
        Ok(ids)
    }
}

/// The header of block `id`.
pub(super) fn header(id: &BlockId, bytes: &[u8]) -> Result<SignedHeader, StoreError> {
    let header = SignedHeader::from_bytes(&Bytes::copy_from_slice(bytes))
        .map_err(|error| StoreError::undecodable(&format!("the header of block {id}"), error))?;
    if header.id() != *id {
        return Err(StoreError::damaged(format!("the header of block {id} has another hash")));
    }
    Ok(header)
}

/// The encoded transactions of a body, each with its offset in it.
pub(super) fn body_transactions(id: &BlockId, body: &Bytes) -> Result<Vec<(usize, Bytes)>, StoreError> {
    let read = || -> Result<_, DecodeError> {
        let mut reader = Reader::new(body.clone());
        let count = reader.array("a block's transactions", BLOCK_TRANSACTIONS_MAX)?;
        let mut transactions = Vec::with_capacity(count);
        for _ in 0..count {
            let transaction = reader.bytes("a transaction", TRANSACTION_BYTES_MAX)?;
            transactions.push((reader.position().saturating_sub(transaction.len()), transaction));
        }
        reader.finish()?;
        Ok(transactions)
    };
    read().map_err(|error| StoreError::undecodable(&format!("the body of block {id}"), error))
}

/// All parts of a body or a list of ids, put together.
pub(super) fn join(
    table: &impl ReadableTable<(u64, u32), &'static [u8]>,
    number: u64,
) -> Result<Bytes, StoreError> {
    let mut bytes = Vec::new();
    for (part, row) in (0_u32..).zip(table.range((number, 0)..=(number, u32::MAX)).trying("read")?) {
        let (key, value) = row.trying("read")?;
        if key.value() != (number, part) {
            return Err(StoreError::damaged(format!("part {part} of block number {number} is missing")));
        }
        bytes.extend_from_slice(value.value());
    }
    Ok(bytes.into())
}

/// The bytes at a spot, from the parts that hold them.
fn slice(table: &impl ReadableTable<(u64, u32), &'static [u8]>, spot: &Spot) -> Result<Bytes, StoreError> {
    let (offset, length) = (spot.offset as usize, spot.length as usize);
    if length > TRANSACTION_BYTES_MAX {
        return Err(StoreError::damaged(format!(
            "a transaction of {length} bytes in block number {}",
            spot.number
        )));
    }
    let (first, last) = (offset / PART_BYTES, offset.saturating_add(length) / PART_BYTES);
    let part = |part| u32::try_from(part).unwrap_or(u32::MAX);
    let mut bytes = Vec::new();
    for row in table.range((spot.number, part(first))..=(spot.number, part(last))).trying("read")? {
        bytes.extend_from_slice(row.trying("read")?.1.value());
    }
    let start = offset % PART_BYTES;
    let bytes = Bytes::from(bytes);
    if bytes.len() < start.saturating_add(length) {
        return Err(StoreError::damaged(format!("the body of block number {} ends early", spot.number)));
    }
    Ok(bytes.slice(start..start.saturating_add(length)))
}

fn pending_row(row: &[u8]) -> Result<(TxId, &[u8]), StoreError> {
    let (id, encoded) =
        row.split_first_chunk().ok_or_else(|| StoreError::damaged("a pending row is too short"))?;
    Ok((TxId(*id), encoded))
}

pub(super) fn transaction(id: &TxId, encoded: Bytes) -> Result<Arc<SignedTransaction>, StoreError> {
    let read = SignedTransaction::from_bytes(&encoded)
        .map_err(|error| StoreError::undecodable(&format!("transaction {id}"), error))?;
    if read.id() != *id {
        return Err(StoreError::damaged(format!("transaction {id} has another hash")));
    }
    Ok(Arc::new(read.detached()))
}

fn check_root(id: &BlockId, header: &SignedHeader, ids: &[TxId]) -> Result<(), StoreError> {
    if header.header().count as usize != ids.len() || header.header().transactions_root != transactions_root(ids) {
        return Err(StoreError::damaged(format!("the transactions of block {id} are not those of its header")));
    }
    Ok(())
}
