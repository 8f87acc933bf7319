//! What a group of records does to the tables, inside one transaction that the caller commits or drops.
//! Deliberately absent: durability, and reading for others.

use std::collections::HashMap;

use protocol::items::block::Block;
use protocol::items::hash::{BlockId, TxId};
use protocol::items::transaction::{Height, SignedTransaction};
use protocol::ledger::durable::Record;
use protocol::wire::codec::{Encode, Writer};
use redb::{ReadableTable as _, Table, WriteTransaction};

use super::age::StoreClock;
use super::error::{Context as _, StoreError};
use super::past;
use super::peers::KnownPeer;
use super::read::{body_transactions, header, join};
use super::tables::{
    BEST, BLOCKS, BODIES, BlockRow, CLOCK_KEY, COUNTERS_KEY, Counters, IDS, META, NUMBERS, PART_BYTES, PAST,
    PEERS, PENDING, RETURNING, SPOT_BYTES, SPOTS, Spot,
};
use super::{PRUNE_BLOCKS_MAX, PRUNE_BYTES_MAX, PRUNE_KEEP_BLOCKS, PRUNE_LOOKED_AT_MAX, PruneTarget, Pruned};

type Parts<'t> = Table<'t, (u64, u32), &'static [u8]>;
type Places<'s> = (&'s mut HashMap<TxId, u64>, &'s mut u64);

/// The tables that records change, open.
pub(super) struct Group<'t, 's> {
    transaction: &'t WriteTransaction,
    counters: &'s mut Counters,
    places: Places<'s>,
    clock: StoreClock,
    blocks: Table<'t, [u8; 32], &'static [u8]>,
    numbers: Table<'t, u64, [u8; 32]>,
    ids: Parts<'t>,
    bodies: Parts<'t>,
    best: Table<'t, u64, [u8; 32]>,
    spots: Table<'t, [u8; SPOT_BYTES], ()>,
    pending: Table<'t, u64, &'static [u8]>,
    returning: Table<'t, [u8; 32], ()>,
}

impl<'t, 's> Group<'t, 's> {
    pub(super) fn begin(
        transaction: &'t WriteTransaction,
        counters: &'s mut Counters,
        places: Places<'s>,
        clock: StoreClock,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            transaction,
            counters,
            places,
            clock,
            blocks: transaction.open_table(BLOCKS).trying("write")?,
            numbers: transaction.open_table(NUMBERS).trying("write")?,
            ids: transaction.open_table(IDS).trying("write")?,
            bodies: transaction.open_table(BODIES).trying("write")?,
            best: transaction.open_table(BEST).trying("write")?,
            spots: transaction.open_table(SPOTS).trying("write")?,
            pending: transaction.open_table(PENDING).trying("write")?,
            returning: transaction.open_table(RETURNING).trying("write")?,
        })
    }

    /// Applies `records` in order. Intermediate states of a row cost nothing: the library writes only the final
    /// state of a page at the end.
    pub(super) fn apply(&mut self, records: &[Record]) -> Result<(), StoreError> {
        let before = *self.counters;
        for record in records {
            match record {
                Record::Pending(transaction) => self.join(transaction)?,
                Record::Gone(ids) => self.leave(ids)?,
                Record::Block { block, transactions } => self.block(block, transactions)?,
                Record::Best { fork, blocks, returning } => self.best(*fork, blocks, returning)?,
                Record::Returned(id) => {
                    self.returning.remove(id.as_bytes()).trying("write")?;
                }
                Record::Dropped(ids) => self.drop_bodies(ids)?,
            }
        }
        if before == *self.counters { Ok(()) } else { keep_counters(self.transaction, self.counters, &self.clock) }
    }

    fn join(&mut self, transaction: &SignedTransaction) -> Result<(), StoreError> {
        let (places, next) = &mut self.places;
        if places.contains_key(&transaction.id()) {
            return Ok(());
        }
        let mut row = Vec::with_capacity(transaction.encoded().len().saturating_add(32));
        row.extend_from_slice(transaction.id().as_bytes());
        row.extend_from_slice(transaction.encoded());
        self.pending.insert(**next, row.as_slice()).trying("write")?;
        places.insert(transaction.id(), **next);
        **next = next.saturating_add(1);
        Ok(())
    }

    fn leave(&mut self, ids: &[TxId]) -> Result<(), StoreError> {
        for id in ids {
            if let Some(place) = self.places.0.remove(id) {
                self.pending.remove(place).trying("write")?;
            }
        }
        Ok(())
    }

    /// Keeps a block, or the body of one whose body was pruned.
    fn block(&mut self, block: &Block, transactions: &[TxId]) -> Result<(), StoreError> {
        let id = block.header.id();
        if transactions.len() != block.transactions.len() {
            return Err(StoreError::OutOfOrder { what: format!("names other transactions than block {id} has") });
        }
        let row = self.blocks.get(id.as_bytes()).trying("read")?;
        let known = match &row {
            Some(row) => Some(BlockRow::decode(&id, row.value()).map(|row| (row.number, row.epoch))?),
            None => None,
        };
        drop(row);
        let (number, epoch) = match known {
            Some((number, _)) if self.bodies.get((number, 0)).trying("read")?.is_some() => return Ok(()),
            Some(places) => places,
            None => self.header(block, transactions)?,
        };
        let mut body = Vec::new();
        Array(block.transactions.len()).append_to(&mut body);
        for (id, transaction) in transactions.iter().zip(&block.transactions) {
            Item(transaction).append_to(&mut body);
            let offset = body.len().saturating_sub(transaction.len());
            let spot = Spot {
                epoch,
                short: id.short(),
                number,
                offset: small(offset)?,
                length: small(transaction.len())?,
            };
            self.spots.insert(spot.encode(), ()).trying("write")?;
        }
        split(&mut self.bodies, number, &body)?;
        self.counters.body_bytes = self.counters.body_bytes.saturating_add(body.len() as u64);
        Ok(())
    }

    /// Keeps all parts of a new block except its body.
    fn header(&mut self, block: &Block, transactions: &[TxId]) -> Result<(u64, u32), StoreError> {
        let id = block.header.id();
        let (number, epoch) = (self.counters.blocks, self.counters.epoch());
        self.counters.blocks = number.saturating_add(1);
        self.counters.transactions = self.counters.transactions.saturating_add(transactions.len() as u64);
        let row = BlockRow { number, stored_at: self.clock.now(), epoch, header: &block.header.to_bytes() };
        self.blocks.insert(id.as_bytes(), row.encode().as_slice()).trying("write")?;
        self.numbers.insert(number, id.as_bytes()).trying("write")?;
        let ids: Vec<u8> = transactions.iter().flat_map(|id| *id.as_bytes()).collect();
        split(&mut self.ids, number, &ids)?;
        Ok((number, epoch))
    }

    fn best(&mut self, fork: Height, blocks: &[BlockId], returning: &[BlockId]) -> Result<(), StoreError> {
        let tip = self.best.last().trying("read")?.map_or(0, |(height, _)| height.value());
        if fork > tip {
            return Err(StoreError::OutOfOrder { what: format!("forks at height {fork} above the tip at {tip}") });
        }
        for height in fork.saturating_add(1)..=tip {
            self.best.remove(height).trying("write")?;
        }
        for (height, id) in (fork.saturating_add(1)..).zip(blocks) {
            if self.blocks.get(id.as_bytes()).trying("read")?.is_none() {
                return Err(StoreError::OutOfOrder {
                    what: format!("puts block {id}, never recorded, on the best chain"),
                });
            }
            self.best.insert(height, id.as_bytes()).trying("write")?;
        }
        for id in returning {
            self.returning.insert(id.as_bytes(), ()).trying("write")?;
        }
        Ok(())
    }

    /// Deletes the bodies of blocks that are no longer followed.
    fn drop_bodies(&mut self, ids: &[BlockId]) -> Result<(), StoreError> {
        for id in ids {
            let place = match self.blocks.get(id.as_bytes()).trying("read")? {
                Some(row) => BlockRow::decode(id, row.value()).map(|row| (row.number, row.epoch))?,
                None => continue,
            };
            if self.bodies.get((place.0, 0)).trying("read")?.is_some() {
                let (bytes, _) = remove_body(&mut self.bodies, &mut self.spots, id, place)?;
                self.counters.body_bytes = self.counters.body_bytes.saturating_sub(bytes);
            }
        }
        Ok(())
    }
}

/// Replaces the peers that were kept by `peers`.
pub(super) fn peers(
    transaction: &WriteTransaction,
    peers: &[KnownPeer],
    clock: &StoreClock,
) -> Result<(), StoreError> {
    let mut table = transaction.open_table(PEERS).trying("write")?;
    table.retain(|_, _| false).trying("write")?;
    for (place, peer) in (0_u32..).zip(peers) {
        table.insert(place, peer.to_bytes().as_slice()).trying("write")?;
    }
    let mut meta = transaction.open_table(META).trying("write")?;
    keep_clock(&mut meta, clock)
}

/// Deletes bodies and their spots in the order in which they were recorded, up to `target` and
/// the bounds of one call.
pub(super) fn prune(
    transaction: &WriteTransaction,
    counters: &mut Counters,
    clock: &StoreClock,
    target: PruneTarget,
) -> Result<Pruned, StoreError> {
    let blocks = transaction.open_table(BLOCKS).trying("read")?;
    let numbers = transaction.open_table(NUMBERS).trying("read")?;
    let best = transaction.open_table(BEST).trying("read")?;
    let mut bodies = transaction.open_table(BODIES).trying("write")?;
    let mut spots = transaction.open_table(SPOTS).trying("write")?;
    let mut past = transaction.open_table(PAST).trying("write")?;
    let tip = best.last().trying("read")?.map_or(0, |(height, _)| height.value());
    let mut pruned = Pruned { more: past::forget(&mut past, tip)?, ..Pruned::default() };
    let mut from = 0;
    for _ in 0..PRUNE_LOOKED_AT_MAX {
        if matches!(target, PruneTarget::BodyBytes(max) if counters.body_bytes <= max) {
            break;
        }
        let Some(number) = first_from(&bodies, from)? else { break };
        from = number.saturating_add(1);
        let id = numbers.get(number).trying("read")?.map(|id| BlockId(id.value()));
        let id = id.ok_or_else(|| StoreError::damaged(format!("block number {number} has no id")))?;
        let row = blocks.get(id.as_bytes()).trying("read")?;
        let row = row.ok_or_else(|| StoreError::damaged(format!("block {id} has a body and no row")))?;
        let row = BlockRow::decode(&id, row.value())?;
        let height = header(&id, row.header)?.header().height;
        if height.saturating_add(PRUNE_KEEP_BLOCKS) > tip {
            continue;
        }
        if matches!(target, PruneTarget::OlderThan(age_s) if clock.age(number, row.stored_at) <= age_s) {
            break;
        }
        if pruned.blocks >= PRUNE_BLOCKS_MAX || pruned.bytes >= PRUNE_BYTES_MAX {
            pruned.more = true;
            break;
        }
        let (bytes, ids) = remove_body(&mut bodies, &mut spots, &id, (number, row.epoch))?;
        if past::matters(height, tip) {
            past::note(&mut past, height, number, ids.into_iter())?;
        }
        pruned.blocks = pruned.blocks.saturating_add(1);
        pruned.bytes = pruned.bytes.saturating_add(bytes);
        // `kept_from` is about the best chain, so a stale block does not change it.
        if best.get(height).trying("read")?.is_some_and(|there| there.value() == *id.as_bytes()) {
            pruned.kept_from = pruned.kept_from.max(height.saturating_add(1));
        }
        counters.body_bytes = counters.body_bytes.saturating_sub(bytes);
    }
    if pruned.blocks > 0 {
        keep_counters(transaction, counters, clock)?;
    }
    Ok(pruned)
}

/// Deletes the body of the block with this number and epoch, and its spots. Returns the body's
/// bytes, and its transactions.
fn remove_body(
    bodies: &mut Parts<'_>,
    spots: &mut Table<'_, [u8; SPOT_BYTES], ()>,
    id: &BlockId,
    (number, epoch): (u64, u32),
) -> Result<(u64, Vec<TxId>), StoreError> {
    let body = join(bodies, number)?;
    let mut ids = Vec::new();
    for (offset, item) in body_transactions(id, &body)? {
        let transaction = SignedTransaction::id_of(&item);
        ids.push(transaction);
        let short = transaction.short();
        let spot = Spot { epoch, short, number, offset: small(offset)?, length: small(item.len())? };
        spots.remove(spot.encode()).trying("write")?;
    }
    bodies.retain_in((number, 0)..=(number, u32::MAX), |_, _| false).trying("write")?;
    Ok((body.len() as u64, ids))
}

/// The lowest number from `from` on that has a body.
fn first_from(bodies: &Parts<'_>, from: u64) -> Result<Option<u64>, StoreError> {
    let mut rows = bodies.range((from, 0)..).trying("read")?;
    Ok(rows.next().transpose().trying("read")?.map(|(key, _)| key.value().0))
}

fn keep_counters(
    transaction: &WriteTransaction,
    counters: &Counters,
    clock: &StoreClock,
) -> Result<(), StoreError> {
    let mut meta = transaction.open_table(META).trying("write")?;
    meta.insert(COUNTERS_KEY, counters.encode().as_slice()).trying("write")?;
    past::mark(&mut meta, counters)?;
    keep_clock(&mut meta, clock)
}

fn keep_clock(meta: &mut Table<'_, &str, &[u8]>, clock: &StoreClock) -> Result<(), StoreError> {
    meta.insert(CLOCK_KEY, clock.encode().as_slice()).trying("write")?;
    Ok(())
}

/// Writes `bytes` in parts. No bytes are written as one empty part, so that this differs from
/// something that isn't kept.
fn split(table: &mut Parts<'_>, number: u64, bytes: &[u8]) -> Result<(), StoreError> {
    if bytes.is_empty() {
        table.insert((number, 0), [].as_slice()).trying("write")?;
    }
    for (part, bytes) in (0_u32..).zip(bytes.chunks(PART_BYTES)) {
        table.insert((number, part), bytes).trying("write")?;
    }
    Ok(())
}

/// A length inside a block, which is at most 4 MiB.
fn small(length: usize) -> Result<u32, StoreError> {
    u32::try_from(length)
        .map_err(|_| StoreError::TooMany { what: "the length of a block", max: u32::MAX as usize })
}

/// The head of a body.
struct Array(usize);

impl Encode for Array {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.array(self.0);
    }
}

/// One transaction of a body.
struct Item<'a>(&'a [u8]);

impl Encode for Item<'_> {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.bytes(self.0);
    }
}
