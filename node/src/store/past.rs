//! Which of the newest blocks had a transaction and no longer have their bodies. So a look-up of a confirmed
//! transaction stays exact for as long as it may be in another block. Deliberately absent: reading (`first.rs`).

use protocol::items::hash::{BlockId, TxId};
use protocol::items::transaction::Height;
use protocol::limits::{BLOCK_TRANSACTIONS_MAX, VALID_UNTIL_AHEAD_MAX};
use redb::{ReadableTable as _, Table, WriteTransaction};

use super::error::{Context as _, StoreError};
use super::read::join;
use super::tables::{
    BEST, BLOCKS, BODIES, BlockRow, Counters, IDS, META, PAST, PAST_BYTES, PAST_HEIGHTS, PAST_KEY, Past,
};

/// The most rows that one transaction of `fill` writes, beside those of the block with which it exceeds this.
/// Also the most that one call of [`Store::prune`](super::Store::prune) deletes. One call prunes 16 MiB, which are
/// four blocks with the most transactions, and one block more: it can add no more rows than this. So deletion
/// always keeps up with the table. The rows take 4.5 MiB.
pub const PAST_ROWS_MAX: usize = 5 * BLOCK_TRANSACTIONS_MAX;

/// The table, open.
pub(super) type PastTable<'t> = Table<'t, [u8; PAST_BYTES], ()>;

/// Whether another block above the tip could repeat what a block at a height has.
pub(super) const fn matters(height: Height, tip: Height) -> bool {
    height.saturating_add(VALID_UNTIL_AHEAD_MAX) > tip
}

/// Notes the transactions of a block whose body is being deleted.
pub(super) fn note(
    past: &mut PastTable<'_>,
    height: Height,
    number: u64,
    ids: impl Iterator<Item = TxId>,
) -> Result<(), StoreError> {
    for (position, id) in (0..).zip(ids) {
        let row = Past { part: Past::part(height), short: id.short(), number, position };
        past.insert(row.encode(), ()).trying("write")?;
    }
    Ok(())
}

/// Forgets the lowest part if none of its heights matters any more, up to the bound of one call. Tells whether
/// there may be more to forget.
pub(super) fn forget(past: &mut PastTable<'_>, tip: Height) -> Result<bool, StoreError> {
    let first = past.first().trying("read")?.map(|(first, _)| Past::decode(&first.value()));
    let Some(first) = first else { return Ok(false) };
    let last_height = u64::from(first.part).saturating_add(1).saturating_mul(PAST_HEIGHTS).saturating_sub(1);
    if matters(last_height, tip) {
        return Ok(false);
    }
    let mut end = [0; PAST_BYTES];
    end[..4].copy_from_slice(&first.part.saturating_add(1).to_be_bytes());
    let rows = past.range(..end).trying("read")?.take(PAST_ROWS_MAX);
    let rows = rows.map(|row| Ok(row.trying("read")?.0.value())).collect::<Result<Vec<_>, StoreError>>()?;
    for row in &rows {
        past.remove(row).trying("write")?;
    }
    Ok(rows.len() == PAST_ROWS_MAX)
}

/// Fills the table of a store that was pruned by a program that doesn't know the table. It works in bounded parts,
/// from the block below a height of the best chain downwards. Returns the height below which to go on; `None` when
/// the table is complete, and marked so.
pub(super) fn fill(
    transaction: &WriteTransaction,
    counters: &Counters,
    below: Height,
) -> Result<Option<Height>, StoreError> {
    let mut past = transaction.open_table(PAST).trying("write")?;
    let best = transaction.open_table(BEST).trying("read")?;
    let blocks = transaction.open_table(BLOCKS).trying("read")?;
    let bodies = transaction.open_table(BODIES).trying("read")?;
    let lists = transaction.open_table(IDS).trying("read")?;
    let tip = best.last().trying("read")?.map_or(0, |(height, _)| height.value());
    let mut rows = 0_usize;
    for row in best.range(..below).trying("read")?.rev() {
        let (height, id) = row.trying("read")?;
        let (height, id) = (height.value(), BlockId(id.value()));
        if !matters(height, tip) {
            break;
        }
        if rows >= PAST_ROWS_MAX {
            return Ok(Some(height.saturating_add(1)));
        }
        let row = blocks.get(id.as_bytes()).trying("read")?;
        let row = row.ok_or_else(|| StoreError::damaged(format!("block {id} of the best chain is missing")))?;
        let number = BlockRow::decode(&id, row.value())?.number;
        if bodies.get((number, 0)).trying("read")?.is_none() {
            let ids = join(&lists, number)?;
            let ids = ids.as_chunks::<32>().0;
            note(&mut past, height, number, ids.iter().copied().map(TxId))?;
            rows = rows.saturating_add(ids.len());
        }
    }
    mark(&mut transaction.open_table(META).trying("write")?, counters)?;
    Ok(None)
}

/// Notes that the table is complete up to these counters.
pub(super) fn mark(meta: &mut Table<'_, &str, &[u8]>, counters: &Counters) -> Result<(), StoreError> {
    meta.insert(PAST_KEY, counters.encode().as_slice()).trying("write")?;
    Ok(())
}
