//! Which of the newest blocks had a transaction and has its body no more, so that a look-up of a confirmed transaction stays exact
//! for as long as it may be in another block. Deliberately absent: reading (`first.rs`).

use protocol::hash::{BlockId, TxId};
use protocol::limits::VALID_UNTIL_AHEAD_MAX;
use protocol::transaction::Height;
use redb::{ReadableTable as _, Table, WriteTransaction};

use super::error::{Context as _, StoreError};
use super::read::join;
use super::tables::{BEST, BLOCKS, BODIES, BlockRow, IDS, PAST, PAST_BYTES, PAST_HEIGHTS, Past};

/// The table, open.
pub(super) type PastTable<'t> = Table<'t, [u8; PAST_BYTES], ()>;

/// Whether a block at a height may have what another above the tip could repeat.
pub(super) const fn matters(height: Height, tip: Height) -> bool {
    height.saturating_add(VALID_UNTIL_AHEAD_MAX) > tip
}

/// Notes the transactions of a block whose body goes.
pub(super) fn note(
    past: &mut PastTable<'_>,
    height: Height,
    number: u64,
    ids: impl Iterator<Item = TxId>,
) -> Result<(), StoreError> {
    for id in ids {
        let row = Past { part: Past::part(height), short: id.short(), number };
        past.insert(row.encode(), ()).trying("write")?;
    }
    Ok(())
}

/// Forgets the parts of which no height matters any more.
pub(super) fn forget(past: &mut PastTable<'_>, tip: Height) -> Result<(), StoreError> {
    let first = past.first().trying("read")?.map(|(first, _)| Past::decode(&first.value()));
    let Some(first) = first else { return Ok(()) };
    let last_height = u64::from(first.part).saturating_add(1).saturating_mul(PAST_HEIGHTS).saturating_sub(1);
    if matters(last_height, tip) {
        return Ok(());
    }
    let (from, to) = (first.part.to_be_bytes(), first.part.saturating_add(1).to_be_bytes());
    let mut bounds = [[0; PAST_BYTES]; 2];
    for (bound, part) in bounds.iter_mut().zip([from, to]) {
        bound[..4].copy_from_slice(&part);
    }
    past.retain_in(bounds[0]..bounds[1], |_, ()| false).trying("write")
}

/// Fills the table of a store that an earlier program made and pruned.
pub(super) fn fill_past(transaction: &WriteTransaction) -> Result<(), StoreError> {
    let mut past = transaction.open_table(PAST).trying("write")?;
    let best = transaction.open_table(BEST).trying("read")?;
    let blocks = transaction.open_table(BLOCKS).trying("read")?;
    let bodies = transaction.open_table(BODIES).trying("read")?;
    let lists = transaction.open_table(IDS).trying("read")?;
    let tip = best.last().trying("read")?.map_or(0, |(height, _)| height.value());
    for row in best.iter().trying("read")?.rev() {
        let (height, id) = row.trying("read")?;
        let (height, id) = (height.value(), BlockId(id.value()));
        if !matters(height, tip) {
            break;
        }
        let row = blocks.get(id.as_bytes()).trying("read")?;
        let row = row.ok_or_else(|| StoreError::damaged(format!("block {id} of the best chain is missing")))?;
        let number = BlockRow::decode(&id, row.value())?.number;
        if bodies.get((number, 0)).trying("read")?.is_none() {
            let ids = join(&lists, number)?;
            note(&mut past, height, number, ids.as_chunks::<32>().0.iter().copied().map(TxId))?;
        }
    }
    Ok(())
}
